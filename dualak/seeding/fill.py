"""Filling: a layout with other numbers in its leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import awkward as ak
import numpy as np

from dualak.ad.dual import Number
from dualak.ad.linear import spread
from dualak.arrays.backends import entered
from dualak.arrays.columns import dual
from dualak.arrays.highlevel import is_scalar, is_weak, own_behavior, wrap
from dualak.arrays.layouts import Content, is_dual, rebuilt
from dualak.arrays.ndarrays import like
from dualak.pytree import tree_map
from dualak.seeding.split import constant_tangent


def filled(
    tree: Any, numbers: Iterator[Number], other: Callable[[Any], Any] = constant_tangent
) -> Any:
    """The tree with numbers, in order, in place of its own floating-point ones.

    ``other`` says what becomes of leaves that hold something else; numbers and NumPy arrays that
    are no floats are made arrays of.
    """

    def leaf(content: Content) -> Content:
        if content.is_numpy and len(content.inner_shape) > 0:
            return rebuilt(content.to_RegularArray(), leaf)
        if is_dual(content) or (content.is_numpy and content.data.dtype.kind == "f"):
            return dual(spread(next(numbers), content.length))
        return other(content)

    def fill(value: Any) -> Any:
        if is_scalar(value) or isinstance(value, (float, np.floating)):
            return wrap(ak.Array(dual(next(numbers), weak=is_weak(value))))[0]
        if isinstance(value, np.ndarray) and value.ndim == 0:
            found = fill(value[()])
            return found if is_scalar(found) else np.asarray(found)
        if isinstance(value, np.ndarray):
            return like(value, fill(ak.Array(value)))
        if isinstance(value, ak.Record):
            at = value.layout.at
            return fill(ak.Array(value.layout.array[at : at + 1], behavior=value.behavior))[0]
        if isinstance(value, ak.Array):
            layout, behavior = rebuilt(value.layout, leaf), own_behavior(value.behavior)
            return wrap(ak.Array(layout, behavior=behavior, attrs=value.attrs))
        if isinstance(value, (bool, int, np.generic)):
            return other(ak.contents.NumpyArray(np.array([value]))).data[0]
        return value

    return tree_map(lambda leaf: fill(entered(leaf)), tree)
