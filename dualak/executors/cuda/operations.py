"""What each operation is called in a kernel of CUDA: an expression, or a function by its name.

Functions of the device come from NVIDIA's libdevice; what is not there as NumPy defines it is one
of ``dualak.executors.scalars``.  In Numba's simulator the same names stand for NumPy's functions.

>>> source_of("multiply", ["a", "b"], np.dtype(np.float32))
'a * b'
>>> source_of("arctan2", ["y", "x"], np.dtype(np.float32))
'arctan2_f4(y, x)'
>>> sorted(used("arctan2_f4(y, sin_f8(x))"))
['arctan2_f4', 'sin_f8']
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from dualak.executors import scalar_functions

#: Operations that are expressions, which need no call.
EXPRESSIONS = {
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "divide": "{0} / {1}",
    "greater": "{0} > {1}",
    "greater_equal": "{0} >= {1}",
    "less": "{0} < {1}",
    "less_equal": "{0} <= {1}",
    "equal": "{0} == {1}",
    "not_equal": "{0} != {1}",
    "negative": "-{0}",
    "absolute": "abs({0})",
    "cast": "{0}",
    "spread": "{0}",
    "scalar": "{0}",
    "select": "{1} if {0} else {2}",
    "scale": "({0} * {1} if {0} * {1} == {0} * {1} else"
    " ({0} if {0} == 0 else ({1} if {1} == 0 else {0} * {1})))",
    "isnan": "{0} != {0}",
    "isinf": "abs({0}) == inf",
    "isfinite": "abs({0}) < inf",
}

#: Operations that are functions of ``scalar_functions``.
FORMULAS: dict[str, Callable[..., Any]] = {
    "maximum": scalar_functions.larger,
    "minimum": scalar_functions.smaller,
    "fmax": scalar_functions.larger_number,
    "fmin": scalar_functions.smaller_number,
    "heaviside": scalar_functions.heaviside,
    "remainder": scalar_functions.remainder,
    "floor_divide": scalar_functions.floor_divide,
    "sign": scalar_functions.sign,
    "ldexp": scalar_functions.ldexp_in_32_bits,
    "exponent": scalar_functions.exponent_of_finite,
    "spacing": scalar_functions.spacing_by_neighbours,
    "logaddexp": scalar_functions.logaddexp,
    "logaddexp2": scalar_functions.logaddexp2,
}

#: Operations that libdevice has: its name for them, where that is not NumPy's.
LIBDEVICE = {
    **{
        name: name
        for name in (
            *("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "cbrt", "hypot"),
            *("sin", "cos", "sincos", "tan", "sinh", "cosh", "tanh"),
            *("floor", "ceil", "trunc", "rint", "fmod", "copysign", "nextafter", "frexp"),
        )
    },
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arctan2": "atan2",
    "arcsinh": "asinh",
    "arccosh": "acosh",
    "arctanh": "atanh",
    "power": "pow",
    "signbit": "signbit",
    "ldexp_of": "ldexp",
}

#: Functions of SciPy that libdevice has to the last digits everywhere, by the keys of their rules.
SPECIAL = {
    f"scipy.special.{name}": other
    for name, other in (
        ("erf", "erf"),
        ("erfc", "erfc"),
        ("erfcx", "erfcx"),
        ("erfinv", "erfinv"),
        ("ndtr", "normcdf"),
        ("gamma", "tgamma"),
    )
}
LIBDEVICE |= {key.rpartition(".")[2]: name for key, name in SPECIAL.items()}

#: What NumPy calls those that are no function of NumPy's, for the simulator.
SIMULATED: dict[str, Callable[..., Any]] = {
    "ldexp_of": np.ldexp,
    "sincos": lambda x: (np.sin(x), np.cos(x)),
}

#: Functions whose result is a flag that libdevice gives as an integer.
_FLAGS = ("signbit",)


class UnknownOperationError(NotImplementedError):
    """An operation that has no source."""


def source_of(op: str, arguments: Sequence[str], dtype: np.dtype[Any]) -> str:
    """The expression of an operation on arguments, of which the last floating one has the dtype.

    Raises:
        UnknownOperationError: for an operation that is nowhere in the tables.
    """
    if op in EXPRESSIONS:
        return EXPRESSIONS[op].format(*arguments)
    op = op.rpartition(".")[2] if op in SPECIAL else op
    if op not in FORMULAS and op not in LIBDEVICE:
        raise UnknownOperationError(f"expected an operation that CUDA kernels know, got {op!r}")
    suffix = "f4" if dtype == np.float32 else "f8"
    call = f"{op}_{suffix}({', '.join(arguments)})"
    return f"{call} != 0" if op in _FLAGS else call


def used(source: str) -> set[str]:
    """The names of functions in a source text that ``functions`` has to give."""
    return set(re.findall(r"\b[a-z]\w*_f[48]\b", source))


# -- the functions behind the names ---------------------------------------------------------------


def function(name: str) -> Any:
    """The device function that a name such as ``remainder_f8`` stands for."""
    from numba import cuda

    op, _, suffix = name.rpartition("_")
    if op in FORMULAS:
        # Inlined, since Numba-CUDA asks the device before it compiles a function for a call.
        return cuda.jit(device=True, inline="always")(_bound(op, suffix, _libdevice))
    return _libdevice(op, suffix)


def simulated(name: str) -> Any:
    """The function of Python that stands for it in the simulator."""
    op, _, suffix = name.rpartition("_")
    return _bound(op, suffix, _numpy) if op in FORMULAS else _numpy(op, suffix)


@cache
def _bound(op: str, suffix: str, library: Callable[[str, str], Any]) -> Any:
    formula = FORMULAS[op]
    needed = [name for name in formula.__code__.co_names if name in LIBDEVICE]
    return scalar_functions.bound(formula, {name: library(name, suffix) for name in needed})


def _libdevice(op: str, suffix: str) -> Any:
    from numba.cuda import libdevice

    name = LIBDEVICE[op]
    if op == "signbit":
        return getattr(libdevice, "signbitd" if suffix == "f8" else "signbitf")
    return getattr(libdevice, name if suffix == "f8" else f"{name}f")


def _numpy(op: str, suffix: str) -> Any:
    if f"scipy.special.{op}" in SPECIAL:
        return getattr(importlib.import_module("scipy.special"), op)
    return SIMULATED.get(op) or getattr(np, op)
