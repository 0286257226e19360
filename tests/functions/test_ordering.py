"""Sorting gathers value and tangent by one order: that of Awkward, stable, along every axis."""

from __future__ import annotations

import itertools
import math

import awkward as ak
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dualak
from tests.support import depth
from tests.support.layouts import LAYOUTS, check, check_some, direction

LAYOUT = dict(LAYOUTS)
AXES = (-2, -1, 0, 1, 2)

#: Awkward drops the option type of an array in which nothing is missing; here it is kept.  In the
#: other one two records are equal, so that there is no derivative to compare with.
NOT_COMPARED = ("unmasked", "nested records")


def sorting(**given):
    return lambda x: ak.sort(x, **given)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize("axis", AXES)
def test_every_layout_along_every_axis(axis, ascending):
    compared = [one for one in LAYOUTS if one[0] not in NOT_COMPARED]
    function = sorting(axis=axis, ascending=ascending)
    check_some(function, compared, f"{axis} {ascending}", everyday=5)


def both(function, x, t):
    return [ak.to_list(one) for one in dualak.jvp(function, x, t)]


# -- order, worked out in Python -------------------------------------------------------------------

NUMBERS = st.sampled_from([1.0, 2.0, 3.0, -2.0, math.inf, math.nan, -math.inf])
LISTS = st.lists(st.lists(NUMBERS | st.none(), max_size=5), min_size=1, max_size=6)


def in_order(pairs, ascending):
    """Stable; NaN comes first and None last, whichever way the numbers are sorted."""

    def key(pair):
        value = pair[0]
        if value is None or math.isnan(value):
            return (2.0 if value is None else 0.0, 0.0)
        return (1.0, value if ascending else -value)

    return sorted(pairs, key=key)


def with_numbers(lists):
    """The numbers of lists, each with a tangent of its own."""
    tangents = itertools.count(1.0)
    return [[(x, None if x is None else next(tangents)) for x in one] for one in lists]


def unzipped(lists):
    return [[[pair[i] for pair in one] for one in lists] for i in (0, 1)]


def array_of(lists):
    layout = ak.from_iter([*lists, [None, 0.0]], highlevel=False)
    return ak.Array(layout)[:-1]


def same(got, want):
    return str(got) == str(want)


@settings(deadline=None, max_examples=depth.everyday(10, 60))
@given(LISTS, st.booleans())
def test_ties_keep_their_order_in_lists(lists, ascending):
    pairs = with_numbers(lists)
    x, t = map(array_of, unzipped(pairs))
    wanted = unzipped([in_order(one, ascending) for one in pairs])
    assert same(both(sorting(ascending=ascending), x, t), wanted)
    assert same(wanted[0], ak.to_list(ak.sort(x, ascending=ascending)))


@settings(deadline=None, max_examples=depth.everyday(10, 60))
@given(st.lists(st.lists(NUMBERS, max_size=4), min_size=1, max_size=6), st.booleans())
def test_ties_keep_their_order_across_lists(lists, ascending):
    pairs = with_numbers(lists)
    x, t = (ak.Array(ak.from_iter([*one, [0.0]]))[:-1] for one in unzipped(pairs))
    wanted = unzipped(sorted_across(pairs, ascending))
    assert same(both(sorting(axis=0, ascending=ascending), x, t), wanted)
    assert same(wanted[0], ak.to_list(ak.sort(x, axis=0, ascending=ascending)))


def sorted_across(lists, ascending):
    result = [list(one) for one in lists]
    for at in range(max(map(len, lists))):
        long = [i for i, one in enumerate(lists) if len(one) > at]
        column = in_order([lists[i][at] for i in long], ascending)
        for i, pair in zip(long, column, strict=True):
            result[i][at] = pair
    return result


@settings(deadline=None, max_examples=depth.everyday(8, 40))
@given(st.lists(NUMBERS | st.none(), min_size=1, max_size=8), st.permutations(range(8)))
def test_ties_below_an_option_keep_the_order_of_the_array(numbers, places):
    """The numbers lie in memory otherwise than they follow each other."""
    places = [place for place in places if place < len(numbers)]
    content = np.empty(len(numbers))
    content[places] = [0.0 if one is None else one for one in numbers]
    index = [-1 if one is None else at for one, at in zip(numbers, places, strict=True)]
    tangent = np.empty(len(numbers))
    tangent[places] = np.arange(len(numbers))
    x, t = (
        ak.Array(
            ak.contents.IndexedOptionArray(
                ak.index.Index64(np.array(index)), ak.contents.NumpyArray(data)
            )
        )
        for data in (content, tangent)
    )
    pairs = [(one, None if one is None else float(i)) for i, one in enumerate(numbers)]
    wanted = unzipped([in_order(pairs, True)])
    assert same(both(sorting(), x, t), [one[0] for one in wanted])


# -- what is done with it --------------------------------------------------------------------------

TIED = ak.Array([[2.0, 5.0, 2.0, 5.0], [], [1.0, 1.0], [4.0]])
ALONG = ak.Array([[1.0, 2.0, 3.0, 4.0], [], [5.0, 6.0], [7.0]])


@pytest.mark.parametrize(("ascending", "arg"), [(True, ak.argmin), (False, ak.argmax)])
def test_the_first_is_the_one_that_argmin_and_argmax_name(ascending, arg):
    first = both(lambda x: ak.firsts(ak.sort(x, ascending=ascending)), TIED, ALONG)
    named = both(lambda x: ak.firsts(x[arg(x, axis=1, keepdims=True)]), TIED, ALONG)
    assert first == named


USES = (
    ("best two", lambda x: ak.sort(x, ascending=False)[:, :2]),
    ("sum of the best two", lambda x: ak.sum(ak.sort(x, ascending=False)[:, :2] ** 2, axis=1)),
    ("of what was computed", lambda x: ak.sort(np.sin(x) * x)),
    ("weighted by rank", lambda x: ak.sort(x) * ak.local_index(x)),
    ("twice", lambda x: ak.sort(ak.sort(x, axis=0), axis=1)),
    ("greatest by argmax", lambda x: x[ak.argmax(x, axis=1, keepdims=True)] ** 2),
    ("least by argmin", lambda x: x[ak.argmin(np.sin(x), axis=-1, keepdims=True)]),
    ("positional axis", lambda x: ak.sort(x, 0)),
    ("unstable", lambda x: ak.sort(x, axis=1, stable=False)),
    ("np.sort", lambda x: np.sort(x, kind="mergesort")),
    ("np.sort along", lambda x: np.sort(x, 0)),
)


@pytest.mark.one_in(2)
@pytest.mark.parametrize(("what", "function"), USES)
def test_uses_of_sorting(what, function):
    layouts = ("jagged", "options in lists", "gaps", "float32", "option lists")
    check_some(function, [(layout, LAYOUT[layout]) for layout in layouts], what, everyday=3)


@pytest.mark.parametrize("axis", [1, -1])
@pytest.mark.parametrize("arg", [ak.argmin, ak.argmax])
def test_positions_of_extremes_as_an_index(arg, axis):
    def function(x):
        return x[arg(x, axis=axis, keepdims=True)] ** 2

    layouts = ("3-deep", "options in lists", "option lists", "N-d", "regular")
    check_some(function, [(layout, LAYOUT[layout]) for layout in layouts], f"{arg.__name__} {axis}")


def test_records_are_sorted_field_by_field():
    x = ak.zip({"pt": TIED, "eta": -TIED[:, ::-1], "q": ak.values_astype(TIED, int)})
    t = ak.zip({"pt": ALONG, "eta": ALONG, "q": ak.values_astype(ALONG, int)})
    y, dy = dualak.jvp(sorting(ascending=False), x, t)
    for name in ("pt", "eta"):
        alone = both(sorting(ascending=False), x[name], t[name])
        assert [ak.to_list(y[name]), ak.to_list(dy[name])] == alone
    assert ak.to_list(y.q) == ak.to_list(ak.sort(x.q, ascending=False))


def test_names_of_axes_may_be_given():
    check(lambda x: ak.sort(ak.with_named_axis(x, ("event", "jet")), axis="jet"), TIED + ALONG / 7)
    check(lambda x: ak.sort(ak.with_named_axis(x, ("event", "jet")), "event"), TIED + ALONG / 7)


def test_the_result_gets_the_attributes_it_is_given():
    x = LAYOUT["jagged"]()
    seen = []

    def function(x):
        seen.append(ak.sort(x, attrs={"unit": "GeV"}, behavior={"name": 1}))
        layout = ak.sort(x, highlevel=False)
        assert isinstance(layout, ak.contents.Content)
        return ak.Array(layout)

    y, _ = dualak.jvp(function, x, direction(x))
    assert dict(seen[0].attrs) == {"unit": "GeV"}
    assert seen[0].behavior == {"name": 1}
    assert ak.to_list(y) == ak.to_list(ak.sort(x))


REFUSED = (
    ("no axis", lambda x: ak.sort(x, axis=None)),
    ("too deep", lambda x: ak.sort(x, axis=2)),
    ("a scalar", lambda x: ak.sort(x[0, 0])),
    ("a name", lambda x: ak.sort(x, order="pt")),
    ("an order", lambda x: np.sort(x, order="pt")),
    ("a kind", lambda x: np.sort(x, kind="bogosort")),
)


@pytest.mark.parametrize(("what", "function"), REFUSED)
def test_what_awkward_does_not_sort_raises(what, function):
    x = LAYOUT["jagged"]()
    with pytest.raises((TypeError, ValueError)):
        dualak.jvp(function, x, direction(x))
