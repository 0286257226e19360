"""Examples of the README and of pages run as they stand, and give what is right."""

import re

import numpy as np
import pytest

import dualak
from tests.house.test_pages import run
from tests.support import ROOT

README, DOCS = ROOT / "README.md", ROOT / "docs"
LIMITS = DOCS / "limits.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


def test_first_example_prints_what_it_says(capsys):
    exec(BLOCKS[0], {})
    said = re.findall(r"print\(\w+\) +# (.*)", BLOCKS[0])
    assert said
    assert capsys.readouterr().out.splitlines() == said


def test_the_readme_is_short():
    """One screen and a half: what is longer stands on a page."""
    assert len(README.read_text().splitlines()) <= 80


def test_the_forecast_gives_the_information():
    names = run(DOCS / "guides" / "fisher.md")
    information, at, spectrum = names["information"], names["at"], names["spectrum"]
    around = [[np.asarray(spectrum({**at, name: step})) for step in (-1e-4, 1e-4)] for name in at]
    slopes = np.array([(up - down) / 2e-4 for down, up in around])
    want = slopes / np.asarray(spectrum(at)) @ slopes.T
    np.testing.assert_allclose(information, want, rtol=1e-5)


def test_the_example_of_the_bridge_gives_the_slope_of_the_loss():
    pytest.importorskip("jax")
    names = run(DOCS / "guides" / "inside-jax.md")
    masses, jets = names["masses"], names["jets_for_jax"]
    loss = [np.mean((np.asarray(masses(jets, at)) - 91.2) ** 2) for at in (0.0, 0.02)]
    np.testing.assert_allclose(names["slope"](0.01), (loss[1] - loss[0]) / 0.02, rtol=1e-3)


def test_the_examples_of_loops():
    text = (DOCS / "loops.md").read_text()
    leading, partials = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names = {}
    exec(leading, names)
    loop, mass = names["leading_mass"], names["heaviest"]
    assert mass.tolist() == loop(names["jets"]).tolist()
    np.testing.assert_allclose(names["change"], mass, rtol=1e-12)  # linear in the energy scale
    exec(partials, names)
    np.testing.assert_allclose(names["dy"], 1.0, rtol=1e-9)
    np.testing.assert_allclose(names["y"], names["centres"](names["events"]), rtol=1e-12)


@pytest.mark.parametrize("kind", ["structural", "differentiable", "discrete", "refused"])
def test_every_kind_of_function_is_explained(kind):
    assert f"| {kind} |" in LIMITS.read_text()


def test_named_functions_are_of_the_kind_they_stand_under():
    table = dualak.functions()
    rows = re.findall(r"^\| (\w+) \| .* \| (.*) \|$", LIMITS.read_text(), re.MULTILINE)
    for kind, examples in rows:
        for name in re.findall(r"`(ak\.\w+)`", examples):
            assert table[name].kind == kind
