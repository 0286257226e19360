"""Functions that Awkward runs on positions: each number is replaced by where it stands.

Some functions look into records, or treat them otherwise than numbers.  They get every dual leaf as
the plain column of its positions, and what comes back says which numbers to gather.  Positions are
dates, which Awkward merges with each other but never with the numbers of an array.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import awkward as ak
import numpy as np

from dualak import device
from dualak.ad.linear import cast
from dualak.arrays.canonical import constant_dual, like
from dualak.arrays.columns import at_positions, dual, number_of, positions
from dualak.arrays.highlevel import contains_duals, deep, is_scalar, layout_of, own_behavior, wrap
from dualak.arrays.layouts import Content, holds_duals, holds_records, is_dual, is_text, rebuilt

_POSITION = np.dtype("datetime64[us]")


def by_positions(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """``function`` of arrays that hold duals, as Awkward does it for plain arrays of numbers."""
    leaves = _Leaves([])
    args, kwargs = deep(leaves.hidden, (list(args), dict(kwargs)))
    return deep(leaves.restored, function(*args, **kwargs))


def merged_by_positions(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """The same for a function that merges arrays: constants beside duals become duals first."""
    leaves = _Leaves([layout_of(one) for one in _arrays((args, kwargs)) if contains_duals(one)])
    args, kwargs = deep(leaves.hidden, (list(args), dict(kwargs)))
    return deep(leaves.restored, function(*args, **kwargs))


def numbered(array: Any) -> tuple[Any, Callable[[Any], Any]]:
    """The array with positions for its duals, and what puts the duals back in their places.

    Positions are dates, counted from zero on over all duals of the array.
    """
    leaves = _Numbered([])
    return leaves.hidden(array), leaves.restored


def gathered(numbers: Any, index: Any) -> Any:
    """The numbers of a flat array, differentiated or not, at an index of any structure."""
    plain = None if contains_duals(numbers) else np.asarray(numbers)

    def leaf(one: Content) -> Content:
        if one.is_unknown:
            return one
        at = device.contiguous(one.data, np.int64)
        return ak.contents.NumpyArray(at.view(_POSITION) if plain is None else plain[at])

    _, restored = numbered(numbers)
    return restored(ak.Array(rebuilt(index.layout, leaf)))


def _arrays(value: Any) -> list[Any]:
    found: list[Any] = []
    deep(lambda one: found.append(one) if isinstance(one, (ak.Array, ak.Record)) else None, value)
    return found


class _Leaves:
    """The dual leaves of all arguments, as positions, and back.

    ``patterns`` are the layouts that numbers may be merged with.
    """

    def __init__(self, patterns: list[Content]) -> None:
        self.patterns = patterns
        self.dtypes: list[np.dtype[Any]] = []

    def hidden(self, value: Any) -> Any:
        """An array or a scalar with positions for its duals."""
        if is_scalar(value):
            at = value.layout.at
            return self._positions(value.layout.array[at : at + 1]).data[0]
        if not isinstance(value, ak.Array):
            _require_no_dates(getattr(value, "dtype", None))
            return value
        layout = value.layout
        for pattern in self.patterns:
            layout = like(layout, pattern)
        if not holds_duals(layout):
            rebuilt(layout, _without_dates)
            return value
        hidden = rebuilt(layout, self._positions)
        return ak.Array(hidden, behavior=own_behavior(value.behavior), attrs=value.attrs)

    def _positions(self, leaf: Content) -> Content:
        if not is_dual(leaf):
            return _without_dates(leaf)
        self.dtypes.append(number_of(leaf).dtype)
        return ak.contents.NumpyArray(positions(leaf).view(_POSITION))

    def restored(self, value: Any) -> Any:
        """An array with the duals that its positions name."""
        if not isinstance(value, ak.Array):
            return value
        layout = rebuilt(value.layout, self._duals_at)
        return wrap(ak.Array(layout, behavior=value.behavior, attrs=value.attrs))

    def _found(self, leaf: Content) -> device.Buffer:
        """The positions that stand in a leaf."""
        return device.contiguous(device.in_memory(leaf.data).view(np.int64))

    def _duals_at(self, leaf: Content) -> Content:
        if is_text(leaf) or leaf.is_unknown or leaf.data.dtype.kind != "M":
            return leaf
        if leaf.inner_shape != ():
            return rebuilt(leaf.to_RegularArray(), self._duals_at)
        number = at_positions(self._found(leaf), self.dtypes[0])
        if self.patterns and not any(map(holds_records, self.patterns)):
            # What merges has one dtype, wherever it stands.
            number = cast(number, np.result_type(*self.dtypes))
        return dual(number)


class _Numbered(_Leaves):
    """Positions that are counted from zero on; a table says which ones they stand for."""

    def __init__(self, patterns: list[Content]) -> None:
        super().__init__(patterns)
        self.table = np.empty(0, np.int64)

    def _positions(self, leaf: Content) -> Content:
        known = super()._positions(leaf)
        if not is_dual(leaf):
            return known
        start = len(self.table)
        self.table = np.concatenate([self.table, known.data.view(np.int64)])
        return ak.contents.NumpyArray(np.arange(start, len(self.table)).view(_POSITION))

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
