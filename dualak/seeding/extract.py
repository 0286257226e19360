"""Out of duals: results of a function, taken apart into values and tangents at a level."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import awkward as ak
import numpy as np

from dualak import device
from dualak.ad.dual import Level, components, value_at
from dualak.arrays.backends import entered, placed
from dualak.arrays.columns import number_of, reading
from dualak.arrays.context import graph_in_use
from dualak.arrays.highlevel import contains_duals, deep, layout_of, like_mapping
from dualak.arrays.layouts import duals_in, is_dual
from dualak.arrays.ndarrays import DualNdarray, as_ndarray, collected
from dualak.engine import realize
from dualak.graph.nodes import Node
from dualak.seeding.split import split

#: The values of a result, and its tangents, one for each direction.
Halves = tuple[Any, list[Any]]


def extract(
    result: Any,
    level: Level,
    to_numpy: bool = False,
    beside: Any = None,
    home: str | None = None,
) -> Halves:
    """The result's values, and its tangents at a level, all computed together with ``beside``.

    What has tangents at lower levels stays lazy: it is a result inside of another transformation.
    Results are on the backend ``home``; None is that of the graph.

    Raises:
        TypeError: for a result that is not made of arrays and numbers.
    """
    return _lowering(level, to_numpy, level.directions, home).run(result, beside)


def extract_values(result: Any, level: Level, to_numpy: bool = False, beside: Any = None) -> Any:
    """The result's values alone."""
    return _lowering(level, to_numpy, 0).run(result, beside)[0]


def _lowering(
    level: Level, to_numpy: bool, directions: int, home: str | None = None
) -> _Extraction:
    home = home or graph_in_use().home
    return _Extraction(level, to_numpy and home == "cpu", directions, home)


@dataclass(frozen=True)
class _Extraction:
    """What is taken out of a result: the tangents at a level in the first ``directions``."""

    level: Level
    to_numpy: bool
    directions: int
    home: str

    def run(self, result: Any, beside: Any) -> Halves:
        with reading():
            graph = graph_in_use()
            if graph.memory is not device.HOST:
                result = deep(entered, result)
            if self.level.depth == 1:
                realize.compute([*self._nodes(result), *self._nodes(beside)])
            halves = self._halves(result, "the result")
            if graph.memory is device.HOST or self.level.depth > 1:
                return halves
            return deep(partial(_at_home, graph.memory, self.home), halves)

    def _nodes(self, result: Any) -> Iterator[Node]:
        result = collected(result)
        if isinstance(result, Mapping):
            result = list(result.values())
        if isinstance(result, (list, tuple)):
            for item in result:
                yield from self._nodes(item)
        elif isinstance(result, (ak.Array, ak.Record)):
            for one in duals_in(layout_of(result)):
                number = number_of(one)
                yield from components(number if self.directions else value_at(number, self.level))

    def _halves(self, result: Any, path: str) -> Halves:
        result = collected(result)
        if isinstance(result, Mapping):
            items = {key: self._halves(item, f"{path}[{key!r}]") for key, item in result.items()}
            return self._transposed(items, lambda parts: like_mapping(result, parts))
        if isinstance(result, (list, tuple)):
            each = {i: self._halves(one, f"{path}[{i}]") for i, one in enumerate(result)}
            return self._transposed(each, lambda parts: _like_sequence(result, parts))
        if isinstance(result, (ak.Array, ak.Record)):
            device.require_backend(layout_of(result).backend.name)
            return self._of_array(result)
        return self._of_number(result, path)

    def _transposed(self, items: dict[Any, Halves], make: Callable[[Any], Any]) -> Halves:
        """From values and tangents of each item to the items' values, and their tangents."""
        values = make({key: value for key, (value, _) in items.items()})
        return values, [
            make({key: tangents[direction] for key, (_, tangents) in items.items()})
            for direction in range(self.directions)
        ]

    def _of_array(self, result: Any) -> Halves:
        if self.level.depth == 1 and isinstance(result, ak.Record) and is_dual(layout_of(result)):
            value, tangents = self._of_array(ak.Array(layout_of(result)))
            at = result.layout.at
            return np.asarray(value)[at], [np.asarray(one)[at] for one in tangents]
        value, tangents = split(result, self.level, self.directions)
        if self.to_numpy and isinstance(result, ak.Array) and is_rectangular(value.layout):
            return _as_numpy(value), [_as_numpy(one) for one in tangents]
        if self.home == "cuda":
            return value, tangents
        if not isinstance(result, DualNdarray):
            return value, tangents
        convert = as_ndarray if self.level.depth > 1 else ak.to_numpy
        return convert(value), list(map(convert, tangents))

    def _of_number(self, result: Any, path: str) -> Halves:
        if result is None:
            return None, [None] * self.directions
        if isinstance(result, np.ndarray):
            return result, [np.zeros_like(result) for _ in range(self.directions)]
        if isinstance(result, (bool, int, float, complex, np.bool_, np.number)):
            return result, [type(result)(0)] * self.directions
        raise TypeError(
            f"{path} of the function: expected Awkward or NumPy arrays, numbers, or dicts, lists "
            f"and tuples of them, got {type(result).__name__}"
        )


def _as_numpy(array: Any) -> Any:
    """An array of plain numbers as one of NumPy; one that has tangents of lower levels stays."""
    return array if contains_duals(array) else ak.to_numpy(array)


def _at_home(memory: device.Memory, home: str, one: Any) -> Any:
    """An array whose numbers were computed on a device, on the backend that it is wanted on."""
    if not isinstance(one, (ak.Array, ak.Record)):
        return one
    return placed(one, memory) if home == "cuda" else ak.materialize(one)


def _like_sequence(pattern: Any, items: dict[int, Any]) -> Any:
    """The items in a list, tuple or named tuple like the pattern."""
    make, each = type(pattern), items.values()
    return make(*each) if hasattr(pattern, "_fields") else make(each)


def is_rectangular(layout: Any) -> bool:
    """Whether a layout is of plain numbers in lists of fixed lengths."""
    return layout.is_numpy or (layout.is_regular and is_rectangular(layout.content))
