"""Loops compiled by Numba that programs call."""

from __future__ import annotations

import math

import numba

import dualak


@numba.njit
def norms(x):
    """The norm of each list."""
    out = dualak.empty(len(x))
    for i in range(len(x)):
        total = 0.0
        for one in x[i]:
            total += one * one
        out[i] = math.sqrt(total + 0.25)
    return out


@numba.njit
def largest(x):
    """The largest number of each list, or -9."""
    out = dualak.empty(len(x))
    for i in range(len(x)):
        best = -9.0
        for one in x[i]:
            if one > best:
                best = one
        out[i] = best
    return out


@numba.njit
def running(x):
    """Running sums of tanh of flat numbers."""
    out = dualak.empty(len(x))
    total = 0.0
    for i in range(len(x)):
        total = 0.5 * total + math.tanh(x[i])
        out[i] = total
    return out


@numba.njit
def scaled(x, s):
    """Each list's sum, times exp of a number."""
    out = dualak.empty(len(x))
    for i in range(len(x)):
        total = 0.0
        for one in x[i]:
            total += one * math.exp(0.1 * s)
        out[i] = total
    return out
