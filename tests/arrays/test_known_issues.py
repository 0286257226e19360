"""What Awkward itself gets wrong is right here, or refused."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

import dualak
from dualak.known_issues import known_issue

M = np.array([True, False, True])
JAGGED = ak.Array([[1.0, 2.0, 3.0], [], [4.0, 5.0]])
REGULAR = ak.to_regular(ak.Array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
TABLE = ak.Array(np.arange(12.0).reshape(2, 3, 2))
DEEP = ak.Array([[[1.0, 2.0], [3.0], []], [], [[4.0], [5.0, 6.0]]])
MISSING = ak.Array([[1.0, None, 3.0], None, [4.0]])

INDEXES = {
    "jagged": (JAGGED, (0, M), [1.0, 3.0]),
    "last": (JAGGED, (-1, M[:2]), [4.0]),
    "list": (JAGGED, (0, [True, False, True]), [1.0, 3.0]),
    "of Awkward": (JAGGED, (np.int64(0), ak.Array(M)), [1.0, 3.0]),
    "mask first": (JAGGED, (M, 0), [1.0, 4.0]),
    "regular": (REGULAR, (1, M), [4.0, 6.0]),
    "table": (TABLE, (1, M), [[6.0, 7.0], [10.0, 11.0]]),
    "table, integers around": (TABLE, (1, M, 0), [6.0, 10.0]),
    "table, two integers": (TABLE, (0, 1, M[:2]), [2.0]),
    "deep": (DEEP, (0, M), [[1.0, 2.0], []]),
    "deep, integers around": (DEEP, (2, M[:2], 0), [4.0]),
    "missing": (MISSING, (0, M), [1.0, 3.0]),
    "field": (ak.zip({"a": JAGGED}), ("a", 0, M), [1.0, 3.0]),
}


@pytest.mark.parametrize("name", INDEXES)
def test_masks_beside_integers(name):
    x, where, want = INDEXES[name]
    y, dy = dualak.jvp(lambda x: x[where], x, x)
    assert y.to_list() == dy.to_list() == want


@pytest.mark.parametrize("where", [(slice(None), 1, M[:2]), ([0], M)])
def test_masks_behind_other_indexes_are_refused(where):
    with pytest.raises(IndexError, match="flatnonzero"):
        dualak.jvp(lambda x: x[where], TABLE, TABLE)


def test_other_indexes_are_not_met():
    for where in (0, M, (M, 0), (0, slice(None)), (0, [0, 1]), (..., M), ("a", "b")):
        assert known_issue(where) is None
