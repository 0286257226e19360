"""Statistics of NumPy on arrays whose lists all have one length; on others they raise, as plain."""

from __future__ import annotations

import math
import warnings

import awkward as ak
import numpy as np
import pytest

import dualak
from tests.support import depth
from tests.support.layouts import (
    LAYOUTS,
    accepts,
    assert_close,
    check,
    check_some,
    direction,
    tree,
)

LAYOUT = dict(LAYOUTS)


def shuffled(*shape):
    """Numbers that are not in order along any axis, and far from each other."""
    random = np.random.default_rng(3)
    size = int(np.prod(shape))
    return random.permutation(np.arange(size) * 0.7 + random.uniform(0, 0.3, size)).reshape(shape)


ARRAYS = {
    "flat": lambda: ak.Array(shuffled(5)),
    "one": lambda: ak.Array(shuffled(1)),
    "N-d": lambda: ak.Array(shuffled(3, 4)),
    "N-d 3": lambda: ak.Array(shuffled(2, 3, 4)),
    "lists of one length": lambda: ak.from_regular(ak.Array(shuffled(2, 3))),
    "regular": lambda: ak.to_regular(ak.Array(shuffled(2, 3).tolist())),
    "float32": lambda: ak.values_astype(ak.Array(shuffled(3, 4)), np.float32),
    "jagged": LAYOUT["jagged"],
}
METHODS = ("linear", "lower", "higher", "nearest", "midpoint", "hazen", "weibull")
METHODS += ("median_unbiased", "inverted_cdf", "averaged_inverted_cdf", "closest_observation")
AXES = ({}, *({"axis": axis} for axis in (0, 1, -1, 2, (0, 1), (-1, 0))))
AXES += ({"keepdims": True}, {"axis": 1, "keepdims": True}, {"axis": (0, 1), "keepdims": True})


def quantile(method):
    return lambda x, **given: np.quantile(x, [0.15, 0.5, 0.8], method=method, **given)


QUANTILES = {
    "median": np.median,
    "nanmedian": np.nanmedian,
    "quantile": lambda x, **given: np.quantile(x, 0.3, **given),
    "nanquantile": lambda x, **given: np.nanquantile(x, [0.2, 0.7], **given),
    "percentile": lambda x, **given: np.percentile(x, [[30.0, 20.0], [0.0, 100.0]], **given),
    "nanpercentile": lambda x, **given: np.nanpercentile(x, 45, **given),
    **{method: quantile(method) for method in METHODS},
}
AVERAGES = {
    "average": np.average,
    "weighted average": lambda x, **given: np.average(x, weights=x * x, **given),
}
RETURNED = {
    "average, returned": lambda x, **given: np.average(x, returned=True, **given),
    "both": lambda x, **given: np.average(x, weights=x + 1, returned=True, **given),
}
if isinstance(np.average(ak.Array([1.0]), returned=True), tuple):  # one array in Awkward 2.8
    AVERAGES |= RETURNED


def accepted(functions):
    for (name, function), (of, x), given in depth.product(functions.items(), ARRAYS.items(), AXES):
        if accepts(lambda x, f=function, more=given: f(x, **more), x()):
            yield pytest.param(function, x, given, id=f"{name} {given} of {of}")


@pytest.mark.one_in(6)
@pytest.mark.parametrize(("function", "x", "given"), list(accepted(QUANTILES | AVERAGES)))
def test_along_every_axis(function, x, given):
    check(lambda x: function(x, **given), x())


def column(x):
    return ak.values_astype(x[:, 0], np.float64)


OTHERS = {
    "partition": lambda x: np.partition(x, 1),
    "partition across": lambda x: np.partition(x, (0, 1), axis=0),
    "partition of all": lambda x: np.partition(x, 2, axis=None),
    "argpartition": lambda x: np.argpartition(x, 1),
    "average by rows": lambda x: np.average(x, axis=0, weights=column(x)),
    "average by columns": lambda x: np.average(x, axis=1, weights=[1.0, 2.0, 0.5, 3.0]),
    "average by both": lambda x: np.average(x, axis=(1, 0), weights=np.arange(12.0).reshape(4, 3)),
    "average of constants": lambda x: np.average(np.arange(4.0), weights=x[0]),
    "average of a list": lambda x: np.average([1.0, 2.0, 3.0, 4.0], weights=x[0]),
    "cov": np.cov,
    "cov of columns": lambda x: np.cov(x, rowvar=False),
    "cov of two": lambda x: np.cov(x, x * x + 1),
    "cov with a constant": lambda x: np.cov(x, shuffled(1, 4)),
    "cov, biased": lambda x: np.cov(x, bias=True),
    "cov, ddof": lambda x: np.cov(x, ddof=0),
    "cov of counts": lambda x: np.cov(x, fweights=[1, 2, 3, 1]),
    "cov of weights": lambda x: np.cov(x, aweights=[0.5, 1.0, 2.0, 0.2]),
    "cov of both": lambda x: np.cov(x, fweights=[1, 2, 3, 1], aweights=[0.5, 1.0, 2.0, 0.2]),
    "corrcoef": np.corrcoef,
    "corrcoef of two": lambda x: np.corrcoef(x, np.sin(x)),
    "corrcoef of columns": lambda x: np.corrcoef(x, rowvar=False),
}


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", OTHERS)
def test_other_functions(name):
    among = ("N-d", "regular", "lists of one length", "float32")
    among += () if "cov" in name else ("flat",)
    check_some(OTHERS[name], [(of, ARRAYS[of]) for of in among], name, everyday=2)


@pytest.mark.parametrize("name", ["cov", "cov of columns", "cov, biased", "cov, ddof", "corrcoef"])
def test_the_variance_of_one_variable_is_a_number(name):
    """NumPy gives an array without dimensions."""
    x = ARRAYS["flat"]()
    y, dy = dualak.jvp(OTHERS[name], x, direction(x))
    assert_close(y, float(OTHERS[name](x)), 1e-14)
    spread = {"cov, biased": 1, "cov, ddof": 1, "corrcoef": 0}.get(name, 5 / 4)
    _, wanted = dualak.jvp(lambda x: ak.var(x) * spread, x, direction(x))
    assert_close(dy, wanted, 1e-14)


# -- what is not a number, and what is equal -------------------------------------------------------

NANS = ak.Array(np.array([[3.0, math.nan, 1.0, 2.0], [5.0, 4.0, 7.0, 6.5]]))


@pytest.mark.parametrize(
    "name", ["median", "quantile", "percentile", *(n for n in QUANTILES if "nan" in n)]
)
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_what_is_not_a_number(name, axis):
    def along(x):
        return QUANTILES[name](x, axis=axis)

    if "nan" in name:
        check(along, NANS)
        return
    known = ak.nan_to_num(NANS, nan=100.0)
    check(along, known)
    y, dy = (np.array(tree(one)) for one in dualak.jvp(along, NANS, direction(NANS)))
    assert_close(tree(y.tolist()), tree(along(NANS)), 1e-14)
    # What is not a number comes last and is taken for all, with its own tangent.
    _, others = dualak.jvp(along, known, direction(NANS))
    wanted = np.where(np.isnan(y), direction(NANS)[0, 1], np.array(tree(others)))
    assert_close(dy.tolist(), wanted.tolist(), 1e-14)


def test_of_equal_numbers_the_first_is_taken():
    x, t = ak.Array([2.0, 1.0, 1.0, 1.0, 3.0]), ak.Array([1.0, 2.0, 3.0, 4.0, 5.0])
    assert tangents(np.median, x, t) == 4.0
    assert tangents(lambda x: np.quantile(x, [0.0, 0.125]), x, t) == [2.0, 2.5]
    assert tangents(lambda x: np.partition(x, 3), x, t) == [2.0, 3.0, 4.0, 1.0, 5.0]


def tangents(function, x, t):
    return ak.to_list(dualak.jvp(function, x, t)[1])


def test_infinite_numbers_beside_a_quantile():
    x = ak.Array([1.0, math.inf, math.inf, -math.inf, 2.0])
    for q in (0.0, 0.25, 0.5, 0.75, 1.0):
        y, _ = dualak.jvp(lambda x, q=q: np.quantile(x, q, method="lower"), x, x)
        assert y == np.quantile(x, q, method="lower")


def test_a_slice_of_nothing_but_nan_warns_as_numpy_does():
    x = ak.Array(np.array([[math.nan, math.nan], [1.0, 2.0]]))
    with pytest.warns(RuntimeWarning):
        y, _ = dualak.jvp(lambda x: np.nanmedian(x, axis=1), x, ak.ones_like(x))
    assert str(ak.to_list(y)) == "[nan, 1.5]"


# -- what is refused -------------------------------------------------------------------------------

MISSING = ak.Array([1.0, None, 3.0])
REFUSED = (
    *((name, ARRAYS["jagged"], function) for name, function in QUANTILES.items()),
    *((name, ARRAYS["jagged"], function) for name, function in AVERAGES.items()),
    *((name, lambda: MISSING, function) for name, function in (QUANTILES | AVERAGES).items()),
    ("partition", ARRAYS["jagged"], lambda x: np.partition(x, 1)),
    ("cov", ARRAYS["jagged"], np.cov),
    ("cov of three dimensions", ARRAYS["N-d 3"], np.cov),
    ("cov of a dtype", ARRAYS["N-d"], lambda x: np.cov(x, dtype=np.float32)),
    ("cov by numbers", ARRAYS["N-d"], lambda x: np.cov(x, aweights=x[0])),
    ("a differentiated share", ARRAYS["flat"], lambda x: np.quantile(np.arange(5.0), x[0] / 9)),
    ("out", ARRAYS["flat"], lambda x: np.median(x, out=np.zeros(()))),
    ("an empty array", LAYOUT["length 0"], np.median),
    ("a scalar", ARRAYS["flat"], lambda x: np.median(x[0])),
    ("weights that do not fit", ARRAYS["N-d"], lambda x: np.average(x, weights=[1.0, 2.0])),
    ("cov of weights that do not fit", ARRAYS["N-d"], lambda x: np.cov(x, aweights=[1.0])),
    ("cov of negative weights", ARRAYS["N-d"], lambda x: np.cov(x, aweights=[1, 1, -1, 1])),
    ("no weight", ARRAYS["N-d"], lambda x: np.average(x, weights=x * 0)),
)


@pytest.mark.parametrize(("what", "x", "function"), REFUSED)
def test_what_numpy_does_not_do_raises(what, x, function):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises((TypeError, ValueError, ZeroDivisionError, RuntimeError)):
            dualak.jvp(function, x(), direction(x()))
