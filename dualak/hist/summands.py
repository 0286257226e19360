"""What histograms need to be added up: the same parameters, and axes that fit each other."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from dualak.arrays.highlevel import contains_duals
from dualak.hist.axes import axes_of, is_category, moved, placed, require_hist


class ParameterError(ValueError):
    """Histograms of different parameters met, or one was asked for a parameter it has not."""


def parameters_of(given: Mapping[str, float] | Sequence[str]) -> dict[str, float]:
    """Names of parameters with where they are; NaN for those of which that is not said."""
    named = given if isinstance(given, Mapping) else dict.fromkeys(given, math.nan)
    return {str(name): float(value) for name, value in named.items()}


def joined_axes(first: Any, second: Any) -> Any:
    """The axes of a sum.

    Raises:
        ValueError: for axes that differ.
    """
    if tuple(first) == tuple(second):
        return first
    growing = [axis.traits.growth and is_category(axis) for axis in first]
    alike = len(first) == len(second) and all(
        (grows and other.traits.growth) or axis == other
        for axis, other, grows in zip(first, second, growing, strict=True)
    )
    if not alike:
        raise ValueError(
            f"expected histograms on the same axes, got {list(first)} and {list(second)}"
        )
    return _grown_by(first, second)


def _grown_by(first: Any, second: Any) -> Any:
    """Axes with the categories of others where they grow."""
    axes = [
        type(axis)([*axis, *(one for one in other if one not in list(axis))], **_kept(axis))
        if axis.traits.growth and is_category(axis)
        else axis
        for axis, other in zip(first, second, strict=True)
    ]
    return axes_of(axes)


def _kept(axis: Any) -> dict[str, Any]:
    return {"name": axis.name, "label": axis.label, "growth": True, "metadata": axis.metadata}


def joined_parameters(first: Any, second: Any, join: bool) -> dict[str, float]:
    """The parameters of a sum.

    Raises:
        ParameterError: for other ones, or taken elsewhere, or of another order.
    """
    mine, others = first.parameters, second.parameters
    differ = mine.keys() ^ others.keys()
    elsewhere = [
        name for name in mine.keys() & others.keys() if not _same(mine[name], others[name])
    ]
    if elsewhere:
        shown = ", ".join(f"{name} at {mine[name]} and {others[name]}" for name in elsewhere)
        raise ParameterError(f"expected derivatives at the same point, got those by {shown}")
    if differ and not join:
        raise ParameterError(
            f"expected histograms with derivatives by the same parameters, got {sorted(differ)} in "
            "only one of them; first.add(second, join=True) takes those for zero in the other"
        )
    if first.has_variances != second.has_variances:
        raise ValueError("expected histograms with variances or without them, got one of each")
    if first.order != second.order and mine and others:
        raise ParameterError(
            f"expected derivatives of one order, got orders {first.order} and {second.order}"
        )
    return mine | others


def _same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


def on(histogram: Any, axes: Any, parameters: dict[str, float]) -> Any:
    """A histogram on axes that may have grown, with further parameters of zero derivatives."""
    made = copy.copy(histogram)
    if tuple(axes) != tuple(histogram.axes):
        places = moved(histogram.axes, axes)
        made.axes = axes
        for part in ("value", "variance"):
            made.sums[part] = [
                placed(level, places, made.size_of(part)) for level in histogram.sums[part]
            ]
    order = list(parameters)
    if order != list(histogram.parameters):
        at = [order.index(name) for name in histogram.parameters]
        for part, levels in made.sums.items():
            made.sums[part] = [_among(level, at, len(order)) for level in levels]
        made.parameters = dict(parameters)
    return made


def _among(level: Any, at: Sequence[int], count: int) -> Any:
    """Derivatives by some parameters as those by all of them."""
    axes = level.ndim - 1
    if axes == 0:
        return level
    made = np.zeros((count,) * axes + level.shape[-1:])
    made[np.ix_(*[at] * axes)] = level
    return made


# -- parts ----------------------------------------------------------------------------------------


def selected(histogram: Any, select: Callable[[Any], Any]) -> Any:
    """A histogram with something done to it that ``hist`` does, linear in the bins.

    Raises:
        ParameterError: for one whose derivatives are still to come.
        TypeError: for what gives no histogram.
    """
    hist = require_hist()
    made = copy.copy(histogram)
    for part in ("value", "variance"):
        for k, level in enumerate(histogram.sums[part]):
            if contains_duals(level):
                raise ParameterError(
                    "expected a complete histogram to take a part of, got one inside of the "
                    "function that is being differentiated"
                )
            rows = []
            for row in level.reshape(-1, level.shape[-1]):
                whole = hist.Hist(*histogram.axes, storage=hist.storage.Double())
                whole.view(flow=True)[...] = row.reshape(histogram.axes.extent)
                found = select(whole)
                if not isinstance(found, hist.BaseHist):
                    raise TypeError(
                        "expected slices that leave a histogram, got those of a single bin; read "
                        "it from h.values() and h.gradient()"
                    )
                made.axes = found.axes
                rows.append(found.values(flow=True).ravel())
            made.sums[part][k] = np.array(rows).reshape(*level.shape[:-1], -1)
    made.kernels = [None] * len(made.axes)
    return made
