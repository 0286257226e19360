"""Entry points in machine code: to the bit what the plan gives, from any thread, and no leak."""

from __future__ import annotations

import ctypes
import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import awkward as ak
import numpy as np
import pytest

import dualak
from dualak import device
from dualak.engine.plan import Plan
from dualak.engine.realize import counts
from dualak.executors.cpu import executor as cpu
from dualak.executors.cpu import sweeps
from dualak.graph import segments
from dualak.graph.graph import Graph
from dualak.rules import OUTPUTS, RULES, UNKNOWN, find
from dualak.tracing.arguments import flat
from tests.engine.test_schedule import LENGTHS, Pair, RandomProgram
from tests.support import depth


def assert_same_bits(got, want):
    assert [(one.dtype, one.shape) for one in got] == [(one.dtype, one.shape) for one in want]
    for one, other in zip(got, want, strict=True):
        assert one.tobytes() == other.tobytes()


def assert_entry_gives_what_the_plan_gives(plan, buffers):
    entry = plan.native()
    assert_same_bits(entry.run(buffers), plan.run_passes(buffers))
    other = [one * one.dtype.type(0.75) for one in buffers]
    assert_same_bits(entry.run(other), plan.run_passes(other))


def recorded(func, x, t):
    """The plan of value and tangent, and the buffers that it was recorded with."""
    compiled = dualak.compile(func, check=False)
    compiled.jvp(x, t)
    given = flat(x, t)
    (recording,) = compiled._recordings
    return recording.plan, [*given.numbers, *(one for one in given.tangents if one is not None)]


# -- the rules ------------------------------------------------------------------------------------

NAMES = [name for name in (*RULES, *OUTPUTS) if hasattr(np, name)]


def of_floats(name):
    """Which arguments of a function are floating-point numbers."""
    return [i for i in range(getattr(np, name).nin) if (name, i) != ("ldexp", 1)]


def domain(name):
    rule = find(name) or OUTPUTS[name][0]
    return rule.domain, [partial != UNKNOWN for partial in rule.partials]


@pytest.mark.one_in(4)
@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["double", "single"])
@pytest.mark.parametrize("name", NAMES)
def test_each_rule(name, dtype):
    rng = np.random.default_rng(5)
    intervals, _ = domain(name)
    x = [rng.uniform(*one, 1100).astype(dtype) for one in intervals]
    t = [rng.normal(size=1100).astype(dtype) for _ in intervals]
    if name == "ldexp":
        x[1], t[1] = rng.integers(-3, 4, 1100), None
    plan, buffers = recorded(getattr(np, name), tuple(map(ak.Array, x)), tuple(map(array, t)))
    assert len(buffers) == 2 * len(of_floats(name))
    assert_entry_gives_what_the_plan_gives(plan, buffers)


def array(one):
    return None if one is None else ak.Array(one)


# -- programs -------------------------------------------------------------------------------------


def lists(seed, size=4000, high=2.0):
    rng = np.random.default_rng(seed)
    counts = rng.poisson(4, size)
    return ak.unflatten(rng.uniform(0.5, high, counts.sum()), counts)


def jets(seed):
    pt, eta, phi = lists(seed, high=90.0), lists(seed), lists(seed)
    return ak.zip({"pt": pt, "eta": eta, "phi": phi})


def masses(jets):
    a, b = ak.unzip(ak.combinations(jets, 2))
    return np.sqrt(2 * a.pt * b.pt * (np.cosh(a.eta - b.eta) - np.cos(a.phi - b.phi)))


def histogram(x):
    centres = np.linspace(0.5, 2.0, 12)
    weights = np.exp(-0.5 * ((ak.flatten(x)[:, np.newaxis] - centres[np.newaxis]) / 0.2) ** 2)
    return ak.sum(weights, axis=0)


PROGRAMS = {
    "chain of reversed lists": (lambda x: np.sin(x[::-1] ** 2) * np.exp(-x[::-1]), lists),
    "norms of lists": (lambda x: np.sqrt(ak.sum(x**2, axis=1)), lists),
    "products of lists": (lambda x: ak.prod(x, axis=1), lists),
    "masses of pairs": (masses, jets),
    "largest of them": (lambda x: ak.max(masses(x), axis=1, mask_identity=False), jets),
    "normalised": (lambda x: np.exp(x / ak.sum(x, axis=1)), lists),
    "deviations from all": (lambda x: np.sqrt(ak.sum((x - ak.mean(x)) ** 2, axis=1)), lists),
    "sum of all": (lambda x: ak.sum(np.sin(x)), lists),
    "columns": (histogram, lists),
    "one column": (
        lambda x: ak.sum(np.sin(x[:, np.newaxis][:, :1]), axis=0),
        lambda seed: ones(seed),
    ),
    "several results": (
        lambda x: {"x": x, "y": (x * 2.0, x * 2.0, x > 1.0), "z": ak.num(x)},
        lists,
    ),
    "what is nothing": (lambda x: np.sin(x), lambda seed: lists(seed, 0)),
    "empty lists": (lambda x: np.sqrt(ak.sum(x[:, :0], axis=1)), lists),
}


def ones(seed):
    return ak.Array(np.random.default_rng(seed).normal(size=9000))


def like(x, seed):
    """Random tangents of the structure of x."""
    rng = np.random.default_rng(seed)
    if x.fields:
        return ak.zip({name: like(x[name], seed + i) for i, name in enumerate(x.fields)})
    if x.ndim == 1:
        return ak.Array(rng.normal(size=len(x)))
    return ak.unflatten(rng.normal(size=ak.count(x)), ak.num(x))


@pytest.mark.one_in(2)
@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["double", "single"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_each_program(name, dtype):
    func, make = PROGRAMS[name]
    x, t = (ak.values_astype(one, dtype) for one in (make(0), like(make(0), 1)))
    assert_entry_gives_what_the_plan_gives(*recorded(func, (x,), (t,)))


@pytest.fixture
def tiny_blocks(monkeypatch):
    """Blocks and shares so small that little data has many of each, for two threads."""
    monkeypatch.setattr(cpu, "BLOCK", 8)
    monkeypatch.setattr(cpu, "PARALLEL_FROM", 16)
    monkeypatch.setattr(segments, "SEGMENT_LIMIT", 8)
    monkeypatch.setattr(device, "cores", lambda: 2)


@pytest.mark.usefixtures("tiny_blocks")
@pytest.mark.parametrize("name", PROGRAMS)
def test_each_program_in_tiny_blocks(name):
    func, make = PROGRAMS[name]
    plan, buffers = recorded(func, (make(0),), (like(make(0), 1),))
    assert_entry_gives_what_the_plan_gives(plan, buffers)
    assert_same_bits(helped(plan.native(), buffers), plan.run_passes(buffers))


def test_several_directions_share_a_pass():
    graph, rng = Graph(), np.random.default_rng(0)
    x, *t = (graph.input(np.float64, 5000) for _ in range(9))
    ends = graph.buffer(np.arange(0, 5001, 50))
    slope = graph.apply("cos", x)
    sums = [graph.segment("sum", (slope * one,), ends) for one in t]
    plan = Plan([graph.apply("sin", x), *sums], [x, *t])
    assert_entry_gives_what_the_plan_gives(plan, [rng.normal(size=5000) for _ in range(9)])


def test_directions_lie_one_after_another_in_a_buffer():
    graph, rng = Graph(), np.random.default_rng(0)
    x, *t = (graph.input(np.float64, 700) for _ in range(4))
    roots = [x, *(graph.apply("cos", x) * one for one in t), t[1], t[1], graph.apply("exp", t[2])]
    plan = Plan(roots, [x, *t])
    entry = plan.native(inputs=(1, 3), results=(1, 3, 2, 1))
    buffers = [rng.normal(size=700), rng.normal(size=2100)]
    want = plan.run_passes([buffers[0], *buffers[1].reshape(3, 700)])
    joined = [want[0], np.concatenate(want[1:4]), np.concatenate(want[4:6]), want[6]]
    assert_same_bits(entry.run(buffers), joined)
    assert plan.native((1, 3), (1, 3, 2, 1)) is entry
    assert plan.native() is not entry


@pytest.mark.parametrize("inputs", [(), (1,), (2,), (1, 1, 1), (1, 0, 1)], ids=str)
def test_groups_that_do_not_fit_are_refused(inputs):
    graph = Graph()
    x, y = graph.input(np.float64, 3), graph.input(np.float64, 1)
    plan = Plan([x * graph.scalar(y)], [x, y])
    with pytest.raises(ValueError, match="expected groups of 2 buffers that are alike"):
        plan.native(inputs=inputs)


class RandomPlan(RandomProgram):
    """A random program whose leaves are inputs."""

    def __init__(self, seed, lengths):
        self.inputs, self.numbers = [], []
        super().__init__(seed, lengths)

    def leaf(self, length):
        dtype = self.choose([np.float64, np.float64, np.float32])
        numbers = self.rng.integers(-8, 9, length) / 8.0
        self.inputs.append(self.graph.input(dtype, length))
        self.numbers.append(numbers.astype(dtype))
        return Pair(self.graph.cast(self.inputs[-1], np.float64), numbers, True)

    def compute_some(self):
        """Inputs have no numbers yet."""


@pytest.mark.one_in(2)
@pytest.mark.usefixtures("tiny_blocks")
@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("lengths", [*LENGTHS.values(), (300, 50)], ids=str)
def test_random_plans(lengths, seed):
    program = RandomPlan([seed, *lengths, 2], lengths)
    program.grow(30)
    roots = [program.pool[i].node for i in program.rng.integers(0, len(program.pool), 12)]
    plan = Plan(roots, program.inputs)
    want = plan.run_passes(program.numbers)
    assert_same_bits(plan.native().run(program.numbers), want)
    assert_same_bits(helped(plan.native(), program.numbers), want)


# -- roots and inputs that are nothing but buffers ------------------------------------------------


def test_roots_that_are_not_computed_are_copied():
    graph = Graph()
    x, unused = graph.input(np.float64, 3), graph.input(np.float32, 2)
    fixed = graph.apply("sin", graph.buffer(np.array([0.5, 1.0])))
    square = x * x
    plan = Plan([x, square, fixed, unused, square, x, graph.constant(2.0, np.float32)], [x, unused])
    buffers = [np.array([1.0, -2.0, 3.0]), np.array([4.0, 5.0], np.float32)]
    got = plan.native().run(buffers)
    assert_same_bits(got, plan.run_passes(buffers))
    assert len({device.address(one) for one in [*got, *buffers]}) == 9


def test_nodes_that_are_computed_later_stay_results():
    """A buffer that a node gets after the plan was made is no constant of the plan."""
    graph = Graph()
    x = graph.variable(np.array([1.0, 2.0, 3.0]))
    square = x * x
    plan = Plan([square], [x])
    square.finish(np.array([7.0, 7.0, 7.0]))
    assert plan.native().run([np.array([2.0, 3.0, 4.0])])[0].tolist() == [4.0, 9.0, 16.0]
    assert square.data.tolist() == [7.0, 7.0, 7.0]


def test_scalars_of_all_sizes():
    graph = Graph()
    single, double = graph.input(np.float32, None), graph.input(np.float64, None)
    x = graph.input(np.float64, 700)
    chosen = graph.apply("greater", double, graph.constant(0.0, np.float64))
    scaled = graph.apply("select", chosen, x * double, -x)
    plan = Plan([scaled, graph.cast(single, np.float64) * x, chosen], [single, double, x])
    for sign in (1.0, -1.0):
        buffers = [np.array([1.5], np.float32), np.array([2.5 * sign]), np.linspace(-1, 1, 700)]
        assert_same_bits(plan.native().run(buffers), plan.run_passes(buffers))


def squares(length=3):
    graph = Graph()
    x = graph.input(np.float64, length)
    return Plan([x * x], [x])


def test_an_entry_is_made_once():
    plan = squares()
    assert plan.native() is plan.native()


def test_a_plan_that_calls_python_has_no_entry():
    graph = Graph()
    x = graph.input(np.float64, 3)
    assert Plan([graph.call(np.cumsum, (x,), x.dtype, 3)], [x]).native() is None


def test_a_plan_of_another_executor_has_no_entry():
    graph = Graph()
    x = graph.input(np.float64, 3)
    assert Plan([x * x], [x], prepare=lambda program: program).native() is None


@pytest.mark.parametrize(
    "buffers", [[], [np.ones(2)], [np.ones(3, np.float32)], [np.ones(3), np.ones(3)]], ids=len
)
def test_other_buffers_are_refused(buffers):
    with pytest.raises(ValueError, match=r"expected buffers \[\('float64', 3\)\], got"):
        squares().native().run(buffers)


def test_no_memory_is_an_error():
    entry = squares().native()
    words = entry._kept[-1]
    words[sweeps.ARENA] = 2**62
    with pytest.raises(MemoryError, match="expected memory"):
        entry.run([np.ones(3)])


# -- threads --------------------------------------------------------------------------------------

THREADED = {"columns": histogram, "norms": PROGRAMS["norms of lists"][0]}


@pytest.mark.parametrize("name", THREADED)
def test_eight_threads_at_once(name):
    x = lists(0, 12_000)
    plan, _ = recorded(THREADED[name], (x,), (like(x, 1),))
    entry = plan.native()
    rng = np.random.default_rng(0)
    given = [[rng.uniform(0.5, 2.0, one.length) for one in entry.inputs] for _ in range(8)]
    want = [plan.run_passes(one) for one in given]
    start = threading.Barrier(8)

    def work(i):
        start.wait()
        return [entry.run(given[i]) for _ in range(20)]

    with ThreadPoolExecutor(8) as pool:
        for got, one in zip(pool.map(work, range(8)), want, strict=True):
            for again in got:
                assert_same_bits(again, one)


class Helpers:
    """A pool of threads as a caller has it: tasks go to ``begin``, which may refuse them."""

    STRUCTURE = 3

    def __init__(self, begin):
        self._begin = begin
        self.structure = np.zeros(self.STRUCTURE, np.int64)
        self._function = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(self._schedule)
        self.words = np.zeros(sweeps.POOL_WORDS, np.int64)
        self.words[sweeps.FUNCTION] = ctypes.cast(self._function, ctypes.c_void_p).value
        self.words[sweeps.STRUCTURE] = device.address(self.structure)
        self.words[sweeps.TASK], self.words[sweeps.ARGUMENT] = 2, 1

    def _schedule(self, structure):
        assert structure == device.address(self.structure)
        _, argument, task = self.structure.tolist()
        return self._begin(ctypes.CFUNCTYPE(None, ctypes.c_int64)(task), argument)


def run_with(entry, buffers, helpers):
    made = [device.empty(one.length, one.dtype) for one in entry.results]
    addresses = np.array([device.address(one) for one in (*buffers, *made)], np.int64)
    function = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 3)(entry.function)
    assert (
        function(entry.context, device.address(addresses), device.address(helpers.words))
        == sweeps.DONE
    )
    return made


def helped(entry, buffers):
    """What an entry gives with the help of a thread for each task."""
    threads = []

    def begin(task, argument):
        threads.append(threading.Thread(target=task, args=(argument,)))
        threads[-1].start()
        return 0

    made = run_with(entry, buffers, Helpers(begin))
    for thread in threads:
        thread.join()
    return made


def long_plan(monkeypatch, threads=4):
    monkeypatch.setattr(device, "cores", lambda: threads)
    x = lists(0, 12_000)
    return recorded(histogram, (x,), (like(x, 1),))


def test_helpers_change_no_bit(monkeypatch):
    plan, buffers = long_plan(monkeypatch)
    want = plan.run_passes(buffers)
    for _ in range(20):
        assert_same_bits(helped(plan.native(), buffers), want)


def test_helpers_that_come_late_touch_nothing(monkeypatch):
    plan, buffers = long_plan(monkeypatch)
    late = []

    def begin(task, argument):
        late.append((task, argument))
        return 0

    made = run_with(plan.native(), buffers, Helpers(begin))
    kept = [one.copy() for one in made]
    assert len(late) >= 3
    for task, argument in late:
        task(argument)
    assert_same_bits(made, kept)
    assert_same_bits(made, plan.run_passes(buffers))


@pytest.mark.parametrize("accepted", [0, 1, 2])
def test_helpers_that_cannot_be_had_are_not_missed(monkeypatch, accepted):
    plan, buffers = long_plan(monkeypatch)
    threads = []

    def begin(task, argument):
        if len(threads) == accepted:
            return 77
        threads.append(threading.Thread(target=task, args=(argument,)))
        threads[-1].start()
        return 0

    pool = Helpers(begin)
    assert_same_bits(run_with(plan.native(), buffers, pool), plan.run_passes(buffers))
    assert pool.words[sweeps.FAILURE] == 77
    for thread in threads:
        thread.join()


def test_short_passes_ask_nobody():
    asked = []
    run_with(squares().native(), [np.ones(3)], Helpers(lambda *task: asked.append(task) or 0))
    assert not asked


# -- memory ---------------------------------------------------------------------------------------


class Usage(ctypes.Structure):
    """What the C library says of the memory that it gave out."""

    _fields_ = tuple((name, ctypes.c_size_t) for name in "abcdefghij")

    @property
    def given_out(self):
        return self.d + self.h  # in mapped pieces, and in others


@pytest.mark.one_in(2)
@pytest.mark.parametrize("helpers", [0, 3])
def test_calls_leave_no_memory_behind(monkeypatch, helpers):
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallinfo2"):
        pytest.skip("the C library does not say how much memory it gave out")
    library.mallinfo2.restype = Usage
    plan, buffers = long_plan(monkeypatch, threads=helpers + 1)
    pool = Helpers(lambda task, argument: task(argument) or 0)

    def in_use(calls):
        for _ in range(calls):
            run_with(plan.native(), buffers, pool)
        gc.collect()
        return library.mallinfo2().given_out

    calls = depth.everyday(200, 1000)
    before = in_use(10)
    assert in_use(calls) - before < calls * 8 * sweeps.TEAM_WORDS / 2


# -- replays --------------------------------------------------------------------------------------


def test_a_plan_for_one_thread_runs_without_python_from_the_second_time_on(monkeypatch):
    x, t = ak.Array([[1.0, 2.0], [], [3.0]]), ak.Array([[1.0, 0.5], [], [2.0]])
    plan, buffers = recorded(lambda x: np.sqrt(ak.sum(x**2, axis=1)), x, t)
    want, runs = plan.run_passes(buffers), []
    monkeypatch.setattr(cpu.Prepared, "run", lambda self, buffers: runs.append(buffers))
    before = counts.passes
    assert_same_bits(plan.run(buffers), want)
    assert runs == []
    assert counts.passes == before + 1


def test_results_of_two_runs_share_no_memory():
    graph = Graph()
    x = graph.input(np.float64, 3)
    plan = Plan([x, x * x, x], [x])
    given = np.array([1.0, 2.0, 3.0])
    plan.run([given])
    first, second = plan.run([given]), plan.run([given])
    for one in first:
        assert not any(np.shares_memory(one, other) for other in (given, *second))
