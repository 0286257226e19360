"""Functions that are composed of others which have rules: how they are called, and clip.

A composition is a plain function of arrays, differentiated or not, that takes the arguments of the
function it stands for which say what to compute.  Those that say what to make of the result are
seen to here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import awkward as ak
import numpy as np

from dualak.arrays.highlevel import is_scalar, own_behavior, wrap
from dualak.functions.registry import Handler, NotDifferentiableError, register

Composition = Callable[..., Any]

#: Arguments of NumPy's functions that Awkward takes when NumPy is called on its arrays.
TAKEN = frozenset({"axis", "keepdims", "ddof"})


def register_all() -> None:
    """Enters the elementwise compositions into the registry."""
    register("differentiable", ("np.clip",), lambda function, args, kwargs: _clip(*args, **kwargs))


def of_awkward(composition: Composition) -> Handler:
    """What the registry calls for a function of Awkward, with Awkward's arguments for results."""

    def handler(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        how = {name: kwargs[name] for name in ("highlevel", "behavior", "attrs") if name in kwargs}
        given = {name: value for name, value in kwargs.items() if name not in how}
        with np.errstate(invalid="ignore", divide="ignore"):
            return _dressed(composition(*args, **given), **how)

    return handler


def of_numpy(composition: Composition) -> Handler:
    """What the registry calls for a function of NumPy that Awkward takes over."""

    def handler(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        given = inspect.signature(function).bind(*args, **kwargs).arguments
        array = given.pop(next(iter(given)))
        refused = sorted(given.keys() - TAKEN)
        if refused:
            raise NotDifferentiableError(
                f"np.{function.__name__}: {', '.join(refused)} is refused on a differentiated "
                "array, as Awkward refuses it"
            )
        with np.errstate(invalid="ignore", divide="ignore"):
            return composition(array, **given)

    return handler


def as_array(value: Any, name: str) -> Any:
    """An argument that Awkward takes for an array: lists and NumPy arrays become one."""
    if isinstance(value, ak.Array):
        return value
    if isinstance(value, (list, tuple, np.ndarray)) and np.ndim(value) > 0:
        return ak.Array(value)
    got = "a scalar" if is_scalar(value) or np.isscalar(value) else type(value).__name__
    raise TypeError(f"expected an array for {name}, got {got}")


def _dressed(
    result: Any,
    highlevel: bool = True,
    behavior: Mapping[Any, Any] | None = None,
    attrs: Mapping[str, Any] | None = None,
) -> Any:
    """The result with a behavior and attributes of its own, or its layout; numbers have neither."""
    if not isinstance(result, (ak.Array, ak.Record)) or is_scalar(result):
        return result
    if behavior is not None or attrs is not None:
        make = ak.Array if isinstance(result, ak.Array) else ak.Record
        behavior = own_behavior(result.behavior) if behavior is None else behavior
        attrs = result.attrs if attrs is None else attrs
        result = wrap(make(result.layout, behavior=behavior, attrs=attrs))
    return result if highlevel else result.layout


def _clip(a: Any, a_min: Any = None, a_max: Any = None, **unused: Any) -> Any:
    low, high = unused.pop("min", a_min), unused.pop("max", a_max)
    if unused:
        raise NotDifferentiableError(f"np.clip: the arguments {sorted(unused)} are refused")
    clipped = a if low is None else np.maximum(a, low)
    return clipped if high is None else np.minimum(clipped, high)
