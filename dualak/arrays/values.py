"""Values of arrays of duals, without their tangents."""

from __future__ import annotations

from typing import Any

import awkward as ak

from dualak.ad.dual import primal
from dualak.ad.replay import stop_gradient
from dualak.arrays.columns import dual, number_of, observed, plain
from dualak.arrays.layouts import Content, is_dual, rebuilt
from dualak.graph.nodes import Node


def values(layout: Content) -> Content:
    """The layout of the values alone: a plain array, lazy as far as the duals were."""
    return rebuilt(layout, lambda leaf: plain_value(leaf) if is_dual(leaf) else leaf)


def computed_values(layout: Content, parameters: dict[str, Any] | None = None) -> Content:
    """The layout of the values alone, with buffers in memory; parameters are for their leaves."""

    def leaf(content: Content) -> Content:
        if not is_dual(content):
            return content
        numbers = observed(primal(number_of(content)))
        return ak.contents.NumpyArray(numbers, parameters=parameters)

    return rebuilt(layout, leaf)


#: What leaves of values that are to be printed are called, so that Awkward says the type's name.
SHOWN = "dualak.shown"


def shown_values(layout: Content) -> Content:
    """The layout of the values, whose type says where they are differentiated."""
    return computed_values(layout, {"__list__": SHOWN})


def stands_for_others(node: Node) -> bool:
    """Whether the numbers of a node come from inputs of a recording, so that it stays a dual."""
    return node.graph.records and node.unknown


def stop_gradients(layout: Content) -> Content:
    """The layout of duals that are constant for whoever differentiates what is recorded."""

    def leaf(content: Content) -> Content:
        if not is_dual(content):
            return content
        node = primal(number_of(content))
        return dual(stop_gradient(node)) if stands_for_others(node) else plain_value(content)

    return rebuilt(layout, leaf)


def plain_value(layout: Content) -> Content:
    """The value of a dual as a lazy NumpyArray."""
    return plain(primal(number_of(layout)), layout.length)
