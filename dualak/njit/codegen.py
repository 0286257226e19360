"""The rules as instructions: what a function of duals does, written while a loop is compiled.

A ``Term`` is a number of the function that is being compiled.  The expressions of the rules are
evaluated on terms as ``dualak.ad.dual`` evaluates them on nodes; each operation writes the
instructions that do it.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from functools import cached_property, partial, reduce
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types

from dualak import rules
from dualak.njit.terms import Term
from dualak.njit.types import (
    DualType,
    Levels,
    flattened,
    of_levels,
    packed,
    primal_of,
    tangent,
    value_type,
)
from dualak.rules import PREDICATES, Rule


class Writer:
    """Writes instructions for operations on terms."""

    def __init__(self, context: Any, builder: Any) -> None:
        self.context = context
        self.builder = builder

    # -- terms ----------------------------------------------------------------------------------

    def term(self, value: Any, pattern: Term) -> Term:
        """A number of an expression as a term of the pattern's plain type."""
        return value if isinstance(value, Term) else self.constant(value, primal_of(pattern.typ))

    def literal(self, value: int) -> Term:
        """An exponent that is known while the function is compiled."""
        return Term(self, types.literal(value), None)

    def constant(self, value: Any, typ: Any) -> Term:
        return Term(self, typ, self.context.get_constant(typ, value))

    def cast(self, term: Term, typ: Any) -> Term:
        """The term as another type: wider, or with further levels, where it has no tangents."""
        if term.typ == typ:
            return term
        if not isinstance(typ, DualType):
            assert not isinstance(term.typ, DualType), (term.typ, typ)
            return self._plain_cast(term, typ)
        if isinstance(term.typ, DualType) and term.typ.levels[-1:] == typ.levels[-1:]:
            alike = self._in_lanes(term.typ) == self._in_lanes(typ)
            parts = self._parts(term) if alike else self.parts(term)
            return self._dual(typ, [self.cast(part, typ.base) for part in parts])
        zero = self.zero(typ.base)
        count = 1 if self._in_lanes(typ) else typ.directions
        lanes = self._splat(zero, typ.directions) if self._in_lanes(typ) else zero
        return self._dual(typ, [self.cast(term, typ.base), *[lanes] * count])

    def _plain_cast(self, term: Term, typ: Any) -> Term:
        if isinstance(term.value.type, ir.VectorType):
            lanes = ir.VectorType(self.context.get_value_type(typ), term.value.type.count)
            change = self.builder.fpext if typ == types.float64 else self.builder.fptrunc
            return Term(self, typ, change(term.value, lanes))
        return Term(self, typ, self.context.cast(self.builder, term.value, term.typ, typ))

    def zero(self, typ: Any) -> Term:
        if not isinstance(typ, DualType):
            return self.constant(0.0, typ)
        return Term(self, typ, ir.Constant(value_type(typ), None))

    # -- values and tangents --------------------------------------------------------------------

    def _in_lanes(self, typ: DualType) -> bool:
        return len(typ.levels) == 1

    def _parts(self, term: Term) -> list[Term]:
        """The value, then the tangents: those of the lowest level are one term, a vector."""
        typ, build = term.typ, self.builder
        value = Term(self, typ.base, build.extract_value(term.value, 0))
        if self._in_lanes(typ):
            return [value, Term(self, typ.primal, build.extract_value(term.value, 1))]
        each = range(typ.directions)
        return [
            value,
            *(Term(self, typ.base, build.extract_value(term.value, (1, i))) for i in each),
        ]

    def _dual(self, typ: DualType, parts: Sequence[Term]) -> Term:
        values = [part.value for part in parts]
        if self._in_lanes(typ):
            dual = ir.Constant(value_type(typ), ir.Undefined)
            dual = self.builder.insert_value(dual, values[0], 0)
            return Term(self, typ, self.builder.insert_value(dual, values[1], 1))
        return Term(self, typ, packed(self.builder, typ, values))

    def parts(self, term: Term) -> list[Term]:
        """The value and each tangent at the highest level."""
        typ = term.typ
        value = self.value(term)
        tangents = [tangent(self.builder, typ, term.value, i) for i in range(typ.directions)]
        return [value, *(Term(self, typ.base, tangent) for tangent in tangents)]

    def value(self, term: Term) -> Term:
        """The value at the highest level; a plain number is its own."""
        return self._parts(term)[0] if isinstance(term.typ, DualType) else term

    def primal(self, term: Term) -> Term:
        while isinstance(term.typ, DualType):
            term = self.value(term)
        return term

    def components(self, term: Term) -> list[Any]:
        """All plain numbers of a term, in the order of memory."""
        return list(flattened(self.builder, term.typ, term.value))

    def seeded(self, term: Term, typ: DualType, direction: int) -> Term:
        """The term as a dual of one more level, whose tangent is one in one direction."""
        unit = self.cast(self.constant(1.0, typ.primal), typ.base)
        zero = self.zero(typ.base)
        tangents = [unit if i == direction else zero for i in range(typ.directions)]
        values = [self.cast(term, typ.base).value, *(each.value for each in tangents)]
        return Term(self, typ, packed(self.builder, typ, values))

    def _levelled(self, args: Sequence[Term]) -> tuple[list[Term], Levels]:
        """The terms with all duals at the same levels, and these."""
        levels = tuple(sorted({level for arg in args for level in arg.levels}))
        lifted = [
            self.cast(arg, DualType(arg.typ.primal, levels)) if arg.levels else arg for arg in args
        ]
        return lifted, levels

    # -- operations -----------------------------------------------------------------------------

    def apply(self, name: str, *args: Term) -> Term:
        """A function of the rules."""
        terms, levels = self._levelled(args)
        if not levels:
            return self.plain(name, terms)
        if name == "select":
            return self.select(*terms)
        if name == "scale":
            return self._scale(*terms)
        if name in PREDICATES:
            return self.plain(name, [self.primal(term) for term in terms])
        rule = rules.find(name)
        assert rule is not None, name
        return self.differentiated(rule, partial(self.apply, name), terms)

    def differentiated(self, rule: Rule, value: Callable[..., Term], args: Sequence[Term]) -> Term:
        """A rule's function: ``value`` gives its value for values of lower levels."""
        args, levels = self._levelled(args)
        if not levels:
            return value(*args)
        rules.require_partials(rule, [arg if arg.levels else None for arg in args])
        values = [self.value(arg) for arg in args]
        result = value(*values)
        terms: list[list[Term]] = []
        for expression, arg in zip(rule.partials, args, strict=True):
            if expression != "0" and arg.levels:
                slope = self.evaluate(expression, values, result)
                terms.append([self.apply("scale", slope, part) for part in self._parts(arg)[1:]])
        if not terms:
            return result
        tangents = [reduce(partial(self.apply, "add"), each) for each in zip(*terms, strict=True)]
        return self._joined(primal_of(result.typ), levels, [result, *tangents])

    def _joined(self, primal: Any, levels: Levels, parts: Sequence[Term]) -> Term:
        typ = DualType(primal, levels)
        return self._dual(typ, [self.cast(part, typ.base) for part in parts])

    def evaluate(self, expression: str, args: Sequence[Term], result: Term) -> Term:
        """An expression of the rules: arguments are x, y, u, v, the result is z."""
        typ = primal_of(result.typ)
        names = {
            name: arg.typ.literal_value if isinstance(arg.typ, types.IntegerLiteral) else arg
            for name, arg in zip(rules.ARGUMENTS, args, strict=False)
        }
        found = rules.evaluate(expression, _Functions(self, typ), **names, z=result)
        return found if isinstance(found, Term) else self.constant(float(found), typ)

    def select(self, condition: Term, x: Term, y: Term) -> Term:
        """``x`` where the condition holds, else ``y``, with the tangents of what was chosen."""
        (x, y), levels = self._levelled((x, y))
        typ = of_levels(_common(primal_of(x.typ), primal_of(y.typ)), levels)
        x, y = self.cast(x, typ), self.cast(y, typ)
        chosen = self.builder.select(self.primal(condition).value, x.value, y.value)
        return Term(self, typ, chosen)

    def _scale(self, slope: Term, moved: Term) -> Term:
        """A product in which zero wins; its own derivative is that of any product."""
        levels = slope.levels or moved.levels
        inner, outer = self.value(slope), self.value(moved)
        firsts = self._parts(slope)[1:] if slope.levels else []
        seconds = self._parts(moved)[1:] if moved.levels else []
        terms = [[self.apply("scale", first, outer) for first in firsts]] if firsts else []
        terms += [[self.apply("scale", inner, second) for second in seconds]] if seconds else []
        tangents = [reduce(partial(self.apply, "add"), each) for each in zip(*terms, strict=True)]
        value = self.apply("scale", inner, outer)
        return self._joined(primal_of(value.typ), levels, [value, *tangents])

    # -- plain numbers --------------------------------------------------------------------------

    def plain(self, name: str, args: Sequence[Term]) -> Term:
        """A function of plain numbers, of which some may be vectors."""
        rule = rules.find(name)
        if name in _INSTRUCTIONS:
            return self._instruction(name, args)
        if name in _WRITTEN:
            return _WRITTEN[name](self, *args)
        if name not in _PLAIN and rule is not None and rule.value is not None:
            return self.evaluate(rule.value, args, args[0])
        return self.call(_PLAIN.get(name) or getattr(np, name), args)

    def _instruction(self, name: str, args: Sequence[Term]) -> Term:
        common = reduce(_common, (arg.typ for arg in args))
        if name == "divide" and isinstance(common, types.Integer):
            common = types.float64
        args = [self.cast(arg, common) for arg in args]
        integer, real, comparison = _INSTRUCTIONS[name]
        method = real if isinstance(common, types.Float) else integer
        values = self.alike([arg.value for arg in args])
        if comparison:
            compare = getattr(self.builder, method)
            return Term(self, types.boolean, compare(comparison, *values))
        return Term(self, common, getattr(self.builder, method)(*values))

    def alike(self, values: list[Any]) -> list[Any]:
        """Numbers beside vectors as vectors of the same number."""
        counts = {value.type.count for value in values if isinstance(value.type, ir.VectorType)}
        return [self._spread(value, *counts) for value in values] if counts else values

    def _spread(self, value: Any, count: int) -> Any:
        if isinstance(value.type, ir.VectorType):
            return value
        lanes, first = ir.VectorType(value.type, count), ir.Constant(ir.IntType(32), 0)
        vector = self.builder.insert_element(ir.Constant(lanes, ir.Undefined), value, first)
        mask = ir.Constant(ir.VectorType(ir.IntType(32), count), [0] * count)
        return self.builder.shuffle_vector(vector, ir.Constant(lanes, ir.Undefined), mask)

    def _splat(self, term: Term, count: int) -> Term:
        return Term(self, term.typ, self._spread(term.value, count) if count > 1 else term.value)

    def call(self, function: Callable[..., Any], args: Sequence[Term]) -> Term:
        """A function that Numba compiles for plain numbers."""
        signature = self.signature(function, tuple(arg.typ for arg in args))
        values = [self.cast(arg, typ).value for arg, typ in zip(args, signature.args, strict=True)]
        found = self.context.get_function(self._type_of(function), signature)(self.builder, values)
        return Term(self, signature.return_type, found)

    def signature(self, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        return self._type_of(function).get_call_type(self._typing, args, {})

    def _type_of(self, function: Callable[..., Any]) -> Any:
        return self._typing.resolve_value_type(function)

    @cached_property
    def _typing(self) -> Any:
        return self.context.typing_context


def _common(left: Any, other: Any) -> Any:
    """The type that an operation on plain numbers of two types works in."""
    if left == other:
        return left
    real = [typ for typ in (left, other) if isinstance(typ, types.Float)]
    if len(real) == 2:
        return types.float64
    return real[0] if real else types.int64


class _Functions(dict[str, Callable[..., Term]]):
    """The functions that expressions of the rules may name."""

    def __init__(self, writer: Writer, typ: Any) -> None:
        super().__init__()
        self._writer, self._typ = writer, typ

    def __missing__(self, name: str) -> Callable[..., Term]:
        def function(*args: Any) -> Term:
            writer, typ = self._writer, self._typ
            terms = [
                arg if isinstance(arg, Term) else writer.constant(float(arg), typ) for arg in args
            ]
            return writer.apply(name, *terms)

        return function


def _plain_scale(writer: Writer, slope: Term, moved: Term) -> Term:
    """The product, zero where one of both is."""
    product = writer.plain("multiply", (slope, moved))
    if _is_known(slope) or _is_known(moved):
        return product
    return _zero_with(writer, slope, _zero_with(writer, moved, product))


def _is_known(factor: Term) -> bool:
    """Whether a factor is a finite number that is not zero, beside which no look is needed."""
    known = getattr(factor.value, "constant", None)
    return isinstance(known, (int, float)) and known != 0 and math.isfinite(known)


def _zero_with(writer: Writer, factor: Term, product: Term) -> Term:
    factor = factor if factor.typ == product.typ else writer.cast(factor, product.typ)
    nothing = writer.plain("equal", (factor, writer.constant(0.0, factor.typ)))
    zero = writer.constant(0.0, product.typ)
    values = writer.alike([nothing.value, product.value, zero.value])
    return Term(writer, product.typ, writer.builder.select(values[0], values[2], values[1]))


def _exponent(writer: Writer, x: Term) -> Term:
    """The exponent of frexp, as a number of the type of ``x``."""

    def exponent(x: float) -> int:
        return math.frexp(x)[1]

    signature = types.int64(x.typ)
    found = writer.context.compile_internal(writer.builder, exponent, signature, (x.value,))
    return writer.cast(Term(writer, types.int64, found), x.typ)


def _ldexp(writer: Writer, x: Term, exponent: Term) -> Term:
    if not isinstance(exponent.typ, types.Integer):
        value = writer.builder.fptosi(exponent.value, ir.IntType(64))
        exponent = Term(writer, types.int64, value)
    return writer.call(math.ldexp, (x, writer.cast(exponent, types.int32)))


def _power(writer: Writer, x: Term, y: Term) -> Term:
    """A power; one with a whole exponent that is known is written as multiplications."""
    if not isinstance(y.typ, types.IntegerLiteral):
        return writer.call(operator.pow, (x, y))
    rest, power, result = abs(y.typ.literal_value), x, writer.constant(1.0, x.typ)
    if rest > _LARGEST_LITERAL:
        return writer.call(operator.pow, (x, writer.constant(y.typ.literal_value, types.int64)))
    while rest:
        result = result * power if rest & 1 else result
        rest >>= 1
        power = power * power if rest else power
    return 1.0 / result if y.typ.literal_value < 0 else result


#: Larger exponents are left to a loop.
_LARGEST_LITERAL = 0x10000


def _select(writer: Writer, condition: Term, x: Term, y: Term) -> Term:
    return writer.select(condition, x, y)


#: Functions that are neither an instruction nor one of Numba's.
_WRITTEN: dict[str, Callable[..., Term]] = {
    "power": _power,
    "scale": _plain_scale,
    "select": _select,
    "exponent": _exponent,
    "ldexp": _ldexp,
}

#: LLVM's instruction for integers and for floating-point numbers, and the comparison it makes.
_INSTRUCTIONS = {
    "add": ("add", "fadd", ""),
    "subtract": ("sub", "fsub", ""),
    "multiply": ("mul", "fmul", ""),
    "divide": ("", "fdiv", ""),
    "negative": ("neg", "fneg", ""),
    "equal": ("icmp_signed", "fcmp_ordered", "=="),
    "less": ("icmp_signed", "fcmp_ordered", "<"),
    "greater": ("icmp_signed", "fcmp_ordered", ">"),
}

#: Functions of expressions by what Numba compiles for plain numbers; others are NumPy's.
_PLAIN: dict[str, Callable[..., Any]] = {
    "absolute": abs,
    "arcsin": math.asin,
    "arccos": math.acos,
    "arctan": math.atan,
    "arctan2": math.atan2,
    "arcsinh": math.asinh,
    "arccosh": math.acosh,
    "arctanh": math.atanh,
    "erf": math.erf,
    "erfc": math.erfc,
    **{
        name: getattr(math, name)
        for name in (
            *("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "expm1", "log", "log1p"),
            *("sqrt", "hypot", "copysign", "isnan", "isinf"),
        )
    },
}
