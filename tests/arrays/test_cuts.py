"""Slices of arrays of lists: what plain Awkward gives, without reading a position."""

from __future__ import annotations

import itertools
from typing import Any

import awkward as ak
import numpy as np
import pytest

import dualak
from dualak.arrays.columns import reading
from dualak.executors.cpu.lists import NONE, cut_lists

BOUNDS = (None, 0, 1, 2, 7, -1, -2, -7, 100, -100)
STEPS = (None, 1, 2, 3, -1, -2)
SLICES = [slice(*each) for each in itertools.product(BOUNDS, BOUNDS, STEPS)]

NUMBERS = ak.Array([[1.0, 2.0, 3.0], [], [4.0], [5.0, 6.0, 7.0, 8.0], [], [9.0, 10.0]])
RECORDS = ak.zip({"x": NUMBERS, "n": ak.values_astype(NUMBERS, np.int64)}, with_name="hit")
#: In memory with gaps, behind an index, of lists of one length, flat, in lists of lists.
ARRAYS = {
    "numbers": NUMBERS,
    "records": RECORDS,
    "in another order": NUMBERS[[3, 0, 5, 1]],
    "from the middle": NUMBERS[2:],
    "empty": NUMBERS[:0],
    "rectangle": ak.to_regular(NUMBERS[[0, 0]]),
    "flat": ak.flatten(NUMBERS),
    "lists of lists": ak.Array([[[1.0, 2.0], []], [], [[3.0], [4.0, 5.0, 6.0]]]),
    "missing": ak.Array([[1.0, None], [], None, [2.0, 3.0, None]]),
}


def numbers_only(array: Any) -> Any:
    return array.x if "x" in ak.fields(array) else array


def test_every_slice_cuts_lists_as_python_does() -> None:
    lists = [[0, 1, 2], [], [3], [5, 6, 7, 8, 9]]
    starts = np.array([one[0] if one else 0 for one in lists])
    stops = starts + list(map(len, lists))
    for one in SLICES:
        first, last = (NONE if bound is None else bound for bound in (one.start, one.stop))
        offsets, index = cut_lists(starts, stops, first, last, one.step or 1)
        assert index.tolist() == list(itertools.chain.from_iterable(each[one] for each in lists))
        assert np.diff(offsets).tolist() == [len(each[one]) for each in lists]


CUTS = [
    slice(None, None, -1),
    slice(1, 4),
    slice(5, 2),
    (slice(None), slice(0, 2)),
    (slice(None, None, 2), slice(None, None, -1)),
    (slice(-3, None), slice(-2, None)),
]


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("where", CUTS, ids=str)
def test_slices_give_what_awkward_gives(name: str, where: Any) -> None:
    x = ARRAYS[name]
    if x.ndim == 1 and isinstance(where, tuple):
        where = where[0]
    y, dy = dualak.jvp(lambda x: x[where], x, x)
    want = x[where]
    assert y.to_list() == want.to_list()
    assert str(y.type) == str(want.type)
    assert numbers_only(dy).to_list() == numbers_only(want).to_list()


@pytest.mark.parametrize(
    "where", [slice(None, None, -1), (slice(None), slice(0, 2)), slice(1, None), (slice(None),) * 2]
)
def test_slices_of_lists_read_no_positions(where: Any) -> None:
    def cut(x: Any) -> Any:
        with reading() as read:
            result = x[where]
            assert read == []
        return result

    for x in (NUMBERS, RECORDS):
        y, _ = dualak.jvp(cut, x, x)
        assert y.to_list() == x[where].to_list()


@pytest.mark.parametrize("where", [slice(None, None, 0), (slice(None), slice(None, None, 0))])
def test_a_step_of_zero_is_refused(where: Any) -> None:
    with pytest.raises(ValueError, match="cannot be zero"):
        dualak.jvp(lambda x: x[where], NUMBERS, NUMBERS)


def test_names_of_axes_stay() -> None:
    x = ak.with_named_axis(NUMBERS, ("event", "hit"))
    y, _ = dualak.jvp(lambda x: x[:, ::-1], x, NUMBERS)
    assert y.named_axis == x[:, ::-1].named_axis
