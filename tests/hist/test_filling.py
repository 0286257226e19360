"""Filling: as hist fills where nothing is differentiated, or a clear error."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

import dualak
from dualak.executors.cpu import binning
from dualak.functions.registry import NotDifferentiableError
from dualak.hist import Gaussian, Histogram, Uniform, differentiate, silverman
from tests.hist.samples import AT, AXES, KERNELS, fill, hist, masses

RNG = np.random.default_rng(3)
X, W = RNG.normal(90, 20, 500), RNG.uniform(0.5, 1.5, 500)
SPECIAL = np.array([np.nan, np.inf, -np.inf, 60.0, 120.0, 91.0])

#: Axes, and what is filled along them.
# fmt: off
FILLS = {
    "regular": ([AXES["regular"]], [X]),
    "variable": ([AXES["variable"]], [X]),
    "without flow": ([AXES["without flow"]], [X]),
    "log": ([AXES["log"]], [X]),
    "special": ([AXES["regular"]], [SPECIAL]),
    "circular": ([lambda: hist.axis.Regular(8, 0, 6, circular=True)], [X]),
    "integer": ([lambda: hist.axis.Integer(0, 5)], [np.array([-1, 0, 4, 5, 2])]),
    "boolean": ([hist.axis.Boolean], [X > 90]),
    "categories": ([lambda: hist.axis.StrCategory(["a", "b"])], [["a", "c", "b", "a"]]),
    "integer categories": ([lambda: hist.axis.IntCategory([1, 4])], [np.array([4, 1, 7, 4])]),
    "growing": ([lambda: hist.axis.StrCategory([], growth=True)], [["a", "c", "a"]]),
    "two": ([AXES["regular"], lambda: hist.axis.Regular(4, 0, 2, name="w")], [X, W]),
    "a category for all": ([lambda: hist.axis.StrCategory(["a", "b"]), AXES["regular"]], ["b", X]),
    "one number": ([AXES["regular"]], [91.0]),
    "nothing": ([AXES["regular"]], [np.array([])]),
}
# fmt: on


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", FILLS)
def test_it_fills_as_hist_does(name, weighted):
    axes, values = FILLS[name]
    sizes = [len(value) for value in values if not isinstance(value, (str, float))]
    weight = RNG.uniform(0.5, 1.5, sizes[0] if sizes else 1) if weighted else None
    weight = float(weight[0]) if weighted and not sizes else weight
    plain = hist.Hist(*(make() for make in axes), storage="weight").fill(*values, weight=weight)
    found = Histogram(*(make() for make in axes)).fill(*values, weight=weight)
    np.testing.assert_array_equal(found.values(flow=True), plain.values(flow=True))
    np.testing.assert_allclose(found.variances(flow=True), plain.variances(flow=True), rtol=1e-15)
    assert found.shape == plain.shape
    exact = differentiate(
        lambda p: Histogram(*(make() for make in axes)).fill(
            *values, weight=(1.0 if weight is None else weight) * p["norm"]
        ),
        {"norm": 1.0},
    )
    np.testing.assert_array_equal(exact.values(flow=True), plain.values(flow=True))
    np.testing.assert_allclose(exact.gradient("norm", flow=True), plain.values(flow=True))


@pytest.mark.parametrize("axis", AXES)
def test_with_smoothed_derivatives_counts_are_those_of_hist(axis):
    def function(p):
        h = Histogram(AXES[axis](), kernel=Gaussian(3.0))
        return h.fill(np.concatenate([X, SPECIAL]) * (1 + p["scale"]))

    plain = hist.Hist(AXES[axis]()).fill(np.concatenate([X, SPECIAL]))
    found = differentiate(function, {"scale": 0.0})
    np.testing.assert_array_equal(found.values(flow=True), plain.values(flow=True))
    assert np.isfinite(found.gradient(flow=True)).all()
    assert found.not_finite == 3


def test_jagged_entries_are_those_of_their_lists():
    mass, weight = masses(50)
    both = [Histogram(AXES["regular"]()) for _ in range(2)]
    both[0].fill(mass, weight=weight)
    both[1].fill(ak.flatten(mass), weight=ak.flatten(ak.broadcast_arrays(weight, mass)[0]))
    assert both[0] == both[1]


def test_what_is_missing_is_left_out():
    mass = ak.Array([[80.0, None], None, [95.0]])
    found = Histogram(AXES["regular"]()).fill(mass, weight=[1.0, 2.0, 3.0])
    assert found.values(flow=True).sum() == 4.0


def test_two_smoothed_axes_are_a_product_of_kernels():
    def function(p):
        axes = [AXES["regular"](), hist.axis.Regular(5, -2, 2, name="eta")]
        kernel = {"mass": Gaussian(4.0), "eta": Uniform(0.3)}
        h = Histogram(*axes, hist.axis.StrCategory(["a"], name="c"), kernel=kernel, smooth="both")
        eta = W - 1 + p["tilt"] * (X - 90) / 20
        return h.fill(mass=X + p["shift"], eta=eta, c="a", weight=W)

    at, step = {"tilt": 0.1, "shift": 0.3}, 1e-5
    h = differentiate(function, at)
    for name in at:
        up, down = (function(at | {name: at[name] + sign * step}) for sign in (1, -1))
        slope = (up.values(flow=True) - down.values(flow=True)) / (2 * step)
        np.testing.assert_allclose(h.gradient(name, flow=True), slope, atol=2e-4)


@pytest.mark.parametrize("smooth", ["both", "derivative"])
@pytest.mark.parametrize("kernel", ["gaussian", "logistic", "relative"])
def test_moments_of_cells_give_what_the_entries_themselves_do(kernel, smooth, monkeypatch):
    order = 2
    given = {"kernel": kernel, "smooth": smooth, "events": 3000}
    monkeypatch.setattr(binning.Work, "in_cells", lambda self, columns, squares: False)
    expected = differentiate(fill, AT, order=order, **given)
    monkeypatch.setattr(binning.Work, "in_cells", lambda self, columns, squares: True)
    found = differentiate(fill, AT, order=order, **given)
    for part in ("value", "variance"):
        for k in range(1 + order):
            wanted = expected.level(part, k)
            tolerance = 1e-12 * np.abs(wanted).max()
            np.testing.assert_allclose(found.level(part, k), wanted, atol=tolerance, rtol=0)


@pytest.mark.parametrize("smooth", ["both", "derivative"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_every_mode_gives_the_same_derivatives(kernel, smooth):
    def loss(p):
        values = fill(p, kernel=kernel, smooth=smooth, events=30).values()
        return np.sum(values * np.arange(12.0))

    at = {name: float(value) for name, value in AT.items()}
    expected = dualak.jacfwd(loss)(at)
    _, linear = dualak.linearize(loss, at)
    found = dualak.grad(loss)(at)
    replayed = dualak.jacfwd(dualak.compile(loss))(at)
    for name in AT:
        assert found[name] == pytest.approx(expected[name], rel=1e-9, abs=1e-9)
        assert linear({name: 1.0}) == pytest.approx(expected[name], rel=1e-9, abs=1e-9)
        assert replayed[name] == pytest.approx(expected[name], rel=1e-9, abs=1e-9)


def test_reverse_mode_knows_each_entry():
    mass, _ = masses(20)

    def loss(mass):
        h = Histogram(AXES["regular"](), kernel=Gaussian(5.0), smooth="both")
        return np.sum(h.fill(mass).values() ** 2)

    slopes = dualak.grad(loss)(mass)
    for direction in (mass, ak.ones_like(mass)):
        expected = dualak.jvp(loss, mass, direction)[1]
        assert ak.sum(slopes * direction) == pytest.approx(expected, rel=1e-9)


# -- refused --------------------------------------------------------------------------------------


def filled(**given):
    """A function of a shift that fills with it, and how."""
    axis = given.pop("axis", AXES["regular"])
    position = given.pop("position", lambda p: X + p["shift"])
    weight = given.pop("weight", None)
    return lambda p: Histogram(axis(), **given).fill(position(p), weight=weight)


#: What is wrong, and what the error says.
# fmt: off
REFUSED = {
    "unsmoothed": ({}, NotDifferentiableError, 'smooth="derivative".*smooth="both"'),
    "categories": (
        {"axis": lambda: hist.axis.IntCategory([1]), "kernel": Gaussian(1.0)},
        NotDifferentiableError, "expected a kernel|fixed edges"),
    "integers": (
        {"axis": lambda: hist.axis.Integer(0, 3, name="n"), "kernel": {"n": Gaussian(1.0)}},
        NotDifferentiableError, "fixed edges"),
    "circular": (
        {"axis": lambda: hist.axis.Regular(3, 0, 1, circular=True, name="phi"),
         "kernel": {"phi": Gaussian(1.0)}}, NotDifferentiableError, "fixed edges"),
    "weights of another length": (
        {"kernel": Gaussian(1.0), "weight": W[:-1]}, ValueError, "499 of weight"),
    "weights in other lists": (
        {"position": lambda p: ak.Array([[1.0, 2.0], []]),
         "weight": ak.Array([[1.0], [2.0]])}, ValueError, "lists fit each other"),
    "no kernel": ({"kernel": "gaussian"}, TypeError, "expected a kernel such as"),
    "kernel of another axis": ({"kernel": {"pt": Gaussian(1.0)}}, ValueError, r"\['pt'\]"),
    "way": ({"smooth": "values"}, ValueError, "smooth"),
    "records": ({"position": lambda p: ak.zip({"pt": X})}, TypeError, "records"),
}
# fmt: on


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_right_answer_is_refused(name):
    given, kind, match = REFUSED[name]
    with pytest.raises(kind, match=match):
        differentiate(filled(**given), {"shift": 0.0})


def test_a_box_has_no_second_derivative():
    with pytest.raises(TypeError, match="uniform one, which has 1"):
        differentiate(fill, AT, order=2, kernel="uniform")


def test_a_differentiated_number_that_is_no_histogram_is_refused():
    with pytest.raises(NotDifferentiableError, match=r"the result\['sum'\]"):
        differentiate(lambda p: {"sum": ak.sum(X * p["scale"])}, {"scale": 1.0})


def test_a_histogram_inside_of_the_function_has_no_derivatives_yet():
    def function(p):
        h = fill(p)
        with pytest.raises(ValueError, match="complete"):
            h.gradient("scale")
        with pytest.raises(NotDifferentiableError, match="pickled"):
            h.__getstate__()
        assert "differentiated" in repr(h)
        return h

    differentiate(function, AT)


@pytest.mark.parametrize("positions", [([X], {"mass": X}), ([], {}), ([X, X], {}), ([], {"pt": X})])
def test_positions_are_given_once_for_each_axis(positions):
    with pytest.raises(TypeError, match=r"\['mass'\]"):
        Histogram(AXES["regular"]()).fill(*positions[0], **positions[1])


def test_an_empty_chunk_has_zero_derivatives():
    def function(p):
        h = Histogram(AXES["regular"](), kernel=Gaussian(1.0))
        return h.fill(X[:0] * p["scale"], weight=W[:0] * p["norm"])

    h = differentiate(function, {"scale": 1.0, "norm": 1.0}, order=2)
    assert not h.values(flow=True).any()
    assert not h.gradient(flow=True).any()
    assert not h.hessian(flow=True).any()


def test_a_width_of_silverman_is_that_of_the_entries():
    h = Histogram(AXES["regular"](), kernel=Gaussian(), smooth="both").fill(X)
    assert h.kernels[0].width == pytest.approx(silverman(X))
    expected = 0.9 * min(X.std(), np.subtract(*np.quantile(X, [0.75, 0.25])) / 1.34) * 500**-0.2
    assert silverman(X) == pytest.approx(expected, rel=0.01)
    with pytest.raises(ValueError, match="spread"):
        silverman([1.0, 1.0])


def test_arrays_of_parameters_are_named_by_their_places():
    h = differentiate(
        lambda p: Histogram(AXES["regular"]()).fill(X, weight=1 + W * ak.sum(p["c"] ** 2)),
        {"c": np.array([0.5, 2.0]), "d": 1.0},
        order=2,
    )
    assert h.parameters == {"c[0]": 0.5, "c[1]": 2.0, "d": 1.0}
    expected = np.histogram(X, 12, (60, 120), weights=W)[0]
    np.testing.assert_allclose(h.gradient("c[1]"), 4 * expected)
    np.testing.assert_allclose(h.hessian("c[1]", "c[1]"), 2 * expected)
    np.testing.assert_allclose(h.hessian("c[0]", "c[1]"), 0.0)
