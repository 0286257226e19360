"""Analyses with coffea: its collections, its tools, its executors, and what goes wrong there."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

from dualak.hist import Gaussian, Histogram, ParameterError, Weights, differentiate, systematics
from tests.hist.samples import hist

processor = pytest.importorskip("coffea.processor", reason="coffea is not installed")
uproot = pytest.importorskip("uproot", reason="uproot is not installed (extra: hep)")
from coffea.analysis_tools import PackedSelection  # noqa: E402 - after it is known to be there
from coffea.analysis_tools import Weights as CoffeaWeights  # noqa: E402
from coffea.lookup_tools.dense_lookup import dense_lookup  # noqa: E402
from coffea.nanoevents import NanoAODSchema, NanoEventsFactory  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::Warning")  # those of coffea and dask

AT = {"jes": 0.01, "btag": 1.0}
KINEMATICS = {"pt": (30.0, 25.0), "eta": (-2.0, 4.0), "phi": (-3.0, 6.0), "mass": (5.0, 3.0)}


def write(path, count, seed=0):
    """A file like NanoAOD, of jets and muons."""
    rng = np.random.default_rng(seed)
    branches = {name: np.arange(count) for name in ("run", "luminosityBlock", "event")}
    branches["genWeight"] = rng.uniform(0.5, 1.5, count)
    for name, least in (("Jet", 1), ("Muon", 0)):
        counts = rng.integers(least, 5, count)
        columns = {
            field: low + width * rng.uniform(size=counts.sum())
            for field, (low, width) in KINEMATICS.items()
        }
        columns["pt"] += rng.exponential(20.0, counts.sum())
        columns["charge"] = rng.choice([-1, 1], counts.sum())
        columns["jetIdx"] = rng.integers(-1, 1, counts.sum())
        branches[name] = ak.zip({key: ak.unflatten(c, counts) for key, c in columns.items()})
    with uproot.recreate(path) as file:
        types = {name: str(ak.type(b)).partition(" * ")[2] for name, b in branches.items()}
        file.mktree("Events", types)
        file["Events"].extend(branches)
    return str(path)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return write(tmp_path_factory.mktemp("nano") / "nano.root", 150)


def opened(file):
    factory = NanoEventsFactory.from_root(
        {file: "Events"}, schemaclass=NanoAODSchema, mode="virtual", metadata={"dataset": "tt"}
    )
    return factory.events()


def smeared():
    axis = hist.axis.Regular(6, 20, 140, name="pt", label="pt")
    return Histogram(axis, kernel=Gaussian(8.0), smooth="both")


# -- collections and tools ------------------------------------------------------------------------


def jets_of(p, events):
    jets = events.Jet
    return ak.with_field(jets, jets.pt * (1 + p["jes"]), "pt")


def assigned(p, events):
    jets = events.Jet
    jets["pt"] = jets.pt * (1 + p["jes"])
    return smeared().fill(jets.pt, weight=events.genWeight)


def pairs(p, events):
    jets = jets_of(p, events)
    jets = jets[ak.num(jets) >= 2]
    return smeared().fill((jets[:, 0] + jets[:, 1]).mass)


def scaled_vectors(p, events):
    return smeared().fill((events.Jet * (1 + p["jes"])).pt)


def cross_references(p, events):
    """A muon's jet is one of the file; its own is looked up by the index."""
    muons, jets = events.Muon, jets_of(p, events)
    own = jets[muons.jetIdx[muons.jetIdx >= 0]]
    ratio = muons.matched_jet.pt[muons.jetIdx >= 0] / own.pt
    return smeared().fill(own.pt, weight=ratio)


def nearest(p, events):
    near, distance = events.Muon.nearest(jets_of(p, events), return_metric=True)
    return smeared().fill(near.pt, weight=1.0 / (1.0 + distance))


def weights(p, events):
    jets = jets_of(p, events)
    found = Weights(len(events))
    found.add("gen", events.genWeight)
    found.add("btag", p["btag"] ** ak.num(jets), 1.1 + 0 * events.genWeight)
    found.add("trigger", np.tanh(jets.pt[:, 0] / 100.0))
    return smeared().fill(jets.pt, weight=found.weight("btagUp") + found.weight())


def selection(p, events):
    jets = jets_of(p, events)
    chosen = PackedSelection()
    chosen.add("muon", ak.num(events.Muon) >= 1)
    chosen.add("jets", ak.num(jets[jets.pt > 10]) >= 1)
    mask = chosen.all("muon", "jets")
    return smeared().fill(jets.pt[mask], weight=events.genWeight[mask])


def looked_up(p, events):
    table = dense_lookup(np.array([[0.9, 1.1], [1.2, 0.8]]), [np.array([0, 60, 1e4]), [-9, 0, 9]])
    jets = jets_of(p, events)
    return smeared().fill(jets.pt, weight=table(jets.pt, jets.eta) * p["btag"])


PROGRAMS = [
    assigned,
    pairs,
    scaled_vectors,
    cross_references,
    nearest,
    weights,
    selection,
    looked_up,
]


@pytest.mark.parametrize("program", PROGRAMS)
def test_derivatives_are_those_of_the_plain_analysis(program, file):
    found = differentiate(program, AT, opened(file))
    step = 1e-6
    for name in AT:
        up, down = (
            program(AT | {name: AT[name] + sign * step}, opened(file)).values() for sign in (1, -1)
        )
        slope = found.gradient(name)
        np.testing.assert_allclose(
            slope, (up - down) / (2 * step), rtol=1e-6, atol=1e-6 * np.abs(slope).max() + 1e-9
        )
    assert np.any(found.gradient("jes"))


def into_coffea(p, events):
    CoffeaWeights(len(events)).add("btag", p["btag"] * events.genWeight)


def into_hist(p, events):
    hist.Hist(hist.axis.Regular(5, 0, 100)).fill(ak.flatten(jets_of(p, events).pt))


@pytest.mark.parametrize(
    ("program", "way"),
    [(into_coffea, "use dualak.hist.Weights"), (into_hist, "fill a dualak.hist.Histogram")],
)
def test_what_takes_no_derivatives_says_what_does(program, way, file):
    with pytest.raises(TypeError, match=way):
        differentiate(program, AT, opened(file))


# -- executors ------------------------------------------------------------------------------------


@systematics(AT)
def process(p, events):
    return {
        "pt": selection(p, events),
        "mass": pairs(p, events),
        events.metadata["dataset"]: {"events": len(events)},
    }


def runner(executor="IterativeExecutor", of_executor=(), **options):
    executor = getattr(processor, executor)(status=False, **dict(of_executor))
    return processor.Runner(executor=executor, schema=NanoAODSchema, **options)


def assert_same(found, expected):
    for name in ("pt", "mass"):
        for part in ("value", "variance"):
            for k in range(2):
                want = expected[name].level(part, k)
                np.testing.assert_allclose(
                    found[name].level(part, k), want, rtol=1e-12, atol=1e-12 * np.abs(want).max()
                )


def of_workers(executor):
    if executor == "FuturesExecutor":
        return {"workers": 2}
    if executor == "DaskExecutor":
        client = pytest.importorskip("distributed").Client(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        )
        return {"client": client}
    return {}


@pytest.mark.parametrize(
    "executor",
    [
        "IterativeExecutor",
        pytest.param("FuturesExecutor", marks=pytest.mark.in_full),
        pytest.param("DaskExecutor", marks=pytest.mark.in_full),
    ],
)
def test_chunks_of_every_executor_add_up_to_one_pass(executor, file):
    options = of_workers(executor)
    run = runner(executor, options, chunksize=40)
    found = run({"tt": [file]}, process, treename="Events")
    if "client" in options:
        options["client"].close()
    assert_same(found, process(opened(file)))
    assert found["tt"]["events"] == 150


def test_methods_of_processors_are_decorated(file):
    class Processor(processor.ProcessorABC):
        norm = 2.0

        @systematics(AT)
        def process(self, p, events):
            return self.norm * selection(p, events)

    found = runner()({"tt": [file]}, Processor(), treename="Events")
    np.testing.assert_array_equal(
        found.gradient("jes"), 2.0 * differentiate(selection, AT, opened(file)).gradient("jes")
    )


# -- what goes wrong ------------------------------------------------------------------------------


def test_a_broken_file_is_left_out_and_named(file, tmp_path):
    broken = tmp_path / "broken.root"
    with open(file, "rb") as whole:
        broken.write_bytes(whole.read()[:5000])
    last = write(tmp_path / "last.root", 50, seed=1)
    run = runner(skipbadfiles=(Exception,), savemetrics=True)
    chunks = {"tt": [file, str(broken), last]}
    found = run.run(chunks, process, treename="Events")
    assert {item.filename for item in found["processed"]} == {file, last}
    want = [process(opened(one)) for one in (file, last)]
    assert_same(found["out"], processor.accumulate(want))


def test_a_file_without_events_changes_nothing(file, tmp_path):
    empty = process(opened(write(tmp_path / "empty.root", 0)))
    assert not np.any(empty["pt"].values(flow=True))
    assert not np.any(empty["pt"].gradient(flow=True))
    assert_same(processor.accumulate([empty, process(opened(file))]), process(opened(file)))


def test_chunks_with_other_parameters_are_refused(file):
    parts = [
        systematics(at)(lambda p, events: {"pt": selection(p, events)})(opened(file))
        for at in (AT, AT | {"lumi": 1.0}, AT | {"jes": 0.02})
    ]
    with pytest.raises(ParameterError, match="lumi"):
        processor.accumulate(parts[:2])
    with pytest.raises(ParameterError, match=r"jes at 0\.01 and"):
        processor.accumulate(parts[::2])
