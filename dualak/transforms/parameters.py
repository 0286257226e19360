"""Parameters: trees of numbers and rectangular arrays, their directions, and Jacobians over them.

A tree is a number or an array, or a dict, list, tuple, record or array of records of trees.  Each
number in it is a direction; they are counted in the order of the tree, arrays row by row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np

from dualak import device
from dualak.ad.linear import concatenated, take
from dualak.arrays.columns import reading
from dualak.arrays.context import current_graph, graph_in_use
from dualak.arrays.highlevel import is_scalar, wrap
from dualak.arrays.layouts import Content, is_dual, rebuilt, rebuilt_together
from dualak.arrays.ndarrays import DualNdarray, as_ndarray
from dualak.pytree import tree_map, tree_map_with_path
from dualak.seeding.split import number_at, number_layout

#: Directions that one pass takes unless told otherwise: more share more work, and more memory.
CHUNK = 16


@dataclass(frozen=True)
class Parameter:
    """A leaf of a tree: where it stands, its shape, and how many directions it has."""

    path: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """The number of its directions."""
        return math.prod(self.shape)


def parameters(tree: Any, path: str) -> list[Parameter]:
    """The leaves of a tree, in order.

    Raises:
        TypeError: for a leaf that is no floating-point number or array of such.
        ValueError: for an array whose lists differ in length.
    """
    found: list[Parameter] = []

    def add(path: str, leaf: Any) -> None:
        found.append(Parameter(path, _shape(leaf, path)))

    tree_map_with_path(add, path, _without_records(tree))
    return found


def _without_records(tree: Any) -> Any:
    """The tree with dicts for its records, and for its arrays of records."""

    def opened(leaf: Any) -> Any:
        if isinstance(leaf, (ak.Array, ak.Record)) and not is_scalar(leaf) and leaf.fields:
            return {field: opened(leaf[field]) for field in leaf.fields}
        return leaf

    return tree_map(opened, tree)


def _shape(leaf: Any, path: str) -> tuple[int, ...]:
    if is_scalar(leaf):
        return ()
    if isinstance(leaf, ak.Array):
        return _shape_of_layout(_regular(leaf, path).layout, path)
    if isinstance(leaf, (float, np.floating, np.ndarray)) and np.asarray(leaf).dtype.kind == "f":
        return np.shape(leaf)
    dtype = getattr(leaf, "dtype", type(leaf).__name__)
    raise TypeError(
        f"{path}: expected floating-point parameters, got {dtype}; convert integers to floats, and "
        "leave what is no parameter out of argnums"
    )


def _regular(array: ak.Array, path: str) -> ak.Array:
    try:
        regular = ak.to_regular(array, axis=None)
        if "?" in regular.typestr or "option" in regular.typestr:
            raise ValueError("missing values")
        return regular
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{path}: expected a rectangular array of parameters, got lists of different lengths "
            "or missing values; give the flattened numbers, and ak.unflatten them in the function"
        ) from error


def _shape_of_layout(layout: Content, path: str) -> tuple[int, ...]:
    shape = [layout.length]
    while layout.is_regular:
        shape.append(layout.size)
        layout = layout.content
    if is_dual(layout):
        return tuple(shape)
    if not layout.is_numpy or layout.data.dtype.kind != "f":
        raise TypeError(
            f"{path}: expected floating-point parameters, got {layout.form.type}; convert integers "
            "with ak.values_astype(x, np.float64)"
        )
    return (*shape, *layout.inner_shape)


def direction(tree: Any, shapes: Iterator[Parameter], number: int) -> Any:
    """The tangent of a tree that is one in a direction, and nothing elsewhere."""
    start = 0

    def leaf(_: Any) -> Any:
        nonlocal start
        given = next(shapes)
        at, start = number - start, start + given.size
        if not 0 <= at < given.size:
            return None
        if given.shape == ():
            return 1.0
        tangent = np.zeros(given.size)
        tangent[at] = 1.0
        return tangent.reshape(given.shape)

    return mapped(leaf, tree)


def mapped(function: Callable[[Any], Any], tree: Any) -> Any:
    """The tree with a function applied to its leaves; records become dicts."""
    return tree_map(function, _without_records(tree))


# -- Jacobians ------------------------------------------------------------------------------------


def jacobian(y: Any, tangents: Sequence[Any], shape: tuple[int, ...]) -> Any:
    """Tangents in all directions of an array of parameters, side by side.

    The axes of the parameters come last: each number of ``y`` becomes an array of that shape.
    """
    with reading():
        if shape == ():
            return tangents[0]
        return tree_map(lambda leaf, *each: _jacobian(leaf, each, shape), y, *tangents)


def _jacobian(y: Any, tangents: Sequence[Any], shape: tuple[int, ...]) -> Any:
    if y is None:
        return None
    if is_scalar(y) or any(map(is_scalar, tangents)):
        flat = _flat([_scalar_layout(number) for number in tangents or [y]])
        flat = flat if tangents else flat[:0]
        return as_ndarray(wrap(ak.Array(_in_axes(flat, shape, 1)))[0])
    if isinstance(y, ak.Record):
        whole = [_whole(leaf) for leaf in (y, *tangents)]
        return _jacobian(whole[0], whole[1:], shape)[0]
    if isinstance(y, ak.Array):
        return _jacobian_of_array(y, tangents, shape)
    stacked = np.stack([np.asarray(tangent) for tangent in tangents], axis=-1) if tangents else None
    return (
        np.zeros(np.shape(y) + shape) if stacked is None else stacked.reshape(np.shape(y) + shape)
    )


def _whole(record: ak.Record) -> ak.Array:
    at = record.layout.at
    return ak.Array(record.layout.array[at : at + 1], behavior=record.behavior)


def _scalar_layout(number: Any) -> Content:
    if is_scalar(number):
        return number.layout.array[number.layout.at : number.layout.at + 1]
    return ak.contents.NumpyArray(np.array([number]))


def _jacobian_of_array(y: ak.Array, tangents: Sequence[ak.Array], shape: tuple[int, ...]) -> Any:
    if tangents:
        layouts = [tangent.layout for tangent in tangents]
        layout = rebuilt_together(lambda *leaves: _in_axes(_flat(leaves), shape), *layouts)
    else:
        layout = rebuilt(y.layout, lambda leaf: _in_axes(leaf[:0], shape, leaf.length))
    array = wrap(ak.Array(layout, behavior=y.behavior, attrs=y.attrs))
    return as_ndarray(array) if isinstance(y, DualNdarray) else array


def _flat(leaves: Sequence[Content]) -> Content:
    """Leaves of one length, interleaved: the first elements of all, then the second ones."""
    if current_graph.get() is None:
        return ak.contents.NumpyArray(device.interleaved([leaf.data for leaf in leaves]))
    count, length = len(leaves), leaves[0].length
    index = np.arange(count * length).reshape(count, length).T.ravel()
    numbers = concatenated([number_at(leaf) for leaf in leaves])
    return number_layout(take(numbers, graph_in_use().buffer(index)), count * length)


def _in_axes(layout: Content, shape: tuple[int, ...], length: int = 0) -> Content:
    """Numbers in regular lists of a shape; ``length`` says how many if the shape has no number."""
    length = layout.length // math.prod(shape) if math.prod(shape) else length
    for axis in reversed(range(len(shape))):
        layout = ak.contents.RegularArray(layout, shape[axis], length * math.prod(shape[:axis]))
    return layout


def picked(tree: Any, found: Any) -> list[Any]:
    """What stands in a result for each leaf of a tree of parameters."""
    each: list[Any] = []
    tree_map(lambda _, leaf: each.append(leaf), _without_records(tree), found)
    return each
