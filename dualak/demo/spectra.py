"""The analysis of the demo: two spectra of pairs, which five nuisance parameters change.

It is written as any analysis is; what differs from one without derivatives is that parameters come
as an argument, and that histograms say how entries are smoothed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import awkward as ak
import numpy as np

import dualak
from dualak.demo.events import require
from dualak.hist import Gaussian, Histogram


class Nuisance(NamedTuple):
    """A parameter: its uncertainty before the fit, what pseudo-data have, and what it does."""

    sigma: float
    truth: float
    label: str


NUISANCES = {
    "scale": Nuisance(0.005, 0.004, "energy scale"),
    "endcap": Nuisance(0.010, -0.006, "energy scale, |eta| > 1.2"),
    "smear": Nuisance(0.010, 0.008, "momentum resolution"),
    "trigger": Nuisance(0.200, 0.150, "efficiency at low pt"),
    "norm": Nuisance(0.050, -0.040, "normalisation"),
}
NOMINAL = dict.fromkeys(NUISANCES, 0.0)
SIGMA = {name: nuisance.sigma for name, nuisance in NUISANCES.items()}
TRUTH = {name: nuisance.truth for name, nuisance in NUISANCES.items()}


def pairs(objects: Any, p: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Masses and transverse momenta in GeV of all pairs of an event, and their weights.

    Pairs are of opposite charge if charges are known.  Arrays are events * var.
    """
    px, py, pz, e = cartesian(objects)
    pt, eta = np.hypot(px, py), np.arcsinh(pz / np.hypot(px, py))
    factor = (
        (1 + p["scale"])
        * (1 + p["endcap"] * (np.abs(eta) > 1.2))
        * (1 + p["smear"] * noise(px, py))
    )
    moved = {"px": px * factor, "py": py * factor, "pz": pz * factor, "e": e * factor}
    charge = objects.charge if "charge" in objects.fields else ak.zeros_like(px)
    weight = 1 + p["trigger"] * np.exp(-pt / 25.0)
    a, b = ak.unzip(ak.combinations(ak.zip({**moved, "charge": charge, "weight": weight}), 2))
    if "charge" in objects.fields:
        opposite = a.charge + b.charge == 0
        a, b = a[opposite], b[opposite]
    px, py, pz, e = a.px + b.px, a.py + b.py, a.pz + b.pz, a.e + b.e
    square = np.maximum(e**2 - px**2 - py**2 - pz**2, 1e-6)  # rounding may take it below zero
    return np.sqrt(square), np.hypot(px, py), a.weight * b.weight * (1 + p["norm"])


def cartesian(objects: Any) -> tuple[Any, Any, Any, Any]:
    """px, py, pz, E in GeV, from themselves or from pt, eta, phi and mass."""
    if "px" in objects.fields:
        return objects.px, objects.py, objects.pz, objects.E
    pt, eta, phi = objects.pt, objects.eta, objects.phi
    px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    return px, py, pz, np.sqrt(px**2 + py**2 + pz**2 + objects.mass**2)


def noise(px: Any, py: Any) -> Any:
    """A number for each object, normally distributed, that is the same in each run and chunk."""
    first, second = (np.abs(1000.0 * one) % 1.0 for one in (px, py))
    return np.sqrt(-2.0 * np.log(1.0 - first)) * np.cos(2.0 * np.pi * second)


def spectra(
    p: dict[str, Any], objects: Any, bins: int, limits: tuple[float, float], width: float
) -> dict[str, Histogram]:
    """Two histograms of pairs: their masses, and the momenta of those whose mass is near a Z's.

    Entries are smoothed by a Gaussian, in ``limits`` of the mass by a ``width`` in GeV; the cut on
    the mass is soft, so that derivatives know of the pairs that cross it.
    """
    hist = require("hist")
    mass, pt, weight = pairs(objects, p)
    near = dualak.soft_cut(mass, ">", 76.0, width=1.0) * dualak.soft_cut(
        mass, "<", 106.0, width=1.0
    )
    axes = {
        "mass": hist.axis.Regular(bins, *limits, name="mass", label="mass of the pair [GeV]"),
        "pt": hist.axis.Regular(bins, 0.0, 150.0, name="pt", label="pt of the pair [GeV]"),
    }
    filled = {}
    for name, values, weights, kernel in (
        ("mass", mass, weight, Gaussian(width)),
        ("pt", pt, weight * near, Gaussian(5.0)),
    ):
        h = Histogram(axes[name], kernel=kernel, smooth="both", name=name, label="pairs")
        filled[name] = h.fill(values, weight=weights)
    return filled
