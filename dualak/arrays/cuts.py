"""Slices of lists, and places in them, without Awkward: one index gathers what is left."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np

from dualak import device
from dualak.arrays.canonical import canonicalize, gathered, is_canonical, part_of, taken
from dualak.arrays.layouts import Content
from dualak.arrays.lists import in_lists, lists_and_content, offsets_of
from dualak.executors.cpu.lists import places_in_lists

_ALL = slice(None)

#: Where kernels cannot count any more.
_HUGE = 2**62


def cut(layout: Content, where: Any) -> Content | None:
    """What ``[rows, columns]`` leaves of lists of numbers or records; None if Awkward has to cut.

    ``where`` is a slice of the lists, or a pair of that and a slice of what is in each.
    """
    slices = where if isinstance(where, tuple) else (where,)
    if not 1 <= len(slices) <= 2 or not all(map(_is_simple, slices)):
        return None
    lists, content = lists_and_content(layout)
    if len(lists) > 1 or len(lists) < len(slices) - 1:
        return None
    if any(level.is_regular for level in lists) or not is_canonical(content):
        return None
    rows, columns = (*slices, _ALL)[:2]
    if not lists:
        return _elements(content, rows)
    offsets = device.contiguous(lists[0].offsets.data)
    if columns == _ALL and rows.step in (None, 1):
        return _rows(offsets, content, rows)
    return gathered(offsets[:-1][rows], offsets[1:][rows], content, columns)


def _elements(content: Content, where: slice) -> Content:
    """Numbers or records in no lists."""
    start, stop, step = where.indices(content.length)
    if step == 1:
        return canonicalize(part_of(content, start, max(start, stop)))
    return taken(content, np.arange(start, stop, step))


def _is_simple(part: Any) -> bool:
    """Whether a part of an index is a slice by whole numbers.

    Raises:
        ValueError: for a step of zero, with which Awkward would not end.
    """
    if not isinstance(part, slice):
        return False
    if part.step == 0:
        raise ValueError("slice step cannot be zero")
    bounds = (part.start, part.stop, part.step)
    return all(bound is None or (type(bound) is int and abs(bound) < _HUGE) for bound in bounds)


def _rows(offsets: device.Buffer, content: Content, rows: slice) -> Content:
    """Lists that lie one after the other."""
    start, stop, _ = rows.indices(len(offsets) - 1)
    kept = offsets[start : max(start, stop) + 1]
    content = canonicalize(part_of(content, int(kept[0]), int(kept[-1])))
    return ak.contents.ListOffsetArray(ak.index.Index64(kept - kept[0]), content)


def picked(layout: Content, where: Content) -> Content | None:
    """The elements at places in their lists, such as ``ak.argsort`` gives; None if Awkward has to.

    Places that are missing give elements that are, as with ``ak.argmax``.
    """
    lists, content = lists_and_content(layout)
    of_where, places = lists_and_content(where)
    if not lists or len(lists) != len(of_where) or not is_canonical(content):
        return None
    if any(level.is_regular for level in (*lists, *of_where[:-1])):
        return None
    if not places.is_option:
        if of_where[-1].is_regular or not _are_places(places):
            return None  # a rectangle of places is an index as NumPy has it
        return _at_places(lists, of_where, content, offsets_of(of_where[-1]), places)
    places = places.to_IndexedOptionArray64()
    if not _are_places(places.content) or len(lists) > 1:
        return None
    at = device.in_memory(places.index.data)
    known = at >= 0
    before = np.concatenate([[0], np.cumsum(known)])
    starts = offsets_of(of_where[-1])
    found = _at_places(lists, of_where, content, before[starts], places.content[at[known]])
    if found is None:
        return None
    index = ak.index.Index64(np.where(known, before[:-1], -1))
    optional = ak.contents.IndexedOptionArray(index, found.content)
    return ak.contents.ListOffsetArray(ak.index.Index64(starts), optional)


def _are_places(layout: Content) -> bool:
    return layout.is_numpy and layout.inner_shape == () and layout.data.dtype.kind in "iu"


def _at_places(
    lists: list[Content],
    of_where: list[Content],
    content: Content,
    starts: device.Buffer,
    places: Content,
) -> Content | None:
    """The elements in lists of places; None where Awkward says what is wrong with them."""
    bounds = [list(map(_offsets, levels[:-1])) for levels in (lists, of_where)]
    if lists[-1].length != of_where[-1].length or not all(map(np.array_equal, *bounds)):
        return None
    numbers = device.contiguous(device.in_memory(places.data))
    index, inside = places_in_lists(_offsets(lists[-1]), starts, numbers)
    if not inside:
        return None
    found = ak.contents.ListOffsetArray(ak.index.Index64(starts), taken(content, index))
    return in_lists(lists[:-1], found)


def _offsets(level: Content) -> device.Buffer:
    return device.contiguous(offsets_of(level), np.int64)
