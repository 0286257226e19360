"""How functions of NumPy are called: their arguments by name, and no array to write into."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from dualak.functions.registry import Handler, NotDifferentiableError, register


def of_numpy(composition: Callable[..., Any]) -> Handler:
    """What the registry calls for a function of NumPy: a composition with NumPy's parameters.

    It may leave out parameters at the end, and those are refused, as ``out`` always is.
    """
    signature = inspect.signature(composition)

    def handler(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise NotDifferentiableError(
                f"{name_of(function)} is differentiated with the arguments {signature}: {error}"
            ) from error
        if given.get("out") is not None:
            raise _no_out(function)
        with np.errstate(all="ignore"):
            return composition(*args, **kwargs)

    return handler


def register_compositions(compositions: dict[str, Callable[..., Any]]) -> None:
    """Enters functions of NumPy that are composed of others into the registry."""
    for name, composition in compositions.items():
        register("differentiable", (name,), of_numpy(composition))


def name_of(function: Any) -> str:
    """What a user calls a function of NumPy."""
    return f"{function.__module__}.{function.__name__}".replace("numpy", "np", 1)


def bound_arguments(
    function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> inspect.BoundArguments:
    """The arguments of a function of NumPy by name."""
    bound = inspect.signature(function).bind(*args, **kwargs)
    if bound.arguments.pop("out", None) is not None:
        raise _no_out(function)
    return bound


def _no_out(function: Any) -> NotDifferentiableError:
    return NotDifferentiableError(
        f"{name_of(function)}: out= is refused on a differentiated array, which is not written "
        f"into; use y = {name_of(function)}(...)"
    )
