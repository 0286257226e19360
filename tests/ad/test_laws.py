"""Laws that hold for every function: random programs on random jagged arrays."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dualak
from tests.support import depth
from tests.support.layouts import (
    STENCIL,
    STEP,
    assert_close,
    assert_slope,
    derivative,
    each_leaf,
    moved,
    tree,
)

SETTINGS = settings(
    derandomize=True,
    deadline=None,
    max_examples=depth.everyday(5, 60),
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)

# -- random arrays --------------------------------------------------------------------------------

COUNTS = st.lists(st.integers(0, 4), min_size=1, max_size=6)


@st.composite
def jagged(draw):
    """A jagged array with empty lists and numbers that are apart, and two directions at it."""
    counts = draw(COUNTS)
    seed = draw(st.integers(0, 2**16))
    random = np.random.default_rng(seed)
    total = sum(counts)
    apart = random.permutation(total) * 0.2 + 0.3 + 0.05 * random.random(total)
    lists = [apart * random.choice((-1.0, 1.0), total)]
    lists += [random.normal(size=total) for _ in range(2)]
    return tuple(ak.unflatten(one, counts) for one in lists)


# -- random programs ------------------------------------------------------------------------------

SMOOTH = (
    ("sin", np.sin),
    ("tanh", np.tanh),
    ("arctan", np.arctan),
    ("square", np.square),
    ("absolute", np.abs),
    ("cosh of sin", lambda x: np.cosh(np.sin(x))),
    ("log1p of square", lambda x: np.log1p(x * x)),
    ("hypot", lambda x: np.hypot(x, 1.5)),
    ("times itself reversed", lambda x: x * x[:, ::-1]),
    ("maximum", lambda x: np.maximum(x, -x * 0.5)),
    ("where", lambda x: ak.where(x > 0, x * x, np.sin(x))),
    ("mask as weight", lambda x: (x > 0) * x + 2.0),
    ("minus sum", lambda x: x - 0.1 * ak.sum(x, axis=1)),
    ("over mean", lambda x: x / (2.0 + ak.mean(x * x, axis=None))),
    ("times sum of all", lambda x: x * np.cos(ak.sum(x))),
    ("broadcast", lambda x: x + np.arange(len(x))),
)
MOVES = (
    ("reversed", lambda x: x[::-1]),
    ("reversed lists", lambda x: x[:, ::-1]),
    ("tails", lambda x: x[:, 1:]),
    ("every other", lambda x: x[:, ::2]),
    ("masked", lambda x: x[np.abs(x) > 0.4]),
    ("repeated", lambda x: x[[0, 0, -1]]),
    ("nonempty", lambda x: x[ak.num(x) > 0]),
    ("padded", lambda x: ak.fill_none(ak.pad_none(x, 2), 0.25)),
    ("sorted", lambda x: x[ak.argsort(x, axis=1)]),
    ("joined", lambda x: ak.concatenate([x, x[:, :1] * 2.0], axis=1)),
    ("stacked", lambda x: ak.concatenate([x, x * 3.0])),
    ("flat and back", lambda x: ak.unflatten(ak.flatten(x), ak.num(x))),
    ("pairs", lambda x: product(*ak.unzip(ak.combinations(x, 2)))),
    ("firsts", lambda x: x + ak.fill_none(ak.firsts(x), 0.5)),
    ("leading", lambda x: x[ak.argmax(np.abs(x), axis=1, keepdims=True)][~ak.is_none(x)]),
)
ENDS = (
    ("all", lambda x: x),
    ("sum", lambda x: ak.sum(x, axis=1)),
    ("sum over lists", lambda x: ak.sum(x, axis=0)),
    ("total", lambda x: ak.sum(x)),
    ("prod", lambda x: ak.prod(x, axis=1)),
    ("max", lambda x: ak.max(x, axis=1)),
    ("min", lambda x: ak.min(x, axis=-1)),
    ("mean", lambda x: ak.mean(x[ak.num(x) > 0], axis=1)),
    ("record", lambda x: ak.zip({"a": x, "b": x * x})),
    ("pair", lambda x: (ak.flatten(x), ak.sum(x * x))),
)


def product(a, b):
    return a * b


@st.composite
def programs(draw, ends=ENDS):
    """A composition of up to four steps and an end; the names are shown when it fails."""
    steps = draw(st.lists(st.sampled_from(SMOOTH + MOVES), max_size=4))
    return Program([*steps, draw(st.sampled_from(ends))])


class Program:
    """Some functions after each other."""

    def __init__(self, steps):
        self.steps = steps

    def __call__(self, x):
        for _, function in self.steps:
            x = function(x)
        return x

    def __repr__(self):
        return " | ".join(name for name, _ in self.steps)


STEPS = programs(ends=SMOOTH + MOVES)

# -- laws -----------------------------------------------------------------------------------------


def quietly(function, *args):
    with np.errstate(all="ignore"):
        return function(*args)


def push(function, x, t):
    return quietly(dualak.jvp, function, x, t)


def combined(a, s, b, t):
    return ak.Array(each_leaf(lambda one, other: a * one + b * other, s.layout, t.layout))


def on_trees(combine, *trees):
    """A tree of what ``combine`` makes of the numbers of some trees."""
    if isinstance(trees[0], list):
        return [on_trees(combine, *below) for below in zip(*trees, strict=True)]
    if isinstance(trees[0], dict):
        return {key: on_trees(combine, *(one[key] for one in trees)) for key in trees[0]}
    return None if trees[0] is None else combine(*trees)


@SETTINGS
@given(jagged(), programs())
def test_the_value_is_unchanged(arrays, program):
    x, t, _ = arrays
    y, _ = push(program, x, t)
    expected = quietly(program, x)
    assert_close(tree(y), tree(expected), 1e-13)


@SETTINGS
@given(jagged(), programs())
def test_the_tangent_is_the_difference(arrays, program):
    x, t, _ = arrays
    around = [tree(quietly(program, moved(x, t, 0.01 * k * STEP))) for k, _ in STENCIL]
    slope = derivative(tree(quietly(program, x)), *around)
    assert_slope(tree(push(program, x, t)[1]), on_trees(lambda one: 100 * one, slope), 1e-6)


@SETTINGS
@given(jagged(), programs(), st.floats(-3, 3), st.floats(-3, 3))
def test_the_tangent_is_linear(arrays, program, a, b):
    x, s, t = arrays
    alone = [tree(push(program, x, one)[1]) for one in (s, t)]
    want = on_trees(lambda one, other: a * one + b * other, *alone)
    assert_close(tree(push(program, x, combined(a, s, b, t))[1]), want, 1e-9)


@SETTINGS
@given(jagged(), programs())
def test_a_zero_tangent_stays_zero(arrays, program):
    x, t, _ = arrays
    for zero in (t * 0.0, None):
        _, dy = push(program, x, zero)
        assert_close(tree(dy), on_trees(lambda one: 0.0, tree(dy)), 0.0)


@SETTINGS
@given(jagged(), STEPS, programs())
def test_the_chain_rule_holds(arrays, inner, outer):
    x, t, _ = arrays
    y, dy = push(inner, x, t)
    once, twice = push(lambda x: outer(inner(x)), x, t), push(outer, y, dy)
    for one, other in zip(once, twice, strict=True):
        assert_close(tree(one), tree(other), 1e-9)


@pytest.mark.parametrize(("name", "function"), SMOOTH + MOVES + ENDS)
def test_every_step_has_a_tangent_that_is_not_zero(name, function):
    x = ak.Array([[1.3, -0.7, 0.9], [], [2.1], [0.35, -1.6]])
    _, dy = dualak.jvp(function, x, ak.ones_like(x))
    assert any(np.any(np.asarray(ak.drop_none(ak.flatten(one, axis=None)))) for one in parts(dy))


def parts(result):
    if isinstance(result, tuple):
        return [ak.Array([one]) if np.ndim(one) == 0 else one for one in result]
    if not isinstance(result, ak.Array):
        return [ak.Array([result])]
    return ak.unzip(result)


# -- laws of linear maps, of several directions and of higher order -------------------------------


def dot(one, other):
    return sum(on_numbers(lambda a, b: a * b, tree(one), tree(other)))


def on_numbers(combine, *trees):
    """What ``combine`` makes of the numbers of some trees, one after the other."""
    if isinstance(trees[0], list):
        return [
            number for below in zip(*trees, strict=True) for number in on_numbers(combine, *below)
        ]
    if isinstance(trees[0], dict):
        return [
            number
            for key in trees[0]
            for number in on_numbers(combine, *(one[key] for one in trees))
        ]
    return [] if trees[0] is None else [combine(*trees)]


def scale_of(*results):
    return max([1.0, *(abs(number) for one in results for number in on_numbers(float, tree(one)))])


@SETTINGS
@given(jagged(), programs())
def test_a_pushforward_is_the_jvp(arrays, program):
    x, s, t = arrays
    y, pushforward = quietly(dualak.linearize, program, x)
    for one in (s, t):
        value, tangent = push(program, x, one)
        assert_close(tree(y), tree(value), 1e-13)
        assert_close(tree(quietly(pushforward, one)), tree(tangent), 1e-9)


@SETTINGS
@given(jagged(), STEPS)
def test_a_pullback_is_the_transpose(arrays, program):
    x, t, _ = arrays
    y, dy = push(program, x, t)
    cotangent = ak.Array(each_leaf(np.cos, y.layout))
    pulled = quietly(quietly(dualak.vjp, program, x)[1], cotangent)
    size = scale_of(dy, pulled) * max(1, len(on_numbers(float, tree(y))))
    assert abs(dot(cotangent, dy) - dot(pulled, t)) <= 1e-9 * size


@SETTINGS
@given(jagged(), programs())
def test_several_directions_are_those_one_by_one(arrays, program):
    x, s, t = arrays
    _, both = push(program, x, dualak.Directions([s, t, None]))
    for one, along in zip(both, (s, t, None), strict=True):
        assert_close(tree(one), tree(push(program, x, along)[1]), 1e-9)


@SETTINGS
@given(jagged(), STEPS)
def test_second_derivatives_are_symmetric(arrays, program):
    x, s, t = arrays

    def second(first, then):
        inner = lambda x: dualak.jvp(program, x, first)[1]  # noqa: E731
        return push(inner, x, then)[1]

    one, other = second(s, t), second(t, s)
    size = scale_of(one)
    close = on_numbers(lambda a, b: abs(a - b) <= 1e-8 * size, tree(one), tree(other))
    assert all(close)


@SETTINGS
@given(jagged(), programs())
def test_a_replay_is_the_jvp(arrays, program):
    x, s, t = arrays
    compiled = dualak.compile(program)
    for one in (s, t):
        want = push(program, x, one)
        got = quietly(compiled.jvp, x, one)
        for half, other in zip(got, want, strict=True):
            assert_close(tree(half), tree(other), 1e-9)
