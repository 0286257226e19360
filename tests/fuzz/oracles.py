"""All oracles: what a program's derivatives are compared with, mode by mode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from . import modes as others
from .cases import Case, Verdict
from .forward import forward
from .judging import judged
from .programs import Program
from .under_jax import traced, under_jit

#: The oracles beside ``forward``, cheap ones first.
OTHERS: dict[str, Callable[[Case], Verdict]] = {
    "linearize": others.linearize,
    "directions": others.directions,
    "vjp": others.transposed,
    "jacfwd": others.jacobian,
    "compile": others.compiled,
    "second order": others.second,
    "jvp of vjp": others.reverse_twice,
    "jit static": under_jit,
    "jit traced": traced,
}


def run(case: Case, mode: str, oracle: Callable[[Case], Verdict]) -> Verdict:
    """The verdict of one oracle, whatever it raises."""
    try:
        return replace(oracle(case), oracle=mode)
    except Exception as error:
        return replace(judged(error, mode, case.program), oracle=mode)


def examined(
    program: Program, expected: Any = None, modes: Any = (), seed: int = 0
) -> list[Verdict]:
    """All verdicts on a program; where forward mode fails the others are not asked."""
    try:
        case = Case(program, expected, seed)
    except Exception:
        return [Verdict("skipped", "plain", "plain Awkward refuses")]
    first = run(case, "jvp", forward)
    found = [first]
    if first.kind in ("right", "skipped") and case.dy is not None:
        for mode in modes:
            if mode == "jvp of vjp" and any(one.bad for one in found):
                continue  # it would say the same again
            found.append(run(case, mode, OTHERS[mode]))
    return found
