"""Where memory is: the one room that knows whether a buffer lies on the host or on a device."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt

Buffer = npt.NDArray[Any]

#: Kinds of memory that executors exist for, by Awkward's name of the backend.
BACKENDS = ("cpu",)


def require_backend(name: str) -> None:
    """Refuses arrays that no executor can run on.

    Raises:
        TypeError: for a backend that is not in ``BACKENDS``.
    """
    if name not in BACKENDS:
        raise TypeError(
            f"dualak computes on the backends {', '.join(BACKENDS)}, got an array on {name!r}; "
            'move it with ak.to_backend(array, "cpu")'
        )


def in_memory(data: Any) -> Buffer:
    """The buffer as an array that owns or holds its memory, also where it was virtual.

    NumPy takes only the address of a virtual buffer, and a buffer that is made anew at each call
    would be gone at once; asked to materialize, the virtual buffer hands out an array that stays.
    """
    materialize = getattr(data, "materialize", None)
    return np.asarray(data if materialize is None else materialize())


def contiguous(data: Any, dtype: npt.DTypeLike | None = None) -> Buffer:
    """The buffer as a one-dimensional contiguous array in native byte order, copied if need be."""
    array = in_memory(data)
    dtype = array.dtype.newbyteorder("=") if dtype is None else dtype
    return np.ascontiguousarray(array, dtype=dtype)


def address(buffer: Buffer) -> int:
    """The address of the first element, in bytes."""
    return int(buffer.__array_interface__["data"][0])


def empty(length: int, dtype: npt.DTypeLike) -> Buffer:
    """An uninitialised buffer, aligned to 64 bytes: vector units and JAX take it as it is."""
    dtype = np.dtype(dtype)
    raw = np.empty(length * dtype.itemsize + 64, np.uint8)
    start = -address(raw) % 64
    return raw[start : start + length * dtype.itemsize].view(dtype)


def cores() -> int:
    """Cores that this process may use; the variable DUALAK_NUM_THREADS lowers the number."""
    affinity = getattr(os, "sched_getaffinity", None)
    available = len(affinity(0)) if affinity else (os.cpu_count() or 1)
    wanted = os.environ.get("DUALAK_NUM_THREADS")
    return max(1, min(int(wanted), available)) if wanted else available


def memory() -> float:
    """Bytes of memory that this machine has; infinite where it does not say."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, OSError, ValueError):
        return float("inf")
