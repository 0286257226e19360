"""Memory that NumPy and JAX share: handed over by dlpack, without a copy, where JAX can take it."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

#: JAX takes memory as it is where its address is a multiple of this many bytes.
ALIGNMENT = 64


def shared(buffer: Any) -> Any:
    """A buffer of NumPy as a JAX array on the same memory; copied where JAX cannot take it.

    It cannot where the address is no multiple of ``ALIGNMENT``, where the buffer is read-only and
    NumPy does not hand that over, where JAX has another type for it, and on other devices.
    """
    known = jax.dtypes.canonicalize_dtype(buffer.dtype) == buffer.dtype
    aligned = buffer.ctypes.data % ALIGNMENT == 0 and buffer.flags.c_contiguous
    if known and aligned and buffer.size and jax.default_backend() == "cpu":
        try:
            return jax.dlpack.from_dlpack(buffer)
        except (BufferError, TypeError, ValueError):
            pass  # read-only, or of a type that dlpack does not know
    return jnp.asarray(buffer)


def empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    """Memory that JAX takes as it is."""
    size = int(np.prod(shape)) * dtype.itemsize
    raw = np.empty(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size].view(dtype).reshape(shape)
