"""NumPy arguments behave as NumPy's arrays: plain NumPy is the oracle of every program here."""

from __future__ import annotations

import copy

import awkward as ak
import numpy as np
import pytest

import dualak
from dualak.arrays.ndarrays import IN_PLACE, METHODS, OF_BYTES
from tests.support.layouts import STENCIL, STEP

X = np.array([[1.3, 0.7, 2.9], [0.4, 3.1, 2.2]])
DEEP = np.random.default_rng(5).permutation(np.arange(0.3, 7.0, 0.29))[:24].reshape(2, 3, 4)
M = np.array([True, False, True])

ATTRIBUTES = {
    "T": lambda x: x.T,
    "T twice": lambda x: x.T @ x,
    "mT": lambda x: x.mT,
    "shape": lambda x: x * x.shape[0],
    "size": lambda x: x / x.size,
    "ndim": lambda x: x * x.ndim,
    "dtype": lambda x: np.zeros(3, x.dtype) + x,
    "bytes": lambda x: x * x.nbytes / x.itemsize,
    "real": lambda x: x.real,
    "imag": lambda x: x.imag + x,
    "flat": lambda x: sum(one for one in x.flat),
    "of a number": lambda x: x[0, 1].T * x.sum().ndim + x.sum().size,
    "real of a number": lambda x: x[0, 1].real,
}

METHOD_CALLS = {
    "all": lambda x: (x > 1).all(axis=0),
    "any": lambda x: (x > 1).any(),
    "argmax": lambda x: x[:, x.argmax(axis=1)],
    "argmin": lambda x: x.ravel()[x.argmin()],
    "argpartition": lambda x: np.sort(x[0][x[0].argpartition(1)]),
    "argsort": lambda x: np.take_along_axis(x, x.argsort(axis=1), axis=1),
    "choose": lambda x: (x > 1).choose([x, -x]),
    "clip": lambda x: x.clip(0.5, 2.0),
    "cumprod": lambda x: x.cumprod(axis=0),
    "cumsum": lambda x: x.cumsum(),
    "diagonal": lambda x: x.diagonal(),
    "dot": lambda x: x.dot(x.T),
    "max": lambda x: x.max(axis=0),
    "mean": lambda x: x.mean(axis=(0, 1)),
    "min": lambda x: x.min(axis=1, keepdims=True),
    "nonzero": lambda x: x[(x > 1).nonzero()],
    "prod": lambda x: x.prod(axis=-1),
    "repeat": lambda x: x.repeat(2, axis=0),
    "round": lambda x: x.round(1) * x,
    "searchsorted": lambda x: x * np.sort(x[0]).searchsorted(2.0),
    "squeeze": lambda x: x[:1].squeeze(),
    "std": lambda x: x.std(axis=1, ddof=1),
    "sum": lambda x: x.sum(0),
    "swapaxes": lambda x: x.swapaxes(0, 1),
    "take": lambda x: x.take([2, 0], axis=1),
    "trace": lambda x: x.trace(),
    "var": lambda x: x.var(axis=(1, 0)),
}
OTHER_METHODS = {
    "reshape": lambda x: x.reshape(3, 2),
    "reshape by a tuple": lambda x: x.reshape((-1,)),
    "reshape by columns": lambda x: x.reshape(3, 2, order="F"),
    "transpose": lambda x: x.transpose(1, 0) + x.transpose(),
    "ravel": lambda x: x.ravel("F"),
    "flatten": lambda x: x.flatten() ** 2,
    "compress": lambda x: x.compress(M, axis=1),
    "astype": lambda x: x.astype(int) * x,
    "copy": lambda x: x.copy(),
    "copies": lambda x: copy.copy(x) + copy.deepcopy(x),
    "conj": lambda x: x.conj() * x.conjugate(),
    "view": lambda x: x.view(),
    "of a number": lambda x: x.sum().reshape(1) * x[0, 0].mean() + x[0, 0].clip(0, 1),
    "length": lambda x: x * len(x),
    "rows": lambda x: sum(row.sum() ** 2 for row in x),
    "unpacked": lambda x: [a * b for a, b in [x]],
    "reversed": lambda x: list(reversed(x)),
    "truth": lambda x: x if x[:1, :1] > 1 else -x,
}

INDEXES = {
    "row": 0,
    "number": (1, -1),
    "integer, mask": (1, M),
    "mask, integer": (np.array([True, False]), 1),
    "negative, mask": (-1, ~M),
    "list of flags": (0, [True, False, True]),
    "mask of columns": (slice(None), M),
    "masks": (np.array([True, False]), M),
    "mask of all": X > 1,
    "indexes": ([0, 1, 1], [2, 0, 1]),
    "index, integer": ([1, 0, 1], 2),
    "table": np.array([[0, 1], [1, 0]]),
    "open mesh": np.ix_([1, 0], [0, 2]),
    "slices": (slice(None, None, -1), slice(0, None, 2)),
    "new axis": (slice(None), None, M),
    "ellipsis": (..., 1),
    "nothing": (),
    "none of them": slice(1, 1),
    "integer of NumPy": np.int32(1),
    "True": True,
}
DEEP_INDEXES = {
    "integer, mask, integer": (1, M, 0),
    "slice, integer, mask": (slice(None), 1, np.array([True, False, True, True])),
    "integer, slice, mask": (0, slice(None), np.array([True, False, True, True])),
    "mask, slice, integer": (np.array([False, True]), slice(None), 2),
    "mask of two axes": (DEEP > 2).any(axis=2),
    "index, slice, integer": ([0, 1], slice(None), 0),
}

AXES = (None, 0, 1, -1, (0, 1), (0, 2), (-1, 0), (2, 0, 1), ())
REDUCERS = ("sum", "prod", "max", "min", "mean", "var", "std", "ptp", "nansum", "nanmax", "median")
REDUCTIONS = {
    "where": lambda x: np.sum(x, where=M),
    "initial": lambda x: np.sum(x, axis=0, initial=2.0),
    "prod where": lambda x: np.prod(x, axis=1, where=M, initial=2.0),
    "max initial": lambda x: np.max(x, axis=0, initial=1.7),
    "max where": lambda x: np.max(x, axis=1, where=M, initial=0.0),
    "reduce": lambda x: np.add.reduce(x) * np.multiply.reduce(x, axis=0),
    "maximum.reduce": lambda x: np.maximum.reduce(x, axis=1),
    "accumulate": lambda x: np.add.accumulate(x, axis=1),
    "outer": lambda x: np.multiply.outer(x, x[0]) - np.subtract.outer(x, np.ones(3)),
    "sort": lambda x: np.sort(x, axis=0),
    "sort all": lambda x: np.sort(x, axis=None),
}

TOGETHER = {
    "row": lambda x: x * np.arange(3.0),
    "column": lambda x: np.arange(2.0)[:, np.newaxis] - x,
    "deeper": lambda x: x * np.ones((4, 1, 3)),
    "less its mean": lambda x: x - x.mean(axis=0),
    "its share": lambda x: x / x.sum(axis=1, keepdims=True),
    "square": lambda x: x[:, :2] + x[0, :2],
    "number": lambda x: x[0, 0] * np.array([1.0, 2.0]),
    "number, array first": lambda x: np.array([1.0, 2.0]) ** x[0, 0],
    "mask": lambda x: x[(x > 1) & (x < 3)] * (x > 2).sum(),
    "not": lambda x: x * ~(x > 1),
    "comparison": lambda x: (x > 1, x == x),
    "where": lambda x: np.where(x > 1, x, -x),
    "where, broadcast": lambda x: np.where(M, x, x[:, :1]),
    "where, number": lambda x: np.where(x > 1, 0.0, x),
    "constants": lambda x: (x, np.ones(2)),
    "in a dict": lambda x: {"a": x, "b": [x.sum(), x[0]]},
    "filled": lambda x: np.full_like(x, x[0, 1]),
    "with Awkward": lambda x: x * ak.Array([1.0, 2.0, 3.0]),
    "Awkward's": lambda x: ak.sum(x, axis=1),
    "to Awkward": lambda x: ak.Array(x) * 2,
}

#: Arrays that NumPy makes of a list of differentiated numbers.
LISTED = {
    "array": lambda x: np.array([x[0, 0], x[0, 1] ** 2]),
    "table": lambda x: np.array([[x[0, 0], 2.0], [x[0, 1], x[1, 1]]]) * x[:, :2],
    "rows": lambda x: np.array([row.sum() for row in x]),
    "mean": lambda x: np.mean([x[0, 0], x[1, 1]]),
    "sum": lambda x: np.sum([x[0, 0], x[1, 1] ** 2]),
    "maximum": lambda x: np.max([x[0, 0], x[1, 1]]),
    "variance": lambda x: np.var([x[0, 0], x[1, 1], x[0, 1]]),
    "deviation": lambda x: np.std([x[0, 0], x[1, 1], 2.0]),
    "exponential": lambda x: np.exp(np.array([x[0, 0], x[0, 1]])),
    "hypot": lambda x: np.hypot(np.array([x[0, 0], x[0, 1]]), 3.0),
    "product": lambda x: x @ np.array([x[0, 0], 1.0, x[1, 1]]),
    "dot": lambda x: np.dot([x[0, 0], x[1, 0]], [2.0, 3.0]),
    "full": lambda x: np.full(3, x[0, 0]),
    "sorted": lambda x: np.array(sorted(x[0])),
    "largest": lambda x: max(x[0]) + sum(x[1]),
}

PROGRAMS = {
    f"{kind}: {name}": program
    for kind, programs in (
        *(("attribute", ATTRIBUTES), ("method", METHOD_CALLS), ("method", OTHER_METHODS)),
        *(("reduction", REDUCTIONS), ("together", TOGETHER), ("listed", LISTED)),
        ("index", {name: lambda x, at=at: x[at] for name, at in INDEXES.items()}),
    )
    for name, program in programs.items()
}


def leaves(result):
    if isinstance(result, dict):
        result = list(result.values())
    if isinstance(result, (list, tuple)):
        return [leaf for one in result for leaf in leaves(one)]
    return [result]


def kinds(result):
    return [(type(one), str(ak.type(one))) for one in leaves(result)]


def numbers(result):
    return [np.asarray(one, np.float64) for one in leaves(result)]


def check(program, x):
    """Class, type, value and tangent are those that plain NumPy gives."""
    t = np.random.default_rng(3).normal(size=x.shape).astype(x.dtype)
    y, dy = dualak.jvp(program, x, t)
    want = program(x)
    assert kinds(y) == kinds(want)
    around = [numbers(program(x + k * STEP * t)) for k, _ in STENCIL]
    for i, (got, value, tangent) in enumerate(
        zip(numbers(y), numbers(want), numbers(dy), strict=True)
    ):
        np.testing.assert_allclose(got, value, rtol=1e-12)
        sides = [weight * one[i] for (_, weight), one in zip(STENCIL, around, strict=True)]
        np.testing.assert_allclose(tangent, sum(sides) / STEP, rtol=1e-7, atol=1e-7)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", [name for name in PROGRAMS if "round" not in name])
def test_as_numpy_does_it(name):
    check(PROGRAMS[name], X)


def test_rounded_numbers_are_constant():
    y, dy = dualak.jvp(lambda x: x.round(1) * x, X, np.ones_like(X))
    np.testing.assert_allclose(y, X.round(1) * X)
    np.testing.assert_allclose(dy, X.round(1))


def test_every_method_has_a_program():
    assert set(METHODS.split()) == METHOD_CALLS.keys()


@pytest.mark.parametrize("name", DEEP_INDEXES)
def test_indexes_of_three_axes(name):
    check(lambda x: x[DEEP_INDEXES[name]] * 2, DEEP)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("name", REDUCERS)
def test_reducers_over_several_axes(name, axis):
    if name == "median" and axis == ():
        pytest.skip("NumPy's median has no axis ()")
    check(lambda x: getattr(np, name)(x, axis=axis, keepdims=axis == 0), DEEP)


@pytest.mark.parametrize("axis", [None, 0, (0, 1)])
def test_extremes_of_something_that_is_no_number(axis):
    x = np.array([[1.0, np.nan], [3.0, 2.0]])
    y, _ = dualak.jvp(lambda x: np.max(x, axis=axis), x, x)
    np.testing.assert_array_equal(y, np.max(x, axis=axis))


IN_MODES = ("attribute: T", "method: max", "method: var", "index: integer, mask", "together: where")
IN_MODES += ("listed: array", "listed: mean", "together: in a dict", "method: dot")
IN_MODES += ("index: mask of all", "together: its share", "reduction: max where", "listed: table")


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", IN_MODES)
def test_all_modes_agree(name):
    program, t = PROGRAMS[name], np.linspace(0.5, 2.0, X.size).reshape(X.shape)
    y, dy = dualak.jvp(program, X, t)
    value, pushforward = dualak.linearize(program, X)
    compiled = dualak.compile(program)
    for again in (
        *((value, pushforward(t)), *(compiled.jvp(X, t) for _ in range(2))),
        dualak.jvp(lambda x: dualak.jvp(program, x, t)[0], X, t),
    ):
        assert kinds(again) == kinds((y, dy))
        for one, other in zip(numbers(again), numbers((y, dy)), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12)
    _, pullback = dualak.vjp(program, X)
    (gradient,) = leaves(pullback(y))
    assert type(gradient) is np.ndarray
    both = zip(numbers(y), numbers(dy), strict=True)
    np.testing.assert_allclose(np.sum(gradient * t), sum(np.sum(one * dt) for one, dt in both))


def test_second_derivatives():
    f = lambda x: np.mean((x.T @ x)[0, M] ** 2) * x.max()  # noqa: E731
    second = dualak.hessian(f)(X)
    assert type(second) is np.ndarray
    step = 1e-5
    sides = [dualak.grad(f)(X + k * step * np.eye(1, 6, 4).reshape(X.shape)) for k in (1, -1)]
    np.testing.assert_allclose(second[1, 1], (sides[0] - sides[1]) / (2 * step), rtol=1e-6)


def test_a_number_is_looked_for_in_an_array():
    seen = []
    dualak.jvp(lambda x: seen.extend([3.1 in x, 5.0 in x]) or x, X, X)
    assert seen == [True, False]


def test_values_are_arrays_of_numpy():
    seen = []
    dualak.jvp(lambda x: seen.append(dualak.primal(x)) or x, X, X)
    assert type(seen[0]) is np.ndarray


# -- what is refused ------------------------------------------------------------------------------

REFUSED = {
    "out": (lambda x: np.add(x, 1, out=np.zeros((2, 3))), "out"),
    "out of a reducer": (lambda x: np.sum(x, axis=0, out=np.zeros(3)), "out= is refused"),
    "in place": (lambda x: x.__iadd__(1), "out"),
    "element": (lambda x: x.__setitem__(0, 1.0), "np.where"),
    "deleted": (lambda x: x.__delitem__(0), "np.delete"),
    "asarray": (np.asarray, "np.asarray"),
    "asarray of a number": (lambda x: np.asarray(x[0, 0], dtype=float), "tangents"),
    "list": (lambda x: x.tolist(), "tolist"),
    "number": (lambda x: float(x[:1, :1]), r"float\(\)"),
    "numbers": (lambda x: np.array([x[0, 0], x[0, 1]], dtype=float), "tangents"),
    "assigned": (lambda x: np.zeros(3).__setitem__(0, x[0, 0]), "sequence|tangents"),
    "another type": (lambda x: x.view(np.int64), "astype"),
    "average with where": (lambda x: np.mean(x, where=M), "where"),
    "complex": (lambda x: x.astype(complex), "complex numbers"),
    **{name: (lambda x, name=name: getattr(x, name)(), name) for name in IN_PLACE},
    **{name: (lambda x, name=name: getattr(x, name)(), name) for name in OF_BYTES.split()},
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_lose_tangents_is_refused(name):
    function, words = REFUSED[name]
    with pytest.raises((TypeError, ValueError), match=words):
        dualak.jvp(function, X, X)


RAISED = {
    "no such row": lambda x: x[5],
    "a mask of another length": lambda x: x[M],
    "too many indexes": lambda x: x[0, 0, 0],
    "a name": lambda x: x["a"],
    "no such axis": lambda x: x.sum(axis=2),
    "no such axis to sort": lambda x: np.sort(x, axis=2),
    "an axis twice": lambda x: x.mean(axis=(0, 0)),
    "no such axis of a median": lambda x: np.median(x, axis=(0, 2)),
    "shapes": lambda x: x * np.arange(2.0),
    "extreme of nothing": lambda x: x[:0].max(),
    "truth": lambda x: x if x > 0 else -x,
    "size": lambda x: x.item(),
}


@pytest.mark.parametrize("name", RAISED)
def test_errors_are_those_of_numpy(name):
    with pytest.raises((IndexError, ValueError)) as wanted:
        RAISED[name](X)
    with pytest.raises(wanted.type):
        dualak.jvp(RAISED[name], X, X)
