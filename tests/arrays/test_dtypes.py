"""Numbers of other types beside differentiated ones: half precision, integers, flags, complex."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

import dualak
from tests.support.layouts import LAYOUTS, accepts, check, check_linear

LAYOUT = dict(LAYOUTS)
X = ak.Array([[1.1, 2.2, 3.3], [], [4.4, 5.5]])
SINGLE = ak.values_astype(X, np.float32)
TYPES = (np.float16, np.bool_, np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32)
TYPES += (np.int64, np.uint64)


def constant(dtype):
    return ak.values_astype(ak.Array([[0, 2, 1], [], [3, 1]]), dtype)


#: What is done with an array and a constant.
TOGETHER = {
    "product": lambda x, c: x * c,
    "product, constant first": lambda x, c: c * x,
    "power": lambda x, c: x**c,
    "arctan2": lambda x, c: np.arctan2(c, x),
    "exponential": lambda x, c: np.exp(c) * x,
    "a number": lambda x, c: x * c[0, 1],
    "beside it": lambda x, c: ak.zip({"x": x, "c": c}).c * x,
    "sums": lambda x, c: ak.sum(x * np.sin(c), axis=1),
}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", TOGETHER)
def test_constants_of_every_type(name, dtype):
    c = constant(dtype)
    check(lambda x: TOGETHER[name](x, c), X)


MERGED = {
    "where": lambda x, c: ak.where(x > 2, x, c),
    "joined": lambda x, c: ak.concatenate([x, c], axis=1),
}


@pytest.mark.parametrize("dtype", [np.float16, np.int8, np.uint64])
@pytest.mark.parametrize("name", MERGED)
def test_constants_of_numbers_that_merge(name, dtype):
    c = constant(dtype)
    check(lambda x: MERGED[name](x, c), X)


@pytest.mark.parametrize("dtype", [np.float16, np.bool_, np.int16])
def test_a_constant_of_few_bits_leaves_single_precision(dtype):
    c = constant(dtype)
    check(lambda x: x * c, SINGLE)


def test_a_mask_in_an_exponential():
    check(lambda x: x * np.exp(x > 2), X)
    x = np.array([1.1, 2.2])
    pulled = dualak.grad(lambda x: np.sum(x * x * np.exp(x > 2)))(x)
    np.testing.assert_allclose(pulled, 2 * x * np.exp(x > 2), rtol=1e-12)
    compiled = dualak.compile(lambda x: x * np.exp(x > 2))
    for _ in range(2):
        np.testing.assert_allclose(compiled(x), x * np.exp(x > 2), rtol=1e-12)


# -- complex numbers are refused where they come in -----------------------------------------------

Z = ak.values_astype(X, np.complex128)
FLAT = np.array([1.0, 2.0])

COMPLEX = {
    "conversion": lambda x: ak.values_astype(x, np.complex128),
    "conversion to single": lambda x: ak.values_astype(x, "complex64"),
    "conversion of a type": lambda x: ak.enforce_type(x, "var * complex128"),
    "phase": lambda x: np.abs(np.exp(1j * x)),
    "unit on the right": lambda x: x + 1j,
    "zero": lambda x: np.sqrt(x + 0j),
    "scalar": lambda x: x[0, 0] * 1j,
    "scalar of NumPy": lambda x: np.complex64(1j) * x[0, 0],
    "exponent": lambda x: x[0, 0] ** 1j,
    "array": lambda x: x * Z,
    "array on the left": lambda x: Z - x,
    "scalar beside an array": lambda x: x[0, 0] * Z,
    "chosen": lambda x: ak.where(x > 2, x, Z),
    "number chosen": lambda x: np.where(x > 2, 1j, x),
    "condition": lambda x: ak.where(Z, x, 0.0),
    "joined": lambda x: ak.concatenate([x, Z], axis=1),
    "filled": lambda x: ak.fill_none(ak.pad_none(x, 3), 1j),
    "sum in it": lambda x: np.cumsum(x[0], dtype=complex),
    "NumPy's product": lambda x: np.dot(x[2], np.array([1j, 2.0])),
    "NumPy's stack": lambda x: np.stack([x[2], np.array([1j, 2.0])]),
    "NumPy's conversion": lambda x: np.astype(x[2], complex),
    "imaginary part": lambda x: ak.imag(x),
    "angle": lambda x: np.angle(x),
}


@pytest.mark.parametrize("name", COMPLEX)
def test_complex_numbers_are_refused(name):
    with pytest.raises(TypeError, match=r"complex numbers are not differentiated"):
        dualak.jvp(COMPLEX[name], X, X)


def test_a_complex_argument_has_no_gradient():
    with pytest.raises(TypeError, match=r"'z'.*complex128"):
        dualak.grad(lambda p: ak.sum(p["x"] * abs(p["z"])))({"x": X, "z": Z})


def test_a_complex_constant_goes_along():
    check(lambda x: x * abs(Z), X)


@pytest.mark.parametrize("c", [np.longdouble(2.0), np.array([1.0, 2.0], np.longdouble)])
def test_long_doubles_are_refused(c):
    with pytest.raises(TypeError, match="float32 and float64"):
        dualak.jvp(lambda x: x * c, FLAT, FLAT)


# -- functions that plain Awkward has -------------------------------------------------------------

OF_ARRAYS = ("flat", "jagged", "3-deep", "regular", "N-d", "options in lists", "empty lists")
OF_ARRAYS += ("float32", "length 0 jagged", "gaps")
EXTREMES = {
    "maximum": lambda x: ak.max(x, axis=-1, initial=2.5),
    "minimum": lambda x: ak.min(x, axis=-1, initial=3),
    "of all": lambda x: ak.max(x, axis=None, initial=2.5),
    "where there is none": lambda x: ak.min(x, axis=-1, initial=2.5, mask_identity=False),
}


@pytest.mark.one_in(2)
@pytest.mark.parametrize("layout", OF_ARRAYS)
@pytest.mark.parametrize("name", EXTREMES)
def test_extremes_with_an_initial_number(name, layout):
    x = LAYOUT[layout]()
    if accepts(EXTREMES[name], x):
        check(EXTREMES[name], x)


def test_the_initial_number_of_an_extreme_may_be_differentiated():
    check(lambda x, s: ak.max(x, axis=1, initial=s, mask_identity=False), (X, 2.5))


def test_nan_and_the_initial_number_of_an_extreme():
    x = ak.Array([[1.0, np.nan], [np.nan], []])
    function = lambda x: ak.max(x, axis=1, initial=0.5, mask_identity=False)  # noqa: E731
    y, _ = dualak.jvp(function, x, x)
    np.testing.assert_array_equal(np.asarray(y), np.asarray(function(x)))


@pytest.mark.parametrize("layout", [*OF_ARRAYS, "records", "jets", "union"])
def test_arrays_full_of_a_differentiated_number(layout):
    x = LAYOUT[layout]()
    like = lambda x, s: ak.full_like(x, s)  # noqa: E731
    if accepts(like, (x, 2.5)):
        check_linear(like, (x, 2.5))


def test_an_array_full_of_a_number_has_the_type_that_is_asked_for():
    check_linear(lambda s: ak.full_like(SINGLE, s), 2.5, 1.5)
    check_linear(lambda s: ak.full_like(constant(int), s), 2.5, 0.0)
    check_linear(lambda s: ak.full_like(constant(int), s, dtype=np.float32), 2.5, 1.5)
    check_linear(lambda s: ak.sum(np.full_like(X, s), axis=1), 2.5, 1.5)


RECORDS = {
    "numbers": lambda x: ak.zip({"a": x, "b": x * x}),
    "flags and integers": lambda x: ak.zip({"a": x, "b": x > 2, "c": constant(int)}),
    "constants": lambda x: ak.zip({"a": constant(float), "b": x}),
    "precisions": lambda x: ak.zip({"a": SINGLE, "b": x}),
    "lists": lambda x: ak.zip({"a": x[:, :1], "b": x}, depth_limit=1),
    "missing": lambda x: ak.pad_none(ak.zip({"a": x, "b": -x}), 2),
}


@pytest.mark.parametrize("flat", [ak.ravel, lambda x: ak.flatten(x, axis=None)])
@pytest.mark.parametrize("name", RECORDS)
def test_all_numbers_of_records_in_one_list(name, flat):
    function = lambda x: flat(RECORDS[name](x))  # noqa: E731
    if accepts(function, X):
        check(function, X)


@pytest.mark.parametrize("layout", [*OF_ARRAYS, "jets", "union", "option records"])
def test_without_parameters(layout):
    check_linear(lambda x: ak.without_parameters(x), LAYOUT[layout]())
    check(lambda x: ak.without_parameters(ak.zip({"a": x}, with_name="Point")).a * 2, X)
