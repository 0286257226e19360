"""Trees of arrays: dicts, lists and tuples of them, to any depth.

Everything else is a leaf.  Containers keep their class and their order: mappings are copied and
filled, named tuples are made from their fields.

>>> tree_map(lambda x, y: x + y, {"b": 1.0, "a": (2.0, [3.0])}, {"b": 10.0, "a": (20.0, [30.0])})
{'b': 11.0, 'a': (22.0, [33.0])}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple


@lru_cache(1024)
def _is_mapping(cls: type) -> bool:
    """Whether a class is one of mappings; ``isinstance`` asks more slowly, for every leaf."""
    return issubclass(cls, Mapping)


class Branch(NamedTuple):
    """A container taken apart: what stands in it, and the keys that find it there."""

    keys: Sequence[Any]
    items: Sequence[Any]


def branch(tree: Any) -> Branch | None:
    """The container taken apart; None for a leaf.

    >>> branch({"b": 1.0, "a": 2.0}), branch(3.0)
    (Branch(keys=('b', 'a'), items=(1.0, 2.0)), None)
    """
    if isinstance(tree, (list, tuple)):
        return Branch(range(len(tree)), tree)
    if _is_mapping(tree.__class__):
        return Branch(tuple(tree), tuple(tree.values()))
    return None


def tree_like(pattern: Any, items: Sequence[Any]) -> Any:
    """A container of the pattern's class and keys that holds other items.

    A mapping that cannot be copied and changed becomes a dict.

    >>> tree_like({"b": 1.0, "a": 2.0}, ["x", "y"])
    {'b': 'x', 'a': 'y'}
    """
    if not _is_mapping(pattern.__class__):
        make = type(pattern)
        return make(*items) if hasattr(pattern, "_fields") else make(items)
    made = dict(zip(pattern, items, strict=True))
    if type(pattern) is dict or not hasattr(pattern, "copy") or not hasattr(pattern, "__setitem__"):
        return made
    copy = pattern.copy()
    for key, item in made.items():
        copy[key] = item
    return copy


def tree_map(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """The tree with a function applied to its leaves, and to what others have in their places.

    The others need no deeper structure than the tree: what stands in the place of a leaf is given
    to the function whole.
    """
    if isinstance(tree, (list, tuple)):
        items = [tree_map(function, *each) for each in zip(tree, *others, strict=True)]
    elif _is_mapping(tree.__class__):
        items = [
            tree_map(function, item, *(other[key] for other in others))
            for key, item in tree.items()
        ]
    else:
        return function(tree, *others)
    return tree_like(tree, items)


def tree_map_with_path(function: Callable[[str, Any], Any], path: str, tree: Any) -> Any:
    """``tree_map`` with a function that is also told where a leaf stands, such as ``x['a'][0]``.

    >>> tree_map_with_path(lambda path, leaf: path, "x", {"a": [1.0, 2.0]})
    {'a': ["x['a'][0]", "x['a'][1]"]}
    """
    below = branch(tree)
    if below is None:
        return function(path, tree)
    each = zip(*below, strict=True)
    return tree_like(
        tree, [tree_map_with_path(function, f"{path}[{key!r}]", item) for key, item in each]
    )


def tree_leaves(tree: Any) -> list[Any]:
    """All leaves of a tree, in order.

    >>> tree_leaves({"b": 1.0, "a": (2.0, [3.0])})
    [1.0, 2.0, 3.0]
    """
    found: list[Any] = []
    _collect(tree, found)
    return found


def _collect(tree: Any, into: list[Any]) -> None:
    if isinstance(tree, (list, tuple)):
        for item in tree:
            _collect(item, into)
    elif _is_mapping(tree.__class__):
        for item in tree.values():
            _collect(item, into)
    else:
        into.append(tree)


def tree_transpose(tree: Any, parts: Any, count: int) -> list[Any]:
    """From a tree whose leaves gave several parts each to as many trees of one part.

    >>> tree_transpose({"a": 1.0, "b": 2.0}, {"a": ("x", "y"), "b": ("z", "w")}, 2)
    [{'a': 'x', 'b': 'z'}, {'a': 'y', 'b': 'w'}]
    """
    return [tree_map(lambda _, several, k=k: several[k], tree, parts) for k in range(count)]
