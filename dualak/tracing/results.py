"""Results of recorded functions: what they are without their numbers, to be filled again and again.

A result is taken apart once.  What depends on the arguments becomes roots of a plan; the rest stays
as it is.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import awkward as ak
import numpy as np

from dualak.ad.dual import Dual, Level, Number, primal, tangents_at, value_at
from dualak.arrays.backends import placed
from dualak.arrays.columns import lazy_node, plain
from dualak.arrays.highlevel import layout_of
from dualak.arrays.layouts import Content, is_dual, is_text, rebuilt, refilled
from dualak.device import Buffer, in_memory, on_device, to_host
from dualak.graph.graph import Graph
from dualak.graph.nodes import Node
from dualak.pytree import tree_leaves, tree_map
from dualak.seeding.split import constant_tangent, read_only
from dualak.tracing.digest import is_marked
from dualak.tracing.structure import Structure, flatten
from dualak.tracing.template import ARRAY, NUMBER, NUMPY, RECORD, Template


def looked_up(value: Any) -> Any:
    """A result whose lazy buffers are columns; what was made of some behind the graph is read."""

    def leaf(layout: Content) -> Content:
        numbers = not (is_dual(layout) or is_text(layout) or layout.is_unknown)
        if numbers and lazy_node(layout) is None and not on_device(layout.data):
            in_memory(layout.data)
        return layout

    if isinstance(value, (ak.Array, ak.Record)):
        rebuilt(layout_of(value), leaf)
    return value


@dataclass(frozen=True, eq=False)
class _Constant:
    """A part of a result that does not depend on the numbers of the arguments."""

    value: Any

    def __eq__(self, other: object) -> bool:
        mine, theirs = self.value, getattr(other, "value", None)
        if type(mine) is not type(theirs):
            return False
        if isinstance(mine, (ak.Array, ak.Record)):
            return bool(ak.array_equal(mine, theirs, equal_nan=True))
        return bool(np.all((mine == theirs) | ((mine != mine) & (theirs != theirs))))

    def fresh(self) -> Any:
        """The value, whose owner changes nothing of this one."""
        if isinstance(self.value, (ak.Array, ak.Record)):
            return _with(self.value, rebuilt(layout_of(self.value), read_only))
        return self.value.copy() if isinstance(self.value, np.ndarray) else self.value

    def zero(self) -> Any:
        """The tangent that stands for none."""
        value = self.value
        if isinstance(value, (ak.Array, ak.Record)):
            return _with(value, rebuilt(layout_of(value), constant_tangent))
        if value is None or isinstance(value, np.ndarray):
            return None if value is None else np.zeros_like(value)
        return type(value)(0)


def _with(like: Any, layout: Content) -> Any:
    made = ak.Array(layout, behavior=like.behavior, attrs=like.attrs)
    return made[like.layout.at] if isinstance(like, ak.Record) else made


@dataclass(frozen=True, eq=False)
class Result:
    """A result without its numbers, and the roots that they are computed from.

    ``values`` and ``tangents`` say for each leaf which root has its numbers.  A leaf that does not
    depend on the arguments has a buffer there; a tangent of None is zero.
    """

    structure: Structure
    graph: Graph
    values: list[int | Buffer] = field(default_factory=list)
    tangents: list[int | None] = field(default_factory=list)
    roots: list[Node] = field(default_factory=list)
    constant: set[int] = field(default_factory=set)

    @cached_property
    def has_constants(self) -> bool:
        """Whether parts of the result are no arrays that depend on the arguments."""
        return any(isinstance(leaf, _Constant) for leaf in self.described())

    def add(self, number: Number | Buffer, level: Level) -> None:
        """A further leaf: its numbers, or a buffer that is known."""
        if not isinstance(number, (Node, Dual)):
            self.values.append(number)
            self.tangents.append(None)
            return
        (tangent,) = tangents_at(number, level)
        self.values.append(self._root(value_at(number, level)))
        self.tangents.append(None if tangent is None else self._root(tangent))

    def _root(self, number: Number) -> int:
        node = primal(number)
        if not node.varies:
            self.constant.add(len(self.roots))
        self.roots.append(node)
        return len(self.roots) - 1

    def described(self) -> list[Any]:
        """What two recordings of one function have in common."""
        constants = tree_leaves(self.structure.tree)
        return [
            constant.digest if isinstance(constant, Template) else constant
            for constant in constants
        ]

    def value(self, found: Sequence[Buffer]) -> Any:
        """The result with numbers."""
        return self._filled([self._buffer(at, found) for at in self.values], read_only)

    def tangent(self, found: Sequence[Buffer]) -> Any:
        """The same with the tangents in the places of the numbers."""
        numbers = [
            np.zeros_like(to_host(self._buffer(value, found)))
            if at is None
            else self._buffer(at, found)
            for value, at in zip(self.values, self.tangents, strict=True)
        ]
        return self._filled(numbers, constant_tangent)

    def _buffer(self, at: int | Buffer, found: Sequence[Buffer]) -> Buffer:
        """A buffer, which the owner of the result may change if it is NumPy's."""
        if not isinstance(at, int):
            return at.copy()
        return found[at].copy() if at in self.constant else found[at]

    def _filled(self, numbers: Sequence[Buffer], other: Callable[[Content], Content]) -> Any:
        tangent = other is constant_tangent
        if self.graph.home == "cuda":
            numbers = list(map(self._lazy, numbers))
        else:
            numbers = list(map(to_host, numbers))
        tree = self.structure.unflatten(numbers, other)
        if self.graph.home == "cpu" and not self.has_constants:
            return tree
        return tree_map(partial(_finished, tangent=tangent, graph=self.graph), tree)

    def _lazy(self, buffer: Buffer) -> Any:
        """Numbers of a device, in place."""
        if not on_device(buffer):
            return buffer
        return ak.Array(plain(self.graph.buffer(buffer), len(buffer)))


def _finished(value: Any, tangent: bool, graph: Graph) -> Any:
    if isinstance(value, _Constant):
        return value.zero() if tangent else value.fresh()
    return placed(value, graph.memory) if graph.home == "cuda" else value


def result_of(result: Any, extracted: Any, level: Level, graph: Graph) -> Result:
    """A result taken apart; ``extracted`` says of which class each part of it comes back."""
    rest, numbers = iter(tree_leaves(extracted)), []

    def taken_apart(value: Any) -> Any:
        seen = next(rest)
        if not _depends(value):
            return _Constant(copy.deepcopy(seen))
        leaves, structure = flatten(value)
        numbers.extend(leaves)
        layout = refilled(structure.tree.layout, _own)
        return replace(structure.tree, origin=_origin(seen), layout=layout)

    made = Result(Structure(tree_map(taken_apart, result)), graph)
    for number in numbers:
        made.add(number, level)
    return made


def _own(leaf: Content) -> Content:
    """A leaf that nobody else can write to; one without numbers as it is."""
    given = leaf.is_numpy and not is_marked(leaf) and not on_device(leaf.data)
    return leaf.copy(data=in_memory(leaf.data).copy()) if given else leaf


def _origin(extracted: Any) -> str:
    """As what an array comes back."""
    if isinstance(extracted, (ak.Array, ak.Record)):
        return RECORD if isinstance(extracted, ak.Record) else ARRAY
    return NUMPY if isinstance(extracted, np.ndarray) else NUMBER


def _depends(value: Any) -> bool:
    """Whether there may be numbers in a part of a result that depend on the arguments."""
    found = False

    def leaf(layout: Content) -> Content:
        nonlocal found
        found = found or is_dual(layout) or lazy_node(layout) is not None
        return layout

    if isinstance(value, (ak.Array, ak.Record)):
        rebuilt(layout_of(value), leaf)
    return found
