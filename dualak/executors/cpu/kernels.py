"""Kernels of the CPU: one compiled function for each operation and type, found by its address.

A kernel compiles once per machine and is then read from Numba's cache on disk.  Its name carries a
digest of the sources it is made from, so that a changed formula never meets an old kernel.

>>> address("multiply", (np.dtype(np.float64),) * 3) > 0
True
"""

from __future__ import annotations

import hashlib
import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import FunctionType
from typing import Any

import numba
import numpy as np
from numba.extending import register_jitable

from dualak.executors import scalar_functions
from dualak.executors.compiled import compiled
from dualak.executors.cpu import loops, vector_math
from dualak.executors.cpu.pairs import SAME_ARGUMENT
from dualak.rules import REDUCTIONS


@dataclass(frozen=True)
class Kernel:
    """What to compile: a loop of ``loops``, its scalar function, and further names it uses."""

    loop: str
    scalar: Callable[..., Any] | None = None
    names: tuple[tuple[str, Any], ...] = ()


def _kernel(loop: str, scalar: Callable[..., Any] | None = None, **names: Any) -> Kernel:
    return Kernel(loop, scalar, tuple(names.items()))


#: What the scalar functions of ``scalars`` are made of here.
_NAMES = {
    "copysign": math.copysign,
    "floor": np.floor,
    "fmod": np.fmod,
    "frexp": math.frexp,
    "ldexp_of": math.ldexp,
    "spacing_of": np.spacing,
}


def _own(function: Callable[..., Any]) -> Callable[..., Any]:
    """A scalar function with the names of this target."""
    copy = scalar_functions.bound(function, _NAMES)
    copy.__module__ = __name__
    return copy


_ARITHMETIC = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "less": operator.lt,
    "less_equal": operator.le,
    "equal": operator.eq,
    "not_equal": operator.ne,
    "maximum": _own(scalar_functions.larger),
    "minimum": _own(scalar_functions.smaller),
    "heaviside": _own(scalar_functions.heaviside),
    "remainder": _own(scalar_functions.remainder),
    "floor_divide": _own(scalar_functions.floor_divide),
    "ldexp": _own(scalar_functions.ldexp),
}


def _reductions(
    name: str, loop: str, scalar: Callable[..., Any], fold: Callable[..., Any] | None = None
) -> dict[str, Kernel]:
    """The kernels of a reduction: of values, of values and tangents, and of tangents alone."""
    low = REDUCTIONS[name].identity
    tangent = REDUCTIONS[name].tangent
    kernels = {
        f"segment:{name}": _kernel("segment_fold", fold or scalar, low=low),
        f"segment:{name}_pair": _kernel(f"{loop}_pair", scalar, low=low),
    }
    if tangent is not None:
        kernels[f"segment:{tangent}"] = _kernel(f"{loop}_jvp", scalar, low=low)
    return kernels


#: Reductions that compare and choose: a constant in double precision would convert all numbers.
_OF_ONE_TYPE = {
    f"segment:{name}{what}" for name in ("min", "max") for what in ("", "_pair", "_jvp")
}

_TABLE: dict[str, Kernel] = {
    **{name: _kernel("binary", function) for name, function in _ARITHMETIC.items()},
    "negative": _kernel("unary", operator.neg),
    "absolute": _kernel("unary", abs),
    "cast": _kernel("unary", _own(scalar_functions.same)),
    "spread": _kernel("unary", _own(scalar_functions.same)),
    "scalar": _kernel("unary", _own(scalar_functions.same)),
    "exponent": _kernel("unary", _own(scalar_functions.exponent)),
    "sign": _kernel("unary", _own(scalar_functions.sign)),
    "spacing": _kernel("unary", _own(scalar_functions.spacing)),
    "scale": _kernel("product", _own(scalar_functions.scale)),
    "select": _kernel("ternary", _own(scalar_functions.select)),
    "take": _kernel("take"),
    "repeat": _kernel("repeat"),
    "tile": _kernel("tile"),
    "columns": _kernel("columns"),
    **_reductions("sum", "segment_sum", operator.add),
    "segment:sum": _kernel("segment_sum", low=REDUCTIONS["sum"].identity),
    **_reductions("prod", "segment_prod", _own(scalar_functions.scale), operator.mul),
    **_reductions("min", "segment_extreme", operator.lt, _own(scalar_functions.lower_of)),
    **_reductions("max", "segment_extreme", operator.gt, _own(scalar_functions.upper_of)),
}


def kernel(op: str, arity: int) -> Kernel:
    """The kernel of an operation: of the table, a vectorised form, or NumPy's own function."""
    if op in _TABLE:
        return _TABLE[op]
    for pair, both in SAME_ARGUMENT.items():
        if op == both:
            return _guarded("pair", both, *(getattr(np, name) for name in pair))
    exact = getattr(np, op)
    if op in vector_math.FAST:
        return _guarded("unary" if arity == 1 else "binary", op, exact)
    return _kernel("unary" if arity == 1 else "binary", exact)


def _guarded(loop: str, op: str, *exact: Callable[..., Any]) -> Kernel:
    """A vectorised form, and the exact functions for blocks outside its interval."""
    form = vector_math.FAST[op]
    names = ("low", "high", "low2", "high2")
    bounds = dict(zip(names, np.ravel(form.safe).tolist(), strict=False))
    others = dict(zip(("scalar", "scalar2"), exact, strict=False))
    return _kernel(f"guarded_{loop}", fast=form.function, **bounds, **others)


@cache
def _digest() -> str:
    package = resources.files("dualak")
    sources = [package.joinpath(name).read_bytes() for name in SOURCES]
    return hashlib.sha256(b"".join(sources)).hexdigest()[:12]


#: The files that kernels are compiled from: a cache on disk is never met by another formula.
SOURCES = (
    "executors/compiled.py",
    "executors/scalar_functions.py",
    "executors/cpu/kernels.py",
    "executors/cpu/loops.py",
    "executors/cpu/pairs.py",
    "executors/cpu/vector_math.py",
    "rules/reductions.py",
)


@cache
def _inlined(function: Callable[..., Any]) -> Any:
    """The function as compiled code may call it; operators, ufuncs and fast forms already are."""
    if getattr(function, "__module__", None) not in (__name__, loops.__name__):
        return function
    return register_jitable(function)


@cache
def _in_any_order(function: Callable[..., Any]) -> Any:
    """A sum as compiled code may call it, whose terms may be added up side by side."""
    return register_jitable(fastmath={"reassoc", "nsz"})(function)


def _loop(op: str, kernel: Kernel, dtype: np.dtype[Any]) -> FunctionType:
    """A copy of the kernel's loop with the names it needs; ``dtype`` is that of the result."""
    template = getattr(loops, kernel.loop)
    names = {"scalar": kernel.scalar} | dict(kernel.names)
    names |= {"zero": dtype.type(0), "one": dtype.type(1)}
    if op in _OF_ONE_TYPE:
        names["low"] = dtype.type(names["low"])
    names = {name: _inlined(value) if callable(value) else value for name, value in names.items()}
    names["start_of_tail"] = _inlined(loops.start_of_tail)
    names["long_sum"] = _in_any_order(loops.long_sum)
    copy = FunctionType(template.__code__, {**vars(loops), **names}, op)
    copy.__qualname__ = f"{op.replace(':', '_')}_{_digest()}"
    copy.__module__ = __name__
    return copy


@cache
def _compiled(op: str, dtypes: tuple[np.dtype[Any], ...]) -> Any:
    """Compiles the kernel for the types of its result and arguments."""
    types = [numba.types.CPointer(_element(dtype)) for dtype in dtypes]
    unused = [numba.types.CPointer(numba.types.float64)] * (5 - len(types))
    signature = numba.types.void(*types, *unused, numba.types.int64)
    loop = _loop(op, kernel(op, len(dtypes) - 1), dtypes[0])
    return compiled(signature, loop, error_model="numpy")


def _element(dtype: np.dtype[Any]) -> Any:
    """A boolean is a byte in a buffer, but a bit to Numba."""
    return numba.types.uint8 if dtype.kind == "b" else numba.from_dtype(dtype)


@cache
def address(op: str, dtypes: tuple[np.dtype[Any], ...]) -> int:
    """The address of ``void kernel(result*, a*, b*, c*, d*, int64 length)`` for these types.

    Arguments that an operation does not have are passed as null.
    """
    return int(_compiled(op, dtypes).address)
