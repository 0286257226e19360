"""Functions of NumPy that move numbers of rectangular arrays: NumPy moves their positions.

Awkward has none of its own for these, but converts to NumPy; so lists have to be of one length.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import awkward as ak
import numpy as np

from dualak.arrays.highlevel import contains_duals, primal_of
from dualak.functions.numpy.regular import (
    at,
    common_dtype,
    dtype_of,
    filled,
    flat_of,
    float_type,
    merged,
    moved,
    positions_of,
    regular,
    shape_of,
    values_of,
)
from dualak.functions.numpy.signatures import bound_arguments, name_of, of_numpy
from dualak.functions.registry import NotDifferentiableError, register
from dualak.pytree import tree_map

#: These move the numbers of their first argument.
MOVING = """
np.array_split np.broadcast_to np.compress np.delete np.diagonal np.dsplit np.expand_dims np.extract
np.fft.fftshift np.fft.ifftshift np.flip np.fliplr np.flipud np.hsplit np.linalg.diagonal
np.linalg.matrix_transpose np.matrix_transpose np.moveaxis np.repeat np.reshape np.roll np.rollaxis
np.rot90 np.split np.squeeze np.swapaxes np.take np.take_along_axis np.tile np.transpose np.unstack
np.vsplit
"""

#: These put zeros between the numbers.
FILLING = "np.diag np.diagflat np.resize np.tril np.triu"

#: The array is not the first argument of these, but comes after a condition.
CONDITIONAL = {"np.compress": "a", "np.extract": "arr"}

#: Arrays that stand next to each other, in the first argument.
STACKING = "np.block np.column_stack np.dstack np.hstack np.stack np.vstack"

#: These give an array for each of their arguments.
EACH = "np.atleast_1d np.atleast_2d np.atleast_3d np.meshgrid"

#: What these say of an array does not depend on its numbers.
OF_SHAPES = "np.ndim np.shape np.size"


def register_all() -> None:
    """Enters the functions of rectangular arrays into the registry."""
    register("structural", MOVING.split(), _move)
    register("structural", FILLING.split(), _move_and_fill)
    register("structural", STACKING.split(), _stack)
    register("structural", EACH.split(), _move_each)
    register("discrete", OF_SHAPES.split(), _of_shape)
    for name, composition in JOINING.items():
        register("structural", (name,), of_numpy(composition))


# -- one array ------------------------------------------------------------------------------------


def _move(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return _positions_of(moved, function, args, kwargs)


def _move_and_fill(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return _positions_of(filled, function, args, kwargs)


def _positions_of(
    way: Callable[..., Any], function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    bound = bound_arguments(function, args, kwargs)
    given = bound.arguments
    name = CONDITIONAL.get(name_of(function)) or next(iter(given))
    array = given.pop(name)
    if "condition" in given:
        given["condition"] = primal_of(given["condition"])
    constants = _constants(function, given)

    def call(positions: Any) -> Any:
        given.update(constants | {name: positions})
        return function(*bound.args, **bound.kwargs)

    return way(call, array)


def _constants(function: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """The other arguments, such as axes and indexes, for NumPy."""
    if contains_duals(given):
        names = ", ".join(name for name, value in given.items() if contains_duals(value))
        raise NotDifferentiableError(
            f"{name_of(function)}: expected constants beside the array that is moved, got a "
            f"differentiated {names}; use ak.values_astype(x, np.int64) for an index"
        )
    return {name: tree_map(_plain, value) for name, value in given.items()}


def _plain(value: Any) -> Any:
    return ak.to_numpy(value, allow_missing=False) if isinstance(value, ak.Array) else value


def _of_shape(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    bound = bound_arguments(function, args, kwargs)
    name = next(iter(bound.arguments))
    bound.arguments[name] = np.broadcast_to(0, shape_of(regular(bound.arguments[name])))
    return function(*bound.args, **bound.kwargs)


# -- several arrays -------------------------------------------------------------------------------


def _stack(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    given = bound_arguments(function, args, kwargs).arguments
    arrays, dtype = given.pop(next(iter(given))), given.pop("dtype", None)
    given.pop("casting", None)
    return merged(lambda positions: function(positions, **given), arrays, float_type(dtype))


def _move_each(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    arrays = [regular(argument) for argument in args]
    positions = [positions_of(array) if contains_duals(array) else array for array in arrays]
    results = function(*positions, **kwargs)
    if not isinstance(results, (list, tuple)):
        return at(flat_of(arrays[0]), results)
    pairs = zip(arrays, results, strict=True)
    return type(results)(
        at(flat_of(array), index) if contains_duals(array) else index for array, index in pairs
    )


def _append(arr: Any, values: Any, axis: Any = None) -> Any:
    return merged(lambda both: np.append(both[0], both[1], axis=axis), [arr, values])


def _insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    dtype = dtype_of(regular(arr))
    obj = _plain(obj)
    return merged(lambda both: np.insert(both[0], obj, both[1], axis=axis), [arr, values], dtype)


def _choose(a: Any, choices: Any, out: None = None, mode: Any = "raise") -> Any:
    chosen = _plain(a)
    dtype = common_dtype(choices)
    return merged(lambda positions: np.choose(chosen, positions, mode=mode), choices, dtype)


def _select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    conditions = [values_of(condition) for condition in condlist]
    choices = [*choicelist, default]
    return merged(
        lambda positions: np.select(conditions, positions[:-1], positions[-1]),
        choices,
        common_dtype(choices),
    )


#: What numbers are at the edges, by modes that move the array's own.
PADS = ("edge", "reflect", "symmetric", "wrap")


def _pad(array: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Any:
    def pad(positions: Any, **more: Any) -> Any:
        return np.pad(positions, pad_width, mode, **more)

    if mode == "constant":
        values = kwargs.pop("constant_values", 0)
        dtype = dtype_of(regular(array))
        return merged(
            lambda both: pad(both[0], constant_values=both[1], **kwargs), [array, values], dtype
        )
    if mode not in PADS or kwargs.get("reflect_type", "even") != "even":
        raise NotDifferentiableError(
            f"np.pad: expected one of the modes constant, {', '.join(PADS)}, which move numbers, "
            f"got {mode!r} {kwargs or ''}; compute the edges and use np.concatenate"
        )
    return moved(lambda positions: pad(positions, **kwargs), array)


JOINING: dict[str, Callable[..., Any]] = {
    "np.append": _append,
    "np.choose": _choose,
    "np.insert": _insert,
    "np.pad": _pad,
    "np.select": _select,
}
