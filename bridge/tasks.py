"""Tasks: what a call of the primitive does, as a function of flat buffers that can be derived.

A task runs on buffers and gives further tasks: its derivative, its transpose where it is linear,
and itself over a batch.  It knows nothing of JAX.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

Mask = tuple[bool, ...]

#: The shape and the type of a buffer.
Kind = tuple[tuple[int, ...], np.dtype[Any]]


class Task(Protocol):
    """A function of buffers.

    Attributes:
        inputs: the shapes and types of what it takes.
        outputs: those of what it gives.
        linear: how many of its last inputs the outputs are linear in, all together.
        zeros: for each output whether it is zero whatever the inputs are.
        on_host: whether it runs on memory of the host only.
    """

    @property
    def inputs(self) -> Sequence[Kind]: ...
    @property
    def on_host(self) -> bool: ...
    @property
    def outputs(self) -> Sequence[Kind]: ...
    @property
    def linear(self) -> int: ...
    @property
    def zeros(self) -> Mask: ...

    def prepare(self) -> None:
        """Does what can be done before there are buffers."""

    def run(self, buffers: Sequence[Any], out: Sequence[Any]) -> None:
        """Fills ``out``, all of it."""

    def native(self) -> Any:
        """The task as an entry point in machine code, or None."""

    def jvp(self, active: Mask) -> Task:
        """The tangents of the floating-point outputs, linear in those of the active inputs."""

    def both(self, active: Mask) -> Task:
        """What it gives, and behind that the tangents of ``jvp``."""

    def transpose(self, wanted: Mask, given: Mask) -> Task:
        """The cotangents of some linear inputs, linear in those of some outputs."""

    def batch(self, mask: Mask, size: int) -> Task:
        """The task for each row of the inputs in the mask, which have a further first axis."""


@dataclass(frozen=True, eq=False)
class RecordedTask:
    """A recorded function of flat buffers."""

    traced: Any

    @property
    def on_host(self) -> bool:
        return False

    @property
    def linear(self) -> int:
        return self.traced.linear

    @property
    def zeros(self) -> Mask:
        return self.traced.zeros

    def run(self, buffers: Sequence[Any], out: Sequence[Any]) -> None:
        self.traced.run(buffers, out)


class Once(RecordedTask):
    """A recorded function, once."""

    @property
    def inputs(self) -> Sequence[Kind]:
        return _kinds(self.traced.inputs)

    @property
    def outputs(self) -> Sequence[Kind]:
        return _kinds(self.traced.outputs)

    def prepare(self) -> None:
        self.traced.prepare()

    def native(self) -> Any:
        return self.traced.native()

    def jvp(self, active: Mask) -> Task:
        return Once(self.traced.jvp(active))

    def both(self, active: Mask) -> Task:
        return Once(self.traced.value_and_jvp(active))

    def transpose(self, wanted: Mask, given: Mask) -> Task:
        return Once(self.traced.transpose(wanted, given))

    def batch(self, mask: Mask, size: int) -> Task:
        fixed = len(mask) - self.linear
        if self.linear and all(mask[fixed:]) and not any(mask[:fixed]):
            return Directions(self.traced, size)
        return Rows(self, mask, size)


@dataclass(frozen=True, eq=False)
class Directions(RecordedTask):
    """A recorded function that is linear in its last inputs, for many of these in one pass."""

    size: int

    @property
    def inputs(self) -> Sequence[Kind]:
        kinds = _kinds(self.traced.inputs)
        fixed = len(kinds) - self.linear
        return [*kinds[:fixed], *_stacked(kinds[fixed:], self.size)]

    @property
    def outputs(self) -> Sequence[Kind]:
        return _stacked(_kinds(self.traced.outputs), self.size)

    def prepare(self) -> None:
        self.traced.prepare(self.size)

    def native(self) -> Any:
        return self.traced.native(self.size)

    def jvp(self, active: Mask) -> Task:
        return self._rows().jvp(active)

    def both(self, active: Mask) -> Task:
        return self._rows().both(active)

    def transpose(self, wanted: Mask, given: Mask) -> Task:
        return Directions(self.traced.transpose(wanted, given), self.size)

    def batch(self, mask: Mask, size: int) -> Task:
        return self._rows().batch(mask, size)

    def _rows(self) -> Task:
        fixed = len(self.traced.inputs) - self.linear
        mask = (False,) * fixed + (True,) * self.linear
        return Rows(Once(self.traced), mask, self.size)


@dataclass(frozen=True, eq=False)
class Rows:
    """Another task for each row of some of its inputs."""

    task: Task
    mask: Mask
    size: int

    @property
    def inputs(self) -> Sequence[Kind]:
        kinds = self.task.inputs
        rows = _stacked(kinds, self.size)
        return [row if m else kind for kind, row, m in zip(kinds, rows, self.mask, strict=True)]

    @property
    def outputs(self) -> Sequence[Kind]:
        return _stacked(self.task.outputs, self.size)

    @property
    def linear(self) -> int:
        return self.task.linear

    @property
    def zeros(self) -> Mask:
        return self.task.zeros

    @property
    def on_host(self) -> bool:
        return self.task.on_host

    def prepare(self) -> None:
        self.task.prepare()

    def run(self, buffers: Sequence[Any], out: Sequence[Any]) -> None:
        for row in range(self.size):
            given = [
                buffer[row] if m else buffer for buffer, m in zip(buffers, self.mask, strict=True)
            ]
            self.task.run(given, [buffer[row] for buffer in out])

    def native(self) -> Any:
        return None

    def jvp(self, active: Mask) -> Task:
        return Rows(self.task.jvp(active), self._with_tangents(active), self.size)

    def both(self, active: Mask) -> Task:
        return Rows(self.task.both(active), self._with_tangents(active), self.size)

    def _with_tangents(self, active: Mask) -> Mask:
        return self.mask + tuple(m for m, moves in zip(self.mask, active, strict=True) if moves)

    def transpose(self, wanted: Mask, given: Mask) -> Task:
        """Cotangents of inputs without rows come row by row as well, to be added up."""
        fixed = len(self.mask) - self.linear
        mask = self.mask[:fixed] + (True,) * sum(given)
        return Rows(self.task.transpose(wanted, given), mask, self.size)

    def batch(self, mask: Mask, size: int) -> Task:
        return Rows(self, mask, size)


def _kinds(specs: Sequence[Any]) -> list[Kind]:
    return [((spec.length,), spec.dtype) for spec in specs]


def _stacked(kinds: Sequence[Kind], size: int) -> list[Kind]:
    return [((size, *shape), dtype) for shape, dtype in kinds]
