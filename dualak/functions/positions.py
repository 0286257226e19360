"""Functions that Awkward runs on positions: each number is replaced by where it stands.

Some functions look into records, or treat them otherwise than numbers.  They get every dual leaf as
the plain column of its positions, and what comes back says which numbers to gather.  Positions are
dates, which Awkward merges with each other but never with the numbers of an array; their unit tells
the type of the numbers, and those of different types meet in a union, which is canonical.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import awkward as ak
import numpy as np

from dualak import device
from dualak.ad.linear import cast
from dualak.arrays.canonical import constant_dual, merged_with_booleans
from dualak.arrays.columns import at_positions, dual, number_of, positions
from dualak.arrays.highlevel import contains_duals, is_scalar, own_behavior, wrap
from dualak.arrays.layouts import Content, holds_duals, is_dual, is_text, rebuilt, refilled
from dualak.pytree import tree_map

#: The unit of the dates that stand for the positions of numbers of each type.
_UNITS = {
    np.dtype(dtype): np.dtype(f"datetime64[{unit}]")
    for dtype, unit in zip(
        ("f8", "f4", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?"),
        ("us", "ms", "s", "m", "h", "D", "W", "M", "Y", "ns", "ps"),
        strict=True,
    )
}
_DTYPES = {unit: dtype for dtype, unit in _UNITS.items()}


def by_positions(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """``function`` of arrays that hold duals, as Awkward does it for plain arrays of numbers."""
    leaves = Leaves()
    args, kwargs = tree_map(leaves.hidden, (list(args), dict(kwargs)))
    return tree_map(leaves.restored, function(*args, **kwargs))


def merged_by_positions(
    function: Callable[..., Any], args: Any, kwargs: Any, mergebool: bool = False
) -> Any:
    """The same for a function that merges arrays; with ``mergebool`` booleans count as numbers."""
    leaves = _Merged() if mergebool else Leaves()
    args, kwargs = tree_map(leaves.hidden, (list(args), dict(kwargs)))
    return tree_map(leaves.restored, function(*args, **kwargs))


def numbered(array: Any) -> tuple[Any, Callable[[Any], Any]]:
    """The array with positions for its duals, and what puts the duals back in their places.

    Positions are dates, counted from zero on over all duals of the array.
    """
    leaves = _Numbered()
    return leaves.hidden(array), leaves.restored


def gathered(numbers: Any, index: Any) -> Any:
    """The numbers of a flat array, differentiated or not, at an index of any structure."""
    if contains_duals(numbers):
        unit = _unit(numbers)
    else:
        unit, numbers = None, np.asarray(numbers)

    def leaf(content: Content) -> Content:
        if content.is_unknown:
            return content
        at = device.contiguous(content.data, np.int64)
        return ak.contents.NumpyArray(numbers[at] if unit is None else at.view(unit))

    _, restored = numbered(numbers)
    return restored(ak.Array(rebuilt(index.layout, leaf)))


def _unit(numbers: Any) -> np.dtype[Any]:
    """The unit of the positions of a flat array of duals."""
    return _UNITS[number_of(numbers.layout).dtype]


class Leaves:
    """The dual leaves of all arguments, as positions, and back."""

    def hidden(self, value: Any) -> Any:
        """An array or a scalar with positions for its duals."""
        if is_scalar(value):
            at = value.layout.at
            return self._positions(value.layout.array[at : at + 1]).data[0]
        if isinstance(value, ak.Record):
            array = ak.Array(value.layout.array, behavior=value.behavior, attrs=value.attrs)
            return self.hidden(array)[value.layout.at]
        if isinstance(value, (ak.contents.Content, ak.record.Record)):
            return _layout_in(self.hidden, value)
        if not isinstance(value, ak.Array):
            _require_no_dates(getattr(value, "dtype", None))
            return value
        if not holds_duals(value.layout):
            rebuilt(value.layout, _without_dates)
            return value
        hidden = rebuilt(value.layout, self._positions)
        return ak.Array(hidden, behavior=own_behavior(value.behavior), attrs=value.attrs)

    def _positions(self, leaf: Content) -> Content:
        if not is_dual(leaf):
            return _without_dates(leaf)
        unit = _UNITS[number_of(leaf).dtype]
        return ak.contents.NumpyArray(positions(leaf).view(unit))

    def restored(self, value: Any) -> Any:
        """An array, a record or a scalar with the duals that its positions name."""
        if isinstance(value, np.datetime64):
            return self.restored(ak.Array(np.array([value])))[0]
        if isinstance(value, ak.Record):
            array = ak.Array(value.layout.array, behavior=value.behavior, attrs=value.attrs)
            return self.restored(array)[value.layout.at]
        if isinstance(value, (ak.contents.Content, ak.record.Record)):
            return _layout_in(self.restored, value)
        if not isinstance(value, ak.Array):
            return value
        layout = self._canonical(refilled(value.layout, self._duals_at))
        return wrap(ak.Array(layout, behavior=value.behavior, attrs=value.attrs))

    def _canonical(self, layout: Content) -> Content:
        return layout

    def _found(self, leaf: Content) -> device.Buffer:
        """The positions that stand in a leaf."""
        return device.contiguous(device.in_memory(leaf.data).view(np.int64))

    def _duals_at(self, leaf: Content) -> Content:
        if is_text(leaf) or leaf.is_unknown or leaf.data.dtype.kind != "M":
            return leaf
        if leaf.inner_shape != ():
            return rebuilt(leaf.to_RegularArray(), self._duals_at)
        dtype = _DTYPES[leaf.data.dtype]
        return dual(cast(at_positions(self._found(leaf), dtype), dtype))


class _Merged(Leaves):
    """Where booleans that meet numbers in a union become numbers."""

    def _canonical(self, layout: Content) -> Content:
        return merged_with_booleans(layout)


def _layout_in(convert: Callable[[Any], Any], layout: Any) -> Any:
    """A layout converted as the array or record of it is."""
    make = ak.Record if isinstance(layout, ak.record.Record) else ak.Array
    return convert(make(layout)).layout


class _Numbered(Leaves):
    """Positions that are counted from zero on; a table says which ones they stand for."""

    def __init__(self) -> None:
        self.table = np.empty(0, np.int64)

    def _positions(self, leaf: Content) -> Content:
        known = super()._positions(leaf)
        if not is_dual(leaf):
            return known
        start = len(self.table)
        self.table = np.concatenate([self.table, known.data.view(np.int64)])
        return ak.contents.NumpyArray(np.arange(start, len(self.table)).view(known.data.dtype))

    def _found(self, leaf: Content) -> device.Buffer:
        return self.table[super()._found(leaf)]


def _without_dates(leaf: Content) -> Content:
    if not is_text(leaf) and leaf.is_numpy:
        _require_no_dates(leaf.data.dtype)
    return leaf


def _require_no_dates(dtype: Any) -> None:
    """Positions are dates, so dates of the user's own would be taken for positions."""
    if dtype is not None and getattr(dtype, "kind", "") in "mM":
        raise TypeError(
            f"expected no dates beside differentiated numbers, got {dtype}; convert them with "
            "ak.values_astype first"
        )


def constant(number: Any) -> Any:
    """A number as a differentiated scalar without a tangent, to stand beside duals."""
    return ak.Array(constant_dual(ak.contents.NumpyArray(np.array([number]))))[0]
