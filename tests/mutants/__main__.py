"""``python -m tests.mutants``: puts one fault after another into a copy, and runs the tests there.

The tests that stand nearest to a fault run first, then all others of every day.  A test that fails
counts if it passes in the copy without the fault: what fails anyway sees nothing.  A line for each
fault is printed, and kept in a file as it comes; what stands there already is not run again.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zlib import crc32

from tests.mutants.judging import Verdict, judged
from tests.mutants.mutant import Mutant
from tests.mutants.table import MUTANTS
from tests.support import ROOT


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", help="which mutants, again; all that are left if none")
    parser.add_argument("--tree", type=Path, default=ROOT / "build" / "mutants", help="the copy")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "mutants.jsonl")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--near", action="store_true", help="only the tests that stand nearest")
    options = parser.parse_args()
    unknown = set(options.names) - {one.name for one in MUTANTS}
    if unknown:
        parser.error(f"expected names of tests/mutants/table.py; got {sorted(unknown)}")
    return options


def fault(mutant: Mutant) -> int:
    """What tells a verdict of this fault from one of a fault that had its name."""
    return crc32(repr((mutant.file, mutant.old, mutant.new)).encode())


def known(out: Path) -> dict[tuple[str, int], Verdict]:
    """The verdicts of earlier runs; the last of each fault counts."""
    lines = map(json.loads, out.read_text().splitlines()) if out.exists() else ()
    return {(line.pop("name"), line.pop("fault")): Verdict(**line) for line in lines}


def keep(out: Path, mutant: Mutant, verdict: Verdict) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    line = {"name": mutant.name, "fault": fault(mutant), **asdict(verdict)}
    with out.open("a") as file:
        file.write(json.dumps(line) + "\n")


@contextmanager
def shown(total: int) -> Iterator[Callable[[int, Mutant, Verdict], None]]:
    """Prints a line for each fault, above a bar if rich is installed and someone looks."""

    def line(number: int, mutant: Mutant, verdict: Verdict) -> str:
        return f"{number:3}/{total}  {verdict.what:8}  {mutant.name:44}  {verdict.by}"

    try:
        from rich.progress import Progress
    except ImportError:
        bar: Any = None
    else:
        bar = Progress() if sys.stdout.isatty() else None
    if bar is None:
        yield lambda *one: print(line(*one), flush=True)
        return
    with bar:
        task = bar.add_task("faults", total=total)

        def show(number: int, mutant: Mutant, verdict: Verdict) -> None:
            bar.print(line(number, mutant, verdict), markup=False, highlight=False)
            bar.update(task, completed=number)

        yield show


def main() -> int:
    options = arguments()
    if shutil.which("git") is None:
        raise SystemExit("the copy is made of the files that Git knows; install git")
    before = known(options.out)
    chosen = [one for one in MUTANTS if not options.names or one.name in options.names]
    verdicts = []
    with shown(len(chosen)) as show:
        for number, mutant in enumerate(chosen, 1):
            verdict = None if options.names else before.get((mutant.name, fault(mutant)))
            if verdict is None:
                verdict = judged(options.tree, mutant, options.jobs, near_only=options.near)
                keep(options.out, mutant, verdict)
            verdicts.append(verdict)
            show(number, mutant, verdict)
    counts = Counter(verdict.what for verdict in verdicts)
    print(f"{counts['killed']} of {len(chosen)} killed, {counts['survived']} survived, ", end="")
    print(f"{counts['gone']} have no text any more")
    return 0 if counts["killed"] == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
