"""The graph: what has to be computed, as nodes over flat buffers, each node once.

A node is an operation on nodes.  Its ``length`` is the number of elements, or None for a scalar,
which fits any length.  Nodes of one graph are shared: asking twice for the same operation on the
same nodes gives the same node, so values and tangents compute in common what they have in common.

>>> import numpy as np
>>> graph = Graph()
>>> x = graph.buffer(np.array([1.0, 2.0]))
>>> graph.apply("sin", x) is graph.apply("sin", x)
True
>>> graph.apply("multiply", x, graph.constant(1.0, x.dtype)) is x
True
>>> graph.apply("add", graph.constant(1.0, x.dtype), graph.constant(2.0, x.dtype)).value
3.0
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any
from weakref import WeakKeyDictionary, WeakSet, WeakValueDictionary

import numpy as np

from dualak import device
from dualak.device import Buffer
from dualak.executors.cpu import executor as cpu
from dualak.executors.cpu.places import is_run
from dualak.graph import segments
from dualak.graph.nodes import (
    COST_OF_GATHER,
    COST_OF_PASS,
    COST_TO_REPEAT,
    Node,
    common_length,
    everything,
    is_spread,
    stands_alone,
)
from dualak.graph.simplify import folded, simplified
from dualak.rules import PREDICATES, Rule

#: The operations of nodes whose numbers lie in memory that somebody gave.
_GIVEN = ("buffer", "load")

BOOL = np.dtype(np.bool_)
INDEX = np.dtype(np.int64)


class Graph:
    """The nodes of one transformation, and the only place where they are made.

    ``memory`` is where their numbers are computed; indexes and offsets stay on the host.  ``home``
    is the backend that results are given back on.  What is ``planned`` runs many times, so that
    whatever depends on indexes alone is better worked out beforehand.
    """

    #: Whether functions stay as they were written, to be differentiated later: ``recording``.
    records = False

    def __init__(self, memory: device.Memory = device.HOST, home: str = "cpu") -> None:
        self.memory = memory
        self.home = home
        self.planned = False
        self._nodes: WeakValueDictionary[tuple[Any, ...], Node] = WeakValueDictionary()
        self._lock = threading.RLock()
        self.observed: list[Node] = []
        #: Where the user's function was when it looked at floating-point numbers, as text.
        self.looks: list[str] = []
        #: What becomes of a number of an argument that is about to be differentiated.
        self.leaf: Callable[[Node], Node] = _itself
        self._longest: WeakKeyDictionary[Node, int] = WeakKeyDictionary()
        self._given_out: WeakSet[Node] = WeakSet()
        self._bounds: WeakKeyDictionary[Node, tuple[int, int]] = WeakKeyDictionary()
        self._identities: WeakKeyDictionary[Node, bool] = WeakKeyDictionary()
        self._pieces: WeakKeyDictionary[Node, tuple[Node, Node]] = WeakKeyDictionary()

    def __len__(self) -> int:
        return len(self._nodes)

    def forget(self, node: Node) -> None:
        """Stops sharing a node whose arguments are about to go."""
        with self._lock:
            if node.op != "buffer" and self._nodes.get(node.key) is node:
                del self._nodes[node.key]

    def given_out(self, node: Node) -> Buffer:
        """The numbers of a computed node for a user, who changes nothing else by writing to them.

        A buffer that somebody gave is read-only; what was given out before is copied.
        """
        assert node.data is not None
        if node.op in _GIVEN:
            return device.read_only(node.data)
        if node in self._given_out:
            return node.data.copy()
        self._given_out.add(node)
        return node.data

    def hold(self, roots: Iterable[Node]) -> None:
        """Copies the numbers that roots are made of, where an owner of theirs may change them."""
        for node in everything(roots):
            if node.data is not None and (node.op in _GIVEN or node in self._given_out):
                with self._lock:
                    self._nodes.pop(node.key, None)
                node.data = node.data.copy()
                self._given_out.discard(node)

    def _intern(
        self,
        key: tuple[Any, ...],
        args: tuple[Node, ...],
        dtype: np.dtype[Any],
        length: int | None,
        data: Buffer | None = None,
    ) -> Node:
        # A key may hold identities of arguments: the node holds the arguments, so they stay valid.
        with self._lock:
            node = self._nodes.get(key)
            if node is None:
                node = self._nodes[key] = Node(self, key, args, dtype, length, data)
            return node

    # -- leaves ---------------------------------------------------------------------------------

    def buffer(self, data: Any, dtype: Any = None) -> Node:
        """The node of a one-dimensional buffer; the same memory gives the same node."""
        data = _computable(device.contiguous(data, dtype))
        key = ("buffer", device.address(data), len(data), data.dtype)
        return self._intern(key, (), data.dtype, len(data), data)

    def index(self, data: Buffer, least: int, most: int) -> Node:
        """The node of an index whose least and greatest number are known."""
        node = self.buffer(data)
        self._bounds[node] = (least, most)
        return node

    def load(self, load: Callable[[], Any], dtype: Any, length: int) -> Node:
        """The node of a buffer that is not in memory yet; ``load`` gives it when it is needed."""
        return self._intern(("load", load), (), np.dtype(dtype), length)

    def variable(self, data: Any) -> Node:
        """The node of an example: what is computed from it can be computed from other numbers."""
        data = device.contiguous(data)
        return self._intern(("variable", object()), (), data.dtype, len(data), data)

    def input(self, dtype: Any, length: int | None) -> Node:
        """A node without numbers: what depends on it can be transposed, but not computed."""
        return self._intern(("input", object()), (), np.dtype(dtype), length)

    def constant(self, value: Any, dtype: Any) -> Node:
        """The node of a number that is known and fits any length."""
        dtype = np.dtype(dtype)
        value = value.item() if isinstance(value, (np.ndarray, np.generic)) else value
        # Zeros of both signs are equal as keys, but not as numbers.
        key = ("constant", value, math.copysign(1.0, value), dtype)
        known = self._nodes.get(key)
        return known or self._intern(key, (), dtype, None, np.array([value]).astype(dtype))

    def like(self, value: Any, node: Node) -> Node:
        """The node of a number as a constant of the node's dtype; nodes stay as they are."""
        return value if isinstance(value, Node) else self.constant(value, node.dtype)

    # -- operations -----------------------------------------------------------------------------

    def apply(self, op: str, *args: Node) -> Node:
        """An elementwise operation on nodes of one length (and scalars).

        Raises:
            ValueError: for nodes of several graphs, or of several lengths.
        """
        _require_one_graph(self, args)
        if any(map(is_spread, args)):
            return self._spread_late(op, args)
        simpler = simplified(self, op, args)
        if simpler is not None:
            return simpler
        if all(arg.op == "constant" for arg in args):
            return folded(self, op, args)
        dtype = BOOL if op in PREDICATES else args[-1].dtype
        return self._intern((op, *map(id, args)), args, dtype, common_length(args))

    def _spread_late(self, op: str, args: tuple[Node, ...]) -> Node:
        """An operation of which some arguments are one number, repeated."""
        length = common_length(args)
        node = self.apply(op, *(arg.args[0] if is_spread(arg) else arg for arg in args))
        return node if length is None else self.spread(node, length)

    def cast(self, node: Node, dtype: Any) -> Node:
        """The same numbers in another type, as NumPy casts them."""
        dtype = np.dtype(dtype)
        if node.dtype == dtype:
            return node
        if node.op == "constant":
            return self.constant(node.value, dtype)
        return self._intern(("cast", id(node), dtype), (node,), dtype, node.length)

    def scalar(self, node: Node) -> Node:
        """The only element of a node of length one, as a scalar that fits any length."""
        if node.length is None:
            return node
        if is_spread(node):
            return node.args[0]
        if node.data is not None and not node.varies and not device.on_device(node.data):
            return self.constant(node.data[0], node.dtype)
        return self._intern(("scalar", id(node)), (node,), node.dtype, None)

    def spread(self, node: Node, length: int) -> Node:
        """The node at a length: a scalar repeated, any other node as it is."""
        if node.length is not None:
            return node
        return self._intern(("spread", id(node), length), (node,), node.dtype, length)

    def take(self, node: Node, index: Node) -> Node:
        """The elements at an index: ``result[i] = node[index[i]]``.

        A gather of a gather is one gather through the composed index.  A cheap expression is
        repeated behind the gather (its leaves are gathered), a dear one is computed before it.

        Raises:
            IndexError: for an index beyond the node's elements.
        """
        if index.data is not None and node.length is not None:
            self._require_within(index, node.length)
        if node.length == 1:
            return self.spread(self.scalar(node), index.length)  # type: ignore[arg-type]
        if index.data is None:
            return node if node.length is None else self._gathered(node, index)
        if node.length == index.length and self._is_identity(index):
            return node
        return self._taken(node, index, {})

    def _gathered(self, node: Node, index: Node) -> Node:
        return self._intern(("take", id(node), id(index)), (node, index), node.dtype, index.length)

    def _taken(self, node: Node, index: Node, memo: dict[Node, Node]) -> Node:
        if node.length is None:
            return node
        if node not in memo:
            memo[node] = self._gather(node, index, memo)
        return memo[node]

    def _gather(self, node: Node, index: Node, memo: dict[Node, Node]) -> Node:
        pending = node.data is None
        if pending and node.op == "take":
            source, first = node.args
            known = first.data is not None
            return self.take(source, (self._composed if known else self.take)(first, index))
        if is_spread(node):
            return self.spread(node.args[0], index.length)  # type: ignore[arg-type]
        if pending and _worth_repeating(node, index):
            args = [self._taken(arg, index, memo) for arg in node.args]
            if node.op == "cast":
                return self.cast(args[0], node.dtype)
            return self.apply(node.op, *args)
        return self._gathered(node, index)

    def _composed(self, first: Node, then: Node) -> Node:
        assert first.data is not None and then.data is not None
        key = ("composed", id(first), id(then))
        known = self._nodes.get(key)
        return known or self._intern(
            key, (first, then), INDEX, then.length, first.data.take(then.data)
        )

    def call(
        self, function: Callable[..., Any], args: Sequence[Node], dtype: Any, length: int | None
    ) -> Node:
        """An external call, such as of SciPy: a function of whole buffers, in a pass of its own.

        It gets one-dimensional arrays, of one element for a scalar, and gives one of ``length``.
        Functions that are equal, of the same nodes, are called once.
        """
        _require_one_graph(self, tuple(args))
        key = ("call", function, *map(id, args), length)
        return self._intern(key, tuple(args), np.dtype(dtype), length)

    def written(self, rule: Rule, args: tuple[Node, ...]) -> Node:
        """A function of the rules that is made of others, or is a library's, as it stands."""
        _require_one_graph(self, args)
        key = ("rule", rule, *map(id, args))
        return self._intern(key, args, args[-1].dtype, common_length(args))

    def segment(self, reduction: str, args: tuple[Node, ...], offsets: Node) -> Node:
        """A reduction of each list: list ``i`` is elements ``offsets[i]`` to ``offsets[i + 1]``."""
        longest = self._longest_list(offsets)
        _require_inside(offsets, args)
        if not self.records and longest > segments.SEGMENT_LIMIT:
            return segments.in_pieces(self, reduction, args, offsets)
        key = (f"segment:{reduction}", *map(id, args), id(offsets))
        length = len(offsets.data) - 1  # type: ignore[arg-type]
        return self._intern(key, (*args, offsets), args[-1].dtype, length)

    def _is_identity(self, index: Node) -> bool:
        """Whether an index, of the length of what it is an index into, changes nothing."""
        if index not in self._identities:
            assert index.data is not None
            begins = index.length == 0 or index.data[0] == 0
            self._identities[index] = bool(begins and is_run(index.data))
        return self._identities[index]

    def repeat(self, node: Node, offsets: Node) -> Node:
        """The number of each list, for each of its elements; offsets begin at zero."""
        self._longest_list(offsets)
        assert offsets.data is not None
        if node.length not in (None, len(offsets.data) - 1):
            raise ValueError(f"expected {len(offsets.data) - 1} numbers for lists, got {node}")
        length = int(offsets.data[-1])
        if node.length is None or is_spread(node):
            return self.spread(self.scalar(node), length)
        return self._intern(("repeat", id(node), id(offsets)), (node, offsets), node.dtype, length)

    def tile(self, node: Node, offsets: Node) -> Node:
        """All numbers, for each list: lists are as long as the node, offsets begin at zero."""
        self._longest_list(offsets)
        assert offsets.data is not None
        length = int(offsets.data[-1])
        if node.length is None or is_spread(node):
            return self.spread(self.scalar(node), length)
        return self._intern(("tile", id(node), id(offsets)), (node, offsets), node.dtype, length)

    def columns(self, node: Node, offsets: Node, width: int) -> Node:
        """The sum over lists, element by element: all lists have the same length, the width."""
        self._longest_list(offsets)
        _require_inside(offsets, (node,))
        node = self.spread(node, int(offsets.data[-1]))  # type: ignore[index]
        return self._intern(("columns", id(node), id(offsets)), (node, offsets), node.dtype, width)

    def pieces(self, offsets: Node) -> tuple[Node, Node]:
        """The offsets of pieces of lists, and of the pieces of each list.

        They are the same nodes each time, so that what is reduced alike is reduced in one pass.
        """
        if offsets not in self._pieces:
            assert offsets.data is not None
            starts, first = segments.pieces(offsets.data)
            self._pieces[offsets] = self.buffer(starts), self.buffer(first)
        return self._pieces[offsets]

    def _longest_list(self, offsets: Node) -> int:
        """The length of the longest list.

        Raises:
            ValueError: for offsets that fall or begin below zero.
        """
        if offsets not in self._longest:
            assert offsets.data is not None
            shortest, longest = cpu.lengths_of_lists(offsets.data)
            if shortest < 0 or offsets.data[0] < 0:
                raise ValueError("expected offsets of lists from zero that do not fall, got others")
            self._longest[offsets] = longest
        return self._longest[offsets]

    def _require_within(self, index: Node, length: int) -> None:
        """Refuses an index beyond the elements, which a kernel would follow all the same."""
        if index not in self._bounds:
            self._bounds[index] = cpu.bounds(index.data)
        least, most = self._bounds[index]
        if least < 0 or most >= length:
            raise IndexError(
                f"expected an index from 0 to {length - 1}, got one from {least} to {most}"
            )


def _itself(node: Node) -> Node:
    return node


def _computable(buffer: Buffer) -> Buffer:
    """A buffer in a type that kernels have: half precision, which no result is in, as single."""
    if buffer.dtype.kind != "f" or buffer.dtype.itemsize in (4, 8):
        return buffer
    if buffer.dtype.itemsize == 2:
        return buffer.astype(np.float32)
    raise TypeError(
        f"dualak computes with float32 and float64, got {buffer.dtype}; convert it with "
        "ak.values_astype"
    )


def _require_inside(offsets: Node, args: Sequence[Node]) -> None:
    """Refuses lists that go beyond their elements, which a kernel would read all the same."""
    assert offsets.data is not None
    for arg in args:
        if arg.length is not None and arg.length < offsets.data[-1]:
            raise ValueError(f"expected {offsets.data[-1]} elements for lists, got {arg}")


def _require_one_graph(graph: Graph, args: tuple[Node, ...]) -> None:
    if any(arg.graph is not graph for arg in args):
        raise ValueError(
            "expected duals of one jvp call, got duals of two; a function may not keep its "
            "arguments or results for another call"
        )


# -- what a gather repeats ------------------------------------------------------------------------


def _worth_repeating(node: Node, index: Node) -> bool:
    """Whether to gather the arguments of a pending node instead of its result."""
    if not node.args or stands_alone(node) or node.cost > COST_TO_REPEAT:
        return False
    assert node.length is not None and index.length is not None
    gathers = sum(1 for _ in _leaves(node)) * COST_OF_GATHER
    before = node.length * (node.cost + COST_OF_PASS) + index.length * COST_OF_GATHER
    return index.length * (node.cost + gathers) < before


def _leaves(node: Node) -> Iterator[Node]:
    """What a pending expression loads: its computed, gathered or reduced arguments."""
    seen: set[int] = set()
    stack = list(node.args)
    while stack:
        arg = stack.pop()
        if id(arg) in seen or arg.length is None:
            continue
        seen.add(id(arg))
        if arg.data is not None or arg.op in ("take", "load") or stands_alone(arg):
            yield arg
        else:
            stack.extend(arg.args)
