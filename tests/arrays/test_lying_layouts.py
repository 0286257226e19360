"""Layouts whose structure goes beyond their contents are refused: no memory that is not theirs.

Awkward makes such layouts without a look, and raises where one of its own kernels comes upon it.
"""

import awkward as ak
import numpy as np
import pytest

import dualak
from tests.support.layouts import five, index, numbers

RECORDS = ak.contents.RecordArray([five(), five()], ["a", "b"])
LISTS = ak.contents.ListOffsetArray(index(0, 2, 5), five())


def union(tags, places):
    tags = ak.index.Index8(np.array(tags, np.int8))
    return ak.contents.UnionArray(tags, index(*places), [five(), LISTS])


LIES = {
    "an index beyond": ak.contents.IndexedArray(index(0, 1, 9), five()),
    "an index far beyond": ak.contents.IndexedArray(index(0, 1, 10**12), five()),
    "a negative index": ak.contents.IndexedArray(index(0, -1, 2), five()),
    "an index beyond records": ak.contents.IndexedArray(index(0, 9), RECORDS),
    "an index of options beyond": ak.contents.IndexedOptionArray(index(0, -1, 9), five()),
    "offsets beyond": ak.contents.ListOffsetArray(index(0, 2, 9), five()),
    "offsets that fall": ak.contents.ListOffsetArray(index(0, 4, 2, 5), five()),
    "offsets below zero": ak.contents.ListOffsetArray(index(-3, 2, 5), five()),
    "lists that stop beyond": ak.contents.ListArray(index(0, 2), index(2, 9), five()),
    "lists that start far beyond": ak.contents.ListArray(
        index(10**10, 2), index(10**10 + 3, 5), five()
    ),
    "lists that start below zero": ak.contents.ListArray(index(-5, 2), index(2, 5), five()),
    "lists that stop before they start": ak.contents.ListArray(index(4, 2), index(2, 5), five()),
    "tags beyond": union([0, 1, 2], [0, 1, 2]),
    "negative tags": union([0, 1, -1], [0, 1, 1]),
    "an index of a union beyond": union([0, 1, 0], [0, 1, 20]),
    "a negative index of a union": union([0, 1, 0], [0, 1, -4]),
    "lists in lists beyond": ak.contents.ListOffsetArray(
        index(0, 1, 2), ak.contents.ListOffsetArray(index(0, 2, 99), five())
    ),
    "a field of lists beyond": ak.contents.RecordArray(
        [ak.contents.ListOffsetArray(index(0, 2, 9), five()), numbers(1.0, 2.0)], ["a", "b"]
    ),
}

CALLS = {
    "jvp": lambda f, x: dualak.jvp(f, (x,), (x,)),
    "vjp": lambda f, x: dualak.vjp(f, x),
    "linearize": lambda f, x: dualak.linearize(f, x),
    "compile": lambda f, x: dualak.compile(lambda x: dualak.jvp(f, (x,), (x,)))(x),
    "grad": lambda f, x: dualak.grad(lambda x: ak.sum(f(x), axis=None))(x),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("lie", LIES)
def test_an_argument_that_lies_is_refused(lie, call):
    x = ak.Array(LIES[lie])
    with pytest.raises(ValueError, match=r"^x.*: expected .* got .*ak\.validity_error"):
        CALLS[call](lambda x: x, x)
    assert ak.validity_error(x) != ""


@pytest.mark.parametrize("lie", LIES)
def test_a_tangent_that_lies_is_refused(lie):
    with pytest.raises(ValueError, match=r"expected .* got .*ak\.validity_error"):
        dualak.jvp(lambda x: x, (ak.Array([1.0, 2.0]),), (ak.Array(LIES[lie]),))


@pytest.mark.parametrize("lie", LIES)
def test_a_constant_that_lies_is_refused(lie):
    constant = ak.Array(LIES[lie])

    def program(x):
        return x * constant

    with pytest.raises(ValueError, match=r"a constant: expected .* got .*ak\.validity_error"):
        dualak.jvp(program, (1.5,), (1.0,))


ONE_BEYOND = {
    "an index": ak.contents.IndexedArray(index(0, 5), five()),
    "an index of options": ak.contents.IndexedOptionArray(index(-1, 5), five()),
    "offsets": ak.contents.ListOffsetArray(index(0, 2, 6), five()),
    "lists that stop": ak.contents.ListArray(index(0, 2), index(2, 6), five()),
    "lists that start": ak.contents.ListArray(index(0, 5), index(2, 6), five()),
    "an index of a union": union([0, 1, 0], [0, 1, 5]),
    "an index of lists in a union": union([0, 1, 0], [0, 2, 4]),
    "tags": union([0, 1, 2], [0, 1, 0]),
}


def test_the_first_place_beyond_is_refused():
    for name, layout in ONE_BEYOND.items():
        x = ak.Array(layout)
        assert ak.validity_error(x) != "", name
        with pytest.raises(ValueError, match=r"^x.*: expected .* got .*ak\.validity_error"):
            dualak.jvp(lambda x: x, (x,), (x,))


SOUND = {
    "empty lists beyond": ak.contents.ListArray(index(7, 2, 9), index(7, 4, 9), five()),
    "only empty lists": ak.contents.ListOffsetArray(index(9, 9, 9), five()),
    "lists out of order": ak.contents.ListArray(index(3, 0), index(5, 3), five()),
    "missing everywhere": ak.contents.IndexedOptionArray(index(-1, -5), numbers()),
    "no element": ak.contents.IndexedArray(index(), numbers()),
}


@pytest.mark.parametrize("name", SOUND)
def test_what_awkward_finds_sound_is_taken(name):
    x = ak.Array(SOUND[name])
    value, tangent = dualak.jvp(lambda x: x * x, (x,), (x,))
    assert ak.validity_error(x) == ""
    assert ak.to_list(value) == ak.to_list(x * x)
    assert ak.to_list(tangent) == ak.to_list(2 * x * x)


def test_a_buffer_is_looked_at_once(monkeypatch):
    from dualak.arrays import soundness

    looks = []
    kept = soundness._buffer
    monkeypatch.setattr(soundness, "_buffer", lambda data: (looks.append(data), kept(data))[1])
    x = ak.Array(ak.contents.ListOffsetArray(index(0, 2, 5), five()))
    for _ in range(3):
        dualak.jvp(np.sin, (x,), (x,))
    assert len(looks) == 1
