"""Compiled functions of every kind of argument give what the function gives, and are replayed."""

from __future__ import annotations

from collections import OrderedDict, namedtuple

import awkward as ak
import numpy as np
import pytest

import dualak
from tests.support.layouts import assert_close, tree, types

Pair = namedtuple("Pair", "a b")


def numbers(seed, size=9):
    return np.random.default_rng(seed).uniform(0.5, 2.0, size)


def lists(seed):
    return ak.unflatten(numbers(seed), [3, 0, 2, 4])


class Jets(ak.Array):
    """Jets with a component of their own."""

    @property
    def px(self):
        """Along x."""
        return self.pt * np.cos(self.phi)


class Jet(ak.Record):
    """One of them."""

    px = Jets.px


BEHAVIOR = {("*", "CompiledJet"): Jets, "CompiledJet": Jet}


def jets(seed):
    fields = {"pt": lists(seed), "phi": lists(seed + 1), "n": ak.local_index(lists(seed))}
    return ak.Array(ak.zip(fields, with_name="CompiledJet"), behavior=BEHAVIOR)


def documented(seed):
    pt = ak.with_parameter(ak.Array(numbers(seed, 3)), "__doc__", "GeV")
    return ak.zip({"pt": pt, "eta": ak.Array(numbers(seed + 1, 3))})


def union(seed):
    a, b, c, d, e, f = numbers(seed, 6)
    return ak.Array([a, [b, c], d, [], [e, f]])


def options(seed):
    a, b, c, d = numbers(seed, 4)
    return ak.Array([[a, None, b], None, [], [c, d]])


def record(seed):
    return ak.Record({"x": 1.5 + seed, "y": [1.0, 2.0 + seed], "n": 3, "t": "abc"})


def strings(seed):
    a, b, c = numbers(seed, 3)
    return ak.Array([{"v": a, "name": "a"}, {"v": b, "name": "b"}, {"v": c, "name": "a"}])


def bits(seed):
    masked = ak.mask(ak.Array(numbers(seed, 3)), np.array([True, False, True]))
    return ak.Array(masked.layout.to_BitMaskedArray(True, True))


def matrix(seed):
    return numbers(seed, 24).reshape(6, 4)


def nested(seed):
    text = {"a": {"b": lists(seed), "s": "text", "none": None, "f": 1.5 + seed}}
    return {**text, "c": [1.0, 2.0 + seed, (3,)], "p": Pair(1.0, lists(seed))}


# fmt: off
#: Functions, and arguments for them made of a seed: what differs between seeds are numbers alone.
ARGUMENTS = {
    "leaf with a parameter": (lambda x: x.pt * x.eta, documented),
    "behaviors": (lambda x: (x.px, x, x[0], x[0, 1], x[0, 1].px), jets),
    "named axes": (
        lambda x: (ak.sum(x * 2, axis="b"), x, x[0:2]),
        lambda s: ak.with_named_axis(lists(s), ("a", "b"))),
    "attrs": (lambda x: (x * 2, x), lambda s: ak.Array(lists(s), attrs={"k": [1, 2]})),
    "attrs with arrays": (lambda x: x * 2, lambda s: ak.Array(lists(s), attrs={"k": np.arange(3)})),
    "unions": (lambda x: (x * 2, x, x[:2], x[0] * 2), union),
    "options": (
        lambda x: (x * 2, ak.sum(x, axis=1), ak.fill_none(x, 1.0, axis=None), x), options),
    "bit masks": (lambda x: (x * 2, x), bits),
    "a record": (lambda r: (r.x * 2, r, r.y, r.n), record),
    "an element": (lambda r: (r.pt * 2, r, r.px), lambda s: jets(s)[0, 1]),
    "nested containers": (lambda d: (d["a"]["b"] * d["a"]["f"] + d["c"][1], d["p"]), nested),
    "an ordered dict": (
        lambda d: OrderedDict(z=d["a"] * 2, y=d), lambda s: OrderedDict(b=1.0 + s, a=lists(s))),
    "a matrix": (lambda x: (x * 2, x[0], np.sum(x, axis=0)), matrix),
    "a strided matrix": (lambda x: x * 2, lambda s: matrix(s)[::2, ::-1]),
    "single precision": (lambda x: x * 2, lambda s: matrix(s).astype(np.float32)),
    "another byte order": (lambda x: x * 2, lambda s: matrix(s).astype(">f8")),
    "no dimensions": (lambda x: x * 2, lambda s: np.array(1.5 + s)),
    "no rows": (lambda x: x * 2, lambda s: np.zeros((0, 2))),
    "integers beside": (lambda x, n: x * n, lambda s: (lists(s), np.arange(4))),
    "numbers": (lambda x, s, b: (x * s, x if b else s), lambda s: (lists(s), 0.5 + s, True)),
    "of NumPy": (lambda s: (s * 2, np.sin(s)), lambda s: np.float64(1.5 + s)),
    "no elements": (lambda x: (x * 2, ak.sum(x, axis=-1)), lambda s: lists(s)[:0]),
    "strings": (lambda x: (x[x.name == "a"].v * 2, x.name, x), strings),
    "a field's name": (lambda x, n: x[n] * 2, lambda s: (ak.zip({"a": lists(s)}), "a")),
    "tuples": (lambda x: (x, x["0"] * x["1"]), lambda s: ak.zip((lists(s), lists(s + 1)))),
    "an index": (
        lambda x, i: x[i], lambda s: (lists(s), ak.Array([[0], [], [1], [2, 0]]))),
    "empty lists": (lambda x: x * 2, lambda s: ak.to_regular(ak.Array(np.zeros((3, 0)))) * s),
}
# fmt: on


def as_tuple(x):
    return x if isinstance(x, tuple) else (x,)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", ARGUMENTS)
def test_every_argument_is_recorded_once(name):
    function, make = ARGUMENTS[name]
    compiled = dualak.compile(function)
    for seed in (0, 1, 2):
        got, want = compiled(*as_tuple(make(seed))), function(*as_tuple(make(seed)))
        assert_same(got, want)
    statistics = compiled.statistics
    assert (statistics.recorded, statistics.replayed, statistics.plain) == (1, 2, 0)


def assert_same(got, want):
    """The same numbers in the same types and classes."""
    assert type(got) is type(want) or isinstance(want, float) is isinstance(got, float)
    if isinstance(want, dict):
        assert list(got) == list(want)
        for key in want:
            assert_same(got[key], want[key])
    elif isinstance(want, (tuple, list)):
        for both in zip(got, want, strict=True):
            assert_same(*both)
    else:
        assert types(got) == types(want)
        assert dict(getattr(got, "attrs", {})).keys() == dict(getattr(want, "attrs", {})).keys()
        assert_close(tree(got), tree(want), 1e-6 if "32" in str(types(want)) else 1e-13)


def test_names_of_arguments_are_structure():
    def scaled(x, by=2.0):
        return x * by

    compiled = dualak.compile(scaled)
    for seed in (0, 1):
        assert_close(
            tree(compiled(lists(seed), by=3.0 + seed)), tree(lists(seed) * (3.0 + seed)), 0
        )
        assert_close(tree(compiled(lists(seed))), tree(lists(seed) * 2.0), 0)
    assert (compiled.statistics.recorded, compiled.statistics.replayed) == (2, 2)


# -- derivatives ----------------------------------------------------------------------------------


def loss(x):
    return ak.sum(np.sin(x) ** 2) + ak.sum(ak.max(x, axis=1) ** 2)


def energy(x, p):
    return ak.sum(np.exp(-x * p["a"]) * p["b"])


def parameters(seed):
    return {"a": 0.5 + 0.1 * seed, "b": 1.5 + seed}


def of_parameters(p):
    return ak.sum(np.exp(lists(0) * p["a"]) * p["b"] ** 2)


# fmt: off
DERIVATIVES = {
    "grad": (dualak.grad(loss), lists),
    "value_and_grad": (dualak.value_and_grad(loss), lists),
    "grad by several": (dualak.grad(energy, (0, 1)), lambda s: (lists(s), parameters(s))),
    "grad of a matrix": (dualak.grad(lambda w: np.sum(np.sin(w) * w)), matrix),
    "grad with aux": (dualak.grad(lambda x: (loss(x), x * 2), has_aux=True), lists),
    "grad by records": (dualak.grad(lambda j: ak.sum(j.pt**2 * np.cos(j.phi) * j.n)), jets),
    "grad by a union": (dualak.grad(lambda x: ak.sum(ak.flatten(x * x, axis=None))), union),
    "jacfwd": (dualak.jacfwd(lambda p: lists(0) * p["a"] ** 2 + p["b"]), parameters),
    "derivative": (dualak.derivative(lambda s: lists(0) * np.sin(s)), lambda s: 0.5 + s),
    "hessian": (dualak.hessian(of_parameters), parameters),
    "value, Jacobian and Hessian": (dualak.value_jacobian_hessian(of_parameters), parameters),
    "hvp": (
        lambda x, v: dualak.hvp(lambda p: ak.sum(p**3), x, v),
        lambda s: (numbers(s, 3), numbers(s + 5, 3))),
    "jvp": (lambda x, t: dualak.jvp(loss, x, t), lambda s: (lists(s), lists(s + 5))),
    "vjp": (
        lambda x, u: dualak.vjp(lambda x: ak.sum(x**2, axis=1), x)[1](u),
        lambda s: (lists(s), ak.Array(numbers(s, 4)))),
    "linearize": (
        lambda x, t: dualak.linearize(lambda x: ak.sum(x**2, axis=1), x)[1](t),
        lambda s: (lists(s), lists(s + 5))),
    "grad of grad": (
        dualak.grad(lambda x: ak.sum(dualak.grad(lambda y: ak.sum(y**3))(x) ** 2)), lists),
    "grad of jvp": (
        dualak.grad(lambda x: ak.sum(dualak.jvp(lambda y: y**3, x, x * 2)[1])), lists),
    "a step": (lambda x: x - 0.1 * dualak.grad(loss)(x), lists),
    "a value used": (
        lambda x: (lambda both: both[0] * both[1])(dualak.value_and_grad(loss)(x)), lists),
}
# fmt: on


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", DERIVATIVES)
def test_derivatives_are_recorded_once(name):
    function, make = DERIVATIVES[name]
    compiled = dualak.compile(function)
    for seed in (0, 1, 2):
        x = as_tuple(make(seed))
        assert_same(compiled(*x), function(*x))
    statistics = compiled.statistics
    assert (statistics.recorded, statistics.replayed, statistics.plain) == (1, 2, 0)


def test_several_directions_are_replayed():
    compiled = dualak.compile(np.sin)
    along = dualak.Directions([lists(5), lists(6)])
    for seed in (0, 1):
        got, want = compiled.jvp(lists(seed), along), dualak.jvp(np.sin, lists(seed), along)
        assert_close(tree(got[0]), tree(want[0]), 1e-14)
        assert_close(tree(got[1]), tree(want[1]), 1e-14)
    assert (compiled.statistics.recorded, compiled.statistics.replayed) == (1, 3)


# -- never stale ----------------------------------------------------------------------------------


def test_integers_changed_in_place_are_seen():
    compiled, factors = dualak.compile(lambda x, n: x * n), np.array([1, 2, 3])
    counted = ak.zip({"v": ak.Array(numbers(1, 3)), "n": ak.Array(factors)})
    of_leaves = dualak.compile(lambda x: x.v * x.n)
    for value in (1, 5):
        factors[0] = value
        assert_close(
            tree(compiled(ak.Array(numbers(1, 3)), factors)), tree(numbers(1, 3) * factors), 0
        )
        assert_close(tree(of_leaves(counted)), tree(numbers(1, 3) * factors), 0)


def test_a_constant_result_that_was_changed_is_given_anew():
    compiled = dualak.compile(lambda x: (x * 2, np.ones(2), x * 0.0 + 1.0))
    for _ in range(3):
        _, plain, computed = compiled(np.array([1.0, 2.0]))
        assert (plain.tolist(), computed.tolist()) == ([1.0, 1.0], [1.0, 1.0])
        plain[0] = computed[0] = 7.0


def test_a_slice_of_a_comparison_is_computed_anew():
    compiled = dualak.compile(lambda x: ((x > 1.2)[:2], (x > 1.2)[::-1], x > 1.2))
    for seed in (0, 1, 2):
        x = lists(seed)
        assert tree(compiled(x)) == tree(((x > 1.2)[:2], (x > 1.2)[::-1], x > 1.2))


# -- what is not replayed -------------------------------------------------------------------------


def of_a_look(x):
    return x * float(x[0, 0])


def of_primal(x):
    return x * dualak.primal(x)


def of_an_escape(x):
    return ak.Array(np.asarray(x) * 2)


# fmt: off
REASONS = {
    "primal": (of_primal, lists, "an argument' in line"),
    "float": (of_a_look, lists, "an argument' in line"),
    "asarray": (of_an_escape, lambda s: ak.Array(numbers(s)), "in line .* EscapeError"),
    "half precision": (
        lambda x: x * 2, lambda s: ak.values_astype(lists(s), np.float16), "numbers of float16"),
    "an object": (lambda x, o: x * 2, lambda s: (lists(s), object()), "that is a object"),
}
# fmt: on


@pytest.mark.parametrize("name", REASONS)
def test_what_cannot_be_replayed_says_why_once(name):
    function, make, reason = REASONS[name]
    compiled = dualak.compile(function)
    with pytest.warns(dualak.ReplayWarning, match=reason) as said:
        found = [tree(compiled(*as_tuple(make(seed)))) for seed in (0, 1, 2)]
    assert (len(said), said[0].filename) == (1, __file__)
    assert found == [tree(function(*as_tuple(make(seed)))) for seed in (0, 1, 2)]
    assert (compiled.statistics.plain, compiled.statistics.replayed) == (3, 0)


def test_what_fails_by_itself_fails_without_a_warning():
    """A warning would be the error, here."""
    compiled = dualak.compile(lambda x: x[5])
    with pytest.raises(IndexError):
        compiled(lists(0))
