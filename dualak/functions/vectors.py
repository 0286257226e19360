"""Arrays of scikit-hep's vector: its formulas, run function by function on duals.

vector has each of its formulas wrapped, so that one pass through Awkward does for all operations of
it.  Where that pass meets duals, the formula itself is called, with arrays in place of numbers.
vector is never imported here: where it is not, nothing derives from its classes.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

import awkward as ak
import numpy as np

from dualak.arrays.highlevel import contains_duals, is_scalar
from dualak.arrays.lists import lists_and_content, same_lists
from dualak.functions.awkward.structure import array_of_scalar
from dualak.functions.leaves import transformed
from dualak.functions.registry import register
from dualak.functions.ufuncs import select

Formula = Callable[..., Any]


def register_all() -> None:
    """Enters the pass that vector makes through Awkward into the registry."""
    register("differentiable", ("ak.transform",), _transform)


def members(cls: type) -> dict[str, Any]:
    """What a class gets when it carries the hooks of duals: vector's own hooks, if it has those."""
    vectors = getattr(sys.modules.get("vector"), "VectorAwkward", None)
    if vectors is None or not issubclass(cls, vectors):
        return {}

    return {
        "_wrap_dispatched_function": lambda self, formula: on_duals(formula),
        "_wrap_result": lambda self, flavor, result, *more: cls._wrap_result(  # type: ignore[attr-defined]
            self, flavor, _double_scalars(result), *more
        ),
    }


def _double_scalars(result: Any) -> Any:
    """The coordinates of a result; vector puts those of one record together in double precision."""
    if not isinstance(result, tuple) or any(isinstance(part, ak.Array) for part in result):
        return result
    return tuple(ak.values_astype(part, np.float64) if is_scalar(part) else part for part in result)


def on_duals(formula: Formula) -> Formula:
    """The formula of a library and coordinates, for coordinates that may be duals."""
    if not getattr(formula, "__awkward_transform_allowed__", True):
        return formula  # it hands a coordinate on as it is

    def of_arrays(library: Any, *coordinates: Any) -> Any:
        return formula(_NUMPY, *_together(coordinates))

    return of_arrays


class _Library:
    """NumPy, whose functions of one number take a dual scalar too."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def nan_to_num(self, x: Any, nan: Any = 0.0, **given: Any) -> Any:
        """As ``np.nan_to_num``; an array of replacements has the structure of the numbers."""
        if is_scalar(x):
            return np.nan_to_num(array_of_scalar(x), nan=nan, **given)[0]
        if not isinstance(nan, ak.Array) or not contains_duals(x):
            return np.nan_to_num(x, nan=nan, **given)
        replacements = ak.values_astype(nan, _dtype(x))
        return select(np.isnan(x), replacements, np.nan_to_num(x, nan=np.nan, **given))


def _dtype(x: Any) -> np.dtype[Any]:
    found = x.type
    while not isinstance(found, ak.types.NumpyType):
        found = found.content
    return np.dtype(found.primitive)


_NUMPY = _Library()


def _together(coordinates: tuple[Any, ...]) -> tuple[Any, ...]:
    """Coordinates in the same lists, so that all results of a formula have the same structure."""
    coordinates = tuple(
        ak.Array(coordinate)
        if isinstance(coordinate, np.ndarray) and coordinate.ndim
        else coordinate
        for coordinate in coordinates
    )
    at = [i for i, coordinate in enumerate(coordinates) if isinstance(coordinate, ak.Array)]
    arrays = [coordinates[i] for i in at]
    if len(arrays) < 2 or _alike(arrays):
        return coordinates
    broadcast = dict(zip(at, ak.broadcast_arrays(*arrays), strict=True))
    return tuple(broadcast.get(i, coordinate) for i, coordinate in enumerate(coordinates))


def _alike(arrays: list[Any]) -> bool:
    """Whether the arrays are of numbers in the very same lists."""
    (lists, first), *others = (lists_and_content(array.layout) for array in arrays)
    return all(
        same_lists(lists, other) and content.length == first.length for other, content in others
    ) and all(
        content.purelist_depth == 1 and not content.is_option
        for _, content in ((lists, first), *others)
    )


# -- the pass through Awkward ---------------------------------------------------------------------


def _transform(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``ak.transform``, also as vector calls it when it does not know that others are duals.

    What vector was called with stands in its frame: here it has scalars as arrays already.
    """
    wrapper = getattr(sys.modules.get("vector"), "awkward_transform", None)
    code = inspect.unwrap(wrapper.__call__).__code__ if wrapper else None
    given = getattr(args[0], "__code__", None) if args else None
    if code is None or given is None or given not in code.co_consts:
        return transformed(function, args, kwargs)
    frame = inspect.currentframe()
    while frame is not None and frame.f_code is not code:
        frame = frame.f_back
    assert frame is not None
    called = inspect.getargvalues(frame)
    formula, operands = called.locals[called.args[0]].func, called.locals[called.varargs or ""]
    return on_duals(formula)(*operands)
