"""Statistics are those of plain Awkward, cancel nowhere, and have the right tangents."""

from __future__ import annotations

import itertools
import math

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
    types,
)

LAYOUT = dict(LAYOUTS)
AXES = (None, -1, 0, 1, 2)
WAYS = ({}, {"keepdims": True}, {"mask_identity": True}, {"mask_identity": False})


def along_axes(functions, arrays, axes, ways):
    """Functions along an axis, and the arrays on which each is tried."""
    for (name, function), axis, way in itertools.product(functions.items(), axes, ways):
        given = {"axis": axis, **way}
        if (name, axis) not in ALONG_NONE:
            label = f"{name} {given}"
            yield pytest.param(along(function, given), arrays.items(), label, id=label)


#: Along these, plain Awkward takes none of the arrays.
ALONG_NONE = {("softmax", None), ("softmax", 0), ("softmax", -2)}


def along(function, given):
    return lambda *arrays: function(*arrays, **given)


# -- of one array ---------------------------------------------------------------------------------

OF_ONE = {
    "mean": ak.mean,
    "var": ak.var,
    "var ddof": lambda x, **given: ak.var(x, ddof=1, **given),
    "std": ak.std,
    "moment 0": lambda x, **given: ak.moment(x, 0, **given),
    "moment 2": lambda x, **given: ak.moment(x, 2, **given),
    "moment 5": lambda x, **given: ak.moment(x, 5, **given),
    "ptp": ak.ptp,
    "softmax": lambda x, **given: ak.softmax(x, **given),
}
SOME = "flat|jagged|3-deep|regular|regular of jagged|N-d|options in lists"
SOME += "|option lists|union|length 0 jagged|empty lists"
ARRAYS = {name: LAYOUT[name] for name in SOME.split("|")}
FEW = {name: LAYOUT[name] for name in ("jagged", "regular of jagged", "option lists")}
ONE = list(along_axes(OF_ONE, ARRAYS, AXES, WAYS[:1]))
ONE += list(along_axes(OF_ONE, FEW, (None, -2, 1), WAYS[1:]))


def divides_by_other_lists(name, x):
    """Softmax of regular lists without keepdims, which is refused."""
    regular = x.ndim > 1 and x.layout.purelist_isregular
    return "softmax" in name and regular and "'keepdims': True" not in name


@pytest.mark.one_in(20)
@pytest.mark.parametrize(("function", "arrays", "name"), ONE)
def test_a_statistic_of_one_array(function, arrays, name):
    usable = [(of, x) for of, x in arrays if not divides_by_other_lists(name, x())]
    check_some(function, usable, name, everyday=2)


# -- of two arrays --------------------------------------------------------------------------------

#: Numbers with exact sums, so that Awkward's own formulas do not cancel, and at least two of them,
#: or none, in each group along every axis.
X = [[1.0, 4.0, 2.0], [8.0, 2.0], [4.0, 1.0, 16.0], [], [2.0, 8.0]]
Y = [[2.0, 1.0, 8.0], [4.0, 2.0], [1.0, 16.0, 4.0], [], [8.0, 1.0]]
W = [[1.0, 2.0, 4.0], [2.0, 1.0], [4.0, 4.0, 1.0], [], [1.0, 2.0]]


def deeper(lists):
    return [[lists[0], lists[2]], [], [lists[2][::-1], lists[0]], [lists[1], lists[4]]]


def with_missing(lists):
    return [[*lists[0][:2], None, None], lists[1], None, lists[2], [None], lists[4], lists[2][::-1]]


MAKERS = {
    "flat": lambda lists: ak.flatten(ak.Array(lists)),
    "jagged": ak.Array,
    "3-deep": lambda lists: ak.Array(deeper(lists)),
    "regular": lambda lists: ak.to_regular(ak.Array([lists[0], lists[2]])),
    "N-d": lambda lists: ak.Array(np.array([lists[0], lists[2], lists[0][::-1]])),
    "missing": lambda lists: ak.Array(with_missing(lists)),
    "float32": lambda lists: ak.values_astype(ak.Array(lists), np.float32),
}


def triple(make):
    return lambda: tuple(make(lists) for lists in (X, Y, W))


TRIPLES = {name: triple(make) for name, make in MAKERS.items()}
OF_TWO = {
    "covar": lambda x, y, w, **given: ak.covar(x, y, **given),
    "weighted covar": lambda x, y, w, **given: ak.covar(x, y, w, **given),
    "corr": lambda x, y, w, **given: ak.corr(x, y, **given),
    "weighted corr": lambda x, y, w, **given: ak.corr(x, y, weight=w, **given),
    "linear_fit": lambda x, y, w, **given: ak.linear_fit(x, y, **given),
    "weighted linear_fit": lambda x, y, w, **given: ak.linear_fit(x, y, w, **given),
    "weighted mean": lambda x, y, w, **given: ak.mean(x, w, **given),
    "weighted var": lambda x, y, w, **given: ak.var(x, weight=w, **given),
    "weighted var ddof": lambda x, y, w, **given: ak.var(x, w, 1.5, **given),
    "weighted std": lambda x, y, w, **given: ak.std(x, w, 0.5, **given),
    "weighted moment": lambda x, y, w, **given: ak.moment(x, 2, w, **given),
}
FEW_TRIPLES = {name: TRIPLES[name] for name in ("jagged", "regular", "missing")}
TWO = list(along_axes(OF_TWO, TRIPLES, AXES, WAYS[:1]))
TWO += list(along_axes(OF_TWO, FEW_TRIPLES, (None, 0, 1), WAYS[1:3]))


@pytest.mark.one_in(16)
@pytest.mark.parametrize(("function", "arrays", "name"), depth.share(TWO, 2))
def test_a_statistic_of_two_arrays_and_a_weight(function, arrays, name):
    check_some(function, arrays, name, everyday=1)


ALONE = depth.share(itertools.product(OF_TWO, (0, 1, 2), (None, 0, 1)), 4)


@pytest.mark.one_in(8)
@pytest.mark.parametrize(("name", "at", "axis"), ALONE)
def test_only_one_of_the_arrays_is_differentiated(name, at, axis):
    arrays = TRIPLES["jagged"]()

    def function(one):
        return OF_TWO[name](*arrays[:at], one, *arrays[at + 1 :], axis=axis)

    if accepts(function, arrays[at]):  # Awkward 2.8 has no covar and corr across lists
        check(function, arrays[at])


def test_constants_may_be_lists_and_arrays_of_numpy():
    x = ak.Array([1.5, 2.5, 4.0])
    for weight in ([1.0, 2.0, 3.0], np.array([1.0, 2.0, 3.0]), [1, 2, 3]):
        check(lambda x, w=weight: ak.std(x, w), x)
        check(lambda x, w=weight: ak.mean(w, x), x)
        check(lambda x, w=weight: ak.linear_fit(w, x), x)


# -- sound numbers --------------------------------------------------------------------------------

OFFSET = 2.0**27
SHIFTED = {
    "var": lambda x, y, w, **given: ak.var(x, **given),
    "weighted var": lambda x, y, w, **given: ak.var(x, w, **given),
    "std": lambda x, y, w, **given: ak.std(x, **given),
    "ptp": lambda x, y, w, **given: ak.ptp(x, **given),
    "softmax": lambda x, y, w, **given: ak.softmax(x),
    **{name: OF_TWO[name] for name in OF_TWO if "co" in name},
    "slope": lambda x, y, w, **given: ak.linear_fit(x, y, w, **given).slope,
    "slope error": lambda x, y, w, **given: ak.linear_fit(x, y, w, **given).slope_error,
}


@pytest.mark.one_in(6)
@pytest.mark.parametrize("name", SHIFTED)
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_what_all_numbers_have_in_common_does_not_cancel(name, axis):
    x, y, w = TRIPLES["jagged"]()
    t = direction((x, y, w))
    function = along(SHIFTED[name], {"axis": axis})
    near = dualak.jvp(function, (x, y, w), t)
    far = dualak.jvp(function, (x + OFFSET, y - OFFSET, w), t)
    for got, wanted in zip(far, near, strict=True):
        assert_close(ak.to_list(got), ak.to_list(wanted), 1e-13)


EQUAL = ak.Array([[2.5], [0.1, 0.1, 0.1], [3.0, 3.0]])
UNEQUAL = ak.Array([[1.0], [3.0, -1.0, 0.5], [2.0, 7.0]])


@pytest.mark.parametrize("function", [ak.std, ak.var, ak.nanstd, np.std])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_equal_numbers_do_not_spread(function, at):
    for axis, x, t in ((1, EQUAL, UNEQUAL), (None, EQUAL[at], UNEQUAL[at])):
        y, dy = dualak.jvp(lambda x, axis=axis: function(x, axis=axis), x, t)
        assert np.all(np.abs(y) < 1e-16)
        assert np.all(np.abs(dy) < 1e-15)


def test_one_number_has_exactly_no_spread():
    for function in (ak.std, ak.var):
        y, dy = dualak.jvp(lambda x, f=function: f(x, axis=1), EQUAL[:1] / 3, UNEQUAL[:1] / 7)
        assert ak.to_list(y) == ak.to_list(dy) == [0.0]


def test_equal_numbers_have_no_slope():
    """What is left of rounding is not divided by itself."""
    x, y = ak.Array([[0.1, 0.1, 0.1], [0.3]]), ak.Array([[1.0, 2.0, 4.0], [5.0]])
    for weight in (None, ak.Array([[0.3, 0.7, 0.9], [0.7]])):
        fit, _ = dualak.jvp(lambda x, w=weight: ak.linear_fit(x, y, w, axis=1), x, x)
        corr, _ = dualak.jvp(lambda x, w=weight: ak.corr(x, y, w, axis=1), x, x)
        assert all(math.isnan(one) for one in (*corr, fit.slope[1]))
        assert not any(map(math.isfinite, (fit.slope[0], *fit.slope_error)))


def test_a_moment_at_zero():
    x, t = ak.Array([[0.0, 1.0, 2.0], [0.0]]), ak.Array([[1.0, 2.0, 3.0], [4.0]])
    for n, wanted in ((0, [0.0, 0.0]), (1, [2.0, 4.0]), (2, [16.0 / 3.0, 0.0])):
        y, dy = dualak.jvp(lambda x, n=n: ak.moment(x, n, axis=1), x, t)
        assert_close(ak.to_list(y), ak.to_list(ak.moment(x, n, axis=1)), 1e-15)
        assert_close(ak.to_list(dy), wanted, 1e-15)


LARGE = ak.Array([[1000.0, 1001.0], [], [-1e4, -1e4 - 2.0], [3e38, 0.0]])
SMALL = ak.Array([[0.0, 1.0], [], [0.0, -2.0], [800.0, 0.0]])


def softmax(x):
    return ak.softmax(x, axis=-1)


def test_softmax_of_large_numbers_is_that_of_their_distances():
    large, small = (dualak.jvp(softmax, x, direction(SMALL)) for x in (LARGE, SMALL))
    assert list(map(ak.to_list, large)) == list(map(ak.to_list, small))


def test_softmax_of_infinities_is_that_of_awkward():
    x = ak.Array([[1.0, math.inf], [-math.inf, 2.0], [-math.inf, -math.inf]])
    y, dy = dualak.jvp(softmax, x, ak.ones_like(x))
    assert str(ak.to_list(y)) == str(ak.to_list(softmax(x)))
    assert ak.to_list(dy)[1] == [0.0, 0.0]


# -- without what is not a number -----------------------------------------------------------------

NANS = {
    "jagged": lambda: ak.Array([[1.5, math.nan, 2.5], [], [math.nan], [4.0, 5.5, 7.0]]),
    "missing": lambda: ak.Array([[1.5, math.nan, None], None, [None, math.nan], [4.0, 5.5]]),
    "N-d": lambda: ak.Array(np.array([[1.5, math.nan, 2.5], [4.0, 5.5, math.nan]])),
    "none": lambda: ak.Array([[math.nan, math.nan], []]),
}
NAN_FORMS = {
    name: getattr(ak, f"nan{name}")
    for name in ("sum", "prod", "min", "max", "mean", "var", "std", "argmin", "argmax")
}
WEIGHTED_NAN_FORMS = {
    "mean": lambda x, **given: ak.nanmean(
        x, ak.Array([1.0, 2.0, math.nan, 3.0])[: len(x)], **given
    ),
    "var": lambda x, **given: ak.nanvar(x, weight=x * x, ddof=0.5, **given),
    "std": lambda x, **given: ak.nanstd(x, x * x, **given),
}
OF_NANS = list(along_axes(NAN_FORMS, NANS, (None, 0, 1), WAYS))
OF_NANS += list(along_axes(WEIGHTED_NAN_FORMS, NANS, (None, 0, 1), WAYS[:1]))


@pytest.mark.one_in(36)
@pytest.mark.parametrize(("function", "arrays", "name"), OF_NANS)
def test_what_is_not_a_number_is_left_out(function, arrays, name):
    check_some(function, arrays, name, everyday=2)


# -- the functions of NumPy that Awkward takes over -----------------------------------------------

OF_NUMPY = ("mean", "var", "std", "ptp", "nansum", "nanprod", "nanmin", "nanmax", "nanmean")
OF_NUMPY += ("nanvar", "nanstd", "nanargmin", "nanargmax")


@pytest.mark.one_in(6)
@pytest.mark.parametrize("name", OF_NUMPY)
@pytest.mark.parametrize(
    ("axis", "layout"),
    depth.share(itertools.product((None, 0, 1, -1), ("jagged", "N-d", "missing")), 5),
)
def test_a_function_of_numpy(name, axis, layout):
    function, x = getattr(np, name), NANS[layout]()
    check(lambda x: function(x, axis=axis), x)
    check(lambda x: function(x, axis=axis, keepdims=True), x)
    if name in ("var", "std", "nanvar", "nanstd"):
        check(lambda x: function(x, axis, ddof=1), x)


# -- arguments ------------------------------------------------------------------------------------


def test_names_of_axes_may_be_given():
    def named(x):
        return ak.with_named_axis(x, ("event", "jet"))

    for function in (ak.mean, ak.var, ak.std, ak.ptp, ak.nanstd, ak.moment):
        for axis in ("event", "jet"):
            args = (2,) if function is ak.moment else ()
            check(lambda x, a=args, f=function, n=axis: f(named(x), *a, axis=n), ak.Array(X))
    check(lambda x: ak.softmax(named(x), axis="jet"), ak.Array(X))
    check(lambda x: ak.linear_fit(named(x), named(x * x), axis="event"), ak.Array(X))


@pytest.mark.parametrize("function", [ak.mean, ak.var, ak.std, ak.ptp, ak.softmax, ak.nanmax])
def test_the_result_gets_the_attributes_it_is_given(function):
    seen = []

    def watched(x):
        seen.append(function(x, axis=1, attrs={"unit": "GeV"}, behavior={"name": 1}))
        layout = function(x, axis=1, highlevel=False)
        assert isinstance(layout, ak.contents.Content)
        return ak.Array(layout)

    y, _ = dualak.jvp(watched, ak.Array(X), ak.Array(X))
    assert seen[0].attrs["unit"] == "GeV"
    assert seen[0].behavior["name"] == 1
    assert types(y) == types(function(ak.Array(X), axis=1))


def test_a_fit_has_the_behavior_of_its_name():
    class Fit(ak.Array):
        def at(self, x):
            return self.intercept + self.slope * x

    def function(x, y):
        fit = ak.linear_fit(x, y, axis=1, behavior={("*", "LinearFit"): Fit})
        return fit.at(2.0)

    check(function, (ak.Array(X[:3]), ak.Array(Y[:3])))


REFUSED = (
    ("np.var dtype", lambda x: np.var(x, dtype=np.float32)),
    ("np.var where", lambda x: np.var(x, where=x > 2)),
    ("np.nanmax initial", lambda x: np.nanmax(x, initial=3.0)),
    ("ak.var out", lambda x: ak.var(x, out=None)),
    ("too deep", lambda x: ak.var(x, axis=2)),
    ("a weight that is a number", lambda x: ak.mean(x, weight=2.0)),
    ("a weight that is a scalar", lambda x: ak.mean(x, weight=x[0, 0])),
    ("a scalar", lambda x: ak.std(x[0, 0])),
    ("records", lambda x: ak.std(ak.zip({"a": x}), axis=1)),
    ("a moment between two", lambda x: ak.moment(x, 1.5)),
    ("softmax across lists", lambda x: ak.softmax(x, axis=0)),
    ("softmax of all", lambda x: ak.softmax(x, axis=None)),
    ("softmax of regular lists", lambda x: ak.softmax(ak.to_regular(x[:, :1][[0, 1, 4]]))),
    ("lists of other lengths", lambda x: ak.covar(x, x[::-1], axis=1)),
)


@pytest.mark.parametrize(("what", "function"), REFUSED)
def test_what_awkward_does_not_do_raises(what, function):
    with pytest.raises((TypeError, ValueError, NotImplementedError)):
        dualak.jvp(function, ak.Array(X), ak.Array(X))
