"""FlatFunction structure: compiled code is given the lists, and functions may decide on them."""

from __future__ import annotations

import awkward as ak
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bridge
import dualak
from bridge.padded import padded_size
from tests.support.layouts import LAYOUTS, assert_close, tree

X = ak.Array([[3.0, 4.0], [], [5.0, 6.0, 7.0]])
Y = ak.Array([[3.5], [4.0, 9.0], [5.0]])
CUT = 3.2


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


def selected(x, scale):
    return (x * scale)[x > CUT] ** 2


def wrapped(func=selected, **how):
    return bridge.wrap(func, structure="traced", **how)


def loss(scale, x, transport=None):
    return wrapped(transport=transport)(x, scale).leaves[0].sum()


# -- there and back --------------------------------------------------------------------------------


@pytest.mark.one_in(6)
@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in LAYOUTS])
def test_what_is_padded_comes_back(make):
    x = make()
    padded = bridge.pad(x)
    assert tree(bridge.from_jax(padded)) == tree(x)
    sizes = [leaf.shape[0] for leaf in padded.leaves]
    assert all(size == padded_size(int(n)) for size, n in zip(sizes, padded.counts, strict=True))
    for number, leaf in enumerate(padded.leaves):
        assert int(padded.valid(number).sum()) == int(padded.counts[number])
        assert float(jnp.abs(jnp.where(padded.valid(number), 0.0, leaf)).max(initial=0.0)) == 0.0


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 17, 100, 1000, 123_457])
def test_an_eighth_of_a_buffer_is_padding_at_most(length):
    size = padded_size(length)
    assert length <= size <= max(16, length * 9 / 8 + 1)
    assert padded_size(size) == size


def test_batches_of_a_few_sizes_share_a_program():
    jitted = jax.jit(wrapped())
    for x in (X, Y, X[::-1], Y[:, ::-1]):
        found = bridge.from_jax(jitted(bridge.pad(x), 2.0))
        assert_close(tree(found), tree(selected(x, 2.0)), 1e-15)
    assert jitted._cache_size() == 1


# -- derivatives -----------------------------------------------------------------------------------

KEPT = ak.flatten(X[X > CUT], axis=None).to_numpy()
WANTED = 2.0 * 2.0 * np.sum(KEPT**2)
BENT = 2.0 * np.sum(KEPT**2)
ORDERS = {
    "jvp": (lambda f: lambda s: jax.jvp(f, (s,), (1.0,))[1], WANTED),
    "grad": (jax.grad, WANTED),
    "jit of grad": (lambda f: jax.jit(jax.grad(f)), WANTED),
    "grad of jit": (lambda f: jax.grad(jax.jit(f)), WANTED),
    "jacfwd": (jax.jacfwd, WANTED),
    "linearize": (lambda f: lambda s: jax.linearize(f, s)[1](1.0), WANTED),
    "hessian": (jax.hessian, BENT),
    "grad of jacfwd": (lambda f: jax.grad(jax.jacfwd(f)), BENT),
    "jacrev of jacrev": (lambda f: jax.jacrev(jax.jacrev(f)), BENT),
    "grad of checkpoint": (lambda f: jax.grad(jax.checkpoint(f)), WANTED),
}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", ORDERS)
def test_derivatives_by_a_parameter(name):
    transform, wanted = ORDERS[name]
    x = bridge.pad(X)
    np.testing.assert_allclose(transform(lambda s: loss(s, x))(2.0), wanted, rtol=1e-13)


def test_a_gradient_by_the_numbers_of_a_batch():
    found = jax.grad(lambda x: loss(2.0, x), allow_int=True)(bridge.pad(X))
    wanted = dualak.grad(lambda x: ak.sum(selected(x, 2.0)))(X)
    np.testing.assert_allclose(found.leaves[0][:5], ak.to_numpy(ak.flatten(wanted)), rtol=1e-13)
    assert not found.leaves[0][5:].any()


def test_a_tangent_stands_in_the_lists_of_its_value():
    y, dy = jax.jvp(lambda s: wrapped()(bridge.pad(X), s), (2.0,), (1.0,))
    wanted = dualak.jvp(lambda s: selected(X, s), 2.0, 1.0)[1]
    assert_close(tree(bridge.from_jax(dy.in_lists_of(y))), tree(wanted), 1e-14)
    with pytest.raises(ValueError, match="in_lists_of"):
        bridge.from_jax(dy)


def test_a_batch_of_parameters():
    x, scales = bridge.pad(X), jnp.array([1.0, 2.0, 3.0])
    found = jax.vmap(lambda s: loss(s, x))(scales)
    wanted = [ak.sum(selected(X, float(s))) for s in scales]
    np.testing.assert_allclose(found, wanted, rtol=1e-13)
    slopes = jax.vmap(jax.grad(lambda s: loss(s, x)))(scales)
    np.testing.assert_allclose(slopes, 2.0 * np.array(wanted) / np.asarray(scales), rtol=1e-13)


def test_a_known_structure_beside_traced_numbers():
    """Masks from traced numbers, of an array whose lists compiled code knows."""
    found = jax.jit(wrapped())(bridge.to_jax(X), 2.0)
    assert tree(bridge.from_jax(found)) == tree(selected(X, 2.0))


# -- results ---------------------------------------------------------------------------------------


def test_numbers_and_integers_come_back_as_such():
    func = wrapped(lambda x: {"sum": ak.sum(x), "count": ak.count(x), "nums": ak.num(x)})
    found = jax.jit(func)(bridge.pad(X))
    assert found["sum"].shape == found["count"].shape == ()
    assert float(found["sum"]) == 25.0
    assert int(found["count"]) == 5
    assert bridge.from_jax(found["nums"]).to_list() == [2, 0, 3]


def smooth(x, scale):
    at = ak.flatten(x)[:, np.newaxis] * scale - np.arange(4.0)[np.newaxis]
    return ak.sum(np.exp(-(at**2)), axis=0)


def test_a_result_of_known_shape_is_an_array():
    func = wrapped(smooth, out=jax.ShapeDtypeStruct((4,), np.float64))
    x = bridge.pad(X)
    found = jax.jit(func)(x, 0.5)
    np.testing.assert_allclose(found, smooth(X, 0.5), rtol=1e-13)
    step = 1e-6
    wanted = (np.asarray(smooth(X, 0.5 + step)) - np.asarray(smooth(X, 0.5 - step))) / (2 * step)
    np.testing.assert_allclose(jax.jacfwd(func, 1)(x, 0.5), wanted, rtol=1e-7)
    np.testing.assert_allclose(jax.jacrev(func, 1)(x, 0.5), wanted, rtol=1e-7)


def test_where_there_is_no_room_all_is_nan():
    x = bridge.pad(ak.Array([[1.0, 2.0, 3.0, 4.0]]))

    def firsts(x):
        return ak.combinations(x, 2)["0"]

    found = jax.jit(wrapped(firsts, capacity=3))(x)
    assert np.isnan(found.leaves[0]).all()
    assert found.counts.tolist() == [6]
    with pytest.raises(ValueError, match="capacity of 6"):
        bridge.from_jax(found)
    enough = bridge.from_jax(jax.jit(wrapped(firsts, capacity=6))(x))
    assert tree(enough) == tree(firsts(ak.Array([[1.0, 2.0, 3.0, 4.0]])))


def test_tangents_have_no_room_either():
    x = bridge.pad(ak.Array([[1.0, 2.0, 3.0, 4.0]]))
    func = wrapped(lambda x, s: (x * s)[:, [0, 1, 2, 3, 0, 1, 2, 3]], capacity=5)
    _, dy = jax.jvp(lambda s: func(x, s).leaves[0], (2.0,), (1.0,))
    assert np.isnan(dy).all()
    assert np.isnan(jax.grad(lambda s: func(x, s).leaves[0].sum())(2.0))


def test_single_precision_stays_single():
    with jax.enable_x64(False):
        x = bridge.pad(X)
        found = jax.jit(wrapped())(x, 2.0)
        assert found.leaves[0].dtype == np.float32
        assert {one.dtype for one in found.buffers} == {np.dtype(np.int32)}
        assert_close(tree(bridge.from_jax(found)), tree(selected(X, 2.0)), 1e-6)


# -- bad input -------------------------------------------------------------------------------------


def test_a_result_of_another_type_is_refused():
    func = wrapped(lambda x: x if ak.max(x) < 8.0 else x[0])
    jitted = jax.jit(func)
    jitted(bridge.pad(X))
    with pytest.raises(Exception, match="type does not depend on the numbers"):
        jax.block_until_ready(jitted(bridge.pad(Y)))


def test_a_result_with_other_parts_is_refused():
    func = wrapped(lambda x: [x] * (1 if ak.max(x) < 8.0 else 2))
    jitted = jax.jit(func)
    jitted(bridge.pad(X))
    with pytest.raises(Exception, match="parts do not depend on the numbers"):
        jax.block_until_ready(jitted(bridge.pad(Y)))


def test_a_result_of_another_shape_is_refused():
    func = wrapped(lambda x: ak.flatten(x), out=jax.ShapeDtypeStruct((4,), np.float64))
    with pytest.raises(Exception, match=r"shape \(4,\), got \(5,\)"):
        jax.block_until_ready(jax.jit(func)(bridge.pad(X)))


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"structure": "known"}, "static or traced"),
        ({"capacity": 3}, "structure='traced'"),
        ({"out": jax.ShapeDtypeStruct((3,), np.float64)}, "structure='traced'"),
    ],
)
def test_arguments_that_do_not_fit_together(how, says):
    with pytest.raises(ValueError, match=says):
        bridge.wrap(selected, **how)


@pytest.mark.parametrize("value", [3.0, [1.0], np.ones(3), ak.Record({"x": 1.0})])
def test_only_arrays_are_padded(value):
    with pytest.raises(TypeError, match=r"expected an ak\.Array"):
        bridge.pad(value)


def test_a_result_that_is_no_array_is_refused():
    with pytest.raises(TypeError, match="arrays and numbers, got str"):
        wrapped(lambda x: "text")(bridge.pad(X))


# -- networks in JAX -------------------------------------------------------------------------------

KEYS = jax.random.split(jax.random.key(0), 2)


@pytest.fixture
def weights():
    return jax.random.normal(KEYS[0], (3, 4)), jax.random.normal(KEYS[1], (4,))


@pytest.fixture
def network(weights):
    hidden, out = weights

    def forward(a, b, c):
        return jnp.tanh(jnp.stack(jnp.broadcast_arrays(a, b, c), -1) @ hidden) @ out

    return bridge.from_jax_function(forward, elementwise=True)


def test_a_network_stands_in_an_analysis(network):
    x = X / 10.0

    def score(x):
        return ak.sum(network(x, x[:, ::-1], 1.0), axis=1)

    agreement = dualak.check_jvp(score, x)
    assert agreement.numbers == 3
    y, dy = dualak.jvp(score, x, ak.ones_like(x))
    assert y.type == dy.type == score(x).type


def test_a_network_has_second_derivatives(network):
    def score(scale):
        return ak.sum(network(X * scale / 10.0, X, 1.0))

    step = 1e-4
    wanted = (score(1.0 + step) - 2 * score(1.0) + score(1.0 - step)) / step**2
    np.testing.assert_allclose(dualak.hessian(score)(1.0), wanted, rtol=1e-5)


def test_weights_are_differentiated_in_trees():
    func = bridge.from_jax_function(lambda p, x: jnp.tanh(x @ p["w"]).sum(1))
    x, p = np.linspace(-1.0, 1.0, 15).reshape(5, 3), {"w": np.full((3, 2), 0.5)}
    t = {"w": np.arange(6.0).reshape(3, 2)}
    y, dy = dualak.jvp(lambda p: func(p, x), p, t)
    step = 1e-6
    around = [np.tanh(x @ (p["w"] + s * step * t["w"])).sum(1) for s in (1, -1)]
    np.testing.assert_allclose(y, np.tanh(x @ p["w"]).sum(1), rtol=1e-13)
    np.testing.assert_allclose(dy, (around[0] - around[1]) / (2 * step), atol=1e-8)


def test_a_network_takes_rectangles_unless_elementwise():
    func = bridge.from_jax_function(lambda x: x * 2.0)
    with pytest.raises(TypeError, match="elementwise=True"):
        func(X)
    with pytest.raises(TypeError, match="a function"):
        bridge.from_jax_function(3)


def test_jax_is_not_called_from_where_it_calls(network):
    """Inside of code that JAX runs a network would wait for ever; it is refused, in words."""

    def score(x):
        return ak.sum(network(x, x, 1.0), axis=1)

    found = jax.jit(bridge.wrap(score))(bridge.to_jax(X))
    np.testing.assert_allclose(found, score(X), rtol=1e-12)
    with pytest.raises(RuntimeError, match="in the JAX code around it"):
        jax.jit(wrapped(score))(bridge.pad(X))
