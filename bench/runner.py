"""Times the peers on the cases, in one process and one run, so that the ratios mean something.

The machine may be shared and noisy: each round runs every peer once, the order turning from round
to round, and the median and quartiles over rounds are kept. Every answer is checked first; that run
and ``WARMUP`` more are not timed. The garbage collector runs between rounds only.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import product
from typing import NamedTuple

import numpy as np

from bench import jacobian, loops
from bench.cases import CASES
from bench.peers import BASELINE, PEERS, check, reference

WARMUP = 2


class Row(NamedTuple):
    """One peer on one case at one size. Times in milliseconds, NaN where there is an ``error``."""

    case: str
    events: int
    peer: str
    median: float
    low: float  # lower quartile
    high: float  # upper quartile
    ratio: float  # median over that of the value: plain Awkward's, or the plain loop's
    error: str = ""


def run(names, sizes, rounds, peers=PEERS):
    """Rows for all cases in ``names``, numbers of events in ``sizes`` and ``peers``."""
    rows: list[Row] = []
    with progress(len(names) * len(sizes) * (rounds + 1)) as step:
        for name, events in product(names, sizes):
            tick = partial(step, f"{name} {events:,}")
            rows += run_case(CASES[name], events, rounds, peers, tick)
    return rows


def run_jacobian(sizes, rounds):
    """Rows of eight derivatives at once, beside values alone and pure JAX."""
    return run_room(jacobian, sizes, rounds, BASELINE)


def run_loops(sizes, rounds):
    """Rows of a compiled loop: plain, with derivatives, and as arrays."""
    return run_room(loops, sizes, rounds, loops.BASELINE)


def run_room(room, sizes, rounds, baseline):
    """Rows of a module that has a CASE, ``peers(events)`` and ``check(calls)``."""
    rows: list[Row] = []
    with progress(len(sizes) * (rounds + 1)) as step:
        for events in sizes:
            tick = partial(step, f"{room.CASE} {events:,}")
            calls = room.peers(events)
            errors = room.check(calls)
            tick()
            good = {peer: call for peer, call in calls.items() if peer not in errors}
            times = clock(good, rounds, tick)
            unit = float(np.median(times.get(baseline, [np.nan])))
            rows += [summary(room.CASE, events, peer, times, unit, errors) for peer in calls]
    return rows


def run_bridge(names, sizes, elements, rounds):
    """Rows of the bridge under jit beside pure JAX: what a call costs, and jagged programs."""
    import jax

    from bench import jitted

    rows: list[Row] = []
    steps = (2 * len(elements) + len(names) * len(sizes)) * (rounds + 1)
    with jax.enable_x64(True), progress(steps) as step:
        for size in elements:
            for case, calls in jitted.call_peers(size).items():
                errors = jitted.call_errors(calls)
                against = jitted.BASELINE["call"]
                tick = partial(step, f"{case} {size:,}")
                rows += compared(case, size, calls, errors, against, rounds, tick)
        for name, events in product(names, sizes):
            calls = jitted.jagged_peers(name, events)
            errors = jitted.jagged_errors(name, events, calls)
            against = jitted.BASELINE["jagged"]
            tick = partial(step, f"{name} {events:,}")
            rows += compared(name, events, calls, errors, against, rounds, tick)
    return rows


#: A timed run of a short call is as many calls as last this long, in milliseconds.
ENOUGH = 2.0


def compared(case, size, calls, errors, against, rounds, step):
    """Rows of calls that were checked, with ratios to one of them."""
    step()
    good = {peer: call for peer, call in calls.items() if peer not in errors}
    repeats = {peer: repeats_of(call) for peer, call in good.items()}
    times = clock({p: partial(repeated, c, repeats[p]) for p, c in good.items()}, rounds, step)
    times = {peer: np.divide(each, repeats[peer]) for peer, each in times.items()}
    baseline = float(np.median(times.get(against, [np.nan])))
    return [summary(case, size, peer, times, baseline, errors) for peer in calls]


def repeats_of(call):
    """How often a call is made in a timed run."""
    call()
    return max(1, round(ENOUGH / milliseconds(call)))


def repeated(call, count):
    for _ in range(count):
        call()


def run_case(case, events, rounds, peers, step):
    """Rows of all ``peers`` on one case; ``step()`` is called after the checks and each round."""
    x, t = case.build(events)
    calls = {peer: lambda way=way: way(case.func, x, t) for peer, way in peers.items()}
    errors = failures(calls, reference(case.func, x, t))
    step()
    good = {peer: call for peer, call in calls.items() if peer not in errors}
    times = clock(good, rounds, step)
    baseline = float(np.median(times.get(BASELINE, [np.nan])))
    return [summary(case.name, events, peer, times, baseline, errors) for peer in peers]


def failures(calls, ref):
    """The error message of each peer that raises or whose answer is wrong."""
    errors = {}
    for peer, call in calls.items():
        try:
            check(peer, call(), ref)
        except Exception as error:  # a peer may fail in any way; the report shows which
            errors[peer] = f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
    return errors


def clock(calls, rounds, step):
    """Milliseconds of each round for each of ``calls``."""
    times: dict[str, list[float]] = {peer: [] for peer in calls}
    for call in [*calls.values()] * WARMUP:
        call()
    order = list(calls)
    for _ in range(rounds):
        with collector_off():
            for peer in order:
                times[peer].append(milliseconds(calls[peer]))
        order = order[1:] + order[:1]
        step()
    return times


def milliseconds(call):
    start = time.perf_counter_ns()
    answer = call()
    stop = time.perf_counter_ns()
    del answer  # freed after the clock has stopped
    return (stop - start) / 1e6


@contextmanager
def collector_off():
    """Collect garbage now, and not again within the block."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def summary(case, events, peer, times, baseline, errors):
    if peer in errors:
        return Row(case, events, peer, np.nan, np.nan, np.nan, np.nan, errors[peer])
    low, median, high = map(float, np.percentile(times[peer], (25, 50, 75)))
    return Row(case, events, peer, median, low, high, median / baseline)


@contextmanager
def progress(total) -> Iterator:
    """A bar on stderr, by rich if it is there; the block calls ``step(label)`` ``total`` times."""
    try:
        from rich.console import Console
        from rich.progress import Progress
    except ImportError:
        count = iter(range(1, total + 1))
        yield lambda label: print(f"\r{next(count)}/{total} {label:<20}", end="", file=sys.stderr)
        print(file=sys.stderr)
        return
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda label: bar.update(task, advance=1, description=label)
