"""Histograms with their derivatives: a function that fills them, differentiated by parameters."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from dualak.arrays.highlevel import contains_duals
from dualak.functions.registry import NotDifferentiableError
from dualak.hist.histogram import PARTS, Histogram
from dualak.hist.summands import ParameterError
from dualak.hist.ways_out import ways_out
from dualak.pytree import tree_map, tree_map_with_path
from dualak.transforms.hessian import value_jacobian_hessian
from dualak.transforms.jacobian import value_and_jacfwd


def differentiate(
    func: Callable[..., Any],
    at: Mapping[str, Any],
    *args: Any,
    order: int = 1,
    chunk_size: int | None = None,
    **kwargs: Any,
) -> Any:
    """The histograms that a function fills, with their derivatives by parameters, in one pass.

    Args:
        func: a function of a dict of parameters, and of any other arguments.  It makes and fills
            histograms, and gives one, or a dict, list or tuple of them and of other things.
        at: the parameters by their names: numbers, or arrays of such, whose elements become
            parameters called ``name[0]`` and so on.
        args: further arguments of the function: constants, such as the events.
        order: 1 for gradients, 2 for Hessians too.
        chunk_size: how many directions one pass takes, as for ``dualak.jacfwd``.
        kwargs: further arguments by name.

    Returns:
        What the function gives, with histograms that have derivatives in place of its own.

    Raises:
        NotDifferentiableError: where the function gives something differentiated that is no
            histogram: its derivatives would be lost.
        TypeError: for parameters that are no numbers.

    >>> import dualak, hist
    >>> pt = np.array([22.0, 31.0, 35.0, 48.0])
    >>> def analysis(p, pt):
    ...     h = dualak.hist.Histogram(hist.axis.Regular(2, 20, 60, name="pt"))
    ...     return {"pt": h.fill(pt=pt, weight=1.0 + p["slope"] * (pt - 30.0)), "events": len(pt)}
    >>> found = dualak.hist.differentiate(analysis, {"slope": 0.0}, pt, order=2)
    >>> found["pt"].gradient("slope"), found["events"]
    (array([-2., 18.]), 4)
    """
    if order not in (1, 2):
        raise ValueError(f"expected derivatives of order 1 or 2, got {order!r}")
    point = {str(name): _number(name, value) for name, value in at.items()}
    if not point:
        raise ValueError("expected one parameter or more, got none; call the function itself")
    opened = _Opened(func)
    both = (value_and_jacfwd, value_jacobian_hessian)[order - 1]
    with ways_out():
        value, *found = both(opened, chunk_size=chunk_size)(point, *args, **kwargs)
    names = dict(_named(point))
    filled = [
        _complete(
            histogram, value[i], [_of(each, i, point, k + 1) for k, each in enumerate(found)], names
        )
        for i, histogram in enumerate(opened.histograms)
    ]
    return opened.closed(filled)


def _number(name: str, value: Any) -> Any:
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name}: expected a number for a parameter, got {type(value).__name__}")
    return array.astype(np.float64) if array.ndim else float(array)


def _named(point: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """The parameters one by one: elements of arrays by their places."""
    for name, value in point.items():
        for place in np.ndindex(np.shape(value)):
            index = f"[{','.join(map(str, place))}]" if place else ""
            yield name + index, float(np.asarray(value)[place])


class _Opened:
    """The function, giving the sums of its histograms instead of them."""

    def __init__(self, func: Callable[..., Any]) -> None:
        self.func = func
        self.histograms: list[Histogram] = []
        self.result: Any = None
        functools.update_wrapper(self, func)

    def __call__(self, *args: Any, **kwargs: Any) -> list[dict[str, Any]]:
        self.histograms = []
        self.result = tree_map_with_path(self._leaf, "the result", self.func(*args, **kwargs))
        return [
            {part: sums[0] for part, sums in histogram.sums.items()}
            for histogram in self.histograms
        ]

    def _leaf(self, path: str, leaf: Any) -> Any:
        if isinstance(leaf, Histogram):
            self.histograms.append(leaf)
            return _Place(len(self.histograms) - 1)
        if contains_duals(leaf):
            raise NotDifferentiableError(
                f"{path}: expected a histogram for what is differentiated, got "
                f"{type(leaf).__name__}, whose derivatives would be lost; fill it into one, give "
                "dualak.primal of it, or use dualak.value_and_jacfwd"
            )
        return leaf

    def closed(self, filled: list[Histogram]) -> Any:
        """The result with other histograms in place of its own."""

        def leaf(part: Any) -> Any:
            return filled[part.number] if isinstance(part, _Place) else part

        return tree_map(leaf, self.result)


class _Place:
    """Where a histogram stands in a result."""

    def __init__(self, number: int) -> None:
        self.number = number


def _of(found: Any, number: int, point: Mapping[str, Any], order: int) -> dict[str, Any]:
    """The derivatives of one histogram: parameters first, bins last."""
    if order == 1:
        rows = [_rows(found[name][number], np.ndim(point[name])) for name in point]
        return {part: np.concatenate([row[part] for row in rows]) for part in PARTS}
    matrix = []
    for name in point:
        each = []
        for other in point:
            inner, outer = np.ndim(point[name]), np.ndim(point[other])
            each.append(_blocks(found[name][other][number], inner, outer))
        matrix.append({part: np.concatenate([one[part] for one in each], axis=1) for part in PARTS})
    return {part: _symmetric(np.concatenate([row[part] for row in matrix])) for part in PARTS}


def _symmetric(matrix: Any) -> Any:
    """Second derivatives that do not depend on the order, to the last bit."""
    return 0.5 * (matrix + matrix.swapaxes(0, 1))


def _rows(derivatives: Mapping[str, Any], ndim: int) -> dict[str, Any]:
    """Derivatives by one parameter, whose axes come last, as rows."""
    return {
        part: np.moveaxis(np.asarray(array).reshape(len(array), -1), 0, -1)
        for part, array in derivatives.items()
    }


def _blocks(derivatives: Mapping[str, Any], inner: int, outer: int) -> dict[str, Any]:
    found = {}
    for part, array in derivatives.items():
        array = np.asarray(array)
        first = math.prod(array.shape[1 : 1 + inner])
        found[part] = np.moveaxis(array.reshape(len(array), first, -1), 0, -1)
    return found


def _complete(
    histogram: Histogram,
    value: Mapping[str, Any],
    derivatives: list[dict[str, Any]],
    names: Mapping[str, float],
) -> Histogram:
    """A histogram with its values and derivatives."""
    if histogram.parameters and list(histogram.parameters) != list(names):
        raise ParameterError(
            f"expected a histogram of the parameters {list(names)} that are differentiated, got "
            f"one made with {list(histogram.parameters)}; leave parameters= out inside of the "
            "function"
        )
    made = copy.copy(histogram)
    made.parameters, made.order = dict(names), len(derivatives)
    made.sums = {
        part: [np.asarray(value[part]), *(each[part] for each in derivatives)] for part in PARTS
    }
    return made
