"""Every kernel for CUDA compiles to PTX and to the code of sm_90; neither needs a device."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys

import awkward as ak
import numpy as np
import pytest

import dualak
from bench.cases import CASES as PROGRAMS
from dualak import device
from dualak.engine import realize, schedule
from dualak.executors.cpu import executor as cpu
from dualak.executors.cuda import compiler, geometry
from dualak.executors.cuda import executor as cuda
from dualak.executors.cuda.columns import bands_text
from dualak.executors.cuda.operations import SPECIAL
from dualak.executors.cuda.source import Text
from dualak.graph.graph import Graph
from tests.support import cuda_cases, depth, require_compiler
from tests.support.cuda_cases import CASES, OPERATIONS, edges

require_compiler()

HOPPER = (9, 0)
DTYPES = ("float64", "float32")

#: Cases that compare nodes, or derivatives, with those of the CPU: here their kernels are compiled.
COMPARED = ("cast", "select", "scalars", "take", "reduction", "special", "elements", "repeat")
COMPARED += ("columns", "many", "jvp", "rule", "dijet", "several", "second", "long", "linear")
#: One shape of lists stands for all, since lengths are not in the text of a kernel.
OTHER_SHAPES = ("short", "one element each", "empty", "one", "none", "inside", "columns 1", "17")
#: Sixty directions in one kernel take half a minute, and functions that change nothing have none.
LEFT_OUT = ("many directions 60", "rule conjugate", "rule positive")
LEFT_OUT += tuple(name for name in CASES if name.startswith("special function"))
KERNELS = [
    name
    for name in CASES
    if name.startswith(COMPARED)
    and name not in LEFT_OUT
    and not any(shape in name for shape in OTHER_SHAPES)
]

_known: dict[Text, str] = {}


def parameters_of(made):
    """The types of a kernel's parameters, as whoever starts it has to hand them over."""
    head = re.search(r"\.visible\s+\.entry\s+\w+\((.*?)\)", made, re.DOTALL)[1]
    return re.findall(r"\.param\s+\.([a-z]\d+)", head)


def register_of(parameter):
    """The type of PTX for a pointer, which is an address, or for a number."""
    if parameter.pointer:
        return "u64"
    kind = "f" if parameter.dtype.kind == "f" else "u"
    return f"{kind}{8 * parameter.dtype.itemsize}"


def ptx_of(text):
    """PTX of a kernel, which is assembled as well, once for each text."""
    if text not in _known:
        made = compiler.ptx(text, HOPPER)
        assert compiler.assembled(made, HOPPER).startswith(b"\x7fELF")
        assert parameters_of(made) == [register_of(one) for one in text.parameters]
        _known[text] = made
    return _known[text]


def compiled(program, known=True):
    """PTX of all kernels of a program, whose scalars are known on the host or on the device."""
    program, _ = cuda.shortened(program)
    operands = enumerate(program.operands)
    by_value = {number for number, one in operands if one.kind == "scalar" and known}
    for one in cuda.launches(program, frozenset(by_value), device.HOST, geometry.DEVICE):
        yield ptx_of(one.text)


def kernels_of(function, *args, known=True):
    """PTX of all programs that a function runs on the CPU."""
    programs = []

    def run(program):
        programs.append(program)
        own(program)

    own, cpu.run = cpu.run, run
    try:
        function(*args)
    finally:
        cpu.run = own
    return [made for program in programs for made in compiled(program, known)]


def is_kernel(made):
    """Whether a text is a kernel for Hopper, without atomics: floats add up in a fixed order."""
    assert ".target sm_90" in made
    assert len(re.findall(r"\.visible\s+\.entry", made)) == 1
    assert not re.search(r"^\s*(atom|red)\.", made, re.MULTILINE)
    return True


@pytest.mark.one_in(5)
@pytest.mark.parametrize(("op", "dtype"), depth.share(itertools.product(OPERATIONS, DTYPES), 5))
def test_operation_compiles(op, dtype):
    def compute():
        graph = Graph()
        realize.compute([graph.apply(op, *map(graph.buffer, edges(op, np.dtype(dtype))))])

    assert all(map(is_kernel, kernels_of(compute)))


@pytest.mark.parametrize(("key", "dtype"), depth.share(itertools.product(SPECIAL, DTYPES), 5))
def test_special_function_compiles(key, dtype):
    """The CPU has no kernel of these, which are calls of SciPy there."""
    graph = Graph()
    node = graph.apply(key, graph.buffer(np.ones(3, dtype)))
    (one,) = schedule.passes([node])
    program, _ = schedule.program_of(one, {node: realize.result_of(node)})
    assert all(map(is_kernel, compiled(program)))


@pytest.mark.one_in(5)
@pytest.mark.parametrize("name", depth.share(KERNELS, 8))
def test_kernels_of_a_case_compile(name, monkeypatch):
    made = []

    def compile_nodes(make, **unused):
        def compute():
            realize.compute(make(Graph()))

        made.extend(kernels_of(compute))
        if name.startswith("scalars"):
            made.extend(kernels_of(compute, known=False))

    def compile_derivative(*args, **unused):
        made.extend(kernels_of(dualak.jvp, *args))

    monkeypatch.setattr(cuda_cases, "agrees", compile_nodes)
    monkeypatch.setattr(cuda_cases, "same_jvp", compile_derivative)
    CASES[name]()
    assert made
    assert all(map(is_kernel, made))


@pytest.mark.one_in(6)
@pytest.mark.parametrize("name", PROGRAMS)
def test_kernels_of_the_benchmarks_compile(name):
    x, t = PROGRAMS[name].build(20)
    made = kernels_of(dualak.jvp, PROGRAMS[name].func, x, t)
    assert made
    assert all(map(is_kernel, made))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_kernel_of_bands_compiles(dtype):
    assert is_kernel(ptx_of(bands_text(np.dtype(dtype), geometry.DEVICE.threads)))


def text_of(expression, size=5):
    graph = Graph()
    programs = []
    realize.compute(
        [expression(graph.buffer(np.linspace(1.0, 2.0, size)))],
        run=lambda program: programs.append(program) or cpu.run(program),
    )
    (launch,) = cuda.launches(programs[0], frozenset(), device.HOST, geometry.DEVICE)
    return launch.text


def test_one_text_for_all_lengths():
    """A program of another length and at other addresses is not compiled again."""
    short, long = (text_of(lambda x: x.graph.apply("exp", x) * 3.0, size) for size in (5, 500))
    assert short == long


def test_value_and_tangent_are_one_kernel():
    x = ak.unflatten(np.linspace(0.5, 2.0, 9), [4, 0, 5])
    made = kernels_of(dualak.jvp, lambda x: np.sqrt(ak.sum(x**2, axis=1)), x, x)
    assert len(made) == 1
    assert made[0].count("sqrt.rn.f64") == 1


# -- kept on disk ---------------------------------------------------------------------------------


@pytest.fixture
def counted(monkeypatch, tmp_path):
    """The texts that Numba was asked for, with an empty cache."""
    seen = []

    def ptx(text, capability):
        seen.append(text)
        return known(text, capability)

    known = compiler.ptx
    monkeypatch.setattr(compiler, "ptx", ptx)
    monkeypatch.setenv("DUALAK_CACHE_DIR", str(tmp_path / "kernels"))
    return seen


def test_code_is_compiled_once_for_all_processes(counted):
    text = text_of(lambda x: x * x)
    first, second = compiler.code(text, HOPPER), compiler.code(text, HOPPER)
    assert first == second
    assert first.entry.encode() in first.cubin
    assert len(counted) == 1
    compiler.code(text, (8, 0))
    compiler.code(text_of(lambda x: x + x), HOPPER)
    assert len(counted) == 3


def test_code_that_was_cut_off_is_made_again(counted, tmp_path):
    text = text_of(lambda x: x * x)
    size = len(compiler.code(text, HOPPER).cubin)
    (path,) = (tmp_path / "kernels").glob("*.cubin")
    for left in (path.read_bytes()[:-10], b""):
        path.write_bytes(left)
        assert len(compiler.code(text, HOPPER).cubin) == size
    assert len(counted) == 3
    compiler.code(text, HOPPER)
    assert len(counted) == 3


def test_a_folder_that_cannot_be_written_costs_only_time(counted, monkeypatch, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("DUALAK_CACHE_DIR", str(blocked / "kernels"))
    text = text_of(lambda x: x * x)
    for _ in range(2):
        assert compiler.code(text, HOPPER).cubin
    assert len(counted) == 2


@pytest.mark.in_full
def test_import_leaves_cuda_alone():
    """What is for a device only is imported when it is used."""
    code = (
        "import sys, awkward, numba, numpy\n"
        "before = set(sys.modules)\n"
        "import dualak\n"
        "dualak.jvp(numpy.sin, numpy.ones(3), numpy.ones(3))\n"
        "new = set(sys.modules) - before\n"
        "bad = [one for one in new if one.split('.')[0] in ('cupy', 'cuda')]\n"
        "bad += [one for one in new if one.startswith(('numba.cuda', 'dualak.executors.cuda'))]\n"
        "assert not bad, sorted(bad)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
