"""A differentiated scalar is a number: Awkward treats it as one of Python or NumPy.

Plain Awkward is the oracle for values, types and classes, differences are for tangents.
"""

from __future__ import annotations

import itertools
import numbers
from collections.abc import Callable
from typing import Any

import awkward as ak
import numpy as np
import pytest

import dualak
from dualak.rules import PREDICATES, RULES

RNG = np.random.default_rng(7)


def _regular(*shape: int) -> ak.Array:
    return ak.to_regular(ak.Array(RNG.uniform(0.2, 0.9, shape)), axis=None)


#: One of each kind of layout that may stand beside a number.
LAYOUTS: dict[str, Any] = {
    "numpy": ak.Array(RNG.uniform(0.2, 0.9, 3)),
    "numpy n-d": ak.Array(RNG.uniform(0.2, 0.9, (2, 1, 3))),
    "regular of 0": ak.Array(np.ones((2, 0))),
    "regular of 1": _regular(2, 1),
    "regular of n": _regular(2, 3),
    "regular n-d": _regular(1, 2, 1),
    "jagged": ak.Array([[0.5, 0.3], [], [0.4]]),
    "jagged in regular": ak.to_regular(ak.Array([[[0.5, 0.3]], [[0.4]]]), axis=1),
    "regular in jagged": ak.to_regular(ak.Array([[[0.5], [0.3]], [], [[0.4]]]), axis=2),
    "option": ak.Array([[0.5, None], None, [0.3]]),
    "masked": ak.mask(ak.Array([[0.5, 0.2], [0.3]]), [True, False]),
    "union": ak.Array([[0.5, 0.2], 0.3]),
    "indexed": ak.Array(
        ak.contents.IndexedArray(ak.index.Index64([2, 0]), ak.contents.NumpyArray(np.ones(3) / 3))
    ),
    "empty": ak.Array([]),
    "lists of nothing": ak.Array([[], []]),
    "integers": ak.Array([[1, 2], [3]]),
    "float32": ak.values_astype(ak.Array([[0.5, 0.3], [], [0.4]]), np.float32),
    "booleans": ak.Array([True, False]),
    "no dimensions": np.array(0.4),
    "number": 0.4,
}

UFUNCS = [
    name
    for name in (*RULES, *PREDICATES)
    if isinstance(getattr(np, name, None), np.ufunc) and getattr(np, name).nin == 2
]

#: Those that cover all ways in which a ufunc treats its arguments.
EVERYWHERE = ("multiply", "greater")

POINTS: list[Any] = [0.6, np.float64(0.6), np.float32(0.6)]


def _plain(result: Any) -> Any:
    if isinstance(result, (ak.Array, ak.Record)):
        return result.to_list()
    if isinstance(result, (list, tuple)):
        return [_plain(one) for one in result]
    return np.asarray(result).tolist()


def _typed(result: Any) -> Any:
    if isinstance(result, (list, tuple)):
        return [_typed(one) for one in result]
    if isinstance(result, (ak.Array, ak.Record)):
        return type(result).__name__, str(result.type)
    return str(np.asarray(result).dtype)


def _same(got: Any, want: Any, tolerance: float) -> bool:
    if isinstance(want, (list, tuple)):
        return (
            isinstance(got, (list, tuple))
            and len(got) == len(want)
            and all(_same(*both, tolerance) for both in zip(got, want, strict=True))
        )
    if isinstance(want, dict):
        return got.keys() == want.keys() and all(_same(got[k], want[k], tolerance) for k in want)
    if want is None or isinstance(want, str):
        return bool(got == want)
    if np.isnan(want) or np.isnan(got):
        return bool(np.isnan(want) and np.isnan(got))
    return bool(got == want or abs(got - want) <= tolerance * (1 + abs(want)))


def _slope(high: Any, low: Any, step: float) -> Any:
    if isinstance(high, (list, tuple)):
        return [_slope(*both, step) for both in zip(high, low, strict=True)]
    if isinstance(high, str):
        return high
    if isinstance(high, dict):
        return {key: _slope(high[key], low[key], step) for key in high}
    if high is None:
        return None
    return 0.0 if isinstance(high, bool) else (high - low) / (2 * step)


def _right(function: Callable[[Any], Any], at: Any, differences: bool = True) -> None:
    """Compares value, type and class with the plain function's, the tangent with differences."""
    with np.errstate(all="ignore"):
        want = function(at)
    got, tangent = dualak.jvp(function, at, 1.0)
    single = isinstance(at, np.float32) or not differences
    assert _same(_plain(got), _plain(want), 1e-5 if single else 1e-10)
    assert _typed(got) == _typed(want)
    if differences and not single:
        step = 1e-5
        with np.errstate(all="ignore"):
            high, low = function(at + step), function(at - step)
        assert _same(_plain(tangent), _slope(_plain(high), _plain(low), step), 1e-4)


# -- ufuncs ---------------------------------------------------------------------------------------


@pytest.mark.one_in(4)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", EVERYWHERE)
def test_a_scalar_on_both_sides_of_every_layout(name: str, layout: str) -> None:
    ufunc, other = getattr(np, name), LAYOUTS[layout]
    for at in (POINTS[0], POINTS[2]):
        smooth = layout != "float32"
        _right(lambda s: ufunc(s, other), at, smooth)
        _right(lambda s: ufunc(other, s), at, smooth)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", [name for name in UFUNCS if name != "ldexp"])
def test_every_ufunc_of_a_column_and_a_scalar(name: str) -> None:
    ufunc, column = getattr(np, name), ak.to_regular(ak.Array([[0.45], [0.8]]))
    _right(lambda s: ufunc(s, column), np.float64(0.55))
    _right(lambda s: ufunc(column, s), np.float64(0.55))


@pytest.mark.parametrize("layout", ["numpy", "regular of 1", "jagged", "option", "union"])
def test_a_scalar_beside_differentiated_arrays(layout: str) -> None:
    other = LAYOUTS[layout]
    for name in ("subtract", "power"):
        ufunc = getattr(np, name)
        _right(lambda s, ufunc=ufunc: ufunc(s, other * s), 0.6)
        _right(lambda s, ufunc=ufunc: ufunc(other * s, s), 0.6)


# -- functions that take numbers ------------------------------------------------------------------

X = LAYOUTS["jagged"]
COLUMN = LAYOUTS["regular of 1"]
MISSING = ak.Array([[0.5, None], [], [0.3]])
FLAGS = ak.Array([[True, False], [], [True]])
RECORDS = ak.Array([{"a": 1.0}, {"a": 3.0}])
ONES = np.ones(3)

STRUCTURE: dict[str, Callable[[Any], Any]] = {
    "zip of scalars": lambda s: ak.zip({"x": s, "y": s**2, "n": 2}),
    "zip in a tuple": lambda s: ak.zip((s, X)),
    "zip with a column": lambda s: ak.zip({"x": COLUMN, "y": s}),
    "zip up to a depth": lambda s: ak.zip({"x": X, "y": s}, depth_limit=1),
    "zip with missing": lambda s: ak.zip({"x": MISSING, "y": s}),
    "unzip": lambda s: ak.unzip(ak.zip({"x": s, "y": 2 * s})),
    "broadcast": lambda s: ak.broadcast_arrays(X, s),
    "broadcast first": lambda s: ak.broadcast_arrays(s, COLUMN),
    "broadcast alone": lambda s: ak.broadcast_arrays(s, 2 * s),
    "broadcast with missing": lambda s: ak.broadcast_arrays(MISSING, s),
    "broadcast with records": lambda s: ak.broadcast_arrays(RECORDS, s)[1],
    "broadcast fields": lambda s: ak.broadcast_fields(X, s),
    "cartesian": lambda s: ak.cartesian([X, s]),
    "cartesian of names": lambda s: ak.cartesian({"a": X, "b": s}),
    "fill missing": lambda s: ak.fill_none(MISSING, s),
    "fill missing of duals": lambda s: ak.fill_none(MISSING * s, s),
    "a field": lambda s: ak.with_field(RECORDS, s, "b"),
    "where": lambda s: ak.where(FLAGS, X, s),
    "where of scalars": lambda s: ak.where(FLAGS, s, 0.5),
    "where as NumPy": lambda s: ak.Array(np.where(np.array([True, False]), s, 0.5)),
    "where of a column": lambda s: ak.where(COLUMN > 0.5, COLUMN * s, s),
    "not a number": lambda s: ak.nan_to_num(ak.Array([[np.nan], [0.5]]), nan=s),
    "not a number of one": lambda s: ak.nan_to_num(s),
    "not a number as NumPy": lambda s: np.nan_to_num(s),
    "clip": lambda s: np.clip(ak.Array([0.1, 0.9]), s, 2.0),
    "clip the scalar": lambda s: np.clip(s, 0.1, 0.9),
    "sum": lambda s: np.sum(s) * np.max(s) + np.mean(s),
    "spread": lambda s: np.std(s),
    "ravel": lambda s: ak.Array(np.ravel(s)),
    "kept dimensions": lambda s: X / ak.sum(X * s, axis=-1, keepdims=True),
    "kept columns": lambda s: COLUMN - ak.max(COLUMN * s, axis=0, keepdims=True),
    "places": lambda s: ak.argmax(X * s, axis=-1, keepdims=True) * s,
    "lengths": lambda s: ak.num(X * s) * s,
    "mask": lambda s: X[X * s > 0.2] * s,
    "comparison": lambda s: np.greater(COLUMN, s),
    "strings": lambda s: ak.zip({"name": ak.Array(["a", "b"]), "x": s}).x,
}


@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", STRUCTURE)
def test_functions_that_take_numbers(name: str) -> None:
    for at in POINTS[:2]:
        _right(STRUCTURE[name], at)


def test_a_scalar_assigned_to_a_constant_record() -> None:
    def assigned(s: Any) -> Any:
        records = ak.copy(RECORDS)
        records["b"] = s
        return records.a * records.b

    _right(assigned, 0.6)


def test_layouts_that_come_back_hold_no_positions() -> None:
    def layout(s: Any) -> Any:
        return ak.Array(ak.unflatten(ak.Array([1.0, 2.0]) * s, [1, 1], highlevel=False))

    _right(layout, 0.6)


def test_complex_numbers_beside_a_scalar_are_refused() -> None:
    with pytest.raises(TypeError, match="complex numbers are not differentiated"):
        dualak.jvp(lambda s: s + 1j, 0.6, 1.0)


def test_one_of_two_branches() -> None:
    for at in (0.5, -0.5):
        _right(lambda a: ak.Array(np.where(a > 0, a * ONES, -a * ONES)), at)


# -- overloads ------------------------------------------------------------------------------------

BEHAVIOR: dict[Any, Any] = {}


@ak.mixin_class(BEHAVIOR)
class Vector:
    @ak.mixin_class_method(np.multiply, {numbers.Number})
    def times(self, other: Any) -> Any:
        scaled = {"x": self.x * other, "y": self.y * other}
        return ak.zip(scaled, with_name="Vector", behavior=self.behavior)


@ak.mixin_class(BEHAVIOR)
class Jet(Vector):
    @ak.mixin_class_method(np.multiply, {numbers.Number})
    def times(self, other: Any) -> Any:
        scaled = {"pt": self.pt * abs(other), "phi": self.phi - np.pi * (other < 0)}
        return ak.zip(scaled, with_name="Jet", behavior=self.behavior)

    @property
    def x(self) -> Any:
        return self.pt * np.cos(self.phi)


BEHAVIOR[np.multiply, numbers.Number, "Jet"] = lambda number, jets: jets * number
BEHAVIOR[np.add, "Jet", float] = lambda jets, number: jets.pt + number

JETS = ak.zip(
    {"pt": [[10.0, 20.0], [], [30.0]], "phi": [[1.0, 2.0], [], [3.0]]},
    with_name="Jet",
    behavior=BEHAVIOR,
)

OVERLOADS: dict[str, Callable[[Any], Any]] = {
    "on the right": lambda s: JETS * (1 + s),
    "on the left": lambda s: (1 - 3 * s) * JETS,
    "of one": lambda s: JETS[2, 0] * s,
    "again": lambda s: ((JETS * s) * (1 + s)).x,
    "of duals": lambda s: ak.with_field(JETS, JETS.pt * s, "pt") * s,
    "of class float": lambda s: JETS + s,
    "then sliced": lambda s: (JETS * s)[JETS.pt > 15].pt,
    "then combined": lambda s: ak.combinations(JETS * s, 2)["0"].pt,
    "then reduced": lambda s: ak.sum((JETS * s).x, axis=-1),
}


@pytest.mark.parametrize("name", OVERLOADS)
def test_the_overload_for_numbers_is_taken(name: str) -> None:
    for at in POINTS[:2]:
        _right(OVERLOADS[name], at)


def test_a_record_without_an_overload_says_so() -> None:
    with pytest.raises(
        TypeError, match=r"no numpy\.arctan2 overloads for custom types: Jet, float"
    ):
        dualak.jvp(lambda s: np.arctan2(JETS, s), 0.6, 1.0)


# -- numbers of Python are weak -------------------------------------------------------------------

SINGLE = LAYOUTS["float32"]

#: A function, and whether its result has the type of the array where the number is one of Python.
WEAK: dict[str, Callable[[Any], Any]] = {
    "sum": lambda s: SINGLE * (1 + s),
    "left": lambda s: (2 - s) / SINGLE,
    "operators": lambda s: SINGLE * abs(-s) ** 2 // 0.1 % 3,
    "ufunc": lambda s: SINGLE * np.exp(s),
    "two": lambda s: SINGLE * divmod(s, 0.25)[1],
    "element": lambda s: SINGLE * (SINGLE * s)[0, 0],
    "NumPy's own": lambda s: SINGLE * (s * np.float64(2.0)),
    "integers": lambda s: LAYOUTS["integers"] * s,
    "small integers": lambda s: ak.values_astype(LAYOUTS["integers"], np.int8) * s,
    "booleans": lambda s: LAYOUTS["booleans"] * s,
}


@pytest.mark.parametrize("name", WEAK)
@pytest.mark.parametrize("at", POINTS, ids=lambda at: type(at).__name__)
def test_types_are_those_of_numpy(name: str, at: Any) -> None:
    want = WEAK[name](at)
    y, dy = dualak.jvp(WEAK[name], at, 1.0)
    assert y.type == want.type
    assert dy.type == want.type


def _through(mode: str, at: Any) -> Any:
    function = WEAK["sum"]
    if mode == "linearize":
        return dualak.linearize(function, at)[0]
    if mode == "vjp":
        return dualak.vjp(function, at)[0]
    if mode == "jacfwd":
        return dualak.jacfwd(lambda p: SINGLE * (1 + p["a"]) * p["b"])({"a": at, "b": at})["b"]
    if mode == "hessian":
        return dualak.hessian(lambda p: SINGLE * (1 + p["a"]) * p["b"])({"a": at, "b": at})["a"][
            "b"
        ]
    if mode == "nested":
        return dualak.jvp(lambda s: dualak.jvp(function, s, 1.0)[1] * s, at, 1.0)[1]
    if mode == "primal":
        return dualak.jvp(lambda s: s * function(dualak.primal(s)), at, 1.0)[1]
    compiled = dualak.compile(function)
    return [compiled(at), compiled(at)][1]


MODES = ("linearize", "vjp", "jacfwd", "hessian", "nested", "primal", "compile")


@pytest.mark.parametrize("mode", MODES)
def test_types_are_the_same_in_every_mode(mode: str) -> None:
    for at, dtype in ((0.5, "float32"), (np.float64(0.5), "float64")):
        assert dtype in str(_through(mode, at).type)


# -- modes ----------------------------------------------------------------------------------------

LOSSES: dict[str, Callable[[Any], Any]] = {
    "column": lambda s: ak.sum(COLUMN * s**2, axis=None),
    "zip": lambda s: ak.sum(ak.zip({"a": X, "b": s}).b * X * s, axis=None),
    "cartesian": lambda s: ak.sum(ak.cartesian([X, s])["1"] * s**2, axis=None),
    "fill": lambda s: ak.sum(ak.fill_none(MISSING, s) * s, axis=None),
    "where": lambda s: ak.sum(np.where(np.array([True, False, True]), s**2, 0.0)),
    "jets": lambda s: ak.sum((JETS * s).x * s, axis=None),
}


@pytest.mark.parametrize("name", LOSSES)
def test_all_modes_agree(name: str) -> None:
    loss, at, step = LOSSES[name], 0.6, 1e-4
    high, middle, low = loss(at + step), loss(at), loss(at - step)
    slope, curvature = (high - low) / (2 * step), (high - 2 * middle + low) / step**2
    compiled = dualak.compile(loss)
    compiled(0.3)
    first = [
        dualak.jvp(loss, at, 1.0)[1],
        dualak.grad(loss)(at),
        dualak.linearize(loss, at)[1](1.0),
        dualak.jacfwd(lambda p: loss(p["a"]))({"a": at})["a"],
        compiled.jvp(at, 1.0)[1],
    ]
    assert np.allclose(np.array(first, float), slope, rtol=1e-6)
    second = [dualak.hessian(loss)(at), dualak.jvp(dualak.grad(loss), at, 1.0)[1]]
    assert np.allclose(np.array(second, float), curvature, rtol=1e-4)
    assert np.isclose(compiled(at), middle)


# -- what our own functions give ------------------------------------------------------------------

OWN: dict[str, Callable[[Any], Any]] = {
    "num": lambda x: ak.num(x),
    "local_index": lambda x: ak.local_index(x),
    "ones_like": lambda x: ak.ones_like(x),
    "mask": lambda x: x > 0.35,
    "count": lambda x: ak.count(x, axis=-1, keepdims=True),
    "argmax": lambda x: ak.argmax(x, axis=-1, keepdims=True),
    "argsort": lambda x: ak.argsort(x),
    "is_none": lambda x: ak.is_none(x, axis=-1),
    "astype": lambda x: ak.values_astype(x, np.int32),
    "sign": lambda x: np.sign(x),
}

BESIDE: dict[str, Callable[[Any, Any], Any]] = {
    "left": lambda own, x: own * x,
    "right": lambda own, x: x**2 - own,
    "sum": lambda own, x: own * ak.sum(x),
    "kept": lambda own, x: own * ak.sum(x, axis=-1, keepdims=True),
}


@pytest.mark.one_in(8)
@pytest.mark.parametrize(("own", "beside"), list(itertools.product(OWN, BESIDE)))
def test_what_our_functions_give_is_as_if_numpy_made_it(own: str, beside: str) -> None:
    for x in (X, COLUMN, MISSING):

        def function(x: Any) -> Any:
            return BESIDE[beside](OWN[own](x), x)

        try:
            with np.errstate(all="ignore"):
                want = function(x)
        except ValueError:  # their lists do not match, in plain Awkward neither
            continue
        t, step = x * 0.7, 1e-6
        y, dy = dualak.jvp(function, x, t)
        assert str(y.type) == str(want.type)
        assert _same(y.to_list(), want.to_list(), 1e-12)
        with np.errstate(all="ignore"):
            high, low = function(x + step * t).to_list(), function(x - step * t).to_list()
        assert _same(dy.to_list(), _slope(high, low, step), 1e-5)
