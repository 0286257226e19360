"""What the CUDA executor has to compute: cases by name, for the simulator and for a device alike.

Run as a program, in a process in which Numba simulates CUDA, this file runs the cases that it is
given on standard input and prints what became of each.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import sys
import threading
import time
import traceback
import warnings

import awkward as ak
import numpy as np
import pytest

import dualak
from dualak import device, extend
from dualak.device import memory
from dualak.engine import realize
from dualak.executors.cuda.operations import SPECIAL
from dualak.graph.graph import Graph
from dualak.rules import OUTPUTS, PREDICATES, REDUCTIONS, RULES
from tests.support.layouts import assert_close

CASES = {}


def case(name, *cells, into=CASES):
    """Adds a case, or one for each row of cells."""

    def add(function):
        for row in itertools.product(*cells):
            label = " ".join([name, *map(str, row)])
            into[label] = lambda row=row: function(*row)
        return function

    return add


# -- on the host and on the device ----------------------------------------------------------------


def computed(make, memory):
    """The numbers of the nodes that ``make`` gives for a graph in a memory."""
    graph = Graph(memory)
    roots = make(graph)
    realize.compute(roots)
    if memory is not device.HOST:
        assert all(device.on_device(root.data) for root in roots)
    return [device.to_host(root.data) for root in roots]


def agrees(make, rtol=1e-12, atol=1e-14):
    """The device gives what the CPU gives."""
    here = computed(make, device.HOST)
    there = computed(make, device.memory_of("cuda"))
    assert len(here) == len(there)
    for want, got in zip(here, there, strict=True):
        assert got.dtype == want.dtype
        np.testing.assert_allclose(got, want, rtol=rtol, atol=atol, equal_nan=True)


# -- every operation on every kind of number ------------------------------------------------------

INF, NAN = np.inf, np.nan
EDGES = [0.0, -0.0, 1.0, -1.0, 2.5, -2.5, 3.0, 1e-320, INF, -INF, NAN, 1e300, -0.3, 7.25]
PAIRS = [0.0, -0.0, 1.0, -2.5, 3.0, INF, -INF, NAN]

#: Operations of the graph that are no function of NumPy's name.
ORACLES = {
    "scale": lambda x, y: np.where(
        np.isnan(x * y) & ((x == 0) | (y == 0)), np.where(x == 0, x, y), x * y
    ),
    "exponent": lambda x: np.where(np.isfinite(x), np.frexp(x)[1], 0),
    "ldexp": lambda x, y: np.ldexp(x, np.clip(y, -5000, 5000).astype(np.int32)),
    "spacing": lambda x: np.where(x == 0, np.spacing(abs(x)), np.spacing(x)),
    "heaviside": np.heaviside,
}
#: NumPy takes whichever zero comes first, or last, as its vector units do.
ZEROS_OF_ANY_SIGN = ("maximum", "minimum", "fmax", "fmin")
ONE_ARGUMENT = sorted(
    {rule.name for rule in RULES.values() if not rule.library and not rule.value} | set(PREDICATES)
)
ARITY = {rule.name: len(rule.partials) for rule in RULES.values() if not rule.library}
ARITY |= {name: getattr(np, name).nin for name in PREDICATES} | {"scale": 2}
OPERATIONS = sorted({*ONE_ARGUMENT, "scale"})


def edges(op, dtype):
    """Arguments on and around all that is special; exponents are whole numbers."""
    with np.errstate(over="ignore"):
        one, two = np.array(EDGES).astype(dtype), np.array(PAIRS).astype(dtype)
    if ARITY[op] == 1:
        return [one]
    x, y = map(np.ravel, np.meshgrid(two, two))
    if op == "ldexp":
        x, y = map(np.ravel, np.meshgrid(two, np.array([0, 1, -3, 70, -1100, 9000])))
    return [x, y]


@case("operation", OPERATIONS, ("float64", "float32"))
def operation(op, dtype):
    arguments = edges(op, dtype)
    graph = Graph(device.memory_of("cuda"))
    node = graph.apply(op, *map(graph.buffer, arguments))
    realize.compute([node])
    with np.errstate(all="ignore"):
        want = ORACLES.get(op) or getattr(np, op)
        want = want(*arguments).astype(node.dtype)
    got = device.to_host(node.data)
    assert got.dtype == node.dtype
    if got.dtype.kind == "b":
        np.testing.assert_array_equal(got, want)
        return
    rtol = 8 * np.finfo(dtype).eps
    np.testing.assert_allclose(got, want, rtol=rtol, atol=np.finfo(dtype).smallest_subnormal)
    if op in ZEROS_OF_ANY_SIGN:
        return
    zeros = (want == 0) & (got == 0)
    np.testing.assert_array_equal(np.signbit(got[zeros]), np.signbit(want[zeros]))


CASTS = [
    f"{source} to {target}"
    for source in ("float64", "float32", "int64", "bool")
    for target in ("float64", "float32", "bool")
    if source != target
]


@case("cast", CASTS)
def cast(types):
    source, target = types.split(" to ")
    x = np.array([0.0, 1.0, -2.0, 3.0]).astype(source)
    agrees(lambda graph: [graph.cast(graph.buffer(x), target)])


@case("select")
def select():
    def make(graph):
        x = graph.buffer(np.array([1.0, NAN, -3.0, 0.0, 2.0]))
        flags = graph.apply("greater", x, graph.constant(0.0, np.float64))
        known = graph.buffer(np.array([True, False, True, False, True]))
        both = graph.apply("equal", flags, known)
        return [
            graph.apply("select", flags, x, -x),
            graph.apply("select", known, x, graph.constant(7.0, np.float64)),
            both,
            graph.apply("not_equal", graph.constant(True, np.bool_), flags),
        ]

    agrees(make)


@case("scalars", ("float64", "float32"))
def scalars(dtype):
    """Numbers that the host knows, and ones that only the device does."""

    def make(graph):
        x = graph.buffer(np.arange(20.0).astype(dtype))
        total = graph.scalar(graph.segment("sum", (x,), graph.buffer(np.array([0, 20]))))
        alone = graph.apply("sqrt", total)
        return [x / total, total * graph.constant(3.0, dtype), graph.spread(alone, 5), alone]

    agrees(make, rtol=1e-6 if dtype == "float32" else 1e-12)


@case("take", (1, 5, 200))
def take(size):
    def make(graph):
        rng = np.random.default_rng(size)
        x = graph.buffer(rng.normal(size=size))
        index = graph.buffer(rng.integers(0, size, 2 * size + 3))
        dear = graph.take(graph.apply("exp", x), index)
        return [graph.take(x, index) * 2.0, dear, graph.apply("sin", dear)]

    agrees(make)


@case("no elements")
def no_elements():
    agrees(lambda graph: [graph.apply("exp", graph.buffer(np.empty(0)))])


# -- lists ----------------------------------------------------------------------------------------

#: Longer than what a thread of its own, a warp and a block take at once, in the simulator.
LISTS = {
    "short": [3, 0, 1, 4, 2, 0, 5, 1, 7, 2, 3],
    "one element each": [1] * 40,
    "empty": [0] * 50,
    "long": [2, 13, 0, 40, 1, 12, 100, 3],
    "one": [30],
    "none": [],
    "mixed": [0, 25, 1, 1, 1, 0, 0, 64, 2, 0, 18, 0],
}
#: How offsets lie over the elements: elements before the first list, and behind the last one.
LYING = {"whole": (0, 0), "inside": (3, 18)}


def lists(name, lying="whole"):
    """Offsets, and as many numbers as there are elements, ties among them."""
    counts = np.array(LISTS[name], np.int64)
    before, behind = LYING[lying]
    offsets = before + np.concatenate([[0], np.cumsum(counts)])
    rng = np.random.default_rng(len(name))
    x = rng.integers(-4, 5, int(offsets[-1]) + behind) * 0.75
    return offsets, x, rng.normal(size=len(x))


@case("reduction", REDUCTIONS, LISTS, LYING)
def reduction(name, which, lying):
    """Alone, with tangents in two directions, and the tangents alone."""
    offsets, x, t = lists(which, lying)
    tangent = REDUCTIONS[name].tangent or name

    def make(graph):
        at, values = graph.buffer(offsets), graph.buffer(x)
        along = [graph.buffer(t), graph.buffer(t[::-1].copy())]
        pair = () if REDUCTIONS[name].tangent is None else (values,)
        tangents = [graph.segment(tangent, (*pair, one), at) for one in along]
        return [graph.segment(name, (values,), at), *tangents]

    agrees(make)
    agrees(lambda graph: make(graph)[1:])
    agrees(lambda graph: make(graph)[:1])


@case("reduction of single precision", REDUCTIONS)
def reduction_of_float32(name):
    offsets, x, _ = lists("mixed")

    def make(graph):
        return [graph.segment(name, (graph.buffer(x.astype(np.float32)),), graph.buffer(offsets))]

    agrees(make, rtol=1e-6)


@case("special numbers", REDUCTIONS)
def special_numbers(name):
    x = np.array([NAN, 1.0, INF, INF, -INF, 2.0, NAN, NAN, 0.0, INF, 3.0, -0.0, 4.0])
    offsets = np.array([0, 2, 4, 6, 8, 8, 10, 13])
    tangent = REDUCTIONS[name].tangent or name

    def make(graph):
        values, at = graph.buffer(x), graph.buffer(offsets)
        pair = (values,) if REDUCTIONS[name].tangent else ()
        along = graph.buffer(np.linspace(1.0, 2.0, len(x)))
        return [graph.segment(name, (values,), at), graph.segment(tangent, (*pair, along), at)]

    agrees(make)


@case("elements beside lists", LISTS, LYING)
def elements_beside_lists(which, lying):
    """Results of each element and of each list, from one pass."""
    offsets, x, t = lists(which, lying)

    def make(graph):
        at, one, two = graph.buffer(offsets), graph.buffer(x), graph.buffer(t)
        square, wave = one * one, graph.apply("sin", two)
        total, most = graph.segment("sum", (square * wave,), at), graph.segment("max", (wave,), at)
        weights = graph.buffer(np.linspace(1.0, 2.0, len(offsets) - 1))
        norm = graph.apply("sqrt", graph.apply("absolute", total))
        return [square, wave, norm, norm * weights + most, graph.apply("hypot", total, most)]

    agrees(make)


@case("repeat", LISTS)
def repeat(which):
    offsets, x, _ = lists(which)

    def make(graph):
        at, one = graph.buffer(offsets), graph.buffer(x)
        of_lists = graph.buffer(np.linspace(1.0, 2.0, len(offsets) - 1))
        mean = graph.segment("sum", (one,), at) / 3.0
        centred = one - graph.repeat(mean, at)
        return [
            graph.repeat(of_lists, at) * one,
            graph.segment("sum", (centred * centred,), at),
            graph.repeat(of_lists, at),
        ]

    agrees(make)


@case("columns", (1, 2, 5, 8, 21), (0, 1, 3, 17))
def columns(width, rows):
    """Sums over rows, of a table that is made from numbers of rows and of columns."""
    offsets = np.arange(rows + 1) * width

    def make(graph):
        at = graph.buffer(offsets)
        across = graph.tile(graph.buffer(np.linspace(-1.0, 1.0, width)), at)
        down = graph.repeat(graph.buffer(np.linspace(1.0, 3.0, rows)), at)
        bell = graph.apply("exp", -(across * down))
        total = graph.columns(bell, at, width)
        most = graph.segment("max", (bell,), at)
        return [bell, total, graph.columns(bell * across, at, width), most]

    agrees(make)
    agrees(lambda graph: make(graph)[1:3])


@case("pieces of long lists", REDUCTIONS)
def pieces(name):
    """Lists that the graph cuts up."""
    offsets, x, t = lists("mixed")
    tangent = REDUCTIONS[name].tangent

    def make(graph):
        values, at = graph.buffer(x), graph.buffer(offsets)
        pair = (values,) if tangent else ()
        return [
            graph.segment(name, (values,), at),
            graph.segment(tangent or name, (*pair, graph.buffer(t)), at),
        ]

    with limit_of_lists(8):
        agrees(make)


@contextlib.contextmanager
def limit_of_lists(limit):
    from dualak.graph import segments

    known, segments.SEGMENT_LIMIT = segments.SEGMENT_LIMIT, limit
    try:
        yield
    finally:
        segments.SEGMENT_LIMIT = known


@case("many directions", (1, 9, 60))
def many_directions(count):
    """More sums than a block of all threads has memory for."""
    offsets, x, t = lists("mixed")

    def make(graph):
        at, values = graph.buffer(offsets), graph.buffer(x)
        along = [graph.buffer(t * k) for k in range(1, count + 1)]
        return [graph.segment("max_jvp", (values, one), at) for one in along]

    agrees(make)


@case("the order of sums is fixed")
def fixed_order():
    """Bit by bit the same, for numbers whose sum depends on the order."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=300) * 10.0 ** rng.integers(-12, 12, 300)
    offsets = np.array([0, 100, 104, 104, 250, 300])

    def make(graph):
        at = graph.buffer(offsets)
        table = graph.columns(graph.buffer(x), graph.buffer(np.arange(0, 301, 3)), 3)
        return [graph.segment("sum", (graph.buffer(x),), at), table]

    first, second = (computed(make, device.memory_of("cuda")) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert one.tobytes() == other.tobytes()


# -- whole derivatives ----------------------------------------------------------------------------


def jagged(seed=0, events=8, low=0.5, high=2.0):
    rng = np.random.default_rng(seed)
    counts = rng.poisson(2, events)
    return ak.unflatten(rng.uniform(low, high, counts.sum()), counts)


def jets():
    pt = jagged(1, low=20.0, high=90.0)
    rng = np.random.default_rng(2)
    number = int(ak.sum(ak.num(pt)))
    fields = {"pt": pt}
    for name in ("eta", "phi"):
        fields[name] = ak.unflatten(rng.uniform(-2.0, 2.0, number), ak.num(pt))
    return ak.zip(fields)


def alike(got, want, rtol=1e-11, atol=1e-13):
    """Two results of one structure: arrays, numbers, or trees of them."""
    if isinstance(want, dict):
        assert got.keys() == want.keys()
        got, want = list(got.values()), list(want.values())
    if isinstance(want, (list, tuple)):
        assert len(got) == len(want)
        for both in zip(got, want, strict=True):
            alike(*both, rtol=rtol, atol=atol)
        return
    if not isinstance(want, (ak.Array, ak.Record)):
        np.testing.assert_allclose(got, want, rtol=rtol, atol=atol)
        return
    assert str(ak.type(got)) == str(ak.type(want))
    assert ak.backend(got) == ak.backend(want)
    assert_close(ak.to_list(got), ak.to_list(want), max(rtol, atol))


def same_jvp(func, x, t, rtol=1e-11):
    alike(dualak.jvp(func, x, t, device="cuda"), dualak.jvp(func, x, t), rtol)


def ones(x):
    return ak.zip({one: ak.ones_like(x[one]) for one in x.fields}) if x.fields else ak.ones_like(x)


def masses(jets):
    a, b = ak.unzip(ak.combinations(jets, 2))
    return np.sqrt(2 * a.pt * b.pt * (np.cosh(a.eta - b.eta) - np.cos(a.phi - b.phi)))


FUNCTIONS = {
    "reversed and cubed": lambda x: np.power(x[:, ::-1], 3),
    "sine chain": lambda x: np.sin(x[::-1] ** 2) * np.exp(-x[::-1]),
    "norm of each list": lambda x: np.sqrt(ak.sum(x**2, axis=1)),
    "mask by value": lambda x: x[x > 1.0][:, :2] ** 3,
    "largest": lambda x: ak.max(x, axis=1),
    "products": lambda x: ak.prod(x, axis=1),
    "sorted": lambda x: ak.sort(x, axis=1) ** 2,
    "variance": lambda x: ak.var(x, axis=None),
    "centred": lambda x: x - ak.mean(x, axis=1),
    "concatenated": lambda x: np.sqrt(ak.concatenate([x, x * 2.0], axis=1)),
    "where": lambda x: ak.where(x > 1.0, np.sqrt(x), x),
    "total": lambda x: ak.sum(x * x),
    "scalar": lambda x: x[0, 0] ** 2 + ak.max(x),
    "softmax": lambda x: ak.softmax(x, axis=-1),
    "constant beside": lambda x: x * np.arange(len(x)),
    "record of results": lambda x: {"sum": ak.sum(x, axis=1), "all": [x, x**2]},
    "missing": lambda x: ak.firsts(x) * 2.0,
    "smoothed histogram": lambda x: ak.sum(
        np.exp(-((ak.flatten(x)[:, np.newaxis] - np.linspace(0.0, 2.0, 5)[np.newaxis]) ** 2)),
        axis=0,
    ),
}


@case("jvp", FUNCTIONS)
def jvp(name):
    x = jagged()
    same_jvp(FUNCTIONS[name], x, ak.ones_like(x))


@case("jvp of single precision")
def jvp_of_float32():
    x = ak.values_astype(jagged(), np.float32)
    same_jvp(lambda x: ak.sum(np.exp(x), axis=1), x, x, rtol=1e-6)


#: Those of NumPy's functions; the exponent is a part of frexp.
NUMPYS = sorted({one for one in (*RULES, *OUTPUTS) if "." not in one} - {"exponent"})


@case("rule", NUMPYS)
def rule(name):
    """Value and tangent of every rule of NumPy's functions, at points of its domain."""
    known = OUTPUTS[name][0] if name in OUTPUTS else RULES[name]
    rng = np.random.default_rng(len(name))
    x = tuple(rng.uniform(low, high, 9) for low, high in known.domain)
    t = tuple(rng.normal(size=9) for _ in x)
    if name == "ldexp":
        x, t = (x[0], x[1].astype(np.int64)), (t[0], None)
    same_jvp(getattr(np, name), x, t)


@case("dijet masses", ("all", "largest"))
def dijet_masses(which):
    func = masses if which == "all" else lambda jets: ak.max(masses(jets), axis=1)
    x = jets()
    same_jvp(func, x, {"pt": x.pt})
    same_jvp(func, x, ones(x))


@case("NumPy arrays and numbers")
def numpy_arrays():
    x = np.linspace(0.5, 2.0, 7)
    got = dualak.jvp(lambda x, a: np.log(x) * a, (x, 2.0), (x, 1.0), device="cuda")
    want = dualak.jvp(lambda x, a: np.log(x) * a, (x, 2.0), (x, 1.0))
    assert all(isinstance(one, np.ndarray) for one in got)
    alike(got, want)
    y, dy = dualak.jvp(lambda a: a**3, 2.0, 1.0, device="cuda")
    assert (y, dy) == (8.0, 12.0)


@case("several directions")
def several_directions():
    x = jagged()
    along = dualak.Directions([ak.ones_like(x), x, np.sin(x)])
    same_jvp(lambda x: ak.max(np.exp(x), axis=1) * ak.sum(x, axis=1), x, along)


@case("second order")
def second_order():
    x = jagged()

    def slope(x):
        return dualak.jvp(lambda x: ak.prod(np.sin(x) * x, axis=1), x, ak.ones_like(x))[1]

    same_jvp(slope, x, ak.ones_like(x))


@case("Jacobian of eight nuisances")
def nuisances():
    centres = np.linspace(-2.5, 2.5, 8)
    bins, x = np.linspace(0.0, 300.0, 6), jets()

    def histogram(theta):
        shift = sum(
            k * np.exp(-((x.eta - eta) ** 2)) for k, eta in zip(theta, centres, strict=True)
        )
        pt = x.pt * (1 + shift)
        total = ak.sum(pt[pt > 30.0], axis=1)
        return ak.sum(np.exp(-(((total[:, np.newaxis] - bins[np.newaxis]) / 50.0) ** 2)), axis=0)

    theta = (0.0,) * 8
    got = dualak.value_and_jacfwd(histogram, device="cuda")(theta)
    alike(got, dualak.value_and_jacfwd(histogram)(theta))


@case("compiled", ("norm of each list", "mask by value", "scalar", "record of results"))
def compiled(name):
    """Recorded once, then replayed for other numbers: kernels alone."""
    func = FUNCTIONS[name]
    there = dualak.compile(func, device="cuda")
    for factor in (1.0, 1.001, 1.002):
        x = jagged() * factor
        alike(there.jvp(x, ak.ones_like(x)), dualak.jvp(func, x, ak.ones_like(x)))
        alike(there(x), func(x))
    assert there.statistics.recorded == 2  # one with tangents, one without
    assert there.statistics.replayed == 4


@case("numbers changed in place are seen")
def changed_in_place():
    """What was brought over for one call does not stand for the next one."""
    x = np.linspace(1.0, 2.0, 10)
    there = dualak.compile(np.square, device="cuda")
    for _ in range(3):
        y, _ = dualak.jvp(np.square, x, x, device="cuda")
        np.testing.assert_array_equal(y, x**2)
        np.testing.assert_array_equal(there.jvp(x, x)[0], x**2)
        x += 1.0


@case("traces", ("value", "forwards", "backwards"))
def traces(which):
    """What was recorded without numbers runs on buffers of the device, and stays there."""
    leaves, structure = extend.flatten((jagged(),))
    found = extend.trace(lambda x: ak.sum(np.sin(x[:, ::-1]) * x, axis=1), structure, ["float64"])
    forwards = found.traced.jvp([True])
    trace, given = {
        "value": (found.traced, []),
        "forwards": (forwards, [np.cos(leaves[0])]),
        "backwards": (forwards.transpose([True], [True]), [np.arange(8.0)]),
    }[which]
    memory = device.memory_of("cuda")
    (want,) = trace.run([*leaves, *given])
    (got,) = trace.run([memory.moved(one) for one in (*leaves, *given)])
    assert device.on_device(got)
    np.testing.assert_allclose(device.to_host(got), want, rtol=1e-13)


@case("linear maps")
def linear_maps():
    """Forwards they run on the device; backwards there is no device= to ask for it."""
    x = jagged()

    def outer(x):
        _, pushforward = dualak.linearize(lambda x: ak.sum(np.sin(x), axis=1), x)
        _, pullback = dualak.vjp(lambda x: ak.max(x[:, ::-1] * x, axis=1, mask_identity=False), x)
        return pushforward(ak.ones_like(x)), pullback(ak.sum(x, axis=1))

    same_jvp(outer, x, ak.ones_like(x))


@case("a function of another library goes through the host, and says so once")
def through_the_host():
    special = pytest.importorskip("scipy.special")
    x = jagged()
    memory._warned.clear()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always", device.HostWarning)
        for _ in range(2):
            got = dualak.jvp(lambda x: special.i0(x * 2.0) * x, x, ak.ones_like(x), device="cuda")
    alike(got, dualak.jvp(lambda x: special.i0(x * 2.0) * x, x, ak.ones_like(x)))
    messages = [str(one.message) for one in seen if one.category is device.HostWarning]
    assert sorted(one.split()[0] for one in messages) == ["scipy.special.i0", "scipy.special.i1"]


@case("special function in a kernel", sorted(SPECIAL))
def special_function(key):
    """Without a way through the host, on which its derivative may need another function."""
    special = pytest.importorskip("scipy.special")
    function = getattr(special, key.rpartition(".")[2])
    ((low, high),) = RULES[key].domain
    x = np.linspace(low, high, 9)
    memory._warned.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", device.HostWarning)
        same_jvp(function, x, x)
    assert key not in memory._warned


@case("custom rules")
def custom_rules():
    @dualak.custom_jvp(elementwise=True)
    def cube(x):
        return x**3

    cube.defjvps(lambda t, y, x: 3 * x**2 * t)
    x = jagged()
    same_jvp(lambda x: cube(x * 2.0) + x, x, ak.ones_like(x))


@case("a result that nobody computed on the device")
def untouched():
    x = jagged()
    same_jvp(lambda x: (x, ak.num(x), 3.0), x, ak.ones_like(x))


@case("long lists through the front door")
def long_lists():
    x = ak.unflatten(np.linspace(-1.0, 1.0, 150), [120, 0, 30])
    same_jvp(lambda x: ak.max(x, axis=1) * ak.sum(x**2, axis=-1), x, ak.ones_like(x))


@case("the host is asked for nothing while kernels are launched")
def nothing_waits():
    """Only what the function looks at is copied to the host, and the results."""
    copied = []
    known, device.to_host = device.to_host, lambda data: copied.append(data) or known(data)
    try:
        graph = Graph(device.memory_of("cuda"))
        x = graph.buffer(np.arange(12.0))
        total = graph.segment("sum", (x * x,), graph.buffer(np.array([0, 5, 12])))
        realize.compute([graph.apply("sqrt", total), graph.apply("exp", x / graph.scalar(total))])
    finally:
        device.to_host = known
    assert not any(map(device.on_device, copied))


# -- as a program ---------------------------------------------------------------------------------


def outcome(name, cases=CASES):
    """What became of a case: nothing, or the text of what was raised."""
    try:
        cases[name]()
    except Exception:
        return traceback.format_exc()
    return None


def hasten_the_simulator():
    """Threads take turns at once, and get their shared memory one by one.

    The simulator polls its threads, and two threads that ask for the same shared array at the same
    time may each get one of their own.
    """
    from numba.cuda.simulator import kernelapi

    lock = threading.Lock()

    def array(self, shape, dtype, alignment=None):
        frame = sys._getframe(1)
        place = frame.f_code, frame.f_lineno
        with lock:
            if place not in self._allocations:
                dtype = np.dtype(getattr(dtype, "name", dtype))
                self._allocations[place] = np.empty(shape, dtype)
            return self._allocations[place]

    kernelapi.FakeCUDAShared.array = array
    sys.setswitchinterval(1e-6)


def main(cases=CASES):
    """Runs the cases named on standard input, one JSON line each."""
    hasten_the_simulator()
    for name in json.load(sys.stdin):
        start = time.perf_counter()
        found = outcome(name, cases)
        spent = time.perf_counter() - start
        line = json.dumps({"name": name, "error": found, "seconds": spent})
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
