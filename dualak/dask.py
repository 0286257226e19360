"""Histograms with derivatives on a cluster: ``pip install 'dualak[dask]'``.

Each partition of events is differentiated by itself, and only histograms travel, added up in a
tree.  Arrays need nothing of this module: a function that calls ``dualak.jvp`` and gives an array
goes to ``dask_awkward.map_partitions`` as any other does.
"""

from __future__ import annotations

import importlib
import importlib.util
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np

from dualak import hist
from dualak.arrays.highlevel import is_abstract
from dualak.hist.stream import added

__all__ = ["WorkerError", "differentiate", "require_workers"]


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
        TypeError: for events that are no collection, and for a function that asks for the length of
            a partition with ``len``.

    >>> import pytest; dask_awkward = pytest.importorskip("dask_awkward")
    >>> import hist
    >>> def analysis(p, pt):
    ...     h = dualak.hist.Histogram(hist.axis.Regular(2, 20, 60))
    ...     return {"pt": h.fill(pt, weight=p["norm"]), "events": ak.num(pt, axis=0)}
    >>> import dualak.hist
    >>> pt = dask_awkward.from_lists([[22.0, 31.0], [], [48.0]])
    >>> found = differentiate(analysis, {"norm": 1.0}, pt).compute(scheduler="sync")
    >>> found["pt"].gradient("norm"), int(found["events"])
    (array([2., 1.]), 3)
    """
    dask_awkward, delayed = _required("dask_awkward"), _required("dask").delayed
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
        try:
            self.func(self.at, *events)
        except TypeError as error:
            if "unknown length" not in str(error):
                raise
            raise TypeError(
                "expected a function that can be planned, got one that asks for the length of a "
                "partition, which is not known beforehand; write ak.num(events, axis=0) for "
                f"len(events) ({error})"
            ) from error
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


def _required(package: str) -> Any:
    """A package of the extra.

    Raises:
        ImportError: naming the extra that brings it.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ImportError(
            f"histograms on a cluster need {error.name or package}: pip install 'dualak[dask]'"
        ) from error


# -- workers --------------------------------------------------------------------------------------


class WorkerError(RuntimeError):
    """Workers of a cluster lack a package.

    Attributes:
        missing: the packages that are not there, by the addresses of workers.
    """

    def __init__(self, missing: Mapping[str, Sequence[str]], count: int) -> None:
        self.missing = dict(missing)
        packages = sorted({package for each in missing.values() for package in each})
        shown = ", ".join(list(missing)[:3]) + (", ..." if len(missing) > 3 else "")
        super().__init__(
            f"expected workers that have {', '.join(packages)}, got {len(missing)} of {count} "
            f"without ({shown}); install there what the client has, by the image of the workers or "
            "client.register_plugin(distributed.PipInstall([...]))"
        )


def require_workers(client: Any = None, packages: Sequence[str] = ("dualak",)) -> None:
    """Refuses a cluster of which a worker lacks a package, before work is sent there.

    Args:
        client: of ``distributed``; None takes the current one.
        packages: names of modules that the analysis imports.

    Raises:
        WorkerError: naming the workers and what they lack.
        ImportError: without distributed, which ``pip install 'dualak[dask]'`` brings.
        ValueError: without a client.
    """
    client = _required("distributed").get_client() if client is None else client
    missing: dict[str, list[str]] = {}
    workers: set[str] = set()
    for package in packages:
        # A function of the standard library is one that every worker has.
        found = client.run(importlib.util.find_spec, package, on_error="return")
        workers |= set(found)
        for worker, spec in found.items():
            if spec is None or isinstance(spec, BaseException):
                missing.setdefault(worker, []).append(package)
    if missing:
        raise WorkerError(missing, len(workers))
