"""Wrapped functions in each other, as methods, copied; functions of JAX inside of them."""

from __future__ import annotations

import copy
import pickle

import awkward as ak
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bridge
import dualak
from bridge import transports

bridge.register()

LISTS = ak.Array([[1.0, 2.0], [], [3.0]])
NUMBERS = np.array([1.0, 2.0, 3.0])


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def same(got, want):
    got = bridge.from_jax(got)
    assert ak.almost_equal(got, want, rtol=1e-12, atol=1e-12)


# -- in each other --------------------------------------------------------------------------------


@bridge.wrap
def doubled(x):
    return x * 2


def loss(x):
    return ak.sum(np.sin(doubled(x)))


#: Ways to call a function that calls a wrapped one, and arrays for them.
CALLS = {
    "plain": (lambda f: f, lambda x: x),
    "wrapped": (bridge.wrap, lambda x: x),
    "wrapped, to_jax": (bridge.wrap, bridge.to_jax),
    "traced": (bridge.wrap(structure="traced"), bridge.pad),
}


@pytest.mark.one_in(2)
@pytest.mark.parametrize("call", CALLS)
def test_wrapped_functions_are_called_by_others(call):
    make, array = CALLS[call]
    slope = jax.jit(jax.grad(make(loss)))(array(LISTS))
    if call == "traced":
        slope = slope.in_lists_of(array(LISTS))
    same(slope, 2 * np.cos(2 * LISTS))


def test_arrays_of_awkward_come_back_as_such():
    assert type(doubled(LISTS)) is type(jax.jit(doubled)(LISTS)) is ak.Array
    assert type(doubled(bridge.to_jax(LISTS))) is bridge.Array
    same(np.sin(doubled(LISTS)), np.sin(2 * LISTS))


def test_keywords_and_static_arguments():
    @bridge.wrap
    def powers(x, scale=1.0, *, power=2):
        return ak.sum(x**power * scale)

    assert float(powers(LISTS, scale=2.0, power=3)) == 72.0
    assert float(jax.jit(powers, static_argnames="power")(LISTS, scale=2.0, power=3)) == 72.0
    assert float(jax.grad(powers, argnums=1)(LISTS, 2.0)) == 14.0


def test_missing_values_of_numpy_are_missing():
    numbers = np.ma.masked_array([1.0, 2.0, 3.0], [False, True, False])
    assert float(bridge.wrap(lambda x: ak.sum(x**2))(numbers)) == 10.0
    assert float(jax.jit(lambda s: bridge.wrap(lambda x, s: ak.sum(x * s))(numbers, s))(2.0)) == 8.0


# -- methods, copies ------------------------------------------------------------------------------


class Model:
    scale = 2.0

    def __init__(self, power):
        self.power = power

    @bridge.wrap
    def static(self, x):
        return ak.sum(x**self.power * self.scale)

    @bridge.wrap(structure="traced")
    def traced(self, x):
        return ak.sum(x**self.power * self.scale)


@pytest.mark.parametrize("name", ["static", "traced"])
def test_methods(name):
    model = Model(2)
    assert float(getattr(model, name)(LISTS)) == 28.0
    same(jax.grad(getattr(model, name))(LISTS), 4 * LISTS)
    model.power = 1
    assert float(getattr(model, name)(LISTS)) == 12.0
    assert getattr(model, name) == getattr(model, name) != getattr(Model(1), name)


def test_attributes_that_cannot_be_compared_are_refused():
    with pytest.raises(TypeError, match="give what is traced"):
        jax.jit(lambda power: Model(power).static(LISTS))(2.0)


def test_wrapped_functions_are_copied_and_pickled():
    assert copy.deepcopy(doubled) is doubled
    assert pickle.loads(pickle.dumps(doubled)) is doubled
    for structure in ("static", "traced"):
        wrapped = bridge.wrap(loss, structure=structure)
        for again in (copy.deepcopy(wrapped), pickle.loads(pickle.dumps(wrapped))):
            assert float(again(LISTS)) == pytest.approx(float(np.sum(np.sin(2 * NUMBERS))))


# -- functions of JAX -----------------------------------------------------------------------------

each = bridge.from_jax_function(lambda u: jnp.tanh(u), elementwise=True)
of_rows = bridge.from_jax_function(lambda p, rows: jnp.tanh(rows @ p["w"] + p["b"]))


def squares(x):
    return ak.sum(each(x) ** 2)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("call", [name for name in CALLS if name != "traced"])
@pytest.mark.parametrize("transform", [jax.grad, lambda f: jax.jit(jax.grad(f))])
def test_functions_of_jax_work_number_by_number(call, transform):
    make, array = CALLS[call]
    slope = transform(make(squares))(array(LISTS))
    tanh = np.tanh(LISTS)
    same(slope, 2 * tanh * (1 - tanh**2))


def test_forwards_backwards_and_to_second_order():
    def of_numbers(v):
        return jnp.sum(jnp.tanh(v) ** 2)

    along = jax.jvp(jax.grad(squares), (LISTS,), (2 * LISTS,))[1]
    want = jax.jvp(jax.grad(of_numbers), (NUMBERS,), (2 * NUMBERS,))[1]
    np.testing.assert_allclose(ak.flatten(along), want, rtol=1e-12)


def test_functions_of_jax_in_traced_structure_say_where_to_go():
    with pytest.raises(RuntimeError, match="call the function in the JAX code around it"):
        bridge.wrap(squares, structure="traced")(bridge.pad(LISTS))


def test_functions_of_jax_in_dualak_in_jax_say_what_to_use():
    with pytest.raises(dualak.UnknownNumbersError, match=r"take jax\.jvp or jax\.grad"):
        jax.jit(lambda x: dualak.grad(squares)(x))(LISTS)


@pytest.mark.parametrize("make", [lambda f: f, bridge.wrap], ids=["plain", "wrapped"])
def test_a_network_is_trained_inside_of_an_analysis(make):
    """One weight for each jet, from a network; sums over events; against the same by hand."""
    jets = ak.zip({"pt": LISTS, "eta": LISTS / 4})
    target, events = jnp.array([1.0, 0.0, 2.0]), np.array([0, 0, 2])
    rows = np.stack([ak.flatten(jets.pt), ak.flatten(jets.eta)], -1)

    @make
    def sums(p, jets):
        features = np.stack([ak.flatten(jets.pt), ak.flatten(jets.eta)], -1)
        weights = ak.unflatten(of_rows(p, features), ak.num(jets))
        return ak.sum(weights * jets.pt, axis=1)

    def by_hand(p, rows):
        return jax.ops.segment_sum(jnp.tanh(rows @ p["w"] + p["b"]) * rows[:, 0], events, 3)

    def trained(function, data):
        def distance(p):
            return jnp.sum((jnp.asarray(function(p, data)) - target) ** 2)

        @jax.jit
        def step(p):
            value, slope = jax.value_and_grad(distance)(p)
            return jax.tree_util.tree_map(lambda one, by: one - 0.01 * by, p, slope), value

        p, values = {"w": jnp.array([0.3, -0.2]), "b": jnp.asarray(0.1)}, []
        for _ in range(4):
            p, value = step(p)
            values.append(float(value))
        return values

    found, wanted = trained(sums, jets), trained(by_hand, jnp.asarray(rows))
    np.testing.assert_allclose(found, wanted, rtol=1e-10)
    assert found[-1] < found[0]


# -- where kernels are not ------------------------------------------------------------------------


def test_code_for_other_processes_is_refused():
    with pytest.raises(NotImplementedError, match=r"jax\.export.*kernels lie in this process"):
        jax.export.export(jax.jit(doubled))(NUMBERS)


# -- precision, and the way over ------------------------------------------------------------------


@pytest.mark.parametrize("number", [1.5, np.float64(1.5), np.float32(1.5)], ids=type)
def test_beside_a_number_results_have_the_type_of_plain_ones(number):
    """One of Python gives way to single precision, also where JAX traces it."""
    half = np.array([1.0, 2.0], np.float32)

    @bridge.wrap
    def scaled(s):
        return half * s

    want = (half * number).dtype
    results = jax.jit(scaled)(number), *jax.jvp(scaled, (number,), (type(number)(1.0),))
    assert [result.dtype for result in results] == [want] * 3


def test_the_first_transport_that_is_there_is_taken(monkeypatch):
    def row(reason):
        return transports.Transport(lambda: reason, lambda task, operands: ())

    table = {"fast": row(None), "slower": row(None), "slow": row(None)}
    monkeypatch.setattr(transports, "TRANSPORTS", table)
    assert transports._fastest.__wrapped__() == "fast"
    table["fast"] = row("it is not there")
    with pytest.warns(UserWarning, match="'slower': fast: it is not there"):
        assert transports._fastest.__wrapped__() == "slower"


@pytest.mark.parametrize("structure", ["static", "traced"])
def test_what_was_made_in_one_precision_is_not_taken_in_the_other(structure):
    """The argument is the same in both, the result is not."""
    x = jnp.asarray(np.array([1.0, 2.0], np.float32))
    wide = np.array([2.0, 4.0])
    widened = bridge.wrap(lambda x: ak.sum(x * wide), structure=structure)
    for is_double in (True, False, True):
        with jax.enable_x64(is_double):
            result = jax.jit(widened)(x)
        assert result.dtype == (np.float64 if is_double else np.float32)
        assert result == 10.0


@pytest.mark.parametrize("elementwise", [True, False])
def test_higher_derivatives_of_functions_of_jax_are_those_of_the_same_in_numpy(elementwise):
    x, t = NUMBERS / 2, NUMBERS[::-1] - 0.5

    def third(function):
        def first(x):
            return dualak.jvp(function, x, t)[1]

        def second(x):
            return dualak.jvp(first, x, t * x)[1]

        return second(x), dualak.jvp(second, x, t)[1]

    own = bridge.from_jax_function(lambda x: x * jnp.sin(x), elementwise=elementwise)
    for got, want in zip(third(own), third(lambda x: x * np.sin(x)), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12)
