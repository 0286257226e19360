"""The events of the demo: objects of a ROOT file, chunk by chunk."""

from __future__ import annotations

import importlib
from pathlib import Path

import awkward as ak
import numpy as np

#: The coordinates that objects may have.
SYSTEMS = (("px", "py", "pz", "E"), ("pt", "eta", "phi", "mass"))
COORDINATES = " or ".join(",".join(fields) for fields in SYSTEMS)


class DemoError(Exception):
    """An input that cannot be used; the message says what is there instead."""


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
