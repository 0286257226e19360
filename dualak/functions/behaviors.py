"""What a behavior says about records of a name: its own ufuncs and reducers, run on duals.

Awkward finds such an overload by the names of records and the classes of numbers.  A dual is a
record too, so where a number is differentiated the overload for numbers is looked up here.
"""

from __future__ import annotations

import inspect
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import awkward as ak
import numpy as np

from dualak.arrays.canonical import canonicalize
from dualak.arrays.columns import number_of, reading
from dualak.arrays.highlevel import (
    bare,
    contains_duals,
    for_awkward,
    hooked,
    is_scalar,
    is_weak,
    layout_of,
    own_behavior,
    wrap,
)
from dualak.arrays.layouts import DUAL, HOLDER, Content, children, holds_records, is_dual, is_text
from dualak.functions import ufuncs
from dualak.functions.numbers import BESIDE, restored
from dualak.functions.registry import (
    Handler,
    NotDifferentiableError,
    discrete,
    functions,
    register,
)
from dualak.rules import REDUCTIONS

Overload = Callable[..., Any]


def register_all() -> None:
    """Puts the overloads of behaviors in front of the reducers that the registry has."""
    for names, before in (
        ([f"ak.{name}" for name in REDUCTIONS], _reducer),
        (["ak.mean", "np.mean"], _mean),
    ):
        for entry in map(functions().__getitem__, names):
            assert entry.handler is not None
            register(entry.kind, (entry.name,), before(entry.handler))
    register("discrete", ("ak.fields",), _fields)


def _fields(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The names of a record's fields; behaviors ask for them often, so no values are set up."""
    array = args[0] if args else kwargs["array"]
    layout = layout_of(array)
    while layout.is_list or layout.is_option or layout.is_indexed:
        layout = layout.content
    if layout.is_record and not is_dual(layout):
        return list(layout.fields)
    return discrete(function, args, kwargs)


# -- ufuncs ---------------------------------------------------------------------------------------


def call(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``__array_ufunc__`` of arrays and records of duals, and of records that hold some."""
    if method != "__call__" or kwargs or not any(map(_holds_records, inputs)):
        return ufuncs.call(ufunc, method, inputs, kwargs)
    inputs = tuple(map(for_awkward, inputs))
    cls = ak.Array if any(isinstance(argument, ak.Array) for argument in inputs) else ak.Record
    owner = next(argument for argument in inputs if isinstance(argument, cls))
    with reading():
        return wrap(cls.__array_ufunc__(owner, ufunc, method, *inputs))


def _holds_records(argument: Any) -> bool:
    return isinstance(argument, (ak.Array, ak.Record)) and holds_records(layout_of(argument))


def overload(ufunc: Any, method: str, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """What Awkward calls for a ufunc as soon as one input is a dual, whatever stands beside it."""
    result = ufuncs.overload(ufunc, method, inputs, kwargs)
    if result is not NotImplemented or method != "__call__" or kwargs:
        return result
    custom = _for_numbers(ufunc, inputs)
    return NotImplemented if custom is None else _called(ufunc, custom, list(map(wrap, inputs)))


def overload_beside(ufunc: Any, method: str, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """What Awkward calls for a ufunc as soon as one input is of records beside a scalar."""
    inputs = [_named(argument) for argument in inputs]
    kinds = [_kind(argument) for argument in inputs]
    if None in kinds:
        return NotImplemented
    custom = _for_numbers(ufunc, inputs)
    if custom is None:
        shown = ", ".join(kind if isinstance(kind, str) else kind.__name__ for kind in kinds)
        raise TypeError(f"no numpy.{ufunc.__name__} overloads for custom types: {shown}")
    return _called(ufunc, custom, [_hooked(argument) for argument in inputs])


ak.behavior[np.ufunc, DUAL] = overload
ak.behavior[np.ufunc, BESIDE] = overload_beside


def _called(ufunc: Any, custom: Overload, inputs: Sequence[Any]) -> Any:
    if ufunc is np.power and contains_duals(inputs[1]):
        raise NotDifferentiableError(
            "np.power: a differentiated exponent of records is refused, since an overload may "
            "choose a formula by its value; use abs(x) ** exponent"
        )
    return custom(*inputs)


def _named(argument: Any) -> Any:
    """Records with the name that they have without a scalar beside them."""
    if not isinstance(argument, ak.Array):
        return argument
    return ak.Array(restored(argument.layout), behavior=argument.behavior, attrs=argument.attrs)


def _hooked(argument: Any) -> Any:
    """Records of a class that carries the hooks, also where they are constant."""
    if not isinstance(argument, ak.Array):
        return argument
    behavior = hooked(argument.layout, own_behavior(argument.behavior))
    return ak.Array(canonicalize(argument.layout), behavior=behavior, attrs=argument.attrs)


def _for_numbers(ufunc: Any, inputs: Sequence[Any]) -> Overload | None:
    """The overload that Awkward would find if the duals were numbers."""
    arrays = [argument for argument in inputs if isinstance(argument, ak.Array)]
    signature = [_kind(argument) for argument in inputs]
    if None in signature:
        return None
    known = _known(*(array.behavior for array in arrays))
    for key, custom in known.items():
        of_it = isinstance(key, tuple) and len(key) == len(signature) + 1 and key[0] is ufunc
        if of_it and all(map(_matches, key[1:], signature)):
            return custom
    return None


def _kind(argument: Any) -> Any:
    """By what an overload is looked up: a name or the class of a number; None if there is none."""
    if is_scalar(argument):
        return float if is_weak(argument) else number_of(argument.layout.array).dtype.type
    if not isinstance(argument, ak.Array):
        return type(argument)
    layout = argument.layout
    if is_dual(layout) or (layout.is_indexed and is_dual(layout.content)):
        return np.float64
    name = layout.parameter("__record__")
    return layout.dtype.type if name is None and layout.is_numpy else name


def _matches(wanted: Any, kind: Any) -> bool:
    classes = isinstance(wanted, type) and isinstance(kind, type)
    return bool(wanted == kind) or (classes and issubclass(kind, wanted))


def _known(*behaviors: Mapping[Any, Any] | None) -> Mapping[Any, Any]:
    """What is in behaviors of arrays, and what all arrays have."""
    return ChainMap(*(dict(behavior) for behavior in behaviors if behavior), ak.behavior)


# -- reducers -------------------------------------------------------------------------------------


def _reducer(numbers: Handler) -> Handler:
    """What the registry calls for a reducer: ``numbers``, unless a behavior has its own."""

    def handler(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        array: Any = args[0] if args else kwargs.get("array")
        customs = _reducers(function, array) if isinstance(array, ak.Array) else {}
        if not customs:
            return numbers(function, args, kwargs)
        given = inspect.signature(function).bind(*args, **kwargs).arguments
        del given["array"]
        highlevel, attrs = given.pop("highlevel", True), given.pop("attrs", array.attrs)
        behavior = given.pop("behavior", own_behavior(array.behavior))
        plain = bare(ak.Array(array.layout, behavior=array.behavior))
        rows = {key: _on_lists_of_duals(custom, behavior) for key, custom in customs.items()}
        plain = ak.Array(plain.layout, behavior={**plain.behavior, **rows}, attrs=attrs)
        result = function(plain, **given)
        if result is None:
            return None
        make = ak.Record if isinstance(result, ak.Record) else ak.Array
        result = wrap(make(result.layout, behavior=behavior, attrs=result.attrs))
        return result if highlevel else result.layout

    return handler


def _reducers(function: Any, array: Any) -> dict[tuple[Any, str], Overload]:
    """The array's own reducers of records, by their keys in a behavior."""
    keys = [(function, name) for name in _record_names(array.layout)]
    if not keys:
        return {}
    known = _known(array.behavior)
    return {key: known[key] for key in keys if key in known}


def _record_names(layout: Content) -> Iterator[str]:
    if layout.is_record and not is_dual(layout):
        if layout.parameter("__record__") not in (None, HOLDER):
            yield layout.parameter("__record__")
    elif not is_text(layout) and not is_dual(layout):
        for child in children(layout):
            yield from _record_names(child)


def _on_lists_of_duals(custom: Overload, behavior: Mapping[Any, Any] | None) -> Overload:
    """The overload of a reducer, given the lists as arrays that carry the hooks."""

    def on_lists_of_duals(lists: Any, mask_identity: bool) -> Any:
        return custom(wrap(ak.Array(lists.layout, behavior=behavior)), mask_identity)

    return on_lists_of_duals


def _mean(numbers: Handler) -> Handler:
    """What the registry calls for the mean: that of records, if a behavior has their sum."""

    def handler(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        given = inspect.signature(function).bind(*args, **kwargs).arguments
        array = given.pop(next(iter(given)))
        if not isinstance(array, ak.Array) or not _reducers(ak.sum, array):
            return numbers(function, args, kwargs)
        return _mean_of_records(array, **given)

    return handler


def _mean_of_records(
    array: Any, axis: Any = None, keepdims: bool = False, mask_identity: bool = False, **more: Any
) -> Any:
    if more:
        raise NotDifferentiableError(
            f"the mean of records: the arguments {sorted(more)} are refused on differentiated ones"
        )
    given = {"axis": axis, "keepdims": True, "mask_identity": True}
    mean = ak.sum(array, **given) / ak.count(array, **given)
    if not mask_identity:
        mean = ak.fill_none(mean, np.nan, axis=-1)
    if keepdims:
        return mean
    if axis is None:
        return mean[(0,) * mean.ndim]
    return mean[(*[slice(None)] * (array.named_axis.get(axis, axis) % array.ndim), 0)]
