"""Each transformation of JAX over each transport, against derivatives that dualak takes by itself.

A function of arrays stands as one of a flat vector, so that a row of the table is what JAX does to
it beside the same in linear algebra: its value, Jacobian and second derivatives at some points.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import awkward as ak
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import bridge
import dualak
from bridge.transports import TRANSPORTS
from dualak import extend
from tests.support import depth

# -- functions ------------------------------------------------------------------------------------


def jagged():
    return ak.Array([[0.4, 1.1, 0.7], [], [1.3, 0.2]])


def jets():
    pt = ak.Array([[52.0, 41.5, 30.25], [], [64.0, 27.5], [33.0]]) / 40
    eta = ak.Array([[0.3, -1.1, 1.9], [], [-0.6, 0.85], [0.1]])
    return ak.zip({"pt": pt, "eta": eta, "q": ak.Array([[1, -1, 1], [], [-1, 1], [1]])})


def sine_chain(x):
    return np.sin(x[::-1] ** 2) * np.exp(-x[::-1])


def list_norms(x):
    return np.sqrt(ak.sum(x**2, axis=1))


def largest_mass(jets, scale):
    """Over all pairs of an event, None where there is none."""
    a, b = ak.unzip(ak.combinations(jets, 2))
    mass = np.sqrt(2 * a.pt * b.pt * (np.cosh(a.eta - b.eta) + 1)) * (1 + scale)
    return ak.max(mass, axis=1)


def records(jets):
    moved = ak.with_field(jets, jets.pt * np.tanh(jets.eta), "pz")
    return moved[["eta", "pz", "q"]][:, ::-1]


def of_every_kind(x, scale):
    """Results that are integers, constant, a number, lists, and missing here and there."""
    p, q = ak.unzip(ak.combinations(x, 2))
    return {
        "a": ak.num(x),
        "b": np.array([2.5, 3.5], np.float32),
        "c": ak.sum(x * scale**2),
        "d": x * ak.num(x) / scale,
        "e": ak.max(np.hypot(p, q) + scale, axis=1),
    }


FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[[], tuple[Any, ...]]]] = {
    "sine chain": (sine_chain, lambda: (jagged(),)),
    "list norms": (list_norms, lambda: (jagged(),)),
    "largest mass": (largest_mass, lambda: (jets(), 0.1)),
    "records": (records, lambda: (jets(),)),
    "of every kind": (of_every_kind, lambda: (jagged(), 1.5)),
}


class Oracle:
    """A function of a flat vector, with derivatives by dualak, in double precision."""

    def __init__(self, name):
        self.func, arguments = FUNCTIONS[name]
        leaves, self.structure = extend.flatten(arguments())
        self.point = np.concatenate(leaves)
        self.splits = np.cumsum([len(one) for one in leaves])[:-1]
        self.size = len(self.point)
        self.value, self.jacobian, self.second = map(cache_of_vector, self._derivatives())

    def _derivatives(self):
        """The function, its Jacobian (m, n), and its second derivatives (m, n, n)."""
        func = self.func
        basis = dualak.Directions([self.arguments(one) for one in np.eye(self.size)])

        def jacobian(v):
            _, columns = dualak.jvp(func, self.arguments(v), basis)
            return np.stack(list(map(flat, columns)), -1)

        def second(v):
            def slopes(*x):
                return list(dualak.jvp(func, x, basis)[1])

            _, found = dualak.jvp(slopes, self.arguments(v), basis)
            rows = [np.stack(list(map(flat, row)), -1) for row in found]
            return np.stack(rows, -1)

        return lambda v: flat(func(*self.arguments(v))), jacobian, second

    def arguments(self, vector):
        return self.structure.unflatten(np.split(np.asarray(vector, np.float64), self.splits))


def flat(tree):
    leaves, _ = extend.flatten(tree)
    return np.concatenate(leaves)


def cache_of_vector(function):
    known = cache(lambda data: function(np.frombuffer(data)))
    return lambda v: known(np.asarray(v, np.float64).tobytes())


@cache
def oracle(name):
    return Oracle(name)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_oracle_has_the_derivatives_of_differences(name):
    known, step = oracle(name), 1e-5
    for function, derivative in ((known.value, known.jacobian), (known.jacobian, known.second)):
        for k, direction in enumerate(step * np.eye(known.size)):
            up, down = function(known.point + direction), function(known.point - direction)
            got = derivative(known.point)[..., k]
            np.testing.assert_allclose(got, (up - down) / (2 * step), atol=1e-8)


# -- transformations ------------------------------------------------------------------------------
#
# A row: what JAX does with f, a function of a vector, at v along t and u, its results weighted by
# w; and what the oracle o makes of the same.  All give one array or a tuple of them.


class Row(NamedTuple):
    found: Callable[..., Any]
    wanted: Callable[..., Any]


def loss(f, w):
    return lambda v: w @ f(v)


def tangent(f, t):
    return lambda v: jax.jvp(f, (v,), (t,))[1]


def rows(v, t):
    """Three points."""
    return [v, v + 0.05 * t, v + 0.1 * t]


def shifted(f, w, v, t):
    """A function of a number: a sum over a scan, each step of which depends on the last."""

    def scanned(s):
        def step(total, k):
            result = w @ f(v + s * k * t)
            return total * 0.5 + result, result

        total, each = jax.lax.scan(step, jnp.zeros_like(s), jnp.arange(3.0, dtype=v.dtype))
        return total + jnp.sum(each)

    return scanned


def branched(f):
    return lambda v: jax.lax.cond(v[0] > 0, f, lambda v: 2 * f(v), v)


def moved_twice(f, t):
    """A while-loop that goes on while the first element is below a limit, then the function."""

    def moved(v):
        limit = jax.lax.stop_gradient(v[0] + 1.5 * abs(t[0]) * 0.1)
        step = 0.1 * t * jnp.sign(t[0])
        return f(jax.lax.while_loop(lambda v: v[0] < limit, lambda v: v + step, v))

    return moved


def descended(f, w, v):
    """Three steps of gradient descent with momentum, as an optimiser takes them."""

    @jax.jit
    def update(v, velocity):
        value, slope = jax.value_and_grad(loss(f, w))(v)
        velocity = 0.9 * velocity - 0.01 * slope
        return v + velocity, velocity, value

    velocity, values = jnp.zeros_like(v), []
    for _ in range(3):
        v, velocity, value = update(v, velocity)
        values.append(value)
    return v, jnp.stack(values)


def descended_by_hand(o, w, v):
    velocity, values = np.zeros_like(v), []
    for _ in range(3):
        values.append(w @ o.value(v))
        velocity = 0.9 * velocity - 0.01 * w @ o.jacobian(v)
        v = v + velocity
    return v, np.stack(values)


# fmt: off
TRANSFORMATIONS = {
    "eager": Row(lambda f, v, t, u, w: f(v), lambda o, v, t, u, w: o.value(v)),
    "jit": Row(lambda f, v, t, u, w: jax.jit(f)(v), lambda o, v, t, u, w: o.value(v)),
    "jvp": Row(
        lambda f, v, t, u, w: jax.jvp(f, (v,), (t,)),
        lambda o, v, t, u, w: (o.value(v), o.jacobian(v) @ t)),
    "jit of jvp": Row(
        lambda f, v, t, u, w: jax.jit(lambda v, t: jax.jvp(f, (v,), (t,)))(v, t),
        lambda o, v, t, u, w: (o.value(v), o.jacobian(v) @ t)),
    "jvp of jit": Row(
        lambda f, v, t, u, w: jax.jvp(jax.jit(f), (v,), (t,)),
        lambda o, v, t, u, w: (o.value(v), o.jacobian(v) @ t)),
    "nested jvp": Row(
        lambda f, v, t, u, w: jax.jvp(tangent(f, t), (v,), (u,)),
        lambda o, v, t, u, w: (o.jacobian(v) @ t, o.second(v) @ u @ t)),
    "linearize": Row(
        lambda f, v, t, u, w: list(map(jax.linearize(f, v)[1], (t, u))),
        lambda o, v, t, u, w: [o.jacobian(v) @ t, o.jacobian(v) @ u]),
    "vmap over points": Row(
        lambda f, v, t, u, w: jax.jit(jax.vmap(f))(jnp.stack(rows(v, t))),
        lambda o, v, t, u, w: np.stack([o.value(one) for one in rows(v, t)])),
    "vmap over gradients": Row(
        lambda f, v, t, u, w: jax.vmap(jax.grad(loss(f, w)))(jnp.stack(rows(v, t))),
        lambda o, v, t, u, w: np.stack([w @ o.jacobian(one) for one in rows(v, t)])),
    "vmap over tangents": Row(
        lambda f, v, t, u, w: jax.vmap(lambda t: tangent(f, t)(v))(jnp.stack([t, u])),
        lambda o, v, t, u, w: np.stack([t, u]) @ o.jacobian(v).T),
    "jacfwd": Row(
        lambda f, v, t, u, w: (jax.jacfwd(f)(v), jax.jit(jax.jacfwd(f))(v)),
        lambda o, v, t, u, w: (o.jacobian(v), o.jacobian(v))),
    "jacrev": Row(
        lambda f, v, t, u, w: jax.jacrev(f)(v), lambda o, v, t, u, w: o.jacobian(v)),
    "vjp": Row(
        lambda f, v, t, u, w: jax.vjp(f, v)[1](w)[0], lambda o, v, t, u, w: w @ o.jacobian(v)),
    "grad": Row(
        lambda f, v, t, u, w: jax.grad(loss(f, w))(v), lambda o, v, t, u, w: w @ o.jacobian(v)),
    "jit of grad": Row(
        lambda f, v, t, u, w: jax.jit(jax.grad(loss(f, w)))(v),
        lambda o, v, t, u, w: w @ o.jacobian(v)),
    "hessian": Row(
        lambda f, v, t, u, w: jax.hessian(loss(f, w))(v),
        lambda o, v, t, u, w: np.tensordot(w, o.second(v), 1)),
    "jacrev of jacrev": Row(
        lambda f, v, t, u, w: jax.jacrev(jax.jacrev(loss(f, w)))(v),
        lambda o, v, t, u, w: np.tensordot(w, o.second(v), 1)),
    "jit of hessian": Row(
        lambda f, v, t, u, w: jax.jit(jax.hessian(loss(f, w)))(v),
        lambda o, v, t, u, w: np.tensordot(w, o.second(v), 1)),
    "grad of jvp": Row(
        lambda f, v, t, u, w: jax.grad(lambda v: w @ tangent(f, t)(v))(v),
        lambda o, v, t, u, w: w @ (o.second(v) @ t)),
    "jvp of grad": Row(
        lambda f, v, t, u, w: jax.jvp(jax.grad(loss(f, w)), (v,), (t,))[1],
        lambda o, v, t, u, w: w @ (o.second(v) @ t)),
    "scan": Row(
        lambda f, v, t, u, w: jax.jit(shifted(f, w, v, t))(jnp.asarray(0.05, v.dtype)),
        lambda o, v, t, u, w: np.dot((1.25, 1.5, 2), [w @ o.value(one) for one in rows(v, t)])),
    "grad of scan": Row(
        lambda f, v, t, u, w: jax.jit(jax.grad(shifted(f, w, v, t)))(jnp.asarray(0.05, v.dtype)),
        lambda o, v, t, u, w: sum(
            weight * w @ o.jacobian(one) @ t
            for weight, one in zip((0, 1.5, 4), rows(v, t), strict=True))),
    "cond": Row(
        lambda f, v, t, u, w: jax.jit(branched(f))(v), lambda o, v, t, u, w: o.value(v)),
    "jvp and grad of cond": Row(
        lambda f, v, t, u, w: (
            jax.jvp(branched(f), (v,), (t,))[1], jax.grad(loss(branched(f), w))(v)),
        lambda o, v, t, u, w: (o.jacobian(v) @ t, w @ o.jacobian(v))),
    "checkpoint": Row(
        lambda f, v, t, u, w: (
            jax.jit(jax.grad(jax.checkpoint(loss(f, w))))(v),
            jax.hessian(jax.checkpoint(loss(f, w)))(v)),
        lambda o, v, t, u, w: (w @ o.jacobian(v), np.tensordot(w, o.second(v), 1))),
    "jvp of while": Row(
        lambda f, v, t, u, w: jax.jvp(moved_twice(f, t), (v,), (u,)),
        lambda o, v, t, u, w: (
            o.value(v + 0.2 * t * np.sign(t[0])), o.jacobian(v + 0.2 * t * np.sign(t[0])) @ u)),
    "gradient descent": Row(
        lambda f, v, t, u, w: descended(f, w, v),
        lambda o, v, t, u, w: descended_by_hand(o, w, v)),
}
# fmt: on

#: Numbers: their type, whether JAX has double precision, and how far apart results may be.
PRECISIONS = {
    "float64": (np.float64, True, 1e-11),
    "float32": (np.float32, False, 2e-4),
}

USABLE = [name for name, one in TRANSPORTS.items() if one.missing() is None]


def columns(usable=tuple(USABLE)):
    """Transports that can be used in this process, precisions and functions."""
    for transport, precision, name in itertools.product(usable, PRECISIONS, FUNCTIONS):
        first = (transport, precision) == (next(iter(TRANSPORTS)), "float64")
        if first or name == "of every kind":
            yield transport, precision, name


@cache
def wrapped(name, transport):
    return bridge.wrap(FUNCTIONS[name][0], transport=transport)


def of_vector(name, transport, dtype):
    """The function in JAX, of a vector, and the vector."""
    leaves, structure = extend.flatten(FUNCTIONS[name][1]())
    parts = structure.unflatten([leaf.astype(dtype) for leaf in leaves])
    arguments = [bridge.to_jax(one) if isinstance(one, ak.Array) else dtype(one) for one in parts]
    vector, unravel = ravel_pytree(arguments)
    func = wrapped(name, transport)

    def function(v):
        found = jax.tree_util.tree_leaves(func(*unravel(v)))
        return jnp.concatenate([jnp.ravel(one) for one in found if one.dtype.kind == "f"])

    return function, vector


def directions(o, dtype):
    """Two tangents of the argument, a weight of the results."""
    random = np.random.default_rng(5)
    count = len(o.value(o.point))
    return [random.normal(size=n).astype(dtype) for n in (o.size, o.size, count)]


@pytest.mark.one_in(22)
@pytest.mark.parametrize("transformation", TRANSFORMATIONS)
@pytest.mark.parametrize(("transport", "precision", "name"), depth.share(columns(), 3))
def test_a_transformation_gives_what_dualak_gives(transport, precision, name, transformation):
    dtype, double, tolerance = PRECISIONS[precision]
    row, o = TRANSFORMATIONS[transformation], oracle(name)
    t, u, w = directions(o, dtype)
    with jax.enable_x64(double):
        f, v = of_vector(name, transport, dtype)
        found = jax.tree_util.tree_leaves(row.found(f, v, *map(jnp.asarray, (t, u, w))))
    wanted = jax.tree_util.tree_leaves(
        row.wanted(o, *(one.astype(np.float64) for one in (np.asarray(v), t, u, w)))
    )
    for got, want in zip(found, wanted, strict=True):
        assert got.dtype == dtype
        scale = max(1.0, np.abs(want).max())
        np.testing.assert_allclose(got, want, rtol=0, atol=tolerance * scale)


#: Programs whose text tells which types they compute with.
PROGRAMS = ("jit", "jit of jvp", "jacfwd", "jit of grad", "hessian", "grad of scan", "checkpoint")


def singles():
    """Functions, and whether JAX has double precision, which integers ask for as in NumPy."""
    every = itertools.product(FUNCTIONS, (False, True))
    return [both for both in every if both != ("of every kind", True)]


@pytest.mark.one_in(3)
@pytest.mark.parametrize(("name", "double"), singles())
def test_single_precision_stays_what_it_is(name, double):
    t, u, w = directions(oracle(name), np.float32)
    with jax.enable_x64(double):
        f, v = of_vector(name, USABLE[0], np.float32)
        rows = [TRANSFORMATIONS[name] for name in PROGRAMS]
        text = str(
            jax.make_jaxpr(lambda *given: [one.found(f, *given) for one in rows])(v, t, u, w)
        )
    assert "dualak[" in text
    assert "f64" not in text


# -- the transport that wants another JAX ---------------------------------------------------------


SYNCHRONOUS = """
import sys, jax, pytest
jax.config.update("jax_cpu_enable_async_dispatch", False)
sys.exit(pytest.main(sys.argv[1:]))
"""


@pytest.mark.in_full
def test_the_other_transports_give_the_same():
    """In a process of their own: here, JAX dispatches asynchronously, as it does for users."""
    others = [name for name in TRANSPORTS if name not in USABLE]
    if not others:
        pytest.skip("all transports can be used in this process")
    of_others = ("-".join(one) for one in columns(tuple(TRANSPORTS)) if one[0] in others)
    chosen = depth.share(itertools.product(of_others, TRANSFORMATIONS), 30)
    test = f"{__file__}::{test_a_transformation_gives_what_dualak_gives.__name__}"
    tests = [f"{test}[{'-'.join(both)}]" for both in chosen]
    child = subprocess.run(
        [sys.executable, "-c", SYNCHRONOUS, "-q", "-p", "no:cacheprovider", *tests],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"DUALAK_TESTS": "all", "DUALAK_PART": ""},
    )
    assert child.returncode == 0, child.stdout[-5000:]
    assert f"{len(chosen)} passed" in child.stdout


@pytest.mark.parametrize("shared", ["array", "number"])
def test_what_a_batch_shares_gets_the_sum_of_its_cotangents(shared):
    numbers = jnp.array([1.0, 2.0, 4.0])
    array = bridge.to_jax(ak.Array([[1.0, 2.0], [], [3.0]]))
    product = bridge.wrap(lambda x, s: ak.sum(np.sin(x) * s))

    def total(x, s):
        return jnp.sum(jax.vmap(lambda one: product(x, s * one))(numbers))

    by_array, by_number = jax.grad(total, (0, 1))(array, 3.0)
    (leaf,) = jax.tree_util.tree_leaves(array)
    if shared == "array":
        (found,) = jax.tree_util.tree_leaves(by_array)
        np.testing.assert_allclose(found, 7.0 * 3.0 * np.cos(leaf))
    else:
        np.testing.assert_allclose(by_number, 7.0 * np.sum(np.sin(leaf)), rtol=1e-6)


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_a_batch_lies_along_any_axis(axis):
    batch = jnp.arange(24.0).reshape(2, 3, 4)
    func = bridge.wrap(lambda x: np.sin(x) * np.arange(1.0, x.shape[0] + 1)[:, None])
    found = jax.vmap(func, in_axes=axis, out_axes=axis)(batch)
    each = [np.asarray(func(jnp.take(batch, i, axis))) for i in range(batch.shape[axis])]
    np.testing.assert_allclose(found, np.stack(each, axis), rtol=1e-6)


def test_a_batch_may_lie_along_any_axis():
    function = bridge.wrap(lambda x: np.sin(x) * np.sum(x))
    rows = jnp.arange(6.0).reshape(2, 3)
    want = jnp.sin(rows) * rows.sum(axis=1, keepdims=True)
    for axis in (0, 1):
        found = jax.vmap(function, in_axes=axis, out_axes=axis)(jnp.moveaxis(rows, 0, axis))
        assert jnp.allclose(jnp.moveaxis(found, axis, 0), want, rtol=1e-5)
        tangent = jax.vmap(lambda x: jax.jvp(function, (x,), (x,))[1], in_axes=axis, out_axes=axis)(
            jnp.moveaxis(rows, 0, axis)
        )
        slope = jnp.cos(rows) * rows * rows.sum(1, keepdims=True) + want
        assert jnp.allclose(jnp.moveaxis(tangent, axis, 0), slope, rtol=1e-5)
