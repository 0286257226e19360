"""Traces: what was recorded without numbers computes and differentiates as the function does."""

from __future__ import annotations

import threading

import awkward as ak
import numpy as np
import pytest

import dualak
from dualak import UnknownNumbersError, extend
from dualak.extend import flatten, trace
from tests.ad.test_laws import ENDS, SMOOTH
from tests.rules.test_rules import NAMES, OUTPUTS, function_of, outputs, sample
from tests.support.layouts import LAYOUTS, assert_close, direction, tree

X = ak.Array([[1.1, -2.2, 3.3], [], [0.4, 5.5], [0.7, 0.7, -0.1, 0.2]])
U = ak.Array([[0.3, -1.2, 0.7], [], [2.1, -0.4], [1.5, -0.5, 0.25, 3.0]])


def traced(function, *points):
    leaves, structure = flatten(points)
    found = trace(function, structure, [leaf.dtype for leaf in leaves])
    return leaves, found


# -- every function --------------------------------------------------------------------------------


@pytest.mark.one_in(6)
@pytest.mark.parametrize("name", NAMES)
def test_every_rule_is_recorded_and_differentiated(name):
    x, t = sample(name, 9, np.float64)
    leaves, found = traced(lambda *x: outputs(function_of(name)(*x)), *x)
    y, dy = dualak.jvp(lambda *x: outputs(function_of(name)(*x)), x, t)
    numbers = [one for one in y if one.dtype.kind == "f"]
    values = found.structure.unflatten(found.traced.run(leaves))
    for got, want in zip(values, y, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-15)
    numeric = [one for one, number in zip(t, x, strict=True) if number.dtype.kind == "f"]
    active = [one is not None for one in numeric]
    given = [np.asarray(one) for one in t if one is not None]
    slopes = found.traced.jvp(active).run([*leaves, *given])
    wanted = [one for one, value in zip(dy, y, strict=True) if value.dtype.kind == "f"]
    assert len(slopes) == len(numbers)
    for got, want in zip(slopes, wanted, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-13)


def test_a_rule_is_kept_and_not_what_it_is_made_of():
    """Both parts of -2.0 = -0.0 - 2.0 have signs; the slope is that of the rule."""
    x = np.array([-2.0, 0.0, 2.5])
    leaves, found = traced(lambda x: np.modf(x)[0], x)
    (slope,) = found.traced.jvp([True]).run([*leaves, np.ones(3)])
    np.testing.assert_array_equal(slope, np.ones(3))
    assert "modf" in OUTPUTS


PROGRAMS = [
    pytest.param(lambda x, f=first, g=last: g(f(x)), id=f"{name}, {end}")
    for name, first in SMOOTH
    for end, last in ENDS
]


@pytest.mark.one_in(12)
@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_of_the_laws_hold_in_both_directions(program):
    leaves, found = traced(program, X)
    y, dy = dualak.jvp(program, X, U)
    value = found.structure.unflatten(found.traced.run(leaves))
    assert_close(tree(value), tree(y), 1e-14)
    forward = found.traced.jvp([True])
    (u,), _ = flatten(U)
    pushed = forward.run([*leaves, u])
    assert_close(tree(found.structure.unflatten(pushed)), tree(dy), 1e-13)
    weights = [np.cos(np.arange(one.length)) for one in forward.outputs]
    backward = forward.transpose([True], [True] * len(weights))
    (pulled,) = backward.run([*leaves, *weights])
    both = sum(np.dot(w, one) for w, one in zip(weights, pushed, strict=True))
    np.testing.assert_allclose(np.dot(pulled, u), both, rtol=1e-11, atol=1e-12)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in LAYOUTS])
def test_every_layout_is_recorded(make):
    x = make()
    leaves, found = traced(lambda x: x, x)
    assert tree(found.structure.unflatten(found.traced.run(leaves))) == tree(x)


# -- orders and directions -------------------------------------------------------------------------


def energy(x):
    return ak.sum(np.sin(x) * np.sqrt(1.0 + ak.sum(x**2, axis=1)), axis=None)


def second(trace_of_energy, leaves, mode):
    """The Hessian from a trace: of two modes, one after the other."""
    n = len(leaves[0])
    eye = np.eye(n)
    if mode == "forward over forward":
        first = trace_of_energy.jvp([True])
        both = first.jvp([True, False])
        return [[both.run([*leaves, a, b])[0][0] for b in eye] for a in eye]
    gradient = trace_of_energy.jvp([True]).transpose([True], [True])
    if mode == "forward over reverse":
        return gradient.jvp([True, False]).run([*leaves, np.ones(1), eye])[0]
    again = gradient.jvp([True, False]).transpose([True], [True])
    return again.run([*leaves, np.ones(1), eye])[0]


@pytest.mark.parametrize(
    "mode", ["forward over forward", "forward over reverse", "reverse over reverse"]
)
def test_second_derivatives_are_those_of_differences(mode):
    leaves, found = traced(energy, X)
    gradient = found.traced.jvp([True]).transpose([True], [True])
    step = 1e-5
    rows = [
        gradient.run([leaves[0] + step * e, np.ones(1)])[0]
        - gradient.run([leaves[0] - step * e, np.ones(1)])[0]
        for e in np.eye(len(leaves[0]))
    ]
    got = np.array(second(found.traced, leaves, mode))
    np.testing.assert_allclose(got, np.array(rows) / (2 * step), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(got, got.T, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("count", [1, 3, 16, 17, 40])
def test_many_directions_are_one_after_the_other(count):
    leaves, found = traced(lambda x: np.sqrt(1.0 + ak.sum(x**2, axis=1)), X)
    directions = np.random.default_rng(count).normal(size=(count, len(leaves[0])))
    forward = found.traced.jvp([True])
    (together,) = forward.run([*leaves, directions])
    for row, t in zip(together, directions, strict=True):
        np.testing.assert_allclose(row, forward.run([*leaves, t])[0], rtol=1e-14)
    backward = forward.transpose([True], [True])
    weights = np.random.default_rng(count).normal(size=(count, len(X)))
    (pulled,) = backward.run([*leaves, weights])
    for row, w in zip(pulled, weights, strict=True):
        np.testing.assert_allclose(row, backward.run([*leaves, w])[0], rtol=1e-13, atol=1e-14)


def test_value_and_tangent_come_together():
    leaves, found = traced(lambda x: (x * x, x > 0, ak.num(x)), X)
    (u,), _ = flatten(U)
    value, sign, slope = found.traced.value_and_jvp([True]).run([*leaves, u])
    np.testing.assert_array_equal(value, leaves[0] ** 2)
    np.testing.assert_array_equal(sign, leaves[0] > 0)
    np.testing.assert_array_equal(slope, 2 * leaves[0] * u)


def test_what_does_not_move_is_known_to_be_zero():
    _, found = traced(lambda x, y: (x * 2.0, y * 2.0), X, X)
    assert found.traced.zeros == (False, False)
    assert found.traced.jvp([True, False]).zeros == (False, True)


def test_results_are_written_where_they_are_wanted():
    leaves, found = traced(lambda x: (x * 2.0, x, ak.ones_like(x)), X)
    out = [np.full(9, np.nan) for _ in range(3)]
    given = found.traced.run(leaves, out)
    assert all(a is b for a, b in zip(given, out, strict=True))
    np.testing.assert_array_equal(out, [leaves[0] * 2.0, leaves[0], np.ones(9)])


def test_threads_share_a_trace():
    leaves, found = traced(energy, X)
    forward, results = found.traced.jvp([True]), []
    wanted = forward.run([*leaves, np.ones(9)])[0]

    def work():
        results.extend(forward.run([*leaves, np.ones(9)])[0] for _ in range(50))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(results) == 200
    assert all(one == wanted for one in results)


def test_single_precision_stays_single():
    x = ak.values_astype(X, np.float32)
    leaves, found = traced(energy, x)
    assert [one.dtype for one in found.traced.outputs] == [np.float32]
    assert found.traced.cast([np.float64]).run(leaves)[0].dtype == np.float64


# -- transformations inside ------------------------------------------------------------------------


def test_a_jvp_inside_is_recorded():
    def slope(x):
        return dualak.jvp(lambda s: ak.sum(np.sin(x * s), axis=1), 2.0, 1.0)[1]

    leaves, found = traced(slope, X)
    value = found.structure.unflatten(found.traced.run(leaves))
    assert_close(tree(value), tree(slope(X)), 1e-14)
    (u,), _ = flatten(U)
    (got,) = found.traced.jvp([True]).run([*leaves, u])
    assert_close(got.tolist(), tree(dualak.jvp(slope, X, U)[1]), 1e-13)


@pytest.mark.parametrize("reducer", [ak.prod, ak.max, ak.min, ak.sum])
def test_a_gradient_inside_is_recorded(reducer):
    def gradient(x):
        return dualak.grad(lambda y: ak.sum(reducer(y, axis=1, mask_identity=False)))(x)

    x = X[[0, 2, 3]]
    leaves, found = traced(gradient, x)
    value = found.structure.unflatten(found.traced.run(leaves))
    assert_close(tree(value), tree(gradient(x)), 1e-13)


def test_what_is_held_constant_stays_so():
    leaves, found = traced(lambda x: dualak.primal(x) * x, X)
    (slope,) = found.traced.jvp([True]).run([*leaves, np.ones(9)])
    np.testing.assert_array_equal(slope, leaves[0])


# -- without looking -------------------------------------------------------------------------------

WITHOUT_LOOKING = {
    "where": lambda x: ak.where((x > 0) & ~(x > 3.0), x, -x),
    "where of numbers": lambda x: ak.where(x > 0.5, 1.0, 0.0) * x,
    "mask as weight": lambda x: ak.sum(x * (x > 0), axis=1),
    "count above": lambda x: ak.sum(x > 0, axis=1) * 1.0,
    "any": lambda x: ak.any(x > 3.0, axis=1) * 1.0,
    "all": lambda x: ak.all(x > 0, axis=1) * 1.0,
    "count_nonzero": lambda x: ak.count_nonzero(x, axis=1),
    "isclose": lambda x: ak.isclose(x, 0.7),
    "rounded": lambda x: np.round(x) + x,
    "integers": lambda x: x * ak.values_astype(x, np.int64),
    "sort": lambda x: ak.sort(x, axis=1),
    "sort descending": lambda x: ak.sort(x, axis=-1, ascending=False) ** 2,
    "argsort": lambda x: ak.argsort(x, axis=1) * 1.0,
    "at argsort": lambda x: x[ak.argsort(x, axis=1)],
    "leading": lambda x: x[ak.argsort(abs(x), ascending=False)][:, :1],
    "cut order": lambda x: x[ak.argsort(x)[:, :2]],
    "records in order": lambda x: ak.zip({"x": x, "y": x**2})[ak.argsort(x)].y,
    "flat in order": lambda x: ak.flatten(x)[ak.argsort(ak.flatten(x))],
    "argmax": lambda x: ak.fill_none(ak.argmax(x, axis=1), -1) * 1.0,
    "argmin kept": lambda x: ak.argmin(x, axis=-1, keepdims=True),
    "at argmax": lambda x: x[ak.argmax(x, axis=1, keepdims=True)] ** 2,
    "at argmin of others": lambda x: x[ak.argmin(abs(x), axis=1, keepdims=True)],
    "records at argmax": lambda x: (
        ak.zip({"x": x, "y": x**2})[ak.argmax(x**2, axis=-1, keepdims=True)].y
    ),
    "sort and cut": lambda x: ak.sort(x)[:, 1:][::-1],
    "sum of the largest": lambda x: ak.sum(ak.sort(x, ascending=False)[:, :2] ** 2, axis=1),
    "sort flat": lambda x: ak.sort(ak.flatten(x)),
    "nansum": lambda x: ak.nansum(np.log(x), axis=1),
    "nanprod": lambda x: ak.nanprod(np.sqrt(x), axis=1),
    "xor": lambda x: ((x > 0) ^ (x > 0.5)) * x,
    "logical": lambda x: np.logical_or(x > 1.0, x < 0.0) * x,
    "maximum of masks": lambda x: np.logical_not(x) + x,
}


@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", WITHOUT_LOOKING)
def test_what_needs_no_structure_is_done_without_looking(name):
    function = WITHOUT_LOOKING[name]
    with np.errstate(invalid="ignore", divide="ignore"):
        y, dy = dualak.jvp(function, X, U)
        leaves, found = traced(function, X)
        assert_close(tree(found.structure.unflatten(found.traced.run(leaves))), tree(y), 1e-14)
    (u,), _ = flatten(U)
    forward = found.traced.jvp([True])
    if not forward.outputs:
        return
    (got,) = forward.run([*leaves, u])
    (want,), _ = flatten(dy)
    np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-14)
    weights = np.cos(np.arange(len(want)))
    weights[~np.isfinite(want)] = 0.0
    (pulled,) = forward.transpose([True], [True]).run([*leaves, weights])
    finite = np.isfinite(pulled)
    whole = np.dot(weights, np.where(np.isfinite(want), want, 0.0))
    np.testing.assert_allclose(np.dot(pulled[finite], u[finite]), whole, rtol=1e-12, atol=1e-13)


def test_numpy_takes_rows_at_an_index_of_lists():
    """Where Awkward takes elements of the lists; in a recording the rows are not known."""
    x = np.array([[1.0, 3.0], [4.0, 2.0]])
    for place in (lambda x: ak.argmax(x, axis=-1, keepdims=True), lambda x: np.argsort(x, axis=1)):
        with pytest.raises(UnknownNumbersError):
            traced(lambda x, place=place: x[place(x)], x)
    y, _ = dualak.jvp(lambda x: x[np.argsort(x, axis=1)], x, x)
    assert np.array_equal(y, x[np.argsort(x, axis=1)])


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x[ak.argsort(x[::-1])],
        lambda x: x[ak.argsort(x)[::-1]],
        lambda x: x[ak.argsort(x) - 1],
        lambda x: x[:, 1:][ak.argsort(x)[:, 1:]],
        lambda x: x[:, :1][ak.argmax(x, axis=1, keepdims=True)],
        lambda x: x[ak.argmax(x, axis=1, keepdims=True) - 1],
    ],
)
def test_an_order_of_other_lists_is_looked_at(function):
    """It might point out of its list, which nobody would see."""
    with pytest.raises(UnknownNumbersError):
        traced(function, X)


LOOKS = {
    "greater": lambda x: x[x > 0],
    "ak.argmax": lambda x: x[ak.argmax(x, axis=0, keepdims=True)],
    "ak.nan_to_none": lambda x: ak.nan_to_none(x),
    "less": lambda x: x if ak.sum(x) < 0 else -x,
    "ak.mask": lambda x: ak.mask(x, x < 0),
}


@pytest.mark.parametrize("operation", LOOKS)
def test_what_looks_at_numbers_says_where(operation):
    with pytest.raises(UnknownNumbersError) as caught:
        traced(LOOKS[operation], X)
    assert caught.value.operation == operation
    assert "test_tracing.py" in caught.value.line


def test_what_is_shown_says_that_there_are_no_numbers():
    shown = []

    def function(x):
        scalar = ak.sum(x)
        shown[:] = [repr(x), str(x), f"{scalar:}", str(x > 0), str(x[0, 0])]
        return x

    traced(function, X)
    assert all("without numbers" in one for one in shown)


def test_a_custom_rule_cannot_be_looked_into():
    @dualak.custom_jvp
    def table(x):
        return x

    table.defjvps(lambda t, y, x: t)
    with pytest.raises(UnknownNumbersError, match="table"):
        traced(lambda x: table(x) * 2.0, X)


# -- bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize("result", ["text", object(), {1, 2}])
def test_a_result_that_is_no_array_is_refused(result):
    with pytest.raises(TypeError, match=r"expected .* arrays, numbers"):
        traced(lambda x: result, X)


def test_a_function_that_keeps_state_is_refused():
    calls = []

    def stateful(x):
        calls.append(x)
        return x * len(calls)

    with pytest.raises(ValueError, match="stateful"):
        traced(stateful, X)


def test_a_function_that_draws_numbers_is_refused():
    random = np.random.default_rng(1)
    with pytest.raises(ValueError, match="random numbers"):
        traced(lambda x: x + random.normal(size=len(x)), X)


# -- arrays that stand for the numbers of others ---------------------------------------------------


def test_arrays_outside_of_all_stand_for_numbers():
    leaves, structure = flatten(X)
    x = extend.stand_in(structure, [np.float64], ["x"])
    y = extend.stand_in(structure, [np.float64], ["y"])
    found, tags = extend.take_recording(np.sin(x[::-1]) * y[::-1])
    assert tags == ["x", "y"]
    value = found.structure.unflatten(found.traced.run([leaves[0], leaves[0]]))
    assert_close(tree(value), tree((np.sin(X) * X)[::-1]), 1e-15)


def test_only_what_was_used_is_an_input():
    _, structure = flatten({"a": X, "b": X})
    both = extend.stand_in(structure, [np.float64] * 2, ["a", "b"])
    found, tags = extend.take_recording(both["b"] * 2.0)
    assert tags == ["b"]
    assert len(found.traced.inputs) == 1


def test_a_jvp_of_such_arrays_is_recorded():
    leaves, structure = flatten(X)
    x = extend.stand_in(structure, [np.float64], ["x"])
    y, dy = dualak.jvp(lambda x: x**3, x, direction(X))
    found, _ = extend.take_recording((y, dy))
    value, slope = found.structure.unflatten(found.traced.run(leaves))
    assert_close(tree(value), tree(X**3), 1e-14)
    assert_close(tree(slope), tree(3 * X**2 * direction(X)), 1e-14)


def test_duals_of_a_running_jvp_do_not_stand_for_others():
    def function(x):
        extend.take_recording(x)
        return x

    with pytest.raises(ValueError, match="differentiating"):
        dualak.jvp(function, X, U)
