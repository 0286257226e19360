"""Statistical models from derivatives: what pyhf and JAX make of them agrees with ours."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pytest

import dualak
import dualak.hist
from tests.support import ROOT

hist = pytest.importorskip("hist", reason="hist is not installed (extra: hep)")

SIZES = {"shift": 0.5, "norm": 0.1}
POINT = {"shift": 0.0, "norm": 1.0}


def sample(p: Any, seed: int = 0, count: int = 500) -> Any:
    x = np.random.default_rng(seed).normal(4.0 + seed, 2.0, count)
    axis = hist.axis.Regular(5, 0.0, 10.0, name="x")
    made = dualak.hist.Histogram(axis, kernel=dualak.hist.Gaussian(0.5), smooth="both")
    return made.fill(x=x + p["shift"], weight=0.1 * p["norm"])


def histogram(seed: int = 0, order: int = 1) -> Any:
    return dualak.hist.differentiate(sample, POINT, seed, order=order)


def spec(**options: Any) -> Any:
    samples = {"SR": {"signal": histogram(1), "background": histogram(2)}}
    observed = {"SR": [5, 20, 40, 30, 8]}
    given = {"sizes": SIZES, "factors": {"signal": "mu"}} | options
    return dualak.hist.to_pyhf(samples, observed, **given)


def modifiers(found: Any, number: int = 0) -> dict[str, Any]:
    return {one["name"]: one for one in found["channels"][0]["samples"][number]["modifiers"]}


def test_a_workspace_is_what_it_says() -> None:
    found = spec()
    assert json.loads(json.dumps(found)) == found
    of_signal, h = modifiers(found), histogram(1)
    assert of_signal["norm"]["type"] == "normsys"
    assert of_signal["norm"]["data"] == pytest.approx({"hi": 1.1, "lo": 0.9})
    assert of_signal["shift"]["type"] == "histosys"
    up, down = h.up_down(SIZES)["shift"]
    assert of_signal["shift"]["data"]["hi_data"] == pytest.approx(up)
    assert of_signal["shift"]["data"]["lo_data"] == pytest.approx(down)
    assert of_signal["mu"]["type"] == "normfactor"
    assert "mu" not in modifiers(found, 1)
    assert of_signal["staterror_SR"]["data"] == pytest.approx(np.sqrt(h.variances()))
    assert found["measurements"][0]["config"]["poi"] == "mu"
    chosen = modifiers(spec(kinds={"norm": "histosys", "statistics": "shapesys"}))
    assert chosen["norm"]["type"] == "histosys"
    assert chosen["shapesys_SR_signal"]["type"] == "shapesys"
    assert "staterror_SR" not in modifiers(spec(staterror=False))


def test_what_makes_no_model_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 4 bins in 'SR'"):
        dualak.hist.to_pyhf({"SR": {"a": histogram()}}, {"SR": [1, 2, 3, 4]}, sizes=SIZES)
    with pytest.raises(ValueError, match="observations of the channel"):
        dualak.hist.to_pyhf({"SR": {"a": histogram()}}, {}, sizes=SIZES)
    with pytest.raises(dualak.hist.ParameterError, match="tune"):
        spec(sizes={"tune": 1.0})
    with pytest.raises(ValueError, match="stay positive"):
        spec(sizes={"shift": 20.0})
    with pytest.raises(ValueError, match="less than itself"):
        spec(sizes={"norm": 1.5})
    with pytest.raises(dualak.hist.ParameterError, match="kinds of the parameters"):
        spec(kinds={"nrom": "histosys"})
    with pytest.raises(ValueError, match=r"'histosys'\) for norm"):
        spec(kinds={"norm": "histogram"})
    with pytest.raises(ValueError, match="factors of the samples"):
        spec(factors={"singal": "mu"})


def test_templates_follow_the_order_of_the_histograms() -> None:
    curved = histogram(1, order=2)
    for exponential in (False, True):
        found = dualak.hist.to_pyhf(
            {"SR": {"signal": curved}},
            {"SR": [1.0] * 5},
            sizes={"shift": 0.5},
            exponential=exponential,
        )
        want = curved.at({"shift": 0.5}, exponential=exponential).values()
        assert modifiers(found)["shift"]["data"]["hi_data"] == pytest.approx(want, rel=1e-12)
    templates = spec(sizes={"shift": 20.0}, exponential=True)
    assert min(modifiers(templates)["shift"]["data"]["hi_data"]) > 0


def test_pyhf_expects_what_the_expansion_does() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # pyhf asks jsonschema for its version
        pyhf = pytest.importorskip("pyhf", reason="pyhf is not installed")
        model = pyhf.Workspace(spec(staterror=False)).model()
    order = model.config.par_order
    for moved in ({"shift": 0.0}, {"shift": 0.7}, {"shift": -0.4, "mu": 1.3}):
        given = [moved.get(name, 1.0 if name == "mu" else 0.0) for name in order]
        point = {"shift": SIZES["shift"] * moved["shift"]}
        signal, background = (h.at(point).values() for h in (histogram(1), histogram(2)))
        want = moved.get("mu", 1.0) * signal + background
        np.testing.assert_allclose(model.expected_actualdata(given), want, rtol=1e-9)


def test_functions_of_jax_are_the_expansion() -> None:
    bridge = importlib.import_module("bridge")
    jax = pytest.importorskip("jax", reason="JAX is not installed (extra: jax)")
    point = {"shift": 0.3, "norm": 1.2}
    for order in (1, 2):
        h = histogram(order=order)
        for exponential in (False, True):
            found = jax.jit(bridge.expected(h, exponential=exponential))(point)
            want = h.at(point, exponential=exponential).values()
            np.testing.assert_allclose(found, want, rtol=3e-6)
        slope = jax.jacfwd(bridge.expected(h))(POINT)["shift"]
        np.testing.assert_allclose(slope, h.gradient("shift"), rtol=3e-6, atol=1e-6)
    with pytest.raises(ValueError, match="parameters among"):
        bridge.expected(h)({"tune": 1.0})


@pytest.mark.in_full
@pytest.mark.filterwarnings("ignore::Warning")  # those of evermore's libraries and of pyhf
def test_fits_of_evermore_and_pyhf_agree() -> None:
    evermore = pytest.importorskip("evermore", reason="evermore is not installed")
    pyhf = pytest.importorskip("pyhf", reason="pyhf is not installed")
    bridge, jax = importlib.import_module("bridge"), importlib.import_module("jax")
    minimize = importlib.import_module("scipy.optimize").minimize
    signal, background = (bridge.expected(histogram(seed)) for seed in (1, 2))
    observed = np.array([5.0, 20.0, 40.0, 30.0, 8.0])

    def loss(point: Any) -> Any:
        mu = evermore.Parameter(value=point[0])
        shift = evermore.NormalParameter(value=point[1])
        moved = {"shift": SIZES["shift"] * shift.get_value()}
        rate = mu.get_value() * signal(moved) + background(moved)
        poisson = evermore.pdf.PoissonContinuous(lamb=rate).log_prob(observed)
        constraint = jax.tree.leaves(evermore.loss.get_log_probs({"shift": shift}))
        return -(poisson.sum() + sum(each.sum() for each in constraint))

    with jax.enable_x64(True):
        fitted = minimize(jax.jit(jax.value_and_grad(loss)), [1.0, 0.0], jac=True, tol=1e-10).x
    found = spec(staterror=False, sizes={"shift": SIZES["shift"]})
    model = pyhf.Workspace(found).model()
    best = np.asarray(pyhf.infer.mle.fit([*observed, *model.config.auxdata], model))
    by_name = dict(zip(model.config.par_order, best, strict=True))
    assert fitted == pytest.approx([by_name["mu"], by_name["shift"]], abs=1e-4)


@pytest.mark.in_full
@pytest.mark.filterwarnings("ignore::Warning")  # those of pyhf and iminuit
def test_cabinetry_fits_what_pyhf_does() -> None:
    cabinetry = pytest.importorskip("cabinetry", reason="cabinetry is not installed")
    pyhf = importlib.import_module("pyhf")
    found = spec(kinds={"statistics": "shapesys"})
    model, data = cabinetry.model_utils.model_and_data(found)
    fitted = cabinetry.fit.fit(model, data)
    best = np.asarray(pyhf.infer.mle.fit(data, model))
    np.testing.assert_allclose(fitted.bestfit, best, atol=2e-3)
    assert {"mu", "shift", "norm"} <= set(fitted.labels)


@pytest.mark.in_full
@pytest.mark.parametrize("executor", ["IterativeExecutor", "FuturesExecutor", "DaskExecutor"])
def test_events_to_a_fit(executor: str) -> None:
    """The example, over chunks of real events, fits what a fit of the full function does."""
    for name in ("coffea", "pyhf", "distributed" if executor == "DaskExecutor" else "uproot"):
        pytest.importorskip(name, reason=f"{name} is not installed")
    command = [sys.executable, "-m", "tests.hist.fit_job", executor]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    linear, full = json.loads(done.stdout.splitlines()[-1])
    assert abs(full["scale"] - 0.4) < 0.2
    assert abs(linear["scale"] - full["scale"]) < 0.02
    assert abs(linear["mu"] - full["mu"]) < 0.002
