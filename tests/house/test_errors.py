"""Every refusal says what was expected, what came, and the way out; none is a wrong number.

``CALLS`` is the table: a name, a call that must fail, the exception, and words of its message.
"""

from __future__ import annotations

import cmath
import math
import operator
import pickle

import awkward as ak
import numpy as np
import pytest

import dualak
from dualak import EscapeError, NotDifferentiableError, StructureError, jvp
from dualak.arrays.context import current_graph

LISTS = ak.Array([[1.0, 2.0, 3.0], [], [4.0, 5.0]])
TANGENTS = LISTS / 10
FLAT = np.array([1.0, 2.0])
RECORDS = ak.Array([{"pt": 1.0, "eta": 2.0}, {"pt": 4.0, "eta": 5.0}])
MIXED = ak.Array([{"pt": 1.0, "n": 2, "name": "a", "z": 1j}])
MISSING = ak.Array([1.0, None, 3.0])
UNION = ak.Array([1.0, [2.0, 3.0], 4.0])
TRACER = ak.to_backend(LISTS, "typetracer")


def same(x):
    return x


def square(x):
    return x * x


def first(x, *others):
    return x


STRUCTURE = [
    ("lists", LISTS, ak.Array([[1.0, 1.0], [1.0], [1.0, 1.0]]), "list 0 length 2 length 3"),
    ("later list", LISTS, ak.Array([[1.0] * 3, [1.0], [1.0]]), "list 1 length 1 length 0"),
    ("fewer lists", LISTS, TANGENTS[:2], "length 3 length 2"),
    ("shorter", FLAT, np.ones(1), "length 2 length 1"),
    ("other shape", np.ones((2, 3)), np.ones((3, 2)), "length 2 length 3"),
    ("other width", np.ones((2, 3)), np.ones((2, 2)), "length 3 length 2"),
    ("flat", np.ones((2, 3)), np.ones(6), "lists float64"),
    ("deeper", FLAT, np.ones((2, 1)), "numbers 1 * float64"),
    ("number for an array", LISTS, 1.0, "array float 1.0"),
    ("array for a number", 1.0, LISTS, "number Array 3 * var * float64"),
    ("list for a number", 1.0, [1.0], "number list"),
    ("dict for a number", 1.0, {"a": 1.0}, "number dict"),
    ("string", LISTS, "a", "array str 'a'"),
    ("set", LISTS, {1}, "array set"),
    ("unknown field", RECORDS, ak.Array([{"phi": 1.0}] * 2), "phi pt eta"),
    ("unknown key", RECORDS, {"phi": FLAT}, "phi pt eta"),
    ("unknown key of jets", ak.Array([RECORDS]), {"phi": [[1.0, 1.0]]}, "phi pt eta"),
    ("extra key", {"a": LISTS}, {"a": TANGENTS, "b": 1.0}, "b a"),
    ("array for a dict", {"a": LISTS}, TANGENTS, "dict Array"),
    ("array for a list", [LISTS], TANGENTS, "list Array"),
    ("short list", [LISTS, LISTS], [TANGENTS], "2 1"),
    ("records for numbers", FLAT, RECORDS, "numbers pt"),
    ("records for lists", LISTS, ak.Array([{"a": 1.0}] * 3), "lists a: float64"),
    ("numbers for records", RECORDS, FLAT, "records float64"),
    ("number for a record", RECORDS[0], 1.0, "record float"),
    ("dict for numbers", FLAT, {"a": FLAT}, "names a float64"),
    ("dict for lists", LISTS, {"a": TANGENTS}, "names a float64"),
    ("dict too deep", RECORDS, {"pt": {"a": FLAT}}, "x[0].pt names a float64"),
    ("dict for a union", UNION, {"a": FLAT}, "names a union"),
    ("tuple for an array", LISTS, (TANGENTS,), "array tuple"),
    ("other missing", MISSING, ak.Array([None, 1.0, 1.0]), "missing"),
    ("more missing", MISSING, ak.Array([0.1, None, None]), "missing"),
    ("missing numbers", ak.Array([1.0, 2.0]), ak.Array([None, 1.0]), "missing"),
    ("missing lists", LISTS, ak.Array([[1.0] * 3, None, [1.0] * 2]), "missing"),
    ("other union", UNION, ak.Array([1.0, 2.0, [3.0, 4.0]]), "same kinds order"),
    ("no union", UNION, ak.Array([1.0, 2.0, 3.0]), "union float64"),
]

KINDS = [
    ("integers", LISTS, ak.values_astype(LISTS, np.int64), "float64 int64 ak.values_astype"),
    ("integers of numpy", FLAT, np.array([1, 2]), "float64 int64 ak.values_astype"),
    ("booleans", FLAT, np.array([True, False]), "float64 bool"),
    ("complex", LISTS, LISTS * 1j, "float64 complex128"),
    ("strings", FLAT, ak.Array(["a", "b"]), "numbers string"),
    ("dates", FLAT, np.array(["2020", "2021"], "M8[D]"), "float64 datetime64"),
    ("complex number", 1.0, 1j, "number complex"),
    ("boolean for a number", 1.0, True, "number bool"),
    ("numpy boolean for a number", 1.0, np.True_, "number bool"),
    ("boolean for a record", RECORDS[0], {"pt": True}, "pt bool"),
    ("string for a number", 1.0, "1.0", "number str"),
    ("float for integers", (FLAT, np.array([1, 2])), (FLAT, FLAT), "int64 give None"),
    ("float for an integer field", MIXED, {"n": [1.0]}, "x[0].n int64 give None"),
    ("float for a string field", MIXED, {"name": [1.0]}, "x[0].name string give None"),
    ("float for a complex field", MIXED, {"z": [1.0]}, "x[0].z complex128 give None"),
    ("float for an integer", (1.0, 2), (1.0, 1.0), "int 2 give None"),
    ("float for a string", (1.0, "a"), (1.0, 1.0), "str 'a' give None"),
    ("complex x", FLAT * 1j, FLAT * 1j, "float32 float64 complex128"),
]


@pytest.mark.parametrize(
    ("x", "t", "words"),
    [row[1:] for row in STRUCTURE + KINDS],
    ids=[row[0] for row in STRUCTURE + KINDS],
)
def test_tangent_of_another_structure(x, t, words):
    with pytest.raises(StructureError) as caught:
        jvp(first, x, t)
    assert_says(caught.value, words)
    assert "x" in str(caught.value)


def assert_says(error, words):
    text = str(error)
    assert [word for word in words.split() if word not in text] == []


CALLS = [
    ("missing argument", lambda: jvp(first, (LISTS, LISTS), (TANGENTS,)), ValueError, "2 1"),
    ("extra argument", lambda: jvp(first, (LISTS,), (TANGENTS, TANGENTS)), ValueError, "1 2"),
    ("no tuple", lambda: jvp(first, (LISTS, LISTS), TANGENTS), TypeError, "tuple 2 Array"),
    ("dict for a tuple", lambda: jvp(first, (LISTS,), {"a": TANGENTS}), TypeError, "tuple dict"),
    ("float16", lambda: jvp(same, np.ones(2, "f2"), None), TypeError, "float16 ak.values_astype"),
    ("float16 number", lambda: jvp(same, np.float16(1), 1.0), TypeError, "float16 float32"),
    (
        "float16 field",
        lambda: jvp(same, ak.Array(np.ones((2, 2), "f2")), None),
        TypeError,
        "float16",
    ),
    ("long double", lambda: jvp(same, np.ones(2, "g"), None), TypeError, "float32 float64"),
    ("integers", lambda: jvp(same, ak.Array([1, 2]), None), TypeError, "none ak.values_astype"),
    ("strings", lambda: jvp(same, ak.Array(["a"]), None), TypeError, "float64 none"),
    ("complex", lambda: jvp(same, FLAT * 1j, None), TypeError, "float64 none"),
    ("nothing", lambda: jvp(lambda: 1.0, (), ()), TypeError, "float64 none"),
    ("unknown type", lambda: jvp(same, ak.Array([]), None), TypeError, "float64 none"),
    ("object", lambda: jvp(same, object(), None), TypeError, "float64 none"),
    ("typetracer", lambda: dualak.vjp(same, TRACER), TypeError, "numbers typetracer jvp"),
    ("typetracer t", lambda: jvp(same, LISTS, TRACER), TypeError, "numbers typetracer jvp"),
]


@pytest.mark.parametrize(
    ("call", "error", "words"), [row[1:] for row in CALLS], ids=[row[0] for row in CALLS]
)
def test_arguments(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert_says(caught.value, words)


SWAPPED = {
    "jvp(func, x, t)": lambda f, x: jvp(x, f, x),
    "vjp(func, x)": lambda f, x: dualak.vjp(x, f),
    "linearize(func, x)": lambda f, x: dualak.linearize(x, f),
    "hvp(func, x, v)": lambda f, x: dualak.hvp(x, f, x),
    "check_jvp(func, x, t)": lambda f, x: dualak.check_jvp(x, f, x),
}


@pytest.mark.parametrize("call", SWAPPED)
def test_swapped_arguments(call):
    with pytest.raises(TypeError) as caught:
        SWAPPED[call](square, LISTS)
    assert_says(caught.value, f"argument 1 Array function as argument 2 {call}")


MAKERS = [
    "compile",
    "derivative",
    "grad",
    "hessian",
    "jacfwd",
    "value_and_grad",
    "value_and_jacfwd",
]


@pytest.mark.parametrize("name", [*MAKERS, "value_jacobian_hessian"])
def test_no_function(name):
    with pytest.raises(TypeError) as caught:
        getattr(dualak, name)(LISTS)
    assert_says(caught.value, "function Array write (func)")


# -- the function ---------------------------------------------------------------------------------

RESULTS = {"str": "text", "object": object(), "set": {1, 2}, "ufunc": np.sin, "bytes": b"a"}


@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)
@pytest.mark.parametrize("deep", [False, True], ids=["alone", "in a dict"])
def test_result_of_another_kind(result, deep):
    with pytest.raises(TypeError) as caught:
        jvp(lambda x: {"a": [x, result]} if deep else result, LISTS, None)
    assert_says(caught.value, f"the result arrays numbers {type(result).__name__}")
    assert ("['a'][1]" in str(caught.value)) == deep


NO_PAIRS = {"array": square, "array of two": lambda x: x[:2], "triple": lambda x: (x, x, x)}


@pytest.mark.parametrize("func", NO_PAIRS.values(), ids=NO_PAIRS)
def test_aux_needs_a_pair(func):
    with pytest.raises(TypeError) as caught:
        jvp(func, LISTS, TANGENTS, has_aux=True)
    assert_says(caught.value, "has_aux pair")


ESCAPES = [
    ("np.asarray", np.asarray, "np.asarray tangents dualak.primal"),
    ("np.array", np.array, "tangents dualak.primal"),
    ("float()", lambda x: float(x[0, 0]), "float() np.sin dualak.primal"),
    ("float64()", lambda x: np.float64(x[0, 0]), "tangents"),
    ("int()", lambda x: int(x[0, 0]), "int() tangents"),
    ("complex()", lambda x: complex(x[0, 0]), "complex() tangents"),
    ("round()", lambda x: round(x[0, 0]), "round() tangents"),
    ("math.sin", lambda x: math.sin(x[0, 0]), "math np.sin tangents"),
    ("math.floor", lambda x: math.floor(x[0, 0]), "math tangents"),
    ("cmath.sin", lambda x: cmath.sin(x[0, 0]), "complex() tangents"),
    ("to_list", lambda x: x.to_list(), "to_list dualak.primal"),
    ("tolist", lambda x: x.tolist(), "tolist dualak.primal"),
    ("to_numpy", lambda x: x[0].to_numpy(), "to_numpy dualak.primal"),
    ("record to_list", lambda x: ak.zip({"a": x}).to_list(), "to_list dualak.primal"),
    ("record asarray", lambda x: np.asarray(ak.zip({"a": x})[0]), "np.asarray dualak.primal"),
    ("ak.from_iter", ak.from_iter, "dualak.primal"),
    ("list index", lambda x: [1, 2, 3][x[0, 0]], "index tangents"),
    ("range", lambda x: range(x[0, 0]), "index tangents"),
    ("operator.index", lambda x: operator.index(x[0, 0]), "index tangents"),
    ("awkward index", lambda x: LISTS[x], "tangents"),
    ("pickle", pickle.dumps, "pickling tangents"),
]


@pytest.mark.parametrize(
    ("func", "words"), [row[1:] for row in ESCAPES], ids=[row[0] for row in ESCAPES]
)
def test_escapes(func, words):
    with pytest.raises(EscapeError) as caught:
        jvp(func, LISTS, TANGENTS)
    assert_says(caught.value, words)


REFUSED = [
    ("ak.to_list", ak.to_list, "ak.to_list dualak.primal"),
    ("ak.to_numpy", lambda x: ak.to_numpy(x[0]), "ak.to_numpy dualak.primal"),
    ("ak.to_json", ak.to_json, "ak.to_json dualak.primal"),
    ("ak.to_arrow", ak.to_arrow, "ak.to_arrow dualak.primal"),
    ("ak.to_buffers", ak.to_buffers, "ak.to_buffers dualak.primal"),
    ("ak.str.upper", ak.str.upper, "upper dualak.primal"),
    ("np.fft.fft", lambda x: np.fft.fft(x[0]), "np.fft.fft dualak.primal"),
    ("np.histogram", lambda x: np.histogram(x[0]), "np.histogram dualak.primal"),
    ("invert", lambda x: ~x, "invert dualak.primal"),
    ("bitwise_and", lambda x: x & 1, "bitwise_and dualak.primal"),
    ("own ufunc", np.frompyfunc(lambda v: v, 1, 1), "ufunc dualak.primal"),
    ("out", lambda x: np.sin(x[0], out=np.zeros(3)), "out np.sin"),
    ("out for a constant", lambda x: np.add(1.0, x[0], out=np.zeros(3)), "out np.add"),
    ("in place", lambda x: operator.iadd(np.zeros(3), x[0]), "out np.add"),
    ("accumulate", lambda x: np.add.accumulate(x[0]), "accumulate np.add"),
]


@pytest.mark.parametrize(
    ("func", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_refused_functions(func, words):
    with pytest.raises(NotDifferentiableError) as caught:
        jvp(func, LISTS, TANGENTS)
    assert_says(caught.value, words)


OTHER_ERRORS = [
    ("truth of an array", lambda x: 1 if x else 2, ValueError, "truth ak.any ak.all"),
    ("index by a dual", lambda x: x[x[0, 0]], TypeError, "index differentiated"),
    ("mask by a dual", lambda x: x[x], TypeError, "index differentiated x > 0"),
    ("hash", hash, TypeError, "unhashable"),
    ("value", lambda x: x.value, AttributeError, "value"),
    ("tangent", lambda x: x.tangent, AttributeError, "tangent"),
    (
        "value by name",
        lambda x: x["value"],
        (AttributeError, ak.errors.FieldNotFoundError),
        "value",
    ),
    ("tangent of a scalar", lambda x: x[0, 0].tangent, AttributeError, "tangent"),
    ("set value", lambda x: operator.setitem(x, "value", 1.0), TypeError, "no fields"),
    ("set element", lambda x: operator.setitem(x, 0, 1.0), TypeError, ""),
    ("set numpy", lambda x: operator.setitem(np.zeros(3), 0, x[0, 0]), (TypeError, ValueError), ""),
    ("complex numbers", lambda x: x * 1j, TypeError, "complex"),
]


@pytest.mark.parametrize(
    ("func", "error", "words"),
    [row[1:] for row in OTHER_ERRORS],
    ids=[row[0] for row in OTHER_ERRORS],
)
def test_other_errors(func, error, words):
    with pytest.raises(error) as caught:
        jvp(func, LISTS, TANGENTS)
    assert_says(caught.value, words)


def test_what_is_no_escape():
    """Comparisons and truth of a scalar are discrete, and go on working."""
    assert jvp(lambda x: x * 2 if x[0, 0] > 0 else x, LISTS, TANGENTS)[0][0, 0] == 2.0
    assert jvp(lambda x: x * 2 if x[0, 0] else x, LISTS, TANGENTS)[0][0, 0] == 2.0
    assert jvp(lambda x: 2.0 in x[0], LISTS, TANGENTS) == (True, False)
    assert jvp(lambda x: sum(x[0]), LISTS, TANGENTS)[1] == pytest.approx(0.6)


# -- duals where they do not belong ---------------------------------------------------------------


def kept(make):
    """A dual that outlived the call it belongs to."""
    duals = []
    jvp(lambda x: (duals.append(make(x)), x)[1], LISTS, TANGENTS)
    return duals[0]


KEPT = {
    "argument": same,
    "result": np.sin,
    "slice": lambda x: x[::-1],
    "scalar": lambda x: x[0, 1],
    "records": lambda x: ak.zip({"a": x}),
    "constant": lambda x: 0 * x,
}
USES = {
    "ufunc": lambda k: k * 2,
    "np.sin": np.sin,
    "primal": dualak.primal,
    "str": str,
    "with a number": lambda k: np.multiply(2.0, k),
}


@pytest.mark.parametrize("make", [same, np.sin, KEPT["slice"], KEPT["scalar"]])
@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_a_kept_dual_used_outside(use, make):
    dual = kept(make)
    with pytest.raises((RuntimeError, TypeError, ValueError)) as caught:
        use(dual)
    assert_says(caught.value, "dualak.jvp kept")


USES_ELSEWHERE = {
    "returned": lambda k, x: k,
    "in a dict": lambda k, x: {"a": [x, k]},
    "sliced": lambda k, x: k[::-1] if isinstance(k, ak.Array) else k,
    "zipped": lambda k, x: ak.zip({"k": k, "x": x}, depth_limit=1),
    "multiplied": lambda k, x: k * x,
    "sliced and added": lambda k, x: k[::-1][::-1] + x if isinstance(k, ak.Array) else k + x,
}


@pytest.mark.parametrize("use", USES_ELSEWHERE.values(), ids=USES_ELSEWHERE)
@pytest.mark.parametrize("make", KEPT.values(), ids=KEPT)
def test_a_kept_dual_used_in_another_call(make, use):
    dual = kept(make)
    with pytest.raises((RuntimeError, TypeError, ValueError)):
        jvp(lambda x: use(dual, x), LISTS, TANGENTS)
    assert current_graph.get() is None


def test_a_kept_dual_as_aux():
    dual = kept(same)
    with pytest.raises((RuntimeError, TypeError, ValueError)):
        jvp(lambda x: (x, dual), LISTS, TANGENTS, has_aux=True)


@pytest.mark.parametrize("make", KEPT.values(), ids=KEPT)
def test_a_kept_dual_as_argument_or_tangent(make):
    dual = kept(make)
    with pytest.raises((RuntimeError, TypeError, ValueError)):
        jvp(same, dual, None)
    with pytest.raises((RuntimeError, TypeError, ValueError)):
        jvp(same, LISTS, dual)


def test_inner_calls_on_plain_arrays_work():
    def outer(x):
        return x * jvp(square, LISTS, TANGENTS)[1], jvp(square, dualak.primal(x), TANGENTS)[1]

    y, dy = jvp(outer, LISTS, TANGENTS)
    assert ak.almost_equal(y[0], 2 * LISTS * LISTS * TANGENTS)
    assert ak.almost_equal(dy[0], 2 * LISTS * TANGENTS * TANGENTS)
    assert ak.almost_equal(y[1], 2 * LISTS * TANGENTS)
    assert not ak.any(dy[1], axis=None)


# -- exceptions of the function -------------------------------------------------------------------


class OwnError(Exception):
    pass


def fail(x):
    raise OwnError("of the user")


@pytest.mark.parametrize("wrong", [fail, np.asarray, lambda x: "text", lambda x: x.no_such_field])
def test_the_next_call_works(wrong):
    with pytest.raises((OwnError, TypeError, AttributeError)):
        jvp(wrong, LISTS, TANGENTS)
    assert current_graph.get() is None
    assert ak.almost_equal(jvp(square, LISTS, TANGENTS)[1], 2 * LISTS * TANGENTS)


def test_exceptions_pass_through():
    with pytest.raises(OwnError, match="of the user") as caught:
        jvp(fail, LISTS, TANGENTS)
    assert caught.value.__cause__ is None


def test_exceptions_can_be_caught_inside():
    def func(x):
        try:
            return x * np.asarray(x)
        except EscapeError:
            return square(x)

    assert ak.almost_equal(jvp(func, LISTS, TANGENTS)[1], 2 * LISTS * TANGENTS)


def test_an_inner_failure_leaves_the_outer_call_usable():
    def outer(x):
        with pytest.raises(OwnError):
            jvp(fail, LISTS, TANGENTS)
        return square(x)

    assert ak.almost_equal(jvp(outer, LISTS, TANGENTS)[1], 2 * LISTS * TANGENTS)


def test_wrong_arguments_of_the_function():
    with pytest.raises(TypeError, match="positional argument"):
        jvp(square, (LISTS, LISTS), (TANGENTS, TANGENTS))


def test_errors_are_of_pythons_families():
    assert issubclass(StructureError, ValueError)
    assert issubclass(EscapeError, TypeError)
    assert issubclass(NotDifferentiableError, TypeError)
