"""Kernels of lists: what is done with their elements, their sums, and what is made of these.

A block owns the lists from tiles[b] to tiles[b + 1].  Threads share a list as there are more of
them than lists, so that neighbours read neighbours; what is long waits for a second turn, in which
all threads share one list.  The sums of the threads of a list are added up in a tree.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np

from dualak.device import Buffer
from dualak.executors import Extent, Instruction, Program
from dualak.executors.cuda.elements import Places, applied, element_lines, needed, taken
from dualak.executors.cuda.reductions import Fold, folds
from dualak.executors.cuda.source import INDEX, Body, Parameter, Text, lines_at, without_blanks

_LISTS_HEAD = """\
t = cuda.threadIdx.x
first = tiles[cuda.blockIdx.x]
last = tiles[cuda.blockIdx.x + 1]
later = cuda.shared.array(1, int32)
if t == 0:
    later[0] = 0
size = int64(offsets[last]) - int64(offsets[first])
shift = 0
while shift < {warp} and (last - first) << shift < size:
    shift += 1
cuda.syncthreads()"""

_LISTS = """\
for turn in range(2):
    if turn == 1:
        shift = {threads}
    width = 1 << shift
    lane = t & (width - 1)
    lists = 1 << ({threads} - shift)
    next = first
    while next < last:
        base = next
        next += lists
        i = min(base + (t >> shift), last - 1)
        start = int64(offsets[i])
        stop = int64(offsets[i + 1])
        if turn == 1 and stop - start <= {long}:
            continue
        if base + (t >> shift) >= last:
            stop = start
        if turn == 0 and stop - start > {long}:
            later[0] = 1
            stop = start
{before}
        p = start + lane
        while p < stop:
{elements}
            p += width
{after}
    cuda.syncthreads()
    if later[0] == 0:
        break"""

_TREE = """\
        count = min(stop - start, width)
        cuda.syncthreads()
        half = width >> 1
        while half > 0:
            if lane < half and lane + half < count:
                u = t + half
{join}
            cuda.syncthreads()
            half >>= 1
        if t < lists and base + t < last:
            i = base + t
            start = int64(offsets[i])
            stop = int64(offsets[i + 1])
            if (stop - start > {long}) == (turn == 1):
                u = t << shift
{finish}
        cuda.syncthreads()"""


def lists_text(
    program: Program, by_value: Collection[int], roots: Collection[int], sizes: dict[str, int]
) -> Text:
    """A kernel that stores operands on elements and on lists, for all lists."""
    assert program.offsets is not None
    body = Body(program, by_value)
    steps = needed(program, roots)
    sums = folds([step for step in steps if step.op.startswith("segment:")])
    before: list[str] = []
    inside = element_lines(body, steps, roots, before)
    inside += [line for fold in sums for line in fold.add(_reader(body, inside))]
    accumulators = sum(len(fold.names) for fold in sums)
    after = _after(body, steps, roots, sums, sizes) if sums or _on_lists(steps) else ""
    start = [line for fold in sums for line in fold.start()]
    shifts = {**sizes, **{name: sizes[name].bit_length() - 1 for name in ("threads", "warp")}}
    loop = _LISTS.format(
        before=lines_at([*start, *before], 8), elements=lines_at(inside, 12), after=after, **shifts
    )
    head = "\n".join([_LISTS_HEAD.format(**shifts), *_shared(sums, sizes["threads"])])
    kind = offsets_type(program.offsets)
    given = [Parameter("tiles", INDEX, True), Parameter("offsets", kind, True)]
    return Text(*body.text(given, head, without_blanks(loop)), accumulators)


def offsets_type(offsets: Buffer) -> np.dtype[Any]:
    """Of offsets on the device: half the bytes where that is enough."""
    return np.dtype(np.int32 if int(offsets[-1]) < 2**31 else np.int64)


def _on_lists(steps: Iterable[Instruction]) -> bool:
    return any(step.extent == Extent.LISTS for step in steps)


def _reader(body: Body, lines: list[str]) -> Any:
    return lambda number: body.read(number, Places.element, lines)


def _shared(sums: Iterable[Fold], threads: int) -> list[str]:
    names = [name for fold in sums for name in fold.names]
    return [f"s{name} = cuda.shared.array({threads}, float64)" for name in names]


def _after(
    body: Body,
    steps: Sequence[Instruction],
    roots: Collection[int],
    sums: Sequence[Fold],
    sizes: dict[str, int],
) -> str:
    """What is done when the elements of a list are through: its sums, and what is made of them."""
    kept = [f"s{name}[t] = {name}" for fold in sums for name in fold.names]
    join = [line for fold in sums for line in fold.join()]
    finish: list[str] = []
    body.forget()
    for fold in sums:
        for number, expression in fold.results().items():
            finish.append(body.made(number, expression))
            if number in roots:
                finish.append(f"{body.pointer(number)}[i] = v{number}")
    for step in steps:
        if step.extent == Extent.LISTS and not step.op.startswith("segment:"):
            finish += _of_list(body, step, roots)
    tree = _TREE.format(
        join=lines_at(join or ["pass"], 16), finish=lines_at(finish or ["pass"], 16), **sizes
    )
    return "\n".join([lines_at(kept, 8), tree])


def _of_list(body: Body, step: Instruction, roots: Collection[int]) -> list[str]:
    lines: list[str] = []
    if step.op == "take":
        expression = taken(body, step, body.read(step.arguments[1], "i", lines))
    else:
        expression = applied(
            body, step, [body.read(argument, "i", lines) for argument in step.arguments]
        )
    lines.append(body.made(step.result, expression))
    if step.result in roots:
        lines.append(f"{body.pointer(step.result)}[i] = v{step.result}")
    return lines
