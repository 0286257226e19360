"""What is done in a recording, whose numbers nobody knows, instead of looking at them.

Each of these gives what the function gives outside of a recording, where its structure does not
depend on numbers; where it does, the function itself is called, and says that it cannot look.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np

from dualak.ad import dual as calculus
from dualak.ad.dual import Number
from dualak.ad.linear import take
from dualak.ad.recording import known_numbers
from dualak.arrays.columns import dual, number_of
from dualak.arrays.context import is_tracing
from dualak.arrays.highlevel import contains_duals, is_scalar, layout_of, wrap
from dualak.arrays.layouts import Content, duals_in, is_dual, record_like
from dualak.arrays.lists import in_lists, lists_and_content, offsets_of
from dualak.device import Buffer
from dualak.functions.compositions import as_array, of_awkward, of_numpy
from dualak.functions.registry import Handler, functions, register
from dualak.graph.nodes import Node


def register_all() -> None:
    """Puts these in front of the functions that the registry has."""
    for name, instead in INSTEAD.items():
        dress = of_awkward if name.startswith("ak.") else of_numpy
        _before(name, dress(instead))


def _before(name: str, instead: Handler) -> None:
    known = functions()[name]
    assert known.handler is not None
    handler = known.handler

    def chosen(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if is_tracing():
            result = instead(function, args, kwargs)
            if result is not None:
                return result
        return handler(function, args, kwargs)

    register(known.kind, (name,), chosen)


# -- yes or no ------------------------------------------------------------------------------------


def any_(array: Any, axis: Any = None, **given: Any) -> Any:
    """As ``ak.any``."""
    return _count(array != 0, axis, **given) > 0


def all_(array: Any, axis: Any = None, **given: Any) -> Any:
    """As ``ak.all``."""
    return _count(array == 0, axis, **given) == 0


def count_nonzero(array: Any, axis: Any = None, **given: Any) -> Any:
    """As ``ak.count_nonzero``."""
    return ak.values_astype(_count(array != 0, axis, **given), np.int64)


def _count(flags: Any, axis: Any, **given: Any) -> Any:
    return ak.sum(ak.values_astype(flags, np.float64), axis=axis, **given)


def isclose(
    a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Any:
    """As ``ak.isclose``."""
    near = np.isfinite(b) & (abs(a - b) <= atol + rtol * abs(b))
    close = near | (a == b)
    return close | (np.isnan(a) & np.isnan(b)) if equal_nan else close


def rounded(array: Any, decimals: int = 0) -> Any:
    """As ``ak.round``, to whole numbers; None for any other number of digits."""
    if decimals != 0:
        return None
    return np.rint(array if is_scalar(array) else as_array(array, "array"))


def mask(array: Any, mask: Any, **unused: Any) -> None:
    """``ak.mask`` makes missing what a mask says, so that it has to be known."""
    if contains_duals(mask):
        known_numbers(number_of(next(duals_in(layout_of(mask)))))  # type: ignore[arg-type]


# -- without what is not a number -----------------------------------------------------------------


def nansum(array: Any, axis: Any = None, **given: Any) -> Any:
    """As ``ak.nansum``."""
    return _without_nan(ak.sum, array, 0.0, axis, **given)


def nanprod(array: Any, axis: Any = None, **given: Any) -> Any:
    """As ``ak.nanprod``."""
    return _without_nan(ak.prod, array, 1.0, axis, **given)


def _without_nan(reducer: Any, array: Any, identity: float, axis: Any, **given: Any) -> Any:
    """A reducer with its identity in place of NaN; where nothing is left may be missing, None."""
    if given.get("mask_identity"):
        return None
    array = as_array(array, "array")
    return reducer(ak.where(np.isnan(array), identity, array), axis=axis, **given)


# -- in order -------------------------------------------------------------------------------------


def sort(array: Any, axis: int = -1, *, ascending: bool = True, stable: bool = True) -> Any:
    """As ``ak.sort`` of the innermost lists of numbers; None for any other."""
    array = as_array(array, "array")

    def in_order(number: Number, offsets: Buffer) -> Number:
        return take(number, _order(number, offsets, _Order(ascending, within=False)))

    return _in_innermost(array, axis, in_order)


def argsort(array: Any, axis: int = -1, *, ascending: bool = True, stable: bool = True) -> Any:
    """As ``ak.argsort`` of the innermost lists of numbers; None for any other."""

    def order(number: Number, offsets: Buffer) -> Number:
        return _order(number, offsets, _Order(ascending, within=True))

    return _in_innermost(as_array(array, "array"), axis, order)


def _in_innermost(array: Any, axis: int, convert: Callable[[Number, Buffer], Number]) -> Any:
    """Numbers of the innermost lists converted, given the offsets of these."""
    lists, content = lists_and_content(array.layout)
    known = is_dual(content) and not array.named_axis
    if not known or axis not in (-1, len(lists)):
        return None
    offsets = offsets_of(lists[-1]) if lists else np.array([0, content.length])
    layout = dual(convert(number_of(content), offsets))
    layout = in_lists(lists, layout)
    return wrap(ak.Array(layout, behavior=array.behavior, attrs=array.attrs))


def _order(number: Number, offsets: Buffer, order: _Order) -> Node:
    values = calculus.primal(number)
    bounds = values.graph.buffer(offsets, np.int64)
    return values.graph.call(order, (values, bounds), np.int64, number.length or 0)


def _starts(offsets: Buffer, of: Buffer) -> Buffer:
    """Where the list begins that an element of other lists, as many, stands in."""
    return np.repeat(offsets[:-1], np.diff(of)).astype(np.int64)


@dataclass(frozen=True)
class _Order:
    """Where numbers stand that follow each other in their lists: within these, or in all."""

    ascending: bool
    within: bool

    def __call__(self, values: Buffer, offsets: Buffer) -> Buffer:
        lists = ak.contents.ListOffsetArray(
            ak.index.Index64(offsets), ak.contents.NumpyArray(values)
        )
        order = ak.argsort(ak.Array(lists), axis=1, ascending=self.ascending)
        places = np.asarray(ak.flatten(order))
        return places if self.within else places + _starts(offsets, offsets)

    def replayed(self, node: Node, numbers: Sequence[Number]) -> Number:
        """An order has no tangent."""
        return _called_again(self, node, numbers)


def _called_again(function: Any, node: Node, numbers: Sequence[Number]) -> Number:
    known = [calculus.primal(number) for number in numbers]
    return known[0].graph.call(function, known, node.dtype, node.length)


def argmax(array: Any, axis: Any = None, **how: Any) -> Any:
    """As ``ak.argmax`` of the innermost lists of numbers; None for any other."""
    return _place_of("argmax", array, axis, **how)


def argmin(array: Any, axis: Any = None, **how: Any) -> Any:
    """As ``ak.argmin`` of the innermost lists of numbers; None for any other."""
    return _place_of("argmin", array, axis, **how)


def _place_of(
    name: str, array: Any, axis: Any, keepdims: bool = False, mask_identity: bool = True
) -> Any:
    array = as_array(array, "array")
    lists, content = lists_and_content(array.layout)
    known = is_dual(content) and not array.named_axis and mask_identity
    if not known or not lists or axis not in (-1, len(lists)):
        return None
    layout = _places(name, calculus.primal(number_of(content)), offsets_of(lists[-1]))
    if keepdims:
        layout = ak.contents.RegularArray(layout, 1, zeros_length=lists[-1].length)
    layout = in_lists(lists[:-1], layout)
    return wrap(ak.Array(layout, behavior=array.behavior, attrs=array.attrs))


def _places(name: str, values: Node, offsets: Buffer) -> Content:
    """Where in each list its extreme stands; lists of nothing have no place."""
    some = np.diff(offsets) > 0
    bounds = values.graph.buffer(offsets, np.int64)
    node = values.graph.call(_Place(name), (values, bounds), np.int64, int(some.sum()))
    index = ak.index.Index64(np.where(some, np.cumsum(some) - 1, -1))
    return ak.contents.IndexedOptionArray(index, dual(node))


@dataclass(frozen=True)
class _Place:
    """Where in its list the extreme of each stands, of lists that hold numbers."""

    name: str

    def __call__(self, values: Buffer, offsets: Buffer) -> Buffer:
        lists = ak.contents.ListOffsetArray(
            ak.index.Index64(offsets), ak.contents.NumpyArray(values)
        )
        places = getattr(ak, self.name)(ak.Array(lists), axis=1)
        return np.asarray(ak.drop_none(places), np.int64)

    def replayed(self, node: Node, numbers: Sequence[Number]) -> Number:
        """A place has no tangent."""
        return _called_again(self, node, numbers)


def at_order(array: Any, where: Any) -> Any:
    """Elements at an index that ``argsort`` gave, as it is or cut, or ``argmax``; else None."""
    (lists, content), (of, index) = (lists_and_content(part.layout) for part in (array, where))
    if len(lists) != len(of) or len(of) > 1:
        return None
    if of and isinstance(index, ak.contents.IndexedOptionArray) and is_dual(index.content):
        return _at_places(array, where)
    if not is_dual(index):
        return None
    offsets, at = (
        offsets_of(list_level[0]) if list_level else np.array([0, end.length])
        for list_level, end in ((lists, content), (of, index))
    )
    node = calculus.primal(number_of(index))
    if not _is_order_of(node, offsets, at):
        return None
    node = node.graph.apply("add", node, node.graph.buffer(_starts(offsets, at)))
    layout = _taken(content, node)
    if layout is None:
        return None
    layout = in_lists(of, layout)
    return wrap(ak.Array(layout, behavior=array.behavior, attrs=array.attrs))


def _at_places(array: Any, where: Any) -> Any:
    """The extremes of lists, each in a list of its own; None for any other index."""
    (lists,), content = lists_and_content(array.layout)
    (of,), index = lists_and_content(where.layout)
    node, offsets = calculus.primal(number_of(index.content)), offsets_of(lists)
    own = node.op == "call" and isinstance(node.key[1], _Place)
    if (
        not own
        or of.length != lists.length
        or not np.array_equal(np.asarray(node.args[1].data), offsets)
    ):
        return None
    starts = node.graph.buffer(offsets[:-1][np.diff(offsets) > 0].astype(np.int64))
    found = _taken(content, node.graph.apply("add", node, starts))
    if found is None:
        return None
    layout = ak.contents.IndexedOptionArray(index.index, found)
    layout = ak.contents.RegularArray(layout, 1, zeros_length=of.length)
    return wrap(ak.Array(layout, behavior=array.behavior, attrs=array.attrs))


def _is_order_of(node: Node, offsets: Buffer, at: Buffer) -> bool:
    """Whether numbers in lists are places, by ``argsort``, each in the same of some other lists."""
    source, index = (node.args[0], node.args[1].data) if node.op == "take" else (node, None)
    if source.op != "call" or not isinstance(source.key[1], _Order) or not source.key[1].within:
        return False
    bounds = np.asarray(source.args[1].data)
    if len(at) != len(offsets) or not np.array_equal(bounds, offsets):
        return False
    if index is None:
        return node.op == "call" and np.array_equal(at, offsets)
    of = np.searchsorted(bounds, index, side="right") - 1
    return np.array_equal(of, np.repeat(np.arange(len(at) - 1), np.diff(at)))


def _taken(content: Any, index: Node) -> Any:
    """Numbers, or records of numbers alone, at an index; None for anything else."""
    if is_dual(content):
        return dual(take(number_of(content), index))
    if not content.is_record or not all(map(is_dual, content.contents)):
        return None
    each = [_taken(child, index) for child in content.contents]
    return record_like(content, each, index.length or 0)


INSTEAD: dict[str, Callable[..., Any]] = {
    "ak.any": any_,
    "ak.all": all_,
    "ak.count_nonzero": count_nonzero,
    "ak.isclose": isclose,
    "np.isclose": isclose,
    "ak.mask": mask,
    "ak.round": rounded,
    "np.round": rounded,
    "np.around": rounded,
    "ak.nansum": nansum,
    "ak.nanprod": nanprod,
    "np.nansum": nansum,
    "np.nanprod": nanprod,
    "ak.sort": sort,
    "ak.argsort": argsort,
    "ak.argmax": argmax,
    "ak.argmin": argmin,
}
