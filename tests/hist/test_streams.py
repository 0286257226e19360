"""Streams of chunks: sums of histograms, and nothing that was done is lost."""

from __future__ import annotations

import numpy as np
import pytest

from dualak.hist import Gaussian, Histogram, StreamError, differentiate, over_chunks
from tests.hist.samples import AT, hist, masses

CHUNKS = [masses(100, seed) for seed in range(3)]


def analysis(p, chunk):
    mass, weight = chunk
    h = Histogram(hist.axis.Regular(6, 60, 120), kernel=Gaussian(4.0))
    return {
        "mass": h.fill(mass * (1 + p["scale"]) + p["shift"], weight=weight * p["norm"]),
        "events": len(mass),
        "name": "masses",
    }


@pytest.mark.parametrize("progress", [False, True])
def test_it_is_the_sum_of_the_chunks(progress):
    if progress:
        pytest.importorskip("rich")
    found = over_chunks(analysis, AT, CHUNKS, order=2, progress=progress)
    parts = [differentiate(analysis, AT, chunk, order=2) for chunk in CHUNKS]
    assert found["mass"] == sum(part["mass"] for part in parts)
    assert (found["events"], found["name"]) == (300, "masses")


def test_what_was_done_before_a_broken_chunk_is_kept():
    def stream():
        yield from CHUNKS[:2]
        raise OSError("the file ends too early")

    for broken in (stream(), [*CHUNKS[:2], None]):
        with pytest.raises(StreamError, match="chunk 3") as caught:
            over_chunks(analysis, AT, broken)
        assert caught.value.chunks == 2
        assert caught.value.partial["mass"] == over_chunks(analysis, AT, CHUNKS[:2])["mass"]


def test_no_chunks_have_no_sum():
    with pytest.raises(ValueError, match="one chunk or more"):
        over_chunks(analysis, AT, [])


def test_coffea_adds_them_up():
    processor = pytest.importorskip("coffea.processor")
    parts = [differentiate(analysis, AT, chunk) for chunk in CHUNKS]
    found = processor.accumulate([{"a": part["mass"]} for part in parts])["a"]
    np.testing.assert_allclose(found.gradient(), sum(h["mass"] for h in parts).gradient())


def test_without_variances_the_values_are_the_same():
    def fill(p, variances):
        h = Histogram(hist.axis.Regular(6, 60, 120), kernel=Gaussian(4.0), variances=variances)
        return h.fill(CHUNKS[0][0] * p["scale"], weight=CHUNKS[0][1])

    with_them, without = (differentiate(fill, {"scale": 1.0}, flag) for flag in (True, False))
    np.testing.assert_array_equal(with_them.gradient(), without.gradient())
    with pytest.raises(ValueError, match="variances=False"):
        without.variances()
    with pytest.raises(ValueError, match="one of each"):
        with_them + without
    assert Histogram.from_json(without.to_json()) == without


@pytest.mark.parametrize("smooth", ["both", "derivative"])
def test_categories_of_each_entry_are_histograms_of_their_own(smooth):
    rng = np.random.default_rng(0)
    flat = rng.normal(90, 10, 500)
    kinds = rng.integers(0, 3, 500)

    def fill(p, chosen):
        axes = [hist.axis.IntCategory([0, 1, 2], name="c"), hist.axis.Regular(6, 60, 120, name="m")]
        h = Histogram(*axes, kernel=Gaussian(4.0), smooth=smooth)
        return h.fill(c=kinds[chosen], m=flat[chosen] + p["shift"])

    whole = differentiate(fill, {"shift": 0.0}, slice(None))
    parts = [differentiate(fill, {"shift": 0.0}, kinds == kind) for kind in range(3)]
    for k in range(2):
        np.testing.assert_allclose(
            whole.level("value", k), sum(parts).level("value", k), rtol=1e-10, atol=1e-10
        )
