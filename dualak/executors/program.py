"""Programs: one pass over flat buffers, as data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from dualak.device import Buffer


class Extent(IntEnum):
    """What a pass has one value for: an element, a list, or a column, known only at its end."""

    ELEMENTS = 0
    LISTS = 1
    COLUMNS = 2

    #: As fast a key of caches as the number is.
    __hash__ = int.__hash__


@dataclass(frozen=True, eq=False)
class Operand:
    """A value of a program.

    Attributes:
        dtype: of its elements.
        extent: what there is one of it for.
        kind: ``stream`` (read or written element by element), ``whole`` (read anywhere), or
            ``scalar`` (one number for all).
        data: its buffer; None for a temporary, which never leaves the cache.
    """

    dtype: np.dtype[Any]
    extent: Extent
    kind: str = "stream"
    data: Buffer | None = None


class Instruction(NamedTuple):
    """One operation: its name, the number of its result, those of its arguments, its extent."""

    op: str
    result: int
    arguments: tuple[int, ...]
    extent: Extent


@dataclass(frozen=True, eq=False)
class Program:
    """One pass: over ``length`` elements and, where ``offsets`` is given, over its lists."""

    length: int
    offsets: Buffer | None
    operands: tuple[Operand, ...]
    instructions: tuple[Instruction, ...]
