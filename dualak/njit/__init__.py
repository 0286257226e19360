"""Loops that are compiled by Numba: duals as its scalars, and arrays of duals as its arguments."""

from __future__ import annotations

from dualak.njit import methods, overloads
from dualak.njit.constructors import array, empty, full, zeros
from dualak.njit.kernel_buffer import kernel_buffer
from dualak.njit.partials import partials

__all__ = [
    "array",
    "empty",
    "full",
    "kernel_buffer",
    "methods",
    "overloads",
    "partials",
    "zeros",
]
