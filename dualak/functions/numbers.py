"""Differentiated scalars among the arguments of Awkward's functions: each is a number there.

Where Awkward broadcasts for a ufunc, a scalar rides along as the number that it stands for, and the
arrays beside it have duals without a tangent for their numbers, so that Awkward calls us at the
leaves.  Records beside it get a name of ours there, under which their overloads are looked up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np

from dualak.arrays.columns import dual, node_of
from dualak.arrays.context import graph_in_use
from dualak.arrays.highlevel import DualScalar, bare, beside_scalars, is_scalar
from dualak.arrays.layouts import HOLDER, Content, is_dual, is_text, rebuilt
from dualak.functions.awkward.structure import array_of_scalar
from dualak.functions.registry import register
from dualak.pytree import tree_map

#: The name of named records while they stand beside a differentiated scalar.
BESIDE = "record beside a dual"


def register_all() -> None:
    """Enters how Awkward takes scalars into the registry and into the behavior that they have."""
    register("structural", ("ak.to_layout",), _to_layout)
    beside_scalars["__cast__", ak.Array] = beside_scalars["__cast__", ak.Record] = _beside
    beside_scalars["__cast__", DualScalar] = lambda scalar: scalar


def _to_layout(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """As ``ak.to_layout``; a scalar that Awkward lets pass as a number comes back as it is."""
    value = args[0] if args else kwargs["array"]
    policy = kwargs.get("primitive_policy", "promote")
    if not is_scalar(value):
        return function(*tree_map(bare, args), **tree_map(bare, kwargs))
    if policy == "error" and kwargs.get("string_policy") == "error":
        return _AsItself(value)
    if policy == "error":
        raise TypeError("Encountered a scalar (float), but scalar conversion/promotion is disabled")
    return value if policy == "pass-through" else array_of_scalar(value).layout


@dataclass(frozen=True)
class _AsItself:
    """A scalar among arrays that Awkward makes arrays of NumPy, to call a function of NumPy."""

    scalar: Any

    def to_backend(self, backend: Any) -> _AsItself:
        """The same: where it is computed is known to its graph."""
        return self

    def to_backend_array(self, **unused: Any) -> Any:
        """The scalar, which NumPy hands to us."""
        return self.scalar


# -- beside a scalar ------------------------------------------------------------------------------


def _beside(value: Any) -> Any:
    """An array as it stands beside a scalar in a ufunc."""
    if isinstance(value, ak.Record):
        array = ak.Array(value.layout.array, behavior=value.behavior, attrs=value.attrs)
        return _beside(array)[value.layout.at]
    return ak.Array(_renamed(value.layout), behavior=value.behavior, attrs=value.attrs)


def _renamed(layout: Content) -> Content:
    """The layout with duals for its numbers, and records of a name under one of ours."""
    if layout.is_record and not is_dual(layout):
        name = layout.parameter("__record__")
        if name in (None, HOLDER):
            return layout
        parameters = {**layout.parameters, "__record__": BESIDE, BESIDE: name}
        return layout.copy(parameters=parameters)
    if is_dual(layout) or is_text(layout) or layout.is_numpy or layout.is_unknown:
        return _as_dual(layout)
    if layout.is_union:
        return layout.copy(contents=list(map(_renamed, layout.contents)))
    return layout.copy(content=_renamed(layout.content))


def _as_dual(leaf: Content) -> Content:
    """Numbers as a dual without a tangent, in their own type."""
    if leaf.is_unknown:
        return dual(graph_in_use().buffer(np.empty(0)), readable=True)
    if not leaf.is_numpy or leaf.data.dtype.kind not in "fiub":
        return leaf
    if len(leaf.inner_shape) > 0:
        return rebuilt(leaf.to_RegularArray(), _as_dual)
    return dual(node_of(leaf), readable=True)


def restored(layout: Content) -> Content:
    """Records with the names that they have where no scalar is beside them."""
    if not layout.is_record or layout.parameter("__record__") != BESIDE:
        return layout
    kept = {key: value for key, value in layout.parameters.items() if key != BESIDE}
    return layout.copy(parameters={**kept, "__record__": layout.parameter(BESIDE)})
