"""Buffers: reading, copying and comparing them where they are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from ctypes import addressof, c_char
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from dualak.device.simulator import Simulated

#: A one-dimensional array of NumPy, or of a device.
Buffer = npt.NDArray[Any]


# -- buffers --------------------------------------------------------------------------------------


def in_memory(data: Any) -> Buffer:
    """The buffer as an array that owns or holds its memory, also where it was virtual.

    NumPy takes only the address of a virtual buffer, and a buffer that is made anew at each call
    would be gone at once; asked to materialize, the virtual buffer hands out an array that stays.
    """
    return np.asarray(read(data))


def read(data: Any) -> Any:
    """The buffer where it is, read if it was virtual."""
    materialize = getattr(data, "materialize", None)
    return data if materialize is None else materialize()


def is_there(data: Any) -> bool:
    """Whether a buffer can be read without work: it is not virtual, or was read before."""
    known = getattr(data, "is_materialized", None)
    return not hasattr(data, "materialize") if known is None else bool(known)


def is_left_out(data: Any) -> bool:
    """Whether there is no buffer: a plan, such as that of dask-awkward, said nobody reads it."""
    return hasattr(data, "materialize") and not hasattr(data, "is_materialized")


def contiguous(data: Any, dtype: npt.DTypeLike | None = None) -> Buffer:
    """The buffer as a one-dimensional contiguous array in native byte order, copied if need be."""
    if on_device(data):
        return library().ascontiguousarray(data, dtype=dtype)
    array = in_memory(data)
    dtype = array.dtype.newbyteorder("=") if dtype is None else dtype
    return np.ascontiguousarray(array, dtype=dtype)


def read_only(buffer: Buffer) -> Buffer:
    """The same memory for somebody who may not write to it; a device knows no such thing."""
    if on_device(buffer):
        return buffer
    view = buffer.view()
    view.flags.writeable = False
    return view


def address(buffer: Buffer) -> int:
    """The address of the first element, in bytes."""
    if type(buffer) is np.ndarray:
        try:
            return addressof(_first_byte(buffer))  # type: ignore[arg-type]
        except (TypeError, ValueError):  # what is read-only, empty or has gaps
            pass
    if on_device(buffer):
        return int(buffer.__cuda_array_interface__["data"][0])  # type: ignore[attr-defined]
    return int(buffer.__array_interface__["data"][0])


#: Asks for an address several times faster than the array interface, which describes everything.
_first_byte = c_char.from_buffer


def empty(length: int, dtype: npt.DTypeLike) -> Buffer:
    """An uninitialised buffer, aligned to 64 bytes: vector units and JAX take it as it is."""
    dtype = np.dtype(dtype)
    raw = np.empty(length * dtype.itemsize + 64, np.uint8)
    return np.ndarray(length, dtype, raw, -address(raw) % 64)


def library() -> Any:
    """What makes buffers of a device: CuPy, or the simulator in its place."""
    if simulated():
        from dualak.device import simulator

        return simulator
    import cupy

    return cupy


def on_device(data: Any) -> bool:
    """Whether a buffer lies on a device."""
    return _is_of_device(type(data))  # type: ignore[arg-type]


@cache
def _is_of_device(kind: Any) -> bool:
    return kind.__module__.partition(".")[0] == "cupy" or issubclass(kind, Simulated)


def viewed(data: Any) -> Buffer:
    """A view on the memory of an object of another library, such as a buffer of XLA.

    It is an array of NumPy, or of CuPy where the object tells an address on a device by
    ``__cuda_array_interface__``.

    >>> viewed(memoryview(bytearray(4))).shape
    (4,)
    """
    try:
        known = data.__cuda_array_interface__
    except Exception:  # on the host, libraries refuse it by errors of all kinds
        known = None
    return np.asarray(data) if known is None else library().asarray(data)


def to_host(data: Any) -> Buffer:
    """The buffer on the host; one of a device is waited for and copied."""
    return library().asnumpy(data) if on_device(data) else in_memory(data)


def equal(buffer: Buffer, other: Buffer) -> bool:
    """Whether two buffers hold the same, compared where they are."""
    if on_device(buffer) and on_device(other):
        return buffer.shape == other.shape and bool(library().array_equal(buffer, other))
    return np.array_equal(to_host(buffer), to_host(other))


def interleaved(columns: Sequence[Any]) -> Buffer:
    """The first elements of all columns, then the second ones, and so on."""
    if any(map(on_device, columns)):
        return library().stack(columns, axis=-1).ravel()
    return np.stack([in_memory(column) for column in columns], axis=-1).ravel()


# -- devices --------------------------------------------------------------------------------------


def simulated() -> bool:
    """Whether Numba simulates CUDA in this process: NUMBA_ENABLE_CUDASIM was set before."""
    return os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0")
