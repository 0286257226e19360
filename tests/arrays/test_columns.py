"""Columns: what an array of duals costs, and when it is read."""

from __future__ import annotations

import gc
import itertools
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import awkward as ak
import numpy as np
import pytest

import dualak
from bench.cases import CASES
from dualak.arrays import columns
from dualak.arrays.columns import dual, number_of, reading
from dualak.arrays.context import graph_in_use
from dualak.seeding.seed import seed
from dualak.transforms.running import running

PROGRAMS = ("W1", "W2", "W3", "W4")


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How often Awkward makes a virtual buffer from the ground."""
    made: list[int] = []
    real = ak.from_buffers

    def from_buffers(form, length, *args, **kwargs):
        made.append(length)
        return real(form, length, *args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(ak, "from_buffers", from_buffers)
        yield made


@pytest.mark.parametrize("name", PROGRAMS)
def test_awkward_makes_no_buffers_for_lengths_that_are_known(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES[name]
    point, direction = case.build(20)
    want = dualak.jvp(case.func, point, direction)
    with counted(monkeypatch) as made:
        found = dualak.jvp(case.func, point, direction)
    assert made == []
    assert [one.to_list() for one in found] == [one.to_list() for one in want]


def test_an_awkward_that_copies_otherwise_is_used_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = CASES["W4"]
    point, direction = case.build(20)
    want = dualak.jvp(case.func, point, direction)
    monkeypatch.setattr(columns, "_copies_are_unread", lambda: False)
    with counted(monkeypatch) as made:
        found = dualak.jvp(case.func, point, direction)
    assert made
    assert [one.to_list() for one in found] == [one.to_list() for one in want]


def test_this_awkward_copies_virtual_buffers_unread() -> None:
    assert columns._copies_are_unread()


def test_a_column_is_read_when_somebody_looks_and_not_before() -> None:
    with running(1) as level, reading() as read:
        x = seed(ak.Array([[1.0, 2.0], [], [3.0]]), [None], level)
        y = x[::-1]
        assert read == []
        y = y[[0, 2]]
        assert number_of(y.layout.content).length == 3


def test_columns_go_without_the_collector() -> None:
    with running(1):
        gc.disable()
        try:
            number = graph_in_use().buffer(np.array([1.0, 2.0]))
            layout = dual(number)
            column = weakref.ref(columns._column(layout.contents[0].data))
            assert column() is not None
            del layout
            assert column() is None
        finally:
            gc.enable()


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 40])
def test_positions_in_many_columns_are_found(count: int) -> None:
    """``ak.concatenate`` leaves positions of all columns, one beside the other in each list."""
    x = ak.Array([[1.0, 2.0], [], [3.0]])

    def beside(x):
        return ak.concatenate([x * float(k) for k in range(1, count + 1)], axis=1)

    y, dy = dualak.jvp(beside, x, x)
    assert y.to_list() == beside(x).to_list()
    assert dy.to_list() == y.to_list()


def test_what_an_interrupt_leaves_is_gone_in_the_next_transformation():
    x = ak.Array([[1.0, 2.0], [], [3.0]])
    columns.reading().__enter__()  # and its end never comes
    try:
        with pytest.raises(dualak.EscapeError):
            dualak.jvp(lambda x: np.asarray(ak.flatten(x)), (x,), (x,))
        assert columns._reading.get() is None
    finally:
        columns.read_nothing()


def test_a_name_is_given_again_when_its_column_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names begin anew after many columns; those that live keep theirs."""

    def function(x: ak.Array) -> ak.Array:
        kept = [x, np.sin(x)]
        monkeypatch.setattr(columns, "_names", itertools.count(min(columns._named)))
        kept.append(np.cos(x))
        return ak.concatenate(kept)

    x = ak.Array([0.1, 0.2])
    y, dy = dualak.jvp(function, x, ak.ones_like(x))
    np.testing.assert_allclose(y, np.concatenate([x, np.sin(x), np.cos(x)]))
    np.testing.assert_allclose(dy, np.concatenate([np.ones(2), np.cos(x), -np.sin(x)]))
