"""Partitions are differentiated each and added up in a tree, with a stand-in for dask-awkward.

What that does itself is tried in ``test_clusters.py``, where it is installed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import awkward as ak
import numpy as np
import pytest

import dualak
import dualak.dask
import dualak.hist

hist = pytest.importorskip("hist", reason="hist is not installed (extra: hep)")

X = ak.Array(np.random.default_rng(3).uniform(0.0, 4.0, 60))
AT = {"norm": 1.5}


class Collection:
    """Arrays, one for each partition."""

    def __init__(self, parts: Sequence[Any]) -> None:
        self.parts = parts

    def to_delayed(self) -> Sequence[Any]:
        """As of dask-awkward, but computed already."""
        return self.parts


def map_partitions(function: Callable[..., Any], events: Collection, label: str) -> Collection:
    return Collection([function(part) for part in events.parts])


def analysis(p: Any, x: Any) -> Any:
    h = dualak.hist.Histogram(hist.axis.Regular(4, 0, 4))
    return {"x": h.fill(x, weight=p["norm"] * x), "events": ak.num(x, axis=0)}


def test_every_partition_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rooms = {
        "dask_awkward": SimpleNamespace(Array=Collection, map_partitions=map_partitions),
        "dask": SimpleNamespace(delayed=lambda function: function),
    }
    monkeypatch.setattr(dualak.dask, "_required", rooms.get)
    want = dualak.hist.differentiate(analysis, AT, X)
    parts = Collection([X[start : start + 12] for start in range(0, 60, 12)])
    for split_every in (2, 3):
        found = dualak.dask.differentiate(analysis, AT, parts, split_every=split_every)
        assert found["events"] == len(X)
        np.testing.assert_allclose(found["x"].values(), want["x"].values())
        np.testing.assert_allclose(found["x"].gradient("norm"), want["x"].gradient("norm"))
