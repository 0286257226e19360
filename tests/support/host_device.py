"""A device on the host: the stand-in for CuPy, and kernels that the host runs at its geometry.

Run as a program, this file runs the cases that it is given on standard input, as ``cuda_cases``.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
import traceback
from functools import cache
from pathlib import Path

import numpy as np

from dualak import device
from dualak.executors.cuda import columns, compiler, elements, executor, lists
from dualak.executors.cuda.geometry import DEVICE, power_of_two
from dualak.rules import REDUCTIONS
from tests.support import cuda_cases, libdevice, on_host

HOPPER = (9, 0)


class _CapturedError(Exception):
    """What was to be compiled, instead of its compilation."""


def llvm_of(text):
    """The modules that Numba-CUDA gives NVVM for a kernel."""
    from numba.cuda.cudadrv import nvvm

    def captured(code, **unused):
        raise _CapturedError(code)

    known, nvvm.compile_ir = nvvm.compile_ir, captured
    try:
        compiler.ptx(text, HOPPER)
    except _CapturedError as error:
        code = error.args[0]
        return code if isinstance(code, list) else [code]
    finally:
        nvvm.compile_ir = known
    raise AssertionError("expected Numba-CUDA to call NVVM")


@cache
def _instrument():
    """What the code of the host is made of, beside that of the kernel."""
    folder = Path(on_host.__file__).parent
    sources = [*sorted(folder.iterdir()), Path(libdevice.__file__)]
    whole = b"".join(one.read_bytes() for one in sources if one.is_file())
    return hashlib.sha256(whole).hexdigest()


def code(text, capability):
    """A kernel as a library of the host, kept on disk beside those of devices."""
    path = compiler._folder() / f"{compiler._digest(text, (_instrument(), 0))}.host"
    known = compiler._read(path)
    if known is None:
        known = compiler.Code("kernel", on_host.assemble(llvm_of(text)))
        with contextlib.suppress(OSError):
            compiler._write(path, known)
    return known


def install():
    """Puts the stand-in in CuPy's place, and the host's kernels in those of a device."""
    from tests.support import cupy_stand_in

    cupy_stand_in.install()
    compiler.code = code


# -- cases at a device's geometry -----------------------------------------------------------------

CASES = {}


def case(name, *cells):
    return cuda_cases.case(name, *cells, into=CASES)


#: Around all sizes at which a kernel takes another way: a warp, a block, a tile; then what comes.
AROUND = [0, 1, 2, 31, 32, 33, 63, 64, 65, 255, 256, 257, 511, 513, 2047, 2048, 2049, 0]
COUNTS = {
    "around": [*AROUND, *AROUND[::-1]],
    "long": [9000, 0, 300, 1, 4097],
    "short": [*([3, 0, 1] * 700), 257, *([4] * 300)],
    "ones": [1] * 2050,
    "empty": [0] * 4100,
    "random": [*np.random.default_rng(5).poisson(4, 900).tolist()],
    "warps": [*np.random.default_rng(6).integers(0, 70, 150).tolist()],
}


def numbers(which, dtype):
    """Offsets inside of more elements, numbers with ties, and a direction."""
    rng = np.random.default_rng(len(which))
    offsets = 3 + np.concatenate([[0], np.cumsum(COUNTS[which])]).astype(np.int64)
    x = rng.integers(-4, 5, offsets[-1] + 5) * 0.75
    return offsets, x.astype(dtype), rng.normal(size=len(x)).astype(dtype)


@case("reduction", REDUCTIONS, COUNTS, ("float64", "float32"))
def reduction(name, which, dtype):
    """With tangents in two directions, and results of elements beside them."""
    offsets, x, t = numbers(which, dtype)
    x = 1.0 + x / 1000 if name == "prod" else x
    x = x.astype(dtype)
    tangent = REDUCTIONS[name].tangent

    def make(graph):
        values, at = graph.buffer(x), graph.buffer(offsets)
        along = [graph.buffer(t), graph.buffer(t[::-1].copy())]
        pair = (values,) if tangent else ()
        found = [graph.segment(tangent or name, (*pair, one), at) for one in along]
        return [graph.segment(name, (values,), at), *found]

    rtol = 1e-9 if dtype == "float64" else 1e-3
    cuda_cases.agrees(make, rtol=rtol, atol=rtol)


@case("lists and elements", COUNTS)
def lists_and_elements(which):
    offsets, x, t = numbers(which, "float64")

    def make(graph):
        at, one, two = graph.buffer(offsets), graph.buffer(x), graph.buffer(t)
        weights = graph.buffer(np.linspace(1.0, 2.0, len(offsets) - 1))
        square = one * two
        total, most = graph.segment("sum", (square,), at), graph.segment("max", (one,), at)
        norm = graph.apply("sqrt", graph.apply("absolute", total))
        return [square, norm * weights + most]

    cuda_cases.agrees(make, rtol=1e-10, atol=1e-10)


@case("repeat", ("long", "warps"))
def repeat(which):
    """Without sums, so that nothing else lets the threads wait for each other."""
    offsets, x, _ = numbers(which, "float64")
    offsets = offsets - offsets[0]

    def make(graph):
        of_lists = graph.buffer(np.linspace(1.0, 2.0, len(offsets) - 1))
        return [graph.repeat(of_lists, graph.buffer(offsets)) * graph.buffer(x[: offsets[-1]])]

    cuda_cases.agrees(make)


@case("elements", (1, 2, 3, 255, 256, 257, 1023, 1025))
def elements_of(size):
    def make(graph):
        x = graph.buffer(np.linspace(-1.0, 2.0, size))
        index = graph.buffer(np.arange(size)[::-1].copy())
        return [graph.take(x, index) * 2.0 + x, graph.apply("greater", x, graph.take(x, index))]

    cuda_cases.agrees(make)


@case("columns", (1, 3, 31, 255, 256, 257, 600), (1, 2, 65, 2049))
def columns_of(width, rows):
    offsets = np.arange(rows + 1) * width

    def make(graph):
        at = graph.buffer(offsets)
        across = graph.tile(graph.buffer(np.linspace(-1.0, 1.0, width)), at)
        down = graph.repeat(graph.buffer(np.linspace(1.0, 3.0, rows)), at)
        return [graph.columns(across * down, at, width), graph.columns(across, at, width)]

    cuda_cases.agrees(make, rtol=1e-9, atol=1e-9)


@case("bands", (1, 2, 7, 33, 255, 257, 2048), (1, 5, 8, 100))
def bands(count, width):
    """The kernel that joins sums of bands, on its own."""
    partial = np.random.default_rng(count).normal(size=(count, width))
    memory = device.memory_of("cuda")
    found = memory.empty(width, np.float64)
    executor._join_bands(found, memory.moved(partial.ravel()), count, DEVICE)
    np.testing.assert_allclose(device.to_host(found), partial.sum(0), rtol=1e-11, atol=1e-11)
    assert power_of_two(count, DEVICE.threads) <= DEVICE.threads


def outcome(name):
    """What became of a case, in all orders of threads; cases of the simulator have their names."""
    from tests.support import cupy_streams

    known = CASES.get(name) or cuda_cases.CASES[name.removeprefix("simulator: ")]
    for cupy_streams.order[0] in on_host.ORDERS:
        try:
            known()
        except Exception:
            return traceback.format_exc()
    return None


# -- what has to be seen --------------------------------------------------------------------------

#: Where a kernel's text stands, what is put for what there, and the case that has to fail.
# fmt: off
BUGS = {
    "no barrier before sums are joined": (
        *(lists, "_TREE", "width)\n        cuda.syncthreads()\n", "width)\n"),
        "reduction sum around float64",
    ),
    "no barrier between the steps of joining": (
        *(lists, "_TREE", "\n            cuda.syncthreads()", ""),
        "reduction sum around float64",
    ),
    "no barrier behind results": (
        *(lists, "_TREE", "{finish}\n        cuda.syncthreads()", "{finish}"),
        "reduction sum around float64",
    ),
    "no barrier behind the first flag": (
        *(lists, "_LISTS_HEAD", "\ncuda.syncthreads()", ""),
        "reduction sum long float64",
    ),
    "no barrier before the flag is read": (
        *(lists, "_LISTS", "    cuda.syncthreads()\n    if later", "    if later"),
        "repeat long",
    ),
    "one element too many": (
        *(lists, "_LISTS", "while p < stop", "while p <= stop"),
        "reduction sum around float64",
    ),
    "one thread too many joins": (
        *(lists, "_TREE", "if lane < half and", "if lane <= half and"),
        "reduction sum around float64",
    ),
    "lists of just the longest size are left out": (
        *(
            lists,
            "_LISTS",
            "turn == 0 and stop - start > {long}",
            "turn == 0 and stop - start >= {long}",
        ),
        "reduction sum around float64",
    ),
    "a stride that leaves elements out": (
        *(lists, "_LISTS", "p += width", "p += width + 1"),
        "reduction sum around float64",
    ),
    "offsets behind the last list": (
        *(lists, "_LISTS", "i = min(base + (t >> shift), last - 1)", "i = base + (t >> shift)"),
        "reduction sum around float64",
    ),
    "a list is jumped over": (
        *(lists, "_LISTS", "next += lists", "next += lists + 1"),
        "reduction sum short float64",
    ),
    "a list of two blocks": (
        *(lists, "_LISTS_HEAD", "tiles[cuda.blockIdx.x + 1]", "tiles[cuda.blockIdx.x + 1] + 1"),
        "reduction sum short float64",
    ),
    "results behind the last list": (
        *(lists, "_TREE", "if t < lists and base + t < last:", "if t < lists:"),
        "reduction sum around float64",
    ),
    "two lists share the block in the second turn": (
        *(lists, "_LISTS", "shift = {threads}\n", "shift = {threads} - 1\n"),
        "reduction sum long float64",
    ),
    "no barrier before columns are joined": (
        *(columns, "_COLUMNS", "\ncuda.syncthreads()", ""),
        "columns 31 65",
    ),
    "rows behind the last one": (
        *(columns, "_COLUMNS", "min((band + 1) * height, rows)", "(band + 1) * height"),
        "columns 3 2049",
    ),
    "one column too many": (
        *(
            columns,
            "_COLUMNS",
            "if lane < lanes and column < width",
            "if lane < lanes and column <= width",
        ),
        "columns 257 2",
    ),
    "rows are left out": (
        *(columns, "_COLUMNS", "i += lanes", "i += lanes + 1"),
        "columns 255 2049",
    ),
    "columns of another tile": (
        *(columns, "_COLUMNS", "column = cuda.blockIdx.x % across * columns +", "column ="),
        "columns 600 2",
    ),
    "no barrier between the steps of bands": (
        *(
            columns,
            "_BANDS",
            "            s[t] += s[t + half]\n        cuda.syncthreads()",
            "            s[t] += s[t + half]",
        ),
        "bands 257 5",
    ),
    "bands are joined past the end": (
        *(columns, "_BANDS", "half = lanes >> 1", "half = lanes"),
        "bands 257 5",
    ),
    "bands are added twice": (*(columns, "_BANDS", "b += lanes", "b += 1"), "bands 33 5"),
    "one element too many, without lists": (
        *(elements, "_ELEMENTS", "while p < end", "while p <= end"),
        "elements 257",
    ),
    "the first element is left out": (
        *(elements, "_ELEMENTS", "begin + cuda.grid(1)", "begin + cuda.grid(1) + 1"),
        "elements 257",
    ),
}
# fmt: on


def seen(name):
    """What became of a case with a bug in its kernel: nothing if the bug was not seen."""
    module, attribute, old, new, wanted = BUGS[name]
    known = getattr(module, attribute)
    assert known.count(old) == 1, f"the text of a kernel changed: {old!r}"
    setattr(module, attribute, known.replace(old, new))
    try:
        return outcome(wanted)
    finally:
        setattr(module, attribute, known)


def main():
    """Runs what is named on standard input, one JSON line each."""
    install()
    for name in json.load(sys.stdin):
        error = seen(name) if name in BUGS else outcome(name)
        sys.stdout.write(json.dumps({"name": name, "error": error}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
