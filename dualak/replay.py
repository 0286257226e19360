"""Plans: passes that compute some nodes from inputs, worked out once and run any number of times.

>>> import numpy as np
>>> from dualak.graph import Graph
>>> graph = Graph()
>>> x = graph.input(np.float64, 3)
>>> plan = Plan([x * x + graph.constant(1.0, x.dtype)], [x])
>>> plan.run([np.array([1.0, 2.0, 3.0])])
[array([ 2.,  5., 10.])]
>>> plan.run([np.array([0.0, 1.0, 2.0])])
[array([1., 2., 5.])]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from dualak import device, schedule
from dualak.device import Buffer
from dualak.executors import Program
from dualak.nodes import Node
from dualak.transposition import dependents

#: The buffers of a run by their nodes; what does not vary has its buffer in the node.
Buffers = dict[Node, Buffer]


class Plan:
    """The passes from inputs to roots.  Runs share nothing that changes, so threads may run it."""

    def __init__(
        self,
        roots: Sequence[Node],
        inputs: Sequence[Node],
        prepare: Callable[[Program], Any] | None = None,
    ) -> None:
        self._roots, self._inputs = list(roots), list(inputs)
        graphs = [node.graph for node in (*roots, *inputs)]
        self._memory = graphs[0].memory if graphs else device.HOST
        prepare = prepare or partial(schedule.prepared, memory=self._memory)
        varying = {*dependents(roots, inputs), *inputs}
        # What does not depend on the inputs is computed now.
        fixed = {arg for node in varying for arg in node.args if arg not in varying}
        schedule.compute([*fixed, *(root for root in roots if root not in varying)])
        passes = schedule.passes(self._roots)
        wanted = schedule.stored(passes, self._roots)
        self._steps = [_step(one, wanted, prepare) for one in passes]

    def run(self, buffers: Sequence[Buffer]) -> list[Buffer]:
        """The buffers of the roots, given those of the inputs."""
        moved = map(self._memory.moved, buffers)
        known = dict(zip(self._inputs, moved, strict=True))
        for step in self._steps:
            step(known)
        return [_buffer(root, known) for root in self._roots]


def _buffer(node: Node, known: Buffers) -> Any:
    return known.get(node, node.data)


def _step(
    one: schedule.Pass, wanted: set[Node], prepare: Callable[[Program], Any]
) -> Callable[[Buffers], None]:
    if one.call is not None:
        return _Call(one.call)
    results = [step.node for step in one.steps if step.node in wanted]
    made = {node: schedule.result_of(node) for node in results}
    program, nodes = schedule.program_of(one, made)
    used = [
        node if operand.data is not None else None
        for node, operand in zip(nodes, program.operands, strict=True)
    ]
    return _Sweep(prepare(program), used, results)


@dataclass(frozen=True)
class _Call:
    """A function that is not ours."""

    node: Node

    def __call__(self, known: Buffers) -> None:
        known[self.node] = schedule.called(
            self.node, [_buffer(arg, known) for arg in self.node.args]
        )


@dataclass(frozen=True)
class _Sweep:
    """A prepared pass: the node of each of its operands that has a buffer, and its results."""

    prepared: Any
    operands: list[Node | None]
    results: list[Node]

    def __call__(self, known: Buffers) -> None:
        for node in self.results:
            known[node] = schedule.result_of(node)
        self.prepared.run([node and _buffer(node, known) for node in self.operands])
        schedule.counts.passes += 1
