"""Functions of NumPy on differentiated arrays of NumPy: with its shapes, axes and indexes.

What the registry knows of arrays of Awkward is done on those underneath; what comes back is an
array of NumPy, unless an array of Awkward took part.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import awkward as ak
import numpy as np

from dualak.arrays.columns import lazy_node_in, reading
from dualak.arrays.context import is_tracing
from dualak.arrays.highlevel import DualArray, contains_duals, is_scalar, is_weak
from dualak.arrays.ndarrays import (
    DualNdarray,
    as_awkward,
    as_ndarray,
    collected,
    dtype_of,
    values_of,
)
from dualak.functions import behaviors, ufuncs
from dualak.functions.awkward.reducers import nan_where_any
from dualak.functions.numpy.regular import (
    axis_of,
    cast,
    float_type,
    merged,
    moved,
    regular,
    shape_of,
)
from dualak.functions.numpy.signatures import bound_arguments, name_of
from dualak.functions.registry import NotDifferentiableError, call_numpy, functions
from dualak.pytree import tree_map

#: What these give depends on the shape and the type alone.
OF_SHAPES = frozenset(
    f"np.{name}"
    for name in (
        *("can_cast", "common_type", "empty_like", "iscomplexobj", "isrealobj", "min_scalar_type"),
        *("ndim", "ones_like", "result_type", "shape", "size", "zeros_like"),
    )
)

#: Methods of ufuncs that are functions of NumPy.
METHODS: dict[tuple[str, str], Callable[..., Any]] = {
    ("add", "reduce"): np.sum,
    ("multiply", "reduce"): np.prod,
    ("maximum", "reduce"): np.max,
    ("minimum", "reduce"): np.min,
    ("add", "accumulate"): np.cumsum,
    ("multiply", "accumulate"): np.cumprod,
}


class _Given:
    """Arguments as arrays of Awkward and NumPy's own, and whether NumPy's class is that of all."""

    def __init__(self, args: Any) -> None:
        self.numpy = True
        self.args = tree_map(self._plain, args)

    def _plain(self, argument: Any) -> Any:
        if isinstance(argument, np.ndarray):
            return as_awkward(collected(argument))
        if isinstance(argument, DualNdarray):
            return as_awkward(argument)
        if isinstance(argument, (ak.Array, ak.Record)) and not is_scalar(argument):
            self.numpy = False
        return argument


def known_values(argument: Any) -> Any:
    """An array or a number of NumPy's own, for functions that decide by numbers."""
    return values_of(argument) if isinstance(argument, (ak.Array, ak.Record)) else argument


def as_numpy_gives_it(result: Any) -> Any:
    """A result of the registry as NumPy gives it: arrays of its class, constants in memory."""
    if not isinstance(result, ak.Array):
        return result
    if contains_duals(result):
        return as_ndarray(regular(as_awkward(result)))
    if lazy_node_in(result.layout) is not None:
        return as_ndarray(ak.to_regular(result, axis=None))
    return np.asarray(ak.to_numpy(result))


# -- ufuncs ---------------------------------------------------------------------------------------


def call_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``__array_ufunc__`` where some of the inputs are NumPy's, or lists beside numbers."""
    if not any(
        isinstance(argument, (ak.Array, ak.Record)) and not is_scalar(argument)
        for argument in inputs
    ):
        inputs = tuple(
            np.asarray(argument) if isinstance(argument, (list, tuple)) else argument
            for argument in inputs
        )
    if not any(isinstance(argument, (DualNdarray, np.ndarray)) for argument in inputs):
        return behaviors.call(ufunc, method, inputs, kwargs)
    given = _Given(inputs)
    if not given.numpy:
        return behaviors.call(ufunc, method, given.args, kwargs)
    if method != "__call__":
        return _method(ufunc, method, given.args, kwargs)
    if not contains_duals(given.args):
        return getattr(ufunc, method)(*tree_map(known_values, given.args), **kwargs)
    args = given.args if ufuncs.name_of(ufunc) in ufuncs.of_arrays else aligned(given.args)
    with reading():
        return tree_map(as_numpy_gives_it, behaviors.call(ufunc, method, args, kwargs))


def aligned(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Arrays with as many axes as the deepest has; those that come first have one element.

    Raises:
        ValueError: if their shapes do not go together.
    """
    shapes = [_shape(argument) for argument in args]
    ndim = max(map(len, shapes))
    if len({shape for shape in shapes if shape}) > 1:
        np.broadcast_shapes(*shapes)
    return tuple(
        argument
        if len(shape) in (0, ndim)
        else _reshaped(argument, (1,) * (ndim - len(shape)) + shape)
        for argument, shape in zip(args, shapes, strict=True)
    )


def _shape(argument: Any) -> tuple[int, ...]:
    if is_scalar(argument):
        return ()
    return shape_of(regular(argument)) if isinstance(argument, ak.Array) else np.shape(argument)


def _reshaped(argument: Any, shape: tuple[int, ...]) -> Any:
    if isinstance(argument, np.ndarray):
        return argument.reshape(shape)
    return moved(lambda positions: positions.reshape(shape), argument)


def _method(ufunc: Any, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``reduce``, ``accumulate`` and ``outer`` of some ufuncs."""
    name = ufuncs.name_of(ufunc)
    if method == "outer" and not kwargs and len(args) == 2:
        left, other = map(as_ndarray, args)
        new_axes = (1,) * len(_shape(as_awkward(other)))
        return ufunc(np.reshape(left, _shape(as_awkward(left)) + new_axes), other)
    function = METHODS.get((name, method))
    if function is None:
        return behaviors.call(ufunc, method, args, kwargs)
    array, *rest = args
    given = dict(zip(("axis", "dtype", "out"), rest, strict=False)) | kwargs
    return function(as_ndarray(array), **{"axis": 0} | given)


# -- functions ------------------------------------------------------------------------------------


def call_function(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``__array_function__``: as the registry says, with NumPy's arrays where all are such."""
    given = _Given((args, kwargs))
    args, kwargs = given.args
    if not given.numpy:
        return call_numpy(function, args, kwargs)
    if not contains_duals((args, kwargs)):
        return function(*tree_map(known_values, args), **tree_map(known_values, kwargs))
    name = name_of(function)
    if name in OF_SHAPES:
        return function(*tree_map(_without_numbers, args), **tree_map(_without_numbers, kwargs))
    entry = functions().get(name)
    if entry is not None and entry.kind == "discrete" and not is_tracing():
        return function(*tree_map(known_values, args), **tree_map(known_values, kwargs))
    call = NUMPY.get(name, call_numpy)
    with reading():
        return tree_map(as_numpy_gives_it, call(function, args, kwargs))


def _without_numbers(argument: Any) -> Any:
    """An array of the shape and the type."""
    if not contains_duals(argument):
        return known_values(argument)
    return np.broadcast_to(np.zeros((), dtype_of(argument)), _shape(argument))


# -- reducers -------------------------------------------------------------------------------------


def _greatest(reducer: Any, x: Any, **given: Any) -> Any:
    """An extreme as NumPy has it; of everything Awkward has the same."""
    found = reducer(x, mask_identity=False, **given)
    return found if given["axis"] is None else nan_where_any(found, x, **given)


def _spread(x: Any, **given: Any) -> Any:
    return _greatest(ak.max, x, **given) - _greatest(ak.min, x, **given)


#: How numbers along the last axis are reduced.
REDUCERS: dict[str, Callable[..., Any]] = {
    "np.sum": ak.sum,
    "np.prod": ak.prod,
    "np.max": partial(_greatest, ak.max),
    "np.min": partial(_greatest, ak.min),
    "np.amax": partial(_greatest, ak.max),
    "np.amin": partial(_greatest, ak.min),
    "np.ptp": _spread,
    "np.mean": ak.mean,
    "np.var": ak.var,
    "np.std": ak.std,
    "np.nansum": ak.nansum,
    "np.nanprod": ak.nanprod,
    "np.nanmax": partial(ak.nanmax, mask_identity=False),
    "np.nanmin": partial(ak.nanmin, mask_identity=False),
    "np.nanmean": partial(ak.nanmean, mask_identity=False),
    "np.nanvar": partial(ak.nanvar, mask_identity=False),
    "np.nanstd": partial(ak.nanstd, mask_identity=False),
    "np.any": ak.any,
    "np.all": ak.all,
    "np.count_nonzero": ak.count_nonzero,
}

#: Those that need no list to be in where everything is reduced.
OF_ALL = (ak.sum, ak.prod, ak.mean)

#: What numbers that do not take part are replaced by, and what joins an initial one.
NEUTRAL = {"np.sum": (0.0, np.add), "np.prod": (1.0, np.multiply)}
EXTREMES = {
    "np.max": ("maximum", np.maximum),
    "np.amax": ("maximum", np.maximum),
    "np.min": ("minimum", np.minimum),
    "np.amin": ("minimum", np.minimum),
}


def _reduce(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A reducer over any axes: those that are reduced come last, as one."""
    name = name_of(function)
    given = dict(bound_arguments(function, args, kwargs).arguments)
    x = cast(regular(given.pop("a")), float_type(given.pop("dtype", None)))
    axis, keepdims = given.pop("axis", None), bool(given.pop("keepdims", False))
    x, initial = _restricted(name, x, given.pop("where", True), given.pop("initial", None))
    ddof = _ddof(given)
    if given:
        raise NotDifferentiableError(
            f"{name}: the arguments {sorted(given)} are refused on a differentiated array"
        )
    shape = shape_of(x)
    axes = _axes(axis, len(shape))
    _require_numbers(name, shape, axes, initial)
    found = _along_last(REDUCERS[name], x, shape, axes, ddof)
    found = _of_type(name, found, x)
    if initial is not None:
        found = (NEUTRAL.get(name) or EXTREMES[name])[1](found, initial)
    if not keepdims or not shape:
        return found
    kept = tuple(1 if i in axes else size for i, size in enumerate(shape))
    return moved(lambda positions: positions.reshape(kept), found)


def _ddof(given: dict[str, Any]) -> dict[str, Any]:
    ddof = given.pop("ddof", given.pop("correction", None))
    return {} if ddof is None else {"ddof": ddof}


def _axes(axis: Any, ndim: int) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(ndim))
    axes = tuple(
        axis_of(number, ndim) for number in (axis if isinstance(axis, (tuple, list)) else [axis])
    )
    if len(set(axes)) < len(axes):
        raise ValueError("duplicate value in 'axis'")
    return axes


def _require_numbers(name: str, shape: Any, axes: tuple[int, ...], initial: Any) -> None:
    """Refuses an extreme of nothing, in NumPy's words."""
    if name in EXTREMES and initial is None and any(shape[axis] == 0 for axis in axes):
        raise ValueError(
            f"zero-size array to reduction operation {EXTREMES[name][0]} which has no identity"
        )


def _restricted(name: str, x: Any, where: Any, initial: Any) -> tuple[Any, Any]:
    """Numbers without those that do not take part, and what they are joined with."""
    if initial is not None and name not in NEUTRAL and name not in EXTREMES:
        raise NotDifferentiableError(f"{name}: initial is refused on a differentiated array")
    if where is True:
        return x, initial
    if name not in NEUTRAL and name not in EXTREMES:
        raise NotDifferentiableError(f"{name}: where is refused on a differentiated array")
    if name in EXTREMES and initial is None:
        raise ValueError(
            f"reduction operation '{EXTREMES[name][0]}' does not have an identity, so to use a "
            "where mask one has to specify 'initial'"
        )
    instead = NEUTRAL[name][0] if name in NEUTRAL else initial
    return as_awkward(np.where(where, as_ndarray(x), instead)), initial


def _along_last(
    reducer: Callable[..., Any], x: Any, shape: Any, axes: tuple[int, ...], ddof: Any
) -> Any:
    if shape and len(axes) == len(shape) and reducer in OF_ALL:
        return reducer(x, axis=None)
    if len(shape) > 1 and axes in ((0,), (len(shape) - 1,)) and 0 not in shape:
        return regular(reducer(x, axis=axes[0], **ddof))
    kept = tuple(i for i in range(len(shape)) if i not in axes)
    rows = tuple(shape[i] for i in kept)
    width = int(np.prod([shape[i] for i in axes], dtype=np.int64))
    size = int(np.prod(rows, dtype=np.int64))
    table = moved(lambda positions: np.transpose(positions, kept + axes).reshape(size, width), x)
    found = reducer(table, axis=1, **ddof)
    return moved(lambda positions: positions.reshape(rows), regular(found))


def _of_type(name: str, found: Any, x: Any) -> Any:
    """The result in the type of the numbers, as NumPy gives it."""
    return cast(found, dtype_of(x)) if contains_duals(found) else found


# -- others ---------------------------------------------------------------------------------------


def _where(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    condition, *branches = args
    if len(branches) != 2:
        return function(*tree_map(known_values, args))
    if not contains_duals(condition):
        condition = condition if _is_of_flags(condition) else np.asarray(condition) != 0
    else:
        condition = as_awkward(as_ndarray(condition) != 0)
    branches = _of_common_type(list(map(_listed, branches)))
    return call_ufunc(ufuncs.select, "__call__", (_listed(condition), *branches), {})


def _of_common_type(branches: list[Any]) -> list[Any]:
    """Numbers of Python in the type of what they stand beside, as NumPy has it."""
    weak = list(map(is_weak, branches))
    if not any(weak) or all(weak):
        return branches
    pairs = list(zip(branches, weak, strict=True))
    dtype = np.result_type(*(0.0 if light else _type_of(argument) for argument, light in pairs))
    return [_in_type(argument, dtype) if light else argument for argument, light in pairs]


def _type_of(argument: Any) -> Any:
    return (
        dtype_of(as_awkward(argument)) if contains_duals(argument) else np.asarray(argument).dtype
    )


def _in_type(number: Any, dtype: Any) -> Any:
    return ak.values_astype(number, dtype) if is_scalar(number) else dtype.type(number)


def _is_of_flags(condition: Any) -> bool:
    return isinstance(condition, ak.Array) and dtype_of(condition).kind == "b"


def _listed(argument: Any) -> Any:
    return (
        as_ndarray(regular(argument)) if isinstance(argument, (list, tuple, ak.Array)) else argument
    )


def _ravel(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    given = bound_arguments(function, args, kwargs).arguments
    return moved(lambda positions: np.ravel(positions, **given), given.pop("a"))


def _sort(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    given = bound_arguments(function, args, kwargs).arguments
    if given.get("axis", -1) is None:
        given["a"], given["axis"] = np.ravel(given["a"]), -1
    axis_of(given.get("axis", -1), len(_shape(given["a"])))
    return call_numpy(function, (as_awkward(given.pop("a")),), given)


def _real(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return args[0]


NUMPY: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(REDUCERS, _reduce),
    "np.where": _where,
    "np.ravel": _ravel,
    "np.sort": _sort,
    "np.copy": _real,
}


# -- indexes --------------------------------------------------------------------------------------


def at(array: DualNdarray, where: Any) -> Any:
    """Elements at an index of NumPy."""
    # An index of lists means another thing to NumPy, so that its numbers have to be known there.
    if contains_duals(where) and (array.ndim == 1 or not is_tracing()):
        return DualArray.__getitem__(as_awkward(array), tree_map(as_awkward, where))
    where = tree_map(known_values, where)
    if not contains_duals(array):
        return values_of(array)[where]
    plain = as_awkward(array)
    with reading():
        if _is_basic(where):
            return as_numpy_gives_it(plain[where])
        return as_numpy_gives_it(moved(lambda positions: positions[where], plain))


def _is_basic(where: Any) -> bool:
    """Whether an index is of integers and slices alone, which Awkward cuts out by."""
    parts = where if isinstance(where, tuple) else (where,)
    return all(type(part) in (int, slice) for part in parts)


def stacked(objects: Any) -> Any:
    """Differentiated numbers in an array of objects as an array of duals."""
    return as_ndarray(merged(np.array, objects.tolist()))
