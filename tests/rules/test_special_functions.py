"""Functions of SciPy: derivatives of every order, far away and at edges, and who may be refused.

First derivatives over each rule's domain are looked at with the other rules, in test_rules.py.
"""

from __future__ import annotations

import functools
import itertools
import math
import subprocess
import sys

import awkward as ak
import numpy as np
import pytest

import dualak
from dualak.rules import PREDICATES, RULES, UNKNOWN, evaluate, find
from dualak.rules.libraries import function_of
from tests.support import depth
from tests.support.layouts import LAYOUTS, check

special = pytest.importorskip("scipy.special")

LAYOUT = dict(LAYOUTS)
OURS = {name: rule for name, rule in RULES.items() if rule.library}
INF, NAN = math.inf, math.nan


def jagged():
    return ak.Array([[0.35, 0.6], [], [0.85]])


# -- derivatives of every order -------------------------------------------------------------------


class Dual:
    """A value and a tangent, each of them a Dual again or an array: the rules, and nothing else."""

    __array_ufunc__ = None  # an array on the left leaves the operation to us

    def __init__(self, level, value, tangent):
        self.level, self.value, self.tangent = level, value, tangent

    def __add__(self, other):
        return call("add", self, other)

    def __radd__(self, other):
        return call("add", other, self)

    def __sub__(self, other):
        return call("subtract", self, other)

    def __rsub__(self, other):
        return call("subtract", other, self)

    def __mul__(self, other):
        return call("multiply", self, other)

    def __rmul__(self, other):
        return call("multiply", other, self)

    def __truediv__(self, other):
        return call("divide", self, other)

    def __rtruediv__(self, other):
        return call("divide", other, self)

    def __pow__(self, other):
        return call("power", self, other)

    def __rpow__(self, other):
        return call("power", other, self)

    def __neg__(self):
        return call("negative", self)


class Functions(dict):
    def __missing__(self, name):
        return functools.partial(call, name)


def level_of(number):
    return number.level if isinstance(number, Dual) else 0


def halves(number, level):
    here = level_of(number) == level
    return (number.value, number.tangent) if here else (number, None)


def call(name, *args):
    """A function of the table, by its rule as often as its arguments are nested."""
    level = max(map(level_of, args))
    if level == 0:
        return of_arrays(name, args)
    values, tangents = zip(*(halves(one, level) for one in args), strict=True)
    if name == "select":
        condition, x, y = values
        dx, dy = (0.0 if one is None else one for one in tangents[1:])
        return Dual(level, call("select", condition, x, y), call("select", condition, dx, dy))
    z = call(name, *values)
    if name in PREDICATES:
        return z
    names = dict(zip("xyuv", values, strict=False))
    terms = [
        tangent * evaluate(partial, Functions(), **names, z=z)
        for partial, tangent in zip(find(name).partials, tangents, strict=True)
        if tangent is not None and partial != "0"
    ]
    return Dual(level, z, sum(terms[1:], terms[0])) if terms else z


def of_arrays(name, args):
    rule = find(name)
    args = [np.asarray(one, np.float64) for one in args]
    if name == "select":
        return np.where(*args)
    if rule is None or not rule.library:
        with np.errstate(all="ignore"):
            return getattr(np, name)(*args)
    if rule.value is not None:
        return evaluate(rule.value, Functions(), **dict(zip("xyuv", args, strict=False)))
    return function_of(rule)(*np.broadcast_arrays(*args))


def derivative(name, args, which, order):
    """The derivative of an order in one argument."""
    moving = args[which]
    for level in range(1, order + 1):
        moving = Dual(level, moving, 1.0)
    result = call(name, *args[:which], moving, *args[which + 1 :])
    for level in range(order, 0, -1):
        if level_of(result) != level:
            return np.zeros_like(args[0])
        result = result.tangent
    return result + np.zeros_like(args[0])


#: Weights of the sixth-order difference, of points on one side.
STENCIL = ((1, 45 / 60), (2, -9 / 60), (3, 1 / 60))


def difference(function, x, step):
    sides = (w * (function(x + k * step) - function(x - k * step)) for k, w in STENCIL)
    return sum(sides) / step


def points(rule):
    """Points well inside the domain; orders are whole numbers."""
    rng = np.random.default_rng(len(rule.key))
    middle = [(0.9 * low + 0.1 * high, 0.1 * low + 0.9 * high) for low, high in rule.domain]
    args = [rng.uniform(low, high, 40) for low, high in middle]
    if rule.order:
        args[0] = np.rint(args[0])
    return args


SMOOTH = [
    (name, which)
    for name, rule in OURS.items()
    for which, partial in enumerate(rule.partials)
    if partial not in ("0", UNKNOWN)
]


@pytest.mark.one_in(2)
@pytest.mark.parametrize("order", depth.everyday([1], [1, 2, 3]))
@pytest.mark.parametrize(("name", "which"), SMOOTH)
def test_derivative_of_any_order_is_that_of_the_one_before(name, which, order):
    assert_derivative_of_the_one_before(name, points(OURS[name]), which, order)


def assert_derivative_of_the_one_before(name, args, which, order):
    def before(x):
        return derivative(name, [*args[:which], x, *args[which + 1 :]], which, order - 1)

    with np.errstate(all="ignore"):  # in the branches that are not taken
        got = derivative(name, args, which, order)
        wide, want = (difference(before, args[which], step) for step in (2.0**-9, 2.0**-10))
    smooth = np.isclose(wide, want, rtol=1e-4, atol=1e-4)
    assert smooth.sum() >= 0.9 * len(got)
    scale = np.abs(want[smooth]).max()
    np.testing.assert_allclose(got[smooth], want[smooth], 1e-6, 1e-7 * scale + 1e-12)


#: Points where formulas are 0 / 0, or where two of them meet: name, point, argument that moves.
CENTRES = (
    ("sici_0", (0.0,), 0),
    ("sici_0", (0.5,), 0),
    ("shichi_0", (0.0,), 0),
    ("shichi_0", (-0.5,), 0),
    ("spence", (1.0,), 0),
    ("spence", (1.5,), 0),
    ("exprel", (0.0,), 0),
    ("ellipk", (0.0,), 0),
    ("ellipk", (0.5,), 0),
    ("ellipe", (0.0,), 0),
    ("ellipe", (-0.5,), 0),
    ("ellipkm1", (1.0,), 0),
    ("ellipkm1", (0.5,), 0),
    ("boxcox", (2.0, 0.0), 1),
    ("boxcox", (1.0, 2.0), 0),
    ("boxcox1p", (0.5, 0.0), 1),
    ("boxcox1p", (0.0, 0.3), 0),
    ("inv_boxcox", (2.0, 0.0), 1),
    ("inv_boxcox", (0.5, 1.0), 1),
    ("inv_boxcox1p", (2.0, 0.0), 1),
    ("logit", (0.5,), 0),
    ("logit", (0.3,), 0),
    ("expit", (0.0,), 0),
    ("log_expit", (0.0,), 0),
    ("rgamma", (0.0,), 0),
    ("rgamma", (-1.0,), 0),
    ("rgamma", (-2.0,), 0),
    ("rgamma", (0.5,), 0),
    ("psi", (-1.5,), 0),
    ("j1", (0.0,), 0),
    ("i1", (0.0,), 0),
    ("jv", (0.0, 0.0), 1),
    ("jv", (2.0, 0.0), 1),
    ("iv", (1.0, 0.0), 1),
    ("airy_0", (0.0,), 0),
    ("gammainc", (20.0, 18.0), 1),
    ("gammainc", (3.0, 2.0), 1),
    ("kl_div", (1.0, 1.0), 0),
    ("kl_div", (1.0, 1.0), 1),
    ("rel_entr", (1.0, 2.0), 0),
    ("eval_legendre", (3.0, 1.0), 1),
    ("eval_chebyt", (4.0, -1.0), 1),
    ("eval_jacobi", (1.0, 0.5, 0.5, 1.0), 3),
    ("wrightomega", (0.0,), 0),
)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("order", depth.everyday([1, 3], [1, 2, 3]))
@pytest.mark.parametrize(("name", "point", "which"), CENTRES)
def test_derivative_of_any_order_at_a_removable_singularity(name, point, which, order):
    args = [np.array([a]) for a in point]
    assert_derivative_of_the_one_before(f"scipy.special.{name}", args, which, order)


def test_mixed_derivative_at_zero():
    def mixed(name, x, y):
        inner, outer = Dual(1, x, 1.0), Dual(2, y, 1.0)
        return call(name, inner, outer).tangent.tangent

    assert mixed("xlogy", np.array([0.0]), np.array([2.0])) == [0.5]
    assert mixed("xlog1py", np.array([0.0]), np.array([1.0])) == [0.5]
    assert mixed("rel_entr", np.array([0.0]), np.array([2.0])) == [-0.5]


#: Orders that a derivative lowers below zero, and the derivative there.
ORDERS = (
    ("eval_hermite", 0, 0.0),
    ("eval_hermite", 1, 2.0),
    ("eval_legendre", 0, 0.0),
    ("eval_chebyu", 1, 2.0),
    ("eval_legendre", -2, NAN),
    ("expn", 0, -math.exp(-0.5) * (1 / 0.5 + 1 / 0.25)),
    ("kn", 0, -special.k1(0.5)),
    ("yn", 0, -special.y1(0.5)),
)


@pytest.mark.parametrize(("name", "order", "want"), ORDERS)
def test_lowest_orders(name, order, want):
    function = getattr(special, name)
    _, dy = dualak.jvp(lambda x: function(order, x), np.array([0.5]), np.array([1.0]))
    np.testing.assert_allclose(dy, [want], rtol=1e-15)


# -- far away and at edges ------------------------------------------------------------------------

#: Name, arguments, which of them moves, and the derivative, computed with 60 digits.
FAR = (
    ("erfcx", (14.5,), 0, -0.0026645019307432118),
    ("erfcx", (16.0,), 0, -0.0021910766977257718),
    ("erfcx", (300.0,), 0, -6.2686686738802135e-6),
    ("dawsn", (14.5,), 0, -0.0023952928394538782),
    ("dawsn", (16.0,), 0, -0.0019646824059075771),
    ("dawsn", (-60.0,), 0, -0.00013894679948613681),
    ("log_ndtr", (-1000.0,), 0, 1000.000999998),
    ("log_ndtr", (-30.0,), 0, 30.033259667433677),
    ("log_ndtr", (10.0,), 0, 7.6945986267064193e-23),
    ("expit", (40.0,), 0, math.exp(-40.0)),
    ("expit", (-745.0,), 0, math.exp(-745.0)),
    ("log_expit", (800.0,), 0, 0.0),
    ("log_expit", (-800.0,), 0, 1.0),
    ("kl_div", (1.0 + 2.0**-40, 1.0), 0, 9.0949470177251465e-13),
    ("kl_div", (1e300, 1e-300), 0, 600 * math.log(10)),
    ("gammainc", (1e6, 1001000.0), 1, 0.00024180950473148183),
    ("gammainc", (1e4, 9800.0), 1, 0.00053620847833239513),
    ("gammainc", (19.5, 20.0), 1, 0.087157413190029031),
    ("gammainc", (20.5, 20.0), 1, 0.089392218656440032),
    ("gammainc", (300.0, 500.0), 1, 6.8565959178183287e-23),
    ("ellipk", (1e-9,), 0, 0.39269908214051062),
    ("ellipk", (1.0 - 2.0**-20,), 0, 524286.2955566073),
    ("ellipk", (-1000.0,), 0, 6.0676903231656356e-5),
    ("ellipe", (1e-9,), 0, -0.39269908184598631),
    ("ellipe", (1.0 - 2.0**-20,), 0, -3.6588855811897224),
    ("ellipe", (-1000.0,), 0, -0.01577708735936138),
    ("spence", (1.000000001,), 0, -0.9999999995),
    ("spence", (0.6,), 0, -1.2770640594149767),
    ("spence", (200.0,), 0, -0.026624710384663501),
    ("exprel", (1e-9,), 0, 0.50000000033333333),
    ("exprel", (0.3,), 0, 0.61220927440886475),
    ("exprel", (-500.0,), 0, 4.0e-6),
    ("boxcox", (3.0, 1e-9), 1, 0.60347448084828064),
    ("boxcox", (3.0, -0.2), 1, 0.52195223412213418),
    ("inv_boxcox", (3.0, 1e-7), 1, -90.384839327211531),
    ("inv_boxcox", (3.0, 0.2), 1, -24.904631384994101),
    ("rgamma", (-3.0,), 0, -6.0),
    ("rgamma", (-3.0000000001,), 0, -6.0000000015073412),
    ("rgamma", (0.0,), 0, 1.0),
    ("rgamma", (30.0,), 0, -3.82778696721517e-31),
    ("psi", (1e-3,), 0, 1000001.6425331959),
    ("psi", (-2.5,), 0, 9.5392466449891238),
    ("psi", (1e5,), 0, 1.0000050000166667e-5),
    ("pseudo_huber", (1.0, 1e-9), 1, 1e-9),
    ("pseudo_huber", (1.0, 1e-9), 0, 0.25e-36),
    ("pseudo_huber", (0.0, -3.0), 0, 3.0),
)


@pytest.mark.parametrize(("name", "point", "which", "want"), FAR)
def test_derivative_keeps_its_digits(name, point, which, want):
    x = tuple(np.array([a]) for a in point)
    t = tuple(np.array([1.0]) if i == which else None for i in range(len(point)))
    _, dy = dualak.jvp(getattr(special, name), x, t)
    np.testing.assert_allclose(dy, [want], rtol=1e-12)


EDGES = (
    ("xlogy", (0.0, 0.0), (0.0, 1.0), 0.0),
    ("xlogy", (0.0, 0.0), (1.0, 0.0), -INF),
    ("xlogy", (0.0, 2.0), (0.0, 1.0), 0.0),
    ("xlogy", (0.0, NAN), (1.0, 0.0), NAN),
    ("xlog1py", (0.0, -1.0), (0.0, 1.0), 0.0),
    ("rel_entr", (0.0, 0.0), (0.0, 1.0), 0.0),
    ("rel_entr", (0.0, 1.0), (1.0, 0.0), -INF),
    ("kl_div", (0.0, 2.0), (0.0, 1.0), 1.0),
    ("entr", (0.0,), (1.0,), INF),
    ("logit", (0.0,), (1.0,), INF),
    ("erfinv", (1.0,), (1.0,), INF),
    ("ndtri", (0.0,), (1.0,), INF),
    ("gammainc", (1.0, 0.0), (None, 1.0), 1.0),
    ("gammainc", (2.0, 0.0), (None, 1.0), 0.0),
    ("gammainc", (0.5, 0.0), (None, 1.0), INF),
    ("betainc", (1.0, 1.0, 0.0), (None, None, 1.0), 1.0),
    ("ellipe", (1.0,), (1.0,), -INF),
    ("huber", (1.0, 1.0), (0.0, 1.0), 1.0),
    ("huber", (1.0, -2.0), (0.0, 1.0), -1.0),
    ("huber", (1.0, -2.0), (1.0, 0.0), 1.0),
    ("huber", (-1.0, 2.0), (1.0, 1.0), 0.0),
    ("i0e", (0.0,), (1.0,), 0.0),
    ("erfcx", (INF,), (1.0,), 0.0),
    ("erf", (INF,), (1.0,), 0.0),
    ("erf", (NAN,), (1.0,), NAN),
    ("iv", (0.5, 0.0), (None, 1.0), INF),
    ("k0", (0.0,), (1.0,), -INF),
    ("round", (0.5,), (1.0,), 0.0),
)


@pytest.mark.parametrize(("name", "point", "tangents", "want"), EDGES)
def test_edge_follows_its_convention(name, point, tangents, want):
    x = tuple(np.array([a]) for a in point)
    t = tuple(None if a is None else np.array([a]) for a in tangents)
    y, dy = dualak.jvp(getattr(special, name), x, t)
    np.testing.assert_array_equal(y, getattr(special, name)(*x))
    np.testing.assert_array_equal(dy, [want])


# -- complex steps --------------------------------------------------------------------------------

#: Functions of a complex number whose own derivative is as good as their value.
COMPLEX = ("erf", "erfc", "erfcx", "erfi", "dawsn", "ndtr", "log_ndtr", "gamma", "loggamma")
COMPLEX += ("rgamma", "psi", "exp1", "spence", "expm1", "log1p", "wrightomega", "fresnel", "airy")


@pytest.mark.parametrize("name", COMPLEX)
def test_derivative_is_that_of_a_complex_step(name):
    function = getattr(special, name)
    x = np.random.default_rng(3).uniform(0.2, 2.5, 50)
    _, dy = dualak.jvp(function, x, np.ones(50))
    stepped = function(x + 1e-9j)
    pairs = zip(dy, stepped, strict=True) if isinstance(dy, tuple) else [(dy, stepped)]
    for got, moved in pairs:
        np.testing.assert_allclose(got, moved.imag / 1e-9, rtol=1e-7, atol=1e-9)


# -- in arrays ------------------------------------------------------------------------------------

IN_ARRAYS = (
    ("expit", lambda x: special.expit(x - 2.0)),
    ("erf of a chain", lambda x: np.exp(-special.erf(np.sin(x) * x)) * x),
    ("two outputs", lambda x: special.sici(x)),
    ("four outputs", lambda x: special.airy(x)[3] - special.airy(x)[0]),
    ("order beside", lambda x: special.jv(1, x) + special.eval_legendre(3, x) + special.kn(2, x)),
    ("array of orders", lambda x: special.jv(np.ones(len(x)), x)),
    ("scalar beside", lambda x: special.xlogy(2.0, x) + special.xlogy(x, 3.0)),
    ("parameters", lambda x: special.betainc(2.0, 3.5, special.expit(x))),
    ("softplus", lambda x: special.softplus(x)),
    ("reversed", lambda x: special.gammaln(x[::-1] + 1.0)),
)
SHAPES = ("flat", "jagged", "3-deep", "N-d", "indexed", "options in lists", "union", "length 0")
SHAPES += ("empty lists", "float32", "byte masked")


#: One order for each list: NumPy's arrays are aligned at the other end, unions at none.
PLACES = [
    pytest.param(function, layout, id=f"{what} of {layout}")
    for (what, function), layout in itertools.product(IN_ARRAYS, SHAPES)
    if what != "array of orders" or layout not in ("N-d", "union")
]


@pytest.mark.one_in(3)
@pytest.mark.parametrize(("function", "layout"), depth.share(PLACES, 3))
def test_in_an_array_of_any_layout(function, layout):
    check(function, LAYOUT[layout]())


def test_after_and_before_other_functions():
    def function(x):
        smooth = special.expit((x - 0.5) * 20.0)
        return ak.sum(smooth * x, axis=1) * special.ndtr(ak.sum(x))

    check(function, jagged())


def test_of_a_differentiated_scalar():
    check(lambda x: special.erf(x[0, 1]) * x, jagged())
    check(lambda s: special.erf(s) * special.jv(0, s), 0.7)


WITH_ORDER = [
    (name, order)
    for name in ("jv", "kv", "eval_legendre", "eval_chebyu", "expn", "kn")
    for order in (2, np.int32(2), 2.0, *([] if name in ("expn", "kn") else [1.5]))
]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("name", "order"), WITH_ORDER)
def test_order_of_any_type_gives_what_scipy_gives(name, dtype, order):
    function = getattr(special, name)
    x = np.array([0.3, 0.75], dtype)
    want = function(order, x)
    y, dy = dualak.jvp(lambda x: function(order, x), x, np.ones(2, dtype))
    assert y.dtype == dy.dtype == want.dtype
    exact = isinstance(order, int | np.integer)
    np.testing.assert_allclose(
        y, want, rtol=0.0 if exact else 1e-6 if dtype is np.float32 else 1e-14
    )


# -- refused --------------------------------------------------------------------------------------

UFUNCS = sorted(name for name in dir(special) if isinstance(getattr(special, name), np.ufunc))
KNOWN = {f"scipy.special.{name}" for name in UFUNCS} & {
    name.rpartition("_")[0] if rule.output is not None else name for name, rule in OURS.items()
}


def test_there_are_functions_of_both_kinds():
    assert len(KNOWN) >= 110
    assert len(UFUNCS) - len(KNOWN) >= 50


@pytest.mark.parametrize("name", UFUNCS)
def test_every_ufunc_is_known_or_refused_by_name(name):
    ufunc = getattr(special, name)
    x = ak.Array([0.5, 0.25])
    constants = (1,) * (ufunc.nin - 1)
    if f"scipy.special.{ufunc.__name__}" in KNOWN:
        partials = (OURS.get(f"scipy.special.{ufunc.__name__}") or find(f"{name}_0")).partials
        at = next(i for i, partial in enumerate(partials) if partial != UNKNOWN)
        args = [*constants[:at], x, *constants[at:]]
        y, _ = dualak.jvp(lambda x: ufunc(*args[:at], x, *args[at + 1 :]), x, x)
        for got, want in zip(
            y if ufunc.nout > 1 else [y], np.atleast_2d(ufunc(*args)), strict=True
        ):
            np.testing.assert_allclose(ak.to_numpy(got), want, rtol=1e-14)
    else:
        with pytest.raises(
            dualak.NotDifferentiableError, match=rf"scipy.special.{ufunc.__name__} .*custom_jvp"
        ):
            dualak.jvp(lambda x: ufunc(x, *constants), x, x)


#: SciPy itself refuses these with an order that is no integer.
OF_INTEGERS = ("scipy.special.eval_hermite", "scipy.special.eval_hermitenorm")
HIDDEN = [
    (name, which)
    for name in sorted(KNOWN & set(OURS) - set(OF_INTEGERS))
    for which, partial in enumerate(OURS[name].partials)
    if partial == UNKNOWN
]


@pytest.mark.parametrize(("name", "which"), HIDDEN)
def test_tangent_where_no_partial_is_known_is_refused(name, which):
    ufunc = getattr(special, name.rpartition(".")[2])
    x = tuple(ak.Array([0.5, 0.25]) for _ in range(ufunc.nin))
    t = [None] * ufunc.nin
    t[which] = x[which]
    with pytest.raises(
        dualak.NotDifferentiableError, match=rf"{name}: .* argument {which} .*custom_jvp"
    ):
        dualak.jvp(ufunc, x, tuple(t))


def vectorized():
    numba = pytest.importorskip("numba")

    @numba.vectorize(["float64(float64)"])
    def sin(x):
        return 3.0 * x

    @numba.vectorize
    def cbrt(x):
        return 3.0 * x

    @numba.vectorize(["float64(float64, float64)"])
    def divide(x, y):
        return x - y

    return [sin, cbrt, lambda x: divide(x, x)]


def renamed():
    def erf(x):
        return x

    return [np.frompyfunc(erf, 1, 1), np.frompyfunc(lambda x: x, 1, 1)]


@pytest.mark.parametrize("makers", [vectorized, renamed])
def test_function_of_a_known_name_from_elsewhere_is_refused(makers):
    for function in makers():
        for x in (jagged(), ak.Array([1.5]), ak.Array([[1.0, None]])):
            with pytest.raises(dualak.NotDifferentiableError, match="custom_jvp"):
                dualak.jvp(function, x, x)


@pytest.mark.parametrize("name", ["cbrt", "exp2", "expm1", "log1p"])
def test_functions_of_one_name_in_two_libraries_are_both_known(name):
    check(getattr(special, name), jagged())
    check(getattr(np, name), jagged())


def test_functions_that_are_no_ufuncs_lose_no_tangent():
    for function in (special.zeta, special.logsumexp, special.softmax):
        with pytest.raises((dualak.NotDifferentiableError, dualak.EscapeError)):
            dualak.jvp(function, ak.Array([1.5]), ak.Array([1.0]))
    for function in (lambda x: special.zeta(x, 2.0), lambda x: special.polygamma(1, x)):
        with pytest.raises((dualak.NotDifferentiableError, dualak.EscapeError)):
            dualak.jvp(function, ak.Array([1.5]), ak.Array([1.0]))


def test_options_of_ufuncs_are_refused_by_their_own_name():
    with pytest.raises(dualak.NotDifferentiableError, match=r"scipy.special.erf with out"):
        dualak.jvp(lambda x: special.erf(x, out=np.empty(1)), ak.Array([1.0]), ak.Array([1.0]))


# -- only when it is used -------------------------------------------------------------------------

LAZY = """
import sys, awkward as ak, numpy as np, dualak
dualak.jvp(lambda x: np.exp(x) * np.cbrt(x), ak.Array([1.0]), ak.Array([1.0]))
assert "scipy.special" not in sys.modules
import scipy.special
y, dy = dualak.jvp(scipy.special.erf, ak.Array([0.0]), ak.Array([1.0]))
assert abs(dy[0] - 2 / np.pi**0.5) < 1e-15
"""


@pytest.mark.in_full
def test_library_is_not_imported_before_it_is_used():
    subprocess.run([sys.executable, "-c", LAZY], check=True)


def test_constants_are_computed_as_any_number():
    for name, x in itertools.product(("erf", "gammaln", "expit"), (0.3, 2.0)):
        function = getattr(special, name)
        y, dy = dualak.jvp(lambda s, f=function, x=x: s * f(x), 3.0, 1.0)
        assert (y, dy) == (3.0 * function(x), function(x))
