"""Reverse mode of functions that change their arguments, and of callers that change what they got.

The oracle is forward mode, whose arguments are seeded before the function runs: a cotangent of the
result times its tangent is the cotangent of the arguments times theirs.
"""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

import dualak
from dualak.engine.realize import compute
from dualak.graph.graph import Graph
from dualak.graph.substitute import substituted
from dualak.graph.transpose import transposed


def jets():
    return ak.Array(
        [[{"pt": 1.0, "eta": 0.5}, {"pt": 2.0, "eta": -1.0}], [], [{"pt": 3.0, "eta": 2.0}]]
    )


def numbered(tree, start=1.0):
    """A tree of the same structure, whose numbers are all different."""
    count = iter(np.arange(start, start + 100.0))
    if isinstance(tree, dict):
        return {key: numbered(item, 10.0 * i + start) for i, (key, item) in enumerate(tree.items())}
    if isinstance(tree, (list, tuple)):
        return type(tree)(numbered(item, 10.0 * i + start) for i, item in enumerate(tree))
    if isinstance(tree, float):
        return start
    if isinstance(tree, np.ndarray):
        return start + np.arange(tree.size, dtype=tree.dtype).reshape(tree.shape)
    return ak.from_iter(_numbered(ak.to_list(tree), count))


def _numbered(tree, count):
    if isinstance(tree, dict):
        return {key: _numbered(item, count) for key, item in tree.items()}
    if isinstance(tree, list):
        return [_numbered(item, count) for item in tree]
    return tree if tree is None else next(count)


def numbers(tree):
    """All numbers of a tree by their names, so that order and layout do not matter."""
    if isinstance(tree, (ak.Array, ak.Record, np.ndarray)):
        tree = tree.tolist() if isinstance(tree, np.ndarray) else ak.to_list(tree)
    if isinstance(tree, dict):
        tree = [tree[key] for key in sorted(tree)]
    if isinstance(tree, (list, tuple)):
        return [number for item in tree for number in numbers(item)]
    return [] if tree is None else [float(tree)]


def moved_to_the_end(x):
    a = x["a"]
    del x["a"]
    x["a"] = a
    return x.a * 10 + x.b**2


def renamed(x):
    x["c"] = x["a"]
    del x["a"]
    return x.c * x.b


def swapped(x):
    x["a"], x["b"] = x["b"], x["a"]
    return x.a**2 + x.b


def deleted(x):
    del x["b"]
    return x.a**3


def added(x):
    x["c"] = x.a * x.b
    x["d"] = x.c + 1.0
    return x.d * x.a


def returned(x):
    x["a"] = x.a * x.b
    return x


def nested(j):
    j["p4"] = ak.zip({"x": j.pt * np.cos(j.eta), "y": j.pt * np.sin(j.eta)})
    j["p4", "x"] = j.p4.x * 2
    del j["eta"]
    return ak.sum(j.p4.x * j.p4.y, axis=1)


def popped(p):
    a = p.pop("a")
    p["a"] = 2 * a
    return p["a"] ** 2 * p["b"]


def cleared(p):
    a, b = p["a"], p["b"]
    p.clear()
    p["z"] = a * b
    return p["z"]


def reversed_list(p):
    p.reverse()
    p.append(p[0] * 2)
    return p[0] ** 2 + p[1] * p[2]


def inside(p):
    p["jets"]["pt"] = p["jets"].pt * p["scale"]
    p["jets"] = p["jets"][p["jets"].eta > 0]
    return p["jets"].pt ** 2


def of_pairs(p):
    p["pairs"].reverse()
    first, second = p["pairs"]
    return first["u"] * second["v"] ** 2


RECORDS = ak.Array([{"a": 1.0, "b": 2.0}, {"a": 3.0, "b": 5.0}])
CASES = [
    *(
        (one, lambda: RECORDS)
        for one in (moved_to_the_end, renamed, swapped, deleted, added, returned)
    ),
    *((one, lambda: RECORDS[1]) for one in (swapped, renamed, returned)),
    (nested, jets),
    *((one, lambda: {"a": 2.0, "b": 3.0}) for one in (popped, cleared)),
    (reversed_list, lambda: [2.0, 3.0]),
    (reversed_list, lambda: [np.array([1.0, 2.0]), np.array([3.0, 5.0])]),
    (inside, lambda: {"jets": jets(), "scale": 1.5}),
    (of_pairs, lambda: {"pairs": [{"u": 1.0, "v": 2.0}, {"u": 3.0, "v": 4.0}]}),
]


@pytest.mark.one_in(2)
@pytest.mark.parametrize(("func", "make"), CASES, ids=lambda one: getattr(one, "__name__", ""))
def test_cotangents_belong_to_the_argument_before_the_call(func, make):
    x, t = make(), numbered(make(), 3.0)
    y, dy = dualak.jvp(func, x, t)
    u = numbered(y, 2.0)
    value, pullback = dualak.vjp(func, x)
    assert numbers(value) == numbers(y)
    for _ in range(2):
        found = pullback(u)
        np.testing.assert_allclose(
            np.dot(numbers(found), numbers(t)), np.dot(numbers(u), numbers(dy)), rtol=1e-12
        )
        assert _names(found) == _names(x)


@pytest.mark.parametrize(("func", "make"), CASES, ids=lambda one: getattr(one, "__name__", ""))
def test_linearize_takes_directions_of_the_argument_before_the_call(func, make):
    x, t = make(), numbered(make(), 3.0)
    y, dy = dualak.jvp(func, x, t)
    value, pushforward = dualak.linearize(func, x)
    assert numbers(value) == numbers(y)
    assert numbers(pushforward(t)) == pytest.approx(numbers(dy))


def _names(tree):
    if isinstance(tree, (ak.Array, ak.Record)):
        return tree.fields
    if isinstance(tree, dict):
        return {key: _names(item) for key, item in tree.items()}
    return [_names(item) for item in tree] if isinstance(tree, list) else None


def test_callers_may_change_what_they_gave_and_got():
    x = {"a": ak.Array([{"r": 1.0}, {"r": 2.0}]), "b": 3.0}
    y, pullback = dualak.vjp(lambda p: {"y": p["a"].r * p["b"], "z": p["b"]}, x)
    y["new"] = y.pop("y")
    x["a"]["s"] = x["a"].r
    x["c"] = x.pop("b")
    found = pullback({"y": ak.Array([1.0, 10.0]), "z": 100.0})
    assert found["a"].to_list() == [{"r": 3.0}, {"r": 30.0}]
    assert found["b"] == 121.0


# -- cotangents of other layouts -------------------------------------------------------------------


def summed(x):
    return ak.sum(x, axis=-1, mask_identity=True)


def masked(x):
    return ak.mask(x, x > 1.5) * 2


LISTS = ak.Array([[1.0, 2.0], [], [4.0]])
OF_SUMS = ak.Array([2.0, None, 3.0])
WANT = [[2.0, 2.0], [], [3.0]]


def byte_masked(valid_when):
    mask = ak.index.Index8(np.array([0, 1, 0], np.int8) ^ int(valid_when))
    numbers = ak.contents.NumpyArray(np.array([2.0, 99.0, 3.0]))
    return ak.Array(ak.contents.ByteMaskedArray(mask, numbers, valid_when))


def bit_masked():
    mask = ak.index.IndexU8(np.array([0b101], np.uint8))
    numbers = ak.contents.NumpyArray(np.array([2.0, 99.0, 3.0]))
    return ak.Array(ak.contents.BitMaskedArray(mask, numbers, True, 3, True))


def indexed():
    numbers = ak.contents.NumpyArray(np.array([77.0, 3.0, 2.0]))
    index = ak.index.Index64(np.array([2, -1, 1]))
    return ak.Array(ak.contents.IndexedOptionArray(index, numbers))


OF_SUMS_IN_LAYOUTS = {
    "from a list": OF_SUMS,
    "byte mask": byte_masked(True),
    "byte mask of what is missing": byte_masked(False),
    "bit mask": bit_masked(),
    "index": indexed(),
    "sliced": ak.Array([9.0, 2.0, None, 3.0])[1:],
    "no option": ak.Array([2.0, 55.0, 3.0]),
    "float32": ak.values_astype(OF_SUMS, np.float32),
    "a Python list": [2.0, None, 3.0],
}


@pytest.mark.parametrize("u", OF_SUMS_IN_LAYOUTS.values(), ids=OF_SUMS_IN_LAYOUTS)
def test_a_cotangent_with_missing_values_may_lie_in_memory_as_it_likes(u):
    _, pullback = dualak.vjp(summed, LISTS)
    assert pullback(u).to_list() == WANT
    assert pullback(u).to_list() == WANT


@pytest.mark.parametrize(
    "u",
    [
        ak.Array([2.0, 1.0, None]),
        ak.Array([2.0, None]),
        ak.Array([2.0, None, 3.0, 4.0]),
        ak.Array([[2.0], [], [3.0]]),
        ak.Array([2, None, 3]),
        ak.Array(["a", None, "b"]),
        ak.Array([{"a": 2.0}, None, {"a": 3.0}]),
        ak.values_astype(OF_SUMS, np.complex128),
        1.0,
    ],
    ids=str,
)
def test_a_cotangent_of_another_structure_is_refused(u):
    _, pullback = dualak.vjp(summed, LISTS)
    with pytest.raises((ValueError, TypeError), match="tangent"):
        pullback(u)


@pytest.mark.parametrize("layout", ["as it is", "packed", "reversed twice", "by an index"])
@pytest.mark.parametrize(
    "func", [masked, lambda x: ak.pad_none(x, 2) ** 2, lambda x: ak.firsts(x) ** 2]
)
def test_cotangents_of_options_agree_with_forward_mode(func, layout):
    t = numbered(LISTS, 3.0)
    y, dy = dualak.jvp(func, LISTS, t)
    u = numbered(y, 2.0)
    u = {
        "as it is": lambda: u,
        "packed": lambda: ak.to_packed(u),
        "reversed twice": lambda: u[::-1][::-1],
        "by an index": lambda: u[[2, 0, 1]][[1, 2, 0]],
    }[layout]()
    _, pullback = dualak.vjp(func, LISTS)
    found = pullback(u)
    np.testing.assert_allclose(
        np.dot(numbers(found), numbers(t)), np.dot(numbers(u), numbers(dy)), rtol=1e-12
    )


# -- no buffer is read beyond its end --------------------------------------------------------------


def test_a_linear_map_refuses_what_is_shorter_than_it_is():
    graph = Graph()
    t = graph.input(np.float64, 3)
    root = t * graph.buffer(np.array([1.0, 2.0, 3.0]))
    short = graph.buffer(np.array([1.0, 2.0]))
    with pytest.raises(ValueError, match="one length"):
        transposed([root], [short], [t])
    with pytest.raises(ValueError, match="one length"):
        substituted([root], {t: short})


def test_lists_beyond_their_elements_are_refused():
    graph = Graph()
    x, offsets = graph.buffer(np.array([1.0, 2.0])), graph.buffer(np.array([0, 1, 3]))
    for make in (
        lambda: graph.segment("sum", (x,), offsets),
        lambda: graph.repeat(graph.buffer(np.arange(3.0)), offsets),
        lambda: graph.columns(x, graph.buffer(np.array([0, 2, 4])), 2),
    ):
        with pytest.raises(ValueError, match="expected"):
            compute([make()])
