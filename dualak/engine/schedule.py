"""From nodes to passes: which operations share one sweep over the buffers, and in which order.

A pass sweeps over ``length`` elements and, where it reduces lists, over the lists of one buffer of
offsets: operations on elements and operations on the lists' results run in the same sweep.  What a
pass needs from an earlier one it reads from a buffer; everything else stays in the cache.

>>> import numpy as np
>>> from dualak.engine.realize import compute
>>> from dualak.graph.graph import Graph
>>> graph = Graph()
>>> x = graph.buffer(np.array([3.0, 4.0, 5.0]))
>>> norm = graph.apply("sqrt", graph.segment("sum", (x * x,), graph.buffer(np.array([0, 2, 3]))))
>>> [(sweep.length, [step.node.op for step in sweep.steps]) for sweep in passes([norm])]
[(3, ['multiply', 'segment:sum', 'sqrt'])]
>>> compute([norm])
>>> norm.data
array([5., 5.])
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dualak.device import Buffer
from dualak.executors import Extent, Instruction, Operand, Program
from dualak.graph.nodes import Node, ancestors, over_lists


@dataclass
class Step:
    """A node in a pass, computed for each element or for each list."""

    node: Node
    extent: Extent


@dataclass(eq=False)
class Pass:
    """A sweep: its place in the order, its length, and its steps, arguments first.

    ``call`` is the only node of a pass that is an external call.
    """

    stage: int
    length: int
    offsets: Node | None = None
    steps: list[Step] = field(default_factory=list)
    call: Node | None = None


# -- which pass -----------------------------------------------------------------------------------


def passes(roots: Sequence[Node]) -> list[Pass]:
    """The passes that compute the roots, in order; inputs count as known."""
    return passes_of((node for node in ancestors(roots) if node.op != "input"), roots)


def passes_of(pending: Iterable[Node], roots: Iterable[Node]) -> list[Pass]:
    plan = _Plan()
    for node in pending:
        plan.place(node)
    plan.sink({*roots})
    return sorted(
        (sweep for sweep in plan.passes.values() if sweep.steps), key=lambda sweep: sweep.stage
    )


class _Plan:
    def __init__(self) -> None:
        self.passes: dict[tuple[Any, ...], Pass] = {}
        self.places: dict[Node, tuple[Pass, Extent]] = {}

    def place(self, node: Node) -> None:
        """Puts a node into the earliest pass in which all its arguments are at hand."""
        pending = [arg for arg in node.args if arg in self.places]
        if node.op == "call":
            stage = max((self.places[arg][0].stage + 1 for arg in pending), default=0)
            self._add(
                Pass(stage, _length_of(node), call=node),
                (stage, id(node), "call"),
                node,
                Extent.ELEMENTS,
            )
            return
        stage = max((self.places[arg][0].stage + _barrier(node) for arg in pending), default=0)
        sweep, extent = self._candidate(node, pending, stage)
        while not all(self._at_hand(arg, sweep, extent, node) for arg in pending) or (
            over_lists(node.op) and sweep.offsets not in (None, node.args[-1])
        ):
            stage += 1
            sweep, extent = self._candidate(node, pending, stage)
        if over_lists(node.op):
            sweep.offsets, extent = node.args[-1], _EXTENTS.get(node.op, Extent.LISTS)
        self._add(sweep, (stage, sweep.length, ""), node, extent)

    def _add(self, sweep: Pass, key: tuple[Any, ...], node: Node, extent: Extent) -> None:
        sweep.steps.append(Step(node, extent))
        self.passes[key] = sweep
        self.places[node] = sweep, extent

    def sink(self, roots: set[Node]) -> None:
        """Moves what only carries numbers along to the first pass that needs it.

        There it goes through the cache, where it stood it would be written and read again.
        """
        first: dict[Node, Pass] = {}
        several: set[Node] = set()  # what two passes of one stage need first stays where it is
        for node in reversed(self.places):
            sweep = self.places[node][0]
            if node.op in _CARRIERS and node in first and not (node in roots or node in several):
                sweep = self._sunk(node, sweep, first[node])
            for arg in node.args:
                known = first.get(arg)
                if known is None or sweep.stage < known.stage:
                    first[arg] = sweep
                    several.discard(arg)
                elif sweep is not known and sweep.stage == known.stage:
                    several.add(arg)

    def _sunk(self, node: Node, sweep: Pass, goal: Pass) -> Pass:
        """The pass that a node ends in."""
        fits = goal.call is None and goal.length == _length_of(node) and sweep.stage < goal.stage
        if over_lists(node.op):
            fits = fits and goal.offsets in (None, node.args[-1])
        if not fits or any(
            step.extent != Extent.ELEMENTS for step in goal.steps if node in step.node.args
        ):
            return sweep
        sweep.steps = [step for step in sweep.steps if step.node is not node]
        goal.steps.insert(0, Step(node, Extent.ELEMENTS))
        if over_lists(node.op):
            goal.offsets = node.args[-1]
        self.places[node] = goal, Extent.ELEMENTS
        return goal

    def _candidate(self, node: Node, pending: list[Node], stage: int) -> tuple[Pass, Extent]:
        """The pass of a stage to compute the node in, and the extent its arguments stand at."""
        for arg in pending:
            sweep, extent = self.places[arg]
            if sweep.stage == stage and extent == Extent.LISTS and not over_lists(node.op):
                return sweep, Extent.LISTS
        length = _length_of(node)
        return self.passes.get((stage, length, "")) or Pass(stage, length), Extent.ELEMENTS

    def _at_hand(self, arg: Node, sweep: Pass, extent: Extent, node: Node) -> bool:
        where, its_extent = self.places[arg]
        if where.stage < sweep.stage:
            return True
        fits = arg.length is not None or node.length is None
        return where is sweep and its_extent == extent and fits and not _barrier(node)


#: Operations that only carry numbers along, and cost nothing in a pass that needs them.
_CARRIERS = ("take", "repeat", "tile", "spread")

#: Where the results of operations over lists stand, if not one for each list.
_EXTENTS = {"repeat": Extent.ELEMENTS, "tile": Extent.ELEMENTS, "columns": Extent.COLUMNS}


def _barrier(node: Node) -> int:
    """1 if the node needs all elements of its arguments before its first, else 0."""
    return int(node.op in ("take", "scalar", "repeat", "tile"))


def _length_of(node: Node) -> int:
    reduces = node.op == "columns" or node.op.startswith("segment")
    length = node.args[0].length if reduces else node.length
    return 1 if length is None else length


def stored(order: Sequence[Pass], roots: Sequence[Node]) -> set[Node]:
    """The nodes that need a buffer: the roots, and what another pass reads."""
    home = {step.node: sweep for sweep in order for step in sweep.steps}
    stored = set(roots)
    for node, sweep in home.items():
        stored.update(arg for arg in node.args if arg in home and home[arg] is not sweep)
    return stored


# -- what a pass is to an executor ----------------------------------------------------------------


def program_of(
    sweep: Pass, results: dict[Node, Buffer], complete: bool = False
) -> tuple[Program, list[Node]]:
    """The program of a pass, and the node that each of its operands is.

    ``complete`` says that it runs at once, so that all of its buffers have to be there.
    """
    operands = _Operands(sweep, results, complete)
    instructions = tuple(
        Instruction(
            step.node.op,
            operands.number(step.node),
            tuple(operands.number(arg, step.node) for arg in step.node.args),
            step.extent,
        )
        for step in sweep.steps
    )
    offsets = None if sweep.offsets is None else sweep.offsets.data
    program = Program(sweep.length, offsets, tuple(operands.table), instructions)
    return program, [node for node, _, _ in operands.numbers]


def out_of_order(node: Node) -> RuntimeError:
    """The error of a pass that would read what no pass before it wrote."""
    return RuntimeError(f"expected passes in an order, got {node} before it is known")


class _Operands:
    """Numbers the values of a pass: results, temporaries, buffers from outside, and scalars."""

    def __init__(self, sweep: Pass, results: dict[Node, Buffer], complete: bool) -> None:
        self.table: list[Operand] = []
        self._complete = complete
        self._extents = {step.node: step.extent for step in sweep.steps}
        self._offsets = sweep.offsets
        self._results = results
        self.numbers: dict[Any, int] = {}

    def number(self, node: Node, user: Node | None = None) -> int:
        """The operand that is the node, as its user in this pass reads it."""
        kind, extent = self._reading(node, user)
        key = (node, kind, extent)
        if key not in self.numbers:
            self.numbers[key] = len(self.table)
            data = self._results.get(node) if node in self._extents else node.data
            if data is None and node not in self._extents:
                if self._complete:
                    raise out_of_order(node)
                data = np.empty(1, node.dtype)  # stands for a buffer that comes when a plan runs
            self.table.append(Operand(node.dtype, extent, kind, data))
        return self.numbers[key]

    def _reading(self, node: Node, user: Node | None) -> tuple[str, Extent]:
        if node in self._extents:
            return "stream", self._extents[node]
        assert user is not None
        if user.op in ("take", "tile") and node is user.args[0]:
            return "whole", Extent.ELEMENTS
        kind = "scalar" if node.length is None else "stream"
        if over_lists(user.op):
            of_lists = node is user.args[-1] or user.op == "repeat"
            return kind, Extent.LISTS if of_lists else Extent.ELEMENTS
        return kind, self._extents[user]
