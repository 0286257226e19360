"""Templates: an array without its numbers, and the leaves that fill it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import awkward as ak
import numpy as np

from dualak import device
from dualak.arrays.backends import require_no_matrix
from dualak.arrays.columns import lazy_node, number_of
from dualak.arrays.highlevel import contains_duals, is_scalar, is_weak, own_behavior, wrap
from dualak.arrays.layouts import Content, children, is_dual, is_text, rebuilt, refilled
from dualak.arrays.ndarrays import DualNdarray, as_awkward, collected
from dualak.arrays.packing import packed
from dualak.arrays.soundness import require_sound
from dualak.graph.nodes import Node
from dualak.seeding.match import require_float
from dualak.tracing.digest import LEAF, digest_layout, is_marked

#: What a template was made of: an array of Awkward, a record, a NumPy array, a number, or one of
#: Python, whose type gives way to others.
ARRAY, RECORD, NUMPY, NUMBER, WEAK = "array", "record", "numpy", "number", "weak number"
NUMBERS = (NUMBER, WEAK)


@dataclass(frozen=True)
class Template:
    """An array without its numbers.

    Attributes:
        layout: with marked leaves, without bytes, for the numbers.
        origin: what the array was made of, such as ``numpy``.
        behavior: of the array.
        attrs: of the array.
    """

    layout: Content
    origin: str
    behavior: Any = None
    attrs: Any = None

    @cached_property
    def digest(self) -> bytes:
        """What equal templates have in common: worked out once, however many trees it stands in."""
        known = hashlib.blake2b(self.origin.encode(), digest_size=16)
        digest_layout(self.layout, known)
        return known.digest()

    @property
    def leaves(self) -> list[tuple[int, str]]:
        """The length and the kind (``f``, ``i``, ``b``) of each leaf of numbers."""
        return [
            (leaf.length, leaf.parameter(LEAF)) for leaf in _leaves(self.layout) if is_marked(leaf)
        ]

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The shape, if it is a rectangle of numbers alone, that is of one leaf."""
        if self.origin in NUMBERS:
            return ()
        sizes, layout = [self.layout.length], self.layout
        while layout.is_regular:
            layout = layout.content
            sizes.append(layout.length // max(1, int(np.prod(sizes))) if sizes[0] else 0)
        return tuple(sizes) if layout.is_numpy and self.origin != RECORD else None


# -- apart ----------------------------------------------------------------------------------------


def template_of(value: Any, leaves: list[Any]) -> Any:
    require_no_matrix(value)
    value = collected(value)
    if isinstance(value, np.ma.MaskedArray):
        value = ak.from_numpy(value)  # whose missing values are None
    if isinstance(value, (ak.Array, ak.Record)):
        return _of_array(value, leaves)
    if isinstance(value, np.ndarray) and value.ndim > 0 and value.dtype.kind in "fc":
        native = value.astype(value.dtype.newbyteorder("="), copy=False)
        layout = rebuilt(ak.contents.NumpyArray(native), lambda leaf: _marked(leaf, leaves))
        return Template(layout, NUMPY)
    if isinstance(value, (float, np.floating)) or (
        isinstance(value, np.ndarray) and not value.ndim
    ):
        array = np.asarray(value).reshape(1)
        origin = WEAK if is_weak(value) else NUMBER
        return Template(_marked(ak.contents.NumpyArray(array), leaves), origin)
    return value


def _of_array(value: Any, leaves: list[Any]) -> Template:
    origin, value = (NUMPY if isinstance(value, DualNdarray) else ARRAY), as_awkward(value)
    if isinstance(value, ak.Record):
        number = WEAK if is_weak(value) else NUMBER
        origin, at = (number if is_scalar(value) else RECORD), value.layout.at
        array = ak.Array(value.layout.array, behavior=value.behavior, attrs=value.attrs)
        value = (wrap(array) if contains_duals(array) else array)[at : at + 1]
    behavior, attrs = own_behavior(value.behavior), value.attrs
    layout = value.layout
    require_sound(layout, "x")
    if not any(map(_is_pending, _leaves(layout))):
        # Twice: the first time Awkward makes an index of the mask of a record, and no more.
        layout = (
            ak.to_packed(ak.to_packed(value)).layout if contains_duals(value) else packed(layout)
        )
    return Template(
        refilled(layout, lambda leaf: _marked(leaf, leaves)), origin, behavior, dict(attrs)
    )


def _marked(leaf: Content, leaves: list[Any]) -> Content:
    """A leaf of numbers without its bytes, which ``leaves`` get; another leaf as it is."""
    if is_dual(leaf):
        number = number_of(leaf)
        leaves.append(number)
        return _mark(leaf.length, number.dtype, {})
    if not leaf.is_numpy:
        return leaf
    if len(leaf.inner_shape) > 0:
        return rebuilt(leaf.to_RegularArray(), lambda content: _marked(content, leaves))
    node = lazy_node(leaf)
    if node is not None and _is_needed(node):
        leaves.append(node)
        return _mark(leaf.length, node.dtype, leaf.parameters)
    if leaf.data.dtype.kind not in "fc":
        return leaf
    require_float(leaf.data.dtype, "x")
    leaves.append(device.contiguous(leaf.data))
    return _mark(leaf.length, leaf.data.dtype, leaf.parameters)


def _mark(length: int, dtype: np.dtype[Any], parameters: Any) -> Content:
    """A marked leaf; floats of all sizes are alike, since the numbers themselves tell theirs."""
    known = np.dtype(np.float64) if dtype.kind == "f" else dtype
    nothing = np.broadcast_to(np.zeros((), known), (length,))
    return ak.contents.NumpyArray(nothing, parameters={**parameters, LEAF: known.kind})


def _is_pending(leaf: Content) -> bool:
    """Whether a leaf is of plain numbers that nobody has computed yet, such as a comparison."""
    node = lazy_node(leaf)
    return node is not None and _is_needed(node)


def own_parameters(leaf: Content) -> dict[str, Any] | None:
    """The parameters of a leaf without the mark; None for none, which Awkward need not check."""
    return {key: value for key, value in leaf.parameters.items() if key != LEAF} or None


def _leaves(layout: Content) -> Iterator[Content]:
    below = () if is_text(layout) else children(layout)
    if not below:
        yield layout
    for child in below:
        yield from _leaves(child)


def unmarked(leaf: Content, dtype: Any = None) -> Content:
    data = leaf.data if dtype is None else np.broadcast_to(np.zeros((), dtype), (leaf.length,))
    return ak.contents.NumpyArray(data, parameters=own_parameters(leaf))


def _is_needed(node: Node) -> bool:
    """Whether a node says more than its numbers: it is pending, or computed from an example."""
    return node.data is None or node.varies
