"""Reductions and shares of work on a device, without one: the lines of kernels, run as Python."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from dualak.executors import Extent, Instruction
from dualak.executors.cuda.geometry import rows_and_columns, tiles
from dualak.executors.cuda.reductions import folds
from dualak.rules import REDUCTIONS

INF = np.inf
#: Numbers that tie, that are zero once and twice, one, and none.
VALUES = ((2.0, -1.0, 3.0, 3.0, 0.5), (2.0, 0.0, 3.0), (0.0, 0.0, 2.0), (1.5,), ())
TANGENTS = (0.5, 2.0, -1.0, 4.0, 1.0)


def instructions(name):
    """A reduction and its tangent in a direction; a linear one has none of its own."""
    steps = [Instruction(f"segment:{name}", 5, (0, 2), Extent.LISTS)]
    if REDUCTIONS[name].tangent:
        tangent = REDUCTIONS[name].tangent
        steps.append(Instruction(f"segment:{tangent}", 6, (0, 1, 2), Extent.LISTS))
    return steps


def in_parts(fold, x, dx, cut):
    """What a kernel finds if one thread has the numbers up to a cut, and another one the rest."""
    room = {f"s{name}": [0.0, 0.0] for name in fold.names} | {"inf": INF}
    for thread, part in enumerate((slice(0, cut), slice(cut, None))):
        run(fold.start(), room)
        for room["v0"], room["v1"] in zip(x[part], dx[part], strict=True):
            run(fold.add(lambda number: f"v{number}"), room)
        run([f"s{name}[{thread}] = {name}" for name in fold.names], room)
    run(["t, u = 0, 1", *fold.join(), "u = 0"], room)
    return {number: eval(text, room) for number, text in fold.results().items()}


def run(lines, room):
    exec("\n".join(lines), room)


def slope_of_product(x, dx):
    return sum(np.prod([d, *x[:i], *x[i + 1 :]]) for i, d in enumerate(dx))


WANTED = {
    "sum": (np.sum, None),
    "prod": (np.prod, slope_of_product),
    "min": (lambda x: x.min(initial=INF), lambda x, dx: dx[x == x.min()].mean() if len(x) else 0),
    "max": (lambda x: x.max(initial=-INF), lambda x, dx: dx[x == x.max()].mean() if len(x) else 0),
}


@pytest.mark.parametrize("name", WANTED)
def test_shares_of_two_threads_are_joined(name):
    (fold,) = folds(instructions(name))
    value, slope = WANTED[name]
    for x in map(np.array, VALUES):
        dx = np.array(TANGENTS[: len(x)])
        for cut in range(len(x) + 1):
            found = in_parts(fold, x, dx, cut)
            assert found[5] == value(x)
            if slope is not None:
                np.testing.assert_allclose(found[6], slope(x, dx), rtol=1e-14)


def test_every_reduction_is_here():
    assert set(WANTED) == set(REDUCTIONS)


@pytest.mark.parametrize("start", [0, 7, 1000])
def test_blocks_own_each_list_once(start):
    """A list is its block's whose share its offset falls into, wherever the offsets start."""
    counts = np.random.default_rng(3).integers(0, 9, 60)
    offsets = start + np.concatenate([[0], np.cumsum(counts)])
    found = tiles(offsets, 16)
    at = np.arange(60) + offsets[:-1] - start
    assert found[0] == 0
    assert found[-1] == 60
    for block, (first, last) in enumerate(itertools.pairwise(found)):
        assert (at[first:last] // 16 == block).all()


def test_bands_and_tiles_cover_a_table():
    for width in (1, 2, 5, 8, 21, 300):
        for rows in (0, 1, 3, 17, 400):
            sizes = rows_and_columns(width, rows, threads=8, bands=3)
            assert sizes["columns"] <= 8
            assert (
                sizes["columns"] * sizes["across"]
                >= width
                > sizes["columns"] * (sizes["across"] - 1)
            )
            assert sizes["height"] * sizes["bands"] >= rows
