"""A histogram of pair masses and its derivative by the energy scale, on real events.

``python -m dualak.demo`` reads muons, forms pairs of opposite charge, fills a kernel-smoothed
histogram of their invariant mass and differentiates every bin by ``scale``, which multiplies
energies and momenta by ``1 + scale``; the events are constant. They come in chunks, whose
histograms and derivatives are added up. Difference quotients must agree with the derivatives.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import awkward as ak
import numpy as np

import dualak

WHY_SMOOTH = (
    "Bins are smoothed because a hard-binned histogram has no useful derivative: its bins are "
    "steps, so the difference quotient grows without bound as the step shrinks, while the true "
    "derivative is zero almost everywhere."
)
STEPS = (1e-2, 1e-3)  # of the difference quotients: the shift of the largest mass, in bandwidths
NEEDS = ("uproot", "rich", "matplotlib")  # looked for before any work is done
BOUND = 1e-5  # deviation allowed at the smaller step, relative to the largest derivative


class DemoError(Exception):
    """An input that cannot be used; the message says what is there instead."""


# ---- physics ----
def cartesian(p):
    """px, py, pz, E as they are, in GeV."""
    return p.px, p.py, p.pz, p.E


def polar(p):
    """px, py, pz, E in GeV from pt, mass (GeV) and eta, phi."""
    px, py, pz = p.pt * np.cos(p.phi), p.pt * np.sin(p.phi), p.pt * np.sinh(p.eta)
    return px, py, pz, np.sqrt(px**2 + py**2 + pz**2 + p.mass**2)


# coordinates: (which of them the energy scale multiplies, the way to px, py, pz, E)
SYSTEMS = {
    ("px", "py", "pz", "E"): (("px", "py", "pz", "E"), cartesian),
    ("pt", "eta", "phi", "mass"): (("pt", "mass"), polar),
}
COORDINATES = " or ".join(",".join(fields) for fields in SYSTEMS)


def pair_masses(objects, scale):
    """Masses in GeV of all pairs in an event, of opposite charge if charges are known: 1-d."""
    ways = (way for fields, way in SYSTEMS.items() if set(fields) <= set(objects.fields))
    scaled, to_cartesian = next(ways)
    for name in scaled:
        objects = ak.with_field(objects, objects[name] * (1 + scale), name)
    a, b = ak.unzip(ak.combinations(objects, 2))
    if "charge" in objects.fields:
        opposite = a.charge + b.charge == 0
        a, b = a[opposite], b[opposite]
    px, py, pz, e = (u + v for u, v in zip(to_cartesian(a), to_cartesian(b), strict=True))
    square = np.maximum(e**2 - px**2 - py**2 - pz**2, 0.0)  # rounding may take it below zero
    return ak.flatten(np.sqrt(square))


def smooth_histogram(objects, scale, edges, bandwidth):
    """Entries per bin, shape (bins,): a pair adds what a logistic kernel puts between the edges.

    ``edges`` in GeV, shape (bins + 1,); ``bandwidth``, the scale of the kernel, in GeV.
    """
    mass = pair_masses(objects, scale)
    below = 0.5 + 0.5 * np.tanh((edges[np.newaxis] - mass[:, np.newaxis]) / (2 * bandwidth))
    total = ak.sum(below, axis=0)
    return total[1:] - total[:-1]


# ---- input ----
def require(module):
    """Import an optional ``module``."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.split(".")[0]
        raise DemoError(f'the demo needs {package}: pip install "dualak[demo]"') from error


def open_tree(path, name):
    """The tree of that ``name``, or "events" or "Events" if it is None."""
    if not Path(path).is_file():
        raise DemoError(f"no file {path}; without --file a built-in example is read")
    try:
        file = require("uproot").open(path)
    except ValueError as error:
        raise DemoError(f"{path} is no ROOT file: {str(error).splitlines()[0]}") from error
    trees = [key for key, kind in file.classnames(cycle=False).items() if kind == "TTree"]
    wanted = [name] if name else ["events", "Events"]
    if found := [tree for tree in wanted if tree in trees]:
        return file[found[0]]
    raise DemoError(f"no tree {' or '.join(wanted)} in {path}; it has {listing(trees)} (--tree)")


def listing(names, most=20):
    """Names as text, the first few of many."""
    shown = ", ".join(sorted(names)[:most]) or "none"
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def coordinate_branches(keys, prefix):
    """Field to branch of the objects called ``prefix``; empty if they lack coordinates."""
    lower = {key.lower(): key for key in keys}
    fields = [name for names in (*SYSTEMS, ["charge"]) for name in names]
    found = {name: lower.get(f"{prefix}_{name}".lower()) for name in fields}
    return selected({name: branch for name, branch in found.items() if branch})


def selected(branches):
    """The coordinate system that ``branches`` hold, and charge if there; empty without one."""
    fields = next((fields for fields in SYSTEMS if set(fields) <= set(branches)), ())
    return {name: branches[name] for name in (*fields, "charge") if fields and name in branches}


def find_branches(tree, prefix):
    """Field to branch of the objects called ``prefix``, as Muon or Jet."""
    keys = tree.keys()
    if branches := coordinate_branches(keys, prefix):
        return branches
    there = [
        name for name in {key.split("_")[0] for key in keys} if coordinate_branches(keys, name)
    ]
    raise DemoError(f"no {prefix} with {COORDINATES} in {tree.name}; it has {listing(there)}")


def named_branches(tree, text):
    """Field to branch from ``pt=Muon_pt,eta=...``."""
    branches = dict(part.split("=", 1) for part in text.split(",") if "=" in part)
    if not selected(branches):
        raise DemoError(f"--branches must name {COORDINATES}; it names {listing(branches)}")
    if missing := set(branches.values()) - set(there := tree.keys()):
        raise DemoError(f"no branch {listing(missing)} in {tree.name}; it has {listing(there)}")
    return selected(branches)


def chunks(tree, branches, size):
    """Objects of ``size`` events at a time: events * var * record, float64, charges integer."""
    for arrays in tree.iterate(list(branches.values()), step_size=size, library="ak"):
        columns = {name: arrays[branch] for name, branch in branches.items()}
        for name in columns.keys() - {"charge"}:
            columns[name] = ak.values_astype(columns[name], np.float64)
        yield ak.zip(columns)


# ---- job ----
class Result(NamedTuple):
    """Arrays of shape (bins,): entries, their derivative by scale, a quotient for each of STEPS."""

    events: int
    entries: Any
    slope: Any
    quotients: Any


def work(objects, edges, bandwidth):
    """The Result of one chunk."""
    histogram = partial(smooth_histogram, edges=edges, bandwidth=bandwidth)
    entries, slope = dualak.jvp(histogram, (objects, 0.0), (None, 1.0))
    steps = np.array(STEPS) * bandwidth / edges[-1]
    quotients = [(histogram(objects, h) - histogram(objects, -h)) / (2 * h) for h in steps]
    return Result(len(objects), *map(ak.to_numpy, (entries, slope, quotients)))


def run(tree, branches, edges, bandwidth, size):
    """The sum of all chunks' Results, with a progress bar on stderr."""
    progress, console = require("rich.progress"), require("rich.console")
    none = np.zeros(len(edges) - 1)
    total = Result(0, none, none, np.array([none] * len(STEPS)))
    with progress.Progress(console=console.Console(stderr=True), transient=True) as bar:
        task = bar.add_task("events", total=tree.num_entries)
        for objects in chunks(tree, branches, size):
            part = work(objects, edges, bandwidth)
            total = Result(*(a + b for a, b in zip(total, part, strict=True)))
            bar.update(task, completed=total.events)
    return total


def deviations(result):
    """For each of STEPS the largest |derivative - quotient|, and over the largest derivative."""
    absolute = np.max(np.abs(result.quotients - result.slope), axis=1)
    return absolute, absolute / max(np.max(np.abs(result.slope)), np.finfo(float).tiny)


# ---- output ----
def print_table(result, edges):
    """One line per bin; derivatives are changes of entries per +1 % of energy scale."""
    table = require("rich.table").Table(title="Entries and their change per +1 % of energy scale")
    for heading in ("mass / GeV", "entries", "dualak.jvp", "difference quotient"):
        table.add_column(heading, justify="right")
    slopes, quotients = result.slope / 100, result.quotients[-1] / 100
    for i in range(len(slopes)):
        numbers = (f"{result.entries[i]:.3f}", f"{slopes[i]:+.6f}", f"{quotients[i]:+.6f}")
        table.add_row(f"{edges[i]:g} to {edges[i + 1]:g}", *numbers)
    require("rich.console").Console().print(table)


def print_check(result):
    """The deviations from difference quotients; True if the smaller step's is within BOUND."""
    for step, absolute, relative in zip(STEPS, *deviations(result), strict=True):
        print(
            f"largest deviation from difference quotients, step {step:g} bandwidths: "
            f"{absolute / 100:.1e} entries per 1 %, {relative:.1e} of the largest derivative"
        )
    agree = bool(relative <= BOUND)
    print(f"derivative and quotient {'agree' if agree else 'DISAGREE'} (bound {BOUND:g})")
    return agree


def write_plot(path, result, edges, title):
    """A PNG: above the histogram, and where +1 % of scale moves it; below the derivative."""
    require("matplotlib").use("Agg")
    plt = require("matplotlib.pyplot")
    slope, quotient = result.slope / 100, result.quotients[-1] / 100  # per 1 %
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(7, 6), sharex=True, layout="constrained")
    top.stairs(result.entries, edges, fill=True, color="tab:blue", alpha=0.3)
    top.stairs(result.entries, edges, color="tab:blue", linewidth=1.5, label="nominal scale")
    top.stairs(result.entries + slope, edges, color="tab:red", ls="--", label="+1 %, first order")
    top.set(ylabel=f"entries / {edges[1] - edges[0]:.3g} GeV", title=title)
    bottom.axhline(0, color="grey", linewidth=0.8)
    bottom.stairs(slope, edges, baseline=None, color="tab:red", linewidth=1.5, label="dualak.jvp")
    bottom.plot((edges[1:] + edges[:-1]) / 2, quotient, "k.", ms=4, label="difference quotient")
    bottom.set(xlabel="invariant mass of the pair / GeV", ylabel="change of entries per +1 % scale")
    bottom.set_xlim(edges[0], edges[-1])
    for panel in (top, bottom):
        panel.legend(frameon=False)
    figure.savefig(path, dpi=150)
    plt.close(figure)


# ---- command line ----
OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("--file", {"help": "ROOT file (default: uproot-HZZ.root of scikit-hep-testdata)"}),
    ("--tree", {"help": "its tree (default: events or Events)"}),
    ("--object", {"default": "Muon", "help": "prefix of the branches (%(default)s)"}),
    ("--branches", {"help": f"as pt=Muon_pt,...: {COORDINATES}, and charge"}),
    ("--bins", {"type": int, "default": 30, "help": "number of bins (%(default)s)"}),
    ("--range", {"type": float, "nargs": 2, "default": (60.0, 120.0), "help": "GeV (60 120)"}),
    ("--bandwidth", {"type": float, "default": 1.0, "help": "of the kernel, GeV (%(default)s)"}),
    ("--chunk", {"type": int, "default": 10_000, "help": "events per chunk (%(default)s)"}),
    ("--output", {"default": "dualak-demo.png", "help": "plot (%(default)s)"}),
)


def parse(argv):
    """The options, checked."""
    parser = argparse.ArgumentParser("python -m dualak.demo", epilog=WHY_SMOOTH)
    parser.description = str(__doc__).splitlines()[0]
    for flag, settings in OPTIONS:
        parser.add_argument(flag, **settings)
    options = parser.parse_args(argv)
    if not 0 <= options.range[0] < options.range[1]:
        parser.error(f"--range needs 0 <= low < high, got {options.range}")
    if not Path(options.output).absolute().parent.is_dir():
        parser.error(f"--output: no folder {Path(options.output).parent}")
    for name in ("bins", "bandwidth", "chunk"):
        if not getattr(options, name) > 0:
            parser.error(f"--{name} must be positive, got {getattr(options, name):g}")
    return options


def demonstrate(options):
    """Read, differentiate, print, plot; True if derivative and quotients agree."""
    for module in NEEDS:
        require(module)
    path = options.file or require("skhep_testdata").data_path("uproot-HZZ.root")
    tree = open_tree(path, options.tree)
    find = named_branches if options.branches else find_branches
    branches = find(tree, options.branches or options.object)
    edges = np.linspace(options.range[0], options.range[1], options.bins + 1)
    result = run(tree, branches, edges, options.bandwidth, options.chunk)
    if result.entries.sum() < 0.5:
        raise DemoError(f"no pairs of {result.events:,} events in {options.range} GeV (--range)")
    print_table(result, edges)
    print(f"{', '.join(branches.values())} of {Path(path).name}")
    print(f"{result.events:,} events, {result.entries.sum():,.1f} pairs within the range")
    agree = print_check(result)
    write_plot(options.output, result, edges, Path(path).name)
    print(f"{WHY_SMOOTH}\nplot: {options.output}")
    return agree


def main(argv=None):
    """The exit code: 0, 1 if derivative and quotients disagree, 2 if the input cannot be used."""
    try:
        return 0 if demonstrate(parse(argv)) else 1
    except DemoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
