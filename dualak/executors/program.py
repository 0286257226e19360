"""Programs: one pass over flat buffers, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from dualak.device import Buffer


@dataclass(frozen=True, eq=False)
class Operand:
    """A value of a program.

    Attributes:
        dtype: of its elements.
        level: 0 if there is one for each element, 1 if there is one for each list, 2 if there is
            one for each column, which only the end of the pass knows.
        kind: ``stream`` (read or written element by element), ``whole`` (read anywhere), or
            ``scalar`` (one number for all).
        data: its buffer; None for a temporary, which never leaves the cache.
    """

    dtype: np.dtype[Any]
    level: int
    kind: str = "stream"
    data: Buffer | None = None


class Instruction(NamedTuple):
    """One operation: its name, the number of its result, those of its arguments, its level."""

    op: str
    result: int
    arguments: tuple[int, ...]
    level: int


@dataclass(frozen=True, eq=False)
class Program:
    """One pass: over ``length`` elements and, where ``offsets`` is given, over its lists."""

    length: int
    offsets: Buffer | None
    operands: tuple[Operand, ...]
    instructions: tuple[Instruction, ...]
