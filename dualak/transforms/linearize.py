"""Linear maps out of functions: ``linearize`` runs one forwards, ``vjp`` and ``grad`` backwards.

The function is run once, on duals whose tangents are inputs without numbers.  What its result's
tangents are made of is a linear map, which stays in the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import awkward as ak
import numpy as np

from dualak.ad.dual import Level, Number, components, tangents_at, value_at
from dualak.ad.linear import cast, zeros_like
from dualak.ad.linear_map import linear_jvp, linear_vjp
from dualak.ad.scoped import scoped
from dualak.arrays.columns import reading
from dualak.arrays.context import current_graph, graph_in_use
from dualak.arrays.foreign import crossing
from dualak.arrays.highlevel import is_scalar, viewed, wrap
from dualak.arrays.ndarrays import collected, like
from dualak.arrays.packing import packed
from dualak.pytree import tree_map
from dualak.seeding.extract import extract_values, is_rectangular
from dualak.seeding.fill import filled
from dualak.seeding.match import Inputs
from dualak.seeding.seed import seed
from dualak.transforms.arguments import (
    arguments_of,
    constants,
    pair_of,
    require_floats,
    require_function,
)
from dualak.transforms.external import numbers_of
from dualak.transforms.running import running


@crossing
def linearize(func: Callable[..., Any], x: Any) -> tuple[Any, Callable[[Any], Any]]:
    """The value of ``func`` at ``x``, and its derivative there as a function of the direction.

    Args:
        func: as for ``dualak.jvp``.
        x: as for ``dualak.jvp``.

    Returns:
        The pair ``(y, pushforward)``; ``pushforward(t)`` is what ``jvp`` gives for ``dy``.  It runs
        only what is linear in the direction, any number of times, and not ``func``.

    Raises:
        Exception: as ``jvp``.

    >>> import awkward as ak, numpy as np
    >>> y, pushforward = linearize(np.sqrt, ak.Array([[1.0, 4.0], [], [9.0]]))
    >>> y.to_list()
    [[1.0, 2.0], [], [3.0]]
    >>> pushforward(ak.Array([[1.0, 1.0], [], [6.0]])).to_list()
    [[0.5, 0.25], [], [1.0]]
    """
    require_function(func, "linearize(func, x)", x)
    linear = Linear(func, x).hold()

    @crossing
    def pushforward(t: Any) -> Any:
        return linear.forwards(t)

    return linear.y, pushforward


class Linear:
    """A function at a point: its value, and its derivative as a linear map of nodes."""

    def __init__(self, func: Callable[..., Any], x: Any, has_aux: bool = False) -> None:
        points, self._alone = arguments_of(x), not isinstance(x, tuple)
        with running(1, points) as level:
            inputs = Inputs()
            level.inputs = inputs.nodes
            arguments = seed(points, [inputs], level)
            require_floats(arguments)
            # A function may change its arguments, and a caller what it has given or got.
            self._points, self._x = tree_map(_viewed, points), tree_map(_viewed, arguments)
            result = func(*arguments)
            result, aux = pair_of(result) if has_aux else (result, None)
            result = tree_map(lambda leaf: _packed(collected(leaf)), result)
            outputs = numbers_of(seed(result, [None], level))
            self.y = extract_values(result, level, beside=aux)
            self.aux = constants(aux, level)
            self._x, self._y = extract_values(self._x, level), tree_map(_viewed, self.y)
            self._graph = graph_in_use()
        self._inputs = inputs.nodes
        self._values = [value_at(number, level) for number in outputs]
        self._tangents = [tangents_at(number, level)[0] for number in outputs]

    def hold(self) -> Linear:
        """Keeps the point as it is, whatever becomes of the arrays that were given or got."""
        numbers = (tangent for tangent in self._tangents if tangent is not None)
        self._graph.hold(node for number in numbers for node in components(number))
        return self

    def forwards(self, t: Any) -> Any:
        """The tangent of the result in the direction ``t``."""
        with self._resumed() as level:
            given = _along(self._x, (t,) if self._alone else t, level)
            found = linear_jvp(self._tangents, given, self._inputs)
            tangents = filled(self._y, _or_zeros(found, self._values))
            return extract_values(tangents, level)

    def backwards(self, u: Any) -> Any:
        """The cotangent of the arguments that belongs to one of the result."""
        with self._resumed() as level:
            given = _along(self._y, u, level)
            found = linear_vjp(self._tangents, given, self._inputs)
            cotangents = extract_values(filled(self._x, _or_zeros(found, self._inputs)), level)
        cotangents = tree_map(_as_numpy, self._points, cotangents)
        return cotangents[0] if self._alone else cotangents

    @contextmanager
    def _resumed(self) -> Iterator[Level]:
        """The graph in use, also where the function has already returned."""
        outside = current_graph.get()
        if outside is not None and outside is not self._graph:
            raise ValueError(
                "expected a linear map of the transformation that is running, got one that was "
                "made outside of it; call linearize, vjp or grad inside of the function"
            )
        with scoped(current_graph, self._graph), running(1, ()) as level, reading():
            yield level


# -- trees of numbers -----------------------------------------------------------------------------


def _viewed(leaf: Any) -> Any:
    return like(leaf, viewed(leaf))


def _packed(leaf: Any) -> Any:
    """An array whose leaves have no element that nobody sees, as ``matching`` packs any."""
    if is_scalar(leaf) or not isinstance(leaf, (ak.Array, ak.Record)):
        return leaf
    if isinstance(leaf, ak.Record):
        at = leaf.layout.at
        whole = ak.Array(leaf.layout.array[at : at + 1], behavior=leaf.behavior, attrs=leaf.attrs)
        return _packed(whole)[0]
    with reading():
        made = wrap(ak.Array(packed(leaf.layout), behavior=leaf.behavior, attrs=leaf.attrs))
    return like(leaf, made)


def _along(tree: Any, given: Any, level: Level) -> list[Number | None]:
    """The numbers of a tangent (or cotangent) of a tree, in the order of the tree's; None is zero.

    Raises:
        StructureError: if it does not have the structure of the tree.
    """
    seeded = seed(tree, [given], level)
    return [tangents_at(number, level)[0] for number in numbers_of(seeded)]


def _or_zeros(found: Sequence[Number | None], like: Sequence[Number]) -> Iterator[Number]:
    for tangent, pattern in zip(found, like, strict=True):
        yield zeros_like(pattern) if tangent is None else cast(tangent, pattern.dtype)


def _as_numpy(point: Any, found: Any) -> Any:
    """What was found for a NumPy array as a NumPy array."""
    plain = isinstance(point, np.ndarray) and isinstance(found, ak.Array)
    return ak.to_numpy(found) if plain and is_rectangular(found.layout) else found
