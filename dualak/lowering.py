"""Out of duals: results of a function, taken apart into values and tangents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import awkward as ak
import numpy as np

from dualak import device, schedule
from dualak.arrays import layout_of, like_mapping, own_behavior
from dualak.duals import Content, duals_in, is_dual, is_text, nodes_of, rebuilt
from dualak.graph import Node


def lower(result: Any, to_numpy: bool = False) -> tuple[Any, Any]:
    """The result's values and tangents, all computed together.

    Raises:
        TypeError: for a result that is not made of arrays and numbers.
    """
    schedule.compute(list(_nodes(result)))
    return _values_and_tangents(result, to_numpy, "the result")


def _nodes(result: Any) -> Iterator[Node]:
    if isinstance(result, Mapping):
        result = list(result.values())
    if isinstance(result, (list, tuple)):
        for item in result:
            yield from _nodes(item)
    elif isinstance(result, (ak.Array, ak.Record)):
        layout = result.layout.array if isinstance(result, ak.Record) else result.layout
        for one in duals_in(layout):
            yield from (node for node in nodes_of(one) if node is not None)


def _values_and_tangents(result: Any, to_numpy: bool, path: str) -> tuple[Any, Any]:
    if isinstance(result, Mapping):
        pairs = {
            key: _values_and_tangents(item, to_numpy, f"{path}[{key!r}]")
            for key, item in result.items()
        }
        values = like_mapping(result, {key: y for key, (y, _) in pairs.items()})
        return values, like_mapping(result, {key: dy for key, (_, dy) in pairs.items()})
    if isinstance(result, (list, tuple)):
        items = [
            _values_and_tangents(one, to_numpy, f"{path}[{i}]") for i, one in enumerate(result)
        ]
        return _like_sequence(result, [y for y, _ in items]), _like_sequence(
            result, [dy for _, dy in items]
        )
    if isinstance(result, (ak.Array, ak.Record)):
        device.require_backend(layout_of(result).backend.name)
    if isinstance(result, ak.Array):
        return _split(result, to_numpy)
    if isinstance(result, ak.Record):
        return _split_record(result)
    return _number(result, path)


def _like_sequence(pattern: Any, items: list[Any]) -> Any:
    """The items in a list, tuple or named tuple like the pattern."""
    make = type(pattern)
    return make(*items) if hasattr(pattern, "_fields") else make(items)


def _number(result: Any, path: str) -> tuple[Any, Any]:
    if result is None:
        return None, None
    if isinstance(result, np.ndarray):
        return result, np.zeros_like(result)
    if isinstance(result, (bool, int, float, complex, np.bool_, np.number)):
        return result, type(result)(0)
    raise TypeError(
        f"{path} of the function: expected Awkward or NumPy arrays, numbers, or dicts, lists and "
        f"tuples of them, got {type(result).__name__}"
    )


def _split(array: ak.Array, to_numpy: bool) -> tuple[Any, Any]:
    behavior = own_behavior(array.behavior)
    halves = [
        ak.Array(rebuilt(array.layout, half), behavior=behavior, attrs=array.attrs)
        for half in (_value, _tangent)
    ]
    if to_numpy and _is_rectangular(halves[0].layout):
        halves = [ak.to_numpy(half) for half in halves]
    return halves[0], halves[1]


def _split_record(record: ak.Record) -> tuple[Any, Any]:
    array, at = record.layout.array, record.layout.at
    if is_dual(array):
        value, tangent = _halves(array)
        return value[at], tangent[at]
    one = ak.Array(array[at : at + 1], behavior=record.behavior, attrs=record.attrs)
    halves = _split(one, False)
    return halves[0][0], halves[1][0]


def _is_rectangular(layout: Content) -> bool:
    return layout.is_numpy or (layout.is_regular and _is_rectangular(layout.content))


def _halves(layout: Content) -> tuple[device.Buffer, device.Buffer]:
    """The computed buffers of a dual."""
    value, tangent = nodes_of(layout)
    pending = [node for node in (value, tangent) if node is not None and node.data is None]
    if pending:
        schedule.compute(pending)
    known = _data(value)
    return known, np.zeros_like(known) if tangent is None else _data(tangent)


def _data(node: Node) -> device.Buffer:
    assert node.data is not None
    return node.data


def _value(layout: Content) -> Content:
    return ak.contents.NumpyArray(_halves(layout)[0]) if is_dual(layout) else layout


def _tangent(layout: Content) -> Content:
    if is_dual(layout):
        return ak.contents.NumpyArray(_halves(layout)[1])
    if layout.is_unknown:
        return layout
    if is_text(layout):
        return ak.contents.NumpyArray(np.zeros(layout.length, np.int8))
    return ak.contents.NumpyArray(np.zeros_like(device.in_memory(layout.data)))
