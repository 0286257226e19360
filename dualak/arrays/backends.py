"""Arrays of a device: their structure is brought to the host, their numbers stay where they are.

Awkward works on the host on structure alone, which is small, and needs no kernels for a GPU.  The
numbers become constants of the graph, in place; results are put together again on the device.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import awkward as ak
import numpy as np

from dualak import device
from dualak.arrays.canonical import canonicalize
from dualak.arrays.columns import dual, lazy_node
from dualak.arrays.context import graph_in_use
from dualak.arrays.foreign import entering
from dualak.arrays.layouts import INDEX_BUFFERS, Content, holds_duals
from dualak.arrays.soundness import require_sound
from dualak.engine import realize


def backend_of(value: Any) -> str | None:
    """Awkward's name of the backend of an array; None for what may go anywhere, NumPy's as well."""
    if isinstance(value, (ak.Array, ak.Record)):
        layout = value.layout.array if isinstance(value, ak.Record) else value.layout
        return str(layout.backend.name)
    return "cuda" if device.on_device(value) else None


def require_no_matrix(value: Any) -> None:
    """Raises a TypeError for a matrix of NumPy: it multiplies otherwise than all arrays do."""
    if isinstance(value, np.matrix):
        raise TypeError(
            "expected an array, got a numpy.matrix, whose product is not element by element; "
            "take np.asarray(x) and x @ y"
        )


def entered(value: Any, path: str = "a constant") -> Any:
    """An array of a device as one of the host, with its numbers as constants of the graph in use.

    Anything else comes back as it is; ``path`` names the array in errors.

    Raises:
        TypeError: for a matrix of NumPy.
        ValueError: for one of a device where the graph computes on the host, and for lists, an
            index or tags that go beyond their contents.
    """
    require_no_matrix(value)
    if not isinstance(value, (ak.Array, ak.Record)) and not device.on_device(value):
        return entering(value)
    backend = backend_of(value)
    if backend != "cuda":
        if backend != "typetracer":  # which has no numbers that could be wrong
            _require_sound_array(value, path)
        return value
    if graph_in_use().memory is device.HOST:
        raise ValueError(
            "expected arrays on one backend, got one on 'cuda' beside differentiated ones on "
            "'cpu'; move one with ak.to_backend"
        )
    if isinstance(value, ak.Record):
        at = value.layout.at
        whole = ak.Array(value.layout.array[at : at + 1], behavior=value.behavior)
        return entered(whole, path)[0]
    if not isinstance(value, ak.Array):
        return ak.Array(_leaf_entered(ak.contents.NumpyArray(value)))
    layout = relocated(value.layout, on_host, _leaf_entered)
    require_sound(layout, path)
    return ak.Array(canonicalize(layout), behavior=value.behavior, attrs=value.attrs)


def _require_sound_array(value: Any, path: str) -> None:
    """Duals were made from arrays that were looked at."""
    layout = value.layout.array if isinstance(value, ak.Record) else value.layout
    if not holds_duals(layout):
        require_sound(layout, path)


def _leaf_entered(leaf: Content) -> Content:
    if leaf.data.dtype.kind != "f" or leaf.data.dtype.itemsize not in (4, 8):
        return ak.contents.NumpyArray(on_host(leaf.data), parameters=leaf.parameters)
    if len(leaf.inner_shape) > 0:
        return relocated(leaf.to_RegularArray(), on_host, _leaf_entered)
    graph, data = graph_in_use(), leaf.data
    if not device.is_there(data):
        return dual(graph.load(lambda: device.read(data), data.dtype, leaf.length))
    return dual(graph.buffer(graph.memory.moved(device.read(data))))


#: Structure that was brought to the host, by the identity of the buffer on the device, and the
#: buffers on the device by what says the same of that on the host.  The structure of an array is
#: not changed in place, so each stands for the other as long as the one on the device lives.
_on_host: dict[int, tuple[weakref.ref[Any], device.Buffer]] = {}
_origins: dict[tuple[Any, ...], weakref.ref[Any]] = {}


def on_host(data: Any) -> device.Buffer:
    """A buffer of structure on the host; that of a device is copied once as long as it lives."""
    data = device.read(data)
    if not device.on_device(data):
        return device.in_memory(data)
    key = id(data)
    known = _on_host.get(key)
    if known is not None and known[0]() is data:
        return known[1]
    copy = device.to_host(data)
    place = _place(copy)

    def gone(_: Any) -> None:
        _on_host.pop(key, None)
        _origins.pop(place, None)

    _on_host[key] = weakref.ref(data, gone), copy
    _origins[place] = _on_host[key][0]
    return copy


def _place(buffer: device.Buffer) -> tuple[Any, ...]:
    return device.address(buffer), len(buffer), buffer.dtype


def _back_there(memory: device.Memory, data: Any) -> Any:
    """A buffer of structure on the device: the one that it came from, or a copy."""
    buffer = device.in_memory(data)
    known = _origins.get(_place(buffer))
    origin = None if known is None else known()
    return memory.resident(buffer) if origin is None else origin


def placed(array: Any, memory: device.Memory) -> Any:
    """An array of the host as one of a device: lazy numbers become those that were computed there.

    Anything else comes back as it is.
    """
    if isinstance(array, ak.Record):
        at = array.layout.at
        whole = ak.Array(array.layout.array[at : at + 1], behavior=array.behavior)
        return placed(whole, memory)[0]
    if not isinstance(array, ak.Array) or backend_of(array) == "cuda":
        return array
    layout = placed_layout(array.layout, memory)
    return ak.Array(layout, behavior=array.behavior, attrs=array.attrs)


def placed_layout(layout: Content, memory: device.Memory) -> Content:
    """The same for a layout."""

    def leaf(content: Content) -> Content:
        node = lazy_node(content)
        if node is None:
            data = (
                content.data if device.on_device(content.data) else device.in_memory(content.data)
            )
        else:
            realize.compute([node])
            data = node.data
        return ak.contents.NumpyArray(memory.moved(data), parameters=content.parameters)

    return relocated(layout, lambda data: _back_there(memory, data), leaf)


def relocated(
    layout: Content, index: Callable[[Any], Any], leaf: Callable[[Content], Content]
) -> Content:
    """The layout with ``index`` applied to buffers of its structure, ``leaf`` to its leaves."""
    if layout.is_numpy:
        return leaf(layout)
    if layout.is_unknown or (layout.is_record and not layout.contents):
        kind = "cuda" if device.on_device(index(np.zeros(1, np.int64))) else "cpu"
        return ak.to_backend(layout, kind, highlevel=False)
    parts = {
        name: type(part)(index(part.data))
        for name in INDEX_BUFFERS.get(type(layout), ())
        if isinstance(part := getattr(layout, name), ak.index.Index)
    }
    if layout.is_record:
        contents = [relocated(content, index, leaf) for content in layout.contents]
        fields = None if layout.is_tuple else layout.fields
        return ak.contents.RecordArray(
            contents, fields, layout.length, parameters=layout.parameters
        )
    if layout.is_union:
        contents = [relocated(content, index, leaf) for content in layout.contents]
        return layout.copy(contents=contents, **parts)
    return layout.copy(content=relocated(layout.content, index, leaf), **parts)
