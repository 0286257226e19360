"""Numbers between others: interpolation between points, and evenly spaced numbers."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import awkward as ak
import numpy as np

from dualak.functions.numpy.regular import (
    along,
    cast,
    common_dtype,
    flat_of,
    float_type,
    in_a_row,
    joined,
    part,
    regular,
    shape_of,
    shaped,
    values_of,
)
from dualak.functions.numpy.signatures import register_compositions


def register_all() -> None:
    """Enters interpolation and spaced numbers into the registry."""
    register_compositions(SPACED)


# -- between points -------------------------------------------------------------------------------


def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: float | None = None
) -> Any:
    """As ``np.interp``; at a point, the slope is that of the piece above, at the last one below.

    All numbers may be differentiated, also the points and their values.
    """
    x, xp, fp = (cast(regular(array), np.float64) for array in (x, xp, fp))
    if len(shape_of(xp)) != 1 or shape_of(xp) != shape_of(fp):
        raise ValueError(
            "np.interp: expected as many points as values of them, got shapes "
            f"{shape_of(xp)} and {shape_of(fp)}"
        )
    flat = flat_of(x)
    if len(xp) == 0:
        return np.interp(values_of(x), [], [])  # which raises, but for no numbers in NumPy 2.5
    if period is not None:
        flat, xp, fp, left, right = *_periodic(flat, xp, fp, abs(period)), None, None
    left = fp[0] if left is None else left
    right = fp[-1] if right is None else right
    low, high = values_of(flat) < values_of(xp)[0], values_of(flat) > values_of(xp)[-1]
    between = _between(flat, xp, fp)
    return shaped(_where(low, left, _where(high, right, between)), shape_of(x))


def _periodic(x: Any, xp: Any, fp: Any, period: float) -> tuple[Any, Any, Any]:
    """The points in order, within a period and one further on each side."""
    if period == 0:
        raise ValueError("np.interp: expected a period other than zero, got 0")
    x, xp = x % period, xp % period
    order = np.argsort(values_of(xp))
    xp, fp = xp[order], fp[order]
    return x, in_a_row([xp[-1:] - period, xp, xp[:1] + period]), in_a_row([fp[-1:], fp, fp[:1]])


def _between(x: Any, xp: Any, fp: Any) -> Any:
    """On the piece that the numbers lie in; those outside of all are put on the nearest one."""
    points, last = values_of(xp), len(xp) - 1
    below = np.maximum(np.searchsorted(points, values_of(x), side="right") - 1, 0)
    if last == 0:
        return fp[below]
    piece = np.minimum(below, last - 1)
    gaps = xp[piece + 1] - xp[piece]
    slope = (fp[piece + 1] - fp[piece]) / _where(points[piece + 1] == points[piece], 1.0, gaps)
    result = slope * (x - xp[below]) + fp[below]
    if np.isfinite(values_of(fp)).all():
        return result
    values = np.interp(values_of(x), points, values_of(fp))
    return _where(np.isfinite(values_of(result)), result, values)


def _where(condition: Any, x: Any, y: Any) -> Any:
    """``np.where`` of flat arrays and scalars, one of which may be differentiated."""
    return ak.where(ak.Array(condition), x, y)


# -- evenly spaced --------------------------------------------------------------------------------


def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
    *,
    device: Any = None,
) -> Any:
    """As ``np.linspace``."""
    num = operator.index(num)
    if num < 0:
        raise ValueError(f"np.linspace: expected a number of samples of at least 0, got {num}")
    computed = np.result_type(common_dtype([start, stop]), np.float32)
    start, stop = (cast(regular(end), computed) for end in (start, stop))
    shape = np.broadcast_shapes(shape_of(start), shape_of(stop))
    ramp = np.arange(num, dtype=computed)
    delta, gaps = stop - start, num - 1 if endpoint else num
    step = delta / gaps if gaps > 0 else delta * np.nan
    rows = along(ramp, 0, len(shape) + 1) * (step if gaps > 0 else delta) + start
    if endpoint and num > 1:
        last = np.reshape(np.broadcast_to(stop, shape), (1, *shape))
        rows = joined([part(rows, 0, None, -1), last], 0)
    result = np.moveaxis(cast(regular(rows), float_type(dtype)), 0, axis)
    return (result, step) if retstep else result


def logspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    base: Any = 10.0,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """As ``np.logspace``, of one base."""
    if shape_of(regular(base)) != ():
        raise ValueError("np.logspace: expected one number for the base, got several")
    exponents = linspace(start, stop, num, endpoint, axis=axis)
    return cast(np.power(base, exponents), float_type(dtype))


SPACED: dict[str, Callable[..., Any]] = {
    "np.interp": interp,
    "np.linspace": linspace,
    "np.logspace": logspace,
}
