"""Sums of weights in bins, of arrays: differentiated ones give differentiated sums."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import awkward as ak
import numpy as np

from dualak.ad import binning
from dualak.ad.dual import Number, apply, primal
from dualak.ad.linear import cast, scalar, spread
from dualak.arrays.columns import dual, node_of, number_of
from dualak.arrays.context import graph_in_use
from dualak.arrays.highlevel import contains_duals, is_scalar, primal_of, wrap
from dualak.arrays.layouts import is_dual
from dualak.arrays.ndarrays import as_ndarray
from dualak.executors.cpu.binning import Bins, sums
from dualak.functions.elementwise import flat_numbers

FLOAT = np.dtype(np.float64)


def binned(
    bins: Bins, base: Any, positions: Sequence[Any], weight: Any, powers: Sequence[int]
) -> list[Any]:
    """The sums of powers of the weights in the bins.

    Args:
        bins: the axes along which entries are smoothed, and the number of bins.
        base: shape (entries,) or (1,), int64: the bins as far as the other axes say them.
        positions: along each smooth axis, flat, float64.
        weight: of each entry, flat, or of all of them: a number.
        powers: 1 for the weights, 2 for their squares.

    Returns:
        An array of shape (bins,) for each power; differentiated where the positions or weights are.
    """
    terms = [((0,) * len(bins.axes), power) for power in powers]
    if not contains_duals((*positions, weight)):
        plain = np.atleast_1d(np.asarray(weight, np.float64))
        xs = [np.ascontiguousarray(position, np.float64) for position in positions]
        return list(sums(bins, base, xs, [plain**power for power in powers], terms))
    numbers = [spread(_number(position), bins.count) for position in positions]
    weights = _number(weight)
    columns = [weights if power == 1 else apply("multiply", weights, weights) for power in powers]
    at = graph_in_use().buffer(base)
    found = binning.binned(bins, at, numbers, list(zip(columns, terms, strict=True)))
    return list(map(_array, found))


def _number(array: Any) -> Number:
    """A flat array, or a number, as one of the calculus, in double precision."""
    if is_scalar(array):
        at = array.layout.at
        return cast(scalar(number_of(array.layout.array[at : at + 1])), FLOAT)
    if isinstance(array, ak.Array):
        return cast(number_of(array.layout), FLOAT)
    flat = np.asarray(array, np.float64)
    if flat.ndim == 0:
        return graph_in_use().constant(flat, FLOAT)
    return node_of(ak.contents.NumpyArray(flat))


def _array(number: Number) -> Any:
    return as_ndarray(wrap(ak.Array(dual(number))))


def not_finite(positions: Sequence[Any]) -> Any:
    """How many of the entries have a position that is no finite number: an array of one number."""
    nodes = [primal(_number(position)) for position in positions if contains_duals(position)]
    known = [np.asarray(position) for position in positions if not contains_duals(position)]
    if not nodes:
        return _not_finite(*known)
    graph = graph_in_use()
    more = (graph.buffer(np.ascontiguousarray(position, np.float64)) for position in known)
    return _array(graph.call(_not_finite, (*nodes, *more), FLOAT, 1))


def _not_finite(*positions: Any) -> Any:
    if not positions:
        return np.zeros(1)
    finite = np.logical_and.reduce(np.broadcast_arrays(*map(np.isfinite, positions)))
    return np.array([np.size(finite) - np.count_nonzero(finite)], np.float64)


# -- entries --------------------------------------------------------------------------------------


def entries(arrays: dict[str, Any]) -> tuple[list[Any], int | None]:
    """Arrays and numbers that belong to the same entries, flat; and how many entries there are.

    Jagged arrays are broadcast against each other; what is missing in one is left out in all.
    Numbers stay what they are; None for the length says that there is nothing else.

    Raises:
        ValueError: for arrays of several lengths, or of lists that differ.
        TypeError: for records and strings.
    """
    values = list(arrays.values())
    lengths = {name: len(array) for name, array in arrays.items() if not is_one(array)}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{length} of {name}" for name, length in lengths.items())
        raise ValueError(f"expected arrays of one length to fill with, got {shown}")
    if all(map(_is_flat, values)):
        return values, next(iter(lengths.values()), None)
    several = [i for i, value in enumerate(values) if not is_one(value)]
    try:
        flats, _ = flat_numbers([values[i] for i in several], "a histogram")
    except ValueError as error:
        types = ", ".join(f"{_type_of(arrays[name])} of {name}" for name in lengths)
        raise ValueError(
            f"expected arrays to fill with whose lists fit each other, got {types}; broadcast or "
            "flatten them first"
        ) from error
    for i, flat in zip(several, flats, strict=True):
        values[i] = flat
    return values, len(flats[0])


def _type_of(array: Any) -> str:
    return str(getattr(primal_of(array), "type", getattr(array, "shape", "")))


def is_one(value: Any) -> bool:
    """Whether a value is one number."""
    return is_scalar(value) or (not isinstance(value, ak.Array) and np.ndim(value) == 0)


def _is_flat(value: Any) -> bool:
    if is_one(value):
        return True
    if not isinstance(value, ak.Array):
        return bool(np.asarray(value).ndim == 1 and np.asarray(value).dtype.kind in "biuf")
    return is_dual(value.layout) or (value.layout.is_numpy and value.layout.inner_shape == ())
