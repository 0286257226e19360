"""Derivatives by differences: as accurate as rounding allows, with an estimate of the error.

Central differences over steps that are halved again and again are extrapolated twice (Richardson),
which leaves an error of sixth order.  Of the steps the best is taken, number by number.

>>> found = derivative(lambda h: np.array([np.sin(1.0 + h), np.floor(1.0 + h)]), 0.01)
>>> bool(abs(found.slope[0] - np.cos(1.0)) < 1e-12), bool(found.error[0] < 1e-11)
(True, True)
>>> found.looks_like(1, 0.0)
'a step: it changes by 1 between the smallest steps'
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dualak.device import Buffer

#: How often the step is halved by default.
HALVINGS = 10
#: A slope is known if its error is smaller than this part of it, or of the largest of all.
ACCEPTABLE, ACCEPTABLE_OF_ALL = 0.01, 1e-6
#: Estimates of errors are uncertain by about this factor.
SAFETY = 10.0


@dataclass(frozen=True)
class Differences:
    """The derivative of some numbers in one direction.

    Attributes:
        steps: the step widths, largest first.
        at: the numbers at the point itself.
        around: the numbers at plus and minus each step, of shape (steps, 2, numbers).
        slopes: the derivative of each number from each width and the two below it.
        errors: estimates of their absolute errors, infinite where a number is not finite.
        rounding: the error of the numbers themselves.
    """

    steps: Buffer
    at: Buffer
    around: Buffer
    slopes: Buffer
    errors: Buffer
    rounding: Buffer

    @property
    def slope(self) -> Buffer:
        """The best estimate of each derivative."""
        return self._best(self.slopes)

    @property
    def error(self) -> Buffer:
        """An estimate of its absolute error."""
        return self._best(self.errors)

    def _best(self, candidates: Buffer) -> Buffer:
        return np.take_along_axis(candidates, np.argmin(self.errors, axis=0)[None], axis=0)[0]

    def canonical(self, expected: Buffer) -> Buffer:
        """Where the slope is known well enough to be compared with the expected one."""
        size = _size(self.slope, expected)
        unavoidable = SAFETY * self._best(self.rounding / self.steps[2:, None])
        allowed = np.maximum(ACCEPTABLE * size, ACCEPTABLE_OF_ALL * size.max(initial=0.0))
        return self.error <= np.maximum(allowed, unavoidable)

    def agrees(self, expected: Buffer, rtol: float, atol: float = 0.0) -> Buffer:
        """Where the expected slope is right: by the best estimate, or by any that is good."""
        allowed = rtol * _size(self.slopes, expected) + atol
        finite = np.isfinite(self.errors)
        near = finite & (np.abs(self.slopes - expected) <= SAFETY * self.errors + allowed)
        good = SAFETY * self.errors <= allowed
        return (self._best(near) & self.canonical(expected)) | (near & good).any(axis=0)

    def looks_like(self, i: int, expected: float) -> str:
        """What the function looks like to number ``i``, in words; empty if it is smooth."""
        above, below = self.around[:, 0, i], self.around[:, 1, i]
        if not (np.isfinite(above[-1]) and np.isfinite(below[-1])):
            return "an edge: it is not finite on both sides"
        noise = SAFETY * self.rounding[i]
        change = np.abs(above - below)
        if _is_constant(change[-6:], 0.2) and change[-1] > noise:
            return f"a step: it changes by {change[-1]:.3g} between the smallest steps"
        before, behind = (self.at[i] - below) / self.steps, (above - self.at[i]) / self.steps
        gap = np.abs(behind - before)
        if gap[-1] > 0.7 * gap[-2] and gap[-1] > noise / self.steps[-1]:
            kind = "a kink" if _is_constant(gap[-3:], 0.1) else "rough"
            return f"{kind}: its slope is {before[-1]:.6g} before and {behind[-1]:.6g} behind"
        if not self.canonical(np.full_like(self.slope, expected))[i]:
            return "rough: its differences canonicalize at no step"
        return ""


def _size(slopes: Buffer, expected: Buffer) -> Buffer:
    """The larger size of two slopes, of those that are finite."""
    sizes = [np.where(np.isfinite(numbers), np.abs(numbers), 0.0) for numbers in (slopes, expected)]
    return np.maximum(*sizes)


def _is_constant(series: Buffer, part: float) -> bool:
    """Whether numbers differ by less than a part of them."""
    return bool(series.max() - series.min() <= part * series.min())


def derivative(
    function: Callable[[float], Buffer], step: float, halvings: int = HALVINGS, eps: Any = None
) -> Differences:
    """The derivative at 0 of ``function``, which gives numbers in arrays of one length.

    ``eps`` is the relative error of the numbers, that of float64 by default.
    """
    steps = step * 0.5 ** np.arange(halvings + 1)
    at = function(0.0)
    around = np.array([[function(h), function(-h)] for h in steps.tolist()])
    eps = np.finfo(np.float64).eps if eps is None else eps
    with np.errstate(all="ignore"):
        size = np.abs(np.vstack([around[:, 0], around[:, 1], at]))
        rounding = eps * np.where(np.isfinite(size), size, 0.0).max(axis=0, initial=0.0)
        slopes, spread = _extrapolated(steps, around)
        # Stairs may look like a slope from far away, but not from two distances.
        spread[:-1] = np.maximum(spread[:-1], np.abs(slopes[1:] - slopes[:-1]))
        errors = spread + rounding / steps[2:, None]
    errors = np.where(np.isfinite(errors), errors, np.inf)
    return Differences(steps, at, around, slopes, errors, rounding)


def _extrapolated(steps: Buffer, around: Buffer) -> tuple[Buffer, Buffer]:
    """Slopes of sixth order, and how far those of fourth order lie from them."""
    second = (around[:, 0] - around[:, 1]) / (2.0 * steps[:, None])
    fourth = (4.0 * second[1:] - second[:-1]) / 3.0
    sixth = (16.0 * fourth[1:] - fourth[:-1]) / 15.0
    return sixth, np.maximum(np.abs(sixth - fourth[1:]), np.abs(sixth - fourth[:-1]))
