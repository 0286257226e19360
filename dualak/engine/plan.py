"""Plans: passes that compute some nodes from inputs, worked out once and run any number of times.

>>> import numpy as np
>>> from dualak.graph.graph import Graph
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

from dualak import device
from dualak.device import Buffer
from dualak.engine import realize, schedule
from dualak.executors import Program
from dualak.executors.cpu import executor as cpu
from dualak.executors.cpu.entry_point import Bound, Entry, Grouping, Slot, entry_point
from dualak.graph.nodes import Node
from dualak.graph.substitute import dependents

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
        prepare = prepare or partial(realize.prepared, memory=self._memory)
        varying = {*dependents(roots, inputs), *inputs}
        # What does not depend on the inputs is computed now.
        fixed = {arg for node in varying for arg in node.args if arg not in varying}
        realize.compute([*fixed, *(root for root in roots if root not in varying)])
        passes = schedule.passes(self._roots)
        wanted = schedule.stored(passes, self._roots)
        self._steps = [_step(sweep, wanted, prepare) for sweep in passes]
        _require_order(self._steps, self._inputs)
        self._entries: dict[Grouping, Entry | None] = {}
        self._alone = Grouping((1,) * len(self._inputs), (1,) * len(self._roots))
        self._ran = False

    @property
    def roots(self) -> list[Node]:
        """What is computed."""
        return list(self._roots)

    @property
    def inputs(self) -> list[Node]:
        """What it is computed from."""
        return list(self._inputs)

    def run(self, buffers: Sequence[Buffer], out: Sequence[Buffer] | None = None) -> list[Buffer]:
        """The buffers of the roots, given those of the inputs; in ``out`` if that is given.

        What one thread runs more than once, it runs without Python from the first pass to the last.
        """
        entry = self._without_python() if out is None else None
        if entry is not None:
            realize.counts.passes += len(self._steps)
            return entry.run(buffers)
        return self.run_passes(buffers, out)

    def run_passes(
        self, buffers: Sequence[Buffer], out: Sequence[Buffer] | None = None
    ) -> list[Buffer]:
        """The same, pass by pass."""
        moved = map(self._memory.moved, buffers)
        known = dict(zip(self._inputs, moved, strict=True))
        made = {} if out is None else dict(zip(self._roots, out, strict=True))
        for step in self._steps:
            step(known, made)
        found = [_buffer(root, known) for root in self._roots]
        if out is None:
            return found
        for buffer, other in zip(out, found, strict=True):
            if buffer is not other:
                buffer[...] = other
        return list(out)

    def _without_python(self) -> Entry | None:
        """The entry point that runs take from the second on, if no pass is for several threads."""
        if not self._ran:
            self._ran = True
            return None
        entry = self.native()
        return None if entry is None or entry.threads > 1 else entry

    def native(
        self, inputs: Sequence[int] | None = None, results: Sequence[int] | None = None
    ) -> Entry | None:
        """The plan as an entry point in machine code; None where it has none.

        That is a plan with an external call, or one for another executor.

        Args:
            inputs: how many inputs lie one after another in each buffer that the entry point gets;
                by default each has a buffer of its own.
            results: the same of the roots.
        """
        grouping = Grouping(
            self._alone.inputs if inputs is None else tuple(inputs),
            self._alone.results if results is None else tuple(results),
        )
        if grouping not in self._entries:
            self._entries[grouping] = self._native(grouping)
        return self._entries[grouping]

    def _native(self, grouping: Grouping) -> Entry | None:
        sweeps = [step for step in self._steps if isinstance(step, _Sweep)]
        ours = all(isinstance(sweep.prepared, cpu.Prepared) for sweep in sweeps)
        if len(sweeps) < len(self._steps) or not ours:
            return None
        computed = {node for sweep in sweeps for node in sweep.results}
        used = [node for sweep in sweeps for node in sweep.operands if node is not None]
        others = dict.fromkeys(node for node in (*used, *self._roots) if node not in self._inputs)
        order = [*self._inputs, *others]
        number: dict[Node | None, Any] = {node: i for i, node in enumerate(order)}
        number[None] = None
        return entry_point(
            slots=[_slot(node, computed) for node in order],
            inputs=len(self._inputs),
            results=[number[root] for root in self._roots],
            passes=[
                Bound(sweep.prepared, [number[node] for node in sweep.operands]) for sweep in sweeps
            ],
            grouping=grouping,
        )


def _slot(node: Node, computed: set[Node]) -> Slot:
    length = 1 if node.length is None else node.length
    return Slot(node.dtype, length, None if node in computed else node.data)


def _buffer(node: Node, known: Buffers) -> Any:
    return known.get(node, node.data)


def _step(
    sweep: schedule.Pass, wanted: set[Node], prepare: Callable[[Program], Any]
) -> Callable[[Buffers, Buffers], None]:
    if sweep.call is not None:
        return _Call(sweep.call)
    results = [step.node for step in sweep.steps if step.node in wanted]
    made = {node: realize.result_of(node) for node in results}
    program, nodes = schedule.program_of(sweep, made)
    used = [
        node if operand.data is not None else None
        for node, operand in zip(nodes, program.operands, strict=True)
    ]
    return _Sweep(prepare(program), used, results)


@dataclass(frozen=True)
class _Call:
    """An external call."""

    node: Node

    @property
    def reads(self) -> Sequence[Node]:
        """The nodes whose buffers it needs."""
        return self.node.args

    @property
    def writes(self) -> Sequence[Node]:
        """The nodes whose buffers it makes."""
        return (self.node,)

    def __call__(self, known: Buffers, made: Buffers) -> None:
        known[self.node] = realize.called(
            self.node, [_buffer(arg, known) for arg in self.node.args]
        )


@dataclass(frozen=True)
class _Sweep:
    """A prepared pass: the node of each of its operands that has a buffer, and its results."""

    prepared: Any
    operands: list[Node | None]
    results: list[Node]

    @property
    def reads(self) -> Sequence[Node]:
        """The nodes whose buffers it needs."""
        return [node for node in self.operands if node is not None and node not in self.results]

    @property
    def writes(self) -> Sequence[Node]:
        """The nodes whose buffers it makes."""
        return self.results

    def __call__(self, known: Buffers, made: Buffers) -> None:
        for node in self.results:
            known[node] = made[node] if node in made else realize.result_of(node)
        self.prepared.run([node and _buffer(node, known) for node in self.operands])
        realize.counts.passes += 1


def _require_order(steps: Sequence[Any], inputs: Sequence[Node]) -> None:
    """Refuses a plan of which a step reads a buffer that no step before it wrote."""
    known = {*inputs}
    for step in steps:
        for node in step.reads:
            if node.data is None and node not in known:
                raise schedule.out_of_order(node)
        known.update(step.writes)
