"""Indexing: whatever plain Awkward accepts takes the tangents along, in any layout."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

import dualak
from tests.support.layouts import LAYOUTS, accepts, check, check_linear, check_some, direction

JAGGED_INDEX = ak.Array([[1, 0], [], [-1, 0, 1]])
JAGGED_OPTION = ak.Array([[1, None], [], [None, 0]])
JAGGED_MASK = ak.Array([[True, False, True], [], [False, True]])
TAKE_NOTHING = (slice(10, 20), slice(1, 1), [], np.array([], np.int64))
TEXT = "tag"

INDEXES = (
    0, 1, -1, np.int64(1),
    slice(None), slice(1, None), slice(None, -1), slice(None, None, -1), slice(None, None, 2),
    slice(3, 0, -2), *TAKE_NOTHING,
    [1, 0, 0], [0, -1], np.array([1, 0]), np.array([[0, 1], [1, 1]]),
    [True, False], [True, False, True], [False, True, True, False],
    [False, True, True, False, True],
    np.array([[True, False, True], [False, True, True]]),
    JAGGED_INDEX, JAGGED_OPTION, JAGGED_MASK,
    ak.Array([1, 0, 1]), ak.Array([0, None, 1]), ak.Array([[0, 1], [], [1]]),
    ak.Array([True, None, False]), ak.Array([True, None, False, True, True]),
    ak.Array([[True, None, False], [], [None, True]]),
    ak.Array([[0], None, [1, 0]]), ak.Array([[True, False, True], None, [True, False]]),
    np.newaxis, ..., (), (..., 0), (..., slice(None, None, -1)), (..., np.newaxis),
    (slice(None), 0), (slice(None), -1), (slice(None), slice(1, None)),
    (slice(None), slice(None, None, -1)), (slice(None), slice(None, None, 2)),
    (slice(None), slice(None, -1)), (slice(None, None, -1), slice(None, None, -2)),
    (slice(None), [0, 0]), (slice(None), [1, 0]), ([1, 0, 0], slice(None, None, -1)),
    (0, 1), (-1, -1), (1, slice(1, None)), (0, [1, 0]), ([0, 1], 0), ([0, 1], [1, 0]),
    ([2, 0], [1, 2]), ([0, -1], [0, 0]), ([True, False, True], 0),
    (slice(None), np.newaxis), (np.newaxis, 0), (slice(None), np.newaxis, 0),
    (np.newaxis, slice(None), np.newaxis), (slice(None), slice(None), np.newaxis),
    (0, ..., np.newaxis), (0, 0, 0), (-1, 0, 0), (-1, -1, -1), (slice(None), slice(None), 0),
    (slice(None), slice(None), slice(None, 1)), (slice(None), slice(None), slice(None, None, -1)),
    (slice(1, None), ..., slice(None, 1)), (1, ..., 0), (slice(None), ak.Array([0, None])),
    "x", "y", "a", "b", "0", "pt", "q", TEXT, "met", "jets",
    ["x"], ["x", "y"], ["y", "x"], ["pt", "q"], ["tag", "eta"], ["a", "b"], ["1", "0"], ["met"],
    ("a", "x"), ("jets", "pt"), ("jets", ["pt", "q"]), (["jets"], "pt"), ("pt", 0),
    (0, "pt"), (0, 1, "pt"), ("pt", 0, 1), (0, "jets", 1), ("jets", "pt", slice(None), slice(1)),
    (slice(None), slice(None, 1), "pt"), ([2, 0], "pt"), ("y", slice(None), slice(1)),
    (JAGGED_MASK, "pt"), ("x", [1, 0]), ([1, 0], "b"), (1, "a"), (1, "b"), (..., "x"),
)  # fmt: skip


def named(where):
    if isinstance(where, (ak.Array, np.ndarray)):
        return f"{type(where).__name__}{where.tolist()}"
    return f"({', '.join(map(named, where))},)" if isinstance(where, tuple) else repr(where)


def boxed(x):
    """The array with a record for each number: what Awkward cannot take of it, no dual can be."""
    return ak.zip({"value": x, "tangent": x}) if not ak.fields(x) else x


def accepts_boxed(function, x):
    return accepts(function, x) and accepts(lambda x: function(boxed(x)), x)


@pytest.mark.one_in(12)
@pytest.mark.parametrize("where", INDEXES, ids=named)
def test_an_index_takes_the_tangents_along(where):
    empty = any(where is one for one in (*TAKE_NOTHING, TEXT))
    check_some(lambda x: x[where], LAYOUTS, named(where), check_linear, 4, accepts_boxed, empty)


MASKS = (
    ("mean", lambda x: x[x > 2.0]),
    ("mask of a sum", lambda x: x[x + x > 3.0]),
    ("mask twice", lambda x: x[x > 1.5][below_five(x[x > 1.5])]),
    ("not", lambda x: x[~(x > 2.0)]),
    ("both", lambda x: x[(x > 1.5) & (x < 5.0)]),
    ("then negative step", lambda x: x[x > 2.0][::-1]),
    ("repeats", lambda x: x[[1, 0, 1]][[2, 0, 0]]),
    ("slice of slice", lambda x: x[1:][:1]),
    ("ellipsis of reversed", lambda x: x[::-1][..., :1]),
    ("first then step", lambda x: x[:2][::2]),
)


def below_five(x):
    return x < 5.0


@pytest.mark.one_in(2)
@pytest.mark.parametrize(("what", "function"), MASKS)
def test_results_of_results_take_the_tangents_along(what, function):
    check_some(function, LAYOUTS, what, check_linear_at_the_point, 1)


def check_linear_at_the_point(function, x):
    """Masks come from the values, so the differences are taken around the point."""
    if accepts(lambda y: function(y * y), x):
        check(lambda y: function(y * y), x)
    return check(function, x)


SCALARS = (
    ("first", "flat", lambda x: x[0] ** 2),
    ("last", "flat", lambda x: np.sin(x[-1]) * x),
    ("product", "jagged", lambda x: x[0, 1] * x[2][1]),
    ("chained", "3-deep", lambda x: x[2][2][1] * x[0, 0, 1]),
    ("regular", "regular", lambda x: x[0, 0] * x[1, 1] + x),
    ("N-d", "N-d", lambda x: x[1, 2] - x[0][0] * 2),
    ("record", "records", lambda x: x[1].x * x[0, "y", 0]),
    ("record out", "records", lambda x: x[1]),
    ("tuple out", "tuples", lambda x: x[1]),
    ("event", "events", lambda x: x[0].jets.pt[1] / x.met[2]),
    ("jet out", "jets", lambda x: x[2, 1]),
    ("option", "indexed option", lambda x: x[0] * x[3]),
    ("missing", "indexed option", lambda x: x[1]),
    ("of a scalar", "jagged", lambda x: x * x[0][::-1][0]),
    ("float32", "float32", lambda x: x[0, 1] * x[2][1]),
    ("plus scalars", "jagged", lambda x: 1.5 * x[0, 0] + np.float64(2.0) / x[2, 0] - 3),
    ("divmod", "flat", lambda x: x[4] // x[1] + x[4] % x[1]),
    ("where", "jagged", lambda x: ak.where(x > x[0, 1], x, x[0, 0])),
)
BUILDERS = dict(LAYOUTS)


@pytest.mark.parametrize(("what", "layout", "function"), SCALARS)
def test_a_scalar_is_a_differentiated_number(what, layout, function):
    check(function, BUILDERS[layout]())


def test_an_index_of_duals_is_refused():
    x = ak.Array([1.0, 0.0])
    with pytest.raises(TypeError, match="expected an index of integers or booleans"):
        dualak.jvp(lambda x: x[x], x, direction(x))


ITERATIONS = (
    ("lists", "jagged", lambda x: [one * one for one in x]),
    ("numbers", "flat", lambda x: [one * one for one in x]),
    ("records", "jets", lambda x: [one.pt * one.eta for one in x]),
    ("nested", "jagged", lambda x: [number * 2 for one in x for number in one]),
    ("options", "option lists", lambda x: [None if one is None else one**2 for one in x]),
    ("N-d", "N-d", lambda x: [one[0] * one for one in x]),
    ("jets of jets", "jets", lambda x: [jet.pt * jet.eta for one in x for jet in one]),
)


@pytest.mark.parametrize(("what", "layout", "function"), ITERATIONS)
def test_iteration_keeps_the_tangents(what, layout, function):
    check(function, BUILDERS[layout]())
