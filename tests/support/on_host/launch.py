"""Starting kernels of the host: their libraries, their buffers, the orders of their threads."""

from __future__ import annotations

import atexit
import ctypes
import hashlib
import subprocess
import tempfile
import threading
from functools import cache
from pathlib import Path

import numpy as np

from tests.support.on_host.assembler import ENTRY

SOURCE = Path(__file__).with_name("threads.c")
#: Threads and blocks as they are counted, turned round, shuffled.
ORDERS = (0, 1, 2)

_lock = threading.Lock()  # one launch at a time: the threads of the host are global


class Fault(AssertionError):
    """What a kernel does that no kernel may, whatever it computes."""


class _Region(ctypes.Structure):
    _fields_ = (
        ("start", ctypes.c_void_p),
        ("size", ctypes.c_int64),
        ("shared", ctypes.c_int32),
        ("known", ctypes.c_int32),
        ("bytes", ctypes.c_void_p),
    )


@cache
def _folder():
    made = tempfile.TemporaryDirectory(prefix="kernels-on-host-")
    atexit.register(made.cleanup)
    return made


@cache
def _threads():
    library = Path(_folder().name, "threads.so")
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, SOURCE], check=True)
    found = ctypes.CDLL(str(library), ctypes.RTLD_GLOBAL)
    found.host_launch.restype = ctypes.c_char_p
    return found


@cache
def _kernel(library):
    """The kernel of a library, and its shared arrays: addresses and sizes."""
    _threads()
    path = Path(_folder().name, hashlib.sha256(library).hexdigest()[:24] + ".so")
    path.write_bytes(library)
    loaded = ctypes.CDLL(str(path))
    shared = []
    while True:
        try:
            size = ctypes.c_int64.in_dll(loaded, f"size_of_shared_{len(shared)}").value
        except ValueError:
            return loaded, shared
        first = ctypes.c_byte.in_dll(loaded, f"shared_{len(shared)}")
        shared.append((ctypes.addressof(first), size))


def run(library, grid, threads, arguments, fresh=(), how=0):
    """Runs a kernel on arrays of NumPy and numbers; ``fresh``: arguments that nobody wrote yet.

    Raises:
        Fault: saying what a thread did wrong, and where.
    """
    loaded, shared = _kernel(library)
    cells = [_cell(one) for one in arguments]
    slots = (ctypes.c_void_p * len(cells))(*(cell.ctypes.data for cell in cells))
    regions = [(address, size, 1, 0) for address, size in shared]
    regions += [
        (one.ctypes.data, one.nbytes, 0, number not in fresh)
        for number, one in enumerate(arguments)
        if isinstance(one, np.ndarray)
    ]
    table = (_Region * len(regions))(*(_Region(*one, None) for one in regions))
    entry = ctypes.cast(getattr(loaded, ENTRY), ctypes.c_void_p)
    with _lock:
        found = _threads().host_launch(entry, grid, threads, slots, table, len(regions), how)
    if found:
        raise Fault(found.decode())


def _cell(one):
    """What an argument is where a launch points to: an address, or a number."""
    return np.array([one.ctypes.data if isinstance(one, np.ndarray) else one])
