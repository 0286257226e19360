"""Reducers: Awkward groups the numbers, whatever the axis, and the graph reduces each group.

Awkward asks a record's behavior how to reduce lists of it.  Ours answers with a segment reduction
of the value and one of the tangent, over the lists' offsets.  Where the innermost axis of an array
of lists is reduced, the offsets are at hand and Awkward is not needed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

import awkward as ak
import numpy as np

from dualak.arrays import bare, undualled, wrap
from dualak.duals import DUAL, Content, dual, graph_in_use, is_dual, nodes_of
from dualak.functions.registry import NotDifferentiableError, register
from dualak.layouts import settle
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
    array, axis = given.pop("a"), given.pop("axis", None)
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
    if given.get("initial") is not None:
        raise NotDifferentiableError(
            f"ak.{function.__name__}: initial is refused on a differentiated array; use "
            "np.minimum or np.maximum on the result"
        )
    reduction = REDUCTIONS[function.__name__]
    innermost = _innermost(array, given)
    if innermost is not None and not given["keepdims"]:
        return _over_lists(array, innermost, reduction, given["mask_identity"])
    return wrap(function(bare(array), **given))


@cache
def _defaults(function: Any) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters.values()
    return {one.name: one.default for one in parameters if one.default is not one.empty}


def _innermost(array: Any, given: dict[str, Any]) -> list[Content] | None:
    """The lists above the numbers if the innermost of them is to be reduced, else None."""
    if not isinstance(given["axis"], int) or given.get("highlevel") is False:
        return None
    lists, layout = [], array.layout
    while layout.is_list and hasattr(layout, "offsets") and not layout.parameters:
        lists.append(layout)
        layout = layout.content
    axis = given["axis"]
    whole = lists and is_dual(layout) and not array.named_axis
    return lists if whole and axis in (-1, len(lists)) else None


def _over_lists(array: Any, lists: list[Content], reduction: Reduction, masked: bool) -> Any:
    layout = _reduced(lists[-1], reduction, masked)
    for one in reversed(lists[:-1]):
        layout = one.copy(content=layout)
    return ak.Array(layout, behavior=array.behavior, attrs=array.attrs)


def _overload(reduction: Reduction) -> Callable[..., Any]:
    """What Awkward calls with lists of duals, one for each number of the result."""

    def overload(array: Any, mask_identity: bool) -> Any:
        return ak.Array(_reduced(settle(array.layout), reduction, mask_identity))

    return overload


def _reduced(layout: Content, reduction: Reduction, masked: bool) -> Content:
    graph = graph_in_use()
    offsets = graph.buffer(layout.offsets.data, np.int64)
    empty = np.diff(layout.offsets.data) == 0 if masked else None
    value, tangent = nodes_of(layout.content)
    reduced = graph.segment(reduction.name, (value,), offsets)
    if tangent is not None and reduction.tangent is None:
        tangent = graph.segment(reduction.name, (tangent,), offsets)
    elif tangent is not None:
        tangent = graph.segment(reduction.tangent or "", (value, tangent), offsets)
    result = dual(reduced, tangent)
    return result if empty is None else _masked(result, empty)


def _masked(layout: Content, empty: Any) -> Content:
    """Missing where the list was empty."""
    mask = ak.index.Index8(empty.astype(np.int8))
    return ak.contents.ByteMaskedArray(mask, layout, valid_when=False)


def counts(array: Any, **given: Any) -> Any:
    """How many numbers each list has, as a plain array."""
    return ak.count(undualled(array), **given)
