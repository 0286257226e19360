"""Functions of flat arrays, as functions of arrays of any lists: broadcast, flat, and back.

>>> import awkward as ak
>>> flattened(lambda x, y: x[::-1] + y, (ak.Array([[1.0, 2.0], [], [3.0]]), 10.0), "swapped")
<Array [[13, 12], [], [11]] type='3 * var * float64'>
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import awkward as ak
import numpy as np

from dualak import device
from dualak.arrays.canonical import of_one_type
from dualak.arrays.columns import reading
from dualak.arrays.highlevel import contains_duals, is_scalar, primal_of, with_layout
from dualak.arrays.layouts import Content, children, is_text
from dualak.arrays.ndarrays import DualNdarray, as_awkward, like
from dualak.functions.awkward.structure import array_of_scalar
from dualak.functions.positions import by_positions
from dualak.pytree import tree_map


def flattened(function: Callable[..., Any], args: tuple[Any, ...], name: str) -> Any:
    """``function`` of flat arrays of the numbers of ``args``, in the lists of ``args``.

    Arguments are broadcast against each other, as Awkward does it for a ufunc; missing values stay
    missing and are not among the numbers.  Arguments that are no arrays and no numbers are passed
    on.  Differentiated arguments come as flat arrays of duals, others as flat NumPy arrays.

    Raises:
        TypeError: for records and strings, and for a function that returns no flat arrays of the
            length that it got.
    """
    numbers = {i: argument for i, argument in enumerate(args) if _is_number(argument)}
    if not numbers:
        raise TypeError(f"{name}: expected an array or a number among the arguments, got none")
    flats, index = flat_numbers(list(numbers.values()), name)
    given = dict(zip(numbers, flats, strict=True))
    result = function(*(given.get(i, argument) for i, argument in enumerate(args)))
    finish = _finish(list(numbers.values()))
    return tree_map(lambda leaf: finish(_placed(leaf, index, len(flats[0]), name)), result)


def flat_numbers(numbers: list[Any], name: str) -> tuple[list[Any], Any]:
    """Arrays and numbers broadcast against each other, flat, and where each lies in their lists."""
    arrays = [_array(number, name) for number in numbers]
    with reading():
        flats, index = by_positions(partial(_broadcast, name), arrays, {})
    return list(map(_flat, _in_their_types(numbers, arrays, flats))), index


def _is_number(argument: Any) -> bool:
    return isinstance(argument, (ak.Array, ak.Record, np.ndarray, bool, int, float, np.generic))


def _array(value: Any, name: str) -> Any:
    """A number as an array of one, which broadcasts as it does."""
    if isinstance(value, ak.Record) and not is_scalar(value):
        raise TypeError(_expected_numbers(name, "a record"))
    value = as_awkward(value)
    array = array_of_scalar(
        value if isinstance(value, (ak.Array, ak.Record)) else _from_numpy(value)
    )
    return with_layout(array, of_one_type(array.layout))


def _from_numpy(value: Any) -> ak.Array:
    return ak.from_numpy(np.atleast_1d(value), regulararray=True)


def _expected_numbers(name: str, got: str) -> str:
    return f"{name}: expected arrays of numbers, got {got}; give it their fields one by one"


def _broadcast(name: str, *arrays: Any) -> tuple[list[Any], Any]:
    """The arrays broadcast against each other, flat, and where each number stands in lists."""
    blocks: list[list[Any]] = []

    def leaf(layouts: tuple[Content, ...], **unused: Any) -> Content | None:
        if any(layout.is_record or is_text(layout) for layout in layouts):
            raise TypeError(_expected_numbers(name, "records or strings"))
        if not all(layout.is_unknown or layout.is_numpy for layout in layouts):
            return None
        start = sum(len(block[0]) for block in blocks)
        blocks.append([_data(layout) for layout in layouts])
        return ak.contents.NumpyArray(np.arange(start, start + layouts[0].length))

    # One array is broadcast against itself: what no list reaches is left out then.
    index = ak.transform(leaf, *arrays, *arrays[: 2 - len(arrays)], numpy_to_regular=True)
    return [ak.Array(np.concatenate([b[i] for b in blocks])) for i in range(len(arrays))], index


def _data(leaf: Content) -> device.Buffer:
    return np.empty(0) if leaf.is_unknown else device.in_memory(leaf.data)


def _flat(flat: Any) -> Any:
    return flat if contains_duals(flat) else np.asarray(flat)


def _in_their_types(numbers: list[Any], arrays: list[Any], flats: list[Any]) -> list[Any]:
    """Flat arrays of the arguments' types; a float of Python takes that of the floats beside it."""
    dtypes = [np.result_type(*_dtypes(primal_of(array))) for array in arrays]
    weak = [isinstance(number, float) and not isinstance(number, np.generic) for number in numbers]
    strong = [dtype for dtype, is_weak in zip(dtypes, weak, strict=True) if not is_weak]
    floats = [dtype for dtype in strong if dtype.kind == "f"]
    if floats:
        beside = np.result_type(*floats)
        dtypes = [beside if is_weak else dtype for dtype, is_weak in zip(dtypes, weak, strict=True)]
    return list(map(_cast, flats, dtypes))


def _dtypes(array: Any) -> list[np.dtype[Any]]:
    layout = getattr(array, "layout", array)
    if layout.is_unknown:
        return [np.dtype(np.float64)]
    below = [dtype for child in children(layout) for dtype in _dtypes(child)]
    return below or [layout.data.dtype]


def _cast(flat: Any, dtype: np.dtype[Any]) -> Any:
    return flat if _dtypes(primal_of(flat)) == [dtype] else ak.values_astype(flat, dtype)


def _placed(flat: Any, index: Any, length: int, name: str) -> Any:
    """The numbers of a flat array where the index has their places."""
    if not _is_flat(flat, length):
        shown = getattr(primal_of(flat), "type", getattr(flat, "shape", flat))
        raise TypeError(
            f"{name}: expected a function of flat arrays that returns flat arrays of the same "
            f"length, {length}, got {type(flat).__name__} {shown}"
        )

    def place(numbers: Any) -> Any:
        numbers = np.asarray(numbers)

        def leaf(layout: Content, **unused: Any) -> Content | None:
            return ak.contents.NumpyArray(numbers[layout.data]) if layout.is_numpy else None

        return ak.transform(leaf, index)

    with reading():
        return by_positions(place, (flat,), {})


def _is_flat(flat: Any, length: int) -> bool:
    if isinstance(flat, ak.Array):
        layout = primal_of(flat).layout
        return len(flat) == length and layout.is_numpy and layout.inner_shape == ()
    return isinstance(flat, np.ndarray) and flat.shape == (length,)


def _finish(numbers: list[Any]) -> Callable[[Any], Any]:
    """How the result comes back: a number for numbers, NumPy's array for NumPy's arrays."""
    if any(
        isinstance(number, ak.Array) and not isinstance(number, DualNdarray) for number in numbers
    ):
        return lambda array: array
    arrays = [
        number
        for number in numbers
        if isinstance(number, (DualNdarray, np.ndarray)) and number.ndim
    ]
    if arrays:
        return partial(like, arrays[0])
    return lambda array: array[0]
