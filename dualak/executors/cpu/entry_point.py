"""Plans as entry points in machine code: what code that knows no Python calls, from any thread.

A plan becomes a table of 64-bit words, of which ``sweeps.plan`` reads what to do.  The compiled
function is the same for all plans; it takes the memory of a call (registers, intermediate buffers,
partial sums) in one piece and gives it back at the end, so any number of threads may be inside.

>>> import numpy as np
>>> from dualak.graph.graph import Graph
>>> from dualak.engine.plan import Plan
>>> graph = Graph()
>>> x = graph.input(np.float64, 3)
>>> entry = Plan([x * x, x], [x]).native()
>>> entry.run([np.array([1.0, 2.0, 3.0])])
[array([1., 4., 9.]), array([1., 2., 3.])]
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise

import numpy as np

from dualak import device
from dualak.device import Buffer
from dualak.executors.cpu import sweeps
from dualak.executors.cpu.executor import Prepared, adder

#: Bytes of a number that fit into an element of a register.
_SIZES = (1, 2, 4, 8)


_WORDS = ctypes.POINTER(ctypes.c_int64)
_FUNCTION = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, _WORDS, _WORDS)

#: The function at an address, without the GIL while it runs.
_function = cache(_FUNCTION)

#: A pool without threads; nothing is written into it.
_NOBODY = (ctypes.c_int64 * sweeps.POOL_WORDS)()


@dataclass(frozen=True, eq=False)
class Slot:
    """A buffer of a plan: its type, its length, and its numbers if they are always the same."""

    dtype: np.dtype
    length: int
    data: Buffer | None = None

    @property
    def nbytes(self) -> int:
        return self.dtype.itemsize * self.length


@dataclass(frozen=True, eq=False)
class Entry:
    """A plan that can be called by address.

    Attributes:
        function: address of ``int64 function(int64* context, int64* buffers, int64* pool)``, which
            returns 0, or 1 if there was no memory and the results are not written.  ``buffers`` are
            addresses of the inputs, then of the results, none of which may overlap another;
            ``pool`` are words that say how threads of the caller can help, as ``sweeps`` has them,
            or a single zero.
        context: address of the plan's table, which is valid as long as the entry lives.
        inputs: types and lengths of the inputs' buffers.
        results: types and lengths of the results' buffers.
        nbytes: of the table and of what it refers to.
        threads: how many threads share out a pass at most.

    The first word of the table is the number of the caller's buffers; the second is zero, and for
    the caller to count who holds the table.
    """

    function: int
    context: int
    inputs: tuple[Slot, ...]
    results: tuple[Slot, ...]
    nbytes: int
    threads: int
    _kept: list[Buffer] = field(repr=False)

    def run(self, buffers: Sequence[Buffer]) -> list[Buffer]:
        """What the plan's ``run`` gives, through the entry point.

        Raises:
            ValueError: for buffers of other types or lengths than the inputs.
            MemoryError: if there is none for the call.
        """
        given = [device.contiguous(buffer) for buffer in buffers]
        _require_alike(given, self.inputs)
        made = [device.empty(result.length, result.dtype) for result in self.results]
        addresses = [device.address(buffer) for buffer in (*given, *made)]
        words = (ctypes.c_int64 * len(addresses))(*addresses)
        if _function(self.function)(self.context, words, _NOBODY) != sweeps.DONE:
            raise MemoryError("expected memory for registers and intermediate buffers, got none")
        return made


def _require_alike(given: Sequence[Buffer], inputs: Sequence[Slot]) -> None:
    got = [(buffer.dtype, len(buffer)) for buffer in given]
    want = [(spec.dtype, spec.length) for spec in inputs]
    if got != want:
        raise ValueError(f"expected buffers {_shown(want)}, got {_shown(got)}")


def _shown(kinds: Sequence[tuple[np.dtype, int]]) -> list[tuple[str, int]]:
    return [(str(dtype), length) for dtype, length in kinds]


@dataclass(frozen=True, eq=False)
class Bound:
    """A prepared pass bound to slots: for each of its operands the number of its slot, or None."""

    prepared: Prepared
    slots: Sequence[int | None]


@dataclass(frozen=True)
class Grouping:
    """How many inputs, and results, lie one after another in each buffer of a caller."""

    inputs: tuple[int, ...]
    results: tuple[int, ...]


def entry_point(
    slots: Sequence[Slot],
    inputs: int,
    results: Sequence[int],
    passes: Sequence[Bound],
    grouping: Grouping,
) -> Entry | None:
    """The entry point of passes over slots, of which the first ones are the inputs.

    ``results`` are the slots that the caller wants, in any order, also repeatedly.  It is None
    where a scalar does not fit a register.

    Raises:
        ValueError: for a grouping of others than the inputs and results, or of unlike ones.
    """
    scalars = (each.prepared.operands[i] for each in passes for i in each.prepared.scalars)
    if any(operand.dtype.itemsize not in _SIZES for operand in scalars):
        return None
    given = _grouped(slots[:inputs], grouping.inputs)
    made = _grouped([slots[i] for i in results], grouping.results)
    table = _Table(slots, results, grouping)
    words = table.words(passes)
    return Entry(
        function=sweeps.entry_points()[0].address,
        context=device.address(words),
        inputs=given,
        results=made,
        nbytes=sum(buffer.nbytes for buffer in table.kept),
        threads=max((each.prepared.threads for each in passes), default=1),
        _kept=table.kept,
    )


def _grouped(slots: Sequence[Slot], sizes: Sequence[int]) -> tuple[Slot, ...]:
    """The buffers that slots lie in."""
    ends = np.cumsum([0, *sizes]).tolist()
    groups = [slots[start:stop] for start, stop in pairwise(ends)]
    kinds = [{(slot.dtype, slot.length) for slot in group} for group in groups]
    if ends[-1] != len(slots) or any(len(kind) != 1 for kind in kinds):
        raise ValueError(f"expected groups of {len(slots)} buffers that are alike, got {sizes}")
    return tuple(Slot(group[0].dtype, group[0].length * len(group)) for group in groups)


def _offsets(slots: Sequence[Slot], sizes: Sequence[int], first: int) -> list[tuple[int, int]]:
    """For each slot the caller's buffer that it lies in, counted from the first, and where."""
    places = [(first + i, row) for i, size in enumerate(sizes) for row in range(size)]
    return [(i, row * slot.nbytes) for slot, (i, row) in zip(slots, places, strict=True)]


class _Table:
    """Makes the words; what they refer to is kept, and the memory of a call is laid out."""

    def __init__(self, slots: Sequence[Slot], results: Sequence[int], grouping: Grouping) -> None:
        self.kept: list[Buffer] = [slot.data for slot in slots if slot.data is not None]
        self._slots, self._results = slots, results
        self._inputs = sum(grouping.inputs)
        first, made = len(grouping.inputs), [slots[i] for i in results]
        self._given = _offsets(slots[: self._inputs], grouping.inputs, 0)
        self._made = _offsets(made, grouping.results, first)
        self._buffers = first + len(grouping.results)
        self._arena = 0
        self._reserve(8 * len(slots))

    def words(self, passes: Sequence[Bound]) -> Buffer:
        """The table of the plan: the words that ``sweeps`` names."""
        places, copies = self._places(), self._copies()
        start = self._arena
        rows, ends = [], [start]
        for each in passes:
            self._arena = start  # passes run one after the other, in the same memory
            rows.append(self._pass(each))
            ends.append(self._arena)
        self._arena = max(ends)
        words = [0] * sweeps.PLAN_WORDS
        words[sweeps.HELP] = sweeps.entry_points()[1].address
        words[sweeps.GIVEN] = self._buffers
        words[sweeps.ARENA] = self._arena
        words[sweeps.SLOTS], words[sweeps.SLOT_ROWS] = len(places), self._keep(places)
        words[sweeps.PASSES], words[sweeps.PASS_ROWS] = len(rows), self._keep(rows)
        words[sweeps.COPIES], words[sweeps.COPY_ROWS] = len(copies), self._keep(copies)
        self._keep(words)
        return self.kept[-1]

    def _keep(self, numbers: object) -> int:
        self.kept.append(np.ascontiguousarray(numbers, np.int64))
        return device.address(self.kept[-1])

    def _reserve(self, size: int) -> int:
        """Where some bytes lie in the memory of a call."""
        start = self._arena
        self._arena += -(-size // sweeps.ALIGNMENT) * sweeps.ALIGNMENT
        return start

    def _direct(self) -> dict[int, int]:
        """The slots that are computed into a buffer of the caller, and which result that is."""
        first: dict[int, int] = {}
        for i, slot in enumerate(self._results):
            if slot >= self._inputs and self._slots[slot].data is None:
                first.setdefault(slot, i)
        return first

    def _places(self) -> list[tuple[int, int, int]]:
        direct = self._direct()
        places = []
        for i, slot in enumerate(self._slots):
            if i < self._inputs:
                places.append((sweeps.FROM_CALLER, *self._given[i]))
            elif slot.data is not None:
                places.append((sweeps.FROM_TABLE, device.address(slot.data), 0))
            elif i in direct:
                places.append((sweeps.FROM_CALLER, *self._made[direct[i]]))
            else:
                places.append((sweeps.FROM_ARENA, 0, self._reserve(slot.nbytes)))
        return places

    def _copies(self) -> list[tuple[int, ...]]:
        """Results that are inputs, never vary, or are wanted twice.

        Rows (buffer of the caller, bytes to add to its address, slot, bytes to copy).
        """
        direct = self._direct()
        return [
            (*self._made[i], slot, self._slots[slot].nbytes)
            for i, slot in enumerate(self._results)
            if direct.get(slot) != i
        ]

    def _pass(self, bound: Bound) -> list[int]:
        prepared = bound.prepared
        words = [0] * sweeps.PASS_WORDS
        words[sweeps.LINES], words[sweeps.CODE] = len(prepared.code), self._keep(prepared.code)
        words[sweeps.OPERANDS] = len(prepared.streams)
        words[sweeps.STREAMS] = self._keep(prepared.streams)
        words[sweeps.PATCHED] = self._reserve(prepared.streams.nbytes)
        read = [slot if i in prepared.buffers else -1 for i, slot in enumerate(bound.slots)]
        words[sweeps.OPERAND_SLOTS] = self._keep(read)
        words[sweeps.BLOCKS], words[sweeps.SHARES] = (
            self._keep(prepared.blocks),
            len(prepared.parts),
        )
        words[sweeps.STARTS] = self._keep(np.cumsum([0, *map(len, prepared.parts)]))
        words[sweeps.THREADS] = prepared.threads
        words[sweeps.SCRATCH] = self._reserve(8 * prepared.scratch())
        words[sweeps.SCRATCH_BYTES] = self._arena - words[sweeps.SCRATCH]
        self._reserve(words[sweeps.SCRATCH_BYTES] * (prepared.threads - 1))
        words[sweeps.TEAM] = self._reserve(8 * sweeps.TEAM_WORDS)
        words[sweeps.REGISTER] = 8 * prepared.room
        scalars = [self._scalar(bound, i) for i in prepared.scalars]
        words[sweeps.SCALARS], words[sweeps.SCALAR_ROWS] = len(scalars), self._keep(scalars)
        columns = [self._column(bound, i) for i in prepared.columns]
        words[sweeps.COLUMNS], words[sweeps.COLUMN_ROWS] = len(columns), self._keep(columns)
        return words

    def _scalar(self, bound: Bound, operand: int) -> tuple[int, ...]:
        slot = bound.slots[operand]
        assert slot is not None
        return bound.prepared.registers[operand], slot, self._slots[slot].dtype.itemsize

    def _column(self, bound: Bound, operand: int) -> tuple[int, ...]:
        number = bound.slots[operand]
        assert number is not None
        slot = self._slots[number]
        partial = self._reserve(slot.nbytes * len(bound.prepared.parts))
        return operand, number, slot.length, slot.nbytes, adder(slot.dtype), partial
