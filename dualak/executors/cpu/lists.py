"""Where elements of lists lie: of slices, places, pairs, products of two, joined and padded lists.

>>> import numpy as np
>>> starts, stops = np.array([0, 3, 3]), np.array([3, 3, 5])
>>> cut_lists(starts, stops, -2, NONE, 1)
(array([0, 2, 2, 4]), array([1, 2, 3, 4]))
>>> cut_lists(starts, stops, NONE, NONE, -1)[1]
array([2, 1, 0, 4, 3])
>>> kept_in_lists(np.array([True, False, True, False, True]), np.array([0, 3, 3, 5]))
(array([0, 2, 2, 3]), array([0, 2, 4]))
>>> places_in_lists(np.array([0, 3, 3, 5]), np.array([0, 1, 1, 3]), np.array([-1, 1, 0]))
(array([2, 4, 3]), True)
>>> pairs_in_lists(np.array([0, 3, 3, 5]), 1)
(array([0, 3, 3, 4]), array([0, 0, 1, 3]), array([1, 2, 2, 4]))
>>> products_of_lists(np.array([0, 2, 2, 3]), np.array([0, 1, 4, 6]))
(array([0, 2, 2, 4]), array([0, 1, 2, 2]), array([0, 0, 4, 5]))
>>> joined_lists(np.array([[0, 2, 2], [0, 0, 1]]), np.array([0, 10]))
(array([0, 2, 3]), array([ 0,  1, 10]))
>>> padded_lists(np.array([0, 3, 3, 4]), 2, False)
(array([0, 3, 5, 7]), array([ 0,  1,  2, -1, -1,  3, -1]), array([0, 1, 2, 3]))
>>> padded_lists(np.array([0, 3, 3, 4]), 2, True)[1:]
(array([ 0,  1, -1, -1,  2, -1]), array([0, 1, 3]))
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
    wide = np.uint64(WIDE)
    for i in range(len(starts)):
        place, _ = _first_and_count(stops[i] - starts[i], first, last, step)
        place += starts[i]
        # Places to write to are unsigned: Numba looks at a sign each time.
        at, count = np.uint64(offsets[i]), np.uint64(offsets[i + 1] - offsets[i])
        for k in range(wide):
            index[at + k] = place + np.int64(k) * step
        for k in range(wide, count):
            index[at + k] = place + np.int64(k) * step
    return offsets, index[: offsets[-1]]


@jit
def kept_in_lists(flags, offsets):
    """The offsets of what flags keep of each list, and an index of its elements."""
    kept = np.empty_like(offsets)
    index = np.empty(len(flags) + 1, np.int64)
    at, after = np.uint64(0), 0
    for i in range(len(offsets) - 1):
        kept[i] = at
        # Lists that overlap or go beyond the flags would write beyond the index.
        start, after = max(offsets[i], after), max(min(offsets[i + 1], len(flags)), after)
        for place in range(start, after):
            index[at] = place
            at += np.uint64(flags[place])
    kept[-1] = at
    return kept, index[: kept[-1]].copy()


@jit
def places_in_lists(offsets, starts, places):
    """Where elements lie that are named by their places in lists, from the end on if negative.

    List ``i`` has places ``starts[i]`` to ``starts[i + 1]``.  Also says whether all are in a list.
    """
    index = np.empty(len(places), np.int64)
    inside = True
    for i in range(len(offsets) - 1):
        start, length = offsets[i], offsets[i + 1] - offsets[i]
        inside &= starts[i] >= 0 and starts[i + 1] <= len(places)
        for q in range(starts[i], starts[i + 1] if inside else 0):
            place = np.int64(places[q])
            place += length if place < 0 else 0
            inside &= 0 <= place < length
            index[q] = start + place
    return index, inside


@jit
def pairs_in_lists(offsets, gap):
    """The offsets of the pairs in each list, and for both parts of a pair where its elements lie.

    The second is at least ``gap`` places behind the first: 0 pairs elements with themselves.
    """
    pairs = np.empty(len(offsets), np.int64)
    pairs[0] = 0
    for i in range(len(offsets) - 1):
        length = max(offsets[i + 1] - offsets[i], 0)
        pairs[i + 1] = pairs[i] + (length - gap) * (length - gap + 1) // 2
    first, second = _pairs(offsets, offsets, pairs[-1], gap)
    return pairs, first, second


@jit
def products_of_lists(offsets, others):
    """The same for the pairs of an element of a list and one of the other list at its place."""
    pairs = np.empty(len(offsets), np.int64)
    pairs[0] = 0
    for i in range(len(offsets) - 1):
        length, other = offsets[i + 1] - offsets[i], others[i + 1] - others[i]
        pairs[i + 1] = pairs[i] + max(length, 0) * max(other, 0)
    first, second = _pairs(offsets, others, pairs[-1], NONE)
    return pairs, first, second


@jit
def _pairs(offsets, others, length, gap):
    """Each element beside all of the other list, or those from a gap behind it on."""
    first = np.empty(length + WIDE, np.int64)
    second = np.empty(length + WIDE, np.int64)
    # Places to write to are unsigned: Numba looks at a sign each time.
    at, wide = np.uint64(0), np.uint64(WIDE)
    for i in range(len(offsets) - 1):
        for place in range(offsets[i], offsets[i + 1]):
            start = others[i] if gap == NONE else place + gap
            count = np.uint64(max(others[i + 1] - start, 0))
            if count == 0:
                break
            for k in range(wide):
                first[at + k] = place
            for k in range(wide):
                second[at + k] = start + np.int64(k)
            for k in range(wide, count):
                first[at + k] = place
                second[at + k] = start + np.int64(k)
            at += count
    return first[:length], second[:length]


@jit
def joined_lists(offsets, starts):
    """The offsets of lists that are joined one by one, and where their elements lie.

    Row ``j`` has the offsets of the lists whose elements lie from ``starts[j]`` on.
    """
    joined = np.empty(offsets.shape[1], np.int64)
    joined[0] = 0
    for i in range(len(joined) - 1):
        length = 0
        for j in range(len(offsets)):
            length += max(offsets[j, i + 1] - offsets[j, i], 0)
        joined[i + 1] = joined[i] + length
    index = np.empty(joined[-1] + WIDE, np.int64)
    at, wide = np.uint64(0), np.uint64(WIDE)
    for i in range(len(joined) - 1):
        for j in range(len(offsets)):
            place, length = starts[j] + offsets[j, i], offsets[j, i + 1] - offsets[j, i]
            count = np.uint64(max(length, 0))
            for k in range(wide):
                index[at + k] = place + np.int64(k)
            for k in range(wide, count):
                index[at + k] = place + np.int64(k)
            at += count
    return joined, index[: joined[-1]]


@jit
def padded_lists(offsets, target, clip):
    """The offsets of lists that are filled up to a length, and cut to it, and two indexes.

    The first says which of the elements that are left stands where, or -1 for none; the second
    where these lie.
    """
    padded = np.empty(len(offsets), np.int64)
    padded[0] = 0
    left = 0
    for i in range(len(offsets) - 1):
        length = max(offsets[i + 1] - offsets[i], 0)
        padded[i + 1] = padded[i] + (target if clip else max(length, target))
        left += min(length, target) if clip else length
    index, places = np.empty(padded[-1], np.int64), np.empty(left, np.int64)
    at, found = np.uint64(0), np.uint64(0)
    for i in range(len(offsets) - 1):
        for k in range(padded[i + 1] - padded[i]):
            there = k < offsets[i + 1] - offsets[i]
            index[at] = np.int64(found) if there else -1
            at += np.uint64(1)
            if there:
                places[found] = offsets[i] + k
                found += np.uint64(1)
    return padded, index, places
