"""The differences that ``check_jvp`` compares with are of the order that they are said to be."""

from __future__ import annotations

import numpy as np
import pytest

from dualak.checking.differences import _extrapolated

STEPS = 2.0 ** -np.arange(5.0)


@pytest.mark.parametrize("degree", [1, 3, 5])
def test_odd_powers_below_the_seventh_have_exact_slopes(degree):
    around = np.stack([STEPS**degree, (-STEPS) ** degree], axis=1)[:, :, None]
    slopes, _ = _extrapolated(STEPS, around)
    np.testing.assert_allclose(slopes[:, 0], 1.0 if degree == 1 else 0.0, atol=1e-15)


def test_the_spread_bounds_the_error_of_the_next_power():
    around = np.stack([STEPS**7, (-STEPS) ** 7], axis=1)[:, :, None]
    slopes, spread = _extrapolated(STEPS, around)
    assert (np.abs(slopes) <= spread).all()
    assert (spread[1:] < spread[:-1] / 8).all()
