"""Packing: layouts in their plainest form, so that equal arrays have equal layouts."""

from __future__ import annotations

import awkward as ak
import numpy as np

from dualak import device
from dualak.arrays.canonical import carried
from dualak.arrays.layouts import Content, is_dual, is_text


def packed(layout: Content) -> Content:
    """The layout packed, with one kind of option type and unions in the order of their tags."""
    return ak.to_packed(_plain_options(layout), highlevel=False)


def _plain_options(layout: Content) -> Content:
    if layout.is_numpy or layout.is_unknown or is_text(layout) or is_dual(layout):
        return layout
    if layout.is_record:
        contents = [_plain_options(content) for content in layout.contents]
        return layout.copy(contents=contents)
    if layout.is_union:
        return _ordered_union(layout)
    if layout.is_option:
        layout = layout.to_IndexedOptionArray64()
    return layout.copy(content=_plain_options(layout.content))


def _ordered_union(layout: Content) -> Content:
    tags = device.in_memory(layout.tags.data)
    index = np.empty(len(tags), np.int64)
    contents = []
    for tag, content in enumerate(layout.contents):
        of_tag = tags == tag
        index[of_tag] = np.arange(of_tag.sum())
        taken = device.in_memory(layout.index.data)[: len(tags)][of_tag]
        contents.append(_plain_options(carried(content, taken)) if of_tag.any() else content[:0])
    return ak.contents.UnionArray(
        layout.tags, ak.index.Index64(index), contents, parameters=layout.parameters
    )
