"""What a rule is, and expressions evaluated over numbers of any kind."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import CodeType
from typing import Any

Interval = tuple[float, float]

#: What expressions call the arguments of a function, in order; ``z`` is its result.
ARGUMENTS = "xyuv"

#: A partial that is not known.
UNKNOWN = "?"

CONSTANTS = {
    "pi": math.pi,
    "inf": math.inf,
    "nan": math.nan,
    "ln2": math.log(2.0),
    "ln10": math.log(10.0),
    "degree": math.pi / 180.0,
}


@dataclass(frozen=True)
class Rule:
    """One differentiable function: its partial derivatives and where they hold.

    Attributes:
        name: the library's name of the function.
        partials: one expression per argument, over the arguments and the result ``z``.
        domain: one closed interval per argument, from which tests sample.
        value: an expression for the value, or None if executors have a kernel of that name, or the
            library's own function is called.
        singular: whether a partial can be infinite or undefined inside the function's domain.
        kink: what happens where the function has no derivative, in words.
        library: the module that has the function, empty for NumPy; imported when it is used.
        output: which output of the library's function is meant, if it has several.
        order: whether the first argument is a whole number, for which the library's function has
            a loop of its own.
    """

    name: str
    partials: tuple[str, ...]
    domain: tuple[Interval, ...]
    value: str | None = None
    singular: bool = False
    kink: str = ""
    library: str = ""
    output: int | None = None
    order: bool = False

    @property
    def key(self) -> str:
        """The name in the table, which tells functions of several libraries apart."""
        own = self.name if self.output is None else f"{self.name}_{self.output}"
        return f"{self.library}.{own}" if self.library else own


class UnknownPartialError(TypeError):
    """An argument has a tangent, but its partial is not known."""


def require_partials(rule: Rule, tangents: Iterable[Any]) -> None:
    """Refuses tangents, which are None for constants, where a rule knows no partial.

    Raises:
        UnknownPartialError: for the first of them.
    """
    for i, (partial, tangent) in enumerate(zip(rule.partials, tangents, strict=True)):
        if partial == UNKNOWN and tangent is not None:
            raise UnknownPartialError(
                f"{rule.key}: its derivative in argument {i} is not known, got a differentiated "
                "one; give it dualak.primal(argument) if it is meant to be constant, or the "
                "function a rule with dualak.custom_jvp"
            )


def evaluate(expression: str, functions: Mapping[str, Callable[..., Any]], **arguments: Any) -> Any:
    """The expression over ``arguments``; other names are constants or looked up in ``functions``.

    >>> evaluate("y * exp(x)", {"exp": math.exp}, x=0.0, y=3.0)
    3.0
    """
    return eval(_compiled(expression), {"__builtins__": {}}, _Names(functions, arguments))


class _Names(dict[str, Any]):
    """Names of an expression: arguments first, then constants, then functions."""

    def __init__(self, functions: Mapping[str, Any], arguments: dict[str, Any]) -> None:
        super().__init__(CONSTANTS | arguments)
        self._functions = functions

    def __missing__(self, name: str) -> Any:
        if name.startswith("__"):  # what debuggers and test runners ask every frame for
            raise KeyError(name)
        return self._functions[name]


@cache
def _compiled(expression: str) -> CodeType:
    return compile(expression, f"<rule {expression}>", "eval")
