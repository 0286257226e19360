"""Kernels on the stream in use: by CuPy on a device, by Numba in the simulator.

CuPy hands the addresses of buffers over as they are: no array of another library is made of them,
and nothing waits for the stream.
"""

from __future__ import annotations

import os
import tempfile
import threading
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from dualak import device
from dualak.device import DeviceError
from dualak.executors.cuda import compilation
from dualak.executors.cuda.source import Text

_kernels: dict[tuple[Text, int], Any] = {}
_lock = threading.Lock()


def launch(text: Text, grid: int, threads: int, arguments: Sequence[Any]) -> None:
    """Starts a kernel; returns before it has run.

    Raises:
        DeviceError: where the driver does not take the code of the kernel.
    """
    if device.simulated():
        _simulate(text, grid, threads, arguments)
        return
    _kernel(text)((grid,), (threads,), tuple(_argument(one) for one in arguments))


def _argument(value: Any) -> Any:
    """A number of a boolean as the byte that kernels take."""
    return np.uint8(value) if isinstance(value, np.bool_) else value


def _kernel(text: Text) -> Any:
    import cupy

    key = text, cupy.cuda.Device().id
    with _lock:
        if key not in _kernels:
            _kernels[key] = _loaded(compilation.code(text, device.capability()))
        return _kernels[key]


def _loaded(code: compilation.Code) -> Any:
    """The kernel as CuPy calls it, which reads code from files."""
    import cupy

    handle, path = tempfile.mkstemp(suffix=".cubin")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(code.cubin)
        return cupy.RawModule(path=path).get_function(code.entry)
    except cupy.cuda.driver.CUDADriverError as error:
        raise DeviceError(
            f"expected a driver that takes the code of a kernel, got {error}; update the driver, "
            'or install the extra "cuda12"'
        ) from error
    finally:
        os.unlink(path)


def _simulate(text: Text, grid: int, threads: int, arguments: Sequence[Any]) -> None:
    kernel = compilation.simulated(text.text)
    given = [one.memory if device.on_device(one) else one for one in arguments]
    with warnings.catch_warnings():  # which reaches the simulator's threads, as errstate does not
        warnings.simplefilter("ignore", RuntimeWarning)
        kernel[grid, threads](*given)
