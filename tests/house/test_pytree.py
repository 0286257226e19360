"""The walk over dicts, lists and tuples: which containers there are, what becomes of them."""

from collections import Counter, OrderedDict, UserDict, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pytest

from dualak import jvp
from dualak.pytree import (
    branch,
    tree_leaves,
    tree_like,
    tree_map,
    tree_map_with_path,
    tree_transpose,
)


class Point(NamedTuple):
    x: object
    y: object


class Frozen(Mapping):
    """A mapping that can be neither copied nor changed."""

    def __init__(self, items):
        self._items = dict(items)

    def __getitem__(self, key):
        return self._items[key]

    def __iter__(self):
        return iter(self._items)

    def __len__(self):
        return len(self._items)


class Listed(list):
    pass


@dataclass
class Box:
    x: float


PAIRS = (("b", 1.0), ("a", 2.0))

#: Containers of 1.0 and 2.0 in this order, and the class that they come back as.
CONTAINERS = {
    "dict": (dict(PAIRS), dict),
    "OrderedDict": (OrderedDict(PAIRS), OrderedDict),
    "defaultdict": (defaultdict(list, PAIRS), defaultdict),
    "Counter": (Counter(dict(PAIRS)), Counter),
    "UserDict": (UserDict(PAIRS), UserDict),
    "read-only view": (MappingProxyType(dict(PAIRS)), dict),
    "mapping without copy": (Frozen(PAIRS), dict),
    "list": ([1.0, 2.0], list),
    "class of lists": (Listed([1.0, 2.0]), Listed),
    "tuple": ((1.0, 2.0), tuple),
    "named tuple": (Point(1.0, 2.0), Point),
}

containers = pytest.mark.parametrize(("tree", "cls"), CONTAINERS.values(), ids=CONTAINERS)


@containers
def test_class_and_order_are_kept(tree, cls):
    made = tree_map(lambda one: 10 * one, tree)
    assert type(made) is cls
    assert tree_leaves(made) == [10.0, 20.0]
    assert tuple(branch(made).keys) == tuple(branch(tree).keys)
    assert tree_leaves(tree) == [1.0, 2.0]


@containers
def test_other_trees_go_along(tree, cls):
    other = tree_map(lambda one: [one, "whole"], tree)
    made = tree_map(lambda one, beside: (one, *beside), tree, other)
    assert type(made) is cls
    assert list(branch(made).items) == [(1.0, 1.0, "whole"), (2.0, 2.0, "whole")]


@containers
def test_paths_are_the_keys(tree, cls):
    made = tree_map_with_path(lambda path, one: (path, one), "x", {"in": tree})
    keys = ("'b'", "'a'") if isinstance(tree, Mapping) else (0, 1)
    wanted = [f"x['in'][{key}]" for key in keys]
    assert type(made["in"]) is cls
    assert [path for path, _ in branch(made["in"]).items] == wanted


@containers
def test_transposed(tree, cls):
    first, second = tree_transpose(tree, tree_map(lambda one: (one, -one), tree), 2)
    assert type(first) is type(second) is cls
    assert (tree_leaves(first), tree_leaves(second)) == ([1.0, 2.0], [-1.0, -2.0])


@containers
def test_derivatives_come_back_in_the_same_class(tree, cls):
    tangents = {"in": tree_map(lambda _: 1.0, tree)}
    y, dy = jvp(lambda x: tree_map(lambda one: one * one, x["in"]), {"in": tree}, tangents)
    assert type(y) is type(dy) is cls
    assert (tree_leaves(y), tree_leaves(dy)) == ([1.0, 4.0], [2.0, 4.0])


def test_mappings_are_found_by_key_and_sequences_by_place():
    assert tree_map(lambda x, y: x + y, {"a": "1", "b": "2"}, {"b": "4", "a": "3"}) == {
        "a": "13",
        "b": "24",
    }
    assert tree_map(lambda x, y: x + y, Point(1, 2), [3, 4]) == Point(4, 6)
    with pytest.raises(ValueError, match="longer"):
        tree_map(lambda x, y: x, [1.0], [1.0, 2.0])


def test_a_defaultdict_keeps_its_default():
    assert tree_map(str, defaultdict(list, a=1)).default_factory is list


def test_nested():
    tree = {"z": [1, (2, Point(3, {"y": 4}))], "a": [], "b": ()}
    wanted = {"z": [2, (4, Point(6, {"y": 8}))], "a": [], "b": ()}
    assert tree_map(lambda one: 2 * one, tree) == wanted
    assert tree_leaves(tree) == [1, 2, 3, 4]
    paths = tree_leaves(tree_map_with_path(lambda path, one: path, "x", tree))
    assert paths == ["x['z'][0]", "x['z'][1][0]", "x['z'][1][1][0]", "x['z'][1][1][1]['y']"]


@pytest.mark.parametrize(
    "leaf", [None, "text", 1.0, np.ones(2), {1.0}, Box(1.0), range(2)], ids=str
)
def test_leaves(leaf):
    assert branch(leaf) is None
    assert tree_leaves([leaf])[0] is leaf
    assert tree_map(lambda one: one, {"a": leaf})["a"] is leaf


def test_items_of_another_number_are_refused():
    with pytest.raises(ValueError, match="shorter"):
        tree_like({"a": 1.0, "b": 2.0}, [1.0])
