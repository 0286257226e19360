"""Matrices in the last two axes of rectangular arrays: products, traces, determinants, inverses.

A matrix is first multiplied by the constant inverse of its values.  What is left is the identity,
but for tangents, and elimination without pivots gives its derivatives of every order.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from dualak.functions.numpy.products import matmul
from dualak.functions.numpy.regular import (
    cast,
    dtype_of,
    float_type,
    joined,
    merged,
    regular,
    shape_of,
    values_of,
)
from dualak.functions.numpy.signatures import register_compositions
from dualak.functions.registry import NotDifferentiableError


def register_all() -> None:
    """Enters the functions of matrices into the registry."""
    register_compositions(MATRICES)


# -- products and traces --------------------------------------------------------------------------


def kron(a: Any, b: Any) -> Any:
    """As ``np.kron``."""
    a, b = regular(a), regular(b)
    ndim = max(len(shape_of(a)), len(shape_of(b)))
    if () in (shape_of(a), shape_of(b)):
        return np.multiply(a, b)
    of_a, of_b = ((*[1] * (ndim - len(shape_of(factor))), *shape_of(factor)) for factor in (a, b))
    spaced = [(size, 1) for size in of_a], [(1, size) for size in of_b]
    first, second = (
        np.reshape(factor, sum(to, ())) for factor, to in zip((a, b), spaced, strict=True)
    )
    return np.reshape(first * second, [m * n for m, n in zip(of_a, of_b, strict=True)])


def cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Any:
    """As ``np.cross``, of vectors with three components."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.moveaxis(regular(a), axisa, -1), np.moveaxis(regular(b), axisb, -1)
    if shape_of(a)[-1:] != (3,) or shape_of(b)[-1:] != (3,):
        raise ValueError(
            "np.cross: expected vectors of three components, got arrays of shape "
            f"{shape_of(a)} and {shape_of(b)}; in two dimensions use x[0] * y[1] - x[1] * y[0]"
        )
    components = [
        a[..., i] * b[..., j] - a[..., j] * b[..., i] for i, j in ((1, 2), (2, 0), (0, 1))
    ]
    return merged(lambda positions: np.stack(positions, axisc), components)


def trace(
    a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: None = None
) -> Any:
    """As ``np.trace``."""
    a = cast(regular(a), float_type(dtype))
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1)


def matrix_power(a: Any, n: int) -> Any:
    """As ``np.linalg.matrix_power``."""
    a = inv(a) if n < 0 else _square(a)
    result, square, n = None, a, abs(n)
    if n == 0:
        return np.broadcast_to(np.eye(shape_of(a)[-1]), shape_of(a)).copy()
    while n > 0:
        if n % 2:
            result = square if result is None else matmul(result, square)
        n //= 2
        square = matmul(square, square) if n else square
    return result


# -- determinants and inverses --------------------------------------------------------------------


def det(a: Any) -> Any:
    """As ``np.linalg.det``; of singular matrices only up to three rows."""
    a = _square(a)
    values, size = values_of(a), shape_of(a)[-1]
    if size in SMALL:
        return _with_values(SMALL[size](a), np.linalg.det(values))
    return _with_values(np.linalg.det(values) * _volume(a), np.linalg.det(values))


def slogdet(a: Any) -> Any:
    """As ``np.linalg.slogdet``, of matrices that have an inverse."""
    a = _square(a)
    signed = np.linalg.slogdet(values_of(a))
    return type(signed)(signed[0], _with_values(np.log(_volume(a)), signed[1]))


def inv(a: Any) -> Any:
    """As ``np.linalg.inv``."""
    a = _square(a)
    inverse = np.linalg.inv(values_of(a))
    return _with_values(_eliminated(a, inverse, inverse)[0], inverse)


def solve(a: Any, b: Any) -> Any:
    """As ``np.linalg.solve``."""
    a, b = _square(a), regular(b)
    values = np.linalg.solve(values_of(a), values_of(b))
    columns = np.reshape(b, (-1, 1)) if len(shape_of(b)) == 1 else b
    inverse = np.linalg.inv(values_of(a))
    result, _ = _eliminated(a, inverse, matmul(inverse, columns))
    return _with_values(np.reshape(result, values.shape), values)


def _square(a: Any) -> Any:
    a = regular(a)
    shape = shape_of(a)
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise np.linalg.LinAlgError(f"expected square matrices in the last two axes, got {shape}")
    return a


def _eliminated(a: Any, inverse: Any, right: Any) -> tuple[Any, Any]:
    """What solves ``a @ x == b``, where right is inverse @ b, and the pivots that were met."""
    size = shape_of(a)[-1]
    left = matmul(inverse, a)
    batch = np.broadcast_shapes(shape_of(left)[:-2], shape_of(right)[:-2])
    sides = [np.broadcast_to(side, (*batch, *shape_of(side)[-2:])) for side in (left, right)]
    rows, pivots = joined(sides, -1), []
    for k, unit in enumerate(np.eye(size, dtype=dtype_of(a))[:, :, np.newaxis]):
        pivots.append(rows[..., k, k])
        row = rows[..., k : k + 1, :] / rows[..., k : k + 1, k : k + 1]
        rows = rows - matmul(rows[..., k : k + 1] - unit, row)
    return rows[..., size:], pivots


def _volume(a: Any) -> Any:
    """The determinant of a matrix times the constant inverse of its values."""
    try:
        inverse = np.linalg.inv(values_of(a))
    except np.linalg.LinAlgError as error:
        raise NotDifferentiableError(
            "np.linalg.det and slogdet: expected matrices that have an inverse, got a singular "
            f"one; determinants of at most {max(SMALL)} rows need none"
        ) from error
    return functools.reduce(np.multiply, _eliminated(a, inverse, inverse)[1], 1.0)


def _of_two(a: Any) -> Any:
    return a[..., 0, 0] * a[..., 1, 1] - a[..., 0, 1] * a[..., 1, 0]


def _of_three(a: Any) -> Any:
    minors = (a[..., 1:, [j for j in range(3) if j != i]] for i in range(3))
    first, second, third = (a[..., 0, i] * _of_two(minor) for i, minor in enumerate(minors))
    return first - second + third


SMALL: dict[int, Callable[[Any], Any]] = {1: lambda a: a[..., 0, 0], 2: _of_two, 3: _of_three}


def _with_values(result: Any, values: Any) -> Any:
    """The result with NumPy's values, from which its own differ by rounding."""
    return result + (values - values_of(result))


MATRICES: dict[str, Callable[..., Any]] = {
    "np.cross": cross,
    "np.kron": kron,
    "np.linalg.cross": lambda x1, x2, /, *, axis=-1: cross(x1, x2, axis=axis),
    "np.linalg.det": det,
    "np.linalg.inv": inv,
    "np.linalg.matrix_power": matrix_power,
    "np.linalg.slogdet": slogdet,
    "np.linalg.solve": solve,
    "np.linalg.trace": lambda x, /, *, offset=0, dtype=None: trace(x, offset, -2, -1, dtype),
    "np.trace": trace,
}
