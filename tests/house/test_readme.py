"""The README's examples run as they stand, and show what they print."""

import math
import re

import awkward as ak
import numba
import numpy as np
import pytest

import dualak
from tests.support import ROOT

README = ROOT / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
JETS = ak.Array([[{"pt": 50.0, "eta": 0.3, "phi": 0.4}, {"pt": 40.0, "eta": -1.1, "phi": 2.2}], []])


def test_first_example_prints_what_it_says(capsys):
    exec(BLOCKS[0], {})
    said = re.findall(r"print\(\w+\) +# (.*)", BLOCKS[0])
    assert said
    assert capsys.readouterr().out.splitlines() == said


def test_second_example_gives_the_slope_of_the_mass():
    names = {"ak": ak, "dualak": dualak, "jets": JETS}
    exec("import numpy as np\n" + BLOCKS[1], names)
    assert ak.all(abs(names["slope"] - names["mass"]) < 1e-12)  # the mass is linear in the scale
    assert JETS.pt.tolist() == [[50.0, 40.0], []]


def test_third_example_gives_the_information():
    names = {"ak": ak, "np": np, "dualak": dualak, "jets": JETS}
    exec(BLOCKS[2], names)
    information, at, spectrum = names["information"], names["at"], names["spectrum"]
    around = [[np.asarray(spectrum({**at, name: step})) for step in (-1e-4, 1e-4)] for name in at]
    slopes = np.array([(up - down) / 2e-4 for down, up in around])
    want = slopes / np.asarray(spectrum(at)) @ slopes.T
    np.testing.assert_allclose(information, want, rtol=1e-5)


def test_fourth_example_gives_the_slope_of_the_loss():
    pytest.importorskip("jax")
    names = {"ak": ak, "np": np, "dualak": dualak, "jets": JETS}
    exec(BLOCKS[3].replace("print(", "found = ("), names)
    masses, jets = names["masses"], names["jets_for_jax"]
    loss = [np.mean((np.asarray(masses(jets, at)) - 91.2) ** 2) for at in (0.0, 0.02)]
    np.testing.assert_allclose(names["found"], (loss[1] - loss[0]) / 0.02, rtol=1e-3)


def test_fifth_example_gives_the_slope_of_the_largest_mass():
    names = {"ak": ak, "np": np, "dualak": dualak, "jets": JETS}
    exec(BLOCKS[4], names)
    loop, mass = names["leading_mass"], names["heaviest"]
    assert mass.tolist() == loop(JETS).tolist()
    np.testing.assert_allclose(names["change"], mass, rtol=1e-12)  # linear in the energy scale


def test_the_example_of_loops_moves_with_its_numbers():
    text = (README.parent / "docs" / "loops.md").read_text()
    (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names = {"ak": ak, "dualak": dualak, "numba": numba, "math": math}
    exec(block, names)
    np.testing.assert_allclose(names["dy"], 1.0, rtol=1e-9)
    np.testing.assert_allclose(names["y"], names["centres"](names["events"]), rtol=1e-12)


@pytest.mark.parametrize("kind", ["structural", "differentiable", "discrete", "refused"])
def test_every_kind_of_function_is_explained(kind):
    assert f"| {kind} |" in README.read_text()


def test_named_functions_are_of_the_kind_they_stand_under():
    table = dualak.functions()
    rows = re.findall(r"^\| (\w+) \| .* \| (.*) \|$", README.read_text(), re.MULTILINE)
    for kind, examples in rows:
        for name in re.findall(r"`(ak\.\w+)`", examples):
            assert table[name].kind == kind
