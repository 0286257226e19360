"""The walls between the packages: who may import whom, and what an import may pull in."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import dualak
from tests.support import ROOT

ROOMS = ("dualak", "bridge", "bench", "tests")
SOURCES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))

# What a user who only imports dualak must not have to wait for, nor need to have.
KEPT_OUT = (
    "bridge",
    "jax",
    "cupy",
    "matplotlib",
    "uproot",
    "vector",
    "hist",
    "rich",
    "scipy",
    "correctionlib",
    "dask",
    "dask_awkward",
    "distributed",
)

# ---- nothing private of Awkward ----


def is_private(dotted: str) -> bool:
    """Whether a part of ``dotted``, a name inside awkward, is private (dunders are not)."""
    return any(part.startswith("_") and not part.endswith("__") for part in dotted.split("."))


def bound_names(tree: ast.AST) -> dict[str, str]:
    """Local names that stand for awkward or something in it, with their full dotted names."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "awkward":
                    names[alias.asname or "awkward"] = alias.name if alias.asname else "awkward"
        elif isinstance(node, ast.ImportFrom) and is_awkward(node):
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def is_awkward(node: ast.ImportFrom) -> bool:
    return node.level == 0 and (node.module or "").split(".")[0] == "awkward"


def dotted_name(node: ast.expr, names: dict[str, str]) -> str | None:
    """The full name of an attribute chain that starts at awkward, else None."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        base = dotted_name(node.value, names)
        return None if base is None else f"{base}.{node.attr}"
    return None


def names_used(node: ast.AST, names: dict[str, str]) -> Iterator[str]:
    """Every name inside awkward that ``node`` itself imports, reads or spells as a string."""
    match node:
        case ast.Import():
            yield from (a.name for a in node.names if a.name.split(".")[0] == "awkward")
        case ast.ImportFrom() if is_awkward(node):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        case ast.Attribute() if name := dotted_name(node, names):
            yield name
        case ast.Call(func=ast.Name("getattr" | "hasattr"), args=[owner, ast.Constant(value), *_]):
            if base := dotted_name(owner, names):
                yield f"{base}.{value}"
        case ast.Constant(str() as text) if re.fullmatch(r"(awkward|ak)(\.\w+)+", text):
            yield text


def private_uses(source: str) -> list[tuple[int, str]]:
    """Line and name of each private part of awkward that ``source`` uses."""
    tree = ast.parse(source)
    names = bound_names(tree)
    return sorted(
        {
            (node.lineno, name)
            for node in ast.walk(tree)
            for name in names_used(node, names)
            if is_private(name)
        }
    )


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_private_of_awkward(path: Path) -> None:
    uses = private_uses(path.read_text(encoding="utf-8"))
    assert not uses, f"private names of Awkward in {path.relative_to(ROOT)} (line, name): {uses}"


@pytest.mark.parametrize(
    "snippet",
    [
        "import awkward.{p}",
        "import awkward.{p}.numba as thing",
        "from awkward import {p}",
        "from awkward.{p} import thing",
        "from awkward.contents import {p}",
        "import awkward as ak; ak.{p}.thing",
        "import awkward as ak; ak.contents.{p}",
        "import awkward as ak; ak.Array.{p}()",
        "import awkward.contents; awkward.{p}",
        "from awkward import contents as c; c.content.{p}",
        "def f():\n    import awkward\n    return awkward.{p}",
        "import awkward as ak; getattr(ak, '{p}')",
        "import importlib; importlib.import_module('awkward.{p}.thing')",
    ],
)
def test_private_uses_are_seen(snippet: str) -> None:
    assert private_uses(snippet.format(p="_do"))


@pytest.mark.parametrize(
    "snippet",
    [
        "import awkward as ak; ak.__version__; ak.sum; ak.contents.NumpyArray",
        "from awkward.contents import NumpyArray as _NumpyArray",
        "import other as ak; ak.{p}",
        "self.{p}",
        "# awkward.{p}\n'''Not awkward.{p}, but ak.sum.'''",
    ],
)
def test_public_uses_pass(snippet: str) -> None:
    assert not private_uses(snippet.format(p="_do"))


# ---- a light import, documented names ----


def loaded_by(imports: str) -> set[str]:
    code = f"import {imports}, json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {name.split(".")[0] for name in json.loads(done.stdout)}


def test_import_pulls_in_nothing_else() -> None:
    """Beyond what its dependencies do: Numba, for one, looks for SciPy."""
    own = loaded_by("dualak") - loaded_by("awkward, numba, numpy, llvmlite")
    assert "dualak" in own
    assert not own & set(KEPT_OUT)


@pytest.mark.parametrize("name", dualak.__all__)
def test_public_name_is_documented(name: str) -> None:
    """A class, function or module has a docstring of its own; data stands in the package's."""
    thing = getattr(dualak, name)
    if inspect.isclass(thing) or inspect.isroutine(thing) or inspect.ismodule(thing):
        assert (thing.__doc__ or "").strip(), f"dualak.{name} has no docstring"
    elif not name.startswith("__"):
        assert name in (dualak.__doc__ or ""), f"dualak.{name} is not named in dualak's docstring"


def test_dir_lists_what_a_user_calls() -> None:
    assert dir(dualak) == sorted(dualak.__all__)


@pytest.mark.parametrize("name", dualak.extend.__all__)
def test_name_for_frameworks_is_documented(name: str) -> None:
    assert (getattr(dualak.extend, name).__doc__ or "").strip()
    assert f"``{name}``" in (dualak.extend.__doc__ or "") or issubclass(
        getattr(dualak.extend, name), Exception
    )


@pytest.mark.parametrize("package", ["dualak", "bridge"])
def test_package_is_typed_and_documented(package: str) -> None:
    module = importlib.import_module(package)
    assert (module.__doc__ or "").strip()
    assert isinstance(module.__all__, list | tuple)
    assert (ROOT / package / "py.typed").is_file()


# ---- the contracts between packages ----


def test_import_contracts() -> None:
    pytest.importorskip("importlinter", reason="import-linter is not installed (extra: dev)")
    code = "from importlinter.cli import lint_imports_command as run; run()"
    done = subprocess.run(
        [sys.executable, "-c", code, "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
