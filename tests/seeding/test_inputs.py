"""Arguments, directions and results of every kind: what goes in comes out, in the same structure.

The functions here are as simple as can be (``square``, ``same``), so that a tangent which lands at
the wrong number, in whatever layout it was given, is seen at once.
"""

from __future__ import annotations

from collections import OrderedDict, namedtuple

import awkward as ak
import numpy as np
import pytest

import dualak

Pair = namedtuple("Pair", "a b")

LISTS = ak.Array([[1.0, 2.0, 3.0], [], [4.0, 5.0]])
TANGENTS = ak.Array([[0.1, 0.2, 0.3], [], [0.4, 0.5]])
FLAT, FLAT_TANGENTS = ak.flatten(LISTS), ak.flatten(TANGENTS)
TABLE = np.arange(1.0, 7.0).reshape(2, 3)
CUBE = np.arange(1.0, 13.0).reshape(2, 3, 2)
MISSING, MISSING_TANGENTS = ak.Array([1.0, None, 3.0]), ak.Array([0.1, None, 0.3])


def same(x):
    return x


def square(x):
    return x * x


def plain_list(value):
    """Arrays, records and numbers, in whatever structure, as lists and dicts."""
    if isinstance(value, dict):
        return {key: plain_list(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_list(item) for item in value]
    return value.tolist() if hasattr(value, "tolist") else value


def flattened(value):
    """The numbers, strings and Nones of ``plain_list`` in a row, with markers for the structure."""
    if isinstance(value, dict):
        return [item for key in value for item in [key, *flattened(value[key])]]
    if isinstance(value, (list, tuple)):
        return ["[", *(part for item in value for part in flattened(item)), "]"]
    return [value]


def assert_close(got, expected):
    got, expected = flattened(plain_list(got)), flattened(plain_list(expected))
    assert len(got) == len(expected)
    for one, other in zip(got, expected, strict=True):
        number = isinstance(other, float) and other is not None
        assert one == (pytest.approx(other, rel=1e-6) if number else other)


def typed(value):
    """The types of all arrays and numbers in a structure, as text."""
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [typed(item) for item in value]
    if isinstance(value, np.ndarray):
        return f"{value.shape} {value.dtype.newbyteorder('=')}"
    if isinstance(value, (ak.Array, ak.Record)):
        return str(ak.type(value))
    return None if value is None or isinstance(value, (bool, np.bool_)) else np.result_type(value)


def check(func, x, t, expected):
    """``jvp`` gives the value that plain Awkward gives, and the tangent that is expected."""
    y, dy = dualak.jvp(func, x, t)
    plain = func(*x) if isinstance(x, tuple) else func(x)
    assert_close(y, plain)
    assert typed(y) == typed(plain)
    assert typed(dy) == typed(plain)
    assert_close(dy, expected)


# -- layouts of equal lists -----------------------------------------------------------------------


def layout_of(data):
    return ak.contents.NumpyArray(np.asarray(data))


def list_array(starts, stops, data):
    starts, stops = ak.index.Index64(starts), ak.index.Index64(stops)
    return ak.Array(ak.contents.ListArray(starts, stops, layout_of(data)))


def indexed(index, data):
    return ak.contents.IndexedArray(ak.index.Index64(index), layout_of(data))


def lists_over(content):
    return ak.Array(ak.contents.ListOffsetArray(LISTS.layout.offsets, content))


def offsets_from(first, data):
    offsets = ak.index.Index64(np.array([0, 3, 3, 5]) + first)
    return ak.Array(ak.contents.ListOffsetArray(offsets, layout_of(data)))


def layouts_of_lists(scale):
    """The same three lists, 1 to 5 times ``scale``, as they may lie in memory."""
    one, two, three, four, five = np.arange(1, 6) * scale
    longer = ak.Array([[9.0], [one, two, three], [], [four, five], [8.0, 7.0]])
    reversed_lists = ak.Array([[four, five], [], [one, two, three]])
    return {
        "offsets": ak.Array([[one, two, three], [], [four, five]]),
        "list array": list_array([3, 1, 0], [6, 1, 2], [four, five, 9.0, one, two, three]),
        "gaps": list_array([1, 0, 5], [4, 0, 7], [9.0, one, two, three, 9.0, four, five]),
        "indexed lists": ak.Array(
            ak.contents.IndexedArray(ak.index.Index64([2, 1, 0]), reversed_lists.layout)
        ),
        "indexed numbers": lists_over(indexed([4, 3, 2, 1, 0], [five, four, three, two, one])),
        "offsets not from zero": offsets_from(2, [9.0, 9.0, one, two, three, four, five]),
        "longer content": offsets_from(0, [one, two, three, four, five, 9.0, 9.0]),
        "sliced": longer[1:4],
        "picked": longer[[1, 2, 3]],
        "packed": ak.to_packed(longer[1:4]),
        "reversed": reversed_lists[::-1],
        "packed reversed": ak.to_packed(reversed_lists[::-1]),
        "32-bit offsets": ak.Array(
            ak.contents.ListOffsetArray(
                ak.index.Index32([0, 3, 3, 5]), layout_of([one, two, three, four, five])
            )
        ),
        "strided numbers": lists_over(
            layout_of(np.array([five, 0, four, 0, three, 0, two, 0, one])[::-2])
        ),
    }


@pytest.mark.one_in(16)
@pytest.mark.parametrize("t_name", layouts_of_lists(0.1))
@pytest.mark.parametrize("x_name", layouts_of_lists(1.0))
def test_lists_may_lie_otherwise(x_name, t_name):
    x, t = layouts_of_lists(1.0)[x_name], layouts_of_lists(0.1)[t_name]
    check(square, x, t, 2 * LISTS * TANGENTS)
    check(same, x, t, TANGENTS)
    check(lambda x: x[::-1, ::-1], x, t, TANGENTS[::-1, ::-1])


def rectangles(array):
    regular = ak.from_numpy(array, regulararray=True)
    return {
        "numpy": array,
        "n-d": ak.Array(array),
        "regular": regular,
        "jagged": ak.from_regular(regular, axis=None),
        "jagged inside": ak.from_regular(regular, axis=-1),
        "jagged outside": ak.from_regular(regular, axis=1),
        "regular again": ak.to_regular(ak.from_regular(regular, axis=None), axis=None),
        "strided": np.repeat(array, 2, axis=-1)[..., ::2],
        "fortran": np.asfortranarray(array),
        "sliced": ak.from_numpy(np.concatenate([array, array, array]), regulararray=True)[
            len(array) : 2 * len(array)
        ],
    }


@pytest.mark.one_in(4)
@pytest.mark.parametrize("t_name", rectangles(TABLE))
@pytest.mark.parametrize("x_name", rectangles(TABLE))
@pytest.mark.parametrize("array", [TABLE, CUBE], ids=["2-d", "3-d"])
def test_rectangles_may_be_regular_or_not(array, x_name, t_name):
    x, t = rectangles(array)[x_name], rectangles(array / 10)[t_name]
    check(square, x, t, array * array / 5)


@pytest.mark.parametrize("t", [TANGENTS.to_list(), TABLE.tolist()], ids=["jagged", "rectangle"])
def test_a_list_is_a_tangent(t):
    check(square, ak.Array(t), t, 2 * ak.Array(t) * ak.Array(t))


NUMPY = {
    "vector": np.arange(4.0),
    "reversed": np.arange(4.0)[::-1],
    "strided": np.arange(12.0)[::3],
    "transposed": TABLE.T,
    "corner": np.arange(20.0).reshape(4, 5)[1::2, ::-2],
    "float32": np.arange(4, dtype=np.float32),
    "big-endian": np.arange(4.0).astype(">f8"),
    "big-endian float32": np.arange(4.0).astype(">f4"),
    "big-endian table": TABLE.astype(">f8"),
    "empty": np.zeros(0),
    "no rows": np.zeros((0, 3)),
    "no columns": np.zeros((3, 0)),
}


@pytest.mark.parametrize("x", NUMPY.values(), ids=NUMPY)
@pytest.mark.parametrize("of_x", [False, True], ids=["plain tangent", "tangent like x"])
def test_numpy_in_numpy_out(x, of_x):
    t = np.ones_like(x) if of_x else np.ones(x.shape)
    check(square, x, t, 2 * x)
    assert all(isinstance(half, np.ndarray) for half in dualak.jvp(square, x, t))


def test_readonly_arrays():
    x, t = TABLE.copy(), TABLE / 10
    x.flags.writeable = t.flags.writeable = False
    check(square, x, t, 2 * x * t)
    check(same, ak.Array(x), ak.Array(t), t)


def test_big_endian_tangent():
    check(square, TABLE, (TABLE / 10).astype(">f8"), TABLE * TABLE / 5)


# -- precision ------------------------------------------------------------------------------------

PRECISIONS = [(np.float32, np.float64), (np.float64, np.float32), (np.float32, np.float32)]


@pytest.mark.parametrize(("of_x", "of_t"), PRECISIONS)
@pytest.mark.parametrize("func", [same, square, np.exp, lambda x: ak.sum(x, axis=1)])
def test_the_precision_is_that_of_x(func, of_x, of_t):
    x, t = ak.values_astype(LISTS, of_x), ak.values_astype(TANGENTS, of_t)
    y, dy = dualak.jvp(func, x, t)
    assert str(ak.type(y)) == str(ak.type(dy)) == str(ak.type(func(x)))


SCALARS = {
    "float": (3.0, 0.5, np.float64),
    "float and int": (3.0, 1, np.float64),
    "float64": (np.float64(3), np.float64(0.5), np.float64),
    "float32": (np.float32(3), np.float32(0.5), np.float32),
    "float32 and float": (np.float32(3), 0.5, np.float32),
    "0-d": (np.array(3.0), np.array(0.5), np.float64),
    "0-d float32": (np.array(3.0, np.float32), 0.5, np.float32),
    "0-d big-endian": (np.array(3.0, ">f8"), np.array(0.5, ">f8"), np.float64),
    "tangent 0-d": (3.0, np.array(0.5), np.float64),
    "constant": (3.0, None, np.float64),
}


@pytest.mark.parametrize(("x", "t", "dtype"), SCALARS.values(), ids=SCALARS)
def test_scalars(x, t, dtype):
    y, dy = dualak.jvp(square, x, t)
    assert (y, dy) == (9.0, 0.0 if t is None else 6.0 * float(t))
    assert (np.asarray(y).dtype, np.asarray(dy).dtype) == (dtype, dtype)


def test_precision_of_a_python_float_beside_float32():
    x = (ak.values_astype(LISTS, np.float32), 2.0)
    y, _ = dualak.jvp(lambda x, a: (x, a), x, None)
    assert typed(y) == ["3 * var * float32", np.float64]


# -- missing values and unions --------------------------------------------------------------------


def masked(data, mask, valid_when=True):
    return ak.Array(ak.contents.ByteMaskedArray(ak.index.Index8(mask), layout_of(data), valid_when))


def bits(data, mask):
    return ak.Array(
        ak.contents.BitMaskedArray(ak.index.IndexU8([mask]), layout_of(data), True, 3, True)
    )


def options(scale):
    one, three = scale, 3 * scale
    return {
        "indexed": ak.Array([one, None, three]),
        "reversed": ak.Array([three, None, one])[::-1],
        "bytes": masked([one, 7.0, three], [1, 0, 1]),
        "bytes otherwise": masked([one, 8.0, three], [0, 1, 0], valid_when=False),
        "bits": bits([one, 9.0, three], 0b101),
        "picked": ak.Array([None, one, three, None])[[1, 0, 2]],
    }


@pytest.mark.one_in(2)
@pytest.mark.parametrize("t_name", options(0.1))
@pytest.mark.parametrize("x_name", options(1.0))
def test_missing_values_may_lie_otherwise(x_name, t_name):
    x, t = options(1.0)[x_name], options(0.1)[t_name]
    check(square, x, t, [0.2, None, 1.8])


@pytest.mark.parametrize("x", options(1.0).values(), ids=options(1.0))
def test_tangent_without_missing_values(x):
    check(square, x, ak.Array([0.1, 0.2, 0.3]), [0.2, None, 1.8])
    check(square, x, np.array([0.1, 0.2, 0.3]), [0.2, None, 1.8])


NONE_MISSING = {
    "unmasked": ak.Array(ak.contents.UnmaskedArray(layout_of([0.1, 0.2, 0.3]))),
    "sliced": ak.Array([0.1, 0.2, 0.3, None])[:3],
    "masked": masked([0.1, 0.2, 0.3], [1, 1, 1]),
    "plain": ak.Array([0.1, 0.2, 0.3]),
}


@pytest.mark.parametrize("t", NONE_MISSING.values(), ids=NONE_MISSING)
@pytest.mark.parametrize("x", NONE_MISSING.values(), ids=NONE_MISSING)
def test_option_types_without_missing_values(x, t):
    check(square, x, t, [0.02, 0.08, 0.18])


MISSING_LISTS = ak.Array([[1.0, None], None, [3.0, 4.0]])


@pytest.mark.parametrize(
    "t",
    [
        ak.Array([[0.1, None], None, [0.3, 0.4]]),
        ak.Array([[0.1, 0.2], None, [0.3, 0.4]]),
        ak.Array([[0.1, 0.2], [], [0.3, 0.4]]),
        ak.Array([[0.3, 0.4], None, [0.1, None]])[::-1],
    ],
    ids=["alike", "numbers given", "all given", "reversed"],
)
def test_missing_lists_and_numbers(t):
    check(square, MISSING_LISTS, t, [[0.2, None], None, [1.8, 3.2]])


def test_missing_records():
    x = ak.Array([{"pt": 1.0, "eta": 2.0}, None, {"pt": 3.0, "eta": 4.0}])
    check(lambda r: r.pt * r.eta, x, {"pt": ak.Array([0.1, None, 0.3])}, [0.2, None, 1.2])
    check(lambda r: r.pt * r.eta, x, {"pt": np.array([0.1, 9, 0.3])}, [0.2, None, 1.2])
    t = ak.Array([{"pt": 0.3}, None, {"pt": 0.1}])[::-1]
    check(lambda r: r.pt * r.eta, x, t, [0.2, None, 1.2])


UNION, UNION_TANGENT = ak.Array([1.0, [2.0, 3.0], 4.0]), ak.Array([0.1, [0.2, 0.3], 0.4])
UNIONS = {
    "alike": (UNION, UNION_TANGENT),
    "x reversed": (UNION[::-1][::-1], UNION_TANGENT),
    "t reversed": (UNION, UNION_TANGENT[::-1][::-1]),
    "x in another order": (ak.Array([[9.0], 1.0, [2.0, 3.0], 4.0])[1:], UNION_TANGENT),
    "t in another order": (UNION, ak.Array([[9.0], 0.1, [0.2, 0.3], 0.4])[1:]),
}


@pytest.mark.parametrize(("x", "t"), UNIONS.values(), ids=UNIONS)
def test_unions(x, t):
    check(square, x, t, [0.2, [0.8, 1.8], 3.2])
    check(same, x, t, UNION_TANGENT)


def test_union_with_strings():
    y, dy = dualak.jvp(same, ak.Array([1.0, "two", 3.0]), ak.Array([0.1, "", 0.3]))
    assert y.to_list() == [1.0, "two", 3.0]
    assert str(y.type) == "3 * union[float64, string]"
    assert (dy[0], dy[2]) == (0.1, 0.3)


# -- records --------------------------------------------------------------------------------------

RECORDS = ak.Array([{"pt": 1.0, "eta": 2.0}, {"pt": 4.0, "eta": 5.0}])
JETS = ak.Array([[{"pt": 1.0, "eta": 2.0}, {"pt": 3.0, "eta": 4.0}], [], [{"pt": 5.0, "eta": 6.0}]])
JETS_PT = ak.Array([[0.1, 0.3], [], [0.5]])
EVENTS = ak.Array(
    [
        {"jets": [{"pt": 1.0, "eta": 2.0}], "met": {"x": 1.0, "y": 2.0}},
        {"jets": [], "met": {"x": 3.0, "y": 4.0}},
    ]
)
TUPLES = ak.zip((np.array([1.0, 2.0]), np.array([3.0, 4.0])))


def product(r):
    return r.pt * r.eta


def of_event(e):
    return {"jets": ak.sum(e.jets.pt * e.jets.eta, axis=-1), "met": e.met.x * e.met.y}


PARTS = {
    "all": ({"pt": [0.1, 0.4], "eta": [0.2, 0.5]}, [0.4, 4.0]),
    "one": ({"pt": np.array([0.1, 0.4])}, [0.2, 2.0]),
    "none": ({}, [0.0, 0.0]),
    "None": (None, [0.0, 0.0]),
    "None inside": ({"pt": None, "eta": ak.Array([0.2, 0.5])}, [0.2, 2.0]),
    "record": (ak.Array([{"pt": 0.1}, {"pt": 0.4}]), [0.2, 2.0]),
    "other order": (ak.Array([{"eta": 0.2, "pt": 0.1}, {"eta": 0.5, "pt": 0.4}]), [0.4, 4.0]),
    "reversed": (ak.Array([{"pt": 0.4}, {"pt": 0.1}])[::-1], [0.2, 2.0]),
}


@pytest.mark.parametrize(("t", "expected"), PARTS.values(), ids=PARTS)
def test_some_fields(t, expected):
    check(product, RECORDS, t, expected)


PARTS_OF_JETS = {
    "dict": {"pt": JETS_PT},
    "dict of lists": {"pt": JETS_PT.to_list()},
    "dict, reversed": {"pt": ak.Array([[0.5], [], [0.1, 0.3]])[::-1]},
    "dict, list array": {"pt": list_array([1, 0, 0], [3, 0, 1], [0.5, 0.1, 0.3])},
    "records": ak.zip({"pt": JETS_PT}),
    "records, reversed": ak.zip({"pt": JETS_PT[::-1]})[::-1],
}


@pytest.mark.parametrize("t", PARTS_OF_JETS.values(), ids=PARTS_OF_JETS)
def test_some_fields_of_records_in_lists(t):
    expected = [[0.2, 1.2], [], [3.0]]
    check(product, JETS, t, expected)
    check(product, JETS[::-1][::-1], t, expected)
    check(product, ak.concatenate([JETS[:1], JETS])[1:], t, expected)
    both = ak.zip({"pt": JETS_PT, "eta": ak.zeros_like(JETS_PT)})
    check(same, JETS, t, both)


PARTS_OF_EVENTS = {
    "dicts": ({"jets": {"pt": [[0.1], []]}, "met": {"y": [1.0, 1.0]}}, [0.2, 0.0], [1.0, 3.0]),
    "mixed": ({"jets": ak.zip({"pt": [[0.1], []]}), "met": {"y": np.ones(2)}}, [0.2, 0], [1.0, 3]),
    "records": (ak.Array([{"met": {"y": 1.0}}, {"met": {"y": 1.0}}]), [0.0, 0.0], [1.0, 3.0]),
    "one": ({"jets": {"eta": [[1.0], []]}}, [1.0, 0.0], [0.0, 0.0]),
    "None": ({"jets": None, "met": {"x": None, "y": [1.0, 2.0]}}, [0.0, 0.0], [1.0, 6.0]),
}


@pytest.mark.parametrize(("t", "jets", "met"), PARTS_OF_EVENTS.values(), ids=PARTS_OF_EVENTS)
def test_some_fields_of_nested_records(t, jets, met):
    check(of_event, EVENTS, t, {"jets": np.array(jets, float), "met": np.array(met, float)})


@pytest.mark.parametrize(
    ("t", "expected"),
    [
        (ak.zip((np.array([0.1, 0.2]), np.array([0.3, 0.4]))), [[0.1, 0.3], [0.2, 0.4]]),
        ({"1": np.ones(2)}, [[0.0, 1.0], [0.0, 1.0]]),
        (None, [[0.0, 0.0], [0.0, 0.0]]),
    ],
    ids=["tuples", "dict", "None"],
)
def test_tuples(t, expected):
    check(same, TUPLES, t, expected)
    product_of = [
        (a + 0.0) * y + b * x for (a, b), (x, y) in zip(expected, [(1, 3), (2, 4)], strict=True)
    ]
    check(lambda r: r["0"] * r["1"], TUPLES, t, product_of)


ONE_RECORD = {
    "record": (RECORDS[1], RECORDS[0], 13.0),
    "dict": (RECORDS[1], {"pt": 1.0}, 5.0),
    "dict of ints": (RECORDS[1], {"pt": 1}, 5.0),
    "dict of 0-d": (RECORDS[1], {"pt": np.array(1.0)}, 5.0),
    "dict of float32": (RECORDS[1], {"eta": np.float32(1)}, 4.0),
    "record of some": (RECORDS[1], ak.Record({"eta": 1.0}), 4.0),
    "None": (RECORDS[1], None, 0.0),
    "out of lists": (JETS[0, 1], JETS[0, 0], 10.0),
    "out of reversed lists": (JETS[::-1][2, 1], JETS[0, 0], 10.0),
}


@pytest.mark.parametrize(("x", "t", "expected"), ONE_RECORD.values(), ids=ONE_RECORD)
def test_one_record(x, t, expected):
    check(product, x, t, expected)


def test_one_record_comes_back():
    y, dy = dualak.jvp(same, RECORDS[1], {"pt": 1.0})
    assert isinstance(y, ak.Record)
    assert isinstance(dy, ak.Record)
    assert (y.to_list(), dy.to_list()) == ({"pt": 4.0, "eta": 5.0}, {"pt": 1.0, "eta": 0.0})


def test_one_record_with_lists():
    check(of_event, EVENTS[0], {"jets": {"pt": [0.1]}}, {"jets": 0.2, "met": 0.0})
    check(of_event, EVENTS[0], EVENTS[0], {"jets": 4.0, "met": 4.0})
    check(of_event, EVENTS[1], EVENTS[1], {"jets": 0.0, "met": 24.0})


# -- what rides along -----------------------------------------------------------------------------

PARTICLES = ak.Array(
    [
        {"pt": 1.0, "charge": 1, "tight": True, "name": "mu", "hits": [1, 2], "none": None},
        {"pt": 2.0, "charge": -1, "tight": False, "name": "e", "hits": [], "none": None},
    ]
)


def test_constants_come_back():
    y, dy = dualak.jvp(same, PARTICLES, {"pt": [0.1, 0.2]})
    assert y.to_list() == PARTICLES.to_list()
    assert str(y.type) == str(PARTICLES.type)
    zeros = {"charge": [0, 0], "tight": [False, False], "hits": [[0, 0], []]}
    assert {name: dy[name].to_list() for name in zeros} == zeros
    assert dy.pt.to_list() == [0.1, 0.2]
    assert str(dy.charge.type) == str(PARTICLES.charge.type)


@pytest.mark.parametrize("constant", ["charge", "tight", "hits", "none"])
def test_constants_come_back_one_by_one(constant):
    y, dy = dualak.jvp(same, PARTICLES[["pt", constant]], {"pt": [0.1, 0.2]})
    assert y.to_list() == PARTICLES[["pt", constant]].to_list()
    assert dy.pt.to_list() == [0.1, 0.2]


def test_constants_are_plain_inside():
    def func(p):
        assert type(p.charge) is ak.Array
        assert type(p.name) is ak.Array
        return p.pt[p.tight & (p.name == "mu")] * p.charge[0]

    check(func, PARTICLES, {"pt": [0.1, 0.2]}, [0.1])


ZERO_TANGENTS = {
    "None": None,
    "zeros": np.zeros(3, int),
    "float0": np.zeros(3, [("float0", "V")]),
    "booleans": np.zeros(3, bool),
}


@pytest.mark.parametrize("t", ZERO_TANGENTS.values(), ids=ZERO_TANGENTS)
@pytest.mark.parametrize("n", [np.array([1, 2, 3]), ak.Array([1, 2, 3])], ids=["numpy", "awkward"])
def test_integers_beside_floats(n, t):
    check(lambda x, n: x * n, (LISTS, n), (TANGENTS, t), TANGENTS * n)


@pytest.mark.parametrize("constant", [2, True, "a", None, np.int32(2), np.bool_(True), b"a"])
def test_constant_arguments(constant):
    y, dy = dualak.jvp(lambda x, n: x if n == constant else 0, (LISTS, constant), (TANGENTS, None))
    assert y.to_list() == LISTS.to_list()
    assert dy.to_list() == TANGENTS.to_list()


def test_no_direction_at_all():
    check(square, LISTS, None, ak.zeros_like(LISTS))
    check(lambda a, b: a * b, (LISTS, 2.0), None, ak.zeros_like(LISTS))
    check(lambda a, b: a * b, (LISTS, 2.0), (None, 1.0), LISTS)


# -- structures -----------------------------------------------------------------------------------


def test_positional_arguments():
    check(lambda a, b: a * b, (LISTS, 2.0), (TANGENTS, 1.0), LISTS + 2 * TANGENTS)
    check(lambda a: a * 2, (LISTS,), (TANGENTS,), 2 * TANGENTS)


STRUCTURES = {
    "dict": ({"a": LISTS, "b": 2.0}, {"a": TANGENTS, "b": 1.0}),
    "list": ([LISTS, 2.0], [TANGENTS, 1.0]),
    "tuple": ((LISTS, 2.0), (TANGENTS, 1.0)),
    "namedtuple": (Pair(LISTS, 2.0), Pair(TANGENTS, 1.0)),
    "deep": ({"a": [LISTS, (1.0, {"z": TABLE})]}, {"a": [TANGENTS, (0.5, {"z": TABLE / 10})]}),
    "records": ([RECORDS, RECORDS[0]], [RECORDS, RECORDS[0]]),
}


@pytest.mark.parametrize(("x", "t"), STRUCTURES.values(), ids=STRUCTURES)
def test_structures_go_through(x, t):
    y, dy = dualak.jvp(same, (x,), (t,))
    assert type(y) is type(dy) is type(x)
    assert_close(y, x)
    assert_close(dy, t)


def test_namedtuple_of_arguments():
    check(lambda a, b: a * b, Pair(LISTS, 2.0), Pair(TANGENTS, 1.0), LISTS + 2 * TANGENTS)


def test_parts_of_structures():
    def func(d):
        return d["a"] * d["b"]

    check(func, {"a": LISTS, "b": 2.0}, {"b": 1.0}, LISTS)
    check(func, {"a": LISTS, "b": 2.0}, {}, ak.zeros_like(LISTS))
    check(lambda d: d[0] * d[1], [LISTS, 2.0], [None, 1.0], LISTS)


def test_numpy_beside_awkward():
    check(lambda a, b: a * b, (np.ones(2), ak.Array([1.0, 2.0])), (np.ones(2), None), [1.0, 2.0])
    y, dy = dualak.jvp(lambda a, b: a * b, (np.ones(2), 2.0), (np.ones(2), 1.0))
    assert isinstance(y, np.ndarray)
    assert isinstance(dy, np.ndarray)
    assert dy.tolist() == [3.0, 3.0]


# -- nothing there --------------------------------------------------------------------------------

EMPTY = {
    "no numbers": (ak.Array(np.zeros(0)), ak.Array(np.zeros(0))),
    "unknown tangent": (ak.Array(np.zeros(0)), ak.Array([])),
    "list tangent": (ak.Array(np.zeros(0)), []),
    "no lists": (LISTS[:0], TANGENTS[:0]),
    "no lists, unknown tangent": (LISTS[:0], ak.Array([])),
    "only empty lists": (LISTS[1:2], TANGENTS[1:2]),
    "only empty lists, unknown tangent": (LISTS[1:2], ak.Array([[]])),
    "no columns": (ak.Array(np.zeros((2, 0))), ak.Array([[], []])),
    "no rows": (ak.Array(np.zeros((0, 3))), np.zeros((0, 3))),
    "all missing": (MISSING[1:2], MISSING_TANGENTS[1:2]),
    "no options": (MISSING[:0], MISSING_TANGENTS[:0]),
    "no unions": (UNION[:0], UNION_TANGENT[:0]),
}


@pytest.mark.parametrize(("x", "t"), EMPTY.values(), ids=EMPTY)
@pytest.mark.parametrize("func", [same, square, lambda x: np.sin(x) + 1, lambda x: x[::-1]])
def test_empty(func, x, t):
    check(func, x, t, func(x))


def test_empty_records():
    check(product, RECORDS[:0], RECORDS[:0], [])
    check(product, JETS[1:2], {"pt": [[]]}, [[]])
    check(same, JETS[:0], JETS[:0], [])
    check(lambda x: ak.sum(x, axis=1), LISTS[:0], TANGENTS[:0], [])
    check(ak.sum, LISTS[:0], TANGENTS[:0], 0.0)


def test_an_unknown_type_beside_floats():
    check(lambda a, b: b * b, (ak.Array([[], []]), 3.0), (ak.Array([[], []]), 1.0), 6.0)


# -- virtual arrays -------------------------------------------------------------------------------


def virtual(array, read=None):
    """The array with buffers that are read when asked for; ``read`` collects their names."""
    form, length, buffers = ak.to_buffers(array)

    def reader(name):
        def buffer():
            if read is not None:
                read.append(name)
            return buffers[name]

        return buffer

    return ak.from_buffers(form, length, {name: reader(name) for name in buffers})


VIRTUAL = {
    "lists": (LISTS, TANGENTS),
    "table": (ak.Array(TABLE), ak.Array(TABLE / 10)),
    "missing": (MISSING, MISSING_TANGENTS),
    "union": (UNION, UNION_TANGENT),
    "numbers": (FLAT, FLAT_TANGENTS),
    "float32": (ak.values_astype(LISTS, np.float32), TANGENTS),
}


@pytest.mark.parametrize(("x", "t"), VIRTUAL.values(), ids=VIRTUAL)
@pytest.mark.parametrize("which", ["x", "t", "both"])
def test_virtual_arrays(x, t, which):
    lazy_x, lazy_t = virtual(x) if which != "t" else x, virtual(t) if which != "x" else t
    y, dy = dualak.jvp(square, lazy_x, lazy_t)
    assert str(y.type) == str(x.type)
    assert_close(y, x * x)
    assert_close(dy, 2 * x * t)


@pytest.mark.parametrize("cut", [np.s_[1:], np.s_[::-1], np.s_[[2, 0]], np.s_[:, :1], np.s_[1:2]])
def test_sliced_virtual_arrays(cut):
    y, dy = dualak.jvp(product, virtual(JETS)[cut], {"pt": JETS_PT[cut]})
    assert_close(y, product(JETS)[cut])
    assert_close(dy, (JETS_PT * JETS.eta)[cut])


def test_virtual_array_is_the_same_in_both():
    x = virtual(JETS)
    check(product, x, x, 2 * JETS.pt * JETS.eta)


# -- classes, names and attributes ----------------------------------------------------------------


class Points(ak.Array):
    @property
    def r(self):
        return np.hypot(self.x, self.y)


class Point(ak.Record):
    @property
    def r(self):
        return np.hypot(self.x, self.y)


BEHAVIOR = {("*", "point"): Points, "point": Point}
POINTS = ak.Array(
    [[{"x": 3.0, "y": 4.0}], [], [{"x": 6.0, "y": 8.0}, {"x": 1.0, "y": 0.0}]],
    with_name="point",
    behavior=BEHAVIOR,
)
X_ONE = {"x": [[1.0], [], [1.0, 1.0]]}


def test_class_is_kept():
    y, dy = dualak.jvp(same, POINTS, POINTS)
    assert type(y) is type(dy) is Points
    assert type(y[0, 0]) is type(dy[0, 0]) is Point
    assert str(y.type) == str(POINTS.type)
    assert y.behavior == BEHAVIOR


def test_class_of_one_record_is_kept():
    y, dy = dualak.jvp(same, POINTS[0, 0], POINTS[0, 0])
    assert type(y) is type(dy) is Point


@pytest.mark.parametrize("cut", [np.s_[::-1], np.s_[:, :1], np.s_[[2, 0]]])
def test_class_is_kept_through_slices(cut):
    y, dy = dualak.jvp(lambda p: p[cut], POINTS, X_ONE)
    assert type(y) is type(dy) is Points
    assert y.r.to_list() == POINTS[cut].r.to_list()


def test_methods_of_classes():
    check(lambda p: p.r, POINTS, X_ONE, [[0.6], [], [0.6, 1.0]])
    check(lambda p: p.r, POINTS[0, 0], {"x": 1.0}, 0.6)
    check(lambda p: p[2, 0].r, POINTS, X_ONE, 0.6)
    nested = ak.zip({"p": POINTS, "w": POINTS.x}, depth_limit=1)
    check(lambda n: n.p.r, nested, {"p": X_ONE}, [[0.6], [], [0.6, 1.0]])


def test_class_is_the_users_inside():
    def func(p):
        assert isinstance(p, Points)
        assert isinstance(p[0, 0], Point)
        return p.x

    check(func, POINTS, None, ak.zeros_like(POINTS.x))


def test_globally_registered_class(monkeypatch):
    for key, cls in BEHAVIOR.items():
        monkeypatch.setitem(ak.behavior, key, cls)
    x = ak.Array(POINTS.layout)
    y, dy = dualak.jvp(same, x, x)
    assert type(y) is type(dy) is Points
    assert y.behavior is None


NAMED_AXES = ak.with_named_axis(LISTS, ("event", "object"))
WITH_ATTRS = ak.Array(LISTS, attrs={"unit": "GeV"})
KEEP_ATTRS = {
    "same": same,
    "ufunc": square,
    "slice": lambda x: x[::-1],
    "sum": lambda x: ak.sum(x, axis=1),
    "sum of columns": lambda x: ak.sum(x, axis=0),
    "keepdims": lambda x: ak.sum(x, axis=-1, keepdims=True),
    "max": lambda x: ak.max(x, axis=1),
    "flatten": ak.flatten,
    "firsts": ak.firsts,
    "combinations": lambda x: ak.combinations(x, 2),
    "zip": lambda x: ak.zip({"a": x}),
    "where": lambda x: ak.where(x > 2, x, -x),
    "mask": lambda x: ak.mask(x, x > 2),
    "astype": lambda x: ak.values_astype(x, np.float32),
    "concatenate": lambda x: ak.concatenate([x, x], axis=1),
}


@pytest.mark.parametrize("func", KEEP_ATTRS.values(), ids=KEEP_ATTRS)
def test_attrs_are_kept(func):
    plain = func(WITH_ATTRS)
    y, dy = dualak.jvp(func, WITH_ATTRS, TANGENTS)
    assert dict(y.attrs) == dict(dy.attrs) == dict(plain.attrs)


def test_attrs_of_one_record_are_kept():
    x = ak.Array(RECORDS, attrs={"unit": "GeV"})[0]
    y, dy = dualak.jvp(same, x, x)
    assert dict(y.attrs) == dict(dy.attrs) == {"unit": "GeV"}


def test_named_axes():
    y, dy = dualak.jvp(square, NAMED_AXES, TANGENTS)
    assert y.named_axis == dy.named_axis == NAMED_AXES.named_axis
    check(lambda x: ak.sum(x, axis="object"), NAMED_AXES, TANGENTS, [0.6, 0.0, 0.9])
    check(lambda x: ak.sum(x, axis="event"), NAMED_AXES, TANGENTS, [0.5, 0.7, 0.3])


# -- results --------------------------------------------------------------------------------------

CONSTANTS = {
    "float": (1.5, 0.0),
    "int": (3, 0),
    "bool": (True, False),
    "None": (None, None),
    "float32": (np.float32(2), 0.0),
    "int32": (np.int32(2), 0),
    "numpy bool": (np.bool_(True), False),
    "array": (LISTS, ak.zeros_like(LISTS)),
    "integers": (ak.Array([1, 2]), [0, 0]),
    "integers with None": (ak.Array([1, None]), [0, None]),
    "numpy": (np.arange(3.0), np.zeros(3)),
    "numpy integers": (np.arange(3), np.zeros(3, int)),
    "0-d": (np.array(2.0), 0.0),
    "record": (RECORDS[0], {"pt": 0.0, "eta": 0.0}),
    "no items": ([], []),
    "no keys": ({}, {}),
    "unknown": (ak.Array([]), []),
}


@pytest.mark.parametrize(("constant", "zero"), CONSTANTS.values(), ids=CONSTANTS)
def test_constant_results(constant, zero):
    check(lambda x: constant, LISTS, TANGENTS, zero)
    y, dy = dualak.jvp(lambda x: constant, LISTS, TANGENTS)
    assert type(y) is type(dy) is type(constant)


@pytest.mark.parametrize("constant", [ak.Array(["a", "bc"]), PARTICLES], ids=["strings", "records"])
def test_constant_results_with_strings(constant):
    y, dy = dualak.jvp(lambda x: constant, LISTS, TANGENTS)
    assert y.to_list() == constant.to_list()
    assert len(dy) == len(constant)


def test_discrete_results_have_zeros():
    check(lambda x: x > 2, LISTS, TANGENTS, [[False] * 3, [], [False] * 2])
    check(lambda x: ak.num(x), LISTS, TANGENTS, [0, 0, 0])
    check(lambda x: ak.argmax(x, axis=1), LISTS, TANGENTS, [0, None, 0])
    check(lambda x: ak.values_astype(x, np.int64), LISTS, TANGENTS, [[0] * 3, [], [0] * 2])


RESULTS = {
    "dict": lambda x: {"x": x, "deep": [ak.sum(x), (x * x, None, {"n": 3})]},
    "list": lambda x: [x, 2 * x],
    "tuple": lambda x: (x, 1.0),
    "namedtuple": lambda x: Pair(ak.sum(x), [x]),
    "scalar": lambda x: x[0, 1],
    "row": lambda x: x[0],
    "records": lambda x: ak.zip({"x": x, "n": ak.local_index(x)}),
    "one record": lambda x: ak.zip({"x": x, "n": ak.local_index(x)})[0, 1],
    "one record of lists": lambda x: ak.zip({"x": x, "s": ak.sum(x, axis=1)}, depth_limit=1)[2],
    "tuples": lambda x: ak.combinations(x, 2),
    "missing": lambda x: ak.firsts(x),
    "masked": lambda x: ak.mask(x, x > 2),
    "regular": lambda x: ak.to_regular(ak.pad_none(x, 3, clip=True)),
    "union": lambda x: ak.concatenate([x[0], ak.Array([[7.0]])]),
}


@pytest.mark.parametrize("func", RESULTS.values(), ids=RESULTS)
def test_results(func):
    plain = func(LISTS)
    y, dy = dualak.jvp(func, LISTS, None)
    assert type(y) is type(plain)
    assert typed(y) == typed(dy) == typed(plain)
    assert_close(y, plain)
    shifted = func(LISTS + 1e-6 * TANGENTS)
    y, dy = dualak.jvp(func, LISTS, TANGENTS)
    assert_close(y, plain)
    assert_quotient(dy, shifted, plain)


def assert_quotient(dy, shifted, plain):
    parts = [flattened(plain_list(one)) for one in (dy, shifted, plain)]
    for got, upper, lower in zip(*parts, strict=True):
        if isinstance(lower, float):
            assert got == pytest.approx((upper - lower) / 1e-6, abs=1e-4)


def test_dict_subclasses_are_kept():
    y, dy = dualak.jvp(same, OrderedDict(a=LISTS), {"a": TANGENTS})
    assert type(y) is OrderedDict
    assert dy["a"].to_list() == TANGENTS.to_list()


NUMPY_RESULTS = {
    "sum of columns": lambda x: np.sum(x, axis=0),
    "comparison": lambda x: x > 2,
    "in a dict": lambda x: {"a": [x, (2 * x,)]},
    "row": lambda x: x[0],
    "element": lambda x: x[0, 1],
    "element compared": lambda x: (x > 2)[0, 1],
    "sum": np.sum,
    "constant": lambda x: np.arange(2),
}


@pytest.mark.parametrize("func", NUMPY_RESULTS.values(), ids=NUMPY_RESULTS)
def test_numpy_stays_numpy(func):
    plain = func(TABLE)
    y, dy = dualak.jvp(func, TABLE, np.ones_like(TABLE))
    assert type(y) is type(dy) is type(plain)
    assert typed(y) == typed(dy) == typed(plain)
    assert_close(y, plain)


# -- has_aux --------------------------------------------------------------------------------------

AUX = {
    "string": "text",
    "none": None,
    "set": {1, 2},
    "object": object(),
    "array": LISTS,
    "dict": {},
}


@pytest.mark.parametrize("aux", AUX.values(), ids=AUX)
def test_aux_of_any_kind(aux):
    y, dy, back = dualak.jvp(lambda x: (square(x), aux), LISTS, TANGENTS, has_aux=True)
    assert (plain_list(back) == plain_list(aux)) if aux is LISTS else back == aux
    assert_close(y, LISTS * LISTS)
    assert_close(dy, 2 * LISTS * TANGENTS)


DUAL_AUX = {
    "array": (lambda x: 2 * x, 2 * LISTS),
    "scalar": (lambda x: ak.sum(x), np.float64(15)),
    "records": (lambda x: ak.zip({"x": x}), ak.zip({"x": LISTS})),
    "deep": (lambda x: {"a": [x, (ak.sum(x), "b")]}, {"a": [LISTS, (15.0, "b")]}),
    "namedtuple": (lambda x: Pair(x, 1), Pair(LISTS, 1)),
}


@pytest.mark.parametrize(("make", "expected"), DUAL_AUX.values(), ids=DUAL_AUX)
def test_aux_has_values(make, expected):
    _, _, aux = dualak.jvp(lambda x: (x, make(x)), LISTS, TANGENTS, has_aux=True)
    assert type(aux) is type(expected)
    assert_close(aux, expected)


def test_aux_of_numpy_is_numpy():
    _, _, aux = dualak.jvp(lambda x: (x, 2 * x), TABLE, None, has_aux=True)
    assert isinstance(aux, np.ndarray)


# -- the arguments are left alone -----------------------------------------------------------------


def assign_new(r):
    r["new"] = 2 * r.pt
    return r


def assign_old(r):
    r["pt"] = r.pt * r.pt
    return r


def assign_constant(r):
    r["pt"] = ak.ones_like(r.pt) if isinstance(r, ak.Array) else 1.0
    return r


def delete(r):
    del r["pt"]
    return r


MUTATIONS = [assign_new, assign_old, assign_constant, delete]


@pytest.mark.parametrize("x", [RECORDS, JETS, RECORDS[1]], ids=["records", "jets", "one record"])
@pytest.mark.parametrize("mutate", MUTATIONS)
def test_assignments_stay_inside(mutate, x):
    before = x.to_list()
    t = x
    y, dy = dualak.jvp(mutate, x, t)
    assert x.to_list() == before
    assert x.fields == ["pt", "eta"]
    plain = mutate(ak.copy(x) if isinstance(x, ak.Array) else ak.Record(x.to_list()))
    assert y.to_list() == plain.to_list()
    assert y.fields == dy.fields == plain.fields


def test_tangents_of_assigned_fields():
    t = {"pt": [0.1, 0.4]}
    assert dualak.jvp(assign_new, RECORDS, t)[1].new.to_list() == [0.2, 0.8]
    assert_close(dualak.jvp(assign_old, RECORDS, t)[1].pt, [0.2, 3.2])
    assert dualak.jvp(assign_constant, RECORDS, t)[1].pt.to_list() == [0.0, 0.0]


def test_assignments_to_nested_fields_stay_inside():
    def mutate(e):
        e["met", "x"] = e.met.x * e.met.x
        e["jets", "new"] = 2 * e.jets.pt
        return e

    before = EVENTS.to_list()
    _, dy = dualak.jvp(mutate, EVENTS, EVENTS)
    assert EVENTS.to_list() == before
    assert dy.met.x.to_list() == [2.0, 18.0]
    assert dy.jets.new.to_list() == [[2.0], []]


def test_containers_are_left_alone():
    def mutate(d):
        d["new"] = d.pop("a") * 2
        d["list"].append(1)
        return d["new"]

    x, t = {"a": LISTS, "list": [1.0]}, {"a": TANGENTS, "list": [1.0]}
    dualak.jvp(mutate, x, t)
    assert (list(x), list(t), len(x["list"]), len(t["list"])) == (
        ["a", "list"],
        ["a", "list"],
        1,
        1,
    )


@pytest.mark.parametrize("func", [square, np.sin, lambda x: x[::-1], lambda x: np.sum(x, axis=0)])
def test_buffers_are_left_alone(func):
    x, t = TABLE.copy(), TABLE / 10
    y, dy = dualak.jvp(func, x, t)
    y += 1
    dy += 1
    assert (x == TABLE).all()
    assert (t == TABLE / 10).all()
