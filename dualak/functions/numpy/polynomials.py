"""Polynomials in NumPy's old way: vectors of coefficients, the highest first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dualak.functions.numpy.products import convolve
from dualak.functions.numpy.regular import (
    cast,
    dtype_of,
    flat_of,
    in_a_row,
    merged,
    regular,
    shape_of,
    values_of,
)
from dualak.functions.numpy.signatures import register_compositions


def register_all() -> None:
    """Enters the functions of polynomials into the registry."""
    register_compositions(POLYNOMIALS)


def polyval(p: Any, x: Any) -> Any:
    """As ``np.polyval``, by Horner's rule."""
    p, x = np.atleast_1d(regular(p)), regular(x)
    if shape_of(p)[0] == 0:
        return np.zeros_like(x)
    result = 0.0 * x
    for i in range(shape_of(p)[0]):
        result = result * x + p[i]
    return result


def polyadd(a1: Any, a2: Any) -> Any:
    """As ``np.polyadd``."""
    a1, a2 = _coefficients(a1), _coefficients(a2)
    length = max(len(a1), len(a2))
    return _padded(a1, length) + _padded(a2, length)


def polysub(a1: Any, a2: Any) -> Any:
    """As ``np.polysub``."""
    return polyadd(a1, -regular(a2))


def polymul(a1: Any, a2: Any) -> Any:
    """As ``np.polymul``: leading coefficients of zero are left out."""
    return convolve(*(_without_leading_zeros(_coefficients(factor)) for factor in (a1, a2)))


def polyder(p: Any, m: int = 1) -> Any:
    """As ``np.polyder``."""
    if m < 0:
        raise ValueError(f"np.polyder: expected an order of at least 0, got {m}")
    p = _coefficients(p)
    for _ in range(m):
        p = p[:-1] * np.arange(len(p) - 1, 0, -1)
    return p


def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    """As ``np.polyint``."""
    if m < 0:
        raise ValueError(f"np.polyint: expected an order of at least 0, got {m}")
    constants = np.zeros(m) if k is None else _coefficients(k)
    if len(constants) == 1 and m > 1:
        constants = np.broadcast_to(constants, (m,))
    if len(constants) < m:
        raise ValueError(f"np.polyint: expected one constant or {m}, got {len(constants)}")
    p = _coefficients(p)
    for i in range(m):
        p = in_a_row([p / np.arange(len(p), 0, -1), constants[i : i + 1]])
    return p


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """As ``np.vander``."""
    x = regular(x)
    x = cast(x, np.result_type(dtype_of(x), np.int64))
    if len(shape_of(x)) != 1:
        raise ValueError(f"np.vander: expected a vector, got shape {shape_of(x)}")
    count = len(x) if N is None else N
    if count == 0:
        return np.ones((len(x), 0), dtype_of(x))
    columns: list[Any] = [np.ones(len(x), dtype_of(x))]
    while len(columns) < count:
        columns.append(columns[-1] * x)
    columns = columns if increasing else columns[::-1]
    return merged(lambda positions: np.stack(positions, axis=1), columns)


def _coefficients(p: Any) -> Any:
    """A vector of coefficients; a number is one of length one."""
    p = regular(p)
    if len(shape_of(p)) > 1:
        raise ValueError(f"expected a vector of coefficients, got shape {shape_of(p)}")
    return flat_of(p)


def _padded(p: Any, length: int) -> Any:
    zeros = np.zeros(length - len(p), dtype_of(p))
    return in_a_row([zeros, p]) if len(zeros) else p


def _without_leading_zeros(p: Any) -> Any:
    (places,) = np.nonzero(values_of(p))
    if len(p) == 0:
        return np.zeros(1)
    return p[places[0] :] if len(places) else p[-1:]


POLYNOMIALS: dict[str, Callable[..., Any]] = {
    "np.polyadd": polyadd,
    "np.polyder": polyder,
    "np.polyint": polyint,
    "np.polymul": polymul,
    "np.polysub": polysub,
    "np.polyval": polyval,
    "np.vander": vander,
}
