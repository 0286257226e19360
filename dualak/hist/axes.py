"""Axes of histograms: where entries lie on them, and how they are smoothed along them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dualak.arrays.highlevel import contains_duals
from dualak.executors.cpu.binning import Smooth
from dualak.functions.registry import NotDifferentiableError
from dualak.hist.kernels import Kernel


def require_hist() -> Any:
    """The package ``hist``.

    Raises:
        ImportError: naming the extra that brings it.
    """
    try:
        import hist
    except ImportError:
        raise ImportError(
            "histograms with derivatives need hist: pip install 'dualak[hep]'"
        ) from None
    return hist


def axes_of(axes: Sequence[Any]) -> Any:
    """Axes of ``hist`` or ``boost_histogram``, or shorthands of hist for them, as hist has them."""
    hist = require_hist()
    if not axes:
        raise ValueError("expected one axis or more for a histogram, got none")
    return hist.Hist(*axes, storage=hist.storage.Double()).axes


def name_of(axis: Any, number: int) -> str:
    """What an axis is called; unnamed ones by their numbers."""
    return getattr(axis, "name", "") or f"axis {number}"


def strides_of(axes: Any) -> tuple[int, ...]:
    """How far apart neighbouring bins of each axis lie in a flat array of all bins."""
    extents = axes.extent
    return tuple(int(np.prod(extents[i + 1 :], dtype=np.int64)) for i in range(len(extents)))


def is_category(axis: Any) -> bool:
    """Whether an axis has no order: what lies on it does not move."""
    return not axis.traits.ordered


def index_of(axis: Any, values: Any) -> Any:
    """The place of each value among all bins of an axis, flow bins among them; -1 for none.

    Raises:
        TypeError: for values of a kind that the axis does not take.
    """
    if is_category(axis):
        return _category_of(axis, values)
    values = np.asarray(values)
    if not axis.traits.continuous and values.dtype.kind not in "biu":
        raise TypeError(f"expected integers on {axis!r}, got {values.dtype}; use a Regular axis")
    if values.ndim and not len(values):
        return np.zeros(0, np.int64)
    bins = np.asarray(axis.index(values), np.int64) + int(axis.traits.underflow)
    return np.where((bins >= 0) & (bins < axis.extent), bins, -1)


def _category_of(axis: Any, values: Any) -> Any:
    """The places of categories; of others the overflow bin, or none."""
    places = {category: place for place, category in enumerate(axis)}
    other = axis.extent - 1 if axis.traits.overflow else -1
    if isinstance(values, str) or np.ndim(values) == 0:
        return np.asarray(places.get(values if isinstance(values, str) else int(values), other))
    names, which = np.unique(np.asarray(values), return_inverse=True)
    found = np.array([places.get(name, other) for name in names.tolist()], np.int64)
    return found[which] if len(names) else np.zeros(0, np.int64)


def smooth(
    axis: Any, name: str, kernel: Kernel, width: float, stride: int, derivative: bool
) -> Smooth:
    """How entries are smoothed along an axis.

    Raises:
        NotDifferentiableError: for an axis on which nothing can move a little.
    """
    traits = axis.traits
    if not traits.continuous or traits.circular or traits.growth:
        raise NotDifferentiableError(
            f"{name}: expected an axis with fixed edges in a row for positions that are smoothed, "
            f"such as Regular or Variable, got {axis!r}; give it dualak.primal(values) if they are "
            "meant to be constant"
        )
    edges = np.asarray(axis.edges, np.float64)
    if kernel.relative:
        with np.errstate(divide="ignore", invalid="ignore"):
            edges = np.log(np.maximum(edges, 0.0))
    return Smooth(
        tuple(edges.tolist()),
        bool(traits.underflow),
        bool(traits.overflow),
        stride,
        kernel.name,
        width,
        axis.index if derivative else None,
        kernel.relative,
    )


def grown(axes: Any, values: Sequence[Any]) -> Any:
    """The axes with room for values, where they grow."""
    if not any(axis.traits.growth for axis in axes):
        return axes
    hist = require_hist()
    made = hist.Hist(*axes, storage=hist.storage.Double())
    for number, (axis, value) in enumerate(zip(axes, values, strict=True)):
        if axis.traits.growth:
            one = hist.Hist(axis, storage=hist.storage.Double())
            one.fill(value)
            made = _with(made, number, one.axes[0])
    return made.axes


def _with(histogram: Any, number: int, axis: Any) -> Any:
    axes = [*histogram.axes]
    axes[number] = axis
    return type(histogram)(*axes, storage=type(histogram.storage_type())())


def moved(old: Any, new: Any) -> Any:
    """Where each bin of axes stands among those of axes that have grown, flat."""
    places = np.zeros(1, np.int64)
    for axis, later, stride in zip(old, new, strides_of(new), strict=True):
        places = places[:, np.newaxis] + _places(axis, later) * stride
        places = places.reshape(-1)
    return places


def _places(old: Any, new: Any) -> Any:
    below = int(old.traits.underflow)
    values = list(old) if is_category(old) else list(old.centers)
    inner = [index_of(new, value).item() for value in values]
    first = [0] * below
    last = [new.extent - 1] * int(old.traits.overflow)
    return np.array([*first, *inner, *last], np.int64)


def inner_bins(axes: Any) -> tuple[slice, ...]:
    """The bins that are no flow bins."""
    starts = [int(axis.traits.underflow) for axis in axes]
    return tuple(slice(start, start + axis.size) for start, axis in zip(starts, axes, strict=True))


def placed(array: Any, places: Any, size: int) -> Any:
    """Bins in a row at other places of a longer row."""
    if contains_duals(array):
        index = np.full(size, len(places))
        index[places] = np.arange(len(places))
        return np.concatenate([array, np.zeros(1)])[index]
    made = np.zeros((*array.shape[:-1], size))
    made[..., places] = array
    return made
