"""One short fit with each library that trains or samples in JAX, where it is installed."""

from __future__ import annotations

import awkward as ak
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bridge

bridge.register()

X = ak.Array([[1.0, 2.0], [], [3.0, 0.5, 1.5]])
WANTED = ak.Array([[2.5, 4.5], [], [6.5, 1.5, 3.5]])  # 2 x + 0.5


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def loss(p):
    """A straight line through numbers in lists."""
    return ak.sum((p["a"] * X + p["b"] - WANTED) ** 2)


def start():
    return {"a": jnp.asarray(1.0), "b": jnp.asarray(0.0)}


def assert_found(p, tolerance=1e-2):
    np.testing.assert_allclose([float(p["a"]), float(p["b"])], [2.0, 0.5], atol=tolerance)


def test_optax():
    optax = pytest.importorskip("optax")
    optimiser, p = optax.adam(0.1), start()
    state = optimiser.init(p)

    @jax.jit
    def step(p, state):
        updates, state = optimiser.update(jax.grad(loss)(p), state)
        return optax.apply_updates(p, updates), state

    for _ in range(300):
        p, state = step(p, state)
    assert_found(p)


def test_optimistix():
    optimistix = pytest.importorskip("optimistix")
    solver = optimistix.BFGS(rtol=1e-8, atol=1e-8)
    assert_found(optimistix.minimise(lambda p, _: loss(p), solver, start()).value)


def test_equinox():
    equinox = pytest.importorskip("equinox")
    network = equinox.nn.Linear(1, 1, key=jax.random.key(0))
    line = bridge.from_jax_function(lambda network, rows: jax.vmap(network)(rows)[:, 0])

    def distance(network):
        y = line(network, ak.flatten(X).to_numpy()[:, np.newaxis])
        return jnp.sum((y - ak.flatten(WANTED).to_numpy()) ** 2)

    step = equinox.filter_jit(equinox.filter_grad(distance))
    for _ in range(500):
        slope = step(network)
        network = jax.tree_util.tree_map(lambda one, by: one - 0.02 * by, network, slope)
    assert_found({"a": network.weight[0, 0], "b": network.bias[0]})


def test_flax():
    linen = pytest.importorskip("flax.linen")
    network = linen.Dense(1)
    rows = ak.flatten(X).to_numpy()[:, np.newaxis]
    p = network.init(jax.random.key(0), rows)
    line = bridge.from_jax_function(lambda p, rows: network.apply(p, rows)[:, 0])

    def distance(p):
        weighted = ak.unflatten(line(p, rows), ak.num(X)) - WANTED
        return ak.sum(weighted**2)

    step = jax.jit(jax.grad(distance))
    for _ in range(500):
        p = jax.tree_util.tree_map(lambda one, by: one - 0.02 * by, p, step(p))
    assert_found({"a": p["params"]["kernel"][0, 0], "b": p["params"]["bias"][0]})


@pytest.mark.in_full
def test_numpyro():
    numpyro = pytest.importorskip("numpyro")
    infer = pytest.importorskip("numpyro.infer")

    def model():
        p = {name: numpyro.sample(name, numpyro.distributions.Normal(0.0, 5.0)) for name in "ab"}
        numpyro.factor("line", -50.0 * loss(p))

    samples = infer.MCMC(infer.NUTS(model), num_warmup=200, num_samples=200, progress_bar=False)
    samples.run(jax.random.key(0))
    assert_found({name: each.mean() for name, each in samples.get_samples().items()}, 0.1)


@pytest.mark.in_full
def test_blackjax():
    blackjax = pytest.importorskip("blackjax")
    kernel = blackjax.nuts(lambda p: -50.0 * loss(p), 0.01, jnp.ones(2))

    def step(state, key):
        state, _ = kernel.step(key, state)
        return state, state.position

    _, found = jax.lax.scan(step, kernel.init(start()), jax.random.split(jax.random.key(0), 300))
    assert_found({name: each[100:].mean() for name, each in found.items()}, 0.1)
