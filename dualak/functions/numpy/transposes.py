"""How linear functions of NumPy are transposed, for reverse mode.

Each gets the number ``i`` of an argument, the cotangent of the result, the other arguments (None in
place of that one), the shape of that one, and what the function was given besides; it gives the
cotangent of that argument.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Shape = tuple[int, ...]


@dataclass(frozen=True)
class ByLabels:
    """The transpose of a product that labels describe as those of ``np.einsum``."""

    labels: str

    def __call__(
        self, i: int, cotangent: Any, arrays: Sequence[Any], shape: Shape, **unused: Any
    ) -> Any:
        inputs, _, output = self.labels.partition("->")
        terms = inputs.split(",")
        term = terms[i]
        before, dots, after = term.partition("...")
        if len(set(before + after)) < len(before + after):
            raise NotImplementedError(f"reverse mode does not go through np.einsum of {term!r}")
        others = [(array, terms[j]) for j, array in enumerate(arrays) if j != i]
        pairs = [(cotangent, output), *others, (np.ones(shape, cotangent.dtype), term)]
        whole = ",".join(labels for _, labels in pairs) + "->" + (term if dots else f"...{term}")
        result = np.einsum(whole, *(array for array, _ in pairs), optimize=True)
        first = len(before) if dots else 0
        extra = tuple(range(first, first + result.ndim - len(shape)))
        result = result.sum(axis=extra)
        repeated = tuple(k for k, size in enumerate(shape) if size == 1 < result.shape[k])
        return result.sum(axis=repeated, keepdims=True)


def of_cumsum(i: int, cotangent: Any, arrays: Sequence[Any], shape: Shape, axis: int) -> Any:
    """Of running sums: those from the other end."""
    return np.flip(np.cumsum(np.flip(cotangent, axis), axis=axis), axis)


def of_convolve(i: int, cotangent: Any, arrays: Sequence[Any], shape: Shape, mode: str) -> Any:
    """Of a convolution: the other vector slides along the cotangent."""
    other = arrays[1 - i]
    full = np.zeros(len(other) + shape[0] - 1, cotangent.dtype)
    start = (len(full) - len(cotangent)) // 2
    full[start : start + len(cotangent)] = cotangent
    return np.correlate(full, other, mode="valid")


def of_bincount(i: int, cotangent: Any, arrays: Sequence[Any], shape: Shape, minlength: int) -> Any:
    """Of sums of weights: each weight has the cotangent of its sum."""
    return cotangent[arrays[1]]


def of_histogram(i: int, cotangent: Any, arrays: Sequence[Any], shape: Shape, **unused: Any) -> Any:
    """Of the sums of weights in bins."""
    _, a, edges = arrays
    return _at_bins(cotangent, [a], [edges])


def of_histogramdd(i: int, cotangent: Any, arrays: Sequence[Any], shape: Shape) -> Any:
    """Of the sums of weights in bins of several dimensions."""
    _, sample, *edges = arrays
    return _at_bins(cotangent, sample.T, edges)


def _at_bins(cotangent: Any, coordinates: Sequence[Any], edges: Sequence[Any]) -> Any:
    """What stands in the bin of each point; zero outside of all."""
    inside, bins = True, []
    for x, limits in zip(coordinates, edges, strict=True):
        inside = inside & (x >= limits[0]) & (x <= limits[-1])
        bins.append(np.clip(np.searchsorted(limits, x, side="right") - 1, 0, len(limits) - 2))
    return np.where(inside, cotangent[tuple(bins)], 0.0).astype(cotangent.dtype)
