"""A fit in JAX through the bridge: a smoothed di-muon-mass spectrum of real events.

The data are what the spectrum is for parameters that are known; a fit from elsewhere has to find
them again.
"""

from __future__ import annotations

import awkward as ak
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bridge
import dualak

CENTRES = np.linspace(60.0, 120.0, 40)  # GeV
MASS = 0.1057  # GeV

#: Energy scale, width of the smoothing in GeV, normalisation, and background in each bin.
TRUTH = {"background": 4.0, "norm": 1.3, "scale": 0.015, "width": 2.5}
START = {"background": 1.0, "norm": 1.0, "scale": 0.0, "width": 3.5}


@pytest.fixture(scope="module")
def muons():
    data = pytest.importorskip("skhep_testdata")
    uproot = pytest.importorskip("uproot")
    with uproot.open(data.data_path("uproot-HZZ.root")) as file:
        events = file["events"].arrays([f"Muon_P{axis}" for axis in "xyz"])
    px, py, pz = (ak.values_astype(events[f"Muon_P{axis}"], np.float64) for axis in "xyz")
    return ak.zip({"px": px, "py": py, "pz": pz})[ak.num(px) > 1]


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def spectrum(p, muons):
    """Expected entries in each bin."""
    moved = {axis: muons[axis] * (1 + p["scale"]) for axis in ("px", "py", "pz")}
    squared = moved["px"] ** 2 + moved["py"] ** 2 + moved["pz"] ** 2
    a, b = ak.unzip(ak.combinations(ak.zip({**moved, "e": np.sqrt(squared + MASS**2)}), 2))
    momentum = sum((a[axis] + b[axis]) ** 2 for axis in ("px", "py", "pz"))
    mass = ak.flatten(np.sqrt((a.e + b.e) ** 2 - momentum))
    distance = (mass[:, np.newaxis] - CENTRES[np.newaxis]) / p["width"]
    kernel = np.exp(-0.5 * distance**2) / (p["width"] * np.sqrt(2 * np.pi))
    return ak.sum(kernel, axis=0) * p["norm"] + p["background"]


@pytest.fixture(scope="module")
def data(muons):
    """Plain Awkward makes them: neither dualak nor JAX."""
    entries = np.asarray(spectrum(TRUTH, muons))
    assert entries.sum() > 100.0
    return entries


def likelihood(expected, observed):
    """Minus the logarithm of the Poisson likelihood, up to a constant."""
    return jnp.sum(expected - observed * jnp.log(expected))


def array(p):
    return jnp.array([p[name] for name in TRUTH])


def parameters(vector):
    return dict(zip(TRUTH, vector, strict=True))


def test_gauss_and_newton_find_the_truth(muons, data):
    """All derivatives of all bins in one pass, in code that is compiled once."""
    wrapped, events = bridge.wrap(spectrum), bridge.to_jax(muons)

    def expected(vector, events):
        value = wrapped(parameters(vector), events)
        return value, value

    @jax.jit
    def step(vector, events):
        slopes, value = jax.jacfwd(expected, has_aux=True)(vector, events)
        weighted = slopes / value[:, None]
        return vector + jnp.linalg.solve(weighted.T @ slopes, weighted.T @ (data - value))

    vector = array(START)
    for _ in range(12):
        vector = step(vector, events)
    np.testing.assert_allclose(vector, array(TRUTH), rtol=1e-9)


@pytest.mark.in_full
def test_gradient_steps_find_the_truth(muons, data):
    """Compiled steps along the gradient of the likelihood, scaled by the information at hand."""
    wrapped, events = bridge.wrap(spectrum), bridge.to_jax(muons)

    def loss(vector, events):
        return likelihood(wrapped(parameters(vector), events), data)

    near = array(TRUTH) + 0.3 * (array(START) - array(TRUTH))
    scale = jnp.linalg.inv(jax.hessian(loss)(near, events))

    @jax.jit
    def fit(vector, events):
        def step(vector, _):
            value, slope = jax.value_and_grad(loss)(vector, events)
            return vector - scale @ slope, value

        return jax.lax.scan(step, vector, None, length=60)

    found, losses = fit(near, events)
    np.testing.assert_allclose(found, array(TRUTH), rtol=1e-6)
    assert losses[-1] < losses[0]
    assert losses[-1] == pytest.approx(float(likelihood(data, data)), rel=1e-12)


def test_the_gradient_of_the_likelihood_is_that_of_dualak_and_of_differences(muons, data):
    wrapped, events = bridge.wrap(spectrum), bridge.to_jax(muons)
    slope = jax.jit(jax.grad(lambda p, events: likelihood(wrapped(p, events), data)))(START, events)

    def plain(p):
        expected = spectrum(p, muons)
        return ak.sum(expected - data * np.log(expected))

    known, step = dualak.grad(plain)(START), 1e-5
    for name in TRUTH:
        up, down = ({**START, name: START[name] + sign * step} for sign in (1, -1))
        assert float(slope[name]) == pytest.approx(float(known[name]), rel=1e-10)
        assert float(slope[name]) == pytest.approx((plain(up) - plain(down)) / (2 * step), rel=1e-6)
