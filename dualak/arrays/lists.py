"""Lists: their offsets, their content, and whether two are the same."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import awkward as ak
import numpy as np

from dualak import device
from dualak.arrays.layouts import Content

# -- arrays in the same lists ---------------------------------------------------------------------


def lists_and_content(layout: Content) -> tuple[list[Content], Content]:
    """The lists above a layout, outermost first, as far as they have no gaps and no parameters."""
    lists: list[Content] = []
    while layout.is_list and not layout.parameters:
        if not (layout.is_regular or isinstance(layout, ak.contents.ListOffsetArray)):
            break
        if layout.content.length != end_of(layout):
            break
        lists.append(layout)
        layout = layout.content
    return lists, layout


def in_lists(lists: Sequence[Content], content: Content) -> Content:
    """A content of the same length in lists, outermost first."""
    for level in reversed(lists):
        content = level.copy(content=content)
    return content


def end_of(lists: Content) -> int:
    """Where the last list ends."""
    if lists.is_regular:
        return lists.length * lists.size
    return int(device.in_memory(lists.offsets.data)[-1])


def offsets_of(lists: Content) -> device.Buffer:
    """The offsets of lists that have no gaps."""
    if lists.is_regular:
        return _regular_offsets(lists.length, lists.size)
    return device.in_memory(lists.offsets.data)


@lru_cache(maxsize=8)
def _regular_offsets(length: int, size: int) -> device.Buffer:
    """One buffer for one shape, so that what has the same shape is seen to have the same lists."""
    return np.arange(length + 1) * size


def same_lists(lists: Sequence[Content], other: Sequence[Content]) -> bool:
    """Whether lists are the very same: the same memory says where they begin and end."""
    return len(lists) == len(other) and all(map(_same, lists, other))


def _same(layout: Content, other: Content) -> bool:
    if layout.is_regular or other.is_regular:
        alike = layout.is_regular and other.is_regular and layout.size == other.size
        return bool(alike and layout.length == other.length)
    return _identical(layout.offsets.data, other.offsets.data)


def _identical(buffer: Any, other: Any) -> bool:
    if buffer is other:
        return True
    buffer, other = device.in_memory(buffer), device.in_memory(other)
    return (
        buffer.shape == other.shape
        and buffer.dtype == other.dtype
        and buffer.strides == other.strides
        and device.address(buffer) == device.address(other)
    )
