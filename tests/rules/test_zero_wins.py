"""Zero wins: a tangent or cotangent of zero stays zero beside infinite or undefined partials.

Every rule of the table is asked at the points where its partials are infinite or undefined, at
infinities and where its value overflows, in every mode.  All rules stand in one function, so that a
mode runs once.
"""

from __future__ import annotations

import functools
import importlib
import itertools

import numpy as np
import pytest

import dualak
from dualak.functions.ufuncs import ONLY_IN_RULES
from dualak.rules import RULES, UNKNOWN

POINTS = [0.0, 0.5, 1.0, -1.0, -2.0, 1e3, 1e200, np.inf]
FEWER = [0.0, 1.0, 2.0, np.inf]
#: Where SciPy's functions are asked; it is not sure-footed at large numbers.
SMALL = [0.0, 0.5, 1.0, -1.0]
#: Left out: what takes integers, and what calls a function of SciPy that may take minutes there.
KEYS = [
    key
    for key, rule in RULES.items()
    if key not in (*ONLY_IN_RULES, "ldexp")
    and not any(slow in " ".join((key, *rule.partials)) for slow in ("hyp", "eval_", "ellip"))
]
KEYS.append("hypot")


def function_of(key):
    rule = RULES[key]
    module = importlib.import_module(rule.library) if rule.library else np
    function = getattr(module, rule.name)
    if rule.output is None:
        return function
    return lambda *args: function(*args)[rule.output]


def active(key):
    return [i for i, partial in enumerate(RULES[key].partials) if partial != UNKNOWN]


@functools.cache
def points(key):
    count = len(RULES[key].partials)
    each = POINTS if count < 3 else FEWER
    if RULES[key].library:
        each = SMALL if count < 3 else SMALL[:3]
    return np.array(list(itertools.product(each, repeat=count))).T.copy()


def everything(x):
    """Each function of the table, at its own points; what is not known to change is constant."""
    results = {}
    for key in x:
        args = list(points(key))
        if RULES[key].order:
            args[0] = np.maximum(args[0], 0.0).astype(np.int64)
        for i, one in x[key].items():
            args[i] = one
        results[key] = function_of(key)(*args)
    return results


KNOWN = [key for key in KEYS if active(key)]
X = {key: {i: points(key)[i] for i in active(key)} for key in KNOWN}


def along(argument):
    """The direction in which one of the known arguments of each function changes, if it has it."""
    return {
        key: {i: np.full_like(x, float(k == argument)) for k, (i, x) in enumerate(args.items())}
        for key, args in X.items()
    }


NOWHERE = along(-1)


@functools.cache
def forwards(argument):
    with np.errstate(all="ignore"):
        return dualak.jvp(everything, X, along(argument))[1]


@functools.cache
def backwards(cotangent):
    with np.errstate(all="ignore"):
        y, pullback = dualak.vjp(everything, X)
        return pullback({key: np.full_like(one, cotangent) for key, one in y.items()})


def test_no_direction_gives_no_tangent():
    for key, dy in forwards(-1).items():
        assert not np.any(dy), key


def test_no_cotangent_gives_none():
    for key, found in backwards(0.0).items():
        assert not any(map(np.any, found.values())), key


@pytest.mark.one_in(3)
@pytest.mark.parametrize("argument", range(3))
def test_forward_and_reverse_mode_agree(argument):
    for key, dy in forwards(argument).items():
        known = active(key)
        if argument < len(known):
            np.testing.assert_allclose(
                backwards(1.0)[key][known[argument]], dy, rtol=1e-12, err_msg=key
            )


def test_linearize_and_compile_agree_with_forward_mode():
    with np.errstate(all="ignore"):
        _, pushforward = dualak.linearize(everything, X)
        compiled = dualak.compile(everything, check=False)
        for argument in (-1, 0):
            modes = pushforward(along(argument)), compiled.jvp(X, along(argument))[1]
            for key, dy in forwards(argument).items():
                for found in modes:
                    np.testing.assert_array_equal(found[key], dy, err_msg=key)


def test_several_directions_agree_with_one():
    with np.errstate(all="ignore"):
        directions = dualak.Directions([along(argument) for argument in (-1, 0, 1)])
        _, dys = dualak.jvp(everything, X, directions)
    for argument, dy in zip((-1, 0, 1), dys, strict=True):
        for key in KNOWN:
            np.testing.assert_array_equal(dy[key], forwards(argument)[key], err_msg=key)


# -- products of many numbers ----------------------------------------------------------------------

INF = np.inf
ROWS = np.array([[INF, 2.0], [0.0, 3.0]])
PRODUCTS = {
    "dot": (lambda v: np.dot(ROWS, v), np.array([1.0, 2.0]), np.array([0.0, 1.0]), [2.0, 3.0]),
    "matmul": (lambda v: ROWS @ v, np.array([1.0, 2.0]), np.array([1.0, 1.0]), [INF, 3.0]),
    "convolve": (
        lambda v: np.convolve(v, np.array([INF, 1.0])),
        np.array([1.0, 2.0]),
        np.array([0.0, 1.0]),
        [0.0, INF, 1.0],
    ),
    "prod": (lambda v: np.prod(v), np.array([INF, 2.0]), np.array([1.0, 0.0]), 2.0),
    "prod of zero": (lambda v: np.prod(v), np.array([0.0, INF]), np.array([0.0, 1.0]), 0.0),
    "product": (lambda v: v[0] * np.exp(v[1]), np.array([1.0, 1e3]), np.array([0.0, 0.0]), 0.0),
    "mask": (lambda v: np.array([0.0, 1.0]) * np.sqrt(v), np.zeros(2), np.ones(2), [0.0, INF]),
}


@pytest.mark.parametrize("case", PRODUCTS.values(), ids=PRODUCTS)
def test_zero_wins_in_products_of_many_numbers(case):
    func, x, t, want = case
    with np.errstate(all="ignore"):
        y, dy = dualak.jvp(func, x, t)
        np.testing.assert_array_equal(dy, want)
        np.testing.assert_array_equal(dualak.linearize(func, x)[1](t), want)
        (found,) = [dualak.vjp(func, x)[1](np.zeros_like(y))]
        np.testing.assert_array_equal(found, np.zeros_like(x))
