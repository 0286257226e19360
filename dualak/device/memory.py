"""Memories: the host's and a device's.

Buffers of the host are NumPy's, those of a device CuPy's, or those of ``dualak.device.simulator``
where Numba simulates CUDA, which needs no device.  A memory makes buffers of its own and copies
others into it.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dualak.device.buffers import Buffer, empty, library, on_device, simulated, to_host
from dualak.device.cuda import enough_memory, require_current_device, require_device

#: Kinds of memory that executors exist for, by Awkward's name of the backend.
BACKENDS = ("cpu", "cuda")


class HostWarning(UserWarning):
    """Numbers of a device went through the host, because a function exists only there."""


def require_backend(name: str) -> None:
    """Refuses arrays that no executor can run on.

    Raises:
        TypeError: for a backend that is not in ``BACKENDS``.
    """
    if name == "typetracer":
        raise TypeError(
            "expected an array with numbers, got a typetracer, as dask-awkward plans with; there "
            "jvp, jacfwd and derivative give the type of their results, other transformations want "
            "map_partitions(..., meta=...)"
        )
    if name not in BACKENDS:
        raise TypeError(
            f"dualak computes on the backends {', '.join(BACKENDS)}, got an array on {name!r}; "
            'move it with ak.to_backend(array, "cpu")'
        )


def memory_holding(buffers: Sequence[Any]) -> Memory:
    """The memory that computes on buffers: that of a device if any of them lies there."""
    return memory_of("cuda") if any(map(on_device, buffers)) else HOST


# -- memories -------------------------------------------------------------------------------------


class Host:
    """The memory of the host."""

    name = "cpu"

    def empty(self, length: int, dtype: npt.DTypeLike) -> Buffer:
        """An uninitialised buffer."""
        return empty(length, dtype)

    def moved(self, buffer: Buffer) -> Buffer:
        """A buffer as one of this memory."""
        return to_host(buffer)

    def resident(self, buffer: Buffer, dtype: npt.DTypeLike | None = None) -> Buffer:
        """The same, brought over once as long as the buffer lives; as another type if asked for."""
        return to_host(buffer) if dtype is None else to_host(buffer).astype(dtype, copy=False)

    def concatenated(self, buffers: Sequence[Buffer]) -> Buffer:
        """Buffers one after the other."""
        return np.concatenate([to_host(buffer) for buffer in buffers])


HOST = Host()


class CUDA:
    """The memory of the current device, with what was brought there for one graph.

    Raises:
        ImportError: without CuPy, naming the extra to install.
        DeviceError: without a device, or with a driver that is too old.
    """

    name = "cuda"

    def __init__(self) -> None:
        if not simulated():
            require_device()
        self._copies: dict[Any, tuple[weakref.ref[Any], Buffer]] = {}

    def empty(self, length: int, dtype: npt.DTypeLike) -> Buffer:
        """An uninitialised buffer.

        Raises:
            MemoryError: naming the bytes that were asked for and those that are free.
        """
        with enough_memory(length * np.dtype(dtype).itemsize):
            return library().empty(length, dtype)

    def moved(self, buffer: Buffer) -> Buffer:
        """A buffer as one of this memory: a copy, or itself if it is there.

        Raises:
            ValueError: for a buffer of another device.
            MemoryError: as ``empty``.
        """
        if on_device(buffer):
            require_current_device(buffer)
            return buffer
        with enough_memory(buffer.nbytes):
            return library().asarray(buffer)

    def resident(self, buffer: Buffer, dtype: npt.DTypeLike | None = None) -> Buffer:
        """The same, brought over once as long as the buffer lives; as another type if asked for."""
        if on_device(buffer):
            return buffer
        key = id(buffer), dtype
        known = self._copies.get(key)
        if known is not None and known[0]() is buffer:
            return known[1]
        copy = self.moved(buffer if dtype is None else buffer.astype(dtype, copy=False))
        gone = weakref.ref(buffer, lambda _: self._copies.pop(key, None))
        self._copies[key] = gone, copy
        return copy

    def concatenated(self, buffers: Sequence[Buffer]) -> Buffer:
        """Buffers one after the other."""
        here = [self.resident(buffer) for buffer in buffers]
        with enough_memory(sum(buffer.nbytes for buffer in here)):
            return library().concatenate(here)


Memory = Host | CUDA


def memory_of(name: Any) -> Memory:
    """The memory of Awkward's backend of that name; None is the host.

    Raises:
        ValueError: for a name that is not in ``BACKENDS``.
        ImportError: for ``cuda``, without CuPy.
        DeviceError: for ``cuda``, without a device.
    """
    if name is None or (isinstance(name, str) and name == "cpu"):
        return HOST
    if not isinstance(name, str) or name != "cuda":
        raise ValueError(f"expected one of the devices {', '.join(BACKENDS)}, got {name!r}")
    return CUDA()


# -- through the host -----------------------------------------------------------------------------

_warned: set[str] = set()


def warn_of_host(name: str) -> None:
    """Says once for each function that numbers go through the host for it."""
    if name not in _warned:
        _warned.add(name)
        warnings.warn(
            f"{name} has no kernel for a GPU: its numbers go to the host and back",
            HostWarning,
            stacklevel=2,
        )
