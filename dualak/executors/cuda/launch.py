"""Kernels on the stream in use: by CuPy on a device, by Numba in the simulator.

CuPy hands the addresses of buffers over as they are: no array of another library is made of them,
and nothing waits for the stream.
"""

from __future__ import annotations

import itertools
import tempfile
import threading
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from dualak import device
from dualak.device import DeviceError
from dualak.executors.cuda import compiler
from dualak.executors.cuda.source import Text

_lock = threading.Lock()
_numbers = itertools.count()


class Kernel:
    """A kernel that is compiled and loaded when it is first started, once for each device."""

    def __init__(self, text: Text) -> None:
        self._text = text
        self._loaded: dict[int, Any] = {}

    def __call__(self, grid: int, threads: int, arguments: Sequence[Any]) -> None:
        """Starts the kernel; returns before it has run.

        Raises:
            DeviceError: where the driver does not take the code of the kernel.
        """
        if device.simulated():
            _simulate(self._text, grid, threads, arguments)
            return
        import cupy

        number = cupy.cuda.Device().id
        loaded = self._loaded.get(number) or self._load(number)
        loaded((grid,), (threads,), tuple(map(_argument, arguments)))

    def _load(self, number: int) -> Any:
        with _lock:
            if number not in self._loaded:
                self._loaded[number] = _loaded(compiler.code(self._text, device.capability()))
            return self._loaded[number]


@cache
def kernel(text: Text) -> Kernel:
    """The kernel of a text, which programs share."""
    return Kernel(text)


def _argument(value: Any) -> Any:
    """A number of a boolean as the byte that kernels take."""
    return np.uint8(value) if isinstance(value, np.bool_) else value


def _loaded(code: compiler.Code) -> Any:
    """The kernel as CuPy calls it, which reads code from files."""
    import cupy

    try:
        with tempfile.TemporaryDirectory() as folder:
            # CuPy knows modules by their path for the rest of the process: none may come again.
            path = Path(folder, f"{next(_numbers)}.cubin")
            path.write_bytes(code.cubin)
            return cupy.RawModule(path=str(path)).get_function(code.entry)
    except cupy.cuda.driver.CUDADriverError as error:
        raise DeviceError(
            f"expected a driver that takes the code of a kernel, got {error}; update the driver, "
            'or install the extra "cuda12"'
        ) from error


def _simulate(text: Text, grid: int, threads: int, arguments: Sequence[Any]) -> None:
    started = compiler.simulated(text.text)
    given = [argument.memory if device.on_device(argument) else argument for argument in arguments]
    with warnings.catch_warnings():  # which reaches the simulator's threads, as errstate does not
        warnings.simplefilter("ignore", RuntimeWarning)
        started[grid, threads](*given)
