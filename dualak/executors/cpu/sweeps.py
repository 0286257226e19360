"""Sweeps in machine code: passes, block by block, and whole plans of passes without Python.

Nothing here raises or allocates through Python: what is compiled from this file may run on threads
that Python has never seen.  Numba's cache on disk knows a function by the file that it stands in,
so everything that ``plan`` calls stands in this one.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import carray
from numba.core import types
from numba.extending import intrinsic

from dualak.executors.compiled import compiled, jit

#: Bytes to which memory is aligned, as in ``device.empty``.
ALIGNMENT = 64

#: What ``plan`` returns: all is well, or there was no memory and results are not written.
DONE, NO_MEMORY = 0, 1

#: The words of a plan's table: how many buffers the caller gives, who holds the table (zero at
#: first, for the caller to count), bytes of a call's own memory (its arena), numbers and addresses
#: of rows (of slots, of passes, of copies), and the address of ``help``.
GIVEN, HOLDERS, ARENA, SLOTS, SLOT_ROWS, PASSES, PASS_ROWS, COPIES, COPY_ROWS, HELP = range(10)
PLAN_WORDS = 10

#: Where the address of a slot comes from: the caller, the arena of the call, or the table.  A row
#: has this, the caller's buffer or an address, and the bytes to add to its address.
FROM_CALLER, FROM_ARENA, FROM_TABLE = range(3)

#: The words of a pass.
# fmt: off
(
    CODE, LINES,            # rows of calls
    STREAMS, OPERANDS,      # rows of operands without addresses
    OPERAND_SLOTS,          # for each operand its slot, or -1
    PATCHED,                # in the arena: room for the rows of operands with addresses
    BLOCKS, SHARES, STARTS, # rows of blocks, number of shares, first block of each and the end
    SCRATCH, REGISTER,      # in the arena: the registers of the first thread; bytes of one
    THREADS, SCRATCH_BYTES, # how many threads there is scratch for, and bytes from one to the next
    TEAM,                   # in the arena: the words of a team that has no helpers
    SCALARS, SCALAR_ROWS,   # rows (register, slot, bytes of the number)
    COLUMNS, COLUMN_ROWS,   # rows (operand, slot, numbers, bytes, kernel that adds, partial sums)
) = range(18)
# fmt: on
PASS_WORDS = 18

#: The words of those who share out a pass: who still refers to them, the next share, how many are
#: finished, how many there are, how many have begun to work, and what they work on.
MEMBERS, NEXT, FINISHED, TOTAL, WORKERS, PASS, ADDRESSES, ARENA_START = range(8)
TEAM_WORDS = 8

#: The words of a pool of threads, which the caller has: a function of one structure that makes a
#: thread call ``task(argument)``, the structure, the positions of ``task`` and ``argument`` in it,
#: and what the function returned when it failed.
FUNCTION, STRUCTURE, TASK, ARGUMENT, FAILURE = range(5)
POOL_WORDS = 5


# -- memory by its address ------------------------------------------------------------------------


def pointer_of(kind: Any) -> Any:
    """An intrinsic that gives the pointer to numbers of a type at an address."""

    @intrinsic
    def pointer(typingctx, address):
        def codegen(context, builder, signature, args):
            return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

        return types.CPointer(kind)(types.int64), codegen

    return pointer


_words, _bytes = pointer_of(types.int64), pointer_of(types.uint8)


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


@intrinsic
def _at(typingctx, words):
    """The address of an array's first element."""

    def codegen(context, builder, signature, args):
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        return builder.ptrtoint(data, ir.IntType(64))

    return types.int64(words), codegen


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
def _call_one(typingctx, function, argument):
    """Calls ``int64 function(int64)`` by its address."""

    def codegen(context, builder, signature, args):
        kind = ir.FunctionType(ir.IntType(64), [ir.IntType(64)])
        return builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def _fetch_add(typingctx, address, value):
    """The word at an address, to which the value is added, whatever other threads do."""

    def codegen(context, builder, signature, args):
        pointer = builder.inttoptr(args[0], ir.IntType(64).as_pointer())
        return builder.atomic_rmw("add", pointer, args[1], "seq_cst")

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def _let_others_run(typingctx):
    def codegen(context, builder, signature, args):
        kind = ir.FunctionType(ir.IntType(32), [])
        known = builder.module.globals.get("sched_yield")
        builder.call(known or ir.Function(builder.module, kind, "sched_yield"), [])
        return context.get_dummy_value()

    return types.void(), codegen


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
    start, step, extent = streams[number, 0], streams[number, 1], streams[number, 2]
    if streams[number, 3]:
        return scratch + start * register
    return start + step * (element if extent == 0 else (of_list if extent == 1 else share))


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
def _fill_scalars(row, addresses, scratch):
    rows = carray(_words(row[SCALAR_ROWS]), (row[SCALARS], 3))
    for i in range(len(rows)):
        register = scratch + rows[i, 0] * row[REGISTER]
        _fill_scalar(register, addresses[rows[i, 1]], rows[i, 2], row[REGISTER] // 8)


@jit
def _patch_streams(row, addresses, arena):
    """The rows of operands with the addresses of this call; partial sums start at zero."""
    size = row[OPERANDS]
    _copy(arena + row[PATCHED], row[STREAMS], size * 32)
    streams = carray(_words(arena + row[PATCHED]), (size, 4))
    slots = carray(_words(row[OPERAND_SLOTS]), size)
    for number in range(size):
        if slots[number] >= 0:
            streams[number, 0] = addresses[slots[number]]
    sums = carray(_words(row[COLUMN_ROWS]), (row[COLUMNS], 6))
    for i in range(len(sums)):
        streams[sums[i, 0], 0] = arena + sums[i, 5]
        streams[sums[i, 0], 1] = sums[i, 3]
        partial = carray(_bytes(arena + sums[i, 5]), row[SHARES] * sums[i, 3])
        partial[:] = 0


@jit
def _run_share(row, arena, share, scratch):
    starts = carray(_words(row[STARTS]), row[SHARES] + 1)
    first, last = starts[share], starts[share + 1]
    code = carray(_words(row[CODE]), (row[LINES], 7))
    streams = carray(_words(arena + row[PATCHED]), (row[OPERANDS], 4))
    blocks = carray(_words(row[BLOCKS] + first * 32), (last - first, 4))
    sweep(code, streams, blocks, share, scratch, row[REGISTER])


@jit
def _work(team):
    """Runs one share after the other until none is left.

    Who comes late finds none and touches nothing but the team's words: the pass may be over.
    """
    words = carray(_words(team), TEAM_WORDS)
    total, share = words[TOTAL], _fetch_add(team + 8 * NEXT, 1)
    if share >= total:
        return
    row, arena = carray(_words(words[PASS]), PASS_WORDS), words[ARENA_START]
    worker = _fetch_add(team + 8 * WORKERS, 1)
    scratch = arena + row[SCRATCH] + worker * row[SCRATCH_BYTES]
    _fill_scalars(row, _words(words[ADDRESSES]), scratch)
    while share < total:
        _run_share(row, arena, share, scratch)
        _fetch_add(team + 8 * FINISHED, 1)
        share = _fetch_add(team + 8 * NEXT, 1)


@jit
def _leave(team):
    if _fetch_add(team + 8 * MEMBERS, -1) == 1:
        _release(team)


def _help(team):
    _work(team)
    _leave(team)


@jit
def _ask_for_help(team, helpers, task, pool):
    """Makes threads of the pool call ``task``; whoever cannot be had leaves the team."""
    structure = carray(_words(pool[STRUCTURE]), max(pool[TASK], pool[ARGUMENT]) + 1)
    for _ in range(helpers):
        structure[pool[TASK]] = task
        structure[pool[ARGUMENT]] = team
        failure = 0 if pool[FAILURE] != 0 else _call_one(pool[FUNCTION], pool[STRUCTURE])
        pool[FAILURE] = pool[FAILURE] or failure
        if pool[FAILURE] != 0:
            _leave(team)


@jit
def _share_out(row, addresses, arena, task, pool):
    """Runs the shares of a pass, with the help of the threads that there are."""
    helpers = min(row[THREADS], row[SHARES]) - 1 if pool[FUNCTION] != 0 else 0
    team = _allocate(8 * TEAM_WORDS) if helpers > 0 else 0
    if team == 0:
        helpers, team = 0, arena + row[TEAM]
    words = carray(_words(team), TEAM_WORDS)
    words[:] = 0
    words[MEMBERS], words[TOTAL] = helpers + 1, row[SHARES]
    words[PASS], words[ADDRESSES], words[ARENA_START] = _at(row), _at(addresses), arena
    if helpers == 0:
        _work(team)
        return
    _ask_for_help(team, helpers, task, pool)
    _work(team)
    while _fetch_add(team + 8 * FINISHED, 0) < row[SHARES]:
        _let_others_run()
    _leave(team)


@jit
def _run(row, addresses, arena, task, pool):
    _patch_streams(row, addresses, arena)
    _share_out(row, addresses, arena, task, pool)
    sums = carray(_words(row[COLUMN_ROWS]), (row[COLUMNS], 6))
    for i in range(len(sums)):
        total, partial = addresses[sums[i, 1]], arena + sums[i, 5]
        add_up(total, sums[i, 3], partial, row[SHARES], sums[i, 2], sums[i, 4])


@jit
def _addresses(context, buffers, arena):
    """The address of each slot; they stand at the beginning of the arena."""
    addresses = carray(_words(arena), context[SLOTS])
    rows = carray(_words(context[SLOT_ROWS]), (context[SLOTS], 3))
    for i in range(len(rows)):
        start = rows[i, 1] if rows[i, 0] == FROM_TABLE else arena
        if rows[i, 0] == FROM_CALLER:
            start = buffers[rows[i, 1]]
        addresses[i] = start + rows[i, 2]
    return addresses


def _plan(context, buffers, pool):
    memory = _allocate(context[ARENA] + ALIGNMENT)
    if memory == 0:
        return NO_MEMORY
    arena = (memory + ALIGNMENT - 1) & -ALIGNMENT
    addresses = _addresses(context, buffers, arena)
    for i in range(context[PASSES]):
        row = carray(_words(context[PASS_ROWS] + i * 8 * PASS_WORDS), PASS_WORDS)
        _run(row, addresses, arena, context[HELP], pool)
    copies = carray(_words(context[COPY_ROWS]), (context[COPIES], 4))
    for i in range(len(copies)):
        _copy(buffers[copies[i, 0]] + copies[i, 1], addresses[copies[i, 2]], copies[i, 3])
    _release(memory)
    return DONE


@cache
def entry_points() -> tuple[Any, Any]:
    """Two compiled functions, to be called by their address.

    ``int64 plan(int64* context, int64* buffers, int64* pool)`` runs what a plan's table says, and
    ``void help(int64 team)`` is what it makes the threads of a pool do.
    """
    words = types.CPointer(types.int64)
    plan = compiled(types.int64(words, words, words), _plan)
    return plan, compiled(types.void(types.int64), _help)
