"""Numba's simulator of CUDA in CuPy's place: as many of its functions as dualak needs.

Buffers are as strict as those of a device: the host reads none of them without asking.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


class Simulated:
    """A buffer of the simulator; ``memory`` is what its kernels take."""

    def __init__(self, memory: Any) -> None:
        self.memory = memory

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the elements."""
        return self.memory.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of elements, as a tuple."""
        return tuple(self.memory.shape)

    @property
    def nbytes(self) -> int:
        """The size in bytes."""
        return int(self.memory.nbytes)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """The address, as devices tell it."""
        return dict(self.memory.__array_interface__)

    def __len__(self) -> int:
        return len(self.memory)

    def __getitem__(self, where: slice) -> Simulated:
        if not isinstance(where, slice):
            raise TypeError("expected a slice, got an index: elements of a device cannot be read")
        return Simulated(self.memory[where])

    def copy(self) -> Simulated:
        """The same numbers in memory of their own."""
        return asarray(asnumpy(self))

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("a buffer of a device is not converted to NumPy's without being asked")


def empty(length: int, dtype: Any) -> Simulated:
    """An uninitialised buffer."""
    from numba import cuda

    return Simulated(cuda.device_array(length, np.dtype(dtype)))


def asarray(array: Any) -> Simulated:
    """A copy of an array of NumPy."""
    from numba import cuda

    return Simulated(cuda.to_device(np.ascontiguousarray(array)))


def asnumpy(buffer: Simulated) -> Any:
    """A copy on the host."""
    return buffer.memory.copy_to_host()


def ascontiguousarray(buffer: Simulated, dtype: Any = None) -> Simulated:
    """The buffer, converted if need be."""
    if dtype is None or buffer.dtype == dtype:
        return buffer
    return asarray(asnumpy(buffer).astype(dtype))


def concatenate(buffers: Sequence[Simulated]) -> Simulated:
    """Buffers one after the other."""
    return asarray(np.concatenate(list(map(asnumpy, buffers))))


def array_equal(array: Simulated, other: Simulated) -> bool:
    """Whether two buffers hold the same."""
    return np.array_equal(asnumpy(array), asnumpy(other))
