"""Loops over one block: what the CPU's kernels do with registers and buffers.

Every loop takes a result ``o``, up to four further results or arguments, and a length.  The
functions are templates: ``kernels`` gives each copy its own ``scalar`` function (and ``fast``,
``low`` and ``high`` where there is a vectorisable form), then compiles it.  A loop writes no
register that it reads, so the compiler may vectorise it.
"""

from __future__ import annotations

# The names that a copy gets from ``kernels``; here only so that this file reads as Python.
scalar = scalar2 = fast = None
low = high = low2 = high2 = 0.0
zero, one = 0.0, 1.0


def unary(o, a, b, c, d, n):
    for i in range(n):
        o[i] = scalar(a[i])


def binary(o, a, b, c, d, n):
    for i in range(n):
        o[i] = scalar(a[i], b[i])


def product(o, a, b, c, d, n):
    """The product, and ``scalar`` for a block where that is not defined somewhere."""
    undefined = False
    for i in range(n):
        x = a[i] * b[i]
        o[i] = x
        undefined |= x != x
    if undefined:
        for i in range(n):
            o[i] = scalar(a[i], b[i])


def ternary(o, a, b, c, d, n):
    for i in range(n):
        o[i] = scalar(a[i], b[i], c[i])


def guarded_unary(o, a, b, c, d, n):
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


def guarded_binary(o, a, b, c, d, n):
    safe = True
    for i in range(n):
        safe &= (a[i] >= low) & (a[i] <= high) & (b[i] >= low2) & (b[i] <= high2)
    if safe:
        for i in range(n):
            o[i] = fast(a[i] * 1.0, b[i] * 1.0)
    else:
        for i in range(n):
            o[i] = scalar(a[i], b[i])


def guarded_pair(o, a, b, c, d, n):
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


def take(o, a, b, c, d, n):
    """``a`` is a whole buffer, ``b`` the index."""
    for i in range(n):
        o[i] = a[b[i]]


def columns(o, a, b, c, d, n):
    """Adds the lists of ``a``, which are of one length, to ``o``, element by element."""
    width = b[1] - b[0]
    for i in range(n):
        start = b[i] - b[0]
        for j in range(width):
            o[j] += a[start + j]


def tile(o, a, b, c, d, n):
    """``a`` is a whole buffer, as long as each list."""
    width = b[1] - b[0]
    for i in range(n):
        start = b[i] - b[0]
        for j in range(width):
            o[start + j] = a[j]


# -- reductions: the last argument is the offsets of this block's lists ----------------------------
#
# Lists are short, so a loop over each would be mispredicted at its end every time.  Instead the
# first WIDE elements are read without a branch, those of the next lists among them, and chosen by a
# select; only longer lists branch.  The last lists of a block, where that would read past its end,
# go one by one: ``start_of_tail`` says from which list on.

WIDE = 8


def start_of_tail(offsets, n):
    """The first list that does not have WIDE elements of the block from its start on."""
    i = n
    while i > 0 and offsets[n] - offsets[i - 1] < WIDE:
        i -= 1
    return i


def repeat(o, a, b, c, d, n):
    """The number ``a`` of each list for its elements."""
    tail = start_of_tail(b, n)
    p = 0
    for i in range(tail):
        length = b[i + 1] - b[0] - p
        x = a[i]
        for j in range(WIDE):
            o[p + j] = x
        for q in range(p + WIDE, p + length):
            o[q] = x
        p += length
    for i in range(tail, n):
        for q in range(b[i] - b[0], b[i + 1] - b[0]):
            o[q] = a[i]


def segment_fold(o, a, b, c, d, n):
    """``scalar`` joins an element to what was joined before; ``low`` is joined to nothing."""
    tail = start_of_tail(b, n)
    p = 0
    for i in range(tail):
        length = b[i + 1] - b[0] - p
        total = low
        for j in range(WIDE):
            x = a[p + j]
            total = scalar(total, x if j < length else low)
        for q in range(p + WIDE, p + length):
            total = scalar(total, a[q])
        o[i] = total
        p += length
    for i in range(tail, n):
        total = low
        for q in range(b[i] - b[0], b[i + 1] - b[0]):
            total = scalar(total, a[q])
        o[i] = total


#: Lists longer than this are added up in the order that is fastest, others one after the other.
LONG = 256


def long_sum(a, start, stop, total):
    """The total and some elements, several of them side by side."""
    for q in range(start, stop):
        total += a[q]
    return total


def segment_sum(o, a, b, c, d, n):
    tail = start_of_tail(b, n)
    p = 0
    for i in range(tail):
        length = b[i + 1] - b[0] - p
        total = low
        for j in range(WIDE):
            x = a[p + j]
            total += x if j < length else zero
        if length > LONG:
            total = long_sum(a, p + WIDE, p + length, total)
        else:
            for q in range(p + WIDE, p + length):
                total += a[q]
        o[i] = total
        p += length
    for i in range(tail, n):
        total = low
        for q in range(b[i] - b[0], b[i + 1] - b[0]):
            total += a[q]
        o[i] = total


def segment_sum_pair(o, a, b, c, d, n):
    """The sums ``o`` of ``b`` and ``a`` of ``c``."""
    tail = start_of_tail(d, n)
    p = 0
    for i in range(tail):
        length = d[i + 1] - d[0] - p
        total = low
        other = low
        for j in range(WIDE):
            x = b[p + j]
            y = c[p + j]
            total += x if j < length else zero
            other += y if j < length else zero
        if length > LONG:
            total = long_sum(b, p + WIDE, p + length, total)
            other = long_sum(c, p + WIDE, p + length, other)
        else:
            for q in range(p + WIDE, p + length):
                total += b[q]
                other += c[q]
        o[i] = total
        a[i] = other
        p += length
    for i in range(tail, n):
        total = low
        other = low
        for q in range(d[i] - d[0], d[i + 1] - d[0]):
            total += b[q]
            other += c[q]
        o[i] = total
        a[i] = other


def segment_prod_pair(o, a, b, c, d, n):
    """The products ``o`` of the values ``b``, and ``a``, their tangents.

    Both are multiplied up together, so that zeros need no division.  A tangent that is undefined
    is worked out again, with ``scalar`` for a product.
    """
    for i in range(n):
        total = low
        tangent = 0.0
        for q in range(d[i] - d[0], d[i + 1] - d[0]):
            x = b[q]
            tangent = tangent * x + total * c[q]
            total *= x
        o[i] = total
        if tangent != tangent:
            total = low
            tangent = 0.0
            for q in range(d[i] - d[0], d[i + 1] - d[0]):
                tangent = scalar(tangent, b[q]) + scalar(total, c[q])
                total = scalar(total, b[q])
        a[i] = tangent


def segment_extreme_pair(o, a, b, c, d, n):
    """The extremes ``o`` of ``b``, and ``a``, the means of the tangents of all equal to them.

    ``scalar`` says whether a number comes before another; NaN comes before nothing.
    """
    for i in range(n):
        best = low
        total = zero
        count = zero
        for q in range(d[i] - d[0], d[i + 1] - d[0]):
            x = b[q]
            t = c[q]
            better = scalar(x, best)
            tie = x == best
            total = t if better else (total + t if tie else total)
            count = one if better else (count + one if tie else count)
            best = x if better else best
        o[i] = best
        a[i] = total / max(count, one)


def segment_prod_jvp(o, a, b, c, d, n):
    """The tangents alone: of ``segment_prod_pair``, without the products."""
    for i in range(n):
        total = low
        tangent = 0.0
        for q in range(c[i] - c[0], c[i + 1] - c[0]):
            x = a[q]
            tangent = tangent * x + total * b[q]
            total *= x
        if tangent != tangent:
            total = low
            tangent = 0.0
            for q in range(c[i] - c[0], c[i + 1] - c[0]):
                tangent = scalar(tangent, a[q]) + scalar(total, b[q])
                total = scalar(total, a[q])
        o[i] = tangent


def segment_extreme_jvp(o, a, b, c, d, n):
    """The tangents alone: of ``segment_extreme_pair``, without the extremes."""
    for i in range(n):
        best = low
        total = zero
        count = zero
        for q in range(c[i] - c[0], c[i + 1] - c[0]):
            x = a[q]
            t = b[q]
            better = scalar(x, best)
            tie = x == best
            total = t if better else (total + t if tie else total)
            count = one if better else (count + one if tie else count)
            best = x if better else best
        o[i] = total / max(count, one)
