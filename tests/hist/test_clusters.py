"""Histograms with derivatives over partitions and chunks: the same as in one pass over all."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from typing import Any

import awkward as ak
import numpy as np
import pytest

import dualak
import dualak.hist
from tests.support import ROOT

hist = pytest.importorskip("hist", reason="hist is not installed (extra: hep)")

AT = {"scale": 0.0, "norm": 1.0}


def events(count: int = 60) -> Any:
    rng = np.random.default_rng(3)
    counts = rng.poisson(2.0, count)
    return ak.zip(
        {
            "pt": ak.unflatten(rng.exponential(20.0, counts.sum()) + 20.0, counts),
            "weight": rng.uniform(0.5, 1.5, count),
            "unused": rng.normal(size=count),
        },
        depth_limit=1,
    )


def analysis(p: Any, events: Any) -> Any:
    axis = hist.axis.Regular(6, 20, 80, name="pt")
    spectrum = dualak.hist.Histogram(axis, kernel=dualak.hist.Gaussian(3.0))
    leading = ak.drop_none(ak.max(events.pt * (1.0 + p["scale"]), axis=1))
    weight = events.weight[ak.num(events.pt) > 0]
    return {
        "pt": spectrum.fill(pt=leading, weight=p["norm"] * weight),
        "events": ak.num(events, axis=0),
    }


class Processor:
    """As coffea's, without it."""

    @dualak.hist.systematics(AT)
    def process(self, p: Any, events: Any) -> Any:
        return analysis(p, events) | {"of": type(self).__name__}


decorated = dualak.hist.systematics(AT, order=2)(lambda p, events: analysis(p, events))


@dualak.hist.systematics(AT)
def by_name(p: Any, events: Any) -> Any:
    """What it does."""
    return analysis(p, events)


def same(found: Any, want: Any) -> None:
    for got, expected in ((found, want),):
        np.testing.assert_allclose(got["pt"].values(), expected["pt"].values(), rtol=1e-12)
        np.testing.assert_allclose(got["pt"].gradient(), expected["pt"].gradient(), rtol=1e-12)
        np.testing.assert_allclose(got["pt"].variances(), expected["pt"].variances(), rtol=1e-12)
        assert got["events"] == expected["events"]


def test_a_function_that_is_decorated_is_differentiated() -> None:
    want = dualak.hist.differentiate(analysis, AT, events())
    same(by_name(events()), want)
    same(Processor().process(events()), want)
    assert Processor().process(events())["of"] == "Processor"
    assert decorated(events())["pt"].order == 2
    assert by_name.__doc__ == "What it does."
    assert pickle.loads(pickle.dumps(by_name)) is by_name


def test_a_function_without_events_is_refused() -> None:
    with pytest.raises(TypeError, match="of parameters and events"):
        dualak.hist.systematics(AT)(lambda p: p)


def test_partitions_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    dak = pytest.importorskip("dask_awkward", reason="dask-awkward is not installed (extra: dask)")
    import dualak.dask

    collection = dak.from_awkward(events(), 5)
    total = dualak.dask.differentiate(analysis, AT, collection, split_every=2)
    same(total.compute(scheduler="sync"), dualak.hist.differentiate(analysis, AT, events()))
    planned = dak.map_partitions(
        dualak.dask._Differentiated(analysis, AT, 1), collection, label="planned"
    )
    (columns,) = dak.necessary_columns(planned).values()
    assert set(columns) == {"pt", "weight"}
    with pytest.raises(TypeError, match="a collection of dask-awkward"):
        dualak.dask.differentiate(analysis, AT, events())


def lengths(p: Any, events: Any) -> Any:
    return len(events)


def test_what_cannot_be_planned_says_what_can() -> None:
    dak = pytest.importorskip("dask_awkward", reason="dask-awkward is not installed (extra: dask)")
    collection = dak.from_awkward(events(), 2)
    with pytest.raises(TypeError, match=r"write ak.num\(events, axis=0\)"):
        dualak.dask.differentiate(lengths, AT, collection)
    mixed = dualak.dask.differentiate(by_name.plain, AT, collection)
    same(mixed.compute(scheduler="sync"), by_name(events()))


def test_a_partition_that_cannot_be_read_is_named(tmp_path: Any) -> None:
    dask = pytest.importorskip("dask", reason="dask is not installed (extra: dask)")
    uproot = pytest.importorskip("uproot", reason="uproot is not installed (extra: hep)")
    pytest.importorskip("dask_awkward", reason="dask-awkward is not installed (extra: dask)")
    files = {}
    for number in range(3):
        path = tmp_path / f"{number}.root"
        with uproot.recreate(path) as file:
            file.mktree("events", {"pt": "var * float64", "weight": "float64"})
            file["events"].extend({name: events()[name] for name in ("pt", "weight")})
        files[str(path)] = "events"
    path = tmp_path / "1.root"
    path.write_bytes(path.read_bytes()[:1000])
    collection, report = uproot.dask(files, open_files=False, allow_read_errors_with_report=True)
    total = dualak.dask.differentiate(analysis, AT, collection)
    found, report = dask.compute(total, report, scheduler="sync")
    same(found, dualak.hist.over_chunks(analysis, AT, [events(), events()]))
    assert [failed is not None for failed in report.exception.to_list()] == [False, True, False]
    assert str(path) in report["args", 1, 0]


def test_workers_without_a_package_are_named() -> None:
    class Client:
        def run(self, function: Any, package: str, on_error: str) -> Any:
            assert on_error == "return"
            return {"tcp://a": function(package), "tcp://b": function(package), "tcp://c": None}

    dualak.dask.require_workers(type("Whole", (), {"run": lambda *_, **__: {"tcp://a": "spec"}})())
    with pytest.raises(dualak.dask.WorkerError, match="dualak, got 1 of 3 without") as caught:
        dualak.dask.require_workers(Client())
    assert caught.value.missing == {"tcp://c": ["dualak"]}


def test_the_extra_is_named_where_dask_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dask_awkward", None)
    with pytest.raises(ImportError, match=r"pip install 'dualak\[dask\]'"):
        dualak.dask.differentiate(analysis, AT, events())


@pytest.mark.in_full
def test_two_workers_of_which_one_dies() -> None:
    pytest.importorskip("dask_awkward", reason="dask-awkward is not installed (extra: dask)")
    pytest.importorskip("distributed", reason="distributed is not installed (extra: dask)")
    command = [sys.executable, "-m", "tests.hist.cluster_job"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.stdout == "the same\n", done.stderr


def test_weights_are_those_of_coffea() -> None:
    mine = dualak.hist.Weights(3)
    nominal, up, down = (
        np.array([1.0, 2.0, 3.0]),
        np.array([1.5, 2.5, 2.0]),
        np.array([0.5, 1.0, 2.0]),
    )
    adding = (
        ("a", nominal, up, down),
        ("b", 2.0 * nominal, up),
        ("c", nominal, 0.1 * up, 0.1 * down, True),
    )
    for factor in adding:
        mine.add(*factor)
    assert mine.variations == {f"{name}{kind}" for name in "abc" for kind in ("Up", "Down")}
    np.testing.assert_allclose(mine.weight(), 2.0 * nominal**3)
    np.testing.assert_allclose(mine.weight("aUp"), 2.0 * nominal**2 * up)
    np.testing.assert_allclose(mine.weight("bDown"), nominal**2 * (2.0 * nominal) ** 2 / up)
    np.testing.assert_allclose(mine.weight("cDown"), 2.0 * nominal**2 * (nominal - 0.1 * down))
    np.testing.assert_allclose(mine.partial_weight(include=["a"]), nominal)
    np.testing.assert_allclose(mine.partial_weight(exclude=["a", "c"], modifier="bUp"), up)
    several = "d", nominal, ["x", "y"], [up, 2.0 * up], [down, None]
    mine.add_multivariation(*several)
    np.testing.assert_allclose(mine.weight("d_xDown"), mine.partial_weight(exclude=["d"]) * down)
    mine.add("e", ak.Array([1.0, None, 2.0]))
    tools = pytest.importorskip("coffea.analysis_tools", reason="coffea is not installed")
    theirs = tools.Weights(3, storeIndividual=True)
    for factor in adding:
        theirs.add(*copy.deepcopy(factor))  # which changes its arrays
    theirs.add_multivariation(*copy.deepcopy(several))
    theirs.add("e", ak.Array([1.0, None, 2.0]))
    assert mine.variations == theirs.variations
    for name in (None, *sorted(theirs.variations)):
        np.testing.assert_allclose(mine.weight(name), theirs.weight(name))


def test_weights_are_differentiated_and_checked() -> None:
    def total(s: Any) -> Any:
        weights = dualak.hist.Weights()
        weights.add("a", 1.0 + s * ak.Array([1.0, 2.0]))
        weights.add("b", s)
        return weights.weight()

    y, dy = dualak.jvp(total, 2.0, 1.0)
    np.testing.assert_allclose(y, [6.0, 10.0])
    np.testing.assert_allclose(dy, [5.0, 9.0])
    weights = dualak.hist.Weights(2)
    weights.add("a", np.ones(2))
    with pytest.raises(ValueError, match="of 2 events, got 3"):
        weights.add("b", np.ones(3))
    with pytest.raises(ValueError, match="'a' twice"):
        weights.add("a", np.ones(2))
    with pytest.raises(ValueError, match="neither in Up"):
        weights.add("aUp", np.ones(2))
    with pytest.raises(KeyError, match="one of the variations"):
        weights.weight("bUp")
    with pytest.raises(ValueError, match="as many weights up and down"):
        weights.add_multivariation("c", np.ones(2), ["x"], [], [])
    weights.add("c", np.ones(2), np.ones(2))
    with pytest.raises(ValueError, match="a variation of"):
        weights.partial_weight(exclude=["c"], modifier="cUp")
