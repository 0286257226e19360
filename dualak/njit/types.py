"""The type of a dual in compiled code: a number with its tangents at some levels.

A dual of level ``d`` has a value and, for each direction, a tangent, which are duals of the levels
below, or plain numbers.  Compiled code keeps it in registers: the tangents of the lowest level are
one vector, so that all directions take one instruction.  In memory it is a row of plain numbers:
the value's, then those of each tangent.

>>> x = DualType(types.float64, ((1, 3),))
>>> x, x.components
(dual(float64, 3 at 1), 4)
>>> x.joined(DualType(types.float32, ((2, 1),)))
dual(float64, 3 at 1, 1 at 2)
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.core.typeconv import Conversion
from numba.extending import models, register_model

#: The depth of a level and the number of its directions, lowest first.
Levels = tuple[tuple[int, int], ...]

#: A dual that is made of more plain numbers than this does not fit into registers by far.
MOST_COMPONENTS = 320


#: The packages that compiled code of duals is made of.
SOURCES = ("njit", "rules")


@cache
def digest() -> str:
    """Of the sources that compiled code is made of: no cache of an older version is ever met."""
    package = resources.files("dualak")
    files = [file for name in SOURCES for file in package.joinpath(name).iterdir()]
    files = sorted((file for file in files if file.name.endswith(".py")), key=str)
    sources = [file.read_bytes() for file in files]
    return hashlib.sha256(b"".join(sources)).hexdigest()[:12]


class DualType(types.Type):
    """A number with tangents.

    Attributes:
        primal: the type of the value and of all tangents: float32 or float64.
        levels: depth and directions of each level that it has tangents at, lowest first.
    """

    def __init__(self, primal: Any, levels: Levels) -> None:
        self.primal = primal
        self.levels = levels
        shown = ", ".join(f"{directions} at {depth}" for depth, directions in levels)
        super().__init__(name=f"dual({primal}, {shown})")
        if self.components > MOST_COMPONENTS:
            raise TypeError(
                f"expected at most {MOST_COMPONENTS} numbers in a dual of compiled code, got "
                f"{self.components} ({shown}); take fewer directions at once, with chunk_size="
            )

    @property
    def key(self) -> Any:
        """What tells types apart, also those of another version in a cache on disk."""
        return self.primal, self.levels, digest()

    @property
    def directions(self) -> int:
        """Of the highest level."""
        return self.levels[-1][1]

    @property
    def base(self) -> Any:
        """The type of the value and of each tangent at the highest level."""
        return of_levels(self.primal, self.levels[:-1])

    @property
    def components(self) -> int:
        """How many plain numbers a dual is made of."""
        count = 1
        for _, directions in self.levels:
            count *= 1 + directions
        return count

    def joined(self, other: Any) -> Any:
        """The type that holds both; None if there is none."""
        if isinstance(other, DualType):
            known = dict(self.levels)
            if any(known.get(depth, count) != count for depth, count in other.levels):
                return None
            levels = tuple(sorted({*self.levels, *other.levels}))
            return DualType(_wider(self.primal, other.primal), levels)
        if isinstance(other, (types.Integer, types.Float, types.Boolean)):
            return DualType(_wider(self.primal, other), self.levels)
        return None

    def unify(self, typingctx: Any, other: Any) -> Any:
        """The type of a variable that is this at one place and the other at another."""
        return self.joined(other)

    def can_convert_from(self, typingctx: Any, other: Any) -> Any:
        """Plain numbers, and duals of fewer levels, become this by zero tangents."""
        if self.joined(other) != self:
            return None
        return Conversion.safe

    def can_convert_to(self, typingctx: Any, other: Any) -> Any:
        """Never to a plain number: that would drop the tangents."""
        if isinstance(other, DualType):
            return other.can_convert_from(typingctx, self)
        return None

    def cast_python_value(self, value: Any) -> float:
        """A number that stands for a constant of this type: its tangents are zero."""
        return float(value)


def _wider(left: Any, other: Any) -> Any:
    """The floating-point type of a result: Numba's, in which integers count as float64."""
    narrow = isinstance(other, types.Boolean) or other == types.float32
    return types.float32 if left == types.float32 and narrow else types.float64


def of_levels(primal: Any, levels: Levels) -> Any:
    """The type with tangents at some levels, or the plain one."""
    return DualType(primal, levels) if levels else primal


def primal_of(typ: Any) -> Any:
    """The type without any tangents."""
    return typ.primal if isinstance(typ, DualType) else typ


def float_type(primal: Any) -> Any:
    """What LLVM calls a plain number."""
    return ir.FloatType() if primal == types.float32 else ir.DoubleType()


def value_type(typ: DualType) -> Any:
    """The LLVM type of a dual in registers: its value, and its tangents side by side."""
    number = float_type(typ.primal)
    if not typ.levels[:-1]:
        lanes = number if typ.directions == 1 else ir.VectorType(number, typ.directions)
        return ir.LiteralStructType([number, lanes])
    base = value_type(typ.base)
    return ir.LiteralStructType([base, ir.ArrayType(base, typ.directions)])


def constant(typ: Any, number: float) -> Any:
    """A dual of a plain number, whose tangents are zero, as a constant of LLVM's."""
    if not isinstance(typ, DualType):
        return ir.Constant(float_type(typ), number)
    whole = value_type(typ)
    return ir.Constant(whole, [constant(typ.base, number), ir.Constant(whole.elements[1], None)])


@register_model(DualType)
class _DualModel(models.PrimitiveModel):
    """In registers a structure with vectors, in memory an array of plain numbers."""

    def __init__(self, dmm: Any, fe_type: DualType) -> None:
        super().__init__(dmm, fe_type, value_type(fe_type))
        self._memory = ir.ArrayType(float_type(fe_type.primal), fe_type.components)

    def get_data_type(self) -> Any:
        return self._memory

    def as_data(self, builder: Any, value: Any) -> Any:
        row = ir.Constant(self._memory, ir.Undefined)
        for i, number in enumerate(flattened(builder, self.fe_type, value)):
            row = builder.insert_value(row, number, i)
        return row

    def from_data(self, builder: Any, value: Any) -> Any:
        count = self.fe_type.components
        return filled(
            builder, self.fe_type, [builder.extract_value(value, i) for i in range(count)]
        )


def flattened(builder: Any, typ: Any, value: Any) -> Iterator[Any]:
    """The plain numbers of a dual, in the order of memory."""
    if not isinstance(typ, DualType):
        yield value
        return
    yield from flattened(builder, typ.base, builder.extract_value(value, 0))
    for i in range(typ.directions):
        yield from flattened(builder, typ.base, tangent(builder, typ, value, i))


def filled(builder: Any, typ: Any, numbers: list[Any]) -> Any:
    """A dual made of plain numbers in the order of memory."""
    if not isinstance(typ, DualType):
        return numbers[0]
    size = len(numbers) // (1 + typ.directions)
    parts = [numbers[i * size : (i + 1) * size] for i in range(1 + typ.directions)]
    return packed(builder, typ, [filled(builder, typ.base, part) for part in parts])


def packed(builder: Any, typ: DualType, parts: list[Any]) -> Any:
    """A dual made of its value and the tangents at its highest level."""
    value, *tangents = parts
    dual = ir.Constant(value_type(typ), ir.Undefined)
    dual = builder.insert_value(dual, value, 0)
    lanes = dual.type.elements[1]
    if not isinstance(lanes, ir.VectorType):
        array = isinstance(lanes, ir.ArrayType)
        for i, tangent in enumerate(tangents):
            dual = builder.insert_value(dual, tangent, (1, i) if array else 1)
        return dual
    vector = ir.Constant(lanes, ir.Undefined)
    for i, tangent in enumerate(tangents):
        vector = builder.insert_element(vector, tangent, ir.Constant(ir.IntType(32), i))
    return builder.insert_value(dual, vector, 1)


def tangent(builder: Any, typ: DualType, value: Any, direction: int) -> Any:
    """The tangent of a dual in one direction of its highest level."""
    lanes = value.type.elements[1]
    if isinstance(lanes, ir.ArrayType):
        return builder.extract_value(value, (1, direction))
    tangents = builder.extract_value(value, 1)
    if not isinstance(lanes, ir.VectorType):
        return tangents
    return builder.extract_element(tangents, ir.Constant(ir.IntType(32), direction))
