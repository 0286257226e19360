"""Slices of arrays of lists, cut without Awkward: what they leave is gathered by one index."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np

from dualak import device
from dualak.arrays.canonical import canonicalize, gathered, is_canonical, part_of, taken
from dualak.arrays.layouts import Content
from dualak.arrays.lists import lists_and_content

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
