"""The graph: nodes are shared, simplified without changing a number, and let go when computed."""

from __future__ import annotations

import gc
import itertools
import math
import weakref

import awkward as ak
import numpy as np
import pytest

import dualak
from dualak.ad import dual
from dualak.engine.realize import compute
from dualak.engine.schedule import passes
from dualak.graph.graph import Graph
from dualak.graph.nodes import ancestors
from dualak.graph.segments import SEGMENT_LIMIT
from dualak.graph.transpose import transposed
from dualak.rules import PREDICATES, REDUCTIONS, RULES

SPECIAL = np.array([0.0, -0.0, 1.0, -2.5, 1e308, 5e-324, math.inf, -math.inf, math.nan])


@pytest.fixture
def graph():
    return Graph()


def numbers(graph, *values):
    return graph.buffer(np.array(values, np.float64))


def computed(node):
    compute([node])
    return node.data


def constant(graph, value, dtype=np.float64):
    return graph.constant(value, np.dtype(dtype))


def assert_bits_equal(got, want):
    """Equal down to the signs of zeros; NaN equals NaN."""
    np.testing.assert_array_equal(got, want, strict=True)
    known = ~np.isnan(want)
    np.testing.assert_array_equal(np.signbit(got[known]), np.signbit(want[known]))


# -- sharing --------------------------------------------------------------------------------------


def test_equal_operations_are_one_node(graph):
    x, y = numbers(graph, 1.0, 2.0), numbers(graph, 3.0, 4.0)
    index, offsets = graph.buffer(np.array([1, 0])), graph.buffer(np.array([0, 2]))
    makers = [
        lambda: x + y,
        lambda: graph.apply("sin", x),
        lambda: graph.apply("sin", graph.take(x, index)),
        lambda: graph.cast(x, np.float32),
        lambda: graph.segment("sum", (x,), offsets),
        lambda: graph.scalar(graph.segment("sum", (x,), offsets)),
        lambda: graph.spread(constant(graph, 2.0), 7),
        lambda: constant(graph, 2.0),
    ]
    for make in makers:
        assert make() is (node := make()), node


def test_different_operations_are_different_nodes(graph):
    x, y = numbers(graph, 1.0, 2.0), numbers(graph, 3.0, 4.0)
    nodes = [x, y, x + y, y + x, x - y, y - x, x / y, graph.cast(x, np.float32)]
    nodes += [graph.take(node, graph.buffer(np.array([1, 0]))) for node in (x, y)]
    nodes += [constant(graph, 0.0), constant(graph, -0.0), constant(graph, 0.0, np.float32)]
    assert len({id(node) for node in nodes}) == len(nodes)


def test_buffers_are_known_by_their_memory(graph):
    data = np.arange(4.0)
    assert graph.buffer(data) is graph.buffer(data[:])
    assert graph.buffer(data) is not graph.buffer(data.copy())
    assert graph.buffer(data) is not graph.buffer(data[:3])
    assert graph.buffer(data) is not graph.buffer(data.view(np.int64))


def test_memory_that_is_used_again_is_another_buffer(graph):
    for value in range(50):
        node = graph.buffer(np.full(1000, float(value)))
        assert computed(node + node).tolist() == [2.0 * value] * 1000
        del node


def test_computed_node_is_found_no_more_under_dead_arguments(graph):
    """A new node may get the address, and so the identity, of one that died."""
    kept = []
    for value in range(50):
        x = numbers(graph, float(value))
        kept.append(graph.apply("sqrt", x))
        assert computed(kept[-1]).tolist() == [math.sqrt(value)]
        del x


def test_nodes_of_two_graphs_are_refused(graph):
    x, y = numbers(graph, 1.0), numbers(Graph(), 1.0)
    with pytest.raises(ValueError, match="one jvp call"):
        graph.apply("add", x, y)
    with pytest.raises(ValueError, match="one jvp call"):
        y + x


def test_nodes_of_two_lengths_are_refused(graph):
    with pytest.raises(ValueError, match=r"lengths \[1, 2\]"):
        numbers(graph, 1.0) + numbers(graph, 1.0, 2.0)


def test_a_result_kept_for_another_call_is_refused():
    kept = []
    x = ak.Array([1.0])
    dualak.jvp(lambda x: kept.append(x) or x, x, x)
    with pytest.raises((ValueError, RuntimeError), match=r"(one jvp call|another call|kept)"):
        dualak.jvp(lambda x: x + np.sin(kept[0]), x, x)


# -- simplification -------------------------------------------------------------------------------


def exponents(dtype):
    return [(np.dtype(dtype), power) for power in (0.0, 1.0, 2.0, 3.0, -1.0)]


@pytest.mark.parametrize(
    ("dtype", "power"), [*exponents(np.float64), *exponents(np.float32)], ids=str
)
def test_powers_of_constants_are_those_of_numpy(graph, dtype, power):
    with np.errstate(all="ignore"):
        x = SPECIAL.astype(dtype)
        want = np.power(x, dtype.type(power))
    node = graph.spread(graph.buffer(x) ** power, len(x))
    np.testing.assert_allclose(computed(node), want, rtol=2 * np.finfo(dtype).eps, strict=True)


def simplifications():
    """Operations on one buffer that the graph may write otherwise, as (name, numbers or None)."""
    for number in (0.0, -0.0, 1.0, -1.0, 2.0, math.inf, math.nan):
        for name in ("add", "subtract", "multiply", "divide"):
            yield name, number, None
            yield name, None, number


@pytest.mark.parametrize(("name", "first", "second"), list(simplifications()))
def test_operation_with_a_constant_is_exact(graph, name, first, second):
    x = graph.buffer(SPECIAL)
    args = [x if one is None else constant(graph, one) for one in (first, second)]
    got = computed(graph.spread(graph.apply(name, *args), len(SPECIAL)))
    with np.errstate(all="ignore"):
        want = getattr(np, name)(*(SPECIAL if one is None else one for one in (first, second)))
    assert_bits_equal(got, want)


def test_negative_of_negative_is_the_node_itself(graph):
    x = graph.buffer(SPECIAL)
    assert graph.apply("negative", -x) is x
    assert -1.0 * (-1.0 * x) is x


def test_multiplying_by_one_is_no_operation(graph):
    x = numbers(graph, 3.0)
    assert 1.0 * x is x
    assert x * 1.0 is x
    assert x / 1.0 is x
    assert x**1.0 is x
    assert (x * 0.0).op == "multiply"
    assert (x + 0.0).op == "add"


FOLDED = [
    name
    for name in (*RULES, *PREDICATES)
    if name not in ("exponent", "ldexp") and hasattr(np, name)
]


@pytest.mark.one_in(2)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", FOLDED)
def test_constants_fold_to_what_numpy_gives(graph, name, dtype):
    ufunc = getattr(np, name)
    for arguments in itertools.product([0.0, -0.0, 0.3, 2.0, math.inf, math.nan], repeat=ufunc.nin):
        numbers = [np.array([one], dtype) for one in arguments]
        with np.errstate(all="ignore"):
            want = ufunc(*numbers)
        node = dual.apply(name, *(graph.constant(one[0], one.dtype) for one in numbers))
        assert node.op == "constant"
        assert node.length is None
        assert node.dtype == (np.bool_ if name in PREDICATES else dtype)
        np.testing.assert_allclose(node.value, want[0], rtol=4 * np.finfo(dtype).eps)


def test_scalars_that_are_not_constants_are_computed_once(graph):
    scalar = graph.scalar(numbers(graph, 3.0))
    x = graph.buffer(np.arange(5000.0))
    assert scalar.length is None
    assert (scalar + scalar).length is None
    np.testing.assert_array_equal(computed(x * (scalar + scalar)), 6.0 * np.arange(5000.0))


# -- gathers --------------------------------------------------------------------------------------


def ops(node):
    return [one.op for one in ancestors([node])]


def test_gather_of_a_gather_is_one(graph):
    x = graph.buffer(np.arange(10.0))
    first, then = graph.buffer(np.array([9, 7, 5, 3])), graph.buffer(np.array([3, 3, 0]))
    twice = graph.take(graph.take(x, first), then)
    assert ops(twice) == ["take"]
    assert computed(twice).tolist() == [3.0, 3.0, 9.0]


def test_composed_index_is_shared(graph):
    x, y = graph.buffer(np.arange(3.0)), graph.buffer(np.arange(3.0) + 5.0)
    first, then = graph.buffer(np.array([2, 0])), graph.buffer(np.array([1, 0, 1]))
    a, b = (graph.take(graph.take(one, first), then) for one in (x, y))
    assert a.args[1] is b.args[1]
    assert computed(a + b).tolist() == [5.0, 9.0, 5.0]


@pytest.mark.parametrize("size", [3, 10, 20])
def test_cheap_expression_is_repeated_behind_a_gather(graph, size):
    x = graph.buffer(np.arange(10.0))
    index = graph.buffer(np.arange(size)[::-1] % 10)
    taken = graph.take(x + 1.0, index)
    assert ops(taken) == ["take", "add"]
    assert computed(taken).tolist() == (np.arange(size)[::-1] % 10 + 1.0).tolist()


def test_dear_expression_is_computed_before_a_growing_gather(graph):
    x = graph.buffer(np.arange(10.0))
    index = graph.buffer(np.arange(100) % 10)
    taken = graph.take(graph.apply("arctan2", x, graph.apply("arccos", x / 10.0)), index)
    assert ops(taken)[-1] == "take"
    want = np.arctan2(np.arange(10.0), np.arccos(np.arange(10.0) / 10.0))[np.arange(100) % 10]
    np.testing.assert_allclose(computed(taken), want, rtol=4e-15)


def test_dear_expression_is_repeated_behind_a_shrinking_gather(graph):
    x = graph.buffer(np.arange(1000.0))
    taken = graph.take(graph.apply("arctan", x), graph.buffer(np.array([3, 999])))
    assert ops(taken) == ["take", "arctan"]
    np.testing.assert_allclose(computed(taken), np.arctan([3.0, 999.0]), rtol=4e-15)


def test_reduction_is_never_repeated_behind_a_gather(graph):
    total = graph.segment(
        "sum", (numbers(graph, 1.0, 2.0, 4.0),), graph.buffer(np.array([0, 2, 3]))
    )
    taken = graph.take(total, graph.buffer(np.array([1])))
    assert ops(taken) == ["segment:sum", "take"]
    assert computed(taken).tolist() == [4.0]


def test_gather_of_a_scalar_is_the_scalar(graph):
    scalar = graph.scalar(numbers(graph, 2.0))
    index = graph.buffer(np.array([0, 0]))
    assert graph.take(scalar, index) is scalar
    spread = graph.take(graph.spread(scalar, 1), index)
    assert spread.length == 2
    assert computed(spread).tolist() == [2.0, 2.0]


def test_gather_through_a_cast_and_a_predicate(graph):
    x = graph.buffer(np.array([1.5, -2.5, 3.5]))
    index = graph.buffer(np.array([2, 1]))
    assert computed(graph.take(graph.cast(x, np.float32), index)).dtype == np.float32
    condition = graph.take(graph.apply("greater", x, constant(graph, 0.0)), index)
    assert computed(condition).tolist() == [True, False]


def test_empty_gathers(graph):
    x, none = graph.buffer(np.arange(3.0)), graph.buffer(np.empty(0))
    empty = graph.buffer(np.empty(0, np.int64))
    assert computed(graph.take(x + 1.0, empty)).tolist() == []
    assert computed(graph.take(none + 1.0, empty)).tolist() == []


# -- letting go -----------------------------------------------------------------------------------


def test_computed_nodes_let_go_of_what_they_came_from(graph):
    x = graph.buffer(np.arange(5000.0))
    data = weakref.ref(x.data)
    middle = graph.apply("sin", x)
    result = middle * middle
    upstream = [weakref.ref(node) for node in (x, middle)]
    compute([result])
    del x, middle
    gc.collect()
    assert [ref() for ref in upstream] == [None, None]
    assert data() is None
    assert result.args == ()


def test_intermediate_buffers_die_between_passes(graph):
    x = graph.buffer(np.arange(4.0))
    index = graph.buffer(np.array([3, 0, 1, 2] * 10))
    dear = graph.apply("arctan2", x, graph.apply("arccos", x / 10.0))
    result = graph.take(dear, index) + 1.0
    refs = [weakref.ref(x), weakref.ref(dear), weakref.ref(index)]
    del x, dear, index
    compute([result])
    gc.collect()
    assert [ref() for ref in refs] == [None] * 3
    assert len(graph) <= 1 + sum(node.op == "constant" for node in graph._nodes.values())


def test_nodes_that_nobody_holds_leave_the_graph(graph):
    x = numbers(graph, 1.0)
    before = len(graph)
    for _ in range(3):
        graph.apply("exp", graph.apply("sin", x) * 2.0)
    gc.collect()
    assert len(graph) == before


def test_nodes_die_without_the_collector(graph):
    x = numbers(graph, 1.0)
    node = graph.apply("sin", x) * graph.apply("cos", x)
    ref = weakref.ref(node)
    gc.disable()
    try:
        compute([node])
        del node
        assert ref() is None
    finally:
        gc.enable()


def test_what_is_still_held_stays_right_after_others_are_computed(graph):
    x = graph.buffer(np.linspace(0.0, 1.0, 3000))
    middle = graph.apply("sin", x)
    first, second = middle + 1.0, middle * 2.0
    compute([first])
    np.testing.assert_allclose(computed(second), 2.0 * np.sin(np.linspace(0.0, 1.0, 3000)), 1e-14)
    assert computed(graph.apply("sin", x))[-1] == pytest.approx(math.sin(1.0))


# -- lists ----------------------------------------------------------------------------------------

NUMPY = {"sum": np.sum, "prod": np.prod, "min": np.min, "max": np.max}


def reduced(reduction, values, offsets):
    """Each list by NumPy; the identity for an empty list."""
    rule = REDUCTIONS[reduction]
    return np.array(
        [
            NUMPY[reduction](values[a:b]) if b > a else rule.identity
            for a, b in itertools.pairwise(offsets)
        ]
    ).reshape(-1)


def list_tangent(reduction, x, t):
    """The derivative of one list's reduction, from its definition."""
    if reduction == "sum":
        return t.sum()
    if reduction == "prod":
        rest = np.concatenate([[1.0], np.cumprod(x)[:-1]])
        after = np.concatenate([np.cumprod(x[::-1])[-2::-1], [1.0]]) if len(x) else x
        return (rest[: len(x)] * after * t).sum()
    return t[x == NUMPY[reduction](x)].mean() if len(x) else 0.0


def tangents(reduction, x, t, offsets):
    pairs = itertools.pairwise(offsets)
    return np.array([list_tangent(reduction, x[a:b], t[a:b]) for a, b in pairs]).reshape(-1)


def segments(x, t, offsets, reduction):
    """The reduction and its tangent, computed together by the graph."""
    graph = Graph()
    values, directions = graph.buffer(x), graph.buffer(t)
    lists = graph.buffer(np.asarray(offsets, np.int64))
    value = graph.segment(reduction, (values,), lists)
    name = REDUCTIONS[reduction].tangent
    args = (directions,) if name is None else (values, directions)
    tangent = graph.segment(name or reduction, args, lists)
    compute([value, tangent])
    return value.data, tangent.data


def assert_reduces(reduction, x, offsets):
    t = np.random.default_rng(len(x)).normal(size=len(x))
    value, tangent = segments(x, t, offsets, reduction)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(value, reduced(reduction, x, offsets), rtol=1e-11, strict=True)
    want = tangents(reduction, x, t, offsets)
    np.testing.assert_allclose(tangent, want, rtol=1e-10, atol=1e-10, strict=True)


OFFSETS = {
    "some": [0, 3, 3, 7, 20],
    "empty at both ends": [0, 0, 0, 5, 20, 20, 20],
    "all empty": [0, 0, 0, 0],
    "no lists": [0],
    "one list": [0, 20],
    "one element each": list(range(21)),
    "starts above 0": [4, 9, 9, 20],
    "starts above 0 with an empty list": [4, 4, 9, 20],
    "does not cover the end": [0, 2, 11],
    "covers neither end": [5, 6, 6, 14],
    "empty lists in the middle of uncovered content": [7, 7, 7],
    "no lists above 0": [7],
    "eight and nine": [0, 8, 17, 20],
}


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("offsets", OFFSETS.values(), ids=OFFSETS)
def test_lists_reduce_whatever_the_offsets(reduction, offsets):
    assert_reduces(reduction, np.random.default_rng(0).uniform(0.5, 1.5, 20), offsets)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("offsets", [[0], [0, 0], [0, 0, 0, 0]])
def test_lists_over_no_elements(reduction, offsets):
    assert_reduces(reduction, np.empty(0), offsets)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_many_empty_lists(reduction):
    assert_reduces(reduction, np.array([2.0, 3.0]), [0] * 5000 + [2] * 5000)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("longest", [1, 7, 8, 9, 30, 1500])
def test_lists_of_random_lengths(reduction, longest):
    rng = np.random.default_rng(longest)
    offsets = np.concatenate([[0], np.cumsum(rng.integers(0, longest + 1, 6000 // longest))])
    x = rng.integers(1, 9, offsets[-1]) / 8.0 + 0.4
    assert_reduces(reduction, x, offsets)


LONG = {
    "one piece": [0, SEGMENT_LIMIT],
    "one more than a piece": [0, SEGMENT_LIMIT + 1],
    "exactly three pieces": [0, 3 * SEGMENT_LIMIT],
    "between short and empty ones": [0, 3, 3, 3 * SEGMENT_LIMIT + 5, 3 * SEGMENT_LIMIT + 6],
    "above 0": [10, 10, 2 * SEGMENT_LIMIT + 100, 3 * SEGMENT_LIMIT],
    "empty at both ends": [0, 0, 2 * SEGMENT_LIMIT, 2 * SEGMENT_LIMIT],
    "two long ones": [0, SEGMENT_LIMIT + 7, 3 * SEGMENT_LIMIT + 9],
}


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("offsets", LONG.values(), ids=LONG)
def test_long_lists_are_those_of_numpy(reduction, offsets):
    x = np.random.default_rng(2).uniform(0.999, 1.001, 4 * SEGMENT_LIMIT)
    assert_reduces(reduction, x, offsets)


@pytest.mark.parametrize("reduction", ["min", "max"])
@pytest.mark.parametrize("offsets", LONG.values(), ids=LONG)
def test_ties_across_pieces_share_the_mean(reduction, offsets):
    x = np.random.default_rng(3).integers(0, 3, 4 * SEGMENT_LIMIT).astype(np.float64)
    assert_reduces(reduction, x, offsets)


@pytest.mark.parametrize("reduction", ["min", "max"])
def test_all_equal_elements_share_the_mean(reduction):
    assert_reduces(reduction, np.full(3 * SEGMENT_LIMIT, 7.0), [0, 5, 3 * SEGMENT_LIMIT])


@pytest.mark.parametrize("zeros", [1, 2])
@pytest.mark.parametrize("offsets", [[0, 4], [0, 3 * SEGMENT_LIMIT]])
def test_zeros_in_products(offsets, zeros):
    x = np.random.default_rng(4).uniform(0.999, 1.001, offsets[-1])
    x[[1, -1][:zeros]] = 0.0
    assert_reduces("prod", x, offsets)
    _, tangent = segments(x, np.ones(len(x)), offsets, "prod")
    assert (tangent[0] == 0.0) == (zeros == 2)


@pytest.mark.parametrize("pair", [True, False], ids=["with the values", "tangents alone"])
def test_an_infinite_first_factor_multiplies_no_tangent(pair):
    graph = Graph()
    x, t = (graph.buffer(np.array(one)) for one in ([math.inf, 2.0, math.inf], [1.0, 3.0, 5.0]))
    offsets = graph.buffer(np.array([0, 2, 3]))
    product = graph.segment("prod", (x,), offsets)
    slope = graph.segment("prod_jvp", (x, t), offsets)
    compute([product, slope] if pair else [slope])
    assert slope.data.tolist() == [math.inf, 5.0]


@pytest.mark.parametrize("reduction", ["min", "max"])
@pytest.mark.parametrize("size", [5, 2 * SEGMENT_LIMIT])
def test_extremes_of_infinite_elements(reduction, size):
    extreme = -math.inf if reduction == "min" else math.inf
    x = np.zeros(size)
    x[[1, -1]] = extreme
    t = np.arange(float(size))
    value, tangent = segments(x, t, [0, size], reduction)
    assert value.tolist() == [extreme]
    assert tangent.tolist() == [(1 + size - 1) / 2]


@pytest.mark.parametrize("reduction", ["min", "max"])
@pytest.mark.parametrize("size", [5, 2 * SEGMENT_LIMIT])
def test_lists_of_nothing_but_the_identity(reduction, size):
    x = np.full(size, REDUCTIONS[reduction].identity)
    value, tangent = segments(x, np.arange(float(size)), [0, size], reduction)
    assert value.tolist() == [REDUCTIONS[reduction].identity]
    assert tangent.tolist() == [(size - 1) / 2]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("size", [5, 2 * SEGMENT_LIMIT])
def test_nan_in_lists_gives_what_awkward_gives(reduction, size):
    x = np.ones(2 * size)
    x[[1, size - 1]] = math.nan
    array = ak.unflatten(x, [size, size])
    value, _ = segments(x, np.ones(2 * size), [0, size, 2 * size], reduction)
    want = getattr(ak, reduction)(array, axis=1).to_numpy()
    np.testing.assert_array_equal(value, np.ma.filled(want))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("size", [9, 2 * SEGMENT_LIMIT])
def test_lists_of_single_precision_stay_so(reduction, size):
    x = np.random.default_rng(6).uniform(0.999, 1.001, size).astype(np.float32)
    value, tangent = segments(x, np.ones(size, np.float32), [0, 4, size], reduction)
    assert value.dtype == tangent.dtype == np.float32
    want = reduced(reduction, x.astype(np.float64), [0, 4, size])
    np.testing.assert_allclose(value, want, rtol=size * 1e-7)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_single_infinity_and_nan_stay_in_their_list(reduction):
    x = np.ones(40)
    x[[10, 11]] = math.inf, math.nan
    offsets = [0, 4, 10, 12, 13, 40]
    value, tangent = segments(x, np.ones(40), offsets, reduction)
    others = [0, 1, 3, 4]
    np.testing.assert_array_equal(value[others], reduced(reduction, x, offsets)[others])
    assert np.isfinite(tangent[others]).all()


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("counts", [[3, 0, 2], [0, 0], [], [2 * SEGMENT_LIMIT, 0, 1]])
def test_jvp_of_reducers_over_sliced_lists(reduction, counts):
    """Awkward's own offsets: a slice starts above 0 and ends before the content does."""
    counts = [2, *counts, 1]
    x = np.random.default_rng(7).uniform(0.999, 1.001, sum(counts))
    t = np.random.default_rng(8).normal(size=len(x))
    array, tangent = ak.unflatten(x, counts)[1:-1], ak.unflatten(t, counts)[1:-1]
    reduce = getattr(ak, reduction)
    y, dy = dualak.jvp(lambda x: reduce(x, axis=1, mask_identity=False), array, tangent)
    offsets = np.cumsum([2, *counts[1:-1]])
    np.testing.assert_allclose(y.to_numpy(), reduced(reduction, x, offsets), rtol=1e-11)
    np.testing.assert_allclose(dy.to_numpy(), tangents(reduction, x, t, offsets), 1e-10, 1e-10)


def test_long_lists_take_few_passes_and_short_ones_one(graph):
    sizes = {SEGMENT_LIMIT: 1, SEGMENT_LIMIT + 1: 2}
    for size, number in sizes.items():
        x = graph.buffer(np.ones(size))
        total = graph.segment("sum", (x,), graph.buffer(np.array([0, size])))
        assert len(passes([total])) == number
        assert computed(total).tolist() == [float(size)]


@pytest.mark.parametrize("size", [5, 5000])
@pytest.mark.parametrize(
    "offsets", [[0, 2, 5], [1, 2, 4], [0, 3], [2, 5], [3, 3, 4], [0, 0], [5, 5]]
)
def test_sums_backwards_reach_the_elements_of_lists_alone(graph, offsets, size):
    t = graph.input(np.float64, size)
    cotangents = np.arange(1.0, len(offsets))
    total = graph.segment("sum", (t,), graph.buffer(np.array(offsets)))
    (pulled,) = transposed([total], [graph.buffer(cotangents)], [t])
    want = np.zeros(size)
    for number, start, stop in zip(cotangents, offsets, offsets[1:], strict=False):
        want[start:stop] = number
    np.testing.assert_array_equal(computed(pulled), want)


#: Linear expressions of two inputs, and what a cotangent of 1, 2 becomes for each of them.
LINEAR = {
    "sum": (lambda x, y: x + y, [1.0, 2.0], [1.0, 2.0]),
    "difference": (lambda x, y: x - y, [1.0, 2.0], [-1.0, -2.0]),
    "difference, turned": (lambda x, y: y - x, [-1.0, -2.0], [1.0, 2.0]),
    "negative": (lambda x, y: -x - y, [-1.0, -2.0], [-1.0, -2.0]),
    "multiple": (lambda x, y: x * 3.0 - y * 2.0, [3.0, 6.0], [-2.0, -4.0]),
    "quotient": (lambda x, y: x / 4.0 + y / 2.0, [0.25, 0.5], [0.5, 1.0]),
}


@pytest.mark.parametrize("name", LINEAR)
def test_a_linear_expression_is_transposed(graph, name):
    expression, by_x, by_y = LINEAR[name]
    x, y = graph.input(np.float64, 2), graph.input(np.float64, 2)
    known = numbers(graph, 1.0, 2.0)
    found = transposed([expression(x, y)], [known], [x, y])
    compute(found)
    assert [node.data.tolist() for node in found] == [by_x, by_y]
