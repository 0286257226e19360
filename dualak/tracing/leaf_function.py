"""Functions of arrays as functions of their flat leaves, which may decide on the structure.

``dualak.jvp`` and the like take them as any function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import awkward as ak
import numpy as np

from dualak.ad.dual import Number, primal
from dualak.ad.linear import spread
from dualak.arrays.columns import dual, plain
from dualak.arrays.highlevel import wrap
from dualak.arrays.ndarrays import as_ndarray
from dualak.tracing.structure import Structure, flatten


class LeafFunction:
    """A function of arrays as one of their flat leaves; ``structure`` is that of its last result.

    >>> import dualak
    >>> leaves, structure = flatten((ak.Array([[1.0, 2.0], [], [3.0]]),))
    >>> function = LeafFunction(lambda x: x[x > 1.5] ** 2, structure)
    >>> function(*leaves)
    (array([4., 9.]),)
    >>> dualak.jvp(function, tuple(leaves), (np.ones(3),))[1]
    (array([4., 6.]),)
    >>> function.structure
    <structure of 3 * var * float64>
    """

    def __init__(self, func: Callable[..., Any], arguments: Structure) -> None:
        self._func = func
        self._arguments = arguments
        self.structure: Structure | None = None

    def __call__(self, *leaves: Any) -> tuple[Any, ...]:
        """The leaves of the result: flat, differentiated where the arguments are."""
        result = self._func(*self._arguments.unflatten(leaves))
        found, self.structure = flatten(result)
        return tuple(
            result if isinstance(result, np.ndarray) else as_ndarray(_flat_array(result))
            for result in found
        )


def _flat_array(number: Number) -> Any:
    length = 1 if number.length is None else number.length
    if number.dtype.kind != "f":
        return ak.Array(plain(primal(number), length))
    return as_ndarray(wrap(ak.Array(dual(spread(number, length)))))
