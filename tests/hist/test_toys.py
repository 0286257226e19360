"""Toys: derivatives of hard counts, averaged over many samples, are those that kernels estimate.

A difference quotient of step ``d`` averages a slope over a box from ``-d`` to ``d``, a second one
over a triangle.  A kernel of the same variance has the same bias, to leading order, so that only
statistics are left between them.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

import dualak
from dualak.hist import Gaussian, Histogram, Logistic, differentiate
from tests.hist.samples import hist

EDGES = [-1.5, -0.5, 0.2, 1.0, 2.2]
AT = {"shift": 0.1, "scale": 1.05}
TOYS, EVENTS = 40, 2000


def filled(p, toy, kernel=None):
    """A histogram of normally distributed numbers with weights."""
    rng = np.random.default_rng(toy)
    x, weight = rng.normal(size=EVENTS), rng.uniform(0.5, 1.5, EVENTS)
    h = Histogram(hist.axis.Variable(EDGES), kernel=kernel)
    return h.fill(x * p["scale"] + p["shift"], weight=weight)


def within(found, errors=4.5):
    """Whether the mean over toys is zero, as far as they say."""
    mean, error = found.mean(axis=0), found.std(axis=0) / math.sqrt(len(found))
    return np.all(np.abs(mean) < errors * error + 1e-9)


@pytest.mark.parametrize("make", [Gaussian, Logistic])
@pytest.mark.parametrize("name", AT)
def test_gradients_are_the_mean_of_differences_of_hard_counts(name, make):
    step = {"shift": 0.2, "scale": 0.1}[name]  # that of a scale moves entries by less
    deviation = math.pi / math.sqrt(3) if make is Logistic else 1.0
    kernel = make(step / math.sqrt(3) / deviation)

    def difference(toy):
        up, down = (filled(AT | {name: AT[name] + s * step}, toy).values() for s in (1, -1))
        return differentiate(filled, AT, toy, kernel=kernel).gradient(name) - (up - down) / (
            2 * step
        )

    assert within(np.array([difference(toy) for toy in range(TOYS)]))


def test_hessians_are_the_mean_of_second_differences_of_hard_counts():
    step = 0.5

    def difference(toy):
        values = [filled(AT | {"shift": AT["shift"] + k * step}, toy).values() for k in (1, 0, -1)]
        second = (values[0] - 2 * values[1] + values[2]) / step**2
        kernel = Gaussian(step / math.sqrt(6))
        return (
            differentiate(filled, AT, toy, kernel=kernel, order=2).hessian("shift", "shift")
            - second
        )

    assert within(np.array([difference(toy) for toy in range(TOYS)]))


def normal(x, deviation):
    """The density of a normal distribution, its slope, and its bend."""
    density = np.exp(-0.5 * (x / deviation) ** 2) / deviation / math.sqrt(2 * math.pi)
    slope = -x / deviation**2 * density
    return density, slope, (x**2 / deviation**2 - 1) / deviation**2 * density


@pytest.mark.parametrize("smooth", ["both", "derivative"])
def test_the_bias_is_that_of_the_kernel(smooth):
    """What a Gaussian kernel makes of a Gaussian is known: one of a larger deviation."""
    width = 0.4

    def expected(order):
        at = np.array(EDGES) - 0.1
        return (-1.0) ** order * np.diff(normal(at, math.hypot(1.0, width))[order - 1])

    def fill(p, toy):
        x = np.random.default_rng(toy).normal(size=EVENTS)
        h = Histogram(hist.axis.Variable(EDGES), kernel=Gaussian(width), smooth=smooth)
        return h.fill(x + p["shift"], weight=1.0 / EVENTS)

    toys = [differentiate(fill, {"shift": 0.1}, toy, order=2) for toy in range(TOYS)]
    assert within(np.array([h.gradient("shift") for h in toys]) - expected(1))
    assert within(np.array([h.hessian("shift", "shift") for h in toys]) - expected(2))


def test_a_cut_of_a_histogram_has_the_flow_through_it():
    """Entries that cross a cut on something else come into the bins, or leave them."""
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(2, 200_000))

    def fill(p):
        passed = dualak.soft_cut(y, ">", p["cut"], width=0.05, smooth="derivative")
        return Histogram(hist.axis.Variable(EDGES)).fill(x, weight=passed / len(x))

    h = differentiate(fill, {"cut": 0.3})
    share = np.histogram(x, EDGES)[0] / len(x)
    expected = -normal(0.3, 1.0)[0] * share
    np.testing.assert_allclose(h.gradient("cut"), expected, rtol=0.05)
    np.testing.assert_allclose(h.values(), np.histogram(x[y > 0.3], EDGES)[0] / len(x))
