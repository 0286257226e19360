"""Simplification: operations that a node is made without, and constants that are folded."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from dualak.executors import scalar_functions
from dualak.graph.nodes import Node

if TYPE_CHECKING:
    from dualak.graph.graph import Graph

# -- simplification -------------------------------------------------------------------------------


def simplified(graph: Graph, op: str, args: tuple[Node, ...]) -> Node | None:
    """A simpler node of exactly the same numbers, if there is one."""
    constants = [arg.value if arg.op == "constant" else None for arg in args]
    if op in ("multiply", "scale") and 1.0 in constants:
        return args[1 - constants.index(1.0)]
    if op in ("multiply", "scale") and -1.0 in constants:
        return graph.apply("negative", args[1 - constants.index(-1.0)])
    if op == "select" and constants[0] is not None:
        return args[1] if constants[0] else args[2]
    if op in ("divide", "power") and constants[1] == 1.0:
        return args[0]
    if op == "power" and constants[1] in _POWERS:
        return _POWERS[constants[1]](graph, args[0])
    if op == "negative" and args[0].op == "negative" and args[0].data is None:
        return args[0].args[0]
    return None


_POWERS: dict[Any, Callable[[Graph, Node], Node]] = {
    0.0: lambda graph, x: graph.constant(1.0, x.dtype),
    2.0: lambda graph, x: graph.apply("multiply", x, x),
    3.0: lambda graph, x: graph.apply("multiply", graph.apply("multiply", x, x), x),
    -1.0: lambda graph, x: graph.apply("divide", graph.constant(1.0, x.dtype), x),
}


def folded(graph: Graph, op: str, args: tuple[Node, ...]) -> Node:
    # Keys of constants tell zeros of both signs apart.
    return graph.constant(*_folded(op, *(arg.key for arg in args)))


@lru_cache(1024)
def _folded(op: str, *keys: tuple[Any, ...]) -> tuple[Any, np.dtype[Any]]:
    """The number that an operation gives for constants, and its type."""
    function = _NUMPY.get(op) or getattr(np, op)
    with np.errstate(all="ignore"):
        value = function(*(np.array([number]).astype(dtype) for _, number, _, dtype in keys))
    return value[0].item(), value.dtype


_NUMPY: dict[str, Callable[..., Any]] = {
    "select": np.where,
    "scale": lambda x, y: np.array([scalar_functions.scale(x[0], y[0])], y.dtype),
    "ldexp": lambda x, y: np.ldexp(x, y.astype(np.int32)),
    "exponent": lambda x: np.frexp(x)[1].astype(x.dtype),
}
