"""Compiled code on disk is never met by another formula: its key knows every file it is made of."""

from __future__ import annotations

import ast

import pytest

from dualak.executors.cpu import binning, kernels
from dualak.executors.cuda import compiler
from dualak.njit import types
from tests.support import ROOT

PACKAGE = ROOT / "dualak"


def imported_by(file: str) -> set[str]:
    """The files of dualak that a file takes names or modules from."""
    found = set()
    for node in ast.walk(ast.parse((PACKAGE / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dualak"):
            parent = ROOT / (node.module or "").replace(".", "/")
            for name in (f"{parent}.py", *(f"{parent}/{one.name}.py" for one in node.names)):
                found.add(name.removeprefix(f"{PACKAGE}/"))
    return {name for name in found if (PACKAGE / name).is_file()}


def test_kernels_of_the_cpu_know_the_files_that_theirs_import():
    for name in kernels.SOURCES:
        assert imported_by(name) <= set(kernels.SOURCES), name


def test_the_table_of_reductions_is_among_them():
    assert "rules/reductions.py" in kernels.SOURCES


def test_kernels_of_cuda_know_files_that_exist():
    for name in compiler.SOURCES:
        assert (PACKAGE / "executors" / name).is_file(), name


def test_loops_know_packages_that_exist():
    for name in types.SOURCES:
        assert list((PACKAGE / name).glob("*.py")), name


@pytest.mark.parametrize("of", [kernels._digest, types.digest, binning.digest])
def test_a_digest_changes_with_a_file(of, monkeypatch):
    of.cache_clear()
    known = of()
    monkeypatch.setattr(kernels, "SOURCES", kernels.SOURCES[1:])
    monkeypatch.setattr(types, "SOURCES", types.SOURCES[1:])
    monkeypatch.setattr(binning, "SOURCES", binning.SOURCES[1:])
    of.cache_clear()
    assert of() != known
    of.cache_clear()
