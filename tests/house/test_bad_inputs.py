"""Public functions given what they do not take: an error that says what was expected."""

from __future__ import annotations

import awkward as ak
import numba
import numpy as np
import pytest

import dualak

X = ak.Array([[1.0, 2.0], [], [3.0]])
N = np.array([1.0, 2.0])


def total(x):
    return ak.sum(np.sin(x))


#: The function, a bad input, and words of the error.
CASES = {
    "grad int": (lambda: dualak.grad(lambda x: x**2)(3), r"float\(x\)"),
    "grad int in a dict": (lambda: dualak.grad(lambda p: p["a"])({"a": 3}), "convert"),
    "grad second int": (lambda: dualak.grad(lambda x, y: x * y, 1)(1.0, 2), "convert"),
    "grad integers": (lambda: dualak.grad(lambda x: np.sum(x))(np.array([1, 2])), "convert"),
    "grad bool": (lambda: dualak.grad(lambda x: x * 1.0)(True), "convert"),
    "grad jagged integers": (lambda: dualak.grad(total)(ak.Array([[1, 2]])), "values_astype"),
    "jacfwd int": (lambda: dualak.jacfwd(lambda x: x)(3), "convert integers"),
    "hessian int": (lambda: dualak.hessian(lambda x: x)(3), "convert integers"),
    "tangent 0-d": (lambda: dualak.jvp(total, X, np.array(1.0)), "expected an array"),
    "tangent of objects": (
        lambda: dualak.jvp(total, X, np.array([None, 1.0])),
        "expected an array",
    ),
    "cotangent of objects": (
        lambda: dualak.vjp(np.sin, X)[1](np.array([None, 1.0])),
        "expected an array",
    ),
    "chunk_size": (lambda: dualak.jacfwd(np.sin, chunk_size="a"), "integer for chunk_size"),
    "chunk_size float": (lambda: dualak.jacfwd(np.sin, chunk_size=2.0), "integer for chunk_size"),
    "cache_size": (lambda: dualak.compile(total, cache_size=None), "integer for cache_size"),
    "device": (lambda: dualak.jvp(total, X, X, device=["cpu"]), "devices cpu, cuda"),
    "trace of no structure": (
        lambda: dualak.extend.trace(total, X, ["float64"]),
        r"dualak\.extend\.flatten",
    ),
    "trace dtypes": (
        lambda: dualak.extend.trace(total, dualak.extend.flatten((X,))[1], []),
        "list of 1 dtypes",
    ),
    "array of text": (lambda: dualak.array(["a"]), "list of numbers"),
    "array of a number": (lambda: dualak.array(1.0), "list of numbers"),
    "full of text": (lambda: dualak.full(2, "a"), "expects a number"),
    "full of an array": (lambda: dualak.full(2, X), "expects a number"),
    "kernel_buffer": (lambda: dualak.kernel_buffer(None), "array of numbers"),
    "partials of text": (lambda: dualak.partials(lambda x: x * 2, "a"), "numbers to diff"),
    "partials of no function": (lambda: dualak.partials(None, 1.0), "expects a function"),
}


@pytest.mark.parametrize("name", CASES)
def test_says_what_was_expected(name):
    run, words = CASES[name]
    with pytest.raises((TypeError, ValueError), match=words):
        run()


def _table(x):
    return np.interp(np.asarray(x, dtype=np.float64), [0.0, 5.0], [1.0, 2.0])


#: Functions of other libraries, which ask for the numbers.
LIBRARIES = {
    "asarray": _table,
    "vectorize": np.vectorize(abs),
    "interpolation": lambda x: pytest.importorskip("scipy.interpolate").CubicSpline(
        [0.0, 1.0, 5.0], [0.0, 1.0, 2.0]
    )(x),
}


@pytest.mark.parametrize("name", LIBRARIES)
@pytest.mark.parametrize("transform", ["jvp", "grad"])
def test_functions_of_libraries_name_the_way_out(name, transform):
    def run(x):
        return np.sum(LIBRARIES[name](x))

    with pytest.raises(dualak.EscapeError, match=r"custom_jvp\(elementwise=True\)"):
        dualak.jvp(run, N, N) if transform == "jvp" else dualak.grad(run)(N)


@pytest.mark.parametrize("x", [X, N, 1.5], ids=["jagged", "numpy", "number"])
def test_functions_of_jax_name_the_bridge(x):
    jnp = pytest.importorskip("jax.numpy")
    with pytest.raises(ValueError, match=r"bridge\.from_jax_function"):
        dualak.jvp(lambda x: jnp.sin(x), x, x)
    with pytest.raises(ValueError, match=r"bridge\.from_jax_function"):
        dualak.grad(lambda x: jnp.sin(x))(x)


def test_a_loop_of_too_many_numbers_names_the_way_out():
    @numba.njit
    def doubled(x):
        out = dualak.empty(len(x), x)
        for i in range(len(x)):
            out[i] = 2.0 * x[i]
        return out

    x = ak.Array(np.arange(2000.0))
    with pytest.raises(dualak.EscapeError, match=r"the loop doubled .* 2000 .*dualak\.jacfwd"):
        dualak.grad(lambda x: ak.sum(doubled(x)))(x)
