"""``ak.transform`` of differentiated arrays: what it is given has differentiated leaves.

Awkward walks layouts whose numbers are positions.  The transformation sees leaves whose ``data``
are the differentiated numbers, as an array of NumPy; layouts that it makes of such have positions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import awkward as ak
import numpy as np

from dualak.arrays.layouts import Content, is_text, refilled
from dualak.arrays.ndarrays import as_awkward, as_ndarray, read_as
from dualak.functions.positions import Leaves
from dualak.pytree import tree_map


def transformed(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``ak.transform`` with a transformation of leaves by functions of the registry."""
    leaves = _Shown()
    given = dict(kwargs)
    transformation, *arrays = (given.pop("transformation"), *args) if len(args) == 0 else args
    hidden, given = tree_map(leaves.hidden, (arrays, given))
    with read_as(leaves.read):
        result = function(leaves.around(transformation), *hidden, **given)
    return tree_map(leaves.restored, result)


class _Shown(Leaves):
    """The dual leaves of arrays as positions, which a transformation sees as numbers."""

    def around(self, transformation: Callable[..., Any]) -> Callable[..., Any]:
        """The transformation, of layouts and with results as Awkward has them."""

        def called(layouts: Any, **how: Any) -> Any:
            shown = tree_map(self._shown, layouts)
            found = transformation(shown, **how)
            return tree_map(self._taken, found)

        return called

    def read(self, numbers: Any) -> Any:
        """The positions of differentiated numbers that become a buffer."""
        return np.asarray(ak.to_numpy(self.hidden(as_awkward(numbers))))

    def _shown(self, layout: Any) -> Any:
        if not isinstance(layout, ak.contents.Content):
            return layout
        return refilled(layout, self._leaf)

    def _leaf(self, leaf: Content) -> Content:
        if is_text(leaf) or leaf.is_unknown or leaf.data.dtype.kind != "M":
            return leaf
        return _Leaf(leaf, as_ndarray(ak.Array(self._duals_at(leaf))))

    def _taken(self, layout: Any) -> Any:
        if not isinstance(layout, ak.contents.Content):
            return layout
        return refilled(layout, _plain)


class _Leaf(ak.contents.NumpyArray):
    """A leaf of positions whose data are the numbers at them."""

    def __init__(self, positions: Content, numbers: Any) -> None:
        super().__init__(positions.data, parameters=positions.parameters, backend=positions.backend)
        self.positions, self.numbers = positions, numbers

    @property
    def data(self) -> Any:
        """The numbers, differentiated, as an array of NumPy."""
        return self.numbers

    @property
    def dtype(self) -> Any:
        """The type of the numbers."""
        return self.numbers.dtype

    def copy(self, data: Any = None, *, parameters: Any = None, backend: Any = None) -> Any:
        """A leaf of Awkward's own, with other data if these are given."""
        data = self.positions.data if data is None else data
        parameters = self.positions.parameters if parameters is None else parameters
        return ak.contents.NumpyArray(data, parameters=parameters, backend=backend)


def _plain(leaf: Content) -> Content:
    """A leaf as Awkward has it."""
    return leaf.positions if isinstance(leaf, _Leaf) else leaf
