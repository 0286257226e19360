"""Running sums and products along an axis of rectangular arrays.

Running products are those of NumPy; how they change is said by logarithms, or, where numbers are
zero or products leave the range of numbers, by products taken in steps that double.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import awkward as ak
import numpy as np

from dualak.functions.numpy.multilinear import multilinear
from dualak.functions.numpy.regular import (
    axis_of,
    cast,
    dtype_of,
    flat_of,
    float_type,
    joined,
    part,
    regular,
    shape_of,
    shaped,
    values_of,
)
from dualak.functions.numpy.signatures import register_compositions
from dualak.functions.numpy.transposes import of_cumsum
from dualak.functions.registry import NotDifferentiableError

Scan = Callable[..., Any]

#: How many products are taken one by one, where steps that double leave the range of numbers.
LONGEST = 1000


def register_all() -> None:
    """Enters the running sums and products into the registry."""
    register_compositions(SCANS)


def cumsum(a: Any, axis: int | None = None, dtype: Any = None, out: None = None) -> Any:
    """As ``np.cumsum``."""
    a, axis = _along(a, axis, dtype)
    return multilinear(np.cumsum, of_cumsum, shape_of(a), [a], axis=axis)


def cumprod(a: Any, axis: int | None = None, dtype: Any = None, out: None = None) -> Any:
    """As ``np.cumprod``."""
    a, axis = _along(a, axis, dtype)
    values = values_of(a)
    products = np.cumprod(values, axis=axis)
    least = np.finfo(products.dtype).tiny
    if np.all(np.isfinite(products) & (np.abs(products) >= least)):
        return products * np.exp(cumsum(np.log(a / values), axis))  # of ones, but for tangents
    result = _in_doubled_steps(a, axis)
    if np.allclose(values_of(result), products, rtol=1e-4, atol=least * 1e8, equal_nan=True):
        return result
    return _one_by_one(a, axis)


def _in_doubled_steps(a: Any, axis: int) -> Any:
    """The running product in as many steps as the length of the axis has bits."""
    result, step = a, 1
    while step < shape_of(a)[axis]:
        products = part(result, axis, step) * part(result, axis, None, -step)
        result = joined([part(result, axis, None, step), products], axis)
        step *= 2
    return result


def _along(a: Any, axis: int | None, dtype: Any) -> tuple[Any, int]:
    """The array in the type that is asked for, and the axis; without one it is flat."""
    a = cast(regular(a), float_type(dtype))
    if axis is None:
        return flat_of(a), 0
    return a, axis_of(axis, len(shape_of(a)))


def _one_by_one(a: Any, axis: int) -> Any:
    """The running product as NumPy takes it, in as many steps as the axis is long."""
    length = shape_of(a)[axis]
    if length > LONGEST:
        raise NotDifferentiableError(
            f"np.cumprod: products of some of the {length} numbers leave the range of numbers, but "
            "those of all before them do not; scale the numbers, or take np.exp of np.cumsum of "
            "their logarithms"
        )
    rows = [part(a, axis, 0, 1)]
    for i in range(1, length):
        rows.append(rows[-1] * part(a, axis, i, i + 1))
    return joined(rows, axis)


# -- without what is not a number, and with a first one --------------------------------------------


def _nan_form(scan: Scan, instead: float) -> Scan:
    def function(a: Any, axis: int | None = None, dtype: Any = None, out: None = None) -> Any:
        a = regular(a)
        x = flat_of(a)
        x = ak.where(np.isnan(x), dtype_of(x).type(instead), x)
        return scan(shaped(x, shape_of(a)), axis, dtype)

    return function


def _cumulative_form(scan: Scan, first: float) -> Scan:
    def function(
        x: Any,
        /,
        *,
        axis: int | None = None,
        dtype: Any = None,
        out: None = None,
        include_initial: bool = False,
    ) -> Any:
        shape = shape_of(regular(x))
        if axis is None and len(shape) > 1:
            raise ValueError(f"expected an axis for an array of shape {shape}, got None")
        axis = axis_of(axis or 0, len(shape))
        result = scan(x, axis, dtype)
        if not include_initial:
            return result
        start = np.full((*shape[:axis], 1, *shape[axis + 1 :]), first, dtype_of(result))
        return joined([start, result], axis)

    return function


SCANS: dict[str, Scan] = {
    "np.cumprod": cumprod,
    "np.cumsum": cumsum,
    "np.cumulative_prod": _cumulative_form(cumprod, 1.0),
    "np.cumulative_sum": _cumulative_form(cumsum, 0.0),
    "np.nancumprod": _nan_form(cumprod, 1.0),
    "np.nancumsum": _nan_form(cumsum, 0.0),
}
