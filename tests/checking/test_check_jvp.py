"""``check_jvp``: right derivatives pass, wrong ones are named, cuts and steps are told apart."""

from __future__ import annotations

import itertools
import math

import awkward as ak
import numpy as np
import pytest

import dualak
from dualak import DerivativeError, check_jvp
from dualak.checking.differences import derivative
from dualak.rules import RULES
from tests.support import depth
from tests.support.layouts import LAYOUTS

LAYOUT = dict(LAYOUTS)


def jagged():
    return ak.Array([[1.1, 2.2, 3.3], [], [4.4, 5.5]])


def events():
    return LAYOUT["events"]()


# -- right ones pass ------------------------------------------------------------------------------


def flat_numbers(x):
    """All numbers of an array of any layout, squared."""
    return x * x if not ak.fields(x) else ak.flatten(x[ak.fields(x)[0]], axis=None) ** 2


NESTED = ("nested records",)  # the first field is a record itself


@pytest.mark.one_in(8)
@pytest.mark.parametrize("layout", [name for name in LAYOUT if name not in NESTED])
def test_right_derivative_passes_in_every_layout(layout):
    x = LAYOUT[layout]()
    agreement = check_jvp(flat_numbers, x)
    squares = ak.to_list(ak.flatten(flat_numbers(x), axis=None)) if agreement.numbers else []
    assert agreement.numbers == sum(one is not None for one in squares)
    assert 0.0 <= agreement.error < 1e-9


RIGHT = (
    ("sine", np.sin, jagged),
    ("singular", lambda x: x**12, jagged),
    ("logarithm", np.log, jagged),
    ("far", lambda x: np.sin(x * 1e3), jagged),
    ("tiny", lambda x: 1e-200 * np.sin(x), jagged),
    ("huge", lambda x: 1e200 * np.sin(x), jagged),
    ("sum", lambda x: ak.sum(x, axis=1), jagged),
    ("product", lambda x: ak.prod(x, axis=1), jagged),
    ("maximum", lambda x: ak.max(x, axis=1), jagged),
    ("mean", lambda x: ak.mean(np.exp(x), axis=None), jagged),
    ("constant", lambda x: x * 0.0 + 1.0, jagged),
    ("floor", np.floor, jagged),
    ("sign", lambda x: np.sign(x) * x, jagged),
    ("a cut far away", lambda x: ak.sum(x[x > 2.0], axis=1), jagged),
    ("a mask", lambda x: x[x > 2.0], jagged),
    ("pairs", lambda x: ak.combinations(x, 2), jagged),
    ("where", lambda x: ak.where(x > 3.0, np.sin(x), x * x), jagged),
    ("missing", lambda x: ak.mask(x, x > 2.0) * x, jagged),
    ("dict", lambda x: {"a": x, "b": (ak.sum(x), x * x)}, jagged),
    ("integers beside", lambda x: (x * x, ak.num(x), ak.argmax(x, axis=1)), jagged),
    ("strings beside", lambda x: ak.zip({"x": x.jets.pt**2, "tag": x.jets.tag}), events),
    ("records", lambda x: ak.with_field(x.jets, np.cosh(x.jets.eta), "c"), events),
    ("scalar", lambda x: x[0, 1] * x[2, 0], jagged),
    ("record", lambda x: x.jets[0, 1], events),
    ("nothing", lambda x: x[:0], jagged),
    ("infinite value", lambda x: np.log(x * 0.0), jagged),
    ("NaN", lambda x: np.sqrt(x - 3.0), jagged),
    ("number", lambda s: s**3, lambda: 1.25),
    ("numbers and arrays", lambda s, x: {"y": s * np.tanh(x)}, lambda: (0.3, jagged())),
    ("dict of arguments", lambda p: p["a"] * p["b"][0], lambda: {"a": jagged(), "b": [2.5, 3]}),
    ("NumPy", lambda x: np.sin(x) * x[:, :1], lambda: np.array([[1.0, 2.0], [3.0, 4.0]])),
    ("zeros", np.cos, lambda: ak.Array([0.0, 0.0])),
    ("large and small", lambda a, b: a * b, lambda: (ak.Array([1e6, 2e6]), ak.Array([1e-6, 0.0]))),
)


@pytest.mark.one_in(8)
@pytest.mark.parametrize(("what", "function", "arguments"), RIGHT)
def test_right_derivative_passes(what, function, arguments):
    x = arguments()
    for seed in range(3):
        assert check_jvp(function, x, seed=seed).error < 1e-6


SMOOTH_RULES = [name for name, rule in RULES.items() if not (rule.library or rule.kink)]


def of_a_rule(name):
    """A smooth function of the table, and a point in its domain."""
    rng = np.random.default_rng(len(name))
    x = tuple(ak.Array(rng.uniform(low, high, 50)) for low, high in RULES[name].domain)
    return getattr(np, name), x


@pytest.mark.one_in(6)
@pytest.mark.parametrize("name", SMOOTH_RULES)
def test_every_smooth_rule_passes_and_a_slightly_wrong_one_does_not(name):
    function, x = of_a_rule(name)
    assert check_jvp(function, x).numbers == 50

    def wrong(primals, tangents):
        y, dy = dualak.jvp(function, primals, tangents)
        return y, dy * 1.0001

    slightly = dualak.custom_jvp(function)
    slightly.defjvp(wrong)
    with pytest.raises(DerivativeError, match="expected the derivative") as caught:
        check_jvp(slightly, x)
    assert caught.value.reason == ""


def test_numbers_that_cancel_are_compared_as_far_as_rounding_allows():
    assert check_jvp(lambda x: 1e8 + np.sin(x), jagged()).error < 1e-4
    wrong = ruled(np.sin, lambda x, t: 1.01 * np.cos(x) * t)
    with pytest.raises(DerivativeError):
        check_jvp(lambda x: 1e8 + wrong(x), jagged())

    def nothing(x):
        return ak.sum(x - ak.mean(x, axis=1), axis=1)

    with pytest.raises(DerivativeError, match=r"rough.*an atol"):
        check_jvp(nothing, jagged())
    check_jvp(nothing, jagged(), atol=1e-9)


def test_report_says_how_much_was_compared_and_where_it_is_worst():
    agreement = check_jvp(lambda x: {"y": np.sin(x)}, jagged())
    assert agreement.numbers == 5
    assert agreement.path.startswith("result['y'][")
    assert check_jvp(lambda x: x[:0], jagged()) == dualak.Agreement(0, 0.0, "result")


def test_direction_may_be_given():
    x, t = events(), ak.Array([{"met": 1.0}, {"met": 2.0}, {"met": 0.5}])
    assert check_jvp(lambda x: x.met**2 * ak.num(x.jets), x, t).numbers == 3
    check_jvp(lambda a, b: a * b, (jagged(), 2.0), (None, 1.0))
    check_jvp(lambda a, b: a * b, (jagged(), 2.0), (jagged(), None))
    with pytest.raises(ValueError, match="number moves"):
        check_jvp(np.sin, jagged(), jagged() * 0)


def test_function_with_something_beside_its_result():
    calls = []

    def function(x):
        calls.append(x)
        return np.sin(x), {"any": ["thing", object()]}

    check_jvp(function, jagged(), has_aux=True, halvings=5)
    assert len(calls) == 2 * 5 + 4


@pytest.mark.parametrize("double", [True, False])
def test_float32(double):
    x = LAYOUT["float32"]()

    def function(x):
        assert ("float64" in str(dualak.primal(x).type)) is double
        return np.exp(np.sin(x))

    check_jvp(function, x, double=double, rtol=1e-6 if double else 1e-2)
    wrong = ruled(lambda x: x * x, lambda x, t: 2.2 * x * t)
    with pytest.raises(DerivativeError):
        check_jvp(wrong, x, double=double, rtol=1e-6 if double else 1e-2)
    check_jvp(lambda x: ak.values_astype(np.sin(x), np.float32), jagged(), rtol=1e-3)


# -- wrong ones are found -------------------------------------------------------------------------


def ruled(function, rule):
    function = dualak.custom_jvp(function)
    function.defjvp(lambda primals, tangents: (function(*primals), rule(*primals, *tangents)))
    return function


WRONG = (
    ("sign", np.cos, lambda x, t: np.sin(x) * t, "result[0][0]"),
    ("factor", np.sin, lambda x, t: np.cos(x) * t * 1.0001, "result[0][0]"),
    ("a part in 10^5", np.sin, lambda x, t: np.cos(x) * t * 1.00001, "result[0][0]"),
    ("nothing", np.sin, lambda x, t: t * 0.0, "result[0][0]"),
    ("of a constant", lambda x: x * 0 + 1.0, lambda x, t: t, "result[0][0]"),
    ("NaN", np.sin, lambda x, t: t * math.nan, "result[0][0]"),
    ("infinite", np.sin, lambda x, t: t * math.inf, "result[0][0]"),
    (
        "one element",
        np.sin,
        lambda x, t: ak.where(x == 4.4, 0.0, np.cos(x) * t),
        "result[2][0]",
    ),
    (
        "one field",
        lambda x: {"a": x, "mass": ak.zip({"m": x * x, "n": x})},
        lambda x, t: {"a": t, "mass": ak.zip({"m": x * t, "n": t})},
        "result['mass'][0][0]['m']",
    ),
    (
        "one of a tuple",
        lambda x: (ak.sum(x), ak.sum(x * x)),
        lambda x, t: (ak.sum(t), ak.sum(x * t)),
        "result[1]",
    ),
)


@pytest.mark.one_in(2)
@pytest.mark.parametrize(("what", "function", "rule", "path"), WRONG)
def test_wrong_rule_is_found_and_named(what, function, rule, path):
    check_jvp(function, jagged())
    with pytest.raises(DerivativeError) as caught:
        check_jvp(ruled(function, rule), jagged())
    assert caught.value.path == path
    assert caught.value.reason == ""
    assert str(caught.value).startswith(f"{path}: expected the derivative ")
    assert "from jvp" in str(caught.value)


def test_error_gives_both_numbers():
    wrong = ruled(np.sin, lambda x, t: 2.0 * np.cos(x) * t)
    with pytest.raises(AssertionError, match=r"and 4 more") as caught:
        check_jvp(wrong, jagged(), ak.ones_like(jagged()))
    assert caught.value.expected == pytest.approx(math.cos(1.1), rel=1e-9)
    assert caught.value.got == pytest.approx(2.0 * math.cos(1.1), rel=1e-14)


def test_wrong_value_is_found_and_named():
    function = dualak.custom_jvp(np.sin)
    function.defjvp(lambda p, t: (np.sin(p[0]) + 1e-3, np.cos(p[0]) * t[0]))
    with pytest.raises(
        DerivativeError, match=r"result\['y'\]\[0\]\[0\]: expected the value 0.8912"
    ):
        check_jvp(lambda x: {"y": function(x)}, jagged())


def test_value_of_another_structure_is_found_and_named():
    function = dualak.custom_jvp(lambda x: x * x)
    function.defjvp(lambda p, t: (p[0][:2], t[0][:2]))
    with pytest.raises(DerivativeError, match=r"result: expected a value of the structure"):
        check_jvp(function, jagged())


def test_wrong_rule_among_others_is_found():
    wrong = ruled(np.tanh, lambda x, t: (1 - np.tanh(x)) * t)

    def function(x):
        return {"pt": x.jets.pt**2, "ht": ak.sum(x.jets.pt * wrong(x.jets.eta), axis=1)}

    with pytest.raises(DerivativeError) as caught:
        check_jvp(function, events())
    assert caught.value.path == "result['ht'][0]"


# -- cuts, steps, kinks ---------------------------------------------------------------------------

NEAR = 1e-9
ROUGH = (
    ("a cut in a sum", lambda x: ak.sum(x[x > 2.2 - NEAR]), "a step: it changes by 2.2"),
    ("just not", lambda x: ak.sum(x[x > 2.2 + NEAR]), "a step: it changes by 2.2"),
    ("a cut at the point", lambda x: ak.sum(x[x > 2.2], axis=1), "a step: it changes by 2.2"),
    ("a count", lambda x: ak.sum(ak.where(x > 4.4 + NEAR, 1.0, 0.0)), "a step: it changes by 1"),
    ("a mask", lambda x: x[x > 2.2 - NEAR], "a step: the structure"),
    ("events", lambda x: ak.sum(x[ak.sum(x, axis=1) > 9.9], axis=1), "a step: the structure"),
    ("missing", lambda x: ak.mask(x, x > 3.3 - NEAR), "a step: the structure"),
    ("floor", lambda x: np.floor(x / 1.1 + NEAR), "a step: it changes by 1"),
    ("rint", lambda x: np.rint((x - NEAR) * 5.0), "a step: it changes by 1"),
    ("sign", lambda x: np.sign(x - 3.3) * x, "a step: it changes by 6.6"),
    ("an edge of bins", lambda x: ak.sum(np.floor(x - 0.3 - NEAR)), "a step"),
    (
        "largest of two",
        lambda x: x[:, :2][ak.argmax(np.abs(x[:, :2] - 1.65 - NEAR), axis=1, keepdims=True)],
        "a step",
    ),
    ("absolute", lambda x: np.abs(x - 3.3), "a kink: its slope is "),
    ("maximum", lambda x: np.maximum(x, 4.4 + 1e-10), "a kink: its slope is "),
    ("square root", lambda x: np.sqrt(x - 1.1), "an edge"),
    ("power", lambda x: np.abs(x - 1.1 - 1e-12) ** 0.5, "rough"),
)


@pytest.mark.one_in(4)
@pytest.mark.parametrize(("what", "function", "reason"), ROUGH)
def test_what_is_not_smooth_is_told_apart(what, function, reason):
    with pytest.raises(DerivativeError) as caught:
        check_jvp(function, jagged(), ak.ones_like(jagged()))
    assert caught.value.reason.startswith(reason)
    hint = {"a step": "smooth the cut", "a kink": "convention", "an edge": "inside"}
    for kind, words in hint.items():
        assert (words in str(caught.value)) is reason.startswith(kind)


@pytest.mark.parametrize("distance", [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1])
def test_cut_that_is_beyond_the_smallest_steps_is_no_obstacle(distance):
    check_jvp(
        lambda x: ak.sum(x[x > 2.2 + distance]), jagged(), ak.ones_like(jagged()), halvings=20
    )


@pytest.mark.one_in(3)
@pytest.mark.parametrize("distance", [0.0, 1e-9, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 3e-3, 1e-2])
@pytest.mark.parametrize("side", [1, -1])
def test_cut_never_blames_the_derivative(distance, side):
    try:
        check_jvp(lambda x: ak.sum(x[x > 2.2 + side * distance]), jagged(), ak.ones_like(jagged()))
    except DerivativeError as error:
        assert error.reason.startswith(("a step", "rough"))  # noqa: PT017


@pytest.mark.parametrize("shift", [0.0, 1e-9])
def test_wrong_rule_beside_a_cut_is_found(shift):
    wrong = ruled(np.sin, lambda x, t: np.cos(x) * t * 1.01)

    def function(x):
        return {"cut": ak.sum(x[x > 2.2 + shift]), "y": wrong(x)}

    with pytest.raises(DerivativeError, match=r"\(and 5 more\)") as caught:
        check_jvp(function, jagged(), ak.ones_like(jagged()))
    assert caught.value.path == "result['cut']"


def test_hard_histogram_is_called_a_step_and_a_smooth_one_passes():
    rng = np.random.default_rng(2)
    mass = ak.unflatten(rng.normal(91.0, 3.0, 60), rng.multinomial(60, [0.05] * 20))
    edges = np.linspace(80.0, 100.0, depth.everyday(4, 10) + 1)

    def hard(scale):
        return [ak.sum((mass * scale > a) & (mass * scale < b)) * 1.0 for a, b in bins]

    def smooth(scale):
        return [ak.sum(weight(mass * scale, a, b)) for a, b in bins]

    def weight(x, a, b):
        return 0.5 * (np.tanh(2 * (x - a)) - np.tanh(2 * (x - b)))

    bins = list(itertools.pairwise(edges))
    assert check_jvp(smooth, 1.0, 1.0).numbers == len(bins)
    mass = ak.concatenate([mass, ak.Array([[edges[2]]])])
    with pytest.raises((DerivativeError, TypeError)):
        check_jvp(hard, 1.0, 1.0)


def test_function_that_fails_near_the_point_says_so():
    def function(x):
        if ak.any(dualak.primal(x) > 5.5):
            raise ZeroDivisionError("out of range")
        return x * x

    with pytest.raises(ZeroDivisionError, match="out of range"):
        check_jvp(function, jagged(), ak.ones_like(jagged()))


def test_function_that_fails_only_far_from_the_point_is_checked():
    def function(x):
        if ak.any(dualak.primal(x) > 5.501):
            raise ZeroDivisionError("out of range")
        return x * x

    assert check_jvp(function, jagged(), ak.ones_like(jagged())).numbers == 5


# -- differences ----------------------------------------------------------------------------------

SMOOTH = (
    (np.sin, 1.0, math.cos(1.0)),
    (np.exp, 3.0, math.exp(3.0)),
    (lambda x: 1.0 / x, 0.1, -100.0),
    (lambda x: x * 0.0, 2.0, 0.0),
    (lambda x: (1e8 + x) ** 2, 0.0, 2e8),
    (lambda x: 1e-30 * x**5, 2.0, 80e-30),
)


@pytest.mark.parametrize(("function", "x", "want"), SMOOTH)
def test_error_of_differences_is_not_underestimated(function, x, want):
    for step in (0.02, 0.01, 0.005, 0.001):
        found = derivative(lambda h: np.array([function(x + h)]), step)
        assert abs(found.slope[0] - want) <= 10 * found.error[0]
        assert found.error[0] <= 1e-3 * abs(want)
        assert found.agrees(np.array([want]), 1e-9)[0]
        for wrong in (want * 1.01 + 1e-12, math.nan, math.inf):
            assert not found.agrees(np.array([wrong]), 1e-9)[0]
