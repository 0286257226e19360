"""One fault: put into a copy of the project, and looked for by the tests there."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.mutants.mutant import Mutant
from tests.support import ROOT

#: A run that takes longer hangs, with those nearest and with all others; in the copy without the
#: fault it has to end within the same time.
NEAR, REST = 900, 2400


@dataclass(frozen=True)
class Verdict:
    """What became of a fault.

    Attributes:
        what: ``killed``, ``survived``, or ``gone``: the text is no longer in its file.
        by: the test that fails with the fault and passes without it.
        seconds: how long it took.
        broken: tests that fail with the fault and without it, and so count for nothing.
    """

    what: str
    by: str = ""
    seconds: float = 0.0
    broken: Sequence[str] = ()


@dataclass(frozen=True)
class Ended:
    """A run of pytest: what failed, or why it gave no names."""

    good: bool
    failed: frozenset[str] = frozenset()
    reason: str = ""


def copied(tree: Path) -> None:
    """The files that Git knows or would add, as they are; kernels compiled before stay."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    names = {name for name in listed.stdout.splitlines() if (ROOT / name).is_file()}
    for name in names:
        source, target = ROOT / name, tree / name
        if not target.exists() or source.read_bytes() != target.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    for path in [*tree.rglob("*.py")]:
        if str(path.relative_to(tree)) not in names:
            path.unlink()


@contextmanager
def put_into(tree: Path, mutant: Mutant) -> Iterator[None]:
    """The tree with the fault; a file that is put back keeps its time, and so its kernels."""
    path = tree / mutant.file
    text, times = path.read_text(), path.stat()
    try:
        path.write_text(text.replace(mutant.old, mutant.new))
        yield
    finally:
        path.write_text(text)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def judged(tree: Path, mutant: Mutant, jobs: int, near_only: bool = False) -> Verdict:
    """Whether the nearest tests see the fault, or else the others of every day."""
    copied(tree)
    start = time.monotonic()
    path = tree / mutant.file
    if not path.exists() or path.read_text().count(mutant.old) != 1:
        return Verdict("gone")
    broken: list[str] = []
    rounds = [(0, NEAR, [mutant.near])]
    if not near_only:
        rounds.append((jobs, REST, [f"--ignore={mutant.near}"]))
    for processes, limit, options in rounds:
        by = seen(tree, mutant, processes, limit, options, broken)
        if by:
            return Verdict("killed", by, round(time.monotonic() - start, 1), broken)
    return Verdict("survived", "", round(time.monotonic() - start, 1), broken)


def seen(
    tree: Path, mutant: Mutant, jobs: int, limit: int, options: list[str], broken: list[str]
) -> str:
    """A test that fails because of the fault, or nothing; what fails anyway joins ``broken``."""
    while True:
        with put_into(tree, mutant):
            left = [*options, *(f"--deselect={name}" for name in broken)]
            ended = run(tree, jobs, limit, "-x", *left)
        if ended.good:
            return ""
        again = run(tree, 0, limit, *sorted(ended.failed)) if ended.failed else None
        again = again or run(tree, jobs, limit, *left)
        caused = sorted(ended.failed - again.failed)
        if caused and (again.good or again.failed):
            return caused[0]
        if not ended.failed and again.good:
            return ended.reason
        if not again.failed:
            raise RuntimeError(f"the tests do not run without a fault either: {again.reason}")
        broken += sorted(again.failed)


def run(tree: Path, jobs: int, limit: int, *options: str) -> Ended:
    """The everyday tests that the options choose, in so many processes; 0 is this one alone."""
    with TemporaryDirectory() as cache:
        command = [sys.executable, "-m", "pytest", "-q", "-o", f"cache_dir={cache}"]
        command += ["-n", str(jobs), "--dist", "loadgroup"] if jobs else []
        left = {name: value for name, value in os.environ.items() if name != "DUALAK_TESTS"}
        process = subprocess.Popen(
            [*command, *options],
            cwd=tree,
            env=left | {"DUALAK_NUM_THREADS": "1", "PYTHONPATH": str(tree.resolve())},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            said, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            return Ended(good=False, reason=f"no end within {limit} s")
        finally:
            _end(process)
        file = Path(cache) / "v" / "cache" / "lastfailed"
        failed = frozenset(json.loads(file.read_text())) if file.exists() else frozenset()
    return Ended(process.returncode == 0, failed, f"exit {process.returncode}: {said[-300:]}")


def _end(process: subprocess.Popen[str]) -> None:
    """Ends a run that hangs or is interrupted, with the processes that it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
