"""Operations that cost little more together than one of them alone, such as a sine and a cosine.

>>> sin = Instruction("sin", 1, (0,), Extent.ELEMENTS)
>>> cos = Instruction("cos", 2, (0,), Extent.ELEMENTS)
>>> paired((cos, sin))
[('sincos', (1, 2, 0), <Extent.ELEMENTS: 0>)]
"""

from __future__ import annotations

from collections.abc import Sequence

from dualak.executors import Extent, Instruction
from dualak.rules import REDUCTIONS

#: Two functions of the same argument, and the kernel that has both as results.
SAME_ARGUMENT = {("sin", "cos"): "sincos", ("sinh", "cosh"): "sinhcosh"}

#: A reduction and its tangent; a linear one is its own tangent.
REDUCTION_AND_TANGENT = {
    (f"segment:{name}", f"segment:{reduction.tangent or name}"): f"segment:{name}_pair"
    for name, reduction in REDUCTIONS.items()
}

_HALVES = {op for pair in (*SAME_ARGUMENT, *REDUCTION_AND_TANGENT) for op in pair}

#: Operations that go list by list, and whose results do not stand one for each list.
OVER_LISTS = ("repeat", "tile", "columns")

#: Name of the kernel, its results and arguments, and its extent: of elements or of lists.
Call = tuple[str, tuple[int, ...], Extent]


def paired(instructions: Sequence[Instruction]) -> list[Call]:
    """The calls that run the instructions: pairs as one, elements before lists.

    Nothing on elements waits for a list's result in the same pass, so reductions may go to the end
    of what is done on elements, and stand side by side there.
    """
    left = sorted(instructions, key=_order)
    calls = []
    while left:
        first = left.pop(0)
        for second in left if first.op in _HALVES else ():
            call = _both(first, second) or _both(second, first)
            if call is not None:
                left.remove(second)
                calls.append(call)
                break
        else:
            extent = Extent.LISTS if first.op in OVER_LISTS else first.extent
            calls.append((first.op, (first.result, *first.arguments), extent))
    return calls


def _order(instruction: Instruction) -> int:
    if instruction.extent == Extent.ELEMENTS:
        return 0
    return 1 if instruction.op in OVER_LISTS or instruction.op.startswith("segment") else 2


def _both(first: Instruction, other: Instruction) -> Call | None:
    results = first.result, other.result
    both = SAME_ARGUMENT.get((first.op, other.op))
    if both and first.arguments == other.arguments and first.extent == other.extent:
        return both, (*results, *first.arguments), first.extent
    both = REDUCTION_AND_TANGENT.get((first.op, other.op))
    if both and first.arguments[-1] == other.arguments[-1] and _of_the_same_values(first, other):
        return both, (*results, first.arguments[0], *other.arguments[-2:]), first.extent
    return None


def _of_the_same_values(first: Instruction, other: Instruction) -> bool:
    return first.op == other.op or first.arguments[0] == other.arguments[0]
