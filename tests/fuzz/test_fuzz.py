"""A few hundred random programs of fixed seeds: none is silently wrong, none fails from inside."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

from tests.fuzz import Verdict, generated, operations, spelling
from tests.fuzz.oracles import OTHERS
from tests.fuzz.programs import Input, Program, Step, environment
from tests.fuzz.report import written
from tests.fuzz.running import Plan, batch
from tests.fuzz.shrinking import failing, first_failing, shrunken
from tests.support import depth

FORWARD = Plan(seed=13, loops=False)
ALL = Plan(seed=31, modes=tuple(OTHERS), loops=False)


@pytest.mark.parametrize("first", range(0, depth.everyday(100, 200), 50))
def test_forward_mode_is_right_or_refuses(first):
    tally = batch(FORWARD, range(first, first + 50))
    assert tally.programs > 40
    assert tally.verdicts["jvp", "right"] > 25
    assert tally.bad == 0, written(tally, tally.seconds)


@pytest.mark.parametrize("first", range(0, depth.everyday(8, 16), 8))
def test_all_modes_agree(first):
    tally = batch(ALL, range(first, first + 8))
    assert tally.programs > 6
    assert tally.bad == 0, written(tally, tally.seconds)


def test_every_function_that_is_not_refused_is_drawn():
    assert operations.missing() == []


@pytest.mark.parametrize("number", range(20))
def test_a_program_comes_again_from_its_number_and_from_its_text(number):
    program, expected = generated(7, number, loops=False)
    again, _ = generated(7, number, loops=False)
    assert again.text() == program.text()
    room = {}
    exec(program.text(), room)
    for one in program.inputs:
        value = room[one.name]
        assert str(ak.type(value)) == str(ak.type(one.value))
        if isinstance(value, ak.Array):
            assert value.layout.form == one.value.layout.form
    got = room["f"](*(room[one.name] for one in program.arguments))
    got = got if isinstance(got, tuple) else (got,)
    for one, other in zip(got, expected, strict=True):
        assert str(ak.type(one)) == str(ak.type(other))


def test_a_wrong_rule_is_found_and_made_small():
    """Of a program that is wrong in one of six steps, one step is left."""
    x = Input("x0", ak.Array([[1.25, 2.5], [], [0.75]]), "moving")
    texts = ("x0 * 2.0", "np.sin(v0)", "wrong(v1)", "v2 + v0", "ak.sum(v3, axis=1)", "v4 * 3.0")
    steps = tuple(Step(f"v{i}", text, "np.multiply") for i, text in enumerate(texts))
    program = Program((x,), steps, ("v5",))

    def wrong(x):
        return x + 0.1 * ak.zeros_like(x) if isinstance(x, float) else x * _frozen(x)

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(environment(), "wrong", wrong)
        fails = failing(Verdict("wrong", "tangent", "tangent"), 0)
        small = shrunken(first_failing(program, fails), fails, seconds=2.0)
    assert [step.text for step in small.steps] == ["wrong(v1)"]
    assert len(small.inputs) == 1
    assert len(ak.flatten(small.inputs[0].value)) <= 2


def _frozen(x):
    import dualak

    return dualak.primal(x)


@pytest.mark.parametrize(
    "value",
    [
        ak.Array([[1.5], []]),
        ak.Array([1.5, None]),
        ak.Array([1.5, [2.5]]),
        ak.Array([{"a": 1.5, "b": [1]}]),
        ak.Array(np.zeros((2, 0))),
        np.array([True]),
        np.float32(1.5),
        ak.Array([{"a": 1.5}])[0],
    ],
)
def test_values_are_spelled_as_text_that_makes_them(value):
    again = eval(spelling.source_of(value), {"ak": ak, "np": np})
    assert type(again) is type(value)
    assert str(ak.type(again)) == str(ak.type(value))
