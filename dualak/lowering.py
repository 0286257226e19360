"""Out of duals: results of a function, taken apart into values and tangents at a level."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import awkward as ak
import numpy as np

from dualak import device, schedule
from dualak.arrays import layout_of, like_mapping
from dualak.calculus import Level, components
from dualak.duals import duals_in, is_dual, number_of, reading
from dualak.graph import Node
from dualak.splitting import split

#: The values of a result, and its tangents, one for each direction.
Halves = tuple[Any, list[Any]]


def lower(result: Any, level: Level, to_numpy: bool = False, beside: Any = None) -> Halves:
    """The result's values, and its tangents at a level, all computed together with ``beside``.

    What has tangents at lower levels stays lazy: it is a result inside of another transformation.

    Raises:
        TypeError: for a result that is not made of arrays and numbers.
    """
    with reading():
        if level.depth == 1:
            schedule.compute([*_nodes(result), *_nodes(beside)])
        return _halves(result, level, to_numpy, "the result")


def _nodes(result: Any) -> Iterator[Node]:
    if isinstance(result, Mapping):
        result = list(result.values())
    if isinstance(result, (list, tuple)):
        for item in result:
            yield from _nodes(item)
    elif isinstance(result, (ak.Array, ak.Record)):
        for one in duals_in(layout_of(result)):
            yield from components(number_of(one))


def _halves(result: Any, level: Level, to_numpy: bool, path: str) -> Halves:
    if isinstance(result, Mapping):
        items = {
            key: _halves(item, level, to_numpy, f"{path}[{key!r}]") for key, item in result.items()
        }
        return _transposed(items, level, lambda parts: like_mapping(result, parts))
    if isinstance(result, (list, tuple)):
        each = {i: _halves(one, level, to_numpy, f"{path}[{i}]") for i, one in enumerate(result)}
        return _transposed(each, level, lambda parts: _like_sequence(result, list(parts.values())))
    if isinstance(result, (ak.Array, ak.Record)):
        device.require_backend(layout_of(result).backend.name)
        return _of_array(result, level, to_numpy)
    return _of_number(result, level, path)


def _transposed(items: dict[Any, Halves], level: Level, make: Callable[[Any], Any]) -> Halves:
    """From values and tangents of each item to the items' values, and their tangents."""
    values = make({key: value for key, (value, _) in items.items()})
    return values, [
        make({key: tangents[direction] for key, (_, tangents) in items.items()})
        for direction in range(level.directions)
    ]


def _like_sequence(pattern: Any, items: list[Any]) -> Any:
    """The items in a list, tuple or named tuple like the pattern."""
    make = type(pattern)
    return make(*items) if hasattr(pattern, "_fields") else make(items)


def _of_number(result: Any, level: Level, path: str) -> Halves:
    if result is None:
        return None, [None] * level.directions
    if isinstance(result, np.ndarray):
        return result, [np.zeros_like(result) for _ in range(level.directions)]
    if isinstance(result, (bool, int, float, complex, np.bool_, np.number)):
        return result, [type(result)(0)] * level.directions
    raise TypeError(
        f"{path} of the function: expected Awkward or NumPy arrays, numbers, or dicts, lists and "
        f"tuples of them, got {type(result).__name__}"
    )


def _of_array(result: Any, level: Level, to_numpy: bool) -> Halves:
    if level.depth == 1 and isinstance(result, ak.Record) and is_dual(result.layout.array):
        value, tangents = _of_array(ak.Array(result.layout.array), level, False)
        at = result.layout.at
        return np.asarray(value)[at], [np.asarray(one)[at] for one in tangents]
    value, tangents = split(result, level)
    if to_numpy and isinstance(result, ak.Array) and is_rectangular(value.layout):
        return ak.to_numpy(value), [ak.to_numpy(one) for one in tangents]
    return value, tangents


def is_rectangular(layout: Any) -> bool:
    """Whether a layout is of plain numbers in lists of fixed lengths."""
    return layout.is_numpy or (layout.is_regular and is_rectangular(layout.content))
