"""Types and classes of results beside numbers of Python, single precision and discrete results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import awkward as ak
import numpy as np
import pytest

import dualak
from dualak.pytree import tree_leaves

HALF = np.array([1.0, 2.0], np.float32)
FLAGS = np.array([True, False])
X = ak.Array([[1.5, 2.5], [], [0.75]])

#: Functions of a number that came in as one of Python, and the same as one of NumPy.
OF_A_NUMBER: dict[str, Callable[[Any], Any]] = {
    "a comparison is of Python": lambda s: HALF * ((s > 0.3) * s),
    "and is a bool": lambda s: ak.Array(HALF) * (s != 0.3),
    "where, first": lambda s: np.where(FLAGS, s, HALF),
    "where, second": lambda s: np.where(FLAGS, np.float32(1.5), s),
    "where of Awkward": lambda s: ak.where(FLAGS, s, ak.Array(HALF)),
    "concatenated": lambda s: ak.concatenate([s, ak.Array(HALF)]),
    "concatenated in lists": lambda s: ak.concatenate([X, s]),
}


@pytest.mark.parametrize("number", [1.25, np.float64(1.25), np.float32(1.25)], ids=type)
@pytest.mark.parametrize("name", OF_A_NUMBER)
def test_beside_a_number_results_have_the_type_of_plain_ones(name: str, number: Any) -> None:
    function = OF_A_NUMBER[name]
    y, dy = dualak.jvp(function, number, type(number)(1.0))
    want = function(number)
    assert type(y) is type(want) is type(dy)
    assert str(ak.type(y)) == str(ak.type(want)) == str(ak.type(dy))
    assert ak.to_list(y) == ak.to_list(want)


OF_AN_ARRAY: dict[str, Callable[[Any], Any]] = {
    "isclose to its own number": lambda x: np.isclose(x, x[0]),
    "isclose of numbers": lambda x: np.isclose(x[0], x[1]),
    "allclose": lambda x: np.allclose(x, x[0]),
    "copy": ak.copy,
    "copy, named": lambda x: ak.copy(array=x),
    "where of it and a number": lambda x: np.where(FLAGS, x, 2.0),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", OF_AN_ARRAY)
def test_of_arrays_of_numpy_results_are_as_plain(name: str, dtype: Any) -> None:
    x = np.array([1.5, 0.5], dtype)
    y, want = dualak.jvp(OF_AN_ARRAY[name], x, x)[0], OF_AN_ARRAY[name](x)
    assert np.asarray(y).dtype == np.asarray(want).dtype
    assert np.array_equal(y, want)
    assert type(y) is type(want)


@pytest.mark.parametrize("discrete", [ak.local_index, ak.num, ak.argmax, ak.is_none, ak.ones_like])
def test_what_is_discrete_leaves_what_it_meets_differentiated(discrete: Any) -> None:
    """Also where it stands first: functions after that see a differentiated array."""

    def function(x: Any) -> Any:
        beside = discrete(x, axis=0) if discrete is not ak.ones_like else discrete(x)
        met = beside * x
        assert "dual" in met.typestr
        return ak.without_parameters(met)

    y, dy = dualak.jvp(function, X[0], X[0])
    assert y.to_list() == dy.to_list() == _plainly(discrete)


def _plainly(discrete: Any) -> Any:
    beside = discrete(X[0], axis=0) if discrete is not ak.ones_like else discrete(X[0])
    return (beside * X[0]).to_list()


def test_arrays_without_dimensions_among_results_have_zeros_for_tangents() -> None:
    def function(x: Any) -> Any:
        return ak.num(x, axis=0), x

    y, push = dualak.linearize(function, X)
    number, dy = push(X)
    assert np.shape(y[0]) == np.shape(number) == ()
    assert number == 0
    assert dy.to_list() == X.to_list()
    for number, dy in dualak.jvp(function, X, dualak.Directions([X, 2 * X]))[1]:
        assert number == 0
        assert len(dy) == len(X)


def test_parameters_of_differentiated_numbers_themselves_are_refused() -> None:
    with pytest.raises(dualak.NotDifferentiableError, match="parameters of their own"):
        dualak.jvp(lambda x: ak.with_parameter(x, "unit", "mm"), X[0], X[0])
    y, _ = dualak.jvp(lambda x: ak.with_parameter(x, "unit", "mm"), X, X)
    assert ak.parameters(y)["unit"] == "mm"


def test_options_that_come_of_broadcasting_have_no_name_of_ours() -> None:
    x, missing = ak.Array([0.5, 0.75]), ak.Array([1, None])

    def function(x: Any) -> Any:
        numbers = ak.broadcast_arrays(missing, x)[1]
        return np.tanh(numbers), ak.broadcast_arrays(missing, ak.zip({"a": x, "b": x}))[1]

    y, dy = dualak.jvp(function, x, x)
    for found, tangent, want in zip(y, dy, function(x), strict=True):
        assert str(found.type) == str(tangent.type) == str(want.type)
    assert ak.almost_equal(dy[0], ak.mask(x / np.cosh(x) ** 2, [True, False]))


@pytest.mark.parametrize("rows", [[[]], [[{"a": 1.0, "b": 2.0}], []], [[{"a": 3.0, "b": 2.0}]]])
def test_cotangents_of_kinds_that_no_element_is_of(rows: Any) -> None:
    record = ak.Array([[{"a": 1.0, "b": 2.0}]])[:, :0]
    x = ak.concatenate([record, ak.Array(rows)])

    def function(x: Any) -> Any:
        return ak.where(x.a > 1.5, x.a, x)

    y, dy = dualak.jvp(function, x, x)
    value, pullback = dualak.vjp(function, x)
    pulled = pullback(value)
    assert value.to_list() == y.to_list()
    squares = sum(number**2 for number in tree_leaves(dy.to_list()))
    assert ak.sum(pulled.a * x.a) + ak.sum(pulled.b * x.b) == squares


def test_integers_beside_lists_stay_integers() -> None:
    y, _ = dualak.jvp(lambda x: ak.concatenate([x, 2]), X, X)
    assert str(y.type) == str(ak.concatenate([X, 2]).type)


@pytest.mark.parametrize("axis", [-1, 0])
@pytest.mark.parametrize("merge", [ak.merge_option_of_records, ak.merge_union_of_records])
def test_numbers_are_no_records_to_what_merges_records(merge: Any, axis: int) -> None:
    x = ak.Array([[({"a": 1.0},)], [], None])[0:0] if axis else ak.Array([1.0, None])
    y, dy = dualak.jvp(lambda x: merge(x, axis=axis), x, x)
    want = merge(x, axis=axis)
    assert str(y.type) == str(dy.type) == str(want.type)
    assert y.to_list() == dy.to_list() == want.to_list()


def test_numbers_that_were_named_as_records_are_refused() -> None:
    with pytest.raises(TypeError, match=r"named 'P', as ak\.Array"):
        dualak.jvp(lambda x: ak.Array(x, with_name="P"), X, X)
    records = ak.zip({"a": X})
    y, dy = dualak.jvp(lambda x: ak.Array(x, with_name="P"), records, records)
    assert str(y.type) == str(dy.type) == str(ak.with_name(records, "P").type)
