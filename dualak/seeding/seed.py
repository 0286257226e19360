"""Into duals: arguments of a function, paired with their tangents in some directions.

``path`` says in errors which part of which argument is meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import awkward as ak
import numpy as np

from dualak import device
from dualak.ad.dual import Level, Number, dual_or_value
from dualak.ad.linear import cast, part
from dualak.arrays.backends import entered
from dualak.arrays.canonical import NO_COMPLEX
from dualak.arrays.columns import dual, node_of, number_of, reading
from dualak.arrays.context import graph_in_use
from dualak.arrays.highlevel import is_scalar, is_weak, layout_of, wrap, wrapped
from dualak.arrays.layouts import Content, is_dual, is_text, rebuilt
from dualak.arrays.ndarrays import as_awkward, collected, like
from dualak.arrays.packing import packed
from dualak.graph.nodes import Node
from dualak.pytree import branch, tree_like
from dualak.seeding.match import (
    Inputs,
    StructureError,
    Tangent,
    congruent,
    each,
    leaf_tangents,
    require_constant,
    require_float,
    require_known_names,
    shown,
)


def seed(x: Any, directions: Sequence[Any], level: Level, path: str = "x") -> Any:
    """The argument ``x`` with its tangents in some directions, as duals of a level.

    What is no floating-point number stays as it is.
    """
    with reading():
        return _seed(x, directions, level, path)


def _seed(x: Any, directions: Sequence[Any], level: Level, path: str) -> Any:
    below = branch(x)
    if below is not None:
        given = [_tangents_below(t, x, below.keys, path) for t in directions]
        items = [
            _seed(item, [each[i] for each in given], level, f"{path}[{key!r}]")
            for i, (key, item) in enumerate(zip(*below, strict=True))
        ]
        return tree_like(x, items)
    if is_scalar(x):
        return _seed_scalar(x, directions, level, path)
    x = collected(entered(x, path))
    if isinstance(x, (ak.Array, ak.Record)):
        return like(x, _seed_array(as_awkward(x), directions, level, path))
    if isinstance(x, np.ndarray) and x.ndim > 0 and x.dtype.kind in "fc":
        return like(x, _seed_array(_native(x), directions, level, path))
    if isinstance(x, (float, np.floating)) or (
        isinstance(x, np.ndarray) and x.ndim == 0 and x.dtype.kind == "f"
    ):
        return _seed_scalar(x, directions, level, path)
    for t in directions:
        require_constant(x, t, path)
    return x


def _tangents_below(t: Any, x: Any, keys: Sequence[Any], path: str) -> Sequence[Any]:
    """The tangents of what stands in a container."""
    if t is None or isinstance(t, Inputs):
        return [t] * len(keys)
    if isinstance(x, Mapping):
        if not isinstance(t, Mapping):
            raise StructureError(f"{path}: expected a dict for a tangent, got {type(t).__name__}")
        require_known_names(t, x, path)
        return [t.get(key) for key in keys]
    if not isinstance(t, (type(x), list)):
        raise StructureError(
            f"{path}: expected a {type(x).__name__} for a tangent, got {type(t).__name__}"
        )
    if len(t) != len(x):
        raise StructureError(f"{path}: expected {len(x)} tangents, got {len(t)}")
    return t


def _native(x: np.ndarray[Any, Any]) -> ak.Array:
    """A NumPy array of any byte order as an Awkward Array."""
    return ak.Array(x.astype(x.dtype.newbyteorder("="), copy=False))


def _seed_scalar(x: Any, directions: Sequence[Any], level: Level, path: str) -> Any:
    value = _scalar(x, path)
    tangents = [None if t is None else _scalar_tangent(t, value, path) for t in directions]
    return wrap(ak.Array(dual(dual_or_value(level, value, tangents), weak=is_weak(x))))[0]


def _scalar(x: Any, path: str) -> Number:
    """A number of one element."""
    if is_scalar(x):
        return part(number_of(x.layout.array), x.layout.at, x.layout.at + 1)
    plain = isinstance(x, float) and not isinstance(x, np.floating)
    dtype = np.dtype(np.float64) if plain else x.dtype
    require_float(dtype, path)
    graph = graph_in_use()
    return graph.leaf(graph.buffer(np.array([x], dtype)))


def _scalar_tangent(t: Any, value: Number, path: str) -> Number:
    if isinstance(t, Inputs):
        return t.input(value)
    if is_scalar(t):
        return cast(_scalar(t, path), value.dtype)
    number = isinstance(t, (int, float, np.number)) or (
        isinstance(t, np.ndarray) and t.ndim == 0 and t.dtype.kind in "fiu"
    )
    if not number or isinstance(t, (bool, complex, np.complexfloating)):
        raise StructureError(f"{path}: expected a number for a tangent, got {shown(t)}")
    return graph_in_use().buffer(np.array([t]).astype(value.dtype))


def _seed_array(x: Any, directions: Sequence[Any], level: Level, path: str) -> Any:
    record = isinstance(x, ak.Record)
    array = ak.Array(x.layout.array[x.layout.at : x.layout.at + 1]) if record else x
    device.require_backend(layout_of(x).backend.name)
    layout = array.layout
    tangents = [_tangent_layout(t, record, path) for t in directions]
    if layout.length == 0:
        # No element has a tangent, and nothing is left to compare.
        tangents = [
            None if getattr(tangent, "length", None) == 0 else tangent for tangent in tangents
        ]
    if not all(congruent(layout, tangent) for tangent in tangents):
        layout, tangents = packed(layout), [each(tangent, packed) for tangent in tangents]
    leaves = [leaf_tangents(layout, tangent, path) for tangent in tangents]
    seeded = wrapped(_seeded(layout, leaves, level, path), x.behavior, x.attrs)
    return seeded[0] if record else seeded


def _seeded(layout: Content, tangents: Sequence[Iterator[Any]], level: Level, path: str) -> Content:
    """The layout with duals for its floating-point leaves; tangents come leaf by leaf."""
    graph = graph_in_use()

    def leaf(content: Content) -> Content:
        if is_text(content) or content.is_unknown:
            given = [next(each) for each in tangents]
            return content
        if content.is_numpy and len(content.inner_shape) > 0:
            return rebuilt(content.to_RegularArray(), leaf)
        given = [next(each) for each in tangents]
        if content.is_numpy and device.is_left_out(content.data):
            return content
        if not is_dual(content) and content.data.dtype.kind != "f":
            if content.data.dtype.kind == "c" and any(isinstance(each, Inputs) for each in given):
                raise TypeError(
                    f"{path}: expected real numbers, got {content.data.dtype}: {NO_COMPLEX}"
                )
            return content
        value = number_of(content) if is_dual(content) else _loaded(content, path)
        value = graph.leaf(value) if isinstance(value, Node) else value
        if value.dtype.kind != "f":
            return content
        tangent = [_tangent_of(value, each) for each in given]
        return dual(dual_or_value(level, value, tangent))

    return rebuilt(layout, leaf)


def _tangent_of(value: Number, given: Number | Inputs | None) -> Number | None:
    if isinstance(given, Inputs):
        return given.input(value)
    return None if given is None else cast(given, value.dtype)


def _loaded(layout: Content, path: str) -> Number:
    """The node of a leaf; a virtual buffer is read when a pass needs it, not before."""
    require_float(layout.data.dtype, path)
    if device.is_there(layout.data):
        return node_of(layout)
    return graph_in_use().load(lambda: layout.data, layout.data.dtype, layout.length)


def _tangent_layout(t: Any, record: bool, path: str) -> Tangent:
    if isinstance(t, Inputs):
        return t
    if t is None or (isinstance(t, np.ndarray) and t.dtype.kind == "V"):
        return None
    if isinstance(t, Mapping):
        return {
            name: _tangent_layout(item, record, f"{path}[{name!r}]") for name, item in t.items()
        }
    if isinstance(t, (ak.Array, ak.Record)):
        device.require_backend(layout_of(t).backend.name)
    t = entered(t, path)
    if isinstance(t, ak.Record):
        return t.layout.array[t.layout.at : t.layout.at + 1]
    if record and (np.ndim(t) == 0 and not isinstance(t, (ak.Array, bool, np.bool_))):
        return ak.contents.NumpyArray(np.array([float(t)]))
    if isinstance(t, np.ndarray) and t.ndim > 0 and t.dtype.kind != "O":
        t = _native(t)
    if isinstance(t, (ak.Array, list)):
        layout = ak.to_layout(t, regulararray=True) if isinstance(t, list) else t.layout
        return ak.contents.RegularArray(layout, layout.length, 1) if record else layout
    kind = "a number" if record else "an array"
    raise StructureError(f"{path}: expected {kind} for a tangent, got {shown(t)}")
