"""What every kernel for CUDA computes, and arrays of a device: in Numba's simulator.

The simulator needs processes of its own, which say what became of each case.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile

import pytest

pytest.importorskip("numba_cuda", reason="Numba-CUDA is not installed (extra: test)")

from tests.support import ROOT, WARNINGS, cuda_backend_cases, cuda_cases, depth

PROCESSES = 2
SECONDS = 500
ROOMS = {"cuda_cases": cuda_cases.CASES, "cuda_backend_cases": cuda_backend_cases.CASES}
CASES = depth.share([(room, name) for room, cases in ROOMS.items() for name in cases], 20)
#: The processes are started for all cases at once.
pytestmark = pytest.mark.xdist_group("simulator")
SIMULATE = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1"}


@pytest.fixture(scope="module")
def outcomes(request):
    """What became of each case that was asked for, by its room and name."""
    items = [item for item in request.session.items if item.fspath == request.fspath]
    wanted = [item.callspec.params for item in items if hasattr(item, "callspec")]
    found = {}
    for room in ROOMS:
        names = [one["name"] for one in wanted if one["room"] == room]
        runs = [_started(room, names[start::PROCESSES]) for start in range(PROCESSES)]
        lines = [line for run in runs for line in _finished(*run)]
        found |= {(room, one["name"]): one["error"] for one in lines}
    return found


def _started(room, names):
    # A file holds any number of lines, and those of a process that is stopped as well.
    lines = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed when they are read
    process = subprocess.Popen(
        [sys.executable, *WARNINGS, "-m", f"tests.support.{room}"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=lines,
        stderr=subprocess.STDOUT,
        text=True,
        env=SIMULATE,
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
    return [*found, {"name": None, "error": rest}]


@pytest.mark.parametrize(("room", "name"), CASES, ids=[f"{room}: {name}" for room, name in CASES])
def test_the_simulator_gives_what_the_cpu_gives(room, name, outcomes):
    lost = f"the process ended before this case was through:\n{outcomes[room, None]}"
    error = outcomes.get((room, name), lost)
    assert error is None, error


def test_a_wrong_kernel_would_be_seen():
    """The same comparison, with a kernel that adds what it should multiply."""
    program = (
        "from tests.support import cuda_cases as c\n"
        "from dualak.executors.cuda import operations\n"
        "operations.EXPRESSIONS['multiply'] = '{0} + {1}'\n"
        "c.hasten_the_simulator()\n"
        "assert c.outcome('operation multiply float64') is not None\n"
        "assert c.outcome('operation subtract float64') is None\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=SIMULATE,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
