"""Padded arrays as JAX sees them: floating-point numbers alone, of sizes that stay."""

from __future__ import annotations

import awkward as ak
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bridge
from bridge.cache import CACHE_SIZE, Recent
from bridge.coded import coded, decoded
from bridge.padded import _examples

traced = bridge.wrap(structure="traced")

LISTS = ak.Array([[1.0, 2.0], [], [3.0]])
RECORDS = ak.zip({"a": LISTS, "n": ak.Array([[2**40, -(2**62)], [], [7]])})


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


# -- integers as numbers --------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.int64, np.uint64, np.int32, np.uint32, np.int8, np.bool_])
def test_integers_come_back_exactly(dtype):
    ends = [0, 1] if dtype == np.bool_ else [np.iinfo(dtype).min, np.iinfo(dtype).max, 0, 1, 100]
    integers = np.array(ends, dtype)
    digits = coded(integers)
    assert digits.dtype == np.float32
    np.testing.assert_array_equal(decoded(digits, np.dtype(dtype)), integers)
    np.testing.assert_array_equal(jax.jit(lambda i: decoded(coded(i), i.dtype))(integers), integers)


def test_precision_may_be_switched_off_between():
    digits = coded(np.array([5, -7, 2**31 - 1], np.int64))
    with jax.enable_x64(False):
        assert decoded(jnp.asarray(digits), np.dtype(np.int32)).tolist() == [5, -7, 2**31 - 1]


def test_columns_of_integers_pass_through_a_gradient_step():
    padded = bridge.pad(RECORDS)
    slope = jax.jit(jax.grad(traced(lambda r: ak.sum(r.a**2))))(padded)
    moved = jax.tree_util.tree_map(lambda number, by: number - 0.25 * by, padded, slope)
    back = bridge.from_jax(moved)
    assert back.n.to_list() == RECORDS.n.to_list()
    assert back.a.to_list() == (LISTS / 2).to_list()


# -- what is kept ---------------------------------------------------------------------------------


def test_what_pad_keeps_of_other_behaviors_is_bounded():
    class Labelled(ak.Record):
        pass

    record = ak.Array([{"a": 1.5}], with_name="Labelled")
    dicts = [{"Labelled": Labelled, "number": n} for n in range(2 * CACHE_SIZE)]
    padded = [bridge.pad(ak.Array(record, behavior=each)) for each in dicts]
    assert len(_examples) <= CACHE_SIZE
    assert all(bridge.from_jax(p).behavior is each for p, each in zip(padded, dicts, strict=True))
    doubled = traced(lambda r: ak.with_field(r, 2 * r.a, "a"))(padded[0])  # its example is gone
    assert bridge.from_jax(doubled).a.to_list() == [3.0]
    assert bridge.from_jax(doubled).behavior == dicts[0]
    assert doubled.kind == padded[0].kind


def test_the_last_arrays_of_a_kind_are_remembered_and_the_first_are_let_go():
    known = Recent()
    for number in range(CACHE_SIZE + 1):
        known.keep(number, number)
    assert known.get(1, lambda: "made") == 1
    assert known.get(0, lambda: "made") == "made"
    assert len(known) == CACHE_SIZE


# -- sizes ----------------------------------------------------------------------------------------


def test_what_does_not_grow_keeps_its_sizes():
    padded = bridge.pad(RECORDS)
    out = traced(lambda r: r[["a", "n"]])(padded)
    shapes = [jax.tree_util.tree_map(jnp.shape, one) for one in (padded, out)]
    assert jax.tree_util.tree_leaves(shapes[0]) == jax.tree_util.tree_leaves(shapes[1])
    final, _ = jax.lax.scan(lambda r, _: (traced(lambda r: r[:2])(r), None), padded, length=3)
    assert bridge.from_jax(final).to_list() == RECORDS[:2].to_list()


def test_a_capacity_is_that_of_arguments_too():
    padded = bridge.pad(LISTS, capacity=40)
    grown = bridge.wrap(lambda x: x * 2, structure="traced", capacity=40)
    final = jax.lax.fori_loop(0, 3, lambda _, x: grown(x), padded)
    assert bridge.from_jax(final).to_list() == (8 * LISTS).to_list()
    with pytest.raises(ValueError, match="capacity of 3 or more"):
        bridge.pad(LISTS, capacity=2)


def test_small_batches_share_what_is_compiled():
    compiled = []

    @jax.jit
    def squares(x):
        compiled.append(x)
        return traced(lambda x: ak.sum(x**2, axis=1))(x)

    for counts in ([2, 0, 1, 3, 1, 1], [1, 1, 1, 1, 1, 1], [0, 5, 0, 1, 0, 2], [4, 4, 4, 2, 1, 1]):
        x = ak.unflatten(np.arange(float(sum(counts))), counts)
        assert bridge.from_jax(squares(bridge.pad(x))).to_list() == ak.sum(x**2, axis=1).to_list()
    assert len(compiled) == 1


@pytest.mark.parametrize("capacity", [0, -1, True])
def test_a_capacity_is_a_number_of_numbers(capacity):
    with pytest.raises(ValueError, match="capacity of one or more"):
        bridge.wrap(lambda x: x, structure="traced", capacity=capacity)


def test_integers_without_room_are_seen():
    many = bridge.wrap(
        lambda x: ak.local_index(ak.concatenate([x] * 9, axis=1)), structure="traced", capacity=8
    )
    with pytest.raises(ValueError, match=r"give bridge\.wrap a capacity of 26 or more"):
        bridge.from_jax(jax.jit(many)(bridge.pad(LISTS)))


# -- derivatives ----------------------------------------------------------------------------------


def test_any_array_of_the_same_sizes_is_a_tangent():
    padded, along = bridge.pad(LISTS), bridge.pad(2 * LISTS)
    y, dy = jax.jit(lambda x, t: jax.jvp(traced(lambda x: x**2), (x,), (t,)))(padded, along)
    assert bridge.from_jax(dy.in_lists_of(y)).to_list() == (4 * LISTS**2).to_list()
    with pytest.raises(ValueError, match="in_lists_of"):
        bridge.from_jax(dy)


def test_arrays_of_jax_are_differentiated_by_arrays_of_jax():
    function = bridge.wrap(
        lambda x: x[x > 1] ** 2, structure="traced", out=jax.ShapeDtypeStruct((2,), np.float64)
    )
    y, dy = jax.jvp(function, (jnp.array([1.0, 2.0, 3.0]),), (jnp.ones(3),))
    assert (y.tolist(), dy.tolist()) == ([4.0, 9.0], [4.0, 6.0])
    hessian = jax.hessian(lambda x: jnp.sum(function(x)))(jnp.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(hessian, np.diag([0.0, 2.0, 2.0]))
