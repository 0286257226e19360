"""On a device: the same cases, buffers in place, streams in order, no waiting, no leak.

``pytest -m gpu`` runs these.  DUALAK_SOAK_SECONDS says how long the soak takes, 600 for a release.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
import warnings

import awkward as ak
import numpy as np
import pytest

import dualak
from dualak import device, extend
from dualak.engine import realize
from dualak.graph.graph import Graph
from dualak.rules import REDUCTIONS
from tests.support import cuda_backend_cases, cuda_cases


def why_not():
    """What is missing to run on a device; empty where nothing is."""
    if device.simulated():
        return "Numba simulates CUDA in this process"
    try:
        device.require_device()
        device.require_numba_cuda()
    except (ImportError, dualak.DeviceError) as error:
        return str(error)
    return ""


if why_not():
    pytest.skip(why_not(), allow_module_level=True)
pytestmark = pytest.mark.gpu

ROOMS = {"cuda_cases": cuda_cases.CASES, "cuda_backend_cases": cuda_backend_cases.CASES}
#: Which of how many processes this is, such as 0/4: they share the cases out.
SHARD, SHARDS = map(int, os.environ.get("DUALAK_SHARD", "0/1").split("/"))
CASES = [(room, name) for room, cases in ROOMS.items() for name in cases][SHARD::SHARDS]

SOAK = float(os.environ.get("DUALAK_SOAK_SECONDS", "10"))
EPSILON = {"float64": np.finfo(np.float64).eps, "float32": np.finfo(np.float32).eps}


@pytest.fixture
def cp():
    return pytest.importorskip("cupy")


@pytest.mark.parametrize(("room", "name"), CASES, ids=[f"{room}: {name}" for room, name in CASES])
def test_the_device_gives_what_the_cpu_gives(room, name):
    ROOMS[room][name]()


# -- numbers of all sizes -------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", EPSILON)
@pytest.mark.parametrize("op", cuda_cases.OPERATIONS)
def test_operation_is_exact_on_many_numbers(op, dtype):
    """To a few units in the last place; infinities, NaN and subnormal numbers where NumPy's are."""
    rng = np.random.default_rng(len(op))
    size = 100_000
    top = 300.0 if dtype == "float64" else 36.0
    x = [
        (rng.choice([-1.0, 1.0], size) * 10.0 ** rng.uniform(-spread, spread, size)).astype(dtype)
        for spread in (top, 2.0)
    ]
    arguments = [np.concatenate(x), np.concatenate(x[::-1])][: cuda_cases.ARITY[op]]
    if op == "ldexp":
        arguments[1] = rng.integers(-40, 40, 2 * size)
    graph = Graph(device.memory_of("cuda"))
    node = graph.apply(op, *map(graph.buffer, arguments))
    realize.compute([node])
    with np.errstate(all="ignore"):
        want = (cuda_cases.ORACLES.get(op) or getattr(np, op))(*arguments).astype(node.dtype)
    got = device.to_host(node.data)
    if want.dtype.kind == "b":
        np.testing.assert_array_equal(got, want)
        return
    least = float(np.finfo(dtype).smallest_normal)
    np.testing.assert_allclose(got, want, rtol=8 * EPSILON[dtype], atol=least)


def many_lists(longest, total=1_000_000):
    rng = np.random.default_rng(longest)
    counts = rng.integers(0, longest + 1, 4 * total // (longest + 1))
    offsets = np.concatenate([[0], np.cumsum(counts)])
    return offsets, rng.normal(size=int(offsets[-1]))


@pytest.mark.parametrize("longest", [0, 1, 8, 100, 4000, 30_000])
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reduction_of_many_lists(name, longest):
    """Lists of all lengths; twice, bit by bit the same."""
    offsets, x = many_lists(longest)
    x = 1.0 + x / 1000.0 if name == "prod" else x
    tangent = REDUCTIONS[name].tangent

    def make(graph):
        values, at = graph.buffer(x), graph.buffer(offsets)
        pair = (values,) if tangent else ()
        return [
            graph.segment(name, (values,), at),
            graph.segment(tangent or name, (*pair, graph.buffer(x[::-1].copy())), at),
        ]

    cuda_cases.agrees(make, rtol=1e-9, atol=1e-9)
    first, second = (cuda_cases.computed(make, device.memory_of("cuda")) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize(("rows", "width"), [(1_000_000, 1), (100_000, 50), (3, 300_000)])
def test_columns_of_large_tables(rows, width):
    def make(graph):
        at = graph.buffer(np.arange(rows + 1) * width)
        across = graph.tile(graph.buffer(np.linspace(-1.0, 1.0, width)), at)
        down = graph.repeat(graph.buffer(np.linspace(1.0, 3.0, rows)), at)
        return [graph.columns(graph.apply("exp", -(across * down)), at, width)]

    cuda_cases.agrees(make, rtol=1e-10)


# -- buffers, streams -----------------------------------------------------------------------------


def events(seed=0, count=100_000):
    rng = np.random.default_rng(seed)
    counts = rng.poisson(4, count)
    return ak.to_backend(ak.unflatten(rng.uniform(0.5, 2.0, counts.sum()), counts), "cuda")


def norms(x):
    return np.sqrt(ak.sum(x**2, axis=1))


def numbers(array):
    """The buffer of the numbers of an array."""
    layout = array.layout
    while not layout.is_numpy:
        layout = layout.content
    return layout.data


def test_inputs_are_used_in_place(cp):
    """A call needs memory for its results and its offsets, not for copies of its inputs."""
    x = events()
    t = ak.Array(x.layout.copy(content=ak.contents.NumpyArray(numbers(x) * 2.0)))
    norm = dualak.compile(norms)
    norm.jvp(x, t)
    gc.collect()
    before = cp.get_default_memory_pool().used_bytes()
    kept = norm.jvp(x, t)
    more = cp.get_default_memory_pool().used_bytes() - before
    assert more <= 2 * sum(numbers(one).nbytes for one in kept)
    assert more < numbers(x).nbytes


def test_other_libraries_share_memory(cp):
    from numba import cuda

    y, _ = dualak.jvp(np.exp, events(), events())
    buffer = numbers(y)
    assert cuda.as_cuda_array(buffer).device_ctypes_pointer.value == buffer.data.ptr
    assert device.address(cp.from_dlpack(buffer)) == buffer.data.ptr


def test_jax_shares_memory(cp):
    jax = pytest.importorskip("jax")
    if jax.default_backend() != "gpu":
        pytest.skip("JAX has no GPU here")
    ours = cp.linspace(0.0, 1.0, 1000, dtype=np.float32)
    theirs = jax.dlpack.from_dlpack(ours)
    assert theirs.unsafe_buffer_pointer() == ours.data.ptr
    back = cp.from_dlpack(theirs)
    assert device.address(back) == ours.data.ptr
    y, dy = dualak.jvp(lambda x: x * x, back, back)
    np.testing.assert_allclose(cp.asnumpy(numbers(dy)), 2.0 * cp.asnumpy(ours) ** 2, rtol=1e-6)
    assert device.address(numbers(y)) != ours.data.ptr


def busy(cp):
    """Work that keeps the stream in use busy for some tenths of a second."""
    table = cp.ones((4096, 4096))
    for _ in range(100):
        table = table @ table * 1e-4
    return table


def squared_behind(cp, stream):
    """The square of numbers that the stream has still to make, and whether somebody waited."""
    x = cp.zeros(1_000_000)
    for _ in range(2):  # the first time kernels are compiled
        x.fill(0.0)
        cp.cuda.Device().synchronize()
        with stream:
            kept = busy(cp)
            x += 2.0
            result = dualak.jvp(np.square, x, x)
            waited = stream.done
            stream.synchronize()
    assert kept.shape
    return result, waited


def test_kernels_follow_the_stream_in_use(cp):
    """What comes before on the stream is done first, though nobody waits for it."""
    (y, dy), waited = squared_behind(cp, cp.cuda.Stream(non_blocking=True))
    assert not waited
    assert float(numbers(y).max()) == float(numbers(y).min()) == 4.0
    assert float(numbers(dy).min()) == 8.0


def test_a_foreign_stream_is_used(cp):
    foreign = cp.cuda.Stream(non_blocking=True)
    with device.stream(foreign.ptr) as stream:
        assert stream.ptr == cp.cuda.get_current_stream().ptr == foreign.ptr
    (y, _), waited = squared_behind(cp, device.stream(foreign.ptr))
    assert not waited
    assert float(numbers(y).min()) == 4.0


def test_a_replay_waits_for_nothing(cp):
    x = events()
    norm = dualak.compile(norms)
    for _ in range(3):
        norm.jvp(x, x)
    with cp.cuda.Stream(non_blocking=True) as stream:
        kept = busy(cp)
        norm.jvp(x, x)
        waited = stream.done
        stream.synchronize()
    assert not waited
    assert kept.shape


# -- JAX ------------------------------------------------------------------------------------------


@pytest.fixture
def jax_gpu():
    jax = pytest.importorskip("jax")
    if jax.default_backend() != "gpu":
        pytest.skip(f"JAX computes on {jax.default_backend()} here")
    with jax.enable_x64(True):
        yield jax


TRANSFORMED = {
    "eager": lambda jax, f: f,
    "jit": lambda jax, f: jax.jit(f),
    "jit of jvp": lambda jax, f: jax.jit(lambda x: jax.jvp(f, (x,), (x,))[1]),
    "jit of grad": lambda jax, f: jax.jit(jax.grad(lambda x: f(x).sum())),
}


@pytest.mark.parametrize("name", TRANSFORMED)
def test_the_bridge_computes_on_the_device(jax_gpu, name):
    import bridge

    x = events(count=1000)
    wrapped = bridge.wrap(lambda x: np.sqrt(1.0 + ak.sum(x**2, axis=1)))
    got = TRANSFORMED[name](jax_gpu, wrapped)(bridge.to_jax(ak.to_backend(x, "cpu")))
    leaf = got.leaves[0] if isinstance(got, bridge.Array) else got
    assert {one.platform for one in leaf.devices()} == {"gpu"}
    host = ak.to_backend(x, "cpu")
    norm = np.sqrt(1.0 + ak.sum(host**2, axis=1))
    want = {"jit of jvp": (norm**2 - 1.0) / norm, "jit of grad": host / norm}.get(name, norm)
    np.testing.assert_allclose(np.asarray(leaf), ak.to_numpy(ak.flatten(want, axis=None)), 1e-12)


def test_buffers_go_to_jax_and_back_without_a_copy(jax_gpu, cp):
    buffer = cp.arange(1000.0)
    there = jax_gpu.dlpack.from_dlpack(buffer)
    back = cp.from_dlpack(there)
    assert there.unsafe_buffer_pointer() == buffer.data.ptr == back.data.ptr
    assert extend.viewed(there).data.ptr == buffer.data.ptr


# -- memory, errors -------------------------------------------------------------------------------


def test_too_little_memory_is_an_error_and_leaves_nothing(cp):
    x = events(count=500_000)
    norm = dualak.compile(lambda x: np.exp(x) * x)
    norm.jvp(x, x)
    pool = cp.get_default_memory_pool()
    gc.collect()
    pool.free_all_blocks()
    before = pool.used_bytes()
    pool.set_limit(size=before + numbers(x).nbytes // 2)
    try:
        with pytest.raises(MemoryError, match=r"expected [0-9,]+ bytes of memory on the device"):
            norm.jvp(x, x)
        gc.collect()
        assert pool.used_bytes() <= before
    finally:
        pool.set_limit(size=0)
    y, _ = norm.jvp(x, x)
    assert ak.backend(y) == "cuda"


def test_arrays_of_another_device_are_refused(cp):
    if cp.cuda.runtime.getDeviceCount() < 2:
        pytest.skip("there is one device")
    with cp.cuda.Device(1):
        far = cp.ones(10)
    with pytest.raises(ValueError, match="current device"):
        dualak.jvp(np.exp, far, far)


def test_kernels_are_read_from_disk(tmp_path):
    """A second process runs without Numba's compiler."""
    code = (
        "import sys, numpy as np, dualak\n"
        "x = np.linspace(0.0, 1.0, 1000)\n"
        "y, dy = dualak.jvp(lambda x: np.sin(x) * x + 0.25, x, x, device='cuda')\n"
        "np.testing.assert_allclose(y, np.sin(x) * x + 0.25, rtol=1e-14)\n"
        "print('numba.cuda' in sys.modules or 'numba_cuda.numba.cuda' in sys.modules)\n"
    )
    environment = {**os.environ, "DUALAK_CACHE_DIR": str(tmp_path)}
    found = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        found.append(done.stdout.strip())
    assert found == ["True", "False"]
    assert list(tmp_path.glob("*.cubin"))


def test_soak(cp):
    """Calls of all kinds, one after the other, need no more memory than at first."""
    x, pool = events(count=20_000), cp.get_default_memory_pool()
    norm = dualak.compile(norms)
    calls = [
        lambda: norm.jvp(x, x),
        lambda: dualak.jvp(lambda x: np.sin(x[:, ::-1]) * x, x, x),
        lambda: dualak.jvp(lambda x: ak.max(x[x > 1.0], axis=1), x, x),
        lambda: dualak.jvp(norms, ak.to_backend(x, "cpu"), ak.to_backend(x, "cpu"), device="cuda"),
        lambda: dualak.grad(lambda x: ak.sum(x * x))(x),
    ]

    def once():
        for call in calls:
            call()
        gc.collect()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dualak.HostWarning)
        once()
        once()
        used, held = pool.used_bytes(), pool.total_bytes()
        end = time.monotonic() + SOAK
        while time.monotonic() < end:
            once()
    assert pool.used_bytes() <= used
    assert pool.total_bytes() <= 2 * held
