"""What is missing from lists, and what fills it, without Awkward: one level of lists.

Awkward would carry whatever stands for numbers through kernels of its own, and merge it in a union.
It still does what is not one level of ragged lists of numbers or records.
"""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np

from dualak import device
from dualak.ad.dual import select
from dualak.ad.linear import cast, spread, take
from dualak.arrays.canonical import taken
from dualak.arrays.columns import dual, number_of
from dualak.arrays.context import graph_in_use
from dualak.arrays.highlevel import with_layout, wrapped
from dualak.arrays.layouts import Content, holds_duals, is_dual
from dualak.arrays.lists import in_lists, lists_and_content
from dualak.executors.cpu.lists import padded_lists
from dualak.functions.awkward.pairs import offsets_in, ragged_lists


def pad_none(
    array: Any = None, target: Any = None, axis: Any = 1, *, clip: Any = False, **others: Any
) -> Any:
    """As ``ak.pad_none``; None if Awkward has to do it."""
    if type(target) is not int or target < 0 or type(clip) is not bool or others:
        return None
    lists = _lists_at(array, axis)
    if lists is None:
        return None
    offsets, option = _padded(lists, target, clip)
    if clip:
        layout = ak.contents.RegularArray(option, target, lists.length)
    else:
        layout = ak.contents.ListOffsetArray(ak.index.Index64(offsets), option)
    return wrapped(layout, array.behavior, array.attrs)


def firsts(array: Any = None, axis: Any = 1, **others: Any) -> Any:
    """As ``ak.firsts``; None if Awkward has to do it."""
    lists = None if others else _lists_at(array, axis)
    if lists is None:
        return None
    return wrapped(_padded(lists, 1, True)[1], array.behavior, array.attrs)


def _lists_at(array: Any, axis: Any) -> Content | None:
    lists = ragged_lists(array) if type(axis) is int and axis in (1, -1) else None
    if lists is None or not holds_duals(lists.content):
        return None
    return lists if axis == 1 or is_dual(lists.content) else None


def _padded(lists: Content, target: int, clip: bool) -> tuple[device.Buffer, Content]:
    """The offsets of padded lists, and what is in them."""
    offsets, index, places = padded_lists(offsets_in(lists), target, clip)
    content = taken(lists.content, places) if clip else lists.content
    return offsets, ak.contents.IndexedOptionArray(ak.index.Index64(index), content)


def fill_none(array: Any = None, value: Any = None, axis: Any = -1, **others: Any) -> Any:
    """As ``ak.fill_none`` with a number, where elements are missing; None if Awkward has to."""
    number = isinstance(value, (int, float, np.integer, np.floating)) and type(value) is not bool
    if not isinstance(array, ak.Array) or array.named_axis or not number or others:
        return None
    lists, option = lists_and_content(array.layout)
    of_elements = axis is None or (type(axis) is int and axis in (-1, len(lists)))
    if not of_elements or not option.is_option or not is_dual(option.content):
        return None
    layout = _filled(option.to_IndexedOptionArray64(), np.asarray(value))
    return with_layout(array, in_lists(lists, layout))


def _filled(option: Content, value: Any) -> Content:
    """The numbers of an option, and one value where there is none."""
    index = device.contiguous(device.in_memory(option.index.data), np.int64)
    number = number_of(option.content)
    dtype = np.result_type(number.dtype, value.dtype)
    graph = graph_in_use()
    filling = graph.constant(value, dtype)
    if number.length == 0:
        return dual(spread(filling, len(index)))
    found = take(cast(number, dtype), graph.buffer(np.maximum(index, 0)))
    return dual(spread(select(graph.buffer(index >= 0), found, filling), len(index)))
