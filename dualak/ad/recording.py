"""Recordings: graphs of what a function does with numbers, to be run again on other numbers.

In a recording functions stay as they were written: one that is made of others is a node of its own,
and long lists are reduced in one piece.  So what is run again on duals is differentiated by the
rules of what was called, not of what it is made of.

>>> import numpy as np
>>> from dualak.engine.realize import compute
>>> record, graph = AbstractGraph(), Graph()
>>> x = record.input(np.float64, 2)
>>> (y,) = replayed([x * x + 1.0], {x: graph.buffer(np.array([2.0, 3.0]))}, graph)
>>> compute([y])
>>> y.data
array([ 5., 10.])
"""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from contextvars import ContextVar
from types import FrameType

from dualak.ad.replay import replayed
from dualak.ad.scoped import scoped
from dualak.device import Buffer
from dualak.engine import realize
from dualak.graph.graph import Graph
from dualak.graph.nodes import Node


class AbstractGraph(Graph):
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


def calling(name: str) -> AbstractContextManager[None]:
    """Says which function is running; one that runs inside of another is the other's affair."""
    return scoped(_called_now, _called_now.get() or name)


def known_numbers(node: Node) -> Buffer:
    """The numbers of a node that depends on no input.

    Raises:
        UnknownNumbersError: for one that does.
    """
    if node.unknown:
        raise UnknownNumbersError(*look_at(node))
    if node.data is None:
        (found,) = replayed([node], {}, Graph())
        assert isinstance(found, Node)
        realize.compute([found])
        node.finish(found.data)  # type: ignore[arg-type]
    assert node.data is not None
    return node.data


def look_at(node: Node) -> tuple[str, str]:
    """Whose numbers the user's function looks at just now, and in which line, as text."""
    return _called_now.get() or _shown(node), _line_of_user()


def _shown(node: Node) -> str:
    """What a user calls the operation that a node, moved or cast, comes from."""
    while node.op in ("take", "cast", "spread", "scalar", "repeat", "tile"):
        node = node.args[0]
    if node.op == "rule":
        return str(node.key[1].key)
    return "an argument" if node.op in ("input", "variable") else node.op.removeprefix("segment:")


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
    "copy",
    "functools",
)


def _line_of_user() -> str:
    """Where the user's function is, as a part of a sentence; nothing if that is not known."""
    frame = sys._getframe(1)  # noqa: SLF001
    while frame is not None:
        if _is_of_user(frame):
            return _line(frame, frame.f_lineno)
        frame = frame.f_back  # type: ignore[assignment]
    return ""


def line_of(error: BaseException) -> str:
    """Where in the user's function an error came up, as a part of a sentence."""
    found, step = "", error.__traceback__
    while step is not None:
        if _is_of_user(step.tb_frame):
            found = _line(step.tb_frame, step.tb_lineno)
        step = step.tb_next
    return found


def _is_of_user(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] not in _OURS


def _line(frame: FrameType, number: int) -> str:
    return f" in line {number} of {frame.f_code.co_filename}"
