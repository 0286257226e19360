"""Kernels that smooth histograms and cuts: their cumulative functions, as Taylor series.

A kernel has a cumulative function ``F(z)``, of the distance ``z`` from an entry to an edge in
widths of the kernel.  An entry that moves by ``u`` widths changes it to ``F(z - u)``; each function
below writes the first coefficients of that in ``u`` into an array, which holds all derivatives.

>>> import math
>>> series = [0.0] * 3
>>> gaussian(0.5, series)
>>> series[0] == 0.5 * math.erfc(-0.5 / math.sqrt(2))
True
>>> series[1] == -math.exp(-0.125) / math.sqrt(2 * math.pi)
True
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_DENSITY = 1.0 / math.sqrt(2.0 * math.pi)
_HALF = math.sqrt(0.5)


def gaussian(z: Any, series: Any) -> None:
    """Of the normal distribution; its derivatives are Hermite's polynomials."""
    series[0] = 0.5 * math.erfc(-z * _HALF)
    before, term = 0.0, _DENSITY * math.exp(-0.5 * z * z)
    for k in range(1, len(series)):
        series[k] = -term / k
        before, term = term, (z * term - before) / k


def logistic(z: Any, series: Any) -> None:
    """Of the logistic distribution: ``s = 1 / (1 + exp(-z))``, for which ``s' = s (1 - s)``."""
    small = math.exp(-abs(z))
    series[0] = (1.0 if z > 0 else small) / (1.0 + small)
    slope = small / (1.0 + small) / (1.0 + small)
    for k in range(1, len(series)):
        # (s - s * s) to the order k - 1; the terms with s itself are put together, for precision.
        term = slope if k == 1 else (1.0 - 2.0 * series[0]) * series[k - 1]
        for i in range(1, k - 1):
            term -= series[i] * series[k - 1 - i]
        series[k] = -term / k


def uniform(z: Any, series: Any) -> None:
    """Of a box from -1 to 1; it has no second derivative."""
    series[0] = min(max(0.5 * (z + 1.0), 0.0), 1.0)
    for k in range(1, len(series)):
        series[k] = -0.5 if k == 1 and -1.0 <= z < 1.0 else 0.0


@dataclass(frozen=True)
class Smoothing:
    """A kernel.

    Attributes:
        series: writes the Taylor coefficients of its cumulative function.
        reach: how many widths away it is nothing, to the precision of float64.
        order: how many derivatives the cumulative function has; None for any number.
        width: what its width is, in words.
        deviation: its standard deviation, in widths.
    """

    series: Callable[[Any, Any], None]
    reach: float
    order: int | None
    width: str
    deviation: float


#: The kernels by their names; compiled code knows them by their places in this table.
SMOOTHINGS = {
    "gaussian": Smoothing(gaussian, 8.3, None, "the standard deviation", 1.0),
    "logistic": Smoothing(logistic, 37.0, None, "the scale", math.pi / math.sqrt(3.0)),
    "uniform": Smoothing(uniform, 1.0, 1, "half of the box", 1.0 / math.sqrt(3.0)),
}
