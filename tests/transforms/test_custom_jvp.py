"""Rules of the user's own: right values and tangents in every layout, and errors that say why."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import awkward as ak
import numpy as np
import pytest

import dualak
from dualak.arrays.layouts import holds_duals
from tests.support import ROOT
from tests.support.layouts import LAYOUTS, accepts, assert_close, check, direction, tree, types

LAYOUT = dict(LAYOUTS)
RECORDS = ("union records", "records", "nested records", "tuples", "jets", "events")
RECORDS += ("indexed records", "option records")
NUMBERS = [name for name in LAYOUT if name not in RECORDS]


def jagged():
    return ak.Array([[1.1, 2.2, 3.3], [], [4.4, 5.5]])


def flat():
    return ak.Array([10.0, 20.0, 30.0])


def jets():
    return LAYOUT["jets"]()[["pt", "eta"]]


def opaque(x):
    """Fails on anything that is differentiated."""
    for one in x if isinstance(x, tuple) else (x,):
        assert not (isinstance(one, (ak.Array, ak.Record)) and holds_duals(ak.to_layout(one)))
    return x


@dualak.custom_jvp
def sine(x):
    return np.sin(opaque(x))


@sine.defjvp
def _(primals, tangents):
    (x,), (t,) = opaque(primals), opaque(tangents)
    return np.sin(x), np.cos(x) * t


@dualak.custom_jvp(elementwise=True)
def flat_sine(x):
    assert type(x) is np.ndarray
    assert x.ndim == 1
    return np.sin(x)


flat_sine.defjvps(lambda t, y, x: t * np.cos(x))


@dualak.custom_jvp(elementwise=True)
def product(x, y):
    assert type(x) is type(y) is np.ndarray
    assert x.shape == y.shape
    return x * y


@product.defjvp
def _(primals, tangents):
    (x, y), (dx, dy) = primals, tangents
    assert {type(one) for one in (x, y, dx, dy)} == {np.ndarray}
    assert len({one.shape for one in (x, y, dx, dy)}) == 1
    return x * y, x * dy + y * dx


@dualak.custom_jvp
def ratio(x, y):
    return opaque(x) / opaque(y)


ratio.defjvps(lambda t, z, x, y: t / y, lambda t, z, x, y: -z * t / y)


# -- in every layout ------------------------------------------------------------------------------


@pytest.mark.one_in(8)
@pytest.mark.parametrize("layout", NUMBERS)
@pytest.mark.parametrize("function", [sine, flat_sine])
def test_value_and_tangent_in_every_layout(function, layout):
    x = LAYOUT[layout]()
    assert types(function(x)) == types(np.sin(x))
    assert tree(function(x)) == tree(np.sin(x))
    check(function, x)
    check(lambda x: function(np.sqrt(x))[::-1] * 2.0, x)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("layout", NUMBERS)
def test_tangent_is_that_of_the_function_itself(layout):
    x = LAYOUT[layout]()
    t = direction(x)
    for mine, theirs in ((sine, np.sin), (flat_sine, np.sin)):
        got, want = dualak.jvp(mine, x, t), dualak.jvp(theirs, x, t)
        assert types(got) == types(want)
        assert_close(tree(got), tree(want), 1e-6 if layout == "float32" else 1e-14)


@pytest.mark.parametrize("layout", RECORDS)
def test_elementwise_refuses_records(layout):
    x = LAYOUT[layout]()
    for function in (flat_sine, lambda x: dualak.jvp(flat_sine, x, direction(x))):
        with pytest.raises(TypeError, match=r"flat_sine: expected arrays of numbers.*fields"):
            function(x)


def option():
    return ak.Array([1.5, None, 2.5])


def column():
    return ak.Array(np.array([[2.0], [3.0]]))


PAIRS = (
    ("jagged, flat", jagged, flat),
    ("flat, jagged", flat, jagged),
    ("jagged, itself", jagged, jagged),
    ("jagged, integers", jagged, lambda: ak.Array([1, 2, 3])),
    ("jagged, booleans", jagged, lambda: ak.Array([True, False, True])),
    ("jagged, number", jagged, lambda: 2.5),
    ("number, jagged", lambda: 2.5, jagged),
    ("jagged, integer", jagged, lambda: 3),
    ("jagged, options", jagged, option),
    ("options in lists, options", LAYOUT["options in lists"], lambda: ak.Array([1.0, None, 2, 3])),
    ("option lists, flat", LAYOUT["option lists"], lambda: ak.Array([1.0, 4.0, 2.0, 3.0])),
    ("N-d, column", LAYOUT["N-d"], column),
    ("N-d, NumPy", LAYOUT["N-d"], lambda: np.array([1.0, 2.0, 3.0])),
    ("regular, column", LAYOUT["regular"], column),
    ("3-deep, jagged", LAYOUT["3-deep"], lambda: ak.Array([[1.0, 2.0], [], [3.0, 4.0, 5.0]])),
    ("union, flat", LAYOUT["union"], lambda: ak.Array([1.0, 2.0, 3.0, 4.0, 5.0])),
    ("gaps, flat", LAYOUT["gaps"], lambda: ak.Array([1.0, 2.0, 3.0, 4.0])),
    ("empty lists, flat", LAYOUT["empty lists"], lambda: ak.Array([1.0, 2.0])),
    ("length 0, number", LAYOUT["length 0 jagged"], lambda: 2.5),
    ("float32, number", LAYOUT["float32"], lambda: 2.5),
    ("float32, NumPy number", LAYOUT["float32"], lambda: np.float64(2.5)),
    ("numbers", lambda: 1.5, lambda: 2.5),
)


@pytest.mark.one_in(6)
@pytest.mark.parametrize(("what", "first", "second"), PAIRS)
def test_arguments_are_broadcast_as_those_of_a_ufunc(what, first, second):
    x, y = first(), second()
    assert types(product(x, y)) == types(np.multiply(x, y))
    assert tree(product(x, y)) == tree(np.multiply(x, y))
    check(lambda x: product(x, y), x)
    if isinstance(y, ak.Array) and "float" in str(y.type):
        check(lambda y: product(x, y), y)
        check(product, (x, y))


def test_numpy_arrays_come_back_as_such():
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert type(flat_sine(x)) is np.ndarray
    for function in (sine, flat_sine, lambda x: product(x, x)):
        y, dy = dualak.jvp(function, x, x)
        assert type(y) is type(dy) is np.ndarray
        assert y.shape == dy.shape == (2, 2)
    _, dy = dualak.jvp(flat_sine, x, x)
    np.testing.assert_allclose(dy, np.cos(x) * x, rtol=1e-15)


def test_differentiated_scalar():
    check(sine, 0.7)
    check(flat_sine, 0.7)
    check(lambda s: product(s, flat()) * s, 0.7)
    check(lambda x: flat_sine(x[0, 1]) * x, jagged())
    check(lambda x: product(x[0, 1], x), jagged())
    assert isinstance(flat_sine(0.7), float)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precision_stays(dtype):
    x = ak.values_astype(jagged(), dtype)
    for function in (sine, flat_sine, lambda x: product(x, 2.5), lambda x: ratio(x, x + 1)):
        y, dy = dualak.jvp(function, x, x)
        assert str(y.type) == str(dy.type) == f"3 * var * {np.dtype(dtype)}"


# -- in a chain -----------------------------------------------------------------------------------

CHAINS = (
    ("before", lambda x: ak.sum(flat_sine(x), axis=1)),
    ("after", lambda x: flat_sine(ak.sum(x, axis=1))),
    ("around", lambda x: np.exp(-flat_sine(np.sqrt(x)) * x) + ak.max(sine(x), axis=1)),
    ("sliced", lambda x: sine(x[:, ::-1])[x > 2.0]),
    ("masked", lambda x: flat_sine(x[x > 2.0]) * 2.0),
    ("combined", lambda x: product(*ak.unzip(ak.combinations(x, 2)))),
    ("ordinary in its own rule", lambda x: ratio(sine(x), flat_sine(x) + 2.0)),
    ("twice", lambda x: flat_sine(flat_sine(x))),
    ("beside itself", lambda x: product(x, x[:, ::-1])),
)


@pytest.mark.parametrize(("what", "function"), CHAINS)
def test_in_a_chain(what, function):
    check(function, jagged())


def test_in_a_collection_of_jets():
    def function(jets):
        corrected = ak.with_field(jets, product(jets.pt, flat_sine(jets.eta) + 2.0), "pt")
        leading = corrected[ak.argmax(corrected.pt, axis=1, keepdims=True)]
        return {"pt": corrected.pt, "ht": ak.sum(corrected.pt, axis=1), "leading": leading.eta}

    check(function, jets())


# -- arguments and results of all kinds -----------------------------------------------------------


class Both(NamedTuple):
    low: object
    high: object


def of_record(make):
    """A function of records whose result is made of two arrays."""

    @dualak.custom_jvp
    def function(jets):
        opaque(jets)
        return make(jets.pt * jets.eta, jets.pt**2)

    @function.defjvp
    def _(primals, tangents):
        (x,), (t,) = primals, tangents
        return function(x), make(x.pt * t.eta + t.pt * x.eta, 2 * x.pt * t.pt)

    return function


MAKERS = {
    "tuple": lambda a, b: (a, b),
    "list": lambda a, b: [a, b],
    "dict": lambda a, b: {"a": a, "b": b},
    "nested": lambda a, b: {"a": (a, {"b": b})},
    "named tuple": Both,
    "records": lambda a, b: ak.zip({"a": a, "b": b}),
    "named records": lambda a, b: ak.zip({"a": a, "b": b}, with_name="Pair"),
    "tuples": lambda a, b: ak.zip((a, b)),
    "scalars": lambda a, b: (ak.sum(a), ak.sum(b)),
}


@pytest.mark.one_in(2)
@pytest.mark.parametrize("make", MAKERS)
def test_results_of_all_kinds(make):
    function = of_record(MAKERS[make])
    check(function, jets())
    check(lambda x: function(x[:, ::-1]), jets())
    plain, (lifted, _) = function(jets()), dualak.jvp(function, jets(), direction(jets()))
    assert type(plain) is type(lifted) or make == "scalars"


def test_arguments_in_dicts_and_tuples():
    @dualak.custom_jvp
    def total(parameters, x):
        return parameters["scale"] * x + parameters["pair"][1] * ak.num(x)

    @total.defjvp
    def _(primals, tangents):
        (p, x), (dp, dx) = primals, tangents
        assert dp["label"] is None
        dy = dp["scale"] * x + p["scale"] * dx + dp["pair"][1] * ak.num(x)
        return total(p, x), dy

    def function(scale, offset, x):
        return total({"scale": scale, "pair": (3, offset), "label": "nominal"}, x)

    check(function, (1.5, flat(), jagged()))


def test_constants_in_any_argument():
    for at in ((jagged(), flat()), (flat(), 2.0), (2.0, 3.0)):
        check(lambda x, y=at[1]: ratio(x, y), at[0])
        check(lambda y, x=at[0]: ratio(x, y), at[1])
        check(ratio, at)


def test_only_what_is_differentiated_is_looked_at():
    called = []
    function = dualak.custom_jvp(lambda x, y: x * y)
    function.defjvps(
        lambda t, z, x, y: called.append("x") or t * y,
        lambda t, z, x, y: called.append("y") or t * x,
    )
    dualak.jvp(lambda x: function(x, 2.0), jagged(), jagged())
    dualak.jvp(lambda y: function(jagged(), y), 2.0, 1.0)
    assert called == ["x", "y"]
    y, dy = dualak.jvp(lambda x, y: (function(x, x), y), (jagged(), 1.0), (None, 1.0))
    assert called == ["x", "y"]
    assert tree(y[0]) == tree(jagged() ** 2)
    assert tree(dy[0]) == tree(ak.zeros_like(jagged()))


def test_other_objects_and_keywords_are_passed_on():
    table = object()

    @dualak.custom_jvp(elementwise=True)
    def look(x, where, which, *, factor=1.0, name=None):
        assert (where, which, name) == (table, "up", "jes")
        return x * factor

    @look.defjvp
    def _(primals, tangents, *, factor, name):
        (x, where, which), (t, *others) = primals, tangents
        assert others == [None, None]
        return look(x, where, which, factor=factor, name=name), t * factor

    check(lambda x: look(x, table, "up", factor=3.0, name="jes"), jagged())


def test_function_alone_needs_no_rule():
    @dualak.custom_jvp
    def lonely(x):
        """Says what it does."""
        return opaque(x) * 2

    assert lonely.__doc__ == "Says what it does."
    assert lonely.__name__ == lonely.__wrapped__.__name__ == "lonely"
    assert "lonely" in repr(lonely)
    assert tree(lonely(jagged())) == tree(jagged() * 2)
    assert tree(dualak.jvp(lambda x: x * lonely(3.0), jagged(), jagged())[1]) == tree(jagged() * 6)
    y, dy = dualak.jvp(lambda x, y: lonely(y), (jagged(), flat()), (jagged(), None))
    assert tree((y, dy)) == tree((flat() * 2, flat() * 0))


def test_tangents_of_constants_are_zeros_for_a_rule():
    seen = []
    function = dualak.custom_jvp(lambda x, y, n: x * y)

    @function.defjvp
    def _(primals, tangents):
        seen.append(tangents)
        return primals[0] * primals[1], tangents[0] * primals[1]

    dualak.jvp(lambda x: function(x, flat(), 3), jagged(), jagged())
    ((dx, dy, dn),) = seen
    assert tree(dx) == tree(jagged())
    assert tree(dy) == [0.0, 0.0, 0.0]
    assert dn == 0


def test_last_rule_that_was_given_holds():
    function = dualak.custom_jvp(lambda x: x * x)
    function.defjvps(None)
    function.defjvp(lambda primals, tangents: (primals[0] ** 2, 2 * primals[0] * tangents[0]))
    check(function, jagged())
    function.defjvps(lambda t, y, x: 3 * t)
    assert tree(dualak.jvp(function, jagged(), jagged())[1]) == tree(jagged() * 3)


# -- refused --------------------------------------------------------------------------------------


def ruled(rule, elementwise=False):
    def square(x):
        return x * x

    function = dualak.custom_jvp(square, elementwise=elementwise)
    function.defjvp(lambda primals, tangents: rule(primals[0], tangents[0]))
    return function


WRONG = (
    ("no pair", lambda x, t: x, TypeError, r"square: .*pair.*got Array"),
    ("three", lambda x, t: (x, t, t), TypeError, r"square: .*pair.*got a tuple of 3"),
    ("a list", lambda x, t: [x, t], TypeError, r"square: .*pair.*got list"),
    ("no tangent", lambda x, t: (x, None), ValueError, r"result of square: .*got NoneType"),
    ("a number", lambda x, t: (x, 0.0), ValueError, r"result of square: .*an array.*got float"),
    ("integers", lambda x, t: (x, ak.ones_like(x, dtype=int)), ValueError, r"square: .*int64"),
    ("lists", lambda x, t: (x, t[:, :1]), ValueError, r"square: .*list 0 of length 1.* length 3"),
    ("length", lambda x, t: (x, t[:2]), ValueError, r"result of square: .*length"),
    ("too flat", lambda x, t: (x, ak.flatten(t)), ValueError, r"result of square: .*"),
    ("records", lambda x, t: (x, ak.zip({"a": t})), ValueError, r"square: .*tangents"),
    ("missing field", lambda x, t: (ak.zip({"a": x, "b": x}), ak.zip({"a": t})), ValueError, "'b'"),
    ("dict", lambda x, t: ({"a": x}, t), ValueError, r"square: expected a dict .* got Array"),
    ("keys", lambda x, t: ({"a": x}, {"b": t}), ValueError, r"square: .*\['a'\].*\['b'\]"),
    ("in a dict", lambda x, t: ({"a": x}, {"a": None}), ValueError, r"square\['a'\]: .*NoneType"),
    ("shorter", lambda x, t: ((x, x), (t,)), ValueError, r"square: .*tuple of 2.*got tuple of 1"),
    ("in a tuple", lambda x, t: ((x, x), (t, 1.0)), ValueError, r"square\[1\]: .*got float"),
    ("a string", lambda x, t: ("x", t), ValueError, r"square: only float32 and float64"),
    ("complex", lambda x, t: (x, t * 1j), ValueError, r"square"),
)


@pytest.mark.parametrize(("what", "rule", "error", "match"), WRONG)
def test_rule_that_gives_something_else_is_refused(what, rule, error, match):
    with pytest.raises(error, match=match):
        dualak.jvp(ruled(rule), jagged(), jagged())


WRONG_FLAT = (
    ("longer", lambda x, t: (np.append(x, 1.0), np.append(t, 1.0)), TypeError, r"same length, 5"),
    ("tangent longer", lambda x, t: (x, np.append(t, 1.0)), ValueError, r"square: .*length 5.* 6"),
    ("two-dimensional", lambda x, t: (x[:, None], t[:, None]), TypeError, r"same length, 5"),
    ("a number", lambda x, t: (1.0, 1.0), TypeError, r"square: .*flat"),
)


@pytest.mark.parametrize(("what", "rule", "error", "match"), WRONG_FLAT)
def test_flat_rule_that_gives_something_else_is_refused(what, rule, error, match):
    with pytest.raises(error, match=match):
        dualak.jvp(ruled(rule, elementwise=True), jagged(), jagged())


@pytest.mark.parametrize("result", [lambda x: x[1:], lambda x: 1.0, lambda x: x[:, None]])
def test_flat_function_that_gives_something_else_is_refused(result):
    with pytest.raises(TypeError, match="expected a function of flat arrays that returns flat"):
        dualak.custom_jvp(result, elementwise=True)(jagged())


def test_differentiated_argument_without_a_rule_is_refused():
    lonely = dualak.custom_jvp(abs)
    with pytest.raises(dualak.NotDifferentiableError, match=r"abs has no derivative.*abs\.defjvp"):
        dualak.jvp(lonely, jagged(), jagged())


def test_tangent_where_no_derivative_is_known_is_refused():
    function = dualak.custom_jvp(lambda x, y: x * y)
    function.defjvps(lambda t, z, x, y: t * y, None)
    check(lambda x: function(x, 2.0), jagged())
    for at in ((jagged(), jagged()), (2.0, jagged())):
        with pytest.raises(dualak.NotDifferentiableError, match=r"argument 1 is not known"):
            dualak.jvp(function, at, at)
    y, dy = dualak.jvp(function, (jagged(), flat()), (jagged(), None))
    assert tree((y, dy)) == tree((jagged() * flat(),) * 2)


def test_differentiated_keyword_is_refused():
    with pytest.raises(TypeError, match=r"sine: expected constants for keyword.*'scale'"):
        dualak.jvp(lambda x: sine(1.0, scale=x), jagged(), jagged())


def test_number_of_rules_is_that_of_the_arguments():
    function = dualak.custom_jvp(lambda x, y: x * y)
    function.defjvps(lambda t, z, x: t)
    with pytest.raises(TypeError, match=r"as many arguments as defjvps has rules, 1, got 2"):
        dualak.jvp(lambda x: function(x, x), jagged(), jagged())


@pytest.mark.parametrize("rule", [3, "sin", 0.0])
def test_rules_are_functions(rule):
    with pytest.raises(TypeError, match="expected a function"):
        dualak.custom_jvp(np.sin).defjvp(rule)
    with pytest.raises(TypeError, match="expected a function"):
        dualak.custom_jvp(np.sin).defjvps(rule)
    with pytest.raises(TypeError, match="custom_jvp expected a function"):
        dualak.custom_jvp(rule)


@pytest.mark.parametrize("args", [("nominal",), (None, "up"), ()])
def test_elementwise_needs_numbers(args):
    function = dualak.custom_jvp(lambda *args: args, elementwise=True)
    with pytest.raises(TypeError, match="expected an array or a number"):
        function(*args)


def test_elementwise_refuses_arrays_of_strings():
    with pytest.raises(TypeError, match=r"product: expected arrays of numbers, got .* strings"):
        product(ak.Array(["a", "b"]), 1.0)
    with pytest.raises(TypeError, match="product"):
        dualak.jvp(lambda x: product(x, ak.Array(["a", "b", "c"])), jagged(), jagged())


def test_arrays_that_do_not_fit_are_refused_as_by_a_ufunc():
    for y in (ak.Array([1.0, 2.0]), ak.Array([[1.0], [2.0], [3.0]])):
        assert not accepts(lambda x, y=y: x * y, jagged())
        with pytest.raises(ValueError, match="broadcast"):
            dualak.jvp(lambda x, y=y: product(x, y), jagged(), jagged())


# -- what it is for -------------------------------------------------------------------------------


def network(rng):
    """A small network of two inputs, and its derivative by the chain rule."""
    shapes = ((2, 16), (16, 16), (16, 1))
    weights = [rng.normal(size=shape) / np.sqrt(shape[0]) for shape in shapes]

    @dualak.custom_jvp(elementwise=True)
    def score(pt, eta):
        h = np.stack([np.log(pt), eta], axis=1)
        for w in weights[:-1]:
            h = np.tanh(h @ w)
        return (h @ weights[-1])[:, 0]

    @score.defjvp
    def _(primals, tangents):
        (pt, eta), (dpt, deta) = primals, tangents
        h = np.stack([np.log(pt), eta], axis=1)
        dh = np.stack([dpt / pt, deta], axis=1)
        for w in weights[:-1]:
            h = np.tanh(h @ w)
            dh = (1 - h**2) * (dh @ w)
        return (h @ weights[-1])[:, 0], (dh @ weights[-1])[:, 0]

    return score


def test_network_evaluated_for_each_jet():
    score = network(np.random.default_rng(5))

    def function(jets):
        weight = np.exp(score(jets.pt, jets.eta))
        return ak.sum(weight * jets.pt, axis=1) / (1.0 + ak.sum(weight, axis=1))

    check(function, jets())
    check(lambda x: score(x.pt, 0.5), jets())
    check(lambda s: ak.sum(score(jets().pt * s, jets().eta)), 1.05)


def test_interpolation_in_a_table():
    edges = np.array([0.0, 1.0, 2.5, 4.0, 9.0])
    heights = np.array([1.0, 1.4, 1.1, 0.9, 0.2])

    @dualak.custom_jvp(elementwise=True)
    def look(x):
        return np.interp(x, edges, heights)

    slopes = np.diff(heights) / np.diff(edges)
    look.defjvps(lambda t, y, x: t * slopes[np.searchsorted(edges, x) - 1])
    for layout in ("jagged", "options in lists", "N-d", "union"):
        check(lambda x: look(x) * x, LAYOUT[layout]())


CORRECTIONS = ROOT.parent / "shared" / "data" / "jet_jerc_Summer22_V3.json.gz"
PREFIX = "Summer22_22Sep2023_V3_MC"
STEP = 1e-4


@pytest.fixture(scope="module")
def corrections():
    correctionlib = pytest.importorskip("correctionlib", reason="evaluates the corrections")
    if not CORRECTIONS.exists():
        pytest.skip(f"{CORRECTIONS.name} lies beside the project, and is not there")
    return correctionlib.CorrectionSet.from_file(str(CORRECTIONS))


def correction_of_pt(evaluate):
    """A correction as a function of pt and others; its derivative in pt by its differences."""

    @dualak.custom_jvp(elementwise=True)
    def factor(pt, *others):
        return evaluate(pt, *others)

    @factor.defjvp
    def _(primals, tangents):
        (pt, *others), (t, *_) = primals, tangents
        step = STEP * pt
        slope = (factor(pt + step, *others) - factor(pt - step, *others)) / (2 * step)
        return factor(pt, *others), slope * t

    return factor


def collection(size=40):
    """Jets away from the edges of the corrections' bins in eta, of momenta within one in pt."""
    rng = np.random.default_rng(11)
    counts = rng.integers(0, 5, size)
    total = int(counts.sum())
    columns = {
        "pt": rng.uniform(60.0, 400.0, total),
        "eta": rng.choice([-2.03, -1.17, -0.46, 0.13, 0.81, 1.6], total),
        "area": rng.uniform(0.4, 0.6, total),
    }
    return ak.zip({name: ak.unflatten(column, counts) for name, column in columns.items()})


def test_energy_corrections_of_jets(corrections):
    relative = corrections[f"{PREFIX}_L2Relative_AK4PFPuppi"]
    uncertainty = corrections[f"{PREFIX}_Regrouped_Total_AK4PFPuppi"]
    factor = correction_of_pt(lambda pt, eta: relative.evaluate(eta, pt))
    shift = correction_of_pt(lambda pt, eta: uncertainty.evaluate(eta, pt))
    jets = collection()

    def corrected(pt, theta):
        pt = pt * factor(pt, jets.eta)
        return pt * (1.0 + theta * shift(pt, jets.eta))

    y, dy = dualak.jvp(corrected, (jets.pt, 0.5), (ak.ones_like(jets.pt), 0.25))
    assert str(y.type) == "40 * var * float64"
    flat_pt, flat_eta = ak.flatten(jets.pt).to_numpy(), ak.flatten(jets.eta).to_numpy()
    want = flat_pt * relative.evaluate(flat_eta, flat_pt)
    want = want * (1.0 + 0.5 * uncertainty.evaluate(flat_eta, want))
    np.testing.assert_allclose(ak.flatten(y), want, rtol=1e-14)

    # The corrections are piecewise: differences within a piece, where two widths agree.
    def slope(step):
        return (
            corrected(jets.pt + step, 0.5 + 0.25 * step)
            - corrected(jets.pt - step, 0.5 - 0.25 * step)
        ) / (2 * step)

    wide, narrow = (ak.flatten(slope(step)).to_numpy() for step in (1e-2, 1e-3))
    smooth = np.isclose(wide, narrow, rtol=1e-6)
    assert smooth.mean() > 0.9
    np.testing.assert_allclose(ak.flatten(dy).to_numpy()[smooth], narrow[smooth], rtol=1e-5)


def test_scale_factor_with_a_name_among_its_arguments(corrections):
    resolution = corrections["Summer22_22Sep2023_JRV1_MC_ScaleFactor_AK4PFPuppi"]

    @dualak.custom_jvp(elementwise=True)
    def smearing(pt, eta, systematic):
        return resolution.evaluate(eta, pt, systematic)

    smearing.defjvps(lambda t, y, *args: np.zeros_like(y), None, None)
    jets = collection()
    for systematic in ("nom", "up"):
        y, dy = dualak.jvp(
            lambda pt, which=systematic: smearing(pt, jets.eta, which) * pt, jets.pt, jets.pt
        )
        want = resolution.evaluate(ak.flatten(jets.eta), ak.flatten(jets.pt), systematic)
        np.testing.assert_allclose(ak.flatten(y) / ak.flatten(jets.pt), want, rtol=1e-14)
        np.testing.assert_allclose(ak.flatten(dy), ak.flatten(y), rtol=1e-14)


# -- many at once ---------------------------------------------------------------------------------


@pytest.mark.one_in(6)
@pytest.mark.parametrize(("one", "other"), list(itertools.product(NUMBERS, repeat=2))[::7])
def test_broadcast_pairs_of_layouts(one, other):
    x, y = LAYOUT[one](), LAYOUT[other]()
    if not accepts(lambda x, y: x * y, (x, y)):
        with pytest.raises((ValueError, TypeError)):
            product(x, y)
        return
    assert types(product(x, y)) == types(x * y)
    assert tree(product(x, y)) == tree(x * y)
    check(product, (x, y))


#: Tangents as a user may write them, by those of two arguments, with their slopes.
COMBINED = {
    "difference": (lambda dx, dy: dx - dy, 1.0, -1.0),
    "difference, turned": (lambda dx, dy: dy - dx, -1.0, 1.0),
    "of a negative": (lambda dx, dy: -dx - dy * 3.0, -1.0, -3.0),
    "by division": (lambda dx, dy: dx / 4.0 - dy, 0.25, -1.0),
    "by np.subtract": (lambda dx, dy: np.subtract(2.0 * dx, np.add(dy, dx)), 1.0, -1.0),
}


@pytest.mark.parametrize("name", COMBINED)
def test_a_rule_written_with_operators_is_pulled_back(name):
    tangent, by_x, by_y = COMBINED[name]

    @dualak.custom_jvp
    def func(x, y):
        return x * y

    @func.defjvp
    def _(primals, tangents):
        return func(*primals), tangent(*tangents)

    x, y = ak.Array([[1.0, 2.0], [3.0]]), ak.Array([[4.0, 5.0], [6.0]])
    found = dualak.grad(lambda x, y: ak.sum(func(x, y) * y), (0, 1))(x, y)
    assert ak.to_list(found[0]) == ak.to_list(by_x * y)
    assert ak.to_list(found[1]) == ak.to_list(by_y * y + x * y)
