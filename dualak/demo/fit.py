"""The fit of the demo: nuisance parameters from counts, by the histograms' own derivatives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from dualak.hist import Histogram

STEPS = 50
TOLERANCE = 1e-8  # of a step, in uncertainties before the fit


class Fit(NamedTuple):
    """Parameters and their covariance, in the order of the histograms' parameters."""

    at: dict[str, float]
    covariance: Any

    @property
    def errors(self) -> dict[str, float]:
        """The uncertainties."""
        return dict(zip(self.at, np.sqrt(np.diag(self.covariance)), strict=True))


def fitted(
    histograms: Sequence[Histogram], counts: Sequence[Any], sigma: Mapping[str, float]
) -> Fit:
    """The most likely parameters, for Poisson counts and Gaussian knowledge of the parameters.

    Each step solves the likelihood's equations with the Fisher information, from the Taylor series
    of the bins: no event is looked at again.
    """
    prior = np.array([sigma[name] for name in histograms[0].parameters]) ** -2.0
    start = np.array(list(histograms[0].parameters.values()))
    theta, information = start, np.diag(prior)
    for _ in range(STEPS):
        at = dict(zip(sigma, theta.tolist(), strict=True))
        score, information = -prior * (theta - start), np.diag(prior)
        for histogram, count in zip(histograms, counts, strict=True):
            expected = histogram.at(at, exponential=True)
            slopes, values = expected.gradient(), expected.values()
            score = score + slopes @ (count / values - 1.0)
            information = information + slopes / values @ slopes.T
        step = np.linalg.solve(information, score)
        theta = theta + step
        if np.max(np.abs(step) * np.sqrt(prior)) < TOLERANCE:
            break
    at = dict(zip(sigma, theta.tolist(), strict=True))
    return Fit(at, np.linalg.inv(information))
