"""Devices: where buffers are, and what may be done with them there.

Only this package and the executors know CuPy and Numba-CUDA, and import them when needed.
"""

from __future__ import annotations

from dualak.device.buffers import (
    Buffer,
    address,
    contiguous,
    empty,
    equal,
    in_memory,
    interleaved,
    is_left_out,
    is_there,
    library,
    on_device,
    read,
    read_only,
    simulated,
    to_host,
    viewed,
)
from dualak.device.cuda import (
    DeviceError,
    capability,
    require_device,
    require_numba_cuda,
    stream,
)
from dualak.device.machine import cores, memory_size
from dualak.device.memory import (
    BACKENDS,
    CUDA,
    HOST,
    Host,
    HostWarning,
    Memory,
    memory_holding,
    memory_of,
    require_backend,
    warn_of_host,
)

__all__ = [
    "BACKENDS",
    "CUDA",
    "HOST",
    "Buffer",
    "DeviceError",
    "Host",
    "HostWarning",
    "Memory",
    "address",
    "capability",
    "contiguous",
    "cores",
    "empty",
    "equal",
    "in_memory",
    "interleaved",
    "is_left_out",
    "is_there",
    "library",
    "memory_holding",
    "memory_of",
    "memory_size",
    "on_device",
    "read",
    "read_only",
    "require_backend",
    "require_device",
    "require_numba_cuda",
    "simulated",
    "stream",
    "to_host",
    "viewed",
    "warn_of_host",
]
