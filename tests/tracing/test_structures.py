"""Structures: arrays are taken apart and put together, and equal if all but their numbers is."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

import dualak
from dualak.extend import LeafFunction, Structure, flatten
from tests.support.layouts import LAYOUTS, tree, types

IDS = [name for name, _ in LAYOUTS]
ARRAYS = [pytest.param(make, id=name) for name, make in LAYOUTS]


@pytest.mark.parametrize("make", ARRAYS)
def test_what_is_taken_apart_is_put_together(make):
    leaves, structure = flatten(make())
    assert all(leaf.ndim == 1 for leaf in leaves)
    together = structure.unflatten(leaves)
    assert tree(together) == tree(make())
    assert types(together) == types(make())


@pytest.mark.parametrize("make", ARRAYS)
def test_a_structure_is_its_buffers(make):
    leaves, structure = flatten(make())
    array_form, buffers = structure.array_form()
    again = array_form.structure([one.copy() for one in buffers], make().behavior)
    assert again == structure
    assert hash(again) == hash(structure)
    assert tree(again.unflatten(leaves)) == tree(make())
    assert array_form.shortest().leaves or not leaves


def test_records_without_fields_have_a_form():
    leaves, structure = flatten(ak.Array([{}, {}]))
    array_form, buffers = structure.array_form()
    assert not leaves
    assert array_form.structure(buffers, None) == structure


@pytest.mark.parametrize("make", ARRAYS)
def test_other_numbers_are_the_same_structure(make):
    leaves, structure = flatten(make())
    other = structure.unflatten([leaf * 2.0 + 1.0 for leaf in leaves])
    assert flatten(other)[1] == structure


def test_only_one_pair_of_the_layouts_is_the_same_structure():
    """All samples are told apart but for those that differ in numbers or in memory alone."""
    known = {}
    for name, make in LAYOUTS:
        known.setdefault(flatten(make())[1], []).append(name)
    same = [names for names in known.values() if len(names) > 1]
    for names in same:
        kinds = {str(ak.type(ak.values_astype(dict(LAYOUTS)[one](), np.float64))) for one in names}
        assert len(kinds) == 1, names


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ak.Array([[1.0], []]), ak.Array([[], [1.0]])),
        (ak.Array([{"x": 1.0, "n": 1}]), ak.Array([{"x": 1.0, "n": 2}])),
        (ak.Array([{"x": 1.0, "s": "a"}]), ak.Array([{"x": 1.0, "s": "b"}])),
        (ak.Array([1.0, None]), ak.Array([None, 1.0])),
        (ak.Array([{"x": 1.0}]), ak.Array([{"y": 1.0}])),
        (ak.Array([{"x": 1.0}], with_name="one"), ak.Array([{"x": 1.0}], with_name="other")),
        ({"a": 1.0}, {"b": 1.0}),
        ([1.0, 2], [1.0, 3]),
        ((1.0,), [1.0]),
        (np.ones((2, 3)), np.ones((3, 2))),
        (np.ones(2), ak.Array([1.0, 1.0])),
        ([1.0, True], [1.0, 1]),
        (ak.Array([{"x": 1.0}])[0], ak.Array([{"x": 1.0}])),
        (1.0, np.float64(1.0)),
        (np.float64(1.0), np.ones(1)),
    ],
)
def test_what_differs_is_another_structure(one, other):
    assert flatten(one)[1] != flatten(other)[1]


def test_memory_and_precision_are_not_structure():
    lists = ak.Array([[9.0], [1.0, 2.0], [], [3.0]])[1:]
    same = ak.values_astype(ak.Array([[1.0, 2.0], [], [3.0]]), np.float32)
    assert flatten(lists)[1] == flatten(same)[1]
    assert flatten(lists)[1] != "a structure"


def test_packed_leaves_are_the_arrays_own_memory():
    data = np.array([1.0, 2.0, 3.0])
    array = ak.unflatten(data, [2, 1])
    (leaf,), _ = flatten(array)
    assert np.shares_memory(leaf, data)


@pytest.mark.parametrize("dtype", [np.float16, np.complex128])
def test_numbers_that_are_not_differentiated_are_refused(dtype):
    with pytest.raises(TypeError, match=np.dtype(dtype).name):
        flatten(ak.Array(np.ones(3, dtype)))


def test_a_behavior_stays():
    class Point(ak.Record):
        pass

    array = ak.Array([{"x": 1.0}], with_name="point", behavior={"point": Point})
    leaves, structure = flatten(array)
    assert isinstance(structure.unflatten(leaves)[0], Point)


def test_several_arrays_are_no_skeleton():
    with pytest.raises(ValueError, match="unpack"):
        flatten([ak.Array([1.0]), ak.Array([2.0])])[1].array_form()


def test_a_tree_may_be_made_by_hand():
    _, structure = flatten(ak.Array([[1.0], []]))
    both = Structure([structure.tree, structure.tree])
    found = both.unflatten([np.array([3.0]), np.array([4.0])])
    assert tree(found) == [[[3.0], []], [[4.0], []]]


def test_a_function_of_leaves_may_decide_by_numbers():
    x = ak.Array([[1.0, 2.0], [], [3.0]])
    leaves, structure = flatten((x,))
    function = LeafFunction(lambda x: {"cut": x[x > 1.5] ** 2, "n": ak.num(x)}, structure)
    y, dy = dualak.jvp(function, tuple(leaves), (np.array([1.0, 10.0, 100.0]),))
    np.testing.assert_array_equal(y[0], [4.0, 9.0])
    np.testing.assert_array_equal(dy[0], [40.0, 600.0])
    assert tree(function.structure.unflatten([y[0]])) == {"cut": [[4.0], [], [9.0]], "n": [2, 0, 1]}


def test_the_shape_of_a_constant_is_structure():
    one, other = ({"x": np.ones(3), "n": np.arange(6).reshape(shape)} for shape in ((2, 3), (3, 2)))
    assert flatten(one)[1] != flatten(other)[1]
