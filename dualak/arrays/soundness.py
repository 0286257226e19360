"""Whether the structure of a layout stays within its contents, before anything is gathered by it.

Awkward does not look when a layout is made, and raises where one of its own kernels goes beyond a
buffer.  Ours read what an index says; so each buffer of structure is looked at where its array
comes in, once as long as it lives.
"""

from __future__ import annotations

import weakref
from typing import Any

import awkward as ak
import numpy as np

from dualak import device
from dualak.arrays.layouts import INDEX_BUFFERS, Content, children, is_dual
from dualak.device import Buffer

#: What was found sound: a buffer, by its identity, with the lengths that it was compared with.
_known: dict[tuple[Any, ...], weakref.ref[Any]] = {}


def require_sound(layout: Content, path: str) -> None:
    """Refuses a layout whose lists, indexes or tags go beyond their contents.

    Buffers that are virtual are not read for this; ``path`` names the argument in errors.

    Raises:
        ValueError: saying which buffer of which kind of layout.
        TypeError: for a layout without buffers, such as a typetracer's.
    """
    device.require_backend(layout.backend.name)
    _look_at(layout, path)


def _look_at(layout: Content, path: str) -> None:
    if is_dual(layout) or layout.is_numpy or layout.is_unknown:
        return
    check = _CHECKS.get(type(layout))
    if check is not None and _is_readable(layout):
        check(layout, path)
    for child in children(layout):
        _look_at(child, path)


def _is_readable(layout: Content) -> bool:
    if layout.backend.name == "typetracer":
        return False
    buffers = (getattr(layout, name).data for name in INDEX_BUFFERS[type(layout)])
    return all(map(device.is_there, buffers))


def _of_offsets(layout: Content, path: str) -> None:
    data, length = layout.offsets.data, layout.content.length
    if _is_known(data, length):
        return
    offsets = _buffer(data)
    first, last = int(offsets[0]), int(offsets[-1])
    if (offsets[1:] < offsets[:-1]).any():
        raise _wrong(layout, path, "offsets that do not fall", "some that do")
    if first != last and (first < 0 or last > length):
        raise _wrong(layout, path, f"offsets from 0 to {length}", f"{first} to {last}")
    _remember(data, length)


def _of_lists(layout: Content, path: str) -> None:
    length = layout.content.length
    starts, stops = _buffer(layout.starts.data), _buffer(layout.stops.data)
    stops = stops[: len(starts)]
    filled = starts != stops
    starts, stops = starts[filled], stops[filled]
    if (starts > stops).any():
        raise _wrong(layout, path, "lists that stop where they start, or later", "others")
    _require_within(layout, path, starts, 0, length, "starts")
    _require_within(layout, path, stops, 0, length + 1, "stops")


def _of_index(layout: Content, path: str) -> None:
    data, length = layout.index.data, layout.content.length
    if _is_known(data, length):
        return
    index = _buffer(data)
    lowest = np.iinfo(index.dtype).min if layout.is_option else 0
    _require_within(layout, path, index, lowest, length, "an index")
    _remember(data, length)


def _of_union(layout: Content, path: str) -> None:
    data, lengths = layout.tags.data, [content.length for content in layout.contents]
    key = (id(layout.index.data), *lengths)
    if _is_known(data, *key):
        return
    tags, index = _buffer(data), _buffer(layout.index.data)[: layout.length]
    _require_within(layout, path, tags, 0, len(lengths), "tags")
    for tag, length in enumerate(lengths):
        _require_within(layout, path, index[tags == tag], 0, length, f"an index of kind {tag}")
    _remember(data, *key)


_CHECKS = {
    ak.contents.ListOffsetArray: _of_offsets,
    ak.contents.ListArray: _of_lists,
    ak.contents.IndexedArray: _of_index,
    ak.contents.IndexedOptionArray: _of_index,
    ak.contents.UnionArray: _of_union,
}


def _require_within(
    layout: Content, path: str, values: Buffer, lowest: int, stop: int, what: str
) -> None:
    if len(values) == 0:
        return
    least, most = int(values.min()), int(values.max())
    if least < lowest or most >= stop:
        expected = f"{what} below {stop}" if lowest < 0 else f"{what} from {lowest} to {stop - 1}"
        raise _wrong(layout, path, expected, f"{least} to {most}")


def _wrong(layout: Content, path: str, expected: str, got: str) -> ValueError:
    return ValueError(
        f"{path}: expected {expected} in a {type(layout).__name__}, got {got}; "
        "ak.validity_error tells what is wrong with an array"
    )


def _buffer(data: Any) -> Buffer:
    return device.to_host(device.read(data))


# -- what was looked at ---------------------------------------------------------------------------


def _is_known(data: Any, *compared: int) -> bool:
    known = _known.get((id(data), *compared))
    return known is not None and known() is data


def _remember(data: Any, *compared: int) -> None:
    key = (id(data), *compared)
    _known[key] = weakref.ref(data, lambda _: _known.pop(key, None))
