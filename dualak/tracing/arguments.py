"""Arguments taken apart: the structure of a tree of arrays, and the numbers that fill it.

Two trees of equal structure differ only in their floating-point numbers.  Structure is a list of
plain values and of index buffers; a tangent is taken apart beside its primal, and has to lie alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import awkward as ak
import numpy as np

from dualak import device
from dualak.arrays.backends import on_host
from dualak.arrays.layouts import INDEX_BUFFERS, Content, is_text
from dualak.device import Buffer


@dataclass
class Flat:
    """A tree taken apart.

    Attributes:
        structure: what the numbers stand in, and what is no floating-point number.
        numbers: the buffers of the numbers, leaf by leaf.
        tangents: for each of these a buffer, or None where there is no tangent.
    """

    structure: list[Any] = field(default_factory=list)
    numbers: list[Buffer] = field(default_factory=list)
    tangents: list[Buffer | None] = field(default_factory=list)

    def fits(self, other: Flat) -> bool:
        """Whether another tree has this structure, and tangents where this one has."""
        return (
            len(self.structure) == len(other.structure)
            and len(self.numbers) == len(other.numbers)
            and all(map(_alike, self.numbers, other.numbers))
            and all((a is None) == (b is None) for a, b in zip(self.tangents, other.tangents))  # noqa: B905
            and all(map(_equal, self.structure, other.structure))
        )


def _alike(one: Buffer, other: Buffer) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape


def _equal(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if not isinstance(one, np.ndarray) or not isinstance(other, np.ndarray):
        return type(one) is type(other) and bool(one == other)
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    return device.address(one) == device.address(other) or np.array_equal(one, other)


class NotAlike(Exception):
    """A tangent does not lie in memory as its primal does, or there is something unknown."""


def flat(x: Any, t: Any) -> Flat:
    """A tree and its tangent taken apart.

    Raises:
        NotAlike: if that needs more than a look at them.
    """
    found = Flat()
    _flatten(x, t, found)
    return found


def _flatten(x: Any, t: Any, into: Flat) -> None:
    if isinstance(x, Mapping):
        into.structure.extend((type(x), tuple(x)))
        if t is not None and (not isinstance(t, Mapping) or not set(t) <= set(x)):
            raise NotAlike
        for key, item in x.items():
            _flatten(item, None if t is None else t.get(key), into)
    elif isinstance(x, (list, tuple)):
        into.structure.extend((type(x), len(x)))
        if t is not None and (not isinstance(t, (list, tuple)) or len(t) != len(x)):
            raise NotAlike
        for i, item in enumerate(x):
            _flatten(item, None if t is None else t[i], into)
    elif isinstance(x, (float, np.floating)):
        _add_number(x, t, into)
    elif isinstance(x, np.ndarray) and x.dtype.kind == "f":
        _add_array(x, t, into)
    elif type(x).__module__ == "builtins" or isinstance(x, (np.generic, np.ndarray)):
        _require(t is None or (isinstance(x, (int, bool)) and t == 0))
        into.structure.append(x)
    elif isinstance(x, ak.Array):
        _require(t is None or isinstance(t, (ak.Array, Mapping)))
        into.structure.append((type(x), x.behavior, x.attrs))
        _flatten_layout(x.layout, t if t is None or isinstance(t, Mapping) else t.layout, into)
    else:
        raise NotAlike


def _require(condition: bool) -> None:
    if not condition:
        raise NotAlike


def _add_number(x: Any, t: Any, into: Flat) -> None:
    _require(t is None or (isinstance(t, (int, float, np.floating)) and not isinstance(t, bool)))
    dtype = x.dtype if isinstance(x, np.floating) else np.dtype(np.float64)
    into.structure.append((type(x),))
    into.numbers.append(np.array([x], dtype))
    into.tangents.append(None if t is None else np.array([t], dtype))


def _add_array(x: Any, t: Any, into: Flat) -> None:
    _require(t is None or (isinstance(t, np.ndarray) and t.shape == x.shape and t.dtype == x.dtype))
    into.structure.append((np.ndarray, x.shape))
    into.numbers.append(np.ascontiguousarray(x).reshape(-1))
    into.tangents.append(None if t is None else np.ascontiguousarray(t).reshape(-1))


def _flatten_layout(layout: Content, tangent: Any, into: Flat) -> None:
    into.structure.append((type(layout), layout.length, layout.parameters))
    if isinstance(tangent, Mapping):
        _require(layout.is_record or (layout.is_list and not is_text(layout)))
    elif tangent is not None and not layout.is_record:
        _require(type(layout) is type(tangent) and layout.length == tangent.length)
    if layout.is_numpy:
        _flatten_leaf(layout, tangent, into)
    elif layout.is_record:
        _flatten_record(layout, tangent, into)
    elif layout.is_union:
        raise NotAlike
    elif not layout.is_unknown:
        _flatten_below(layout, tangent, into)


def _flatten_leaf(layout: Content, tangent: Any, into: Flat) -> None:
    if layout.data.dtype.kind != "f" or layout.parameters:
        into.structure.append(on_host(layout.data))
        return
    data = _numbers(layout)
    given = None if tangent is None else _numbers(tangent)
    _require(given is None or (given.shape == data.shape and given.dtype.kind == "f"))
    into.structure.append(data.shape)
    into.numbers.append(device.contiguous(data.reshape(-1)))
    into.tangents.append(
        given if given is None else device.contiguous(given.reshape(-1), data.dtype)
    )


def _numbers(leaf: Content) -> Buffer:
    """The buffer of a leaf where it is."""
    return leaf.data if device.on_device(leaf.data) else device.in_memory(leaf.data)


def _flatten_record(layout: Content, tangent: Any, into: Flat) -> None:
    into.structure.append(tuple(layout.fields))
    if tangent is not None and not isinstance(tangent, Mapping):
        _require(tangent.is_record and tangent.length == layout.length)
        tangent = {name: tangent.content(name) for name in tangent.fields}
    _require(tangent is None or set(tangent) <= set(layout.fields))
    for name in layout.fields:
        item = None if tangent is None else tangent.get(name)
        item = item.layout if isinstance(item, ak.Array) else item
        _flatten_layout(layout.content(name), item, into)


def _flatten_below(layout: Content, tangent: Any, into: Flat) -> None:
    index_buffers = [_plain(getattr(layout, name)) for name in INDEX_BUFFERS.get(type(layout), ())]
    into.structure.extend(index_buffers)
    if is_text(layout):
        _flatten_layout(layout.content, None, into)
    elif isinstance(tangent, Mapping):
        below = {name: _below(item, layout, index_buffers) for name, item in tangent.items()}
        _flatten_layout(layout.content, below, into)
    else:
        _flatten_layout(layout.content, _below(tangent, layout, index_buffers), into)


def _plain(value: Any) -> Any:
    return on_host(value.data) if isinstance(value, ak.index.Index) else value


def _below(tangent: Any, layout: Content, index_buffers: Sequence[Any]) -> Any:
    """What a tangent has below lists that are the primal's."""
    if tangent is None:
        return None
    tangent = tangent.layout if isinstance(tangent, ak.Array) else tangent
    _require(type(tangent) is type(layout))
    own = [_plain(getattr(tangent, name)) for name in INDEX_BUFFERS.get(type(layout), ())]
    _require(all(map(_equal, own, index_buffers)))
    return tangent.content
