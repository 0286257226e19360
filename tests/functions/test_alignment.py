"""Arrays whose lists match are broadcast as Awkward broadcasts them, but inside of a pass."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

import dualak
from dualak.engine.realize import counts
from tests.support.layouts import accepts, check, direction

RANDOM = np.random.default_rng(11)


def numbers(*shape):
    return ak.Array(RANDOM.uniform(0.5, 2.5, size=shape))


def ragged(*lengths):
    return ak.unflatten(RANDOM.uniform(0.5, 2.5, size=sum(lengths)), lengths)


def regular(*shape):
    return ak.to_regular(numbers(*shape), axis=None)


#: Pairs of arrays, and whether plain Awkward broadcasts them.
PAIRS = {
    "rows and columns": (regular(4, 1), regular(1, 3)),
    "a column and a rectangle": (regular(4, 1), regular(4, 3)),
    "a row and a rectangle": (regular(1, 3), regular(4, 3)),
    "one number in lists and a rectangle": (regular(1, 1), regular(4, 3)),
    "two rectangles": (regular(4, 3), regular(4, 3)),
    "rectangles of three axes": (regular(2, 3, 4), regular(2, 3, 4)),
    "three axes with a single one": (regular(2, 3, 1), regular(2, 1, 4)),
    "numbers of lists and lists": (numbers(4), ragged(2, 0, 9, 1)),
    "numbers of lists of lists": (numbers(2), ak.unflatten(ragged(2, 0, 9, 1), [3, 1])),
    "lists and lists of lists": (
        ragged(3, 1),
        ak.unflatten(ragged(2, 0, 9, 1), [3, 1]),
    ),
    "a rectangle and ragged lists": (regular(4, 1), ragged(2, 0, 9, 1)),
    "numbers and a rectangle": (numbers(4), regular(4, 3)),
    "numbers and a square": (numbers(3), regular(3, 3)),
    "lists of single elements": (numbers(3), ragged(1, 1, 1)),
    "only empty lists": (numbers(3), ragged(0, 0, 0)),
    "no list": (numbers(3)[:0], ragged(1, 1)[:0]),
    "a sliced array": (numbers(6)[1:5], ragged(1, 2, 0, 9, 1, 3)[1:5]),
    "long lists": (numbers(3), ragged(700, 5, 1300)),
    "wide rows": (regular(3, 1), regular(1, 1500)),
    "rows too wide for a block": (regular(2, 1), regular(1, 5000)),
    "lengths that differ": (numbers(3), ragged(1, 2)),
    "widths that differ": (regular(3, 2), regular(3, 4)),
}
OPERATIONS = {
    "product": lambda x, y: x * y,
    "quotient": lambda x, y: np.hypot(x, y) / (x + y),
    "swapped": lambda x, y: y**x,
    "chain": lambda x, y: np.sin(x * y) * np.exp(-x) + y,
    "where": lambda x, y: ak.where(x * y > 1.0, x * y, y + x),
}


@pytest.mark.one_in(16)
@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("name", OPERATIONS)
def test_what_is_broadcast_is_what_awkward_gives(pair, name):
    x, y = PAIRS[pair]
    function = OPERATIONS[name]
    if name == "where" and pair.startswith(("wide", "rows too wide")):
        pytest.skip("differences of so many numbers cross the cut")
    if not accepts(function, (x, y)):
        with pytest.raises((ValueError, TypeError, IndexError)):
            dualak.jvp(function, (x, y), (x, y))
        return
    check(function, (x, y))
    check(lambda one: function(one, y), x)
    check(lambda other: function(x, other), y)


@pytest.mark.one_in(16)
@pytest.mark.parametrize("axis", [None, 0, 1, -1])
@pytest.mark.parametrize("name", ["sum", "prod", "min", "max", "mean"])
@pytest.mark.parametrize("shape", [(4, 3), (1, 3), (3, 1), (2, 3, 4), (40, 600), (3, 5000)])
def test_rectangles_are_reduced_along_every_axis(shape, name, axis):
    if name in ("prod", "min", "max") and max(shape) > 100:
        pytest.skip("differences of so many numbers overflow, or cross a tie")
    x = regular(*shape) / max(1.0, max(shape) / 50)  # differences of large sums are noise
    check(lambda x: getattr(ak, name)(x, axis=axis), x)
    check(lambda x: getattr(ak, name)(x * x, axis=axis, keepdims=True), x)
    check(lambda x: getattr(ak, name)(x, axis=axis, mask_identity=True), x)


def test_sums_of_columns_are_the_same_every_time():
    x = regular(100_000, 7)

    def function(x):
        return ak.sum(np.exp(-x), axis=0)

    first = dualak.jvp(function, x, x)
    for _ in range(5):
        again = dualak.jvp(function, x, x)
        assert [one.to_list() for one in again] == [one.to_list() for one in first]


SMOOTH = np.linspace(0.0, 3.0, 20)


def histogram(x):
    distance = (x[:, np.newaxis] - SMOOTH[np.newaxis]) / 0.3
    return ak.sum(np.exp(-0.5 * distance**2), axis=0)


def test_a_smoothed_histogram_takes_one_pass():
    x = numbers(5000)
    check(histogram, x[:50])
    before = counts.passes
    dualak.jvp(histogram, x, direction(x))
    assert counts.passes - before == 1


def test_numbers_of_lists_take_two_passes_and_no_index():
    x = ragged(*[3] * 2000)

    def normalised(x):
        return x / np.sqrt(ak.sum(x**2, axis=1))

    check(normalised, x[:40])
    before, written = counts.passes, counts.bytes
    dualak.jvp(normalised, x, direction(x))
    assert counts.passes - before == 2
    assert counts.bytes - written == 8 * 2 * (6000 + 2000)


def test_rectangles_of_numpy_stay_in_the_pass():
    """They come as Awkward Arrays of several dimensions, which have no lists of their own."""
    x = numbers(3000)
    for edges in (SMOOTH[np.newaxis], ak.Array(SMOOTH[np.newaxis])):
        before = counts.passes
        dualak.jvp(lambda x, e=edges: ak.sum(np.exp(x[:, np.newaxis] - e), axis=0), x, x)
        assert counts.passes - before == 1
