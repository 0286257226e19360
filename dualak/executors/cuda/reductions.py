"""Reductions of lists: what a thread keeps of its elements, and how two threads' share is joined.

A fold has some names: numbers that a thread keeps, and that stand in shared memory afterwards, as
``s`` and the name.  Reductions of the same values, such as a maximum and its tangents in several
directions, are one fold.

>>> from dualak.executors import Extent
>>> steps = [Instruction("segment:sum", 3, (0, 2), Extent.LISTS)]
>>> (fold,) = folds(steps)
>>> fold.start(), fold.add(lambda number: f"v{number}"), fold.join(), fold.results()
(['a3 = 0.0'], ['a3 += v0'], ['sa3[t] += sa3[u]'], {3: 'sa3[u]'})
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from dualak.executors import Instruction
from dualak.executors.cuda.operations import EXPRESSIONS
from dualak.rules import REDUCTIONS

#: The name of an operand's value, of its number.
Read = Callable[[int], str]

_REDUCTION_OF = {
    reduction.tangent: name for name, reduction in REDUCTIONS.items() if reduction.tangent
}

#: Whether an element comes before what was found so far.
_BEFORE = {"min": "<", "max": ">"}


@dataclass
class Fold:
    """A reduction of values: the operand of its result, if there is one, and tangents with it.

    Attributes:
        name: of ``REDUCTIONS``.
        values: the operand that is reduced.
        result: the operand of the reduced values, or None.
        tangents: for the result of each tangent, the operand that it is the tangent of.
    """

    name: str
    values: int
    result: int | None = None
    tangents: dict[int, int] = field(default_factory=dict)

    @property
    def own(self) -> str:
        """The name of the reduced value, which tangents need as well."""
        return f"a{self.result}" if self.result is not None else f"b{min(self.tangents)}"

    @property
    def count(self) -> str:
        """The name of the number of elements that tie."""
        return f"n{min(self.tangents)}"

    @property
    def names(self) -> list[str]:
        """All that a thread keeps."""
        ties = [self.count] if self.tangents and self.name in _BEFORE else []
        return [self.own, *(f"a{number}" for number in self.tangents), *ties]

    def start(self) -> list[str]:
        """Nothing reduced so far."""
        low = REDUCTIONS[self.name].identity
        text = {float("inf"): "inf", float("-inf"): "-inf"}.get(low, repr(low))
        return [f"{self.own} = {text}", *(f"{name} = 0.0" for name in self.names[1:])]

    def add(self, read: Read) -> list[str]:
        """One more element."""
        x = read(self.values)
        given = {f"a{number}": read(tangent) for number, tangent in self.tangents.items()}
        if self.name == "sum":
            return [f"{self.own} += {x}"]
        if self.name == "prod":
            slopes = [
                f"{name} = {_scaled(name, x)} + {_scaled(self.own, tangent)}"
                for name, tangent in given.items()
            ]
            return [*slopes, f"{self.own} *= {x}"]
        counted = {**given, self.count: "1.0"} if given else {}
        return _extreme(self.own, x, counted, _BEFORE[self.name])

    def join(self) -> list[str]:
        """The share of thread ``u``, whose elements come later, joined to that of thread ``t``."""
        mine, other = f"s{self.own}[t]", f"s{self.own}[u]"
        rest = {f"s{name}[t]": f"s{name}[u]" for name in self.names[1:]}
        if self.name == "sum":
            return [f"{mine} += {other}"]
        if self.name == "prod":
            slopes = [
                f"{name} = {_scaled(name, other)} + {_scaled(mine, two)}"
                for name, two in rest.items()
            ]
            return [*slopes, f"{mine} *= {other}"]
        return _extreme(mine, other, rest, _BEFORE[self.name])

    def results(self) -> dict[int, str]:
        """The expression of each result, from the numbers of thread ``u``."""
        found = {} if self.result is None else {self.result: f"s{self.own}[u]"}
        ties = f" / max(s{self.count}[u], 1.0)" if self.name in _BEFORE and self.tangents else ""
        return found | {number: f"sa{number}[u]{ties}" for number in self.tangents}


def _scaled(factor: str, other: str) -> str:
    return EXPRESSIONS["scale"].format(factor, other)


def _extreme(best: str, x: str, rest: dict[str, str], before: str) -> list[str]:
    """The better of two, with what goes with it; what goes with equal ones is added up."""
    chosen = [
        f"{name} = {two} if {x} {before} {best} else ({name} + {two} if {x} == {best} else {name})"
        for name, two in rest.items()
    ]
    return [*chosen, f"{best} = {x} if {x} {before} {best} else {best}"]


def folds(steps: Iterable[Instruction]) -> Sequence[Fold]:
    """The reductions among instructions, those of the same values as one."""
    found: dict[tuple[str, int, int], Fold] = {}
    for step in steps:
        op = step.op.removeprefix("segment:")
        name = _REDUCTION_OF.get(op, op)
        # Several sums share nothing, so each is on its own.
        key = (name, step.arguments[0], step.result if name == "sum" else -1)
        fold = found.setdefault(key, Fold(name, step.arguments[0]))
        if op in _REDUCTION_OF:
            fold.tangents[step.result] = step.arguments[1]
        elif fold.result is None:
            fold.result = step.result
        else:
            raise ValueError(f"expected one {op} of the same values in a pass, got two")
    return list(found.values())
