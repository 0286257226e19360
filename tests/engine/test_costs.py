"""What eager derivatives cost beside the kernels: counts, which no noise changes."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numba
import numpy as np
import pytest
from numba import types

import dualak
from bench.cases import CASES
from dualak.arrays.columns import reading
from dualak.engine.realize import counts
from dualak.executors.cpu import executor as cpu
from dualak.executors.cpu import kernels
from dualak.executors.cpu.loops import LONG, WIDE
from dualak.graph.segments import SEGMENT_LIMIT

PACKAGE = str(Path(dualak.__file__).parent)

#: How often functions of ours call each other in one ``jvp``, rounded up.
CALLS = {"W1": 2700, "W2": 1600, "W3": 1900, "W4": 5100}


def calls_of_ours(function: Callable[[], Any]) -> int:
    return calls(function, lambda code: code.co_filename.startswith(PACKAGE))


def calls_of_awkward(name: str, function: Callable[[], Any]) -> int:
    own = str(Path(ak.__file__).parent)
    return calls(function, lambda code: code.co_name == name and code.co_filename.startswith(own))


def calls(function: Callable[[], Any], wanted: Callable[[Any], bool]) -> int:
    count = 0

    def seen(frame: Any, event: str, _: Any) -> None:
        nonlocal count
        count += event == "call" and wanted(frame.f_code)

    before = sys.getprofile()
    sys.setprofile(seen)
    try:
        function()
    finally:
        sys.setprofile(before)
    return count


def of_case(name: str) -> Callable[[], Any]:
    case = CASES[name]
    point, direction = case.build(50)
    return lambda: dualak.jvp(case.func, point, direction)


@pytest.mark.parametrize("name", CALLS)
def test_few_calls_in_python(name: str) -> None:
    run = of_case(name)
    run()
    count = calls_of_ours(run)
    assert 0.5 * CALLS[name] < count <= CALLS[name]


@pytest.mark.parametrize("name", CALLS)
def test_equal_passes_are_assembled_once(name: str) -> None:
    run = of_case(name)
    run()
    before = cpu._assembled.cache_info()
    run()
    after = cpu._assembled.cache_info()
    assert after.misses == before.misses
    assert after.hits > before.hits


# -- sums of everything ---------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_sum_of_everything_reads_numbers_once_and_writes_no_tangents(dtype: str) -> None:
    x = ak.Array(np.linspace(-1.0, 1.0, 3 * SEGMENT_LIMIT + 5, dtype=dtype))
    before = counts.passes, counts.bytes
    dualak.jvp(lambda x: ak.sum(x * x), x, x)
    passes, written = counts.passes - before[0], counts.bytes - before[1]
    assert passes == 2  # over the pieces and over their results
    assert written < 100


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("length", [1, LONG + WIDE, LONG + WIDE + 1, 2000, 3 * SEGMENT_LIMIT + 5])
def test_a_sum_is_the_same_with_and_without_a_tangent(dtype: str, length: int) -> None:
    numbers = np.random.default_rng(length).normal(size=length + 3).astype(dtype)
    x = ak.unflatten(numbers, [length, 3])
    alone = dualak.jvp(lambda x: ak.sum(dualak.primal(x) * x, axis=1), x, None)[0]
    value, tangent = dualak.jvp(lambda x: ak.sum(x * x, axis=1), x, x)
    assert value.to_list() == alone.to_list()
    assert tangent.to_list() == (2 * value).to_list()
    exact = [math.fsum(np.square(one, dtype=dtype).astype(float)) for one in ak.to_list(x) if one]
    np.testing.assert_allclose(value, exact, rtol=2 * np.finfo(dtype).eps)


@pytest.mark.parametrize("function", [ak.sum, ak.prod])
def test_what_reduces_everything_reads_no_positions(function: Callable[..., Any]) -> None:
    def reduced(x: Any) -> Any:
        with reading() as read:
            result = function(x)
            assert read == []
        return result

    x = ak.Array([[2.0, 3.0], [], [4.0]])
    value, tangent = dualak.jvp(reduced, x, ak.Array([[1.0, 0.0], [], [0.0]]))
    assert value == function(x)
    assert tangent == (1.0 if function is ak.sum else 12.0)


@pytest.mark.parametrize(
    "function", [lambda x: ak.concatenate([x, x]), lambda x: ak.pad_none(x, 1, axis=0)]
)
def test_positions_become_an_index_in_one_pass(
    function: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its least and greatest number are found where it is made."""
    read = []
    monkeypatch.setattr(cpu, "bounds", lambda index: read.append(index) or (0, len(index) - 1))
    x = ak.unflatten(np.linspace(1.0, 2.0, 12), [5, 0, 7])
    dualak.jvp(function, x, x)
    assert not [index for index in read if len(index) == len(ak.flatten(function(x)))]


# -- what is reduced and kept in lists of one ------------------------------------------------------


@pytest.mark.parametrize("function", [ak.sum, ak.max])
def test_what_was_reduced_stands_beside_the_lists_without_awkward(
    function: Callable[..., Any],
) -> None:
    """It is repeated in the pass that uses it, on either side."""
    x = ak.unflatten(np.linspace(1.0, 2.0, 12), [5, 0, 7])

    def shares(x: Any) -> Any:
        kept = function(x, axis=-1, keepdims=True, mask_identity=False)
        return {"left": kept - x, "right": x - kept}

    before = counts.passes
    broadcasts = calls_of_awkward("broadcast_and_apply", lambda: dualak.jvp(shares, x, x))
    assert (broadcasts, counts.passes - before) == (0, 2)
    assert calls_of_awkward("broadcast_and_apply", lambda: shares(x)) == 2
    (value, _), known = dualak.jvp(shares, x, x), shares(x)
    assert {key: array.to_list() for key, array in value.items()} == {
        key: array.to_list() for key, array in known.items()
    }


def test_softmax_takes_three_passes_and_no_derivative_of_its_maxima() -> None:
    x = ak.unflatten(np.linspace(1.0, 2.0, 12), [5, 0, 7])
    before = counts.passes, counts.bytes
    dualak.jvp(lambda x: ak.softmax(x, axis=-1), x, x)
    passes, written = counts.passes - before[0], counts.bytes - before[1]
    assert passes == 3
    assert written == 8 * (4 * 12 + 3 * 3)  # powers and results, maxima and sums


# -- pairs ----------------------------------------------------------------------------------------

JETS = ak.zip(
    {
        "pt": ak.unflatten(np.linspace(1.0, 2.0, 12), [5, 0, 1, 2, 4]),
        "n": ak.unflatten(np.arange(12), [5, 0, 1, 2, 4]),
    },
    with_name="Jet",
)

PAIRS = {
    "of a list": lambda jets: ak.combinations(jets, 2, fields=["a", "b"]),
    "with itself": lambda jets: ak.combinations(jets.pt, 2, replacement=True, with_name="Pair"),
    "of two": lambda jets: ak.cartesian([jets, jets.pt[:, ::-1]]),
    "of two by names": lambda jets: ak.cartesian({"a": jets[:, :2], "n": JETS.n}, with_name="P"),
}


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_are_found_without_awkward(name: str) -> None:
    function, along, found = PAIRS[name], ak.zip({"pt": JETS.pt}), []

    def run() -> None:
        found.append(dualak.jvp(function, JETS, along))

    working = ("_combinations", "broadcast_and_apply")
    assert [calls_of_awkward(work, run) for work in working] == [0, 0]
    assert sum(calls_of_awkward(work, lambda: function(JETS)) for work in working) > 0
    known, (value, tangent) = function(JETS), found[0]
    assert value.type == known.type
    assert value.to_list() == known.to_list()
    numbers = (ak.flatten(array, axis=None) for array in (tangent, known))
    assert all(t in (x, 0) for t, x in zip(*numbers, strict=True))


# -- places in lists ------------------------------------------------------------------------------

PLACES = {
    "in order": lambda jets: jets[ak.argsort(jets.pt, axis=1, ascending=False)],
    "of a part": lambda jets: jets.pt[ak.argsort(jets.n, axis=1)[:, ::-2]],
    "from the end": lambda jets: jets[ak.local_index(jets.n) - ak.num(jets.n)],
    "the largest": lambda jets: jets.pt[ak.argmax(jets.n, axis=1, keepdims=True)],
    "two deep": lambda jets: ak.sort(jets.pt[np.newaxis], ascending=False),
}


@pytest.mark.parametrize("name", PLACES)
def test_places_in_lists_are_found_without_awkward(name: str) -> None:
    function, along, found = PLACES[name], ak.zip({"pt": JETS.pt}), []

    def run() -> None:
        found.append(dualak.jvp(function, JETS, along))

    assert calls_of_awkward("_getitem_next_jagged", run) == 0
    known, (value, tangent) = function(JETS), found[0]
    assert value.type == known.type
    assert value.to_list() == known.to_list()
    numbers = (ak.flatten(array, axis=None) for array in (tangent, known))
    assert all(t in (x, 0) for t, x in zip(*numbers, strict=True))


def test_a_place_that_is_in_no_list_is_refused() -> None:
    for where in ([[2], [], []], [[-3], [], []], [[0], [0], []]):
        with pytest.raises(IndexError, match="out of range"):
            dualak.jvp(
                lambda x, where=where: x[ak.Array(where)], ak.Array([[1.0, 2.0], [], [3.0]]), None
            )


@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize("length", [2, 16, 17, 33, 100, 1000])
def test_sorting_asks_awkward_for_no_order(length: int, ascending: bool) -> None:
    """What it finds is the order that Awkward has, of equal numbers and of NaN as well."""
    random = np.random.default_rng(length)
    numbers = random.choice([1.0, 2.0, 3.0, -0.0, 0.0, np.nan, np.inf, -np.inf], 3 * length)
    x = ak.unflatten(numbers, [length - 1, 0, 1, 2 * length])
    t = ak.unflatten(np.arange(3.0 * length), ak.num(x))
    found = []

    def run() -> None:
        found.append(dualak.jvp(lambda x: ak.sort(x, ascending=ascending), x, t))

    assert calls_of_awkward("argsort", run) == 0
    order = ak.argsort(x, ascending=ascending)
    value, tangent = found[0]
    assert str(value.to_list()) == str(ak.sort(x, ascending=ascending).to_list())
    assert tangent.to_list() == t[order].to_list()


def test_what_a_mask_keeps_is_found_in_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    x = ak.unflatten(np.linspace(1.0, 2.0, 12), [5, 0, 7])
    known = x[x > 1.5]
    monkeypatch.setattr(np, "cumsum", None)
    value, tangent = dualak.jvp(lambda x: x[x > 1.5], x, x)
    assert value.to_list() == tangent.to_list() == known.to_list()


# -- joined, padded and filled lists --------------------------------------------------------------

FILLED = {
    "joined": lambda x: ak.concatenate([x, x[:, ::-1], x * 2.0], axis=1),
    "joined with constants": lambda x: np.concatenate([x, COUNTS], axis=1),
    "padded": lambda x: ak.pad_none(x, 3),
    "padded and cut": lambda x: ak.pad_none(x, 3, clip=True),
    "padded and filled": lambda x: ak.fill_none(ak.pad_none(x, 3, clip=True), -1.0),
    "of nothing": lambda x: ak.fill_none(ak.pad_none(x[:, :0], 2), 1.5),
    "the first": ak.firsts,
    "the first or one": lambda x: ak.fill_none(ak.firsts(x), 1),
    "the greatest or none": lambda x: ak.fill_none(ak.max(x, axis=1), 0.0),
}
COUNTS = ak.unflatten(np.arange(3), [1, 0, 2, 0, 0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FILLED)
def test_lists_are_joined_padded_and_filled_without_awkward(name: str, dtype: str) -> None:
    function, found = FILLED[name], []
    x = ak.values_astype(JETS.pt, dtype)

    def run() -> None:
        found.append(dualak.jvp(function, x, x))

    working = ("_mergemany", "_pad_none", "_fill_none", "recursively_apply", "_carry")
    assert [calls_of_awkward(work, run) for work in working] == [0] * len(working)
    known, (value, tangent) = function(x), found[0]
    assert value.type == tangent.type == known.type
    assert value.to_list() == known.to_list()
    constants = [-1.0, 0.0, 1.0, 1.5, 2.0]
    numbers = (ak.flatten(array, axis=None) for array in (tangent, known))
    assert all(t == x or (t == 0 and x in constants) for t, x in zip(*numbers, strict=True))


# -- kernels --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["max", "min_jvp", "max_pair"])
def test_extremes_in_single_precision_are_not_converted(name: str) -> None:
    count, dtype = {"max": 2, "min_jvp": 3, "max_pair": 4}[name], np.dtype(np.float32)
    op = f"segment:{name}"
    loop = kernels._loop(op, kernels.kernel(op, count), dtype)
    pointers = [*count * (types.float32,), types.int64, *(4 - count) * (types.float64,)]
    signature = types.void(*map(types.CPointer, pointers), types.int64)
    code = numba.cfunc(signature, error_model="numpy")(loop).inspect_llvm()
    assert "fcmp" in code
    assert "fpext" not in code
