"""Types of numbers: what JAX makes of them, and what it would narrow without a word."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np


def known_to_jax(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type that JAX has for numbers of a type: with x64 switched off, floats of 32 bits.

    Raises:
        TypeError: for integers that would be narrowed.

    >>> known_to_jax(np.dtype(np.float64))
    dtype('float32')
    """
    known = np.dtype(jax.dtypes.canonicalize_dtype(dtype))
    if known != dtype and dtype.kind != "f":
        raise TypeError(
            f"expected results that JAX has a type for, got {dtype} with x64 switched off; cast "
            f"them with ak.values_astype(x, np.{known}), or switch x64 on with "
            "jax.config.update('jax_enable_x64', True)"
        )
    return known


def constant(array: Any) -> Any:
    """A constant result as JAX has it; integers that fit into 32 bits may be narrowed.

    Raises:
        OverflowError: for integers that do not.
    """
    array = np.asarray(array)
    known = np.dtype(jax.dtypes.canonicalize_dtype(array.dtype))
    if known.kind in "iu" and known != array.dtype and array.size:
        limits = np.iinfo(known)
        if array.min() < limits.min or array.max() > limits.max:
            raise OverflowError(
                f"expected integers that fit into {known}, which is what JAX has with x64 switched "
                f"off, got {array.min()} to {array.max()}; switch x64 on"
            )
    return jax.numpy.asarray(array.astype(known))
