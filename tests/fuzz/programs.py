"""A program is data: inputs and steps.  Its text is plain Python, and that text is what runs."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import awkward as ak
import numpy as np

from tests.fuzz.spelling import source_of

#: What the text of a program may name.
HEADER = "import awkward as ak, numpy as np, dualak"
_NAME = re.compile(r"\b[a-z]\d+\b")


@dataclass(frozen=True)
class Input:
    """Something that a program starts from.

    ``role`` says how it comes in: ``moving`` is an argument with a tangent, ``still`` one without,
    ``constant`` stands outside of the function.
    """

    name: str
    value: Any
    role: str


@dataclass(frozen=True)
class Step:
    """One line of the function; ``made`` is the name it binds, None where it changes something."""

    made: str | None
    text: str
    function: str

    @property
    def line(self) -> str:
        return self.text if self.made is None else f"{self.made} = {self.text}"

    @functools.cached_property
    def names(self) -> frozenset[str]:
        """The names that the step reads."""
        return frozenset(_NAME.findall(self.text))


@dataclass(frozen=True)
class Program:
    """Inputs, steps, and the names of what the function returns."""

    inputs: tuple[Input, ...]
    steps: tuple[Step, ...]
    results: tuple[str, ...]
    seed: int = 0
    #: Whether numbers in between are in half precision, as of booleans; compiled code has single.
    half: bool = False

    @property
    def arguments(self) -> tuple[Input, ...]:
        return tuple(one for one in self.inputs if one.role != "constant")

    @property
    def constants(self) -> tuple[Input, ...]:
        return tuple(one for one in self.inputs if one.role == "constant")

    def body(self) -> str:
        """The text of the function."""
        names = ", ".join(one.name for one in self.arguments)
        lines = [f"def f({names}):", *(f"    {step.line}" for step in self.steps)]
        return "\n".join([*lines, f"    return {', '.join(self.results)}"])

    def function(self) -> Callable[..., Any]:
        """The function, made of its text."""
        room = dict(environment())
        room.update((one.name, fresh(one.value)) for one in self.constants)
        exec(compile(self.body(), f"<program {self.seed}>", "exec"), room)
        return room["f"]

    def points(self) -> tuple[Any, ...]:
        """Its arguments, each as an object of its own that the function may change."""
        return tuple(fresh(one.value) for one in self.arguments)

    def text(self, call: str = "", more: Mapping[str, Any] | None = None) -> str:
        """The whole program, to be pasted and run."""
        used = self.body()
        header = [HEADER]
        for module, line in OTHERS.items():
            if re.search(rf"\b{module}\.", used):
                header.append(line)
        given = [(one.name, one.value) for one in self.inputs] + list((more or {}).items())
        values = [f"{name} = {source_of(value)}" for name, value in given]
        if any("Momentum" in line or "Vector" in line for line in values):
            header.append(OTHERS["vector"])
        return "\n".join([*dict.fromkeys(header), *values, self.body(), *([call] if call else [])])


#: Modules that programs may use besides, by the name they have in programs.
OTHERS = {
    "special": "from scipy import special",
    "vector": "import vector; vector.register_awkward()",
    "loops": "from tests.fuzz import loops",
}


@functools.cache
def environment() -> Mapping[str, Any]:
    """What the text of programs is run in."""
    from scipy import special

    import dualak

    from . import loops

    room = {"ak": ak, "np": np, "dualak": dualak, "special": special, "loops": loops}
    try:
        import vector
    except ImportError:
        return room
    vector.register_awkward()
    return room | {"vector": vector}


def fresh(value: Any) -> Any:
    """The same numbers in an object of its own: what a function sets in it stays in there."""
    if isinstance(value, ak.Array):
        return ak.Array(value.layout, behavior=value.behavior, attrs=value.attrs)
    if isinstance(value, ak.Record):
        return ak.Record(value.layout, behavior=value.behavior, attrs=value.attrs)
    return value.copy() if isinstance(value, np.ndarray) else value


def needed(program: Program) -> Program:
    """Without the steps and inputs that the results do not depend on."""
    wanted, kept = set(program.results), []
    for step in reversed(program.steps):
        if step.made in wanted or (step.made is None and changed(step) in wanted):
            kept.append(step)
            wanted |= step.names
    inputs = tuple(one for one in program.inputs if one.name in wanted)
    return replace(program, inputs=inputs, steps=tuple(reversed(kept)))


def trimmed(program: Program) -> Program:
    """Without the inputs that no step and no result names."""
    used = frozenset(program.results).union(*(step.names for step in program.steps))
    return replace(program, inputs=tuple(one for one in program.inputs if one.name in used))


def changed(step: Step) -> str:
    """The name of what a step changes in place."""
    return _NAME.search(step.text).group()  # type: ignore[union-attr]
