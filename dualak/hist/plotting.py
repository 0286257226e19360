"""Plots of histograms: above what is expected, with its uncertainty, below its derivatives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dualak.hist.axes import name_of
from dualak.hist.display import COLOURS

#: Settings of matplotlib: ticks inside, labels at the ends, as plots of experiments have them.
STYLE = {
    "font.size": 13,
    "font.sans-serif": ["TeX Gyre Heros", "Helvetica", "Arial", "DejaVu Sans"],
    "axes.linewidth": 1.2,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "xtick.minor.visible": True,
    "ytick.minor.visible": True,
    "xtick.major.size": 9,
    "ytick.major.size": 9,
    "xtick.minor.size": 5,
    "ytick.minor.size": 5,
    "xaxis.labellocation": "right",
    "yaxis.labellocation": "top",
    "legend.frameon": False,
    "legend.fontsize": 11,
}


class Plotting:
    """The method of a histogram that draws it."""

    def plot(
        self: Any,
        axes: Any = None,
        *,
        sigma: float | Mapping[str, float] = 1.0,
        parameters: Sequence[str] | None = None,
        label: str = "",
        colour: str = COLOURS[0],
    ) -> tuple[Any, Any]:
        """Draws it with matplotlib, in the looks of mplhep.

        Above are the values with a band of the uncertainty that comes from the parameters, and
        hatched that of the statistics; below the change of each bin, in percent, that moving a
        parameter by its uncertainty makes.

        Args:
            axes: two axes of matplotlib to draw into; None makes a figure.
            sigma: uncertainties of the parameters, one for all or by their names.
            parameters: whose derivatives are drawn; None draws all.
            label: of what is drawn.
            colour: of what is drawn.

        Returns:
            The figure, and the two axes.

        Raises:
            ValueError: for a histogram of several axes, or on categories.
            ImportError: without matplotlib.
        """
        if self.ndim != 1 or not self.axes[0].traits.ordered:
            raise ValueError(
                f"expected a histogram of one axis in order to plot, got {_shown(self)}; take "
                "h.project(name), or h[...] of a category, first"
            )
        plt, style = _libraries()
        with plt.rc_context(style):
            figure, (top, bottom) = _panels(plt, axes)
            edges = np.asarray(self.axes[0].edges)
            _draw_values(self, top, edges, sigma, label, colour)
            _draw_slopes(self, bottom, edges, sigma, parameters)
            _annotate(self, top, bottom, edges)
        return figure, (top, bottom)


def _shown(histogram: Any) -> str:
    return ", ".join(name_of(axis, number) for number, axis in enumerate(histogram.axes))


def _libraries() -> tuple[Any, Any]:
    """matplotlib's pyplot, and a style as that of mplhep."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise ImportError("plots need matplotlib: pip install 'dualak[hep]'") from None
    return plt, STYLE


def _panels(plt: Any, axes: Any) -> tuple[Any, Any]:
    if axes is not None:
        return axes[0].figure, axes
    figure, panels = plt.subplots(
        2,
        1,
        figsize=(8, 7.2),
        sharex=True,
        layout="constrained",
        gridspec_kw={"height_ratios": (2, 1.2)},
    )
    figure.get_layout_engine().set(h_pad=0.02, hspace=0.0)
    return figure, panels


def _draw_values(
    histogram: Any, panel: Any, edges: Any, sigma: Any, label: str, colour: str
) -> None:
    values = histogram.values()
    panel.stairs(values, edges, color=colour, linewidth=1.8, label=label or "nominal")
    if histogram.parameters:
        covariance = histogram.covariance(sigma)
        band = np.sqrt(np.diagonal(covariance))
        panel.stairs(
            values + band,
            edges,
            baseline=values - band,
            fill=True,
            color=colour,
            alpha=0.28,
            linewidth=0,
            label=r"parameters $\pm 1\sigma$",
        )
    if not histogram.has_variances:
        return
    statistical = np.sqrt(np.maximum(histogram.variances(), 0.0))
    panel.stairs(
        values + statistical,
        edges,
        baseline=values - statistical,
        fill=True,
        hatch="////",
        facecolor="none",
        edgecolor="#717581",
        linewidth=0,
        label="statistics",
    )


def _draw_slopes(
    histogram: Any, panel: Any, edges: Any, sigma: Any, parameters: Sequence[str] | None
) -> None:
    values = histogram.values()
    safe = np.where(values > 0, values, np.nan)
    panel.axhline(0.0, color="#717581", linewidth=0.8)
    names = list(histogram.parameters) if parameters is None else parameters
    for i, name in enumerate(names):
        width = sigma.get(name, 0.0) if isinstance(sigma, Mapping) else sigma
        change = 100.0 * width * histogram.gradient(name) / safe
        panel.stairs(
            change,
            edges,
            baseline=None,
            color=COLOURS[(i + 1) % len(COLOURS)],
            linewidth=1.6,
            label=f"{name} ({width:+.3g})",
        )


def _annotate(histogram: Any, top: Any, bottom: Any, edges: Any) -> None:
    axis = histogram.axes[0]
    width = np.diff(edges)
    unit = f" / {width[0]:.3g}" if np.allclose(width, width[0]) else " / bin"
    top.set_ylabel((histogram.label or "Entries") + unit)
    bottom.set_ylabel("change [%]")
    bottom.set_xlabel(getattr(axis, "label", "") or name_of(axis, 0))
    bottom.set_xlim(edges[0], edges[-1])
    if histogram.values().min(initial=0.0) >= 0:
        top.set_ylim(bottom=0.0)
    top.margins(y=0.25)
    top.legend(loc="best")
    if histogram.parameters:
        bottom.legend(loc="best", ncols=2, fontsize=9)
