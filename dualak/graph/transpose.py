"""Linear maps: the part of a graph that depends on some inputs, evaluated anew or transposed.

A tangent is linear in the tangents it comes from.  If these are inputs without numbers, the nodes
between are a linear map; every operation in it has an evident transpose, so that cotangents run
through it backwards.  The transpose is made of nodes of the same graph.

>>> import numpy as np
>>> from dualak.graph.graph import Graph
>>> from dualak.engine.realize import compute
>>> graph = Graph()
>>> t, slope = graph.input(np.float64, 3), graph.buffer(np.array([1.0, 10.0, 100.0]))
>>> total = graph.segment("sum", (t * slope,), graph.buffer(np.array([0, 2, 3])))
>>> (pulled,) = transposed([total], [graph.buffer(np.array([1.0, 2.0]))], [t])
>>> compute([pulled])
>>> pulled.data
array([  1.,  10., 200.])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dualak.device import HOST
from dualak.executors.cpu.executor import others_in_products
from dualak.graph.nodes import Node, common_length
from dualak.graph.substitute import dependents

Terms = list[tuple[int, Node]]


def transposed(
    roots: Sequence[Node], cotangents: Sequence[Node], inputs: Sequence[Node]
) -> list[Node | None]:
    """The cotangents of inputs, given those of roots that are linear in them.

    Raises:
        NotImplementedError: for an operation that is not linear in what depends on the inputs.
    """
    order = dependents(roots, inputs)
    inside = {*order, *inputs}
    sums: dict[Node, Node] = {}
    for root, cotangent in zip(roots, cotangents, strict=True):
        common_length((root, cotangent))
        if root in inside:
            _add(sums, root, _summed(root, cotangent))
    for node in reversed(order):
        if node not in sums:
            continue
        cotangent = sums.pop(node)
        where = [arg in inside for arg in node.args]
        for i, term in _rule(node)(node, cotangent, where):
            _add(sums, node.args[i], _summed(node.args[i], term))
    return [sums.get(node) for node in inputs]


def _add(sums: dict[Node, Node], node: Node, term: Node) -> None:
    sums[node] = sums[node] + term if node in sums else term


def _summed(arg: Node, term: Node) -> Node:
    """The cotangent of a scalar that was used for each element: the sum over them."""
    if arg.length is not None or term.length is None:
        return term
    graph = term.graph
    whole = graph.buffer(np.array([0, term.length]))
    return graph.scalar(graph.segment("sum", (term,), whole))


# -- the transpose of each operation --------------------------------------------------------------


def _rule(node: Node) -> Callable[[Node, Node, Sequence[bool]], Terms]:
    rule = _RULES.get(node.op)
    if rule is None:
        raise NotImplementedError(f"expected an operation with a transpose, got {node.op}")
    return rule


def _each(node: Node, cotangent: Node, inside: Sequence[bool]) -> Terms:
    return [(i, cotangent) for i, depends in enumerate(inside) if depends]


def _subtract(node: Node, cotangent: Node, inside: Sequence[bool]) -> Terms:
    return [(i, -cotangent if i else cotangent) for i, depends in enumerate(inside) if depends]


def _negative(node: Node, cotangent: Node, inside: Sequence[bool]) -> Terms:
    return [(0, -cotangent)]


def _product_of_two(node: Node, cotangent: Node, inside: Sequence[bool]) -> Terms:
    """Zero wins backwards in the products in which it wins forwards."""
    _require_linear(node, sum(inside) == 1)
    i = int(inside[1])
    return [(i, node.graph.apply(node.op, node.args[1 - i], cotangent))]


def _divide(node: Node, cotangent: Node, inside: Sequence[bool]) -> Terms:
    _require_linear(node, not inside[1])
    return [(0, cotangent / node.args[1])]


def _select(node: Node, cotangent: Node, inside: Sequence[bool]) -> Terms:
    _require_linear(node, not inside[0])
    zero = node.graph.constant(0.0, node.dtype)
    condition = node.args[0]
    chosen = ((cotangent, zero), (zero, cotangent))
    return [
        (1 + i, node.graph.apply("select", condition, *chosen[i])) for i in (0, 1) if inside[1 + i]
    ]


def _cast(node: Node, cotangent: Node, inside: Sequence[bool]) -> Terms:
    return [(0, node.graph.cast(cotangent, node.args[0].dtype))]


def _scalar(node: Node, cotangent: Node, inside: Sequence[bool]) -> Terms:
    return [(0, node.graph.spread(cotangent, 1))]


def _take(node: Node, cotangent: Node, inside: Sequence[bool]) -> Terms:
    """Gathered numbers are scattered back, and added up where they came from the same place."""
    source, index = node.args
    spread = node.graph.spread(cotangent, index.length)  # type: ignore[arg-type]
    beforehand = node.graph.planned or node.graph.memory is not HOST
    if beforehand and index.data is not None:
        return [(0, _gathered_back(spread, index, source.length or 1))]
    scatter = _Scatter(source.length or 1)
    return [(0, node.graph.call(scatter, (spread, index), source.dtype, source.length))]


def _gathered_back(numbers: Node, index: Node, length: int) -> Node:
    """The same by a gather and sums of lists, which a device adds up in a fixed order."""
    assert index.data is not None
    graph = numbers.graph
    order = graph.buffer(np.argsort(index.data, kind="stable"))
    counts = np.bincount(index.data, minlength=length)
    offsets = graph.buffer(np.concatenate([[0], np.cumsum(counts)]))
    return graph.segment("sum", (graph.take(numbers, order),), offsets)


@dataclass(frozen=True)
class _Scatter:
    length: int

    def __call__(self, numbers: Any, index: Any) -> Any:
        return np.bincount(index, numbers, self.length)

    def transpose(self, node: Node, cotangent: Node, inside: Sequence[bool]) -> Terms:
        return [(0, node.graph.take(cotangent, node.args[1]))]


def _sum(node: Node, cotangent: Node, inside: Sequence[bool]) -> Terms:
    return [(0, _repeated(cotangent, *node.args))]


def _repeated(numbers: Node, elements: Node, offsets: Node) -> Node:
    """A number of each list for all of its elements, and zero for elements outside of lists."""
    graph, bounds = elements.graph, np.asarray(offsets.data)
    if bounds[0] == 0 and bounds[-1] == elements.length:
        return graph.repeat(numbers, offsets)
    length = 1 if elements.length is None else elements.length
    lists = np.searchsorted(bounds, np.arange(length), side="right") - 1
    outside = (lists < 0) | (lists >= len(bounds) - 1)
    if outside.all():
        return graph.spread(graph.constant(0.0, numbers.dtype), len(lists))
    repeated = graph.take(numbers, graph.buffer(np.where(outside, 0, lists)))
    if not outside.any():
        return repeated
    zero = graph.constant(0.0, numbers.dtype)
    return graph.apply("select", graph.buffer(outside), zero, repeated)


def _repeat(node: Node, cotangent: Node, inside: Sequence[bool]) -> Terms:
    return [(0, node.graph.segment("sum", (cotangent,), node.args[1]))]


def _tile(node: Node, cotangent: Node, inside: Sequence[bool]) -> Terms:
    width = node.args[0].length
    return [(0, node.graph.columns(cotangent, node.args[1], width))]  # type: ignore[arg-type]


def _columns(node: Node, cotangent: Node, inside: Sequence[bool]) -> Terms:
    return [(0, node.graph.tile(cotangent, node.args[1]))]


def _extreme(node: Node, cotangent: Node, inside: Sequence[bool]) -> Terms:
    """Ties shared the mean of their tangents: each gets its share of the cotangent."""
    values, tangents, offsets = node.args
    _require_linear(node, not inside[0])
    graph, name = node.graph, node.op.removeprefix("segment:").removesuffix("_jvp")
    extreme = graph.segment(name, (values,), offsets)
    ties = graph.apply("equal", values, _repeated(extreme, tangents, offsets))
    count = graph.segment("sum", (graph.cast(ties, values.dtype),), offsets)
    share = cotangent / graph.apply("maximum", count, graph.constant(1.0, values.dtype))
    zero = graph.constant(0.0, values.dtype)
    return [(1, graph.apply("select", ties, _repeated(share, tangents, offsets), zero))]


def _product(node: Node, cotangent: Node, inside: Sequence[bool]) -> Terms:
    values, tangents, offsets = node.args
    _require_linear(node, not inside[0])
    graph = node.graph
    others = graph.call(others_in_products, (values, offsets), values.dtype, values.length)
    return [(1, graph.apply("scale", others, _repeated(cotangent, tangents, offsets)))]


def _call(node: Node, cotangent: Node, inside: Sequence[bool]) -> Terms:
    """An external call, if it says how it is transposed."""
    transpose = getattr(node.key[1], "transpose", None)
    if transpose is None:
        raise NotImplementedError(
            f"expected a function with a transpose, got {node.key[1]!r}; reverse mode does not go "
            "through it"
        )
    return transpose(node, cotangent, inside)


def _require_linear(node: Node, condition: bool) -> None:
    if not condition:
        raise NotImplementedError(f"expected a {node.op} that is linear in tangents, got a square")


_RULES: dict[str, Callable[[Node, Node, Sequence[bool]], Terms]] = {
    "add": _each,
    "subtract": _subtract,
    "negative": _negative,
    "multiply": _product_of_two,
    "scale": _product_of_two,
    "divide": _divide,
    "select": _select,
    "cast": _cast,
    "spread": _each,
    "scalar": _scalar,
    "take": _take,
    "repeat": _repeat,
    "tile": _tile,
    "columns": _columns,
    "segment:sum": _sum,
    "segment:min_jvp": _extreme,
    "segment:max_jvp": _extreme,
    "segment:prod_jvp": _product,
    "call": _call,
}
