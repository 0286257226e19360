"""What is not a number, made missing or replaced by numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import awkward as ak
import numpy as np

from dualak.ad.dual import apply, primal
from dualak.ad.replay import stop_gradient
from dualak.arrays.columns import dual, number_of
from dualak.arrays.highlevel import is_scalar, own_behavior, primal_of, with_layout, wrap
from dualak.arrays.layouts import Content, is_dual, is_text, rebuilt
from dualak.functions.awkward.structure import array_of_scalar
from dualak.functions.compositions import as_array, of_awkward
from dualak.functions.registry import register


def register_all() -> None:
    """Enters the functions that look for NaN and infinities into the registry."""
    register("differentiable", ("ak.nan_to_none",), of_awkward(nan_to_none))
    register("differentiable", ("ak.nan_to_num",), of_awkward(nan_to_num))
    register("differentiable", ("np.nan_to_num",), of_awkward(_nan_to_num_of_numpy))


def nan_to_none(array: Any) -> Any:
    """As ``ak.nan_to_none``; what is missing has no tangent."""
    return _at_leaves(lambda x: ak.mask(x, np.isnan(x), valid_when=False), as_array(array, "array"))


def nan_to_num(
    array: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Any:
    """As ``ak.nan_to_num``; what is replaced has the tangent of its replacement."""
    array = as_array(array_of_scalar(array), "array")

    def replaced(x: Any) -> Any:
        limits = np.finfo(_dtype(x))
        high = limits.max if posinf is None else posinf
        low = limits.min if neginf is None else neginf
        result = x
        for wrong, number in ((np.isnan(x), nan), (x == np.inf, high), (x == -np.inf, low)):
            result = ak.where(wrong, number, result)
        return ak.values_astype(result, limits.dtype)

    if any(
        isinstance(replacement, (ak.Array, np.ndarray, list))
        for replacement in (nan, posinf, neginf)
    ):
        return replaced(array)  # with as many replacements as there are numbers, or lists
    return _at_leaves(replaced, array)


def finite_constants(array: Any) -> Any:
    """The array without tangents, with the greatest finite numbers for infinities."""

    def leaf(content: Content) -> Content:
        if not is_dual(content):
            return content
        node = stop_gradient(primal(number_of(content)))
        limits = np.finfo(node.dtype)
        low, high = (node.graph.constant(limit, node.dtype) for limit in (limits.min, limits.max))
        return dual(apply("minimum", apply("maximum", node, low), high))

    return with_layout(array, rebuilt(array.layout, leaf))


def _nan_to_num_of_numpy(x: Any, *args: Any, **given: Any) -> Any:
    """As ``np.nan_to_num``, which gives a number for a number."""
    replaced = nan_to_num(x, *args, **given)
    return replaced[0] if is_scalar(x) else replaced


def _at_leaves(function: Callable[[Any], Any], array: Any) -> Any:
    """A function of flat arrays on all floating-point numbers of an array, in their places."""

    def leaf(content: Content) -> Content:
        return function(ak.Array(content)).layout if _is_floating(content) else content

    layout = rebuilt(array.layout, leaf)
    return wrap(ak.Array(layout, behavior=own_behavior(array.behavior), attrs=array.attrs))


def _is_floating(leaf: Content) -> bool:
    return is_dual(leaf) or (leaf.is_numpy and leaf.data.dtype.kind == "f" and not is_text(leaf))


def _dtype(x: Any) -> Any:
    """The type of all numbers of an array."""
    found: list[Any] = []

    def leaf(content: Content) -> Content:
        found.append(content.data.dtype)
        return content

    rebuilt(primal_of(x).layout, leaf)
    if len(set(found)) != 1:
        raise TypeError(f"expected numbers of one type beside arrays of replacements, got {found}")
    return found[0]
