"""Positions that name a buffer in their upper bits and an element in their lower ones.

>>> import numpy as np
>>> positions = np.array([(5 << 8) + 1, (2 << 8) + 0, (5 << 8) + 0])
>>> names_at(positions, 8, 3)
array([5, 2])
>>> places_at(positions, 8, np.array([5, 2]), np.array([0, 10]))
array([ 1, 10,  0])
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
    """Where the elements lie if the named buffers lie one after another, from these starts on."""
    places = np.empty(len(positions), np.int64)
    mask = (1 << bits) - 1
    last, start = -1, 0
    for i in range(len(positions)):
        name = positions[i] >> bits
        if name != last:
            last, start = name, starts[_number_of(name, names, len(names))]
        places[i] = start + (positions[i] & mask)
    return places
