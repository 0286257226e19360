"""What compiled code may do with duals: each function by its rule, entered into Numba.

The type of a result is the one that Numba gives the function of the plain numbers, with the
tangents of all arguments; a function whose result is no floating-point number is discrete.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable
from functools import partial, reduce
from typing import Any

import numpy as np
from numba.core import errors, types, typing
from numba.core.imputils import lower_constant
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.extending import lower_builtin, lower_cast, overload

from dualak.njit.codegen import Term, Writer
from dualak.njit.types import DualType, constant, primal_of
from dualak.rules import CHOICES, RULES, Rule, find

Function = Callable[..., Any]

#: Python's operators, and those that work in place, by their rules.
_OPERATORS: dict[Function, str] = {
    **dict.fromkeys((operator.add, operator.iadd), "add"),
    **dict.fromkeys((operator.sub, operator.isub), "subtract"),
    **dict.fromkeys((operator.mul, operator.imul), "multiply"),
    **dict.fromkeys((operator.truediv, operator.itruediv), "divide"),
    **dict.fromkeys((operator.floordiv, operator.ifloordiv), "floor_divide"),
    **dict.fromkeys((operator.mod, operator.imod), "remainder"),
    **dict.fromkeys((operator.pow, operator.ipow, pow), "power"),
    operator.neg: "negative",
    operator.pos: "positive",
    abs: "absolute",
    float: "positive",
}

#: Functions of ``math`` that are called otherwise than their rules.
_MATH = {
    "acos": "arccos",
    "acosh": "arccosh",
    "asin": "arcsin",
    "asinh": "arcsinh",
    "atan": "arctan",
    "atanh": "arctanh",
    "atan2": "arctan2",
    "pow": "power",
    "degrees": "degrees",
    "radians": "radians",
}

#: Comparisons and the like: computed from the values, without a tangent.
_DISCRETE: tuple[Function, ...] = (
    *(operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne),
    *(operator.not_, operator.truth, bool, int, round),
    *(math.isnan, math.isinf, math.isfinite, math.floor, math.ceil, math.trunc),
    *(np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal),
    *(np.isnan, np.isinf, np.isfinite, np.signbit),
    *(np.logical_and, np.logical_or, np.logical_xor, np.logical_not),
)


def _functions_of(module: Any, names: dict[str, str]) -> dict[Function, str]:
    return {getattr(module, name): rule for name, rule in names.items() if hasattr(module, name)}


def _numpys() -> dict[Function, str]:
    names = [rule.name for rule in RULES.values() if not rule.library]
    aliases = {"abs": "absolute", "true_divide": "divide", "mod": "remainder", "conj": "conjugate"}
    return _functions_of(np, {name: name for name in names if hasattr(np, name)} | aliases)


def _maths() -> dict[Function, str]:
    same = {name: name for name in dir(math) if find(name) is not None}
    found = _functions_of(math, {**same, **_MATH})
    return {function: rule for function, rule in found.items() if function not in _DISCRETE}


#: What has no derivative in compiled code, and why.
REFUSED: dict[Function, str] = {
    math.gamma: "its derivative needs the digamma function, which compiled code has not",
    math.lgamma: "its derivative needs the digamma function, which compiled code has not",
    divmod: "it has two results; use x // y and x % y",
    math.frexp: "it has two results; scale by a power of two with math.ldexp",
    complex: "complex numbers are not differentiated",
}

#: Every function of duals that has a rule.
RULED: dict[Function, str] = {
    function: rule
    for function, rule in {**_OPERATORS, **_numpys(), **_maths()}.items()
    if function not in REFUSED
}

#: Functions of any number of arguments, by the rule that joins two of them.
MOST_FOLDED = 6
FOLDED: dict[Function, Rule] = {max: CHOICES["max"], min: CHOICES["min"]}


# -- types ----------------------------------------------------------------------------------------


def _bare(typ: Any) -> Any:
    """The type of an argument that is used: of a missing value, of an omitted argument."""
    if isinstance(typ, types.Optional):
        return typ.type
    if isinstance(typ, types.Omitted):
        return types.unliteral(types.literal(typ.value))
    return typ


_NUMBERS = (DualType, types.Integer, types.Float, types.Boolean)


def _arguments(args: tuple[Any, ...], kws: dict[str, Any]) -> tuple[Any, ...] | None:
    """The types of numbers of which one at least is a dual, or None for other arguments."""
    bare = tuple(map(_bare, args))
    if kws or not any(isinstance(typ, DualType) for typ in bare):
        return None
    return bare if all(isinstance(typ, _NUMBERS) for typ in bare) else None


def _joined(duals: tuple[Any, ...], primal: Any) -> Any:
    """The type of a result whose plain type is known: with the tangents of all arguments."""
    if not isinstance(primal, types.Float):
        return primal
    found = [dual for dual in duals if isinstance(dual, DualType)]
    joined: Any = found[0]
    for dual in found[1:]:
        joined = joined and joined.joined(dual)
    if joined is None:
        raise errors.NumbaTypeError(
            f"expected duals of the same directions at each level, got {found}"
        )
    return DualType(primal, joined.levels)


class _Template(AbstractTemplate):
    """Numba's type of a function of duals: that of its values, with tangents."""

    prefer_literal = True

    def generic(self, args: Any, kws: Any) -> Any:
        given = _arguments(args, kws)
        if given is None:
            _explain(self.key, args)
            return None
        plain = self.context.resolve_function_type(self.key, tuple(map(primal_of, given)), {})
        if plain is None or not isinstance(plain.return_type, _NUMBERS):
            return None
        result = _joined(given, plain.return_type)
        # Numba hands over whole numbers in a power as they are, not as LLVM's values.
        power = self.key in (operator.pow, operator.ipow)
        return typing.signature(result, *(given if power else map(types.unliteral, given)))


def _explain(function: Function, args: tuple[Any, ...]) -> None:
    """Says why a function does not take its arguments, where duals are among them."""
    if any(isinstance(getattr(argument, "dtype", None), DualType) for argument in args):
        raise errors.NumbaTypeError(
            f"{_name_of(function)} is compiled for single differentiated numbers, got an array; "
            "write a loop over its elements"
        )
    if any(isinstance(argument, DualType) for argument in args) and any(
        isinstance(argument, types.Complex) for argument in args
    ):
        raise errors.NumbaTypeError(
            f"{_name_of(function)} got a complex and a differentiated number; complex numbers are "
            "not differentiated"
        )


class _FoldTemplate(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        given = _arguments(args, kws)
        if given is None or not 2 <= len(given) <= MOST_FOLDED:
            return None
        common = self.context.unify_types(*map(primal_of, given))
        result = _joined(given, common)
        return typing.signature(result, *map(types.unliteral, given))


class _RefusedTemplate(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        if _arguments(args, kws) is not None:
            raise errors.NumbaTypeError(
                f"{_name_of(self.key)} is refused on a differentiated number: {REFUSED[self.key]}"
            )


def _name_of(function: Function) -> str:
    module = getattr(function, "__module__", "")
    prefix = "" if module in ("builtins", "_operator") else f"{module}."
    return f"{prefix}{function.__name__}"


# -- instructions ---------------------------------------------------------------------------------


def _terms(writer: Writer, sig: Any, args: Any) -> list[Term]:
    terms = [Term(writer, *both) for both in zip(sig.args, args, strict=True)]
    for i, typ in enumerate(sig.args):
        if isinstance(typ, types.IntegerLiteral):
            number = typ.literal_value
            terms[i] = writer.literal(number) if i else writer.constant(number, types.int64)
    return terms


def _with_primal(writer: Writer, term: Term, primal: Any) -> Term:
    """A term as Numba would pass its value to the plain function."""
    if isinstance(primal, types.IntegerLiteral) or isinstance(term.typ, types.IntegerLiteral):
        return term
    return writer.cast(term, DualType(primal, term.levels) if term.levels else primal)


def _ruled(function: Function, name: str, context: Any, builder: Any, sig: Any, args: Any) -> Any:
    writer, rule = Writer(context, builder), find(name)
    assert rule is not None
    terms = _terms(writer, sig, args)
    plain = writer.signature(function, tuple(primal_of(term.typ) for term in terms))
    terms = [_with_primal(writer, *both) for both in zip(terms, plain.args, strict=True)]

    def value(*values: Term) -> Term:
        if any(given.levels for given in values):
            return writer.differentiated(rule, value, values)
        if isinstance(values[-1].typ, types.IntegerLiteral):
            return writer.plain(name, values)
        return writer.call(function, values)

    result = value(*terms)
    return writer.cast(result, sig.return_type).value


def _discrete(function: Function, context: Any, builder: Any, sig: Any, args: Any) -> Any:
    writer = Writer(context, builder)
    values = [writer.primal(term) for term in _terms(writer, sig, args)]
    return writer.cast(writer.call(function, values), sig.return_type).value


def _folded(rule: Rule, context: Any, builder: Any, sig: Any, args: Any) -> Any:
    writer = Writer(context, builder)
    assert rule.value is not None
    formula = rule.value

    def value(*values: Term) -> Term:
        if any(given.levels for given in values):
            return writer.differentiated(rule, value, values)
        return writer.evaluate(formula, values, values[0])

    primal = primal_of(sig.return_type)
    terms = [_with_primal(writer, term, primal) for term in _terms(writer, sig, args)]
    return writer.cast(reduce(value, terms), sig.return_type).value


def _register(function: Function, template: type, write: Function | None, arities: Any) -> None:
    infer_global(function, types.Function(type(template.__name__, (template,), {"key": function})))
    for arity in arities if write else ():
        for pattern in _patterns(arity):
            lower_builtin(function, *pattern)(write)


def _patterns(arity: Any) -> list[tuple[Any, ...]]:
    """The kinds of arguments that a function with a dual among them may get."""
    kinds = itertools.product((DualType, types.Any), repeat=arity)
    return [kind for kind in kinds if DualType in kind]


def register_all() -> None:
    """Enters all functions into Numba."""
    for function, name in RULED.items():
        found = find(name)
        assert found is not None
        arities = (len(found.partials),)
        _register(function, _Template, partial(_ruled, function, name), arities)
    for function in _DISCRETE:
        _register(function, _Template, partial(_discrete, function), (1, 2))
    for function, rule in FOLDED.items():
        _register(function, _FoldTemplate, partial(_folded, rule), range(2, MOST_FOLDED + 1))
    for function in REFUSED:
        _register(function, _RefusedTemplate, None, ())


# -- functions that choose ------------------------------------------------------------------------


@overload(np.where)
def _where(condition: Any, x: Any, y: Any) -> Any:
    if not isinstance(condition, types.Boolean) or _arguments((x, y), {}) is None:
        return None

    def choose(condition: Any, x: Any, y: Any) -> Any:
        return x if condition else y

    return choose


@overload(np.nan_to_num)
def _nan_to_num(x: Any, copy: Any = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None):  # type: ignore[no-untyped-def]
    if not isinstance(x, DualType):
        return None
    largest = float(np.finfo(x.primal.name).max)
    above, below = (isinstance(end, types.Number) for end in (posinf, neginf))

    def replace(
        x: Any, copy: Any = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
    ) -> Any:
        if math.isnan(x):
            return nan
        if x == math.inf:
            return posinf if above else largest
        if x == -math.inf:
            return neginf if below else -largest
        return x

    return replace


# -- casts ----------------------------------------------------------------------------------------


@lower_cast(DualType, DualType)
@lower_cast(types.Integer, DualType)
@lower_cast(types.Float, DualType)
@lower_cast(types.Boolean, DualType)
def _cast(context: Any, builder: Any, fromty: Any, toty: Any, val: Any) -> Any:
    writer = Writer(context, builder)
    if isinstance(fromty, types.Literal):
        return writer.cast(writer.constant(fromty.literal_value, toty.primal), toty).value
    term = Term(writer, fromty, val)
    if not isinstance(fromty, DualType):
        term = writer.cast(term, toty.primal)
    return writer.cast(term, toty).value


@lower_constant(DualType)
def _constant(context: Any, builder: Any, typ: Any, value: Any) -> Any:
    """A plain number in a place of a dual: what a sum starts with."""
    return constant(typ, value)


register_all()
