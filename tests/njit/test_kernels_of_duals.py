"""Loops as CUDA kernels on duals, interpreted by Numba's simulator, beside the compiled loop."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import awkward as ak
import numba
import numpy as np
import pytest

import dualak
from dualak.njit.interpreted import Dual, apply
from dualak.rules import RULES
from tests.support import ROOT

KERNELS = """
    import awkward as ak, numpy as np, dualak
    from bench.cases import jets
    from numba import cuda
    from tests.support import loops

    @cuda.jit(device=True)
    def pair_mass(a, b):
        return np.sqrt(2 * a[0] * b[0] * (np.cosh(a[1] - b[1]) - np.cos(a[2] - b[2])))

    @cuda.jit
    def leading(pt, eta, phi, offsets, out):
        i = cuda.grid(1)
        if i < out.size:
            best = 0.0
            for j in range(offsets[i], offsets[i + 1]):
                for k in range(offsets[i], j):
                    mass = pair_mass((pt[j], eta[j], phi[j]), (pt[k], eta[k], phi[k]))
                    if mass > best:
                        best = mass
            out[i] = best

    def leading_pair(jets):
        columns = [dualak.kernel_buffer(ak.flatten(jets[name])) for name in ("pt", "eta", "phi")]
        offsets = np.concatenate([[0], np.cumsum(ak.to_numpy(ak.num(jets)))])
        out = dualak.empty(len(jets), tuple(columns))
        leading[2, 8](*columns, offsets, out)
        return dualak.array(out)

    x = jets(1, 12)
    along = ak.zip({"pt": x.pt, "eta": x.phi})
    np.testing.assert_allclose(leading_pair(x), loops.leading_pair(x), rtol=1e-13)

    def same(transformed):
        for got, want in zip(transformed(leading_pair), transformed(loops.leading_pair)):
            np.testing.assert_allclose(ak.to_numpy(got), ak.to_numpy(want), rtol=1e-9, atol=1e-9)

    same(lambda func: dualak.jvp(func, x, along))
    scaled = lambda func: lambda p: func(ak.with_field(x, x.pt * p[0] + p[1] ** 2, "pt"))
    same(lambda func: dualak.jacfwd(scaled(func))([1.0, 2.0]))
    same(lambda func: dualak.hessian(scaled(func))([1.0, 2.0])[1])

    @cuda.jit(device=True)
    def cube(x, c):
        return c * x**3

    @cuda.jit
    def slopes(x, out):
        i = cuda.grid(1)
        if i < out.size:
            out[i] = dualak.partials(cube, x[i], 2.0)[1]

    def slope(x):
        x = dualak.kernel_buffer(x)
        out = dualak.empty(len(x), x)
        slopes[1, 4](x, out)
        return dualak.array(out)

    y, dy = dualak.jvp(slope, np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    assert (y.tolist(), dy.tolist()) == ([6.0, 24.0], [12.0, 24.0])
    print("all equal")
"""


@pytest.mark.in_full
def test_kernels_in_the_simulator():
    pytest.importorskip("numba.cuda", reason="Numba has no CUDA part; pip install numba-cuda")
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KERNELS)],
        env={**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "all equal\n", done.stderr


# -- the numbers of interpreted kernels -----------------------------------------------------------

NUMPYS = [name for name in RULES if "." not in name and name not in ("exponent", "ldexp")]


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", NUMPYS)
def test_interpreted_duals_follow_the_rules(name):
    """To second order, as the graph does."""
    rng = np.random.default_rng(len(name))
    x, t = ([rng.uniform(low, high) for low, high in RULES[name].domain] for _ in range(2))
    ufunc = getattr(np, name)

    def first(*x):
        return dualak.jvp(lambda *x: ufunc(*x), x, tuple(t))[1]

    args = [Dual(Dual(a, (b,), 1), (Dual(b, (0.0,), 1),), 2) for a, b in zip(x, t, strict=True)]
    found = apply(name, *args)
    dy, second = dualak.jvp(first, tuple(x), tuple(t))
    value, slope, curvature = _parts(found)
    np.testing.assert_allclose(value, ufunc(*x), rtol=1e-14)
    np.testing.assert_allclose([slope, curvature], [dy, second], rtol=1e-10, atol=1e-12)


def _parts(number):
    """Value, first and second derivative of a dual of two levels, zero where there is none."""
    inner = number.value if isinstance(number, Dual) and number.depth == 2 else number
    outer = number.tangents[0] if isinstance(number, Dual) and number.depth == 2 else 0.0
    value = inner.value if isinstance(inner, Dual) else inner
    slope = outer.value if isinstance(outer, Dual) else outer
    return value, slope, outer.tangents[0] if isinstance(outer, Dual) else 0.0


def test_comparisons_and_roundings_are_discrete():
    x = Dual(2.5, (1.0,))
    assert [x > 2, x < 3, x == 2.5, x != 2.5, x >= 3, x <= 2] == [True] * 3 + [False] * 3
    assert (int(x), round(x), bool(x)) == (2, 2, True)
    assert (np.isfinite(x), np.isnan(x)) == (True, False)


def test_a_dual_is_no_plain_number():
    with pytest.raises(TypeError, match=r"np\.sin, not math\.sin"):
        float(Dual(1.0, (1.0,)))
    with pytest.raises(TypeError):
        np.zeros(2)[0] = Dual(1.0, (1.0,))
    out = np.zeros(2)
    with pytest.raises(TypeError):
        out[0] = Dual(1.0, (1.0,))
    with pytest.raises(TypeError):
        np.add(np.zeros(2), Dual(1.0, (1.0,)))


def test_a_buffer_takes_no_tangents_that_it_has_no_room_for():
    def program(x, y):
        x, y = dualak.kernel_buffer(x), dualak.kernel_buffer(y)
        out = dualak.empty(len(x), x)
        out[0] = x[0] * Dual(1.0, (1.0,), 7)
        return dualak.array(out)

    with pytest.raises(TypeError, match="differentiated further"):
        dualak.jvp(program, (np.ones(1), np.ones(1)), (np.ones(1), np.ones(1)))


def test_compiled_kernels_refuse_duals():
    @numba.njit
    def identity(x):
        return x

    with pytest.raises(TypeError, match="compiled do not take"):
        dualak.jvp(lambda x: identity(dualak.kernel_buffer(x)), np.ones(2), np.ones(2))


def test_only_flat_arrays_are_buffers():
    x = ak.Array([[1.0], [2.0]])
    with pytest.raises(TypeError, match=r"ak\.flatten"):
        dualak.jvp(dualak.kernel_buffer, x, x)
