"""The cases that are timed: one table of plain Awkward programs and the points they run at.

Lists have Poisson(4) elements, numbers are float64, seeds are fixed. A program uses numpy, awkward
and slices, and knows nothing of derivatives. Points keep away from cuts (``GAP``), because a
difference quotient that straddles a cut compares lists of different lengths.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import awkward as ak
import numpy as np

CUT = 0.5  # W3, no unit
PT_CUT = 30.0  # W5, GeV
GAP = 1e-2  # no value lies closer to a cut; steps of the difference quotients are far smaller

HT_BINS = np.linspace(0.0, 600.0, 50)  # W5, bin centres in GeV
HT_WIDTH = 15.0  # W5, standard deviation of the kernel in GeV
ETA_REGIONS = np.linspace(-2.5, 2.5, 8)  # W5, centres of the eight calibration regions


class Case(NamedTuple):
    """One program to time.

    ``build(events)`` gives (point, direction), two tuples: the positional arguments of ``func`` and
    their tangents (None: constant; a record with some of the fields: zero for the others).
    """

    name: str
    what: str
    build: Callable[[int], tuple[tuple[Any, ...], tuple[Any, ...]]]
    func: Callable[..., Any]


# ---- points, directions ----
def away(values, cut):
    """``values`` with those within ``GAP`` of ``cut`` moved up to clear it."""
    return np.where(np.abs(values - cut) < GAP, values + 2 * GAP, values)


def lists(seed, events):
    """A random generator, the list lengths (Poisson(4), shape (events,)) and their total."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(4, events)
    return rng, counts, int(counts.sum())


def chain_point(events):
    rng, counts, total = lists(1, events)
    x, t = rng.normal(0.0, 1.0, total), rng.normal(0.0, 1.0, total)
    return (ak.unflatten(x, counts),), (ak.unflatten(t, counts),)


def sums_point(events):
    rng, counts, total = lists(2, events)
    x, t = rng.uniform(0.5, 2.0, total), rng.normal(0.0, 1.0, total)
    return (ak.unflatten(x, counts),), (ak.unflatten(t, counts),)


def masks_point(events):
    rng, counts, total = lists(3, events)
    x, t = away(rng.normal(0.0, 1.0, total), CUT), rng.normal(0.0, 1.0, total)
    return (ak.unflatten(x, counts),), (ak.unflatten(t, counts),)


def jets(seed, events):
    """Jets with pt (GeV), eta, phi: events * var * record."""
    rng, counts, total = lists(seed, events)
    fields = {
        "pt": away(20.0 + rng.exponential(30.0, total), PT_CUT),
        "eta": rng.normal(0.0, 1.5, total),
        "phi": rng.uniform(-np.pi, np.pi, total),
    }
    return ak.zip({name: ak.unflatten(column, counts) for name, column in fields.items()})


def dijet_point(events):
    """The direction is an energy scale: the tangent of pt is pt, eta and phi do not move."""
    point = jets(4, events)
    return (point,), (ak.zip({"pt": point.pt}),)


def nuisance_point(events):
    """All eight parameters at zero; the direction is the first of them, jets are constant."""
    return ((0.0,) * 8, jets(5, events)), ((1.0,) + (0.0,) * 7, None)


# ---- programs ----
def sine_chain(x):
    z = x[::-1]
    return np.sin(z**2) * np.exp(-z)


def list_sums(x):
    return np.sqrt(ak.sum(x**2, axis=1))


def masks(x):
    return x[x > CUT][:, :2] ** 3


def dijet_masses(jets):
    """Masses in GeV of all pairs of massless jets: events * var."""
    a, b = ak.unzip(ak.combinations(jets, 2))
    return np.sqrt(2 * a.pt * b.pt * (np.cosh(a.eta - b.eta) - np.cos(a.phi - b.phi)))


def largest_dijet_mass(jets):
    """One mass in GeV per event, None where there is no pair."""
    return ak.max(dijet_masses(jets), axis=1)


def soft_histogram(theta, jets):
    """Smoothed entries of HT in each bin, shape (50,); eight parameters calibrate pt."""
    shift = sum(
        k * np.exp(-((jets.eta - eta) ** 2)) for k, eta in zip(theta, ETA_REGIONS, strict=True)
    )
    pt = jets.pt * (1 + shift)
    ht = ak.sum(pt[pt > PT_CUT], axis=1)
    distance = (ht[:, np.newaxis] - HT_BINS[np.newaxis]) / HT_WIDTH
    return ak.sum(np.exp(-0.5 * distance**2), axis=0)


# ---- table ----
CASES = {
    case.name: case
    for case in (
        Case("W1", "sine chain on reversed events", chain_point, sine_chain),
        Case("W2", "norm of each list", sums_point, list_sums),
        Case("W3", "mask by value, first two, cube", masks_point, masks),
        Case("W4", "largest dijet mass, tangent on pt", dijet_point, largest_dijet_mass),
        Case("W4a", "all dijet masses, tangent on pt", dijet_point, dijet_masses),
        Case("W5", "soft histogram of HT, one of 8 nuisances", nuisance_point, soft_histogram),
    )
}
