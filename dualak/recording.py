"""Recordings: graphs of what a function does with numbers, to be run again on other numbers.

In a recording functions stay as they were written: one that is made of others is a node of its own,
and long lists are reduced in one piece.  So what is run again on duals is differentiated by the
rules of what was called, not of what it is made of.

>>> import numpy as np
>>> from dualak.schedule import compute
>>> record, graph = Recording(), Graph()
>>> x = record.input(np.float64, 2)
>>> (y,) = replayed([x * x + 1.0], {x: graph.buffer(np.array([2.0, 3.0]))}, graph)
>>> compute([y])
>>> y.data
array([ 5., 10.])
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from dualak import calculus, linear
from dualak.calculus import Dual, Level, Number, highest, tangents_at
from dualak.device import Buffer
from dualak.engine import realize
from dualak.graph.graph import Graph
from dualak.graph.nodes import Node


class Recording(Graph):
    """The graph of a function as it was written, over inputs without numbers."""

    records = True


class UnknownNumbersError(TypeError):
    """A function that is recorded without numbers looked at one.

    Attributes:
        operation: the name of the operation whose result it looked at.
        line: where in the function, as text.
    """

    def __init__(self, operation: str, line: str) -> None:
        self.operation, self.line = operation, line
        super().__init__(
            f"expected a function whose structure does not depend on its numbers, which are not "
            f"known here, got one that looks at the result of {operation!r}{line}; work out what "
            "it looks at (a mask, an order) beforehand, from known numbers, and give it as an "
            "argument or a constant; inside JAX, bridge.wrap(func, structure='traced') runs the "
            "function on the numbers themselves"
        )


#: The function of the registry that is running, for errors to name.
_called_now: ContextVar[str | None] = ContextVar("called_now", default=None)


@contextmanager
def calling(name: str) -> Iterator[None]:
    """Says which function is running; one that runs inside of another is the other's affair."""
    outside = _called_now.get()
    token = _called_now.set(outside or name)
    try:
        yield
    finally:
        _called_now.reset(token)


def held(node: Node) -> Node:
    """The same numbers as constants: whatever is differentiated later, these are not."""
    return node.graph.apply("hold", node) if node.graph.records else node


def known_numbers(node: Node) -> Buffer:
    """The numbers of a node that depends on no input.

    Raises:
        UnknownNumbersError: for one that does.
    """
    if node.unknown:
        raise UnknownNumbersError(_called_now.get() or _shown(node), _line_of_user())
    if node.data is None:
        (found,) = replayed([node], {}, Graph())
        assert isinstance(found, Node)
        realize.compute([found])
        node.finish(found.data)  # type: ignore[arg-type]
    assert node.data is not None
    return node.data


def _shown(node: Node) -> str:
    """What a user calls the operation that a node, moved or cast, comes from."""
    while node.op in ("take", "cast", "spread", "scalar", "repeat", "tile"):
        node = node.args[0]
    if node.op == "rule":
        return str(node.key[1].key)
    return "an argument" if node.op == "input" else node.op.removeprefix("segment:")


#: Packages whose lines are not the user's.
_OURS = (
    "dualak",
    "bridge",
    "awkward",
    "numpy",
    "numba",
    "jax",
    "vector",
    "contextlib",
    "functools",
)


def _line_of_user() -> str:
    """Where the user's function is, as a part of a sentence; nothing if that is not known."""
    frame = sys._getframe(1)  # noqa: SLF001
    while frame is not None:
        name = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if name not in _OURS:
            return f" in line {frame.f_lineno} of {frame.f_code.co_filename}"
        frame = frame.f_back  # type: ignore[assignment]
    return ""


def replayed(roots: Sequence[Node], given: Mapping[Node, Number], graph: Graph) -> list[Number]:
    """The roots of a recording as numbers of another graph, given numbers for its inputs.

    Raises:
        NotImplementedError: for a function that is not ours, of duals.
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
    return calculus.apply(node.op, *args)


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
    """A function that is not ours: it says whether it is linear in each of its arguments."""
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
    "hold": lambda node, number: held(calculus.primal(number)),
    "rule": lambda node, *args: calculus.called(node.key[1], *args),
    "take": lambda node, number, index: linear.take(number, index),
    "cast": lambda node, number: linear.cast(number, node.dtype),
    "scalar": lambda node, number: linear.scalar(number),
    "spread": lambda node, number: linear.spread(number, node.length),  # type: ignore[arg-type]
    "repeat": lambda node, number, offsets: linear.repeat(number, offsets),
    "tile": lambda node, number, offsets: linear.tile(number, offsets),
    "columns": lambda node, number, offsets: linear.columns(number, offsets, node.length),  # type: ignore[arg-type]
    "call": _called,
}
