"""Compiled functions: what is replayed is what the function gives, or it is recorded anew."""

from __future__ import annotations

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor

import awkward as ak
import numpy as np
import pytest

import dualak
from dualak import jvp
from dualak.arrays.context import current_graph
from tests.support.layouts import LAYOUTS, accepts, assert_close, direction, each_leaf, tree, types

LENGTHS = np.random.default_rng(1).poisson(3, 200)


def lists(seed, low=0.5, high=4.5):
    data = np.random.default_rng(seed).uniform(low, high, LENGTHS.sum())
    return ak.unflatten(data, LENGTHS)


def jets(seed):
    names = {"pt": lists(seed, 20.0, 90.0), "eta": lists(seed + 1, -2.0, 2.0)}
    return ak.zip({**names, "charge": ak.local_index(names["pt"])}, with_name="Jet")


def masses(x):
    a, b = ak.unzip(ak.combinations(x, 2))
    return np.sqrt(2 * a.pt * b.pt * (np.cosh(a.eta - b.eta) - 0.5))


FUNCTIONS = {
    "chain": (lambda x: np.sin(x[::-1] ** 2) * np.exp(-x[::-1]), lists),
    "sums": (lambda x: np.sqrt(ak.sum(x**2, axis=1)), lists),
    "products": (lambda x: ak.prod(x, axis=1), lists),
    "largest": (lambda x: ak.max(x, axis=1), lists),
    "all": (lambda x: ak.sum(x), lists),
    "several results": (
        lambda x: {"a": x * 2.0, "b": (ak.num(x), x > 2.0, None), "c": ak.sum(x)},
        lists,
    ),
    "comparison": (lambda x: x > 2.0, lists),
    "records": (masses, jets),
    "records out": (lambda x: ak.zip({"pt": x.pt * 2.0, "q": x.charge}, with_name="Jet"), jets),
    "normalised": (lambda x: x / ak.sum(x, axis=1), lists),
    "histogram": (
        lambda x: ak.sum(
            np.exp(-((ak.flatten(x)[:, np.newaxis] - np.arange(5.0)[np.newaxis]) ** 2)), axis=0
        ),
        lists,
    ),
    "padded": (lambda x: ak.fill_none(ak.pad_none(x, 4), 1.5)[:, ::-1] * 2.0, lists),
    "concatenated": (lambda x: ak.concatenate([x, x * x], axis=1), lists),
    "numbers": (lambda p: np.sin(p) * p, lambda seed: 0.5 + seed),
    "NumPy": (lambda x: x * x[0], lambda seed: np.random.default_rng(seed).normal(size=7)),
    "several arguments": (
        lambda x, p: x * p["a"] + p["b"][1],
        lambda seed: (lists(seed), {"a": 2.0 + seed, "b": (1.0, 0.5 * seed)}),
    ),
    "second order": (
        lambda x: jvp(lambda y: np.sin(y) * y, x, x)[1] + ak.sum(x, axis=1),
        lists,
    ),
    "single precision": (
        lambda x: np.exp(-x) * 2,
        lambda seed: ak.values_astype(lists(seed), np.float32),
    ),
    "a constant beside": (lambda x: (x * 0.0 + 1.0, ak.Array([1.0, 2.0])), lists),
}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_replay_gives_what_the_function_gives(name):
    function, make = FUNCTIONS[name]
    compiled = dualak.compile(function)
    for seed in range(4):
        x = make(seed)
        t = direction(x, seed) if not isinstance(x, (np.ndarray, tuple)) else make(seed + 9)
        y, dy = compiled.jvp(x, t)
        value, tangent = jvp(function, x, t)
        assert types(y) == types(value)
        assert types(dy) == types(tangent)
        assert_close(tree(y), tree(value), 1e-14)
        assert_close(tree(dy), tree(tangent), 1e-12)
        plain = compiled(*x) if isinstance(x, tuple) else compiled(x)
        assert types(plain) == types(value)
        assert_close(tree(plain), tree(value), 1e-14)
    statistics = compiled.statistics
    assert (statistics.recorded, statistics.replayed) == (2, 6)
    assert (statistics.refused, statistics.plain) == (0, 0)
    assert current_graph.get() is None


@pytest.mark.one_in(6)
@pytest.mark.parametrize("name", dict(LAYOUTS))
def test_every_layout(name):
    x = dict(LAYOUTS)[name]()

    def function(x):
        return np.sin(x) * x

    if not accepts(function, x):
        pytest.skip("Awkward has no ufuncs of records")
    compiled = dualak.compile(function)
    for seed in range(3):
        t = direction(x, seed)
        assert tree(compiled.jvp(x, t)) == tree(jvp(function, x, t))
        assert_close(tree(compiled(x)), tree(function(x)), 1e-6 if "32" in str(x.type) else 1e-14)


# -- never stale ----------------------------------------------------------------------------------


def cut(x):
    return ak.sum(x[x > 2.0], axis=1)


def test_a_mask_that_changes_is_recorded_anew():
    compiled = dualak.compile(cut)
    for seed in (1, 2, 1, 2, 1):
        x = lists(seed)
        assert_close(tree(compiled(x)), tree(cut(x)), 1e-14)
    assert compiled.statistics.recorded == 2
    assert compiled.statistics.replayed == 3
    near = lists(1) + 0.0
    near = ak.where(abs(near - 2.0) < 1e-3, near, near * (1 + 1e-9))
    assert_close(tree(compiled(near)), tree(cut(near)), 1e-14)


CHANGED = {
    "other lists": lambda x: x[:, :2],
    "other length": lambda x: x[:-1],
    "other order of lists": lambda x: x[::-1],
    "single precision": lambda x: ak.values_astype(x, np.float32),
    "missing": lambda x: ak.mask(x, ak.num(x) > 1),
    "regular": lambda x: ak.to_regular(x[ak.num(x) == 2][:, :2]),
    "flat": ak.flatten,
}


@pytest.mark.parametrize("name", CHANGED)
def test_other_structure_is_recorded_anew(name):
    compiled = dualak.compile(np.sin)
    for x in (lists(1), CHANGED[name](lists(1)), lists(2), CHANGED[name](lists(2))):
        assert types(compiled(x)) == types(np.sin(x))
        assert_close(tree(compiled(x)), tree(np.sin(x)), 1e-6 if "single" in name else 1e-14)
    assert compiled.statistics.recorded == 2


def test_integers_are_structure():
    def function(x):
        return x.pt * x.charge

    compiled = dualak.compile(function)
    one = jets(1)
    other = ak.with_field(one, one.charge + 1, "charge")
    for x in (one, other, one, other):
        assert_close(tree(compiled(x)), tree(function(x)), 1e-14)
    assert compiled.statistics.recorded == 2


def test_offsets_changed_in_place_are_seen():
    offsets = np.array([0, 2, 3])
    layout = ak.contents.ListOffsetArray(
        ak.index.Index64(offsets), ak.contents.NumpyArray(np.array([1.0, 2.0, 4.0]))
    )
    compiled = dualak.compile(lambda x: ak.sum(x, axis=1))
    assert compiled(ak.Array(layout)).to_list() == [3.0, 4.0]
    again = ak.contents.ListOffsetArray(
        ak.index.Index64(np.array([0, 1, 3])), ak.contents.NumpyArray(np.array([1.0, 2.0, 4.0]))
    )
    assert compiled(ak.Array(again)).to_list() == [1.0, 6.0]


def test_which_tangents_are_there_is_structure():
    compiled = dualak.compile(masses)
    x = jets(1)
    for t in ({"pt": x.pt}, {"eta": x.eta}, None, {"pt": x.pt, "eta": None}, x):
        want = jvp(masses, x, t)
        got = compiled.jvp(x, t)
        assert_close(tree(got[1]), tree(want[1]), 1e-12)


def test_a_function_that_sorts_by_value_runs_as_it_is():
    def function(x):
        return x[ak.argsort(x, axis=1)][:, :1] ** 2

    compiled = dualak.compile(function)
    with pytest.warns(dualak.ReplayWarning, match=r"'ak.argsort' in line \d+ of .*test_") as said:
        found = [tree(compiled(lists(seed))) for seed in range(3)]
    assert found == [tree(function(lists(seed))) for seed in range(3)]
    assert (len(said), said[0].filename) == (1, __file__)
    assert (compiled.statistics.plain, compiled.statistics.recorded) == (3, 1)


def test_a_tangent_that_lies_otherwise_still_gives_what_jvp_gives():
    x = ak.Array([[1.0, 2.0], [3.0]])
    t = ak.Array([[9.0], [1.0, 2.0], [3.0]])[1:]
    compiled = dualak.compile(np.sin)
    for _ in range(2):
        assert tree(compiled.jvp(x, t)) == tree(jvp(np.sin, x, t))


@pytest.mark.parametrize("wrong", [ak.Array([[1.0], [2.0]]), ak.Array([1.0]), {"a": 1.0}, "text"])
def test_wrong_tangents_are_refused_as_by_jvp(wrong):
    x = ak.Array([[1.0, 2.0], [3.0]])
    compiled = dualak.compile(np.sin)
    compiled.jvp(x, x)
    with pytest.raises((ValueError, TypeError)):
        compiled.jvp(x, wrong)


def test_results_of_replays_are_their_own():
    compiled = dualak.compile(lambda x: x * 2.0)
    first = compiled(lists(1))
    kept = first.to_list()
    compiled(lists(2))
    assert first.to_list() == kept


def test_arguments_are_not_changed():
    compiled = dualak.compile(lambda x: np.sqrt(x) * x)
    x = lists(3)
    before = x.to_list()
    for _ in range(3):
        compiled.jvp(x, x)
    assert x.to_list() == before


# -- memory, threads, other transformations -------------------------------------------------------


def test_a_stream_of_structures_keeps_few_recordings():
    compiled = dualak.compile(np.exp, cache_size=3)
    for size in range(1, 20):
        compiled(ak.Array(np.ones(size)))
    assert len(compiled._recordings) == 3
    compiled(ak.Array(np.ones(19)))
    assert compiled.statistics.replayed == 1
    compiled.clear()
    assert len(compiled._recordings) == 0


def test_recordings_keep_no_argument_alive():
    compiled = dualak.compile(lambda x: np.sin(x) * ak.sum(x, axis=1))
    layout = each_leaf(np.copy, lists(1).layout)
    data = layout.content.data
    ref = weakref.ref(data)
    compiled(ak.Array(layout))
    del layout, data
    gc.collect()
    assert ref() is None


def test_threads_replay_at_the_same_time():
    compiled = dualak.compile(masses)
    points = [jets(seed) for seed in range(8)]
    want = [tree(jvp(masses, x, x)) for x in points]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            got = list(pool.map(lambda x: tree(compiled.jvp(x, x)), points))
            assert got == want


def test_other_transformations_go_through():
    compiled = dualak.compile(lambda x: np.sin(x) * x)
    x = lists(1)
    want = jvp(lambda x: np.sin(x) * x, x, x)
    assert tree(jvp(compiled, x, x)) == tree(want)
    grad = dualak.grad(lambda x: ak.sum(compiled(x)))(x)
    assert_close(tree(grad), tree(np.cos(x) * x + np.sin(x)), 1e-13)
    assert dualak.jacfwd(compiled)(0.5) == dualak.jacfwd(lambda x: np.sin(x) * x)(0.5)


def test_names_and_keywords_stay():
    def scaled(x, by=2.0):
        """Doc."""
        return x * by

    compiled = dualak.compile(scaled)
    assert (compiled.__name__, compiled.__doc__) == ("scaled", "Doc.")
    assert compiled(ak.Array([1.0]), by=3.0).to_list() == [3.0]
    assert compiled(ak.Array([1, 2])).to_list() == [2.0, 4.0]


# -- bad input ------------------------------------------------------------------------------------


def noisy(generator):
    return lambda x: x + ak.Array(generator.normal(size=len(x)))


def growing(calls):
    def function(x):
        calls.append(1)
        return sum([x] * len(calls))

    return function


@pytest.mark.parametrize("function", [noisy(np.random.default_rng(1)), growing([])])
def test_a_function_that_is_not_deterministic_is_refused(function):
    with pytest.raises(ValueError, match="the same for the same arguments"):
        dualak.compile(function)(ak.Array([1.0, 2.0]))


def test_an_empty_cache_is_refused():
    with pytest.raises(ValueError, match="cache_size"):
        dualak.compile(np.sin, cache_size=0)


def test_what_is_no_result_is_refused():
    compiled = dualak.compile(lambda x: object())
    with pytest.raises(TypeError, match="arrays, numbers"):
        compiled(ak.Array([1.0]))
