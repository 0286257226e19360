"""What all tests have in common: settings of JAX are put back, and a part of them can be chosen."""

from __future__ import annotations

import os
import sys

import pytest

from tests.support import depth

#: Importing the first puts the stand-in for CuPy, and kernels of the host, in place for the whole
#: process; the others are programs, which need dask and coffea.
collect_ignore = ["support/rehearsal", "hist/cluster_job.py", "hist/fit_job.py"]


@pytest.fixture(autouse=True)
def _settings_of_jax():
    """Benchmarks switch double precision on for the whole process, as a program may."""
    known = sys.modules.get("jax")
    before = known.config.read("jax_enable_x64") if known else False
    yield
    jax = sys.modules.get("jax")
    if jax is not None and jax.config.read("jax_enable_x64") != before:
        jax.config.update("jax_enable_x64", before)


class _InGroups:
    """Which tests go to one process together: the cases of one function, or a whole file.

    Cases of a function compile the same, and a process that is given one test at a time waits.  In
    these files a function starts for all others what is slow to start.
    """

    FILES = (
        "tests/executors/test_cuda_on_host.py",
        "tests/executors/test_cuda_simulator.py",
        "tests/bridge/test_functions_under_jit.py",
    )

    def _split_scope(self, nodeid):
        file = nodeid.partition("::")[0]
        return file if file in self.FILES else nodeid.partition("[")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    from xdist.scheduler import LoadScopeScheduling

    return type("InGroups", (_InGroups, LoadScopeScheduling), {})(config, log)


def pytest_report_header():
    return f"suite: {'large' if depth.EVERYTHING else 'everyday'}, part {part() or 'all'}"


def pytest_collection_modifyitems(config, items):
    """Every day some cases run; with DUALAK_PART, such as ``2/3``, only that part of the tests."""
    left_out = depth.left_out(items, config.args)
    if part():
        left_out |= {item for item in items if not depth.in_part(family(item), part())}
    if left_out:
        config.hook.pytest_deselected(items=[item for item in items if item in left_out])
        items[:] = [item for item in items if item not in left_out]


def part():
    return os.environ.get("DUALAK_PART", "")


def family(item):
    """What stays together: a test, or those of one group, which share what is slow to make."""
    group = item.get_closest_marker("xdist_group")
    return group.args[0] if group else item.nodeid
