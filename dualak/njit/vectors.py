"""The vectors of scikit-hep in compiled loops: vector's own compiled methods, on duals.

A record that holds duals and has a vector's name is read as the object that vector compiles for,
with duals for coordinates; its formulas know no more of them than of other numbers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import awkward as ak
import numba
from numba.core import types

#: The fields that stand for a coordinate, as vector knows them.
ALIASES = {
    "x": ("x", "px"),
    "y": ("y", "py"),
    "rho": ("rho", "pt"),
    "z": ("z", "pz"),
    "t": ("t", "E", "e", "energy"),
    "tau": ("tau", "M", "m", "mass"),
}

#: The groups of coordinates of a vector, in the order of its arguments.
_GROUPS = ("azimuthal", "longitudinal", "temporal")


def introduce(name: str, fields: tuple[str, ...]) -> str | None:
    """Tells Awkward how compiled code reads vectors of duals; the name to give them.

    None for a record that is none of vector's, or that has no complete coordinates.
    """
    vector = sys.modules.get("vector")
    if vector is None or name not in _names():
        return None
    renamed = f"{name} of duals with {', '.join(fields)}"
    if ("__numba_typer__", renamed) not in ak.behavior:
        found = _example(vector, name, fields)
        if found is None:
            return None
        example, groups = found
        ak.behavior["__numba_typer__", renamed] = _typer(example, groups)
        ak.behavior["__numba_lower__", renamed] = _reader(example, groups)
    return renamed


def _names() -> set[str]:
    kinds = ("Vector", "Momentum")
    return {f"{kind}{dimension}D" for kind in kinds for dimension in (2, 3, 4)}


def _example(vector: Any, name: str, fields: tuple[str, ...]) -> Any:
    """An object like the records, and the fields of each of its groups of coordinates."""
    vector.register_numba()
    known = {alias for group in ALIASES.values() for alias in group} | {"phi", "theta", "eta"}
    try:
        example = vector.obj(**{field: 1.0 for field in fields if field in known})
    except TypeError:  # more coordinates than one vector has, or fewer
        return None
    groups = [getattr(example, group) for group in _GROUPS if hasattr(example, group)]
    momentum = "Momentum" in type(example).__name__
    if momentum != name.startswith("Momentum") or f"{len(groups) + 1}D" not in name:
        return None
    return example, [
        (type(group), [_field(field, fields) for field in group._fields]) for group in groups
    ]


def _field(coordinate: str, fields: tuple[str, ...]) -> str:
    aliases = ALIASES.get(coordinate, (coordinate,))
    return next(name for name in aliases if name in fields)


def _typer(example: Any, groups: Any) -> Callable[..., Any]:
    kind = type(numba.typeof(example))

    def typer(view: Any) -> Any:
        made = []
        for cls, names in groups:
            each = [view.typer_field(name) for name in names]
            alike = all(typ == each[0] for typ in each)
            made.append(
                types.NamedUniTuple(each[0], len(each), cls)
                if alike
                else types.NamedTuple(each, cls)
            )
        return kind(*made)

    return typer


def _reader(example: Any, groups: Any) -> Callable[..., Any]:
    arguments = ", ".join(
        f"group{i}({', '.join(f'record[{name!r}]' for name in names)})"
        for i, (_, names) in enumerate(groups)
    )
    scope: dict[str, Any] = {f"group{i}": cls for i, (cls, _) in enumerate(groups)}
    scope["vector"] = type(example)
    exec(f"def read(record):\n    return vector({arguments})\n", scope)

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return context.compile_internal(builder, scope["read"], sig, args)

    return lower
