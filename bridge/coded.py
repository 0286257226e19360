"""Integers as floating-point numbers, exactly: JAX differentiates by nothing else.

An array of integers becomes rows of digits to the base ``BASE``, which single precision holds, the
last of them with the sign.  Derivatives by them are zero, so that they stay what they are where a
tree of arrays and numbers is moved along a gradient.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

BITS = 24
BASE = 1 << BITS


def coded(integers: Any) -> Any:
    """Digits of integers of shape (n,), as single precision of shape (digits, n)."""
    space = jnp if isinstance(integers, jax.core.Tracer) else np
    integers = in_reach(integers)
    wide = integers.astype(_wide(integers.dtype))
    count = -(-8 * wide.dtype.itemsize // BITS)
    low = [(wide >> BITS * place) & (BASE - 1) for place in range(count - 1)]
    digits = [*low, wide >> BITS * (count - 1)]
    return space.stack([digit.astype(np.float32) for digit in digits])


def decoded(digits: Any, dtype: np.dtype[Any]) -> Any:
    """The integers of a type that digits stand for; those behind its width do not count."""
    digits = in_reach(digits)
    wide = _wide(dtype)
    total = digits[..., 0, :].astype(wide)
    for place in range(1, digits.shape[-2]):
        if BITS * place < 8 * wide.itemsize:
            total = total + (digits[..., place, :].astype(wide) << BITS * place)
    return total.astype(dtype)


def in_reach(array: Any) -> Any:
    """The array, in NumPy's hands unless JAX traces it: so that no operation of JAX is needed.

    JAX takes trees apart and puts them together where it runs none.
    """
    return array if isinstance(array, jax.core.Tracer) else np.asarray(array)


def _wide(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(dtype) if np.dtype(dtype).itemsize >= 4 else np.dtype(np.int32)
