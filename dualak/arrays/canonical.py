"""Layouts that hold duals: put in order, gathered, masked, merged with plain numbers.

``canonicalize`` hands the index that Awkward leaves behind to the graph, so that what follows finds
duals without gaps, in lists that start at zero.
"""

from __future__ import annotations

from collections.abc import Callable

import awkward as ak
import numpy as np

from dualak import device
from dualak.ad.linear import cast, part, take
from dualak.arrays.columns import dual, is_column, node_of, number_of
from dualak.arrays.context import graph_in_use
from dualak.arrays.layouts import (
    Content,
    holds_duals,
    is_dual,
    is_text,
    rebuilt,
    record_like,
    simplified_like,
)
from dualak.arrays.lists import lists_and_content, same_lists

# -- settling -------------------------------------------------------------------------------------


def canonicalize(layout: Content) -> Content:
    """An equal layout whose duals lie in order and without gaps: indexes became gathers.

    Lists become ``ListOffsetArray`` from zero, option types ``IndexedOptionArray``, an index over
    records is handed to their fields, and nameless records that hold duals get a name of ours.
    """
    if not holds_duals(layout):
        return layout
    if is_dual(layout):
        outside = _options_outside(layout)
        return _part(layout, 0, layout.length) if outside is None else outside
    return _CANONICAL[_kind(layout)](layout)


def _options_outside(layout: Content) -> Content | None:
    """A dual whose column has missing values, as Awkward leaves it, as an option of a dual."""
    leaf = layout.contents[0]
    if not leaf.is_option:
        return None
    leaf = leaf.to_IndexedOptionArray64()
    content = layout.copy(contents=[leaf.content], length=leaf.content.length)
    return ak.contents.IndexedOptionArray.simplified(leaf.index, canonicalize(content))


def _kind(layout: Content) -> str:
    kinds = ("record", "union", "option", "indexed", "regular", "list")
    return next(kind for kind in kinds if getattr(layout, f"is_{kind}"))


def _canonical_record(layout: Content) -> Content:
    contents = [canonicalize(_part(content, 0, layout.length)) for content in layout.contents]
    return record_like(layout, contents, layout.length)


def _canonical_union(layout: Content) -> Content:
    contents = _alike([canonicalize(content) for content in layout.contents])
    merged = ak.contents.UnionArray.simplified(
        layout.tags, layout.index, contents, parameters=layout.parameters
    )
    if not merged.is_union:
        return canonicalize(merged)
    return merged.copy(contents=[canonicalize(content) for content in merged.contents])


def _canonical_option(layout: Content) -> Content:
    layout = layout.to_IndexedOptionArray64()
    return simplified_like(layout, canonicalize(layout.content))


def _canonical_indexed(layout: Content) -> Content:
    content = canonicalize(layout.content)
    return _taken(content, device.contiguous(layout.index.data, np.int64))


def _canonical_regular(layout: Content) -> Content:
    content = canonicalize(_part(layout.content, 0, layout.length * layout.size))
    return layout.copy(content=content)


def _canonical_list(layout: Content) -> Content:
    if not hasattr(layout, "offsets") or device.in_memory(layout.offsets.data)[0] != 0:
        layout = layout.to_ListOffsetArray64(True)
    content = canonicalize(_part(layout.content, 0, int(device.in_memory(layout.offsets.data)[-1])))
    if content is layout.content:
        return layout
    return ak.contents.ListOffsetArray(layout.offsets, content, parameters=layout.parameters)


_CANONICAL: dict[str, Callable[[Content], Content]] = {
    "record": _canonical_record,
    "union": _canonical_union,
    "option": _canonical_option,
    "indexed": _canonical_indexed,
    "regular": _canonical_regular,
    "list": _canonical_list,
}


def _part(layout: Content, start: int, stop: int) -> Content:
    """The elements from start to stop; the nodes of duals are cut, not their bytes."""
    if is_dual(layout):
        (leaf,) = layout.contents
        if start == 0 and is_column(leaf) and leaf.length == stop:
            return layout
        return dual(part(number_of(layout), start, stop))
    if start == 0 and stop == layout.length:
        return layout
    if layout.is_record:
        contents = [_part(content, start, stop) for content in layout.contents]
        return record_like(layout, contents, stop - start)
    if layout.is_regular:
        content = _part(layout.content, start * layout.size, stop * layout.size)
        return ak.contents.RegularArray(
            content, layout.size, stop - start, parameters=layout.parameters
        )
    if layout.is_option:
        layout = layout.to_IndexedOptionArray64()
    return layout[start:stop]


def _taken(layout: Content, index: device.Buffer) -> Content:
    """The elements at an index that has no missing: gathers where there are duals."""
    if is_dual(layout):
        return dual(take(number_of(layout), graph_in_use().buffer(index)))
    if layout.is_record and holds_duals(layout):
        contents = [_taken(content, index) for content in layout.contents]
        return record_like(layout, contents, len(index))
    indexed = ak.contents.IndexedArray.simplified(ak.index.Index64(index), layout)
    if not holds_duals(layout):
        return indexed
    return canonicalize(indexed if indexed.is_option else indexed.project())


def masked(layout: Content, mask: Content) -> Content | None:
    """The elements where a mask in the very same lists is true; None if the mask is another.

    The elements that stay are found once, and duals are gathered by their index.
    """
    lists, content = lists_and_content(layout)
    of_mask, flags = lists_and_content(mask)
    if any(one.is_regular for one in lists):
        return None  # a mask of a rectangle makes one list of what it lets through
    if not (flags.is_numpy and flags.inner_shape == () and flags.data.dtype.kind == "b"):
        return None
    if (
        not same_lists(lists, of_mask)
        or content.length != flags.length
        or not _is_canonical(content)
    ):
        return None
    true = device.in_memory(flags.data)
    result = _taken(content, np.flatnonzero(true))
    if not lists:
        return result
    before = np.concatenate([[0], np.cumsum(true)])
    offsets = ak.index.Index64(before[device.in_memory(lists[-1].offsets.data)])
    result = ak.contents.ListOffsetArray(offsets, result)
    for one in reversed(lists[:-1]):
        result = one.copy(content=result)
    return result


def _is_canonical(content: Content) -> bool:
    """Whether what is masked is a number or a record, which no mask goes into."""
    return is_dual(content) or (content.is_record and holds_duals(content))


# -- a union of numbers and duals -----------------------------------------------------------------


def _alike(contents: list[Content]) -> list[Content]:
    """The contents of a union, numbers made duals where others of them are, so that they merge."""
    for pattern in contents:
        if holds_duals(pattern):
            contents = [like(content, pattern) for content in contents]
    return contents


def like(layout: Content, pattern: Content) -> Content:
    """The layout with its numbers made constant duals where the pattern has duals."""
    if not holds_duals(pattern) or layout.is_unknown or is_text(layout):
        return layout
    if layout.is_option or (layout.is_indexed and not holds_duals(layout)):
        return simplified_like(layout, like(layout.content, pattern))
    if pattern.is_option or pattern.is_indexed:
        return like(layout, pattern.content)
    if is_dual(pattern):
        return constant_dual(layout) if layout.is_numpy else layout
    if pattern.is_record and layout.is_record and set(pattern.fields) == set(layout.fields):
        contents = [like(layout.content(name), pattern.content(name)) for name in layout.fields]
        return record_like(layout, contents, layout.length)
    if pattern.is_list and layout.is_list:
        return layout.copy(content=like(layout.content, pattern.content))
    return layout


def constant_dual(leaf: Content) -> Content:
    """A NumpyArray of numbers as a dual without a tangent; any other leaf as it is."""
    if leaf.data.dtype.kind not in "fiu":
        return leaf
    if len(leaf.inner_shape) > 0:
        regular = leaf.to_RegularArray()
        return rebuilt(regular, constant_dual)
    return dual(cast(node_of(leaf), np.result_type(leaf.data.dtype, np.float32)))
