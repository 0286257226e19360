"""Derivatives inside of a compiled function: ``partials``, and what it puts in and takes out."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import reduce
from typing import Any

from numba.core import errors, types
from numba.extending import intrinsic, overload

from dualak.njit import interpreted
from dualak.njit.codegen import Term, Writer
from dualak.njit.types import DualType


def partials(func: Callable[..., Any], x: Any, *args: Any) -> Any:
    """The value of a compiled function and its partial derivatives, inside of another one.

    For what a loop itself needs: the Jacobian of a Newton step, the transport matrix of a track.
    It is forward mode with scalars that stay in registers.  Where the loop is differentiated in
    turn, the derivatives are too.

    Args:
        func: a function compiled by Numba; called as ``func(x, *args)``.  Where ``partials`` is
            not compiled, it is interpreted, and may call NumPy's functions, not those of ``math``.
        x: a number, or a tuple of numbers, to differentiate by.
        *args: further arguments, which are constants here.

    Returns:
        The pair of the value and the derivatives.  For a tuple ``x`` these are a tuple, one for
        each number.  A function that gives a tuple has a tuple of derivatives for each item.

    >>> import math, numba, dualak
    >>> @numba.njit
    ... def product(x, c):
    ...     return c * x[0] * math.sin(x[1])
    >>> @numba.njit
    ... def gradient(a, b):
    ...     return dualak.partials(product, (a, b), 2.0)
    >>> gradient(3.0, 0.0)
    (0.0, (0.0, 6.0))
    """
    return interpreted.partials(getattr(func, "py_func", func), x, *args)


@overload(partials)
def _partials(func: Any, x: Any, *args: Any) -> Any:
    several = isinstance(x, types.BaseTuple)
    numbers = tuple(map(types.unliteral, x if several else (x,)))
    typ = _seed_type(numbers, _free_depth((x, *args)))

    @intrinsic
    def seeds(typingctx: Any, x: Any) -> Any:
        result = types.UniTuple(typ, len(numbers)) if several else typ

        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            writer = Writer(context, builder)
            each = values
            if several:
                each = [builder.extract_value(values[0], i) for i in range(len(numbers))]
            terms = [Term(writer, *both) for both in zip(numbers, each, strict=True)]
            seeded = [writer.seeded(term, typ, i).value for i, term in enumerate(terms)]
            return context.make_tuple(builder, result, seeded) if several else seeded[0]

        return result(x), codegen

    depth = typ.levels[-1][0]

    @intrinsic
    def split(typingctx: Any, result: Any) -> Any:
        return _split(result, depth, len(numbers), several)

    def impl(func: Any, x: Any, *args: Any) -> Any:
        return split(func(seeds(x), *args))

    return impl


def _split(result: Any, depth: int, count: int, several: bool) -> Any:
    """The signature of what takes values and derivatives apart, and the code."""
    whole = isinstance(result, types.BaseTuple)
    items = tuple(result) if whole else (result,)
    pairs = [_types_of(item, depth, count, several) for item in items]
    sides = [types.Tuple(side) for side in zip(*pairs, strict=True)]
    typ = types.Tuple(sides if whole else pairs[0])

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        writer = Writer(context, builder)
        each = range(len(items))
        values = [builder.extract_value(args[0], i) for i in each] if whole else args
        found = [
            _halves(writer, Term(writer, *both), slopes, depth)
            for *both, (_, slopes) in zip(items, values, pairs, strict=True)
        ]
        if not whole:
            return context.make_tuple(builder, typ, found[0])
        columns = zip(sides, zip(*found, strict=True), strict=True)
        halves = [context.make_tuple(builder, side, column) for side, column in columns]
        return context.make_tuple(builder, typ, halves)

    return typ(result), codegen


def _types_of(number: Any, depth: int, count: int, several: bool) -> tuple[Any, Any]:
    """The types of a number's value and of its derivatives."""
    if not isinstance(number, (DualType, types.Float, types.Integer, types.Boolean)):
        raise errors.NumbaTypeError(
            f"dualak.partials expects a function that gives numbers, got one that gives {number}"
        )
    base = number.base if _varies(number, depth) else types.unliteral(number)
    slope = base if isinstance(base, (DualType, types.Float)) else types.float64
    return base, types.UniTuple(slope, count) if several else slope


def _varies(number: Any, depth: int) -> bool:
    return isinstance(number, DualType) and number.levels[-1][0] == depth


def _halves(writer: Writer, number: Term, slopes: Any, depth: int) -> tuple[Any, Any]:
    """The value of a number, and its derivatives."""
    several = isinstance(slopes, types.UniTuple)
    if _varies(number.typ, depth):
        number, *each = writer.parts(number)
    else:
        each = [writer.zero(slopes.dtype if several else slopes)] * (slopes.count if several else 1)
    tangents = [part.value for part in each]
    if not several:
        return number.value, tangents[0]
    return number.value, writer.context.make_tuple(writer.builder, slopes, tangents)


def _seed_type(numbers: tuple[Any, ...], depth: int) -> DualType:
    """The type of the numbers to differentiate by: of a level above all that they have."""
    for number in numbers:
        if not isinstance(number, (DualType, types.Float, types.Integer)):
            raise errors.NumbaTypeError(
                f"dualak.partials expects numbers to differentiate by, got {number}"
            )
    level = (depth, len(numbers))
    narrow = all(isinstance(number, types.Float) and number.bitwidth == 32 for number in numbers)
    typ = DualType(types.float32 if narrow else types.float64, (level,))
    return reduce(lambda found, number: found.joined(number), numbers, typ)


def _free_depth(given: tuple[Any, ...]) -> int:
    """A depth above those of all levels in the types, wherever they stand in them.

    A compiled function sees no duals but its arguments, and the name of a type names all in it.
    """
    depths = [int(depth) for typ in given for depth in re.findall(r"\d+ at (\d+)[,)]", str(typ))]
    return 1 + max(depths, default=0)
