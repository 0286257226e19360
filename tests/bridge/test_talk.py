"""Awkward Arrays in JAX as pytrees: plain functions of them, in lines that one would write."""

from __future__ import annotations

import subprocess
import sys

import awkward as ak
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bridge
import dualak
from dualak import extend
from tests.support.layouts import assert_close, direction, tree

bridge.register()


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


ARRAY = ak.Array([[1.0, 2.0, 3.0], [], [4.0, 5.0]])
TANGENT = ak.Array([[0.0, 1.0, 0.0], [], [0.0, 0.0]])


def test_squares_of_a_slice():
    value, tangent = jax.jvp(lambda x: np.square(x[:-1]), (ARRAY,), (TANGENT,))
    assert value.to_list() == [[1, 4, 9], []]
    assert tangent.to_list() == [[0, 4, 0], []]


def test_cubes_of_elements_taken_twice():
    value, tangent = jax.jvp(lambda x: np.power(x[[2, 2, 0], ::-1], 3), (ARRAY,), (TANGENT,))
    assert value.to_list() == [[125, 64], [125, 64], [27, 8, 1]]
    assert tangent.to_list() == [[0, 0], [0, 0], [0, 12, 0]]


def test_an_array_from_jax():
    array = bridge.from_jax(jnp.array([1, 2, 3]))
    assert isinstance(array, ak.Array)
    assert array.to_list() == [1, 2, 3]
    numbers = jnp.array([1.0, 2.0, 3.0])
    value, tangent = jax.jvp(
        lambda x: x**2, (bridge.from_jax(numbers),), (bridge.from_jax(numbers),)
    )
    assert value.to_list() == [1, 4, 9]
    assert tangent.to_list() == [2, 8, 18]


def test_a_compiled_function():
    compiled = jax.jit(lambda a: np.sin(a[::-1] ** 2))
    assert isinstance(compiled(ARRAY), ak.Array)
    assert_close(tree(compiled(ARRAY)), tree(np.sin(ARRAY[::-1] ** 2)), 1e-15)


def test_a_number_is_differentiable():
    value, tangent = jax.jvp(lambda x: x[0, 1] ** 3, (ARRAY,), (TANGENT,))
    assert (float(value), float(tangent)) == (8.0, 12.0)


def test_a_gradient():
    slope = jax.grad(lambda x: jnp.asarray(ak.sum(x**3)))(ARRAY)
    assert isinstance(slope, ak.Array)
    assert slope.to_list() == (3 * ARRAY**2).to_list()


# -- forms ----------------------------------------------------------------------------------------


class Momenta(ak.Array):
    """Vectors in the plane."""

    def pt(self):
        """How long they are."""
        return np.hypot(self.px, self.py)


BEHAVIOR = {("*", "Momentum"): Momenta}
bridge.register(Momenta)


def records():
    return ak.zip({"x": ARRAY, "y": ARRAY**2, "n": ak.values_astype(ARRAY, np.int64)})


def options():
    return ak.Array([[1.0, None, 3.0], None, [], [4.0, 5.0]])


def unions():
    return ak.Array([1.5, [2.5, 3.5], 4.5, [], [5.5]])


def regular():
    return ak.to_regular(ak.Array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), axis=1)


def momenta():
    fields = {"px": ARRAY, "py": ARRAY[::-1][::-1] + 1}
    return ak.Array(ak.zip(fields, with_name="Momentum"), behavior=BEHAVIOR)


#: Arrays, and functions of them: a slice, elements taken twice, and a chain on reversed lists.
FORMS = {
    "lists": (lambda: ARRAY, lambda x: x),
    "records": (records, lambda x: x.x * x.n + x.y),
    "options": (options, lambda x: x),
    "unions": (unions, lambda x: x),
    "regular": (regular, lambda x: x),
    "one record": (lambda: records()[0], lambda x: x.x * x.y),
    "vectors": (momenta, lambda x: x.pt()),
}
LINES = {
    "a slice": lambda x: np.square(x[:-1]),
    "taken twice": lambda x: np.power(x[[-1, -1, 0]], 3),
    "a chain": lambda x: np.sin(x[::-1] ** 2),
    "the array itself": lambda x: x,
}


@pytest.mark.one_in(6)
@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("form", FORMS)
def test_a_line_holds_for_every_form(form, line):
    """Under jvp, under jit, and both in both orders."""
    make, numbers = FORMS[form]
    x = make()
    t = tangent_of(x)

    def function(x):
        return LINES[line](numbers(x))

    y, dy = dualak.jvp(function, x, t)
    found = [
        jax.jvp(function, (x,), (t,)),
        jax.jit(lambda x, t: jax.jvp(function, (x,), (t,)))(x, t),
        jax.jvp(jax.jit(function), (x,), (t,)),
        (jax.jit(function)(x), dy),
    ]
    for value, tangent in found:
        assert value.type == y.type
        assert_close(tree(value), tree(y), 1e-14, "value")
        assert_close(tree(tangent), tree(dy), 1e-14, "tangent")


def tangent_of(x):
    """Numbers in the structure of the array, integers included."""
    leaves, structure = extend.flatten(x)
    random = np.random.default_rng(3)
    return structure.unflatten([random.normal(size=len(one)) for one in leaves])


def test_vectors_come_back_as_what_they_are():
    back = jax.jit(lambda x: x[::-1])(momenta())
    assert type(back) is Momenta
    assert_close(tree(back.pt()), tree(momenta()[::-1].pt()), 1e-15)


def test_records_come_back_with_their_integers():
    scaled = jax.jit(lambda r: ak.with_field(r, r.x * r.n, "x"))(records())
    assert scaled.type == records().type
    assert scaled.n.to_list() == records().n.to_list()
    assert scaled.x.to_list() == (ARRAY * records().n).to_list()


def test_a_tangent_of_another_structure_is_refused():
    with pytest.raises(TypeError, match="structure"):
        jax.jvp(lambda x: x**2, (ARRAY,), (direction(ARRAY[::-1]),))


def test_what_looks_at_numbers_is_refused_with_its_line():
    with pytest.raises(dualak.UnknownNumbersError, match="'greater' in line") as caught:
        jax.jit(lambda x: x[x > 2])(ARRAY)
    assert caught.value.line.endswith(__file__)


def test_dualak_works_inside():
    found = jax.jit(lambda x: dualak.jvp(lambda x: x**2, x, TANGENT)[1])(ARRAY)
    assert found.to_list() == [[0, 4, 0], [], [0, 0]]
    nested = jax.jvp(
        lambda x: dualak.jvp(lambda x: x**3, x, TANGENT)[1], (ARRAY,), (ak.ones_like(ARRAY),)
    )
    assert nested[1].to_list() == [[0, 12, 0], [], [0, 0]]


# -- registration ---------------------------------------------------------------------------------


def test_registration_is_idempotent():
    bridge.register()
    bridge.register(Momenta)
    bridge.register(Momenta)
    leaves, structure = jax.tree_util.tree_flatten(ARRAY)
    assert len(leaves) == 1
    assert ak.array_equal(jax.tree_util.tree_unflatten(structure, leaves), ARRAY)


#: Awkward's own backend warns that it will be removed; what it does is not ours.
BEFORE = """
import warnings
warnings.simplefilter("ignore")
import awkward as ak, jax, numpy as np, bridge
ak.jax.register_and_check()
try:
    bridge.register()
except RuntimeError as error:
    print(error)
x = bridge.to_jax(ak.Array([[1.0, 2.0], [], [3.0]]))
print(jax.jit(bridge.wrap(lambda x: ak.sum(x**2, axis=1)))(x).tolist())
"""

AFTER = """
import warnings
warnings.simplefilter("ignore")
import awkward as ak, jax, numpy as np, bridge
bridge.register()
try:
    ak.jax.register_and_check()
except Exception as error:
    print(type(error).__name__)
else:
    print("registered")
x = ak.Array([[1.0, 2.0], [], [3.0]])
y, dy = jax.jvp(lambda x: x[::-1] ** 2, (x,), (ak.ones_like(x),))
print(type(y).__name__, y.to_list(), dy.to_list())
"""


def run(script):
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert child.returncode == 0, child.stderr
    return child.stdout.splitlines()


def test_a_registration_by_awkward_is_found_and_the_way_out_holds():
    message, result = run(BEFORE)
    assert "registered already, as ak.jax.register_and_check() does" in message
    assert "bridge.wrap" in message
    assert result == "[5.0, 0.0, 9.0]"


@pytest.mark.in_full
def test_a_later_registration_by_awkward_changes_nothing():
    *_, result = run(AFTER)
    assert result == "Array [[9.0], [], [1.0, 4.0]] [[6.0], [], [2.0, 4.0]]"
