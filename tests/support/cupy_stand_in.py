"""A stand-in for CuPy, over memory of the host, where there is no device: for Awkward's backend.

``install`` puts it in CuPy's place, before Awkward is imported.  Arrays are as strict as CuPy's:
they convert themselves to NumPy's only when asked.  Kernels run in Numba's simulator, at once; or,
with ``streams``, on the host at a device's geometry, when somebody waits for their stream.
"""

from __future__ import annotations

import sys
import types

import numpy as np

from dualak.device import simulated


def unwrapped(value):
    if isinstance(value, ndarray):
        _wait()
        return value.own
    if isinstance(value, (list, tuple)):
        return type(value)(map(unwrapped, value))
    return value


def _wait():
    """What NumPy does at once comes behind all that the stream in use was given."""
    if not simulated():
        from tests.support import cupy_streams

        cupy_streams.current().run()


def wrapped(value):
    if isinstance(value, (np.ndarray, np.generic)):
        return ndarray(np.asarray(value))
    if isinstance(value, tuple):
        return tuple(map(wrapped, value))
    return value


def forwarding(function):
    """The function of NumPy's on arrays of the stand-in."""

    def call(*args, **kwargs):
        args = [unwrapped(one) for one in args]
        return wrapped(function(*args, **{key: unwrapped(one) for key, one in kwargs.items()}))

    return call


class ndarray:
    """An array that owns, or shares, memory of the host, but does not say so."""

    __module__ = "cupy"
    __array_priority__ = 100

    def __init__(self, own, fresh=False):
        self.own = own
        self.fresh = fresh  # nobody has written to it

    def __getattr__(self, name):
        if name.startswith("__array"):
            raise AttributeError(name)
        value = getattr(unwrapped(self), name)
        return forwarding(value) if callable(value) else wrapped(value)

    @property
    def dtype(self):
        return self.own.dtype

    @property
    def shape(self):
        return self.own.shape

    @property
    def nbytes(self):
        return self.own.nbytes

    @property
    def data(self):
        return types.SimpleNamespace(ptr=self.own.ctypes.data)

    @property
    def device(self):
        return types.SimpleNamespace(id=0)

    @property
    def memory(self):
        """What kernels of the simulator take."""
        from numba.cuda.simulator.cudadrv.devicearray import FakeCUDAArray

        return FakeCUDAArray(self.own)

    @property
    def __cuda_array_interface__(self):
        return self.own.__array_interface__

    def get(self):
        return unwrapped(self).copy()

    def item(self, *args):
        return unwrapped(self).item(*args)

    def __array__(self, *args, **kwargs):
        raise TypeError("implicit conversion to a NumPy array is not allowed")

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return forwarding(getattr(ufunc, method))(*inputs, **kwargs)

    def __setitem__(self, where, what):
        unwrapped(self)[unwrapped(where)] = unwrapped(what)

    def __len__(self):
        return len(self.own)

    def __bool__(self):
        return bool(unwrapped(self))

    def __int__(self):
        return int(unwrapped(self))

    def __index__(self):
        return unwrapped(self).__index__()

    def __iter__(self):
        return map(wrapped, unwrapped(self))


def _operator(name):
    def operator(self, *others):
        return wrapped(getattr(unwrapped(self), name)(*map(unwrapped, others)))

    return operator


_BINARY = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor", "rshift")
_NAMES = [f"__{side}{name}__" for name in _BINARY for side in ("", "r")]
_NAMES += [f"__{name}__" for name in ("lt", "le", "eq", "ne", "gt", "ge", "neg", "invert", "abs")]
for _name in (*_NAMES, "__getitem__"):
    setattr(ndarray, _name, _operator(_name))
ndarray.__hash__ = None


class _Module(types.ModuleType):
    def __getattr__(self, name):
        value = getattr(np, name)
        return forwarding(value) if callable(value) and not isinstance(value, type) else value


def module():
    """The module that stands for CuPy."""
    made = _Module("cupy")
    made.ndarray = ndarray
    made.asnumpy = lambda array: np.array(unwrapped(array))
    made.asarray = lambda array, dtype=None, **unused: wrapped(_asarray(array, dtype))
    if not simulated():
        from tests.support import cupy_streams

        made.cuda = cupy_streams.cuda()
        made.RawModule = cupy_streams.RawModule
        made.get_default_memory_pool = cupy_streams.Pool
        made.empty = lambda shape, dtype=float: ndarray(cupy_streams.poisoned(shape, dtype), True)
    return made


def _asarray(array, dtype):
    """Memory of the stand-in is used as it is, that of NumPy is copied, as to a device."""
    if isinstance(array, ndarray):
        same = dtype is None or array.dtype == dtype
        return array.own if same else np.asarray(unwrapped(array), dtype)
    array = np.asarray(array, dtype)
    if simulated():
        return np.array(array)
    from tests.support import cupy_streams

    return cupy_streams.copied(array)


def install():
    """Puts the stand-in where CuPy would be imported from, and where dualak asks for it."""
    sys.modules["cupy"] = module()
    if simulated():
        from dualak import device
        from dualak.device import buffers, memory

        device.library = buffers.library = memory.library = lambda: sys.modules["cupy"]
