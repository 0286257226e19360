"""Soft cuts and choices: right derivatives, and right answers where they are known."""

from __future__ import annotations

import math

import awkward as ak
import numpy as np
import pytest

import dualak

PT = ak.Array([[20.0, 25.5, 26.0], [], [40.0, 24.0]])
ETA = ak.Array([[1.0, 2.0, 3.0], [], [4.0, -1.0]])

CUTS = [
    (comparison, kernel)
    for comparison in (">", ">=", "<", "<=")
    for kernel in ("logistic", "gaussian", "uniform")
]


def normal(x):
    """The density of the normal distribution."""
    return math.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)


@pytest.mark.parametrize(("comparison", "kernel"), CUTS)
def test_weights_have_the_derivatives_that_differences_have(comparison, kernel):
    def weight(p):
        cut = {"width": 1.5, "kernel": kernel}
        return dualak.soft_cut(PT * p["scale"], comparison, p["cut"], **cut)

    assert dualak.check_jvp(weight, {"scale": 1.01, "cut": 24.9})
    assert dualak.check_jvp(lambda p: dualak.jacfwd(weight)(p)["cut"], {"scale": 1.01, "cut": 24.9})


@pytest.mark.parametrize(("comparison", "kernel"), CUTS)
def test_a_hard_value_has_the_slope_of_the_weight(comparison, kernel):
    def weight(cut, smooth):
        return dualak.soft_cut(PT, comparison, cut, width=1.5, kernel=kernel, smooth=smooth)

    hard, slope = dualak.jvp(lambda cut: weight(cut, "derivative"), 25.5, 1.0)
    expected = {">": PT > 25.5, ">=": PT >= 25.5, "<": PT < 25.5, "<=": PT <= 25.5}[comparison]
    assert hard.to_list() == (expected * 1.0).to_list()
    assert slope.to_list() == dualak.jvp(lambda cut: weight(cut, "both"), 25.5, 1.0)[1].to_list()
    assert weight(25.5, "derivative").to_list() == hard.to_list()


@pytest.mark.parametrize("kernel", ["logistic", "gaussian", "uniform"])
@pytest.mark.parametrize("smooth", ["both", "derivative"])
def test_a_toy_with_a_known_answer(kernel, smooth):
    """Of events that are normally distributed, ``density(cut)`` cross when the cut moves by one."""
    x, cut, width = np.random.default_rng(0).normal(size=200_000), 0.7, 0.1
    given = {"width": width, "kernel": kernel, "smooth": smooth}

    def passing(cut):
        return np.mean(dualak.soft_cut(x, ">", cut, **given))

    share, slope = dualak.jvp(passing, cut, 1.0)
    bias = 0.5 * (2 * width) ** 2 * abs(cut**2 - 1) * normal(cut)
    error = math.sqrt(normal(cut) / width / len(x))
    assert slope == pytest.approx(-normal(cut), abs=bias + 4 * error)
    if smooth == "derivative":
        assert share == np.mean(x > cut)
    else:
        assert share == pytest.approx(0.5 * math.erfc(cut / math.sqrt(2)), abs=0.01)


@pytest.mark.parametrize("smooth", ["both", "derivative"])
def test_the_leading_element_is_the_one_it_was(smooth):
    def leading(scale):
        weight = dualak.soft_argmax(PT * scale, width=0.05, smooth=smooth)
        return ak.sum(weight * ETA, axis=-1)

    assert leading(1.0).to_list() == pytest.approx([3.0, 0.0, 4.0], abs=1e-3)
    if smooth == "both":
        assert dualak.check_jvp(leading, 1.0)


@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize("smooth", ["both", "derivative"])
def test_elements_are_in_the_order_they_were_in(ascending, smooth):
    def ordered(scale):
        given = {"width": 0.02, "ascending": ascending, "smooth": smooth}
        weight = dualak.soft_argsort(PT * scale, **given)
        return ak.sum(weight * ETA[..., np.newaxis, :], axis=-1)

    expected = ETA[ak.argsort(PT, axis=-1, ascending=ascending)]
    assert ak.all(np.abs(ordered(1.0) - expected) < 1e-3)
    if smooth == "both":
        assert dualak.check_jvp(ordered, 1.0)


def test_what_is_no_number_does_not_pass_and_has_no_slope():
    x = np.array([1.0, np.nan, np.inf, -np.inf])
    cut = {"width": 1.0, "smooth": "derivative"}
    value, slope = dualak.jvp(lambda c: dualak.soft_cut(x, ">", c, **cut), 0.5, 1.0)
    assert value.tolist() == [1.0, 0.0, 1.0, 0.0]
    assert slope[1:].tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"comparison": "=="}, "comparison"),
        ({"kernel": "box"}, "kernel"),
        ({"smooth": "value"}, "smooth"),
        ({"width": 0.0}, "width"),
        ({"width": PT}, "width"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong, match):
    given = {"comparison": ">", "width": 1.0} | wrong
    with pytest.raises(ValueError, match=match):
        dualak.soft_cut(PT, given.pop("comparison"), 25.0, **given)
