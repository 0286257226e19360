"""Histograms with derivatives on a cluster: ``pip install 'dualak[dask]'``.

Each partition of events is differentiated by itself, and only histograms travel, added up in a
tree.  Arrays need nothing of this module: ``dask_awkward.map_partitions(dualak.jvp, ...)`` plans
and computes as with any function.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np

from dualak import hist
from dualak.arrays.highlevel import is_abstract
from dualak.hist.stream import added

__all__ = ["differentiate"]


def differentiate(
    func: Callable[..., Any],
    at: Mapping[str, Any],
    events: Any,
    *others: Any,
    order: int = 1,
    split_every: int = 8,
) -> Any:
    """The sum, over partitions, of what ``dualak.hist.differentiate`` gives, when it is computed.

    Args:
        func: a function of parameters and of the events of a partition, as for
            ``dualak.hist.differentiate``.  Workers get it by pickle.
        at: the parameters.
        events: a collection of dask-awkward, of which only columns are read that ``func`` reads.
        others: further collections of as many partitions, or constants.
        order: of the derivatives.
        split_every: how many results are added up by one task.

    Returns:
        A ``dask.delayed.Delayed``; its ``compute()`` gives the structure that ``func`` gives, with
        histograms and numbers added up.

    Raises:
        ImportError: without dask-awkward.
        TypeError: for events that are no collection.
    """
    try:
        import dask_awkward
        from dask import delayed
    except ImportError:
        raise ImportError(
            "histograms on a cluster need dask-awkward: pip install 'dualak[dask]'"
        ) from None
    if not isinstance(events, dask_awkward.Array):
        raise TypeError(
            f"expected a collection of dask-awkward, got {type(events).__name__}; "
            "dualak.hist.differentiate takes arrays, dualak.hist.over_chunks a stream of them"
        )
    parts = dask_awkward.map_partitions(
        _Differentiated(func, dict(at), order), events, *others, label="differentiate"
    )
    level: Sequence[Any] = [delayed(_loaded)(part) for part in parts.to_delayed()]
    while len(level) > 1:
        level = [
            delayed(added)(list(level[start : start + split_every]))
            for start in range(0, len(level), split_every)
        ]
    return level[0]


@dataclass(frozen=True)
class _Differentiated:
    """What becomes of a partition: the bytes of its result, as an array that dask plans with."""

    func: Callable[..., Any]
    at: dict[str, Any]
    order: int

    def __call__(self, *events: Any) -> Any:
        if not any(map(is_abstract, events)):
            found = hist.differentiate(self.func, self.at, *events, order=self.order)
            return _of_bytes(pickle.dumps(found))
        self.func(self.at, *events)
        return ak.Array(_of_bytes(b"").layout.to_typetracer(forget_length=True))


def _of_bytes(text: bytes) -> ak.Array:
    """An array of one string of bytes."""
    characters = ak.contents.NumpyArray(
        np.frombuffer(text, np.uint8), parameters={"__array__": "byte"}
    )
    offsets = ak.index.Index64(np.array([0, len(text)]))
    parameters = {"__array__": "bytestring"}
    return ak.Array(ak.contents.ListOffsetArray(offsets, characters, parameters=parameters))


def _loaded(part: Any) -> Any:
    return pickle.loads(part[0])
