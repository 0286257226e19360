"""The functions that kernels for CUDA call are NumPy's: seen on the host, with libdevice's code."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("nvidia", reason="NVIDIA's libdevice is not installed (extra: test)")

import llvmlite.binding as llvm

from dualak.executors import scalar_functions
from dualak.executors.cuda import operations
from dualak.rules import RULES
from tests.support import libdevice, require_pointers_without_types
from tests.support.cuda_cases import (
    ARITY,
    EDGES,
    OPERATIONS,
    ORACLES,
    PAIRS,
    ZEROS_OF_ANY_SIGN,
    edges,
)

require_pointers_without_types()

CALLED = [op for op in OPERATIONS if op in operations.FORMULAS or op in operations.LIBDEVICE]
KINDS = {"float64": "f8", "float32": "f4"}


@pytest.fixture(scope="module")
def engine():
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    names = [name_of(op, suffix) for op in operations.LIBDEVICE for suffix in KINDS.values()]
    return libdevice.engine(tuple(names))


def name_of(op, suffix):
    if op == "signbit":
        return "signbitd" if suffix == "f8" else "signbitf"
    return operations.LIBDEVICE[op] + ("" if suffix == "f8" else "f")


def called(engine, op, dtype):
    """The function of an operation as a kernel has it, of numbers of NumPy."""
    suffix, kind = KINDS[dtype], np.dtype(dtype).type

    def library(name):
        arity = 2 if name in ("hypot", "fmod", "copysign", "nextafter") else ARITY.get(name, 1)
        function = libdevice.function(engine, name_of(name, suffix), suffix, arity)
        return lambda *args: typed(function(*map(plain, args)))

    def typed(value):
        return value if isinstance(value, (tuple, int)) else kind(value)

    if op in operations.LIBDEVICE:
        return library(op)
    formula = operations.FORMULAS[op]
    needed = [name for name in formula.__code__.co_names if name in operations.LIBDEVICE]
    return scalar_functions.bound(formula, {name: library(name) for name in needed})


def plain(value):
    return value if isinstance(value, int) else float(value)


def many(op, dtype):
    """Numbers of all sizes, beside those on and around what is special."""
    rng = np.random.default_rng(len(op))
    top = 300.0 if dtype == "float64" else 36.0
    found = edges(op, np.dtype(dtype))
    if op == "ldexp":
        return found
    random = [
        (rng.choice([-1.0, 1.0], 600) * 10.0 ** rng.uniform(-spread, spread, 600)).astype(dtype)
        for spread in (top, 1.0)
    ]
    more = [np.concatenate(random), np.concatenate(random[::-1])]
    if op == "power":
        # To shift by more than 63 bits, as for huge exponents, gives something else on the host.
        more[1] = np.clip(more[1], -1e15, 1e15).astype(dtype)
    return [np.concatenate(both) for both in zip(found, more[: len(found)], strict=True)]


@pytest.mark.one_in(3)
@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("op", CALLED)
def test_function_of_a_kernel_is_numpys(op, dtype, engine):
    arguments = many(op, dtype)
    function = called(engine, op, dtype)
    with np.errstate(all="ignore"):
        want = (ORACLES.get(op) or getattr(np, op))(*arguments)
        got = np.array([function(*point) for point in zip(*arguments, strict=True)])
    if want.dtype.kind == "b":
        np.testing.assert_array_equal(got != 0, want)
        return
    tiny = float(np.finfo(dtype).smallest_normal)
    np.testing.assert_allclose(got.astype(dtype), want, rtol=8 * np.finfo(dtype).eps, atol=tiny)
    if op not in ZEROS_OF_ANY_SIGN:
        zeros = (want == 0) & (got == 0)
        np.testing.assert_array_equal(np.signbit(got[zeros]), np.signbit(want[zeros]))


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("key", operations.SPECIAL)
def test_special_function_of_a_kernel_is_scipys(key, dtype, engine):
    """To some more units in the last place; near zeros of the function absolutely."""
    special = pytest.importorskip("scipy.special")
    op = key.rpartition(".")[2]
    function = called(engine, op, dtype)
    (low, high), rng = RULES[key].domain[0], np.random.default_rng(len(op))
    with np.errstate(all="ignore"):
        x = np.concatenate([rng.uniform(low, high, 500), EDGES]).astype(dtype)
        want = getattr(special, op)(x.astype(np.float64))
        got = np.array([function(one) for one in x], np.float64)
    beyond = ~np.isfinite(got) & (np.abs(want) > np.finfo(dtype).max)
    bound = 64 * np.finfo(dtype).eps
    np.testing.assert_allclose(got[~beyond], want[~beyond], rtol=bound, atol=bound)


def test_a_wrong_function_would_be_seen(engine):
    sine = libdevice.function(engine, "sin", "f8", 1)
    x = np.array([one for one in PAIRS if np.isfinite(one)])
    got = np.array([sine(one) for one in x])
    np.testing.assert_allclose(got, np.sin(x), rtol=1e-15)
    assert not np.allclose(got, np.cos(x))
