"""A tangent beside its primal: whether they have one structure, and the tangent of each leaf.

A tangent may lie in memory otherwise than its primal, as long as the lists are equal; what it does
not name is constant.  ``path`` says in errors which part of which argument is meant.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, TypeAlias

import awkward as ak
import numpy as np

from dualak import device
from dualak.ad.dual import Number
from dualak.arrays.columns import node_of, number_of
from dualak.arrays.context import graph_in_use
from dualak.arrays.layouts import INDEX_BUFFERS, Content, children, is_dual, is_text
from dualak.graph.nodes import Node


class Inputs:
    """A tangent of any structure, without numbers: each leaf gets an input of the graph."""

    #: Whether the primal is packed before, so that each of its numbers is an element that one sees.
    packs = True

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def input(self, value: Number) -> Node:
        """A new input, as long as the value."""
        self.nodes.append(value.graph.input(value.dtype, value.length))
        return self.nodes[-1]


#: A tangent for a layout: nothing, a layout, one for each of some fields, or inputs.
Tangent: TypeAlias = "Content | Inputs | dict[str, Any] | None"


class StructureError(ValueError):
    """A tangent does not have the structure of its primal."""


# -- laid out alike -------------------------------------------------------------------------------


def each(tangent: Tangent, convert: Any) -> Tangent:
    if isinstance(tangent, Inputs):
        return tangent
    if isinstance(tangent, dict):
        return {name: each(item, convert) for name, item in tangent.items()}
    return None if tangent is None else convert(tangent)


# -- primal and tangent, side by side -------------------------------------------------------------


def congruent(layout: Content, tangent: Tangent) -> bool:
    """Whether a primal and its tangent lie alike in memory, so that nothing has to be packed."""
    if tangent is None:
        return True
    if isinstance(tangent, Inputs):
        return not tangent.packs
    if isinstance(tangent, dict) and layout.is_list:
        parts = {name: item for name, item in tangent.items() if item is not None}
        alike = (
            type(item) is type(layout) and _same_index_buffers(layout, item)
            for item in parts.values()
        )
        return all(alike) and congruent(
            layout.content, {name: item.content for name, item in parts.items()}
        )
    if isinstance(tangent, dict):
        return layout.is_record and all(
            name in layout.fields and congruent(layout.contents[layout.field_to_index(name)], item)
            for name, item in tangent.items()
        )
    if is_dual(layout) or is_dual(tangent):
        return (tangent.is_numpy or is_dual(tangent)) and tangent.length == layout.length
    if layout.is_numpy or layout.is_unknown:
        return bool(tangent.is_numpy) and _shape(tangent) == _shape(layout)
    if type(layout) is not type(tangent) or not _same_index_buffers(layout, tangent):
        return False
    if layout.is_record:
        return congruent(layout, {name: tangent.content(name) for name in tangent.fields})
    return all(map(congruent, children(layout), children(tangent)))


def _shape(layout: Content) -> Any:
    return None if layout.is_unknown else layout.data.shape


def _same_index_buffers(layout: Content, tangent: Content) -> bool:
    return layout.length == tangent.length and all(
        _equal(getattr(layout, name), getattr(tangent, name))
        for name in INDEX_BUFFERS.get(type(layout), ())
    )


def _equal(value: Any, other: Any) -> bool:
    if not isinstance(value, ak.index.Index):
        return bool(value == other)
    return value.data is other.data or np.array_equal(
        device.in_memory(value.data), device.in_memory(other.data)
    )


# -- the tangents of the leaves -------------------------------------------------------------------


def leaf_tangents(layout: Content, tangent: Tangent, path: str) -> Iterator[Any]:
    """The tangent of each leaf, in the order of ``rebuilt``; ``tangent`` is laid out alike."""
    if isinstance(tangent, Inputs):
        yield from itertools.repeat(tangent)
        return
    if layout.is_unknown or is_text(layout):
        if is_text(layout):
            require_constant(layout, tangent, path)
        yield None
    elif isinstance(tangent, dict) and (_is_leaf(layout) or layout.is_union):
        raise StructureError(
            f"{path}: the tangent names the fields {list(tangent)}, got {layout.form.type} there"
        )
    elif _is_leaf(layout):
        yield from _of_leaf(layout, tangent, path)
    elif layout.is_record:
        yield from _of_record(layout, tangent, path)
    elif layout.is_union:
        tangents = (
            [None] * len(layout.contents) if tangent is None else _below(layout, tangent, path)
        )
        for content, part in zip(layout.contents, tangents, strict=True):
            yield from leaf_tangents(content, part, path)
    else:
        yield from leaf_tangents(
            layout.content, None if tangent is None else _below(layout, tangent, path), path
        )


def _is_leaf(layout: Content) -> bool:
    return layout.is_numpy or is_dual(layout)


def _of_leaf(layout: Content, tangent: Tangent, path: str) -> Iterator[Any]:
    if is_dual(layout):
        yield None if tangent is None else _tangent_number(layout, tangent, path)
    elif layout.data.dtype.kind != "f":
        require_constant(layout, tangent, path)
        yield None
    elif len(layout.inner_shape) > 0:
        yield from leaf_tangents(layout.to_RegularArray(), each(tangent, _as_lists), path)
    else:
        require_float(layout.data.dtype, path)
        yield None if tangent is None else _tangent_number(layout, tangent, path)


def _as_lists(layout: Content) -> Content:
    return layout.to_RegularArray() if layout.is_numpy else layout


def _tangent_number(layout: Content, tangent: Content, path: str) -> Number:
    if tangent.is_unknown and layout.length == 0:
        return graph_in_use().buffer(np.empty(0))
    if tangent.is_option:
        tangent = _without_missing(tangent, path)
    if is_dual(tangent):
        _require_length(layout.length, tangent.length, path)
        return number_of(tangent)
    if not tangent.is_numpy or tangent.inner_shape != ():
        raise StructureError(f"{path}: expected numbers for a tangent, got {tangent.form.type}")
    if tangent.data.dtype.kind != "f" or tangent.data.dtype.itemsize not in (4, 8):
        dtype = number_of(layout).dtype if is_dual(layout) else layout.data.dtype
        raise StructureError(
            f"{path}: expected a tangent of {dtype}, got {tangent.data.dtype}; convert "
            "it with ak.values_astype"
        )
    _require_length(layout.length, tangent.length, path)
    return node_of(tangent)


def _without_missing(tangent: Content, path: str) -> Content:
    if device.in_memory(ak.is_none(tangent, highlevel=False).data).any():
        raise StructureError(f"{path}: the tangent has missing values where the primal has none")
    return ak.drop_none(tangent, highlevel=False)


def _of_record(
    layout: Content, tangent: Content | dict[str, Any] | None, path: str
) -> Iterator[Any]:
    if tangent is None:
        tangent = {}
    elif not isinstance(tangent, dict):
        if not tangent.is_record or is_dual(tangent):
            raise StructureError(f"{path}: expected records for a tangent, got {tangent.form.type}")
        _require_length(layout.length, tangent.length, path)
        tangent = {name: tangent.content(name) for name in tangent.fields}
    require_known_names(tangent, layout.fields, path)
    for name in layout.fields:
        yield from leaf_tangents(layout.content(name), tangent.get(name), f"{path}.{name}")


def _each_below(layout: Content, tangent: dict[str, Tangent], path: str) -> dict[str, Tangent]:
    """Tangents of some fields, taken below the lists (or missing values) that they share."""
    return {
        name: None if item is None else _below(layout, item, path) for name, item in tangent.items()
    }


def _below(layout: Content, tangent: Content, path: str) -> Any:
    """The tangent's content below a list, an option or a union that is equal to the primal's."""
    if isinstance(tangent, dict):
        return _each_below(layout, tangent, path)
    if layout.is_list:
        return _below_lists(layout, tangent, path)
    if layout.is_option and not tangent.is_option:
        return _below_option_of_all(layout, tangent, path)
    if type(layout) is not type(tangent):
        raise StructureError(
            f"{path}: expected a tangent of type {layout.form.type}, got {tangent.form.type}"
        )
    if layout.is_union:
        return _below_union(layout, tangent, path)
    if not _same_index_buffers(layout, tangent):
        raise StructureError(f"{path}: {_difference(layout, tangent)}")
    return tangent.content


def _below_union(layout: Content, tangent: Content, path: str) -> list[Content | None]:
    """The tangent's contents in the order of the primal's: those for the same elements.

    What no element is of has none.
    """
    _require_length(layout.length, tangent.length, path)
    contents: list[Content | None] = []
    for tag in range(len(layout.contents)):
        of_tag = device.in_memory(layout.tags.data) == tag
        if not of_tag.any():
            contents.append(None)
            continue
        same = [
            alternative
            for other, alternative in enumerate(tangent.contents)
            if np.array_equal(device.in_memory(tangent.tags.data) == other, of_tag)
        ]
        if not same or same[0].length < layout.contents[tag].length:
            raise StructureError(f"{path}: {_difference(layout, tangent)}")
        contents.append(same[0])
    return contents


def _difference(layout: Content, tangent: Content) -> str:
    """Where a tangent of the right type is otherwise than its primal."""
    if layout.length != tangent.length:
        return f"expected a tangent of length {layout.length}, got length {tangent.length}"
    if layout.is_option:
        missing, other = (np.asarray(ak.is_none(ak.Array(part))) for part in (layout, tangent))
        at = int(np.argmax(missing != other))
        which = "missing" if missing[at] else "there"
        return (
            f"expected a tangent that is missing where the primal is, got another element {at}, "
            f"which is {which} in the primal"
        )
    return "expected a tangent whose elements are of the same kinds, in the same order"


def _below_lists(layout: Content, tangent: Content, path: str) -> Content:
    if tangent.is_unknown or tangent.is_option or not (tangent.is_list or tangent.is_numpy):
        if tangent.is_unknown and layout.length == 0:
            return tangent
        if not tangent.is_option:
            raise StructureError(f"{path}: expected lists for a tangent, got {tangent.form.type}")
        tangent = _without_missing(tangent, path)
    tangent = _as_lists(tangent)
    if not tangent.is_list:
        raise StructureError(f"{path}: expected lists for a tangent, got {tangent.form.type}")
    _require_length(layout.length, tangent.length, path)
    if type(layout) is type(tangent) and _same_index_buffers(layout, tangent):
        return tangent.content
    counts, other = (np.diff(_offsets(lists)) for lists in (layout, tangent))
    if not np.array_equal(counts, other):
        at = int(np.argmax(counts != other))
        raise StructureError(
            f"{path}: expected a tangent with the lists of the primal, got list {at} of length "
            f"{other[at]} where the primal's has length {counts[at]}"
        )
    return tangent.content[: layout.content.length] if layout.is_regular else tangent.content


def _offsets(layout: Content) -> device.Buffer:
    return device.in_memory(layout.to_ListOffsetArray64(True).offsets.data)


def _below_option_of_all(layout: Content, tangent: Content, path: str) -> Content:
    """A tangent with no missing values, for a primal that has some: those are not looked at."""
    _require_length(layout.length, tangent.length, path)
    if layout.is_indexed:
        index = device.in_memory(layout.index.data)
        return tangent[ak.index.Index64(np.flatnonzero(index >= 0)).data]
    return tangent


# -- checks ---------------------------------------------------------------------------------------


def require_constant(x: Any, t: Any, path: str) -> None:
    """Something that has no derivative: its tangent may be absent, or integers, which are none."""
    if _is_none(t):
        return
    raise StructureError(
        f"{path}: only float32 and float64 numbers are differentiated, got a tangent for "
        f"{shown(x)}; give None for it"
    )


def _is_none(t: Any) -> bool:
    if t is None or isinstance(t, Inputs):
        return True
    if isinstance(t, ak.contents.Content):
        if t.parameter("__array__") is not None or t.is_unknown:
            return True
        return bool(t.is_numpy) and t.data.dtype.kind in "iubV"
    if isinstance(t, np.ndarray):
        return t.dtype.kind in "iubV"
    return isinstance(t, (bool, int, np.bool_, np.integer, str))


def require_float(dtype: np.dtype[Any], path: str) -> None:
    if dtype.itemsize not in (4, 8):
        raise TypeError(
            f"{path}: dualak differentiates float32 and float64, got {dtype}; convert it with "
            "ak.values_astype"
        )


def _require_length(expected: int, got: int, path: str) -> None:
    if expected != got:
        raise StructureError(f"{path}: expected a tangent of length {expected}, got length {got}")


def require_known_names(names: Any, known: Any, path: str) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise StructureError(
            f"{path}: the tangent names {unknown}, which are not among {list(known)} of the primal"
        )


def shown(value: Any) -> str:
    if isinstance(value, ak.contents.Content):
        return f"an array of {value.form.type}"
    if isinstance(value, (ak.Array, ak.Record, np.ndarray)):
        return f"{type(value).__name__} of {getattr(value, 'typestr', getattr(value, 'dtype', ''))}"
    return f"{type(value).__name__} {value!r}"
