"""Soft cuts and choices: weights between 0 and 1 in place of masks and places, with derivatives.

A mask changes in steps with the numbers that are cut on, so that a derivative knows nothing of the
entries that would cross.  A weight that rises over a width knows them; with ``smooth="derivative"``
it stays a mask, and its derivative alone is that of the weight: the flow through the cut.
"""

from __future__ import annotations

import importlib
import operator
from collections.abc import Callable
from typing import Any

import awkward as ak
import numpy as np

from dualak.arrays.ndarrays import primal

#: What a cut compares with, and on which side of the threshold an entry passes.
COMPARISONS: dict[str, tuple[Callable[[Any, Any], Any], float]] = {
    ">": (operator.gt, 1.0),
    ">=": (operator.ge, 1.0),
    "<": (operator.lt, -1.0),
    "<=": (operator.le, -1.0),
}

WAYS = ("both", "derivative")


def soft_cut(
    x: Any,
    comparison: str,
    threshold: Any,
    *,
    width: float,
    kernel: str = "logistic",
    smooth: str = "both",
) -> Any:
    """A weight between 0 and 1 in place of the mask ``x > threshold``, with a derivative.

    Multiply the weights of entries by it, instead of leaving entries out.

    Args:
        x: numbers of any structure.
        comparison: ``">"``, ``">="``, ``"<"`` or ``"<="``.
        threshold: what they are compared with; it may be differentiated too.
        width: over which the weight rises, in the units of ``x``: the scale of a logistic, the
            standard deviation of a Gaussian, half of a uniform kernel.  Entries farther away than
            some widths are as they would be with the mask.  The derivative of a sum of weights is
            that of the density near the threshold, averaged over the width: it is biased where the
            density bends within it, and the narrower the width, the more it fluctuates.
        kernel: ``"logistic"``, ``"gaussian"`` (which needs SciPy) or ``"uniform"``.
        smooth: ``"both"`` gives the weight and its derivative; ``"derivative"`` gives the mask
            itself, as numbers 0 and 1, with the derivative of the weight.

    Returns:
        An array of the structure of ``x``.

    Raises:
        ValueError: for another comparison, kernel or way, and a width that is not positive.

    >>> import awkward as ak, dualak
    >>> pt = ak.Array([[20.0, 25.0], [], [40.0]])
    >>> dualak.soft_cut(pt, ">", 25.0, width=1.0)
    <Array [[0.00669, 0.5], [], [1]] type='3 * var * float64'>
    >>> flow = {"width": 1.0, "smooth": "derivative"}
    >>> dualak.jvp(lambda scale: dualak.soft_cut(pt * scale, ">", 24.5, **flow), 1.0, 1.0)
    (<Array [[0, 1], [], [1]] type=...>, <Array [[0.217, 5.88], [], [7.42e-06]] type=...>)
    """
    _require_one_of("comparison", comparison, COMPARISONS)
    _require_one_of("smooth", smooth, WAYS)
    _require_one_of("kernel", kernel, _CUMULATIVE)
    _require_width(width)
    compare, sign = COMPARISONS[comparison]
    distance = (x - threshold) * (sign / width)
    weight = _CUMULATIVE[kernel](distance)
    if smooth == "both":
        return weight
    return _with_slope(compare(primal(x), primal(threshold)), weight)


def soft_argmax(x: Any, *, width: float, smooth: str = "both") -> Any:
    """Weights of the elements of each list in place of the place of its largest.

    They are ``exp(x / width)`` over their sum: close to 1 for an element that is larger than the
    others by some widths.  ``ak.sum(soft_argmax(pt, width=1.0) * eta, axis=-1)`` is the ``eta`` of
    the leading element, and knows that another may lead.

    Args:
        x: numbers in lists; the innermost ones are meant.
        width: over which one element takes over from another, in the units of ``x``.
        smooth: as for ``soft_cut``; with ``"derivative"`` the first of the largest has weight 1.

    >>> import awkward as ak, dualak
    >>> dualak.soft_argmax(ak.Array([[20.0, 25.0], [], [40.0]]), width=5.0)
    <Array [[0.269, 0.731], [], [1]] type='3 * var * float64'>
    """
    _require_one_of("smooth", smooth, WAYS)
    _require_width(width)
    _require_lists(x)
    known = primal(x)
    weight = _shares(
        (x - ak.max(known, axis=-1, keepdims=True, mask_identity=False)) * (1.0 / width)
    )
    if smooth == "both":
        return weight
    first = ak.argmax(known, axis=-1, keepdims=True, mask_identity=False)
    return _with_slope(ak.local_index(known, axis=-1) == first, weight)


def soft_argsort(x: Any, *, width: float, ascending: bool = True, smooth: str = "both") -> Any:
    """Weights of the elements of each list, for each place of the sorted list.

    ``ak.sum(soft_argsort(pt, width=1.0) * eta[..., np.newaxis, :], axis=-1)`` is ``eta`` in the
    order of ``pt``, and knows that elements may change places.

    Args:
        x: numbers in lists; the innermost ones are meant.
        width: over which elements change places, in the units of ``x``.
        ascending: whether the smallest is first.
        smooth: as for ``soft_cut``; with ``"derivative"`` each place has one element.

    Returns:
        For each place in the sorted list, a list of the elements' weights, whose sum is 1.

    >>> import awkward as ak, dualak
    >>> dualak.soft_argsort(ak.Array([[25.0, 20.0]]), width=2.0)
    <Array [[[0.0759, 0.924], [0.924, ...]]] type='1 * var * var * float64'>
    """
    _require_one_of("smooth", smooth, WAYS)
    _require_width(width)
    _require_lists(x)
    ordered = ak.sort(x, axis=-1, ascending=ascending)
    places, elements = ak.broadcast_arrays(ordered[..., np.newaxis], x[..., np.newaxis, :])
    weight = _shares(-np.abs(places - elements) * (1.0 / width))
    if smooth == "both":
        return weight
    known = primal(x)
    order = ak.argsort(known, axis=-1, ascending=ascending)
    places, elements = ak.broadcast_arrays(
        order[..., np.newaxis], ak.local_index(known, axis=-1)[..., np.newaxis, :]
    )
    return _with_slope(places == elements, weight)


# -- parts ----------------------------------------------------------------------------------------


def _with_slope(mask: Any, weight: Any) -> Any:
    """A mask as numbers, with the derivatives of a weight; where that is NaN, without any."""
    return mask * 1.0 + np.nan_to_num(weight - primal(weight))


def _shares(exponents: Any) -> Any:
    """Exponentials over their sums in each list."""
    found = np.exp(exponents)
    return found / ak.sum(found, axis=-1, keepdims=True)


def _logistic(z: Any) -> Any:
    return 0.5 + 0.5 * np.tanh(0.5 * z)


def _gaussian(z: Any) -> Any:
    try:
        special = importlib.import_module("scipy.special")
    except ImportError:
        raise ImportError(
            "a Gaussian soft cut needs SciPy: pip install 'dualak[special]', or take the logistic "
            "kernel"
        ) from None
    return special.ndtr(z)


def _uniform(z: Any) -> Any:
    return np.minimum(np.maximum(0.5 * z + 0.5, 0.0), 1.0)


_CUMULATIVE: dict[str, Callable[[Any], Any]] = {
    "logistic": _logistic,
    "gaussian": _gaussian,
    "uniform": _uniform,
}


def _require_one_of(name: str, given: Any, known: Any) -> None:
    if given not in known:
        raise ValueError(f"expected {name} to be one of {list(known)}, got {given!r}")


def _require_width(width: Any) -> None:
    if not (isinstance(width, (int, float, np.number)) and 0 < width < np.inf):
        raise ValueError(f"expected a positive number for the width, got {width!r}")


def _require_lists(x: Any) -> None:
    if not isinstance(x, (ak.Array, np.ndarray)):
        raise TypeError(f"expected an array of numbers in lists, got {type(x).__name__}")
