"""Points and directions: how far to go, where to go, and what lies there.

A point and its direction are laid out alike, as ``jvp`` of the identity gives them.

>>> moved(ak.Array([[1.0, 2.0], []]), ak.Array([[10.0, 0.0], []]), 0.1)
<Array [[2, 2], []] type='2 * var * float64'>
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import awkward as ak
import numpy as np

from dualak import device
from dualak.arrays.layouts import Content, is_text
from dualak.device import Buffer
from dualak.pytree import tree_map

#: A step moves no number by more than this part of what is typical of its array.
PART = 1 / 128

Change = Callable[[Buffer, Buffer], Buffer]


def in_double(value: Any) -> Any:
    """An array or number with float64 in place of float32."""
    if isinstance(value, ak.Record):
        at = value.layout.at
        array = ak.Array(value.layout.array[at : at + 1], behavior=value.behavior)
        return in_double(array)[0]
    if isinstance(value, ak.Array):
        return ak.transform(_leaf_in_double, value)
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype == np.float32:
        return value.astype(np.float64)
    return value


def _leaf_in_double(layout: Content, **unused: Any) -> Content | None:
    if layout.is_numpy and layout.data.dtype == np.float32:
        return ak.contents.NumpyArray(device.in_memory(layout.data).astype(np.float64))
    return None


def moved(point: Any, direction: Any, step: float) -> Any:
    """The point that lies a step away in the direction."""
    return changed(lambda x, t: np.asarray(x + step * t), point, direction)


def random_direction(point: Any, zeros: Any, seed: int) -> Any:
    """A direction that moves every number by about what is typical of its array."""
    rng = np.random.default_rng(seed)
    return changed(lambda x, t: np.asarray(rng.normal(size=x.shape) * typical(x)), point, zeros)


def natural_step(point: Any, direction: Any) -> float:
    """The largest step that keeps each array's numbers near what they are.

    Raises:
        ValueError: if there are numbers, but none that moves.
    """
    steps: list[float] = []

    def look(x: Buffer, t: Buffer) -> Buffer:
        speed = np.abs(t).max(initial=0.0)
        if x.size:
            steps.append(float(PART * typical(x) / speed) if speed > 0 else np.inf)
        return x

    changed(look, point, direction)
    if steps and min(steps) == np.inf:
        raise ValueError("expected a direction in which some number moves, got zeros everywhere")
    return min(steps, default=1.0)


def typical(x: Buffer) -> float:
    """The median size of the numbers of an array that are not zero; 1 if there are none."""
    known = np.abs(x[np.isfinite(x) & (x != 0)])
    return float(np.median(known)) if known.size else 1.0


def changed(change: Change, point: Any, direction: Any) -> Any:
    """The point with ``change(numbers, direction)`` for its floating-point numbers."""
    return tree_map(partial(_changed_leaf, change), point, direction)


def _changed_leaf(change: Change, point: Any, direction: Any) -> Any:
    if isinstance(point, ak.Record):
        layout = _changed(change, point.layout.array, direction.layout.array)
        return ak.Array(layout, behavior=point.behavior, attrs=point.attrs)[point.layout.at]
    if isinstance(point, ak.Array):
        layout = _changed(change, point.layout, direction.layout)
        return ak.Array(layout, behavior=point.behavior, attrs=point.attrs)
    if isinstance(point, (np.ndarray, np.floating)) and point.dtype.kind == "f":
        return change(np.asarray(point), np.asarray(direction)).astype(point.dtype)[()]
    return point


def _changed(change: Change, layout: Content, direction: Content) -> Content:
    if layout.is_unknown or is_text(layout):
        return layout
    if layout.is_numpy:
        x, t = device.in_memory(layout.data), device.in_memory(direction.data)
        return (
            ak.contents.NumpyArray(change(x, t).astype(x.dtype)) if x.dtype.kind == "f" else layout
        )
    if layout.is_union and not direction.is_union:
        raise TypeError(
            f"check_jvp moves no numbers that stand in a union beside text, got {layout.form.type}"
        )
    if layout.is_record or layout.is_union:
        both = zip(layout.contents, direction.contents, strict=True)
        return layout.copy(contents=[_changed(change, *pair) for pair in both])
    return layout.copy(content=_changed(change, layout.content, direction.content))
