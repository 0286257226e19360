"""Value and tangent on a GPU: dualak, pure JAX, the CPU, and a copy of the bytes that must move.

Everything is on the device before the clock starts; CUDA events on the stream in use take the time
of several calls in a row, over input sets in turn, so that no cache holds the numbers.  What JAX is
given is what an expert writes by hand: flat buffers, indexes and segments as arguments, one
``jax.jvp`` under ``jax.jit``, and where there is a choice the faster of two ways.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import awkward as ak
import numpy as np

from bench import cases
from bench.cases import ETA_REGIONS, HT_BINS, HT_WIDTH, PT_CUT

#: List lengths are Poisson(4): elements for each event.
ELEMENTS_PER_EVENT = 4
#: Sets of inputs that calls take in turn.
SETS = 3
#: Relative to the largest number of a result: sums are added up in another order.
TOLERANCE = 1e-9

COPY = "copy"
CPU = "dualak, CPU replayed"

REFUSED = (
    "python -m bench gpu needs a CUDA device, CuPy, Numba-CUDA and JAX for CUDA: {what}\n"
    "Where there is none, python -m bench cpu measures the CPU."
)


class Row(NamedTuple):
    """One peer on one case at one size. Times in milliseconds, NaN where there is an ``error``."""

    case: str
    events: int
    peer: str
    median: float
    low: float  # lower quartile
    high: float  # upper quartile
    ratio: float  # median over that of the faster JAX
    bandwidth: float  # bytes that must move over time, over that of a copy
    error: str = ""


class Case(NamedTuple):
    """What is timed: a case of the table, and what it is for JAX.

    ``moved(x)`` gives the bytes that must move, ``known(x)`` which events have a result that all
    agree on. ``jax`` are the ways to write it: how far each may be off, relative to the largest
    number, and a function of point and direction that makes a call.
    """

    name: str
    moved: Callable[[Any], int]
    known: Callable[[Any], Any]
    jax: dict[str, tuple[float, Callable[[Any, Any], Callable[[], Any]]]]


# ---- pure JAX, by hand ----
def _flat(array, name=None):
    array = array if name is None else array[name]
    return np.asarray(ak.flatten(array, axis=None))


def _segments(array):
    return np.repeat(np.arange(len(array), dtype=np.int32), ak.to_numpy(ak.num(array)))


def _jvp(function, primals, tangents, *structure):
    """A call of ``function(*primals, *structure)`` and its tangent, jitted, on the device."""
    import jax
    import jax.numpy as jnp

    primals, tangents, structure = (
        tuple(map(jnp.asarray, each)) for each in (primals, tangents, structure)
    )

    @jax.jit
    def both(primals, tangents, structure):
        return jax.jvp(lambda *given: function(*given, *structure), primals, tangents)

    return lambda: both(primals, tangents, structure)


def chain(x, t):
    import jax.numpy as jnp

    (x,), (t,) = x, t
    order = ak.Array(ak.contents.ListOffsetArray(x.layout.offsets, _positions(x)))[::-1]
    index = np.asarray(ak.flatten(order)).astype(np.int32)

    def function(x, index):
        z = x[index]
        return jnp.sin(z**2) * jnp.exp(-z)

    return _jvp(function, [_flat(x)], [_flat(t)], index)


def _positions(array):
    return ak.contents.NumpyArray(np.arange(len(_flat(array))))


def sums_by_segments(x, t):
    import jax
    import jax.numpy as jnp

    (x,), (t,) = x, t
    count = len(x)

    def function(x, segments):
        total = jax.ops.segment_sum(x**2, segments, count, indices_are_sorted=True)
        return jnp.sqrt(total)

    return _jvp(function, [_flat(x)], [_flat(t)], _segments(x))


def sums_by_differences(x, t):
    """Sums of lists as differences of one running sum: faster where scans are, less exact."""
    import jax.numpy as jnp

    (x,), (t,) = x, t
    offsets = np.concatenate([[0], np.cumsum(ak.to_numpy(ak.num(x)))])

    def function(x, offsets):
        running = jnp.concatenate([jnp.zeros(1, x.dtype), jnp.cumsum(x**2)])
        return jnp.sqrt(jnp.maximum(jnp.diff(running[offsets]), 0.0))

    return _jvp(function, [_flat(x)], [_flat(t)], offsets.astype(np.int32))


def _pairs(jets):
    left, right = ak.unzip(ak.argcombinations(jets, 2))
    starts = np.concatenate([[0], np.cumsum(ak.to_numpy(ak.num(jets)))])[:-1]
    first, second = (np.asarray(ak.flatten(one + starts)) for one in (left, right))
    return first.astype(np.int32), second.astype(np.int32), _segments(left)


def _mass(pt, eta, phi, first, second):
    import jax.numpy as jnp

    angle = jnp.cosh(eta[first] - eta[second]) - jnp.cos(phi[first] - phi[second])
    return jnp.sqrt(2 * pt[first] * pt[second] * angle)


def masses_by_segments(x, t):
    import jax

    (jets,), (along,) = x, t
    count = len(jets)

    def function(pt, eta, phi, first, second, segments):
        mass = _mass(pt, eta, phi, first, second)
        return jax.ops.segment_max(mass, segments, count, indices_are_sorted=True)

    fixed = [_flat(jets, "eta"), _flat(jets, "phi"), *_pairs(jets)]
    return _jvp(function, [_flat(jets, "pt")], [_flat(along, "pt")], *fixed)


def histogram_by_segments(x, t):
    """As the case says it: one of eight nuisances, the cut as a select."""
    import jax
    import jax.numpy as jnp

    (theta, jets), (along, _) = x, t
    count = len(jets)

    def function(theta, pt, eta, segments):
        weights = jnp.exp(-((eta[:, None] - ETA_REGIONS) ** 2))
        moved = pt * (1 + weights @ theta)
        kept = jnp.where(moved > PT_CUT, moved, 0.0)
        ht = jax.ops.segment_sum(kept, segments, count, indices_are_sorted=True)
        return jnp.sum(jnp.exp(-0.5 * ((ht[:, None] - HT_BINS) / HT_WIDTH) ** 2), axis=0)

    fixed = [_flat(jets, "pt"), _flat(jets, "eta"), _segments(jets)]
    return _jvp(function, [np.array(theta)], [np.array(along)], *fixed)


# ---- the table ----
def _counts(x):
    return ak.to_numpy(ak.num(x[0] if isinstance(x[0], ak.Array) else x[1]))


def _bytes(of_element, of_event, of_pair=0):
    """Bytes that must move: numbers are read and written once, an index has four bytes."""

    def moved(x):
        counts = _counts(x)
        pairs = int(np.sum(counts * (counts - 1) // 2))
        return of_element * int(counts.sum()) + of_event * len(counts) + of_pair * pairs

    return moved


def _everything(x):
    return np.ones(1, bool)


def _with(least):
    """Events with so many elements: of the others some give NaN, some infinity, some nothing."""
    return lambda x: _counts(x) >= least


CASES = {
    case.name: case
    for case in (
        Case("W1", _bytes(36, 0), _everything, {"jax": (TOLERANCE, chain)}),
        Case(
            "W2",
            _bytes(16, 20),
            _with(1),
            {
                "jax": (TOLERANCE, sums_by_segments),
                "jax, differences": (1e-5, sums_by_differences),
            },
        ),
        Case("W4", _bytes(32, 20, 8), _with(2), {"jax": (TOLERANCE, masses_by_segments)}),
        Case("W5", _bytes(16, 4), _everything, {"jax": (TOLERANCE, histogram_by_segments)}),
    )
}


# ---- dualak ----
def there(value):
    """A tree of arrays, on the device."""
    if isinstance(value, tuple):
        return tuple(map(there, value))
    return ak.to_backend(value, "cuda") if isinstance(value, ak.Array) else value


def replayed(func, x, t, device=None):
    """A call of the function, recorded before, with its tangent."""
    import dualak

    compiled = dualak.compile(func, check=False, device=device)
    compiled.jvp(x, t)
    if not compiled.statistics.recorded or compiled.statistics.plain:
        raise RuntimeError("expected a function that can be recorded")
    return lambda: compiled.jvp(x, t)


def plan(func, x, t):
    """A call of the kernels of a recording alone: what a loop over them in C would take."""
    import dualak
    from dualak.tracing.arguments import flat

    compiled = dualak.compile(func, check=False)
    compiled.jvp(x, t)
    (recording,) = compiled._recordings  # noqa: SLF001 - the kernels without the call around them
    given = flat(x, t)
    buffers = [*given.numbers, *(one for one in given.tangents if one is not None)]
    (value,), (tangent,) = recording.result.values, recording.result.tangents

    def call():
        found = recording.plan.run(buffers)
        return found[value], found[tangent]

    return call


def peers(case, on_device):
    """How to make the call of each peer from point and direction, and how far it may be off.

    ``on_device`` puts arrays onto the device.
    """
    func = cases.CASES[case.name].func

    def far(way):
        return lambda x, t: way(func, on_device(x), on_device(t))

    own = {"dualak, kernels": far(plan), "dualak, replayed": far(replayed)}
    return {**{name: (TOLERANCE, way) for name, way in own.items()}, **case.jax}


def built(name, elements, seed):
    """Point and direction with about so many elements; sets differ by a factor."""
    x, t = cases.CASES[name].build(max(1, elements // ELEMENTS_PER_EVENT))
    return _scaled(x, 1.0 + 1e-4 * seed), t


def _scaled(x, factor):
    if isinstance(x, tuple):
        return tuple(_scaled(one, factor) for one in x)
    if not isinstance(x, ak.Array):
        return x
    for name in x.fields:
        x = ak.with_field(x, x[name] * factor, name)
    return x if x.fields else x * factor


# ---- check ----
def numbers_of(answer, known):
    """The numbers of value and tangent, flat, on the host, of events with a known result."""
    found = map(_on_host, answer)
    return [one[known] if len(one) == len(known) else one for one in found]


def _on_host(one):
    from dualak import device

    if isinstance(one, ak.Array):
        one = ak.drop_none(ak.to_backend(one, "cpu"))
        return np.asarray(ak.flatten(one, axis=None), np.float64)
    return np.asarray(device.to_host(one) if device.on_device(one) else one, np.float64)


def disagreement(answer, expected, tolerance):
    """What is wrong with an answer; empty where it is right."""
    for what, got, want in zip(("value", "tangent"), answer, expected, strict=True):
        if got.shape != want.shape:
            return f"Disagreement: {what}: {got.shape} numbers, not {want.shape}"
        off = np.abs(got - want).max(initial=0.0)
        if not off <= tolerance * np.abs(want).max(initial=1e-300):
            return f"Disagreement: {what}: off by up to {off:.3g}"
    return ""


# ---- clocks ----
class Clock(NamedTuple):
    """How time is taken: ``elapsed(calls)`` gives the milliseconds of some calls in a row.

    ``copy(nbytes)`` gives a call that moves as many bytes, half read and half written.
    """

    elapsed: Callable[[list[Callable[[], Any]]], float]
    copy: Callable[[int], Callable[[], Any]]
    on_device: Callable[[Any], Any]


def events_clock():
    """CUDA's events: the time on the device, from before the first call to after the last."""
    import cupy

    def elapsed(calls):
        start, stop = cupy.cuda.Event(), cupy.cuda.Event()
        start.record()
        kept = [call() for call in calls]
        _wait(kept)
        stop.record()
        stop.synchronize()
        return cupy.cuda.get_elapsed_time(start, stop)

    def copy(nbytes):
        source = cupy.ones(max(1, nbytes // 16))
        target = cupy.empty_like(source)
        return lambda: cupy.copyto(target, source)

    return Clock(elapsed, copy, there)


def _wait(kept):
    """JAX has streams of its own: its results are waited for before the clock is stopped."""
    for one in kept:
        for part in one if isinstance(one, tuple) else ():
            ready = getattr(part, "block_until_ready", None)
            if ready is not None:
                ready()


@cache
def why_not():
    """What is missing to run on a GPU; empty where nothing is."""
    from dualak import device

    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # or it takes all the memory
    try:
        device.require_device()
        device.require_numba_cuda()
        import jax
    except (ImportError, RuntimeError) as error:
        return str(error)
    jax.config.update("jax_enable_x64", True)
    if jax.default_backend() != "gpu" and "DUALAK_REHEARSAL" not in os.environ:
        return f"JAX computes on {jax.default_backend()}"
    return ""


def name_of_device():
    import cupy

    name = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)["name"]
    return name.decode() if isinstance(name, bytes) else str(name)


# ---- the run ----
CALLS = 6  # in a row, for one time: as often each set
WARMUP = 2
LARGEST_ON_CPU = 10_000_000  # elements


def run(names, sizes, rounds, clock):
    """Rows of all cases in ``names`` at numbers of elements in ``sizes``."""
    rows = []
    for name in names:
        for elements in sizes:
            rows += run_case(CASES[name], elements, rounds, clock)
    return rows


def run_case(case, elements, rounds, clock):
    """Rows of all peers on one case."""
    inputs = [built(case.name, elements, seed) for seed in range(SETS)]
    x, t = inputs[0]
    known, nbytes = case.known(x), case.moved(x)
    on_cpu = replayed(cases.CASES[case.name].func, x, t)
    expected = numbers_of(on_cpu(), known)
    calls, errors = {}, {}
    for peer, (tolerance, way) in peers(case, clock.on_device).items():
        calls[peer], errors[peer] = _made(way, inputs, known, expected, tolerance)
    calls[COPY] = [clock.copy(nbytes)] * SETS
    if elements <= LARGEST_ON_CPU:
        calls[CPU] = [on_cpu]
    times = timed({peer: made for peer, made in calls.items() if made}, rounds, clock)
    medians = {peer: float(np.median(found)) for peer, found in times.items()}
    best = min((medians[peer] for peer in medians if peer in case.jax), default=np.nan)
    return [
        summary(case.name, elements, peer, times, best, medians[COPY], errors.get(peer))
        for peer in calls
    ]


def _made(way, inputs, known, expected, tolerance):
    """A call for each set of inputs, and what is wrong with the answer of the first."""
    try:
        made = [way(*one) for one in inputs]
        wrong = disagreement(numbers_of(made[0](), known), expected, tolerance)
    except Exception as error:  # a peer may fail in any way; the report shows which
        wrong = f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
    return ([], wrong) if wrong else (made, "")


def timed(calls, rounds, clock):
    """Milliseconds of one call of each peer, in each round; the order turns."""
    times = {peer: [] for peer in calls}
    order = list(calls)
    for peer in order * WARMUP:
        clock.elapsed(calls[peer])
    for _ in range(rounds):
        for peer in order:
            made, often = calls[peer], 1 if peer == CPU else CALLS
            in_turn = [made[i % len(made)] for i in range(often)]
            times[peer].append(clock.elapsed(in_turn) / len(in_turn))
        order = order[1:] + order[:1]
    return times


def summary(case, elements, peer, times, best, copy, errors):
    if errors:
        return Row(case, elements, peer, *[np.nan] * 5, errors)
    low, median, high = map(float, np.percentile(times[peer], (25, 50, 75)))
    return Row(case, elements, peer, median, low, high, median / best, copy / median)
