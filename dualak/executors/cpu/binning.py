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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from types import FunctionType
from typing import Any

import numpy as np
from numba import carray
from numba.core import types
from numba.extending import register_jitable

from dualak.executors.compiled import jit
from dualak.executors.cpu.sweeps import pointer_of
from dualak.rules.smoothing import SMOOTHINGS

#: The files that the loops below are compiled from.
SOURCES = ("executors/compiled.py", "executors/cpu/binning.py", "rules/smoothing.py")

#: Terms of the moments' series, and the width of a cell in widths of the kernel.
TERMS = 8
CELL = 1.0 / 16.0
#: Entries whose cells are found at once, and cells times columns that there is room for.
BLOCK = 256
MOST_MOMENTS = 1_000_000

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
        out[:] = 0.0
        out[0] = 1.0 if z > 0 else 0.0
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
        out[0] = 0.0
        out[0, :, 0] = 1.0
        return at, at if (below if x < 0 else above) else at - 1
    first, last = _window(edges, x, reach * width)
    at = hard + int(below)
    if hard >= -1 and 0 <= at < len(edges) - 1:
        first, last = min(first, at), max(last, at)
    _series(kernel, reach, (edges[first] - x) / width, low)
    for b in range(first, last + 1):
        _series(kernel, reach, (edges[b + 1] - x) / width, high)
        for power in range(2):
            _between(low, high, power + 1, out[b - first, power])
            _derivatives(width, out[b - first, power])
        if hard >= -1:
            out[b - first, 0, 0] = 1.0 if b == at else 0.0
            out[b - first, 1] = out[b - first, 0]
        low[:] = high
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
        kernel, reach, width, below, above, is_hard = numbers[a]
        given = (int(kernel), reach, width, below > 0.0, above > 0.0)
        at = hard[a, i] if is_hard > 0.0 else -2
        first, last = _factors(own, xs[a, i], at, given, series[0], series[1], factors[a])
        windows[a, 0], windows[a, 1] = first, last
        total *= last - first + 1
    return total


def direct(base, xs, hard, edges, starts, numbers, strides, columns, steps, orders, powers, out):
    """Adds each entry to the bins that its kernels reach."""
    axes, entries = xs.shape
    most = np.max(starts[1:] - starts[:-1])
    factors = np.empty((axes, most, 2, np.max(orders) + 1))
    series = np.empty((2, np.max(orders) + 1))
    windows = np.empty((axes, 3), np.int64)
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


def pulled(base, xs, hard, edges, starts, numbers, strides, orders, power, cotangents, out):
    """What each entry gets of the cotangents of the bins: the transpose in a column."""
    axes, entries = xs.shape
    most = np.max(starts[1:] - starts[:-1])
    factors = np.empty((axes, most, 2, np.max(orders) + 1))
    series = np.empty((2, np.max(orders) + 1))
    windows = np.empty((axes, 3), np.int64)
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


def scattered(bins, columns, steps, out):
    """Adds each entry to its bin; a bin below zero is none."""
    entries = len(bins)
    for j in range(len(columns)):
        column, total, step = carray(_doubles(columns[j]), entries), out[j], steps[j]
        for i in range(entries):
            if bins[i] >= 0:
                total[bins[i]] += column[i * step]


# -- by moments -----------------------------------------------------------------------------------


@register_jitable
def _cells_of(x, low, cell, cells, width, places, powers, start, stop):
    """The cells of a block of entries, and the powers of the distances to their centres.

    An entry beyond all cells gets one that stands for what is below, or above, all of them.
    """
    for i in range(start, stop):
        place = (x[i] - low) / cell
        at = int(place) if 0.0 <= place < cells else (-1 if place < 0.0 else -2)
        places[i - start] = at
        u = (x[i] - low - (at + 0.5) * cell) / width
        power = 1.0 if at >= 0 else 0.0
        for p in range(TERMS):
            powers[i - start, p] = power
            power *= u


def gathered(x, low, cell, width, columns, steps, moments, beyond):
    """Adds up the moments of each cell: ``moments[cell, column, power]``, and what is beyond."""
    cells, entries = len(moments), len(x)
    places, powers = np.empty(BLOCK, np.int64), np.empty((BLOCK, TERMS))
    for start in range(0, entries, BLOCK):
        stop = min(start + BLOCK, entries)
        _cells_of(x, low, cell, cells, width, places, powers, start, stop)
        for j in range(len(columns)):
            column, step = carray(_doubles(columns[j]), entries), steps[j]
            for i in range(stop - start):
                number, at = column[(start + i) * step], places[i]
                if at >= 0:
                    for p in range(TERMS):
                        moments[at, j, p] += number * powers[i, p]
                else:
                    beyond[at, j] += number


def spread_out(moments, low, cell, edges, kernel, reach, width, stride, orders, powers, out):
    """Adds what each cell gives to the bins that it reaches."""
    beyond = reach + cell / width
    most = np.max(orders) + TERMS
    series, factors = np.empty((2, most)), np.empty((2, most))
    cells, count = moments.shape[0], moments.shape[1]
    for c in range(cells):
        if not np.any(moments[c, :, 0]) and not np.any(moments[c]):
            continue
        x = low + (c + 0.5) * cell
        first, last = _window(edges, x, reach * width + 0.5 * cell)
        _series(kernel, beyond, (edges[first] - x) / width, series[0])
        for b in range(first, last + 1):
            _series(kernel, beyond, (edges[b + 1] - x) / width, series[1])
            for power in range(2):
                _between(series[0], series[1], power + 1, factors[power])
            series[0] = series[1]
            for j in range(count):
                k, factor = orders[j], factors[powers[j] - 1]
                total = 0.0
                for p in range(TERMS):
                    rising = 1.0
                    for i in range(1, k + 1):
                        rising *= p + i
                    total += rising * factor[p + k] * moments[c, j, p]
                out[j, b * stride] += total / width**k


# -- called ---------------------------------------------------------------------------------------


@cache
def _digest() -> str:
    package = resources.files("dualak")
    sources = [package.joinpath(name).read_bytes() for name in SOURCES]
    return hashlib.sha256(b"".join(sources)).hexdigest()[:12]


@cache
def _compiled(function: Callable[..., Any]) -> Any:
    """The loop compiled, under a name that changes with what it is made of."""
    assert isinstance(function, FunctionType)
    copy = FunctionType(function.__code__, function.__globals__, function.__name__)
    copy.__qualname__ = f"{function.__name__}_{_digest()}"
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
    out = np.zeros((len(columns), bins.size))
    orders = np.array([term[0] for term in terms], np.int64).reshape(len(terms), len(bins.axes))
    hard = len(bins.axes) == 1 and bins.axes[0].hard is not None
    powers = np.array([1 if hard else power for _, power in terms], np.int64)
    work = Work(bins, base, xs)
    if not bins.axes:
        _scatter(np.broadcast_to(base, bins.count), columns, out)
        return out
    all_hard = all(axis.hard for axis in bins.axes)
    counted = all_hard & (orders == 0).all(axis=1)
    for chosen, way in ((counted, work.count), (~counted, work.smooth)):
        if chosen.any():
            some = [column for column, is_one in zip(columns, chosen, strict=True) if is_one]
            part = np.zeros((len(some), bins.size))
            way(some, orders[chosen], powers[chosen], part)
            out[chosen] = part
    return out


def pulled_back(bins: Bins, base: Any, xs: Sequence[Any], cotangent: Any, term: Term) -> Any:
    """The transpose of ``sums`` in a column: what each entry gets of its bins, shape (entries,)."""
    orders, power = term
    if not bins.axes:
        at = np.broadcast_to(base, bins.count)
        return np.where(at < 0, 0.0, cotangent[at])
    out = np.empty(bins.count)
    work = Work(bins, base, xs)
    _compiled(pulled)(*work.arguments(), np.array(orders, np.int64), power, cotangent, out)
    return out


def _scatter(at: Any, columns: Sequence[Any], out: Any) -> None:
    _compiled(scattered)(np.ascontiguousarray(at), *_addresses(columns, len(at)), out)


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
        empty = np.full(self.bins.count, -2, np.int32)
        return np.array([empty if row is None else row for row in rows], np.int32)

    def arguments(self) -> tuple[Any, ...]:
        """What ``direct`` and ``pulled`` take first."""
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
        return self.base, self.xs, self.hard, edges, starts, numbers, strides

    def count(self, columns: Sequence[Any], orders: Any, powers: Any, out: Any) -> None:
        """Adds entries to the bins that they lie in."""
        at = np.array(np.broadcast_to(self.base, self.bins.count), np.int64)
        inside = at >= 0
        for axis, row in zip(self.axes, self.hard, strict=True):
            own = row + axis.underflow
            inside &= (own >= 0) & (own < len(_extended(axis)) - 1)
            at += own * axis.stride
        _scatter(np.where(inside, at, -1), columns, out)

    def smooth(self, columns: Sequence[Any], orders: Any, powers: Any, out: Any) -> None:
        """Adds entries to the bins that their kernels reach."""
        if self.in_cells(len(columns)):
            self._by_moments(columns, orders[:, 0], powers, out)
            return
        addresses, steps = _addresses(columns, self.bins.count)
        _compiled(direct)(*self.arguments(), addresses, steps, orders, powers, out)

    def in_cells(self, columns: int) -> bool:
        """Whether entries are added up in cells first: where that is less work."""
        axis = self.axes[0]
        rule = SMOOTHINGS[axis.kernel]
        if len(self.axes) > 1 or len(self.base) > 1 or rule.order is not None:
            return False
        low, high = axis.edges[0], axis.edges[-1]
        if not np.isfinite(high - low):
            return False
        reach = 2 * rule.reach * axis.width
        touched = 2 + reach * (len(axis.edges) - 1) / (high - low + reach)
        cells = (high - low + reach) / (CELL * axis.width)
        directly = self.bins.count * touched * (20 + columns)
        moments = self.bins.count * (5 + columns) + cells * touched * (100 + 10 * columns)
        return cells * columns < MOST_MOMENTS and moments < directly

    def _by_moments(self, columns: Sequence[Any], orders: Any, powers: Any, out: Any) -> None:
        axis, rule = self.axes[0], SMOOTHINGS[self.axes[0].kernel]
        reach, cell = rule.reach * axis.width, CELL * axis.width
        low = axis.edges[0] - reach
        cells = int(np.ceil((axis.edges[-1] + reach - low) / cell))
        moments, beyond = np.zeros((cells, len(columns), TERMS)), np.zeros((2, len(columns)))
        given = _addresses(columns, self.bins.count)
        _compiled(gathered)(self.xs[0], low, cell, axis.width, *given, moments, beyond)
        kernel = list(SMOOTHINGS).index(axis.kernel)
        part = out[:, self.base[0] :]
        edges = self.edges[0]
        _compiled(spread_out)(
            moments,
            low,
            cell,
            edges,
            kernel,
            rule.reach,
            axis.width,
            axis.stride,
            orders,
            powers,
            part,
        )
        counted = orders == 0
        if axis.underflow:
            part[counted, 0] += beyond[1, counted]
        if axis.overflow:
            part[counted, (len(edges) - 2) * axis.stride] += beyond[0, counted]


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
