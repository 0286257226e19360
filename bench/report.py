"""What came out: a Markdown table, JSON with a description of the machine, a plot of ratios."""

from __future__ import annotations

import json
import math
import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from bench import loops
from bench.cases import CASES

PACKAGES = ("awkward", "awkward_cpp", "numba", "llvmlite", "numpy", "jax", "dualak")
GPU_PACKAGES = ("numba-cuda", "cupy-cuda12x", "cupy-cuda13x", "jaxlib")
HEADER = ("case", "events", "peer", "median ms", "quartiles", "ratio to value")
JAX_HEADER = (*HEADER[:-1], "ratio to JAX")
GPU_HEADER = ("case", "elements", *HEADER[2:5], "ratio to JAX", "of a copy's speed")


# ---- table ----
def cells(row):
    """The six cells of one Row, as text."""
    start = (row.case, f"{row.events:,}", row.peer)
    if row.error:
        return (*start, "-", "-", row.error)
    median, low, high = (digits(time) for time in (row.median, row.low, row.high))
    return (*start, median, f"{low} - {high}", f"{row.ratio:.2f}")


def digits(number):
    """Three significant digits, without an exponent."""
    return np.format_float_positional(number, 3, fractional=False, trim="-")


def gpu_cells(row):
    """The seven cells of one Row of a GPU, as text."""
    if row.error:
        return (*cells(row), "")
    return (*cells(row), f"{row.bandwidth:.2f}")


def table(rows, header=HEADER, cells=cells):
    """A Markdown table of all rows, its columns aligned, and below it what each case is."""
    lines = [header, *map(cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    lines.insert(1, tuple("-" * width for width in widths))
    text = ["| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in lines]
    names = dict.fromkeys(row.case for row in rows)
    what = {name: case.what for name, case in CASES.items()} | {loops.CASE: loops.WHAT}
    return "\n".join([*text, "", *(f"{n}: {what[n]}" for n in names if n in what)])


# ---- JSON ----
def machine():
    """Processor, cores that this process may use, versions; nothing that names the machine."""
    return {
        "cpu": cpu_model(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        **{name: package_version(name) for name in PACKAGES},
    }


def cpu_model():
    """The processor's own name; where the system does not tell, the architecture's."""
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def package_version(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def finite(value):
    """None for a NaN, which JSON does not have."""
    return None if isinstance(value, float) and math.isnan(value) else value


def write_json(path, rows, rounds, **more):
    """``machine``, ``unit``, ``rounds`` and ``rows``; a time is null where there is none.

    ``more`` is said of the machine.
    """
    records = [{name: finite(value) for name, value in row._asdict().items()} for row in rows]
    content = {"machine": machine() | more, "unit": "ms", "rounds": rounds, "rows": records}
    Path(path).write_text(json.dumps(content, indent=1) + "\n")


# ---- plot ----
def write_plot(path, rows, what="time / time of Awkward's value alone", unit="events"):
    """A PNG: a panel per number of events, a bar per case and peer: its ratio to the value."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    sizes = list(dict.fromkeys(row.events for row in rows))
    figure, panels = plt.subplots(
        1,
        len(sizes),
        figsize=(2 + 3.5 * len(sizes), 4),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for panel, events in zip(panels[0], sizes, strict=True):
        draw(panel, [row for row in rows if row.events == events])
        panel.set_title(f"{events:,} {unit}")
    panels[0, 0].set_ylabel(what)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def draw(panel, rows):
    """Grouped bars; the dashed line is the promise: value and tangent for less than the value."""
    names = list(dict.fromkeys(row.case for row in rows))
    peers = list(dict.fromkeys(row.peer for row in rows))
    width = 0.8 / len(peers)
    for number, peer in enumerate(peers):
        mine = [row for row in rows if row.peer == peer]
        places = [names.index(row.case) + (number - (len(peers) - 1) / 2) * width for row in mine]
        panel.bar(places, [row.ratio for row in mine], width, label=peer)
    panel.axhline(1.0, color="black", linestyle="--", linewidth=1)
    panel.set_xticks(range(len(names)), names)
