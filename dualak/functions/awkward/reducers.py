"""Reducers: Awkward groups the numbers, whatever the axis, and the graph reduces each group.

Awkward asks a record's behavior how to reduce lists of it.  Ours answers with a segment reduction
of the value and one of the tangent, over the lists' offsets.  Where the innermost axis of an array
of lists is reduced, the offsets are at hand and Awkward is not needed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import awkward as ak
import numpy as np

from dualak.ad import linear
from dualak.arrays.canonical import canonicalize
from dualak.arrays.columns import dual, number_of
from dualak.arrays.context import graph_in_use
from dualak.arrays.highlevel import bare, contains_duals, own_behavior, wrap, wrapped
from dualak.arrays.layouts import DUAL, Content, is_dual, rebuilt
from dualak.arrays.lists import in_lists, lists_and_content, offsets_of
from dualak.functions.awkward.structure import array_of_scalar
from dualak.functions.registry import NotDifferentiableError, register
from dualak.functions.ufuncs import as_duals
from dualak.graph.segments import SEGMENT_LIMIT
from dualak.rules import REDUCTIONS, Reduction

DISCRETE = ("all", "any", "argmax", "argmin", "argsort", "count", "count_nonzero")
NUMPY = {"sum": "sum", "prod": "prod", "min": "min", "max": "max", "amin": "min", "amax": "max"}


def register_all() -> None:
    """Enters the reducers into the registry, and into Awkward's behaviors."""
    register("discrete", (f"ak.{name}" for name in DISCRETE))
    register("discrete", (f"np.{name}" for name in DISCRETE if name != "count"))
    register("differentiable", (f"ak.{name}" for name in REDUCTIONS), _reduce)
    register("differentiable", (f"np.{name}" for name in NUMPY), _numpy_reduce)
    for name, reduction in REDUCTIONS.items():
        ak.behavior[getattr(ak, name), DUAL] = _overload(reduction)


def _numpy_reduce(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    names = ("a", "axis", "dtype", "out", "keepdims", "initial", "where")
    given = dict(zip(names, args, strict=False)) | kwargs
    array, axis = array_of_scalar(given.pop("a")), given.pop("axis", None)
    keepdims = given.pop("keepdims", False)
    if given:
        raise NotDifferentiableError(
            f"np.{function.__name__}: the arguments {sorted(given)} are refused on a "
            "differentiated array"
        )
    name = NUMPY[function.__name__]
    masked = {} if name in ("sum", "prod") else {"mask_identity": True}
    return getattr(ak, name)(array, axis=axis, keepdims=keepdims, **masked)


def _reduce(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    given = _defaults(function) | dict(zip(("array", "axis"), args, strict=False)) | kwargs
    array = given.pop("array")
    if isinstance(array, ak.Record):
        raise TypeError(f"ak.{function.__name__} expected an array, got a scalar")
    initial = given.pop("initial", None)
    if initial is not None:
        return _with_initial(function, array, initial, given)
    reduction = REDUCTIONS[function.__name__]
    content = _everything(array, reduction, given)
    if content is not None:
        return _over_everything(array, content, reduction)
    lists = _lists(array, given)
    if lists and given["axis"] in (-1, len(lists)):
        return _over_lists(array, lists, reduction, given)
    plain_sum = reduction.name == "sum" and not given["mask_identity"] and _is_plain(given)
    if lists and given["axis"] == 0 and plain_sum and _is_rectangle(lists):
        return _over_rows(array, lists[0])
    found = wrap(function(bare(array), **given))
    everything = given["axis"] is None and function.__name__ in ("max", "min")
    return nan_where_any(found, array, axis=None) if everything and found is not None else found


def nan_where_any(extreme: Any, array: Any, **given: Any) -> Any:
    """An extreme that is NaN where one of the numbers is: the reduction passes over it.

    NumPy has it so, and Awkward where it reduces everything.
    """
    flags = as_duals(np.isnan(array)) * 1.0
    known = 1.0 - np.sign(ak.sum(flags, **given))
    return known / known * extreme


def _with_initial(function: Any, array: Any, initial: Any, given: dict[str, Any]) -> Any:
    """The extremes of each list and of a number that is there in any case."""
    found = function(array, **given)
    if found is None:
        return None
    name = function.__name__
    # Awkward lets NaN through where it reduces everything, and passes over it elsewhere.
    ufunc = getattr(np, f"{name}imum" if given["axis"] is None else f"f{name}")
    weak = float(initial) if isinstance(initial, (int, np.number)) else initial
    return ufunc(found, weak)


@cache
def _defaults(function: Any) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters.values()
    return {
        parameter.name: parameter.default
        for parameter in parameters
        if parameter.default is not parameter.empty
    }


def _everything(array: Any, reduction: Reduction, given: dict[str, Any]) -> Content | None:
    """The numbers of an array that become one, if Awkward is not needed for that."""
    if reduction.name not in ("sum", "prod") or given["mask_identity"] or not _is_plain(given):
        return None
    lists, content = lists_and_content(array.layout)
    whole = given["axis"] is None or (not lists and given["axis"] in (0, -1))
    return content if whole and is_dual(content) and not array.named_axis else None


def _is_plain(given: dict[str, Any]) -> bool:
    return not given["keepdims"] and given.get("highlevel") is not False


def _over_everything(array: Any, content: Content, reduction: Reduction) -> Any:
    offsets = graph_in_use().buffer(_one_list(content.length))
    number = linear.reduced(reduction.name, number_of(content), offsets)
    made = wrapped(dual(number), array.behavior, array.attrs)
    return ak.Array.__getitem__(made, 0)


@lru_cache(64)
def _one_list(length: int) -> Any:
    """The offsets of one list, the same each time, so that what is reduced alike is seen to be."""
    return np.array([0, length])


def _lists(array: Any, given: dict[str, Any]) -> list[Content]:
    """The lists right above the numbers, if Awkward is not needed to reduce them."""
    if not isinstance(given["axis"], int) or given.get("highlevel") is False:
        return []
    lists, content = lists_and_content(array.layout)
    return lists if is_dual(content) and not array.named_axis else []


def _over_lists(
    array: Any, lists: list[Content], reduction: Reduction, given: dict[str, Any]
) -> Any:
    layout = _reduced(lists[-1], reduction, given["mask_identity"])
    if given["keepdims"]:
        layout = ak.contents.RegularArray(layout, 1, layout.length)
    layout = in_lists(lists[:-1], layout)
    return ak.Array(layout, behavior=array.behavior, attrs=array.attrs)


def _is_rectangle(lists: list[Content]) -> bool:
    (innermost, *others) = lists
    return bool(
        not others
        and innermost.is_regular
        and innermost.length > 0
        and 0 < innermost.size <= SEGMENT_LIMIT
    )


def _over_rows(array: Any, rows: Content) -> Any:
    """The sums of the columns of a rectangle."""
    offsets = graph_in_use().buffer(offsets_of(rows), np.int64)
    number = linear.columns(number_of(rows.content), offsets, rows.size)
    return ak.Array(dual(number), behavior=array.behavior, attrs=array.attrs)


def _overload(reduction: Reduction) -> Callable[..., Any]:
    """What Awkward calls with lists of duals, one for each number of the result."""

    def overload(array: Any, mask_identity: bool) -> Any:
        return ak.Array(_reduced(canonicalize(array.layout), reduction, mask_identity))

    return overload


def _reduced(layout: Content, reduction: Reduction, masked: bool) -> Content:
    bounds = offsets_of(layout)
    offsets = graph_in_use().buffer(bounds, np.int64)
    empty = np.diff(bounds) == 0 if masked else None
    result = dual(linear.reduced(reduction.name, number_of(layout.content), offsets))
    return result if empty is None else _masked(result, empty)


def _masked(layout: Content, empty: Any) -> Content:
    """Missing where the list was empty."""
    mask = ak.index.Index8(empty.astype(np.int8))
    return ak.contents.ByteMaskedArray(mask, layout, valid_when=False)


def counts(array: Any, **given: Any) -> Any:
    """How many numbers each list has, as a plain array; what they are is not asked for."""

    def leaf(layout: Content) -> Content:
        return ak.contents.NumpyArray(np.zeros(layout.length)) if is_dual(layout) else layout

    if not contains_duals(array):
        return ak.count(array, **given)
    behavior = own_behavior(array.behavior)
    layout = rebuilt(array.layout, leaf)
    return ak.count(ak.Array(layout, behavior=behavior, attrs=array.attrs), **given)
