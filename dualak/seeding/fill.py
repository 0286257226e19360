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

    def leaf(one: Content) -> Content:
        if one.is_numpy and len(one.inner_shape) > 0:
            return rebuilt(one.to_RegularArray(), leaf)
        if is_dual(one) or (one.is_numpy and one.data.dtype.kind == "f"):
            return dual(spread(next(numbers), one.length))
        return other(one)

    def fill(one: Any) -> Any:
        if is_scalar(one) or isinstance(one, (float, np.floating)):
            return wrap(ak.Array(dual(next(numbers), weak=is_weak(one))))[0]
        if isinstance(one, np.ndarray) and one.ndim == 0:
            found = fill(one[()])
            return found if is_scalar(found) else np.asarray(found)
        if isinstance(one, np.ndarray):
            return like(one, fill(ak.Array(one)))
        if isinstance(one, ak.Record):
            at = one.layout.at
            return fill(ak.Array(one.layout.array[at : at + 1], behavior=one.behavior))[0]
        if isinstance(one, ak.Array):
            layout, behavior = rebuilt(one.layout, leaf), own_behavior(one.behavior)
            return wrap(ak.Array(layout, behavior=behavior, attrs=one.attrs))
        if isinstance(one, (bool, int, np.generic)):
            return other(ak.contents.NumpyArray(np.array([one]))).data[0]
        return one

    return tree_map(lambda one: fill(entered(one)), tree)
