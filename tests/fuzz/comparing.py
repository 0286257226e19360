"""Results as flat numbers and a array_form, so that two of them compare in one NumPy operation."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np

#: Parameters of numbers themselves, which differentiated numbers do not keep.
_OF_NUMBERS = re.compile(r"\b(float\d+|int\d+|bool)\[parameters=\{[^}]*\}\]")


@dataclass(frozen=True)
class Flat:
    """The numbers of a result, which of them are floating-point, and all that is around."""

    numbers: np.ndarray
    floating: np.ndarray
    array_form: Any


def flattened(result: Any) -> Flat:
    """A result as flat numbers, in the order in which ``to_list`` shows them."""
    found: list[Any] = []
    array_form = _skeleton(_listed(result), found)
    floating = np.array([isinstance(one, float) for one in found], bool)
    return Flat(np.array(found, np.float64), floating, array_form)


def _listed(result: Any) -> Any:
    if isinstance(result, (tuple, list)):
        return [_listed(one) for one in result]
    if isinstance(result, dict):
        return {name: _listed(one) for name, one in result.items()}
    if isinstance(result, (ak.Array, ak.Record, np.ndarray)):
        return result.tolist()
    if isinstance(result, np.generic):
        return result.item()
    return (
        result
        if isinstance(result, (float, int, bool, str, type(None)))
        else np.asarray(result).tolist()
    )


def _skeleton(tree: Any, found: list[Any]) -> Any:
    if isinstance(tree, (list, tuple)):
        return [_skeleton(one, found) for one in tree]
    if isinstance(tree, dict):
        return {name: _skeleton(one, found) for name, one in tree.items()}
    if isinstance(tree, (float, int)):
        found.append(tree)
        return 0
    if tree is None:
        return None
    found.append(zlib.crc32(str(tree).encode()))  # its tangent is a whole number, zero
    return 0


def kind_of(result: Any) -> Any:
    """The type and the class of a result, as users see them."""
    if isinstance(result, (tuple, list)):
        return tuple(kind_of(one) for one in result)
    if isinstance(result, (ak.Array, ak.Record)):
        name = type(result).__name__ if isinstance(result, ak.Record) else "Array"
        return name, _OF_NUMBERS.sub(r"\1", str(ak.type(result)))
    if isinstance(result, np.ndarray) and result.ndim:
        return "ndarray", str(ak.type(result))
    return "number", str(np.asarray(result).dtype)


def same_kind(got: Any, want: Any, numpy: bool) -> bool:
    """Whether kinds agree; of NumPy's arguments results may be NumPy's, of others Awkward's."""
    if isinstance(want, tuple) and want and isinstance(want[0], tuple):
        return len(got) == len(want) and all(map(lambda a, b: same_kind(a, b, numpy), got, want))
    if got == want:
        return True
    instead = ("ndarray", "Array") if numpy else ("Array", "ndarray")
    return (got[0], want[0]) == instead and _loose(got[1]) == _loose(want[1])


def _loose(typ: str) -> str:
    return "".join(" var" if one.strip().isdigit() else one for one in typ.split("*"))


def differ(got: np.ndarray, want: np.ndarray, tolerance: float) -> np.ndarray:
    """Which numbers differ; NaN is equal to NaN alone."""
    with np.errstate(all="ignore"):
        close = np.abs(got - want) <= tolerance * np.maximum(1.0, np.abs(want))
    return ~(close | (got == want) | (np.isnan(got) & np.isnan(want)))
