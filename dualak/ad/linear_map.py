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
            one: zeros_like(one) if number is None else one.graph.cast(number, one.dtype)
            for one, number in zip(inputs, known, strict=True)
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
        return transposed([one for one, _ in pairs], [other for _, other in pairs], inputs)

    return _bilinear(backwards, outputs, given, len(inputs))


def _of_some(
    function: Callable[[list[Node]], list[Node]], nodes: list[Node | None]
) -> list[Node | None]:
    results = iter(function([node for node in nodes if node is not None]))
    return [None if node is None else next(results) for node in nodes]


def _bilinear(
    function: Callable[..., Sequence[Node | None]],
    one: Sequence[Number | None],
    other: Sequence[Number | None],
    results: int,
) -> list[Number | None]:
    level = highest([number for number in (*one, *other) if number is not None])
    if level is None:
        return list(function(list(one), list(other)))
    values = _bilinear(function, _values(one, level), _values(other, level), results)
    tangents = []
    for k in range(level.directions):
        first = _bilinear(function, _tangents(one, level, k), _values(other, level), results)
        second = _bilinear(function, _values(one, level), _tangents(other, level, k), results)
        tangents.append([_added(*both) for both in zip(first, second, strict=True)])
    return [
        _joined(level, value, [tangent[i] for tangent in tangents])
        for i, value in enumerate(values)
    ]


def _values(numbers: Sequence[Number | None], level: Level) -> list[Number | None]:
    return [None if one is None else value_at(one, level) for one in numbers]


def _tangents(numbers: Sequence[Number | None], level: Level, k: int) -> list[Number | None]:
    return [None if one is None else tangents_at(one, level)[k] for one in numbers]


def _added(one: Number | None, other: Number | None) -> Number | None:
    if one is None or other is None:
        return one if other is None else other
    return apply("add", one, other)


def _joined(level: Level, value: Number | None, tangents: Sequence[Number | None]) -> Number | None:
    known = [one for one in tangents if one is not None]
    if value is None and known:
        value = zeros_like(known[0])
    return None if value is None else dual_or_value(level, value, tangents)
