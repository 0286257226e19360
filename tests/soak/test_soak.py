"""The jobs of a soak are right when they run once; ``python -m tests.soak`` runs them for hours."""

from __future__ import annotations

import os

import numpy as np
import pytest

from tests.soak.work import JOBS

SLOW = ("spawned", "without memory", "dask workers")


@pytest.mark.skipif(os.name != "posix", reason="forks and signals are those of POSIX")
@pytest.mark.parametrize(
    "name", [pytest.param(one, marks=[pytest.mark.in_full] * (one in SLOW)) for one in JOBS]
)
def test_a_job_finds_nothing_wrong(name):
    JOBS[name].run(np.random.default_rng(0))
