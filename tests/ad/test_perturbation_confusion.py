"""Derivatives inside of derivatives: what is a constant to one is no constant to the other."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import awkward as ak
import numpy as np
import pytest

import dualak
from dualak import jvp
from dualak.arrays.context import current_graph
from tests.support.layouts import LAYOUTS, accepts, assert_close, check, direction, tree

LISTS = ak.Array([[1.1, 2.2, 3.3], [], [4.4, 5.5]])
ALONG = ak.Array([[0.3, -1.2, 0.7], [], [2.1, -0.4]])
JETS = ak.zip({"pt": LISTS, "eta": ALONG})


def derivative(function):
    """The derivative of a function of a number."""
    return lambda x: jvp(function, x, 1.0)[1]


def times(n, transform, function):
    for _ in range(n):
        function = transform(function)
    return function


#: Name, a function of a number, and its exact value at 1.3.
CASES = {
    "outer variable added": (lambda x: x * derivative(lambda y: x + y)(1.0), lambda x: x, 1.0),
    "outer variable multiplied": (
        lambda x: x * derivative(lambda y: x * y)(2.0),
        lambda x: x**2,
        2 * 1.3,
    ),
    "inner variable unused": (lambda x: derivative(lambda y: x * x)(x), lambda x: 0.0, 0.0),
    "inner point is the outer variable": (
        lambda x: derivative(lambda y: y**3)(x),
        lambda x: 3 * x**2,
        6 * 1.3,
    ),
    "inner point and inside": (
        lambda x: derivative(lambda y: x * y**2)(x),
        lambda x: 2 * x**2,
        4 * 1.3,
    ),
    "inner direction is the outer variable": (
        lambda x: jvp(np.sin, 0.5, x * x)[1],
        lambda x: math.cos(0.5) * x**2,
        math.cos(0.5) * 2 * 1.3,
    ),
    "two inner ones beside each other": (
        lambda x: derivative(lambda y: x * y**2)(3.0) * derivative(lambda y: np.exp(x * y))(0.0),
        lambda x: 6 * x * x,
        12 * 1.3,
    ),
    "three deep": (
        lambda x: derivative(lambda y: y * derivative(lambda z: x * y * z**2)(x))(x),
        lambda x: 4 * x**3,
        12 * 1.3**2,
    ),
    "same function at both": (
        lambda x: derivative(derivative(np.sin))(x),
        lambda x: -math.sin(x),
        -math.cos(1.3),
    ),
    "constant inside": (lambda x: x * derivative(lambda y: 2.0 * y)(1.0), lambda x: 2 * x, 2.0),
}


@pytest.mark.parametrize("name", CASES)
def test_levels_are_not_confused(name):
    function, value, tangent = CASES[name]
    y, dy = jvp(function, 1.3, 1.0)
    assert y == pytest.approx(value(1.3), rel=1e-14)
    assert dy == pytest.approx(tangent, rel=1e-14)


def test_the_textbook_case():
    assert derivative(lambda x: x * derivative(lambda y: x + y)(1.0))(1.0) == 1.0


def test_a_function_that_makes_functions():
    """Curried: the inner derivative is taken of what the outer function has closed over."""

    def shifted(x):
        return lambda function: lambda y: function(x + y)

    def outer(x):
        move = shifted(x)
        return derivative(move(lambda z: z**3))(0.0) * derivative(move(np.exp))(0.0)

    assert derivative(outer)(1.3) == pytest.approx(
        6 * 1.3 * math.exp(1.3) + 3 * 1.3**2 * math.exp(1.3), rel=1e-14
    )


SINES = (np.sin, np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x))


@pytest.mark.parametrize("order", range(7))
def test_any_order_of_the_sine(order):
    got = times(order, derivative, np.sin)(0.7)
    assert got == pytest.approx(SINES[order % 4](0.7), rel=1e-13)


INNER = {
    "returned": lambda x, y: x,
    "aside": lambda x, y: [y, x],
    "product": lambda x, y: x * y,
    "quotient": lambda x, y: np.sqrt(x) / y**2,
    "scalar added": lambda x, y: y + x[0, 0],
    "sliced": lambda x, y: x[::-1] * y[::-1],
    "row": lambda x, y: x[0] * y[0],
    "masked": lambda x, y: (x * y)[y > 2],
    "reduced": lambda x, y: y * ak.sum(x * y),
    "list sums": lambda x, y: ak.sum(x * np.sin(y), axis=1),
    "list products": lambda x, y: ak.prod(x * y, axis=1),
    "largest": lambda x, y: ak.max(x * y, axis=1),
    "where": lambda x, y: ak.where(y > 2, y * x, x),
    "concatenate": lambda x, y: ak.concatenate([y * x, x, y], axis=1),
    "padded": lambda x, y: ak.fill_none(ak.pad_none(x * y, 4), 1.5) * 2.0,
    "zip": lambda x, y: ak.zip({"x": x * y, "y": y}),
    "field": lambda x, y: ak.with_field(ak.zip({"y": y}), x * y, "x"),
    "cartesian": lambda x, y: ak.cartesian([x * y, x]),
    "pairs": lambda x, y: ak.combinations(x * y, 2)["0"] * ak.combinations(y, 2)["1"],
    "square root of squares": lambda x, y: np.hypot(x, y) + np.arctan2(x, y),
    "maximum": lambda x, y: np.maximum(x * y, 3.0) * x,
    "single precision": lambda x, y: ak.values_astype(x, np.float32) * y,
}


@pytest.mark.one_in(6)
@pytest.mark.parametrize("inner", INNER.values(), ids=INNER)
@pytest.mark.parametrize("half", [0, 1], ids=["value", "tangent"])
def test_an_outer_variable_inside_an_inner_call(inner, half):
    if inner is INNER["single precision"]:
        at = ak.values_astype(LISTS, np.float32)
        check(lambda x: jvp(lambda y: inner(x, y), at, ALONG)[half], at)
    else:
        check(lambda x: jvp(lambda y: inner(x, y), LISTS + 0.5, ALONG)[half], LISTS)
    assert current_graph.get() is None


def cube(x):
    return x**3


GIVEN = {
    "x": lambda x: jvp(cube, x, ALONG)[1],
    "x value": lambda x: jvp(cube, x, ALONG)[0],
    "t": lambda x: jvp(cube, LISTS, x)[1],
    "x and t": lambda x: jvp(cube, x * x, np.sin(x))[1],
    "scalar x": lambda x: jvp(cube, x[0, 0], 1.0)[1],
    "scalar t": lambda x: jvp(cube, 1.5, x[0, 0])[1],
    "both scalar": lambda x: jvp(cube, x[0, 1], x[0, 0])[1],
    "in a dict": lambda x: jvp(lambda d: d["a"] ** 2, {"a": x}, {"a": ALONG})[1],
    "in a tuple": lambda x: jvp(lambda a, b: a * b**2, (x, LISTS), (ALONG, x))[1],
    "records": lambda x: jvp(lambda r: r.a * r.b, ak.zip({"a": x, "b": x * x}), {"b": x})[1],
    "dict of tangents": lambda x: jvp(lambda r: r.pt * r.eta, JETS, {"pt": x})[1],
    "no tangent": lambda x: jvp(cube, x, None)[0],
    "sliced": lambda x: jvp(lambda y: y[:, ::-1] * y, x[::-1], ALONG[::-1])[1],
    "masked": lambda x: jvp(cube, x[x > 2], ALONG[LISTS > 2])[1],
    "one record": lambda x: jvp(lambda r: r.a**3, ak.zip({"a": x})[0, 1], {"a": 1.0})[1],
    "missing": lambda x: jvp(cube, ak.pad_none(x, 4), ak.pad_none(ALONG, 4))[1],
}


@pytest.mark.one_in(2)
@pytest.mark.parametrize("outer", GIVEN.values(), ids=GIVEN)
def test_an_outer_variable_given_to_an_inner_call(outer):
    check(outer, LISTS)
    assert current_graph.get() is None


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", dict(LAYOUTS))
def test_second_derivatives_whatever_the_layout(name):
    """The derivative of a derivative is that of its differences, in every layout."""
    x = dict(LAYOUTS)[name]()
    t = direction(x, 3)

    def twice(x):
        return jvp(lambda y: np.sin(y) * y, x, t)[1]

    if not accepts(lambda x: np.sin(x) * x, x):
        pytest.skip("Awkward has no ufuncs of records")
    check(twice, x)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", ["sum", "prod", "min", "max"])
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_second_derivatives_of_reductions(name, axis):
    def inner(x):
        return getattr(ak, name)(x * np.sqrt(x), axis=axis)

    check(lambda x: jvp(inner, x, ALONG)[1], LISTS)


def test_second_derivatives_of_products_with_zeros():
    x = ak.Array([[2.0, 0.0, 3.0], [], [0.0, 0.0, 5.0], [0.0], [1.5, 2.5, 0.5, 4.0, 3.0]])
    t = direction(x, 1)
    check(lambda x: jvp(lambda y: ak.prod(y, axis=1), x, t)[1], x)
    third = jvp(lambda x: jvp(lambda y: jvp(cubes, y, t)[1], x, t)[1], x, t)[1]
    want = [6 * t[0, 0] * t[0, 1] * t[0, 2], 0.0, 6 * t[2, 0] * t[2, 1] * t[2, 2], 0.0]
    assert_close(tree(third)[:4], want, 1e-12)


def cubes(x):
    return ak.prod(x, axis=1)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_zero_tangents_stay_zero_at_infinite_slopes(order):
    """The square root of an empty sum, differentiated again and again."""

    def along(function):
        return lambda x: jvp(function, x, ALONG)[1]

    got = times(order, along, lambda x: np.sqrt(ak.sum(x**2, axis=1)))(LISTS)
    assert got[1] == 0.0
    assert np.isfinite(ak.to_numpy(got)).all()


def test_inner_results_kept_for_later_are_refused():
    kept = []

    def outer(x):
        jvp(lambda y: kept.append(y) or y, x, ALONG)
        return x * kept[0]

    with pytest.raises(ValueError, match="may not be kept"):
        jvp(outer, LISTS, ALONG)
    assert current_graph.get() is None


def test_threads_differentiate_on_their_own():
    def work(i):
        return derivative(lambda x: x * derivative(lambda y: x * y**2)(float(i)))(2.0)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(40))) == [8.0 * i for i in range(40)]


def test_primal_is_constant_to_all_levels():
    function = derivative(lambda x: derivative(lambda y: x * y * dualak.primal(x * y))(2.0))
    assert function(3.0) == pytest.approx(3.0 * 2.0 + 0.0)
