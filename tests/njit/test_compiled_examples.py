"""Loops of the kind that people have: each against differences, and against arrays."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

import dualak
from bench.cases import jets, largest_dijet_mass
from tests.support import loops

EVENTS = 12


def ragged(seed, low=0, **columns):
    """Records in lists: each column by its limits."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(low, 7, EVENTS)
    total = int(counts.sum())
    drawn = {name: rng.uniform(*limits, total) for name, limits in columns.items()}
    return ak.zip({name: ak.unflatten(one, counts) for name, one in drawn.items()})


def tracks_of_hits():
    hits = ragged(2, low=3, z=(0.0, 1.0), y=(-5.0, 5.0), sigma=(0.1, 0.3))
    return hits[ak.argsort(hits.z, axis=1)]


def vertices():
    """Tracks that pass close to a point near the origin, in many directions."""
    tracks = ragged(3, low=4, x=(-0.3, 0.3), y=(-0.3, 0.3), phi=(0.0, 3.0))
    return ak.with_field(tracks, tracks.phi + ak.local_index(tracks.phi), "phi")


def momenta():
    rng = np.random.default_rng(4)
    return ak.zip({"px": rng.uniform(0.5, 2.0, EVENTS), "py": rng.uniform(-1.0, 1.0, EVENTS)})


EXAMPLES = {
    "leading pair": (loops.leading_pair, lambda: jets(1, EVENTS)),
    "Kalman filter": (loops.fit_tracks, lambda: (tracks_of_hits(), 1e-3)),
    "vertex": (loops.fit_vertices, lambda: (vertices(), 1.5)),
    "track in a field": (
        lambda tracks, field: loops.propagate(tracks, field, 500.0, 10),
        lambda: (momenta(), 3.8),
    ),
}


#: They take Numba minutes.
SLOW = ("vertex",)


@pytest.fixture(
    params=[
        pytest.param(name, marks=pytest.mark.in_full if name in SLOW else ()) for name in EXAMPLES
    ]
)
def example(request):
    loop, point = EXAMPLES[request.param]
    return loop, point()


@pytest.mark.one_in(3)
def test_agrees_with_differences(example):
    loop, x = example
    assert dualak.check_jvp(loop, x, rtol=1e-6).numbers >= EVENTS


@pytest.mark.in_full
def test_second_derivatives_agree_with_differences(example):
    loop, x = example
    if not isinstance(x, tuple):
        x = (x, 1.0)
        loop = scaled(loop)
    *others, scale = x

    def first(scale):
        return dualak.derivative(lambda s: loop(*others, s))(scale)

    assert dualak.check_jvp(first, scale, 1.0, rtol=1e-6, step=1e-3 * scale).numbers >= EVENTS


def scaled(loop):
    return lambda jets, scale: loop(ak.with_field(jets, jets.pt * scale**2, "pt"))


def assert_same(one, other, rtol=1e-10):
    for a, b in zip(one, other, strict=True):
        a, b = ak.to_numpy(a), ak.to_numpy(b)
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * np.abs(b).max())


def test_the_leading_pair_is_that_of_arrays():
    x = jets(1, EVENTS)
    along = ak.zip({"pt": x.pt, "eta": x.phi})
    on_arrays = dualak.jvp(lambda jets: ak.fill_none(largest_dijet_mass(jets), 0.0), x, along)
    assert_same(dualak.jvp(loops.leading_pair, x, along), on_arrays)


def fit_arrays(hits):
    """Least squares: what the filter gives where nothing scatters."""
    weight = hits.sigma**-2.0
    s, sz, szz = (ak.sum(weight * hits.z**n, axis=1) for n in range(3))
    sy, szy = (ak.sum(weight * hits.z**n * hits.y, axis=1) for n in range(2))
    s, szz = s + 1 / loops.PRIOR, szz + 1 / loops.PRIOR
    determinant = s * szz - sz * sz
    return (szz * sy - sz * szy) / determinant, (s * szy - sz * sy) / determinant


@pytest.mark.in_full
def test_the_filter_is_the_fit_of_arrays():
    hits = tracks_of_hits()
    along = ak.zip({"y": hits.z, "sigma": hits.sigma, "z": hits.y})
    (offset, slope), tangents = dualak.jvp(fit_arrays, hits, along)
    y, dy = dualak.jvp(lambda hits: loops.fit_tracks(hits, 0.0), hits, along)
    assert_same((y[:, 0], y[:, 1]), (offset, slope), 1e-7)
    assert_same((dy[:, 0], dy[:, 1]), tangents, 1e-7)


@pytest.mark.in_full
def test_a_vertex_moves_with_its_tracks():
    tracks = vertices()
    along = ak.zip({"x": ak.ones_like(tracks.x), "y": 2 * ak.ones_like(tracks.y)})
    _, moved = dualak.jvp(lambda tracks: loops.fit_vertices(tracks, 1.5), tracks, along)
    np.testing.assert_allclose(ak.to_numpy(moved), [[1.0, 2.0]] * EVENTS, rtol=1e-6)


@pytest.mark.in_full
def test_a_track_is_that_of_arrays():
    x, t = (momenta(), 3.8), (ak.zip({"px": momenta().py}), 1.0)
    y, dy = dualak.jvp(lambda tracks, field: loops.propagate(tracks, field, 500.0, 10), x, t)
    on_arrays = dualak.jvp(
        lambda tracks, field: loops.propagate_arrays(tracks, field, 500.0, 10), x, t
    )
    for got, want in zip((y, dy), on_arrays, strict=True):
        assert_same((got[:, 0], got[:, 1]), want)
