"""The graph and the level that are in use."""

from __future__ import annotations

import weakref
from contextvars import ContextVar

from dualak.ad.dual import Level
from dualak.graph.graph import Graph

current_graph: ContextVar[Graph | None] = ContextVar("current_graph", default=None)

#: The newest transformation that is running.
current_level: ContextVar[Level | None] = ContextVar("current_level", default=None)

#: The graph of arrays that stand for numbers of others, outside of all transformations of ours; it
#: lives as long as there are such arrays.
_outer: list[weakref.ref[Graph]] = []


def outer_graph() -> Graph | None:
    """The graph outside of all transformations, if there is one."""
    return _outer[0]() if _outer else None


def set_outer_graph(graph: Graph) -> None:
    """Lets arrays of a graph be used outside of all transformations."""
    _outer[:] = [weakref.ref(graph)]


def graph_in_use() -> Graph:
    """The graph of the transformation that is running, or of arrays that live outside of all.

    Raises:
        RuntimeError: outside of one: a dual was kept after its function had returned.
    """
    graph = _graph()
    if graph is None:
        raise RuntimeError(
            "expected to be inside a function given to dualak.jvp, got a dual that was kept after "
            "it returned; return it from the function instead"
        )
    return graph


def is_tracing() -> bool:
    """Whether the graph in use records what a function does, without numbers."""
    graph = _graph()
    return graph is not None and graph.records


def _graph() -> Graph | None:
    graph = current_graph.get()
    return outer_graph() if graph is None else graph
