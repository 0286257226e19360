"""Products and sums of whole arrays, linear in each of them: NumPy computes values and tangents.

The tangent is the sum, over the differentiated arguments, of the function with one of them replaced
by its tangent.  ``labels`` name dimensions as ``np.einsum`` does, and say what shape comes out.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np

from dualak.arrays import wrap
from dualak.device import Buffer
from dualak.duals import dual, graph_in_use, node_of, nodes_of
from dualak.functions.regular import (
    Shape,
    cast,
    common_dtype,
    flat_of,
    shape_of,
    shaped,
)
from dualak.graph import Node


@dataclass(frozen=True)
class _OfBuffers:
    """A function of arrays as one of flat buffers, equal for equal work."""

    function: Callable[..., Any]
    shapes: tuple[Shape, ...]
    given: tuple[tuple[str, Any], ...]

    def __call__(self, *buffers: Buffer) -> Buffer:
        pairs = zip(buffers, self.shapes, strict=True)
        with np.errstate(all="ignore"):
            result = self.function(*(one.reshape(s) for one, s in pairs), **dict(self.given))
        return np.array(result, order="C").reshape(-1)  # its own: NumPy may give a view


def multilinear(
    function: Callable[..., Any],
    shape: Sequence[int],
    arrays: Sequence[Any],
    constants: Sequence[Any] = (),
    **given: Any,
) -> Any:
    """``function(*arrays, *constants, **given)`` of what ``regular`` gives, in the given shape.

    It has to be linear in each of the arrays, and to give numbers of the type that they have in
    common; NumPy's ``constants`` keep theirs, and what else is given has to be hashable.
    """
    dtype = common_dtype(arrays)
    arrays = [cast(one, dtype) for one in arrays]
    shapes = tuple(map(shape_of, (*arrays, *constants)))
    work = _OfBuffers(function, shapes, tuple(sorted(given.items())))
    graph = graph_in_use()
    pairs = [_pair(one) for one in arrays]
    fixed = [_pair(one)[0] for one in constants]

    def call(nodes: Sequence[Node]) -> Node:
        return graph.call(work, (*nodes, *fixed), dtype, math.prod(shape))

    values = [value for value, _ in pairs]
    terms = [
        call([*values[:i], tangent, *values[i + 1 :]])
        for i, (_, tangent) in enumerate(pairs)
        if tangent is not None
    ]
    tangent = functools.reduce(lambda x, y: graph.apply("add", x, y), terms) if terms else None
    return shaped(wrap(ak.Array(dual(call(values), tangent))), shape)


def _pair(array: Any) -> tuple[Node, Node | None]:
    if isinstance(array, np.ndarray):
        node = node_of(ak.contents.NumpyArray(array.reshape(-1)))
        assert node is not None
        return node, None
    return nodes_of(flat_of(array).layout)


def shape_by_labels(labels: str, arrays: Sequence[Any], name: str) -> Shape:
    """The shape that a product of arrays has; a size of one fits any other.

    Raises:
        ValueError: for arrays whose dimensions are not those of the labels.
    """
    inputs, _, output = labels.partition("->")
    shapes = [shape_of(one) for one in arrays]
    sizes: dict[str, int] = {}
    broadcast: list[Shape] = []
    for term, shape in zip(inputs.split(","), shapes, strict=True):
        before, dots, after = term.partition("...")
        inner = len(shape) - len(before) - len(after)
        if inner < 0 or (inner > 0 and not dots):
            raise ValueError(f"{name}: expected arrays with the dimensions {labels}, got {shapes}")
        broadcast.append(shape[len(before) : len(before) + inner])
        named = shape[: len(before)] + shape[len(before) + inner :]
        for label, size in zip(before + after, named, strict=True):
            known = sizes.get(label, 1)
            if known != size and 1 not in (known, size):
                raise ValueError(f"{name}: expected arrays that fit {labels}, got {shapes}")
            sizes[label] = size if known == 1 else known
    before, dots, after = output.partition("...")
    if not set(before + after) <= sizes.keys():
        raise ValueError(f"{name}: expected a result with labels of the arrays, got {labels}")
    inside = np.broadcast_shapes(*broadcast) if dots else ()
    return (*(sizes[one] for one in before), *inside, *(sizes[one] for one in after))
