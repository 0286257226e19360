"""What a function shows of its arguments: values, and a type that says that they are duals."""

from __future__ import annotations

import io

import awkward as ak
import numpy as np
import pytest

import dualak

LISTS = ak.Array([[1.5, 2.5, 3.5], [], [4.5, 5.5]])
RECORDS = ak.Array([[{"pt": 1.5, "eta": 2.5, "n": 3}], []])
MISSING = ak.Array([1.5, None])
NUMPY = np.array([1.5, 2.5], np.float32)


class Momenta(ak.Array):
    """A class of a user's."""


NAMED = ak.with_name(RECORDS, "Momentum")
NAMED = ak.Array(NAMED, behavior={("*", "Momentum"): Momenta})
POINTS = {"lists": LISTS, "records": RECORDS, "missing": MISSING, "numpy": NUMPY, "named": NAMED}
POINTS |= {"one record": RECORDS[0, 0], "scalar": 1.5}


def seen_inside(look, x):
    """What ``look`` gives for the duals of ``x``."""
    seen = []

    def func(dual):
        seen.append(look(dual))
        return dual

    dualak.jvp(func, x, None)
    return seen[0]


@pytest.mark.parametrize("x", POINTS.values(), ids=POINTS)
@pytest.mark.parametrize("look", [str, repr, "{}".format])
def test_values_are_shown(look, x):
    text = seen_inside(look, x)
    assert "1.5" in text
    assert "??" not in text


@pytest.mark.parametrize("x", POINTS.values(), ids=POINTS)
def test_repr_says_dual(x):
    assert "Dual" in seen_inside(repr, x)


@pytest.mark.parametrize("x", POINTS.values(), ids=POINTS)
def test_str_is_that_of_the_values(x):
    assert seen_inside(str, x) == str(ak.Array(x) if isinstance(x, np.ndarray) else x)


@pytest.mark.parametrize("x", POINTS.values(), ids=POINTS)
def test_show(x):
    stream = io.StringIO()
    seen_inside(lambda dual: dual.show(stream=stream), x)
    text = stream.getvalue()
    assert "1.5" in text
    assert "??" not in text


def test_results_are_shown_too():
    assert seen_inside(lambda x: str(x * 2), LISTS) == "[[3, 5, 7], [], [9, 11]]"
    assert seen_inside(lambda x: str(x[0, 1] * 2), LISTS) == "5.0"
    assert "3.5" in seen_inside(lambda x: repr(x[0]), LISTS)


def test_a_scalar_is_formatted_like_a_number():
    assert seen_inside(lambda x: f"{x[0, 1]:.3f}", LISTS) == "2.500"


@pytest.mark.parametrize("x", POINTS.values(), ids=POINTS)
def test_notebooks_get_text(x):
    shown = seen_inside(lambda x: x._repr_mimebundle_(), x)
    assert "1.5" in shown["text/plain"]
    for text in shown.values():
        assert "dual" in text
        assert "shown" not in text


@pytest.mark.parametrize("x", [LISTS, RECORDS, RECORDS[0, 0], NAMED])
def test_notebooks_get_html(x):
    shown = seen_inside(lambda x: x._repr_mimebundle_(), x)["text/html"]
    assert "dual" in shown.partition("type:")[2]


def look_of(x):
    stream = io.StringIO()
    x.show(type=True, stream=stream)
    return stream.getvalue()


ARRAYS = {name: x for name, x in POINTS.items() if isinstance(x, (ak.Array, ak.Record))}


@pytest.mark.parametrize("x", ARRAYS.values(), ids=ARRAYS)
def test_a_shown_type_says_dual_where_numbers_are_differentiated(x):
    assert seen_inside(look_of, x) == look_of(x).replace("float64", "dual")


@pytest.mark.parametrize("x", ARRAYS.values(), ids=ARRAYS)
def test_repr_is_that_of_the_values_with_another_type(x):
    plain = repr(x).replace("<", "<Dual", 1).replace("float64", "dual")
    assert seen_inside(repr, x)[:40] == plain[:40]
    assert "dual" in seen_inside(repr, x).partition("type=")[2]


TYPES = {
    "lists": (LISTS, "3 * var * dual"),
    "missing": (MISSING, "2 * ?dual"),
    "named": (NAMED, "2 * var * Momentum[pt: dual, eta: dual, n: int64]"),
}


@pytest.mark.parametrize(("x", "expected"), TYPES.values(), ids=TYPES)
def test_type_says_dual(x, expected):
    assert seen_inside(lambda dual: str(dual.type), x) == expected
    assert seen_inside(lambda dual: dual.typestr, x) == expected


def test_type_of_nameless_records_says_dual():
    assert "pt: dual, eta: dual, n: int64" in seen_inside(lambda r: str(r.type), RECORDS)


def test_type_of_a_scalar():
    assert seen_inside(lambda x: str(x[0, 1].type), LISTS) == "dual"


LOOKS = {
    "len": len,
    "ndim": lambda x: x.ndim,
    "fields": lambda x: x.fields,
    "ak.fields": ak.fields,
    "ak.num": lambda x: ak.num(x, axis=0),
    "ak.parameters": ak.parameters,
    "ak.backend": ak.backend,
    "is_tuple": lambda x: x.is_tuple,
    "attrs": lambda x: dict(x.attrs),
}


@pytest.mark.parametrize(
    "x", [LISTS, RECORDS, MISSING, NAMED], ids=["lists", "rec", "opt", "named"]
)
@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_looks_like_the_plain_array(look, x):
    assert seen_inside(look, x) == look(x)


def test_fields_of_records_and_numbers():
    assert seen_inside(lambda r: r[0, 0].fields, RECORDS) == ["pt", "eta", "n"]
    assert seen_inside(lambda r: r.pt.fields, RECORDS) == []
    assert seen_inside(lambda x: x[0, 1].fields, LISTS) == []


def test_integer_field_is_a_plain_array():
    assert seen_inside(lambda r: r.n.to_list(), RECORDS) == [[3], []]


# -- primal ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "x", [LISTS, RECORDS, MISSING, NAMED], ids=["lists", "rec", "opt", "named"]
)
def test_primal_is_the_plain_array(x):
    plain = seen_inside(dualak.primal, x)
    assert type(plain) is type(x)
    assert str(plain.type) == str(x.type)
    assert plain.to_list() == x.to_list()


def test_primal_prints_values():
    assert seen_inside(lambda x: str(dualak.primal(x * 2)), LISTS) == str(LISTS * 2)
    assert "??" not in seen_inside(lambda r: repr(dualak.primal(r)), RECORDS)


def test_primal_of_scalars_and_records():
    assert seen_inside(lambda x: dualak.primal(x[0, 1]), LISTS) == 2.5
    record = seen_inside(lambda r: dualak.primal(r[0, 0]).to_list(), RECORDS)
    assert record == {"pt": 1.5, "eta": 2.5, "n": 3}


@pytest.mark.parametrize("value", [1, 2.5, "a", None, NUMPY, LISTS])
def test_primal_of_anything_else_is_itself(value):
    assert dualak.primal(value) is value


def test_primal_is_constant():
    _, dy = dualak.jvp(lambda x: x * dualak.primal(x), LISTS, ak.ones_like(LISTS))
    assert dy.to_list() == LISTS.to_list()


# -- functions ------------------------------------------------------------------------------------


def test_compiled_functions_say_what_they_did():
    double = dualak.compile(np.negative)
    assert repr(double) == "<dualak.compile of 'negative': not called yet>"
    double(LISTS), double(LISTS)
    assert repr(double) == "<dualak.compile of 'negative': recorded 1, replayed 1>"
    assert "<td>1</td>" in double._repr_html_()


def test_directions_say_that_they_are_such():
    assert repr(dualak.Directions([1.0, 2.0])) == "Directions((1.0, 2.0))"


@pytest.mark.parametrize("module", [dualak, dualak.extend])
def test_dir_holds_what_is_public(module):
    assert dir(module) == sorted(module.__all__)
