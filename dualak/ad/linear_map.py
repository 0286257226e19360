"""Linear maps of numbers: pushed forwards and pulled backwards, also where coefficients are duals.

A map whose coefficients are duals of lower levels is the map of the values plus, in each direction,
the map of the tangents: the rule of products, as for any bilinear function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dualak.ad.dual import Level, Number, apply, dual_or_value, highest, tangents_at, value_at
from dualak.ad.linear import zeros_like
from dualak.graph.nodes import Node
from dualak.graph.substitute import substituted
from dualak.graph.transpose import transposed


def linear_jvp(
    outputs: Sequence[Number | None], given: Sequence[Number | None], inputs: Sequence[Node]
) -> list[Number | None]:
    """The outputs with given numbers for the inputs."""

    def forwards(roots: list[Node | None], known: list[Node | None]) -> list[Node | None]:
        replaced = {
            node: zeros_like(node) if number is None else node.graph.cast(number, node.dtype)
            for node, number in zip(inputs, known, strict=True)
        }
        return _of_some(lambda some: substituted(some, replaced), roots)

    return _bilinear(forwards, outputs, given, len(outputs))


def linear_vjp(
    outputs: Sequence[Number | None], given: Sequence[Number | None], inputs: Sequence[Node]
) -> list[Number | None]:
    """The cotangents of the inputs that belong to given ones of the outputs."""

    def backwards(roots: list[Node | None], known: list[Node | None]) -> list[Node | None]:
        pairs = [
            (root, root.graph.cast(number, root.dtype))
            for root, number in zip(roots, known, strict=True)
            if root is not None and number is not None
        ]
        return transposed([root for root, _ in pairs], [other for _, other in pairs], inputs)

    return _bilinear(backwards, outputs, given, len(inputs))


def _of_some(
    function: Callable[[list[Node]], list[Node]], nodes: list[Node | None]
) -> list[Node | None]:
    results = iter(function([node for node in nodes if node is not None]))
    return [None if node is None else next(results) for node in nodes]


def _bilinear(
    function: Callable[..., Sequence[Node | None]],
    arguments: Sequence[Number | None],
    other: Sequence[Number | None],
    results: int,
) -> list[Number | None]:
    level = highest([number for number in (*arguments, *other) if number is not None])
    if level is None:
        return list(function(list(arguments), list(other)))
    values = _bilinear(function, _values(arguments, level), _values(other, level), results)
    tangents = []
    for k in range(level.directions):
        first = _bilinear(function, _tangents(arguments, level, k), _values(other, level), results)
        second = _bilinear(function, _values(arguments, level), _tangents(other, level, k), results)
        tangents.append([_added(*both) for both in zip(first, second, strict=True)])
    return [
        _joined(level, value, [tangent[i] for tangent in tangents])
        for i, value in enumerate(values)
    ]


def _values(numbers: Sequence[Number | None], level: Level) -> list[Number | None]:
    return [None if number is None else value_at(number, level) for number in numbers]


def _tangents(numbers: Sequence[Number | None], level: Level, k: int) -> list[Number | None]:
    return [None if number is None else tangents_at(number, level)[k] for number in numbers]


def _added(number: Number | None, other: Number | None) -> Number | None:
    if number is None or other is None:
        return number if other is None else other
    return apply("add", number, other)


def _joined(level: Level, value: Number | None, tangents: Sequence[Number | None]) -> Number | None:
    known = [tangent for tangent in tangents if tangent is not None]
    if value is None and known:
        value = zeros_like(known[0])
    return None if value is None else dual_or_value(level, value, tangents)
