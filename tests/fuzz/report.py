"""What a run found: counts, refusals by function, and one shrunken program for each cause."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from .cases import Case, Verdict
from .programs import Program

#: How a failing program is called, for each mode.
_CALLS = {
    "jvp": "print(*dualak.jvp(f, {x}, {t}), sep='\\n')",
    "linearize": "print(dualak.linearize(f, {x})[1]({t}), dualak.jvp(f, {x}, {t})[1], sep='\\n')",
    "vjp": "print(dualak.vjp(f, {x})[1](dualak.jvp(f, {x}, {t})[1]))",
    "compile": "print(dualak.compile(f).jvp({x}, {t}), dualak.jvp(f, {x}, {t}), sep='\\n')",
    "second order": "print(dualak.jvp(lambda *x: dualak.jvp(f, x, {t})[1], {x}, {t}))",
    "directions": "print(dualak.jvp(f, {x}, dualak.Directions([{t}, {t}])))",
}
_JAX = (
    "import jax, bridge; jax.config.update('jax_enable_x64', True)\n"
    "as_jax = lambda one: bridge.to_jax(one) if isinstance(one, (ak.Array, ak.Record)) else one\n"
    "print(jax.jit(bridge.wrap(f{more}))(*map(as_jax, {x})), f(*{x}), sep='\\n')"
)


@dataclass
class Failure:
    """One cause: how often it was met, and the shortest program that shows it."""

    count: int
    seed: int
    index: int
    text: str
    detail: str
    functions: Counter[str] = field(default_factory=Counter)

    @property
    def size(self) -> int:
        return len(self.text)


@dataclass
class Tally:
    """Counts of a run; tallies of several processes add up."""

    programs: int = 0
    seconds: float = 0.0
    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    refusals: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: dict[tuple[str, ...], Failure] = field(default_factory=dict)
    functions: Counter[str] = field(default_factory=Counter)

    def add(self, program: Program, verdicts: list[Verdict]) -> None:
        """Counts a program and the verdicts on it."""
        self.programs += 1
        self.functions.update({step.function for step in program.steps})
        for one in verdicts:
            self.verdicts[one.oracle, one.kind] += 1
            if one.kind == "refused":
                self.refusals[one.function, one.signature] += 1
            elif one.kind == "skipped":
                self.skipped[f"{one.mode}: {one.signature}"] += 1

    def merge(self, other: Tally) -> None:
        """Adds another process's counts."""
        self.programs += other.programs
        self.seconds += other.seconds
        for mine, theirs in (
            (self.verdicts, other.verdicts),
            (self.skipped, other.skipped),
            (self.refusals, other.refusals),
            (self.functions, other.functions),
        ):
            mine.update(theirs)  # type: ignore[arg-type]
        for key, failure in other.failures.items():
            self.count(key, failure)

    def count(self, key: tuple[str, ...], failure: Failure) -> None:
        """One more of a cause, keeping the shorter program."""
        known = self.failures.get(key)
        if known is None:
            self.failures[key] = failure
            return
        known.count += failure.count
        known.functions.update(failure.functions)
        if failure.text and (not known.text or failure.size < known.size):
            known.text, known.detail, known.seed, known.index = (
                failure.text,
                failure.detail,
                failure.seed,
                failure.index,
            )

    @property
    def bad(self) -> int:
        return sum(
            count for (_, kind), count in self.verdicts.items() if kind in ("wrong", "error")
        )


def pasted(program: Program, verdict: Verdict, seed: int) -> str:
    """The program with its directions and the call that fails."""
    case = Case(program, seed=seed)
    names = [f"t{i}" if t is not None else "None" for i, t in enumerate(case.tangents)]
    points = "(" + "".join(f"{one.name}, " for one in program.arguments).rstrip() + ")"
    along = "(" + "".join(f"{name}, " for name in names).rstrip() + ")"
    if verdict.oracle.startswith("jit"):
        more = ", structure='traced', capacity=600" if "traced" in verdict.oracle else ""
        return program.text(_JAX.format(x=points, more=more))
    call = _CALLS.get(verdict.oracle, _CALLS["jvp"]).format(x=points, t=along)
    tangents = {f"t{i}": _rounded(t) for i, t in enumerate(case.tangents) if t is not None}
    return program.text(call, tangents)


def _rounded(tangent: Any) -> Any:
    from .arrays import renumbered

    return renumbered(tangent, lambda data: data.round(2))


def written(tally: Tally, wall: float) -> str:
    """The whole report."""
    parts = [_counts(tally, wall), _refusals(tally), _failures(tally)]
    return "\n\n".join(part for part in parts if part)


def _counts(tally: Tally, wall: float) -> str:
    kinds = ("right", "skipped", "refused", "wrong", "error")
    lines = [
        f"{tally.programs} programs in {wall:.0f} s",
        f"{tally.programs / max(wall, 1e-9):.1f} a second",
        f"{tally.programs / max(tally.seconds, 1e-9):.1f} for each second of a core",
        f"{len(tally.functions)} functions were called",
        f"{'mode':14}" + "".join(f"{kind:>9}" for kind in kinds),
    ]
    modes = dict.fromkeys(
        mode for mode, _ in sorted(tally.verdicts, key=lambda one: one[0] != "jvp")
    )
    lines += [
        f"{mode:14}" + "".join(f"{tally.verdicts[mode, kind]:9}" for kind in kinds)
        for mode in modes
    ]
    lines += [f"  skipped {count:6}  {why}" for why, count in tally.skipped.most_common(12)]
    return "\n".join(lines)


def _refusals(tally: Tally) -> str:
    if not tally.refusals:
        return ""
    functions: Counter[str] = Counter()
    for (function, _), count in tally.refusals.items():
        functions[function] += count
    lines = ["refusals by function, with the most frequent reason"]
    for function, count in functions.most_common(40):
        reasons = Counter({why: n for (name, why), n in tally.refusals.items() if name == function})
        lines.append(f"{count:6}  {function:28} {reasons.most_common(1)[0][0][:150]}")
    return "\n".join(lines)


def _failures(tally: Tally) -> str:
    found = sorted(tally.failures.items(), key=lambda one: -one[1].count)
    lines = [f"{len(found)} causes of failure, {sum(one.count for _, one in found)} hits"]
    for number, (key, one) in enumerate(found, 1):
        names = ", ".join(f"{name} {count}" for name, count in one.functions.most_common(12))
        lines += [
            "",
            f"## {number}. {one.count} x {' | '.join(key)}",
            f"# last steps: {names}",
            f"# seed {one.seed}, program {one.index}: {one.detail}",
            one.text,
        ]
    return "\n".join(lines)
