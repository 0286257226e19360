"""``python -m tests.mutants``: puts one fault after another into a copy, and runs the tests there.

The tests that stand nearest to a fault run first, then all others of every day.  A line for each
mutant is printed and kept in a file as it comes; what stands there already is not run again.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.mutants.table import MUTANTS, Mutant
from tests.support import ROOT

#: A run that takes longer hangs, and so it is seen.
SECONDS = 1200


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", help="which mutants; all without one")
    parser.add_argument("--tree", type=Path, default=ROOT / "build" / "mutants", help="the copy")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "mutants.jsonl")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    return parser.parse_args()


def copied(tree: Path) -> None:
    """The files that Git knows, as they are; compiled kernels of an earlier copy stay."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    for name in listed.stdout.splitlines():
        source, target = ROOT / name, tree / name
        if not target.exists() or source.read_bytes() != target.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


@contextmanager
def put_into(tree: Path, mutant: Mutant) -> Iterator[None]:
    """The tree with the fault; a file that is put back keeps its time, and so its kernels."""
    path = tree / mutant.file
    text, times = path.read_text(), path.stat()
    if text.count(mutant.old) != 1:
        raise ValueError(
            f"{mutant.name}: its text stands {text.count(mutant.old)} times in the file"
        )
    try:
        path.write_text(text.replace(mutant.old, mutant.new))
        yield
    finally:
        path.write_text(text)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def failing(tree: Path, jobs: int, *options: str) -> str | None:
    """The first test that fails, or None."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", str(jobs), "--dist", "loadgroup"]
    environment = os.environ | {"DUALAK_NUM_THREADS": "1", "PYTHONPATH": str(tree)}
    try:
        done = subprocess.run(
            [*command, *options],
            cwd=tree,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"it takes more than {SECONDS} s"
    if done.returncode == 0:
        return None
    found = re.search(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    return found[1] if found else f"exit {done.returncode}: {(done.stdout + done.stderr)[-200:]}"


def judged(tree: Path, mutant: Mutant, jobs: int) -> str | None:
    with put_into(tree, mutant):
        near = failing(tree, min(jobs, 2), mutant.near)
        return near or failing(tree, jobs, f"--ignore={mutant.near}")


def main() -> None:
    options = arguments()
    known = {}
    if options.out.exists():
        lines = map(json.loads, options.out.read_text().splitlines())
        known = {line["name"]: line["killed by"] for line in lines}
    options.tree.mkdir(parents=True, exist_ok=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    copied(options.tree)
    chosen = [one for one in MUTANTS if not options.names or one.name in options.names]
    for i, mutant in enumerate(chosen):
        if mutant.name not in known or options.names:
            known[mutant.name] = judged(options.tree, mutant, options.jobs)
            with options.out.open("a") as file:
                file.write(
                    json.dumps({"name": mutant.name, "killed by": known[mutant.name]}) + "\n"
                )
        by = known[mutant.name]
        print(f"{i + 1:3}/{len(chosen)}  {mutant.name:40}  {by or 'SURVIVED'}", flush=True)
    killed = sum(known[one.name] is not None for one in chosen)
    print(f"{killed} of {len(chosen)} killed")


if __name__ == "__main__":
    main()
