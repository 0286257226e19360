"""Loops as users write them, compiled by Numba: none of them knows of derivatives.

Lengths are in millimetres unless they say otherwise, momenta in GeV, fields in tesla.
"""

from __future__ import annotations

import math

import numba
import numpy as np

import dualak

# -- the leading pair -----------------------------------------------------------------------------


@numba.njit
def pair_mass(a, b):
    """The mass of two massless jets."""
    return math.sqrt(2 * a.pt * b.pt * (math.cosh(a.eta - b.eta) - math.cos(a.phi - b.phi)))


@numba.njit
def leading_pair(jets):
    """The largest mass of a pair in each event; zero where there is none."""
    out = dualak.empty(len(jets))
    for i in range(len(jets)):
        event = jets[i]
        best = 0.0
        for j in range(len(event)):
            for k in range(j):
                mass = pair_mass(event[j], event[k])
                if mass > best:
                    best = mass
        out[i] = best
    return out


# -- a Kalman filter ------------------------------------------------------------------------------

PRIOR = 100.0  # variance of offset (mm^2) and slope (per m^2) before the first hit


@numba.njit
def fit_tracks(hits, noise):
    """Offset and slope of a straight line through the hits (z in metres, y, sigma) of each track.

    ``noise`` is the variance of the angle by which a track scatters from hit to hit.
    """
    out = dualak.empty((len(hits), 2), (hits.y, noise))
    for i in range(len(hits)):
        state = dualak.zeros(2, (hits.y, noise))
        covariance = dualak.zeros((2, 2), (hits.y, noise))
        covariance[0, 0] = covariance[1, 1] = PRIOR
        z = 0.0
        for hit in hits[i]:
            step = hit.z - z
            state[0] += step * state[1]
            a, b, c = covariance[0, 0], covariance[0, 1], covariance[1, 1] + noise
            a, b = a + 2 * step * b + step**2 * c, b + step * c
            z = hit.z
            total = a + hit.sigma**2
            rest = hit.y - state[0]
            state[0] += a / total * rest
            state[1] += b / total * rest
            covariance[0, 0] = a - a * a / total
            covariance[0, 1] = b - a * b / total
            covariance[1, 1] = c - b * b / total
        out[i, 0] = state[0] - z * state[1]
        out[i, 1] = state[1]
    return out


# -- a vertex -------------------------------------------------------------------------------------


@numba.njit
def badness(vertex, tracks, width):
    """A sum over tracks that a far one does not dominate."""
    x, y = vertex
    total = 0.0
    for track in tracks:
        distance = (y - track.y) * math.cos(track.phi) - (x - track.x) * math.sin(track.phi)
        total += math.log1p((distance / width) ** 2)
    return total


@numba.njit
def gradient(vertex, tracks, width):
    return dualak.partials(badness, vertex, tracks, width)[1]


@numba.njit
def fit_vertices(events, width):
    """The point in each event that has the least ``badness``, by Newton steps from the origin."""
    out = dualak.zeros((len(events), 2), (events.x, events.y, events.phi, width))
    for i in range(len(events)):
        x = y = 0.0
        for _ in range(8):
            (gx, gy), ((xx, xy), (_, yy)) = dualak.partials(gradient, (x, y), events[i], width)
            determinant = xx * yy - xy * xy
            x -= (yy * gx - xy * gy) / determinant
            y -= (xx * gy - xy * gx) / determinant
        out[i, 0] = x
        out[i, 1] = y
    return out


# -- a track in a field ---------------------------------------------------------------------------

BEND = 0.299792458e-3  # GeV / (T mm)


@numba.njit
def slope(x, y, px, py, field):
    """What direction and momentum change by along a track, in a field that falls off outside."""
    momentum = math.sqrt(px * px + py * py)
    bend = BEND * field * math.exp(-(x * x + y * y) / 1e6) / momentum
    return px / momentum, py / momentum, bend * py, -bend * px


@numba.njit
def propagate(tracks, field, length, steps):
    """Where tracks from the origin are after a length, by Runge-Kutta steps of fourth order."""
    out = dualak.empty((len(tracks), 2))
    h = length / steps
    for i in range(len(tracks)):
        x, y, px, py = 0.0, 0.0, tracks[i].px, tracks[i].py
        for _ in range(steps):
            a = slope(x, y, px, py, field)
            half = h / 2
            b = slope(x + half * a[0], y + half * a[1], px + half * a[2], py + half * a[3], field)
            c = slope(x + half * b[0], y + half * b[1], px + half * b[2], py + half * b[3], field)
            d = slope(x + h * c[0], y + h * c[1], px + h * c[2], py + h * c[3], field)
            x += h / 6 * (a[0] + 2 * b[0] + 2 * c[0] + d[0])
            y += h / 6 * (a[1] + 2 * b[1] + 2 * c[1] + d[1])
            px += h / 6 * (a[2] + 2 * b[2] + 2 * c[2] + d[2])
            py += h / 6 * (a[3] + 2 * b[3] + 2 * c[3] + d[3])
        out[i, 0] = x
        out[i, 1] = y
    return out


# -- the same on arrays ---------------------------------------------------------------------------


def slope_of_arrays(x, y, px, py, field):
    momentum = np.sqrt(px * px + py * py)
    bend = BEND * field * np.exp(-(x * x + y * y) / 1e6) / momentum
    return px / momentum, py / momentum, bend * py, -bend * px


def propagate_arrays(tracks, field, length, steps):
    state = [tracks.px * 0.0, tracks.py * 0.0, tracks.px, tracks.py]
    h = length / steps

    def moved(by, slopes):
        return [one + by * change for one, change in zip(state, slopes, strict=True)]

    for _ in range(steps):
        a = slope_of_arrays(*state, field)
        b = slope_of_arrays(*moved(h / 2, a), field)
        c = slope_of_arrays(*moved(h / 2, b), field)
        d = slope_of_arrays(*moved(h, c), field)
        mean = [(p + 2 * q + 2 * r + s) / 6 for p, q, r, s in zip(a, b, c, d, strict=True)]
        state = moved(h, mean)
    return state[0], state[1]
