"""CuPy's streams, events and kernels in the stand-in: as little in order as CUDA lets them be.

What is given to a stream runs when somebody waits for that stream, and no earlier; another stream's
work is never seen to be done unless an event says so.  Memory holds NaN until then.
"""

from __future__ import annotations

import itertools
import threading
import types
from pathlib import Path

import numpy as np

from tests.support import on_host

_local = threading.local()
_pointers = itertools.count(1000)
_known = {}
_lock = threading.RLock()
#: The order in which the host takes threads and blocks of kernels; tests turn it.
order = [0]


class Stream:
    """A queue of work."""

    def __init__(self, non_blocking=False, null=False, ptr=None):
        self.ptr = ptr if ptr is not None else 0 if null else next(_pointers)
        self.waiting, self.taken, self.finished = [], 0, 0
        with _lock:
            _known.setdefault(self.ptr, self)

    @classmethod
    def from_external(cls, foreign):
        """The stream of another library with that pointer."""
        _, pointer = foreign.__cuda_stream__()
        with _lock:
            return _known.get(pointer) or cls(ptr=pointer)

    def __enter__(self):
        _stack().append(self)
        return self

    def __exit__(self, *unused):
        _stack().pop()

    def add(self, work):
        with _lock:
            self.waiting.append(work)
            self.taken += 1

    def run(self, until=None):
        """Runs what was given to it, up to the number of a piece of work."""
        with _lock:
            until = self.taken if until is None else until
            while self.finished < until:
                self.finished += 1
                self.waiting.pop(0)()

    @property
    def done(self):
        return not self.waiting

    def synchronize(self):
        self.run()

    def record(self, event=None):
        event = event or Event()
        event.record(self)
        return event

    def wait_event(self, event):
        stream, number = event.place
        self.add(lambda: stream.run(number))


class Event:
    """A place in a stream."""

    def __init__(self, block=False, disable_timing=False):
        self.place = (NULL, 0)

    def record(self, stream=None):
        stream = stream or current()
        self.place = (stream, stream.taken)

    @property
    def done(self):
        stream, number = self.place
        return stream.finished >= number

    def synchronize(self):
        stream, number = self.place
        stream.run(number)


NULL = Stream(null=True)


def _stack():
    if not hasattr(_local, "stack"):
        _local.stack = [NULL]
    return _local.stack


def current(device=None):
    """The stream in use in this thread."""
    return _stack()[-1]


class Device:
    """The only device."""

    id = 0
    compute_capability = "90"

    def __init__(self, number=0):
        self.id = number

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        return None

    def synchronize(self):
        for stream in list(_known.values()):
            stream.run()


class RawModule:
    """Code of a kernel: a library of the host, where CuPy reads code of a device."""

    def __init__(self, path):
        self._library = Path(path).read_bytes()
        if self._library[18:20] == b"\xbe\x00":
            raise RuntimeError("expected a kernel of the host, got one of a device")

    def get_function(self, entry):
        return self._launch

    def _launch(self, grid, threads, arguments):
        given = [one.own if hasattr(one, "own") else one for one in arguments]
        fresh = {n for n, one in enumerate(arguments) if getattr(one, "fresh", False)}
        for one in arguments:
            if hasattr(one, "own"):
                one.fresh = False
        how = order[0]
        current().add(lambda: on_host.run(self._library, grid[0], threads[0], given, fresh, how))


class Pool:
    """CuPy's pool, as far as it is asked."""

    def used_bytes(self):
        return 0

    def total_bytes(self):
        return 0

    def free_all_blocks(self):
        return None

    def set_limit(self, size=0):
        return None


class CUDARuntimeError(RuntimeError):
    """Errors of the runtime, of which the stand-in has none."""


class OutOfMemoryError(MemoryError):
    """The stand-in has as much memory as the host."""


def cuda():
    """The module ``cupy.cuda``."""
    made = types.ModuleType("cupy.cuda")
    made.Stream, made.Event, made.Device, made.get_current_stream = Stream, Event, Device, current
    made.get_elapsed_time = lambda start, stop: 1.0
    made.runtime = types.SimpleNamespace(
        getDeviceCount=lambda: 1,
        CUDARuntimeError=CUDARuntimeError,
        driverGetVersion=lambda: 13000,
        runtimeGetVersion=lambda: 13000,
        memGetInfo=lambda: (1 << 30, 1 << 30),
        getDeviceProperties=lambda number: {"name": b"a stand-in on the host"},
    )
    made.driver = types.SimpleNamespace(CUDADriverError=CUDARuntimeError)
    made.memory = types.SimpleNamespace(OutOfMemoryError=OutOfMemoryError)
    return made


def copied(array):
    """A copy of the host's numbers, which arrives when the stream in use comes to it."""
    kept = np.array(array)
    there = poisoned(kept.shape, kept.dtype)
    current().add(lambda: there.__setitem__(..., kept))
    return there


def poisoned(shape, dtype):
    """Memory that nobody has written."""
    made = np.empty(shape, dtype)
    made.view(np.uint8 if made.ndim else made.dtype)[...] = 0xFF if made.ndim else 0
    return made
