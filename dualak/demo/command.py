"""The command line of the demo."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from dualak.demo import figure, job
from dualak.demo.events import (
    COORDINATES,
    DemoError,
    find_branches,
    named_branches,
    open_tree,
    require,
)
from dualak.demo.fit import fitted
from dualak.demo.spectra import SIGMA

WHY_SMOOTH = (
    "Bins are smoothed because a hard-binned histogram has no useful derivative: its bins are "
    "steps, so the difference quotient grows without bound as the step shrinks, while the true "
    "derivative is zero almost everywhere."
)
NEEDS = ("uproot", "hist", "rich", "matplotlib")  # looked for before any work is done

OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("--file", {"help": "ROOT file (default: uproot-HZZ.root of scikit-hep-testdata)"}),
    ("--tree", {"help": "its tree (default: events or Events)"}),
    ("--object", {"default": "Muon", "help": "prefix of the branches (%(default)s)"}),
    ("--branches", {"help": f"as pt=Muon_pt,...: {COORDINATES}, and charge"}),
    ("--bins", {"type": int, "default": 30, "help": "number of bins (%(default)s)"}),
    ("--range", {"type": float, "nargs": 2, "default": (60.0, 120.0), "help": "GeV (60 120)"}),
    ("--bandwidth", {"type": float, "default": 1.0, "help": "of the kernel, GeV (%(default)s)"}),
    ("--chunks", {"type": int, "default": 4, "help": "how many chunks of events (%(default)s)"}),
    ("--output", {"default": "dualak-demo.png", "help": "plot (%(default)s)"}),
)


def parse(argv: Any) -> Any:
    """The options, checked."""
    parser = argparse.ArgumentParser("python -m dualak.demo", epilog=WHY_SMOOTH)
    parser.description = "Two spectra of real events, five nuisance parameters, and their fit."
    for flag, settings in OPTIONS:
        parser.add_argument(flag, **settings)
    options = parser.parse_args(argv)
    if not 0 <= options.range[0] < options.range[1]:
        parser.error(f"--range needs 0 <= low < high, got {options.range}")
    if not Path(options.output).absolute().parent.is_dir():
        parser.error(f"--output: no folder {Path(options.output).parent}")
    for name in ("bins", "bandwidth", "chunks"):
        if not getattr(options, name) > 0:
            parser.error(f"--{name} must be positive, got {getattr(options, name):g}")
    return options


def demonstrate(options: Any) -> bool:
    """Read, differentiate, fit, print, plot; True if derivatives and quotients agree."""
    for module in NEEDS:
        require(module)
    path = options.file or require("skhep_testdata").data_path("uproot-HZZ.root")
    tree = open_tree(path, options.tree)
    find = named_branches if options.branches else find_branches
    branches = find(tree, options.branches or options.object)
    result = job.run(tree, branches, options.bins, options.range, options.bandwidth, options.chunks)
    pairs = result.histograms["mass"].values().sum()
    if pairs < 0.5:
        raise DemoError(f"no pairs of {result.events:,} events in {options.range} GeV (--range)")
    print(f"{', '.join(branches.values())} of {Path(path).name}")
    print(f"{result.events:,} events, {pairs:,.1f} pairs within the range")
    for histogram in result.histograms.values():
        print(histogram)
    agree = job.print_check(result)
    counts = job.pseudo_data(result)
    fit = fitted(list(result.histograms.values()), list(counts.values()), SIGMA)
    job.print_fit(fit)
    title = (
        f"{Path(path).name}: {result.events:,} events, each bin with its derivatives, in one pass"
    )
    figure.draw(options.output, result.histograms, counts, fit, title)
    print(f"{WHY_SMOOTH}\nplot: {options.output}")
    return agree


def main(argv: Any = None) -> int:
    """The exit code: 0, 1 if derivatives and quotients disagree, 2 for input of no use."""
    try:
        return 0 if demonstrate(parse(argv)) else 1
    except DemoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
