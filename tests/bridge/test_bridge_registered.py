"""Wrapped functions of registered arrays, and cotangents of all shapes, against pure JAX."""

from __future__ import annotations

import awkward as ak
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bridge
import dualak
from tests.support.layouts import assert_close, tree

bridge.register()


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


ARRAY = ak.Array([[1.0, 2.0], [], [-3.0]])
TANGENT = ak.Array([[0.5, -1.0], [], [2.0]])
LISTS = np.array([0, 0, 2])
V, T, W = np.array([1.0, 2.0, -3.0]), np.array([0.5, -1.0, 2.0]), np.array([1.0, -2.0, 0.5])


def per_list(v):
    return jax.ops.segment_sum(v, LISTS, 3)


#: Functions of an Awkward Array, and the same of its numbers in pure JAX.
cubes = bridge.wrap(lambda x: x**3 + ak.sum(x, axis=1))
sums = bridge.wrap(lambda x: ak.sum(x**3, axis=1))
total = bridge.wrap(lambda x: ak.sum(np.sin(x) * x))


def cubes_of_numbers(v):
    return v**3 + per_list(v)[LISTS]


def sums_of_numbers(v):
    return per_list(v**3)


def total_of_numbers(v):
    return jnp.sum(jnp.sin(v) * v)


def flat(y):
    return jnp.concatenate([jnp.ravel(jnp.asarray(one)) for one in jax.tree_util.tree_leaves(y)])


def loss(f):
    return lambda x: jnp.sum(flat(f(x)) * W)


def stacked(*each):
    return jax.tree_util.tree_map(lambda *leaves: jnp.stack(leaves), *each)


#: What is done with three functions, at a point and along a tangent, which are arrays or numbers.
# fmt: off
CELLS = {
    "jit": lambda f, g, h, x, t: jax.jit(f)(x),
    "jvp": lambda f, g, h, x, t: (jax.jvp(f, (x,), (t,)), jax.jvp(g, (x,), (t,))),
    "jit of jvp": lambda f, g, h, x, t: jax.jit(lambda x, t: jax.jvp(f, (x,), (t,)))(x, t),
    "jvp of jit": lambda f, g, h, x, t: jax.jvp(jax.jit(f), (x,), (t,)),
    "jvp of jvp": lambda f, g, h, x, t: jax.jvp(
        lambda x, t: jax.jvp(f, (x,), (t,))[1], (x, t), (t, x)),
    "linearize": lambda f, g, h, x, t: jax.linearize(f, x)[1](t),
    "vjp": lambda f, g, h, x, t: (jax.vjp(f, x)[1](t), jax.vjp(g, x)[1](W)),
    "vjp of the value": lambda f, g, h, x, t: (lambda y, pullback: pullback(y))(*jax.vjp(f, x)),
    "value and grad": lambda f, g, h, x, t: jax.value_and_grad(h)(x),
    "grad of a loss": lambda f, g, h, x, t: jax.jit(jax.grad(loss(f)))(x),
    "jacrev": lambda f, g, h, x, t: jax.jacrev(g)(x),
    "hvp": lambda f, g, h, x, t: jax.jvp(jax.grad(h), (x,), (t,)),
    "vmap": lambda f, g, h, x, t: (jax.vmap(f)(stacked(x, t)), jax.vmap(g)(stacked(x, t))),
    "vmap of grad": lambda f, g, h, x, t: jax.vmap(jax.grad(h))(stacked(x, t)),
    "scan": lambda f, g, h, x, t: jax.lax.scan(lambda c, _: (f(c), h(c)), x, None, length=2),
    "while": lambda f, g, h, x, t: jax.lax.while_loop(lambda c: h(c) < 0.0, f, x),
    "cond": lambda f, g, h, x, t: jax.lax.cond(h(x) > -9.0, f, lambda x: x, x),
    "checkpoint": lambda f, g, h, x, t: jax.grad(jax.checkpoint(loss(f)))(x),
    "compiled beforehand": lambda f, g, h, x, t: jax.jit(f).lower(x).compile()(x),
    "wrapped in wrapped": lambda f, g, h, x, t: jax.grad(lambda x: h(f(x)))(x),
}
# fmt: on


@pytest.mark.one_in(6)
@pytest.mark.parametrize("cell", CELLS)
def test_wrapped_functions_take_registered_arrays(cell):
    found = CELLS[cell](cubes, sums, total, ARRAY, TANGENT)
    wanted = CELLS[cell](cubes_of_numbers, sums_of_numbers, total_of_numbers, V, T)
    np.testing.assert_allclose(flat(found), flat(wanted), rtol=1e-10, atol=1e-12)


def test_what_comes_in_comes_out():
    y, dy = jax.jvp(cubes, (ARRAY,), (TANGENT,))
    assert [type(one) for one in (y, dy, jax.jit(cubes)(ARRAY))] == [ak.Array] * 3
    assert str(y.type) == str(ARRAY.type)


def test_records_keep_their_integers():
    records = ak.zip({"a": ARRAY, "b": ARRAY + 1, "n": ak.values_astype(ARRAY, np.int64)})
    scaled = bridge.wrap(lambda r: ak.zip({"a": r.a * r.b, "n": r.n}))
    y, dy = jax.jvp(scaled, (records,), (records,))
    assert y.n.to_list() == records.n.to_list()
    assert_close(tree(dy.a), tree(records.a * records.b * 2), 1e-14)


def test_functions_on_the_way_are_differentiated_too():
    slope = jax.grad(lambda x: total(np.sin(x[::-1]) * 2))(ARRAY)
    wanted = jax.grad(lambda v: total_of_numbers(jnp.sin(v) * 2))(V)
    np.testing.assert_allclose(flat(slope), wanted, rtol=1e-12)


def test_a_field_that_was_set_is_seen():
    def moved(x):
        x["a"] = x.a * 2
        return total(x.a)

    records = ak.zip({"a": ARRAY, "b": ARRAY})
    assert_close(float(jax.jit(moved)(records)), float(total_of_numbers(2 * V)), 1e-13)


def test_numbers_of_a_batch_cannot_be_looked_at():
    batch = stacked(ARRAY, TANGENT)
    assert type(batch) is ak.Array
    assert "??" in repr(batch)
    with pytest.raises(TypeError, match="transformation of JAX puts in"):
        batch + 1


@pytest.mark.parametrize("structure", ["static", "traced"])
def test_inside_of_dualak_it_is_the_plain_function(structure):
    def plain(x):
        return ak.sum(x**3, axis=1)

    wrapped = bridge.wrap(plain, structure=structure)
    want = dualak.jvp(plain, ARRAY, TANGENT)
    for got in (dualak.jvp(wrapped, ARRAY, TANGENT), dualak.compile(wrapped).jvp(ARRAY, TANGENT)):
        assert tree(got[0]) == tree(want[0])
        assert_close(tree(got[1]), tree(want[1]), 1e-14)
    compiled = dualak.compile(wrapped)
    for x in (ARRAY, TANGENT, ARRAY):
        assert_close(tree(compiled(x)), tree(plain(x)), 1e-14)
    assert (compiled.statistics.recorded, compiled.statistics.replayed) == (1, 2)


# -- cotangents -----------------------------------------------------------------------------------

#: Functions of an array and a number, and of the same numbers: the number meets other lengths.
# fmt: off
BESIDE = {
    "a mask": (lambda x, s: ak.flatten(x > 0) + s, lambda v, s: (v > 0) + s),
    "counts": (lambda x, s: ak.num(x) * s, lambda v, s: np.array([2, 0, 1]) * s),
    "constants": (lambda x, s: np.zeros(3) + s, lambda v, s: jnp.zeros(3) + s),
    "a matrix": (lambda x, s: np.zeros((2, 3)) + s, lambda v, s: jnp.zeros((2, 3)) + s),
    "nothing": (lambda x, s: s, lambda v, s: s),
    "numbers": (lambda x, s: ak.flatten(x * s), lambda v, s: v * s),
    "a choice": (
        lambda x, s: ak.flatten(ak.where(x > 0, x, s)), lambda v, s: jnp.where(v > 0, v, s)),
    "lists": (
        lambda x, s: ak.flatten(ak.broadcast_arrays(x, s)[1]), lambda v, s: jnp.zeros(3) + s),
    "several results": (
        lambda x, s: (s + ak.num(x), s, ak.sum(x)),
        lambda v, s: (s + np.array([2, 0, 1]), s, jnp.sum(v))),
}
# fmt: on


@pytest.mark.one_in(5)
@pytest.mark.parametrize("name", BESIDE)
def test_the_cotangent_of_a_number_is_a_number(name):
    function, by_hand = BESIDE[name]
    wrapped, x, s = bridge.wrap(function), bridge.to_jax(ARRAY), jnp.asarray(1.5)
    each = jnp.array([1.5, 2.5])

    def weighted(f, x):
        def of(s):
            y = flat(f(x, s))
            return jnp.sum(y * jnp.arange(1.0, 1.0 + y.size))

        return of

    others = (lambda f: jax.jit(jax.grad(f)), jax.hessian) if name == "several results" else ()
    for transformed in (jax.grad, *others):
        got, want = transformed(weighted(wrapped, x))(s), transformed(weighted(by_hand, V))(s)
        assert got.shape == ()
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)
    got = jax.vmap(jax.grad(weighted(wrapped, x)))(each)
    np.testing.assert_allclose(got, jax.vmap(jax.grad(weighted(by_hand, V)))(each), rtol=1e-12)
