"""Many programs, in one process or in several."""

from __future__ import annotations

import functools
import multiprocessing
import signal
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from .cases import Verdict
from .generator import Impossible, generated
from .oracles import examined
from .pace import collected_at_the_end, prepare
from .programs import Program
from .report import Failure, Tally, pasted
from .shrinking import failing, first_failing, shrunken

#: Programs that a process takes at a time, and seconds that one of them may take.
BATCH, PATIENCE = 50, 60

#: Batches after which a process is replaced by another.
REPLACED = 60


class Hanging(BaseException):
    """A program took too long; nothing else may take it for an error of the program."""


@dataclass(frozen=True)
class Plan:
    """What to run on each program, and whether to make failing ones smaller."""

    seed: int = 0
    modes: tuple[str, ...] = ()
    loops: bool = True
    shrink: bool = True
    often: tuple[str, ...] = ()


def batch(plan: Plan, numbers: Sequence[int], end: float = float("inf")) -> Tally:
    """The tally of some programs."""
    tally, before = Tally(), time.process_time()
    with warnings.catch_warnings(), np.errstate(all="ignore"), collected_at_the_end():
        warnings.simplefilter("ignore")
        for number in numbers:
            if time.time() > end:
                break
            _one(plan, number, tally)
    tally.seconds = time.process_time() - before
    return tally


def _one(plan: Plan, number: int, tally: Tally) -> None:
    """Makes a program, looks at it in every mode, and at what failed once more."""
    try:
        with _patience(PATIENCE):
            program, expected = generated(plan.seed, number, plan.loops, plan.often)
    except (Impossible, Hanging):
        return
    try:
        with _patience(PATIENCE):
            verdicts = examined(program, expected, plan.modes, plan.seed)
    except Hanging:
        verdicts = [Verdict("error", "hangs", f"for {PATIENCE} s")]
    tally.add(program, verdicts)
    for one in verdicts:
        if one.bad:
            _failed(plan, program, one, tally)


def _failed(plan: Plan, program: Program, verdict: Verdict, tally: Tally) -> None:
    """Counts a failure under its cause, made smaller if the cause is new."""
    small, fails = program, failing(verdict, plan.seed)
    with suppress(Hanging), _patience(PATIENCE):
        if plan.shrink and verdict.kind == "wrong":
            small = first_failing(program, fails)
            verdict = next((one for one in _again(small, verdict, plan) if one.bad), verdict)
    last = verdict.function if verdict.kind == "error" else small.steps[-1].function
    key, detail, text = _key(verdict, last), verdict.detail, ""
    if key not in _SEEN:
        _SEEN.add(key)
        with suppress(Hanging), _patience(PATIENCE):
            if plan.shrink:
                small = shrunken(small, fails)
                detail = next(
                    (one.detail for one in _again(small, verdict, plan) if one.bad), detail
                )
        text = _pasted(small, verdict, plan)
    tally.count(key, Failure(1, plan.seed, program.seed, text, detail, Counter([last])))


def _pasted(program: Program, verdict: Verdict, plan: Plan) -> str:
    try:
        return pasted(program, verdict, plan.seed)
    except Exception as error:  # the report says what it can
        return f"{program.body()}\n# {type(error).__name__} while it was written down: {error}"


#: Causes that this process has made smaller already.
_SEEN: set[tuple[str, ...]] = set()


def _again(program: Program, verdict: Verdict, plan: Plan) -> list[Verdict]:
    modes = () if verdict.oracle == "jvp" else (verdict.oracle,)
    return [
        one for one in examined(program, None, modes, plan.seed) if one.oracle == verdict.oracle
    ]


def _key(verdict: Verdict, last: str) -> tuple[str, ...]:
    """What tells causes apart: for numbers that differ also the function, ufuncs together but for
    their rules."""
    if verdict.kind == "error":
        return verdict.cause
    ufunc = last.startswith("scipy.special.") or isinstance(getattr(np, last[3:], None), np.ufunc)
    family = (
        "a ufunc" if ufunc and (verdict.mode, verdict.signature) != ("tangent", "tangent") else last
    )
    return (*verdict.cause, family)


@contextmanager
def _patience(seconds: int) -> Iterator[None]:
    """Raises ``Hanging`` in what takes longer, in time of the processor."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def late(*_: Any) -> None:
        raise Hanging

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def hunt(
    plan: Plan,
    programs: int,
    *,
    minutes: float | None = None,
    jobs: int = 1,
    stop_at: int | None = None,
    shown: Callable[[Tally], None] = lambda tally: None,
) -> Tally:
    """Runs programs until they, the minutes, or the wanted number of causes are there."""
    end = time.time() + 60 * minutes if minutes else float("inf")
    size = BATCH if not plan.modes else 10
    numbers = (range(first, min(first + size, programs)) for first in range(0, programs, size))
    tally = Tally()
    finished = _in_turn if jobs == 1 else _at_once
    for part in finished(plan, numbers, end, jobs):
        tally.merge(part)
        shown(tally)
        if time.time() > end or (stop_at is not None and len(tally.failures) >= stop_at):
            break
    return tally


def _in_turn(plan: Plan, numbers: Any, end: float, jobs: int) -> Iterator[Tally]:
    prepare()
    for some in numbers:
        yield batch(plan, some, end)


def _at_once(plan: Plan, numbers: Any, end: float, jobs: int) -> Iterator[Tally]:
    """In processes that are replaced now and then, so that none of them grows."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(jobs, prepare, maxtasksperchild=REPLACED) as pool:
        parts = pool.imap_unordered(functools.partial(_part, plan, end), numbers)
        while (part := _next_of(parts)) is not None:
            yield part


def _part(plan: Plan, end: float, numbers: Sequence[int]) -> Tally:
    return batch(plan, numbers, end)


def _next_of(parts: Any) -> Tally | None:
    """The next result; None behind the last.

    Raises:
        TimeoutError: if none comes, as where a process has died.
    """
    try:
        return parts.next(timeout=BATCH * PATIENCE)
    except StopIteration:
        return None
