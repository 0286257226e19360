"""Pairs of elements: in each list, or of two lists, found in one pass over the offsets.

Awkward needs several for each field of records.  It still does what is not two lists of numbers or
records, one level deep.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import awkward as ak
import numpy as np

from dualak import device
from dualak.arrays.canonical import is_canonical, taken
from dualak.arrays.highlevel import wrapped
from dualak.arrays.layouts import Content, holds_duals
from dualak.arrays.lists import lists_and_content
from dualak.executors.cpu.lists import pairs_in_lists, products_of_lists
from dualak.functions.registry import instead, register, structural


def register_all() -> None:
    """Enters the functions that make pairs into the registry."""
    register("structural", ("ak.combinations",), instead(_combinations, structural))
    register("structural", ("ak.cartesian",), instead(_cartesian, structural))


def _combinations(
    array: Any = None,
    n: Any = None,
    *,
    replacement: Any = False,
    axis: Any = 1,
    fields: Any = None,
    with_name: Any = None,
    **others: Any,
) -> Any:
    """Pairs of elements of each list; None if Awkward has to make them."""
    names = None if fields is None else list(fields)
    simple = type(n) is int and n == 2 and type(axis) is int and axis == 1 and not others
    if not simple or (names is not None and len(names) != 2):
        return None
    lists = ragged_lists(array)
    if lists is None:
        return None
    offsets, *index = pairs_in_lists(offsets_in(lists), 0 if replacement else 1)
    contents = [taken(lists.content, each) for each in index]
    return _made(offsets, contents, names, with_name, [array])


def _cartesian(
    arrays: Any = None,
    axis: Any = 1,
    *,
    nested: Any = None,
    with_name: Any = None,
    **others: Any,
) -> Any:
    """Pairs of elements of two arrays of lists; None if Awkward has to make them."""
    names = list(arrays) if isinstance(arrays, Mapping) else None
    both = list(arrays.values()) if isinstance(arrays, Mapping) else arrays
    if not isinstance(both, (list, tuple)) or len(both) != 2:
        return None
    simple = type(axis) is int and axis == 1 and nested in (None, False) and not others
    found = [lists for lists in map(ragged_lists, both) if lists is not None] if simple else []
    if len(found) != 2:
        return None
    if found[0].length != found[1].length or not are_alike(both):
        return None
    offsets, *index = products_of_lists(*map(offsets_in, found))
    contents = [taken(lists.content, each) for lists, each in zip(found, index, strict=True)]
    return _made(offsets, contents, names, with_name, both)


def are_alike(arrays: Sequence[Any]) -> bool:
    """Whether it is plain what the result has beside its layout."""
    known = [array.behavior for array in arrays if array.behavior is not None]
    return not any(array.attrs for array in arrays) and all(one == known[0] for one in known)


def ragged_lists(array: Any) -> Content | None:
    """Lists right above numbers or records, without gaps."""
    if not isinstance(array, ak.Array) or array.named_axis:
        return None
    lists, content = lists_and_content(array.layout)
    if len(lists) != 1 or lists[0].is_regular:
        return None
    return lists[0] if is_canonical(content) or _is_plain(content) else None


def _is_plain(content: Content) -> bool:
    return content.is_numpy and content.inner_shape == () and not content.parameters


def offsets_in(lists: Content) -> device.Buffer:
    return device.contiguous(device.in_memory(lists.offsets.data), np.int64)


def _made(
    offsets: device.Buffer,
    contents: list[Content],
    names: list[str] | None,
    with_name: Any,
    arrays: Sequence[Any],
) -> Any:
    parameters = None if with_name is None else {"__record__": with_name}
    contents = [each if holds_duals(each) else each.project() for each in contents]
    record = ak.contents.RecordArray(contents, names, len(contents[0]), parameters=parameters)
    layout = ak.contents.ListOffsetArray(ak.index.Index64(offsets), record)
    behavior = next((array.behavior for array in arrays if array.behavior is not None), None)
    return wrapped(layout, behavior, arrays[0].attrs)
