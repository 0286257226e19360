"""Axes, entries and functions that fill histograms, for several tests."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

hist = pytest.importorskip("hist", reason="histograms are made of it (extra: hep)")

from dualak.hist import Gaussian, Histogram, Logistic, Uniform  # noqa: E402 - after it is known to be there

KERNELS = {
    "gaussian": Gaussian(4.0),
    "logistic": Logistic(2.5),
    "uniform": Uniform(6.0),
    "relative": Gaussian(0.04, relative=True),
}
AT = {"scale": 0.01, "shift": -0.5, "norm": 1.25}

AXES = {
    "regular": lambda: hist.axis.Regular(12, 60, 120, name="mass"),
    "variable": lambda: hist.axis.Variable([60, 75, 80, 91, 95, 120.0], name="mass"),
    "without flow": lambda: hist.axis.Regular(12, 60, 120, name="mass", flow=False),
    "log": lambda: hist.axis.Regular(9, 50, 130, name="mass", transform=hist.axis.transform.log),
}


def masses(events=400, seed=0):
    """Jagged positions with a weight for each list."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 4, events)
    mass = rng.normal(90, 15, counts.sum())
    return ak.unflatten(mass, counts), rng.uniform(0.5, 1.5, events)


def fill(p, axis="regular", kernel="gaussian", smooth="both", events=400, seed=0):
    """A histogram of masses that parameters scale, shift and weigh."""
    mass, weight = masses(events, seed)
    moved = mass * (1 + p["scale"]) ** 2 + p["shift"] * np.sqrt(weight)
    h = Histogram(AXES[axis](), kernel=KERNELS[kernel], smooth=smooth)
    return h.fill(mass=moved, weight=weight * p["norm"] ** 2 * (1 + p["scale"]))
