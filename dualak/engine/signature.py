"""Signatures: what two graphs must have in common to share a plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dualak import device
from dualak.graph.nodes import Node, everything

# -- equal recordings -----------------------------------------------------------------------------


def signature(roots: Sequence[Node], inputs: Sequence[Node]) -> list[Any]:
    """What two recordings of the same function have in common, node by node."""
    order = {node: number for number, node in enumerate(inputs)}
    found: list[Any] = []
    for node in everything(roots):
        if node in order:
            continue
        order[node] = len(order)
        what = node.key[1] if node.op in ("rule", "call") else None
        found.append((node.op, what, node.dtype, node.length))
        known = node.data is not None and not node.varies
        found.append(device.to_host(node.data) if known else None)
        found.extend(order[arg] for arg in node.args if arg in order)
    found.extend(order[root] for root in roots)
    return found


def require_equal(values: Sequence[Any], other: Sequence[Any], name: str) -> None:
    """Refuses a function that is not deterministic.

    Raises:
        ValueError: if the signatures of two recordings of it differ.
    """
    if len(values) == len(other) and all(map(_same, values, other)):
        return
    raise ValueError(
        f"expected a function that does the same for the same arguments, got two different "
        f"recordings of {name}; pass what varies, such as random numbers, as an argument"
    )


def _same(value: Any, other: Any) -> bool:
    if isinstance(value, np.ndarray) and isinstance(other, np.ndarray):
        return value.dtype == other.dtype and np.array_equal(
            value, other, equal_nan=value.dtype.kind == "f"
        )
    return bool(value == other)
