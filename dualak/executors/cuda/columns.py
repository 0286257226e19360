"""Kernels of columns: sums over the rows of a table, column by column.

A block owns some columns in a band of rows: threads stand side by side in a row, as many rows at a
time as fit.  Each band gives a sum for each column, and a second kernel adds those up.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from dualak.executors import Program
from dualak.executors.cuda.elements import element_lines, needed
from dualak.executors.cuda.source import INDEX, Body, Parameter, Text, lines_at

SUM = np.dtype(np.float64)

_COLUMNS = """\
t = cuda.threadIdx.x
band = cuda.blockIdx.x // across
column = cuda.blockIdx.x % across * columns + t % columns
lane = t // columns
lanes = {threads} // columns
{start}
if lane < lanes and column < width:
    i = band * height + lane
    end = min((band + 1) * height, rows)
    while i < end:
        start = i * width
        p = start + column
{elements}
        i += lanes
{kept}
cuda.syncthreads()
if lane == 0 and column < width:
{finish}"""

_COLUMN_SIZES = ("rows", "width", "columns", "across", "height")


def columns_text(
    program: Program, by_value: Collection[int], roots: Sequence[int], sizes: dict[str, int]
) -> Text:
    """A kernel that adds up rows, for operands of columns: a sum for each band and column."""
    body = Body(program, by_value)
    steps = needed(program, roots)
    before: list[str] = []
    inside = element_lines(body, steps, (), before)
    start, kept, finish, partials = [], [], [], []
    for step in steps:
        if step.op == "columns":
            name = f"a{step.result}"
            inside.append(f"{name} += {body.read(step.arguments[0], 'p', inside)}")
            start.append(f"{name} = 0.0")
            kept.append(f"s{name}[t] = {name}")
            finish += [
                f"{name} = 0.0",
                "for k in range(lanes):",
                f"    {name} += s{name}[k * columns + t]",
                f"q{step.result}[band * width + column] = {name}",
            ]
            partials.append(Parameter(f"q{step.result}", SUM, True))
    text = _COLUMNS.format(
        start="\n".join(start),
        elements=lines_at([*before, *inside], 8),
        kept="\n".join(kept),
        finish=lines_at(finish, 4),
        **sizes,
    )
    shared = [
        f"s{line.split()[0]} = cuda.shared.array({sizes['threads']}, float64)" for line in start
    ]
    given = [*(Parameter(name, INDEX, False) for name in _COLUMN_SIZES), *partials]
    results = tuple(step.result for step in steps if step.op == "columns")
    return Text(*body.text(given, "\n".join(shared), text), len(partials), results)


_BANDS = """\
def kernel(bands, width, lanes, q, o):
    s = cuda.shared.array({threads}, float64)
    t = cuda.threadIdx.x
    lane = t % lanes
    column = cuda.blockIdx.x * ({threads} // lanes) + t // lanes
    a = 0.0
    if column < width:
        b = lane
        while b < bands:
            a += q[b * width + column]
            b += lanes
    s[t] = a
    cuda.syncthreads()
    half = lanes >> 1
    while half > 0:
        if lane < half:
            s[t] += s[t + half]
        cuda.syncthreads()
        half >>= 1
    if lane == 0 and column < width:
        o[column] = {dtype}(s[t])"""


def bands_text(dtype: np.dtype[Any], threads: int) -> Text:
    """A kernel that adds up the sums of bands."""
    numbers = [Parameter(name, INDEX, False) for name in ("bands", "width", "lanes")]
    buffers = [Parameter("q", SUM, True), Parameter("o", dtype, True)]
    return Text(_BANDS.format(threads=threads, dtype=dtype.name), (*numbers, *buffers), 1)
