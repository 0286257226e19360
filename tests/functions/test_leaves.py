"""``ak.transform``: leaves made by ufuncs are differentiated, in every mode; others are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import awkward as ak
import numpy as np
import pytest

import dualak

LISTS = ak.Array([[1.5, 0.5], [], [2.5]])
ARRAYS = {
    "lists": LISTS,
    "numpy": np.array([[1.5, 0.5], [0.25, 2.0]]),
    "an n-d array": ak.Array(np.array([[1.5, 0.5]])),
    "options": ak.Array([1.5, None, 0.5]),
    "records": ak.zip({"a": LISTS, "b": LISTS * 2}),
    "a union": ak.Array([1.5, [2.5, 0.5]]),
    "single precision": ak.values_astype(LISTS, np.float32),
}


def _sine(layout: Any, **how: Any) -> Any:
    return ak.contents.NumpyArray(np.sin(layout.data)) if layout.is_numpy else None


def _copied(layout: Any, **how: Any) -> Any:
    return layout.copy(data=layout.data**2) if layout.is_numpy else None


def _constant(layout: Any, **how: Any) -> Any:
    return ak.contents.NumpyArray(np.ones(layout.length)) if layout.is_numpy else None


def _flags(layout: Any, **how: Any) -> Any:
    return ak.contents.NumpyArray(layout.data > 1.0) if layout.is_numpy else None


def _as_it_is(layout: Any, **how: Any) -> Any:
    return None


def _tripled_below(layout: Any, **how: Any) -> Any:
    """Looks for the numbers from above."""
    if layout.is_list and layout.content.is_numpy:
        return layout.copy(content=ak.contents.NumpyArray(3.0 * layout.content.data))
    return None


OF_NODES = (_constant, _tripled_below)
RECTANGLES = ("numpy", "an n-d array")
TRANSFORMATIONS = (_sine, _copied, _constant, _flags, _as_it_is, _tripled_below)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("kind", ARRAYS)
@pytest.mark.parametrize("transformation", TRANSFORMATIONS)
def test_a_transformation_of_leaves_is_differentiated(transformation: Any, kind: str) -> None:
    array = ARRAYS[kind]
    if kind in RECTANGLES and transformation in OF_NODES:
        pytest.skip("differentiated rectangles are regular lists, as with numpy_to_regular=True")

    def function(x: Any) -> Any:
        return ak.transform(transformation, x)

    want = function(array)
    y, dy = dualak.jvp(function, array, array)
    assert str(ak.type(y)) == str(ak.type(want))
    assert ak.almost_equal(ak.Array(y), ak.Array(want), rtol=1e-6)
    if "bool" not in str(ak.type(y)) and "float32" not in str(ak.type(y)):
        _assert_slope(function, array, dy)


def _assert_slope(function: Callable[[Any], Any], x: Any, dy: Any) -> None:
    def numbers(result: Any) -> Any:
        flat = ak.flatten(result, axis=None) if not isinstance(result, np.ndarray) else result
        return np.asarray(ak.drop_none(ak.Array(np.ravel(flat))))

    step = 1e-6
    names = ak.fields(x)
    shifted = [
        ak.zip({n: x[n] * a for n in names}) if names else a * x for a in (1 + step, 1 - step)
    ]
    slope = (numbers(function(shifted[0])) - numbers(function(shifted[1]))) / (2 * step)
    assert np.allclose(numbers(dy), slope, atol=1e-8)


def test_several_arrays_meet_at_their_leaves() -> None:
    def product(layouts: Any, **how: Any) -> Any:
        if all(one.is_numpy for one in layouts):
            return ak.contents.NumpyArray(layouts[0].data * layouts[1].data)
        return None

    function = lambda x: ak.transform(product, x, np.array([1.0, 2.0, 3.0]))  # noqa: E731
    y, dy = dualak.jvp(function, LISTS, LISTS)
    assert y.to_list() == dy.to_list() == function(LISTS).to_list()


def test_every_mode_agrees() -> None:
    function = lambda x: ak.transform(_sine, transformed_first(x))  # noqa: E731
    y, dy = dualak.jvp(function, LISTS, LISTS)
    assert ak.almost_equal(dualak.linearize(function, LISTS)[1](LISTS), dy)
    assert ak.almost_equal(dualak.compile(function).jvp(LISTS, LISTS)[1], dy)
    pulled = dualak.vjp(function, LISTS)[1](y)
    assert np.isclose(ak.sum(pulled * LISTS), ak.sum(dy * y))


def transformed_first(x: Any) -> Any:
    return ak.transform(transformation=_copied, array=x)


def test_numbers_do_not_leave_through_a_leaf() -> None:
    def doubled(layout: Any, **how: Any) -> Any:
        return ak.contents.NumpyArray(2 * np.asarray(layout.data)) if layout.is_numpy else None

    with pytest.raises(dualak.EscapeError, match=r"np\.asarray"):
        dualak.jvp(lambda x: ak.transform(doubled, x), LISTS, LISTS)
