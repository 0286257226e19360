"""What every kernel for CUDA computes: in Numba's simulator, in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

pytest.importorskip("numba_cuda", reason="Numba-CUDA is not installed (extra: test)")

from cuda_cases import CASES

PROCESSES = 2
SECONDS = 500


@pytest.fixture(scope="module")
def outcomes(request):
    """What became of each case that was asked for, by its name."""
    items = [item for item in request.session.items if item.fspath == request.fspath]
    names = [item.callspec.params["name"] for item in items if hasattr(item, "callspec")]
    runs = [_started(names[start::PROCESSES]) for start in range(PROCESSES)]
    return {one["name"]: one for run in runs for one in _finished(*run)}


def _started(names):
    # A file holds any number of lines, and those of a process that is stopped as well.
    lines = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed when they are read
    process = subprocess.Popen(
        [sys.executable, "-W", "error", str(Path(__file__).with_name("cuda_cases.py"))],
        stdin=subprocess.PIPE,
        stdout=lines,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "NUMBA_ENABLE_CUDASIM": "1"},
    )
    process.stdin.write(json.dumps(names))
    process.stdin.close()
    return process, lines


def _finished(process, lines):
    with lines:
        try:
            process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        lines.seek(0)
        text = lines.read()
    found = [json.loads(line) for line in text.splitlines() if line.startswith('{"name"')]
    rest = "\n".join(line for line in text.splitlines() if not line.startswith('{"name"'))
    return [*found, {"name": None, "error": rest, "seconds": 0.0}]


@pytest.mark.parametrize("name", CASES)
def test_the_simulator_gives_what_the_cpu_gives(name, outcomes):
    lost = f"the process ended before this case was through:\n{outcomes[None]['error']}"
    found = outcomes.get(name, {"error": lost})
    assert found["error"] is None, found["error"]


def test_a_wrong_kernel_would_be_seen():
    """The same comparison, with a kernel that adds what it should multiply."""
    program = (
        "import cuda_cases as c\n"
        "from dualak.executors.cuda import spelling\n"
        "spelling.EXPRESSIONS['multiply'] = '{0} + {1}'\n"
        "c.hasten_the_simulator()\n"
        "assert c.outcome('operation multiply float64') is not None\n"
        "assert c.outcome('operation subtract float64') is None\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parent,
        env={**os.environ, "NUMBA_ENABLE_CUDASIM": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
