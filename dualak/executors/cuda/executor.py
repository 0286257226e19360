"""The CUDA executor: a program as one kernel, or a few, compiled by Numba for its structure.

A kernel computes values and all tangents of an element in registers, with gathers in place, and
reduces the lists that it has the elements of.  Nothing waits for the device: kernels go to the
stream in use, one after the other, and numbers are waited for by who copies them to the host.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dualak import device
from dualak.device import CUDA, Buffer
from dualak.executors import Extent, Operand, Program
from dualak.executors.cuda import geometry
from dualak.executors.cuda.columns import bands_text, columns_text
from dualak.executors.cuda.elements import OF_LISTS, elements_text, needed
from dualak.executors.cuda.geometry import Geometry
from dualak.executors.cuda.launch import Kernel, kernel
from dualak.executors.cuda.lists import lists_text, offsets_type
from dualak.executors.cuda.source import INDEX, Text

#: Half the bytes that an index of Awkward has.
SHORT = np.dtype(np.int32)

#: The buffers of a program's operands on the device, and numbers of scalars, by operand.
Values = dict[int, Any]


def run(program: Program) -> None:
    """Fills the results of a program, whose buffers are on the device."""
    Prepared(program).run([operand.data for operand in program.operands])


class Prepared:
    """A program and what follows from its structure, to run many times."""

    def __init__(
        self, program: Program, memory: CUDA | None = None, sizes: Geometry | None = None
    ) -> None:
        if sizes is None:
            sizes = geometry.SIMULATOR if device.simulated() else geometry.DEVICE
        self._program, self._short = shortened(program)
        self._sizes = sizes
        self._memory = CUDA() if memory is None else memory
        self._launches: dict[frozenset[int], list[_Launch]] = {}

    def run(self, buffers: Sequence[Buffer | None]) -> None:
        """Runs the program on buffers, one for each operand that has one."""
        values, by_value = self._values(buffers)
        if by_value not in self._launches:
            self._launches[by_value] = self._planned(by_value)
        for launch in self._launches[by_value]:
            launch(values)

    def _values(self, buffers: Sequence[Buffer | None]) -> tuple[Values, frozenset[int]]:
        """The operands' values, and which of them are numbers that the host knows."""
        values: Values = {}
        by_value = []
        for number, (operand, buffer) in enumerate(
            zip(self._program.operands, buffers, strict=True)
        ):
            if buffer is None:
                continue
            if number in self._short:
                values[number] = self._memory.resident(buffer, SHORT)
            elif operand.kind == "scalar" and not device.on_device(buffer):
                by_value.append(number)
                values[number] = operand.dtype.type(buffer[0])
            else:
                values[number] = self._memory.resident(buffer)
        return values, frozenset(by_value)

    def _planned(self, by_value: frozenset[int]) -> list[_Launch]:
        return list(launches(self._program, by_value, self._memory, self._sizes))


def shortened(program: Program) -> tuple[Program, frozenset[int]]:
    """The program with indexes of half the bytes, and the operands that these are.

    They are indexes of gathers, used for nothing else, whose numbers are small enough.
    """
    steps = program.instructions
    indexes = {step.arguments[1] for step in steps if step.op == "take"}
    others = {number for step in steps if step.op != "take" for number in step.arguments}
    short = {number for number in indexes - others if _is_short(program.operands[number])}
    operands = (
        replace(operand, dtype=SHORT) if number in short else operand
        for number, operand in enumerate(program.operands)
    )
    return replace(program, operands=tuple(operands)), frozenset(short)


def _is_short(index: Operand) -> bool:
    data = index.data
    if index.dtype != INDEX or data is None or device.on_device(data):
        return False
    return int(data.max(initial=0)) < 2**31


@dataclass(frozen=True)
class _Launch:
    """A kernel, and how its arguments follow from the operands' values."""

    kernel: Kernel
    text: Text
    grid: int
    threads: int
    given: dict[str, Any]
    memory: CUDA
    after: Callable[[Values, dict[str, Any]], None] | None = None
    partials: int = 0

    def __call__(self, values: Values) -> None:
        given = dict(self.given)
        for number in self.text.results:
            given[f"q{number}"] = self.memory.empty(self.partials, np.float64)
        arguments = [
            given[parameter.name] if parameter.operand is None else values[parameter.operand]
            for parameter in self.text.parameters
        ]
        self.kernel(self.grid, self.threads, arguments)
        if self.after is not None:
            self.after(values, given)


def launches(
    program: Program, by_value: frozenset[int], memory: CUDA, sizes: Geometry
) -> list[_Launch]:
    """The kernels of a program: of elements or of lists, and of columns."""
    results = [
        step.result
        for step in program.instructions
        if program.operands[step.result].data is not None
    ]
    extent = {number: program.operands[number].extent for number in results}
    found = []
    rest = [number for number in results if extent[number] != Extent.COLUMNS]
    steps = needed(program, rest)
    if any(step.extent == Extent.LISTS or step.op in OF_LISTS for step in steps):
        found += _of_lists(program, by_value, rest, memory, sizes)
        outside = [number for number in rest if extent[number] == Extent.ELEMENTS]
        found += _outside(program, by_value, outside, memory, sizes)
    elif rest and program.length:
        found.append(_of_elements(program, by_value, rest, (0, program.length), memory, sizes))
    of_columns = [number for number in results if extent[number] == Extent.COLUMNS]
    if of_columns:
        found.append(_of_columns(program, by_value, of_columns, memory, sizes))
    return found


def _of_elements(
    program: Program,
    by_value: frozenset[int],
    roots: Sequence[int],
    extent: tuple[int, int],
    memory: CUDA,
    sizes: Geometry,
) -> _Launch:
    begin, end = map(np.int64, extent)
    grid = geometry.whole(-(-(extent[1] - extent[0]) // sizes.threads))
    text = elements_text(program, by_value, roots)
    given = {"begin": begin, "end": end}
    return _Launch(kernel(text), text, grid, sizes.threads, given, memory)


def _outside(
    program: Program,
    by_value: frozenset[int],
    roots: Sequence[int],
    memory: CUDA,
    sizes: Geometry,
) -> list[_Launch]:
    """The elements before the first list and after the last one."""
    assert program.offsets is not None
    ends = int(program.offsets[0]), int(program.offsets[-1])
    extents = (0, ends[0]), (ends[1], program.length)
    return [
        _of_elements(program, by_value, roots, extent, memory, sizes)
        for extent in extents
        if roots and extent[0] < extent[1]
    ]


def _of_lists(
    program: Program,
    by_value: frozenset[int],
    roots: Sequence[int],
    memory: CUDA,
    sizes: Geometry,
) -> list[_Launch]:
    assert program.offsets is not None
    tiles = geometry.tiles(program.offsets, sizes.tile)
    if len(tiles) < 2:
        return []
    text = _fitting(lists_text, program, by_value, roots, sizes)
    threads = sizes.block(text.accumulators)
    offsets = memory.resident(program.offsets, offsets_type(program.offsets))
    given = {"tiles": memory.moved(tiles), "offsets": offsets}
    return [_Launch(kernel(text), text, len(tiles) - 1, threads, given, memory)]


def _fitting(
    make: Callable[..., Text],
    program: Program,
    by_value: frozenset[int],
    roots: Sequence[int],
    sizes: Geometry,
) -> Text:
    """The kernel for as many threads as its sums leave memory for."""
    text = make(program, by_value, roots, _block(sizes, sizes.threads))
    return make(program, by_value, roots, _block(sizes, sizes.block(text.accumulators)))


def _block(sizes: Geometry, threads: int) -> dict[str, int]:
    return {"threads": threads, "warp": min(sizes.warp, threads), "long": sizes.long}


def _of_columns(
    program: Program,
    by_value: frozenset[int],
    roots: Sequence[int],
    memory: CUDA,
    sizes: Geometry,
) -> _Launch:
    assert program.offsets is not None
    rows = len(program.offsets) - 1
    width = len(program.operands[roots[0]].data)  # type: ignore[arg-type]
    text = _fitting(columns_text, program, by_value, roots, sizes)
    threads = sizes.block(text.accumulators)
    shape = geometry.rows_and_columns(max(width, 1), rows, threads, sizes.bands)
    spread = {name: shape[name] for name in ("columns", "across", "height")}
    numbers = {"rows": rows, "width": width, **spread}
    given = {name: np.int64(number) for name, number in numbers.items()}

    def after(values: Values, made: dict[str, Any]) -> None:
        for number in text.results:
            _join_bands(values[number], made[f"q{number}"], shape["bands"], sizes)

    return _Launch(
        kernel(text),
        text,
        shape["bands"] * shape["across"],
        threads,
        given,
        memory,
        after,
        partials=shape["bands"] * width,
    )


def _join_bands(result: Any, partial: Any, count: int, sizes: Geometry) -> None:
    """Adds up the sums of all bands, always in the same order."""
    width = len(result)
    lanes = geometry.power_of_two(count, sizes.threads)
    grid = geometry.whole(-(-width // (sizes.threads // lanes)))
    numbers = [np.int64(number) for number in (count, width, lanes)]
    joined = kernel(bands_text(result.dtype, sizes.threads))
    joined(grid, sizes.threads, [*numbers, partial, result])
