"""Rectangular arrays of duals as NumPy takes them: flat numbers and a shape.

Where plain Awkward hands an array to NumPy, lists have to be of one length and nothing may be
missing.  ``moved`` and ``merged`` let NumPy do on positions what it does with numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import awkward as ak
import numpy as np

from dualak.arrays.canonical import NO_COMPLEX
from dualak.arrays.highlevel import contains_duals, is_scalar, primal_of, wrap
from dualak.arrays.layouts import is_dual
from dualak.functions.awkward.structure import array_of_scalar
from dualak.functions.registry import NotDifferentiableError
from dualak.pytree import tree_map

Shape = tuple[int, ...]


# -- numbers and shapes ---------------------------------------------------------------------------


def regular(array: Any) -> Any:
    """What a function is given, with one length for all lists of an axis.

    Differentiated arrays and scalars stay such; everything else becomes a NumPy array.

    Raises:
        ValueError: for lists of several lengths.
        TypeError: for missing values, records and strings.
    """
    if is_scalar(array):
        return array
    if not contains_duals(array):
        return _constant(array)
    if isinstance(array, (list, tuple)):
        return merged(np.array, array)
    layout = array.layout
    while layout.is_regular:
        layout = layout.content
    if is_dual(layout):
        return array
    while layout.is_list:
        layout = layout.content
    if not is_dual(layout):
        raise TypeError(_expected(array))
    try:
        return ak.to_regular(array, axis=None)
    except ValueError as error:
        raise ValueError(_expected(array)) from error


def _constant(array: Any) -> Any:
    plain = ak.to_numpy(array) if isinstance(array, ak.Array) else np.asarray(array)
    if plain.dtype.kind == "c":
        raise TypeError(f"expected real numbers, got {plain.dtype}: {NO_COMPLEX}")
    if plain.dtype.kind not in "biuf" or np.any(np.ma.getmaskarray(plain)):
        raise TypeError(_expected(array))
    return np.asarray(plain)


def _expected(array: Any) -> str:
    got = getattr(array, "typestr", None) or np.asarray(array).dtype
    return (
        f"expected numbers in lists of one length, as NumPy takes them, got {got}; missing values "
        "are filled with ak.fill_none or dropped with ak.drop_none, lists made of one length with "
        "ak.pad_none, records given field by field"
    )


def shape_of(array: Any) -> Shape:
    """The shape of what ``regular`` gives."""
    if isinstance(array, np.ndarray):
        return array.shape
    if is_scalar(array) or np.isscalar(array):
        return ()
    layout, sizes = array.layout, [array.layout.length]
    while layout.is_regular:
        sizes.append(layout.size)
        layout = layout.content
    return tuple(sizes)


def flat_of(array: Any) -> Any:
    """The numbers of what ``regular`` gives, one after the other."""
    if isinstance(array, np.ndarray):
        return array.reshape(-1)
    if is_scalar(array):
        return array_of_scalar(array)
    layout = array.layout
    while layout.is_regular:
        layout = layout.content
    return wrap(ak.Array(layout, behavior=array.behavior))


def shaped(flat: Any, shape: Sequence[int]) -> Any:
    """Flat numbers in a shape; a scalar if it has no dimensions."""
    if isinstance(flat, np.ndarray):
        return flat.reshape(shape)
    if len(shape) == 0:
        return flat[0]
    layout = flat.layout
    for axis in reversed(range(1, len(shape))):
        layout = ak.contents.RegularArray(layout, shape[axis], math.prod(shape[:axis]))
    return wrap(ak.Array(layout, behavior=flat.behavior))


def dtype_of(array: Any) -> np.dtype[Any]:
    """The type of the numbers of what ``regular`` gives."""
    return primal_of(flat_of(array)).layout.data.dtype if contains_duals(array) else array.dtype


def cast(array: Any, dtype: Any) -> Any:
    """What ``regular`` gives with numbers of another type."""
    if dtype is None or dtype_of(array) == np.dtype(dtype):
        return array
    if isinstance(array, np.ndarray):
        return array.astype(dtype)
    return ak.values_astype(array, dtype)


def float_type(dtype: Any) -> Any:
    """A dtype that is asked for; None for none.

    Raises:
        NotDifferentiableError: for one that has no derivatives.
    """
    if dtype is not None and np.dtype(dtype).kind == "c":
        raise NotDifferentiableError(f"a conversion to {np.dtype(dtype)} is refused: {NO_COMPLEX}")
    if dtype is not None and np.dtype(dtype).kind != "f":
        raise NotDifferentiableError(
            f"expected a dtype of floating-point numbers for a differentiated array, got "
            f"{np.dtype(dtype)}"
        )
    return dtype


def common_dtype(arrays: Sequence[Any]) -> np.dtype[Any]:
    """The type that NumPy computes in with arrays and Python's numbers, which have none."""
    weak = [
        array if type(array) in (bool, int, float) else dtype_of(regular(array)) for array in arrays
    ]
    return np.result_type(*weak)


def values_of(array: Any) -> Any:
    """The values of anything as a NumPy array, to decide by."""
    if is_scalar(array):
        return np.asarray(primal_of(array))
    return np.asarray(ak.to_numpy(primal_of(array)) if contains_duals(array) else regular(array))


def part(array: Any, axis: int, start: int | None = None, stop: int | None = None) -> Any:
    """The elements from start to stop along an axis."""
    return array[(slice(None),) * axis + (slice(start, stop),)]


def along(vector: Any, axis: int, ndim: int) -> Any:
    """A vector as an array that has one element along all axes but one."""
    return np.reshape(vector, (*[1] * axis, -1, *[1] * (ndim - axis - 1)))


def axis_of(axis: int, ndim: int) -> int:
    """An axis counted from the first.

    Raises:
        numpy.exceptions.AxisError: if there is no such axis.
    """
    if not -ndim <= axis < ndim:
        raise np.exceptions.AxisError(axis, ndim)
    return axis % ndim


def positions_of(array: Any, start: int = 0) -> Any:
    """Where the numbers of what ``regular`` gives stand in a row, in the array's shape."""
    shape = shape_of(array)
    return np.arange(start, start + math.prod(shape)).reshape(shape)


# -- by positions ---------------------------------------------------------------------------------


def moved(function: Callable[[Any], Any], array: Any) -> Any:
    """What a function that only moves numbers gives: arrays, or lists and tuples of them."""
    return merged(lambda arrays: function(arrays[0]), [array])


def merged(function: Callable[[Any], Any], arrays: Any, dtype: Any = None) -> Any:
    """The same for a function of a list of arrays, which may hold lists of arrays itself.

    Constants take part as numbers without a tangent; the result has the type that NumPy gives the
    numbers of all of them together, or ``dtype``.
    """
    flats: list[Any] = []

    def positions(part: Any) -> Any:
        part = regular(part)
        start = sum(map(len, flats))
        flats.append(flat_of(cast(part, dtype)))
        return positions_of(part, start)

    result = function(tree_map(positions, arrays))
    numbers = in_a_row(flats)
    return tree_map(lambda index: at(numbers, index), result)


def joined(arrays: Sequence[Any], axis: int) -> Any:
    """Arrays next to each other along an axis."""
    return merged(lambda positions: np.concatenate(positions, axis=axis), list(arrays))


def filled(function: Callable[[Any], Any], array: Any) -> Any:
    """The same as ``moved`` for a function that may put zeros between the numbers."""
    array = regular(array)
    result = function(positions_of(array, 1))
    numbers = flat_of(array)
    if np.any(result == 0):
        numbers = in_a_row([numbers, np.zeros(1, dtype_of(array))])
    return at(numbers, result - 1)


def in_a_row(flats: Sequence[Any]) -> Any:
    """Flat numbers one after the other, constants as duals that have no tangent."""
    if len(flats) == 1:
        return flats[0]
    if not contains_duals(list(flats)):
        return np.concatenate(flats)
    return ak.concatenate([ak.Array(_as_numbers(flat)) for flat in flats])


def _as_numbers(flat: Any) -> Any:
    """Booleans as numbers of a type that gives way to any other."""
    is_flags = isinstance(flat, np.ndarray) and flat.dtype.kind == "b"
    return flat.astype(np.int8) if is_flags else flat


def at(flat: Any, index: Any) -> Any:
    """Flat numbers at an index of NumPy, in its shape; the same numbers where it moves none."""
    index = np.asarray(index)
    first = 0 if index.size == 0 else int(index.flat[0])
    if _is_a_row(index, first):
        return shaped(flat[first : first + index.size], index.shape)
    return shaped(flat[index.reshape(-1)], index.shape)


def _is_a_row(index: Any, first: int) -> bool:
    """Whether the index counts on from the first, as it does where only the shape changes."""
    row = index.reshape(-1)
    return bool(first >= 0 and np.array_equal(row, np.arange(first, first + len(row))))
