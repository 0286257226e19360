"""Histograms add up, scale, travel and come back; what does not fit is refused by name."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from dualak.hist import Histogram, ParameterError, differentiate
from tests.hist.samples import AT, fill, hist


@pytest.fixture(scope="module", params=[1, 2])
def both(request):
    return [differentiate(fill, AT, order=request.param, seed=seed) for seed in (1, 2)]


def test_a_sum_is_the_histogram_of_all_entries(both):
    total = sum(both)
    whole = differentiate(lambda p: fill(p, seed=1) + fill(p, seed=2), AT, order=both[0].order)
    for part in ("value", "variance"):
        for k in range(1 + both[0].order):
            np.testing.assert_allclose(total.level(part, k), whole.level(part, k), rtol=1e-12)
    assert total.parameters == AT


def test_an_empty_histogram_changes_nothing(both):
    empty = Histogram(*both[0].axes, parameters=AT, order=both[0].order)
    assert empty + both[0] == both[0]


@pytest.mark.parametrize(
    "again",
    [
        copy.copy,
        copy.deepcopy,
        Histogram.copy,
        lambda h: pickle.loads(pickle.dumps(h)),
        lambda h: Histogram.from_json(h.to_json()),
        lambda h: Histogram.from_hist(h.to_hist()),
    ],
)
def test_what_was_copied_or_sent_is_the_same(again, both):
    assert again(both[0]) == both[0]
    assert again(both[0]) + both[1] == both[0] + both[1]


def test_a_copy_is_of_its_own(both):
    for again in (copy.copy, Histogram.copy):
        made = again(both[0])
        made.fill(mass=[91.0])
        assert made != both[0]


def test_files_of_root_keep_it(both, tmp_path):
    uproot = pytest.importorskip("uproot")
    with uproot.recreate(tmp_path / "file.root") as file:
        both[0].to_root(file, "mass")
    with uproot.open(tmp_path / "file.root") as file:
        found = Histogram.from_root(file, "mass")
    for k in range(1 + both[0].order):
        np.testing.assert_array_equal(found.level("value", k), both[0].level("value", k))
    np.testing.assert_array_equal(found.variances(), both[0].variances())
    assert found.parameters == AT


def test_scaling_scales_derivatives_too(both):
    twice = 2.0 * both[0]
    np.testing.assert_array_equal(twice.gradient("scale"), 2 * both[0].gradient("scale"))
    np.testing.assert_array_equal(twice.variances(), 4 * both[0].variances())
    np.testing.assert_allclose((twice / 2 - both[0]).values(), 0.0)


def test_other_parameters_are_named_or_joined():
    first = differentiate(lambda p: fill(AT | p), {"scale": 0.01, "norm": 1.25})
    second = differentiate(lambda p: fill(AT | p), {"norm": 1.25, "shift": -0.5})
    with pytest.raises(ParameterError, match=r"\['scale', 'shift'\] in only one"):
        first + second
    total = first.add(second, join=True)
    assert list(total.parameters) == ["scale", "norm", "shift"]
    np.testing.assert_array_equal(total.gradient("scale"), first.gradient("scale"))
    np.testing.assert_array_equal(total.gradient("shift"), second.gradient("shift"))
    np.testing.assert_allclose(
        total.gradient("norm"), first.gradient("norm") + second.gradient("norm"), rtol=1e-14
    )


def test_derivatives_at_other_points_do_not_add():
    first, second = (differentiate(lambda p: fill(AT | p), {"norm": at}) for at in (1.0, 1.5))
    with pytest.raises(ParameterError, match=r"norm at 1.0 and 1.5"):
        first + second


def test_other_axes_do_not_add(both):
    with pytest.raises(ValueError, match="on the same axes"):
        both[0] + differentiate(fill, AT, order=both[0].order, axis="variable")


def test_categories_that_grew_apart_meet():
    def filled(*names):
        def function(p):
            h = Histogram(hist.axis.StrCategory([], growth=True, name="c"))
            for i, name in enumerate(names):
                h.fill(c=name, weight=(i + 1.0) * p["norm"])
            return h

        return differentiate(function, {"norm": 1.0})

    total = filled("a", "b") + filled("c", "b")
    assert list(total.axes[0]) == ["a", "b", "c"]
    assert total.values().tolist() == total.gradient("norm").tolist() == [1.0, 4.0, 1.0]


def test_parts_are_those_of_hist():
    def function(p):
        h = Histogram(
            hist.axis.Regular(6, 60, 120, name="mass"),
            hist.axis.StrCategory(["a", "b"], name="c"),
        )
        for name, seed in (("a", 1), ("b", 2)):
            rng = np.random.default_rng(seed)
            h.fill(mass=rng.normal(90, 10, 50), c=name, weight=1 + p["slope"] * rng.normal(size=50))
        return h

    h = differentiate(function, {"slope": 0.0}, order=2)
    plain = h.to_hist(derivatives=False)
    np.testing.assert_array_equal(h[:, "b"].values(), plain[:, "b"].values())
    np.testing.assert_array_equal(h.project("mass").values(), plain.project("mass").values())
    np.testing.assert_array_equal(h[::2j, sum].values(), plain[::2j, sum].values())
    np.testing.assert_allclose(
        h[:, sum].gradient("slope"), h.gradient("slope", flow=True)[1:-1].sum(axis=1)
    )


@pytest.mark.parametrize("exponential", [False, True])
def test_the_taylor_series_has_the_error_of_the_next_order(exponential):
    far = {"scale": 0.02, "norm": 1.35}
    for order in (1, 2):
        h = differentiate(fill, AT, order=order)

        def error(share, h=h):
            there = {name: AT[name] + share * (at - AT[name]) for name, at in far.items()}
            expected = fill(AT | there).values()
            return np.abs(h.at(there, exponential=exponential).values() - expected).max()

        assert error(0.5) / error(0.25) == pytest.approx(2 ** (order + 1), rel=0.3)


@pytest.mark.parametrize("exponential", [False, True])
def test_a_series_elsewhere_has_derivatives_of_its_own(exponential):
    h, step = differentiate(fill, AT, order=2), 1e-5
    up, down = (h.at({"norm": 1.3 + sign * step}, exponential=exponential) for sign in (1, -1))
    there = h.at({"norm": 1.3}, exponential=exponential)
    slope = (up.values() - down.values()) / (2 * step)
    curvature = (up.gradient("scale") - down.gradient("scale")) / (2 * step)
    np.testing.assert_allclose(there.gradient("norm"), slope, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(there.hessian("scale", "norm"), curvature, rtol=1e-5, atol=1e-3)


def test_covariance_and_information_are_products_of_slopes():
    h = differentiate(fill, AT)
    sigma = {"scale": 0.01, "norm": 0.1}
    slopes = np.array([sigma.get(name, 0.0) * h.gradient(name) for name in AT])
    np.testing.assert_allclose(h.covariance(sigma), slopes.T @ slopes, rtol=1e-12)
    with_counts = h.covariance(sigma, statistical=True) - h.covariance(sigma)
    np.testing.assert_allclose(np.diag(with_counts), h.variances(), rtol=1e-9)
    information = h.gradient() / h.values() @ h.gradient().T
    np.testing.assert_allclose(h.fisher(), information, rtol=1e-12)
    prior = np.diag([0.1, 2.0, 0.3]) ** 2
    np.testing.assert_allclose(h.fisher(prior), information + np.linalg.inv(prior), rtol=1e-12)


def test_up_and_down_are_the_series_at_one_sigma():
    h = differentiate(fill, AT, order=2)
    up, down = h.up_down({"scale": 0.01})["scale"]
    np.testing.assert_allclose(up, h.at({"scale": 0.02}).values(), rtol=1e-12)
    np.testing.assert_allclose(down, h.at({"scale": 0.0}).values(), rtol=1e-12)


def test_empty_bins_with_slopes_have_no_information():
    h = Histogram(hist.axis.Regular(2, 0, 1), parameters=["a"])
    h.sums["value"] = [np.array([0.0, 1.0, 0.0, 0.0]), np.array([[0.0, 1.0, 2.0, 0.0]])]
    with pytest.raises(ValueError, match="positive bins"):
        h.fisher()
