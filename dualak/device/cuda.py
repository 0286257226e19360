"""CUDA devices: whether one can be used, and its streams."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib import metadata
from typing import Any

from dualak.device.buffers import simulated

EXTRA = 'pip install "dualak[cuda13]" (or "dualak[cuda12]", as the driver has it)'


class DeviceError(RuntimeError):
    """There is no device to compute on, or it cannot be used."""


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
    """Refuses to go on without the package that compiles kernels, or with a NumPy too new for it.

    Raises:
        ImportError: naming the extra that brings it, or the two versions.
    """
    if importlib.util.find_spec("numba_cuda") is None:
        raise ImportError(f"kernels for a GPU are compiled by Numba-CUDA: {EXTRA}")
    if simulated():
        return
    try:
        importlib.import_module("numba.cuda.cudaimpl")
    except AttributeError as error:  # Numba-CUDA 0.30 asks NumPy 2.5 for functions that are gone
        versions = [f"{name} {metadata.version(name)}" for name in ("numba-cuda", "numpy")]
        raise ImportError(
            f"expected versions that work together, got {' and '.join(versions)}: {error}; install "
            "a newer Numba-CUDA, or an older NumPy: pip install 'numpy<2.5'"
        ) from error


def capability() -> tuple[int, int]:
    """The compute capability of the current device."""
    import cupy

    found = cupy.cuda.Device().compute_capability
    return int(found[:-1]), int(found[-1])


def require_current_device(buffer: Any) -> None:
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
def enough_memory(nbytes: int) -> Iterator[None]:
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
