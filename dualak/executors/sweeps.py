"""Sweeps in machine code: passes, block by block, and whole plans of passes without Python.

Nothing here raises or allocates through Python: what is compiled from this file may run on threads
that Python has never seen.  Numba's cache on disk knows a function by the file that it stands in,
so everything that ``plan`` calls stands in this one.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numba
from llvmlite import ir  # type: ignore[import-untyped]
from numba import carray
from numba.core import types
from numba.extending import intrinsic

from dualak.executors.kernels import jit

#: Bytes to which memory is aligned, as in ``device.empty``.
ALIGNMENT = 64

#: What ``plan`` returns: all is well, or there was no memory and results are not written.
DONE, NO_MEMORY = 0, 1

#: The words of a plan's table: what each of them holds is said in ``native``.
GIVEN, ARENA, SLOTS, SLOT_ROWS, PASSES, PASS_ROWS, COPIES, COPY_ROWS = range(8)

#: Where the address of a slot comes from: the caller, the arena of the call, or the table.
FROM_CALLER, FROM_ARENA, FROM_TABLE = range(3)

#: The words of a pass.
# fmt: off
(
    CODE, LINES,            # rows of calls
    STREAMS, OPERANDS,      # rows of operands without addresses
    OPERAND_SLOTS,          # for each operand its slot, or -1
    PATCHED,                # in the arena: room for the rows of operands with addresses
    BLOCKS, SHARES, STARTS, # rows of blocks, number of shares, first block of each and the end
    SCRATCH, REGISTER,      # in the arena: the registers; bytes of one
    SCALARS, SCALAR_ROWS,   # rows (register, slot, bytes of the number)
    COLUMNS, COLUMN_ROWS,   # rows (operand, slot, numbers, bytes, kernel that adds, partial sums)
) = range(15)
# fmt: on
PASS_WORDS = 15


# -- memory by its address ------------------------------------------------------------------------


def _pointer_of(kind: Any) -> Any:
    """An intrinsic that gives the pointer to numbers of a type at an address."""

    @intrinsic
    def pointer(typingctx, address):
        def codegen(context, builder, signature, args):
            return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

        return types.CPointer(kind)(types.int64), codegen

    return pointer


_words, _bytes = _pointer_of(types.int64), _pointer_of(types.uint8)


@intrinsic
def _call(typingctx, function, o, a, b, c, d, length):
    """Calls ``void function(void*, void*, void*, void*, void*, int64)`` by its address."""

    def codegen(context, builder, signature, args):
        pointer = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [pointer] * 5 + [ir.IntType(64)])
        callee = builder.inttoptr(args[0], kind.as_pointer())
        builder.call(callee, [builder.inttoptr(arg, pointer) for arg in args[1:6]] + [args[6]])
        return context.get_dummy_value()

    return types.void(*[types.int64] * 7), codegen


def _of_the_c_library(builder: Any, name: str, result: Any) -> Any:
    kind = ir.FunctionType(result, [ir.IntType(64)])
    known = builder.module.globals.get(name)
    return known or ir.Function(builder.module, kind, name)


@intrinsic
def _allocate(typingctx, size):
    """The address of new memory, or 0."""

    def codegen(context, builder, signature, args):
        return builder.call(_of_the_c_library(builder, "malloc", ir.IntType(64)), args)

    return types.int64(types.int64), codegen


@intrinsic
def _release(typingctx, address):
    def codegen(context, builder, signature, args):
        builder.call(_of_the_c_library(builder, "free", ir.VoidType()), args)
        return context.get_dummy_value()

    return types.void(types.int64), codegen


@jit
def _copy(target, source, size):
    goal, given = carray(_bytes(target), size), carray(_bytes(source), size)
    for i in range(size):
        goal[i] = given[i]


# -- one pass -------------------------------------------------------------------------------------


@jit
def _pointer(streams, number, element, of_list, share, scratch, register):
    if number < 0:
        return 0
    start, step, level = streams[number, 0], streams[number, 1], streams[number, 2]
    if streams[number, 3]:
        return scratch + start * register
    return start + step * (element if level == 0 else (of_list if level == 1 else share))


@jit
def sweep(code, streams, blocks, share, scratch, register):
    """Runs all instructions on one block after the other."""
    for block in range(len(blocks)):
        element, of_list = blocks[block, 0], blocks[block, 2]
        elements, lists = blocks[block, 1] - element, blocks[block, 3] - of_list
        for line in range(len(code)):
            length = lists if code[line, 6] else elements
            if length > 0:
                at = (element, of_list, share, scratch, register)
                _call(
                    code[line, 0],
                    _pointer(streams, code[line, 1], *at),
                    _pointer(streams, code[line, 2], *at),
                    _pointer(streams, code[line, 3], *at),
                    _pointer(streams, code[line, 4], *at),
                    _pointer(streams, code[line, 5], *at),
                    length,
                )


@jit
def add_up(total, size, partial, shares, length, add):
    """Adds the partial sums of all shares, in their order, by the kernel ``add``.

    ``total`` and ``partial`` are addresses, ``size`` is the bytes of a sum of ``length`` numbers.
    """
    _copy(total, partial, size)
    for share in range(1, shares):
        _call(add, total, total, partial + share * size, 0, 0, length)


# -- a whole plan ---------------------------------------------------------------------------------


@jit
def _fill_scalar(register, value, size, room):
    """Repeats a number of some bytes all over a register."""
    number, copies = carray(_bytes(value), size), carray(_bytes(register), room * size)
    for i in range(room):
        for j in range(size):
            copies[i * size + j] = number[j]


@jit
def _fill_scalars(one, addresses, scratch):
    rows = carray(_words(one[SCALAR_ROWS]), (one[SCALARS], 3))
    for i in range(len(rows)):
        register = scratch + rows[i, 0] * one[REGISTER]
        _fill_scalar(register, addresses[rows[i, 1]], rows[i, 2], one[REGISTER] // 8)


@jit
def _streams(one, addresses, arena):
    """The rows of operands with the addresses of this call; partial sums start at zero."""
    size = one[OPERANDS]
    _copy(arena + one[PATCHED], one[STREAMS], size * 32)
    streams = carray(_words(arena + one[PATCHED]), (size, 4))
    slots = carray(_words(one[OPERAND_SLOTS]), size)
    for number in range(size):
        if slots[number] >= 0:
            streams[number, 0] = addresses[slots[number]]
    sums = carray(_words(one[COLUMN_ROWS]), (one[COLUMNS], 6))
    for i in range(len(sums)):
        streams[sums[i, 0], 0] = arena + sums[i, 5]
        streams[sums[i, 0], 1] = sums[i, 3]
        partial = carray(_bytes(arena + sums[i, 5]), one[SHARES] * sums[i, 3])
        partial[:] = 0
    return streams


@jit
def _run(one, addresses, arena):
    scratch, starts = arena + one[SCRATCH], carray(_words(one[STARTS]), one[SHARES] + 1)
    code = carray(_words(one[CODE]), (one[LINES], 7))
    streams = _streams(one, addresses, arena)
    _fill_scalars(one, addresses, scratch)
    for share in range(one[SHARES]):
        first, last = starts[share], starts[share + 1]
        blocks = carray(_words(one[BLOCKS] + first * 32), (last - first, 4))
        sweep(code, streams, blocks, share, scratch, one[REGISTER])
    sums = carray(_words(one[COLUMN_ROWS]), (one[COLUMNS], 6))
    for i in range(len(sums)):
        total, partial = addresses[sums[i, 1]], arena + sums[i, 5]
        add_up(total, sums[i, 3], partial, one[SHARES], sums[i, 2], sums[i, 4])


@jit
def _addresses(context, buffers, arena):
    """The address of each slot; they stand at the beginning of the arena."""
    addresses = carray(_words(arena), context[SLOTS])
    rows = carray(_words(context[SLOT_ROWS]), (context[SLOTS], 2))
    for i in range(len(rows)):
        if rows[i, 0] == FROM_CALLER:
            addresses[i] = buffers[rows[i, 1]]
        else:
            addresses[i] = rows[i, 1] + (arena if rows[i, 0] == FROM_ARENA else 0)
    return addresses


def _plan(context, buffers):
    memory = _allocate(context[ARENA] + ALIGNMENT)
    if memory == 0:
        return NO_MEMORY
    arena = (memory + ALIGNMENT - 1) & -ALIGNMENT
    addresses = _addresses(context, buffers, arena)
    rows = carray(_words(context[PASS_ROWS]), (context[PASSES], PASS_WORDS))
    for i in range(len(rows)):
        _run(rows[i], addresses, arena)
    copies = carray(_words(context[COPY_ROWS]), (context[COPIES], 3))
    for i in range(len(copies)):
        _copy(buffers[copies[i, 0]], addresses[copies[i, 1]], copies[i, 2])
    _release(memory)
    return DONE


@cache
def _compiled() -> Any:
    words = types.CPointer(types.int64)
    try:
        return numba.cfunc(types.int64(words, words), cache=True)(_plan)
    except RuntimeError:  # no folder can be written, as in ``kernels``
        return numba.cfunc(types.int64(words, words))(_plan)


def plan() -> int:
    """The address of ``int64 plan(int64* context, int64* buffers)``, which runs a plan's table."""
    return int(_compiled().address)
