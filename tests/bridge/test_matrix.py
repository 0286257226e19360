"""The table of transformations, functions and arrays: each cell is right, or refused as it says."""

from __future__ import annotations

import numpy as np
import pytest

import bridge
from tests.support import jax_matrix

bridge.register()


@pytest.mark.one_in(9)
@pytest.mark.parametrize("cell", jax_matrix.CELLS)
@pytest.mark.parametrize("form", jax_matrix.FORMS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_cell_is_what_the_table_says(form, cell, dtype):
    expected = "refused" if (form, cell) in jax_matrix.REFUSED else "right"
    assert jax_matrix.outcome(form, cell, dtype) == expected


def test_the_table_of_the_documentation_is_of_these_cells():
    with open("docs/jax.md", encoding="utf-8") as file:
        assert file.read() == jax_matrix.document(), (
            "python -m tests.support.jax_matrix > docs/jax.md"
        )
