"""Arguments and results of transformations: what may be given, and in which form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import index
from typing import Any

import awkward as ak

from dualak.ad.dual import Level
from dualak.arrays.highlevel import contains_duals
from dualak.pytree import tree_map
from dualak.seeding.extract import extract_values

Argnums = int | Sequence[int]


def require_function(func: Any, call: str, *others: Any) -> None:
    """Refuses something else in the place of the function, as where arguments are swapped.

    Raises:
        TypeError: saying how it is called.
    """
    if callable(func):
        return
    places = [place for place, other in enumerate(others, 2) if callable(other)]
    swapped = f", and a function as argument {places[0]}" if places else ""
    raise TypeError(
        f"expected a function as argument 1, got {type(func).__name__}{swapped}; write {call}"
    )


def numbers_of(argnums: Argnums, args: Sequence[Any]) -> list[int]:
    """The positions of the parameters, counted from the front.

    Raises:
        TypeError: for argnums that are no integers.
        ValueError: for one that is out of range, or named twice.
    """
    try:
        given = [
            index(number) for number in (argnums if isinstance(argnums, Iterable) else [argnums])
        ]
    except TypeError:
        raise TypeError(f"expected argnums of one or more integers, got {argnums!r}") from None
    numbers = [number + len(args) if number < 0 else number for number in given]
    if not numbers or len(set(numbers)) < len(numbers):
        raise ValueError(f"expected argnums that name different arguments, got {argnums!r}")
    if any(not 0 <= number < len(args) for number in numbers):
        raise ValueError(
            f"expected argnums among the {len(args)} positional arguments, got {argnums!r}"
        )
    return numbers


def require_floats(arguments: Any) -> None:
    """Refuses arguments without a number to differentiate."""
    if not contains_duals(arguments):
        raise TypeError(
            "expected an x with float32 or float64 numbers to differentiate, got none; convert "
            "integers with float(x) or ak.values_astype(x, np.float64)"
        )


def pair_of(result: Any) -> tuple[Any, Any]:
    """The result of a function that gives something else beside it, and that."""
    if not isinstance(result, tuple) or len(result) != 2:
        raise TypeError(
            "expected a function that returns a pair (result, aux), as has_aux=True says, got "
            f"{type(result).__name__}"
        )
    return result


def constants(aux: Any, level: Level) -> Any:
    """The values of what a function gives beside its result; what is no array stays as it is."""

    def constant(leaf: Any) -> Any:
        return extract_values(leaf, level) if isinstance(leaf, (ak.Array, ak.Record)) else leaf

    return tree_map(constant, aux)


def arguments_of(x: Any) -> tuple[Any, ...]:
    """The positional arguments that ``x`` stands for."""
    return tuple(x) if isinstance(x, tuple) else (x,)


def tangents_of(t: Any, x: Any) -> tuple[Any, ...] | None:
    """The tangents of the arguments that ``x`` stands for."""
    if not isinstance(x, tuple):
        return (t,)
    if t is not None and not isinstance(t, (tuple, list)):
        raise TypeError(
            f"expected a tuple of {len(x)} tangents, one for each argument, got {type(t).__name__}"
        )
    return t if t is None else tuple(t)
