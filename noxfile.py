"""What is checked before a release: ``nox`` runs all of it, ``nox -s lint`` one session."""

from __future__ import annotations

from pathlib import Path

import nox

nox.options.default_venv_backend = "uv|virtualenv"
PYTHONS = ("3.11", "3.12", "3.13")

#: The oldest releases that pyproject.toml allows and that fit together; SciPy is as JAX wants it.
OLDEST = ("awkward==2.8.11", "numba==0.61.*", "jax==0.10.0", "jaxlib==0.10.0")
#: The oldest NumPy that has wheels for a Python.
OLDEST_NUMPY = {"3.13": "numpy==2.1.*"}


def everyday(session: nox.Session, *options: str) -> None:
    session.run(
        *("python", "-m", "pytest", "-n", "auto", "--dist", "loadgroup", *options),
        *session.posargs,
        env={"DUALAK_NUM_THREADS": "1"},
    )


@nox.session
def lint(session: nox.Session) -> None:
    """All hooks of pre-commit: ruff, mypy, import-linter, codespell, white space."""
    session.install("-e", ".[test,demo,dev]")
    session.run("pre-commit", "run", "--all-files", *session.posargs)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The everyday suite with what pip chooses."""
    session.install("-e", ".[test,demo,dev]")
    everyday(session)


@nox.session(python=PYTHONS)
def oldest(session: nox.Session) -> None:
    """The everyday suite with the oldest dependencies that are allowed."""
    numpy = OLDEST_NUMPY.get(session.python, "numpy==2.0.*")
    session.install("-e", ".[test,demo,dev]", *OLDEST, numpy)
    everyday(session)


@nox.session(python=PYTHONS[-1])
def newest(session: nox.Session) -> None:
    """The large suite with the newest dependencies, release candidates among them."""
    session.install("--upgrade", "--pre", "awkward", "jax", "numba", "numpy", "scipy", "vector")
    session.install("-e", ".[test,demo,dev]")
    session.env["DUALAK_TESTS"] = "all"
    everyday(session)


@nox.session(python=PYTHONS[0])
def coverage(session: nox.Session) -> None:
    """Which lines the everyday suite runs."""
    session.install("-e", ".[test,demo,dev]")
    everyday(session, "--cov=dualak", "--cov=bridge", "--cov-report=term-missing:skip-covered")


@nox.session
def docs(session: nox.Session) -> None:
    """The site, and the examples of the README and of all docstrings."""
    session.install("-e", ".[test,demo,dev,docs]")
    session.run(*("python", "-m", "sphinx", "-W", "-q", "-b", "html", "docs", "build/site"))
    session.run(*("python", "-m", "pytest", "tests/house/test_readme.py"))
    session.run(*("python", "-m", "pytest", "dualak", "bridge", "-k", "not functions.md"))


@nox.session
def build(session: nox.Session) -> None:
    """What is published: sdist and wheel, their metadata, and the wheel by itself."""
    session.install("build", "twine")
    session.run("python", "-m", "build", "--outdir", "dist")
    wheels, sdists = (sorted(Path("dist").glob(f"*.{kind}")) for kind in ("whl", "tar.gz"))
    session.run("twine", "check", "--strict", *map(str, (wheels[-1], sdists[-1])))
    session.install("--force-reinstall", str(wheels[-1]))
    with session.chdir(session.create_tmp()):
        session.run("python", "-c", "import dualak; print(dualak.derivative(abs)(2.0))")
