"""Compiled loops and rules of the user's under linearize, vjp and grad, and in second order.

The oracle is the same function written with Awkward's own functions.
"""

from __future__ import annotations

import math

import awkward as ak
import numba
import numpy as np
import pytest

import dualak

X = ak.Array([[1.0, 2.0], [], [3.0]])
S = 1.3


@numba.njit
def _compiled(x, s):
    out = dualak.empty(len(x), (x, s))
    for i in range(len(x)):
        total = 0.0
        for number in x[i]:
            total += math.sin(number) * s * number
        out[i] = total
    return out


def _written(x, s):
    return ak.sum(np.sin(x) * s * x, axis=1)


@dualak.custom_jvp(elementwise=True)
def _product(x, s):
    return np.sin(x) * s * x


_product.defjvps(
    lambda t, y, x, s: (_product_of(np.cos, x, s) * x + np.sin(x) * s) * t,
    lambda t, y, x, s: np.sin(x) * x * t,
)


def _product_of(function, x, s):
    return function(x) * s


@dualak.custom_jvp
def _whole(x, s):
    return _written(x, s)


@_whole.defjvp
def _whole_jvp(primals, tangents):
    return dualak.jvp(_written, primals, tangents)


FUNCTIONS = {
    "compiled": _compiled,
    "elementwise": lambda x, s: ak.sum(_product(x, s), axis=1),
    "whole": _whole,
}


def _loss(function):
    """A chain with something in front of the function and behind it, of two arguments."""
    return lambda x, s: ak.sum(function(x * s, s * s) * ak.sum(x, axis=1))


def _of_number(f):
    return lambda s: f(X, s)


TRANSFORMATIONS = {
    "grad": lambda f: dualak.grad(f, (0, 1))(X, S),
    "vjp": lambda f: dualak.vjp(f, (X, S))[1](2.0),
    "linearize": lambda f: dualak.linearize(f, (X, S))[1]((X * X, 0.7)),
    "jvp of grad": lambda f: dualak.jvp(dualak.grad(f, 1), (X, S), (X, 1.0)),
    "grad of jvp": lambda f: dualak.grad(
        lambda x, s: dualak.jvp(f, (x, s), (x * x, 0.5))[1], (0, 1)
    )(X, S),
    "grad of grad": lambda f: dualak.grad(dualak.grad(f, 1), (0, 1))(X, S),
    "jacfwd of grad": lambda f: dualak.jacfwd(dualak.grad(f, 1), 1)(X, S),
    "hessian": lambda f: dualak.hessian(f, 1)(X, S),
    "third": lambda f: dualak.grad(dualak.grad(dualak.grad(_of_number(f))))(S),
    "linearize of grad": lambda f: dualak.linearize(dualak.grad(f, 1), (X, S))[1]((X, 0.7)),
}


def _flat(found):
    if isinstance(found, (tuple, list)):
        return [number for one in found for number in _flat(one)]
    return (
        ak.to_list(ak.flatten(found, axis=None)) if isinstance(found, ak.Array) else [float(found)]
    )


@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("transformation", TRANSFORMATIONS)
def test_agrees_with_the_same_in_awkward(name, transformation):
    found = _flat(TRANSFORMATIONS[transformation](_loss(FUNCTIONS[name])))
    wanted = _flat(TRANSFORMATIONS[transformation](_loss(_written)))
    assert len(found) == len(wanted) > 0
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


@numba.njit
def _several(x, unused=3, factor=2.0):
    counts, squares = np.zeros(len(x), np.int64), []
    for i in range(len(x)):
        for number in x[i]:
            counts[i] += 1
            squares.append(number * number * factor)
    return dualak.array(squares), counts, x[0][0]


def _of_several(x):
    squares, counts, first = _several(x, factor=3.0)
    return ak.sum(ak.sum(ak.unflatten(squares, counts), axis=1) ** 2) * first


def _of_several_written(x):
    return ak.sum(ak.sum(x * x * 3.0, axis=1) ** 2) * x[0, 0]


def test_results_of_several_kinds_and_default_arguments():
    assert _of_several(X) == pytest.approx(_of_several_written(X))
    found, wanted = dualak.grad(_of_several)(X), dualak.grad(_of_several_written)(X)
    np.testing.assert_allclose(_flat(found), _flat(wanted), rtol=1e-13)


@numba.njit
def _of_records(jets):
    out = dualak.empty(len(jets), jets)
    for i in range(len(jets)):
        total = 0.0
        for jet in jets[i]:
            if jet.eta is not None:
                total += jet.pt * math.sinh(jet.eta) * jet.n
        out[i] = total
    return out


def test_records_of_several_precisions_with_missing_numbers():
    eta = ak.Array([[0.5, None], [], [0.1]])
    jets = ak.zip(
        {"pt": ak.values_astype(X, np.float32), "eta": eta, "n": ak.values_astype(X, np.int64)}
    )
    found = dualak.grad(lambda jets: ak.sum(_of_records(jets) ** 2))(jets)
    terms = lambda jets: jets.pt * np.sinh(jets.eta) * jets.n  # noqa: E731
    wanted = dualak.grad(lambda jets: ak.sum(ak.sum(terms(jets), axis=1) ** 2))(jets)
    assert str(found.type) == str(wanted.type)
    assert ak.to_list(found.eta[0, 1]) is None
    for name in ("pt", "eta"):
        one, other = (ak.drop_none(ak.flatten(side[name], axis=None)) for side in (found, wanted))
        np.testing.assert_allclose(one.to_list(), other.to_list(), rtol=1e-6)


def test_arrays_without_elements():
    y, pullback = dualak.vjp(lambda x: _compiled(x, 2.0), X[:0])
    assert len(y) == len(pullback(ak.Array(np.empty(0)))) == 0
    y, pushforward = dualak.linearize(lambda x: _compiled(x, 2.0), X[1:2])
    assert y.to_list() == pushforward(X[1:2]).to_list() == [0.0]


def test_a_zero_cotangent_stays_zero_against_an_infinite_slope():
    @numba.njit
    def root(x):
        return math.sqrt(x)

    assert dualak.grad(lambda x: 0.0 * root(x))(0.0) == 0.0
    assert dualak.linearize(root, 0.0)[1](0.0) == 0.0
    assert dualak.grad(root)(0.0) == math.inf


def test_many_numbers_of_an_elementwise_function_are_one_direction():
    x = ak.unflatten(np.linspace(0.1, 2.0, 6000), np.full(2000, 3))
    found = dualak.grad(lambda x: ak.sum(_product(x, x * x) ** 2))(x)
    wanted = dualak.grad(lambda x: ak.sum((np.sin(x) * x**3) ** 2))(x)
    np.testing.assert_allclose(_flat(found), _flat(wanted), rtol=1e-12)


def test_few_parameters_of_a_large_sample_are_few_directions():
    x = ak.unflatten(np.linspace(0.1, 2.0, 6000), np.full(2000, 3))
    loss = lambda function: lambda p: ak.sum(function(x * p["a"] + p["b"], p["a"]) ** 2)  # noqa: E731
    at = {"a": 1.1, "b": 0.2}
    found, wanted = dualak.grad(loss(_compiled))(at), dualak.grad(loss(_written))(at)
    assert found == pytest.approx(wanted, rel=1e-12)


def test_a_compiled_gradient_is_that_of_the_numbers_of_each_call():
    compiled = dualak.compile(dualak.grad(lambda x: ak.sum(_compiled(x, 2.0) ** 2)))
    plain = dualak.grad(lambda x: ak.sum(_written(x, 2.0) ** 2))
    with pytest.warns(dualak.ReplayWarning, match="depends on the numbers"):
        compiled(X)
    for factor in (1.0, 0.5):
        np.testing.assert_allclose(
            _flat(compiled(X * factor)), _flat(plain(X * factor)), rtol=1e-13
        )
