"""Functions of NumPy of one number that are no ufuncs; they take lists of any length."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import awkward as ak
import numpy as np

from dualak.arrays.highlevel import is_scalar
from dualak.functions.awkward.structure import array_of_scalar
from dualak.functions.numpy.regular import regular
from dualak.functions.numpy.signatures import of_numpy, register_compositions
from dualak.functions.registry import register
from dualak.rules import SINC_SERIES


def register_all() -> None:
    """Enters the functions of one number into the registry."""
    register_compositions(ELEMENTARY)
    register("structural", ("np.real_if_close",), of_numpy(real_if_close))
    register("structural", ("ak.materialize",), _materialize)


def _lists_as_numpy_has_them(x: Any) -> Any:
    """The array with regular lists, as plain Awkward hands it to NumPy, where it can."""
    try:
        return regular(x)
    except (TypeError, ValueError):
        return x


def sinc(x: Any) -> Any:
    """As ``np.sinc``; near zero by its series, which has all derivatives."""
    if is_scalar(x):
        return sinc(array_of_scalar(x))[0]
    y = np.pi * _lists_as_numpy_has_them(x)
    square = y * y
    near = SINC_SERIES[0] * square
    for coefficient in SINC_SERIES[1:-1]:
        near = (near + coefficient) * square
    small = np.abs(y) < 1.0
    return ak.where(small, near + SINC_SERIES[-1], np.sin(y) / ak.where(small, np.ones_like(y), y))


def fix(x: Any, out: None = None) -> Any:
    """As ``np.fix``."""
    return np.trunc(_lists_as_numpy_has_them(x))


def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    """As ``np.astype``."""
    return ak.values_astype(_lists_as_numpy_has_them(x), dtype)


def _materialize(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Numbers are computed when somebody looks at them, however early Awkward asks for them."""
    return ak.copy(*args, **kwargs)


def real_if_close(a: Any, tol: Any = 100) -> Any:
    """As ``np.real_if_close``: these numbers are real."""
    return _lists_as_numpy_has_them(a)


ELEMENTARY: dict[str, Callable[..., Any]] = {
    "np.astype": astype,
    "np.fix": fix,
    "np.sinc": sinc,
}
