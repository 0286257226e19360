"""Buffers that a plan of dask-awkward left out: nobody reads them, and nothing else changes."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

import dualak

dak = pytest.importorskip("dask_awkward", reason="dask-awkward is not installed (extra: dask)")
uproot = pytest.importorskip("uproot", reason="uproot is not installed (extra: hep)")


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    counts = np.random.default_rng(0).integers(0, 4, 30)
    number = np.random.default_rng(1).normal(size=counts.sum())
    columns = {name: ak.unflatten(number + i, counts) for i, name in enumerate("xyz")}
    path = tmp_path_factory.mktemp("left_out") / "events.root"
    with uproot.recreate(path) as made:
        branches = {"jet": ak.zip(columns), "muon": ak.zip(columns)[:, :1], "weight": np.ones(30)}
        record = "var * {x: float64, y: float64, z: float64}"
        made.mktree("events", {"jet": record, "muon": record, "weight": "float64"})
        made["events"].extend(branches)
    return path


def leading(events):
    pt = np.hypot(events.jet_x, events.jet_y)
    return ak.fill_none(ak.max(pt, axis=1), 0.0) * events.weight


def along_x(events):
    return dualak.jvp(leading, events, {"jet_x": ak.ones_like(events.jet_x)})[1]


def by_scale(events):
    """The events themselves are constants here."""

    def scaled(scale, events):
        return leading(ak.with_field(events, events.jet_x * scale, "jet_x"))

    return dualak.value_and_jacfwd(scaled)(1.5, events)[1]


@pytest.mark.parametrize("function", [along_x, by_scale])
def test_events_of_which_columns_are_left_out_are_differentiated(file, function):
    with uproot.open(file) as opened:
        want = function(opened["events"].arrays())
    events = uproot.dask({file: "events"}, steps_per_file=3)
    planned = dak.map_partitions(function, events)
    (columns,) = dak.necessary_columns(planned).values()
    assert columns <= {"jet_x", "jet_y", "weight", "njet"}
    assert planned.compute(scheduler="sync").to_list() == want.to_list()
