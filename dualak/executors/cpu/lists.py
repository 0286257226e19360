"""Lists cut as Python cuts sequences: where the elements that are left lie.

>>> import numpy as np
>>> starts, stops = np.array([0, 3, 3]), np.array([3, 3, 5])
>>> cut_lists(starts, stops, -2, NONE, 1)
(array([0, 2, 2, 4]), array([1, 2, 3, 4]))
>>> cut_lists(starts, stops, NONE, NONE, -1)[1]
array([2, 1, 0, 4, 3])
"""

from __future__ import annotations

import numpy as np

from dualak.executors.compiled import jit

#: So many places are written for each list, without a branch; those of the next list go over them.
WIDE = 8

#: Stands for a bound of a slice that is not given.
NONE = int(np.iinfo(np.int64).min)


@jit
def _bound(given, length, missing, low, high):
    """A bound of a slice as a place in a list of some length."""
    if given == NONE:
        return missing
    return min(max(given + length if given < 0 else given, low), high)


@jit
def _steps(distance, step):
    """How many steps there are; a division takes longer than all the rest."""
    if distance <= 0 or step == 1:
        return max(distance, 0)
    return (distance + step - 1) // step


@jit
def _first_and_count(length, first, last, step):
    """The first place in a list that a slice takes, and how many it takes."""
    if step > 0:
        start = _bound(first, length, 0, 0, length)
        return start, _steps(_bound(last, length, length, 0, length) - start, step)
    start = _bound(first, length, length - 1, -1, length - 1)
    return start, _steps(start - _bound(last, length, -1, -1, length - 1), -step)


@jit
def cut_lists(starts, stops, first, last, step):
    """The offsets of what ``[first:last:step]`` leaves of each list, and an index of its elements.

    List ``i`` is elements ``starts[i]`` to ``stops[i]``.
    """
    offsets = np.empty(len(starts) + 1, np.int64)
    offsets[0] = 0
    for i in range(len(starts)):
        _, count = _first_and_count(stops[i] - starts[i], first, last, step)
        offsets[i + 1] = offsets[i] + count
    index = np.empty(offsets[-1] + WIDE, np.int64)
    for i in range(len(starts)):
        place, _ = _first_and_count(stops[i] - starts[i], first, last, step)
        place += starts[i]
        for k in range(WIDE):
            index[offsets[i] + k] = place + k * step
        for k in range(WIDE, offsets[i + 1] - offsets[i]):
            index[offsets[i] + k] = place + k * step
    return offsets, index[: offsets[-1]]
