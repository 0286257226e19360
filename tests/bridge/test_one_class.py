"""Plain functions after ``bridge.register()``: arrays beside numbers of JAX, what is changed."""

from __future__ import annotations

import copy
from operator import add, mul, pow, sub, truediv

import awkward as ak
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bridge
import dualak
from bridge import patches

bridge.register()


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


LISTS = ak.Array([[1.0, 2.0], [], [3.0]])
FLAT, MATRIX = ak.Array([1.0, 2.0, 3.0]), ak.Array(np.arange(6.0).reshape(2, 3))


def same(got, want):
    assert ak.almost_equal(got, want, rtol=1e-12, atol=1e-12)


# -- numbers of JAX -------------------------------------------------------------------------------


@pytest.mark.one_in(3)
@pytest.mark.parametrize("operator", [add, sub, mul, truediv, pow])
def test_numbers_of_jax_meet_arrays_as_those_of_numpy(operator):
    two = jnp.asarray(2.0)
    for way in (lambda f: f, jax.jit):
        same(way(lambda x, s: operator(x, s))(LISTS, two), operator(LISTS, 2.0))
        same(way(lambda x, s: operator(s, x))(LISTS, two), operator(2.0, LISTS))


def test_one_number_for_each_list():
    weights = jnp.array([1.0, 2.0, 3.0])
    slope = jax.grad(lambda w: ak.sum(w * LISTS * w))(weights)
    np.testing.assert_allclose(slope, 2 * np.array([3.0, 0.0, 3.0]) * weights)
    same(jax.jit(lambda w: ak.unflatten(w, [2, 0, 1]))(weights), ak.Array([[1.0, 2], [], [3]]))


def test_numbers_made_of_arrays_are_jax_numbers():
    slope = jax.grad(lambda x: np.sqrt(ak.sum(x**2)) * np.arange(1.0, 2.0)[0])(LISTS)
    same(slope, LISTS / np.sqrt(14.0))
    slope = jax.grad(lambda x: jnp.sum(np.arange(3.0) * ak.sum(x**2)))(LISTS)
    same(slope, 6 * LISTS)


def test_arrays_of_jax_are_indexes_and_arguments_of_awkward():
    same(FLAT[jnp.array([0, 2])], ak.Array([1.0, 3.0]))
    same(ak.where(LISTS > 1, jnp.asarray(0.0), LISTS), ak.Array([[1.0, 0.0], [], [0.0]]))
    with pytest.raises(jax.errors.TracerArrayConversionError):
        jax.jit(lambda i: FLAT[i])(1)
    with pytest.raises(TypeError, match="got traced int64"):
        jax.jit(lambda i: FLAT * i)(1)


#: Functions of ``jax.numpy`` of a row and a matrix.
OF_RECTANGLES = {
    "sin": lambda v, m: jnp.sin(v),
    "sum": lambda v, m: jnp.sum(m, axis=0),
    "mean": lambda v, m: jnp.mean(m),
    "dot": lambda v, m: jnp.dot(m, v),
    "einsum": lambda v, m: jnp.einsum("ij,j", m, v),
    "concatenate": lambda v, m: jnp.concatenate([v, v]),
    "stack": lambda v, m: jnp.stack([v, v]),
    "zeros": lambda v, m: jnp.zeros_like(v),
    "norm": lambda v, m: jnp.linalg.norm(v),
    "where": lambda v, m: jnp.where(jnp.asarray(True), v, 0.0),
}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", OF_RECTANGLES)
def test_functions_of_jax_take_rectangles(name):
    function = OF_RECTANGLES[name]
    want = function(jnp.asarray(FLAT.to_numpy()), jnp.asarray(MATRIX.to_numpy()))
    for way in (lambda f: f, jax.jit):
        np.testing.assert_allclose(way(function)(FLAT, MATRIX), want)


@pytest.mark.parametrize("way", [lambda f: f, jax.jit], ids=["eager", "jit"])
@pytest.mark.parametrize("function", [jnp.sin, jnp.sum, jnp.asarray])
def test_functions_of_jax_say_what_to_use_for_lists(function, way):
    with pytest.raises(TypeError, match=r"jax\.numpy has no arrays of lists"):
        way(lambda x: function(x))(LISTS)


def test_arrays_on_the_backend_of_awkward_for_jax():
    """As in Awkward's documentation, with ``bridge.register()`` for its own registration."""

    def reverse_sum(array):
        return ak.sum(array[::-1], axis=0)

    array = ak.Array([[1.0, 2.0, 3.0], [], [4.0, 5.0]], backend="jax")
    tangent = ak.Array([[0.0, 1.0, 0.0], [], [0.0, 0.0]], backend="jax")
    value, slope = jax.jvp(reverse_sum, (array,), (tangent,))
    assert (value.to_list(), slope.to_list()) == ([5.0, 7.0, 3.0], [0.0, 1.0, 0.0])
    value, pullback = jax.vjp(reverse_sum, array)
    (cotangent,) = pullback(value)
    assert cotangent.to_list() == [[5.0, 7.0, 3.0], [], [5.0, 7.0]]
    same(jax.jit(reverse_sum)(array), value)


# -- arrays in functions --------------------------------------------------------------------------

#: What looks at arrays, or walks over them.
LOOKS = {
    "iteration": lambda x: sum(ak.sum(one**2) for one in x),
    "a copy": lambda x: ak.sum(copy.copy(x) ** 2),
    "a deep copy": lambda x: ak.sum(copy.deepcopy(x) ** 2),
    "a mask": lambda x: ak.sum(x.mask[np.array([True, True, True])] ** 2),
    "a record": lambda x: ak.sum(ak.zip({"a": x, "b": x})[::-1][["a", "b"]].a ** 2),
    "a function of NumPy": lambda x: ak.sum(np.concatenate([x, x]) ** 2) / 2,
    "printing": lambda x: ak.sum(x**2) if "3 * var" in f"{x!r}{x} {x.type}" else None,
    "a tuple": lambda x: ak.sum(ak.unzip(ak.zip((x, x)))[0] ** 2),
    "an update": lambda x: (x.mask, x.ndim, x.nbytes, len(x)) and ak.sum(x**2),
}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", LOOKS)
def test_arrays_in_functions_do_what_arrays_do(name):
    same(jax.grad(LOOKS[name])(LISTS), 2 * LISTS)


def test_fields_are_set_and_deleted():
    def function(r):
        r["c"] = r.a * 2
        del r["b"]
        return r

    records = ak.zip({"a": LISTS, "b": LISTS})
    same(jax.jit(function)(records), ak.zip({"a": LISTS, "c": 2 * LISTS}))
    assert records.fields == ["a", "b"]


def test_numbers_are_not_taken_out():
    for function in (lambda x: x.to_list(), lambda x: np.asarray(ak.flatten(x))):
        with pytest.raises(TypeError, match="would take the numbers out"):
            jax.jit(function)(LISTS)


#: Arrays that a function makes of others by the constructors of Awkward.
CONSTRUCTED = {
    "an array": lambda x: ak.Array(x) ** 2,
    "with a behavior": lambda x: ak.Array(x, behavior={}) ** 2,
    "of columns": lambda x: ak.Array({"a": ak.flatten(x), "n": [1, 2, 3]}).a ** 2,
    "a record": lambda x: ak.Record(ak.zip({"a": x}, depth_limit=1)[0]).a ** 2,
}


@pytest.mark.parametrize("name", CONSTRUCTED)
def test_constructors_of_awkward_keep_what_stands_for_numbers(name):
    function = CONSTRUCTED[name]
    x = LISTS * 1.0
    for got, want in (
        (jax.grad(lambda x: ak.sum(function(x)))(x), dualak.grad(lambda x: ak.sum(function(x)))(x)),
        (jax.jvp(jax.jit(function), (x,), (x,))[1], dualak.jvp(function, x, x)[1]),
    ):
        assert np.allclose(
            ak.to_numpy(ak.flatten(got, axis=None)), ak.to_numpy(ak.flatten(want, axis=None))
        )


def test_a_transpose_of_what_is_not_differentiated_is_refused():
    with pytest.raises(NotImplementedError, match=r"take jax\.vjp"):
        jax.linear_transpose(lambda x: x * 2.0, LISTS)(LISTS)


# -- dualak's own transformations -----------------------------------------------------------------

TANGENT = ak.Array([[0.5, 1.0], [], [2.0]])

#: Functions of an array and a number, and their derivatives by both.
WITH_DUALAK = {
    "jvp": (
        lambda x, s: ak.sum(dualak.jvp(lambda x, s: s * x**3, (x, s), (TANGENT, None))[1]),
        lambda x, s: (6 * s * x * TANGENT, ak.sum(3 * x**2 * TANGENT)),
    ),
    "grad": (
        lambda x, s: ak.sum(dualak.grad(lambda x: ak.sum(s * x**3))(x)),
        lambda x, s: (6 * s * x, ak.sum(3 * x**2)),
    ),
    "linearize": (
        lambda x, s: ak.sum(dualak.linearize(lambda x: s * x**3, x)[1](TANGENT)),
        lambda x, s: (6 * s * x * TANGENT, ak.sum(3 * x**2 * TANGENT)),
    ),
    "jacfwd": (
        lambda x, s: dualak.jacfwd(lambda s: ak.sum(x * s**3))(s),
        lambda x, s: (3 * s**2 * ak.ones_like(x), ak.sum(6 * x * s)),
    ),
    "hessian": (
        lambda x, s: dualak.hessian(lambda s: ak.sum(x * s**3))(s),
        lambda x, s: (6 * s * ak.ones_like(x), ak.sum(6 * x)),
    ),
}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", WITH_DUALAK)
def test_dualak_differentiates_inside_of_functions_for_jax(name):
    function, slopes = WITH_DUALAK[name]
    for got, want in zip(jax.grad(function, (0, 1))(LISTS, 2.0), slopes(LISTS, 2.0), strict=True):
        same(got, want)


def test_dualak_takes_numbers_and_arrays_of_jax():
    x = jnp.arange(3.0)
    y, dy = dualak.jvp(lambda x, s: np.sin(x) * s, (x, jnp.asarray(2.0)), (jnp.ones(3), None))
    np.testing.assert_allclose(y, 2 * np.sin(x))
    np.testing.assert_allclose(dy, 2 * np.cos(x))
    same(dualak.grad(lambda x: ak.sum(x**2) * jnp.asarray(2.0))(LISTS), 4 * LISTS)


# -- what is changed, and put back ----------------------------------------------------------------

OWNERS = (ak.Array, ak.Record, ak.jax, jax.core.Tracer, type(jnp.zeros(1)))


def attributes():
    return [dict(vars(one)) for one in OWNERS]


def test_everything_is_put_back():
    try:
        registered = attributes()
        bridge.unregister()
        plain = attributes()
        bridge.unregister()
        assert (LISTS * 2).to_list() == [[2, 4], [], [6]]
        with pytest.raises(RuntimeError, match=r"call bridge.register\(\)"):
            jax.jit(lambda x: x * 2)(LISTS)
        bridge.register()
        assert [one.keys() for one in attributes()] == [one.keys() for one in registered]
        bridge.unregister()
        assert attributes() == plain
        assert not any(hasattr(one, "__jax_array__") for one in (ak.Array, ak.Record))
    finally:
        bridge.register()


def test_plain_arrays_ask_once_and_go_their_way(monkeypatch):
    """Nothing of the bridge runs for them but the method that looks."""

    def never(*args):
        raise AssertionError

    for name in ("inside", "outside", "first_dual"):
        monkeypatch.setattr(patches, name, never)
    assert ak.sum(np.sin(LISTS[::-1] * 2) ** 2) > 0
    assert len(list(np.concatenate([FLAT, FLAT])[1:])) == 5
    assert "3 * var" in repr(LISTS)


def test_the_other_registration_is_refused_in_one_line():
    with pytest.raises(RuntimeError, match="leave it out"):
        ak.jax.register_and_check()


def test_arrays_of_two_transformations_meet_in_the_inner_one():
    inner, other = ak.Array([[2.0, 3.0], [], [4.0]]), ak.Array([[0.5, 1.0], [], [2.0]])

    def slope(x):
        return jax.jvp(lambda y: ak.sum(x * y * y), (inner,), (other,))[1]

    value, tangent = jax.jvp(slope, (LISTS,), (TANGENT,))
    np.testing.assert_allclose(value, ak.sum(2 * LISTS * inner * other))
    np.testing.assert_allclose(tangent, ak.sum(2 * TANGENT * inner * other))
    np.testing.assert_allclose(
        jax.grad(lambda s: jax.grad(lambda r: ak.sum(LISTS * s * s * r * r))(3.0))(2.0),
        4 * 2.0 * 3.0 * ak.sum(LISTS),
        rtol=1e-6,
    )
