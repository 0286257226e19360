"""The leading pair as a compiled loop: plain, with one derivative and with eight, beside arrays.

The loop is a user's own, one function for all; ratios are over the plain loop.
"""

from __future__ import annotations

import math

import awkward as ak
import numba
import numpy as np

import dualak
from bench.cases import dijet_point, largest_dijet_mass

CASE = "L1"
WHAT = "largest dijet mass as a compiled loop; ratios are over the plain loop"
BASELINE = "plain loop"
DIRECTIONS = 8
STEP = 1e-5
TOLERANCE = 1e-6  # relative to the largest derivative: differences have no more digits


@numba.njit
def leading_mass(jets):
    """The largest mass of a pair in each event, in GeV; zero where there is none."""
    out = dualak.empty(len(jets))
    for i in range(len(jets)):
        event = jets[i]
        best = 0.0
        for j in range(len(event)):
            a = event[j]
            for k in range(j):
                b = event[k]
                angle = math.cosh(a.eta - b.eta) - math.cos(a.phi - b.phi)
                mass = math.sqrt(2 * a.pt * b.pt * angle)
                if mass > best:
                    best = mass
        out[i] = best
    return out


def directions(jets):
    """Calibrations of pt in regions of phi."""
    return [ak.zip({"pt": jets.pt * np.cos(k * jets.phi)}) for k in range(DIRECTIONS)]


def peers(events):
    """The calls to time, by name; each gives the value, and its derivatives if it has some."""
    (jets,), _ = dijet_point(events)
    along = directions(jets)
    eight = dualak.Directions(along)

    def derivatives(t):
        y, dy = dualak.jvp(leading_mass, jets, t)
        return np.asarray(y), [np.asarray(one) for one in (dy if isinstance(dy, list) else [dy])]

    return {
        "awkward value": lambda: (np.asarray(_masses_of_arrays(jets)), []),
        BASELINE: lambda: (leading_mass(jets), []),
        "dualak jvp": lambda: derivatives(along[0]),
        "dualak jvp, eight directions": lambda: derivatives(eight),
        "differences of the plain loop": lambda: (None, [_differences(jets, along[0])]),
    }


def _masses_of_arrays(jets):
    return ak.fill_none(largest_dijet_mass(jets), 0.0)


def _differences(jets, t):
    up, down = (
        leading_mass(ak.with_field(jets, jets.pt + sign * STEP * t.pt, "pt")) for sign in (1, -1)
    )
    return (up - down) / (2 * STEP)


def check(calls):
    """The error of each peer with another value or other derivatives than plain evaluations."""
    value, (exact, *_) = calls["dualak jvp, eight directions"]()
    values = np.asarray(calls["awkward value"]()[0])
    (differences,) = calls["differences of the plain loop"]()[1]
    errors = {}
    for name, call in calls.items():
        got, slopes = call()
        if got is not None and not np.allclose(got, values, rtol=1e-12):
            errors[name] = "Disagreement: another value"
        elif slopes and not _close(slopes[0], exact if "differences" in name else differences):
            errors[name] = "Disagreement: other derivatives"
    return errors if np.allclose(value, values, rtol=1e-12) else dict.fromkeys(calls, "no value")


def _close(got, want):
    """Equal, but for the few events in which the leading pair changes within the step."""
    far = np.abs(got - want) > TOLERANCE * np.abs(want).max()
    return far.mean() < 1e-3
