"""Every registered function of one array, over random layouts: value, linearity, differences."""

from __future__ import annotations

import inspect

import awkward as ak
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

import dualak
from dualak.arrays.packing import packed
from dualak.functions import functions
from tests.support import depth
from tests.support.layouts import (
    REJECTIONS,
    STENCIL,
    STEP,
    assert_close,
    assert_slope,
    derivative,
    each_leaf,
    moved,
    tree,
    types,
)

constructors = pytest.importorskip(
    "hypothesis_awkward.strategies", reason="hypothesis-awkward is not installed (extra: test)"
).constructors
if "min_length" not in inspect.signature(constructors.arrays).parameters:
    pytest.skip("hypothesis-awkward for an old Awkward", allow_module_level=True)

SETTINGS = settings(
    max_examples=depth.everyday(4, 20),
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)

#: Functions that do not take an array alone, or are not about its numbers.
OTHER = """
argcartesian argcombinations cartesian combinations corr covar linear_fit enforce_type fields
fill_none parameters from_regular full_like isclose almost_equal array_equal broadcast_arrays
broadcast_fields mask merge_option_of_records merge_union_of_records moment pad_none to_backend
to_layout unflatten unzip validity_error values_astype where with_field with_name
with_named_axis with_parameter without_field without_named_axis zip zip_no_broadcast concatenate
to_regular backend copy to_buffers type transform
"""
#: What is made of an array of numbers with one more argument.
WITH_ARGUMENTS = {
    "pairs": lambda x: ak.combinations(x, 2, axis=-1)["0"],
    "pad_none": lambda x: ak.pad_none(x, 3, axis=-1),
    "concatenate": lambda x: ak.concatenate([x, x[::-1]]),
    "product": lambda x: x * x,
    "sine": np.sin,
    "reversed": lambda x: x[::-1],
    "but the first": lambda x: x[1:],
    "an index": lambda x: x[np.arange(len(x)) // 2],
    "a mask": lambda x: x[np.arange(len(x)) % 2 == 0],
    "packed": ak.to_packed,
}
AXES = (None, 0, 1, -1)
ORDINARY = ak.Array([[1.0, 2.0], [3.0]])


def calls():
    for name, entry in functions().items():
        room, _, short = name.partition(".")
        function = getattr(ak, short, None)
        if room != "ak" or entry.kind == "refused" or function is None or short in OTHER.split():
            continue
        if "axis" in inspect.signature(function).parameters:
            for axis in AXES:
                yield f"{name} axis={axis}", lambda x, f=function, axis=axis: f(x, axis=axis)
        else:
            yield name, function
    yield from WITH_ARGUMENTS.items()


CALLS = dict(calls())


def spaced(data):
    """Numbers of the same shape that no function meets an edge or a tie at."""
    if data.dtype.kind != "f":
        return data
    order = np.random.default_rng(data.size).permutation(data.size)
    return (0.41 + 0.037 * order).reshape(data.shape).astype(data.dtype)


@st.composite
def arrays(draw):
    """Arrays of any layout with at least one floating-point number, and two directions."""
    dtypes = st.sampled_from([np.dtype(np.float64)] * 3 + [np.dtype(np.int64)])
    anything = constructors.arrays(dtypes=dtypes, max_size=40, allow_nan=False, min_length=1)
    lists = constructors.arrays(
        dtypes=st.just(np.dtype(np.float64)),
        max_size=60,
        allow_nan=False,
        min_length=2,
        allow_numpy=True,
        allow_string=False,
        allow_bytestring=False,
        allow_record=False,
        allow_union=False,
        allow_empty=False,
    )
    drawn = ak.materialize(draw(st.one_of(anything, lists.filter(lambda x: x.ndim > 1))))
    count = []
    layout = each_leaf(lambda data: count.append(numbers(data)) or spaced(data), drawn.layout)
    assume(sum(count) > 0)
    x = ak.Array(layout)
    return x, direction(x, 1), direction(x, 2)


def numbers(data):
    return data.size if data.dtype.kind == "f" else 0


def direction(x, seed):
    random = np.random.default_rng(seed)

    def along(data):
        if data.dtype.kind != "f":
            return np.zeros_like(data)
        return random.normal(size=data.shape).astype(data.dtype)

    return ak.Array(each_leaf(along, x.layout))


def plain(function, x):
    """What Awkward gives; None where it refuses, or where its answer depends on the memory.

    One way to lie in memory is that of duals, whose missing values are all of one kind.
    """
    try:
        with np.errstate(all="ignore"):
            result = function(x)
            others = [function(ak.to_packed(x)), function(ak.Array(packed(x.layout)))]
            same = all(
                types(result) == types(other) and repr(tree(result)) == repr(tree(other))
                for other in others
            )
    except REJECTIONS:
        return None
    return result if same else None


@pytest.mark.one_in(60)
@pytest.mark.parametrize("name", CALLS)
def test_value_and_tangent_are_right_in_every_layout(name):
    function, compared = CALLS[name], []

    @SETTINGS
    @given(arrays())
    def check(drawn):
        x, s, t = drawn
        expected = plain(function, x)
        if expected is None:
            return
        try:
            y, ds = dualak.jvp(function, x, s)
        except dualak.NotDifferentiableError:
            return  # refused by name, with a reason
        assert_close(tree(y), tree(expected), 1e-13)
        dt = dualak.jvp(function, x, t)[1]
        both = ak.Array(each_leaf(lambda a, b: linear(a, b), s.layout, t.layout))
        got = tree(dualak.jvp(function, x, both)[1])
        assert_close(got, on_trees(lambda a, b: 2 * a - 3 * b, tree(ds), tree(dt)), 1e-9)
        around = [tree(plain(function, moved(x, s, k * STEP))) for k, _ in STENCIL]
        if all(shape(one) == shape(tree(expected)) for one in around):
            slope = on_trees(lambda one: one, derivative(tree(expected), *around))
            assert_slope(tree(ds), slope, 1e-6)
            compared.append(x)

    check()
    assert compared or plain(function, ORDINARY) is None, f"no example of {name} was compared"


def linear(a, b):
    return 2 * a - 3 * b if a.dtype.kind == "f" else a


def on_trees(combine, *trees):
    first = trees[0]
    if isinstance(first, list):
        return [on_trees(combine, *below) for below in zip(*trees, strict=True)]
    if isinstance(first, dict):
        return {key: on_trees(combine, *(one[key] for one in trees)) for key in first}
    return first if first is None or isinstance(first, (str, bytes)) else combine(*trees)


def shape(result):
    if isinstance(result, list):
        return [shape(one) for one in result]
    if isinstance(result, dict):
        return {key: shape(one) for key, one in result.items()}
    return result is None
