"""Positions that name a buffer in their upper bits and an element in their lower ones.

>>> import numpy as np
>>> positions = np.array([(5 << 8) + 1, (2 << 8) + 0, (5 << 8) + 0])
>>> names_at(positions, 8, 3)
array([5, 2])
>>> places_at(positions, 8, np.array([5, 2]), np.array([0, 10]))
(array([ 1, 10,  0]), 0, 10)
>>> is_run(np.array([3, 4, 5])), is_run(positions)
(True, False)
"""

from __future__ import annotations

import numpy as np

from dualak.executors.compiled import jit


@jit
def _number_of(name, names, count):
    """Which of the names one is; their count if it is none."""
    for j in range(count):
        if names[j] == name:
            return j
    return count


@jit
def names_at(positions, bits, most):
    """The names in positions, each once, as they come; no more than there are, and one."""
    names = np.empty(most + 1, np.int64)
    count = 0
    for i in range(len(positions)):
        name = positions[i] >> bits
        if (i == 0 or name != positions[i - 1] >> bits) and _number_of(name, names, count) == count:
            names[count] = name
            count += 1
            if count > most:
                break
    return names[:count].copy()


@jit
def places_at(positions, bits, names, starts):
    """Where the elements lie if the named buffers lie one after another, from these starts on.

    With the least and the greatest place; there is one at least.
    """
    places = np.empty(len(positions), np.int64)
    mask = (1 << bits) - 1
    last, start = -1, 0
    least, most = np.int64(1 << 62), np.int64(-1)
    for i in range(len(positions)):
        name = positions[i] >> bits
        if name != last:
            last, start = name, starts[_number_of(name, names, len(names))]
        place = start + (positions[i] & mask)
        places[i] = place
        least, most = min(least, place), max(most, place)
    return places, least, most


@jit
def is_run(numbers):
    """Whether each number is greater by one than that before it."""
    for i in range(1, len(numbers)):  # noqa: SIM110 - compiled
        if numbers[i] - numbers[i - 1] != 1:
            return False
    return True
