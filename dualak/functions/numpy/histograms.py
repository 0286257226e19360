"""Histograms of constants with differentiated weights: sums of weights, which are linear in them.

What falls into a bin changes in steps with the numbers that are counted, so those are constant.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import awkward as ak
import numpy as np

from dualak.arrays.highlevel import contains_duals
from dualak.functions.numpy.multilinear import multilinear
from dualak.functions.numpy.regular import along, cast, regular, shape_of
from dualak.functions.numpy.signatures import register_compositions
from dualak.functions.numpy.transposes import of_bincount, of_histogram, of_histogramdd
from dualak.functions.registry import NotDifferentiableError
from dualak.pytree import tree_map


def register_all() -> None:
    """Enters the histograms into the registry."""
    register_compositions(HISTOGRAMS)


def bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Any:
    """As ``np.bincount``; the weights may be differentiated."""
    _require_constant("np.bincount", x=x)
    x, weights = regular(x), cast(regular(weights), np.float64)
    _require_one_weight_each("np.bincount", x, weights)
    length = len(np.bincount(x, minlength=minlength))
    if x.size == 0:
        return np.bincount(x, minlength=minlength)  # of integers, as NumPy has it
    return multilinear(_bincount, of_bincount, (length,), [weights], [x], minlength=minlength)


def _bincount(weights: Any, x: Any, minlength: int) -> Any:
    return np.bincount(x, weights, minlength)


def histogram(
    a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    """As ``np.histogram``; the weights may be differentiated."""
    _require_constant("np.histogram", a=a, bins=bins, range=range)
    a, weights = regular(a), regular(weights)
    _require_one_weight_each("np.histogram", a, weights)
    counted = bins if isinstance(bins, str) or np.ndim(bins) == 0 else regular(bins)
    edges = np.histogram_bin_edges(a, counted, range, weights=np.ones(shape_of(weights)))
    limits = None if range is None else tuple(map(float, range))
    count = int(bins) if np.ndim(bins) == 0 else None
    counts = multilinear(
        _histogram,
        of_histogram,
        (len(edges) - 1,),
        [weights],
        [a, edges],
        count=count,
        limits=limits,
    )
    if density:
        counts = counts / np.diff(edges) / np.sum(counts)
    return counts, ak.Array(edges)


def _histogram(weights: Any, a: Any, edges: Any, count: int | None, limits: Any) -> Any:
    bins = edges if count is None else count  # NumPy has another way for equal bins
    return np.histogram(a, bins, limits, weights=weights)[0]


def histogramdd(
    sample: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    """As ``np.histogramdd``; the weights may be differentiated."""
    _require_constant("np.histogramdd", sample=sample, bins=bins, range=range)
    is_rows = isinstance(sample, (ak.Array, np.ndarray))
    sample = (
        regular(sample) if is_rows else np.stack([regular(column) for column in sample], axis=-1)
    )
    sample = sample[:, np.newaxis] if sample.ndim == 1 else sample
    weights = cast(regular(weights), np.float64)
    _require_one_weight_each("np.histogramdd", sample[:, 0], weights)
    counts, edges = np.histogramdd(sample, tree_map(_plain, bins), range)
    result = multilinear(_histogramdd, of_histogramdd, counts.shape, [weights], [sample, *edges])
    if density:
        total = np.sum(result)
        for axis, edge in enumerate(edges):
            result = result / along(np.diff(edge), axis, len(edges))
        result = result / total
    return result, type(edges)(map(ak.Array, edges))


def _histogramdd(weights: Any, sample: Any, *edges: Any) -> Any:
    return np.histogramdd(sample, edges, weights=weights)[0]


def _plain(bins: Any) -> Any:
    return ak.to_numpy(bins) if isinstance(bins, ak.Array) else bins


def histogram2d(
    x: Any, y: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    """As ``np.histogram2d``; the weights may be differentiated."""
    if np.ndim(bins) == 1 and len(bins) not in (1, 2):
        bins = [bins, bins]
    counts, (of_x, of_y) = histogramdd([x, y], bins, range, density, weights)
    return counts, of_x, of_y


# -- checks ---------------------------------------------------------------------------------------


def _require_constant(name: str, **arguments: Any) -> None:
    for argument, value in arguments.items():
        if contains_duals(value):
            raise NotDifferentiableError(
                f"{name}: only weights are differentiated, got a differentiated {argument}: what "
                "falls into a bin changes in steps, so the derivative of a count is zero wherever "
                f"it exists; give it dualak.primal({argument}) if that is meant, or smooth the "
                "counts, such as ak.sum(np.tanh((x - low) / width) - np.tanh((x - high) / width)) "
                "/ 2 for each bin"
            )


def _require_one_weight_each(name: str, a: Any, weights: Any) -> None:
    if shape_of(a) != shape_of(weights):
        raise ValueError(
            f"{name}: expected one weight for each number, got weights of shape "
            f"{shape_of(weights)} for numbers of shape {shape_of(a)}"
        )


HISTOGRAMS: dict[str, Callable[..., Any]] = {
    "np.bincount": bincount,
    "np.histogram": histogram,
    "np.histogram2d": histogram2d,
    "np.histogramdd": histogramdd,
}
