"""Sums of weights in bins as numbers of the calculus, of any order and in both modes.

With ``S[k](x, w)`` for the sum of the weights times the ``k``-th derivative of the kernel by the
position, the tangent of ``S[k](x, w)`` is ``S[k](x, dw) + S[k + 1](x, w dx)``: sums of the same
kind, linear in their columns.  All columns of the same positions are summed in one pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dualak.ad.dual import (
    Level,
    Number,
    apply,
    dual_or_value,
    highest,
    primal,
    summed,
    tangents_at,
    value_at,
)
from dualak.ad.linear import cast, concatenated, part
from dualak.executors.cpu.binning import Bins, Term, pulled_back, sums
from dualak.graph.nodes import Node
from dualak.rules import UnknownPartialError
from dualak.rules.smoothing import SMOOTHINGS

#: What is summed, and which derivative of the kernel it is summed with.
Column = tuple[Number, Term]

FLOAT = np.dtype(np.float64)


def binned(
    bins: Bins, base: Node, positions: Sequence[Number], columns: Sequence[Column]
) -> list[Number]:
    """The sums of each column in the bins.

    ``base`` is the node of the bins as far as they are known, as ``sums`` takes it.
    """
    level = highest([*positions, *(number for number, _ in columns)])
    if level is None:
        return _sums(bins, base, positions, columns)
    at = [value_at(position, level) for position in positions]
    wanted = _Wanted()
    values = [wanted.place(value_at(number, level), term) for number, term in columns]
    moves = [_moves(bins, level, positions, k) for k in range(level.directions)]
    tangents = [
        [_terms(bins, wanted, level, k, moves[k], number, term) for k in range(level.directions)]
        for number, term in columns
    ]
    found = binned(bins, base, at, wanted.columns)

    def tangent(places: Sequence[int]) -> Number | None:
        return summed([found[place] for place in places])

    return [
        dual_or_value(level, found[value], list(map(tangent, each)))
        for value, each in zip(values, tangents, strict=True)
    ]


class _Wanted:
    """Columns, each once."""

    def __init__(self) -> None:
        self.columns: list[Column] = []
        self._places: dict[tuple[int, Term], int] = {}

    def place(self, number: Number, term: Term) -> int:
        """Where a column stands."""
        key = (id(number), term)
        if key not in self._places:
            self._places[key] = len(self.columns)
            self.columns.append((number, term))
        return self._places[key]


def _terms(
    bins: Bins,
    wanted: _Wanted,
    level: Level,
    direction: int,
    moves: Sequence[Number | None],
    number: Number,
    term: Term,
) -> list[int]:
    """The columns whose sums are a tangent: of the weights, and of the positions on each axis."""
    value, change = value_at(number, level), tangents_at(number, level)[direction]
    places = [] if change is None else [wanted.place(change, term)]
    for axis, moved in enumerate(moves):
        if moved is not None:
            places.append(wanted.place(apply("scale", value, moved), _raised(bins, term, axis)))
    return places


def _moves(
    bins: Bins, level: Level, positions: Sequence[Number], direction: int
) -> list[Number | None]:
    """How entries move along each axis, in the units of its edges: logarithms, if it has such."""
    found = []
    for axis, position in zip(bins.axes, positions, strict=True):
        moved = tangents_at(position, level)[direction]
        if axis.log and moved is not None:
            moved = apply("divide", moved, value_at(position, level))
        found.append(moved)
    return found


def _raised(bins: Bins, term: Term, axis: int) -> Term:
    """The derivative of a term by the positions along an axis.

    Raises:
        UnknownPartialError: for one that the kernel does not have.
    """
    orders, power = term
    kernel = bins.axes[axis].kernel
    most = SMOOTHINGS[kernel].order
    if most is not None and orders[axis] >= most:
        raise UnknownPartialError(
            f"expected a kernel with derivatives of order {orders[axis] + 1}, got the {kernel} "
            f"one, which has {most}; use a Gaussian or a logistic one"
        )
    return (*orders[:axis], orders[axis] + 1, *orders[axis + 1 :]), power


def _sums(
    bins: Bins, base: Node, positions: Sequence[Any], columns: Sequence[Column]
) -> list[Number]:
    """One pass over the entries, and one for tangents that have no numbers yet."""
    unknown = [primal(number).unknown for number, _ in columns]
    found: dict[int, Number] = {}
    for is_unknown in set(unknown):
        places = [place for place, one in enumerate(unknown) if one is is_unknown]
        part_of = _in_one_pass(bins, base, positions, [columns[place] for place in places])
        found.update(zip(places, part_of, strict=True))
    return [found[place] for place in range(len(columns))]


def _in_one_pass(
    bins: Bins, base: Node, positions: Sequence[Any], columns: Sequence[Column]
) -> list[Number]:
    """The sums of columns of nodes, which lie one after the other."""
    work = _Sums(bins, tuple(term for _, term in columns))
    nodes = [cast(number, FLOAT) for number in (*positions, *(number for number, _ in columns))]
    length = len(columns) * bins.size
    whole = base.graph.call(work, (base, *nodes), FLOAT, length)  # type: ignore[arg-type]
    return [part(whole, start, start + bins.size) for start in range(0, length, bins.size)]


@dataclass(frozen=True)
class _Sums:
    """The sums of all columns, as a function of buffers: base, positions, columns."""

    bins: Bins
    terms: tuple[Term, ...]

    name = "a histogram"

    def __call__(self, base: Any, *buffers: Any) -> Any:
        axes = len(self.bins.axes)
        return sums(self.bins, base, buffers[:axes], buffers[axes:], self.terms).reshape(-1)

    def replayed(self, node: Node, numbers: Sequence[Number]) -> Number:
        """The same of other numbers."""
        base, positions, columns = self._apart(numbers)
        return concatenated(
            binned(self.bins, base, positions, list(zip(columns, self.terms, strict=True)))  # type: ignore[arg-type]
        )

    def _apart(self, numbers: Sequence[Any]) -> tuple[Any, Sequence[Any], Sequence[Any]]:
        axes = len(self.bins.axes)
        return numbers[0], numbers[1 : 1 + axes], numbers[1 + axes :]

    def transpose(
        self, node: Node, cotangent: Node, inside: Sequence[bool]
    ) -> list[tuple[int, Node]]:
        """What reverse mode asks for: each column gets the cotangents of the bins it went to."""
        first = 1 + len(self.bins.axes)
        if any(inside[:first]):
            raise NotImplementedError("expected sums that are linear in their columns")
        base, positions, _ = self._apart(node.args)
        found = []
        for i, term in enumerate(self.terms):
            if inside[first + i]:
                start = i * self.bins.size
                own = part(cotangent, start, start + self.bins.size)
                found.append((first + i, _pulled(self.bins, term, base, positions, own)))
        return found  # type: ignore[return-value]


def _pulled(
    bins: Bins, term: Term, base: Node, positions: Sequence[Number], cotangent: Number
) -> Number:
    """What each entry gets of the cotangents of its bins, which moves with the positions too."""
    level = highest([*positions, cotangent])
    if level is None:
        nodes = (base, cotangent, *(cast(position, FLOAT) for position in positions))
        work = _PulledBack(bins, term)
        return base.graph.call(work, nodes, FLOAT, bins.count)  # type: ignore[arg-type]
    at, value = [value_at(position, level) for position in positions], value_at(cotangent, level)
    tangents = []
    for k in range(level.directions):
        change = tangents_at(cotangent, level)[k]
        terms = [] if change is None else [_pulled(bins, term, base, at, change)]
        for axis, moved in enumerate(_moves(bins, level, positions, k)):
            if moved is not None:
                slope = _pulled(bins, _raised(bins, term, axis), base, at, value)
                terms.append(apply("scale", slope, moved))
        tangents.append(summed(terms))
    return dual_or_value(level, _pulled(bins, term, base, at, value), tangents)


@dataclass(frozen=True)
class _PulledBack:
    """The transpose of the sums in one column, as a function of buffers."""

    bins: Bins
    term: Term

    name = "the transpose of a histogram"

    def __call__(self, base: Any, cotangent: Any, *positions: Any) -> Any:
        return pulled_back(self.bins, base, positions, cotangent, self.term)

    def replayed(self, node: Node, numbers: Sequence[Number]) -> Number:
        """The same of other numbers."""
        base, cotangent, *positions = numbers
        return _pulled(self.bins, self.term, base, positions, cotangent)  # type: ignore[arg-type]

    def transpose(
        self, node: Node, cotangent: Node, inside: Sequence[bool]
    ) -> list[tuple[int, Node]]:
        """The sums again."""
        base, _, *positions = node.args
        if inside[0] or any(inside[2:]):
            raise NotImplementedError("expected a transpose that is linear in the cotangents")
        (found,) = _sums(self.bins, base, positions, [(cotangent, self.term)])
        return [(1, found)]  # type: ignore[list-item]
