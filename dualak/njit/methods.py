"""What numbers have beside their rules: constructors, attributes, and functions made of others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba.core import errors, types
from numba.core.typing.builtins import NumberClassAttribute
from numba.core.typing.templates import infer_getattr, make_callable_template
from numba.extending import (
    intrinsic,
    lower_cast,
    overload,
    overload_attribute,
    overload_method,
)

from dualak.njit.codegen import Writer
from dualak.njit.terms import Term
from dualak.njit.types import DualType, primal_of
from dualak.rules import SINC_SERIES

# -- constructors: np.float64(x), np.int64(x) -----------------------------------------------------


class _Constructor(NumberClassAttribute):
    """What calling one of NumPy's types gives: for a dual the tangents stay, or it is discrete."""

    def resolve___call__(self, classty: Any) -> Any:
        ty = classty.instance_type
        plain = super().resolve___call__(classty)

        def typer(val: Any) -> Any:
            if isinstance(val, DualType):
                return _constructed(ty, val)
            return plain.get_call_type(self.context, (val,), {}).return_type

        return types.Function(make_callable_template(key=ty, typer=typer))


def _constructed(ty: Any, val: DualType) -> Any:
    if ty in (types.float32, types.float64):
        return DualType(ty, val.levels)
    if isinstance(ty, (types.Integer, types.Boolean)):
        return ty
    raise errors.NumbaTypeError(
        f"np.{ty} is refused on a differentiated number: complex numbers are not differentiated"
    )


for _kind in (*types.real_domain, *types.complex_domain, *types.integer_domain, types.boolean):
    _name = f"_Constructor_{_kind}"
    infer_getattr(type(_name, (_Constructor,), {"key": types.NumberClass(_kind)}))


@lower_cast(DualType, types.Integer)
@lower_cast(DualType, types.Boolean)
def _cast_to_discrete(context: Any, builder: Any, fromty: Any, toty: Any, val: Any) -> Any:
    """For the constructors alone: no conversion that nobody wrote drops tangents."""
    writer = Writer(context, builder)
    return writer.cast(writer.primal(Term(writer, fromty, val)), toty).value


# -- attributes -----------------------------------------------------------------------------------


def _as_written(*enter: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Enters a function into Numba, which compares its signature with annotations and all."""

    def entered(function: Any) -> Any:
        function.__annotations__ = {}
        for step in enter:
            step(function)
        return function

    return entered


@_as_written(overload_attribute(DualType, "real"))
def _real(x: Any) -> Any:
    return lambda x: x


@_as_written(overload_attribute(DualType, "imag"))
def _imag(x: Any) -> Any:
    zero = np.float32(0.0) if x.primal == types.float32 else 0.0
    return lambda x: zero


@_as_written(overload_method(DualType, "conjugate"))
def _conjugate(x: Any) -> Any:
    return lambda x: x


@_as_written(overload_method(DualType, "item"))
def _item(x: Any) -> Any:
    return lambda x: x


# -- functions made of others ---------------------------------------------------------------------


@intrinsic
def _value(typingctx: Any, x: Any) -> Any:
    """The plain number of a dual."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        writer = Writer(context, builder)
        return writer.primal(Term(writer, x, args[0])).value

    return primal_of(x)(x), codegen


@_as_written(overload(np.sinc))
def _sinc(x: Any) -> Any:
    """Near zero by its series, which has all derivatives."""
    if not isinstance(x, DualType):
        return None
    first, middle, last = SINC_SERIES[0], SINC_SERIES[1:-1], SINC_SERIES[-1]

    def sinc(x):  # type: ignore[no-untyped-def]
        y = np.pi * x
        if abs(y) >= 1.0:
            return np.sin(y) / y
        square = y * y
        near = square * first
        for coefficient in middle:
            near = (near + coefficient) * square
        return near + last

    return sinc


@_as_written(overload(np.round), overload(np.around))
def _round(a: Any, decimals: Any = 0, out: Any = None) -> Any:
    """In steps: what it gives has no tangent."""
    if not isinstance(a, DualType):
        return None
    return lambda a, decimals=0, out=None: np.round(_value(a), decimals)


def _of_tuple(function: Any) -> None:
    """``min`` and ``max`` of a tuple of numbers, as of so many arguments."""

    @_as_written(overload(function))
    def of_tuple(numbers: Any) -> Any:
        whole = isinstance(numbers, types.BaseTuple) and len(numbers) > 0
        if not whole or not any(isinstance(number, DualType) for number in numbers):
            return None
        found = "numbers[0]"
        for i in range(1, len(numbers)):
            found = f"best({found}, numbers[{i}])"
        scope = {"best": function}
        exec(f"def choose(numbers):\n    return {found}\n", scope)
        return scope["choose"]


_of_tuple(min)
_of_tuple(max)


@_as_written(overload(np.array), overload(np.asarray))
def _array(a: Any, dtype: Any = None) -> None:
    """Refuses lists of duals, with the way out."""
    element = a
    while isinstance(element, (types.List, types.ListType, types.UniTuple)):
        element = element.dtype
    items = element if isinstance(element, types.BaseTuple) else (element,)
    if any(isinstance(item, DualType) for item in items):
        raise errors.NumbaTypeError(
            "np.array makes arrays of plain numbers, got differentiated ones, whose tangents it "
            "would drop; use dualak.array(numbers), or fill dualak.empty(shape, like)"
        )
