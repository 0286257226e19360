"""Functions of duals: right values and tangents, and nothing that loses a tangent in silence.

The rows name a function of the registry, so a registered function without a row is noticed.
"""

from __future__ import annotations

import array
import copy
import itertools
import math
import pickle
import statistics
from contextlib import suppress
from functools import partial

import awkward as ak
import numpy as np
import pytest

import dualak
from dualak.functions import functions
from tests.support.layouts import LAYOUTS, accepts, check, check_some, direction

LAYOUT = dict(LAYOUTS)

# -- reducers -------------------------------------------------------------------------------------

#: Of both ak and np, as far as np has them.
REDUCERS = ("sum", "prod", "min", "max", "mean", "any", "all", "count", "count_nonzero")
REDUCERS += ("argmax", "argmin")
AXES = (None, 0, 1, 2, -1)
WAYS = ({}, {"keepdims": True}, {"mask_identity": True}, {"mask_identity": False})
SOME = "flat|jagged|3-deep|regular|N-d|gaps|options in lists|option lists|union|empty lists|float32"


def reductions(room, names, layouts, axes, ways):
    """Functions, and the layouts on which each is tried."""
    for name, axis, given in itertools.product(names, axes, ways):
        if hasattr(room, name):
            given = {"axis": axis, **given}
            label = f"{room.__name__}.{name} {given}"
            among = [(layout, LAYOUT[layout]) for layout in layouts]
            yield pytest.param(reducer(room, name, given), among, label, id=label)


def reducer(room, name, given):
    return lambda x: getattr(room, name)(x, **given)


EVERYWHERE = list(reductions(ak, REDUCERS, LAYOUT, AXES, WAYS[:1]))
EVERY_WAY = list(reductions(ak, REDUCERS, SOME.split("|"), (None, 0, 1), WAYS[1:]))
NAMES = (*REDUCERS, "amin", "amax")
OF_NUMPY = list(reductions(np, NAMES, ("jagged", "N-d"), (None, 0, 1), WAYS[:2]))


@pytest.mark.one_in(12)
@pytest.mark.parametrize(("function", "layouts", "name"), EVERYWHERE + EVERY_WAY + OF_NUMPY)
def test_a_reducer_gives_value_and_tangent(function, layouts, name):
    check_some(function, layouts, name)


@pytest.mark.one_in(8)
@pytest.mark.parametrize("name", REDUCERS)
@pytest.mark.parametrize("axis", AXES)
def test_a_reducer_of_what_was_computed(name, axis):
    function = reducer(ak, name, {"axis": axis})
    among = [(of, LAYOUT[of]) for of in ("flat", "jagged", "3-deep", "option lists", "N-d 3")]
    check_some(lambda x: function(np.sin(x) * x[::-1][::-1]), among, f"{name} {axis}")


TIED = ak.Array([[2.0, 5.0, 5.0], [], [1.0, 1.0, 1.0, 3.0], [4.0]])
ALONG = ak.Array([[1.0, 2.0, 4.0], [], [1.0, 2.0, 6.0, 8.0], [0.5]])
TIES = (
    ("max", {"axis": 1}, [3.0, None, 8.0, 0.5]),
    ("min", {"axis": 1}, [1.0, None, 3.0, 0.5]),
    ("max", {"axis": None}, 3.0),
    ("min", {"axis": None}, 3.0),
    ("max", {"axis": 0}, [0.5, 2.0, 4.0, 8.0]),
    ("min", {"axis": 0}, [1.0, 2.0, 6.0, 8.0]),
    ("max", {"axis": 1, "mask_identity": False}, [3.0, 0.0, 8.0, 0.5]),
)


@pytest.mark.parametrize(("name", "given", "expected"), TIES)
def test_ties_share_the_mean_of_their_tangents(name, given, expected):
    y, dy = dualak.jvp(reducer(ak, name, given), TIED, ALONG)
    assert ak.to_list(y) == ak.to_list(reducer(ak, name, given)(TIED))
    assert ak.to_list(dy) == expected


ZEROS = ak.Array([[2.0, 0.0, 3.0], [], [0.0, 0.0], [1.5], [0.0, 4.0, 0.5, 2.0], [0.0, 0.0, 7.0]])


@pytest.mark.parametrize("given", [{"axis": axis} for axis in (None, 0, 1, -1)])
def test_a_product_with_zeros_has_the_tangent_of_the_other_factors(given):
    check(reducer(ak, "prod", given), ZEROS)
    check(reducer(ak, "prod", given), ZEROS[:1])


EMPTY_REDUCTIONS = [(name, axis) for name in REDUCERS for axis in (None, 0, 1, -1)]


@pytest.mark.one_in(6)
@pytest.mark.parametrize(("name", "axis"), EMPTY_REDUCTIONS)
def test_a_reduction_of_nothing(name, axis):
    """There may be no numbers to compare: missing ones are, and empty lists."""
    function = reducer(ak, name, {"axis": axis, "mask_identity": True})
    among = [LAYOUT[layout] for layout in ("length 0", "length 0 jagged", "empty lists")]
    accepted = [build for build in among if accepts(function, build())]
    assert accepted
    for build in accepted:
        check(function, build())


# -- rows: (name in the registry, arguments, function) ---------------------------------------------


def jagged():
    return ak.Array([[1.1, 2.2, 3.3], [], [4.4, 5.5]])


def other():
    return ak.Array([[0.5, 2.7, 2.5], [], [0.7, 3.5]])


def flat():
    return ak.Array([10.0, 20.0, 30.0])


def option():
    return LAYOUT["option lists"]()


def records():
    return ak.Array([{"x": 1.1, "y": 2.0, "n": 1}, {"x": 2.2, "y": 4.5, "n": 3}])


def jets():
    return LAYOUT["jets"]()[["pt", "eta", "q"]]


def named():
    return ak.with_name(jets(), "Jet")


def option_records():
    return LAYOUT["option records"]()


def pair():
    return jagged(), other()


def with_flat():
    return jagged(), flat()


def with_scalar():
    return jagged(), 0.7


def with_scalar_32():
    return LAYOUT["float32"](), 0.7


def two_records():
    return records(), ak.Array([{"x": 0.1, "y": 0.2, "n": 5}, {"x": 0.3, "y": 0.4, "n": 7}])


def answers(question, answer):
    """A function that keeps its array where the answer is right: zero elsewhere."""
    return lambda x: x * (question(x) == answer)


def assigned(x, **fields):
    for name, value in fields.items():
        x[name] = value(x)
    return x


def nested_assignment(x):
    x["inner", "a"] = x.inner.a * x.b
    x["inner", "c"] = x.b**2
    return x


def deleted(x, *names):
    for name in names:
        del x[name]
    return x


def inner():
    first = {"inner": {"a": 1.5, "d": 1}, "b": 2.5}
    return ak.Array([first, {"inner": {"a": 0.5, "d": 2}, "b": 3.5}])


def joined(*arrays, axis=0):
    return ak.concatenate(arrays, axis=axis)


PLAIN = ak.Array([[100.0], [200.0, 300.0], []])
INTS = ak.Array([[1, 2, 3], [], [4, 5]])
COMPLEMENT = ak.Array([[True, False, True], [], [False, True]])
OPTION_CONDITION = ak.Array([[True, None, False], [], [None, True]])

# fmt: off
STRUCTURAL = (
    ("ak.without_parameters", jagged, lambda x: ak.without_parameters(x)),
    ("ak.flatten", jagged, lambda x: ak.flatten(x)),
    ("ak.flatten", jagged, lambda x: ak.flatten(x, axis=0)),
    ("ak.flatten", jagged, lambda x: ak.flatten(x, axis=None)),
    ("ak.flatten", option, lambda x: ak.flatten(x)),
    ("ak.flatten", option, lambda x: ak.flatten(x, axis=0)),
    ("ak.flatten", option, lambda x: ak.flatten(x, axis=None)),
    ("ak.flatten", jets, lambda x: ak.flatten(x)),
    ("ak.flatten", lambda: LAYOUT["3-deep"](), lambda x: ak.flatten(x, axis=2)),
    ("ak.flatten", lambda: LAYOUT["3-deep"](), lambda x: ak.flatten(x, axis=-1)),
    ("ak.flatten", lambda: LAYOUT["3-deep"](), lambda x: ak.flatten(x, axis=None)),
    ("ak.flatten", lambda: LAYOUT["union"](), lambda x: ak.flatten(x, axis=None)),
    ("ak.flatten", lambda: LAYOUT["union in lists"](), lambda x: ak.flatten(x, axis=None)),
    ("ak.flatten", lambda: LAYOUT["N-d 3"](), lambda x: ak.flatten(x, axis=None)),
    ("ak.ravel", jagged, lambda x: ak.ravel(x)),
    ("ak.ravel", option, lambda x: ak.ravel(x)),
    ("ak.ravel", lambda: LAYOUT["union"](), lambda x: ak.ravel(x)),
    ("ak.ravel", lambda: LAYOUT["flat"](), lambda x: ak.ravel(x)),
    ("np.ravel", lambda: LAYOUT["N-d"](), lambda x: np.ravel(x)),
    ("ak.unflatten", lambda: LAYOUT["flat"](), lambda x: ak.unflatten(x, [2, 0, 3])),
    ("ak.unflatten", lambda: LAYOUT["flat"](), lambda x: ak.unflatten(x, 5)),
    ("ak.unflatten", jagged, lambda x: ak.unflatten(ak.flatten(x), ak.num(x))),
    ("ak.unflatten", jagged, lambda x: ak.unflatten(x, [2, 1, 1, 1], axis=1)),
    ("ak.unflatten", lambda: LAYOUT["indexed"](), lambda x: ak.unflatten(x, [2, 0, 3])),
    ("ak.num", jagged, lambda x: x * ak.num(x)),
    ("ak.num", jets, lambda x: x.pt * ak.num(x, axis=0) + ak.num(x)),
    ("ak.num", lambda: LAYOUT["3-deep"](), lambda x: x * ak.num(x, axis=2)),
    ("ak.num", lambda: LAYOUT["3-deep"](), lambda x: x * ak.num(x, axis=-1)),
    ("ak.is_none", option, lambda x: ak.is_none(x)),
    ("ak.is_none", option, lambda x: x[~ak.is_none(x, axis=1)]),
    ("ak.is_none", jagged, lambda x: ak.is_none(x, axis=-1)),
    ("ak.is_none", option_records, lambda x: ak.is_none(x)),
    ("ak.local_index", jagged, lambda x: x * ak.local_index(x)),
    ("ak.local_index", jagged, lambda x: x * ak.local_index(x, axis=0)),
    ("ak.local_index", jets, lambda x: x.pt * ak.local_index(x, axis=1)),
    ("ak.firsts", jagged, lambda x: ak.firsts(x)),
    ("ak.firsts", jagged, lambda x: ak.firsts(x, axis=0)),
    ("ak.firsts", jets, lambda x: ak.firsts(x)),
    ("ak.firsts", lambda: LAYOUT["3-deep"](), lambda x: ak.firsts(x, axis=2)),
    ("ak.singletons", lambda: LAYOUT["indexed option"](), lambda x: ak.singletons(x)),
    ("ak.singletons", jagged, lambda x: ak.singletons(ak.firsts(x))),
    ("ak.singletons", option, lambda x: ak.singletons(x, axis=1)),
    ("ak.pad_none", jagged, lambda x: ak.pad_none(x, 2)),
    ("ak.pad_none", jagged, lambda x: ak.pad_none(x, 2, clip=True)),
    ("ak.pad_none", jagged, lambda x: ak.pad_none(x, 5, axis=0)),
    ("ak.pad_none", jagged, lambda x: ak.pad_none(x, 2, axis=0, clip=True)),
    ("ak.pad_none", jets, lambda x: ak.pad_none(x, 2, axis=-1)),
    ("ak.pad_none", option, lambda x: ak.pad_none(x, 3)),
    ("ak.fill_none", option, lambda x: ak.fill_none(x, 7.0)),
    ("ak.fill_none", option, lambda x: ak.fill_none(x, 7.0, axis=1)),
    ("ak.fill_none", option, lambda x: ak.fill_none(x, 7.0, axis=None)),
    ("ak.fill_none", option, lambda x: ak.fill_none(x, 7)),
    ("ak.fill_none", option, lambda x: ak.fill_none(x, [1.0], axis=0)),
    ("ak.fill_none", option, lambda x: ak.fill_none(ak.sum(x, axis=1), -1.0)),
    ("ak.fill_none", lambda: (option(), 0.7), lambda x, a: ak.fill_none(x, a)),
    ("ak.fill_none", option, lambda x: ak.fill_none(x, x[0, 2])),
    ("ak.fill_none", option_records, lambda x: ak.fill_none(x.a, 1.5)),
    ("ak.fill_none", lambda: LAYOUT["indexed option"](), lambda x: ak.fill_none(x, 7.0)),
    ("ak.fill_none", lambda: LAYOUT["indexed option"](), lambda x: ak.fill_none(x, np.float64(7))),
    ("ak.drop_none", option, lambda x: ak.drop_none(x)),
    ("ak.drop_none", option, lambda x: ak.drop_none(x, axis=0)),
    ("ak.drop_none", option, lambda x: ak.drop_none(x, axis=1)),
    ("ak.drop_none", option_records, lambda x: ak.drop_none(x)),
    ("ak.mask", jagged, lambda x: ak.mask(x, x > 2)),
    ("ak.mask", jagged, lambda x: ak.mask(x, x > 2, valid_when=False)),
    ("ak.mask", jagged, lambda x: x.mask[x > 2] ** 2),
    ("ak.mask", jagged, lambda x: x.mask[ak.num(x) > 0]),
    ("ak.mask", jets, lambda x: x.mask[x.pt > 31].eta),
    ("ak.mask", jets, lambda x: ak.sum(ak.mask(x, x.pt > 31).eta, axis=1)),
    ("ak.to_packed", lambda: LAYOUT["gaps"](), lambda x: ak.to_packed(x[::-1])),
    ("ak.to_packed", lambda: LAYOUT["indexed records"](), lambda x: ak.to_packed(x)),
    ("ak.to_packed", option, lambda x: ak.to_packed(x)),
    ("ak.to_regular", lambda: LAYOUT["N-d"](), lambda x: ak.to_regular(x[:, :2])),
    ("ak.to_regular", lambda: ak.Array([[1.5, 2.5], [3.5, 4.5]]), lambda x: ak.to_regular(x)),
    ("ak.to_regular", lambda: ak.Array([[1.5, 2.5], [3.5, 4.5]]),
     lambda x: ak.to_regular(x, axis=None)),
    ("ak.from_regular", lambda: LAYOUT["regular"](), lambda x: ak.from_regular(x)),
    ("ak.from_regular", lambda: LAYOUT["N-d 3"](), lambda x: ak.from_regular(x, axis=None)),
    ("ak.from_regular", lambda: LAYOUT["N-d 3"](), lambda x: ak.from_regular(x, axis=2)),
    ("ak.copy", jagged, lambda x: ak.copy(x) * 2),
    ("ak.copy", jets, lambda x: ak.copy(x)),
    ("np.copy", jagged, lambda x: np.copy(x)),
    ("ak.to_backend", jagged, lambda x: ak.to_backend(x, "cpu")),
    ("ak.backend", jagged, answers(ak.backend, "cpu")),
    ("ak.to_layout", jagged, lambda x: ak.Array(ak.to_layout(x)) * 2),
    ("ak.to_layout", jets, lambda x: ak.Array(ak.to_layout(x)).pt * 2),
    ("ak.with_named_axis", jagged, lambda x: ak.with_named_axis(x, ("e", "j")) * 2),
    ("ak.with_named_axis", jagged, lambda x: ak.sum(ak.with_named_axis(x, ("e", "j")), axis="j")),
    ("ak.without_named_axis", jagged,
     lambda x: ak.without_named_axis(ak.with_named_axis(x, ("e", "j")))),
    ("ak.with_parameter", jagged, lambda x: ak.with_parameter(x, "unit", "GeV") * 2),
    ("ak.with_parameter", jagged, lambda x: ak.with_parameter(x, "unit", "GeV")),
    ("ak.broadcast_arrays", with_flat, lambda x, y: tuple(ak.broadcast_arrays(x, y))),
    ("ak.broadcast_arrays", jagged, lambda x: tuple(ak.broadcast_arrays(x, 5.0))),
    ("ak.broadcast_arrays", jagged, lambda x: ak.broadcast_arrays(flat(), x)[0] * x),
    ("ak.broadcast_arrays", with_scalar, lambda x, a: tuple(ak.broadcast_arrays(x, a))),
    ("ak.broadcast_arrays", with_flat,
     lambda x, y: tuple(ak.broadcast_arrays(x, y, depth_limit=1))),
    ("ak.broadcast_arrays", lambda: (jets(), flat()),
     lambda x, y: tuple(ak.broadcast_arrays(x, y))),
    ("np.broadcast_arrays", with_flat, lambda x, y: tuple(np.broadcast_arrays(x, y))),
    ("ak.broadcast_fields", two_records,
     lambda x, y: tuple(ak.broadcast_fields(x[["x"]], y[["y"]]))),
    ("ak.combinations", jagged, lambda x: ak.combinations(x, 2)),
    ("ak.combinations", jagged, lambda x: ak.combinations(x, 3, replacement=True)),
    ("ak.combinations", jagged, lambda x: ak.combinations(x, 2, fields=["a", "b"]).a ** 2),
    ("ak.combinations", jagged, lambda x: ak.combinations(x, 2, with_name="Pair")),
    ("ak.combinations", lambda: LAYOUT["flat"](), lambda x: ak.combinations(x, 2, axis=0)),
    ("ak.combinations", lambda: LAYOUT["3-deep"](), lambda x: ak.combinations(x, 2, axis=-1)),
    ("ak.combinations", jets, lambda x: ak.combinations(x, 2, fields=["a", "b"]).a.pt ** 2),
    ("ak.combinations", option, lambda x: ak.combinations(x, 2)),
    ("ak.cartesian", pair, lambda x, y: ak.cartesian([x, y])),
    ("ak.cartesian", pair, lambda x, y: ak.cartesian({"a": x, "b": y}).a ** 2),
    ("ak.cartesian", pair, lambda x, y: ak.cartesian([x, y], nested=True)),
    ("ak.cartesian", pair, lambda x, y: ak.cartesian({"a": x, "b": y, "c": x}, nested=["a"])),
    ("ak.cartesian", pair, lambda x, y: ak.cartesian([x, y], axis=0)),
    ("ak.cartesian", jagged, lambda x: ak.cartesian({"a": x, "b": PLAIN}, with_name="P")),
    ("ak.cartesian", lambda: (jets(), jagged()), lambda x, y: ak.cartesian({"a": x, "b": y}).a.pt),
    ("ak.argcombinations", jagged, lambda x: ak.argcombinations(x, 2)),
    ("ak.argcombinations", jagged, lambda x: x[ak.argcombinations(x, 2)["0"]]),
    ("ak.argcartesian", pair, lambda x, y: x[ak.argcartesian([x, y])["0"]]),
    ("ak.zip", pair, lambda x, y: ak.zip({"a": x, "b": y})),
    ("ak.zip", pair, lambda x, y: ak.zip([x, y])),
    ("ak.zip", with_flat, lambda x, y: ak.zip({"a": x, "b": y})),
    ("ak.zip", with_flat, lambda x, y: ak.zip({"a": x, "b": y}, depth_limit=1)),
    ("ak.zip", jagged, lambda x: ak.zip({"a": x, "b": 1.5, "c": 3, "d": INTS}, with_name="P")),
    ("ak.zip", with_scalar, lambda x, a: ak.zip({"a": x, "b": a})),
    ("ak.zip", with_scalar_32, lambda x, a: ak.zip({"a": x, "b": a})),
    ("ak.zip", jagged, lambda x: ak.zip({"a": x, "b": x[0, 1]}, right_broadcast=False)),
    ("ak.zip", lambda: (jets(), flat()), lambda x, y: ak.zip({"jet": x, "w": y}).jet.pt * 2),
    ("ak.zip", lambda: (jets(), flat()), lambda x, y: ak.zip({"jet": x, "w": y}, depth_limit=1)),
    ("ak.zip", option, lambda x: ak.zip({"a": x, "b": x * 2})),
    ("ak.zip", pair, lambda x, y: ak.zip({"a": x, "b": y}, optiontype_outside_record=True)),
    ("ak.zip_no_broadcast", pair, lambda x, y: ak.zip_no_broadcast({"a": x, "b": y})),
    ("ak.zip_no_broadcast", jagged, lambda x: ak.zip_no_broadcast([x, INTS], with_name="P")),
    ("ak.unzip", jets, lambda x: ak.unzip(x)),
    ("ak.unzip", jagged, lambda x: ak.unzip(x)),
    ("ak.unzip", jagged, lambda x: ak.unzip(ak.combinations(x, 2))),
    ("ak.unzip", jets, lambda x: ak.unzip(x, how=dict)["pt"] ** 2),
    ("ak.with_field", jets, lambda x: ak.with_field(x, x.pt**2, "pt2")),
    ("ak.with_field", jets, lambda x: ak.with_field(x, x.pt**2, "pt")),
    ("ak.with_field", jets, lambda x: ak.with_field(x, 1.5, "one")),
    ("ak.with_field", jets, lambda x: ak.with_field(x, x[0, 1].pt, "lead")),
    ("ak.with_field", named, lambda x: ak.with_field(x, INTS, where="n")),
    ("ak.with_field", inner, lambda x: ak.with_field(x, x.b**2, where=["inner", "e"])),
    ("ak.with_field", jagged, lambda x: ak.with_field(jets()[["q"]], x * 2, "w")),
    ("ak.with_field", with_flat, lambda x, y: ak.with_field(ak.zip({"x": x}), y, "y")),
    ("ak.with_field", jets, lambda x: assigned(x, pt=lambda x: x.pt * x.eta)),
    ("ak.with_field", jets, lambda x: assigned(x, new=lambda x: x.pt**2, more=lambda x: x.new * 2)),
    ("ak.with_field", named, lambda x: assigned(x, new=lambda x: x.pt**2).new),
    ("ak.with_field", jets, lambda x: assigned(x, one=lambda x: 1.0)),
    ("ak.with_field", inner, nested_assignment),
    ("ak.with_field", jagged, lambda x: assigned(jets(), w=lambda jets: x * 2)),
    ("ak.with_field", jagged, lambda x: assigned(jets(), w=lambda jets: x * 2).w ** 2),
    ("ak.without_field", jets, lambda x: ak.without_field(x, "eta")),
    ("ak.without_field", inner, lambda x: ak.without_field(x, ["inner", "a"])),
    ("ak.without_field", jets, lambda x: deleted(x, "pt")),
    ("ak.without_field", jets, lambda x: deleted(x, "pt", "eta")),
    ("ak.without_field", inner, lambda x: deleted(x, ("inner", "a"))),
    ("ak.with_name", jets, lambda x: ak.with_name(x, "Jet")),
    ("ak.with_name", named, lambda x: ak.with_name(x, "Other").pt * 2),
    ("ak.with_name", named, lambda x: ak.with_name(x, None)),
    ("ak.concatenate", pair, lambda x, y: joined(x, y)),
    ("ak.concatenate", pair, lambda x, y: joined(x, y, axis=1)),
    ("ak.concatenate", jagged, lambda x: joined(x, PLAIN)),
    ("ak.concatenate", jagged, lambda x: joined(PLAIN, x, axis=1)),
    ("ak.concatenate", jagged, lambda x: joined(x, INTS, axis=1)),
    ("ak.concatenate", jagged, lambda x: joined(INTS, x)),
    ("ak.concatenate", jagged, lambda x: joined(x, [[9.0]])),
    ("ak.concatenate", jagged, lambda x: joined(x, flat())),
    ("ak.concatenate", with_flat, lambda x, y: joined(y, x)),
    ("ak.concatenate", with_flat, lambda x, y: joined(x, y[:, np.newaxis], axis=1)),
    ("ak.concatenate", jets, lambda x: joined(x, jets())),
    ("ak.concatenate", jets, lambda x: joined(jets(), x, axis=1)),
    ("ak.concatenate", named, lambda x: joined(x, named())),
    ("ak.concatenate", named, lambda x: joined(x, jets())),
    ("ak.concatenate", records, lambda x: joined(x, records()[["y", "x", "n"]])),
    ("ak.concatenate", records, lambda x: joined(x, ak.Array([{"z": 1.0}]))),
    ("ak.concatenate", option, lambda x: joined(x, jagged())),
    ("ak.concatenate", jagged, lambda x: joined(x, option(), axis=0)),
    ("ak.concatenate", jagged, lambda x: joined(x, ak.Array([["a"], []]))),
    ("ak.concatenate", lambda: LAYOUT["flat"](), lambda x: joined(x, ["a", "b"])),
    ("ak.concatenate", lambda: LAYOUT["N-d"](), lambda x: joined(x, x * 2, axis=1)),
    ("ak.concatenate", lambda: LAYOUT["float32"](), lambda x: joined(x, jagged())),
    ("ak.concatenate", lambda: LAYOUT["float32"](), lambda x: joined(x, INTS, axis=1)),
    ("ak.concatenate", lambda: (LAYOUT["float32"](), other()), lambda x, y: joined(x, y, axis=1)),
    ("np.concatenate", pair, lambda x, y: np.concatenate([x, y], axis=1)),
    ("np.concatenate", jagged, lambda x: np.concatenate([x, PLAIN])),
    ("ak.merge_union_of_records", lambda: LAYOUT["union records"](),
     lambda x: ak.merge_union_of_records(x, axis=0)),
    ("ak.merge_union_of_records",
     lambda: ak.concatenate([ak.Array([{"a": 1.5}]), ak.Array([{"b": 2.5}])]),
     lambda x: ak.merge_union_of_records(x, axis=-1).a * 2),
    ("ak.merge_option_of_records", option_records, lambda x: ak.merge_option_of_records(x, axis=0)),
    ("ak.merge_option_of_records", option_records,
     lambda x: ak.merge_option_of_records(x, axis=-1).a * 2),
)

COMPUTED = (
    ("ak.max", jagged, lambda x: ak.max(x, axis=1, initial=3.0)),
    ("ak.where", jagged, lambda x: ak.where(x > 2, x**2, 0.0)),
    ("ak.where", jagged, lambda x: ak.where(x > 2, 1, x)),
    ("ak.where", jagged, lambda x: ak.where(x > 2, 1.0, 0.0)),
    ("ak.where", jagged, lambda x: ak.where(x > 2, INTS, x)),
    ("ak.where", pair, lambda x, y: ak.where(x > y, x, y * 2)),
    ("ak.where", with_flat, lambda x, y: ak.where(y > 15, x, y)),
    ("ak.where", with_flat, lambda x, y: ak.where(x > 2, x, y)),
    ("ak.where", with_scalar, lambda x, a: ak.where(x > 2, x, a)),
    ("ak.where", with_scalar_32, lambda x, a: ak.where(x > 2, x, a)),
    ("ak.where", jagged, lambda x: ak.where(COMPLEMENT, x, x[0, 0])),
    ("ak.where", jagged, lambda x: ak.where(OPTION_CONDITION, x, -x)),
    ("ak.where", jagged, lambda x: ak.where(x, x * 2, 3.0)),
    ("ak.where", lambda: LAYOUT["options in lists"](), lambda x: ak.where(x > 2, x, 0.0)),
    ("ak.where", lambda: LAYOUT["options in lists"](),
     lambda x: ak.where(ak.is_none(x, axis=1), 1.0, x)),
    ("ak.where", jets, lambda x: ak.where(x.pt > 31, x, jets())),
    ("ak.where", jets, lambda x: ak.where(x.pt > 31, x, x[:, ::-1])),
    ("ak.where", jets, lambda x: ak.where(x.pt > 31, jets(), x).pt * 2),
    ("ak.where", named, lambda x: ak.where(x.pt > 31, x, x[:, ::-1])),
    ("ak.where", lambda: LAYOUT["union"](), lambda x: ak.where(x > 2, x, 0.5)),
    ("ak.where", lambda: LAYOUT["flat"](), lambda x: x * ak.where(x > 2)[0][0]),
    ("ak.where", lambda: LAYOUT["float32"](), lambda x: ak.where(x > 2, x, 1.0)),
    ("ak.where", lambda: LAYOUT["float32"](), lambda x: ak.where(x > 2, x, np.float64(1.0))),
    ("ak.where", lambda: LAYOUT["float32"](), lambda x: ak.where(x > 2, x, jagged())),
    ("ak.where", lambda: LAYOUT["N-d"](), lambda x: ak.where(x > 2, x, np.zeros((2, 3)))),
    ("np.where", jagged, lambda x: np.where(x > 2, x**2, -x)),
    ("np.where", lambda: LAYOUT["N-d"](), lambda x: np.where(x > 2, x**2, -x)),
    ("np.where", jagged, lambda x: np.where(ak.to_numpy(flat()) > 15, x, -x)),
    ("ak.values_astype", jagged, lambda x: ak.values_astype(x, np.float64) * 2),
    ("ak.values_astype", jagged, lambda x: ak.values_astype(x * 2, "int64")),
    ("ak.values_astype", jagged, lambda x: x * ak.values_astype(x > 2, np.float64)),
    ("ak.values_astype", jagged, lambda x: ak.values_astype(x, bool)),
    ("ak.values_astype", lambda: LAYOUT["float32"](),
     lambda x: ak.values_astype(x, np.float64) ** 2),
    ("ak.values_astype", lambda: LAYOUT["float32"](), lambda x: ak.values_astype(x, "float32")),
    ("ak.values_astype", jets, lambda x: ak.values_astype(x, np.float64)),
    ("ak.values_astype", option, lambda x: ak.values_astype(x, np.float64)),
    ("ak.values_astype", lambda: LAYOUT["jets"](), lambda x: ak.values_astype(x, np.float64)),
    ("ak.enforce_type", jagged, lambda x: ak.enforce_type(x, "var * float64") * 2),
    ("ak.enforce_type", jagged, lambda x: ak.enforce_type(x, "var * ?float64")),
    ("ak.enforce_type", jagged, lambda x: ak.enforce_type(x**2, "option[var * float64]")),
    ("ak.enforce_type", lambda: LAYOUT["float32"](), lambda x: ak.enforce_type(x, "var * float64")),
    ("ak.enforce_type", jets, lambda x: ak.enforce_type(x[["pt"]], "var * {pt: ?float64}")),
    ("ak.enforce_type", jagged, lambda x: ak.enforce_type(x, "var * union[float64, string]")),
    ("ak.enforce_type", lambda: LAYOUT["flat"](), lambda x: ak.enforce_type(x, "?float64")),
    ("ak.real", jagged, lambda x: ak.real(x) * 2),
    ("np.real", jagged, lambda x: np.real(x) * 2),
    ("ak.real", jets, lambda x: ak.real(x.pt)),
    ("np.clip", lambda: LAYOUT["N-d"](), lambda x: np.clip(x, 2.0, 5.0)),
    ("np.clip", lambda: LAYOUT["N-d"](), lambda x: np.clip(x, None, 3.0)),
    ("np.clip", lambda: LAYOUT["N-d"](), lambda x: np.clip(x, 2.0, None)),
    ("np.clip", lambda: LAYOUT["flat"](), lambda x: np.clip(x, x[0] * 2, x[4] - 0.5)),
    ("np.clip", lambda: LAYOUT["flat"](), lambda x: np.clip(x, a_min=x[::-1], a_max=5.0)),
    ("ak.mean", pair, lambda x, w: ak.mean(x, weight=w)),
    ("ak.mean", pair, lambda x, w: ak.mean(x, weight=w, axis=1)),
    ("ak.mean", pair, lambda x, w: ak.mean(x, w, axis=1, keepdims=True)),
    ("ak.mean", with_flat, lambda x, w: ak.mean(x, weight=w, axis=1)),
    ("ak.mean", option, lambda x: ak.mean(x, weight=x * x)),
    ("ak.var", jagged, lambda x: ak.var(x, axis=1)),
    ("ak.std", jagged, lambda x: ak.std(x, axis=1, ddof=1)),
    ("ak.moment", jagged, lambda x: ak.moment(x, 3, axis=1)),
    ("ak.ptp", jagged, lambda x: ak.ptp(x, axis=1)),
    ("ak.softmax", jagged, lambda x: ak.softmax(x, axis=-1)),
    ("ak.covar", pair, lambda x, y: ak.covar(x, y, axis=1)),
    ("ak.corr", pair, lambda x, y: ak.corr(x, y)),
    ("ak.linear_fit", pair, lambda x, y: ak.linear_fit(x, y)),
    ("ak.nansum", jagged, lambda x: ak.nansum(x, axis=1)),
    ("ak.nanprod", jagged, lambda x: ak.nanprod(x, axis=1)),
    ("ak.nanmin", jagged, lambda x: ak.nanmin(x, axis=1)),
    ("ak.nanmax", jagged, lambda x: ak.nanmax(x, axis=1)),
    ("ak.nanmean", jagged, lambda x: ak.nanmean(x, axis=1)),
    ("ak.nanvar", jagged, lambda x: ak.nanvar(x, axis=1)),
    ("ak.nanstd", jagged, lambda x: ak.nanstd(x, axis=1, ddof=1)),
    ("ak.nan_to_num", jagged, lambda x: ak.nan_to_num(x)),
    ("ak.nan_to_none", jagged, lambda x: ak.nan_to_none(x)),
    ("ak.sort", jagged, lambda x: ak.sort(-x)),
    ("np.sort", jagged, lambda x: np.sort(-x)),
    ("np.nan_to_num", jagged, lambda x: np.nan_to_num(x)),
    ("np.var", jagged, lambda x: np.var(x, axis=1)),
    ("np.std", jagged, lambda x: np.std(x, axis=1, ddof=1)),
    ("np.ptp", jagged, lambda x: np.ptp(x, axis=1)),
    ("np.nansum", jagged, lambda x: np.nansum(x, axis=1)),
    ("np.nanprod", jagged, lambda x: np.nanprod(x, axis=1)),
    ("np.nanmin", jagged, lambda x: np.nanmin(x, axis=1)),
    ("np.nanmax", jagged, lambda x: np.nanmax(x, axis=1)),
    ("np.nanmean", jagged, lambda x: np.nanmean(x, axis=1)),
    ("np.nanvar", jagged, lambda x: np.nanvar(x, axis=1)),
    ("np.nanstd", jagged, lambda x: np.nanstd(x, axis=1, ddof=1)),
    ("np.partition", lambda: LAYOUT["N-d"](), lambda x: np.partition(-x, 1)),
    ("np.median", lambda: LAYOUT["N-d"](), lambda x: np.median(x, axis=0)),
    ("np.quantile", lambda: LAYOUT["N-d"](), lambda x: np.quantile(x, 0.3)),
    ("np.percentile", lambda: LAYOUT["N-d"](), lambda x: np.percentile(x, [20, 70], axis=1)),
    ("np.nanmedian", lambda: LAYOUT["N-d"](), lambda x: np.nanmedian(x, axis=0)),
    ("np.nanquantile", lambda: LAYOUT["N-d"](), lambda x: np.nanquantile(x, 0.3)),
    ("np.nanpercentile", lambda: LAYOUT["N-d"](), lambda x: np.nanpercentile(x, 20, axis=1)),
    ("np.average", lambda: LAYOUT["N-d"](), lambda x: np.average(x, axis=1, weights=x * x)),
    ("np.cov", lambda: LAYOUT["N-d"](), lambda x: np.cov(x)),
    ("np.corrcoef", lambda: LAYOUT["N-d"](), lambda x: np.corrcoef(x, x * x)),
    ("np.mean", jagged, lambda x: np.mean(x, axis=1)),
    ("np.sum", jagged, lambda x: np.sum(x, 1)),
    ("np.sum", jagged, lambda x: np.sum(np.sin(x))),
    ("np.prod", jagged, lambda x: np.prod(x, axis=1, keepdims=True)),
    ("np.max", jagged, lambda x: np.max(x, axis=1)),
    ("np.min", jagged, lambda x: np.min(x)),
    ("np.amax", jagged, lambda x: np.amax(x, axis=0)),
    ("np.amin", jagged, lambda x: np.amin(x, axis=1)),
)

DISCRETE = (
    ("ak.all", jagged, lambda x: x * ak.all(x > 1.5, axis=1)),
    ("np.all", jagged, lambda x: x * np.all(x)),
    ("ak.any", jagged, lambda x: x[ak.any(x > 4, axis=1)]),
    ("np.any", jagged, lambda x: x * np.any(x > 4, axis=1)),
    ("ak.argmax", jagged, lambda x: x[ak.argmax(x, axis=1, keepdims=True)]),
    ("ak.argmax", lambda: LAYOUT["3-deep"](), lambda x: x[ak.argmax(x, axis=2, keepdims=True)]),
    ("ak.argmax", jets, lambda x: x[ak.argmax(x.eta, axis=1, keepdims=True)].pt),
    ("np.argmax", jagged, lambda x: x * np.argmax(x)),
    ("ak.argmin", jagged, lambda x: x[ak.argmin(x, axis=-1, keepdims=True)]),
    ("np.argmin", jagged, lambda x: x * np.argmin(x, axis=1)),
    ("ak.argsort", jagged, lambda x: x[ak.argsort(-x, axis=1)]),
    ("ak.argsort", jets, lambda x: x[ak.argsort(x.eta, axis=1, ascending=False)]),
    ("np.argsort", jagged, lambda x: x[np.argsort(x)]),
    ("np.argpartition", lambda: LAYOUT["flat"](), lambda x: x[np.argpartition(-x, 2)]),
    ("ak.nanargmax", jagged, lambda x: x[ak.nanargmax(x, axis=1, keepdims=True)]),
    ("ak.nanargmin", jagged, lambda x: x[ak.nanargmin(x, axis=1, keepdims=True)]),
    ("np.nanargmax", jagged, lambda x: x * np.nanargmax(x, axis=1)),
    ("np.nanargmin", jagged, lambda x: x * np.nanargmin(x, axis=1)),
    ("ak.count", jagged, lambda x: x / ak.count(x, axis=1)),
    ("ak.count_nonzero", jagged, lambda x: x * ak.count_nonzero(x, axis=1)),
    ("np.count_nonzero", jagged, lambda x: x * np.count_nonzero(x)),
    ("ak.almost_equal", jagged, lambda x: x * ak.almost_equal(x, jagged(), rtol=1.0)),
    ("ak.array_equal", jagged, lambda x: x * ak.array_equal(x, x)),
    ("np.array_equal", jagged, lambda x: x * np.array_equal(x, x)),
    ("ak.isclose", pair, lambda x, y: ak.isclose(x, y, rtol=0.3)),
    ("np.isclose", pair, lambda x, y: np.isclose(x, y)),
    ("ak.isclose", jagged, lambda x: ak.isclose(x, 2.2)),
    ("ak.fields", jets, lambda x: [x[name] for name in ak.fields(x)]),
    ("ak.fields", jagged, answers(ak.fields, [])),
    ("ak.is_categorical", jagged, answers(ak.is_categorical, False)),
    ("ak.is_tuple", jagged, answers(ak.is_tuple, False)),
    ("ak.is_tuple", lambda: LAYOUT["tuples"](), lambda x: x["0"] * ak.is_tuple(x)),
    ("ak.is_valid", jagged, answers(ak.is_valid, True)),
    ("ak.validity_error", jagged, answers(ak.validity_error, "")),
    ("ak.parameters", jagged, answers(ak.parameters, {})),
    ("ak.parameters", jets, lambda x: x.pt * (ak.parameters(x) == {})),
    ("ak.parameters", lambda: LAYOUT["records"](), lambda x: x.x * (ak.parameters(x) == {})),
    ("ak.type", jagged, answers(lambda x: str(ak.type(x)), "3 * var * float64")),
    ("ak.type", jets, lambda x: x.pt * (str(ak.type(x)) == str(jets().type))),
    ("ak.type", jagged, lambda x: x * (str(ak.type(x[0, 0])) == "float64")),
    ("ak.zeros_like", jagged, lambda x: ak.zeros_like(x) + x),
    ("ak.zeros_like", jets, lambda x: ak.zeros_like(x)),
    ("np.zeros_like", jagged, lambda x: np.zeros_like(x) + x),
    ("ak.ones_like", option, lambda x: ak.ones_like(x) * x),
    ("ak.ones_like", jagged, lambda x: ak.ones_like(x, dtype=np.int32)),
    ("np.ones_like", jagged, lambda x: np.ones_like(x) * x),
    ("ak.full_like", jagged, lambda x: ak.full_like(x, 3.0) * x),
    ("np.full_like", jagged, lambda x: np.full_like(x, 3.0) * x),
    ("ak.round", jagged, lambda x: ak.round(x * 1.3, 0) * x),
    ("np.round", jagged, lambda x: np.round(x * 1.3) * x),
    ("np.around", jagged, lambda x: np.around(x * 1.3) * x),
    ("ak.run_lengths", lambda: LAYOUT["flat"](), lambda x: x * ak.run_lengths(x)),
)
# fmt: on

ROWS = STRUCTURAL + COMPUTED + DISCRETE


# -- functions over all layouts -------------------------------------------------------------------


def leaves(x):
    return ak.flatten(x, axis=None)


def along(name, *given):
    """A function of structure, along an axis."""
    return lambda x, axis: getattr(ak, name)(x, *given, axis=axis)


# fmt: off
ALONG_AN_AXIS = (
    *((name, along(name)) for name in ("num", "flatten", "firsts", "local_index", "is_none")),
    *((name, along(name)) for name in ("singletons", "drop_none", "to_regular", "from_regular")),
    ("argsort", along("argsort")),
    *((name, along(name, 2)) for name in ["pad_none", "combinations", "argcombinations"]),
    ("fill_none", along("fill_none", 3.5)),
    ("unflatten", along("unflatten", 1)),
    ("concatenate", lambda x, axis: ak.concatenate([x, x[::-1]], axis=axis)),
    ("cartesian", lambda x, axis: ak.cartesian([x, x], axis=axis)),
)
OF_ANY_LAYOUT = (
    ("sin", np.sin),
    ("times itself", lambda x: x * x),
    ("minus first", lambda x: x - x[0]),
    ("minus slice", lambda x: x - x[:1]),
    ("plus range", lambda x: x + np.arange(len(x))),
    ("times list", lambda x: x * list(range(len(x)))),
    ("times column", lambda x: x * np.arange(len(x))[:, np.newaxis]),
    ("times scalar", lambda x: x * leaves(x)[0]),
    ("plus missing", lambda x: x + ak.Array([1.0, None, 2.0, 3.0])[: len(x)]),
    ("power", lambda x: np.abs(x) ** x),
    ("divmod", lambda x: divmod(x, 1.7)),
    ("modf", np.modf),
    ("weight of booleans", lambda x: x * (x > 2.05)),
    ("weight of bytes", lambda x: x * ak.values_astype(x > 2.05, np.int8)),
    ("weight of integers", lambda x: x * ak.values_astype(x > 2.05, np.int32)),
    ("weight of numbers", lambda x: x * ak.values_astype(x > 2.05, np.float64)),
    ("slice of weights", lambda x: x[::-1] * ak.values_astype(x > 2.05, np.float64)[::-1]),
    ("converted twice", lambda x: ak.values_astype(ak.values_astype(x * 1.3, "int64"), "f8") + x),
    ("comparison", lambda x: (x > 2.05) & (x < 4.05)),
    ("mask", lambda x: ak.mask(x, x > 2.05) * x),
    ("mask filled", lambda x: ak.fill_none(ak.mask(x, x > 2.05), 0.5) * x),
    ("where", lambda x: ak.where(x > 2.05, x, x * 2)),
    ("where number", lambda x: ak.where(x > 2.05, x, 0.5)),
    ("where missing", lambda x: ak.where(ak.is_none(x, axis=-1), 0.5, x)),
    ("minus mean", lambda x: x - ak.mean(x, axis=-1, keepdims=True)),
    ("minus sum", lambda x: x - ak.sum(x, axis=0, keepdims=True)),
    ("over largest", lambda x: x / ak.max(x, axis=None)),
    ("norm", lambda x: np.sqrt(ak.sum(x * x, axis=-1))),
    ("packed", lambda x: ak.to_packed(x[::-1])),
    ("ravelled", ak.ravel),
    ("zipped", lambda x: ak.zip({"a": x, "b": 1.5}, depth_limit=1).a),
    ("pairs", lambda x: ak.combinations(x, 2)["0"] * ak.combinations(x, 2)["1"]),
    ("largest", lambda x: leaves(x)[ak.argmax(x, axis=None)]),
    ("joined with integers", lambda x: ak.concatenate([x, INTS])),
    ("deviation", lambda x: ak.mean((x - ak.mean(x)) ** 2)),
)
# fmt: on

#: Plain Awkward's own answer depends here on how the array lies in memory: on what stands behind a
#: missing list, or on whether an index stands above the records or the numbers.
UPSTREAM = {
    ("where", "option lists"),
    ("where number", "option lists"),
    ("where missing", "masked lists"),
    ("is_none", "indexed records"),
    ("singletons", "indexed records"),
    ("pad_none", "indexed"),
    ("argsort", "masked in lists"),  # in Awkward 2.8
}


#: Those that take None for an axis: they go through all of them.
ALONG_ALL = ("flatten", "drop_none", "to_regular", "from_regular", "fill_none")
AXES_OF_STRUCTURE = [
    (what, function, axis)
    for what, function in ALONG_AN_AXIS
    for axis in (-1, 0, 1, 2, *((None,) if what in ALONG_ALL else ()))
]


@pytest.mark.one_in(8)
@pytest.mark.parametrize(("what", "function", "axis"), AXES_OF_STRUCTURE)
def test_structure_along_every_axis_of_every_layout(what, function, axis):
    check_some(partial(function, axis=axis), usable(what), f"{what} {axis}")


@pytest.mark.one_in(4)
@pytest.mark.parametrize(("what", "function"), OF_ANY_LAYOUT)
def test_a_function_of_every_layout(what, function):
    check_some(function, usable(what), what, everyday=2)


def usable(what):
    """The layouts on which Awkward's own answer counts."""
    return [(name, build) for name, build in LAYOUTS if (what, name) not in UPSTREAM]


@pytest.mark.one_in(6)
@pytest.mark.parametrize(("name", "arguments", "function"), ROWS)
def test_a_function_gives_value_and_tangent(name, arguments, function):
    check(lambda *args: function(*map(fresh, args)), arguments())


def fresh(array):
    """A copy that ``function`` may assign fields to."""
    return ak.copy(array) if isinstance(array, ak.Array) and type(array) is ak.Array else array


def test_clip_of_jagged_arrays_is_maximum_and_minimum():
    """NumPy alone would convert them and fail."""
    clipped = dualak.jvp(lambda x: np.clip(x, 2.0, 5.0), jagged(), other())
    wanted = dualak.jvp(lambda x: np.minimum(np.maximum(x, 2.0), 5.0), jagged(), other())
    assert list(map(ak.to_list, clipped)) == list(map(ak.to_list, wanted))


#: Functions that are refused by name; what else is called is listed further down.
REFUSED = (
    ("ak.to_list", jagged, lambda x: ak.to_list(x)),
    ("ak.to_numpy", jagged, lambda x: ak.to_numpy(x[0])),
    ("ak.to_dataframe", jagged, lambda x: ak.to_dataframe(x)),
    ("ak.imag", jagged, lambda x: ak.imag(x)),
    ("ak.angle", jagged, lambda x: ak.angle(x)),
    ("ak.full_like", with_scalar, lambda x, a: ak.full_like(x, a * x)),
    ("ak.unflatten", lambda: LAYOUT["flat"](), lambda x: ak.unflatten(x, x)),
    ("ak.with_parameter", jets, lambda x: ak.with_parameter(x, "__record__", "Jet")),
    ("ak.sum", jets, lambda x: ak.sum(x)),
    ("ak.sum", jets, lambda x: ak.sum(x, axis=1)),
    ("ak.prod", jets, lambda x: ak.prod(x, axis=-1)),
    ("ak.min", named, lambda x: ak.min(x, axis=1)),
    ("ak.mean", jets, lambda x: ak.mean(x, axis=1)),
    ("np.sum", jagged, lambda x: np.sum(x, dtype=np.float32)),
    ("np.sum", jagged, lambda x: np.sum(x, where=x > 2)),
    ("np.sum", jagged, lambda x: np.sum(x, initial=5.0)),
    ("np.max", jagged, lambda x: np.max(x, initial=3.0)),
    ("np.mean", jagged, lambda x: np.mean(x, dtype=np.float32)),
    ("np.clip", jagged, lambda x: np.clip(x, 0, 1, out=np.zeros(3))),
)


@pytest.mark.parametrize(("name", "arguments", "function"), REFUSED)
def test_a_refused_call_raises(name, arguments, function):
    assert refusal(function, arguments()) is not None


def refusal(function, x):
    """The exception that the function itself raises on duals; None if it returns."""
    raised = []

    def watched(*args):
        try:
            function(*args)
        except Exception as error:
            raised.append(error)
        return args

    dualak.jvp(watched, x, direction(x))
    return raised[0] if raised else None


# -- nothing escapes in silence --------------------------------------------------------------------

#: Names of Awkward that make no array out of an array, or only say something about it.
NO_DATA = ("ArrayBuilder", "from_arrow_schema", "metadata_from_parquet")
NO_DATA += ("mixin_class", "mixin_class_method")


def without_a_rule():
    """Names of Awkward that are refused, or that the registry does not know."""
    for name in sorted(set(dir(ak)) - set(NO_DATA)):
        entry = functions().get(f"ak.{name}")
        unruled = entry is None or entry.kind == "refused"
        if unruled and callable(getattr(ak, name)) and name[0] != "_":
            yield name


def call_in_many_ways(function, array, path):
    """What the function returns for each of some plausible arguments, where it returns."""
    ways = [(array,), (array, array), (array, 1), (1, array), (array, path), ([array],)]
    ways += [(array, "float64"), (lambda layouts, **_: None, array), ({"a": array},)]
    for args, kwargs in [*((one, {}) for one in ways), ((array,), {"axis": 1})]:
        with suppress(Exception):
            yield function(*args, **kwargs)


def is_harmless(result):
    """Whether a result still has its tangents, and hooks that see to them, or no numbers."""
    if isinstance(result, (tuple, list)):
        return all(map(is_harmless, result))
    if isinstance(result, (ak.Array, ak.Record)):
        return is_guarded(result)
    return result is None or isinstance(result, (bool, np.bool_, ak.types.Type))


def is_guarded(array):
    """Whether the array holds duals and refuses to be taken apart."""
    for escape in (ak.to_numpy, ak.to_list):
        with pytest.raises((TypeError, ValueError, LookupError)):
            escape(array)
    return True


HELD = {"jagged": jagged, "jets": jets, "named": named, "events": LAYOUT["events"]}


@pytest.mark.one_in(16)
@pytest.mark.parametrize("name", list(without_a_rule()))
@pytest.mark.parametrize("kind", HELD)
def test_a_function_without_a_rule_loses_no_tangent(name, kind, tmp_path):
    def function(x):
        for result in call_in_many_ways(getattr(ak, name), x, str(tmp_path / "file")):
            assert is_harmless(result), f"ak.{name} returned {type(result)}"
        return x

    x = HELD[kind]()
    dualak.jvp(function, x, direction(x))


def add_in_place(x):
    total = np.zeros(3)
    total += x
    return total


def set_items(x):
    array = np.zeros(3)
    array[0] = x[0, 0]
    return array


def built(x):
    builder = ak.ArrayBuilder()
    builder.append(x[0, 0])
    return builder.snapshot()


#: NumPy makes arrays of objects of these, whose elements are the differentiated numbers.
OF_OBJECTS = (
    ("np.asarray of a scalar", lambda x: np.asarray(x[0, 0]) * 2.0),
    ("np.array of numbers", lambda x: np.array([x[0, 0], 1.0])),
    ("np.full", lambda x: np.full(3, x[0, 0])),
    ("np.full, doubled", lambda x: np.full((2, 2), x[0, 0]) * 2.0),
)


@pytest.mark.parametrize(("what", "function"), OF_OBJECTS)
def test_arrays_of_objects_keep_their_tangents(what, function):
    check(function, jagged())


#: Each of these would take numbers out of an array of duals, so it raises.
ESCAPES = (
    ("to_list", lambda x: x.to_list()),
    ("tolist", lambda x: x.tolist()),
    ("ak.to_list", lambda x: ak.to_list(x)),
    ("to_numpy", lambda x: x[0].to_numpy()),
    ("ak.to_numpy", lambda x: ak.to_numpy(x[0])),
    ("np.asarray", lambda x: np.asarray(x[0])),
    ("np.array", lambda x: np.array(x[0])),
    ("np.array of a list", lambda x: np.array(list(x[0]), dtype=np.float64)),
    ("np.ma", lambda x: np.ma.asarray(x[0])),
    ("np.vectorize", lambda x: np.vectorize(lambda one: one + 1.0)(x[0])),
    ("np.frompyfunc", lambda x: np.frompyfunc(lambda one: one + 1.0, 1, 1)(x)),
    ("np.histogram", lambda x: np.histogram(x[0])),
    ("np.float64", lambda x: np.float64(x[0, 0])),
    ("float", lambda x: float(x[0, 0])),
    ("int", lambda x: int(x[0, 0])),
    ("complex", lambda x: complex(x[0, 0])),
    ("math", lambda x: math.sin(x[0, 0])),
    ("math.fsum", lambda x: math.fsum(x[0])),
    ("round", lambda x: round(x[0, 0])),
    ("statistics", lambda x: statistics.fmean(x[0])),
    ("pickle", lambda x: pickle.dumps(x)),
    ("pickle of a scalar", lambda x: pickle.dumps(x[0, 0])),
    ("value attribute", lambda x: x.value),
    ("tangent attribute", lambda x: x.tangent),
    ("value field", lambda x: x["value"]),
    ("tangent field", lambda x: x["tangent"]),
    ("value fields", lambda x: x[["value"]]),
    ("value of a scalar", lambda x: x[0, 0]["value"]),
    ("value attribute of a scalar", lambda x: x[0, 0].value),
    ("value in a tuple", lambda x: x[0, "value"]),
    ("value of a list", lambda x: x[0]["value"]),
    ("slot", lambda x: x["0"]),
    ("slot attribute", lambda x: x.slot0),
    ("set value", lambda x: x.__setitem__("value", 1.0)),
    ("set tangent", lambda x: x.__setitem__("tangent", 1.0)),
    ("del tangent", lambda x: x.__delitem__("tangent")),
    ("set attribute", lambda x: setattr(x, "value", 1.0)),
    ("with_field", lambda x: ak.with_field(x, 1.0, "tangent")),
    ("without_field", lambda x: ak.without_field(x, "tangent")),
    ("with_name", lambda x: ak.with_name(x, "other")),
    ("from_iter of a scalar", lambda x: ak.from_iter([x[0, 0]])),
    ("from_iter", lambda x: ak.from_iter(list(x[0]))),
    ("ak.Array of scalars", lambda x: ak.Array([x[0, 0], x[0, 1]])),
    ("ak.Record of a scalar", lambda x: ak.Record({"a": x[0, 0]})),
    ("ArrayBuilder", built),
    ("add.reduce", lambda x: np.add.reduce(x)),
    ("add.accumulate", lambda x: np.add.accumulate(x)),
    ("add.outer", lambda x: np.add.outer(x, x)),
    ("add.at", lambda x: np.add.at(np.zeros(3), [0], x[0, 0])),
    ("out", lambda x: np.add(x, x, out=x)),
    ("out of plain", lambda x: np.multiply(x[0], 2.0, out=np.zeros(3))),
    ("where", lambda x: np.add(x, x, where=False)),
    ("dtype", lambda x: np.add(x, x, dtype=np.float32)),
    ("in place", add_in_place),
    ("item assignment", set_items),
    ("np.gcd", lambda x: np.gcd(x, 2)),
    ("np.isnat", lambda x: np.isnat(x)),
    ("bool", lambda x: bool(x)),
    ("index", lambda x: [1, 2, 3][x[0, 0]]),
    ("as an index", lambda x: np.arange(9)[x[0]]),
    ("array.array", lambda x: array.array("d", x[0])),
    ("memoryview", lambda x: memoryview(x[0])),
    ("dlpack", lambda x: np.from_dlpack(x[0])),
    ("to_layout and back", lambda x: ak.to_layout(x).to_list()),
    ("named list", lambda x: ak.to_list(ak.with_parameter(x, "__list__", "points"))),
)


@pytest.mark.parametrize(("what", "function"), ESCAPES)
def test_taking_the_numbers_out_raises(what, function):
    assert refusal(function, jagged()) is not None


ATTRIBUTES_OF_RECORDS = (
    ("to_list", lambda x: x.to_list()),
    ("ak.to_list", lambda x: ak.to_list(x)),
    ("np.asarray", lambda x: np.asarray(x)),
    ("ak.to_numpy", lambda x: ak.to_numpy(ak.flatten(x))),
    ("ak.sum", lambda x: ak.sum(x)),
    ("ak.sum axis", lambda x: ak.sum(x, axis=1)),
    ("pickle", lambda x: pickle.dumps(x)),
    ("record to_list", lambda x: x[0, 0].to_list()),
    ("record tolist", lambda x: x[0, 0].tolist()),
    ("record pickle", lambda x: pickle.dumps(x[0, 0])),
    ("value of a field", lambda x: x.pt.value),
    ("path", lambda x: x["pt", "value"]),
    ("path of a list", lambda x: x[["pt"], "value"]),
    ("path to a list", lambda x: x["pt", ["value"]]),
    ("path with numbers", lambda x: x[0, "pt", "value"]),
    ("path after numbers", lambda x: x["pt", 0, "value"]),
    ("path of a record", lambda x: x[0, 0]["pt", "value"]),
    ("set a path", lambda x: x.__setitem__(("pt", "tangent"), 0.0)),
    ("del a path", lambda x: x.__delitem__(("pt", "tangent"))),
    ("with_field of a path", lambda x: ak.with_field(x, 0.0, ["pt", "tangent"])),
    ("without_field of a path", lambda x: ak.without_field(x, ["pt", "tangent"])),
    ("sin", lambda x: np.sin(x)),
    ("add", lambda x: x + x),
    ("add.reduce", lambda x: np.add.reduce(x)),
    ("dict", lambda x: dict(x[0, 0])),
    ("ak.values_astype int fields", lambda x: ak.strings_astype(x, np.float64)),
    ("ak.from_iter", lambda x: ak.from_iter([x[0, 0]])),
    ("ak.Array of records", lambda x: ak.Array([x[0, 0]])),
)


@pytest.mark.parametrize(("what", "function"), ATTRIBUTES_OF_RECORDS)
@pytest.mark.parametrize("kind", ["jets", "named"])
def test_taking_the_numbers_out_of_records_raises(what, function, kind):
    assert refusal(function, HELD[kind]()) is not None


def zipped(x):
    return ak.zip({"a": x, "b": x * 2})


def with_new_field(x):
    plain = ak.zip({"n": INTS})
    plain["new"] = x
    return plain


def tupled(x):
    return ak.Array(ak.contents.RecordArray([x.layout], None))


#: Arrays that hold duals, in ways a function may have made them.
MADE = (
    ("ak.Array", jagged, lambda x: ak.Array(x)),
    ("ak.Array of a dict", jagged, lambda x: ak.Array({"a": x})),
    ("ak.Array of a dict of flat", lambda: LAYOUT["flat"](), lambda x: ak.Array({"a": x, "b": x})),
    ("ak.Array of jets", jets, lambda x: ak.Array(x)),
    ("ak.Array of named", named, lambda x: ak.Array(x)),
    ("ak.Array of a layout", jagged, lambda x: ak.Array(x.layout)),
    ("ak.Array of a layout of jets", jets, lambda x: ak.Array(x.layout)),
    ("ak.Array of a layout of named", named, lambda x: ak.Array(x.layout)),
    ("a name given", jagged, lambda x: ak.Array({"a": x}, with_name="Point")),
    ("copy", jagged, copy.copy),
    ("copy of named", named, copy.copy),
    ("deepcopy", jets, copy.deepcopy),
    ("deepcopy of named", named, copy.deepcopy),
    ("ak.copy", named, ak.copy),
    ("zip", jagged, zipped),
    ("zip with a name", jagged, lambda x: ak.zip({"a": x}, with_name="Point")),
    ("new field", jagged, with_new_field),
    ("field of a field", jagged, lambda x: with_new_field(x)[["new"]]),
    ("a named list", jagged, lambda x: ak.with_parameter(x, "__list__", "points")),
    ("a named list of jets", jets, lambda x: ak.with_parameter(x, "__list__", "points")),
    ("union with strings", jagged, lambda x: joined(x, ak.Array(["a"]))),
    ("union with records", jagged, lambda x: joined(x, ak.Array([[{"z": 1.0}]]))),
    ("union of records", jets, lambda x: joined(x, ak.Array([[{"z": 1.0}]]))),
    ("union of names", named, lambda x: joined(x, ak.with_name(jets()[["pt"]], "Other"))),
    ("union of duals and lists", lambda: LAYOUT["union"](), lambda x: x[::-1]),
    ("events", lambda: LAYOUT["events"](), lambda x: x[["met", "jets"]]),
    ("a jet", jets, lambda x: x[0, 0]),
    ("a named jet", named, lambda x: x[0, 0]),
    ("a list of jets", named, lambda x: x[2]),
    ("tuples", jagged, lambda x: ak.zip([x, x])),
    ("tuples of a layout", jagged, tupled),
    ("leading", named, lambda x: ak.firsts(x)),
    ("broadcast", named, lambda x: ak.broadcast_arrays(x, flat())[0]),
    ("pairs", named, lambda x: ak.combinations(x, 2)),
    ("a name taken", named, lambda x: ak.with_name(x, None)),
    ("another name", jets, lambda x: ak.with_name(x, "Other")),
    ("iteration", named, lambda x: next(iter(x))),
    ("twice", named, lambda x: next(iter(next(iter(x))))),
)


@pytest.mark.one_in(3)
@pytest.mark.parametrize(("what", "arguments", "function"), MADE)
def test_an_array_that_holds_duals_is_guarded_and_right(what, arguments, function):
    def watched(x):
        result = function(x)
        if isinstance(result, ak.Array):
            with pytest.raises((TypeError, ValueError)):
                ak.to_numpy(result)
        for escape in (ak.to_list, pickle.dumps, lambda one: one.to_list()):
            with pytest.raises(TypeError):
                escape(result)
        return result

    x = arguments()
    t = direction(x)
    dualak.jvp(watched, x, t)
    check(function, x, t)


@pytest.mark.parametrize("behavior", [{("__typestr__", "Jet"): "Jet"}, {}])
def test_methods_of_a_behavior_are_differentiated(behavior):
    class Jets(ak.Array):
        @property
        def px(self):
            return self.pt * np.cos(self.eta)

    class Jet(ak.Record):
        @property
        def px(self):
            return self.pt * np.cos(self.eta)

    behavior = {("*", "Jet"): Jets, "Jet": Jet, **behavior}
    x = ak.Array(named(), behavior=behavior)
    check(lambda x: x[:, ::-1].px, x)
    check(lambda x: x[0, 1].px * x.px, x)
    check(lambda x: ak.sum(ak.with_field(x, x.px, "pt").px, axis=1), x)
    y, dy = dualak.jvp(lambda x: x[::-1], x, direction(x))
    assert type(y) is type(dy) is Jets


DATES = np.array([0, 1, 2], "datetime64[us]")
BESIDE_DATES = (
    ("where", lambda x: ak.where(x > 2.0, x, ak.Array(DATES))),
    ("where deeper", lambda x: ak.where(ak.Array([[True], [False], [True]]), x, DATES[1])),
    ("concatenate", lambda x: ak.concatenate([x, ak.Array(DATES)])),
    ("concatenate numpy", lambda x: ak.concatenate([x, DATES])),
    ("concatenate spans", lambda x: ak.concatenate([x, ak.Array(DATES - DATES[0])])),
)


@pytest.mark.parametrize(("what", "function"), BESIDE_DATES)
def test_dates_are_never_taken_for_numbers(what, function):
    x = ak.Array([1.5, 2.5, 3.5])
    with pytest.raises(TypeError):
        dualak.jvp(function, x, x)


@pytest.mark.parametrize("axis", [-1, 0, 1, 2])
@pytest.mark.parametrize("reducer", [ak.sum, ak.prod, ak.max, ak.mean])
def test_a_reduced_array_keeps_its_behavior_and_attrs(reducer, axis):
    behavior = {("*", "marker"): object()}
    x = ak.Array([[[1.0, 2.0], [3.0]], [], [[4.0]]], behavior=behavior, attrs={"kept": 1})
    plain = reducer(x, axis=axis)
    seen = []
    value, _ = dualak.jvp(lambda x: seen.append(reducer(x, axis=axis)) or seen[0], (x,), (x,))
    for found in (value, seen[0]):
        assert ("*", "marker") in found.behavior
        assert dict(found.attrs) == dict(plain.attrs)
