"""Memory of NumPy and JAX: what JAX is given is copied, what it gives is shared and read-only."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

#: JAX takes memory as it is where its address is a multiple of this many bytes.
ALIGNMENT = 64


def copied(buffer: Any) -> Any:
    """A buffer of NumPy as a JAX array with memory of its own, on no device in particular."""
    return jnp.array(buffer)


def handed_over(buffer: Any) -> Any:
    """A buffer that ``empty`` gave, and that nobody writes into any more, as a JAX array."""
    return jax.device_put(buffer)


def empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    """Memory that JAX takes as it is."""
    size = int(np.prod(shape)) * dtype.itemsize
    raw = np.empty(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size].view(dtype).reshape(shape)
