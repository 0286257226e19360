"""What all tests have in common: settings of JAX that a test changes are put back."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture(autouse=True)
def _settings_of_jax():
    """Benchmarks switch double precision on for the whole process, as a program may."""
    known = sys.modules.get("jax")
    before = known.config.read("jax_enable_x64") if known else False
    yield
    jax = sys.modules.get("jax")
    if jax is not None and jax.config.read("jax_enable_x64") != before:
        jax.config.update("jax_enable_x64", before)
