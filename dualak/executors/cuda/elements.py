"""Kernels of elements: a thread for each, with gathers in place.

>>> from dualak.executors import Operand
>>> buffers = np.ones(3), None, np.ones(3)
>>> x, y, z = (Operand(np.dtype(np.float64), Extent.ELEMENTS, data=buffer) for buffer in buffers)
>>> sin = Instruction("sin", 1, (0,), Extent.ELEMENTS)
>>> times = Instruction("multiply", 2, (1, 0), Extent.ELEMENTS)
>>> print(elements_text(Program(3, None, (x, y, z), (sin, times)), frozenset(), [2]).text)
def kernel(begin, end, p0, p2):
    p = begin + cuda.grid(1)
    while p < end:
        v0 = p0[p]
        v1 = float64(sin_f8(v0))
        v2 = float64(v1 * v0)
        p2[p] = v2
        p += cuda.gridsize(1)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from dualak.executors import Extent, Instruction, Program
from dualak.executors.cuda.operations import source_of
from dualak.executors.cuda.source import INDEX, Body, Parameter, Text, element, lines_at

#: Operations on elements that need to know which list an element is in.
OF_LISTS = ("repeat", "tile")


@dataclass(frozen=True)
class Places:
    """How a kernel spells where it is: an element, its list, and its place in the list."""

    element: str = "p"
    list: str = "i"
    column: str = "p - start"
    angles: frozenset[int] = frozenset()


def element_lines(
    body: Body, steps: Iterable[Instruction], stored: Collection[int], before: list[str]
) -> list[str]:
    """The lines for one element; what is the same for all of a list goes to ``before``."""
    lines: list[str] = []
    steps = [step for step in steps if step.extent == Extent.ELEMENTS]
    at = Places(angles=_angles(steps))
    for step in steps:
        lines.append(body.made(step.result, _expression(body, step, at, lines, before)))
        if step.result in stored:
            lines.append(f"{body.pointer(step.result)}[{at.element}] = v{step.result}")
    return lines


def _angles(steps: Iterable[Instruction]) -> frozenset[int]:
    """Operands of which both the sine and the cosine are needed, which are computed together."""
    of = {op: {step.arguments[0] for step in steps if step.op == op} for op in ("sin", "cos")}
    return frozenset(of["sin"] & of["cos"])


def _expression(
    body: Body, step: Instruction, at: Places, lines: list[str], before: list[str]
) -> str:
    if step.op == "take":
        return taken(body, step, body.read(step.arguments[1], at.element, lines))
    if step.op == "repeat":
        return body.read(step.arguments[0], at.list, before)
    if step.op == "tile":
        return element(body.pointer(step.arguments[0]), at.column, body.dtype(step.result))
    arguments = [body.read(argument, at.element, lines) for argument in step.arguments]
    if step.op in ("sin", "cos") and step.arguments[0] in at.angles:
        return body.of_angle(step.op, step.arguments[0], arguments[0], lines)
    return applied(body, step, arguments)


def taken(body: Body, step: Instruction, index: str) -> str:
    return element(body.pointer(step.arguments[0]), index, body.dtype(step.arguments[0]))


def applied(body: Body, step: Instruction, arguments: Sequence[str]) -> str:
    dtypes = [body.dtype(argument) for argument in step.arguments]
    single = all(dtype.itemsize <= 4 for dtype in dtypes if dtype.kind == "f")
    floats = single and any(dtype.kind == "f" for dtype in dtypes)
    return source_of(step.op, arguments, np.dtype(np.float32 if floats else np.float64))


# Loops count up by themselves: a range with a step divides, which takes a device long.

_ELEMENTS = """\
p = begin + cuda.grid(1)
while p < end:
{elements}
    p += cuda.gridsize(1)"""


def elements_text(program: Program, by_value: Collection[int], roots: Collection[int]) -> Text:
    """A kernel that stores operands on elements, from ``begin`` to ``end``, a thread for each."""
    body = Body(program, by_value)
    lines = element_lines(body, needed(program, roots), roots, [])
    text = _ELEMENTS.format(elements=lines_at(lines, 4))
    given = [Parameter(name, INDEX, False) for name in ("begin", "end")]
    return Text(*body.text(given, "", text))


def needed(program: Program, roots: Collection[int]) -> list[Instruction]:
    """The instructions that the roots need, in order."""
    wanted = set(roots)
    found = []
    for step in reversed(program.instructions):
        if step.result in wanted:
            wanted.update(step.arguments)
            found.append(step)
    return found[::-1]
