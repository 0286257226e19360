"""``python -m tests.fuzz``: random programs in every mode, and what went wrong with them."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("DUALAK_NUM_THREADS", "1")

from .oracles import OTHERS
from .report import Tally, written
from .running import Plan, hunt


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--programs", type=int, default=1000, help="how many programs")
    parser.add_argument("--seed", type=int, default=0, help="which programs")
    parser.add_argument(
        "--modes", default="forward", help=f"forward, all, or some of: {', '.join(OTHERS)}"
    )
    parser.add_argument("--minutes", type=float, help="stop after these, whatever is left")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--stop-at", type=int, help="stop when so many causes of failure are known")
    parser.add_argument(
        "--no-shrink", action="store_true", help="print failing programs as they are"
    )
    parser.add_argument("--no-loops", action="store_true", help="without loops compiled by Numba")
    parser.add_argument("--often", default="", help="functions to draw often, such as np.hypot")
    parser.add_argument("--out", type=Path, help="keep the report in this file, also meanwhile")
    parser.add_argument(
        "--show", type=int, help="print the program of this number and its verdicts"
    )
    return parser.parse_args()


def modes_of(text: str) -> tuple[str, ...]:
    if text == "forward":
        return ()
    if text == "all":
        return tuple(OTHERS)
    chosen = tuple(one.strip() for one in text.split(","))
    unknown = [one for one in chosen if one not in OTHERS]
    if unknown:
        raise SystemExit(f"expected modes among forward, all, {', '.join(OTHERS)}; got {unknown}")
    return chosen


@contextmanager
def progress(total: int) -> Iterator[Callable[[Tally], None]]:
    """Shows how many programs are left: a bar if rich is installed, lines of text if not."""
    start = time.time()
    try:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )
    except ImportError:
        yield lambda tally: print(_line(tally, total, start), file=sys.stderr)
        return
    if not sys.stderr.isatty():
        yield _now_and_then(total, start)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("programs", total=total)
        yield lambda tally: bar.update(
            task,
            completed=tally.programs,
            description=f"{tally.bad} bad, {len(tally.failures)} causes",
        )


def _now_and_then(total: int, start: float) -> Callable[[Tally], None]:
    last = [start]

    def show(tally: Tally) -> None:
        if time.time() - last[0] > 20:
            last[0] = time.time()
            print(_line(tally, total, start), file=sys.stderr, flush=True)

    return show


def _line(tally: Tally, total: int, start: float) -> str:
    rate = tally.programs / max(time.time() - start, 1e-9)
    left = (total - tally.programs) / max(rate, 1e-9)
    return (
        f"{tally.programs}/{total} programs, {rate:.1f} a second, {left:.0f} s left; "
        f"{tally.bad} bad, {len(tally.failures)} causes"
    )


def show(plan: Plan, number: int) -> int:
    import warnings

    from .generator import generated
    from .oracles import examined

    warnings.simplefilter("ignore")
    program, expected = generated(plan.seed, number, plan.loops, plan.often)
    print(program.text())
    for one in examined(program, expected, plan.modes, plan.seed):
        print(f"# {one.oracle}: {one.kind} {one.mode} {one.signature} {one.detail}")
    return 0


def main() -> int:
    options = arguments()
    often = tuple(filter(None, options.often.split(",")))
    plan = Plan(
        options.seed,
        modes_of(options.modes),
        not options.no_loops,
        not options.no_shrink,
        often,
    )
    if options.show is not None:
        return show(plan, options.show)
    start = time.time()

    def kept(tally: Tally) -> str:
        text = written(tally, time.time() - start) + "\n"
        if options.out:
            options.out.write_text(text, encoding="utf-8")
        return text

    with progress(options.programs) as shown:
        tally = hunt(
            plan,
            options.programs,
            minutes=options.minutes,
            jobs=options.jobs,
            stop_at=options.stop_at,
            shown=lambda tally: (shown(tally), kept(tally)),
        )
    sys.stdout.write(kept(tally))
    return int(tally.bad > 0)


if __name__ == "__main__":
    sys.exit(main())
