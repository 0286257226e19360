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


WRONG: tuple[Callable[[str, Mapping[str, Any]], bool], ...] = (_integer_beside_mask,)


def wrong(text: str, values: Mapping[str, Any]) -> bool:
    """Whether plain Awkward is known to get a step wrong."""
    return any(one(text, values) for one in WRONG)
