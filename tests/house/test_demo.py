"""The demo, end to end: real events, a plot, and errors that say what is there."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

from dualak import demo
from tests.support import depth

pytest.importorskip("uproot", reason="the demo reads ROOT files with uproot")
pytest.importorskip("rich", reason="the demo prints with rich")
pytest.importorskip("matplotlib", reason="the demo plots with matplotlib")
testdata = pytest.importorskip("skhep_testdata", reason="holds the events that the demo reads")


@pytest.fixture
def plot(tmp_path):
    return tmp_path / "demo.png"


@pytest.fixture
def tree():
    return demo.open_tree(testdata.data_path("uproot-HZZ.root"), None)


def result_of(tree, prefix="Muon", size=1000):
    branches = demo.find_branches(tree, prefix)
    return demo.run(tree, branches, np.linspace(80, 100, 6), 1.0, size)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("prefix", ["Muon", "Jet"])
def test_runs(prefix, plot, capsys):
    words = ["--object", prefix, "--bins", "4", "--range", "70", "110", "--chunk", "1000"]
    assert demo.main([*words, "--output", str(plot)]) == 0
    assert plot.read_bytes().startswith(b"\x89PNG")
    out = capsys.readouterr().out
    assert "2,421 events" in out
    assert "derivative and quotient agree" in out
    assert "no useful derivative" in out


def test_derivative_agrees_with_differences(tree):
    result = result_of(tree)
    assert np.max(np.abs(result.slope)) > 100
    assert demo.deviations(result)[1][-1] < 1e-6


def test_chunks_add_up(tree):
    whole, parts = result_of(tree, size=10_000), result_of(tree, size=depth.everyday(1000, 200))
    assert parts.events == whole.events == 2421
    np.testing.assert_allclose(parts.entries, whole.entries, rtol=1e-12)
    np.testing.assert_allclose(parts.slope, whole.slope, rtol=1e-9, atol=1e-6)


def test_a_wrong_derivative_is_noticed(monkeypatch, plot, capsys):
    right = demo.dualak.jvp

    def wrong(func, x, t):
        y, dy = right(func, x, t)
        return y, dy * 1.001

    monkeypatch.setattr(demo.dualak, "jvp", wrong)
    assert demo.main(["--bins", "4", "--output", str(plot)]) == 1
    assert "DISAGREE" in capsys.readouterr().out


def test_coordinate_systems_agree():
    px, py, pz, m = np.array([[3.0, -1.0], [4.0, 2.0], [12.0, -7.0], [0.5, 0.1]])
    pt = np.hypot(px, py)
    eta, phi = np.arcsinh(pz / pt), np.arctan2(py, px)
    energy = np.sqrt(px**2 + py**2 + pz**2 + m**2)
    first = ak.zip({"px": px, "py": py, "pz": pz, "E": energy})
    second = ak.zip({"pt": pt, "eta": eta, "phi": phi, "mass": m})
    masses = [demo.pair_masses(objects[np.newaxis], 0.01) for objects in (first, second)]
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
    assert demo.main([*words, "--output", str(plot)]) == 2
    assert says in capsys.readouterr().err
    assert not plot.exists()


@pytest.mark.parametrize("words", [["--bins", "0"], ["--range", "9", "1"], ["--bandwidth", "nan"]])
def test_bad_numbers(words, capsys):
    with pytest.raises(SystemExit):
        demo.main(words)
    assert words[0] in capsys.readouterr().err


def test_a_missing_package_names_the_extra():
    with pytest.raises(demo.DemoError, match=r'pip install "dualak\[demo\]"'):
        demo.require("no_such_package.part")
