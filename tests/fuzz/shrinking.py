"""The smallest program that still fails: steps dropped, values put in their place, inputs cut."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import awkward as ak
import numpy as np

from .arrays import length_of, renumbered
from .cases import Verdict
from .oracles import examined
from .programs import Input, Program, changed, environment, fresh, needed, trimmed
from .spelling import source_of

Fails = Callable[[Program], bool]


def failing(verdict: Verdict, seed: int) -> Fails:
    """Whether a program fails in the way that a verdict says."""
    modes = () if verdict.oracle == "jvp" else (verdict.oracle,)

    def fails(program: Program) -> bool:
        try:
            found = examined(program, None, modes, seed)
        except Exception:
            return False
        return any(_alike(one, verdict) for one in found)

    return fails


def _alike(one: Verdict, other: Verdict) -> bool:
    """Whether both may have a cause in common: of errors the type and the place."""
    if other.kind != "error":
        return (one.kind, one.oracle) == (other.kind, other.oracle)
    return (one.kind, one.oracle, *_type_and_place(one)) == (
        other.kind,
        other.oracle,
        *_type_and_place(other),
    )


def _type_and_place(verdict: Verdict) -> tuple[str, str]:
    return verdict.signature.partition(":")[0], verdict.signature.rpartition("[")[2]


def first_failing(program: Program, fails: Fails) -> Program:
    """The program up to the first step whose own result already fails."""
    for count in range(1, len(program.steps) + 1):
        step = program.steps[count - 1]
        part = needed(
            replace(program, steps=program.steps[:count], results=(step.made or changed(step),))
        )
        if any(one.role == "moving" for one in part.inputs) and fails(part):
            return part
    return program


def shrunken(program: Program, fails: Fails, seconds: float = 5.0) -> Program:
    """A smaller program that fails, after as many attempts as the time allows."""
    end, improved = time.process_time() + seconds, True
    while improved:
        improved = False
        for candidate in _candidates(program):
            if time.process_time() > end:
                return program
            if fails(candidate):
                program, improved = candidate, True
                break
    return program


def _candidates(program: Program) -> Iterator[Program]:
    yield from _one_result(program)
    yield from _shorter(program)
    yield from _cut(program)
    yield from _without_steps(program)
    yield from _simpler_inputs(program)


def _shorter(program: Program) -> Iterator[Program]:
    """Up to a step in the middle, with what was last made, or an input, as the result."""
    moving = tuple(one.name for one in program.inputs if one.role == "moving")
    for count in (1, len(program.steps) // 2, len(program.steps) - 1):
        if 0 < count < len(program.steps):
            steps = program.steps[:count]
            yield trimmed(
                replace(program, steps=steps, results=(steps[-1].made or changed(steps[-1]),))
            )
            yield trimmed(replace(program, steps=steps, results=moving[:1]))
    if program.results != moving[:1]:
        yield trimmed(replace(program, results=moving[:1]))


def _one_result(program: Program) -> Iterator[Program]:
    if len(program.results) > 1:
        for one in program.results:
            yield needed(replace(program, results=(one,)))
    part = needed(program)
    if len(part.steps) < len(program.steps) or len(part.inputs) < len(program.inputs):
        yield part


def _cut(program: Program) -> Iterator[Program]:
    """The value of a step, as an input in its place; the latest first."""
    values, active = _values(program)
    for at in reversed(range(len(program.steps) - 1)):
        step = program.steps[at]
        if (
            step.made is None
            or step.made not in values
            or not isinstance(values[step.made], _GIVEN)
        ):
            continue
        role = "moving" if step.made in active else "constant"
        made = Input(step.made, fresh(values[step.made]), role)
        later = program.steps[:at] + program.steps[at + 1 :]
        part = trimmed(replace(program, inputs=(*program.inputs, made), steps=later))
        if any(one.role == "moving" for one in part.inputs):
            yield part


_GIVEN = (ak.Array, ak.Record, np.ndarray, float, int, np.generic)


def _values(program: Program) -> tuple[dict[str, Any], set[str]]:
    """What plain Awkward gives for each step right after it, and which depend on moving inputs."""
    room = dict(environment()) | {one.name: fresh(one.value) for one in program.inputs}
    active = {one.name for one in program.inputs if one.role == "moving"}
    found: dict[str, Any] = {}
    for step in program.steps:
        try:
            exec(step.line, room)
        except Exception:
            return found, active
        if step.made is not None:
            found[step.made] = fresh(room[step.made])
            if step.names & active:
                active.add(step.made)
    return found, active


def _without_steps(program: Program) -> Iterator[Program]:
    """Without a step, whose name becomes that of one of its operands where it is read."""
    for at in reversed(range(len(program.steps))):
        step = program.steps[at]
        rest = replace(program, steps=program.steps[:at] + program.steps[at + 1 :])
        read = step.made in frozenset(program.results).union(*(one.names for one in rest.steps))
        if step.made is None or not read:
            yield trimmed(rest)
            continue
        for name in sorted(step.names):
            yield trimmed(_renamed(rest, step.made, name))


def _renamed(program: Program, old: str, new: str) -> Program:
    pattern = re.compile(rf"\b{old}\b")
    steps = tuple(replace(one, text=pattern.sub(new, one.text)) for one in program.steps)
    return replace(
        program, steps=steps, results=tuple(new if one == old else one for one in program.results)
    )


def _simpler_inputs(program: Program) -> Iterator[Program]:
    for at, one in enumerate(program.inputs):
        for simple in _simpler(one, sum(other.role == "moving" for other in program.inputs)):
            inputs = (*program.inputs[:at], simple, *program.inputs[at + 1 :])
            yield replace(program, inputs=inputs)


def _simpler(one: Input, moving: int) -> Iterator[Input]:
    if one.role == "still" or (one.role == "moving" and moving > 1):
        yield replace(one, role="constant")
    rounded = renumbered(one.value, lambda data: data.astype(np.float64).round(2))
    if source_of(rounded) != source_of(one.value):
        yield replace(one, value=rounded)
    for value in _smaller(one.value):
        yield replace(one, value=value)


def _smaller(value: Any) -> Iterator[Any]:
    if length_of(value, -1) < 0:
        return
    if isinstance(value, ak.Array):
        listed = ak.Array(value.to_list(), behavior=value.behavior, with_name=None)
        if listed.layout.form != value.layout.form and listed.type == value.type:
            yield listed
        packed = ak.to_packed(value)
        if packed.layout.form != value.layout.form:
            yield packed
        if "float32" in str(value.type):
            yield ak.values_astype(value, np.float64)
    for count in (1, 2, 3):
        if len(value) > count:
            yield value[:count]
            yield value[-count:]
    if len(value) > 4:
        yield value[:-1]
