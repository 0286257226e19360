"""The rules: each derivative against the library's function, each kink against its convention."""

from __future__ import annotations

import itertools
import math

import awkward as ak
import numpy as np
import pytest

import dualak
from dualak.functions import ufuncs
from dualak.rules import ARGUMENTS, OUTPUTS, PREDICATES, RULES, UNKNOWN, evaluate, find
from tests.support import depth

#: Names of the table that expressions use, but that are no ufuncs of NumPy or another library.
INTERNAL = ("exponent", "scipy.special.zeta", "scipy.special.gamma_density")
INTERNAL += ("scipy.special.beta_density", "scipy.special.student_density")
INTERNAL += tuple(rule.key for rules in OUTPUTS.values() for rule in rules if rule.key in RULES)
NAMES = [name for name in (*RULES, *OUTPUTS) if name not in INTERNAL]
NUMPYS = [name for name in NAMES if "." not in name]
#: Rules of other libraries whose value is an expression, so that it may differ from theirs.
REWRITTEN = [name for name in NAMES if "." in name and name in RULES and RULES[name].value]
#: Nothing, less than a SIMD register, one more than a block, and several blocks with a rest.
SIZES = (0, 1, 7, 1025, 5000)
#: One of one argument, two and three, with a kink, with two results, with orders, by an expression.
REPRESENTATIVE = ("sin", "power", "maximum", "hypot", "modf", "sqrt", "ldexp", "scipy.special.jv")
INF, NAN = math.inf, math.nan

LONG = np.finfo(np.longdouble)
STEP = LONG.eps**0.25
TIGHT = 1e-10 if LONG.eps < np.finfo(np.float64).eps else 1e-6


def sizes(name):
    """Every day all sizes of some rules, and of each of the others one."""
    return SIZES if depth.EVERYTHING or name in REPRESENTATIVE else SIZES[3:4]


SIZED = [(name, size) for name in NAMES for size in sizes(name)]


def rule_of(name):
    return OUTPUTS[name][0] if name in OUTPUTS else RULES[name]


def function_of(name):
    """The ufunc of a rule; a test of one from a library that is absent is skipped."""
    library, _, name = name.rpartition(".")
    return getattr(pytest.importorskip(library) if library else np, name)


def outputs(result):
    return result if isinstance(result, tuple) else (result,)


def is_number(argument):
    return argument.dtype.kind == "f"


def sample(name, size, dtype):
    """Points of the rule's domain and tangents, None for an argument without a known partial.

    The exponent of ldexp is an integer, and so are orders.
    """
    rng = np.random.default_rng([len(name), size])
    rule = rule_of(name)
    x = [rng.uniform(low, high, size).astype(dtype) for low, high in rule.domain]
    t = [None if p == UNKNOWN else rng.normal(size=size).astype(dtype) for p in rule.partials]
    if name == "ldexp":
        x[1], t[1] = x[1].astype(np.int64), None
    if rule.order:
        x[0] = x[0].astype(np.int64)
    return tuple(x), tuple(t)


def slope(function, x, t, step):
    """The derivative along t by differences of fourth order, one array per output."""

    def shifted(steps):
        moved = [a if d is None else a + steps * step * d for a, d in zip(x, t, strict=True)]
        return [np.asarray(y, np.longdouble) for y in outputs(function(*moved))]

    near = zip(shifted(1), shifted(-1), shifted(2), shifted(-2), strict=True)
    return [(8 * (a - b) - (c - d)) / (12 * step) for a, b, c, d in near]


def differences(name, x, t):
    """The library's derivative, and where it is smooth: two step widths agree.

    Only NumPy has functions of long doubles; the two widths together are of sixth order.
    """
    numpys = name in NUMPYS
    number, step, ratio = (np.longdouble, STEP, 7) if numpys else (np.float64, 2.0**-12, 2)
    close = 1e-3 if numpys else 1e-6
    x = [a.astype(number) if is_number(a) else a for a in x]
    t = [None if d is None else d.astype(number) for d in t]
    function = function_of(name)
    pairs = zip(slope(function, x, t, step), slope(function, x, t, step / ratio), strict=True)
    return [
        (narrow + (narrow - wide) / (ratio**4 - 1), np.isclose(wide, narrow, close, close))
        for wide, narrow in pairs
    ]


def tolerance(name):
    return TIGHT if name in NUMPYS else 1e-8


class _OfLibraries(dict):
    """What expressions of the rules name, as functions of NumPy and SciPy."""

    def __missing__(self, name):
        rule = find(name)
        if rule is None or rule.value is None:
            return np.where if name == "select" else function_of(rule.key if rule else name)
        return lambda *x: evaluate(rule.value, self, **dict(zip(ARGUMENTS, x, strict=False)))


def test_the_table_agrees_with_differences():
    """Every expression, which takes no kernels: those run for some of the rules every day."""
    functions = _OfLibraries()
    for name in [name for name in NAMES if name in RULES and not RULES[name].order]:
        x, t = sample(name, 7, np.float64)
        given = dict(zip(ARGUMENTS, x, strict=False)) | {"z": function_of(name)(*x)}
        with np.errstate(all="ignore"):
            got = sum(
                evaluate(partial, functions, **given) * tangent
                for partial, tangent in zip(RULES[name].partials, t, strict=True)
                if tangent is not None
            )
            ((want, smooth),) = differences(name, x, t)
        assert smooth.sum() >= 6, name
        got = np.broadcast_to(got, want.shape)[smooth]
        scale = max(1.0, np.abs(want[smooth]).max())
        close = tolerance(name)
        np.testing.assert_allclose(got, want[smooth], close, close * scale, err_msg=name)


@pytest.mark.one_in(8)
@pytest.mark.parametrize(("name", "size"), SIZED)
def test_partials_agree_with_differences(name, size):
    x, t = sample(name, size, np.float64)
    _, dy = dualak.jvp(function_of(name), x, t)
    for got, (want, smooth) in zip(outputs(dy), differences(name, x, t), strict=True):
        assert got.shape == (size,)
        assert smooth.sum() >= 0.98 * size
        scale = max(1.0, np.abs(want[smooth]).max(initial=0.0))
        close = tolerance(name)
        np.testing.assert_allclose(got[smooth], want[smooth], rtol=close, atol=close * scale)


@pytest.mark.one_in(8)
@pytest.mark.parametrize(("name", "size"), SIZED)
def test_single_precision_stays_single(name, size):
    x, t = sample(name, size, np.float32)
    y, dy = dualak.jvp(function_of(name), x, t)
    dtypes = [value.dtype for value in outputs(function_of(name)(*x))]
    assert [value.dtype for value in outputs(y)] == dtypes
    assert [value.dtype for value in outputs(dy)] == dtypes
    for got, (want, smooth) in zip(outputs(dy), differences(name, x, t), strict=True):
        scale = max(1.0, np.abs(want[smooth]).max(initial=0.0))
        np.testing.assert_allclose(got[smooth], want[smooth], rtol=1e-5, atol=1e-6 * scale)


@pytest.mark.one_in(4)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("name", "size"), SIZED)
def test_values_are_those_of_the_library(name, size, dtype):
    x, t = sample(name, size, dtype)
    y, _ = dualak.jvp(function_of(name), x, t)
    eps = np.finfo(dtype).eps
    for got, want in zip(outputs(y), outputs(function_of(name)(*x)), strict=True):
        np.testing.assert_allclose(got, want, rtol=8 * eps, atol=2 * eps, strict=True)


def test_differences_would_see_a_wrong_partial():
    x, t = sample("sin", 100, np.float64)
    ((want, smooth),) = differences("sin", x, t)
    assert smooth.all()
    assert not np.allclose(np.cos(x[0]) * t[0] * (1 + 1e-8), want, rtol=TIGHT, atol=0)


@pytest.mark.one_in(6)
@pytest.mark.parametrize("name", NAMES)
def test_each_argument_alone_has_its_partial(name):
    x, t = sample(name, 50, np.float64)
    together = outputs(dualak.jvp(function_of(name), x, t)[1])
    alone = [
        outputs(dualak.jvp(function_of(name), x, only)[1])
        for only in ([d if i == j else None for j, d in enumerate(t)] for i in range(len(t)))
        if any(d is not None for d in only)
    ]
    for total, *parts in zip(together, *alone, strict=True):
        np.testing.assert_allclose(sum(parts), total, rtol=1e-12, atol=1e-12)


# -- kinks ----------------------------------------------------------------------------------------

# (function, point, tangents, the derivative along them)
KINKS = [
    ("absolute", (0.0,), (1.0,), 1.0),
    ("absolute", (-0.0,), (1.0,), 1.0),
    ("fabs", (0.0,), (1.0,), 1.0),
    ("maximum", (2.0, 2.0), (1.0, 0.0), 0.5),
    ("maximum", (2.0, 2.0), (0.0, 1.0), 0.5),
    ("minimum", (2.0, 2.0), (1.0, 0.0), 0.5),
    ("minimum", (2.0, 2.0), (0.0, 1.0), 0.5),
    ("maximum", (INF, INF), (1.0, 0.0), 0.5),
    ("maximum", (0.0, -0.0), (1.0, 0.0), 0.5),
    ("fmax", (2.0, 2.0), (1.0, 0.0), 0.5),
    ("fmax", (2.0, 2.0), (0.0, 1.0), 0.5),
    ("fmin", (2.0, 2.0), (1.0, 0.0), 0.5),
    ("fmin", (2.0, 2.0), (0.0, 1.0), 0.5),
    ("fmax", (NAN, 2.0), (3.0, 5.0), 5.0),
    ("fmax", (2.0, NAN), (3.0, 5.0), 3.0),
    ("fmin", (NAN, 2.0), (3.0, 5.0), 5.0),
    ("fmin", (2.0, NAN), (3.0, 5.0), 3.0),
    ("maximum", (NAN, 2.0), (3.0, 5.0), 0.0),
    ("minimum", (2.0, NAN), (3.0, 5.0), 0.0),
    ("sqrt", (0.0,), (1.0,), INF),
    ("sqrt", (0.0,), (-1.0,), -INF),
    ("sqrt", (-1.0,), (1.0,), NAN),
    ("cbrt", (0.0,), (1.0,), INF),
    ("log", (0.0,), (1.0,), INF),
    ("log", (-2.0,), (1.0,), -0.5),
    ("log1p", (-1.0,), (1.0,), INF),
    ("log", (INF,), (1.0,), 0.0),
    ("reciprocal", (0.0,), (1.0,), -INF),
    ("divide", (1.0, 0.0), (1.0, 0.0), INF),
    ("arcsin", (1.0,), (1.0,), INF),
    ("arccos", (-1.0,), (1.0,), -INF),
    ("arccosh", (1.0,), (1.0,), INF),
    ("arctanh", (1.0,), (1.0,), INF),
    ("hypot", (0.0, 0.0), (1.0, 0.0), 0.5),
    ("hypot", (0.0, 0.0), (0.0, 1.0), 0.5),
    ("arctan2", (0.0, 0.0), (1.0, 0.0), NAN),
    ("power", (0.0, 2.0), (0.0, 1.0), 0.0),
    ("power", (0.0, 0.5), (1.0, 0.0), INF),
    ("power", (0.0, 1.0), (1.0, 0.0), 1.0),
    ("power", (-2.0, 3.0), (1.0, 0.0), 12.0),
    ("float_power", (0.0, 2.0), (0.0, 1.0), 0.0),
    ("float_power", (0.0, 2.0), (1.0, 0.0), 0.0),
    ("copysign", (0.0, -1.0), (1.0, 1.0), -1.0),
    ("copysign", (-0.0, -1.0), (1.0, 1.0), 1.0),
    ("sign", (0.0,), (1.0,), 0.0),
    ("floor", (1.0,), (1.0,), 0.0),
    ("ceil", (1.0,), (1.0,), 0.0),
    ("trunc", (1.0,), (1.0,), 0.0),
    ("rint", (0.5,), (1.0,), 0.0),
    ("spacing", (1.0,), (1.0,), 0.0),
    ("heaviside", (0.0, 0.5), (1.0, 1.0), 1.0),
    ("floor_divide", (4.0, 2.0), (1.0, 1.0), 0.0),
    ("remainder", (4.0, 2.0), (1.0, 0.0), 1.0),
    ("remainder", (4.0, 2.0), (0.0, 1.0), -2.0),
    ("remainder", (-1.0, 3.0), (0.0, 1.0), 1.0),
    ("fmod", (-4.0, 3.0), (1.0, 0.0), 1.0),
    ("fmod", (-4.0, 3.0), (0.0, 1.0), 1.0),
    # 1.0 / 0.1 rounds to 10, but 0.1 (a bit more than a tenth) goes into 1.0 nine times.
    ("remainder", (1.0, 0.1), (0.0, 1.0), -9.0),
    ("fmod", (1.0, 0.1), (0.0, 1.0), -9.0),
    ("exp", (INF,), (1.0,), INF),
    ("exp", (-INF,), (1.0,), 0.0),
    ("tanh", (INF,), (1.0,), 0.0),
    ("sin", (INF,), (1.0,), NAN),
    ("sin", (NAN,), (1.0,), NAN),
]


def at_point(name, point, tangents):
    """The value and the tangent at one point, given as arrays of one element."""
    x = tuple(np.array([a]) for a in point)
    t = tuple(np.array([a]) for a in tangents)
    return dualak.jvp(getattr(np, name), x, t)


@pytest.mark.parametrize(("name", "point", "tangents", "want"), KINKS)
def test_kink_follows_its_convention(name, point, tangents, want):
    _, dy = at_point(name, point, tangents)
    np.testing.assert_array_equal(dy, [want])


def test_every_partial_is_asked_at_its_kink():
    asked = {(name, i) for name, _, tangents, _ in KINKS for i, t in enumerate(tangents) if t}
    of_floats = [rule for rule in RULES.values() if rule.kink and not rule.library]
    partials = {(rule.key, i) for rule in of_floats for i in range(len(rule.partials))}
    # These take or give integers; what is made of them has tests of its own.
    assert {name for name, _ in partials - asked} == {"exponent", "ldexp"}


STEEP = [kink for kink in KINKS if RULES[kink[0]].singular and not math.isfinite(kink[3])]


@pytest.mark.parametrize(("name", "point", "tangents", "partial"), STEEP)
def test_zero_tangent_stays_zero_at_a_steep_kink(name, point, tangents, partial):
    _, dy = at_point(name, point, [0.0] * len(tangents))
    assert dy.tolist() == [0.0], partial


def test_clip_shares_the_tangent_at_its_edges():
    x, t = np.array([-1.0, 0.0, 0.5, 1.0, 2.0]), np.ones(5)
    y, dy = dualak.jvp(lambda x: np.clip(x, 0.0, 1.0), x, t)
    assert y.tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]
    assert dy.tolist() == [0.0, 0.5, 1.0, 0.5, 0.0]


def test_branch_not_taken_gives_no_tangent():
    x, t = ak.Array([-1.0, 0.0, 4.0]), ak.Array([1.0, 1.0, 1.0])
    y, dy = dualak.jvp(lambda x: ak.where(x > 0, np.sqrt(x), 0.0), x, t)
    assert y.to_list() == [0.0, 0.0, 2.0]
    assert dy.to_list() == [0.0, 0.0, 0.25]


def test_square_root_of_an_empty_sum_has_no_tangent():
    x = ak.Array([[3.0, 4.0], [], [0.0]])
    _, dy = dualak.jvp(lambda x: np.sqrt(ak.sum(x**2, axis=1)), x, ak.ones_like(x))
    assert dy.to_list() == [pytest.approx(1.4), 0.0, 0.0]


def test_steep_points_do_not_leak_to_their_neighbours():
    x = np.linspace(0.0, 3.0, 3000)
    t = np.where(np.arange(3000) % 2 == 0, 0.0, 1.0)
    _, dy = dualak.jvp(np.sqrt, x, t)
    np.testing.assert_allclose(dy[1:], 0.5 * t[1:] / np.sqrt(x[1:]), rtol=1e-15)
    assert dy[0] == 0.0


@pytest.mark.parametrize(
    "name", [name for name in NAMES if not rule_of(name).kink and rule_of(name).singular]
)
def test_steep_rules_let_nan_tangents_through(name):
    x, t = sample(name, 3, np.float64)
    t = tuple(None if d is None else np.full(3, NAN) for d in t)
    assert np.isnan(dualak.jvp(function_of(name), x, t)[1]).all()


# -- every ufunc ----------------------------------------------------------------------------------


def floating_ufuncs():
    """All elementwise ufuncs of NumPy that have a loop over float64 arguments, by name."""
    for name in sorted(dir(np)):
        ufunc = getattr(np, name)
        elementwise = isinstance(ufunc, np.ufunc) and not ufunc.signature
        if elementwise and any("d" in types.split("->")[0] for types in ufunc.types):
            yield name, ufunc


UFUNCS = dict(floating_ufuncs())


def test_all_ufuncs_of_floating_point_numbers_are_known():
    assert len(UFUNCS) >= 70
    assert [name for name, ufunc in UFUNCS.items() if not ufuncs.known(ufunc.__name__)] == []


@pytest.mark.parametrize("name", UFUNCS)
def test_known_ufunc_is_computed(name):
    arguments = [ak.Array([0.5, 0.25])] * UFUNCS[name].nin
    if name == "ldexp":
        arguments[1] = ak.Array([1, 2])
    tangents = tuple(a if a.type.content.primitive == "float64" else None for a in arguments)
    y, _ = dualak.jvp(UFUNCS[name], tuple(arguments), tangents)
    with np.errstate(invalid="ignore"):
        expected = outputs(UFUNCS[name](*arguments))
    for got, want in zip(outputs(y), expected, strict=True):
        assert got.type == want.type
        np.testing.assert_allclose(got.to_numpy(), want.to_numpy(), rtol=1e-15)


@pytest.mark.parametrize("name", PREDICATES)
def test_predicates_are_those_of_numpy(name):
    ufunc = getattr(np, name)
    x = special_arguments(ufunc.nin)
    y, dy = dualak.jvp(ufunc, x, x)
    np.testing.assert_array_equal(y, ufunc(*x), strict=True)
    assert not dy.any()


METHODS = {
    "reduce": lambda x: np.add.reduce(x),
    "accumulate": lambda x: np.add.accumulate(x),
    "outer": lambda x: np.add.outer(x, x),
    "at": lambda x: np.add.at(x, [0], x),
    "out": lambda x: np.add(x, x, out=np.empty(1)),
    "where": lambda x: np.add(x, x, where=np.array([True])),
}


@pytest.mark.parametrize("method", METHODS)
def test_methods_and_options_of_ufuncs_are_refused(method):
    with pytest.raises(dualak.NotDifferentiableError, match=f"{method}.*add"):
        dualak.jvp(METHODS[method], ak.Array([1.0]), ak.Array([1.0]))


# -- far away and not a number --------------------------------------------------------------------

SPECIAL = [0.0, 0.3, 1.0, 2.0, 3.5, 710.0, 800.0, 1e7, 1e22, 1e300, 5e-324, 1e-310, INF]
SPECIAL = [*SPECIAL, *(-number for number in SPECIAL), NAN]
#: NumPy leaves open which of two zeros these give.
EITHER_ZERO = ("maximum", "minimum", "fmax", "fmin")


def special_arguments(count, dtype=np.float64):
    """All combinations of special numbers, as one array per argument."""
    with np.errstate(over="ignore"):
        grid = np.array(list(itertools.product(SPECIAL, repeat=count))).astype(dtype)
    return tuple(np.ascontiguousarray(column) for column in grid.T)


def assert_same_numbers(got, want, signs=True, tiny=0.0):
    eps = np.finfo(want.dtype).eps if is_number(want) else 0.0
    np.testing.assert_allclose(got, want, rtol=8 * eps, atol=tiny, strict=True)
    known = ~np.isnan(want) & (signs | (want != 0.0))
    np.testing.assert_array_equal(np.signbit(got[known]), np.signbit(want[known]))


def arguments_of(name, dtype):
    x = special_arguments(function_of(name).nin, dtype)
    if name == "ldexp":
        x = x[0], np.clip(np.nan_to_num(x[1]), -2000, 2000).astype(np.int64)
    return x


@pytest.mark.one_in(2)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", [*NUMPYS, *REWRITTEN])
def test_special_numbers_give_what_the_library_gives(name, dtype):
    x = arguments_of(name, dtype)
    t = tuple(np.ones(a.size, dtype) if is_number(a) else None for a in x)
    with np.errstate(all="ignore"):
        want = outputs(function_of(name)(*x))
    for got, expected in zip(outputs(dualak.jvp(function_of(name), x, t)[0]), want, strict=True):
        # SciPy makes zeros of some numbers that have no exponent left.
        tiny = 0.0 if name in NUMPYS else np.finfo(dtype).tiny
        assert_same_numbers(got, expected, signs=name not in EITHER_ZERO, tiny=tiny)


FAR = {
    "sin": [1e7, -1e22],
    "cos": [1e7, -1e22],
    "tan": [1e7],
    "exp": [710.0, -800.0, -745.0],
    "expm1": [710.0, -800.0],
    "exp2": [1024.0, -1080.0],
    "log": [5e-324, 1e-310, INF],
    "log2": [5e-324],
    "log10": [5e-324],
    "log1p": [1e301],
    "sinh": [800.0, -800.0],
    "cosh": [800.0],
    "tanh": [800.0],
    "arcsinh": [1e200],
    "arccosh": [1e200],
    "arctanh": [1.0],
    "cbrt": [INF],
}


@pytest.mark.parametrize("far", [True, False])
@pytest.mark.parametrize("name", FAR)
def test_one_far_number_spares_the_rest_of_its_block(name, far):
    x = np.random.default_rng(5).uniform(*RULES[name].domain[0], 3000)
    t = np.ones(3000)
    alone = dualak.jvp(getattr(np, name), x, t)
    places = 1500 + np.arange(len(FAR[name]))
    moved = x.copy()
    moved[places] = FAR[name] if far else NAN
    y, dy = dualak.jvp(getattr(np, name), moved, t)
    with np.errstate(all="ignore"):
        assert_same_numbers(y, getattr(np, name)(moved))
    rest = np.setdiff1d(np.arange(3000), places)
    np.testing.assert_allclose(y[rest], alone[0][rest], rtol=2e-15)
    np.testing.assert_allclose(dy[rest], alone[1][rest], rtol=1e-11)
    assert np.isnan(dy[places]).all() or far
