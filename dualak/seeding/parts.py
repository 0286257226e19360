"""Arguments taken apart into values and tangents, and results put together with theirs.

Rules that are no formulas work on such plain arrays.  This is all that they need to know of duals.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np

from dualak.ad.dual import Level
from dualak.arrays.highlevel import contains_duals, layout_of
from dualak.arrays.layouts import Content, children, is_dual
from dualak.arrays.ndarrays import primal
from dualak.pytree import tree_leaves, tree_map
from dualak.seeding.extract import extract
from dualak.seeding.match import StructureError
from dualak.seeding.seed import seed
from dualak.seeding.split import level_of


def has_tangents(value: Any) -> bool:
    """Whether an argument is differentiated anywhere."""
    return any(level is not None for level in _levels(value))


def _levels(value: Any) -> list[Level | None]:
    arrays = (leaf for leaf in tree_leaves(value) if isinstance(leaf, (ak.Array, ak.Record)))
    return list(map(level_of, arrays))


def plain(args: tuple[Any, ...], to_numpy: bool) -> tuple[Any, ...]:
    """Arguments without tangents as plain arrays; flat ones as NumPy arrays if asked for."""

    def leaf(part: Any) -> Any:
        return np.asarray(primal(part)) if to_numpy and contains_duals(part) else primal(part)

    return tree_map(leaf, args)


@dataclass(frozen=True)
class Parts:
    """Arguments as plain arrays: their values, and their tangents in each direction.

    Tangents of constants are zero, those of objects that are neither array nor number None.
    """

    level: Level
    values: tuple[Any, ...]
    directions: list[tuple[Any, ...]]

    def together(self, y: Any, tangents: list[Any], path: str) -> Any:
        """A result and its tangents in each direction, as what is differentiated as the arguments.

        Raises:
            StructureError: for a tangent that has not the structure of the result, with ``path``.
        """
        return seed(y, tangents, self.level, path)


def apart(args: tuple[Any, ...], to_numpy: bool) -> Parts:
    """Takes differentiated arguments apart; flat arrays become NumPy arrays if asked for."""
    leaves = list(filter(_is_number, tree_leaves(args)))
    newest = max(filter(None, _levels(leaves)), key=lambda level: level.depth)
    values, directions = extract(leaves, newest, to_numpy, home="cpu")
    tangents = [_refilled(args, direction, True) for direction in directions]
    return Parts(newest, _refilled(args, values, False), tangents)


def _refilled(args: tuple[Any, ...], leaves: list[Any], tangents: bool) -> Any:
    rest = iter(leaves)

    def leaf(part: Any) -> Any:
        if _is_number(part):
            return next(rest)
        return None if tangents else part

    return tree_map(leaf, args)


def _is_number(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "biuf"
    return isinstance(value, (ak.Array, ak.Record, bool, int, float, np.bool_, np.number))


# -- the same structure ---------------------------------------------------------------------------


def require_alike(y: Any, dy: Any, path: str) -> None:
    """Refuses a tangent that lacks a part of its result; lengths are compared where they meet.

    Raises:
        StructureError: naming the first part that is missing.
    """
    if isinstance(y, Mapping):
        _require(isinstance(dy, Mapping), path, "a dict", dy)
        _require(y.keys() == dy.keys(), path, f"a dict of {list(y)}", dy)
        for key, item in y.items():
            require_alike(item, dy[key], f"{path}[{key!r}]")
    elif isinstance(y, (list, tuple)):
        _require(isinstance(dy, (list, tuple)), path, f"a {type(y).__name__}", dy)
        _require(len(y) == len(dy), path, f"a {type(y).__name__} of {len(y)}", dy)
        for i, both in enumerate(zip(y, dy, strict=True)):
            require_alike(*both, f"{path}[{i}]")
    elif isinstance(y, (ak.Array, ak.Record)):
        _require(isinstance(dy, (ak.Array, ak.Record, np.ndarray)), path, "an array", dy)
        missing = set(_floats(layout_of(y))) - set(_floats(ak.to_layout(dy), empty=True))
        if missing and layout_of(y).length > 0:
            fields = sorted(".".join(path) for path in missing if path)
            what = f"tangents for the fields {fields}" if fields else "tangents"
            _require(False, path, f"{what}, as floating-point numbers", dy)
    elif isinstance(y, (float, np.floating, np.ndarray)):
        _require(dy is not None, path, "a tangent; zeros say that there is none", dy)


def _floats(
    layout: Content, empty: bool = False, fields: tuple[str, ...] = ()
) -> Iterator[tuple[str, ...]]:
    """The names of the fields that lead to floating-point numbers, or to nothing at all."""
    if isinstance(layout, ak.record.Record):
        layout = layout.array
    nothing = layout.is_unknown and empty
    if is_dual(layout) or nothing or (layout.is_numpy and layout.data.dtype.kind == "f"):
        yield fields
    elif layout.is_record:
        for name in layout.fields:
            yield from _floats(layout.content(name), empty, (*fields, name))
    else:
        for child in children(layout):
            yield from _floats(child, empty, fields)


def _require(condition: bool, path: str, expected: str, got: Any) -> None:
    if not condition:
        shown = f"of {got.type}" if isinstance(got, (ak.Array, ak.Record)) else ""
        if isinstance(got, Mapping):
            shown = f"of {list(got)}"
        elif isinstance(got, (list, tuple)):
            shown = f"of {len(got)}"
        raise StructureError(
            f"{path}: expected {expected} for a tangent, got {type(got).__name__} {shown}".rstrip()
        )
