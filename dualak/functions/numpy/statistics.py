"""Statistics of NumPy that Awkward leaves to it: of arrays whose lists all have one length.

NumPy says what is where, on ranks in place of numbers; averages and covariances are sums of
products.  Each array is taken as its numbers in a row, ``flat``, and an index of its shape.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import awkward as ak
import numpy as np

from dualak.arrays.highlevel import contains_duals, primal_of
from dualak.functions.compositions import as_array
from dualak.functions.numpy.regular import axis_of
from dualak.functions.positions import gathered
from dualak.functions.registry import NotDifferentiableError, register

Axes = int | Sequence[int] | None

QUANTILES = ("median", "quantile", "percentile", "nanmedian", "nanquantile", "nanpercentile")


def register_all() -> None:
    """Enters the functions of NumPy into the registry."""
    register("discrete", ("np.argpartition",))
    register("differentiable", (f"np.{name}" for name in QUANTILES), _quantile)
    for function in (partition, average, cov, corrcoef):
        register("differentiable", (f"np.{function.__name__}",), _called(function))


def _called(composition: Any) -> Any:
    return lambda function, args, kwargs: composition(*args, **kwargs)


# -- shapes ---------------------------------------------------------------------------------------


def _flat_and_values(array: Any) -> tuple[Any, Any]:
    array = as_array(array, "array")
    values = ak.to_numpy(primal_of(array))
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError("expected numbers, got missing values; use ak.fill_none or ak.drop_none")
    return ak.flatten(array, axis=None), values


def _index(shape: Sequence[int]) -> Any:
    return np.arange(int(np.prod(shape, dtype=np.int64))).reshape(shape)


def _shaped(flat: Any, index: Any) -> Any:
    """The numbers at an index of NumPy, in its shape."""
    return flat[int(index)] if index.ndim == 0 else gathered(flat, ak.Array(index))


def _axes(ndim: int, axis: Axes) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(ndim))
    return tuple(axis_of(int(number), ndim) for number in np.atleast_1d(axis))


def _rows(array: Any, axes: tuple[int, ...]) -> Any:
    """One row for each number of a result: the axes that are reduced come last, as one."""
    last = tuple(range(array.ndim - len(axes), array.ndim))
    kept = [size for axis, size in enumerate(array.shape) if axis not in axes]
    return np.moveaxis(array, axes, last).reshape(int(np.prod(kept, dtype=np.int64)), -1)


# -- in order -------------------------------------------------------------------------------------


def partition(a: Any, kth: Any, axis: int | None = -1, kind: Any = "introselect") -> Any:
    """As ``np.partition``: the numbers where NumPy leaves them, equal ones in their order."""
    flat, values = _flat_and_values(a)
    parted = np.partition(values, kth, axis, kind)
    values, along = (values.reshape(-1), -1) if axis is None else (values, axis)
    before, after = (np.argsort(numbers, along, kind="stable") for numbers in (values, parted))
    source = np.empty_like(before)
    np.put_along_axis(source, after, before, along)
    return _shaped(flat, np.take_along_axis(_index(values.shape), source, along))


def _quantile(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The quantile of the ranks says between which two numbers that of the numbers lies."""
    given = inspect.signature(function).bind(*args, **kwargs).arguments
    a = given.pop("a")
    given.pop("overwrite_input", None)
    if contains_duals(given) or "out" in given:
        raise NotDifferentiableError(
            f"np.{function.__name__} is differentiated with respect to its array only, and has no "
            "out on a differentiated array"
        )
    flat, values = _flat_and_values(a)
    if values.size == 0:
        raise ValueError(f"np.{function.__name__} expected numbers, got an empty array")
    by_rank = _by_rank(values, _axes(values.ndim, given.get("axis")))
    ranks = np.empty(values.shape)
    ranks.flat[by_rank] = np.arange(by_rank.shape[1])
    rank = np.asarray(function(np.where(np.isnan(values), np.nan, ranks), **given))
    dtype = np.asarray(function(np.ones_like(values), **given)).dtype
    rank = np.where(np.isnan(rank), by_rank.shape[1] - 1, rank)  # NaN comes last
    row = np.arange(len(by_rank)).reshape(_kept(values.shape, **given))
    low, high = (by_rank[row, end(rank).astype(np.int64)] for end in (np.floor, np.ceil))
    return _shaped(_between(flat, low, high, (rank % 1).astype(dtype)), _index(rank.shape))


def _by_rank(values: Any, axes: tuple[int, ...]) -> Any:
    """Where the numbers stand, in the order of their values along the axes."""
    order = np.argsort(_rows(values, axes), axis=1, kind="stable")
    return np.take_along_axis(_rows(_index(values.shape), axes), order, axis=1)


def _kept(shape: Sequence[int], axis: Axes = None, keepdims: bool = False, **unused: Any) -> Any:
    """The shape that is left of an array."""
    axes = _axes(len(shape), axis)
    left = ((axis in axes, size) for axis, size in enumerate(shape))
    return [1 if reduced else size for reduced, size in left if keepdims or not reduced]


def _between(flat: Any, low: Any, high: Any, share: Any) -> Any:
    """The numbers that lie a share of the way from one place to another, in a row."""
    below, above, share = flat[low.reshape(-1)], flat[high.reshape(-1)], share.reshape(-1)
    return ak.where(share > 0, below + (above - below) * share, below)


# -- sums of products -----------------------------------------------------------------------------


def average(
    a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: Any = False
) -> Any:
    """As ``np.average``; the weights may be differentiated too."""
    flat, values = _flat_and_values(a)
    axes = _axes(values.ndim, axis)
    index = _index(_kept(values.shape, axis, keepdims))
    numbers = _shaped(flat, _rows(_index(values.shape), axes))
    if weights is None:
        weights = ak.Array(np.ones(values.shape, values.dtype))
    weights, of_weights = _flat_and_values(weights)
    np.average(values, axis, of_weights)  # says what is wrong with them
    at = _index(of_weights.shape)
    if of_weights.shape != values.shape:
        sizes = [size if axis in axes else 1 for axis, size in enumerate(values.shape)]
        at = at.transpose(np.argsort(axes)).reshape(sizes)
    weights = _shaped(weights, _rows(np.broadcast_to(at, values.shape), axes))
    total = ak.sum(weights, axis=1)
    result = ak.sum(numbers * weights, axis=1) / total
    return (_shaped(result, index), _shaped(total, index)) if returned else _shaped(result, index)


def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
) -> Any:
    """As ``np.cov``; the weights may not be differentiated."""
    if contains_duals([fweights, aweights]):
        raise NotDifferentiableError("np.cov is not differentiated with respect to its weights")
    given: list[Any] = [
        variable if variable is None else _flat_and_values(variable)[1] for variable in (m, y)
    ]
    np.cov(given[0], given[1], rowvar, bias, ddof, fweights, aweights)  # says what is wrong
    x = _variables(m, y, rowvar)
    weights = _product(fweights, aweights, x)
    sumw = float(weights.sum())
    ddof = (0 if bias else 1) if ddof is None else ddof
    lost = ddof if aweights is None else ddof * float((weights * aweights).sum()) / sumw
    dx = x - ak.sum(x * weights, axis=1, keepdims=True) / sumw
    products = dx[:, np.newaxis, :] * (dx * weights)[np.newaxis, :, :]
    result = ak.sum(products, axis=2) / max(sumw - lost, 0.0)
    return result[0, 0] if len(x) == 1 else result


def corrcoef(x: Any, y: Any = None, rowvar: bool = True) -> Any:
    """As ``np.corrcoef``."""
    c = cov(x, y, rowvar)
    if not isinstance(c, ak.Array):
        return c / c
    everywhere = np.arange(len(c))
    sizes = np.sqrt(c[everywhere, everywhere])
    result = c / sizes[:, np.newaxis] / sizes[np.newaxis, :]
    return np.minimum(np.maximum(result, -1.0), 1.0)


def _variables(m: Any, y: Any, rowvar: bool) -> Any:
    """The variables as the rows of a regular array."""
    flats: list[Any] = []
    indexes: list[Any] = []
    for variable in (m,) if y is None else (m, y):
        flat, values = _flat_and_values(variable)
        index = np.atleast_2d(_index(values.shape)) + sum(map(len, flats))
        flats.append(flat)
        indexes.append(index if rowvar or len(index) == 1 else index.T)
    return _shaped(ak.concatenate(flats), np.concatenate(indexes))


def _product(fweights: Any, aweights: Any, x: Any) -> Any:
    of_all = np.ones(ak.num(x, axis=1)[0])
    for weights in (fweights, aweights):
        of_all = of_all if weights is None else of_all * np.asarray(weights)
    return of_all
