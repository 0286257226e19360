"""The work of a soak: small jobs, each of which checks what it got.

``JOBS`` is the table: a name, a function of a random generator that raises if something is wrong,
and how many rounds there are between two of its runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import resource
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import awkward as ak
import numpy as np

import dualak


def lists(rng, most=60):
    """Lists of numbers in a structure that has hardly been seen before."""
    counts = rng.integers(0, 6, rng.integers(1, most))
    return ak.unflatten(rng.normal(size=counts.sum()) + 2.0, counts)


def program(x):
    return ak.sum(np.sqrt(x * x + 1.0) * np.sin(x), axis=-1)


def scalar(x):
    return ak.sum(program(x))


_compiled = dualak.compile(program)


def agree(one, other):
    """Compares numbers of arrays, whatever lists they stand in."""
    first, second = (ak.to_numpy(ak.flatten(each, axis=None)) for each in (one, other))
    np.testing.assert_allclose(first, second, rtol=1e-9, atol=1e-9)


def modes(rng):
    """One point in every mode: they agree."""
    x, t = (x := lists(rng)), x * 0.5
    y, dy = dualak.jvp(program, (x,), (t,))
    agree(y, program(x))
    agree(dualak.linearize(program, x)[1](t), dy)
    agree(_compiled.jvp(x, t)[1], dy)
    (gradient,) = [dualak.grad(scalar)(x)]
    np.testing.assert_allclose(ak.sum(gradient * t), ak.sum(dy), rtol=1e-9, atol=1e-9)


def second_order(rng):
    x = np.asarray(rng.normal(size=4)) + 2.0
    hessian = dualak.hessian(lambda x: np.sum(np.sin(x) * x))(x)
    agree(np.diag(hessian), 2 * np.cos(x) - x * np.sin(x))


def records(rng):
    x = lists(rng)
    events = ak.zip({"pt": x, "eta": x * 0.1})
    _, found = dualak.jvp(lambda e: ak.max(e.pt * np.cosh(e.eta), axis=-1), (events,), (events,))
    assert len(found) == len(x)


def threads(rng):
    """Eight threads on mixed functions give what one gives."""
    points = [lists(rng) for _ in range(8)]
    expected = [dualak.jvp(program, (x,), (x,))[1] for x in points]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda x: dualak.jvp(program, (x,), (x,))[1], points))
        found += list(pool.map(lambda x: _compiled.jvp(x, x)[1], points))
    for one, other in zip(found, expected * 2, strict=True):
        agree(one, other)


def tasks(rng):
    """Coroutines that wait for one another keep their own transformations."""

    async def one(x):
        await asyncio.sleep(0)
        return await asyncio.to_thread(dualak.jvp, program, (x,), (x,))

    async def all_of(points):
        return await asyncio.gather(*map(one, points))

    points = [lists(rng) for _ in range(4)]
    for x, (y, _) in zip(points, asyncio.run(all_of(points)), strict=True):
        agree(y, program(x))


def failures(rng):
    """Errors inside of functions, also of rules and of callbacks, leave nothing behind."""

    @dualak.custom_jvp
    def broken(x):
        return x

    @broken.defjvp
    def _(primals, tangents):
        raise ZeroDivisionError

    def halfway(x):
        scalar(x)
        raise KeyError("halfway")

    x = lists(rng)
    for function, kind in ((broken, ZeroDivisionError), (halfway, KeyError)):
        for call in (lambda f: dualak.jvp(f, (x,), (x,)), lambda f: dualak.vjp(f, x)):
            with contextlib.suppress(kind):
                call(function)
                raise AssertionError(f"expected {kind.__name__}")
    modes(rng)


def interrupts(rng):
    """An interrupt in the middle of a call; the next call is right."""

    def raised(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, raised)
    # The alarm rings once, wherever that is.
    with contextlib.suppress(KeyboardInterrupt):
        signal.setitimer(signal.ITIMER_REAL, float(rng.uniform(1e-4, 5e-3)))
        x = lists(rng, 2000)
        for _ in range(20):
            dualak.grad(scalar)(x)
    with contextlib.suppress(KeyboardInterrupt):
        signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)
    modes(rng)


def forked(work: Callable[[], None]) -> int:
    """The exit status of a fork that did some work."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns of forks beside threads
        child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def forks(rng):
    seed = int(rng.integers(1 << 30))
    assert forked(lambda: modes(np.random.default_rng(seed))) == 0


def without_memory(rng):
    """A fork that may not have more memory raises MemoryError, and goes on."""

    def work():
        x = ak.Array(np.ones(16_000_000))
        pages = Path("/proc/self/statm").read_text(encoding="utf-8").split()
        used = int(pages[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (8 << 20), resource.RLIM_INFINITY))
        try:
            dualak.jvp(lambda x: np.sin(x) * np.cos(x), (x,), (x,))
            raise AssertionError("expected MemoryError")
        except MemoryError:
            pass
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
        modes(np.random.default_rng(0))

    assert forked(work) == 0


def spawned(rng):
    seed = int(rng.integers(1 << 30))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pool.apply(_in_a_process, (seed,))


def _in_a_process(seed):
    modes(np.random.default_rng(seed))


def dask_workers(rng):
    """Two worker processes of dask, where it is installed, in all modes."""
    from distributed import Client, LocalCluster

    seeds = [int(seed) for seed in rng.integers(1 << 30, size=4)]
    cluster = LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=None)
    with cluster, Client(cluster) as client:
        client.gather(client.map(_in_a_process, seeds))


@dataclass(frozen=True)
class Job:
    """Some work, and how many rounds lie between two runs of it."""

    run: Callable[[np.random.Generator], None]
    every: int


JOBS = {
    "modes": Job(modes, 1),
    "second order": Job(second_order, 5),
    "records": Job(records, 3),
    "threads": Job(threads, 20),
    "tasks": Job(tasks, 20),
    "failures": Job(failures, 10),
    "interrupts": Job(interrupts, 20),
    "forks": Job(forks, 50),
    "without memory": Job(without_memory, 200),
    "spawned": Job(spawned, 2000),
}
if find_spec("distributed"):
    JOBS["dask workers"] = Job(dask_workers, 5000)
