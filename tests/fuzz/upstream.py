"""What plain Awkward itself gets wrong, so that it is no oracle; a line goes when it is mended."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import awkward as ak
import numpy as np

_INTEGER_AND_MASK = re.compile(r"^(\w+)\[-?\d+, (?:~?(c\d+|\(\w+ > .*\))|np\.array\(\[True)")


def _integer_beside_mask(text: str, values: Mapping[str, Any]) -> bool:
    """``array[1, mask]`` reads memory that is not the list's own (awkward 2.14)."""
    found = _INTEGER_AND_MASK.match(text)
    if found is None or not isinstance(values.get(found[1]), ak.Array):
        return False
    mask = values.get(found[2] or "")
    return mask is None or np.asarray(mask).dtype.kind == "b"


def _fit_of_lists_of_one(text: str, values: Mapping[str, Any]) -> bool:
    """``ak.linear_fit`` broadcasts one array in some of its sums, and not in others."""
    return text.startswith(("ak.linear_fit(", "ak.covar(", "ak.corr(")) and ", c" in text


def _options_that_miss_nothing(text: str, values: Mapping[str, Any]) -> bool:
    """Reducers drop an option type from UnmaskedArrays, and from no others."""
    found = re.match(r"(?:ak|np)\.\w+\((\w+)[,)]", text)
    array = values.get(found[1]) if found else None
    return isinstance(array, ak.Array) and "Unmasked" in repr(array.layout)


def _copy_of_numpy(text: str, values: Mapping[str, Any]) -> bool:
    """``ak.copy`` gives back what is no array of Awkward in its own class."""
    return text.startswith("ak.copy(")


WRONG: tuple[Callable[[str, Mapping[str, Any]], bool], ...] = (
    _integer_beside_mask,
    _fit_of_lists_of_one,
    _options_that_miss_nothing,
    _copy_of_numpy,
)


def wrong(text: str, values: Mapping[str, Any]) -> bool:
    """Whether plain Awkward is known to get a step wrong."""
    return any(one(text, values) for one in WRONG)
