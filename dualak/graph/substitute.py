"""Substitution: what depends on a node, and the same computed from another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dualak.graph.nodes import Node, common_length


def remade(node: Node, args: Sequence[Node]) -> Node:
    """The operation of a node on other arguments."""
    graph = node.graph
    if node.op == "take":
        return graph.take(args[0], args[1])
    if node.op == "cast":
        return graph.cast(args[0], node.dtype)
    if node.op == "scalar":
        return graph.scalar(args[0])
    if node.op == "spread":
        return graph.spread(args[0], node.length)  # type: ignore[arg-type]
    if node.op == "call":
        return graph.call(node.key[1], args, node.dtype, node.length)
    if node.op in ("repeat", "tile"):
        return getattr(graph, node.op)(*args)
    if node.op == "columns":
        return graph.columns(args[0], args[1], node.length)  # type: ignore[arg-type]
    if node.op.startswith("segment:"):
        return graph.segment(node.op.removeprefix("segment:"), tuple(args[:-1]), args[-1])
    return graph.apply(node.op, *args)


def dependents(roots: Sequence[Node], inputs: Sequence[Node]) -> list[Node]:
    """The nodes between inputs and roots, arguments first."""
    found: dict[Node, bool] = dict.fromkeys(inputs, True)
    order: list[Node] = []
    stack = [(root, False) for root in roots]
    while stack:
        node, ready = stack.pop()
        if node in found:
            continue
        if ready:
            found[node] = any(found.get(arg, False) for arg in node.args)
            if found[node]:
                order.append(node)
        elif not node.args:
            found[node] = False
        else:
            stack.append((node, True))
            stack.extend((arg, False) for arg in node.args)
    return order


def substituted(roots: Sequence[Node], replacements: Mapping[Node, Node]) -> list[Node]:
    """The roots with other nodes in place of inputs."""
    made = dict(replacements)
    for pair in replacements.items():
        common_length(pair)
    for node in dependents(roots, list(replacements)):
        made[node] = remade(node, [made.get(arg, arg) for arg in node.args])
    return [made.get(root, root) for root in roots]
