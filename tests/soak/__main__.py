"""``python -m tests.soak --minutes N``: mixed work in a child process, with figures at its end.

The child's resident memory is compared between the end of its first fifth and its end; errors are
counted by kind and job.  The exit status is 1 if there was an error or memory grew by over 1 %.
"""

from __future__ import annotations

import argparse
import collections
import gc
import json
import os
import subprocess
import sys
import time
import traceback

import numpy as np

#: The part of the time after which memory is taken to be what it will be.
WARM = 0.2
#: How much resident memory may grow after that.
GROWTH = 0.01


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="how long")
    parser.add_argument("--seed", type=int, default=0, help="of the work")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def resident() -> int:
    """Resident bytes of this process, after a collection."""
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def child(minutes: float, seed: int) -> None:
    """Works, and prints a line of JSON every few seconds and at the end."""
    from .work import JOBS

    rng, start = np.random.default_rng(seed), time.monotonic()
    calls: collections.Counter[str] = collections.Counter()
    errors: collections.Counter[str] = collections.Counter()
    warm, said, rounds, done = 0, 0.0, 0, 0.0
    while done < 1.0:
        for name, job in JOBS.items():
            if rounds % job.every == 0:
                calls[name] += 1
                try:
                    job.run(rng)
                except Exception as error:
                    errors[f"{name}: {type(error).__name__}"] += 1
                    traceback.print_exc(file=sys.stderr)
        rounds += 1
        now = time.monotonic() - start
        done = now / (60.0 * minutes)
        if warm == 0 and done >= WARM:
            warm = resident()
        if now - said > 5.0 or done >= 1.0:
            said = now
            line = {"part": done, "rounds": rounds, "calls": calls, "errors": errors}
            print(json.dumps({**line, "warm": warm, "bytes": resident()}), flush=True)


def main() -> int:
    options = arguments()
    if options.child:
        child(options.minutes, options.seed)
        return 0
    command = [sys.executable, "-m", "tests.soak", "--child"]
    command += ["--minutes", str(options.minutes), "--seed", str(options.seed)]
    last: dict = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for text in process.stdout:
            last = json.loads(text)
            show(last)
    print()
    return report(last, process.returncode)


def show(state: dict) -> None:
    """One line that says how far it is."""
    errors = sum(state["errors"].values())
    print(
        f"\r{state['part']:4.0%}  {sum(state['calls'].values())} jobs, {errors} errors, "
        f"{state['bytes'] / 1e6:.1f} MB",
        end="",
        flush=True,
    )


def report(state: dict, status: int) -> int:
    """Prints the figures; whether something is wrong."""
    growth = state["bytes"] / state["warm"] - 1 if state.get("warm") else float("inf")
    for name, count in state.get("calls", {}).items():
        print(f"{name:>16} {count:8d}")
    print(f"{'errors':>16} {sum(state['errors'].values()):8d}  {dict(state['errors'])}")
    print(f"{'resident':>16} {state['warm'] / 1e6:8.1f} MB, then {state['bytes'] / 1e6:.1f} MB")
    print(f"{'growth':>16} {growth:8.2%}")
    return int(status != 0 or bool(state["errors"]) or growth > GROWTH)


if __name__ == "__main__":
    raise SystemExit(main())
