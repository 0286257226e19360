"""Histograms with derivatives as functions of JAX, for fits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np


def expected(
    histogram: Any, *, exponential: bool = False, flow: bool = False
) -> Callable[[Mapping[str, Any]], Any]:
    """The values of a histogram as a function of its parameters for JAX: its Taylor series.

    It is what evermore, optimistix or any fit in JAX calls: it differentiates, compiles and
    batches.

    Args:
        histogram: a ``dualak.hist.Histogram`` with derivatives of first or second order.
        exponential: whether the series is taken of the logarithms, so that bins stay positive.
        flow: whether flow bins are given too.

    Returns:
        A function of a dict of parameters by their names; those that are not named stay where they
        are.  It gives an array of the shape of the histogram.

    Raises:
        ValueError: for an exponential of bins that are not positive, and of the function for names
            of no parameters.

    >>> import dualak, hist
    >>> def analysis(p, pt):
    ...     h = dualak.hist.Histogram(hist.axis.Regular(2, 20, 60))
    ...     return h.fill(pt, weight=1.0 + p["slope"] * (pt - 30.0))
    >>> pt = np.array([22.0, 31.0, 35.0, 48.0])
    >>> model = expected(dualak.hist.differentiate(analysis, {"slope": 0.0}, pt))
    >>> model({"slope": 0.5})
    Array([ 2., 10.], dtype=float32)
    """
    value, slope = histogram.values(flow=flow), histogram.gradient(flow=flow)
    bend = histogram.hessian(flow=flow) if histogram.order == 2 else None
    if exponential:
        if np.any(value <= 0):
            raise ValueError("expected positive bins for an exponential, got others; merge bins")
        slope = slope / value
        if bend is not None:
            bend = bend / value - slope[:, None] * slope[None]
    names = list(histogram.parameters)

    def at(parameters: Mapping[str, Any]) -> Any:
        if unknown := sorted(set(parameters) - set(names)):
            raise ValueError(f"expected parameters among {names}, got {unknown}")
        shift = jnp.stack(
            [
                jnp.asarray(parameters.get(name, at)) - at
                for name, at in histogram.parameters.items()
            ]
        )
        series = jnp.tensordot(shift, slope, 1)
        if bend is not None:
            series = series + 0.5 * jnp.tensordot(shift, jnp.tensordot(shift, bend, 1), 1)
        return value * jnp.exp(series) if exponential else value + series

    return at
