"""The CPU executor: a program's instructions, block by block, on all cores.

A block is so small that what instructions hand to each other stays in the cache.  The instructions
of a block are calls by address, so a program that nobody has seen before compiles nothing: only an
operation that this machine has never run does, once.  Blocks are independent; Python threads share
them out and the driver runs without the GIL, so any number of callers may run at the same time.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from dualak import device
from dualak.device import Buffer
from dualak.executors import Extent, Instruction, Operand, Program, scalar_functions
from dualak.executors.compiled import jit
from dualak.executors.cpu.kernels import address
from dualak.executors.cpu.pairs import Call, paired
from dualak.executors.cpu.registers import allocated
from dualak.executors.cpu.sweeps import add_up, sweep

BLOCK = 512
#: Sweeps shorter than this run on the calling thread: sharing them out costs more than it saves.
PARALLEL_FROM = 64 * BLOCK
#: Each thread gets this many shares, so that a disturbed one delays the others little.
SHARES = 4


def run(program: Program) -> None:
    """Fills the results of a program."""
    Prepared(program).run([operand.data for operand in program.operands])


class Prepared:
    """A program with all that does not depend on its buffers worked out, to run many times.

    Attributes:
        operands: of the program.
        registers: the register of each operand that has one.
        threads: how many share it out at most.
        room: the elements of a register: those of the largest block.
        code: rows (address of the kernel, its five operands or -1, extent) of the calls.
        streams: rows (address or register, bytes per element, extent, whether it is a register) of
            the operands; addresses are still zero.
        blocks: rows (first element, last element, first list, last list).
        parts: the blocks, share by share.
        columns, scalars, buffers: the operands that have a buffer, by what becomes of it.
    """

    def __init__(self, program: Program) -> None:
        self.operands = program.operands
        self.blocks = _blocks(program)
        self.threads = device.cores() if program.length >= PARALLEL_FROM else 1
        self.room = int((self.blocks[:, 1::2] - self.blocks[:, ::2]).max(initial=0))
        shares = self.threads * SHARES if self.threads > 1 else 1
        self.parts = np.array_split(self.blocks, shares) if shares > 1 else [self.blocks]
        known = _assembled(tuple(map(_stored, program.operands)), program.instructions)
        self.registers, self.code, self.streams = known.registers, known.code, known.streams
        self.columns, self.scalars, self.buffers = known.columns, known.scalars, known.buffers

    def run(self, buffers: Sequence[Buffer | None]) -> None:
        """Runs the program on buffers, one for each operand that has one."""
        streams, sums = self.streams.copy(), self._partial_sums(buffers)
        for number in self.buffers:
            streams[number, 0] = device.address(buffers[number])  # type: ignore[arg-type]
        for number, partial in sums.items():
            streams[number, :2] = device.address(partial), partial.strides[0]
        # Taking the next of an iterator is atomic: each thread takes a share as soon as it is free.
        shares = iter(enumerate(self.parts))

        def work(scratch: Buffer) -> None:
            start, register = device.address(scratch), self.room * 8
            for number, share in shares:
                sweep(self.code, streams, share, number, start, register)

        own, *others = [self._scratch(buffers) for _ in range(self.threads)]
        helpers = [pool().submit(work, scratch) for scratch in others]
        work(own)
        for helper in helpers:
            helper.result()
        for number, partial in sums.items():
            _add_up(partial, buffers[number])  # type: ignore[arg-type]

    def scratch(self) -> int:
        """How many elements all registers of one thread have, each of eight bytes."""
        return (max(self.registers.values(), default=-1) + 1) * self.room

    def _partial_sums(self, buffers: Sequence[Buffer | None]) -> dict[int, Buffer]:
        """For each operand of columns its sums over each share; always added in the same order."""
        known = {number: buffers[number] for number in self.columns}
        return {
            number: np.zeros((len(self.parts), len(data)), data.dtype)
            for number, data in known.items()
            if data is not None
        }

    def _scratch(self, buffers: Sequence[Buffer | None]) -> Buffer:
        """The registers of one thread, each as long as a block; those of scalars are filled."""
        scratch = device.empty(self.scratch(), np.float64)
        for number in self.scalars:
            start = self.registers[number] * self.room
            register = scratch[start : start + self.room].view(self.operands[number].dtype)
            register[: self.room] = buffers[number][0]  # type: ignore[index]
        return scratch


def adder(dtype: np.dtype[Any]) -> int:
    """The kernel that adds partial sums."""
    return address("add", (dtype,) * 3)


def _add_up(partial: Buffer, total: Buffer) -> None:
    goal, start, size = device.address(total), device.address(partial), partial.strides[0]
    add_up(goal, size, start, len(partial), len(total), adder(total.dtype))


def pool() -> ThreadPoolExecutor:
    """The threads of this process."""
    return _pool(os.getpid())


@cache
def _pool(process: int) -> ThreadPoolExecutor:
    """The threads of this process; a forked one starts its own."""
    return ThreadPoolExecutor(device.cores(), thread_name_prefix="dualak")


def _blocks(program: Program) -> Buffer:
    if program.offsets is not None:
        return _list_blocks(program.offsets, program.length, BLOCK)
    return _even_blocks(program.length, BLOCK)


@lru_cache(64)
def _even_blocks(length: int, size: int) -> Buffer:
    starts = np.arange(0, length, size)
    stops = np.minimum(starts + size, length)
    return np.stack([starts, stops, starts * 0, starts * 0], axis=1)


class _Stored(NamedTuple):
    """What calls have to know of an operand, whatever its buffer is."""

    dtype: np.dtype[Any]
    extent: Extent
    kind: str
    has_buffer: bool


def _stored(operand: Operand) -> _Stored:
    return _Stored(operand.dtype, operand.extent, operand.kind, operand.data is not None)


class _Assembly(NamedTuple):
    """What is worked out once for all programs of the same instructions; nobody changes it."""

    registers: dict[int, int]
    code: Buffer
    streams: Buffer
    columns: list[int]
    scalars: list[int]
    buffers: list[int]


@lru_cache(1024)
def _assembled(operands: tuple[_Stored, ...], instructions: tuple[Instruction, ...]) -> _Assembly:
    calls = paired(instructions)
    registers = _registers(operands, calls)
    stored = [(number, operand) for number, operand in enumerate(operands) if operand.has_buffer]
    others = [(number, operand) for number, operand in stored if operand.kind != "scalar"]
    return _Assembly(
        registers=registers,
        code=np.array([_row(operands, *call) for call in calls], np.int64).reshape(-1, 7),
        streams=_streams(operands, registers),
        columns=[number for number, operand in stored if operand.extent == Extent.COLUMNS],
        scalars=[number for number, operand in stored if operand.kind == "scalar"],
        buffers=[number for number, operand in others if operand.extent != Extent.COLUMNS],
    )


def _registers(operands: Sequence[_Stored], calls: Sequence[Call]) -> dict[int, int]:
    scalars = [number for number, operand in enumerate(operands) if operand.kind == "scalar"]
    temporaries = {number for number, operand in enumerate(operands) if not operand.has_buffer}
    return allocated(calls, temporaries, scalars)


def _streams(operands: Sequence[_Stored], registers: dict[int, int]) -> Buffer:
    rows = []
    for number, operand in enumerate(operands):
        if not operand.has_buffer or operand.kind == "scalar":
            rows.append((registers[number], 0, operand.extent, 1))
        else:
            step = 0 if operand.kind == "whole" else operand.dtype.itemsize
            rows.append((0, step, operand.extent, 0))
    return np.array(rows, np.int64).reshape(-1, 4)


def _row(
    operands: Sequence[_Stored], op: str, numbers: tuple[int, ...], extent: Extent
) -> tuple[int, ...]:
    dtypes = tuple(operands[number].dtype for number in numbers)
    return (address(op, dtypes), *numbers, *(-1,) * (5 - len(numbers)), extent)


@jit
def _list_blocks(offsets, length, size):
    """As many whole lists to a block as fit; elements outside all lists get blocks of their own."""
    rows = np.empty((length // size + len(offsets) + 3, 4), np.int64)
    count, element, lists = 0, 0, 0
    while element < offsets[0]:
        stop = min(element + size, offsets[0])
        rows[count] = (element, stop, 0, 0)
        count, element = count + 1, stop
    while lists < len(offsets) - 1:
        last = lists + 1
        while (
            last < len(offsets) - 1 and offsets[last + 1] - element <= size and last - lists < size
        ):
            last += 1
        rows[count] = (element, offsets[last], lists, last)
        count, element, lists = count + 1, offsets[last], last
    while element < length:
        stop = min(element + size, length)
        rows[count] = (element, stop, lists, lists)
        count, element = count + 1, stop
    return rows[:count].copy()


_scale = jit(scalar_functions.scale)


@jit
def lengths_of_lists(offsets):
    """The lengths of the shortest and of the longest list; zeros if there is none."""
    if len(offsets) < 2:
        return 0, 0
    shortest = longest = offsets[1] - offsets[0]
    for i in range(1, len(offsets) - 1):
        length = offsets[i + 1] - offsets[i]
        shortest, longest = min(shortest, length), max(longest, length)
    return shortest, longest


@jit
def bounds(index):
    """The least and the greatest number of an index; 0 and -1 if it is empty."""
    if len(index) == 0:
        return 0, -1
    least = most = index[0]
    for i in range(1, len(index)):
        least, most = min(least, index[i]), max(most, index[i])
    return least, most


@jit
def others_in_products(values, offsets):
    """For each element of a list the product of all others: what multiplies its tangent."""
    others = np.ones_like(values)
    for i in range(len(offsets) - 1):
        product = np.ones(2, values.dtype)
        for p in range(offsets[i], offsets[i + 1]):
            others[p] = _scale(others[p], product[0])
            product[0] = _scale(product[0], values[p])
        for p in range(offsets[i + 1] - 1, offsets[i] - 1, -1):
            others[p] = _scale(others[p], product[1])
            product[1] = _scale(product[1], values[p])
    return others
