"""Sample arrays of every layout, and the oracle: plain Awkward and its differences.

``check`` compares ``dualak.jvp`` with what plain Awkward gives at the point and around it.
"""

from __future__ import annotations

import math
from contextlib import contextmanager

import awkward as ak
import numpy as np

import dualak
from tests.support import depth

STEP = 2.0**-10
STENCIL = ((-2, 1 / 12), (-1, -8 / 12), (1, 8 / 12), (2, -1 / 12))

# -- sample arrays --------------------------------------------------------------------------------


def numbers(*values):
    return ak.contents.NumpyArray(np.array(values, np.float64))


def five():
    return numbers(1.1, 2.2, 3.3, 4.4, 5.5)


def index(*values):
    return ak.index.Index64(np.array(values))


def regular():
    return ak.to_regular(ak.Array([[1.1, 2.2, 3.3], [4.4, 5.5, 6.6]]), axis=1)


def deep_regular():
    return ak.Array(ak.contents.RegularArray(jagged_with_gaps(), 2))


def jagged_with_gaps():
    return ak.contents.ListArray(index(3, 0, 1, 2), index(5, 0, 3, 3), five())


def long_content():
    return ak.contents.ListOffsetArray(index(1, 3, 3, 5), numbers(*np.arange(0.55, 9, 1.25)))


def indexed():
    return ak.contents.IndexedArray(index(2, 0, 0, 4, 1), five())


def indexed_lists():
    return ak.contents.IndexedArray(index(2, 0, 2, 3), jagged_with_gaps())


def indexed_option():
    return ak.contents.IndexedOptionArray(index(2, -1, 0, 4, -1, 2), five())


def byte_masked():
    mask = ak.index.Index8(np.array([1, 0, 1, 1, 0], np.int8))
    return ak.contents.ByteMaskedArray(mask, five(), valid_when=True)


def bit_masked():
    mask = ak.index.IndexU8(np.array([0b01101], np.uint8))
    return ak.contents.BitMaskedArray(mask, five(), True, 5, True)


def masked_in_lists():
    return ak.contents.ListOffsetArray(index(1, 3, 3, 5), byte_masked())


def masked_lists():
    mask = ak.index.Index8(np.array([0, 1, 0, 0], np.int8))
    return ak.contents.ByteMaskedArray(mask, jagged_with_gaps(), valid_when=False)


def option_records():
    records = ak.contents.RecordArray([five(), numbers(9.5, 8.5, 7.5, 6.5, 4.5)], ["a", "b"])
    return ak.contents.IndexedOptionArray(index(4, -1, 0, 1), records)


def indexed_records():
    records = ak.contents.RecordArray([five(), jagged_with_gaps()], ["a", "b"], 4)
    return ak.contents.IndexedArray(index(3, 0, 0, 2), records)


def jets():
    pt = ak.Array([[52.0, 41.5, 30.25], [], [64.0, 27.5]])
    eta = ak.Array([[0.3, -1.1, 1.9], [], [-0.6, 0.85]])
    q = ak.Array([[1, -1, 1], [], [-1, 0]])
    tag = ak.Array([["b", "light", "c"], [], ["b", "tau"]])
    return ak.zip({"pt": pt, "eta": eta, "q": q, "tag": tag})


def events():
    return ak.zip({"met": ak.Array([21.0, 35.5, 12.5]), "jets": jets()}, depth_limit=1)


LAYOUTS = (
    ("flat", lambda: ak.Array([1.1, 2.2, 3.3, 4.4, 5.5])),
    ("jagged", lambda: ak.Array([[1.1, 2.2, 3.3], [], [4.4, 5.5]])),
    ("3-deep", lambda: ak.Array([[[1.2, 2.5], [3.1]], [], [[0.7], [], [1.9, 2.2, 4.1]]])),
    ("regular", regular),
    ("regular of jagged", deep_regular),
    ("N-d", lambda: ak.Array(np.array([[1.1, 2.2, 3.3], [4.4, 5.5, 6.6]]))),
    ("N-d 3", lambda: ak.Array(np.arange(0.5, 12.0).reshape(2, 3, 2) ** 1.2)),
    ("N-d strided", lambda: ak.Array(np.arange(0.57, 12.5).reshape(3, 4)[:, ::-2])),
    ("gaps", lambda: ak.Array(jagged_with_gaps())),
    ("long content", lambda: ak.Array(long_content())),
    ("indexed", lambda: ak.Array(indexed())),
    ("indexed lists", lambda: ak.Array(indexed_lists())),
    ("indexed option", lambda: ak.Array(indexed_option())),
    ("byte masked", lambda: ak.Array(byte_masked())),
    ("bit masked", lambda: ak.Array(bit_masked())),
    ("unmasked", lambda: ak.Array(ak.contents.UnmaskedArray(five()))),
    ("options in lists", lambda: ak.Array([[1.1, None, 3.3], [], [None], [4.4, 5.5]])),
    ("masked in lists", lambda: ak.Array(masked_in_lists())),
    ("option lists", lambda: ak.Array([[1.1, None, 3.3], [], None, [4.4, 5.5]])),
    ("masked lists", lambda: ak.Array(masked_lists())),
    ("union", lambda: ak.Array([1.1, [2.2, 3.3], 4.4, [], [5.5]])),
    ("union in lists", lambda: ak.Array([[1.1, [2.2, 3.3]], [], [[], 4.4]])),
    ("union records", lambda: ak.Array([{"x": 1.1}, {"y": 2.2}, {"x": 3.3}, {"y": 4.4}])),
    ("records", lambda: ak.Array([{"x": 1.1, "y": [1.0]}, {"x": 2.2, "y": []}])),
    ("nested records", lambda: ak.Array([{"a": {"x": 1.1, "n": 3}, "b": 2.5}] * 2)),
    ("tuples", lambda: ak.Array([(1.1, 2.2), (3.3, 4.4), (5.5, 6.6)])),
    ("jets", jets),
    ("events", events),
    ("indexed records", lambda: ak.Array(indexed_records())),
    ("option records", lambda: ak.Array(option_records())),
    ("length 0", lambda: ak.Array([1.1])[:0]),
    ("length 0 jagged", lambda: ak.Array([[1.1]])[:0]),
    ("empty lists", lambda: ak.Array([[1.1], [2.2]])[:, :0]),
    ("float32", lambda: ak.values_astype(ak.Array([[1.1, 2.2, 3.3], [], [4.4, 5.5]]), np.float32)),
)

# -- points and directions ------------------------------------------------------------------------


def each_leaf(convert, layout, *others):
    """The layout with ``convert`` applied to the numbers in it and in others that lie alike."""
    if layout.is_numpy:
        data = [np.asarray(one.data) for one in (layout, *others)]
        return layout if layout.parameters else ak.contents.NumpyArray(convert(*data))
    if layout.is_record or layout.is_union:
        below = zip(*(one.contents for one in (layout, *others)), strict=True)
        contents = [each_leaf(convert, *alike) for alike in below]
        return layout.copy(contents=contents)
    if layout.is_unknown:
        return layout
    return layout.copy(content=each_leaf(convert, *(one.content for one in (layout, *others))))


def direction(x, seed=7):
    """A random direction at the point, laid out as it."""
    if isinstance(x, tuple):
        return tuple(direction(one, seed + i) for i, one in enumerate(x))
    if isinstance(x, float):
        return 0.75 + seed
    random = np.random.default_rng(seed)
    layout = each_leaf(lambda data: random_like(data, random), x.layout)
    return ak.Array(layout, behavior=x.behavior)


def random_like(data, random):
    """Random numbers, zeros for integers."""
    numbers = random.normal(size=data.shape) if data.dtype.kind == "f" else np.zeros(data.shape)
    return numbers.astype(data.dtype)


def moved(x, t, step):
    """The point that lies a step from x in the direction t, in double precision."""
    if isinstance(x, tuple):
        return tuple(moved(*both, step) for both in zip(x, t, strict=True))
    if isinstance(x, float):
        return x + step * t
    layout = each_leaf(lambda *both: moved_leaf(*both, step), x.layout, t.layout)
    return ak.Array(layout, behavior=x.behavior)


def moved_leaf(one, other, step):
    return one.astype(np.float64) + step * other if one.dtype.kind == "f" else one


# -- the oracle -----------------------------------------------------------------------------------


def tree(result):
    """Plain Python data of a result, tuples as lists."""
    if isinstance(result, (tuple, list)):
        return [tree(one) for one in result]
    if isinstance(result, dict):
        return {key: tree(one) for key, one in result.items()}
    if isinstance(result, (ak.Array, ak.Record, np.ndarray)):
        return tree(result.tolist())
    return result.item() if isinstance(result, np.generic) else result


def derivative(at, *around):
    """The derivative as a tree, from the results at the point and around it."""
    if isinstance(at, list):
        same_length = all(isinstance(one, list) and len(one) == len(at) for one in around)
        assert same_length, "the structure changes around the point"
        return [derivative(*below) for below in zip(at, *around, strict=True)]
    if isinstance(at, dict):
        return {key: derivative(*(one[key] for one in (at, *around))) for key in at}
    if at is None or isinstance(at, (str, bytes)):
        return at
    if not isinstance(at, float) or len(set(around)) == 1:
        return 0
    return sum(weight * one for (_, weight), one in zip(STENCIL, around, strict=True)) / STEP


def assert_slope(got, slope, tolerance, value=None):
    """A tangent is the slope by differences; where that is NaN, it is zero or not finite.

    A function that is no number around the point has no slope that could be told from differences.
    Where the value itself is NaN nothing is known of the slope: the mean's is what it is elsewhere.
    Text has a tangent of zero, or stands as it is.
    """
    assert_close(got, as_far_as_known(slope, got, value), tolerance, "tangent")


def as_far_as_known(slope, got, value=None):
    if isinstance(slope, list) and isinstance(got, list) and len(slope) == len(got):
        values = value if isinstance(value, list) else [None] * len(got)
        return [as_far_as_known(*each) for each in zip(slope, got, values, strict=True)]
    if isinstance(slope, dict) and isinstance(got, dict) and slope.keys() == got.keys():
        values = value if isinstance(value, dict) else {}
        return {key: as_far_as_known(slope[key], got[key], values.get(key)) for key in slope}
    if isinstance(slope, (str, bytes)) and not isinstance(got, (str, bytes)):
        return 0
    unknown = isinstance(slope, float) and math.isnan(slope) and isinstance(got, (int, float))
    no_number = isinstance(value, float) and math.isnan(value)
    return got if unknown and (no_number or got == 0 or not math.isfinite(got)) else slope


def count(result):
    """How many numbers a tree holds."""
    if isinstance(result, (list, dict)):
        return sum(map(count, result.values() if isinstance(result, dict) else result))
    return 0 if result is None or isinstance(result, (str, bytes)) else 1


def assert_close(got, want, tolerance, path="result"):
    """Two trees are equal up to a tolerance; what has to be NaN is NaN."""
    if isinstance(want, list):
        assert isinstance(got, list), f"{path}: {got} is not {want}"
        assert len(got) == len(want), f"{path}: {got} is not {want}"
        for i, both in enumerate(zip(got, want, strict=True)):
            assert_close(*both, tolerance, f"{path}[{i}]")
    elif isinstance(want, dict):
        assert isinstance(got, dict), f"{path}: {got} is not {want}"
        assert got.keys() == want.keys(), f"{path}: {got} is not {want}"
        for key in want:
            assert_close(got[key], want[key], tolerance, f"{path}[{key!r}]")
    elif want is None or isinstance(want, (str, bytes)):
        assert got == want, f"{path}: {got} is not {want}"
    elif isinstance(want, float) and math.isnan(want):
        assert math.isnan(got), f"{path}: {got} is not {want}"
    else:
        close = got == want or abs(got - want) <= tolerance * max(1.0, abs(want))
        assert close, f"{path}: {got} is not {want}"


def types(result):
    """The types of a result's arrays and numbers."""
    if isinstance(result, (tuple, list)):
        return [types(one) for one in result]
    if isinstance(result, dict):
        return {key: types(one) for key, one in result.items()}
    return None if result is None or isinstance(result, str) else str(ak.type(result))


#: What plain Awkward raises on arguments that it does not accept.
REJECTIONS = (AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


def accepts(function, x):
    """Whether plain Awkward accepts the arguments, and gives a result that can be looked at."""
    try:
        tree(called(function, x))
    except REJECTIONS:
        return False
    return True


def called(function, x):
    return function(*x) if isinstance(x, tuple) else function(x)


def is_single(x):
    if isinstance(x, tuple):
        return any(map(is_single, x))
    return isinstance(x, ak.Array) and "float32" in str(x.type)


def check(function, x, t=None):
    """The value and the tangent of ``function`` are those of plain Awkward: of so many numbers."""
    t = direction(x) if t is None else t
    y, dy = dualak.jvp(function, x, t)
    expected = called(function, x)
    around = [tree(called(function, moved(x, t, k * STEP))) for k, _ in STENCIL]
    exact, loose = (1e-6, 1e-3) if is_single(x) else (1e-14, 1e-8)
    assert types(y) == types(expected), f"{types(y)} is not {types(expected)}"
    assert_close(tree(y), tree(expected), exact, "value")
    slope = derivative(tree(called(function, moved(x, t, 0.0))), *around)
    assert_slope(tree(dy), slope, loose, tree(y))
    return count(slope)


def check_some(function, layouts, name, check=check, everyday=3, accepted=accepts, empty=False):
    """Checks a function on the layouts that plain Awkward accepts; every day on some of them.

    Which these are depends on the name.  That there is none is an error, and that there is no
    number in any result, unless they are to be empty.
    """
    checked = numbers = 0
    for layout, build in depth.turned(layouts, name):
        if checked == everyday and not depth.EVERYTHING:
            break
        if accepted(function, build()):
            with noted(f"of the layout {layout!r}"):
                found = check(function, build())
            numbers += found
            checked += found > 0 or empty
    assert numbers or (empty and checked), f"{name}: no number could be compared"


@contextmanager
def noted(text):
    """An error that is raised inside says for what."""
    try:
        yield
    except Exception as error:
        error.add_note(text)
        raise


def check_linear(function, x, t=None):
    """For a function that only moves numbers: the tangent is the function of the tangent."""
    t = direction(x) if t is None else t
    y, dy = dualak.jvp(function, x, t)
    wanted = types(called(function, x))
    assert types(y) == wanted, f"{types(y)} is not {wanted}"
    assert_close(tree(y), tree(called(function, x)), 0.0, "value")
    wanted = zeroed(tree(called(function, t)))
    assert_slope(tree(dy), wanted, 0.0)
    return count(wanted)


def zeroed(result):
    """A tree with zeros in place of what is no floating-point number."""
    if isinstance(result, list):
        return [zeroed(one) for one in result]
    if isinstance(result, dict):
        return {key: zeroed(one) for key, one in result.items()}
    keep = result is None or isinstance(result, (float, str, bytes))
    return result if keep else 0
