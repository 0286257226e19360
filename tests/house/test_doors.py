"""What dualak leans on in other libraries is as expected; what is new in them is refused."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

import dualak
from tests.support import doors

X = ak.Array([[1.0, 2.0], [], [3.0]])


@pytest.mark.parametrize("door", doors.DOORS, ids=lambda door: f"{door.library}: {door.expected}")
def test_a_door_is_open(door):
    assert list(doors.closed([door])) == []


def test_a_closed_door_is_named():
    shut = [
        doors.Door("numpy", "one and one are three", lambda: False),
        doors.Door("awkward", "arrays are round", lambda: 1 / 0),
    ]
    with pytest.raises(ImportError, match=r"one and one are three\n.*round \(ZeroDivisionError"):
        doors.require_open(shut)


def test_a_function_that_numpy_gets_tomorrow_is_refused(monkeypatch):
    @np._core.overrides.array_function_dispatch(lambda a: (a,), module="numpy")
    def tomorrow(a):
        return a

    monkeypatch.setattr(np, "tomorrow", tomorrow, raising=False)
    with pytest.raises(dualak.NotDifferentiableError, match="tomorrow"):
        dualak.jvp(lambda x: np.tomorrow(x), (X,), (X,))


def test_a_ufunc_of_tomorrow_is_refused():
    tomorrow = np.frompyfunc(lambda x: x, 1, 1)
    with pytest.raises(dualak.NotDifferentiableError, match="lambda"):
        dualak.jvp(lambda x: tomorrow(x), (X,), (X,))
