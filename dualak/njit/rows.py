"""Numbers of the graph as rows in memory, which compiled code reads, and rows as numbers again.

A row holds a number's value and tangents, in the order of ``dualak.njit.types``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import awkward as ak
import numpy as np
from numba.core import types

from dualak.ad.dual import Dual, Level, Number, components, dual_or_value, tangents_at, value_at
from dualak.arrays.columns import EscapeError, dual, observed, require_running
from dualak.arrays.context import current_level, graph_in_use
from dualak.arrays.highlevel import wrap
from dualak.arrays.ndarrays import as_ndarray
from dualak.device import Buffer
from dualak.engine import realize
from dualak.graph.nodes import Node, ancestors
from dualak.njit.types import DualType, of_levels

# -- out of the graph -----------------------------------------------------------------------------


def levels_of(number: Number) -> list[Level]:
    """All levels that a number has tangents at, lowest first."""
    found: set[Level] = set()
    stack: list[Number | None] = [number]
    while stack:
        part = stack.pop()
        if isinstance(part, Dual):
            found.add(part.level)
            stack += [part.value, *part.tangents]
    return sorted(found, key=lambda level: level.depth)


def compute(numbers: Iterable[Number]) -> None:
    """Computes values and tangents of numbers, together, for compiled code to read.

    Raises:
        EscapeError: if tangents are to be carried along without numbers.
        UnknownNumbersError: in a recording, whose inputs have no numbers.
    """
    nodes = [node for number in numbers for node in components(number)]
    if any(node.graph.records for node in nodes):
        for node in nodes:
            observed(node)
        return
    if any(node.op == "input" for node in ancestors(nodes)):
        raise EscapeError(
            "a compiled function computes with numbers, and linearize, vjp and grad carry tangents "
            "that have none yet; use dualak.jvp or dualak.jacfwd, or give the function a rule "
            "with dualak.custom_jvp"
        )
    realize.compute(nodes)


def is_unknown(number: Number) -> bool:
    """Whether a number has tangents that are to be carried along without numbers."""
    if isinstance(number, Node):
        return False
    return any(node.unknown and not node.graph.records for node in components(number))


def type_of(number: Number) -> Any:
    """The type of a number in compiled code."""
    levels = tuple((level.depth, level.directions) for level in levels_of(number))
    return of_levels(getattr(types, number.dtype.name), levels)


def rows_of(number: Number, length: int) -> Buffer:
    """The rows of a number, shape (length, components)."""
    columns = list(columns_of(number, length))
    rows = np.empty((length, len(columns)), number.dtype)
    for i, column in enumerate(columns):
        rows[:, i] = column
    return rows


def columns_of(number: Number, length: int) -> Iterator[Buffer]:
    """The columns of the rows of a number, each of ``length`` numbers."""
    require_running(number)
    for part in _parts(number, levels_of(number)):
        column = np.zeros(1, number.dtype) if part is None else observed(part)
        yield column if len(column) == length else np.repeat(column, length)


def _parts(number: Number | None, levels: Sequence[Level]) -> Iterator[Node | None]:
    """The nodes of a row; None stands for zeros."""
    if not levels:
        yield number  # type: ignore[misc]
        return
    *lower, level = levels
    if number is None:
        yield from [None] * _size(levels)
        return
    yield from _parts(value_at(number, level), lower)
    for tangent in tangents_at(number, level):
        yield from _parts(tangent, lower)


def _size(levels: Sequence[Level]) -> int:
    return int(np.prod([1 + level.directions for level in levels], dtype=int))


# -- into the graph -------------------------------------------------------------------------------


def number_from(rows: Buffer, typ: DualType) -> Number:
    """The number of rows, of shape (length, components), in the graph in use."""
    return number_of_columns([rows[:, i] for i in range(typ.components)], typ)


def number_of_columns(columns: Sequence[Buffer], typ: DualType) -> Number:
    """The number whose rows have these columns."""
    return _number(columns, _running_levels(typ))


def _number(columns: Sequence[Buffer], levels: Sequence[Level]) -> Number:
    if not levels:
        return graph_in_use().buffer(columns[0])
    *lower, level = levels
    size = len(columns) // (1 + level.directions)
    value, *tangents = (
        _number(columns[i * size : (i + 1) * size], lower) for i in range(1 + level.directions)
    )
    return dual_or_value(level, value, tangents)


def _running_levels(typ: DualType) -> list[Level]:
    """The levels that run now, by their depths."""
    running: dict[int, Level] = {}
    level = current_level.get()
    while level is not None:
        running[level.depth] = level
        level = level.outer
    return [running[depth] for depth, _ in typ.levels]


def boxed_scalar(row: tuple[float, ...], typ: DualType) -> Any:
    """A number of compiled code as a differentiated scalar."""
    rows = np.array([row], typ.primal.name)
    return wrap(ak.Array(dual(number_from(rows, typ))))[0]


def boxed_array(data: Buffer, typ: DualType) -> Any:
    """An array of compiled code, each element a row of bytes, as one of NumPy's class."""
    shape = data.shape
    rows = np.ascontiguousarray(data).view(typ.primal.name).reshape(-1, typ.components)
    layout = dual(number_from(rows, typ))
    for size in reversed(shape[1:]):
        layout = ak.contents.RegularArray(layout, size, zeros_length=shape[0])
    return as_ndarray(wrap(ak.Array(layout)))
