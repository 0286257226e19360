"""Linear maps out of functions: forwards they are the jvp, backwards its transpose."""

from __future__ import annotations

from functools import partial

import awkward as ak
import numpy as np
import pytest

import dualak
from dualak import Directions, grad, hessian, hvp, jacfwd, jvp, linearize, value_and_grad, vjp
from dualak.arrays.context import current_graph
from dualak.rules import OUTPUTS, RULES
from tests.support.layouts import LAYOUTS, accepts, assert_close, check, direction, tree

X = ak.Array([[1.1, 2.2, 3.3], [], [4.4, 5.5]])
T = ak.Array([[0.3, -1.2, 0.7], [], [2.1, -0.4]])
LAYOUT = dict(LAYOUTS)


def numbers(result):
    """The floating-point numbers of a result, in order."""
    result = tree(result)
    if isinstance(result, list):
        return [number for one in result for number in numbers(one)]
    if isinstance(result, dict):
        return [number for one in result.values() for number in numbers(one)]
    return [result] if isinstance(result, float) else []


def dot(one, other):
    return float(np.dot(numbers(one), numbers(other)))


def check_transpose(function, x, t=None):
    """What the pullback gives is the transpose of what jvp and the pushforward give."""
    t = direction(x) if t is None else t
    y, dy = jvp(function, x, t)
    value, pushforward = linearize(function, x)
    assert_close(tree(value), tree(y), 1e-14)
    assert_close(tree(pushforward(t)), tree(dy), 1e-12)
    value, pullback = vjp(function, x)
    assert_close(tree(value), tree(y), 1e-14)
    cotangent = cotangent_of(y)
    pulled = pullback(cotangent)
    got = dot(pulled, t)
    want = dot(cotangent, dy)
    assert got == pytest.approx(want, rel=1e-9, abs=1e-9)
    assert current_graph.get() is None


def cotangent_of(y, seed=5):
    if isinstance(y, dict):
        return {key: cotangent_of(one, seed + 1) for key, one in y.items()}
    if isinstance(y, (tuple, list)):
        return type(y)(cotangent_of(one, seed + i) for i, one in enumerate(y))
    if isinstance(y, np.ndarray):
        return np.random.default_rng(seed).normal(size=y.shape)
    if isinstance(y, float):
        return 0.25 + seed
    if isinstance(y, ak.Record):
        return direction(ak.Array([y]), seed)[0]
    return direction(y, seed) if isinstance(y, ak.Array) else None


FUNCTIONS = {
    "power": lambda x: x**3,
    "sine chain": lambda x: np.sin(x[::-1] ** 2) * np.exp(-x[::-1]),
    "list sums": lambda x: np.sqrt(ak.sum(x**2, axis=1)),
    "all": lambda x: ak.sum(x * x),
    "largest": lambda x: ak.max(x, axis=1),
    "smallest of all": lambda x: ak.min(x * x),
    "products": lambda x: ak.prod(x, axis=1),
    "columns": lambda x: ak.sum(x, axis=0),
    "means": lambda x: ak.mean(x, axis=1, mask_identity=True),
    "mask": lambda x: x[x > 2.0] ** 2,
    "gather": lambda x: x[[2, 0, 2, 2]][:, :2],
    "scalar": lambda x: x * x[0, 1] + x[2, 0],
    "only a scalar": lambda x: x[0, 1] * x[2, 0],
    "pairs": lambda x: ak.combinations(x, 2)["0"] * ak.combinations(x, 2)["1"],
    "cartesian": lambda x: ak.cartesian({"a": x, "b": x * 2.0}),
    "where": lambda x: ak.where(x > 2.0, x * 3.0, np.sqrt(x)),
    "maximum": lambda x: np.maximum(x, 3.0) * np.minimum(x, 2.0 * x[::-1][::-1] - 3.0),
    "concatenate": lambda x: ak.concatenate([x, x**2, x[:, :1]], axis=1),
    "fill": lambda x: ak.fill_none(ak.pad_none(x, 4), 1.0) ** 2,
    "option": lambda x: ak.pad_none(x, 4)[:, ::-1] * 2.0,
    "flatten": lambda x: ak.flatten(x) ** 2,
    "record": lambda x: ak.zip({"a": x, "b": np.arctan2(x, 2.0), "n": ak.local_index(x)}),
    "dict": lambda x: {"a": x[0], "b": (ak.sum(x), x[:0], None)},
    "constant beside": lambda x: (T, x * 2.0, 3.0),
    "division": lambda x: 1.0 / (x + x[:, ::-1]) - x,
    "select": lambda x: ak.where(ak.Array([True, False, True]), x, -x),
    "single precision": lambda x: ak.values_astype(x, np.float32) * 2,
    "to integers and back": lambda x: ak.values_astype(x, np.int64) * x,
    "sum of scalars": lambda x: x * ak.sum(x) / ak.max(x),
}


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_backwards_is_the_transpose_of_forwards(name):
    if name == "single precision":
        check(lambda x: FUNCTIONS[name](x), ak.values_astype(X, np.float32))
        return
    check_transpose(FUNCTIONS[name], X, T)


@pytest.mark.one_in(8)
@pytest.mark.parametrize("name", LAYOUT)
@pytest.mark.parametrize("function", ["product", "sum", "slice"])
def test_in_every_layout(name, function):
    function = {
        "product": lambda x: np.sin(x) * x,
        "sum": lambda x: ak.sum(x * x, axis=-1),
        "slice": lambda x: x[::-1],
    }[function]
    x = LAYOUT[name]()
    if not accepts(function, x) or "float32" in str(x.type):
        pytest.skip("Awkward does not take this layout, or it is of single precision")
    check_transpose(function, x)


ONE = [name for name, rule in RULES.items() if len(rule.domain) == 1 and hasattr(np, name)]
TWO = [name for name, rule in RULES.items() if len(rule.domain) == 2 and hasattr(np, name)]


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", [*ONE, *filter(partial(hasattr, np), OUTPUTS), *TWO])
def test_every_rule_has_a_transpose(name):
    rule = RULES.get(name) or OUTPUTS[name][0]
    if name == "ldexp":
        return
    random = np.random.default_rng(3)
    x = [ak.unflatten(random.uniform(*one, size=5), [3, 0, 2]) for one in rule.domain]
    check_transpose(lambda *args: getattr(np, name)(*args), tuple(x))


TREES = {
    "several arguments": (lambda a, b, c: a * b + c, (X, T, 2.0)),
    "a dict": (lambda p: p["x"] * p["k"][0] + p["k"][1], {"x": X, "k": (2.0, 3.0)}),
    "NumPy": (lambda x: np.sin(x) * x[::-1], np.array([0.5, 1.5, 2.5])),
    "NumPy and lists": (lambda x, y: ak.sum(x * y, axis=1), (np.array([0.5, 1.5, 2.5]), X)),
    "records": (lambda r: r.a * r.b, ak.zip({"a": X, "b": T, "n": ak.local_index(X)})),
    "a record": (lambda r: r.a * r.b, ak.Record({"a": 2.0, "b": [1.0, 2.0]})),
    "a number": (np.sin, 0.5),
    "an index": (lambda x: x**2, ak.Array([1.0, 2.0, 3.0])[[2, 2, 0]]),
    "missing": (lambda x: x**2, ak.Array([[1.0, None], None, [2.0]])),
}


@pytest.mark.parametrize("name", TREES)
def test_the_cotangent_has_the_structure_of_the_arguments(name):
    function, x = TREES[name]
    y, pullback = vjp(function, x)
    pulled = pullback(cotangent_of(y))
    assert shape_of(pulled) == shape_of(x)
    t = pullback(cotangent_of(y, 9))
    dy = jvp(function, x, t)[1]
    assert dot(cotangent_of(y), dy) == pytest.approx(dot(pulled, t), rel=1e-12)


def shape_of(tree):
    if isinstance(tree, dict):
        return {key: shape_of(one) for key, one in tree.items()}
    if isinstance(tree, (tuple, list)):
        return tuple(map(shape_of, tree))
    if isinstance(tree, (ak.Array, ak.Record)):
        return str(tree.type)
    return tree.shape if isinstance(tree, np.ndarray) else float


def test_elements_that_share_memory_are_variables_of_their_own():
    x = ak.Array([1.0, 2.0, 3.0])[[2, 2, 0]]
    assert grad(lambda x: ak.sum(x * [1.0, 10.0, 100.0]))(x).to_list() == [1.0, 10.0, 100.0]


def test_a_pushforward_runs_any_number_of_times_and_not_the_function():
    calls = []

    def function(x):
        calls.append(1)
        return np.exp(x) * x

    _, pushforward = linearize(function, X)
    for scale in (1.0, 2.0, -3.0):
        assert_close(tree(pushforward(T * scale)), tree(np.exp(X) * (1 + X) * T * scale), 1e-14)
    assert pushforward(None).to_list() == [[0.0, 0.0, 0.0], [], [0.0, 0.0]]
    assert len(calls) == 1


def test_zero_cotangents_stay_zero_at_infinite_slopes():
    found = grad(lambda x: ak.sum(np.sqrt(ak.sum(x**2, axis=1))))(ak.Array([[3.0, 4.0], [], [2.0]]))
    assert_close(tree(found), [[0.6, 0.8], [], [1.0]], 1e-15)
    _, pullback = vjp(np.sqrt, ak.Array([0.0, 4.0]))
    assert pullback(ak.Array([0.0, 1.0])).to_list() == [0.0, 0.25]


def test_products_with_zeros():
    x = ak.Array([[2.0, 0.0, 3.0], [], [0.0, 0.0, 5.0], [0.0]])
    assert grad(lambda x: ak.sum(ak.prod(x, axis=1)))(x).to_list() == [
        [0.0, 6.0, 0.0],
        [],
        [0.0, 0.0, 0.0],
        [1.0],
    ]


def test_ties_share_the_cotangent():
    x = ak.Array([[2.0, 5.0, 5.0], [], [1.0]])
    found = grad(lambda x: ak.sum(ak.max(x, axis=1)))(x)
    assert found.to_list() == [[0.0, 0.5, 0.5], [], [1.0]]


# -- gradients ------------------------------------------------------------------------------------


def loss(p, x):
    return ak.sum((np.tanh(x * p["a"]) - p["b"][0] * x - p["b"][1]) ** 2)


AT = {"a": 0.4, "b": np.array([0.2, -0.1])}


def test_a_gradient_is_the_jacobian_of_one_number():
    found = grad(loss)(AT, X)
    want = jacfwd(loss)(AT, X)
    assert found["a"] == pytest.approx(want["a"], rel=1e-13)
    np.testing.assert_allclose(found["b"], want["b"], rtol=1e-13)
    assert type(found["b"]) is np.ndarray
    value, again = value_and_grad(loss)(AT, X)
    assert value == pytest.approx(loss(AT, X), rel=1e-14)
    assert again["a"] == found["a"]


def test_gradients_by_several_arguments_and_with_aux():
    def function(p, x):
        return loss(p, x), {"x": x * 2.0, "name": "fit"}

    (first, second), aux = grad(function, (0, 1), has_aux=True)(AT, X)
    assert first["a"] == pytest.approx(grad(loss)(AT, X)["a"], rel=1e-14)
    assert tree(second) == tree(grad(loss, 1)(AT, X))
    assert (tree(aux["x"]), aux["name"]) == (tree(X * 2.0), "fit")


def test_gradients_of_many_inputs():
    x = ak.unflatten(np.linspace(0.1, 2.0, 30_000), np.full(10_000, 3))
    found = grad(lambda x: ak.sum(np.sqrt(ak.sum(x**2, axis=1))))(x)
    np.testing.assert_allclose(
        ak.flatten(found), ak.flatten(x / np.sqrt(ak.sum(x**2, axis=1))), rtol=1e-13
    )


def test_forward_over_reverse_is_the_product_with_the_hessian():
    along = {"a": 0.7, "b": np.array([1.0, -2.0])}
    want = hvp(lambda p: loss(p, X), AT, along)
    value, got = jvp(grad(lambda p: loss(p, X)), AT, along)
    assert value["a"] == pytest.approx(grad(loss)(AT, X)["a"], rel=1e-13)
    assert got["a"] == pytest.approx(want["a"], rel=1e-11)
    np.testing.assert_allclose(got["b"], want["b"], rtol=1e-11)


def test_reverse_over_forward_and_reverse_over_reverse():
    def along(x):
        return ak.sum(jvp(lambda y: ak.sum(np.sin(y) * y**2, axis=1), x, T)[1])

    def twice(x):
        return ak.sum(grad(lambda y: ak.sum(np.sin(y) * y**2))(x) * T)

    want = jvp(lambda x: jvp(lambda y: np.sin(y) * y**2, x, T)[1], X, ak.ones_like(X))[1]
    assert_close(tree(grad(along)(X)), tree(want), 1e-12)
    assert_close(tree(grad(twice)(X)), tree(want), 1e-12)


@pytest.mark.parametrize("name", ["list sums", "products", "largest", "mask", "gather", "pairs"])
def test_gradients_differentiate_on(name):
    function = FUNCTIONS[name]

    def gradient(x):
        return grad(lambda y: ak.sum(np.sin(ak.flatten(function(y), axis=None))))(x)

    check(gradient, X)


def test_jacobians_of_gradients_are_hessians():
    def function(p):
        return ak.sum(np.exp(-((X - p[0]) ** 2) / p[1]))

    at = np.array([2.0, 3.0])
    np.testing.assert_allclose(jacfwd(grad(function))(at), hessian(function)(at), rtol=1e-11)


def test_linear_maps_inside_of_a_transformation():
    def outer(x):
        y, pushforward = linearize(lambda y: y**2 * x, x * 2.0)
        return y + pushforward(x)

    check(outer, X)


# -- bad input ------------------------------------------------------------------------------------


def kept_map():
    return linearize(np.sin, X)[1]


def look(x):
    return x * np.asarray(ak.to_numpy(dualak.primal(x[0])))[0]


WRONG = {
    "several numbers": (TypeError, "one floating-point vjp", lambda: grad(np.sin)(X)),
    "a record": (TypeError, "one floating-point", lambda: grad(lambda x: ak.zip({"a": x}))(X)),
    "an integer result": (TypeError, "one floating-point", lambda: grad(lambda x: ak.count(x))(X)),
    "integers": (TypeError, "float32 float64", lambda: grad(ak.sum)(ak.Array([1, 2]))),
    "cotangent of other lists": (
        ValueError,
        "list 0 length 3 2",
        lambda: vjp(np.sin, X)[1](ak.Array([[1.0, 2.0], [], [3.0, 4.0]])),
    ),
    "cotangent of a dict": (
        ValueError,
        "names fields",
        lambda: vjp(np.sin, X)[1]({"a": X}),
    ),
    "tangent of other length": (
        ValueError,
        "length 3 2",
        lambda: linearize(np.sin, X)[1](X[:2]),
    ),
    "argnums": (ValueError, "argnums", lambda: grad(loss, 2)(AT, X)),
    "a map from outside": (
        ValueError,
        "made outside linearize inside",
        lambda: jvp(MAP, X, T),
    ),
    "aux of no pair": (TypeError, "pair", lambda: vjp(np.sin, X, has_aux=True)),
}
MAP = kept_map()


@pytest.mark.parametrize("name", WRONG)
def test_wrong_calls_say_what_is_wrong(name):
    error, words, call = WRONG[name]
    with pytest.raises(error) as caught:
        call()
    assert [word for word in words.split() if word not in str(caught.value)] == []
    assert current_graph.get() is None


def test_values_may_be_looked_at_but_tangents_may_not():
    assert_close(tree(linearize(look, X)[1](T)), tree(T * 1.1), 1e-14)


def test_directions_and_linear_maps_agree():
    y, dys = jvp(FUNCTIONS["sine chain"], X, Directions([T, X]))
    _, pushforward = linearize(FUNCTIONS["sine chain"], X)
    for t, dy in zip((T, X), dys, strict=True):
        assert_close(tree(pushforward(t)), tree(dy), 1e-14)
    assert len(y) == 3
