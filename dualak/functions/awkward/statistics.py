"""Statistics of Awkward: means, spreads and fits, composed of sums that have rules.

Spreads are computed from the distances to the mean, so that what all numbers have in common does
not cancel.  Sums are taken in double precision where Awkward takes them so.  ``given`` are
``keepdims`` and ``mask_identity``.
"""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np

from dualak.arrays.highlevel import contains_duals
from dualak.functions.awkward.groups import less
from dualak.functions.awkward.nans import finite_constants, nan_to_none
from dualak.functions.awkward.reducers import counts
from dualak.functions.awkward.structure import array_of_scalar
from dualak.functions.compositions import Composition, as_array, of_awkward, of_numpy
from dualak.functions.registry import Handler, NotDifferentiableError, register

#: Where the least and the greatest of the numbers stand that are numbers.
POSITIONS = ("nanargmin", "nanargmax")


def register_all() -> None:
    """Enters the statistics into the registry."""
    register("discrete", (f"{library}.{name}" for library in ("ak", "np") for name in POSITIONS))
    for function in (mean, var, std, moment, ptp, covar, corr, linear_fit, softmax):
        register("differentiable", (f"ak.{function.__name__}",), of_awkward(function))
    for function in (mean, var, std, ptp):
        register("differentiable", (f"np.{function.__name__}",), _of_numpy(function))
    for name, function in NAN_FORMS.items():
        register("differentiable", (f"ak.{name}",), of_awkward(function))
        register("differentiable", (f"np.{name}",), _of_numpy(function))


def _of_numpy(composition: Composition) -> Handler:
    """What the registry calls for a function of NumPy, which takes a number as an array of one."""
    return of_numpy(lambda array, **given: composition(array_of_scalar(array), **given))


# -- of one array ---------------------------------------------------------------------------------


def mean(x: Any, weight: Any = None, axis: Any = None, **given: Any) -> Any:
    """As ``ak.mean``."""
    x, weight = _arrays(x=x, weight=weight)
    return _mean(x, weight, {"axis": axis, **given}, _double)


def var(x: Any, weight: Any = None, ddof: Any = 0, axis: Any = None, **given: Any) -> Any:
    """As ``ak.var``, but from the distances to the mean along every axis."""
    x, weight = _arrays(x=x, weight=weight)
    given["axis"] = axis
    squares = _weighted(np.square(_centred(x, weight, axis)), weight)
    sumw = _weights(x, weight, given)
    result = _over(ak.sum(squares, **given), sumw)
    return result if ddof == 0 or result is None else result * (sumw / (sumw - ddof))


def std(x: Any, weight: Any = None, ddof: Any = 0, axis: Any = None, **given: Any) -> Any:
    """As ``ak.std``; where all numbers are equal, its tangent is zero."""
    result = var(x, weight, ddof, axis, **given)
    return None if result is None else np.sqrt(result)


def moment(x: Any, n: Any, weight: Any = None, axis: Any = None, **given: Any) -> Any:
    """As ``ak.moment``."""
    x, weight = _arrays(x=x, weight=weight)
    if weight is None and n != int(n):
        raise TypeError(f"ak.moment expected an integer n, got {n}, which Awkward rounds")
    x = _double(x) if weight is None else x
    given["axis"] = axis
    powers = ak.ones_like(x) if n == 0 else x**n
    return _over(ak.sum(_weighted(powers, weight), **given), _weights(x, weight, given))


def ptp(array: Any, axis: Any = None, *, mask_identity: bool = True, **given: Any) -> Any:
    """As ``ak.ptp``, the greatest number minus the least."""
    (array,) = _arrays(array=array)
    given |= {"axis": axis, "mask_identity": mask_identity}
    greatest, least = ak.max(array, **given), ak.min(array, **given)
    if mask_identity:
        return None if greatest is None else greatest - least
    return np.maximum(_double(greatest - least), 0.0)  # nothing spans from infinity to minus it


def softmax(x: Any, axis: Any = -1, **given: Any) -> Any:
    """As ``ak.softmax``, but for numbers of any size: the greatest is subtracted from them.

    What is subtracted from all does not matter, so that no derivative goes through it.
    """
    (x,) = _arrays(x=x)
    _require_lists_to_broadcast(x, axis, **given)
    greatest = ak.max(x, axis=axis, keepdims=True, mask_identity=False)
    powers = np.exp(less(x, finite_constants(greatest), axis))
    return powers / ak.sum(powers, axis=axis, **given)


def _require_lists_to_broadcast(x: Any, axis: Any, keepdims: bool = False, **unused: Any) -> None:
    if x.named_axis.get(axis, axis) not in (-1, x.ndim - 1):
        raise NotImplementedError(f"ak.softmax is only defined for axis=-1, got axis={axis}")
    if x.ndim > 1 and x.layout.purelist_isregular and not keepdims:
        raise NotDifferentiableError(
            "ak.softmax without keepdims=True divides regular lists by the sums of other lists; "
            "use ak.softmax(x, axis=-1, keepdims=True)"
        )


# -- of two arrays --------------------------------------------------------------------------------


def covar(x: Any, y: Any, weight: Any = None, axis: Any = None, **given: Any) -> Any:
    """As ``ak.covar``, but from the distances to the means along every axis."""
    x, y, weight = _arrays(x=x, y=y, weight=weight)
    given["axis"] = axis
    products = _weighted(_centred(x, weight, axis) * _centred(y, weight, axis), weight)
    return _over(ak.sum(products, **given), _weights(x, weight, given))


def corr(x: Any, y: Any, weight: Any = None, axis: Any = None, **given: Any) -> Any:
    """As ``ak.corr``, but from the distances to the means along every axis."""
    x, y, weight = _arrays(x=x, y=y, weight=weight)
    dx, dy = (_centred(_shifted(variable, axis), weight, axis) for variable in (x, y))
    pairs = (dx, dx), (dy, dy), (dx, dy)
    xx, yy, xy = (ak.sum(_weighted(a * b, weight), axis=axis, **given) for a, b in pairs)
    return None if xy is None else xy / np.sqrt(xx * yy)


def linear_fit(x: Any, y: Any, weight: Any = None, axis: Any = None, **given: Any) -> Any:
    """As ``ak.linear_fit``, but from the distances to the means."""
    x, y, weight = _arrays(x=x, y=y, weight=weight)
    given["axis"] = axis
    dx, dy = (_centred(_shifted(variable, axis), weight, axis, _as_it_is) for variable in (x, y))
    xx, xy = (ak.sum(_weighted(dx * variable, weight), **given) for variable in (dx, dy))
    x_mean, y_mean = (_mean(variable, weight, given, _as_it_is) for variable in (x, y))
    sumw = _weights(x, weight, given)
    delta = sumw * xx
    slope = sumw * xy / delta
    return _record(
        intercept=y_mean - slope * x_mean,
        slope=slope,
        intercept_error=np.sqrt((xx + sumw * np.square(x_mean)) / delta),
        slope_error=np.sqrt(sumw / delta),
    )


def _record(**fields: Any) -> Any:
    fit = ak.zip(fields, depth_limit=1, with_name="LinearFit")
    return fit if isinstance(fit, ak.Record) else ak.without_named_axis(fit)


# -- without what is not a number -----------------------------------------------------------------


def _weighted_nan_form(function: Composition) -> Composition:
    def composition(x: Any, weight: Any = None, *args: Any, **given: Any) -> Any:
        weight = None if weight is None else nan_to_none(weight)
        return function(nan_to_none(x), weight, *args, **{"mask_identity": True} | given)

    return composition


def _nan_form(reducer: Composition) -> Composition:
    def composition(array: Any, *args: Any, **given: Any) -> Any:
        return reducer(nan_to_none(array), *args, **given)

    return composition


NAN_FORMS = {
    f"nan{function.__name__}": _weighted_nan_form(function) for function in (mean, var, std)
} | {
    f"nan{function.__name__}": _nan_form(function) for function in (ak.sum, ak.prod, ak.min, ak.max)
}


# -- sums -----------------------------------------------------------------------------------------


def _arrays(**arguments: Any) -> list[Any]:
    """The arguments as arrays; a weight may be missing."""
    return [
        None if name == "weight" and value is None else _numbers(as_array(value, name))
        for name, value in arguments.items()
    ]


def _numbers(array: Any) -> Any:
    """Booleans as whole numbers, which can be subtracted."""
    constant = isinstance(array, ak.Array) and not contains_duals(array)
    return array * 1 if constant and "bool" in array.typestr else array


def _double(x: Any) -> Any:
    return ak.values_astype(x, np.float64)


def _as_it_is(x: Any) -> Any:
    return x


def _weighted(x: Any, weight: Any) -> Any:
    return x if weight is None else x * weight


def _weights(x: Any, weight: Any, given: dict[str, Any], convert: Composition = _as_it_is) -> Any:
    """The sum of weights that each sum of numbers has: how many numbers, if they weigh alike."""
    return counts(x, **given) if weight is None else ak.sum(convert(0 * x + weight), **given)


def _mean(x: Any, weight: Any, given: dict[str, Any], convert: Composition) -> Any:
    total = ak.sum(convert(_weighted(x, weight)), **given)
    return _over(total, _weights(x, weight, given, convert))


def _over(total: Any, sumw: Any) -> Any:
    return None if total is None else total / sumw


def _centred(x: Any, weight: Any, axis: Any, convert: Composition = _double) -> Any:
    """The distances to the mean."""
    along = {"axis": axis, "keepdims": axis is not None}
    return less(x, _mean(x, weight, along, convert), axis)


def _shifted(x: Any, axis: Any) -> Any:
    """The distances to the least number, which equal numbers have exactly: none."""
    least = ak.min(x, axis=axis, keepdims=axis is not None, mask_identity=False)
    return less(x, least, axis)
