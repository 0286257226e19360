"""From a reduction back to the numbers: what each group was reduced to, at each of its numbers.

Awkward broadcasts a reduction that kept its dimensions, but not where lists of several lengths
were reduced across each other.
"""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np

from dualak.arrays.highlevel import primal_of
from dualak.functions.positions import gathered


def less(x: Any, reduced: Any, axis: Any) -> Any:
    """The array minus what its groups along an axis were reduced to, with ``keepdims``."""
    if axis is None:
        return x - reduced
    reduced = ak.without_named_axis(reduced)
    try:
        return x - reduced
    except ValueError:  # lists of several lengths
        return x - spread(reduced, x, axis)


def spread(reduced: Any, x: Any, axis: Any) -> Any:
    """What the groups of ``x`` along an axis were reduced to, with ``keepdims``, in its lists.

    Numbers are of one group if they stand alike along all other axes.
    """
    axis = x.named_axis.get(axis, axis) % x.ndim
    group, number = 0, 0
    for other in (other for other in range(x.ndim) if other != axis):
        of_groups, of_numbers = _along(reduced, other), _along(x, other)
        size = 1 + (ak.max(of_groups, axis=None) or 0)
        group, number = group * size + of_groups, number * size + of_numbers
    known = np.asarray(ak.flatten(group, axis=None))
    order = np.argsort(known)

    def place(layout: Any, **unused: Any) -> Any:
        if not layout.is_numpy:
            return None
        return ak.contents.NumpyArray(order[np.searchsorted(known, layout.data, sorter=order)])

    return gathered(ak.flatten(reduced, axis=None), ak.transform(place, number))


def _along(array: Any, axis: int) -> Any:
    """Where the lists at an axis stand in theirs, with the array's number of dimensions."""
    below = array.ndim - 1 - axis
    return ak.local_index(primal_of(array), axis=axis)[(..., *[np.newaxis] * below)]
