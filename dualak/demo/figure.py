"""The figure of the demo: both spectra with their derivatives, and the nuisances after the fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dualak.demo.events import require
from dualak.demo.fit import Fit
from dualak.demo.spectra import NUISANCES, SIGMA
from dualak.hist import Histogram
from dualak.hist.plotting import STYLE

INK, RED = "#222222", "#bd1f01"


def draw(
    path: str,
    histograms: Mapping[str, Histogram],
    counts: Mapping[str, Any],
    fit: Fit,
    title: str,
) -> None:
    """Writes a PNG: above spectra and pseudo-data, below derivatives, to the right the pulls."""
    require("matplotlib").use("Agg")
    plt = require("matplotlib.pyplot")
    with plt.rc_context(STYLE):
        _drawn(plt, histograms, counts, fit, title).savefig(path, dpi=130)
    plt.close("all")


def _drawn(plt: Any, histograms: Any, counts: Any, fit: Fit, title: str) -> Any:
    figure = plt.figure(figsize=(15, 7), layout="constrained")
    panels = figure.subplot_mosaic(
        [["mass", "pt", "pulls"], ["mass slopes", "pt slopes", "pulls"]],
        width_ratios=(1, 1, 0.62),
        height_ratios=(1.7, 1),
    )
    for name, histogram in histograms.items():
        top, bottom = panels[name], panels[f"{name} slopes"]
        bottom.sharex(top)
        histogram.plot((top, bottom), sigma=SIGMA, label="before the fit")
        _overlay(top, histogram, counts[name], fit)
        top.set_xlabel("")
        top.tick_params(labelbottom=False)
        bottom.get_legend().remove()
    _pulls(panels["pulls"], fit)
    handles, labels = panels["mass slopes"].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=12
    )
    figure.suptitle(title, fontsize=13, x=0.01, ha="left")
    return figure


def _overlay(panel: Any, histogram: Histogram, counts: Any, fit: Fit) -> None:
    """The expectation after the fit, and the pseudo-data."""
    edges = histogram.axes[0].edges
    after = histogram.at(fit.at, exponential=True).values()
    panel.stairs(after, edges, color=RED, linewidth=1.6, label="after the fit")
    centres, shown = 0.5 * (edges[1:] + edges[:-1]), counts > 0
    panel.errorbar(
        centres[shown],
        counts[shown],
        np.sqrt(counts[shown]),
        fmt="o",
        color=INK,
        markersize=3.5,
        linewidth=1.0,
        label="pseudo-data",
    )
    panel.set_ylim(0.0, 1.25 * max(np.max(counts + np.sqrt(counts)), after.max()))
    panel.legend(loc="upper right")


def _pulls(panel: Any, fit: Fit) -> None:
    """Each nuisance after the fit, in uncertainties before it; crosses are what is true."""
    rows = np.arange(len(fit.at))[::-1]
    sigma = np.array([NUISANCES[name].sigma for name in fit.at])
    truth = np.array([NUISANCES[name].truth for name in fit.at])
    panel.axvspan(-1.0, 1.0, color="#3f90da", alpha=0.2, linewidth=0, label="before the fit")
    panel.axvline(0.0, color="#717581", linewidth=0.8)
    panel.errorbar(
        np.array(list(fit.at.values())) / sigma,
        rows,
        xerr=np.array(list(fit.errors.values())) / sigma,
        fmt="o",
        color=RED,
        capsize=3,
        label="after the fit",
    )
    panel.plot(truth / sigma, rows, "x", color=INK, markersize=8, label="truth of pseudo-data")
    for row, name in zip(rows, fit.at, strict=True):
        panel.text(-2.4, row + 0.2, NUISANCES[name].label, fontsize=11)
    panel.set(xlim=(-2.5, 2.5), ylim=(-0.8, len(fit.at) + 0.6), yticks=[])
    panel.set_xlabel("nuisance / prior uncertainty")
    panel.legend(loc="upper left", frameon=False, fontsize=10)
