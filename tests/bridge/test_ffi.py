"""Entry points called by compiled JAX programs: right to the bit, from any thread, and no leak."""

from __future__ import annotations

import ctypes
import gc
import os
import pickle
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from dualak.engine.plan import Plan
from dualak.executors.cpu import sweeps
from dualak.graph.graph import Graph
from tests.support import ROOT, depth

jax = pytest.importorskip("jax", reason="JAX is not installed (extra: jax)")

from bridge.ffi import call, frames  # noqa: E402
from bridge.ffi.header import type_of, unlike_header  # noqa: E402

DTYPES = {"double": np.float64, "single": np.float32}


@pytest.fixture(params=DTYPES)
def dtype(request):
    """A type of numbers, with JAX set up to keep it."""
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", request.param == "double")
    yield np.dtype(DTYPES[request.param])
    jax.config.update("jax_enable_x64", before)


def sine_chain(dtype, length=1500):
    """Value and tangent, of which the first is also an input, copied."""
    graph = Graph()
    x, t = (graph.input(dtype, length) for _ in range(2))
    z = graph.apply("sin", x * x)
    return Plan([z, graph.apply("cos", x * x) * x * t * 2.0, x], [x, t])


def norms(dtype, length=1500):
    graph = Graph()
    x, t = (graph.input(dtype, length) for _ in range(2))
    ends = np.concatenate([[0, 0], np.arange(3, length, 7), [length]])
    offsets = graph.buffer(ends)
    norm = graph.apply("sqrt", graph.segment("sum", (x * x,), offsets))
    dot = graph.segment("sum", (x * t,), offsets)
    return Plan([norm, graph.apply("scale", graph.constant(1.0, dtype) / norm, dot)], [x, t])


def totals(dtype, length=1500):
    """Two passes, a gather and a scalar."""
    graph = Graph()
    x, t = (graph.input(dtype, length) for _ in range(2))
    total = graph.segment("sum", (x,), graph.buffer(np.array([0, length])))
    taken = graph.take(t, graph.buffer(np.arange(length)[::-1].copy()))
    return Plan([x / graph.scalar(total), taken, total], [x, t])


PLANS = {"sine chain": sine_chain, "norms": norms, "totals": totals}


def outputs_of(entry):
    return [jax.ShapeDtypeStruct((one.length,), one.dtype) for one in entry.results]


def function_of(plan):
    entry = plan.native()
    return lambda *operands: call.call(entry, outputs_of(entry), operands)


def numbers(plan, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.uniform(0.5, 2.0, one.length).astype(one.dtype) for one in plan.native().inputs]


def assert_same_bits(got, want):
    assert [(one.dtype, one.shape) for one in got] == [(one.dtype, one.shape) for one in want]
    for one, other in zip(got, want, strict=True):
        assert np.asarray(one).tobytes() == other.tobytes()


def test_it_is_available():
    assert call.available() is None


# -- programs -------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1, 1500, 40_000])
@pytest.mark.parametrize("name", PLANS)
def test_jit_gives_what_the_plan_gives(name, length, dtype):
    plan = PLANS[name](dtype, length)
    compiled = jax.jit(function_of(plan))
    for seed in range(3):
        buffers = numbers(plan, seed)
        assert_same_bits(compiled(*buffers), plan.run(buffers))


@pytest.mark.parametrize("name", PLANS)
def test_eager_gives_what_the_plan_gives(name, dtype):
    plan = PLANS[name](dtype)
    buffers = numbers(plan)
    assert_same_bits(function_of(plan)(*buffers), plan.run(buffers))


def test_inside_of_a_program(dtype):
    """Between other operations, and again and again in a loop."""
    plan = sine_chain(dtype)
    function = function_of(plan)

    def step(carry, _):
        z, slope, x = function(carry * 0.5, carry + 1.0)
        return x + z, slope.sum()

    x, _ = numbers(plan)
    carry, _ = jax.jit(lambda x: jax.lax.scan(step, x, length=4))(x)
    want = x
    for _ in range(4):
        z, _, half = plan.run([want * dtype.type(0.5), want + dtype.type(1.0)])
        want = half + z
    np.testing.assert_allclose(carry, want, rtol=1e-6 if dtype == np.float32 else 1e-14)


def test_many_plans_in_one_program(dtype):
    first, second = sine_chain(dtype), norms(dtype)
    one, two = function_of(first), function_of(second)
    x, t = numbers(first)
    z, slope, _ = first.run([x, t])
    got = jax.jit(lambda x, t: two(*one(x, t)[:2]))(x, t)
    assert_same_bits(got, second.run([z, slope]))


def test_shapes_are_the_callers(dtype):
    """Rows of directions, and numbers without a shape, are the same bytes."""
    graph = Graph()
    x, *t = (graph.input(dtype, 700) for _ in range(4))
    total = graph.segment("sum", (x,), graph.buffer(np.array([0, 700])))
    plan = Plan([*(x * one for one in t), total], [x, *t])
    entry = plan.native(inputs=(1, 3), results=(3, 1))
    outputs = [jax.ShapeDtypeStruct((3, 700), dtype), jax.ShapeDtypeStruct((), dtype)]
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=700).astype(dtype), rng.normal(size=(3, 700)).astype(dtype)
    products, total = jax.jit(lambda *given: call.call(entry, outputs, given))(x, t)
    *want, sum_of_all = plan.run([x, *t])
    assert_same_bits([products, total], [np.stack(want), sum_of_all.reshape(())])


def test_comparisons_are_booleans(dtype):
    graph = Graph()
    x = graph.input(dtype, 600)
    plan = Plan([graph.apply("greater", x, graph.constant(1.0, dtype))], [x])
    buffers = numbers(plan)
    assert_same_bits(jax.jit(function_of(plan))(*buffers), plan.run(buffers))


def test_nothing_at_all(dtype):
    plan = sine_chain(dtype, 0)
    assert_same_bits(jax.jit(function_of(plan))(*numbers(plan)), plan.run(numbers(plan)))


# -- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize("unlike", [np.ones(2, "f4"), np.ones(3, "i4"), None], ids=str)
def test_other_operands_are_refused(unlike):
    entry = sine_chain(np.float32, 3).native()
    operands = [np.ones(3, "f4"), *([] if unlike is None else [unlike])]
    with pytest.raises(ValueError, match=r"expected operands of \[\('float32', 3\), "):
        jax.jit(lambda *given: call.call(entry, outputs_of(entry), given))(*operands)


def test_other_outputs_are_refused():
    entry = sine_chain(np.float32, 3).native()
    outputs = [jax.ShapeDtypeStruct((3,), np.int32), *outputs_of(entry)[1:]]
    with pytest.raises(ValueError, match=r"expected outputs of .* got .*int32"):
        call.call(entry, outputs, [np.ones(3, "f4")] * 2)


def called(*operands, **attributes):
    """The handler, without the checks of ``call``."""
    call.available()
    target = jax.ffi.ffi_call(call.TARGET, [jax.ShapeDtypeStruct((3,), np.float32)] * 3)
    return jax.block_until_ready(jax.jit(lambda *given: target(*given, **attributes))(*operands))


MISSING = {
    "buffer": "the buffers of its plan",
    "function": "the buffers of its plan",
    "context": "a plan's table",
    "its type": "a plan's table",
    "state": "a plan's table",
}


@pytest.mark.parametrize("missing", MISSING)
def test_a_program_that_is_no_plans_is_refused(missing):
    entry = sine_chain(np.float32, 3).native()
    operands = [np.ones(3, "f4")] * (1 if missing == "buffer" else 2)
    attributes = {
        "function": np.int64(entry.function),
        "context": np.int64(entry.context),
        "state": np.int64(ctypes.addressof(call._type_id)),
    }
    attributes.pop(missing, None)
    if missing == "its type":
        attributes["context"] = np.float64(1.0)
    with pytest.raises(Exception, match=f"dualak: expected {MISSING[missing]}"):
        called(*operands, **attributes)


def test_no_memory_is_an_error_of_jax():
    plan = sine_chain(np.float32, 3)
    entry = plan.native()
    room = int(entry._kept[-1][sweeps.ARENA])
    compiled = jax.jit(function_of(plan))
    buffers = numbers(plan)
    entry._kept[-1][sweeps.ARENA] = 2**62
    with pytest.raises(Exception, match="RESOURCE_EXHAUSTED: dualak: no memory"):
        jax.block_until_ready(compiled(*buffers))
    entry._kept[-1][sweeps.ARENA] = room
    assert_same_bits(compiled(*buffers), plan.run(buffers))


# -- other versions of XLA ------------------------------------------------------------------------


def header():
    path = Path(jax.ffi.include_dir(), "xla", "ffi", "api", "c_api.h")
    return path.read_text(encoding="utf-8")


CHANGES = {
    "version": ("#define XLA_FFI_API_MAJOR 0", "#define XLA_FFI_API_MAJOR 1"),
    "enumeration": ("XLA_FFI_DataType_S64 = 5", "XLA_FFI_DataType_S64 = 6"),
    "field before": ("  const XLA_FFI_Api* api;", "  int64_t other;\n  const XLA_FFI_Api* api;"),
    "field gone": ("  int64_t rank;\n", ""),
    "function before": (
        "_XLA_FFI_API_STRUCT_FIELD(XLA_FFI_ThreadPool_Schedule);",
        "_XLA_FFI_API_STRUCT_FIELD(Other); _XLA_FFI_API_STRUCT_FIELD(XLA_FFI_ThreadPool_Schedule);",
    ),
    "order": (
        "  XLA_FFI_Args args;\n  XLA_FFI_Rets rets;",
        "  XLA_FFI_Rets rets;\n  XLA_FFI_Args args;",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_header_is_told(change):
    old, new = CHANGES[change]
    text = header()
    assert old in text
    assert unlike_header(text) is None
    assert "expected" in unlike_header(text.replace(old, new))


def test_no_header_is_told():
    assert "expected version 0" in unlike_header("")


def test_sizes_are_those_of_the_header():
    """The fields' types: each is as wide as it is here, up to padding."""
    wide = {"int": 4, "int32_t": 4, "uint32_t": 4}
    for name, structure in frames.STRUCTURES.items():
        for field, kind in structure._fields_:
            declared = type_of(name, field, header())
            if declared is not None and ctypes.sizeof(kind) <= 8:
                enumeration = declared.startswith("XLA_FFI_") and not declared.endswith("*")
                size = 4 if enumeration or declared in wide else 8
                assert ctypes.sizeof(kind) == size, (name, field, declared)


def test_without_the_transport_the_way_out_is_named(monkeypatch):
    monkeypatch.setattr(call, "available", lambda: "JAX is too old")
    entry = sine_chain(np.float32, 3).native()
    with pytest.raises(RuntimeError, match="JAX is too old; choose another transport"):
        call.call(entry, outputs_of(entry), numbers(sine_chain(np.float32, 3)))


# -- threads and memory ---------------------------------------------------------------------------


def test_eight_threads_run_one_program(dtype):
    plan = norms(dtype, 40_000)
    compiled = jax.jit(function_of(plan))
    given = [numbers(plan, seed) for seed in range(8)]
    want = [plan.run(one) for one in given]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            for got, one in zip(pool.map(lambda one: compiled(*one), given), want, strict=True):
                assert_same_bits(got, one)


CODE = """
import os, sys, threading
import numpy as np
import jax
jax.config.update("jax_enable_x64", True)
from tests.bridge import test_ffi
cores, planned = map(int, sys.argv[1:])
def use(number):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:number])
use(planned)
plan = test_ffi.norms(np.dtype(np.float64), 1_000_000)
use(cores)
compiled = jax.jit(test_ffi.function_of(plan))
given = [test_ffi.numbers(plan, seed) for seed in range(6)]
want = [plan.run(one) for one in given]
failed = []
ready = threading.Barrier(6)
def work(i):
    try:
        ready.wait()
        assert test_ffi.call.available() is None
        for _ in range(4):
            test_ffi.assert_same_bits(compiled(*given[i]), want[i])
    except BaseException as error:
        failed.append(error)
threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
[one.start() for one in threads]
[one.join() for one in threads]
sys.exit(repr(failed) if failed else 0)
"""


@pytest.mark.in_full
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores cannot be chosen here")
@pytest.mark.parametrize(("cores", "planned"), depth.share([(1, 2), (1, 1), (2, 2)], 3))
def test_a_million_elements_from_six_threads_never_hang(cores, planned):
    """Also where the plan counts on a core that is not there any more."""
    numbers = [str(cores), str(planned)]
    done = subprocess.run(
        [sys.executable, "-c", CODE, *numbers], cwd=ROOT, capture_output=True, timeout=100
    )
    assert done.returncode == 0, done.stderr.decode()


LOADING = """
import pickle, sys
from jax.experimental.serialize_executable import deserialize_and_load
from bridge.ffi import call
assert call.available() is None
try:
    deserialize_and_load(*pickle.load(sys.stdin.buffer))
except Exception as error:
    sys.exit(0 if "NOT_FOUND" in str(error) else repr(error))
sys.exit("a program of another process was loaded")
"""


@pytest.mark.in_full
def test_a_program_is_not_loaded_by_another_process():
    plan = sine_chain(np.float32, 5)
    serialize = pytest.importorskip("jax.experimental.serialize_executable").serialize
    stored = pickle.dumps(serialize(jax.jit(function_of(plan)).lower(*numbers(plan)).compile()))
    done = subprocess.run(
        [sys.executable, "-c", LOADING], cwd=ROOT, input=stored, capture_output=True, timeout=100
    )
    assert done.returncode == 0, done.stderr.decode()


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory in use is not told here")
def test_ten_thousand_calls_leave_no_memory_behind():
    plan = norms(np.dtype(np.float32))
    compiled = jax.jit(function_of(plan))
    given = [jax.numpy.asarray(one) for one in numbers(plan)]
    assert plan.native()._kept[-1][sweeps.ARENA] > 4096

    def run(calls):
        for _ in range(calls):
            result = compiled(*given)
        jax.block_until_ready(result)

    run(1000)
    before = resident()
    run(10_000)
    assert resident() - before < 10_000 * 400  # a tenth of what a call takes for itself


def test_an_entry_lives_as_long_as_a_program_can_call_it():
    """Through JAX's caches, something lowered, and what is compiled from it."""
    plan = sine_chain(np.float32, 900)
    buffers = numbers(plan)
    want, context = plan.run(buffers), plan.native().context
    entry = weakref.ref(plan.native())
    compiled = jax.jit(function_of(plan))
    del plan
    assert_same_bits(compiled(*buffers), want)
    lowered = compiled.lower(*buffers)
    del compiled
    forget()
    assert entry() is not None
    program = lowered.compile()
    del lowered
    forget()
    assert call._programs(context) == 1
    assert_same_bits(program(*buffers), want)
    del program
    forget()
    assert entry() is None


def test_calls_outlive_what_python_knows_of_their_program():
    """JAX's fast path keeps the program alone: then its state keeps the table."""
    plan = norms(np.float32, 900)
    compiled = jax.jit(function_of(plan))
    buffers = numbers(plan)
    want, context = plan.run(buffers), plan.native().context
    compiled(*buffers)
    del call._held[context]
    assert call._programs(context) == 1
    call.sweep()
    assert context in call._entries
    assert_same_bits(compiled(*buffers), want)
    del compiled, plan
    forget()
    assert context not in call._entries


def forget():
    gc.collect()
    jax.clear_caches()
    gc.collect()
    call.sweep()
