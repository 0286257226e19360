"""A transformation while it runs: its graph and its level."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dualak.ad.dual import Level
from dualak.ad.scoped import scoped
from dualak.arrays.backends import backend_of
from dualak.arrays.columns import read_nothing
from dualak.arrays.context import current_graph, current_level, graph_in_use, outer_graph
from dualak.arrays.highlevel import contains_duals
from dualak.device import memory_of, require_backend
from dualak.graph.graph import Graph
from dualak.pytree import tree_leaves


@contextmanager
def running(directions: int, points: Any = (), device: str | None = None) -> Iterator[Level]:
    """A level for a transformation: of a graph of its own, or inside of one that is running.

    A graph of its own computes where the arrays among the points are, or on the device.  Where
    points live in a graph outside of all, the level is inside of that.
    """
    outer, known = current_level.get(), current_graph.get()
    if outer is None and known is None:
        read_nothing()
    if known is None and outer_graph() is not None and contains_duals(points):
        known = graph_in_use()
    graph = _graph(points, device) if known is None else known
    depth = int(graph.records) if outer is None else outer.depth
    level = Level(depth + 1, directions, outer)
    with scoped(current_graph, graph), scoped(current_level, level):
        try:
            yield level
        finally:
            level.running = False


def _graph(points: Any, wanted: str | None) -> Graph:
    """A graph that computes where it should.

    Raises:
        TypeError: for arrays on a backend that no executor exists for.
        ValueError: for arrays on several backends, or on another one than is wanted.
    """
    backends = {backend for backend in map(backend_of, tree_leaves(points)) if backend is not None}
    for backend in backends:
        require_backend(backend)
    home = "cuda" if "cuda" in backends else "cpu"
    if len(backends) > 1 or (home == "cuda" and wanted is not None and wanted != "cuda"):
        raise ValueError(
            f"expected arrays on one backend, got them on {sorted(backends)} for the device "
            f"{wanted or home!r}; move them with ak.to_backend"
        )
    return Graph(memory_of(wanted or home), home)
