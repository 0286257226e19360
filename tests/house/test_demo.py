"""The demo, end to end: real events, a plot, and errors that say what is there."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

from dualak.demo import command, events, fit, job
from dualak.demo.spectra import NOMINAL, SIGMA, pairs

pytest.importorskip("uproot", reason="the demo reads ROOT files with uproot")
pytest.importorskip("rich", reason="the demo prints with rich")
pytest.importorskip("matplotlib", reason="the demo plots with matplotlib")
pytest.importorskip("hist", reason="the demo fills histograms of hist")
testdata = pytest.importorskip("skhep_testdata", reason="holds the events that the demo reads")


@pytest.fixture
def plot(tmp_path):
    return tmp_path / "demo.png"


@pytest.fixture(scope="module")
def results():
    tree = events.open_tree(testdata.data_path("uproot-HZZ.root"), None)
    branches = events.find_branches(tree, "Muon")
    return [job.run(tree, branches, 8, (70.0, 110.0), 1.5, parts) for parts in (1, 3)]


@pytest.mark.one_in(2)
@pytest.mark.parametrize("prefix", ["Muon", "Jet"])
def test_runs(prefix, plot, capsys):
    words = ["--object", prefix, "--bins", "4", "--range", "70", "110", "--chunks", "1"]
    assert command.main([*words, "--output", str(plot)]) == 0
    assert plot.read_bytes().startswith(b"\x89PNG")
    out = capsys.readouterr().out
    assert "2,421 events" in out
    assert "derivatives and quotients agree" in out
    assert "no useful derivative" in out


def test_derivatives_agree_with_differences(results):
    for result in results:
        assert np.max(np.abs(result.histograms["mass"].gradient("scale"))) > 100
        assert result.deviations[-1] < 1e-5


def test_chunks_add_up(results):
    whole, parts = results
    assert parts.events == whole.events == 2421
    for name, histogram in whole.histograms.items():
        for k in range(3):
            expected = histogram.level("value", k)
            tolerance = 1e-12 * np.abs(expected).max()
            found = parts.histograms[name].level("value", k)
            np.testing.assert_allclose(found, expected, atol=tolerance)


def test_a_fit_of_what_is_expected_finds_the_parameters(results):
    histograms = list(results[0].histograms.values())
    there = NOMINAL | {"scale": 0.002, "norm": 0.03}
    counts = [histogram.at(there, exponential=True).values() for histogram in histograms]
    free = {name: 1e3 * sigma for name, sigma in SIGMA.items()}
    found = fit.fitted(histograms, counts, free)
    assert list(found.at.values()) == pytest.approx(list(there.values()), abs=1e-5)
    known = fit.fitted(histograms, counts, SIGMA)
    assert all(known.errors[name] < SIGMA[name] for name in SIGMA)


def test_a_wrong_derivative_is_noticed(monkeypatch, plot, capsys):
    right = job.dualak.hist.differentiate

    def wrong(*args, **kwargs):
        return {name: h * 1.001 for name, h in right(*args, **kwargs).items()}

    monkeypatch.setattr(job.dualak.hist, "differentiate", wrong)
    assert command.main(["--bins", "4", "--chunks", "1", "--output", str(plot)]) == 1
    assert "DISAGREE" in capsys.readouterr().out


def test_coordinate_systems_agree():
    px, py, pz, m = np.array([[3.0, -1.0], [4.0, 2.0], [12.0, -7.0], [0.5, 0.1]])
    pt = np.hypot(px, py)
    eta, phi = np.arcsinh(pz / pt), np.arctan2(py, px)
    energy = np.sqrt(px**2 + py**2 + pz**2 + m**2)
    first = ak.zip({"px": px, "py": py, "pz": pz, "E": energy})
    second = ak.zip({"pt": pt, "eta": eta, "phi": phi, "mass": m})
    at = NOMINAL | {"scale": 0.01}
    masses = [pairs(objects[np.newaxis], at)[0] for objects in (first, second)]
    np.testing.assert_allclose(masses[0], masses[1], rtol=1e-12)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--file", "absent.root"], "no file absent.root"),
        (["--file", __file__], "is no ROOT file"),
        (["--tree", "Absent"], "it has events"),
        (["--object", "Absent"], "it has Electron, Jet, Muon, Photon"),
        (["--range", "5000", "6000"], "no pairs"),
        (["--branches", "pt=Muon_pt"], "px,py,pz,E or pt,eta,phi,mass"),
        (["--branches", "px=Muon_Px,py=Muon_Py,pz=Muon_Pz,E=absent"], "no branch absent"),
    ],
)
def test_bad_input_says_what_is_there(words, says, plot, capsys):
    assert command.main([*words, "--chunks", "1", "--output", str(plot)]) == 2
    assert says in capsys.readouterr().err
    assert not plot.exists()


@pytest.mark.parametrize("words", [["--bins", "0"], ["--range", "9", "1"], ["--bandwidth", "nan"]])
def test_bad_numbers(words, capsys):
    with pytest.raises(SystemExit):
        command.main(words)
    assert words[0] in capsys.readouterr().err


def test_a_missing_package_names_the_extra():
    with pytest.raises(events.DemoError, match=r'pip install "dualak\[demo\]"'):
        events.require("no_such_package.part")
