"""Out of duals: results of a function, taken apart into values and tangents at a level."""

from __future__ import annotations

from collections.abc import Iterator
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
from dualak.arrays.highlevel import contains_duals, layout_of
from dualak.arrays.layouts import duals_in, is_dual
from dualak.arrays.ndarrays import DualNdarray, as_ndarray, collected
from dualak.engine import realize
from dualak.graph.nodes import Node
from dualak.pytree import tree_leaves, tree_map, tree_map_with_path, tree_transpose
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
                result = tree_map(entered, result)
            if self.level.depth == 1:
                realize.compute([*self._nodes(result), *self._nodes(beside)])
            halves = self._halves(result)
            if graph.memory is device.HOST or self.level.depth > 1:
                return halves
            return tree_map(partial(_at_home, graph.memory, self.home), halves)

    def _nodes(self, tree: Any) -> Iterator[Node]:
        for leaf in map(collected, tree_leaves(tree)):
            if isinstance(leaf, (ak.Array, ak.Record)):
                for each in duals_in(layout_of(leaf)):
                    number = number_of(each)
                    known = number if self.directions else value_at(number, self.level)
                    yield from components(known)

    def _halves(self, result: Any) -> Halves:
        halves = tree_map_with_path(self._of_leaf, "the result", result)
        values, *tangents = tree_transpose(result, halves, 1 + self.directions)
        return values, tangents

    def _of_leaf(self, path: str, leaf: Any) -> tuple[Any, ...]:
        """The value, and the tangents."""
        leaf = collected(leaf)
        if isinstance(leaf, (ak.Array, ak.Record)):
            device.require_backend(layout_of(leaf).backend.name)
            value, tangents = self._of_array(leaf)
        else:
            value, tangents = self._of_number(leaf, path)
        return value, *tangents

    def _of_array(self, result: Any) -> Halves:
        if self.level.depth == 1 and isinstance(result, ak.Record) and is_dual(layout_of(result)):
            value, tangents = self._of_array(ak.Array(layout_of(result)))
            at = result.layout.at
            return np.asarray(value)[at], [np.asarray(tangent)[at] for tangent in tangents]
        value, tangents = split(result, self.level, self.directions)
        if self.to_numpy and isinstance(result, ak.Array) and is_rectangular(value.layout):
            return _as_numpy(value), [_as_numpy(tangent) for tangent in tangents]
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


def _at_home(memory: device.Memory, home: str, leaf: Any) -> Any:
    """An array whose numbers were computed on a device, on the backend that it is wanted on."""
    if not isinstance(leaf, (ak.Array, ak.Record)):
        return leaf
    return placed(leaf, memory) if home == "cuda" else ak.materialize(leaf)


def is_rectangular(layout: Any) -> bool:
    """Whether a layout is of plain numbers in lists of fixed lengths."""
    return layout.is_numpy or (layout.is_regular and is_rectangular(layout.content))
