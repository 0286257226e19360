"""Loops over one block: what the CPU's kernels do with registers and buffers.

Every loop takes a result ``o``, up to three arguments and a length.  The functions are templates:
``kernels`` gives each copy its own ``scalar`` function (and ``fast``, ``low`` and ``high`` where
there is a vectorisable form), then compiles it.  A loop writes no register that it reads, so the
compiler may vectorise it.
"""

from __future__ import annotations

# The names that a copy gets from ``kernels``; here only so that this file reads as Python.
scalar = scalar2 = fast = None
low = high = low2 = high2 = 0.0


def unary(o, a, b, c, n):
    for i in range(n):
        o[i] = scalar(a[i])


def binary(o, a, b, c, n):
    for i in range(n):
        o[i] = scalar(a[i], b[i])


def ternary(o, a, b, c, n):
    for i in range(n):
        o[i] = scalar(a[i], b[i], c[i])


def guarded_unary(o, a, b, c, n):
    """The vectorised form where the whole block is in its interval, else the exact one."""
    safe = True
    for i in range(n):
        safe &= (a[i] >= low) & (a[i] <= high)
    if safe:
        for i in range(n):
            o[i] = fast(a[i] * 1.0)
    else:
        for i in range(n):
            o[i] = scalar(a[i])


def guarded_binary(o, a, b, c, n):
    safe = True
    for i in range(n):
        safe &= (a[i] >= low) & (a[i] <= high) & (b[i] >= low2) & (b[i] <= high2)
    if safe:
        for i in range(n):
            o[i] = fast(a[i] * 1.0, b[i] * 1.0)
    else:
        for i in range(n):
            o[i] = scalar(a[i], b[i])


def guarded_pair(o, a, b, c, n):
    """Two results, ``o`` and ``a``, of the argument ``b``."""
    safe = True
    for i in range(n):
        safe &= (b[i] >= low) & (b[i] <= high)
    if safe:
        for i in range(n):
            first, second = fast(b[i] * 1.0)
            o[i] = first
            a[i] = second
    else:
        for i in range(n):
            o[i] = scalar(b[i])
            a[i] = scalar2(b[i])


def take(o, a, b, c, n):
    """``a`` is a whole buffer, ``b`` the index."""
    for i in range(n):
        o[i] = a[b[i]]


# -- reductions: the last argument is the offsets of this block's lists -----------------------------


def segment_sum(o, a, b, c, n):
    p = 0
    for i in range(n):
        stop = b[i + 1] - b[0]
        total = 0.0
        while p < stop:
            total += a[p]
            p += 1
        o[i] = total


def segment_prod(o, a, b, c, n):
    p = 0
    for i in range(n):
        stop = b[i + 1] - b[0]
        total = 1.0
        while p < stop:
            total *= a[p]
            p += 1
        o[i] = total


def segment_prod_jvp(o, a, b, c, n):
    """Value and tangent are multiplied up together, so that zeros need no division."""
    p = 0
    for i in range(n):
        stop = c[i + 1] - c[0]
        total = 1.0
        tangent = 0.0
        while p < stop:
            tangent = tangent * a[p] + total * b[p]
            total *= a[p]
            p += 1
        o[i] = tangent


def segment_extreme(o, a, b, c, n):
    """``scalar`` says whether one number comes before another; NaN comes before nothing."""
    p = 0
    for i in range(n):
        stop = b[i + 1] - b[0]
        best = low
        while p < stop:
            best = a[p] if scalar(a[p], best) else best
            p += 1
        o[i] = best


def segment_extreme_jvp(o, a, b, c, n):
    """The mean of the tangents of all elements that are equal to the extreme."""
    p = 0
    for i in range(n):
        stop = c[i + 1] - c[0]
        best = low
        total = 0.0
        count = 0
        while p < stop:
            better = scalar(a[p], best)
            equal = a[p] == best
            total = b[p] if better else (total + b[p] if equal else total)
            count = 1 if better else (count + 1 if equal else count)
            best = a[p] if better else best
            p += 1
        o[i] = total / max(count, 1)
