"""Into duals: arguments of a function, paired with their tangents in some directions.

A tangent may lie in memory otherwise than its primal, as long as the lists are equal; what it does
not name is constant.  ``path`` says in errors which part of which argument is meant.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import awkward as ak
import numpy as np

from dualak import device
from dualak.arrays import is_scalar, layout_of, like_mapping, wrap
from dualak.calculus import Level, Number, cast, dual_or_value, part
from dualak.duals import (
    Content,
    children,
    dual,
    graph_in_use,
    holds_duals,
    is_dual,
    is_text,
    node_of,
    number_of,
    reading,
    rebuilt,
)
from dualak.graph import Node

#: A tangent for a layout: nothing, a layout, or one for each of some fields.
Tangent = Any


class Inputs:
    """A tangent of any structure, without numbers: each leaf gets an input of the graph."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def input(self, value: Number) -> Node:
        """A new input, as long as the value."""
        self.nodes.append(value.graph.input(value.dtype, value.length))
        return self.nodes[-1]


class StructureError(ValueError):
    """A tangent does not have the structure of its primal."""


# -- into duals -----------------------------------------------------------------------------------


def lift(x: Any, directions: Sequence[Any], level: Level, path: str = "x") -> Any:
    """The argument ``x`` with its tangents in some directions, as duals of a level.

    What is no floating-point number stays as it is.
    """
    with reading():
        return _lift(x, directions, level, path)


def _lift(x: Any, directions: Sequence[Any], level: Level, path: str) -> Any:
    if isinstance(x, Mapping):
        return _lift_mapping(x, directions, level, path)
    if isinstance(x, (list, tuple)):
        return _lift_sequence(x, directions, level, path)
    if is_scalar(x):
        return _lift_scalar(x, directions, level, path)
    if isinstance(x, (ak.Array, ak.Record)):
        return _lift_array(x, directions, level, path)
    if isinstance(x, np.ndarray) and x.ndim > 0 and x.dtype.kind in "fc":
        return _lift_array(_native(x), directions, level, path)
    if isinstance(x, (float, np.floating)) or (
        isinstance(x, np.ndarray) and x.ndim == 0 and x.dtype.kind == "f"
    ):
        return _lift_scalar(x, directions, level, path)
    for t in directions:
        _require_constant(x, t, path)
    return x


def _lift_mapping(x: Mapping[Any, Any], directions: Sequence[Any], level: Level, path: str) -> Any:
    for t in directions:
        if t is None or isinstance(t, Inputs):
            continue
        if not isinstance(t, Mapping):
            raise StructureError(f"{path}: expected a dict for a tangent, got {type(t).__name__}")
        _require_known_names(t, x, path)
    lifted = {
        key: _lift(item, [_of_key(t, key) for t in directions], level, f"{path}[{key!r}]")
        for key, item in x.items()
    }
    return like_mapping(x, lifted)


def _of_key(t: Any, key: Any) -> Any:
    return t if t is None or isinstance(t, Inputs) else t.get(key)


def _lift_sequence(x: Any, directions: Sequence[Any], level: Level, path: str) -> Any:
    tangents = []
    for t in directions:
        if t is None or isinstance(t, Inputs):
            t = [t] * len(x)
        if not isinstance(t, type(x)) and not isinstance(t, list):
            raise StructureError(
                f"{path}: expected a {type(x).__name__} for a tangent, got {type(t).__name__}"
            )
        if len(t) != len(x):
            raise StructureError(f"{path}: expected {len(x)} tangents, got {len(t)}")
        tangents.append(t)
    items = [
        _lift(item, [t[i] for t in tangents], level, f"{path}[{i}]") for i, item in enumerate(x)
    ]
    return type(x)(*items) if hasattr(x, "_fields") else type(x)(items)


def _native(x: np.ndarray[Any, Any]) -> ak.Array:
    """A NumPy array of any byte order as an Awkward Array."""
    return ak.Array(x.astype(x.dtype.newbyteorder("="), copy=False))


def _lift_scalar(x: Any, directions: Sequence[Any], level: Level, path: str) -> Any:
    value = _scalar(x, path)
    tangents = [None if t is None else _scalar_tangent(t, value, path) for t in directions]
    return wrap(ak.Array(dual(dual_or_value(level, value, tangents))))[0]


def _scalar(x: Any, path: str) -> Number:
    """A number of one element."""
    if is_scalar(x):
        return part(number_of(x.layout.array), x.layout.at, x.layout.at + 1)
    plain = isinstance(x, float) and not isinstance(x, np.floating)
    dtype = np.dtype(np.float64) if plain else x.dtype
    _require_float(dtype, path)
    return graph_in_use().buffer(np.array([x], dtype))


def _scalar_tangent(t: Any, value: Number, path: str) -> Number:
    if isinstance(t, Inputs):
        return t.input(value)
    if is_scalar(t):
        return cast(_scalar(t, path), value.dtype)
    number = isinstance(t, (int, float, np.number)) or (
        isinstance(t, np.ndarray) and t.ndim == 0 and t.dtype.kind in "fiu"
    )
    if not number or isinstance(t, (bool, complex, np.complexfloating)):
        raise StructureError(f"{path}: expected a number for a tangent, got {_shown(t)}")
    return graph_in_use().buffer(np.array([t]).astype(value.dtype))


def _lift_array(x: Any, directions: Sequence[Any], level: Level, path: str) -> Any:
    record = isinstance(x, ak.Record)
    array = ak.Array(x.layout.array[x.layout.at : x.layout.at + 1]) if record else x
    device.require_backend(layout_of(x).backend.name)
    layout = array.layout
    tangents = [_tangent_layout(t, record, path) for t in directions]
    if layout.length == 0:
        # No element has a tangent, and nothing is left to compare.
        tangents = [None if getattr(one, "length", None) == 0 else one for one in tangents]
    if not all(_congruent(layout, one) for one in tangents):
        layout, tangents = _packed(layout), [_each(one, _packed) for one in tangents]
    leaves = [_leaves(layout, one, path) for one in tangents]
    lifted = ak.Array(_lifted(layout, leaves, level, path), behavior=x.behavior, attrs=x.attrs)
    lifted = wrap(lifted) if holds_duals(lifted.layout) else lifted
    return lifted[0] if record else lifted


def _lifted(layout: Content, tangents: Sequence[Iterator[Any]], level: Level, path: str) -> Content:
    """The layout with duals for its floating-point leaves; tangents come leaf by leaf."""

    def leaf(one: Content) -> Content:
        if is_text(one) or one.is_unknown:
            given = [next(each) for each in tangents]
            return one
        if one.is_numpy and len(one.inner_shape) > 0:
            return rebuilt(one.to_RegularArray(), leaf)
        given = [next(each) for each in tangents]
        if not is_dual(one) and one.data.dtype.kind != "f":
            return one
        value = number_of(one) if is_dual(one) else _loaded(one, path)
        tangent = [_tangent_of(value, each) for each in given]
        return dual(dual_or_value(level, value, tangent))

    return rebuilt(layout, leaf)


def _tangent_of(value: Number, given: Number | Inputs | None) -> Number | None:
    if isinstance(given, Inputs):
        return given.input(value)
    return None if given is None else cast(given, value.dtype)


def _loaded(layout: Content, path: str) -> Number:
    """The node of a leaf; a virtual buffer is read when a pass needs it, not before."""
    _require_float(layout.data.dtype, path)
    if getattr(layout.data, "is_materialized", True):
        return node_of(layout)
    return graph_in_use().load(lambda: layout.data, layout.data.dtype, layout.length)


def _tangent_layout(t: Any, record: bool, path: str) -> Tangent:
    if isinstance(t, Inputs):
        return t
    if t is None or (isinstance(t, np.ndarray) and t.dtype.kind == "V"):
        return None
    if isinstance(t, Mapping):
        return {
            name: _tangent_layout(item, record, f"{path}[{name!r}]") for name, item in t.items()
        }
    if isinstance(t, (ak.Array, ak.Record)):
        device.require_backend(layout_of(t).backend.name)
    if isinstance(t, ak.Record):
        return t.layout.array[t.layout.at : t.layout.at + 1]
    if record and (np.ndim(t) == 0 and not isinstance(t, (ak.Array, bool, np.bool_))):
        return ak.contents.NumpyArray(np.array([float(t)]))
    if isinstance(t, np.ndarray):
        t = _native(t)
    if isinstance(t, (ak.Array, np.ndarray, list)):
        layout = ak.to_layout(t, regulararray=True)
        return ak.contents.RegularArray(layout, layout.length, 1) if record else layout
    kind = "a number" if record else "an array"
    raise StructureError(f"{path}: expected {kind} for a tangent, got {_shown(t)}")


def _each(tangent: Tangent, convert: Any) -> Tangent:
    if isinstance(tangent, Inputs):
        return tangent
    if isinstance(tangent, dict):
        return {name: _each(item, convert) for name, item in tangent.items()}
    return None if tangent is None else convert(tangent)


def _packed(layout: Content) -> Content:
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
        contents.append(_plain_options(content[taken]) if of_tag.any() else content[:0])
    return ak.contents.UnionArray(
        layout.tags, ak.index.Index64(index), contents, parameters=layout.parameters
    )


# -- primal and tangent, side by side -------------------------------------------------------------


def _congruent(layout: Content, tangent: Tangent) -> bool:
    """Whether a primal and its tangent lie alike in memory, so that nothing has to be packed."""
    if tangent is None:
        return True
    if isinstance(tangent, Inputs):
        return False
    if isinstance(tangent, dict) and layout.is_list:
        parts = {name: item for name, item in tangent.items() if item is not None}
        alike = (
            type(item) is type(layout) and _same_skeleton(layout, item) for item in parts.values()
        )
        return all(alike) and _congruent(
            layout.content, {name: item.content for name, item in parts.items()}
        )
    if isinstance(tangent, dict):
        return layout.is_record and all(
            name in layout.fields and _congruent(layout.contents[layout.field_to_index(name)], item)
            for name, item in tangent.items()
        )
    if is_dual(layout) or is_dual(tangent):
        return (tangent.is_numpy or is_dual(tangent)) and tangent.length == layout.length
    if layout.is_numpy or layout.is_unknown:
        return bool(tangent.is_numpy) and _shape(tangent) == _shape(layout)
    if type(layout) is not type(tangent) or not _same_skeleton(layout, tangent):
        return False
    if layout.is_record:
        return _congruent(layout, {name: tangent.content(name) for name in tangent.fields})
    return all(map(_congruent, children(layout), children(tangent)))


def _shape(layout: Content) -> Any:
    return None if layout.is_unknown else layout.data.shape


#: What says, beside the contents, how the elements of a layout lie.
SKELETON = {
    ak.contents.ListOffsetArray: ("offsets",),
    ak.contents.ListArray: ("starts", "stops"),
    ak.contents.IndexedArray: ("index",),
    ak.contents.IndexedOptionArray: ("index",),
    ak.contents.ByteMaskedArray: ("mask", "valid_when"),
    ak.contents.BitMaskedArray: ("mask", "valid_when", "lsb_order"),
    ak.contents.UnionArray: ("tags", "index"),
    ak.contents.RegularArray: ("size",),
}


def _same_skeleton(layout: Content, tangent: Content) -> bool:
    return layout.length == tangent.length and all(
        _equal(getattr(layout, name), getattr(tangent, name))
        for name in SKELETON.get(type(layout), ())
    )


def _equal(one: Any, other: Any) -> bool:
    if not isinstance(one, ak.index.Index):
        return bool(one == other)
    return one.data is other.data or np.array_equal(
        device.in_memory(one.data), device.in_memory(other.data)
    )


# -- the tangents of the leaves -------------------------------------------------------------------


def _leaves(layout: Content, tangent: Tangent, path: str) -> Iterator[Any]:
    """The tangent of each leaf, in the order of ``rebuilt``; ``tangent`` is laid out alike."""
    if isinstance(tangent, Inputs):
        yield from itertools.repeat(tangent)
    if layout.is_unknown or is_text(layout):
        if is_text(layout):
            _require_constant(layout, tangent, path)
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
        for content, one in zip(layout.contents, tangents, strict=True):
            yield from _leaves(content, one, path)
    else:
        yield from _leaves(
            layout.content, None if tangent is None else _below(layout, tangent, path), path
        )


def _is_leaf(layout: Content) -> bool:
    return layout.is_numpy or is_dual(layout)


def _of_leaf(layout: Content, tangent: Tangent, path: str) -> Iterator[Any]:
    if is_dual(layout):
        yield None if tangent is None else _tangent_number(layout, tangent, path)
    elif layout.data.dtype.kind != "f":
        _require_constant(layout, tangent, path)
        yield None
    elif len(layout.inner_shape) > 0:
        yield from _leaves(layout.to_RegularArray(), _each(tangent, _as_lists), path)
    else:
        _require_float(layout.data.dtype, path)
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


def _of_record(layout: Content, tangent: Tangent, path: str) -> Iterator[Any]:
    if tangent is None:
        tangent = {}
    elif not isinstance(tangent, dict):
        if not tangent.is_record or is_dual(tangent):
            raise StructureError(f"{path}: expected records for a tangent, got {tangent.form.type}")
        _require_length(layout.length, tangent.length, path)
        tangent = {name: tangent.content(name) for name in tangent.fields}
    _require_known_names(tangent, layout.fields, path)
    for name in layout.fields:
        yield from _leaves(layout.content(name), tangent.get(name), f"{path}.{name}")


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
    if not _same_skeleton(layout, tangent):
        raise StructureError(f"{path}: {_difference(layout, tangent)}")
    return tangent.content


def _below_union(layout: Content, tangent: Content, path: str) -> list[Content]:
    """The tangent's contents in the order of the primal's: those for the same elements."""
    _require_length(layout.length, tangent.length, path)
    contents = []
    for tag in range(len(layout.contents)):
        of_tag = device.in_memory(layout.tags.data) == tag
        same = [
            one
            for other, one in enumerate(tangent.contents)
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
        one, other = (np.asarray(ak.is_none(ak.Array(part))) for part in (layout, tangent))
        at = int(np.argmax(one != other))
        which = "missing" if one[at] else "there"
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
    if type(layout) is type(tangent) and _same_skeleton(layout, tangent):
        return tangent.content
    one, other = (np.diff(_offsets(lists)) for lists in (layout, tangent))
    if not np.array_equal(one, other):
        at = int(np.argmax(one != other))
        raise StructureError(
            f"{path}: expected a tangent with the lists of the primal, got list {at} of length "
            f"{other[at]} where the primal's has length {one[at]}"
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


def _require_constant(x: Any, t: Any, path: str) -> None:
    """Something that has no derivative: its tangent may be absent, or integers, which are none."""
    if _is_none(t):
        return
    raise StructureError(
        f"{path}: only float32 and float64 numbers are differentiated, got a tangent for "
        f"{_shown(x)}; give None for it"
    )


def _is_none(t: Any) -> bool:
    if t is None:
        return True
    if isinstance(t, ak.contents.Content):
        if t.parameter("__array__") is not None or t.is_unknown:
            return True
        return bool(t.is_numpy) and t.data.dtype.kind in "iubV"
    if isinstance(t, np.ndarray):
        return t.dtype.kind in "iubV"
    return isinstance(t, (bool, int, np.integer, str))


def _require_float(dtype: np.dtype[Any], path: str) -> None:
    if dtype.itemsize not in (4, 8):
        raise TypeError(
            f"{path}: dualak differentiates float32 and float64, got {dtype}; convert it with "
            "ak.values_astype"
        )


def _require_length(expected: int, got: int, path: str) -> None:
    if expected != got:
        raise StructureError(f"{path}: expected a tangent of length {expected}, got length {got}")


def _require_known_names(names: Any, known: Any, path: str) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise StructureError(
            f"{path}: the tangent names {unknown}, which are not among {list(known)} of the primal"
        )


def _shown(value: Any) -> str:
    if isinstance(value, ak.contents.Content):
        return f"an array of {value.form.type}"
    if isinstance(value, (ak.Array, ak.Record, np.ndarray)):
        return f"{type(value).__name__} of {getattr(value, 'typestr', getattr(value, 'dtype', ''))}"
    return f"{type(value).__name__} {value!r}"
