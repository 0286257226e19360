"""How the threads of a device share a pass: sizes, and which lists each block of threads owns.

The order in which numbers are added up follows from the offsets and these sizes alone, never from
how a device schedules its blocks: results are the same, bit by bit, on every run and every device.

>>> offsets = np.array([0, 3, 3, 4, 20])
>>> tiles(offsets, 4)
array([0, 1, 4, 4, 4, 4, 4])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dualak.device import Buffer


@dataclass(frozen=True)
class Geometry:
    """Sizes of a launch.

    Attributes:
        threads: of a block, a power of two.
        warp: the most threads that share a list which is not long.
        long: elements from which on a list gets all threads of a block.
        tile: lists and elements, together, that a block owns; the last of its lists may be longer.
        bands: blocks that share the rows of a table whose columns are added up.
        accumulators: sums that a block of all threads has memory for; more get fewer threads.
    """

    threads: int = 256
    warp: int = 32
    long: int = 256
    tile: int = 2048
    bands: int = 2048
    accumulators: int = 16

    def block(self, accumulators: int) -> int:
        """The threads of a block that has so many sums."""
        threads = self.threads
        while threads > 1 and accumulators * threads > self.accumulators * self.threads:
            threads //= 2
        return threads


#: For devices, and for the simulator, which starts a thread of Python for each of theirs.
DEVICE = Geometry()
SIMULATOR = Geometry(threads=8, warp=4, long=12, tile=16, bands=3, accumulators=48)


def tiles(offsets: Buffer, size: int) -> Buffer:
    """The first list of each block, and behind the last block's the number of lists.

    Lists count for their elements and one more, so that empty ones are shared out as well: list
    ``i`` is its block's whose part of ``offsets[i] - offsets[0] + i`` it falls into.
    """
    count = len(offsets) - 1
    start = int(offsets[0])
    total = int(offsets[-1]) - start + count
    targets = np.arange(0, -(-total // size) + 1, dtype=np.int64) * size
    low, high = np.zeros_like(targets), np.full_like(targets, count)
    while (open_ := low < high).any():
        middle = (low + high) // 2
        before = offsets[np.minimum(middle, count)].astype(np.int64) - start + middle < targets
        low = np.where(open_ & before, middle + 1, low)
        high = np.where(open_ & ~before, middle, high)
    return low


def rows_and_columns(width: int, rows: int, threads: int, bands: int) -> dict[str, int]:
    """How blocks share a table: columns of a block, tiles of columns, rows of a band, bands."""
    tiles_across = -(-width // threads)
    columns = -(-width // tiles_across)
    lanes = threads // columns
    wanted = max(1, bands // tiles_across)
    height = max(lanes, -(-rows // wanted))
    return {
        "columns": columns,
        "across": tiles_across,
        "height": height,
        "bands": max(1, -(-rows // height)),
    }


def power_of_two(least: int, most: int) -> int:
    """The smallest power of two that is not below ``least``, up to ``most``."""
    found = 1
    while found < least and found < most:
        found *= 2
    return found


def whole(value: Any) -> int:
    """The number of blocks of a launch, which a device counts in 31 bits."""
    return max(1, min(int(value), 2**31 - 1))
