"""What is not a number is made missing or replaced, and leaves no tangent behind."""

from __future__ import annotations

import math

import awkward as ak
import numpy as np
import pytest

import dualak
from dualak.arrays.columns import EscapeError
from tests.support.layouts import LAYOUTS, accepts, check

NAN, INF = math.nan, math.inf
LAYOUT = dict(LAYOUTS)


def jagged():
    return ak.Array([[1.5, NAN, INF], [], [-INF, 2.5], [NAN]])


ARRAYS = {
    "jagged": jagged,
    "flat": lambda: ak.flatten(jagged()),
    "N-d": lambda: ak.Array(np.array([[1.5, NAN], [INF, 2.5]])),
    "missing": lambda: ak.Array([[1.5, None, NAN], None, [], [2.5]]),
    "missing lists": lambda: ak.Array(LAYOUT["masked lists"]().layout),
    "float32": lambda: ak.values_astype(jagged(), np.float32),
    "records": lambda: ak.Array([{"x": NAN, "y": [1.5, INF], "n": 3}, {"x": 2.5, "y": [], "n": 4}]),
    "missing records": lambda: ak.Array([{"x": NAN}, None, {"x": 2.5}]),
    "union": LAYOUT["union"],
    "3-deep": LAYOUT["3-deep"],
    "length 0": LAYOUT["length 0"],
}
FUNCTIONS = {
    "nan_to_none": ak.nan_to_none,
    "square of nan_to_none": lambda x: ak.nan_to_none(x) ** 2,
    "nan_to_num": ak.nan_to_num,
    "nan_to_num nan": lambda x: ak.nan_to_num(x, nan=7.5),
    "nan_to_num by position": lambda x: ak.nan_to_num(x, True, 7.5, 8.5, -8.5),
    "nan_to_num of integers": lambda x: ak.nan_to_num(x, nan=7, posinf=8, neginf=9),
    "np.nan_to_num": lambda x: np.nan_to_num(x, posinf=3.5),
    "sum of nan_to_num": lambda x: ak.sum(ak.nan_to_num(x, posinf=3.5, neginf=0.5) ** 2, axis=-1),
}


@pytest.mark.one_in(8)
@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("of", ARRAYS)
def test_the_numbers_of_every_layout(function, of):
    x = ARRAYS[of]()
    if "none" in function:  # what is infinite stays so, and has no differences
        x = ak.nan_to_num(x, nan=NAN, posinf=1.25, neginf=-1.25)
    if not accepts(FUNCTIONS[function], x):
        pytest.skip("Awkward does not take this layout")
    check(FUNCTIONS[function], x)


def test_what_is_infinite_and_not_missing_keeps_its_tangent():
    t = ak.Array([[1.0, 2.0, 3.0], [], [4.0, 5.0], [6.0]])
    _, dy = dualak.jvp(ak.nan_to_none, jagged(), t)
    assert ak.to_list(dy) == [[1.0, None, 3.0], [], [4.0, 5.0], [None]]


REPLACED = ak.Array([[1.0, 2.0, 3.0], [], [4.0, 5.0], [6.0]])


def test_a_replacement_brings_its_tangent():
    t = ak.Array([[1.0, 2.0, 3.0], [], [4.0, 5.0], [6.0]])

    def function(x, a, b):
        return ak.nan_to_num(x, nan=a, posinf=2 * a, neginf=b)

    _, dy = dualak.jvp(function, (jagged(), 5.0, 6.0), (t, 10.0, 20.0))
    assert ak.to_list(dy) == [[1.0, 10.0, 20.0], [], [20.0, 5.0], [10.0]]


@pytest.mark.parametrize("of", ["jagged", "float32"])
def test_replacements_may_be_arrays(of):
    x = ARRAYS[of]()
    check(lambda x, a: ak.nan_to_num(x, nan=a), (x, ak.Array([1.0, 2.0, 3.0, 4.0])))
    check(lambda x, a: ak.nan_to_num(x, nan=a, posinf=a + 1), (x, REPLACED))
    check(lambda x: ak.nan_to_num(x, nan=[1.0, 2.0, 3.0, 4.0]), x)


def test_the_replacements_alone_may_be_differentiated():
    try:
        check(lambda a: ak.nan_to_num(jagged(), nan=a), REPLACED)
    except EscapeError:
        assert ak.__version__.startswith("2.8.")  # it asks only the class of the array
        pytest.skip("refused in Awkward 2.8")


REFUSED = (
    ("a scalar made missing", lambda x: ak.nan_to_none(x[0, 0])),
    ("an argument", lambda x: ak.nan_to_num(x, out=1.0)),
    ("replacements of two types", lambda x: ak.nan_to_num(two_types(x), nan=REPLACED)),
)


def two_types(x):
    return ak.concatenate([x[:2], ak.zip({"a": ak.values_astype(x, np.float32)})[2:]])


@pytest.mark.parametrize(("what", "function"), REFUSED)
def test_what_cannot_be_replaced_raises(what, function):
    with pytest.raises((TypeError, ValueError)):
        dualak.jvp(function, jagged(), jagged())
