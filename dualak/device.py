"""Where memory is: the one room that knows whether a buffer lies on the host or on a device.

Buffers of the host are NumPy's, those of a device CuPy's, or those of ``dualak.simulator`` where
Numba simulates CUDA, which needs no device.  A memory makes buffers of its own and brings others
over.
"""

from __future__ import annotations

import importlib.util
import os
import warnings
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from dualak.simulator import Simulated

#: A one-dimensional array of NumPy, or of a device.
Buffer = npt.NDArray[Any]

#: Kinds of memory that executors exist for, by Awkward's name of the backend.
BACKENDS = ("cpu", "cuda")

EXTRA = 'pip install "dualak[cuda13]" (or "dualak[cuda12]", as the driver has it)'


class DeviceError(RuntimeError):
    """There is no device to compute on, or it cannot be used."""


class HostWarning(UserWarning):
    """Numbers of a device went through the host, because a function exists only there."""


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


def contiguous(data: Any, dtype: npt.DTypeLike | None = None) -> Buffer:
    """The buffer as a one-dimensional contiguous array in native byte order, copied if need be."""
    if on_device(data):
        return library().ascontiguousarray(data, dtype=dtype)
    array = in_memory(data)
    dtype = array.dtype.newbyteorder("=") if dtype is None else dtype
    return np.ascontiguousarray(array, dtype=dtype)


def address(buffer: Buffer) -> int:
    """The address of the first element, in bytes."""
    if on_device(buffer):
        return int(buffer.__cuda_array_interface__["data"][0])  # type: ignore[attr-defined]
    return int(buffer.__array_interface__["data"][0])


def empty(length: int, dtype: npt.DTypeLike) -> Buffer:
    """An uninitialised buffer, aligned to 64 bytes: vector units and JAX take it as it is."""
    dtype = np.dtype(dtype)
    raw = np.empty(length * dtype.itemsize + 64, np.uint8)
    start = -address(raw) % 64
    return raw[start : start + length * dtype.itemsize].view(dtype)


def library() -> Any:
    """What makes buffers of a device: CuPy, or the simulator in its place."""
    if simulated():
        from dualak import simulator

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


def memory_holding(buffers: Sequence[Any]) -> Memory:
    """The memory that computes on buffers: that of a device if any of them lies there."""
    return memory_of("cuda") if any(map(on_device, buffers)) else HOST


def to_host(data: Any) -> Buffer:
    """The buffer on the host; one of a device is waited for and copied."""
    return library().asnumpy(data) if on_device(data) else in_memory(data)


def equal(one: Buffer, other: Buffer) -> bool:
    """Whether two buffers hold the same, compared where they are."""
    if on_device(one) and on_device(other):
        return one.shape == other.shape and bool(library().array_equal(one, other))
    return np.array_equal(to_host(one), to_host(other))


def interleaved(columns: Sequence[Any]) -> Buffer:
    """The first elements of all columns, then the second ones, and so on."""
    if any(map(on_device, columns)):
        return library().stack(columns, axis=-1).ravel()
    return np.stack([in_memory(one) for one in columns], axis=-1).ravel()


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
        return np.concatenate([to_host(one) for one in buffers])


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
        with _enough(length * np.dtype(dtype).itemsize):
            return library().empty(length, dtype)

    def moved(self, buffer: Buffer) -> Buffer:
        """A buffer as one of this memory: a copy, or itself if it is there.

        Raises:
            ValueError: for a buffer of another device.
            MemoryError: as ``empty``.
        """
        if on_device(buffer):
            _require_current_device(buffer)
            return buffer
        with _enough(buffer.nbytes):
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
        here = [self.resident(one) for one in buffers]
        with _enough(sum(one.nbytes for one in here)):
            return library().concatenate(here)


Memory = Host | CUDA


def memory_of(name: str | None) -> Memory:
    """The memory of Awkward's backend of that name; None is the host.

    Raises:
        ValueError: for a name that is not in ``BACKENDS``.
        ImportError: for ``cuda``, without CuPy.
        DeviceError: for ``cuda``, without a device.
    """
    if name is None or name == "cpu":
        return HOST
    if name != "cuda":
        raise ValueError(f"expected one of the devices {', '.join(BACKENDS)}, got {name!r}")
    return CUDA()


# -- devices --------------------------------------------------------------------------------------


def simulated() -> bool:
    """Whether Numba simulates CUDA in this process: NUMBA_ENABLE_CUDASIM was set before."""
    return os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0")


def require_device() -> None:
    """Refuses to go on without CuPy and a device that it can use.

    Raises:
        ImportError: naming the extra that brings CuPy.
        DeviceError: saying whether it is the device or the driver that is missing.
    """
    try:
        import cupy
    except ImportError as error:
        raise ImportError(f"arrays on a GPU need CuPy: {EXTRA}") from error
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise DeviceError(_unusable(str(error))) from error
    if count == 0:
        raise DeviceError(_unusable("cudaErrorNoDevice"))


def _unusable(message: str) -> str:
    """What to do about an error of the runtime."""
    import cupy

    driver = cupy.cuda.runtime.driverGetVersion()  # 0 where there is none
    if "InsufficientDriver" in message and driver:
        built_for = cupy.cuda.runtime.runtimeGetVersion()
        return (
            f"expected a driver for CUDA {built_for // 1000}, which CuPy is made for, got one for "
            f'CUDA {driver // 1000}; update it, or install the extra "cuda12"'
        )
    return (
        f'expected a CUDA device, got none ({message}); use the CPU: ak.to_backend(array, "cpu"), '
        "and no device= argument"
    )


def require_numba_cuda() -> None:
    """Refuses to go on without the package that compiles kernels.

    Raises:
        ImportError: naming the extra that brings it.
    """
    if importlib.util.find_spec("numba_cuda") is None:
        raise ImportError(f"kernels for a GPU are compiled by Numba-CUDA: {EXTRA}")


def capability() -> tuple[int, int]:
    """The compute capability of the current device."""
    import cupy

    found = cupy.cuda.Device().compute_capability
    return int(found[:-1]), int(found[-1])


def _require_current_device(buffer: Any) -> None:
    if simulated():
        return
    import cupy

    current = cupy.cuda.Device().id
    if buffer.device.id != current:
        raise ValueError(
            f"expected all arrays on the current device, {current}, got one on device "
            f"{buffer.device.id}; copy it, or make that device current with cupy.cuda.Device"
        )


@contextmanager
def _enough(nbytes: int) -> Iterator[None]:
    """Says how many bytes were asked for where there are not as many."""
    if simulated():
        yield
        return
    import cupy

    try:
        yield
    except cupy.cuda.memory.OutOfMemoryError as error:
        cupy.get_default_memory_pool().free_all_blocks()
        free, total = cupy.cuda.runtime.memGetInfo()
        raise MemoryError(
            f"expected {nbytes:,} bytes of memory on the device, got {free:,} free of {total:,}; "
            "use smaller batches, or float32"
        ) from error


def stream(pointer: int | None) -> Any:
    """A context in which kernels and copies run on a stream, given as CUDA's pointer to it.

    Nothing waits for it: who made the stream says when.  None is the stream in use.
    """
    if pointer is None or simulated():
        return nullcontext()
    import cupy

    return cupy.cuda.Stream.from_external(_Foreign(pointer))


class _Foreign:
    """A stream of another library, as CUDA's protocol for streams wants it."""

    def __init__(self, pointer: int) -> None:
        self._pointer = pointer

    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, self._pointer


def synchronize() -> None:
    """Waits for all that was started on the stream in use."""
    if not simulated():
        import cupy

        cupy.cuda.get_current_stream().synchronize()


def from_dlpack(array: Any) -> Buffer:
    """The memory of another library's array, without a copy; its stream is waited for in order.

    Arrays of the host become NumPy's, those of a device CuPy's.
    """
    kind, _ = array.__dlpack_device__()
    if kind == _DLPACK_CPU:
        return np.from_dlpack(array)
    import cupy

    return cupy.from_dlpack(array)


_DLPACK_CPU = 1

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


# -- the machine ----------------------------------------------------------------------------------


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
