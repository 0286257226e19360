"""The fast functions: as exact as their table says, and compiled to vector instructions."""

from __future__ import annotations

import math
import platform
import re

import numba
import numpy as np
import pytest

from dualak.executors.cpu.vector_math import FAST, bits, from_bits, madd

EPSILON = 2.0**-52
SMALLEST_NORMAL = 2.0**-1022

PAIRS = {"sincos": (np.sin, np.cos), "sinhcosh": (np.sinh, np.cosh)}
ODD = ("expm1", "log1p", "sin", "tan", "sinh", "tanh", "arctan", "arcsin", "arcsinh", "arctanh")

wide = pytest.mark.skipif(
    np.finfo(np.longdouble).nmant <= np.finfo(np.float64).nmant,
    reason="the reference needs a long double that is wider than double",
)


def compiled_loop(name):
    """A loop over arrays: out, arguments; pairs write two arrays."""
    function = FAST[name].function
    if name in PAIRS:

        def loop(first, second, x):
            for i in range(x.size):
                first[i], second[i] = function(x[i])

    elif len(FAST[name].safe) == 2:

        def loop(out, x, y):
            for i in range(x.size):
                out[i] = function(x[i], y[i])

    else:

        def loop(out, x):
            for i in range(x.size):
                out[i] = function(x[i])

    return numba.njit(loop, error_model="numpy")


def run_fast(name, *arguments):
    outputs = [np.empty_like(arguments[0]) for _ in PAIRS.get(name, (None,))]
    compiled_loop(name)(*outputs, *arguments)
    return outputs


def run_reference(name, *arguments):
    functions = PAIRS.get(name) or (getattr(np, name),)
    with np.errstate(all="ignore"):
        return [f(*(a.astype(np.longdouble) for a in arguments)) for f in functions]


def errors(name, got, want):
    """In units of the table, 2**-52 of the value, which is how ``ulp`` and ``floor`` read."""
    size = np.maximum(np.abs(want), max(FAST[name].floor, SMALLEST_NORMAL))
    with np.errstate(all="ignore"):
        error = np.abs(got - want) / size / EPSILON
        same = got == want.astype(np.float64)  # infinite or zero, of both
    return np.where(same & ~np.isfinite(got), 0.0, error)


def neighbours(points, steps=3):
    """The points and some floating-point numbers next to them."""
    found = [points]
    for direction in (-math.inf, math.inf):
        moved = points
        for _ in range(steps):
            with np.errstate(all="ignore"):
                moved = np.nextafter(moved, direction)
            found.append(moved)
    return np.concatenate(found)


def sample(interval, rng, size=4000):
    """Points of all magnitudes in an interval, near its ends, and where the methods switch."""
    low, high = interval
    top = np.finfo(np.float64).max
    exponents = np.concatenate([rng.uniform(-323, 308, size), rng.uniform(-20, 7, 2 * size)])
    magnitudes = 10.0**exponents
    k = np.arange(1, 1100)
    many = rng.integers(1, 640_000, size)
    switches = [
        k * 0.25 * math.pi,
        many * 0.5 * math.pi,
        k * 0.5 * math.log(2.0),
        k * 0.5,
        math.sqrt(0.5) * 2.0 ** (k[:800] - 400),
        [math.tan(math.pi / 8)],
    ]
    near_one = 10.0 ** rng.uniform(-16, -0.1, size)
    ends = np.array([max(low, -top), min(high, top), low, high])
    points = np.concatenate(
        [
            magnitudes,
            neighbours(np.concatenate(switches)),
            1.0 + near_one,
            1.0 - near_one,
            np.arange(21.0),
            2.0 ** (k - 550.0),
            [5e-324, SMALLEST_NORMAL, top],
        ]
    )
    uniform = rng.uniform(max(low, -800.0), min(high, 800.0), 2 * size)
    points = np.concatenate([points, -points, uniform, neighbours(ends)])
    return points[(points >= low) & (points <= high)]


def sample_pairs(name, rng):
    """Pairs of unrelated points, and pairs of which the result depends on both."""
    first, second = (sample(interval, rng) for interval in FAST[name].safe)
    x = rng.choice(first, 40_000)
    with np.errstate(all="ignore"):
        if name == "power":
            y = rng.uniform(-750, 715, x.size) / np.log(x)
        elif name == "arctan2":
            y = x * rng.choice([-1.0, 1.0], x.size) * 10.0 ** rng.uniform(-3, 3, x.size)
        else:
            y = x + rng.uniform(-60, 60, x.size)
    x = np.concatenate([x, rng.choice(first, 40_000)])
    y = np.concatenate([y, rng.choice(second, 40_000)])
    low, high = FAST[name].safe[1]
    inside = (y >= low) & (y <= high)
    return x[inside], y[inside]


def arguments_for(name, rng):
    if len(FAST[name].safe) == 2:
        return sample_pairs(name, rng)
    return (sample(FAST[name].safe[0], rng),)


@pytest.mark.one_in(9)
@wide
@pytest.mark.parametrize("name", FAST)
def test_error_within_bound(name):
    arguments = arguments_for(name, np.random.default_rng(1))
    for got, want in zip(run_fast(name, *arguments), run_reference(name, *arguments), strict=True):
        error = errors(name, got, want)
        worst = int(np.argmax(np.where(np.isnan(error), np.inf, error)))
        at = tuple(float(a[worst]) for a in arguments)
        assert error[worst] <= FAST[name].ulp, f"{name}{at} = {got[worst]}, not {want[worst]}"


@wide
def test_error_bound_can_be_broken():
    x = np.linspace(1.0, 2.0, 100)
    (want,) = run_reference("exp", x)
    assert errors("exp", np.exp(x), want).max() <= FAST["exp"].ulp
    assert errors("exp", np.exp(x) * (1.0 + 4.0 * EPSILON), want).min() > FAST["exp"].ulp


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", ODD)
def test_zero_keeps_its_sign(name):
    (out,) = run_fast(name, np.array([0.0, -0.0]))
    assert out.tolist() == [0.0, 0.0]
    assert np.signbit(out).tolist() == [False, True]


def test_arctan2_tells_zeros_apart():
    y, x = (a.ravel() for a in np.meshgrid([0.0, -0.0, 1.0, -1.0], [0.0, -0.0, 1.0, -1.0]))
    (out,) = run_fast("arctan2", y, x)
    assert out.tolist() == np.arctan2(y, x).tolist()
    assert np.signbit(out).tolist() == np.signbit(y).tolist()


def test_round_values_are_exact():
    for name, x, value in [
        ("exp", 0.0, 1.0),
        ("exp2", 10.0, 1024.0),
        ("cos", 0.0, 1.0),
        ("cosh", 0.0, 1.0),
        ("log", 1.0, 0.0),
        ("log2", 8.0, 3.0),
        ("arccos", 1.0, 0.0),
        ("cbrt", 27.0, 3.0),
    ]:
        assert run_fast(name, np.array([x]))[0].tolist() == [value], name


def test_powers_of_integers_are_exact():
    x, y = (a.ravel() for a in np.meshgrid(np.arange(1.0, 200.0), np.arange(-1.0, 34.0)))
    held = (x**y < 2.0**53) & (y >= 0.0)
    (out,) = run_fast("power", x[held], y[held])
    want = [int(a) ** int(b) for a, b in zip(x[held], y[held], strict=True)]
    assert out.tolist() == want


@pytest.mark.parametrize("name", FAST)
def test_nan_is_never_safe(name):
    assert not any(low <= math.nan <= high for low, high in FAST[name].safe)


@pytest.mark.one_in(9)
@pytest.mark.parametrize("name", FAST)
def test_python_gives_the_same_function(name):
    point = [min(max(1.25 + i, low), high) for i, (low, high) in enumerate(FAST[name].safe)]
    python = np.ravel(FAST[name].function(*point))
    compiled = np.ravel(run_fast(name, *(np.array([p]) for p in point)))
    np.testing.assert_allclose(python, compiled, rtol=4 * FAST[name].ulp * EPSILON)


def test_bits_round_trip():
    assert bits(-0.0) == -(2**63)
    assert from_bits(bits(math.pi)) == math.pi
    assert madd(2.0, 3.0, 4.0) == 10.0


#: What a loop calls that LLVM could not turn into vector code.
LIBM = r"(?<![\w.])(?:a?(?:sin|cos|tan)h?|sincos|atan2|exp2?|expm1|log(?:2|10|1p)?|cbrt|pow)\b"
PACKED = r"\b(?:mulpd|vmulpd|vfn?m(?:add|sub)[0-9]+pd)\b"

reads_assembly = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="reads x86-64 assembly"
)


def assembly_of(loop, arrays):
    loop(*[np.full(8, 0.5) for _ in range(arrays)])
    (assembly,) = loop.inspect_asm().values()
    return assembly


@pytest.mark.one_in(9)
@reads_assembly
@pytest.mark.parametrize("name", FAST)
def test_loop_is_vectorised(name):
    outputs = 2 if name in PAIRS else 1
    assembly = assembly_of(compiled_loop(name), outputs + len(FAST[name].safe))
    assert len(re.findall(PACKED, assembly)) >= 5
    assert re.findall(LIBM, assembly) == []


@reads_assembly
@pytest.mark.parametrize("function", [math.exp, math.cosh, math.asin, math.log1p])
def test_call_of_libm_would_be_seen(function):
    @numba.njit(error_model="numpy")
    def loop(out, x):
        for i in range(x.size):
            out[i] = function(x[i])

    assembly = assembly_of(loop, 2)
    assert re.findall(LIBM, assembly) != []
    assert re.findall(PACKED, assembly) == []
