"""Lists of numbers joined one by one, without Awkward: one gather from all numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import awkward as ak
import numpy as np

from dualak.ad.dual import Number
from dualak.ad.linear import take
from dualak.arrays.columns import dual, merged
from dualak.arrays.context import graph_in_use
from dualak.arrays.highlevel import wrapped
from dualak.arrays.layouts import Content, is_dual
from dualak.executors.cpu.lists import joined_lists
from dualak.functions.awkward.pairs import are_alike, offsets_in, ragged_lists
from dualak.seeding.split import number_at


def joined(arrays: Sequence[Any], axis: Any, given: Mapping[str, Any]) -> Any:
    """As ``ak.concatenate`` at the innermost axis; None if Awkward has to do it."""
    if type(axis) is not int or axis not in (1, -1) or not given.keys() <= {"axis", "mergebool"}:
        return None
    lists = [found for found in map(ragged_lists, arrays) if found is not None]
    if not lists or len(lists) < len(arrays) or not are_alike(arrays):
        return None
    if not all(_is_number(each.content) for each in lists) or len({e.length for e in lists}) > 1:
        return None
    numbers: list[Number] = []
    order = [_number_in(numbers, number_at(each.content)) for each in lists]
    starts = np.cumsum([0, *(number.length or 0 for number in numbers)])
    offsets, index = joined_lists(np.stack(list(map(offsets_in, lists))), starts[order])
    number = numbers[0] if len(numbers) == 1 else merged(numbers)
    content = dual(take(number, graph_in_use().buffer(index)))
    layout = ak.contents.ListOffsetArray(ak.index.Index64(offsets), content)
    behavior = next((array.behavior for array in arrays if array.behavior is not None), None)
    return wrapped(layout, behavior, arrays[0].attrs)


def _is_number(content: Content) -> bool:
    return is_dual(content) or (content.is_numpy and content.data.dtype.kind in "fiu")


def _number_in(numbers: list[Number], number: Number) -> int:
    """Which of the numbers one is; it is added if it is none of them."""
    for i, known in enumerate(numbers):
        if known is number:
            return i
    numbers.append(number)
    return len(numbers) - 1
