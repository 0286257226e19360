"""Kernels that say how entries are smoothed: their shape, and how wide they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dualak.rules.smoothing import SMOOTHINGS

#: What a width may be instead of a number.
SILVERMAN = "silverman"


@dataclass(frozen=True)
class Kernel:
    """The shape of a kernel and its width; made by ``Gaussian``, ``Logistic`` or ``Uniform``.

    Attributes:
        name: of the shape.
        width: in the units of the axis; ``"silverman"`` takes that of the first entries.
        relative: whether the width is a fraction of the position; then the kernel is one of the
            logarithm, and positions and edges are positive.
    """

    name: str
    width: float | str
    relative: bool = False

    def __post_init__(self) -> None:
        if self.width == SILVERMAN and not self.relative:
            return
        if not (isinstance(self.width, (int, float, np.number)) and 0 < self.width < np.inf):
            raise ValueError(
                f"expected a positive width for a {self.name} kernel, got {self.width!r}"
            )

    def __repr__(self) -> str:
        relative = ", relative=True" if self.relative else ""
        width = self.width if isinstance(self.width, str) else float(self.width)
        return f"{self.name.capitalize()}({width!r}{relative})"


def Gaussian(width: float | str = SILVERMAN, *, relative: bool = False) -> Kernel:
    """A Gaussian kernel, whose width is the standard deviation.

    The width is in the units of the axis, or, if ``relative``, a fraction of each position.  The
    wider it is, the less derivatives fluctuate, and the more bins are smeared into each other:
    half of a bin is a good width to begin with.  ``"silverman"`` takes ``silverman`` of
    the first entries that are filled, which is wider than one peak of several needs.

    >>> Gaussian(0.02, relative=True)
    Gaussian(0.02, relative=True)
    """
    return Kernel("gaussian", width, relative)


def Logistic(width: float | str = SILVERMAN, *, relative: bool = False) -> Kernel:
    """A logistic kernel, whose width is its scale: 0.55 of its standard deviation."""
    return Kernel("logistic", width, relative)


def Uniform(width: float | str = SILVERMAN, *, relative: bool = False) -> Kernel:
    """A box, whose width is half of its extent: the cheapest kernel; without second derivatives."""
    return Kernel("uniform", width, relative)


def silverman(values: Any, weight: Any = None) -> float:
    """Silverman's rule for the standard deviation of a kernel: right for one peak like a Gaussian.

    It is ``0.9 min(deviation, interquartile range / 1.34) n ** (-1 / 5)``.  What has several peaks
    or long tails wants a narrower kernel.

    Args:
        values: finite numbers, flat.
        weight: of each of them.

    Raises:
        ValueError: where there is no spread to go by.

    >>> round(silverman([1.0, 2.0, 3.0, 4.0]), 3)
    0.763
    """
    values = np.asarray(values, np.float64)
    weights = np.broadcast_to(
        1.0 if weight is None else np.asarray(weight, np.float64), values.shape
    )
    inside = np.isfinite(values) & (weights > 0)
    values, weights = values[inside], weights[inside]
    if len(values) < 2 or np.ptp(values) == 0:
        raise ValueError(
            f"expected entries of which a width can be taken, got {len(values)} without any "
            "spread; give the kernel a width"
        )
    mean = np.average(values, weights=weights)
    deviation = np.sqrt(np.average((values - mean) ** 2, weights=weights))
    order = np.argsort(values)
    shares = (np.cumsum(weights[order]) - 0.5 * weights[order]) / weights.sum()
    quartiles = np.interp([0.25, 0.75], shares, values[order])
    spread = min(deviation, np.diff(quartiles)[0] / 1.34) or deviation
    count = weights.sum() ** 2 / (weights**2).sum()
    return float(0.9 * spread * count**-0.2)


def width_of(kernel: Kernel, values: Any, weight: Any) -> float:
    """The width of a kernel, of entries if it is theirs: Silverman's, for kernels of any shape."""
    if isinstance(kernel.width, str):
        return silverman(values, weight) / SMOOTHINGS[kernel.name].deviation
    return float(kernel.width)
