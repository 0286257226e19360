"""Sums of weights in bins, hard or smoothed by a kernel, and their derivatives by the positions.

One pass over entries times the bins that the kernel of each reaches.  Where there are many entries,
those of a narrow cell are first added up as moments about its centre, and the kernel is worked out
for the cells: its Taylor series is exact to the precision of float64 there.

>>> import numpy as np
>>> axis = Smooth((0.0, 1.0, 2.0), True, True, 1, "gaussian", 0.5)
>>> x, one = np.array([0.5, 1.25]), np.ones(1)
>>> sums(Bins((axis,), 4, 2), np.zeros(1, np.int64), [x], [one], [((0,), 1)]).round(3)
array([[0.165, 0.985, 0.782, 0.068]])
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib import resources
from types import FunctionType
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import carray
from numba.core import types
from numba.extending import intrinsic, register_jitable

from dualak import device
from dualak.executors.compiled import jit
from dualak.executors.cpu.executor import pool
from dualak.executors.cpu.sweeps import pointer_of
from dualak.rules.smoothing import SMOOTHINGS

#: The files that the loops below are compiled from.
SOURCES = (
    "executors/compiled.py",
    "executors/cpu/binning.py",
    "executors/cpu/sweeps.py",
    "rules/smoothing.py",
)

#: Terms of the moments' series, and the width of a cell in widths of the kernel.
TERMS = 8
CELL = 1.0 / 16.0
#: Entries whose cells are found at once, and cells times columns that there is room for.
BLOCK = 256
MOST_MOMENTS = 2_000_000
#: Entries from which on threads share out the columns.
PARALLEL_FROM = 100_000
#: Bins on other axes up to which entries are summed up for each of them.
MOST_GROUPS = 64

#: A derivative of a product of the axes' kernels: its order along each axis, and a power of it.
Term = tuple[tuple[int, ...], int]


@dataclass(frozen=True)
class Smooth:
    """An axis along which entries are smoothed.

    Attributes:
        edges: of the bins, rising.
        underflow: whether there is a bin below the first edge.
        overflow: whether there is a bin above the last one.
        stride: how far apart neighbouring bins of this axis lie.
        kernel: its name in ``SMOOTHINGS``.
        width: of the kernel, in the units of the edges.
        hard: gives the bins of positions, counted from the first edge, where what is counted
            stays hard and the kernel is for derivatives alone.
        log: whether the kernel is one of the logarithm of the positions, so that its width is
            relative; edges are logarithms then, and positions are not.
    """

    edges: tuple[float, ...]
    underflow: bool
    overflow: bool
    stride: int
    kernel: str
    width: float
    hard: Callable[[Any], Any] | None = None
    log: bool = False


@dataclass(frozen=True)
class Bins:
    """The smooth axes, the number of bins of all axes together, and the number of entries."""

    axes: tuple[Smooth, ...]
    size: int
    count: int


# -- compiled -------------------------------------------------------------------------------------

_gaussian, _logistic, _uniform = (
    register_jitable(SMOOTHINGS[name].series) for name in ("gaussian", "logistic", "uniform")
)
_doubles = pointer_of(types.float64)


@register_jitable
def _series(kernel, reach, z, out):
    """The Taylor series of a kernel's cumulative function, by its place in the table."""
    if abs(z) > reach:
        for k in range(len(out)):
            out[k] = 1.0 if k == 0 and z > 0.0 else 0.0
    elif kernel == 0:
        _gaussian(z, out)
    elif kernel == 1:
        _logistic(z, out)
    else:
        _uniform(z, out)


@register_jitable
def _between(low, high, power, out):
    """The series of what lies between two edges, or of its square."""
    for k in range(len(out)):
        if power == 1:
            out[k] = high[k] - low[k]
        else:
            out[k] = 0.0
            for i in range(k + 1):
                out[k] += (high[i] - low[i]) * (high[k - i] - low[k - i])


@register_jitable
def _first_above(edges, x):
    """The number of the first edge above a position."""
    low, high = 0, len(edges)
    while low < high:
        middle = (low + high) // 2
        if edges[middle] > x:
            high = middle
        else:
            low = middle + 1
    return low


@register_jitable
def _window(edges, x, reach):
    """The bins that a kernel of some reach touches, first and last."""
    last = len(edges) - 2
    first = min(max(_first_above(edges, x - reach) - 1, 0), last)
    return first, max(first, min(_first_above(edges, x + reach) - 1, last))


@register_jitable
def _factors(edges, x, hard, numbers, low, high, out):
    """What each bin of an entry's window gets: ``out[bin, power - 1, order]``.

    Gives the window, which is empty if no bin has the entry.  ``hard`` is its bin where what is
    counted stays hard, below -1 where it does not.
    """
    kernel, reach, width, below, above = numbers
    if not np.isfinite(x):
        at = 0 if x < 0 else len(edges) - 2
        for power in range(2):
            for k in range(out.shape[2]):
                out[0, power, k] = 1.0 if k == 0 else 0.0
        return at, at if (below if x < 0 else above) else at - 1
    first, last = _window(edges, x, reach * width)
    at = hard + int(below)
    if hard >= -1 and 0 <= at < len(edges) - 1:
        first, last = min(first, at), max(last, at)
    _series(kernel, reach, (edges[first] - x) / width, low)
    for b in range(first, last + 1):
        _series(kernel, reach, (edges[b + 1] - x) / width, high)
        for power in range(2):
            square = power > 0 and hard < -1
            _between(low, high, 2 if square else 1, out[b - first, power])
            _derivatives(width, out[b - first, power])
            if hard >= -1:
                out[b - first, power, 0] = 1.0 if b == at else 0.0
        for k in range(len(low)):
            low[k] = high[k]
    return first, last


@register_jitable
def _derivatives(width, out):
    """Taylor coefficients in widths as derivatives in the units of the edges."""
    scale = 1.0
    for k in range(1, len(out)):
        scale *= k / width
        out[k] *= scale


@register_jitable
def _place(t, windows, strides):
    """The bin of a place in the windows of all axes, and where it lies in each of them."""
    at = 0
    for a in range(len(strides) - 1, -1, -1):
        extent = windows[a, 1] - windows[a, 0] + 1
        windows[a, 2] = t % extent
        at += (windows[a, 0] + windows[a, 2]) * strides[a]
        t //= extent
    return at


@register_jitable
def _windows(i, xs, hard, edges, starts, numbers, windows, series, factors):
    """The windows of an entry along all axes, and what their bins get; how many bins there are."""
    total = 1
    for a in range(len(xs)):
        own = edges[starts[a] : starts[a + 1]]
        kernel, reach, width = int(numbers[a, 0]), numbers[a, 1], numbers[a, 2]
        given = (kernel, reach, width, numbers[a, 3] > 0.0, numbers[a, 4] > 0.0)
        at = int(hard[a, i]) if numbers[a, 5] > 0.0 else -2
        first, last = _factors(own, xs[a, i], at, given, series[0], series[1], factors[a])
        windows[a, 0], windows[a, 1] = first, last
        total *= last - first + 1
    return total


def direct(
    base, xs, hard, edges, starts, numbers, strides, room, columns, steps, orders, powers, out
):
    """Adds each entry to the bins that its kernels reach."""
    axes, entries = xs.shape
    windows, series, factors = room
    step = 0 if len(base) == 1 else 1
    for i in range(entries):
        start = base[i * step]
        if start < 0:
            continue
        total = _windows(i, xs, hard, edges, starts, numbers, windows, series, factors)
        for t in range(total):
            at = start + _place(t, windows, strides)
            for j in range(len(columns)):
                factor = 1.0
                for a in range(axes):
                    factor *= factors[a, windows[a, 2], powers[j] - 1, orders[j, a]]
                if factor != 0.0:
                    out[j, at] += carray(_doubles(columns[j]), entries)[i * steps[j]] * factor


def pulled(base, xs, hard, edges, starts, numbers, strides, room, orders, power, cotangents, out):
    """What each entry gets of the cotangents of the bins: the transpose in a column."""
    axes, entries = xs.shape
    windows, series, factors = room
    step = 0 if len(base) == 1 else 1
    for i in range(entries):
        out[i] = 0.0
        start = base[i * step]
        if start < 0:
            continue
        total = _windows(i, xs, hard, edges, starts, numbers, windows, series, factors)
        for t in range(total):
            at = start + _place(t, windows, strides)
            factor = 1.0
            for a in range(axes):
                factor *= factors[a, windows[a, 2], power - 1, orders[a]]
            if factor != 0.0:
                out[i] += cotangents[at] * factor


def placed(base, rows, below, extents, strides, out):
    """The bins of all axes, from those on each of them; -1 for entries that have none."""
    step = 0 if len(base) == 1 else 1
    for i in range(len(out)):
        at = base[i * step]
        for a in range(len(rows)):
            own = rows[a, i] + below[a]
            if at < 0 or own < 0 or own >= extents[a]:
                at = -1
            else:
                at += own * strides[a]
        out[i] = at


def scattered(bins, columns, steps, out):
    """Adds each entry to its bin; a bin below zero is none."""
    entries = len(bins)
    for j in range(len(columns)):
        column, total, step = carray(_doubles(columns[j]), entries), out[j], steps[j]
        for i in range(entries):
            if bins[i] >= 0:
                total[bins[i]] += column[i * step]


# -- by the flow through edges --------------------------------------------------------------------


@register_jitable
def _near(edges, x, inverse):
    """The number of the first edge above a position, where edges lie about evenly."""
    at = int(min(max((x - edges[0]) * inverse, 0.0), float(len(edges))))
    while at < len(edges) and edges[at] <= x:
        at += 1
    while at > 0 and edges[at - 1] > x:
        at -= 1
    return at


def located(x, edges, inverse, out):
    """The bin of each position, counted from the first edge."""
    for i in range(len(x)):
        out[i] = (len(edges) if np.isnan(x[i]) else _near(edges, x[i], inverse)) - 1


@register_jitable
def _reached(x, start, edges, inverse, kernel, reach, width, series, entries, places, factors):
    """The edges that kernels reach, from an entry on until there is no more room for them.

    Gives how many there are, and the first entry that is left.
    """
    room, count, i = len(entries) - len(edges), 0, start
    while i < len(x) and count <= room:
        if np.isfinite(x[i]):
            for e in range(_near(edges, x[i] - reach * width, inverse), len(edges)):
                z = (edges[e] - x[i]) / width
                if z > reach:
                    break
                _series(kernel, reach, z, series)
                entries[count], places[count] = i, e
                for k in range(len(series)):
                    factors[k, count] = series[k]
                factors[0, count] -= 1.0 if z > 0.0 else 0.0
                count += 1
        i += 1
    return count, i


def flows(x, edges, inverse, kernel, reach, width, columns, steps, orders, out):
    """What entries put beyond each edge more than they do if each lies where it lies.

    Only edges that kernels reach are looked at, about one or two if they are narrow.
    """
    start, most, room = 0, 1, BLOCK + len(edges)
    for j in range(len(orders)):
        most = max(most, orders[j] + 1)
    series, factors = np.empty(most), np.empty((most, room))
    entries, places = np.empty(room, np.int64), np.empty(room, np.int64)
    while start < len(x):
        count, start = _reached(
            x, start, edges, inverse, kernel, reach, width, series, entries, places, factors
        )
        for j in range(len(columns)):
            column, step = carray(_doubles(columns[j]), len(x)), steps[j]
            own, factor = out[j], factors[orders[j]]
            for t in range(count):
                own[places[t]] += column[entries[t] * step] * factor[t]


# -- by moments -----------------------------------------------------------------------------------


@intrinsic
def _add_multiple(typingctx, target, at, source, start, factor):
    """``target[at : at + TERMS] += factor * source[start : start + TERMS]``, at once."""

    def codegen(context, builder, signature, args):
        vector, integer = ir.VectorType(ir.DoubleType(), TERMS), ir.IntType(32)
        none = ir.Constant(vector, ir.Undefined)

        def pointer(k):
            data = context.make_array(signature.args[k])(context, builder, args[k]).data
            place = builder.gep(data, [args[k + 1]])
            return builder.bitcast(place, vector.as_pointer())

        goal, given = pointer(0), pointer(2)
        one = builder.insert_element(none, args[4], ir.Constant(integer, 0))
        zeros = ir.Constant(ir.VectorType(integer, TERMS), [0] * TERMS)
        factors = builder.shuffle_vector(one, none, zeros)
        product = builder.fmul(factors, builder.load(given, align=8), flags=("contract",))
        total = builder.fadd(builder.load(goal, align=8), product, flags=("contract",))
        builder.store(total, goal, align=8)
        return context.get_dummy_value()

    return types.void(target, types.int64, source, types.int64, types.float64), codegen


@register_jitable
def _cells_of(x, low, inverse, cells, start, stop, unit, places, powers):
    """Where the moments of a block of entries go, and the powers of distances to their centres.

    An entry beyond all cells has no moments; one cell more is for those above, one for those below.
    """
    for i in range(start, stop):
        place = (x[i] - low) * inverse
        inside = 0.0 <= place < cells
        at = int(place) if inside else (cells + 1 if place < 0.0 else cells)
        places[i - start] = at * TERMS
        u = (place - at - 0.5) * unit if inside else 0.0
        power, first = 1.0, (i - start) * TERMS
        for p in range(TERMS):
            powers[first + p] = power
            power *= u


def gathered(x, low, inverse, unit, columns, steps, places, powers, moments):
    """Adds up the moments of each cell: ``moments[column, cell * TERMS + power]``."""
    entries, cells = len(x), moments.shape[1] // TERMS - 2
    for start in range(0, entries, BLOCK):
        stop = min(start + BLOCK, entries)
        _cells_of(x, low, inverse, cells, start, stop, unit, places, powers)
        for j in range(len(columns)):
            column, step, own = carray(_doubles(columns[j]), entries), steps[j], moments[j]
            for i in range(stop - start):
                _add_multiple(own, places[i], powers, i * TERMS, column[(start + i) * step])


def spread_out(moments, low, cell, edges, kernel, reach, width, orders, powers, out):
    """Adds what each cell gives to the bins that it reaches."""
    beyond, most, highest = reach + cell / width, TERMS, 1
    for j in range(len(orders)):
        most, highest = max(most, orders[j] + TERMS), max(highest, powers[j])
    below, above, factors = np.empty(most), np.empty(most), np.empty((2, most))
    for c in range(moments.shape[1] // TERMS - 2):
        x = low + (c + 0.5) * cell
        first, last = _window(edges, x, reach * width + 0.5 * cell)
        _series(kernel, beyond, (edges[first] - x) / width, below)
        for b in range(first, last + 1):
            _series(kernel, beyond, (edges[b + 1] - x) / width, above)
            for power in range(1, highest + 1):
                _between(below, above, power, factors[power - 1])
            for k in range(most):
                below[k] = above[k]
            for j in range(len(orders)):
                k, total = orders[j], 0.0
                for p in range(TERMS):
                    rising = 1.0
                    for i in range(1, k + 1):
                        rising *= p + i
                    total += rising * factors[powers[j] - 1, p + k] * moments[j, c * TERMS + p]
                out[j, b] += total / width**k


# -- called ---------------------------------------------------------------------------------------


@cache
def digest() -> str:
    """What changes with the sources of the loops."""
    package = resources.files("dualak")
    sources = [package.joinpath(name).read_bytes() for name in SOURCES]
    return hashlib.sha256(b"".join(sources)).hexdigest()[:12]


@cache
def _compiled(function: Callable[..., Any]) -> Any:
    """The loop compiled, under a name that changes with what it is made of."""
    assert isinstance(function, FunctionType)
    copy = FunctionType(function.__code__, function.__globals__, function.__name__)
    copy.__qualname__ = f"{function.__name__}_{digest()}"
    copy.__module__ = __name__
    return jit(copy)


def sums(
    bins: Bins, base: Any, xs: Sequence[Any], columns: Sequence[Any], terms: Sequence[Term]
) -> Any:
    """The sum, over entries, of a column times a derivative of the kernels, in each bin.

    Args:
        bins: the axes along which entries are smoothed, and the number of bins.
        base: shape (entries,) or (1,), int64: the bin of each entry as far as the other axes say
            it; the first of the smooth axes counts from it.  One below zero is none.
        xs: the positions along each of the smooth axes, shape (entries,) each, float64.
        columns: what is summed, shape (entries,) or (1,) each, float64.
        terms: for each column the order of the derivative along each axis, and the power of the
            kernels' product that is meant.

    Returns:
        An array of shape (columns, bins).
    """
    groups = _groups(bins, base)
    if groups is not None:
        return _sum_of_groups(bins, base, groups, xs, columns, terms)
    out = np.zeros((len(columns), bins.size))
    work = Work(bins, base, xs)
    for way, chosen in work.ways(terms):
        some = [columns[i] for i in chosen]
        part = np.zeros((len(some), bins.size))
        orders = np.array([terms[i][0] for i in chosen], np.int64)
        way(some, orders.reshape(len(some), -1), [terms[i][1] for i in chosen], part)
        out[chosen] += part
    return out


def _groups(bins: Bins, base: Any) -> Any:
    """The different bins of entries of one smooth axis, if each group is worth a sum of its own."""
    if len(base) == 1 or len(bins.axes) != 1 or not len(base):
        return None
    inside = base[base >= 0]
    found = np.flatnonzero(np.bincount(inside, minlength=1))
    return found if len(found) <= MOST_GROUPS else None


def _sum_of_groups(
    bins: Bins, base: Any, groups: Any, xs: Any, columns: Sequence[Any], terms: Sequence[Term]
) -> Any:
    """The sums of groups of entries, each of which has one bin on the other axes."""
    out = np.zeros((len(columns), bins.size))
    for at in groups:
        chosen = np.flatnonzero(base == at)
        some = [column[chosen] if len(column) == bins.count else column for column in columns]
        one = replace(bins, count=len(chosen))
        out += sums(one, np.array([at]), [x[chosen] for x in xs], some, terms)
    return out


def pulled_back(bins: Bins, base: Any, xs: Sequence[Any], cotangent: Any, term: Term) -> Any:
    """The transpose of ``sums`` in a column: what each entry gets of its bins, shape (entries,)."""
    orders, power = term
    if not bins.axes:
        at = np.broadcast_to(base, bins.count)
        return np.where(at < 0, 0.0, cotangent[at])
    out = np.empty(bins.count)
    work = Work(bins, base, xs)
    given = work.arguments(max(orders))
    _compiled(pulled)(*given, np.array(orders, np.int64), power, cotangent, out)
    return out


def _scatter(at: Any, columns: Sequence[Any], out: Any) -> None:
    at = np.ascontiguousarray(at)

    def run(part: slice) -> None:
        _compiled(scattered)(at, *_addresses(columns[part], len(at)), out[part])

    _shared(run, len(columns), len(at))


def _shared(run: Callable[[slice], None], columns: int, entries: int) -> None:
    """Runs something for all columns, on as many threads as there are cores to use."""
    count = min(columns, device.cores()) if entries >= PARALLEL_FROM else 1
    bounds = [columns * i // count for i in range(count + 1)] if count > 1 else [0, columns]
    parts = [slice(*both) for both in itertools.pairwise(bounds)]
    others = [pool().submit(run, part) for part in parts[1:]]
    run(parts[0])
    for other in others:
        other.result()


def _addresses(columns: Sequence[Any], entries: int) -> tuple[Any, Any]:
    """Where columns lie, and how far apart their numbers are; one number stands for all."""
    addresses = np.array([column.ctypes.data for column in columns], np.int64)
    steps = np.array([int(len(column) == entries) for column in columns], np.int64)
    return addresses, steps


class Work:
    """Entries and axes, as the loops take them."""

    def __init__(self, bins: Bins, base: Any, xs: Sequence[Any]) -> None:
        self.bins, self.base = bins, base
        self.axes = bins.axes
        self.given = list(xs)
        rows = [_distances(axis, x) for axis, x in zip(bins.axes, xs, strict=True)]
        self.xs = rows[0].reshape(1, -1) if len(rows) == 1 else np.array(rows)
        self.edges = [_extended(axis) for axis in self.axes]

    @cached_property
    def hard(self) -> Any:
        """The bins where what is counted stays hard, one row for each axis."""
        rows = [
            axis.hard(x) if axis.hard else None
            for axis, x in zip(self.axes, self.given, strict=True)
        ]
        if all(row is None for row in rows):
            return np.full((len(rows), 1), -2, np.int32)
        if len(rows) == 1:
            return np.asarray(rows[0], np.int32).reshape(1, -1)
        empty = np.full(self.bins.count, -2, np.int32)
        return np.array([empty if row is None else row for row in rows], np.int32)

    def arguments(self, order: int) -> tuple[Any, ...]:
        """What ``direct`` and ``pulled`` take first, for derivatives up to an order."""
        starts = np.cumsum([0, *map(len, self.edges)])
        names = list(SMOOTHINGS)
        numbers = np.array(
            [
                (
                    names.index(axis.kernel),
                    SMOOTHINGS[axis.kernel].reach,
                    axis.width,
                    axis.underflow,
                    axis.overflow,
                    axis.hard is not None,
                )
                for axis in self.axes
            ],
            np.float64,
        )
        strides = np.array([axis.stride for axis in self.axes], np.int64)
        edges = np.concatenate(self.edges)
        most, axes = max(map(len, self.edges)), len(self.axes)
        windows, series = np.empty((axes, 3), np.int64), np.empty((2, order + 1))
        room = (windows, series, np.empty((axes, most, 2, order + 1)))
        return self.base, self.xs, self.hard, edges, starts, numbers, strides, room

    def ways(self, terms: Sequence[Term]) -> Iterator[tuple[Callable[..., None], list[int]]]:
        """Which columns are summed in which way; what several give is added up."""
        axes = self.axes
        if not axes:
            yield self._count_base, list(range(len(terms)))
            return
        hard = all(axis.hard is not None for axis in axes)
        counts = [i for i, (orders, _) in enumerate(terms) if not any(orders)]
        smooth = [i for i in range(len(terms)) if not hard or i not in counts]
        if hard and counts:
            yield self._count, counts
        squares = not hard and any(terms[i][1] > 1 for i in smooth)
        if smooth and self.in_cells(len(smooth), squares):
            yield self._by_moments, smooth
            return
        if len(axes) == 1 and len(self.base) == 1:
            plain = [i for i in smooth if terms[i][1] == 1 or hard]
            if plain:
                yield self._by_flows, plain
            if located := [i for i in plain if i in counts]:
                yield self._count_smooth, located
            smooth = [i for i in smooth if i not in plain]
        if smooth:
            yield self._directly, smooth

    def _count_base(self, columns: Sequence[Any], orders: Any, powers: Any, out: Any) -> None:
        """Adds entries to the bins that are known."""
        _scatter(np.broadcast_to(self.base, self.bins.count), columns, out)

    def _count(self, columns: Sequence[Any], orders: Any, powers: Any, out: Any) -> None:
        """Adds entries to the bins that they lie in, as the axes say it."""
        self._scatter_at(self.hard, columns, out)

    def _scatter_at(self, rows: Any, columns: Sequence[Any], out: Any) -> None:
        at = np.empty(self.bins.count, np.int64)
        below = np.array([int(axis.underflow) for axis in self.axes], np.int64)
        extents = np.array([len(edges) - 1 for edges in self.edges], np.int64)
        strides = np.array([axis.stride for axis in self.axes], np.int64)
        _compiled(placed)(self.base, rows, below, extents, strides, at)
        _scatter(at, columns, out)

    def _count_smooth(self, columns: Sequence[Any], orders: Any, powers: Any, out: Any) -> None:
        """Adds entries to the bins between whose edges they lie."""
        rows, edges = np.empty((1, self.bins.count), np.int32), np.array(self.axes[0].edges)
        _compiled(located)(self.xs[0], edges, _inverse(edges), rows[0])
        self._scatter_at(rows, columns, out)

    def _by_flows(self, columns: Sequence[Any], orders: Any, powers: Any, out: Any) -> None:
        """Adds what flows through the edges."""
        axis, kernel, reach = self.axes[0], *self._kernel()
        edges = np.array(axis.edges)
        through = np.zeros((len(columns), len(edges)))
        given = (self.xs[0], edges, _inverse(edges), kernel, reach, axis.width)

        def run(part: slice) -> None:
            addresses = _addresses(columns[part], self.bins.count)
            _compiled(flows)(*given, *addresses, orders[part, 0], through[part])

        _shared(run, len(columns), self.bins.count)
        k = orders[:, 0]
        through *= (_FACTORIALS[k] / axis.width**k)[:, np.newaxis]
        ends = np.zeros((len(columns), 1))
        below, above = [ends] * axis.underflow, [ends] * axis.overflow
        self._spread(np.diff(np.concatenate([*below, through, *above], axis=1)), out)

    def _spread(self, found: Any, out: Any) -> None:
        """Adds the bins of the only axis to those of all."""
        start, stride = int(self.base[0]), self.axes[0].stride
        if start >= 0:
            out[:, start : start + stride * found.shape[1] : stride] += found

    def _directly(self, columns: Sequence[Any], orders: Any, powers: Any, out: Any) -> None:
        """Adds entries to the bins that their kernels reach."""
        addresses, steps = _addresses(columns, self.bins.count)
        given = self.arguments(int(orders.max()))
        _compiled(direct)(*given, addresses, steps, orders, np.array(powers), out)

    def _kernel(self) -> tuple[int, float]:
        """The place of the kernel of the first axis in the table, and its reach."""
        name = self.axes[0].kernel
        return list(SMOOTHINGS).index(name), SMOOTHINGS[name].reach

    def in_cells(self, columns: int, squares: bool) -> bool:
        """Whether entries are added up in cells first: where that is less work.

        Squares of shares have no flows; they go to cells where that takes little.
        """
        axis = self.axes[0]
        rule = SMOOTHINGS[axis.kernel]
        if len(self.axes) > 1 or len(self.base) > 1 or rule.order is not None:
            return False
        low, high = axis.edges[0], axis.edges[-1]
        if not np.isfinite(high - low):
            return False
        reach = 2 * rule.reach * axis.width
        touched = 1 + reach * (len(axis.edges) - 1) / (high - low + reach)
        cells = (high - low + reach) / (CELL * axis.width)
        flowing = self.bins.count * touched * (20 + 2 * columns)
        moments = self.bins.count * (10 + 4 * columns) + cells * touched * (100 + 12 * columns)
        little = squares and cells * touched * columns < MOST_MOMENTS
        return cells * columns < MOST_MOMENTS and (little or moments < flowing)

    def _by_moments(self, columns: Sequence[Any], orders: Any, powers: Any, out: Any) -> None:
        """Adds up entries in cells, and spreads the cells over the bins that they reach."""
        axis, kernel, reach = self.axes[0], *self._kernel()
        cell = CELL * axis.width
        low = axis.edges[0] - reach * axis.width
        cells = int(np.ceil((axis.edges[-1] + reach * axis.width - low) / cell))
        moments = _zeros((len(columns), (cells + 2) * TERMS))

        def run(part: slice) -> None:
            places, room = np.empty(BLOCK, np.int64), _zeros((BLOCK * TERMS,))
            given = _addresses(columns[part], self.bins.count)
            _compiled(gathered)(
                self.xs[0], low, 1.0 / cell, CELL, *given, places, room, moments[part]
            )

        _shared(run, len(columns), self.bins.count)
        found, k = np.zeros((len(columns), len(self.edges[0]) - 1)), orders[:, 0]
        powers = np.array(powers) if axis.hard is None else np.ones(len(columns), np.int64)
        _compiled(spread_out)(
            moments, low, cell, self.edges[0], kernel, reach, axis.width, k, powers, found
        )
        if axis.underflow:
            found[k == 0, 0] += moments[k == 0, (cells + 1) * TERMS]
        if axis.overflow:
            found[k == 0, -1] += moments[k == 0, cells * TERMS]
        self._spread(found, out)


#: Of the orders of derivatives.
_FACTORIALS = np.cumprod(np.concatenate([[1.0], np.arange(1.0, 12.0)]))


def _inverse(edges: Any) -> float:
    """How many edges there are in a unit, about; zero where that says nothing of their places."""
    span = edges[-1] - edges[0]
    widths = np.diff(edges)
    even = np.isfinite(span) and widths.max() < 4 * widths.min()
    return float((len(edges) - 1) / span) if even else 0.0


def _zeros(shape: tuple[int, ...]) -> Any:
    """Zeros where vector units take them at once."""
    found = device.empty(math.prod(shape), np.float64)
    found[:] = 0.0
    return found.reshape(shape)


def _distances(axis: Smooth, x: Any) -> Any:
    """Positions in the units of the edges; what has no logarithm lies below all of them."""
    if not axis.log:
        return x
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(np.maximum(x, 0.0))


def _extended(axis: Smooth) -> Any:
    """The edges, with those of the bins below and above them all."""
    below, above = [-np.inf] * axis.underflow, [np.inf] * axis.overflow
    return np.array([*below, *axis.edges, *above])
