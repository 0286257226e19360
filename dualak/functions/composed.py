"""Functions that are composed of others which have rules, and so need none of their own."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np

from dualak.functions.reducers import counts
from dualak.functions.registry import NotDifferentiableError, register


def register_all() -> None:
    """Enters the composed functions into the registry."""
    register("differentiable", ("ak.mean",), lambda function, args, kwargs: _mean(*args, **kwargs))
    register(
        "differentiable", ("np.mean",), lambda function, args, kwargs: _np_mean(*args, **kwargs)
    )
    register("differentiable", ("np.clip",), lambda function, args, kwargs: _clip(*args, **kwargs))


def _mean(
    x: Any,
    weight: Any = None,
    axis: int | None = None,
    *,
    keepdims: bool = False,
    mask_identity: bool = False,
    **unused: Any,
) -> Any:
    if unused:
        raise NotDifferentiableError(f"ak.mean: the arguments {sorted(unused)} are refused")
    given = {"axis": axis, "keepdims": keepdims, "mask_identity": mask_identity}
    if weight is None:
        total, count = ak.sum(x, **given), counts(x, **given)
    else:
        total, count = ak.sum(x * weight, **given), ak.sum(0 * x + weight, **given)
    return None if total is None else total / count


def _np_mean(a: Any, axis: int | None = None, *, keepdims: bool = False, **unused: Any) -> Any:
    return _mean(a, axis=axis, keepdims=keepdims, **unused)


def _clip(a: Any, a_min: Any = None, a_max: Any = None, **unused: Any) -> Any:
    low, high = unused.pop("min", a_min), unused.pop("max", a_max)
    if unused:
        raise NotDifferentiableError(f"np.clip: the arguments {sorted(unused)} are refused")
    clipped = a if low is None else np.maximum(a, low)
    return clipped if high is None else np.minimum(clipped, high)
