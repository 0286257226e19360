"""Type checkers see the signatures of the user's own functions, and find mistakes in calls."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys

import pytest

from tests.support import ROOT

USER = ROOT / "tests" / "support" / "typed_user.py"
WRONG = [
    number
    for number, line in enumerate(USER.read_text().splitlines(), 1)
    if line.endswith("# wrong")
]
CHECKERS = {
    "mypy": ("--follow-imports=silent",),
    "pyright": ("--pythonpath", sys.executable),
}


def complaints(checker):
    """The lines of the user's file that a checker finds wrong."""
    words = [sys.executable, "-m", checker, *CHECKERS[checker], str(USER.relative_to(ROOT))]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    found = re.findall(rf"{USER.name}:(\d+):.*error", done.stdout)
    assert found, done.stdout + done.stderr
    return sorted(set(map(int, found))), done.stdout


@pytest.mark.in_full
@pytest.mark.parametrize("checker", CHECKERS)
def test_calls_are_checked(checker):
    if importlib.util.find_spec(checker) is None:
        pytest.skip(f"{checker} is not installed")
    found, said = complaints(checker)
    assert found == WRONG, said
