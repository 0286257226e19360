"""The Fisher information of a smoothed dijet-mass spectrum of real events, against differences."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

import dualak

CENTRES = np.linspace(40.0, 300.0, 50)  # GeV
WIDTH = 15.0  # GeV
AT = {"scale": 0.02, "tilt": 0.01, "pileup": 0.5, "resolution": 0.1}


@pytest.fixture(scope="module")
def jets():
    data = pytest.importorskip("skhep_testdata")
    uproot = pytest.importorskip("uproot")
    with uproot.open(data.data_path("uproot-HZZ.root")) as file:
        events = file["events"].arrays(["Jet_Px", "Jet_Py", "Jet_Pz"])
    px, py, pz = (ak.values_astype(events[f"Jet_P{axis}"], np.float64) for axis in "xyz")
    pt = np.hypot(px, py)
    return ak.zip({"pt": pt, "eta": np.arcsinh(pz / pt), "phi": np.arctan2(py, px)})


def spectrum(p, jets):
    pt = jets.pt * (1 + p["scale"] + p["tilt"] * jets.eta**2) + p["pileup"]
    a, b = ak.unzip(ak.combinations(ak.with_field(jets, pt, "pt"), 2))
    mass = np.sqrt(2 * a.pt * b.pt * (np.cosh(a.eta - b.eta) - np.cos(a.phi - b.phi)))
    distance = ak.flatten(mass)[:, np.newaxis] - CENTRES[np.newaxis]
    return ak.sum(np.exp(-0.5 * (distance / (WIDTH * (1 + p["resolution"]))) ** 2), axis=0)


def information(entries, slopes):
    return slopes / entries @ slopes.T


def test_the_information_is_that_of_differences(jets):
    entries, found = dualak.value_and_jacfwd(spectrum)(AT, jets)
    entries, slopes = np.asarray(entries), np.array([found[name] for name in AT])
    np.testing.assert_allclose(entries, spectrum(AT, jets), rtol=1e-12)
    step = 1e-4
    around = {
        name: [spectrum({**AT, name: AT[name] + k * step}, jets) for k in (-2, -1, 1, 2)]
        for name in AT
    }
    weights = np.array([1 / 12, -2 / 3, 2 / 3, -1 / 12]) / step
    want = np.array([weights @ np.asarray(one) for one in around.values()])
    np.testing.assert_allclose(slopes, want, rtol=1e-6, atol=1e-6 * np.abs(want).max())
    got = information(entries, slopes)
    np.testing.assert_allclose(got, information(entries, want), rtol=1e-6)
    assert (np.linalg.eigvalsh(got) > 0).all()
    assert len(jets) == 2421


def test_the_information_is_the_hessian_of_the_likelihood(jets):
    """With the data as expected, its second derivatives are the information."""
    entries, found = dualak.value_and_jacfwd(spectrum)(AT, jets)
    observed = np.asarray(entries)

    def likelihood(p):
        expected = spectrum(p, jets)
        return ak.sum(expected - observed * np.log(expected))

    second = dualak.hessian(likelihood)(AT)
    got = np.array([[second[one][other] for other in AT] for one in AT])
    slopes = np.array([found[name] for name in AT])
    np.testing.assert_allclose(got, information(observed, slopes), rtol=1e-8)
    gradient = dualak.grad(likelihood)(AT)
    assert max(abs(one) for one in gradient.values()) < 1e-8 * np.abs(got).max()
