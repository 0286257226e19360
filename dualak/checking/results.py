"""Results as trees of Python's lists, dicts and numbers: what is in them, and where.

>>> tree = tree_of({"mass": ak.Array([[1.5], [], [2.5, None]]), "n": 2})
>>> list(floats(tree)), path_of(tree, 1)
([1.5, 2.5], "result['mass'][2][0]")
>>> first_difference(tree, {"mass": [[1.5], [0.5], [2.5, None]], "n": 2})
"result['mass'][1]"
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import awkward as ak
import numpy as np

from dualak.pytree import tree_leaves

Path = tuple[Any, ...]


def tree_of(result: Any) -> Any:
    """Plain Python data of a result, tuples as lists."""
    if isinstance(result, Mapping):
        return {key: tree_of(value) for key, value in result.items()}
    if isinstance(result, (tuple, list)):
        return [tree_of(value) for value in result]
    if isinstance(result, (ak.Array, ak.Record, np.ndarray)):
        return tree_of(result.tolist())
    return result.item() if isinstance(result, np.generic) else result


def nodes(tree: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Everything in a tree, in order: lists by their length, dicts by their names, and the rest."""
    if isinstance(tree, Mapping):
        yield path, tuple(tree)
        for key, item in tree.items():
            yield from nodes(item, (*path, key))
    elif isinstance(tree, list):
        yield path, (len(tree),)
        for i, item in enumerate(tree):
            yield from nodes(item, (*path, i))
    else:
        yield path, tree


def floats(tree: Any) -> Iterator[float]:
    """The floating-point numbers of a tree."""
    return (item for _, item in nodes(tree) if isinstance(item, float))


def floats_beside(tree: Any, other: Any) -> Iterator[float]:
    """What stands in another tree of the same lists where this one has floating-point numbers."""
    each = zip(tree_leaves(tree), tree_leaves(other), strict=True)
    return (beside for number, beside in each if isinstance(number, float))


def skeleton(tree: Any) -> list[Any]:
    """What of a tree is no number: lengths, names, texts, and where something is missing."""
    return [type(item) if _is_number(item) else item for _, item in nodes(tree)]


def _is_number(item: Any) -> bool:
    return isinstance(item, (bool, int, float, complex))


def shown(path: Path) -> str:
    """A path as one would write it."""
    return "result" + "".join(f"[{part!r}]" for part in path)


def path_of(tree: Any, number: int) -> str:
    """Where a floating-point number is in a tree, which counts them from zero on."""
    places = (path for path, item in nodes(tree) if isinstance(item, float))
    return shown(next(path for i, path in enumerate(places) if i == number))


def first_difference(tree: Any, other: Any) -> str:
    """Where the structures of two trees differ first."""
    walked, two = ([*nodes(each)] for each in (tree, other))
    for (path, _), a, b in zip(walked, skeleton(tree), skeleton(other), strict=False):
        if a != b:
            return shown(path)
    return shown(max(walked, two, key=len)[min(len(walked), len(two))][0])
