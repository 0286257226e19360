"""Arguments taken apart: the structure of a tree of arrays, and the numbers that fill it.

Two trees of equal structure differ only in their floating-point numbers.  Structure is a list of
plain values and of index buffers; a tangent is taken apart beside its primal, and has to lie alike.
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import awkward as ak
import numpy as np

from dualak import device
from dualak.arrays.backends import on_host
from dualak.arrays.layouts import INDEX_BUFFERS, Content, children, is_text
from dualak.device import Buffer
from dualak.pytree import branch


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

    def without_numbers(self) -> Flat:
        """The structure, which nobody can change any more, with no bytes of the numbers."""

        def nothing(buffer: Any) -> Any:
            return (
                None
                if buffer is None
                else np.broadcast_to(np.zeros((), buffer.dtype), buffer.shape)
            )

        kept = [part.kept() if isinstance(part, _Values) else part for part in self.structure]
        return Flat(kept, list(map(nothing, self.numbers)), list(map(nothing, self.tangents)))


@dataclass(frozen=True, eq=False)
class _Values:
    """Integers and the like, which are compared each time: their owner may change them."""

    buffer: Buffer

    def kept(self) -> _Values:
        return _Values(self.buffer.copy())

    def same(self, other: _Values) -> bool:
        mine, theirs = self.buffer, other.buffer
        return mine.dtype == theirs.dtype and np.array_equal(mine, theirs)


def _alike(buffer: Buffer, other: Buffer) -> bool:
    return buffer.dtype == other.dtype and buffer.shape == other.shape


def _equal(part: Any, other: Any) -> bool:
    if part is other:
        return True
    if isinstance(part, _Values) and isinstance(other, _Values):
        return part.same(other)
    if not isinstance(part, np.ndarray) or not isinstance(other, np.ndarray):
        return type(part) is type(other) and _same(part, other)
    if part.shape != other.shape or part.dtype != other.dtype:
        return False
    return device.address(part) == device.address(other) or np.array_equal(part, other)


def _same(part: Any, other: Any) -> bool:
    """Whether two values are equal, also containers of arrays."""
    try:
        return bool(part == other)
    except ValueError:
        pass
    if isinstance(part, Mapping):
        return list(part) == list(other) and all(_equal(part[key], other[key]) for key in part)
    if isinstance(part, (list, tuple)):
        return len(part) == len(other) and all(map(_equal, part, other))
    return False


class NotAlike(Exception):
    """A tangent does not lie in memory as its primal does, or there is something unknown."""


#: Values that stay what they are, and say whether they are equal.
_FIXED = (
    *(bool, int, complex, str, bytes, type(None), slice, range, frozenset, type, type(...)),
    *(types.FunctionType, types.BuiltinFunctionType, np.ufunc, np.dtype, np.generic),
)


def flat(x: Any, t: Any) -> Flat:
    """A tree and its tangent taken apart.

    Raises:
        NotAlike: if that needs more than a look at them.
    """
    found = Flat()
    _flatten(x, t, found)
    return found


def _flatten(x: Any, t: Any, into: Flat) -> None:
    below = branch(x)
    if below is not None:
        into.structure.extend((type(x), below.keys))
        tangents = _tangents_below(t, x, below.keys)
        for item, tangent in zip(below.items, tangents, strict=True):
            _flatten(item, tangent, into)
    elif isinstance(x, (float, np.floating)):
        _add_number(x, t, into)
    elif type(x) is np.ndarray and x.dtype.kind == "f":
        _add_array(x, t, into)
    elif type(x) is np.ndarray and x.dtype.kind != "O":
        _require(t is None, "a tangent for what has none")
        into.structure.append(_Values(x))
    elif isinstance(x, _FIXED):
        _require(
            t is None or (isinstance(x, (int, bool)) and t == 0), "a tangent for what has none"
        )
        into.structure.append(x)
    elif isinstance(x, (ak.Array, ak.Record)):
        into.structure.extend((type(x), x.behavior, x.attrs))
        given = t if t is None or isinstance(t, Mapping) else _layout_of(t, type(x))
        _flatten_layout(_layout_of(x, type(x)), given, into)
    else:
        raise NotAlike(f"an argument that is a {type(x).__name__}")


def _tangents_below(t: Any, x: Any, keys: Sequence[Any]) -> Sequence[Any]:
    """The tangents of what stands in a container; those that are not given are None."""
    if t is None:
        return [None] * len(keys)
    if isinstance(x, Mapping):
        _require(isinstance(t, Mapping) and set(t) <= set(x))
        return [t.get(key) for key in keys]
    _require(isinstance(t, (list, tuple)) and len(t) == len(x))
    return t


def _layout_of(x: Any, cls: type) -> Content:
    """The layout of an array; of a record that of an array of it alone."""
    record = issubclass(cls, ak.Record)
    _require(isinstance(x, ak.Record if record else ak.Array), _LIES)
    layout = x.layout.array[x.layout.at : x.layout.at + 1] if record else x.layout
    device.require_backend(layout.backend.name)
    return layout


_LIES = "a tangent that does not lie in memory as its primal does"


def _require(condition: bool, why: str = _LIES) -> None:
    if not condition:
        raise NotAlike(why)


def _require_float(dtype: np.dtype[Any]) -> None:
    if dtype.itemsize not in (4, 8):
        raise NotAlike(f"numbers of {dtype}")


def _add_number(x: Any, t: Any, into: Flat) -> None:
    _require(t is None or (isinstance(t, (int, float, np.floating)) and not isinstance(t, bool)))
    dtype = x.dtype if isinstance(x, np.floating) else np.dtype(np.float64)
    _require_float(dtype)
    into.structure.append((type(x),))
    into.numbers.append(np.array([x], dtype))
    into.tangents.append(None if t is None else np.array([t], dtype))


def _add_array(x: Any, t: Any, into: Flat) -> None:
    _require(t is None or (type(t) is np.ndarray and t.shape == x.shape and t.dtype == x.dtype))
    _require_float(x.dtype)
    into.structure.append((np.ndarray, x.shape, x.dtype))
    dtype = x.dtype.newbyteorder("=")
    into.numbers.append(np.ascontiguousarray(x, dtype).reshape(-1))
    into.tangents.append(None if t is None else np.ascontiguousarray(t, dtype).reshape(-1))


def _flatten_layout(layout: Content, tangent: Any, into: Flat) -> None:
    into.structure.append((type(layout), layout.length, layout.parameters))
    if isinstance(tangent, Mapping):
        _require(layout.is_record or (layout.is_list and not is_text(layout)))
    elif tangent is not None and not layout.is_record:
        _require(type(layout) is type(tangent) and layout.length == tangent.length)
    if is_text(layout):
        _add_text(layout, into)
    elif layout.is_numpy:
        _flatten_leaf(layout, tangent, into)
    elif layout.is_record:
        _flatten_record(layout, tangent, into)
    elif layout.is_union:
        _flatten_union(layout, tangent, into)
    elif not layout.is_unknown:
        _flatten_below(layout, tangent, into)


def _add_text(layout: Content, into: Flat) -> None:
    """Strings and categories, which are structure, whatever they are made of."""
    into.structure.extend((type(layout), layout.length, layout.parameters))
    into.structure.extend(_index_buffers(layout))
    if layout.is_numpy:
        into.structure.append(on_host(layout.data))
    for child in children(layout):
        _add_text(child, into)


def _flatten_leaf(layout: Content, tangent: Any, into: Flat) -> None:
    kind = layout.data.dtype.kind
    if kind != "f":
        known = on_host(layout.data)
        into.structure.append(known if device.on_device(layout.data) else _Values(known))
        return
    _require_float(layout.data.dtype)
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
    into.structure.append((layout.is_tuple, *layout.fields))
    if tangent is not None and not isinstance(tangent, Mapping):
        _require(tangent.is_record and tangent.length == layout.length)
        tangent = {name: tangent.content(name) for name in tangent.fields}
    _require(tangent is None or set(tangent) <= set(layout.fields))
    for name in layout.fields:
        item = None if tangent is None else tangent.get(name)
        item = item.layout if isinstance(item, ak.Array) else item
        _flatten_layout(layout.content(name), item, into)


def _flatten_union(layout: Content, tangent: Any, into: Flat) -> None:
    index_buffers = _index_buffers(layout)
    into.structure.extend(index_buffers)
    given = [None] * len(layout.contents)
    if tangent is not None:
        _require_index_buffers(tangent, layout, index_buffers)
        given = tangent.contents
        _require(len(given) == len(layout.contents))
    for content, part in zip(layout.contents, given, strict=True):
        _flatten_layout(content, part, into)


def _flatten_below(layout: Content, tangent: Any, into: Flat) -> None:
    index_buffers = _index_buffers(layout)
    into.structure.extend(index_buffers)
    if isinstance(tangent, Mapping):
        below = {name: _below(item, layout, index_buffers) for name, item in tangent.items()}
        _flatten_layout(layout.content, below, into)
    else:
        _flatten_layout(layout.content, _below(tangent, layout, index_buffers), into)


def _index_buffers(layout: Content) -> list[Any]:
    return [_plain(getattr(layout, name)) for name in INDEX_BUFFERS.get(type(layout), ())]


def _plain(value: Any) -> Any:
    return on_host(value.data) if isinstance(value, ak.index.Index) else value


def _below(tangent: Any, layout: Content, index_buffers: Sequence[Any]) -> Any:
    """What a tangent has below lists that are the primal's."""
    if tangent is None:
        return None
    tangent = tangent.layout if isinstance(tangent, ak.Array) else tangent
    _require_index_buffers(tangent, layout, index_buffers)
    return tangent.content


def _require_index_buffers(tangent: Content, layout: Content, index_buffers: Sequence[Any]) -> None:
    """Refuses a tangent whose elements do not lie as those of its primal."""
    _require(type(tangent) is type(layout))
    _require(all(map(_equal, _index_buffers(tangent), index_buffers)))
