"""What Awkward itself gets wrong, so that it is not repeated here: a predicate, and what is done.

An entry is deleted, with its test, when it is mended in the oldest Awkward that is supported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np


@dataclass(frozen=True)
class KnownIssue:
    """Something that Awkward gets wrong.

    Attributes:
        what: is wrong.
        applies: whether an index meets it.
        instead: the indexes that are taken one after the other in its place.
    """

    what: str
    applies: Callable[[Any], bool]
    instead: Callable[[Any], tuple[Any, ...]]


def known_issue(where: Any) -> KnownIssue | None:
    """The issue that an index meets, if there is one."""
    if not isinstance(where, tuple):
        return None
    return next((issue for issue in OF_INDEXES if issue.applies(where)), None)


# -- indexes --------------------------------------------------------------------------------------


def _is_integer(part: Any) -> bool:
    if isinstance(part, (bool, np.bool_)):
        return False
    return isinstance(part, (int, np.integer)) or (
        isinstance(part, np.ndarray) and part.ndim == 0 and part.dtype.kind in "iu"
    )


def _is_mask(part: Any) -> bool:
    """Whether a part of an index is an array or a list of booleans."""
    if isinstance(part, list):
        return bool(part) and all(isinstance(item, (bool, np.bool_)) for item in part)
    kind = getattr(part, "dtype", None) or getattr(getattr(part, "layout", None), "dtype", None)
    return kind is not None and np.dtype(kind).kind == "b" and getattr(part, "ndim", 0) > 0


def _is_advanced(part: Any) -> bool:
    return _is_integer(part) or isinstance(part, (list, np.ndarray)) or hasattr(part, "layout")


def _leading(where: tuple[Any, ...]) -> int:
    """How many integers and names of fields come first."""
    first = (isinstance(part, str) or _is_integer(part) for part in where)
    return next((i for i, leads in enumerate(first) if not leads), len(where))


def _meets_mask(where: tuple[Any, ...]) -> bool:
    """Whether a mask follows an integer or an index right away.

    Awkward spreads masks over the other indexes before it counts what they let through, and reads
    memory that is not its own.
    """
    return any(_is_advanced(item) and _is_mask(other) for item, other in pairwise(where))


def _integers_first(where: tuple[Any, ...]) -> tuple[Any, ...]:
    first = _leading(where)
    rest = where[first:]
    if not first or _meets_mask(rest):
        raise IndexError(
            "expected a mask behind no other index, got one that Awkward spreads wrongly; take "
            "np.flatnonzero(mask) in its place, or one index after the other"
        )
    return where[:first], rest


#: What is wrong with indexes.
OF_INDEXES = (KnownIssue("a mask behind an integer or an index", _meets_mask, _integers_first),)
