"""Arrays whose lists match: taken apart, broadcast and put together without Awkward.

Arrays in the very same lists have their numbers side by side.  A number of each list beside the
numbers in the lists is repeated, rows and columns of a rectangle are repeated and tiled; all of
that happens inside the pass that uses them.  Anything else is left to Awkward.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np

from dualak.ad import linear
from dualak.ad.dual import Dual, Number
from dualak.arrays.columns import node_of, number_of
from dualak.arrays.context import graph_in_use
from dualak.arrays.layouts import Content, is_dual
from dualak.arrays.lists import end_of, lists_and_content, offsets_of, same_lists
from dualak.graph.nodes import Node
from dualak.graph.segments import SEGMENT_LIMIT


@dataclass(frozen=True)
class Aligned:
    """Numbers side by side, and the lists they lie in.

    Attributes:
        leaves: for each input a number, a layout of plain numbers, or a scalar.
        lists: the lists above the leaves, outermost first; None if all inputs are scalars.
        length: how many elements each leaf has that is no scalar.
    """

    leaves: list[Any]
    lists: list[Content] | None
    length: int

    def in_lists(self, layout: Content) -> Content:
        """A layout of results in the lists of the inputs."""
        for level in reversed(self.lists or []):
            if level.is_regular:
                layout = ak.contents.RegularArray(layout, level.size, level.length)
            else:
                layout = ak.contents.ListOffsetArray(level.offsets, layout)
        return layout


def aligned(inputs: Sequence[Any]) -> Aligned | None:
    """The inputs of an elementwise function side by side; None if Awkward has to broadcast."""
    parts = [_taken_apart(argument) for argument in inputs]
    if any(part is None for part in parts):
        return None
    arrays = [part for part in parts if isinstance(part, _Part)]
    if not any(isinstance(_leaf(part), (Dual, Node)) for part in parts):
        return None
    if not arrays:
        return Aligned(parts, None, 1)
    if all(same_lists(part.lists, arrays[0].lists) for part in arrays):
        length = arrays[0].leaf.length
        if any(part.leaf.length != length for part in arrays):
            return None
        return Aligned(list(map(_leaf, parts)), arrays[0].lists, length)
    return _repeated(parts, arrays) or _rectangle(parts, arrays)


@dataclass(frozen=True)
class _Part:
    """An input array: its lists, and the number or the layout of plain numbers in them."""

    lists: list[Content]
    leaf: Any

    @property
    def number(self) -> Number:
        return self.leaf if isinstance(self.leaf, (Dual, Node)) else node_of(self.leaf)


def _leaf(part: Any) -> Any:
    return part.leaf if isinstance(part, _Part) else part


def _taken_apart(argument: Any) -> Any:
    """A part, a scalar or the number of one; None if there is anything else in it."""
    if isinstance(argument, (bool, int, float, complex, np.generic, Dual, Node)):
        return argument
    if isinstance(argument, np.ndarray) and argument.ndim > 0 and argument.dtype.kind in "fiub":
        layout = ak.to_layout(argument, regulararray=True)
    elif isinstance(argument, ak.Array):
        layout = argument.layout
    else:
        return None
    if layout.is_numpy and layout.inner_shape != ():
        layout = layout.to_RegularArray()
    lists, content = lists_and_content(layout)
    if is_dual(content):
        return _Part(lists, number_of(content))
    plain = content.is_numpy and content.inner_shape == () and not content.parameters
    return _Part(lists, content) if plain else None


def _repeated(parts: Sequence[Any], arrays: Sequence[_Part]) -> Aligned | None:
    """Numbers of each list beside numbers in the lists, where the innermost lists are ragged."""
    ragged = [part.lists for part in arrays if part.lists and not part.lists[-1].is_regular]
    lists = max(ragged, key=len, default=[])
    if not lists or any(level.is_regular for level in lists):
        return None
    offsets = graph_in_use().buffer(offsets_of(lists[-1]), np.int64)
    leaves: list[Any] = []
    for part in parts:
        if not isinstance(part, _Part) or same_lists(part.lists, lists):
            leaves.append(_leaf(part))
        elif _is_one_for_each(part, lists):
            leaves.append(linear.repeat(part.number, offsets))
        else:
            return None
    if any(_length(leaf) not in (None, end_of(lists[-1])) for leaf in leaves):
        return None
    return Aligned(leaves, lists, end_of(lists[-1]))


def _is_one_for_each(part: _Part, lists: Sequence[Content]) -> bool:
    """Whether a part has one number for each of the innermost lists, alone or in a list of one."""
    outside = part.lists
    if len(outside) == len(lists) and outside[-1].is_regular and outside[-1].size == 1:
        outside = outside[:-1]
    return same_lists(outside, lists[:-1]) and part.leaf.length == lists[-1].length


def _length(leaf: Any) -> Any:
    return getattr(leaf, "length", None)


def _rectangle(parts: Sequence[Any], arrays: Sequence[_Part]) -> Aligned | None:
    """Rectangles of one row or one column beside rectangles of several."""
    if any(len(part.lists) != 1 or not part.lists[0].is_regular for part in arrays):
        return None
    rows = max(part.lists[0].length for part in arrays)
    width = max(part.lists[0].size for part in arrays)
    shapes = [(part.lists[0].length, part.lists[0].size) for part in arrays]
    if any(size not in (1, rows) or other not in (1, width) for size, other in shapes):
        return None
    if rows == 0 or width == 0 or width > SEGMENT_LIMIT:
        return None
    lists = ak.contents.RegularArray(
        ak.contents.NumpyArray(np.empty(rows * width, np.bool_)), width, rows
    )
    offsets = graph_in_use().buffer(offsets_of(lists), np.int64)

    def broadcast(part: _Part) -> Any:
        shape = part.lists[0].length, part.lists[0].size
        if shape == (rows, width):
            return part.leaf
        if shape == (1, 1):
            return linear.scalar(part.number)
        return (linear.tile if shape[0] == 1 else linear.repeat)(part.number, offsets)

    leaves = [broadcast(part) if isinstance(part, _Part) else part for part in parts]
    return Aligned(leaves, [lists], rows * width)
