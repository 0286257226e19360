"""The table of transformations, functions and arrays: each cell is right, or refused as it says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import bridge
from tests.support import jax_matrix

bridge.register()

PROJECT = Path(__file__).parents[2]


@pytest.mark.one_in(56)
@pytest.mark.parametrize("cell", jax_matrix.CELLS)
@pytest.mark.parametrize("form", jax_matrix.FORMS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_cell_is_what_the_table_says(form, cell, dtype):
    expected = "refused" if (form, cell) in jax_matrix.REFUSED else "right"
    assert jax_matrix.outcome(form, cell, dtype) == expected


def test_the_documentation_is_made_from_the_table():
    written = PROJECT.joinpath("docs", "jax.md").read_text(encoding="utf-8")
    assert written == jax_matrix.document(), "python -m tests.support.jax_matrix > docs/jax.md"


ON_FOUR_DEVICES = """
import jax, numpy as np, bridge
from tests.support import jax_matrix as table
bridge.register()
print(len(jax.devices()), {table.outcome(form, "`shard_map`", np.float64) for form in table.FORMS})
"""


@pytest.mark.in_full
def test_devices_share_a_batch():
    """Losses of rows on four devices, and their gradients, are those of one."""
    child = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ON_FOUR_DEVICES],
        capture_output=True,
        text=True,
        env=os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=4"},
        cwd=PROJECT,
    )
    assert child.stdout == "4 {'right'}\n", child.stderr
