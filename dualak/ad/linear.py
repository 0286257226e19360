"""Linear operations on numbers: what moves elements, adds them up, or is linear in each argument.

They act on the value and on every tangent alike.  Reductions of lists stand here too: the tangent
of a reduction is linear in the tangents it comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dualak.ad.dual import (
    Dual,
    Number,
    apply,
    dual_or_value,
    highest,
    primal,
    select,
    summed,
    tangents_at,
    value_at,
)
from dualak.device import Memory
from dualak.graph.nodes import Node
from dualak.rules import REDUCTIONS


def linear(function: Callable[[Node], Node], number: Number) -> Number:
    """A linear function of nodes, on the value and on all tangents."""
    if isinstance(number, Node):
        return function(number)
    tangents = [
        None if tangent is None else linear(function, tangent) for tangent in number.tangents
    ]
    return Dual(number.level, linear(function, number.value), tangents)


def moved(function: Callable[[Node], Node], number: Number) -> Number:
    """A function of nodes that only moves elements, on all that a number is made of."""
    if isinstance(number, Node):
        return function(number)
    base = [None if part is None else moved(function, part) for part in number.base]
    slope = None if number.slope is None else moved(function, number.slope)
    return Dual(number.level, moved(function, number.value), base, slope)


def multilinear(
    function: Callable[..., Node],
    *numbers: Number,
    derivative: Callable[..., Node] | None = None,
) -> Number:
    """A function of nodes that is linear in each of them; ``derivative`` is it of some tangents."""
    derivative = derivative or function
    level = highest(numbers)
    if level is None:
        return function(*numbers)
    values = [value_at(number, level) for number in numbers]
    tangents = []
    for direction in range(level.directions):
        given = [tangents_at(number, level)[direction] for number in numbers]
        terms = [
            multilinear(derivative, *values[:i], tangent, *values[i + 1 :])
            for i, tangent in enumerate(given)
            if tangent is not None
        ]
        tangents.append(summed(terms))
    value = multilinear(function, *values, derivative=derivative)
    return dual_or_value(level, value, tangents)


def cast(number: Number, dtype: Any) -> Number:
    """The same number in another type; what is not floating-point has no tangents."""
    if np.dtype(dtype).kind != "f":
        return number.graph.cast(primal(number), dtype)
    return moved(lambda node: node.graph.cast(node, dtype), number)


def take(number: Number, index: Node) -> Number:
    """The elements at an index."""
    return moved(lambda node: node.graph.take(node, index), number)


def scalar(number: Number) -> Number:
    """The only element, as a scalar that fits any length."""
    return moved(lambda node: node.graph.scalar(node), number)


def spread(number: Number, length: int) -> Number:
    """The number at a length: scalars repeated."""
    return moved(lambda node: node.graph.spread(node, length), number)


def repeat(number: Number, offsets: Node) -> Number:
    """The number of each list, for each of its elements."""
    return moved(lambda node: node.graph.repeat(node, offsets), number)


def tile(number: Number, offsets: Node) -> Number:
    """All elements, for each list."""
    return moved(lambda node: node.graph.tile(node, offsets), number)


def columns(number: Number, offsets: Node, width: int) -> Number:
    """The sum over lists of one length, element by element."""
    return linear(lambda node: node.graph.columns(node, offsets, width), number)


def part(number: Number, start: int, stop: int) -> Number:
    """The elements from start to stop."""
    if start == 0 and stop == number.length:
        return number
    if number.length is not None and not 0 <= start <= stop <= number.length:
        raise IndexError(f"expected elements of {number.length}, got {start} to {stop}")
    return moved(lambda node: _part(node, start, stop), number)


def _part(node: Node, start: int, stop: int) -> Node:
    if node.length is None:
        return node.graph.spread(node, stop - start)
    if node.data is not None and not node.varies:
        return node.graph.buffer(node.data[start:stop])
    return node.graph.take(node, node.graph.buffer(np.arange(start, stop)))


def concatenated(numbers: Sequence[Number]) -> Number:
    """Numbers of one type, one after the other."""
    level = highest(numbers)
    if level is None:
        graph = numbers[0].graph
        length = sum(node.length or 0 for node in numbers)
        return graph.call(_CONCATENATE, numbers, numbers[0].dtype, length)  # type: ignore[arg-type]
    values = [value_at(number, level) for number in numbers]
    each = zip(*(tangents_at(number, level) for number in numbers), strict=True)
    tangents = [
        None
        if all(tangent is None for tangent in direction)
        else concatenated(_filled(values, direction))
        for direction in each
    ]
    return dual_or_value(level, concatenated(values), tangents)


def _filled(values: Sequence[Number], tangents: Sequence[Number | None]) -> list[Number]:
    return [
        zeros_like(value) if tangent is None else tangent
        for value, tangent in zip(values, tangents)  # noqa: B905
    ]


def zeros_like(number: Number) -> Node:
    """A zero for each element of a number."""
    zero = number.graph.constant(0.0, number.dtype)
    return zero if number.length is None else number.graph.spread(zero, number.length)


class _Concatenation:
    """The function of a call; reverse mode cuts what it joined."""

    def __call__(self, *buffers: Any) -> Any:
        return np.concatenate(buffers)

    def replayed(self, node: Node, numbers: Sequence[Number]) -> Number:
        return concatenated(numbers)

    def in_memory(self, memory: Memory, buffers: Sequence[Any]) -> Any:
        return memory.concatenated(buffers)

    def transpose(
        self, node: Node, cotangent: Node, inside: Sequence[bool]
    ) -> list[tuple[int, Node]]:
        stops = np.cumsum([arg.length or 0 for arg in node.args]).tolist()
        starts = [0, *stops[:-1]]
        return [
            (i, _part(cotangent, starts[i], stops[i])) for i, moves in enumerate(inside) if moves
        ]


_CONCATENATE = _Concatenation()


# -- reductions -----------------------------------------------------------------------------------


def reduced(name: str, number: Number, offsets: Node) -> Number:
    """A reduction of lists: of ``REDUCTIONS``, with the tangents that it says."""
    if isinstance(number, Node):
        return number.graph.segment(name, (number,), offsets)
    kernel = REDUCTIONS[name].tangent
    if kernel is None:
        return linear(lambda node: node.graph.segment(name, (node,), offsets), number)
    if name == "prod" and isinstance(number.value, Dual):
        return _product(number, offsets)
    # Linear in the tangents, and that of an extreme changes in steps with the values.
    known = primal(number.value)
    tangents = [
        None
        if tangent is None
        else linear(lambda node: node.graph.segment(kernel, (known, node), offsets), tangent)
        for tangent in number.tangents
    ]
    return dual_or_value(number.level, reduced(name, number.value, offsets), tangents)


def _product(number: Number, offsets: Node) -> Number:
    """The products of lists as products of pairs, again and again until one is left of each."""
    graph = number.graph
    assert offsets.data is not None
    bounds = np.asarray(offsets.data)
    unit = graph.constant(1.0, number.dtype)
    while (counts := np.diff(bounds)).max(initial=0) > 1:
        halves = (counts + 1) // 2
        after = np.concatenate([[0], np.cumsum(halves)])
        lists = np.repeat(np.arange(len(halves)), halves)
        first = bounds[lists] + 2 * (np.arange(after[-1]) - after[lists])
        alone = graph.buffer(first + 1 >= bounds[lists + 1])
        second = np.minimum(first + 1, bounds[lists + 1] - 1)
        left, right = (take(number, graph.buffer(index)) for index in (first, second))
        number = apply("multiply", left, select(alone, unit, right))
        bounds = after
    empty = np.diff(bounds) == 0
    at = graph.buffer(np.minimum(bounds[:-1], max((number.length or 1) - 1, 0)))
    if not number.length:
        return graph.spread(unit, len(empty))
    return select(graph.buffer(empty), unit, take(number, at))
