"""Arrays of duals, split into values and tangents at one level, and joined again.

>>> import numpy as np, dualak
>>> def doubled(x):
...     value, tangents = split(x, level_of(x))
...     return joined(level_of(x), value * 2.0, [tangent * 2.0 for tangent in tangents])
>>> dualak.jvp(doubled, ak.Array([1.0, 2.0]), ak.Array([3.0, 4.0]))
(<Array [2, 4] type='2 * float64'>, <Array [6, 8] type='2 * float64'>)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import awkward as ak
import numpy as np

from dualak import device
from dualak.ad.dual import Level, Number, dual_or_value, highest, tangents_at, value_at
from dualak.ad.linear import cast
from dualak.arrays.columns import dual, node_of, number_of, plain
from dualak.arrays.highlevel import layout_of, own_behavior, wrap
from dualak.arrays.layouts import Content, duals_in, is_dual, is_text, rebuilt
from dualak.arrays.values import stands_for_others
from dualak.graph.nodes import Node


def level_of(array: Any) -> Level | None:
    """The newest level that an array or record has tangents at."""
    return highest([number_of(content) for content in duals_in(layout_of(array))])


def split(array: Any, level: Level, directions: int | None = None) -> tuple[Any, list[Any]]:
    """The values of an array of duals, and its tangents at a level, one array for each direction.

    ``directions`` says how many of them; None stands for all.  Where an array has none, and where
    it holds other things than numbers, tangents are zero.  What has tangents at lower levels has
    them still.
    """
    value = _each(array, lambda leaf: value_layout(leaf, level))
    wanted = range(level.directions if directions is None else directions)
    halves = [partial(tangent_layout, level=level, direction=k) for k in wanted]
    return value, [_each(array, half) for half in halves]


def _each(array: Any, leaf: Callable[[Content], Content]) -> Any:
    if isinstance(array, ak.Record):
        whole = ak.Array(array.layout.array, behavior=array.behavior, attrs=array.attrs)
        return _each(whole, leaf)[array.layout.at]
    behavior = own_behavior(array.behavior)
    return wrap(ak.Array(rebuilt(array.layout, leaf), behavior=behavior, attrs=array.attrs))


def value_layout(leaf: Content, level: Level) -> Content:
    """A leaf without its tangents at a level."""
    if not is_dual(leaf):
        return leaf if level.depth > 1 else read_only(leaf)
    return number_layout(value_at(number_of(leaf), level), leaf.length, level.depth > 1)


def read_only(leaf: Content) -> Content:
    """A leaf that is no dual, which may be somebody's own: it cannot be written to."""
    in_memory = leaf.is_numpy and isinstance(leaf.data, np.ndarray)
    return leaf.copy(data=device.read_only(leaf.data)) if in_memory else leaf


def tangent_layout(leaf: Content, level: Level, direction: int) -> Content:
    """The tangents of a leaf at a level, in one direction."""
    if is_dual(leaf):
        number = number_of(leaf)
        tangent = tangents_at(number, level)[direction]
        if tangent is None:
            return ak.contents.NumpyArray(np.zeros(leaf.length, number.dtype))
        return number_layout(tangent, leaf.length, level.depth > 1)
    return constant_tangent(leaf)


def constant_tangent(leaf: Content) -> Content:
    """The zeros that stand for the tangent of a leaf that is not differentiated."""
    if leaf.is_unknown:
        return leaf
    if is_text(leaf):
        return ak.contents.NumpyArray(np.zeros(leaf.length, np.int8))
    return ak.contents.NumpyArray(np.zeros_like(device.in_memory(leaf.data)))


def number_layout(number: Number, length: int, inside: bool = True) -> Content:
    """The layout of a number: a dual, a lazy buffer, or one in memory if it is computed.

    Inside of a transformation, what is computed from an example stays a dual: a plain buffer would
    be looked at by whatever Awkward does with it next.
    """
    if not isinstance(number, Node) or stands_for_others(number) or (inside and number.varies):
        return dual(number)
    known = number.data is not None and not device.on_device(number.data)
    if known and number.length is not None and not number.varies:
        data = number.data if inside else number.graph.given_out(number)
        return ak.contents.NumpyArray(data)
    return plain(number, length)


def joined(level: Level, value: Any, tangents: Sequence[Any]) -> Any:
    """An array with tangents at a level: the inverse of ``split``, of arrays of one structure."""
    if isinstance(value, ak.Record):
        whole = [ak.Array(record.layout.array) for record in (value, *tangents)]
        return joined(level, whole[0], whole[1:])[value.layout.at]
    layout = _joined(level, value.layout, [tangent.layout for tangent in tangents])
    return wrap(ak.Array(layout, behavior=value.behavior, attrs=value.attrs))


def _joined(level: Level, value: Content, tangents: Sequence[Content]) -> Content:
    if is_dual(value) or (value.is_numpy and value.data.dtype.kind == "f"):
        number = number_at(value)
        given = [
            None if is_zero(tangent) else cast(number_at(tangent), number.dtype)
            for tangent in tangents
        ]
        return dual(dual_or_value(level, number, given))
    if value.is_record or value.is_union:
        each = zip(value.contents, *(tangent.contents for tangent in tangents), strict=True)
        return value.copy(contents=[_joined(level, first, others) for first, *others in each])
    if value.is_numpy or value.is_unknown or is_text(value):
        return value
    return value.copy(
        content=_joined(level, value.content, [tangent.content for tangent in tangents])
    )


def number_at(leaf: Content) -> Number:
    """The number of a leaf, of duals or of plain numbers."""
    return number_of(leaf) if is_dual(leaf) else node_of(leaf)


def is_zero(leaf: Content) -> bool:
    """Whether a leaf of tangents is known to be zero."""
    return leaf.is_numpy and leaf.data.dtype.kind not in "f"
