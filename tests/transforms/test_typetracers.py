"""Typetracers of Awkward, which have a type and no numbers: what is planned is what is computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import awkward as ak
import numpy as np
import pytest

import dualak

EVENTS = ak.Array([{"pt": [1.0, 2.0], "eta": [0.1, 0.2], "n": 1}, {"pt": [], "eta": [], "n": 2}])


def sums(events: Any) -> Any:
    return ak.sum(events.pt * np.cosh(events.eta), axis=1)


def by_scale(events: Any) -> Any:
    return dualak.jvp(lambda s: sums(ak.with_field(events, events.pt * s, "pt")), 1.0, 1.0)


def by_parameters(events: Any) -> Any:
    def function(p: Any) -> Any:
        return ak.fill_none(ak.max(p["a"] * events.pt, axis=1), 0.0) + p["b"]

    value, slopes = dualak.value_and_jacfwd(function)({"a": 1.0, "b": 2.0})
    return value, *slopes.values()


#: Functions of events, and the columns that they read.
PROGRAMS: dict[str, tuple[Callable[..., Any], set[str]]] = {
    "along arrays": (lambda e: dualak.jvp(np.sin, e.pt, e.eta), {"pt", "eta"}),
    "along records": (lambda e: dualak.jvp(sums, (e,), ({"pt": e.pt},)), {"pt", "eta"}),
    "a number beside them": (by_scale, {"pt", "eta"}),
    "parameters": (by_parameters, {"pt"}),
    "with a mask": (
        lambda e: dualak.jvp(lambda s: ak.where(e.n > 1, s, e.n * 1.0), 2.0, 1.0),
        {"n"},
    ),
    "several directions": (
        lambda e: dualak.jvp(np.exp, e.pt, dualak.Directions([e.pt, e.eta]))[1],
        {"pt", "eta"},
    ),
    "a pair": (
        lambda e: dualak.jvp(lambda x: (np.sin(x), 3), e.pt, e.pt, has_aux=True)[:2],
        {"pt"},
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_types_and_columns_are_those_of_the_computation(name: str) -> None:
    function, columns = PROGRAMS[name]
    form = EVENTS.layout.form_with_key("node{id}")
    layout, report = ak.typetracer.typetracer_with_report(form)
    planned, computed = function(ak.Array(layout)), function(EVENTS)
    assert len(planned) == len(computed)
    for one, other in zip(planned, computed, strict=True):
        assert ak.backend(one) == "typetracer"
        assert str(one.layout.form.type) == str(other.layout.form.type)
        ak.typetracer.touch_data(one)
    of_columns = {
        field: {content.form_key for content in _below(form.content(field))}
        for field in form.fields
    }
    touched = set(report.data_touched)
    assert {field for field, keys in of_columns.items() if keys & touched} == columns


def _below(form: Any) -> list[Any]:
    return [form, *(_below(form.content) if hasattr(form, "content") and form.is_list else [])]


def test_what_has_no_type_beforehand_says_so() -> None:
    abstract = ak.Array(EVENTS.layout.to_typetracer(forget_length=True))
    with pytest.raises(TypeError, match="got a typetracer"):
        dualak.grad(lambda x: ak.sum(x**2))(abstract.pt)


def test_errors_of_functions_are_their_own() -> None:
    calls = []

    def function(x: Any) -> Any:
        calls.append(x)
        raise ValueError("of the function")

    with pytest.raises(ValueError, match="of the function"):
        dualak.jvp(function, EVENTS.pt, EVENTS.pt)
    assert len(calls) == 1
