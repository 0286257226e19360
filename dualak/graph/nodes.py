"""Nodes: operations on nodes over flat buffers, what they cost, and what has to be computed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from dualak.device import Buffer

if TYPE_CHECKING:
    from dualak.graph.graph import Graph

Operator = Callable[["Node", Any], "Node"]

#: Nanoseconds an operation takes per element, for the rule that decides what a gather repeats.
COSTS = {
    **dict.fromkeys(("add", "subtract", "multiply", "negative", "absolute", "select"), 0.15),
    "scale": 0.15,
    **dict.fromkeys(("divide", "sqrt", "maximum", "minimum", "cast"), 0.5),
    **dict.fromkeys(("exp", "log", "sin", "cos", "sinh", "cosh", "tanh"), 1.0),
}
COST_OF_OTHERS = 5.0
COST_OF_GATHER = 1.0
COST_OF_PASS = 1.0
#: An expression that is dearer than this is never repeated, so that deep ones stay as they are.
COST_TO_REPEAT = 100.0


def _operators(name: str) -> tuple[Operator, Operator]:
    """The methods of a node that stand for ``node + other`` and ``other + node``, say."""

    def operator(node: Node, other: Any) -> Node:
        if not isinstance(other, (Node, int, float)):
            return NotImplemented
        return node.graph.apply(name, node, node.graph.like(other, node))

    def swapped(node: Node, other: Any) -> Node:
        return node.graph.apply(name, node.graph.like(other, node), node)

    return operator, swapped


class Node:
    """One operation of a graph.

    Attributes:
        op: its name: ``constant``, ``buffer``, ``load`` (a buffer that is read when needed),
            ``input`` (one without numbers), ``variable`` (an example), ``take``, ``cast``,
            ``scalar``, ``spread``, ``call`` (an external function), ``rule`` (a function of
            the rules that is made of others, in a recording), ``repeat``, ``tile``, ``columns``,
            ``segment:sum`` (or another reduction), or the name of a function of the rules.
        args: the nodes it is computed from; empty once it is computed.
        dtype: the type of its elements.
        length: the number of elements, or None for a scalar.
        data: the buffer, or None as long as nobody needed it.
        cost: nanoseconds per element to compute what is pending below it.
        varies: whether it depends on a ``variable``, so that its numbers are an example only.
        unknown: whether it depends on an ``input``, so that it has no numbers.
    """

    __slots__ = (
        "__weakref__",
        "args",
        "cost",
        "data",
        "dtype",
        "graph",
        "key",
        "length",
        "op",
        "unknown",
        "varies",
    )

    def __init__(
        self,
        graph: Graph,
        key: tuple[Any, ...],
        args: tuple[Node, ...],
        dtype: np.dtype[Any],
        length: int | None,
        data: Buffer | None = None,
    ) -> None:
        self.graph = graph
        self.key = key
        self.op: str = key[0]
        self.args = args
        self.dtype = dtype
        self.length = length
        self.data = data
        self.varies: bool = self.op == "variable" or any(arg.varies for arg in args)
        self.unknown: bool = self.op == "input" or any(arg.unknown for arg in args)
        self.cost = _cost(self)

    @property
    def value(self) -> Any:
        """The number that a constant stands for."""
        assert self.data is not None
        return self.data[0].item()

    def finish(self, data: Buffer) -> None:
        """Keeps the computed buffer and lets go of what it was computed from.

        What varies is computed anew from other numbers later, and keeps its arguments.
        """
        self.data = data
        self.cost = 0.0
        if self.varies:
            return
        self.graph.forget(self)
        self.args = ()

    def __repr__(self) -> str:
        state = "computed" if self.data is not None else "pending"
        return f"<Node {self.op} {self.dtype}[{self.length}] {state}>"

    def __neg__(self) -> Node:
        return self.graph.apply("negative", self)

    __add__, __radd__ = _operators("add")
    __sub__, __rsub__ = _operators("subtract")
    __mul__, __rmul__ = _operators("multiply")
    __truediv__, __rtruediv__ = _operators("divide")
    __pow__, __rpow__ = _operators("power")


def _cost(node: Node) -> float:
    if node.data is not None or stands_alone(node):
        return 0.0
    own = COST_OF_GATHER if node.op == "take" else COSTS.get(node.op, COST_OF_OTHERS)
    return own + sum(arg.cost for arg in node.args)


def stands_alone(node: Node) -> bool:
    """Whether a node is never repeated behind a gather, because it is no elementwise operation."""
    return node.op in ("call", "rule") or over_lists(node.op)


def over_lists(op: str) -> bool:
    """Whether an operation goes over lists, whose offsets are its last argument."""
    return op in ("repeat", "tile", "columns") or op.startswith("segment")


def is_spread(node: Node) -> bool:
    return node.op == "spread" and node.data is None


def common_length(nodes: Iterable[Node]) -> int | None:
    """The length that nodes of one operation share; None if all are scalars.

    Raises:
        ValueError: if they differ.
    """
    lengths = {node.length for node in nodes if node.length is not None}
    if len(lengths) > 1:
        raise ValueError(f"expected buffers of one length, got lengths {sorted(lengths)}")
    return lengths.pop() if lengths else None


def everything(roots: Iterable[Node]) -> Iterator[Node]:
    """All that roots are made of, computed or not, arguments first, each node once."""
    return _below(roots, lambda node: True)


def ancestors(roots: Iterable[Node]) -> Iterator[Node]:
    """What has to be computed for the roots, arguments first, each node once."""
    return _below(roots, lambda node: node.data is None)


def _below(roots: Iterable[Node], wanted: Callable[[Node], bool]) -> Iterator[Node]:
    seen: set[int] = set()
    stack = [(root, False) for root in roots]
    while stack:
        node, ready = stack.pop()
        if ready:
            yield node
        elif id(node) not in seen and wanted(node):
            seen.add(id(node))
            stack.append((node, True))
            stack.extend((arg, False) for arg in reversed(node.args))
