"""Functions that move numbers about: Awkward runs them once, and the duals ride along."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import awkward as ak
import numpy as np

from dualak.ad.dual import primal
from dualak.ad.linear import cast, spread
from dualak.arrays.canonical import NO_COMPLEX, made_alike, merged_with_booleans, of_one_type
from dualak.arrays.columns import dual, number_of
from dualak.arrays.context import graph_in_use, is_tracing
from dualak.arrays.highlevel import (
    bare,
    contains_duals,
    holds_scalars,
    is_scalar,
    layout_of,
    own_behavior,
    primal_of,
    require_fields_of_records,
    with_layout,
    wrap,
)
from dualak.arrays.layouts import (
    DUAL,
    Content,
    duals_in,
    holds_duals,
    holds_records,
    holds_unions,
    is_dual,
    is_text,
    rebuilt,
)
from dualak.arrays.values import plain_value, stands_for_others
from dualak.functions import ufuncs
from dualak.functions.awkward import missing
from dualak.functions.awkward.joining import joined as lists_joined
from dualak.functions.positions import by_positions, merged_by_positions
from dualak.functions.registry import (
    NotDifferentiableError,
    discrete,
    instead,
    refuse,
    register,
    structural,
)
from dualak.pytree import tree_map
from dualak.seeding.split import joined, level_of, split

#: Awkward runs these on the duals as they lie.
RIDE_ALONG = """
argcartesian argcombinations broadcast_arrays
copy drop_none from_regular local_index mask num to_backend
to_packed to_regular with_named_axis without_named_axis zip
"""

#: Awkward treats records otherwise than numbers here.
ON_POSITIONS = (
    *("ak.broadcast_fields", "ak.merge_option_of_records", "ak.merge_union_of_records"),
    *("ak.singletons", "ak.unflatten", "ak.without_parameters"),
)
MERGED_ON_POSITIONS = ("ak.concatenate", "np.concatenate")

#: Awkward runs these on the values: what they give does not change with the numbers, or in steps.
OF_VALUES = """
almost_equal array_equal fields is_categorical is_tuple is_valid isclose ones_like
parameters round run_lengths type validity_error zeros_like
"""

#: Awkward runs these on the values: at the innermost axis it would look into the duals.
OF_LEAVES = ("is_none",)

#: These would take a dual apart or rename it; on records of duals they are structural.
OF_RECORDS = ("unzip", "with_field", "with_name", "without_field")

_DEPENDS = "its result depends on which numbers are missing or not a number"
REFUSED = {
    "ak.nan_to_none": _DEPENDS,
    "ak.nan_to_num": _DEPENDS,
    "ak.to_list": "it would take the numbers out and lose their tangents",
    "ak.to_numpy": "it would take the numbers out and lose their tangents",
    "ak.to_dataframe": "it would take the numbers out and lose their tangents",
    "ak.imag": "complex numbers are not differentiated",
    "ak.angle": "complex numbers are not differentiated",
}

NUMPY = ("np.broadcast_arrays", "np.copy")
NUMPY_OF_VALUES = """
np.array_equal np.around np.isclose np.ones_like np.round np.zeros_like
"""


def register_all() -> None:
    """Enters the tables of this module into the registry."""
    register("structural", (f"ak.{name}" for name in RIDE_ALONG.split()))
    register("discrete", (f"ak.{name}" for name in OF_VALUES.split()))
    register("structural", (f"ak.{name}" for name in OF_RECORDS), _of_records)
    register("structural", ("ak.backend",), _backend)
    register("structural", ("ak.with_parameter",), _with_parameter)
    register("structural", ("ak.zip_no_broadcast",), _zip_no_broadcast)
    register("structural", NUMPY)
    register("discrete", NUMPY_OF_VALUES.split())
    register("discrete", (f"ak.{name}" for name in OF_LEAVES))
    register("structural", ("ak.full_like", "np.full_like"), _full_like)
    register("structural", ON_POSITIONS, by_positions)
    register("structural", MERGED_ON_POSITIONS, _concatenate)
    register("structural", ("ak.pad_none",), instead(missing.pad_none, by_positions))
    register("structural", ("ak.firsts",), instead(missing.firsts, structural))
    register("structural", ("ak.fill_none",), instead(missing.fill_none, _fill_none))
    register("structural", ("ak.flatten",), _flatten)
    register("structural", ("ak.ravel", "np.ravel"), _ravel)
    register("differentiable", ("ak.where", "np.where"), _where)
    register("differentiable", ("ak.values_astype",), _values_astype)
    register("differentiable", ("ak.enforce_type",), _enforce_type)
    register("differentiable", ("ak.real", "np.real"), _real)
    refuse(REFUSED)


def _of_records(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    array = args[0] if args else kwargs["array"]
    where = kwargs.get("where", args[-1] if args else None)
    if isinstance(where, (list, tuple)) and all(isinstance(name, str) for name in where):
        require_fields_of_records(layout_of(array), tuple(where))
    if _is_number(array):
        if function.__name__ == "unzip":
            return (array,)
        raise NotDifferentiableError(
            f"ak.{function.__name__} expected records, got an array of differentiated numbers"
        )
    return structural(function, args, kwargs)


def _backend(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Libraries ask it of scalars too, which are records to Awkward."""
    return function(*tree_map(bare, args), **tree_map(bare, kwargs))


def _full_like(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    names = "array" if function.__module__.startswith("awkward") else "a"
    given = dict(zip((names, "fill_value", "dtype"), args, strict=False)) | kwargs
    number = given["fill_value"]
    if not contains_duals(number):
        return discrete(function, args, kwargs)
    if not is_scalar(number):
        raise NotDifferentiableError(
            f"{function.__name__} expected one number to fill the array with, got a differentiated "
            "array; use ak.zeros_like(array) + numbers"
        )
    value = 0.0 if is_tracing() else primal_of(number)
    plain = function(**tree_map(primal_of, given | {"fill_value": value}))

    def leaf(content: Content) -> Content:
        return content if content.is_unknown or is_text(content) else _of_number(number, content)

    layout = rebuilt(ak.to_layout(plain, regulararray=True), leaf)
    return wrap(ak.Array(layout, behavior=own_behavior(getattr(plain, "behavior", None))))


def _of_number(number: Any, leaf: Content) -> Content:
    """A leaf that has a differentiated scalar for all of its numbers."""
    if leaf.data.dtype.kind != "f":
        if is_tracing():
            raise NotDifferentiableError("full_like: integers of a number that is not known here")
        return leaf
    found = cast(ufuncs.number_of_scalar(number), leaf.data.dtype)
    return dual(spread(found, leaf.length))


def _zip_no_broadcast(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    try:
        discrete(function, args, kwargs)  # refuses what needs broadcasting
    except ValueError as error:
        raise NotDifferentiableError(
            "ak.zip_no_broadcast is refused on differentiated lists without offsets, which it "
            "takes whole or not at all; use ak.zip, with depth_limit=1 for whole rows"
        ) from error
    return structural(ak.zip, args, kwargs)


def array_of_scalar(value: Any) -> Any:
    """A differentiated scalar as an array of one, which broadcasts as it does."""
    if is_scalar(value):
        at = value.layout.at
        return ak.Array(value.layout.array[at : at + 1], behavior=value.behavior)
    return value


def _with_parameter(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    name = args[1] if len(args) > 1 else kwargs["parameter"]
    if name == "__record__":
        raise NotDifferentiableError("ak.with_parameter could rename a dual; use ak.with_name")
    if is_dual(layout_of(args[0] if args else kwargs["array"])):
        raise NotDifferentiableError(
            "ak.with_parameter expected lists or records, got differentiated numbers, which keep "
            "no parameters of their own; give it to the result of the function"
        )
    return structural(function, args, kwargs)


def _is_number(array: Any) -> bool:
    return layout_of(array).purelist_parameter("__record__") == DUAL


def _flatten(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    array, axis = _array_and_axis(args, kwargs, default=1)
    if axis is not None:
        return structural(function, args, kwargs)
    return _one_dimensional(lambda plain: ak.flatten(plain, axis=None), array)


def _ravel(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    array = args[0] if args else kwargs.get("array", kwargs.get("a"))
    return _one_dimensional(ak.ravel, array_of_scalar(array))


def _array_and_axis(args: tuple[Any, ...], kwargs: dict[str, Any], default: Any) -> tuple[Any, Any]:
    array = args[0] if args else kwargs["array"]
    return array, args[1] if len(args) > 1 else kwargs.get("axis", default)


def _one_dimensional(flatten: Callable[[Any], Any], array: Any) -> Any:
    """All numbers in one list."""
    if holds_records(layout_of(array)):
        # The numbers of all fields become one list, so that they are duals of one type.
        array = _of_one_type(ufuncs.as_duals(array))
    return by_positions(flatten, (with_layout(array, of_one_type(array.layout)),), {})


def _of_one_type(array: Any) -> Any:
    dtypes = [number_of(leaf).dtype for leaf in duals_in(array.layout)]
    return ak.values_astype(wrap(array), np.result_type(*dtypes))


def _where(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    condition, *branches = map(_of_awkward, args)
    if not is_tracing():
        condition = primal_of(condition)
    if len(branches) != 2:
        return ak.where(primal_of(condition), *branches, **kwargs)
    if not isinstance(condition, ak.Array) and contains_duals(branches):
        return ufuncs.select(condition, *branches)
    # Awkward chooses whole lists where the condition is not as deep as what it chooses from.
    if not kwargs and _depth(condition) >= max(map(_depth, branches)):
        lazy = ufuncs.direct(ufuncs.select, "select", (condition, *branches))
        if lazy is not None:
            return lazy
    condition = primal_of(condition)
    mergebool = kwargs.get("mergebool", True)
    branches = _made_alike(branches, mergebool)
    return merged_by_positions(ak.where, (condition, *branches), kwargs, mergebool)


def _concatenate(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    mergebool = kwargs.get("mergebool", True)
    if args and isinstance(args[0], (list, tuple)):
        axis = args[1] if len(args) > 1 else kwargs.get("axis", 0)
        beside = axis != 0 or any(_depth(argument) == 1 for argument in args[0])
        arrays = [_as_joined(argument, beside) for argument in args[0]]
        found = lists_joined(arrays, axis, kwargs)
        if found is not None:
            return found
        args = (_made_alike(arrays, mergebool), *args[1:])
    return merged_by_positions(function, args, kwargs, mergebool)


def _as_joined(argument: Any, beside_numbers: bool) -> Any:
    """A number as it stands among arrays that are joined, where Awkward makes it an array."""
    if is_scalar(argument):
        return ak.values_astype(argument, np.float64)
    return np.int64(argument) if type(argument) is int and not beside_numbers else argument


def _made_alike(arrays: Any, mergebool: bool) -> Any:
    """Arrays that become one: constants as duals at once, which is quicker than in a union."""
    if contains_duals(arrays):
        arrays = [
            _weak_constant(array) if type(array) in (int, float) else array for array in arrays
        ]
    layouts = [array.layout for array in arrays if isinstance(array, ak.Array)]
    if len(layouts) < len(arrays) or len({holds_duals(layout) for layout in layouts}) < 2:
        return arrays
    if any(map(holds_unions, layouts)):
        return arrays
    made = made_alike(layouts, mergebool)
    return [with_layout(*both) for both in zip(arrays, made, strict=True)]


def _weak_constant(number: float) -> Any:
    """A number of Python as a scalar without a tangent, which merges as differentiated ones do."""
    return wrap(ak.Array(dual(graph_in_use().buffer(np.array([float(number)])), weak=True)))[0]


def _fill_none(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Awkward merges an array with what fills its gaps, and makes numbers of booleans there."""
    if holds_scalars((args, kwargs)):
        return merged_by_positions(function, args, kwargs)
    array, result = args[0] if args else kwargs["array"], structural(function, args, kwargs)
    if not isinstance(result, ak.Array) or holds_unions(layout_of(array)):
        return result
    return with_layout(result, merged_with_booleans(result.layout))


def _of_awkward(argument: Any) -> Any:
    return ak.Array(argument) if isinstance(argument, np.ndarray) and argument.ndim else argument


def _depth(argument: Any) -> int:
    return argument.layout.purelist_depth if isinstance(argument, ak.Array) else 0


def _values_astype(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    array = args[0] if args else kwargs["array"]
    dtype = np.dtype(args[1] if len(args) > 1 else kwargs["to"])
    scalar = isinstance(array, ak.Record)
    layout = array.layout.array if scalar else array.layout

    def convert(leaf: Content) -> Content:
        if is_dual(leaf):
            return _cast(leaf, dtype)
        return leaf if leaf.is_unknown else ak.values_astype(leaf, dtype, highlevel=False)

    result = wrap(ak.Array(rebuilt(layout, convert), behavior=array.behavior, attrs=array.attrs))
    return result[array.layout.at] if scalar else result


def _cast(leaf: Content, dtype: np.dtype[Any]) -> Content:
    number = number_of(leaf)
    if dtype.kind == "c":
        raise NotDifferentiableError(f"a conversion to {dtype} is refused: {NO_COMPLEX}")
    if dtype.kind in "iu" and stands_for_others(primal(number)):
        return dual(cast(number, dtype))
    if dtype.kind != "f":
        return ak.values_astype(plain_value(leaf), dtype, highlevel=False)
    if dtype.itemsize < 4 or dtype.itemsize > 8:
        raise TypeError(f"dualak differentiates float32 and float64, got a conversion to {dtype}")
    return dual(cast(number_of(leaf), dtype))


def _enforce_type(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A linear function of the array, for values and tangents one after the other."""
    array, *rest = args
    if contains_duals(rest) or contains_duals(kwargs):
        raise NotDifferentiableError(f"ak.{function.__name__}: only the array may be a dual")
    level = level_of(array)
    if level is None:
        return function(primal_of(array), *rest, **kwargs)
    value, tangents = split(array, level)
    enforced = [function(tangent, *rest, **kwargs) for tangent in (value, *tangents)]
    rebuilt(enforced[0].layout, _require_real)
    return joined(level, enforced[0], enforced[1:])


def _require_real(leaf: Content) -> Content:
    if leaf.is_numpy and leaf.data.dtype.kind == "c":
        raise NotDifferentiableError(f"a conversion to {leaf.data.dtype} is refused: {NO_COMPLEX}")
    return leaf


def _real(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return args[0] if args else kwargs["val"]
