"""Products and sums of whole arrays, linear in each of them: NumPy computes values and tangents.

The tangent is the sum, over the differentiated arguments, of the function with one of them replaced
by its tangent.  ``labels`` name dimensions as ``np.einsum`` does, and say what shape comes out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np

from dualak.ad import linear
from dualak.ad.dual import Number, primal
from dualak.arrays.columns import dual, node_of, number_of
from dualak.arrays.context import graph_in_use
from dualak.arrays.highlevel import wrap
from dualak.device import Buffer
from dualak.functions.numpy.regular import Shape, cast, common_dtype, flat_of, shape_of, shaped
from dualak.graph.nodes import Node


@dataclass(frozen=True)
class _OfBuffers:
    """A function of arrays as one of flat buffers, equal for equal work."""

    function: Callable[..., Any]
    backwards: Callable[..., Any]
    shape: Shape
    shapes: tuple[Shape, ...]
    given: tuple[tuple[str, Any], ...]

    @property
    def name(self) -> str:
        """The name of the function."""
        return getattr(self.function, "__name__", "a product")

    def __call__(self, *buffers: Buffer) -> Buffer:
        pairs = zip(buffers, self.shapes, strict=True)
        with np.errstate(all="ignore"):
            result = self.function(*(one.reshape(s) for one, s in pairs), **dict(self.given))
        return np.array(result, order="C").reshape(-1)  # its own: NumPy may give a view

    def replayed(self, node: Node, numbers: Sequence[Number]) -> Number:
        """The same of other numbers."""
        return _multilinear(self, node, numbers)

    def transpose(
        self, node: Node, cotangent: Node, inside: Sequence[bool]
    ) -> list[tuple[int, Node]]:
        """What reverse mode asks for: the cotangent of the argument that depends on its inputs."""
        if sum(inside) != 1:
            raise NotImplementedError("expected a product that is linear in tangents")
        i = list(inside).index(True)
        others = [arg for j, arg in enumerate(node.args) if j != i]
        length = math.prod(self.shapes[i])
        return [(i, node.graph.call(_Backwards(self, i), (cotangent, *others), node.dtype, length))]


@dataclass(frozen=True)
class _Backwards:
    """The transpose of a function of flat buffers in one of its arguments."""

    work: _OfBuffers
    i: int

    @property
    def name(self) -> str:
        """The name of the function."""
        return f"the transpose of {self.work.name}"

    def __call__(self, cotangent: Buffer, *others: Buffer) -> Buffer:
        shapes, rest = self.work.shapes, iter(others)
        arrays = [None if j == self.i else next(rest).reshape(s) for j, s in enumerate(shapes)]
        given = dict(self.work.given)
        whole = cotangent.reshape(self.work.shape)
        result = self.work.backwards(self.i, whole, arrays, shapes[self.i], **given)
        return np.array(result, order="C").reshape(-1)

    def replayed(self, node: Node, numbers: Sequence[Number]) -> Number:
        """The same of other numbers."""
        return _multilinear(self, node, numbers)


def _multilinear(function: Any, node: Node, numbers: Sequence[Number]) -> Number:
    def call(*nodes: Node) -> Node:
        return nodes[0].graph.call(function, nodes, node.dtype, node.length)

    return linear.multilinear(call, *numbers)


def multilinear(
    function: Callable[..., Any],
    backwards: Callable[..., Any],
    shape: Sequence[int],
    arrays: Sequence[Any],
    constants: Sequence[Any] = (),
    **given: Any,
) -> Any:
    """``function(*arrays, *constants, **given)`` of what ``regular`` gives, in the given shape.

    It has to be linear in each of the arrays, and to give numbers of the type that they have in
    common; ``backwards`` is one of ``dualak.functions.transposes``.  NumPy's ``constants`` keep
    their types, and what else is given has to be hashable.
    """
    dtype = common_dtype(arrays)
    arrays = [cast(one, dtype) for one in arrays]
    shapes = tuple(map(shape_of, (*arrays, *constants)))
    work = _OfBuffers(function, backwards, tuple(shape), shapes, tuple(sorted(given.items())))
    graph, fixed = graph_in_use(), [primal(_number(one)) for one in constants]

    def call(*nodes: Node) -> Node:
        return graph.call(work, (*nodes, *fixed), dtype, math.prod(shape))

    number = linear.multilinear(call, *map(_number, arrays))
    return shaped(wrap(ak.Array(dual(number))), shape)


def _number(array: Any) -> Number:
    if isinstance(array, np.ndarray):
        return node_of(ak.contents.NumpyArray(array.reshape(-1)))
    return number_of(flat_of(array).layout)


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
