"""The schedule: few passes, each number once, right whatever the shapes, threads and processes."""

from __future__ import annotations

import contextvars
import gc
import hashlib
import itertools
import multiprocessing
import os
import subprocess
import sys
import threading
import warnings
import weakref
from dataclasses import dataclass

import awkward as ak
import numpy as np
import pytest

import dualak
from dualak.ad.dual import components
from dualak.arrays.columns import number_of
from dualak.arrays.context import current_graph
from dualak.arrays.layouts import duals_in
from dualak.engine.realize import compute, counts
from dualak.engine.schedule import passes, program_of
from dualak.executors.cpu import executor as cpu
from dualak.graph import segments
from dualak.graph.graph import Graph
from dualak.graph.nodes import Node
from dualak.rules import REDUCTIONS
from tests.support import ROOT


def lists(seed=0, size=1000, longest=6, low=0.5, high=2.0):
    rng = np.random.default_rng(seed)
    numbers = rng.integers(0, longest + 1, size)
    return ak.unflatten(rng.uniform(low, high, numbers.sum()), numbers)


def jets(seed=0, size=1000):
    pt = lists(seed, size, low=20.0, high=200.0)
    like = ak.num(pt)
    rng = np.random.default_rng(seed)
    eta, phi = (ak.unflatten(rng.uniform(-2.0, 2.0, int(ak.sum(like))), like) for _ in range(2))
    return ak.zip({"pt": pt, "eta": eta, "phi": phi})


# -- passes ---------------------------------------------------------------------------------------


def sine_chain(x):
    z = x[::-1]
    return np.sin(z**2) * np.exp(-z)


def norms(x):
    return np.sqrt(ak.sum(x**2, axis=1))


def masses(jets):
    a, b = ak.unzip(ak.combinations(jets, 2))
    return np.sqrt(2 * a.pt * b.pt * (np.cosh(a.eta - b.eta) - np.cos(a.phi - b.phi)))


def heaviest(jets):
    return ak.max(masses(jets), axis=1, mask_identity=False)


def ones_like(x):
    return (
        ak.zip({name: ak.ones_like(x[name]) for name in x.fields}) if x.fields else ak.ones_like(x)
    )


ONE_PASS = {
    "sine chain": (sine_chain, lists),
    "norms": (norms, lists),
    "masses": (masses, jets),
    "heaviest": (heaviest, jets),
    "scaled by a total per list": (lambda x: np.exp(ak.sum(x, axis=1)) * 2.0, lists),
    "two reductions": (lambda x: ak.sum(x, axis=1) / ak.max(x, axis=1, mask_identity=False), lists),
    "slices": (lambda x: x[x.layout.length // 2 :, 1:] ** 3, lists),
}


def watched(func, seen):
    """The function, which notes the passes that were made before it returned."""

    def watching(*args):
        before = counts.passes
        result = func(*args)
        seen.append(counts.passes - before)
        return result

    return watching


def passes_and_bytes(func, x):
    """Passes inside of the function and in all, bytes written, and the result."""
    seen = []
    before = counts.passes, counts.bytes
    result = dualak.jvp(watched(func, seen), x, ones_like(x))
    return seen[0], counts.passes - before[0], counts.bytes - before[1], result


@pytest.mark.parametrize("name", ONE_PASS)
def test_one_pass_writes_value_and_tangent_only(name):
    func, make = ONE_PASS[name]
    inside, made, written, (y, dy) = passes_and_bytes(func, make())
    assert inside == 0
    assert made == 1
    assert written == sum(ak.flatten(one, axis=None).layout.data.nbytes for one in (y, dy))


@pytest.mark.parametrize("name", ONE_PASS)
def test_one_pass_gives_what_awkward_gives(name):
    func, make = ONE_PASS[name]
    x = make()
    y, dy = dualak.jvp(func, x, ones_like(x))
    want = func(x)
    assert ak.num(y, axis=0) == ak.num(want, axis=0)
    with np.errstate(all="ignore"):
        up, down = (func(moved(x, step)) for step in (1e-6, -1e-6))
        slope = (ak.flatten(up, axis=None) - ak.flatten(down, axis=None)) / 2e-6
    # Next to a zero of the sine only the absolute error of NumPy's own is small.
    got, want = ak.flatten(y, axis=None), ak.flatten(want, axis=None)
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-15)
    finite = np.isfinite(slope.to_numpy())
    np.testing.assert_allclose(
        ak.flatten(dy, axis=None).to_numpy()[finite], slope.to_numpy()[finite], rtol=1e-5, atol=1e-5
    )


def moved(x, step):
    return ak.zip({name: x[name] + step for name in x.fields}) if x.fields else x + step


def test_comparison_inside_the_function_computes_only_what_it_needs():
    x = lists()
    inside, made, _, _ = passes_and_bytes(lambda x: np.sin(x)[x > 1.0], x)
    assert (inside, made) == (1, 2)


def test_nothing_is_computed_twice():
    seen = []
    graph = Graph()
    x = graph.buffer(np.linspace(0.0, 1.0, 100))
    offsets = graph.buffer(np.arange(0, 101, 10))
    shared = graph.apply("sin", x)
    total = graph.segment("sum", (shared,), offsets)
    back = graph.take(total, graph.buffer(np.repeat(np.arange(10), 10)))
    roots = [shared * back, shared + back, graph.apply("exp", total), shared]
    compute(roots, run=lambda program: seen.append(program) or cpu.run(program))
    done = sorted(one.op for program in seen for one in program.instructions)
    assert done == sorted(["sin", "segment:sum", "take", "multiply", "add", "exp"])
    np.testing.assert_allclose(roots[3].data, np.sin(np.linspace(0.0, 1.0, 100)), rtol=1e-15)


def test_barriers_make_stages():
    graph = Graph()
    x, offsets = graph.buffer(np.arange(6.0)), graph.buffer(np.array([0, 2, 6]))
    total = graph.segment("sum", (x,), offsets)
    centred = x - graph.take(total, graph.buffer(np.array([0, 0, 1, 1, 1, 1])))
    spread = graph.segment("max", (graph.apply("absolute", centred),), offsets)
    ops = [[step.node.op for step in one.steps] for one in passes([spread])]
    assert ops == [["segment:sum"], ["take", "subtract", "absolute", "segment:max"]]
    compute([spread])
    assert spread.data.tolist() == [1.0, 12.0]


def test_what_two_passes_of_one_stage_need_is_there_for_both():
    graph = Graph()
    x, pairs = graph.buffer(np.array([3.0, 4.0])), graph.buffer(np.array([0, 2]))
    late = graph.segment("sum", (graph.call(np.sqrt, (x,), np.float64, 2),), pairs)
    early = graph.segment("sum", (x,), pairs)
    carried = graph.repeat(graph.buffer(np.array([5.0])), graph.buffer(np.array([0, 1])))
    both = [early * carried, late * carried]
    done = set()
    for one in passes(both):
        made = {one.call, *(step.node for step in one.steps)}
        assert all(
            arg.data is not None or arg in done | made for node in made if node for arg in node.args
        )
        done |= made
    compute(both)
    np.testing.assert_allclose([node.data[0] for node in both], [35.0, 5 * (3**0.5 + 2)])


def test_a_pass_that_would_read_what_is_not_there_raises():
    graph = Graph()
    x = graph.buffer(np.array([1.0, 2.0]))
    sine, missing = graph.apply("sin", x), graph.apply("cos", x)
    (one,) = passes([sine + missing])
    one.steps = [step for step in one.steps if step.node is not missing]
    with pytest.raises(RuntimeError, match="before it is known"):
        program_of(one, {}, complete=True)


def test_computing_again_makes_no_pass():
    graph = Graph()
    node = graph.apply("sin", graph.buffer(np.arange(5.0)))
    compute([node])
    before = counts.passes
    compute([node, node])
    compute([])
    assert counts.passes == before


def test_the_same_root_twice_is_computed_once():
    graph = Graph()
    node = graph.apply("sin", graph.buffer(np.arange(5.0)))
    before = counts.bytes
    compute([node, node])
    assert counts.bytes - before == node.data.nbytes


# -- lifting --------------------------------------------------------------------------------------


def test_lifting_copies_no_buffer():
    x, t = np.arange(10.0), np.ones(10)
    seen = []

    def func(x):
        (dual,) = duals_in(x.layout)
        seen.extend(node.data for node in components(number_of(dual)))
        return x

    dualak.jvp(func, ak.unflatten(x, [3, 0, 7]), ak.unflatten(t, [3, 0, 7]))
    assert np.shares_memory(seen[0], x)
    assert np.shares_memory(seen[1], t)


class Columns:
    """Columns of records in lists that are read when asked for; notes which were."""

    def __init__(self, caching=True):
        self.read = []
        self.caching = caching
        self.numbers = {
            "pt": np.arange(1.0, 6.0),
            "eta": np.linspace(-1.0, 1.0, 5),
            "phi": np.zeros(5),
            "charge": np.array([1, -1, 1, 1, -1]),
        }

    def array(self):
        lists = ak.contents.ListOffsetArray(ak.index.Index64([0, 2, 2, 5]), self._records())
        form, length, buffers = ak.to_buffers(lists)
        lazy = {key: self._reader(buffer) for key, buffer in buffers.items()}
        return ak.from_buffers(form, length, lazy, enable_virtualarray_caching=self.caching)

    def _records(self):
        contents = [ak.contents.NumpyArray(x) for x in self.numbers.values()]
        return ak.contents.RecordArray(contents, list(self.numbers))

    def _reader(self, buffer):
        names = {id(x): name for name, x in self.numbers.items()}
        name = names.get(id(buffer), "offsets")

        def read():
            self.read.append(name)
            return buffer.copy()

        return read


ONES = ak.Array([[1.0, 1.0], [], [1.0, 1.0, 1.0]])
TANGENTS = {
    "a dict": lambda: {"pt": ONES},
    "records with one field": lambda: ak.zip({"pt": ONES}),
    "records of virtual columns": lambda: Columns().array()[["pt"]],
}


@pytest.mark.parametrize("caching", [True, False])
@pytest.mark.parametrize("tangent", TANGENTS)
def test_columns_that_are_not_used_are_not_read(tangent, caching):
    columns = Columns(caching)
    t = TANGENTS[tangent]()
    y, dy = dualak.jvp(lambda jets: jets.pt**2, columns.array(), t)
    assert y.to_list() == [[1.0, 4.0], [], [9.0, 16.0, 25.0]]
    given = t["pt"] if isinstance(t, dict) else t.pt
    assert dy.to_list() == (2.0 * ak.Array(y.to_list()) ** 0.5 * given).to_list()
    assert set(columns.read) == {"offsets", "pt"}


@pytest.mark.parametrize("caching", [True, False])
def test_column_without_a_tangent_is_read_once(caching):
    columns = Columns(caching)

    def func(jets):
        return jets.pt * jets.eta + jets.eta[:, ::-1]

    _, dy = dualak.jvp(func, columns.array(), {"pt": ONES})
    assert dy.to_list() == [[-1.0, -0.5], [], [0.0, 0.5, 1.0]]
    assert columns.read.count("eta") == 1
    assert set(columns.read) == {"offsets", "pt", "eta"}


def test_column_is_not_read_while_lifting():
    columns = Columns()
    seen = []

    def func(jets):
        seen.append(set(columns.read))
        return jets.pt

    dualak.jvp(func, columns.array(), {"pt": ONES})
    assert seen[0] <= {"offsets"}


class Spoiled:
    """Numbers that become NaN as soon as nobody holds the object that gave them."""

    memory = []  # noqa: RUF012

    def __init__(self, numbers):
        self.numbers = numbers.copy()
        self.memory.append(self.numbers)
        self.__array_interface__ = self.numbers.__array_interface__

    def __del__(self):
        self.numbers.fill(np.nan)


def test_column_that_awkward_does_not_keep_is_held():
    form, length, buffers = ak.to_buffers(ak.Array(np.arange(4.0)))
    lazy = {key: (lambda: np.asarray(Spoiled(np.arange(4.0)))) for key in buffers}
    x = ak.from_buffers(form, length, lazy, enable_virtualarray_caching=False)
    y, dy = dualak.jvp(lambda x: x[::-1] * 2.0, x, ak.Array(np.ones(4)))
    assert y.to_list() == [6.0, 4.0, 2.0, 0.0]
    assert dy.to_list() == [2.0] * 4


def test_tangent_that_awkward_does_not_keep_is_held():
    form, length, buffers = ak.to_buffers(ak.Array(np.arange(4.0)))
    lazy = {key: (lambda: np.asarray(Spoiled(np.arange(4.0)))) for key in buffers}
    t = ak.from_buffers(form, length, lazy, enable_virtualarray_caching=False)
    _, dy = dualak.jvp(lambda x: x[::-1] * 2.0, ak.Array(np.ones(4)), t)
    assert dy.to_list() == [6.0, 4.0, 2.0, 0.0]


def test_zero_tangents_are_zero():
    """Many of them, so that memory which nobody held would have been used again."""
    x = np.linspace(1.5, 9.5, 1000)
    results = [dualak.jvp(np.floor, x, np.ones(1000)) for _ in range(10)]
    for y, dy in results:
        np.testing.assert_array_equal(y, np.floor(x))
        assert not dy.any()


# -- letting go -----------------------------------------------------------------------------------


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", ONE_PASS)
def test_graph_dies_with_the_call(name):
    func, make = ONE_PASS[name]
    refs = []

    def noting(x):
        refs.append(weakref.ref(current_graph.get()))
        numbers = map(number_of, duals_in(x.layout))
        refs.extend(weakref.ref(node) for number in numbers for node in components(number))
        return func(x)

    x = make()
    result = dualak.jvp(noting, x, ones_like(x))
    gc.collect()
    assert len(refs) >= 3
    assert [ref() for ref in refs] == [None] * len(refs)
    assert len(result) == 2


def test_graph_dies_with_a_call_that_fails():
    refs = []

    def failing(x):
        refs.append(weakref.ref(current_graph.get()))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        dualak.jvp(failing, lists(), ak.ones_like(lists()))
    gc.collect()
    assert refs[0]() is None
    assert current_graph.get() is None


def nodes_alive():
    gc.collect()
    return sum(type(one) is Node for one in gc.get_objects())


def test_calls_leave_no_nodes_behind():
    x = lists()
    before = nodes_alive()
    kept = [dualak.jvp(norms, x, ak.ones_like(x)) for _ in range(3)]
    assert nodes_alive() == before
    assert len(kept) == 3


def test_results_outlive_the_call():
    x = np.arange(1.0, 50_000.0)
    y, dy = dualak.jvp(lambda x: np.log(x) * 2.0, x, np.ones_like(x))
    for _ in range(5):
        dualak.jvp(np.exp, -x, np.ones_like(x))
    np.testing.assert_allclose(y, 2.0 * np.log(x), rtol=1e-15)
    np.testing.assert_allclose(dy, 2.0 / x, rtol=1e-15)


# -- random programs ------------------------------------------------------------------------------

#: Functions that keep numbers of at most 1 so, if the result is multiplied by the factor.
UNARY = {
    "negative": 1.0,
    "absolute": 1.0,
    "sin": 1.0,
    "cos": 1.0,
    "tan": 0.6,
    "sinh": 0.8,
    "cosh": 0.6,
    "tanh": 1.0,
    "arctan": 1.0,
    "arcsinh": 1.0,
    "exp": 0.35,
    "exp2": 0.5,
    "expm1": 0.5,
    "square": 1.0,
}
BINARY = {
    "add": 0.5,
    "subtract": 0.5,
    "multiply": 1.0,
    "maximum": 1.0,
    "minimum": 1.0,
    "logaddexp": 0.5,
}
EXACT = ("negative", "absolute", "maximum", "minimum")
NUMPY = {"sum": np.sum, "prod": np.prod, "min": np.min, "max": np.max}


@dataclass
class Pair:
    """A node and the numbers it should have; ``exact`` if it has them to the last bit."""

    node: Node
    numbers: np.ndarray
    exact: bool = False


class RandomProgram:
    """Operations on nodes and on NumPy arrays side by side; only lengths have to fit."""

    def __init__(self, seed, lengths):
        self.rng = np.random.default_rng(seed)
        self.graph = Graph()
        self.lengths = lengths
        self.pool = [self.leaf(length) for length in lengths for _ in range(2)]
        self.indexes = [self.index(a, b) for a in lengths for b in lengths if a or not b]
        self.offsets = [self.lists(a, b) for a in lengths for b in lengths for _ in range(2)]

    def buffer(self, numbers):
        return self.graph.buffer(numbers)

    def leaf(self, length):
        numbers = self.rng.integers(-8, 9, length) / 8.0
        if self.rng.random() < 0.3:
            single = self.buffer(numbers.astype(np.float32))
            return Pair(self.graph.cast(single, np.float64), numbers, True)
        return Pair(self.buffer(numbers), numbers, True)

    def index(self, source, target):
        index = self.rng.integers(0, max(source, 1), target)
        return source, self.buffer(index), index

    def lists(self, content, count):
        """Offsets that often leave out both ends of the content, and often repeat."""
        ends = np.sort(self.rng.integers(0, content + 1, count + 1))
        if self.rng.random() < 0.5:
            ends[0], ends[-1] = 0, content if count else 0
        return content, self.buffer(ends), ends

    def pick(self, length=None, scalars=True):
        """A pair of the pool, most often a new one."""
        found = [one for one in self.pool if self.fits(one, length, scalars)]
        return found[min(int(self.rng.exponential(6)), len(found) - 1) * -1 - 1]

    def fits(self, one, length, scalars):
        own = one.node.length
        return (scalars and own is None) or (own is not None and length in (None, own))

    def choose(self, table):
        return list(table)[self.rng.integers(len(table))]

    # -- steps: each adds a pair or more to the pool --

    def unary(self):
        name, x = self.choose(UNARY), self.pick()
        names = {"sin": ("sin", "cos"), "cosh": ("cosh", "sinh")}.get(name, (name,))
        for one in names:
            self.add_scaled(one, UNARY[one], x)

    def binary(self):
        name, x = self.choose(BINARY), self.pick()
        y = self.pick(x.node.length) if self.rng.random() < 0.8 else self.constant()
        args = (x, y) if self.rng.random() < 0.5 else (y, x)
        self.add_scaled(name, BINARY[name], *args)

    def constant(self):
        number = self.choose([0.0, -0.0, 1.0, -1.0, 0.25])
        return Pair(self.graph.constant(number, np.dtype(float)), np.float64(number), True)

    def add_scaled(self, name, factor, *args):
        numbers = getattr(np, name)(*(one.numbers for one in args)) * factor
        node = self.graph.apply(name, *(one.node for one in args)) * factor
        exact = name in EXACT and all(one.exact for one in args)
        self.pool.append(Pair(node, numbers, exact))

    def select(self):
        x = self.pick()
        y = self.pick(x.node.length)
        chosen = self.exact_of(y.node.length if x.node.length is None else x.node.length)
        condition = self.graph.apply(
            "greater", chosen.node, self.graph.constant(0.0, np.dtype(float))
        )
        node = self.graph.apply("select", condition, x.node, y.node)
        self.pool.append(Pair(node, np.where(chosen.numbers > 0, x.numbers, y.numbers)))

    def exact_of(self, length):
        found = [one for one in self.pool if one.exact and self.fits(one, length, False)]
        return found[self.rng.integers(len(found))]

    def take(self):
        source, node, index = self.indexes[self.rng.integers(len(self.indexes))]
        x = self.pick(source, scalars=False)
        taken = self.graph.take(x.node, node)
        self.pool.append(Pair(taken, x.numbers[index] if len(index) else x.numbers[:0], x.exact))

    def scalar(self):
        if any(self.lengths):
            x = self.pick(max(self.lengths), scalars=False)
            at = int(self.rng.integers(len(x.numbers)))
            one = self.graph.take(x.node, self.buffer(np.array([at])))
            self.pool.append(Pair(self.graph.scalar(one), x.numbers[at], x.exact))

    def spread(self):
        x, length = self.pick(), self.choose(self.lengths)
        if x.node.length is None:
            node = self.graph.spread(x.node, length)
            self.pool.append(Pair(node, np.full(length, x.numbers), x.exact))

    def reduce(self):
        content, node, ends = self.offsets[self.rng.integers(len(self.offsets))]
        x, name = self.pick(content, scalars=False), self.choose(REDUCTIONS)
        numbers = [
            NUMPY[name](x.numbers[a:b]) if b > a else REDUCTIONS[name].identity
            for a, b in itertools.pairwise(ends)
        ]
        reduced = self.graph.segment(name, (x.node,), node)
        exact = x.exact and name in ("min", "max")
        self.add_bounded(name, reduced, np.array(numbers, float), exact)

    def reduce_tangents(self):
        content, node, ends = self.offsets[self.rng.integers(len(self.offsets))]
        name = self.choose(["prod", "min", "max"])
        x, t = self.exact_of(content), self.pick(content, scalars=False)
        numbers = [
            list_tangent(name, x.numbers[a:b], t.numbers[a:b]) for a, b in itertools.pairwise(ends)
        ]
        reduced = self.graph.segment(f"{name}_jvp", (x.node, t.node), node)
        self.add_bounded("sum", reduced, np.array(numbers, float), False)

    def add_bounded(self, name, node, numbers, exact):
        if name == "sum":
            self.pool.append(Pair(self.graph.apply("tanh", node), np.tanh(numbers)))
            return
        one = self.graph.constant(1.0, np.dtype(float))
        clipped = self.graph.apply("minimum", self.graph.apply("maximum", node, -one), one)
        self.pool.append(Pair(clipped, np.clip(numbers, -1.0, 1.0), exact))

    def compute_some(self):
        compute([self.pick().node for _ in range(self.rng.integers(1, 4))])

    STEPS = (
        *[unary, unary, unary, binary, binary, binary, select, take, take, scalar, spread],
        *[reduce, reduce, reduce_tangents],
    )

    def grow(self, steps):
        for _ in range(steps):
            self.STEPS[self.rng.integers(len(self.STEPS))](self)
            if self.rng.random() < 0.04:
                self.compute_some()

    def check(self):
        """Computes half of the pool together, then the rest, and compares all of it."""
        order = self.rng.permutation(len(self.pool))
        half = len(order) // 2
        for part in (order[:half], order[half:]):
            compute([self.pool[i].node for i in part])
        for pair in self.pool:
            self.compare(pair)

    def compare(self, pair):
        length = pair.node.length
        shape = (1,) if length is None else (length,)
        want = np.broadcast_to(pair.numbers, shape)
        assert pair.node.data.shape == shape
        if pair.exact:
            np.testing.assert_array_equal(pair.node.data, want)
        np.testing.assert_allclose(
            pair.node.data, want, rtol=1e-9, atol=1e-9, err_msg=str(pair.node)
        )


def list_tangent(name, x, t):
    """The derivative of one list's reduction, from its definition."""
    if not len(x):
        return 0.0
    if name == "prod":
        return sum(np.prod(x[:i]) * t[i] * np.prod(x[i + 1 :]) for i in range(len(x)))
    return t[x == NUMPY[name](x)].mean()


LENGTHS = {
    "few": (3, 5),
    "equal numbers of lists and elements": (6,),
    "one and none": (1, 0, 4),
    "nothing at all": (0,),
    "some": (40, 17, 60),
}


@pytest.mark.one_in(10)
@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
def test_random_program_equals_numpy(lengths, seed):
    program = RandomProgram([seed, *lengths], lengths)
    program.grow(40)
    program.check()


@pytest.fixture
def tiny_blocks(monkeypatch):
    """Blocks, pieces of lists and shares of threads so small that little data has many of each."""
    monkeypatch.setattr(cpu, "BLOCK", 8)
    monkeypatch.setattr(cpu, "PARALLEL_FROM", 16)
    monkeypatch.setattr(segments, "SEGMENT_LIMIT", 8)


@pytest.mark.one_in(10)
@pytest.mark.usefixtures("tiny_blocks")
@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
def test_random_program_in_tiny_blocks_equals_numpy(lengths, seed):
    program = RandomProgram([seed, *lengths, 1], lengths)
    program.grow(40)
    program.check()


@pytest.mark.one_in(6)
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("lengths", [(1025, 3000), (2048,), (40_000, 1000)], ids=str)
def test_random_program_over_many_blocks_equals_numpy(lengths, seed):
    program = RandomProgram([seed, *lengths], lengths)
    program.grow(25)
    program.check()


def test_random_programs_reach_every_kind_of_node():
    program = RandomProgram(11, (3, 5, 40))
    program.grow(600)
    ops = {
        step.node.op for one in passes([pair.node for pair in program.pool]) for step in one.steps
    }
    kinds = {"take", "scalar", "spread", "cast", "select", "segment:prod_jvp", "segment:max_jvp"}
    assert kinds | {f"segment:{name}" for name in REDUCTIONS} | set(BINARY) <= ops
    assert max(one.stage for one in passes([pair.node for pair in program.pool])) >= 4


# -- shapes that random programs might miss -------------------------------------------------------


def test_two_offsets_over_the_same_content():
    graph = Graph()
    numbers = np.arange(12.0)
    x = graph.apply("negative", graph.buffer(numbers))
    one, other = graph.buffer(np.array([0, 4, 12])), graph.buffer(np.array([0, 1, 2, 12]))
    a, b = graph.segment("sum", (x,), one), graph.segment("sum", (x,), other)
    compute([a, b, x])
    assert a.data.tolist() == [-6.0, -60.0]
    assert b.data.tolist() == [0.0, -1.0, -65.0]
    assert x.data.tolist() == (-numbers).tolist()


def test_two_offsets_with_as_many_lists():
    graph = Graph()
    x = graph.buffer(np.arange(12.0))
    one, other = graph.buffer(np.array([0, 4, 12])), graph.buffer(np.array([0, 10, 12]))
    result = graph.segment("sum", (x,), one) * graph.segment("max", (x,), other)
    compute([result])
    assert result.data.tolist() == [6.0 * 9.0, 60.0 * 11.0]


def test_result_of_lists_with_a_buffer_per_list():
    graph = Graph()
    x, scale = graph.buffer(np.arange(5000.0)), graph.buffer(np.array([2.0, 3.0, 5.0]))
    offsets = graph.buffer(np.array([0, 10, 10, 3000]))
    result = graph.segment("sum", (x,), offsets) * scale + scale
    assert len(passes([result])) == 1
    compute([result])
    assert result.data.tolist() == [92.0, 3.0, 5.0 * (sum(range(10, 3000)) + 1)]


def test_as_many_lists_as_elements():
    graph = Graph()
    x, y = graph.buffer(np.array([1.0, 2.0, 3.0])), graph.buffer(np.array([10.0, 20.0, 30.0]))
    offsets = graph.buffer(np.array([0, 0, 3, 3]))
    total = graph.segment("sum", (x + y,), offsets)
    results = [total * x, total + y, (x + y) * total]
    compute(results)
    assert [one.data.tolist() for one in results] == [
        [0.0, 132.0, 0.0],
        [10.0, 86.0, 30.0],
        [0.0, 1452.0, 0.0],
    ]


def test_scalar_of_a_reduction_scales_the_elements():
    graph = Graph()
    x = graph.buffer(np.arange(1.0, 5000.0))
    offsets = graph.buffer(np.array([0, 2000]))
    share = x / graph.scalar(graph.segment("sum", (x,), offsets))
    compute([share])
    np.testing.assert_allclose(share.data, np.arange(1.0, 5000.0) / 2_001_000.0, rtol=1e-15)


def test_elements_outside_all_lists_are_computed():
    graph = Graph()
    x = graph.apply("sin", graph.buffer(np.arange(9000.0)))
    total = graph.segment("sum", (x,), graph.buffer(np.array([4000, 4500])))
    compute([x, total])
    np.testing.assert_allclose(x.data, np.sin(np.arange(9000.0)), rtol=1e-14)
    np.testing.assert_allclose(total.data, [np.sin(np.arange(4000.0, 4500.0)).sum()], rtol=1e-12)


# -- threads and processes ------------------------------------------------------------------------


def everything(seed=0, size=40_000):
    """A jvp with a gather, a reduction and large buffers, as a digest of its bits."""
    x = lists(seed, size)
    y, dy = dualak.jvp(lambda x: np.sin(x) * ak.sum(sine_chain(x), axis=1), x, 0.5 * x)
    return digest(y, dy)


def digest(*arrays):
    found = hashlib.sha256()
    for array in arrays:
        found.update(ak.flatten(array, axis=None).to_numpy().tobytes())
    return found.hexdigest()


def test_results_are_reproducible_to_the_bit():
    assert len({everything() for _ in range(5)}) == 1
    assert everything(0) != everything(1)


@pytest.mark.parametrize("cores", [1, 2, 3, 7])
def test_results_do_not_depend_on_the_number_of_threads(monkeypatch, cores):
    want = everything()
    monkeypatch.setattr("dualak.device.cores", lambda: cores)
    assert everything() == want


@pytest.mark.in_full
@pytest.mark.one_in(2)
@pytest.mark.parametrize("number", ["1", "2"])
def test_results_do_not_depend_on_the_environment(number):
    command = "from tests.engine import test_schedule; print(test_schedule.everything())"
    environment = os.environ | {"DUALAK_NUM_THREADS": number, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert done.stdout.strip() == everything()


def in_threads(work, number):
    """What ``work`` gives in each of some threads that start at the same time."""
    results, start = [None] * number, threading.Barrier(number)

    def one(i):
        start.wait()
        results[i] = work(i)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    return results


@pytest.mark.parametrize("size", [100, 20_000])
def test_python_threads_do_not_disturb_each_other(size):
    want = [everything(seed, size) for seed in range(6)]
    assert in_threads(lambda i: [everything(i, size) for _ in range(4)], 6) == [
        [one] * 4 for one in want
    ]


def test_each_thread_has_a_graph_of_its_own():
    meeting = threading.Barrier(3)

    def func(x):
        meeting.wait(timeout=60)
        func.graphs.append(current_graph.get())
        meeting.wait(timeout=60)
        return np.sin(x)

    func.graphs = []
    x = lists()
    results = in_threads(lambda i: digest(*dualak.jvp(func, x, ak.ones_like(x))), 3)
    assert len({id(graph) for graph in func.graphs}) == 3
    assert len(set(results)) == 1
    assert results[0] is not None


def test_threads_share_one_input_and_one_graph():
    graph = Graph()
    x = graph.buffer(np.linspace(0.0, 1.0, 40_000))
    shared = graph.apply("sin", x)
    nodes = [shared * float(i) + shared for i in range(2, 8)]
    in_threads(lambda i: compute([nodes[i]]), 6)
    for i, node in enumerate(nodes):
        np.testing.assert_allclose(node.data, np.sin(x.data) * (i + 3.0), rtol=1e-14)


def test_context_copied_inside_a_call_knows_its_graph():
    x = lists()
    y, _ = dualak.jvp(lambda x: contextvars.copy_context().run(np.sin, x), x, ak.ones_like(x))
    np.testing.assert_allclose(ak.flatten(y), np.sin(ak.flatten(x)), rtol=1e-15)


def fork_and_compute(sender):
    sender.send(everything())


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="the system cannot fork"
)
def test_forked_process_computes():
    want = everything()
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=fork_and_compute, args=(sender,))
    with warnings.catch_warnings():
        # Python, and JAX where it is loaded, warn of forks of processes with threads, which is what
        # this test is about.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        process.start()
    answered = receiver.poll(60)
    if not answered:
        process.kill()
    process.join(60)
    assert answered, "the forked process hangs"
    assert receiver.recv() == want
    assert everything() == want


# -- functions that are not ours ------------------------------------------------------------------


def test_a_call_stands_between_passes_and_is_made_once():
    graph = Graph()
    x = graph.buffer(np.array([3.0, 1.0, 2.0]))
    calls = []

    def ordered(numbers):
        calls.append(numbers.copy())
        return np.sort(numbers)

    called = graph.call(ordered, (x * x,), np.float64, 3)
    assert graph.call(ordered, (x * x,), np.float64, 3) is called
    result = called + x
    gathered = graph.take(called, graph.buffer(np.array([2, 2])))
    compute([result, gathered])
    assert [one.tolist() for one in calls] == [[9.0, 1.0, 4.0]]
    assert result.data.tolist() == [4.0, 5.0, 11.0]
    assert gathered.data.tolist() == [9.0, 9.0]


def test_a_call_that_gives_another_length_raises():
    graph = Graph()
    called = graph.call(np.unique, (graph.buffer(np.array([1.0, 1.0])),), np.float64, 2)
    with pytest.raises(ValueError, match="2 numbers"):
        compute([called])


def test_a_call_of_scalars_gives_a_scalar():
    graph = Graph()
    scalar = graph.scalar(graph.buffer(np.array([2.0])))
    called = graph.call(np.negative, (scalar,), np.float64, None)
    result = called + graph.buffer(np.array([1.0, 5.0]))
    compute([result])
    assert result.data.tolist() == [-1.0, 3.0]
