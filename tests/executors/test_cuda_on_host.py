"""Kernels at a device's geometry: Numba-CUDA's own code, run by the host and watched.

A launch on the host says where threads race, leave a buffer, read what nobody wrote, or part at a
barrier; the planted bugs show that it does.  A process of its own has the stand-in for CuPy.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("nvidia", reason="NVIDIA's libdevice is not installed (extra: test)")

from tests.support import (
    ROOT,
    WARNINGS,
    cuda_cases,
    depth,
    host_device,
    on_host,
    require_compiler,
    require_pointers_without_types,
)

require_compiler()
require_pointers_without_types()
if on_host.missing():
    pytest.skip(on_host.missing(), allow_module_level=True)
#: The process is started for all cases at once.
pytestmark = pytest.mark.xdist_group("on the host")

EVERYDAY = ("reduction prod around float64", "columns 31 65", "bands 257 5")
SIMULATED = [f"simulator: {name}" for name in cuda_cases.CASES]
CASES = depth.everyday(EVERYDAY, [*host_device.CASES, *SIMULATED])
BUGS = depth.everyday(["no barrier between the steps of bands"], list(host_device.BUGS))


@pytest.fixture(scope="module")
def outcomes(request):
    """What became of each case and each bug that was asked for, by its name."""
    items = [item for item in request.session.items if item.fspath == request.fspath]
    wanted = [item.callspec.params["name"] for item in items if hasattr(item, "callspec")]
    done = subprocess.run(
        [sys.executable, *WARNINGS, "-m", "tests.support.host_device"],
        input=json.dumps(wanted),
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"NUMBA_ENABLE_CUDASIM": "0"},
        timeout=3000,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"name"')]
    return {line["name"]: line["error"] for line in lines} | {None: done.stderr}


def outcome(outcomes, name):
    assert name in outcomes, f"the process ended before this case was through:\n{outcomes[None]}"
    return outcomes[name]


@pytest.mark.parametrize("name", CASES)
def test_the_host_gives_what_the_cpu_gives(name, outcomes):
    error = outcome(outcomes, name)
    assert error is None, error


@pytest.mark.parametrize("name", BUGS)
def test_a_bug_is_seen(name, outcomes):
    assert outcome(outcomes, name), "nothing was seen of this bug"
