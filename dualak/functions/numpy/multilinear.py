"""Products and sums of whole arrays, linear in each of them: NumPy computes values and tangents.

The tangent is the sum, over the differentiated arguments, of the function with one of them replaced
by its tangent.  ``labels`` name dimensions as ``np.einsum`` does, and say what shape comes out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
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
    """A function of arrays as one of flat buffers, equal for equal work.

    It is linear in the first of them, ``linear`` many.  Where ``zero_wins``, some are tangents.
    """

    function: Callable[..., Any]
    backwards: Callable[..., Any]
    shape: Shape
    shapes: tuple[Shape, ...]
    given: tuple[tuple[str, Any], ...]
    linear: int
    zero_wins: bool = False

    @property
    def name(self) -> str:
        """The name of the function."""
        return getattr(self.function, "__name__", "a product")

    def __call__(self, *buffers: Buffer) -> Buffer:
        arrays = [buffer.reshape(s) for buffer, s in zip(buffers, self.shapes, strict=True)]
        factors, constants = arrays[: self.linear], arrays[self.linear :]

        def function(*factors: Any) -> Any:
            return self.function(*factors, *constants, **dict(self.given))

        with np.errstate(all="ignore"):
            result = (_where_zero_wins if self.zero_wins else _as_it_is)(function, factors)
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
        factors = [array for array in arrays[: self.work.linear] if array is not None]

        def function(whole: Any, *others: Any) -> Any:
            filled = [*others[: self.i], None, *others[self.i :], *arrays[self.work.linear :]]
            return self.work.backwards(self.i, whole, filled, shapes[self.i], **given)

        with np.errstate(all="ignore"):
            result = _where_zero_wins(function, [cotangent.reshape(self.work.shape), *factors])
        return np.array(result, order="C").reshape(-1)

    def replayed(self, node: Node, numbers: Sequence[Number]) -> Number:
        """The same of other numbers."""
        return _multilinear(self, node, numbers)


def _multilinear(function: Any, node: Node, numbers: Sequence[Number]) -> Number:
    def call(*nodes: Node) -> Node:
        return nodes[0].graph.call(function, nodes, node.dtype, node.length)

    def derivative(*nodes: Node) -> Node:
        return nodes[0].graph.call(_derivative(function), nodes, node.dtype, node.length)

    return linear.multilinear(call, *numbers, derivative=derivative)


def _derivative(function: Any) -> Any:
    return replace(function, zero_wins=True) if isinstance(function, _OfBuffers) else function


# -- products in which zero wins -------------------------------------------------------------------


def _as_it_is(function: Callable[..., Any], factors: Sequence[Any]) -> Any:
    return function(*factors)


def _where_zero_wins(function: Callable[..., Any], factors: Sequence[Any]) -> Any:
    """A sum of products of numbers, in which a product is zero where one of its factors is.

    Only where the sum is undefined it matters what its terms are: how many are infinite, of which
    sign, and how many undefined.  The function adds products up, and has no signs of its own.
    """
    result = function(*factors)
    if len(factors) < 2 or not np.isnan(result).any():
        return result

    def of(convert: Callable[[Any], Any]) -> Any:
        return function(*(convert(factor).astype(factor.dtype) for factor in factors))

    finite = of(_finite)
    infinite = of(lambda x: np.abs(np.sign(_known(x)))) - of(lambda x: np.abs(np.sign(_finite(x))))
    balance = of(lambda x: np.sign(_known(x))) - of(lambda x: np.sign(_finite(x)))
    undefined = of(lambda x: x != 0) - of(lambda x: _known(x) != 0)
    limit = np.where(balance == infinite, np.inf, np.where(balance == -infinite, -np.inf, np.nan))
    return np.where(undefined > 0, np.nan, np.where(infinite > 0, limit, finite))


def _finite(x: Any) -> Any:
    return np.where(np.isfinite(x), x, 0.0)


def _known(x: Any) -> Any:
    return np.where(np.isnan(x), 0.0, x)


# -- of arrays ------------------------------------------------------------------------------------


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
    arrays = [cast(array, dtype) for array in arrays]
    shapes = tuple(map(shape_of, (*arrays, *constants)))
    items = tuple(sorted(given.items()))
    work = _OfBuffers(function, backwards, tuple(shape), shapes, items, len(arrays))
    graph, fixed = graph_in_use(), [primal(_number(constant)) for constant in constants]

    def call(work: Any, *nodes: Node) -> Node:
        return graph.call(work, (*nodes, *fixed), dtype, math.prod(shape))

    value, derivative = (partial(call, part) for part in (work, _derivative(work)))
    number = linear.multilinear(value, *map(_number, arrays), derivative=derivative)
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
    shapes = [shape_of(array) for array in arrays]
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
    return (*(sizes[label] for label in before), *inside, *(sizes[label] for label in after))
