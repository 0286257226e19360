"""The order of the numbers in lists: stable, with NaN before all others, as Awkward has it.

>>> import numpy as np
>>> numbers, offsets = np.array([3.0, 1.0, np.nan, 2.0, 2.0, 5.0]), np.array([0, 3, 3, 6])
>>> order_in_lists(numbers, offsets, True)
array([2, 1, 0, 3, 4, 5])
>>> order_in_lists(numbers, offsets, False)
array([2, 0, 1, 5, 3, 4])
"""

from __future__ import annotations

import numpy as np

from dualak.executors.compiled import jit

#: So many numbers are put in order by moving them one by one; ordered runs of them are merged.
RUN = 16


@jit
def order_in_lists(numbers, offsets, ascending):
    """An index that puts the numbers of each list in order."""
    keys = numbers.copy() if ascending else -numbers
    order = np.arange(len(numbers))
    longest = 0
    for i in range(len(offsets) - 1):
        start, stop = max(offsets[i], 0), min(offsets[i + 1], len(numbers))
        longest = max(longest, stop - start)
        for first in range(start, stop, RUN):
            _insert(keys, order, first, min(first + RUN, stop))
    if longest > RUN:
        others, places = np.empty_like(keys), np.empty_like(order)
        for i in range(len(offsets) - 1):
            start, stop = max(offsets[i], 0), min(offsets[i + 1], len(numbers))
            if stop - start > RUN:
                _merge(keys, order, others, places, start, stop)
    return order


@jit
def _precedes(key, other):
    return key < other or (key != key and other == other)


@jit
def _insert(keys, order, start, stop):
    """Orders a run."""
    for i in range(start + 1, stop):
        key, place = keys[i], order[i]
        at = i
        while at > start and _precedes(key, keys[at - 1]):
            keys[at], order[at] = keys[at - 1], order[at - 1]
            at -= 1
        keys[at], order[at] = key, place


@jit
def _merge(keys, order, others, places, start, stop):
    """Merges ordered runs, two by two, until there is one."""
    width = RUN
    while width < stop - start:
        for low in range(start, stop, 2 * width):
            middle, high = min(low + width, stop), min(low + 2 * width, stop)
            i, j = low, middle
            for at in range(low, high):
                if i < middle and (j == high or not _precedes(keys[j], keys[i])):
                    others[at], places[at] = keys[i], order[i]
                    i += 1
                else:
                    others[at], places[at] = keys[j], order[j]
                    j += 1
        keys[start:stop], order[start:stop] = others[start:stop], places[start:stop]
        width *= 2
