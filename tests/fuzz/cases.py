"""A program with its point, its direction and its result; what is said about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np

import dualak

from . import arrays
from .comparing import Flat, kind_of
from .programs import Program, fresh

STEP = 2.0**-11


@dataclass(frozen=True)
class Verdict:
    """What an oracle says: ``right``, ``skipped``, ``refused``, ``wrong`` or ``error``."""

    kind: str
    mode: str
    signature: str = ""
    detail: str = ""
    function: str = ""
    oracle: str = "jvp"

    @property
    def bad(self) -> bool:
        return self.kind in ("wrong", "error")

    @property
    def cause(self) -> tuple[str, str, str]:
        return self.kind, self.mode, self.signature


class Case:
    """A program with its point, its direction and what plain Awkward gives for it."""

    def __init__(self, program: Program, expected: Any = None, seed: int = 0) -> None:
        self.program, self.function = program, program.function()
        self.random = np.random.default_rng([seed, program.seed])
        self.moving = tuple(one.role == "moving" for one in program.arguments)
        self.tangents = self.direction()
        self.values = tuple(one.value for one in program.arguments)
        self.numpy = all(
            isinstance(one, (np.ndarray, float, np.generic)) for one in self.values
        ) and any(isinstance(one, np.ndarray) for one in self.values)
        given = self.function(*self.points()) if expected is None else expected
        single = len(program.results) == 1 and isinstance(given, tuple) and expected is not None
        self.expected = given[0] if single else given
        self.single = "float32" in program.body() or any(
            "float32" in str(kind_of(one.value)) for one in program.inputs
        )
        self.tolerance = 2e-3 if self.single else 1e-6
        self.y: Any = None
        self.dy: Flat | None = None
        self.other = self.direction()
        self._slopes: dict[float, Any] = {}

    def direction(self) -> tuple[Any, ...]:
        """A direction: normal numbers, None for arguments that have none."""
        normal = lambda data: self.random.normal(size=data.shape)  # noqa: E731
        pairs = zip(self.program.arguments, self.moving, strict=True)
        return tuple(
            arrays.renumbered(one.value, normal) if moves else None for one, moves in pairs
        )

    def plain(self, at: Any = None) -> Any:
        return self.function(*map(fresh, self.values if at is None else at))

    def points(self) -> tuple[Any, ...]:
        return tuple(map(fresh, self.values))

    def moved(self, step: float, along: Any = None) -> tuple[Any, ...]:
        """The point a step away, in double precision."""
        tangents = self.tangents if along is None else along
        return tuple(
            one if t is None else moved(one, t, step)
            for one, t in zip(self.values, tangents, strict=True)
        )

    def slopes(self, step: float) -> tuple[Any, Any]:
        """Value and tangent a step away in the other direction, for all oracles that ask."""
        if step not in self._slopes:
            points = tuple(map(fresh, self.moved(step, self.other)))
            self._slopes[step] = dualak.jvp(self.function, points, self.tangents)
        return self._slopes[step]


def moved(value: Any, tangent: Any, step: float) -> Any:
    if isinstance(value, (float, np.floating)):
        return (
            type(value)(value + step * tangent)
            if type(value) is not np.float32
            else np.float64(value) + step * tangent
        )
    if isinstance(value, np.ndarray):
        return value + step * tangent if value.dtype.kind == "f" else value
    layout = value.layout.array if isinstance(value, ak.Record) else value.layout
    other = tangent.layout.array if isinstance(tangent, ak.Record) else tangent.layout
    made = _shifted(layout, other, step)
    if isinstance(value, ak.Record):
        return ak.Record(ak.record.Record(made, value.layout.at), behavior=value.behavior)
    return ak.Array(made, behavior=value.behavior)


def _shifted(layout: Any, other: Any, step: float) -> Any:
    if layout.is_numpy:
        data = np.asarray(layout.data)
        if data.dtype.kind != "f":
            return layout
        return ak.contents.NumpyArray(
            data.astype(np.float64) + step * np.asarray(other.data), parameters=layout.parameters
        )
    if layout.is_record or layout.is_union:
        both = zip(layout.contents, other.contents, strict=True)
        return layout.copy(contents=[_shifted(*one, step) for one in both])
    if layout.is_unknown:
        return layout
    return layout.copy(content=_shifted(layout.content, other.content, step))


def shown(result: Any) -> str:
    if isinstance(result, tuple):
        return "(" + ", ".join(map(shown, result)) + ")"
    text = str(result.tolist() if hasattr(result, "tolist") else result)
    return text if len(text) < 160 else text[:157] + "..."


def listed(numbers: np.ndarray) -> list[float]:
    return [float(f"{one:.6g}") for one in numbers[:24]]
