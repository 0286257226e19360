"""Derivatives of every bin are right: they are compared with differences, of all that is kept."""

from __future__ import annotations

import numpy as np
import pytest

from dualak.hist import Histogram, differentiate
from tests.hist.samples import AT, AXES, KERNELS, fill


def slope(function, name, step=1e-4):
    """The derivative by differences of fourth order."""
    far, near = (
        function(AT | {name: AT[name] + k * step}) - function(AT | {name: AT[name] - k * step})
        for k in (2, 1)
    )
    return (8 * near - far) / (12 * step)


def assert_close(found, expected, tolerance=1e-6):
    np.testing.assert_allclose(found, expected, atol=tolerance * np.abs(expected).max(), rtol=0)


@pytest.mark.parametrize("of", ["value", "variance"])
@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("kernel", [name for name in KERNELS if name != "uniform"])
def test_gradients_are_those_of_the_smoothed_histogram(axis, kernel, of):
    h = differentiate(fill, AT, axis=axis, kernel=kernel)
    read = {"value": Histogram.values, "variance": Histogram.variances}[of]
    for name in AT:
        expected = slope(lambda p: read(fill(p, axis, kernel), flow=True), name)
        assert_close(h.gradient(name, flow=True, of=of), expected)


@pytest.mark.parametrize("of", ["value", "variance"])
@pytest.mark.parametrize("kernel", [name for name in KERNELS if name != "uniform"])
def test_hessians_are_the_derivatives_of_gradients(kernel, of):
    given = {"kernel": kernel}
    h = differentiate(fill, AT, order=2, **given)
    for i, name in enumerate(AT):
        expected = slope(lambda p: differentiate(fill, p, **given).gradient(flow=True, of=of), name)
        assert_close(h.hessian(flow=True, of=of)[:, i], expected)
        assert_close(h.hessian(flow=True, of=of)[i], expected)


@pytest.mark.parametrize("kernel", KERNELS)
def test_values_do_not_depend_on_what_is_differentiated(kernel):
    for smooth in ("both", "derivative"):
        known, found = (
            fill(AT, kernel=kernel, smooth=smooth),
            differentiate(fill, AT, kernel=kernel, smooth=smooth),
        )
        np.testing.assert_allclose(found.values(flow=True), known.values(flow=True), rtol=1e-12)
        np.testing.assert_allclose(
            found.variances(flow=True), known.variances(flow=True), rtol=1e-12
        )
