"""The pages of the site: their blocks run, their links lead somewhere, and no page is left out.

A block is what ``make docs`` runs, a ``code-cell``; those of a page share their names, as the cells
of a notebook do. A page may name packages that it needs beyond the project's own, in its head.
"""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
import warnings

import pytest

from tests.support import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(page for page in DOCS.rglob("*.md") if "recipe" not in page.parts)
LINKED = [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
CELLS = re.compile(r"^```\{code-cell\} python\n(?::.*\n)*(.*?)^```", re.DOTALL | re.MULTILINE)
LINKS = re.compile(r"\[[^\]]*\]\(([^)#:\s]+)(?:#[^)]*)?\)")


def name_of(page):
    return page.relative_to(DOCS).with_suffix("").as_posix()


def cells(page):
    return CELLS.findall(page.read_text())


def needed(page):
    found = re.search(r"^needs: \[(.*)\]$", page.read_text(), re.MULTILINE)
    return re.findall(r"\w+", found[1]) if found else []


def run(page):
    names = {"__name__": "__main__"}
    for source in cells(page):
        exec(compile(source, page.name, "exec"), names)
    return names


RUN = [name_of(page) for page in PAGES if cells(page)]
#: Those that take little time, and that newcomers see first.
EVERY_DAY = ["start"]


@pytest.fixture
def _plots():
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.switch_backend("Agg")
    yield
    plt.close("all")


def assert_runs(page):
    for package in needed(page):
        pytest.importorskip(package)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a notebook shows them; so does the page
        run(page)


@pytest.mark.usefixtures("_plots")
@pytest.mark.parametrize("name", EVERY_DAY)
def test_first_pages_run(name):
    assert_runs(DOCS / f"{name}.md")


@pytest.mark.one_in(12)
@pytest.mark.usefixtures("_plots")
@pytest.mark.parametrize("name", [name for name in RUN if name not in EVERY_DAY])
def test_other_pages_run(name):
    assert_runs(DOCS / f"{name}.md")


@pytest.mark.parametrize("page", LINKED, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_files(page):
    away = [link for link in LINKS.findall(page.read_text()) if not (page.parent / link).exists()]
    assert away == []


def test_every_page_stands_in_the_table_of_contents():
    text = "\n".join(page.read_text() for page in PAGES)
    listed = re.findall(r"^([\w/-]+)$", "\n".join(_toctrees(text)), re.MULTILINE)
    assert sorted(name_of(page) for page in PAGES if name_of(page) != "index") == sorted(listed)


def _toctrees(text):
    return re.findall(r"^```\{toctree\}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@pytest.mark.in_full
def test_the_site_builds_without_a_warning(tmp_path):
    for package in ("sphinx", "myst_nb", "sphinx_book_theme", "iminuit", "mplhep"):
        pytest.importorskip(package)
    words = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", "docs", str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "index.html").exists()


def errors_of_the_house():
    """The classes of errors and warnings that modules define, but for those that stay inside."""
    found = set()
    for folder in ("dualak", "bridge"):
        for path in (ROOT / folder).rglob("*.py"):
            found |= set(re.findall(r"^class (\w+(?:Error|Warning))\(", path.read_text(), re.M))
    return sorted(found)


@pytest.mark.parametrize("name", errors_of_the_house())
def test_every_error_is_explained(name):
    assert f"\n### {name}\n" in (DOCS / "troubleshooting.md").read_text()


@pytest.mark.parametrize("module", ["dualak", "dualak.hist", "bridge"])
def test_every_public_name_stands_in_the_reference(module):
    pytest.importorskip({"dualak.hist": "hist", "bridge": "jax"}.get(module, "dualak"))
    room = importlib.import_module(module)
    public = {name for name in room.__all__ if not inspect.ismodule(getattr(room, name))}
    listed = re.findall(
        r"^\.\. auto\w+:: ([A-Za-z_]\w*)$", (DOCS / "reference.md").read_text(), re.M
    )
    assert public - set(listed) == set()
