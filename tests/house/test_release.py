"""What is published says the same everywhere, builds, and works where it is installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile

import pytest

import dualak
from tests.support import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RECIPE = ROOT / "docs" / "recipe" / "recipe.yaml"


def newest_release():
    return re.search(r"^## \[(\d+\.\d+\.\d+)\]", (ROOT / "CHANGELOG.md").read_text(), re.M)[1]


def test_the_version_is_said_once():
    assert f"\nversion: {newest_release()}\n" in (ROOT / "CITATION.cff").read_text()
    assert f'version: "{newest_release()}"' in RECIPE.read_text()
    assert PROJECT["tool"]["hatch"]["version"]["fallback-version"].startswith(newest_release())
    assert dualak.__version__


def test_the_recipe_needs_what_the_project_needs():
    run = RECIPE.read_text().partition("  run:\n")[2].partition("\n\n")[0]
    needs = {line.removeprefix("    - ").replace(" ", "") for line in run.splitlines()}
    project = PROJECT["project"]
    assert needs == {"python" + project["requires-python"], *project["dependencies"]}


@pytest.mark.parametrize(
    "path",
    [RECIPE, ROOT / "CITATION.cff", *sorted((ROOT / ".github" / "workflows").glob("*.yml"))],
    ids=lambda path: path.name,
)
def test_files_of_the_release_are_yaml(path):
    yaml = pytest.importorskip("yaml")
    assert isinstance(yaml.safe_load(path.read_text()), dict)


def test_workflows_call_sessions_that_are_there():
    sessions = re.findall(r"^def (\w+)\(session", (ROOT / "noxfile.py").read_text(), re.M)
    text = "\n".join(path.read_text() for path in (ROOT / ".github" / "workflows").glob("*.yml"))
    called = [
        name.partition("-")[0]
        for line in re.findall(r"nox -s (.+)", re.sub(r"\$\{\{.*?\}\}|\"", "", text))
        for name in line.split()
    ]
    assert called
    assert set(called) <= set(sessions)


@pytest.mark.in_full
def test_the_wheel_runs_the_readme(tmp_path):
    for package in ("build", "hatchling", "hatch_vcs", "twine"):
        pytest.importorskip(package)
    python(ROOT, "-m", "build", "--no-isolation", "--outdir", str(tmp_path))
    (wheel,), (sdist,) = tmp_path.glob("*.whl"), tmp_path.glob("*.tar.gz")
    python(tmp_path, "-m", "twine", "check", "--strict", str(wheel), str(sdist))
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    (block, *_) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    said = python(tmp_path, "-c", block + "print(dualak.__file__)", path=tmp_path / "installed")
    assert said.splitlines()[:2] == re.findall(r"print\(\w+\) +# (.*)", block)
    assert str(tmp_path) in said.splitlines()[2]


def python(folder, *words, path=None):
    """What a process of Python prints in a folder, whose environment may have one more of ours."""
    environment = {**os.environ}
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
