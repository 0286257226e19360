"""Loops that are compiled by Numba: duals as its scalars, and arrays of duals as its arguments."""

from __future__ import annotations

from dualak.scalars import operations
from dualak.scalars.buffers import array, empty, full, zeros
from dualak.scalars.elements import kernel_buffer
from dualak.scalars.inner import partials

__all__ = ["array", "empty", "full", "kernel_buffer", "operations", "partials", "zeros"]
