"""Jacobians and Hessians: their shapes, their values, and what they refuse."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import awkward as ak
import numpy as np
import pytest

import dualak
from dualak import derivative, hessian, hvp, jacfwd, jvp, value_and_jacfwd, value_jacobian_hessian
from dualak.engine.realize import counts
from tests.support.layouts import assert_close, tree

PT = ak.Array([[40.0, 20.0, 55.0], [], [30.0, 25.0]])
ETA = ak.Array([[0.3, -1.2, 0.7], [], [2.1, -0.4]])
JETS = ak.zip({"pt": PT, "eta": ETA, "flavour": ak.values_astype(PT, np.int64)})


class Shape(NamedTuple):
    mean: float
    width: float


def calibrated(p, jets=JETS):
    """A function of all kinds of parameters, with an output of all kinds of leaves."""
    pt = jets.pt * (1.0 + p["scale"]) + p["slopes"][0] * jets.eta + p["slopes"][1] * jets.eta**2
    tensor = p["tensor"]
    weight = np.exp(-(((pt - p["shape"].mean) / p["shape"].width) ** 2)) * tensor[1, 2]
    return {
        "jets": ak.zip({"pt": pt[pt > 24], "flavour": jets.flavour[pt > 24]}),
        "sums": (ak.sum(weight, axis=1), ak.sum(weight * tensor[0, 0])),
        "largest": ak.max(pt, axis=1),
        "count": ak.num(pt),
        "nothing": None,
    }


POINT = {
    "scale": 0.1,
    "slopes": np.array([0.5, -0.25]),
    "shape": Shape(40.0, 15.0),
    "tensor": np.arange(1.0, 7.0).reshape(2, 3),
}
LEAVES = {
    "scale": (),
    "slopes": (2,),
    "shape.mean": (),
    "shape.width": (),
    "tensor": (2, 3),
}


def moved(point, name, at, step):
    """The point with one of its numbers moved."""
    point = dict(point)
    if name.startswith("shape."):
        field = name.removeprefix("shape.")
        point["shape"] = point["shape"]._replace(**{field: getattr(point["shape"], field) + step})
    elif at == ():
        point[name] = point[name] + step
    else:
        point[name] = point[name].copy()
        point[name][at] += step
    return point


def column(found, name, at):
    """The derivatives by one number, out of a Jacobian."""
    for key in name.split("."):
        found = found[key] if isinstance(found, dict) else getattr(found, key)
    return pick(found, at)


def pick(found, at):
    if isinstance(found, dict):
        return {key: pick(one, at) for key, one in found.items()}
    if isinstance(found, tuple):
        return tuple(pick(one, at) for one in found)
    if found is None or at == ():
        return found
    if isinstance(found, ak.Array) and found.fields:
        return ak.zip({key: found[key][(..., *at)] for key in found.fields})
    return found[(..., *at)]


ALL = [(name, at) for name, shape in LEAVES.items() for at in np.ndindex(*shape)]


@pytest.fixture(scope="module", params=[None, 1, 3, 100], ids="chunks of {}".format)
def found(request):
    return value_and_jacfwd(calibrated, chunk_size=request.param)(POINT)


def test_the_value_comes_with_it(found):
    assert tree(found[0]) == tree(calibrated(POINT))


@pytest.mark.one_in(12)
@pytest.mark.parametrize(("name", "at"), ALL)
def test_each_number_has_the_derivatives_of_the_result(found, name, at):
    step = 1e-4
    values = [tree(calibrated(moved(POINT, name, at, k * step))) for k in (-2, -1, 1, 2)]
    want = differences(values, step)
    assert_close(tree(column(found[1], name, at)), want, 1e-8)


def differences(values, step):
    """Fourth-order differences of trees; zero for what is no floating-point number."""
    first = values[0]
    if isinstance(first, list):
        return [differences(list(one), step) for one in zip(*values, strict=True)]
    if isinstance(first, dict):
        return {key: differences([one[key] for one in values], step) for key in first}
    if first is None:
        return None
    weights = (1 / 12, -2 / 3, 2 / 3, -1 / 12)
    return sum(w * v for w, v in zip(weights, values, strict=True)) / step


def test_the_structure_is_that_of_the_parameters(found):
    jacobian = found[1]
    assert list(jacobian) == list(POINT)
    assert isinstance(jacobian["shape"], Shape)
    sums = jacobian["tensor"]["sums"]
    assert str(ak.type(sums[0])) == "3 * 2 * 3 * float64"
    assert np.shape(sums[1]) == (2, 3)
    assert str(jacobian["slopes"]["jets"].type) == "3 * var * {pt: 2 * float64, flavour: 2 * int64}"
    assert str(jacobian["scale"]["largest"].type) == "3 * ?float64"
    assert str(jacobian["slopes"]["largest"].type) == "3 * option[2 * float64]"


PARAMETERS = {
    "number": (1.5, lambda p: PT * p, "3 * var * float64"),
    "NumPy number": (np.float64(1.5), lambda p: PT * p, "3 * var * float64"),
    "single precision": (
        np.float32(1.5),
        lambda p: ak.values_astype(PT, np.float32) * p,
        "3 * var * float32",
    ),
    "array": (np.array([1.5, 2.5]), lambda p: PT * p[0] + p[1], "3 * var * 2 * float64"),
    "Awkward Array": (ak.Array([1.5, 2.5]), lambda p: PT * p[0] + p[1], "3 * var * 2 * float64"),
    "rectangular lists": (
        ak.Array([[1.5, 2.5], [0.5, 3.5]]),
        lambda p: PT * p[0, 0] + p[1, 1],
        "3 * var * 2 * 2 * float64",
    ),
    "no number": (np.empty(0), lambda p: PT * (1.0 + ak.sum(p)), "3 * var * 0 * float64"),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_axes_of_the_parameters_come_last(name):
    point, function, expected = PARAMETERS[name]
    assert str(jacfwd(function)(point).type) == expected


def test_records_of_parameters_come_back_as_dicts():
    one = ak.Record({"a": 1.5, "b": [2.0, 3.0]})
    found = jacfwd(lambda p: PT * p.a + p.b[1])(one)
    assert found["a"].to_list() == PT.to_list()
    assert found["b"][0].to_list() == [[0.0, 1.0]] * 3
    many = ak.Array([{"a": 1.5, "b": 2.5}, {"a": 0.5, "b": 1.0}])
    found = jacfwd(lambda p: ak.sum(PT) * p.a * p.b)(many)
    np.testing.assert_allclose(found["a"], np.diag([2.5, 1.0]) * ak.sum(PT))


def test_arrays_of_numpy_stay_so():
    x = np.array([0.5, 1.5, 2.5])
    found = jacfwd(lambda x: np.sin(x) * x[0])(x)
    assert type(found) is np.ndarray
    want = np.diag(np.cos(x) * x[0])
    want[:, 0] += np.sin(x)
    np.testing.assert_allclose(found, want, rtol=1e-14)


def test_several_arguments():
    def function(a, b, c):
        return a * b**2 + c

    assert jacfwd(function, (0, 1))(2.0, 3.0, 5) == (9.0, 12.0)
    assert jacfwd(function, [-2])(2.0, 3.0, 5) == (12.0,)
    assert jacfwd(function, 1)(2.0, b := 3.0, 5) == 4 * b
    assert value_and_jacfwd(function, 2)(2, 3, 5.0) == (23.0, 1.0)


def test_what_else_the_function_gives():
    def function(p, jets):
        pt = jets.pt * p
        return ak.sum(pt, axis=1), {"pt": pt, "name": "calibrated"}

    found, aux = jacfwd(function, has_aux=True)(2.0, JETS)
    assert found.to_list() == ak.sum(PT, axis=1).to_list()
    assert aux["pt"].to_list() == (2.0 * PT).to_list()
    assert aux["name"] == "calibrated"
    (value, aux), found = value_and_jacfwd(function, has_aux=True)(2.0, JETS)
    assert value.to_list() == (2.0 * found).to_list()


def test_keywords_are_passed_on():
    def power(x, *, by):
        return x**by

    assert jacfwd(power)(3.0, by=2) == 6.0
    assert derivative(power)(3.0, by=3) == 27.0
    assert hessian(power)(3.0, by=3) == 18.0
    assert jacfwd(power).__name__ == "power"


def test_directions_share_a_pass():
    x = ak.unflatten(np.linspace(1.0, 2.0, 6000), np.full(1000, 6))

    def function(p):
        return ak.sum(np.exp(-x * p["a"]) * p["b"] + p["c"], axis=1)

    point = {"a": 1.0, "b": 2.0, "c": 3.0}
    before = counts.passes
    jacfwd(function)(point)
    assert counts.passes - before == 1
    before = counts.passes
    jacfwd(function, chunk_size=1)(point)
    assert counts.passes - before == 3


# -- several directions of jvp --------------------------------------------------------------------


def test_several_directions_are_those_one_by_one():
    x = {"jets": JETS, "scale": 1.5}
    along = dualak.Directions(
        [
            {"jets": {"pt": ETA}, "scale": 0.5},
            {"jets": {"eta": PT}},
            {"scale": 1.0},
            None,
            {"jets": {"pt": PT, "eta": PT}, "scale": None},
        ]
    )

    def function(x):
        return x["jets"].pt * np.sin(x["jets"].eta) ** 2 * x["scale"], x["jets"].flavour

    y, dys = jvp(function, x, along)
    for t, dy in zip(along, dys, strict=True):
        value, one = jvp(function, x, t)
        assert tree(one) == tree(dy)
        assert tree(value) == tree(y)


def test_several_directions_with_aux():
    y, dys, aux = jvp(
        lambda a, b: (a * b, a + 1.0),
        (PT, 2.0),
        dualak.Directions([(ETA, None), (None, 1.0)]),
        has_aux=True,
    )
    assert tree(y) == tree(PT * 2.0)
    assert tree(dys) == tree([ETA * 2.0, PT])
    assert tree(aux) == tree(PT + 1.0)


def test_no_direction_at_all():
    y, dys = jvp(np.sin, PT, dualak.Directions([]))
    assert tree(y) == tree(np.sin(PT))
    assert dys == []


# -- second order ---------------------------------------------------------------------------------


def smoothed(p, jets=JETS):
    pt = jets.pt * (1.0 + p["scale"] + ak.sum(p["slopes"] ** 2) * 0.1)
    return ak.sum(np.tanh((pt - p["mean"]) / 10.0) ** 3, axis=1)


AT = {"scale": 0.1, "slopes": np.array([0.5, -0.25]), "mean": 30.0}


def test_all_orders_agree_with_one_another():
    value, jacobian, second = value_jacobian_hessian(smoothed)(AT)
    assert_close(tree(value), tree(smoothed(AT)), 1e-14)
    assert_close(tree(jacobian), tree(jacfwd(smoothed)(AT)), 1e-13)
    assert_close(tree(second), tree(hessian(smoothed)(AT)), 1e-13)
    along = {"scale": 0.3, "slopes": np.array([1.0, 2.0]), "mean": -4.0}
    product = hvp(smoothed, AT, along)
    for name, one in product.items():
        total = sum(
            np.asarray(second[name][other]) @ along[other]
            if other == "slopes"
            else np.asarray(second[name][other]) * along[other]
            for other in along
        )
        np.testing.assert_allclose(one, total, rtol=1e-11, atol=1e-12)


def test_the_hessian_is_symmetric():
    second = hessian(smoothed)(AT)
    for one, other in itertools.product(AT, AT):
        left, right = np.asarray(second[one][other]), np.asarray(second[other][one])
        if one == other == "slopes":
            right = np.swapaxes(right, -1, -2)
        np.testing.assert_allclose(left, right, rtol=1e-11, atol=1e-12)
    assert np.asarray(second["slopes"]["slopes"]).shape == (3, 2, 2)


@pytest.mark.parametrize("name", ["scale", "mean"])
def test_the_hessian_is_that_of_differences(name):
    step = 1e-4 * abs(AT[name])
    second = hessian(smoothed)(AT)
    around = [jacfwd(smoothed)({**AT, name: AT[name] + k * step}) for k in (-2, -1, 1, 2)]
    for other in AT:
        want = differences([tree(one[other]) for one in around], step)
        assert_close(tree(second[other][name]), want, 1e-7)


def test_one_sweep_for_all_orders():
    x = np.linspace(1.0, 2.0, 5000)

    def function(p):
        return ak.Array(x) ** 3 * p["a"] ** 2 * p["b"]

    before = counts.passes
    value_jacobian_hessian(function)({"a": 1.5, "b": 2.5})
    assert counts.passes - before == 1


def test_third_order():
    assert derivative(hessian(lambda p: p**5))(2.0) == pytest.approx(240.0)
    assert jacfwd(jacfwd(jacfwd(np.sin)))(0.5) == pytest.approx(-np.cos(0.5))


def test_axes_of_second_order_are_those_of_the_names():
    point = {"a": np.array([1.0, 2.0]), "b": np.array([[1.0, 2.0, 3.0]])}
    second = hessian(lambda p: ak.sum(p["a"]) * ak.sum(p["b"] ** 2) * PT)(point)
    assert str(second["a"]["b"].type) == "3 * var * 2 * 1 * 3 * float64"
    assert str(second["b"]["a"].type) == "3 * var * 1 * 3 * 2 * float64"
    both = hessian(lambda a, b: a * b**2, (0, 1))(2.0, 3.0)
    assert both == ((0.0, 6.0), (6.0, 4.0))


# -- bad input ------------------------------------------------------------------------------------

WRONG = {
    "integer": (TypeError, "floating-point int", lambda: jacfwd(np.sin)(3)),
    "integers": (TypeError, "floating-point int64", lambda: jacfwd(np.sin)(np.arange(3))),
    "Awkward integers": (
        TypeError,
        "floating-point int64 ak.values_astype",
        lambda: jacfwd(np.sin)(ak.Array([1, 2])),
    ),
    "text": (TypeError, "floating-point str ['b']", lambda: jacfwd(abs)({"a": 1.0, "b": "x"})),
    "ragged": (ValueError, "rectangular ak.unflatten", lambda: jacfwd(np.sin)(PT)),
    "missing": (
        ValueError,
        "rectangular missing",
        lambda: jacfwd(np.sin)(ak.Array([1.0, None])),
    ),
    "argnums of text": (TypeError, "argnums 'p'", lambda: jacfwd(np.sin, "p")(1.0)),
    "argnums out of range": (ValueError, "argnums 1 2", lambda: jacfwd(np.sin, 2)(1.0)),
    "argnums twice": (ValueError, "argnums different", lambda: jacfwd(np.add, (0, -2))(1.0, 2.0)),
    "no argnums": (ValueError, "argnums", lambda: jacfwd(np.sin, ())(1.0)),
    "chunk of zero": (ValueError, "chunk_size 0", lambda: jacfwd(np.sin, chunk_size=0)(1.0)),
    "chunk of a float": (TypeError, "integer", lambda: jacfwd(np.sin, chunk_size=1.5)(1.0)),
    "derivative by an array": (
        TypeError,
        "one number jacfwd",
        lambda: derivative(np.sin)(np.ones(2)),
    ),
    "number of tangents": (
        ValueError,
        "2 tangents",
        lambda: jvp(np.add, (1.0, 2.0), dualak.Directions([(1.0,)])),
    ),
    "Hessian too large": (
        MemoryError,
        "Hessian GiB hvp",
        lambda: hessian(lambda p: PT * p[0])(np.ones(200_000)),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_calls_say_what_is_wrong(name):
    error, words, call = WRONG[name]
    with pytest.raises(error) as caught:
        call()
    assert [word for word in words.split() if word not in str(caught.value)] == []


def test_a_progress_bar_counts_the_passes(capsys):
    pytest.importorskip("rich")
    found = jacfwd(np.sin, chunk_size=2, progress=True)(np.arange(5.0))
    assert found.shape == (5, 5)
    assert "directions" in capsys.readouterr().out
    jacfwd(np.sin, chunk_size=5, progress=True)(np.arange(5.0))
    assert capsys.readouterr().out == ""
