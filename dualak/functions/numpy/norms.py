"""Norms of vectors and matrices, along any axes of rectangular arrays.

Where a norm is zero, a tangent that is zero stays zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import awkward as ak
import numpy as np

from dualak.functions.numpy.products import dot
from dualak.functions.numpy.regular import (
    axis_of,
    dtype_of,
    flat_of,
    moved,
    regular,
    shape_of,
    values_of,
)
from dualak.functions.numpy.signatures import register_compositions
from dualak.functions.registry import NotDifferentiableError

Axes = tuple[int, ...]


def register_all() -> None:
    """Enters the norms into the registry."""
    register_compositions(NORMS)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """As ``np.linalg.norm``."""
    x = regular(x)
    shape = shape_of(x)
    axes = _axes(axis, len(shape))
    if axis is None and ord is None:
        flat = flat_of(x)
        result = np.sqrt(dot(flat, flat))
    elif len(axes) == 1:
        result = _of_vectors(_rows(x, axes), ord)
    elif len(axes) == 2:
        result = _of_matrices(x, axes, ord)
    else:
        raise ValueError(f"np.linalg.norm: expected one or two axes for ord={ord}, got {len(axes)}")
    return _kept(result, shape, axes) if keepdims else result


def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """As ``np.linalg.vector_norm``."""
    x = regular(x)
    axes = _axes(axis, len(shape_of(x)))
    result = _of_vectors(_rows(x, axes), ord)
    return _kept(result, shape_of(x), axes) if keepdims else result


def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """As ``np.linalg.matrix_norm``."""
    return norm(x, ord, (-2, -1), keepdims)


def _axes(axis: Any, ndim: int) -> Axes:
    axes = range(ndim) if axis is None else np.atleast_1d(axis).tolist()
    return tuple(axis_of(axis, ndim) for axis in axes)


def _rows(x: Any, axes: Axes) -> Any:
    """The numbers along some axes in a row, in the last axis."""

    def put_last(positions: Any) -> Any:
        moved = np.moveaxis(positions, axes, range(-len(axes), 0))
        kept = moved.shape[: moved.ndim - len(axes)]
        return moved.reshape(*kept, math.prod(moved.shape[len(kept) :]))

    return moved(put_last, x)


def _kept(result: Any, shape: Axes, axes: Axes) -> Any:
    """The result with an axis of one element for each that was reduced."""
    sizes = [1 if i in axes else size for i, size in enumerate(shape)]
    return np.reshape(result, sizes)


def _of_vectors(rows: Any, ord: Any) -> Any:
    if isinstance(ord, str):
        raise ValueError(f"expected a number for the order of a norm of vectors, got {ord!r}")
    if ord is None or ord == 2:
        return np.sqrt(np.sum(rows * rows, axis=-1))
    if ord == 0:
        return np.sum((values_of(rows) != 0).astype(dtype_of(rows)), axis=-1)
    if abs(ord) == math.inf:
        return _extreme(np.abs(rows), ord)
    if ord == 1:
        return np.sum(np.abs(rows), axis=-1)
    return np.sum(np.abs(rows) ** ord, axis=-1) ** (1.0 / ord)


def _extreme(rows: Any, ord: Any) -> Any:
    """The greatest or the least number of each row."""
    shape = shape_of(rows)
    if shape[-1] == 0:
        if ord < 0:
            raise ValueError("expected numbers for a least one, got an empty axis")
        return np.zeros(shape[:-1], dtype_of(rows))
    return (ak.max if ord > 0 else ak.min)(rows, axis=-1, mask_identity=False)


def _of_matrices(x: Any, axes: Axes, ord: Any) -> Any:
    if axes[0] == axes[1]:
        raise ValueError(f"expected two axes for a norm of matrices, got {axes}")
    if ord in (None, "fro", "f"):
        return _of_vectors(_rows(x, axes), 2)
    if ord in (2, -2, "nuc"):
        raise NotDifferentiableError(
            f"np.linalg.norm: ord={ord!r} of a matrix needs its singular values, which dualak does "
            "not differentiate; use the Frobenius norm, ord='fro'"
        )
    if ord not in (1, -1, math.inf, -math.inf):
        raise ValueError(f"expected a known order of a norm of matrices, got {ord!r}")
    inner, outer = axes if abs(ord) == 1 else axes[::-1]
    sums = np.sum(np.abs(x), axis=inner)
    return _extreme(_rows(sums, (outer - (outer > inner),)), ord)


NORMS: dict[str, Callable[..., Any]] = {
    "np.linalg.matrix_norm": matrix_norm,
    "np.linalg.norm": norm,
    "np.linalg.vector_norm": vector_norm,
}
