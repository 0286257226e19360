"""Differences of neighbours along an axis of rectangular arrays, and what is made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dualak.arrays.highlevel import contains_duals
from dualak.functions.numpy.regular import (
    along,
    axis_of,
    cast,
    dtype_of,
    flat_of,
    in_a_row,
    joined,
    part,
    regular,
    shape_of,
    values_of,
)
from dualak.functions.numpy.signatures import register_compositions


def register_all() -> None:
    """Enters the differences into the registry."""
    register_compositions(DIFFERENCES)


def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """As ``np.diff``."""
    if n < 0:
        raise ValueError(f"np.diff: expected an order of at least 0, got {n}")
    a = regular(a)
    if n == 0:
        return a
    axis = axis_of(axis, len(shape_of(a)))
    a = _extended(a, axis, prepend, append)
    for _ in range(n):
        a = part(a, axis, 1) - part(a, axis, None, -1)
    return a


def _extended(a: Any, axis: int, prepend: Any, append: Any) -> Any:
    shape = shape_of(a)
    edge = (*shape[:axis], 1, *shape[axis + 1 :])
    ends = [None if end is None else regular(end) for end in (prepend, append)]
    ends = [
        np.broadcast_to(end, edge) if end is not None and shape_of(end) == () else end
        for end in ends
    ]
    parts = [end for end in (ends[0], a, ends[1]) if end is not None]
    return a if len(parts) == 1 else joined(parts, axis)


def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """As ``np.ediff1d``."""
    flat = flat_of(regular(ary))
    ends = [
        [] if end is None else [flat_of(cast(regular(end), dtype_of(flat)))]
        for end in (to_begin, to_end)
    ]
    return in_a_row([*ends[0], diff(flat), *ends[1]])


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """As ``np.trapezoid``."""
    y = regular(y)
    ndim = len(shape_of(y))
    of_y = axis_of(axis, ndim)
    if x is not None:
        x = regular(x)
        dx = along(diff(x), of_y, ndim) if len(shape_of(x)) == 1 else diff(x, axis=axis)
    return np.sum(dx * (part(y, of_y, 1) + part(y, of_y, None, -1)) / 2.0, axis=axis)


def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: float = 2 * np.pi) -> Any:
    """As ``np.unwrap``: whole periods are added, which do not change with the numbers."""
    p = regular(p)
    values = values_of(p)
    return p + (np.unwrap(values, discont, axis, period=period) - values)


# -- gradient -------------------------------------------------------------------------------------


def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """As ``np.gradient``; the spacings may be differentiated too."""
    f = regular(f)
    shape = shape_of(f)
    axes = range(len(shape)) if axis is None else np.atleast_1d(axis).tolist()
    axes = [axis_of(axis, len(shape)) for axis in axes]
    if edge_order not in (1, 2):
        raise ValueError(f"np.gradient: expected an edge_order of 1 or 2, got {edge_order}")
    for each in axes:
        if shape[each] < edge_order + 1:
            raise ValueError(
                f"np.gradient: expected at least {edge_order + 1} elements along axis {each}, got "
                f"shape {shape}"
            )
    given = [spacing if np.isscalar(spacing) else regular(spacing) for spacing in varargs]
    spacings = _spacings(shape, axes, given)
    pairs = zip(axes, spacings, strict=True)
    dtype = np.result_type(dtype_of(f), np.float32)
    results = tuple(cast(_slopes(f, axis, steps, edge_order), dtype) for axis, steps in pairs)
    return results if len(results) != 1 else results[0]


def _spacings(shape: Sequence[int], axes: Sequence[int], given: Sequence[Any]) -> list[Any]:
    """The distance between neighbours along each axis: one number, or one for each pair."""
    if not given:
        return [1.0] * len(axes)
    if len(given) == 1 and shape_of(given[0]) == ():
        return [given[0]] * len(axes)
    if len(given) != len(axes):
        raise TypeError(
            f"np.gradient: expected a spacing, or one for each of {len(axes)} axes, got "
            f"{len(given)}"
        )
    return [_spacing(spacing, shape[axis]) for spacing, axis in zip(given, axes, strict=True)]


def _spacing(given: Any, size: int) -> Any:
    if shape_of(given) == ():
        return given
    if shape_of(given) != (size,):
        raise ValueError(
            f"np.gradient: expected {size} coordinates along the axis, got {shape_of(given)}"
        )
    steps = diff(given)
    uniform = not contains_duals(steps) and bool((steps == steps[0]).all())
    return steps[0] if uniform else steps


def _slopes(f: Any, axis: int, spacing: Any, edge_order: int) -> Any:
    def at(start: int, stop: int | None = None) -> Any:
        return part(f, axis, start, stop)

    uniform, ndim = shape_of(spacing) == (), len(shape_of(f))
    if uniform:
        inside = (at(2) - at(0, -2)) / (2.0 * spacing)
        ends = (spacing, spacing)
    else:
        h, k = (along(side, axis, ndim) for side in (spacing[:-1], spacing[1:]))
        inside = -k / (h * (h + k)) * at(0, -2) + (k - h) / (h * k) * at(1, -1)
        inside = inside + h / (k * (h + k)) * at(2)
        ends = (spacing[0], spacing[-1])
    if edge_order == 1:
        first, last = (at(1, 2) - at(0, 1)) / ends[0], (at(-1) - at(-2, -1)) / ends[1]
    else:
        first = _of_three(at(0, 1), at(1, 2), at(2, 3), *(ends if uniform else spacing[:2]))
        backwards = ends if uniform else (spacing[-1], spacing[-2])
        last = -_of_three(at(-1), at(-2, -1), at(-3, -2), *backwards)
    return joined([first, inside, last], axis)


def _of_three(f0: Any, f1: Any, f2: Any, h: Any, k: Any) -> Any:
    """The slope at the first of three points, at distances h and k, of the parabola."""
    return -(2.0 * h + k) / (h * (h + k)) * f0 + (h + k) / (h * k) * f1 - h / (k * (h + k)) * f2


DIFFERENCES: dict[str, Callable[..., Any]] = {
    "np.diff": diff,
    "np.ediff1d": ediff1d,
    "np.gradient": gradient,
    "np.trapezoid": trapezoid,
    "np.unwrap": unwrap,
}
