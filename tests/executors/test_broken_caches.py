"""Compiled code on disk that is broken, or that others can write to: compiled again, said once."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from dualak.executors import compiled

#: A function in a file of its own, compiled for C and called; it prints what it gave and warned.
PROGRAM = """
import ctypes, sys, warnings
from numba import types
sys.path.insert(0, {folder!r})
import kernel
from dualak.executors import compiled
warnings.simplefilter("always")
with warnings.catch_warnings(record=True) as said:
    made = compiled.compiled(types.int64(types.int64), kernel.double)
    both = compiled.jit(kernel.plus)(20, 1)
call = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(made.address)
print(call(21), both, made.cache_hits, [one.category.__name__ for one in said])
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with functions to compile, and one for what is kept of them."""
    (tmp_path / "kernel.py").write_text(
        "def double(x):\n    return x + x\n\n\ndef plus(x, y):\n    return x + y\n"
    )
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kept"))
    monkeypatch.delenv("DUALAK_TRUST_CACHE", raising=False)
    return tmp_path


def kept(folder: Path, kind: str) -> list[Path]:
    return sorted((folder / "kept").rglob(f"*.{kind}"))


def run(folder: Path) -> str:
    program = PROGRAM.format(folder=str(folder))
    made = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return made.stdout.strip()


def spoil(name: str, path: Path) -> None:
    whole = path.read_bytes()
    broken = {
        "empty": b"",
        "cut off": whole[: len(whole) // 2],
        "no pickle": b"\x93NUMPY" * 40,
        "of another class": pickle.dumps((1, 2, 3)),
    }
    path.write_bytes(broken[name])


@pytest.mark.parametrize("kind", ["nbi", "nbc"])
@pytest.mark.parametrize("name", ["empty", "cut off", "no pickle", "of another class"])
def test_a_broken_file_is_compiled_anew_with_one_warning(name, kind, folder, monkeypatch):
    calls = _in_process(folder, monkeypatch)
    assert calls() == (42, [])
    for path in kept(folder, kind):
        spoil(name, path)
    # An index whose first pickle is no version of Numba's is one of another version.
    of_another_version = (name, kind) == ("of another class", "nbi")
    assert calls() == (42, [] if of_another_version else ["CacheWarning"])
    assert calls() == (42, [])
    assert not list((folder / "kept").rglob("*.tmp.*"))


def _in_process(folder, monkeypatch):
    """Compiles a function as a new process would, and gives its result and what was warned of."""
    import ctypes
    import importlib.util

    from numba import types

    def calls():
        spec = importlib.util.spec_from_file_location("kernel", folder / "kernel.py")
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "kernel", module)
        spec.loader.exec_module(module)
        compiled._warned.clear()
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            made = compiled.compiled(types.int64(types.int64), module.double)
            assert compiled.jit(module.plus)(20, 1) == 21
        call = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(made.address)
        return call(21), [one.category.__name__ for one in said]

    import numba

    monkeypatch.setattr(numba.config, "CACHE_DIR", str(folder / "kept"))
    return calls


@pytest.mark.in_full
def test_another_process_finds_what_was_kept_and_survives_what_is_broken(folder):
    assert run(folder) == "42 21 0 []"
    for path in [*kept(folder, "nbi"), *kept(folder, "nbc")]:
        path.write_bytes(b"")
    assert run(folder) == "42 21 0 ['CacheWarning']"
    assert run(folder) == "42 21 1 []"


def test_compilation_may_not_be_switched_off(monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    made = subprocess.run(
        [sys.executable, "-c", "import dualak"], capture_output=True, text=True, check=False
    )
    assert made.returncode == 1
    assert "NUMBA_DISABLE_JIT=1; unset it" in made.stderr.splitlines()[-1]


def test_a_full_disk_is_said_once(folder, monkeypatch):
    calls = _in_process(folder, monkeypatch)

    def full(self, sig, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(compiled.FunctionCache, "save_overload", full)
    assert calls() == (42, ["CacheWarning"])


@pytest.mark.skipif(os.name != "posix", reason="rights of folders are those of POSIX")
def test_a_folder_that_others_can_write_to_is_not_used(folder, monkeypatch):
    calls = _in_process(folder, monkeypatch)
    assert calls() == (42, [])
    for path in {one.parent for one in kept(folder, "nbi")}:
        assert path.stat().st_mode & 0o077 == 0
        path.chmod(0o777)
    for path in kept(folder, "nbc"):
        path.write_bytes(b"planted")
    assert calls() == (42, ["CacheWarning"])
    monkeypatch.setenv("DUALAK_TRUST_CACHE", "1")
    assert calls() == (42, ["CacheWarning"])
    assert calls() == (42, [])
