"""Sorting: the values decide on the order, and value and tangent are gathered by it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import awkward as ak
import numpy as np

from dualak import device
from dualak.ad.dual import primal
from dualak.arrays.canonical import merged_with_booleans, taken
from dualak.arrays.columns import number_of, observed
from dualak.arrays.highlevel import primal_of, with_layout
from dualak.arrays.layouts import Content, children, holds_unions, is_dual, is_text, rebuilt
from dualak.arrays.lists import in_lists, lists_and_content, offsets_of
from dualak.executors.cpu.sorting import order_in_lists
from dualak.functions.compositions import as_array, of_awkward
from dualak.functions.positions import numbered
from dualak.functions.registry import register


def register_all() -> None:
    """Enters the functions that order numbers into the registry."""
    register("differentiable", ("ak.sort",), of_awkward(sort))
    register("differentiable", ("np.sort",), lambda _, args, kwargs: _np_sort(*args, **kwargs))


def sort(array: Any, axis: int = -1, *, ascending: bool = True, stable: bool = True) -> Any:
    """As ``ak.sort``, but always stable: equal numbers keep their order, for their tangents."""
    array = as_array(array, "array")
    if holds_unions(array.layout):
        array = with_layout(array, merged_with_booleans(array.layout))
    lists, content = lists_and_content(array.layout)
    ragged = not any(level.is_regular for level in lists)
    if ragged and is_dual(content) and not array.named_axis and axis in (-1, len(lists)):
        numbers = observed(primal(number_of(content)))
        bounds = offsets_of(lists[-1]) if lists else np.array([0, len(numbers)])
        order = order_in_lists(numbers, device.contiguous(bounds, np.int64), bool(ascending))
        return with_layout(array, in_lists(lists, taken(content, order)))
    array = ak.to_packed(array) if _scatters(array.layout) else array
    positions, restored = numbered(array)
    order = _order(positions, restored, ascending)
    ranks = np.empty_like(order)
    ranks[order] = np.arange(len(order))
    ranked = _at_leaves(lambda places: ranks[places], positions)
    result = ak.sort(ranked, axis, ascending=ascending, stable=stable)
    return restored(_at_leaves(lambda places: order[places], result))


def _np_sort(a: Any, axis: int = -1, kind: str | None = None) -> Any:
    if kind not in (None, "stable", "mergesort", "heapsort", "quicksort"):
        raise ValueError(f"expected a kind of sorting that NumPy knows, got {kind!r}")
    return sort(a, axis)


def _scatters(layout: Content) -> bool:
    """Whether numbers may lie otherwise in memory than they follow each other in the array."""
    return layout.is_option or layout.is_union or any(map(_scatters, children(layout)))


def _order(positions: Any, restored: Callable[[Any], Any], ascending: bool) -> Any:
    """The positions of all numbers as they follow each other in order, which no two share."""
    values = [np.empty(0)]

    def leaf(content: Content) -> Content:
        if _is_of_positions(content):
            values.append(np.asarray(primal_of(restored(ak.Array(content)))))
        return content

    rebuilt(positions.layout, leaf)
    order = np.asarray(ak.argsort(np.concatenate(values), ascending=ascending))
    return order if ascending else order[::-1]


def _at_leaves(convert: Callable[[Any], Any], positions: Any) -> Any:
    """The array with its positions, or what stands in for them, converted as integers."""

    def leaf(content: Content) -> Content:
        if not _is_of_positions(content):
            return content
        return ak.contents.NumpyArray(convert(content.data.view(np.int64)).view(content.data.dtype))

    layout = rebuilt(positions.layout, leaf)
    return ak.Array(layout, behavior=positions.behavior, attrs=positions.attrs)


def _is_of_positions(leaf: Content) -> bool:
    return not is_text(leaf) and leaf.is_numpy and leaf.data.dtype.kind == "M"
