"""Histograms as text and as pictures in notebooks, with the numbers that matter."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from dualak.arrays.highlevel import contains_duals
from dualak.arrays.ndarrays import primal
from dualak.hist.axes import name_of

#: Numbers that a row of text shows, the first and the last of them where there are more.
SHOWN = 8

#: The size of a picture, and of the strip of a derivative below it, in pixels.
WIDTH, HEIGHT, STRIP = 420, 150, 46

COLOURS = ("#3f90da", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#92dadd")


class Display:
    """How a histogram shows itself."""

    def __repr__(self: Any) -> str:
        lines = [f"Histogram({self.name + ': ' if self.name else ''}{_axes(self)})"]
        lines.append(_row("value", np.asarray(primal(self.values()))))
        if contains_duals(self.sums["value"][0]):
            return "\n".join([*lines, "  differentiated: derivatives come when that is complete"])
        if self.has_variances:
            lines.append(_row("error", np.sqrt(np.maximum(self.variances(), 0.0))))
        lines += [_row(f"d/d{name}", self.gradient(name)) for name in self.parameters]
        if self.not_finite:
            lines.append(f"  {self.not_finite:g} entries were no finite numbers")
        return "\n".join(lines)

    def _repr_html_(self: Any) -> str:
        if (
            self.ndim > 1
            or contains_duals(self.sums["value"][0])
            or not self.axes[0].traits.ordered
        ):
            return f"<pre>{escape(repr(self))}</pre>"
        values, edges = self.values(), np.asarray(self.axes[0].edges)
        rows = [(name, self.gradient(name)) for name in self.parameters]
        height = HEIGHT + STRIP * len(rows) + 22
        parts = [_steps(values, edges, 0, HEIGHT, "value", "#3f90da", filled=True)]
        for i, (name, slope) in enumerate(rows):
            top, colour = HEIGHT + STRIP * i, COLOURS[(i + 1) % len(COLOURS)]
            parts.append(_steps(slope, edges, top + 4, STRIP - 4, f"d/d{name}", colour))
        label = escape(getattr(self.axes[0], "label", "") or name_of(self.axes[0], 0))
        parts.append(
            f'<text x="0" y="{height - 6}">{edges[0]:g}</text>'
            f'<text x="{WIDTH / 2}" y="{height - 6}" text-anchor="middle">{label}</text>'
            f'<text x="{WIDTH}" y="{height - 6}" text-anchor="end">{edges[-1]:g}</text>'
        )
        total = f"{values.sum():.6g} in {len(values)} bins"
        title = escape(f"{self.name}: {total}" if self.name else total)
        return (
            f'<div><div>{title}</div><svg width="{WIDTH}" height="{height}" '
            f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="11" '
            f'fill="currentColor">{"".join(parts)}</svg></div>'
        )


def _axes(histogram: Any) -> str:
    shown = []
    for number, axis in enumerate(histogram.axes):
        if axis.traits.ordered:
            edges = axis.edges
            shown.append(f"{name_of(axis, number)}: {axis.size} from {edges[0]:g} to {edges[-1]:g}")
        else:
            shown.append(f"{name_of(axis, number)}: {list(axis)}")
    return ", ".join(shown)


def _row(name: str, numbers: Any) -> str:
    """A row of numbers, those of several axes one after the other."""
    flat = np.asarray(numbers).ravel()
    some = [f"{number:.5g}" for number in (flat if len(flat) <= SHOWN else flat[: SHOWN // 2])]
    if len(flat) > SHOWN:
        some += ["...", *(f"{number:.5g}" for number in flat[-SHOWN // 2 :])]
    return f"  {name:<10} sum {flat.sum():<12.6g} [{', '.join(some)}]"


def _steps(
    numbers: Any,
    edges: Any,
    top: float,
    height: float,
    label: str,
    colour: str,
    filled: bool = False,
) -> str:
    """A line of steps from the left to the right, about zero."""
    numbers = np.nan_to_num(np.asarray(numbers, np.float64))
    low, high = min(0.0, numbers.min(initial=0.0)), max(0.0, numbers.max(initial=0.0))
    scale = (height - 2) / (high - low or 1.0)
    span = edges[-1] - edges[0]
    x = (np.nan_to_num(edges - edges[0]) / (span if np.isfinite(span) else 1.0)) * WIDTH
    y = top + 1 + (high - numbers) * scale
    zero = top + 1 + high * scale
    points = " ".join(
        f"{x[i]:.1f},{y[i]:.1f} {x[i + 1]:.1f},{y[i]:.1f}" for i in range(len(numbers))
    )
    path = f"{x[0]:.1f},{zero:.1f} {points} {x[-1]:.1f},{zero:.1f}"
    fill = f'fill="{colour}" fill-opacity="0.25"' if filled else 'fill="none"'
    return (
        f'<line x1="0" x2="{WIDTH}" y1="{zero:.1f}" y2="{zero:.1f}" stroke="#999" '
        f'stroke-width="0.5"/><polyline points="{path}" {fill} stroke="{colour}"/>'
        f'<text x="4" y="{top + 12}" fill="{colour}">{escape(label)}</text>'
    )
