"""Numbers computed again from a recording: its operations, applied to other leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from dualak.ad import dual, linear
from dualak.ad.dual import Dual, Level, Number, highest, tangents_at
from dualak.graph.graph import Graph
from dualak.graph.nodes import Node


def stop_gradient(node: Node) -> Node:
    """The same numbers as constants: whatever is differentiated later, these are not."""
    return node.graph.apply("stop_gradient", node) if node.graph.records else node


def replayed(roots: Sequence[Node], given: Mapping[Node, Number], graph: Graph) -> list[Number]:
    """The roots of a recording as numbers of another graph, given numbers for its inputs.

    Raises:
        NotImplementedError: for an external call, of duals.
    """
    made: dict[Node, Number] = dict(given)
    for node in _order(roots, made):
        known = node.data is not None or not node.args
        made[node] = _leaf(node, graph) if known else _again(node, [made[a] for a in node.args])
    return [made[root] for root in roots]


def _order(roots: Sequence[Node], known: Mapping[Node, Number]) -> Iterator[Node]:
    """What roots are made of, arguments first, as far as it is not known."""
    seen = {*known}
    stack = [(root, False) for root in reversed(roots)]
    while stack:
        node, ready = stack.pop()
        if ready:
            yield node
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            if node.data is None:
                stack.extend((arg, False) for arg in reversed(node.args))


def _leaf(node: Node, graph: Graph) -> Node:
    if node.op == "load" and node.data is None:
        assert node.length is not None
        return graph.load(node.key[1], node.dtype, node.length)
    if node.op == "input":
        raise ValueError("expected numbers for all inputs of the recording, got none for one")
    if node.length is None:
        return graph.constant(node.value, node.dtype)
    return graph.buffer(node.data)


def _again(node: Node, args: Sequence[Number]) -> Number:
    """The operation of a node, on other numbers."""
    if node.op in _OPERATIONS:
        return _OPERATIONS[node.op](node, *args)
    if node.op.startswith("segment:"):
        return _reduced(node.op.removeprefix("segment:"), *args)
    return dual.apply(node.op, *args)


def _reduced(name: str, *args: Any) -> Number:
    if not name.endswith("_jvp"):
        return linear.reduced(name, *args)
    values, tangents, offsets = args
    known = highest([values, tangents])
    level = Level(1 if known is None else known.depth + 1, 1)
    number = linear.reduced(name.removesuffix("_jvp"), Dual(level, values, (tangents,)), offsets)
    (tangent,) = tangents_at(number, level)
    return linear.zeros_like(number) if tangent is None else tangent


def _called(node: Node, *args: Number) -> Number:
    """An external call: it says whether it is linear in each of its arguments."""
    function = node.key[1]
    again = getattr(function, "replayed", None)
    if again is not None:
        return again(node, args)
    if highest(args) is not None:
        raise NotImplementedError(
            f"expected a function whose derivative is known, got {function!r}; a recording of it "
            "cannot be differentiated"
        )
    return args[0].graph.call(function, args, node.dtype, node.length)  # type: ignore[arg-type]


_OPERATIONS: dict[str, Callable[..., Number]] = {
    "stop_gradient": lambda node, number: stop_gradient(dual.primal(number)),
    "rule": lambda node, *args: dual.called(node.key[1], *args),
    "take": lambda node, number, index: linear.take(number, index),
    "cast": lambda node, number: linear.cast(number, node.dtype),
    "scalar": lambda node, number: linear.scalar(number),
    "spread": lambda node, number: linear.spread(number, node.length),  # type: ignore[arg-type]
    "repeat": lambda node, number, offsets: linear.repeat(number, offsets),
    "tile": lambda node, number, offsets: linear.tile(number, offsets),
    "columns": lambda node, number, offsets: linear.columns(number, offsets, node.length),  # type: ignore[arg-type]
    "call": _called,
}
