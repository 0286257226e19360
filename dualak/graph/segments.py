"""Segments: long lists are reduced in pieces, so that both cores have work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dualak.device import Buffer
from dualak.graph.nodes import Node

if TYPE_CHECKING:
    from dualak.graph.graph import Graph

#: Lists longer than this are reduced piece by piece, so that a block of lists fits the cache.
SEGMENT_LIMIT = 4096


# -- long lists -----------------------------------------------------------------------------------


def in_pieces(graph: Graph, reduction: str, args: tuple[Node, ...], offsets: Node) -> Node:
    """A reduction of long lists, as reductions of pieces and then of the pieces' results."""
    if reduction in ("min_jvp", "max_jvp"):
        return _mean_at_extremes(graph, reduction[:3], args, offsets)
    inner, outer = graph.pieces(offsets)
    partial = graph.segment(reduction, args, inner)
    if reduction == "prod_jvp":
        return graph.segment(reduction, (graph.segment("prod", args[:1], inner), partial), outer)
    return graph.segment(reduction, (partial,), outer)


def pieces(offsets: Buffer) -> tuple[Buffer, Buffer]:
    """Offsets of pieces of at most SEGMENT_LIMIT elements, and of the pieces of each list."""
    counts = np.maximum(1, -(-np.diff(offsets) // SEGMENT_LIMIT))
    first = np.concatenate([[0], np.cumsum(counts)])
    within = np.arange(first[-1]) - np.repeat(first[:-1], counts)
    starts = np.repeat(offsets[:-1], counts) + within * SEGMENT_LIMIT
    return np.append(starts, offsets[-1]), first


def _mean_at_extremes(graph: Graph, name: str, args: tuple[Node, ...], offsets: Node) -> Node:
    values, tangents = args
    assert offsets.data is not None and values.length is not None
    extreme = graph.segment(name, (values,), offsets)
    lists = np.searchsorted(offsets.data, np.arange(values.length), side="right") - 1
    of = graph.buffer(np.clip(lists, 0, len(offsets.data) - 2))
    ties = graph.apply("equal", values, graph.take(extreme, of))
    zero = graph.constant(0.0, values.dtype)
    total = graph.segment("sum", (graph.apply("select", ties, tangents, zero),), offsets)
    count = graph.segment("sum", (graph.cast(ties, values.dtype),), offsets)
    return total / graph.apply("maximum", count, graph.constant(1.0, values.dtype))
