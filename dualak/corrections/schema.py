"""What a correction is made of: nodes of its JSON, and the leaf that each entry comes to.

A node of bins or categories looks at values alone: which leaf an entry comes to is discrete.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

Node = Any  # a number, or a dict with a nodetype


class Leaf(NamedTuple):
    """A node without bins and categories below, and the entries that come to it, shape (n,)."""

    node: Node
    entries: Any


@functools.lru_cache(maxsize=8)
def corrections_of(data: str) -> dict[str, Any]:
    """The corrections of a set's JSON by name, compound ones too."""
    read = json.loads(data)
    several = read["corrections"] + (read.get("compound_corrections") or [])
    return {each["name"]: each for each in several}


def data_of(correction: Any) -> str:
    """The JSON of the set that a correction is of, as it is pickled."""
    try:
        return correction.__getstate__()["_context"].__getstate__()["_data"]
    except (AttributeError, KeyError, TypeError) as error:
        raise TypeError(
            "expected a correction of a correctionlib.CorrectionSet of correctionlib 2, got "
            f"{type(correction).__name__}"
        ) from error


def leaves(node: Node, values: Mapping[str, Any], entries: Any) -> Iterator[Leaf]:
    """The leaves that the given entries come to, by the values of the inputs."""
    kind = node.get("nodetype") if isinstance(node, dict) else None
    if kind not in BRANCHES:
        yield Leaf(node, entries)
        return
    for child, chosen in BRANCHES[kind](node, values, entries):
        yield from leaves(child, values, chosen)


_Branch = Iterator[tuple[Node, Any]]


def _category(node: Node, values: Mapping[str, Any], entries: Any) -> _Branch:
    known = {item["key"]: item["value"] for item in node["content"]}
    value = values[node["input"]]
    if isinstance(value, str):
        yield known.get(value, node.get("default")), entries
        return
    for key, chosen in _groups(value[entries].astype(np.int64), entries):
        yield known.get(key, node.get("default")), chosen


def _binning(node: Node, values: Mapping[str, Any], entries: Any) -> _Branch:
    return _binned(node, [node["input"]], [node["edges"]], values, entries)


def _multibinning(node: Node, values: Mapping[str, Any], entries: Any) -> _Branch:
    return _binned(node, node["inputs"], node["edges"], values, entries)


#: Nodes that choose, and what they give: children, and the entries that come to each.
BRANCHES: dict[str | None, Callable[..., _Branch]] = {
    "binning": _binning,
    "category": _category,
    "multibinning": _multibinning,
}


def _binned(
    node: Node,
    inputs: Sequence[str],
    edges: Sequence[Any],
    values: Mapping[str, Any],
    entries: Any,
) -> _Branch:
    flat, outside = np.zeros(len(entries), np.int64), np.zeros(len(entries), bool)
    for name, axis in zip(inputs, edges, strict=True):
        place, beyond, count = _place(np.asarray(values[name][entries], float), axis, node["flow"])
        flat, outside = flat * count + place, outside | beyond
    for index, chosen in _groups(np.where(outside, -1, flat), entries):
        yield (node["flow"] if index < 0 else node["content"][index]), chosen


def _place(x: Any, edges: Any, flow: Any) -> tuple[Any, Any, int]:
    """The bin of each number, whether it is in none, and how many bins there are."""
    if isinstance(edges, dict):
        count, low, high = edges["n"], float(edges["low"]), float(edges["high"])
    else:
        numbers = np.array([float(edge) for edge in edges])
        count, low, high = len(numbers) - 1, numbers[0], numbers[-1]
    if flow == "wrap":
        x = low + np.mod(x - low, high - low)
    if isinstance(edges, dict):
        with np.errstate(invalid="ignore"):
            place = np.floor(np.nan_to_num((x - low) / (high - low) * count)).astype(np.int64)
    else:
        place = np.searchsorted(numbers, x, side="right") - 1
    outside = ~((x >= low) & (x < high))
    if flow == "clamp":
        outside = np.zeros(len(x), bool)
    return np.clip(place, 0, count - 1), outside, count


def _groups(keys: Any, entries: Any) -> Iterator[tuple[int, Any]]:
    """Each key, and the entries that have it."""
    if not len(entries):
        return
    order = np.argsort(keys, kind="stable")
    found, starts = np.unique(keys[order], return_index=True)
    yield from zip(found.tolist(), np.split(entries[order], starts[1:]), strict=True)
