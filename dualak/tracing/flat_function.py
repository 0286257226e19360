"""Traces: functions of flat buffers that can be run, differentiated and transposed, over and over.

A trace is made of a function of numbers.  It can be run on buffers, differentiated in any of its
arguments, transposed where it is linear, and run in many directions at once; each of these is a
trace again, so that any order and any mixture of modes comes from one recording.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from dualak import device
from dualak.ad.dual import Level, Number, dual_or_value, primal, tangents_at, value_at
from dualak.ad.linear import cast
from dualak.ad.linear_map import linear_vjp
from dualak.ad.scoped import scoped
from dualak.arrays.context import current_graph
from dualak.device import Buffer
from dualak.engine.plan import Plan
from dualak.graph.graph import Graph
from dualak.graph.nodes import Node
from dualak.transforms.parameters import CHUNK

#: A function of numbers: these, the depth of its outermost level, and how many directions it has.
#: A result of None is zero.
Function = Callable[[Sequence[Number], int, int], Sequence[Number | None]]


@dataclass(frozen=True)
class Spec:
    """A flat buffer: how many elements, of which type."""

    length: int
    dtype: np.dtype[Any]


class FlatFunction:
    """A function of flat buffers.

    Attributes:
        function: what it is made of: numbers from numbers.
        inputs: what it takes.
        outputs: what it gives.
        linear: how many of its inputs, the last ones, its outputs are linear in, all together.
    """

    def __init__(
        self, function: Function, inputs: Sequence[Spec], outputs: Sequence[Spec], linear: int = 0
    ) -> None:
        self.function = function
        self.inputs, self.outputs, self.linear = tuple(inputs), tuple(outputs), linear
        self._derived: dict[Any, FlatFunction] = {}
        self._plans: dict[tuple[int, str], Plan] = {}

    def __repr__(self) -> str:
        shown = [" ".join(f"{spec.dtype}[{spec.length}]" for spec in side) for side in self._sides]
        return f"<trace {shown[0]} -> {shown[1]}>"

    @property
    def _sides(self) -> tuple[tuple[Spec, ...], tuple[Spec, ...]]:
        return self.inputs, self.outputs

    @cached_property
    def zeros(self) -> tuple[bool, ...]:
        """For each output whether it is zero whatever the inputs are."""
        return tuple(number is None for number in self._numbers(1)[1])

    # -- running ------------------------------------------------------------------------------

    def run(self, buffers: Sequence[Buffer], out: Sequence[Buffer] | None = None) -> list[Buffer]:
        """The outputs for some inputs, in ``out`` if that is given.

        Args:
            buffers: as ``inputs`` says; or the linear ones of shape (directions, length).  Those
                of CuPy are computed on the device, on the stream in use.
            out: as ``outputs`` says; or of shape (directions, length) where linear inputs are.

        Returns:
            The outputs, of the shapes of ``out``.
        """
        count = self._directions(buffers)
        if out is None:
            leading = () if count is None else (count,)
            out = self._room(device.memory_holding(buffers), leading)
        if count is None:
            self._run(buffers, list(out), 1)
            return list(out)
        fixed = len(self.inputs) - self.linear
        for start in range(0, count, CHUNK):
            rows = range(start, min(start + CHUNK, count))
            given = [buffer[row] for buffer in buffers[fixed:] for row in rows]
            made = [buffer[row] for buffer in out for row in rows]
            self._run([*buffers[:fixed], *given], made, len(rows))
        return list(out)

    def _directions(self, buffers: Sequence[Buffer]) -> int | None:
        last = buffers[-1] if self.linear else None
        return len(last) if last is not None and len(last.shape) == 2 else None

    def _room(self, memory: device.Memory, leading: tuple[int, ...]) -> list[Buffer]:
        """Buffers for the outputs."""
        count = math.prod(leading)
        flat = [memory.empty(count * output.length, output.dtype) for output in self.outputs]
        return [buffer.reshape(*leading, -1) for buffer in flat] if leading else flat

    def _run(self, buffers: Sequence[Buffer], out: list[Buffer], directions: int) -> None:
        self.plan(directions, device.memory_holding(buffers)).run(buffers, out)

    def prepare(self, directions: int = 1) -> None:
        """Does what can be done before there are buffers, for so many directions."""
        for count in {min(directions, CHUNK), directions % CHUNK or CHUNK}:
            self.plan(min(count, directions))

    def native(self, directions: int = 1) -> Any:
        """The plan for so many directions, whose rows lie in one buffer, as an entry point."""
        if directions > CHUNK:
            return None
        fixed = len(self.inputs) - self.linear
        inputs = [1] * fixed + [directions] * self.linear
        return self.plan(directions).native(inputs, [directions] * len(self.outputs))

    def plan(self, directions: int = 1, memory: device.Memory = device.HOST) -> Plan:
        """The passes that compute the outputs, worked out once for each number of directions."""
        key = directions, memory.name
        if key not in self._plans:
            inputs, found = self._numbers(directions, memory)
            outputs = [output for output in self.outputs for _ in range(directions)]
            graph = inputs[0].graph if inputs else Graph(memory)
            roots = [_root(*both, graph) for both in zip(found, outputs, strict=True)]
            self._plans[key] = Plan(roots, inputs)
        return self._plans[key]

    def _numbers(
        self, directions: int, memory: device.Memory = device.HOST
    ) -> tuple[list[Node], list[Number | None]]:
        graph = Graph(memory)
        graph.planned = True
        fixed = len(self.inputs) - self.linear
        specs = [
            *self.inputs[:fixed],
            *(spec for spec in self.inputs[fixed:] for _ in range(directions)),
        ]
        inputs = [graph.input(spec.dtype, spec.length) for spec in specs]
        with using(graph):
            return inputs, list(self.function(inputs, 1, directions))

    # -- derived traces -----------------------------------------------------------------------

    def jvp(self, active: Sequence[bool]) -> FlatFunction:
        """The tangents of the outputs: of all inputs, and of tangents of the active ones.

        It is linear in the tangents.  Outputs that are no floating-point numbers are left out.
        """
        key = ("jvp", tuple(active))
        if key not in self._derived:
            self._derived[key] = _pushforward(self, tuple(active))
        return self._derived[key]

    def value_and_jvp(self, active: Sequence[bool]) -> FlatFunction:
        """The outputs, and behind them the tangents that ``jvp`` gives, in one pass."""
        key = ("value and jvp", tuple(active))
        if key not in self._derived:
            self._derived[key] = _value_and_pushforward(self, tuple(active))
        return self._derived[key]

    def transpose(self, wanted: Sequence[bool], given: Sequence[bool]) -> FlatFunction:
        """The cotangents of some linear inputs: of the other inputs, and of some outputs'.

        It is linear in the cotangents.  Linear inputs that are not wanted count as zero.
        """
        key = ("transpose", tuple(wanted), tuple(given))
        if key not in self._derived:
            self._derived[key] = _pullback(self, tuple(wanted), tuple(given))
        return self._derived[key]

    def cast(self, dtypes: Sequence[np.dtype[Any]]) -> FlatFunction:
        """The same function with outputs of other types."""

        def function(numbers: Sequence[Number], depth: int, directions: int) -> Any:
            found = self.function(numbers, depth, directions)
            each = [dtype for dtype in dtypes for _ in range(directions)]
            return [
                None if number is None else cast(number, dtype)
                for number, dtype in zip(found, each, strict=True)
            ]

        outputs = [Spec(output.length, d) for output, d in zip(self.outputs, dtypes, strict=True)]
        return FlatFunction(function, self.inputs, outputs, self.linear)


def _root(number: Number | None, spec: Spec, graph: Graph) -> Node:
    """The node of an output, which is as long as it is said to be."""
    node = graph.constant(0, spec.dtype) if number is None else primal(number)
    return graph.spread(graph.cast(node, spec.dtype), spec.length)


def _pushforward(traced: FlatFunction, active: tuple[bool, ...]) -> FlatFunction:
    def function(numbers: Sequence[Number], depth: int, directions: int) -> Any:
        level = Level(depth, directions)
        found = _on_duals(traced, numbers, active, level)
        return [
            tangent
            for number in found
            for tangent in ((None,) * directions if number is None else tangents_at(number, level))
        ]

    return _derived(function, traced, active, ())


def _value_and_pushforward(traced: FlatFunction, active: tuple[bool, ...]) -> FlatFunction:
    def function(numbers: Sequence[Number], depth: int, directions: int) -> Any:
        level = Level(depth, 1)
        found = _on_duals(traced, numbers, active, level, floats=False)
        values = [None if number is None else value_at(number, level) for number in found]
        pairs = zip(found, traced.outputs, strict=True)
        floats = [value for value, spec in pairs if spec.dtype.kind == "f"]
        return [
            *values,
            *(None if value is None else tangents_at(value, level)[0] for value in floats),
        ]

    made = _derived(function, traced, active, traced.outputs)
    return FlatFunction(made.function, made.inputs, made.outputs)


def _on_duals(
    traced: FlatFunction,
    numbers: Sequence[Number],
    active: tuple[bool, ...],
    level: Level,
    floats: bool = True,
) -> list[Number | None]:
    """The outputs for duals: of the values, and behind them of tangents for the active ones."""
    count = len(traced.inputs)
    given = _grouped(numbers[count:], level.directions)
    duals = [
        dual_or_value(level, number, next(given)) if moves else number
        for number, moves in zip(numbers[:count], active, strict=True)
    ]
    found = traced.function(duals, level.depth + 1, 1)
    kinds = [output.dtype.kind for output in traced.outputs]
    return [number for number, kind in zip(found, kinds, strict=True) if kind == "f" or not floats]


def _derived(
    function: Function, traced: FlatFunction, active: tuple[bool, ...], values: Sequence[Spec]
) -> FlatFunction:
    """A trace that takes tangents behind the inputs, and gives tangents behind ``values``."""
    moving = [spec for spec, moves in zip(traced.inputs, active, strict=True) if moves]
    outputs = [*values, *(output for output in traced.outputs if output.dtype.kind == "f")]
    return FlatFunction(function, (*traced.inputs, *moving), outputs, len(moving))


def _grouped(numbers: Sequence[Number], size: int) -> Iterator[Sequence[Number]]:
    return (numbers[i : i + size] for i in range(0, len(numbers), size))


def _pullback(
    traced: FlatFunction, wanted: tuple[bool, ...], given: tuple[bool, ...]
) -> FlatFunction:
    fixed = len(traced.inputs) - traced.linear
    linear = traced.inputs[fixed:]
    kept = [i for i, moves in enumerate(given) if moves]
    results = [number for number, is_wanted in zip(linear, wanted, strict=True) if is_wanted]

    def function(numbers: Sequence[Number], depth: int, directions: int) -> Any:
        graph = numbers[0].graph
        inputs = [graph.input(result.dtype, result.length) for result in results]
        rest = iter(inputs)
        moving = [
            next(rest)
            if is_wanted
            else graph.spread(graph.constant(0.0, number.dtype), number.length)
            for number, is_wanted in zip(linear, wanted, strict=True)
        ]
        found = traced.function([*numbers[:fixed], *moving], depth, 1)
        cotangents = list(_grouped(numbers[fixed:], directions))
        roots = [found[i] for i in kept]
        rows = [
            linear_vjp(roots, [cotangent[k] for cotangent in cotangents], inputs)
            for k in range(directions)
        ]
        return list(itertools.chain.from_iterable(zip(*rows, strict=True)))

    return FlatFunction(
        function,
        (*traced.inputs[:fixed], *(traced.outputs[i] for i in kept)),
        results,
        len(kept),
    )


def using(graph: Graph) -> AbstractContextManager[None]:
    """Makes a graph the one in use."""
    return scoped(current_graph, graph)
