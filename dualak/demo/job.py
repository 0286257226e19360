"""The job of the demo: chunks of events into histograms, their check, the fit, and what is said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

import dualak
from dualak.demo.events import chunks, require
from dualak.demo.fit import Fit
from dualak.demo.spectra import NOMINAL, NUISANCES, SIGMA, TRUTH, spectra
from dualak.hist import Histogram

Fill = Callable[..., dict[str, Histogram]]

STEPS = (1e-2, 1e-3)  # of difference quotients, in uncertainties of the parameter
BOUND = 1e-5  # deviation allowed at the smaller step, relative to the largest derivative
SEED = 2026  # of the pseudo-data's fluctuations


class Result(NamedTuple):
    """What all events gave.

    Attributes:
        events: how many there were.
        histograms: with derivatives, by name.
        expected: values by name, with parameters as pseudo-data have them.
        deviations: for each of STEPS how far the derivatives of the first chunk are from difference
            quotients at most, over the largest derivative by the parameter.
    """

    events: int
    histograms: dict[str, Histogram]
    expected: dict[str, Any]
    deviations: list[float]

    def plus(self, other: Result) -> Result:
        """The result of the events of both."""
        return Result(
            self.events + other.events,
            {name: h + other.histograms[name] for name, h in self.histograms.items()},
            {name: values + other.expected[name] for name, values in self.expected.items()},
            self.deviations,
        )


def work(fill: Fill, events: int, checked: bool) -> Result:
    """The Result of one chunk; ``fill`` gives its histograms for parameters."""
    histograms = dualak.hist.differentiate(fill, NOMINAL, order=2)
    expected = {name: h.values() for name, h in fill(TRUTH).items()}
    return Result(events, histograms, expected, deviations(fill, histograms) if checked else [])


def deviations(fill: Fill, histograms: Mapping[str, Histogram]) -> list[float]:
    """How far derivatives are from difference quotients, for each of STEPS."""
    found = np.zeros(len(STEPS))
    for name in NOMINAL:
        slopes = np.concatenate([h.gradient(name) for h in histograms.values()])
        quotients = np.array([_quotient(fill, name, step * SIGMA[name]) for step in STEPS])
        largest = max(np.abs(slopes).max(), np.finfo(float).tiny)
        found = np.maximum(found, np.abs(quotients - slopes).max(axis=1) / largest)
    return found.tolist()


def _quotient(fill: Fill, name: str, step: float) -> Any:
    up, down = (fill(NOMINAL | {name: sign * step}) for sign in (1.0, -1.0))
    return np.concatenate([(up[key].values() - down[key].values()) / (2 * step) for key in up])


def run(
    tree: Any, branches: Mapping[str, str], bins: int, limits: Any, width: float, parts: int
) -> Result:
    """The sum of all chunks' Results, with a progress bar on stderr."""
    progress, console = require("rich.progress"), require("rich.console")
    columns = (
        "{task.description}",
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
    )
    total: Result | None = None
    with progress.Progress(*columns, console=console.Console(stderr=True), transient=True) as bar:
        task = bar.add_task("events", total=tree.num_entries)
        for objects in chunks(tree, branches, -(-tree.num_entries // parts)):
            fill = partial(spectra, objects=objects, bins=bins, limits=tuple(limits), width=width)
            part = work(fill, len(objects), checked=total is None)
            total = part if total is None else total.plus(part)
            bar.update(task, completed=total.events)
    assert total is not None
    return total


def pseudo_data(result: Result) -> dict[str, Any]:
    """Counts that fluctuate about what is expected with other parameters."""
    random = np.random.default_rng(SEED)
    return {name: random.poisson(values) for name, values in result.expected.items()}


# ---- what is said ----


def print_check(result: Result) -> bool:
    """The deviations from difference quotients; True if the smaller step's is within BOUND."""
    for step, deviation in zip(STEPS, result.deviations, strict=True):
        print(
            f"largest deviation from difference quotients, steps of {step:g} sigma: "
            f"{deviation:.1e} of the largest derivative"
        )
    agree = result.deviations[-1] <= BOUND
    print(f"derivatives and quotients {'agree' if agree else 'DISAGREE'} (bound {BOUND:g})")
    return agree


def print_fit(fit: Fit) -> None:
    """One line for each parameter."""
    table = require("rich.table").Table(title="Nuisance parameters, in percent")
    for heading in ("", "before the fit", "after the fit", "truth of pseudo-data"):
        table.add_column(heading, justify="left" if heading == "" else "right")
    for name, at in fit.at.items():
        nuisance = NUISANCES[name]
        numbers = (
            f"0.00 ± {100 * nuisance.sigma:.2f}",
            f"{100 * at:+.2f} ± {100 * fit.errors[name]:.2f}",
            f"{100 * nuisance.truth:+.2f}",
        )
        table.add_row(nuisance.label, *numbers)
    require("rich.console").Console().print(table)
