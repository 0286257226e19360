"""Unions: several kinds of elements in one array, of which some are differentiated.

What plain Awkward makes of numbers, it makes of differentiated ones: those that merge are merged,
the others stay in a union, whose elements are of our classes.
"""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

import bridge
import dualak
from tests.support.jitted import both_ways
from tests.support.layouts import (
    accepts,
    assert_close,
    check,
    check_linear,
    direction,
    tree,
    types,
    zeroed,
)

UNIONS = {
    "numbers and lists": lambda: ak.Array([1.1, [2.2, 3.3], 4.4, [], [5.5]]),
    "in lists": lambda: ak.Array([[1.1, [2.2, 3.3]], [], [[], 4.4]]),
    "lists beside integers": lambda: ak.Array([[1.5, 2.5], 3, [4.5], 7]),
    "beside booleans": lambda: ak.concatenate([[1.5, 2.5], [True, False]], mergebool=False),
    "beside strings": lambda: ak.Array([1.5, "a", 2.5, "bc"]),
    "missing": lambda: ak.Array([1.1, None, [2.2, None, 3.3], 4.4]),
    "records": lambda: ak.Array([{"x": 1.1}, {"y": 2.2}, {"x": 3.3}, {"y": 4.4}]),
    "in records": lambda: ak.Array(
        [{"a": 1.5, "u": [1.2]}, {"a": 2.5, "u": 2.2}, {"a": 3.5, "u": []}]
    ),
    "elements twice": lambda: ak.Array([[1.0, 2.5], 3.0, 4.0])[[0, 1, 1, 0, 2]],
    "regular": lambda: ak.concatenate([ak.Array(np.array([[1.1, 2.2]])), ak.Array([5.5, 6.6])]),
}

MOVED = {
    "itself": lambda x: x,
    "reversed": lambda x: x[::-1],
    "indexed": lambda x: x[[1, 0, 0, 2]],
    "masked": lambda x: x[np.arange(len(x)) % 2 == 0],
    "with gaps": lambda x: ak.mask(x, np.arange(len(x)) % 2 == 0),
    "empty": lambda x: x[:0],
    "packed": ak.to_packed,
    "zipped": lambda x: ak.zip({"p": x, "i": np.arange(len(x))}, depth_limit=1)[::-1],
    "field": lambda x: x["u"][::-1],
    "joined with itself": lambda x: ak.concatenate([x, x[::-1]]),
    "padded": lambda x: ak.pad_none(x, 7, axis=0),
    "split": lambda x: ak.unflatten(x, [1, len(x) - 1]),
    "chosen": lambda x: ak.where(np.arange(len(x)) % 2 == 0, x, x[::-1]),
    "pairs": lambda x: ak.combinations(x, 2, axis=0),
}

COMPUTED = {
    "squares": lambda x: x * x,
    "sines reversed": lambda x: np.sin(x[::-1] * 1.0),
    "greater": lambda x: x > 2,
    "chosen by value": lambda x: (lambda v: v + v)(ak.where(x > 2, x, 0.5 * x)),
    "is missing": lambda x: ak.is_none(x, axis=-1),
    "flattened": lambda x: ak.flatten(x, axis=None),
    "raveled": ak.ravel,
    "sorted": ak.sort,
    "order": ak.argsort,
    "joined with floats": lambda x: ak.concatenate([x, [1.5, 2.5]])[::-1] * 2,
    "joined with integers": lambda x: ak.concatenate([[1, 2], x]),
    "joined with booleans": lambda x: ak.concatenate([[True], x]),
    "joined with strings": lambda x: ak.concatenate([x, ["a", "b"]]),
    "joined with lists": lambda x: ak.concatenate([x, [[1, 2], [3]]]),
    "filled": lambda x: ak.fill_none(x, 9.5),
    "in single precision": lambda x: ak.concatenate([x, np.array([1.5, 2.5], np.float32)]),
}


def each_with(functions, step):
    """Each union with every so-manieth function, another for each, so that every one comes."""
    pairs = [(union, name) for union in UNIONS for name in functions]
    kept = [i for i in range(len(pairs)) if (i + i // len(functions)) % step == 0]
    return [pairs[i] for i in kept]


@pytest.mark.one_in(3)
@pytest.mark.parametrize(("union", "name"), each_with(MOVED, 3))
def test_moved(union, name):
    if not accepts(MOVED[name], UNIONS[union]()):
        pytest.skip("plain Awkward does not do it")
    check_linear(MOVED[name], UNIONS[union]())


@pytest.mark.one_in(6)
@pytest.mark.parametrize(("union", "name"), each_with(COMPUTED, 3))
def test_computed(union, name):
    function, x = COMPUTED[name], UNIONS[union]()
    if not accepts(function, x):
        pytest.skip("plain Awkward does not do it")
    check(function, x)


@pytest.mark.parametrize("union", UNIONS.values(), ids=UNIONS)
def test_elements_are_of_our_classes(union):
    def ours(x):
        arrays = [one for one in x if isinstance(one, (ak.Array, ak.Record))]
        return all(type(one) not in (ak.Array, ak.Record) for one in arrays)

    seen = []
    dualak.jvp(lambda x: seen.append(ours(x)) or x, union(), None)
    assert all(seen)


# -- kinds of which one moves ---------------------------------------------------------------------

ELECTRONS = ak.Array([[{"pt": 1.0, "e": 1}], [{"pt": 3.0, "e": 1}]])
MUONS = ak.Array([[{"pt": 2.0, "q": 1}], []])


def leptons(scale):
    moved = ak.with_field(MUONS, MUONS.pt * (1 + scale), "pt")
    return ak.concatenate([ELECTRONS, moved], axis=1)


OF_LEPTONS = {
    "themselves": lambda s: leptons(s),
    "sum": lambda s: ak.sum(leptons(s).pt, axis=1),
    "largest": lambda s: ak.max(leptons(s).pt, axis=1),
    "mean": lambda s: ak.mean(leptons(s).pt, axis=1),
    "sorted": lambda s: ak.sort(leptons(s).pt, axis=1),
    "ordered": lambda s: (lambda one: one[ak.argsort(one.pt, axis=1)])(leptons(s)),
    "cut": lambda s: (lambda one: one[one.pt > 2.5].pt * 2)(leptons(s)),
    "pairs": lambda s: (lambda c: c["0"].pt * c["1"].pt)(ak.combinations(leptons(s), 2)),
    "leading": lambda s: ak.firsts(leptons(s)).pt,
    "one": lambda s: leptons(s)[0, 1].pt,
    "reversed": lambda s: leptons(s)[:, ::-1],
}


@pytest.mark.one_in(2)
@pytest.mark.parametrize("function", OF_LEPTONS.values(), ids=OF_LEPTONS)
def test_kinds_of_which_one_is_differentiated(function):
    check(function, 0.5)


def test_kinds_with_names_and_methods():
    behavior = {"Electron": type("Electron", (ak.Record,), {"twice": lambda self: self.pt * 2})}
    electron = ak.with_name(ak.Array([{"pt": 1.0, "e": 1}]), "Electron", behavior=behavior)
    muon = ak.with_name(ak.Array([{"pt": 2.0, "q": 1}]), "Muon")

    def function(pt):
        first, second = ak.concatenate([ak.with_field(electron, pt, "pt"), muon])
        return first.twice() + second.pt

    y, dy = dualak.jvp(function, ak.Array([3.0]), ak.Array([5.0]))
    assert (y, dy) == (8.0, 10.0)


# -- constants of a union -------------------------------------------------------------------------

FLAT = ak.Array([1.1, 2.2, 3.3])
CONSTANT = ak.Array([1, [2, 3], 4])

BESIDE = {
    "times": lambda x: CONSTANT * x,
    "plus": lambda x: x + CONSTANT,
    "empty": lambda x: CONSTANT[:0] * x[:0],
    "joined": lambda x: ak.concatenate([CONSTANT, x]),
    "joined, empty": lambda x: ak.concatenate([x, CONSTANT[:0]]) * 2,
    "booleans": lambda x: ak.concatenate([x, [True, False]]) + 1,
    "booleans apart": lambda x: ak.concatenate([x, [True, False]], mergebool=False)[::-1] * 2,
    "booleans apart, sines": lambda x: np.sin(ak.concatenate([x, [True, False]], mergebool=False)),
    "missing": lambda x: ak.concatenate([ak.mask(x, [True, False, True]), [1, 2]]) * 2,
    "filled by a boolean": lambda x: ak.fill_none(ak.mask(x, [True, False, True]), True),
    "records": lambda x: ak.concatenate([ak.zip({"a": x}), ak.Array([{"a": 1}])]),
    "records of several": lambda x: ak.concatenate(
        [ak.zip({"a": x, "s": [1, 2, 3]}), ak.Array([{"a": 1, "s": "x"}])]
    ),
    "tuples": lambda x: ak.concatenate([ak.zip((x, x)), ak.Array([(1, 2.5)])]),
    "five kinds": lambda x: ak.concatenate(
        [ak.Array([1]), x, ak.Array(["a"]), x * 2, ak.Array([[1.5]])]
    ),
}


@pytest.mark.parametrize("function", BESIDE.values(), ids=BESIDE)
def test_constants_beside(function):
    check(function, FLAT)


def test_a_number_beside_a_union_of_which_a_part_is_constant():
    check(lambda x, s: (x * s, s + x), (UNIONS["lists beside integers"](), 1.5))


@pytest.mark.parametrize("single", [slice(None), slice(0, 0)], ids=["some", "none"])
def test_types_that_merge(single):
    def function(x):
        return ak.concatenate([x[single], np.array([1.5, 2.5])])

    y, dy = dualak.jvp(function, ak.values_astype(FLAT, np.float32), None)
    assert str(y.type) == str(dy.type) == str(function(ak.values_astype(FLAT, np.float32)).type)


def test_complex_numbers_are_refused():
    with pytest.raises(TypeError, match="complex"):
        dualak.jvp(lambda x: ak.concatenate([x, [1j]]), FLAT, None)


# -- other modes ----------------------------------------------------------------------------------


def dot(one, other):
    """The sum of the products of the numbers of two trees."""
    if isinstance(one, dict):
        return sum(dot(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return sum(dot(*both) for both in zip(one, other, strict=True))
    return one * other if isinstance(one, float) and isinstance(other, float) else 0.0


PULLED = ("itself", "reversed", "indexed", "chosen", "joined with itself")


@pytest.mark.one_in(3)
@pytest.mark.parametrize(("union", "name"), each_with(PULLED, 2))
def test_cotangents(union, name):
    x, t = UNIONS[union](), direction(UNIONS[union]())
    y, dy = dualak.jvp(MOVED[name], x, t)
    again, pullback = dualak.vjp(MOVED[name], x)
    u = direction(y, 3)
    forwards, backwards = dot(tree(u), tree(dy)), dot(tree(pullback(u)), tree(t))
    assert tree(again) == tree(y)
    assert types(pullback(u)) == types(dualak.jvp(lambda x: x, x, t)[1])
    assert_close(backwards, forwards, 1e-12)


def test_cotangent_of_elements_that_come_out_twice():
    _, pullback = dualak.vjp(lambda x: x[[0, 1, 1, 0]], ak.Array([[1.0, 2.0], 3.0]))
    found = pullback(ak.Array([[1.0, 1.0], 1.0, 1.0, [1.0, 1.0]]))
    assert found.to_list() == [[2.0, 2.0], 2.0]


@pytest.mark.one_in(2)
@pytest.mark.parametrize(("union", "name"), each_with(("reversed", "zipped"), 2))
def test_compiled_again(union, name):
    compiled = dualak.compile(MOVED[name])
    for k in (1, 2):
        x, t = UNIONS[union](), direction(UNIONS[union](), k)
        want, found = dualak.jvp(MOVED[name], x, t), compiled.jvp(x, t)
        assert types(found) == types(want)
        assert tree(found) == tree(want)


def test_compiled_with_a_union_as_result():
    compiled = dualak.compile(lambda x: ak.concatenate([x, [1, 2], ["a"]]))
    for k in (1.0, 2.0):
        x = ak.Array([[k, 2.0], [3.0]])
        found = compiled.jvp(x, x)
        assert tree(found[0]) == [[k, 2.0], [3.0], 1, 2, "a"]
        assert tree(found[1])[:2] == [[k, 2.0], [3.0]]
    assert compiled.statistics.replayed == 1


@pytest.mark.parametrize(
    ("name", "moved"), [("lists beside integers", "itself"), ("in records", "reversed")]
)
def test_under_jit(name, moved):
    x, t = UNIONS[name](), direction(UNIONS[name]())
    value, again, tangent = both_ways(MOVED[moved], x, t)
    want, slope = dualak.jvp(MOVED[moved], x, t)
    for found in (value, again):
        assert_close(tree(found), tree(want), 1e-6)
    assert_close(zeroed(tree(tangent)), tree(slope), 1e-6)


def test_through_jax_and_back():
    for union in UNIONS.values():
        found = bridge.from_jax(bridge.to_jax(union()))
        assert_close(tree(found), tree(union()), 1e-6)


def test_what_awkward_would_read_later_is_settled():
    """A layout that comes out of a function holds no positions, which would outlive columns."""

    def function(x):
        layout = ak.concatenate([x, [1.0]], highlevel=False)
        return ak.Array(layout) * 2 + ak.concatenate([x, [1.0]])

    check(function, FLAT)


@pytest.mark.parametrize("keep", [0, 2])
def test_what_is_missing_on_both_sides_stays_missing(keep):
    lists = ak.to_packed(ak.Array([[1.5, 2.5], []])[:, :keep])
    unknown = ak.Array(
        ak.contents.RegularArray(
            ak.contents.IndexedOptionArray(
                ak.index.Index64(np.full(6, -1)), ak.contents.NumpyArray(np.empty(0, bool))
            ),
            3,
        )
    )

    def program(x):
        return ak.where(unknown, ak.pad_none(x, 3, axis=1, clip=True), unknown)

    value, tangent = dualak.jvp(program, (lists,), (lists,))
    assert ak.to_list(value) == ak.to_list(program(lists)) == [[None] * 3] * 2
    assert ak.to_list(tangent) == [[None] * 3] * 2
