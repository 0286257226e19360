"""Entries of a histogram: flat, on its axes, and summed up in its bins."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import awkward as ak
import numpy as np

from dualak.arrays.highlevel import contains_duals
from dualak.arrays.ndarrays import primal
from dualak.executors.cpu.binning import Bins, Smooth
from dualak.functions.binning import binned, entries, is_one, not_finite
from dualak.functions.registry import NotDifferentiableError
from dualak.hist.axes import (
    grown,
    index_of,
    is_category,
    moved,
    name_of,
    placed,
    smooth,
    strides_of,
)
from dualak.hist.kernels import Kernel, width_of


def totals(
    histogram: Any, positions: Sequence[Any], named: Mapping[str, Any], weight: Any
) -> tuple[Any, Any, Any]:
    """The sums of the weights and of their squares, and the number of entries not finite.

    Axes of the histogram grow if they have to.
    """
    given = _by_axis(histogram.axes, positions, named)
    _grow(histogram, given)
    arrays = {
        name: _category(axis, value)
        for (name, value), axis in zip(given.items(), histogram.axes, strict=True)
    }
    flats, count = entries({**arrays, "weight": 1.0 if weight is None else weight})
    *values, weight = flats
    return _Entries(histogram, list(given), values, weight, 1 if count is None else count).totals()


def _by_axis(axes: Any, positions: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Any]:
    names = [name_of(axis, number) for number, axis in enumerate(axes)]
    given = dict(zip(names, positions, strict=False))
    twice, unknown = set(given) & set(named), set(named) - set(names)
    given.update(named)
    if len(positions) > len(names) or twice or unknown or len(given) < len(names):
        shown = [f"{len(positions)} by position", *named]
        raise TypeError(f"fill: expected positions on the axes {names}, got {', '.join(shown)}")
    return {name: given[name] for name in names}


def _grow(histogram: Any, given: Mapping[str, Any]) -> None:
    axes = grown(histogram.axes, [_listed(value) for value in given.values()])
    if axes is not histogram.axes:
        places = moved(histogram.axes, axes)
        histogram.axes = axes
        for part in ("value", "variance"):
            histogram.sums[part] = [
                placed(array, places, histogram.size_of(part)) for array in histogram.sums[part]
            ]


def _category(axis: Any, value: Any) -> Any:
    """Positions among categories as integers, which are broadcast as numbers are."""
    if not is_category(axis) or contains_duals(value):
        return value
    if isinstance(value, ak.Array) and value.ndim > 1:
        counts = ak.num(value, axis=-1)
        return ak.unflatten(index_of(axis, _listed(ak.flatten(value, axis=None))), counts)
    found = index_of(axis, _listed(value))
    return found if found.ndim else int(found)


class _Entries:
    """Entries of a fill, flat: where they lie, and which sums they give."""

    def __init__(
        self,
        histogram: Any,
        names: Sequence[str],
        values: Sequence[Any],
        weight: Any,
        count: int,
    ) -> None:
        self.histogram, self.names = histogram, names
        self.values, self.weight, self.count = values, weight, count
        self.strides = strides_of(histogram.axes)
        self.base = np.zeros(1, np.int64)
        self.smooth: list[Smooth] = []
        self.positions: list[Any] = []

    def totals(self) -> tuple[Any, Any, Any]:
        """The sums of the weights and of their squares, and the number of entries not finite."""
        for number, (name, axis) in enumerate(zip(self.names, self.histogram.axes, strict=True)):
            kernel = self.histogram.kernels[number]
            is_dual = contains_duals(self.values[number])
            if is_dual and kernel is None:
                raise NotDifferentiableError(_unsmoothed(name))
            if kernel is not None and (is_dual or self.histogram.smooth == "both"):
                self._smoothed(number, name, kernel)
            else:
                self._hard(number, axis)
        bins = Bins(tuple(self.smooth), math.prod(self.histogram.axes.extent), self.count)
        powers = (1, 2) if self.histogram.has_variances else (1,)
        sums = binned(bins, self.base, self.positions, self.weight, powers)
        squares = sums[1] if self.histogram.has_variances else 0.0
        return sums[0], squares, self._not_finite()

    def _not_finite(self) -> Any:
        numbers = [
            value
            for value, axis in zip(self.values, self.histogram.axes, strict=True)
            if not is_category(axis)
        ]
        if numbers and all(map(is_one, numbers)):
            numbers = [np.zeros(self.count), *numbers]
        return not_finite(numbers)

    def _hard(self, number: int, axis: Any) -> None:
        value = self.values[number]
        place = value if is_category(axis) else index_of(axis, value)
        place = (
            np.atleast_1d(np.asarray(place, np.int64))
            if is_category(axis)
            else np.atleast_1d(place)
        )
        at = self.base + place * self.strides[number]
        self.base = np.where((self.base < 0) | (place < 0), -1, at)

    def _smoothed(self, number: int, name: str, kernel: Kernel) -> None:
        histogram, value = self.histogram, self.values[number]
        if isinstance(kernel.width, str):
            flat = np.asarray(primal(value))
            weight = np.asarray(primal(self.weight))
            width = width_of(kernel, flat, weight)
            kernel = Kernel(kernel.name, width)
            histogram.kernels = [*histogram.kernels]
            histogram.kernels[number] = kernel
        derivative = histogram.smooth == "derivative"
        axis = histogram.axes[number]
        width = width_of(kernel, value, self.weight)
        self.smooth.append(smooth(axis, name, kernel, width, self.strides[number], derivative))
        self.positions.append(_repeated(value, self.count))


def _repeated(value: Any, count: int) -> Any:
    return np.full(count, float(value)) if not contains_duals(value) and is_one(value) else value


def _unsmoothed(name: str) -> str:
    return (
        f"{name}: expected a kernel for differentiated positions, got none: what falls into a bin "
        "changes in steps, so that the derivative of a count is zero wherever it exists; give the "
        'histogram kernel=dualak.hist.Gaussian(width) with smooth="derivative", which leaves the '
        "counts as they are and estimates their derivatives from the flow through the edges, or "
        'with smooth="both", which smears the counts too; dualak.primal(values) are constant'
    )


def _listed(value: Any) -> Any:
    """What lies on an axis, as ``hist`` takes it."""
    if isinstance(value, ak.Array) and not contains_duals(value):
        flat = ak.drop_none(ak.flatten(value, axis=None) if value.ndim > 1 else value)
        return flat.to_list() if "string" in str(flat.type) else np.asarray(flat)
    return value
