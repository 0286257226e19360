"""Terms: numbers of a function that is being compiled; their operators write instructions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dualak.njit.types import DualType, Levels

if TYPE_CHECKING:
    from dualak.njit.codegen import Writer


def _operators(name: str) -> tuple[Callable[..., Term], Callable[..., Term]]:
    """The methods of a term that stand for ``term + other`` and ``other + term``, say."""

    def method(term: Term, other: Any) -> Term:
        return term.writer.apply(name, term, term.writer.term(other, term))

    def swapped(term: Term, other: Any) -> Term:
        return term.writer.apply(name, term.writer.term(other, term), term)

    return method, swapped


class Term:
    """A number of the function that is being compiled.

    Attributes:
        writer: what writes the function's instructions.
        typ: Numba's type.
        value: LLVM's value: one number, or a vector of the tangents in all directions.
    """

    __slots__ = ("typ", "value", "writer")

    def __init__(self, writer: Writer, typ: Any, value: Any) -> None:
        self.writer = writer
        self.typ = typ
        self.value = value

    __add__, __radd__ = _operators("add")
    __sub__, __rsub__ = _operators("subtract")
    __mul__, __rmul__ = _operators("multiply")
    __truediv__, __rtruediv__ = _operators("divide")
    _pow, __rpow__ = _operators("power")

    def __pow__(self, other: Any) -> Term:
        return self._pow(self.writer.literal(other) if isinstance(other, int) else other)

    def __neg__(self) -> Term:
        return self.writer.apply("negative", self)

    @property
    def levels(self) -> Levels:
        return self.typ.levels if isinstance(self.typ, DualType) else ()
