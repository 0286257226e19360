"""Registers: which part of the scratch memory holds which temporary, so that few stay in the cache.

>>> calls = [("exp", (1, 0), 0), ("sin", (2, 1), 0), ("cos", (3, 2), 0)]
>>> allocated(calls, temporaries={1, 2}, fixed=())
{1: 0, 2: 1}
>>> allocated([*calls, ("exp", (4, 3), 0)], temporaries={1, 2, 3}, fixed=())
{1: 0, 2: 1, 3: 0}
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from dualak.executors.cpu.pairs import Call


def allocated(
    calls: Sequence[Call], temporaries: Collection[int], fixed: Sequence[int]
) -> dict[int, int]:
    """The register of each operand: ``fixed`` ones keep theirs, others share as they come and go.

    A result never gets the register of an argument of the same call: loops that write what they
    read cannot be vectorised.
    """
    registers = {operand: number for number, operand in enumerate(fixed)}
    last = {operand: line for line, (_, operands, _) in enumerate(calls) for operand in operands}
    free: list[int] = []
    count = len(registers)
    for line, (_, operands, _) in enumerate(calls):
        for operand in operands:
            if operand in temporaries and operand not in registers:
                if not free:
                    free.append(count)
                    count += 1
                registers[operand] = free.pop()
        ended = {
            operand for operand in operands if operand in temporaries and last[operand] == line
        }
        free.extend(registers[operand] for operand in sorted(ended))
    return registers
