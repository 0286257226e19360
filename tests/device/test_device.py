"""Where memory is: a device that is missing, too old or full is an error that says what to do."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType, SimpleNamespace

import awkward as ak
import numpy as np
import pytest

import dualak
from dualak import device
from dualak.arrays import backends
from dualak.device import memory, simulator

X = ak.Array([[1.0, 2.0], [], [3.0]])


class RuntimeFailure(RuntimeError):
    """What CuPy's runtime raises."""


class OutOfMemory(MemoryError):
    """What CuPy's pool raises."""


def raising(error):
    def call(*args, **kwargs):
        raise error

    return call


def fake_cupy(count=1, driver=13000, error=None, free=1000):
    """As much of CuPy as is asked about a device."""
    made = ModuleType("cupy")
    runtime = SimpleNamespace(
        getDeviceCount=raising(error) if error else lambda: count,
        driverGetVersion=lambda: driver,
        runtimeGetVersion=lambda: 13020,
        memGetInfo=lambda: (free, 5000),
        CUDARuntimeError=RuntimeFailure,
    )
    made.cuda = SimpleNamespace(
        runtime=runtime,
        memory=SimpleNamespace(OutOfMemoryError=OutOfMemory),
        Device=lambda: SimpleNamespace(id=0, compute_capability="90"),
    )
    made.get_default_memory_pool = lambda: SimpleNamespace(free_all_blocks=lambda: None)
    made.empty = raising(OutOfMemory("out of memory"))
    made.asarray = made.empty
    return made


def asked_for_a_device():
    return dualak.jvp(np.sin, X, X, device="cuda")


def test_without_cupy_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(ImportError, match=r"need CuPy: pip install .*dualak\[cuda13\]"):
        asked_for_a_device()


def test_without_numba_cuda_the_error_names_the_extra(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"Numba-CUDA: pip install .*dualak\[cuda13\]"):
        device.require_numba_cuda()


NO_DEVICE = "cudaErrorNoDevice: no CUDA-capable device is detected"
TOO_OLD = "cudaErrorInsufficientDriver: CUDA driver version is insufficient"
MISSING = {
    "no device": (fake_cupy(error=RuntimeFailure(NO_DEVICE)), "expected a CUDA device, got none"),
    "none counted": (fake_cupy(count=0), "expected a CUDA device, got none"),
    "no driver": (fake_cupy(error=RuntimeFailure(TOO_OLD), driver=0), "a CUDA device, got none"),
    "an old driver": (
        fake_cupy(error=RuntimeFailure(TOO_OLD), driver=12040),
        "expected a driver for CUDA 13, which CuPy is made for, got one for CUDA 12; .*cuda12",
    ),
}


@pytest.mark.parametrize("case", MISSING)
def test_without_a_device_the_error_says_what_is_missing(case, monkeypatch):
    cupy, says = MISSING[case]
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    with pytest.raises(dualak.DeviceError, match=says):
        asked_for_a_device()


def test_too_little_memory_names_the_bytes(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", fake_cupy(free=1234))
    memory = device.memory_of("cuda")
    says = "expected 800 bytes of memory on the device, got 1,234 free of 5,000"
    with pytest.raises(MemoryError, match=says):
        memory.empty(100, np.float64)
    with pytest.raises(MemoryError, match=says):
        memory.moved(np.ones(100))


@pytest.mark.parametrize(
    "call",
    [
        lambda: dualak.jvp(np.sin, X, X, device="tpu"),
        lambda: dualak.value_and_jacfwd(lambda a: a * X, device="tpu")(1.0),
        lambda: dualak.compile(np.sin, device="tpu").jvp(X, X),
    ],
)
def test_a_device_that_nobody_knows_is_refused(call):
    with pytest.raises(ValueError, match="expected one of the devices cpu, cuda, got 'tpu'"):
        call()


def test_the_host_may_be_asked_for():
    y, dy = dualak.jvp(np.square, X, X, device="cpu")
    assert (y.to_list(), dy.to_list()) == ((X**2).to_list(), (2 * X**2).to_list())


def test_host_and_device_buffers_are_told_apart():
    assert not device.on_device(np.ones(3))
    assert not device.on_device(None)
    assert device.on_device(simulator.Simulated(np.ones(3)))


def test_the_host_cannot_read_a_buffer_of_a_device():
    buffer = simulator.Simulated(np.arange(4.0))
    with pytest.raises(TypeError, match="without being asked"):
        np.asarray(buffer)
    with pytest.raises(TypeError, match="cannot be read"):
        buffer[0]
    assert len(buffer[1:]) == 3


def test_the_host_has_one_stream():
    with device.stream(None):
        y, _ = dualak.jvp(np.square, X, X)
    assert y.to_list() == (X**2).to_list()


def test_a_warning_comes_once_for_each_function(monkeypatch):
    monkeypatch.setattr(memory, "_warned", set())
    with pytest.warns(dualak.HostWarning, match="first has no kernel"):
        device.warn_of_host("first")
    device.warn_of_host("first")
    with pytest.warns(dualak.HostWarning, match="second"):
        device.warn_of_host("second")


def test_relocating_on_the_host_changes_nothing():
    """Every kind of layout goes through, with its parameters and what it holds."""
    arrays = {
        "records": ak.Array([{"a": 1.0, "b": [2.0, 3.0]}, {"a": 4.0, "b": []}]),
        "tuples": ak.Array([(1.0, 2), (3.0, 4)]),
        "strings": ak.Array(["one", "two", "three"]),
        "option": ak.Array([1.0, None, 2.0]),
        "union": ak.Array([1.0, [2.0], "three"]),
        "regular": ak.to_regular(ak.Array([[1.0, 2.0], [3.0, 4.0]])),
        "empty": ak.Array([[], []]),
        "no fields": ak.Array([{}, {}]),
        "masked": ak.Array(
            ak.contents.ByteMaskedArray(
                ak.index.Index8(np.array([1, 0, 1])),
                ak.contents.NumpyArray(np.arange(3.0)),
                valid_when=True,
            )
        ),
    }
    for name, array in arrays.items():
        seen = []
        layout = backends.relocated(
            array.layout, lambda data, seen=seen: seen.append(data) or data, lambda leaf: leaf
        )
        assert ak.Array(layout).type == array.type, name
        assert ak.Array(layout).to_list() == array.to_list(), name


def test_a_dual_outside_of_its_function_is_no_array_of_a_device():
    class Elsewhere:
        __module__ = "cupy"

    with pytest.raises(RuntimeError, match="inside a function given to"):
        backends.entered(Elsewhere())
