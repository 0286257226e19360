"""Formulas of correctionlib as functions of arrays.

The grammar is that of correctionlib's parser for ``TFormula``: a minus binds more tightly than a
power, powers from the right, everything else from the left, and each two kinds of operators that
``LEVELS`` has in one row have one precedence.

>>> parse("[0]*x^2 - max(y, 1)")([3.0, 0.5], [2.0])
np.float64(17.0)
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

#: A function of the variables x, y, z, t, and of the parameters.
Formula = Callable[[Sequence[Any], Sequence[Any]], Any]

TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d*)?(?:e[+-]?\d+)?)|\[(?P<parameter>\d+)\]"
    r"|(?P<name>[A-Za-z_]\w*)|(?P<symbol>\|\||&&|[=!<>]=|[-+*/^()<>,]))"
)
VARIABLES = "xyzt"


def _as_number(comparison: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *sides: np.multiply(1.0, comparison(*sides))


def _erf(x: Any) -> Any:
    from scipy import special

    return special.erf(x)


#: Binary operators, those that bind least first.
LEVELS: tuple[dict[str, Callable[..., Any]], ...] = (
    {"||": _as_number(np.logical_or)},
    {"&&": _as_number(np.logical_and)},
    {"==": _as_number(np.equal), "!=": _as_number(np.not_equal)},
    {
        "<": _as_number(np.less),
        ">": _as_number(np.greater),
        "<=": _as_number(np.less_equal),
        ">=": _as_number(np.greater_equal),
    },
    {"+": np.add, "-": np.subtract},
    {"*": np.multiply, "/": np.divide},
    {"^": np.power},
)
RIGHT_TO_LEFT = "^"
FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "abs": (1, np.abs),
    "acos": (1, np.arccos),
    "acosh": (1, np.arccosh),
    "asin": (1, np.arcsin),
    "asinh": (1, np.arcsinh),
    "atan": (1, np.arctan),
    "atan2": (2, np.arctan2),
    "atanh": (1, np.arctanh),
    "cos": (1, np.cos),
    "cosh": (1, np.cosh),
    "erf": (1, _erf),
    "exp": (1, np.exp),
    "log": (1, np.log),
    "log10": (1, np.log10),
    "max": (2, np.maximum),
    "min": (2, np.minimum),
    "pow": (2, np.power),
    "sin": (1, np.sin),
    "sinh": (1, np.sinh),
    "sqrt": (1, np.sqrt),
    "tan": (1, np.tan),
    "tanh": (1, np.tanh),
}


@functools.lru_cache(maxsize=4096)
def parse(expression: str) -> Formula:
    """The formula as a function.

    Raises:
        ValueError: for what the grammar does not have, naming the place.
    """
    parser = _Parser(expression)
    formula = parser.binary(0)
    parser.require(None)
    return formula


class _Parser:
    """Tokens of an expression, and how far they have been read."""

    def __init__(self, expression: str) -> None:
        self.expression = expression.rstrip()
        self.at = 0
        self.advance()

    def advance(self) -> None:
        """Reads the next token: its kind and text, None at the end."""
        self.kind, self.text = None, None
        if self.at < len(self.expression):
            found = TOKEN.match(self.expression, self.at)
            if found is None:
                raise self.error()
            self.kind, self.at = found.lastgroup, found.end()
            self.text = found.group(str(self.kind))

    def error(self) -> ValueError:
        before, after = self.expression[: self.at], self.expression[self.at :]
        return ValueError(f"expected a formula of correctionlib, got {before!r} and then {after!r}")

    def require(self, symbol: str | None) -> None:
        """Reads that symbol and nothing else."""
        if self.text != symbol:
            raise self.error()
        self.advance()

    def binary(self, level: int) -> Formula:
        """Operators of a level, and all that binds more."""
        if level == len(LEVELS):
            return self.atom()
        sides = [self.binary(level + 1)]
        operators = []
        while self.kind == "symbol" and self.text in LEVELS[level]:
            operators.append(LEVELS[level][self.text])
            self.advance()
            sides.append(self.binary(level + 1))
        from_the_right = RIGHT_TO_LEFT in LEVELS[level]
        return _folded_right(sides, operators) if from_the_right else _folded(sides, operators)

    def atom(self) -> Formula:
        """What stands between operators."""
        kind, text = self.kind, str(self.text)
        self.advance()
        if kind == "number":
            number = float(text)
            return lambda variables, parameters: number
        if kind == "parameter":
            place = int(text)
            return lambda variables, parameters: parameters[place]
        if kind == "name":
            return self.call(text) if self.text == "(" else self.variable(text)
        if text == "-":
            return _applied(np.negative, [self.atom()])
        if text == "(":
            inside = self.binary(0)
            self.require(")")
            return inside
        raise self.error()

    def variable(self, name: str) -> Formula:
        """x, y, z or t."""
        if name not in VARIABLES:
            raise self.error()
        place = VARIABLES.index(name)
        return lambda variables, parameters: variables[place]

    def call(self, name: str) -> Formula:
        """A function of one argument or two."""
        if name not in FUNCTIONS:
            raise self.error()
        count, function = FUNCTIONS[name]
        self.require("(")
        given = [self.binary(0)]
        while len(given) < count:
            self.require(",")
            given.append(self.binary(0))
        self.require(")")
        return _applied(function, given)


def _applied(function: Callable[..., Any], given: Sequence[Formula]) -> Formula:
    return lambda variables, parameters: function(*(of(variables, parameters) for of in given))


def _folded(sides: Sequence[Formula], operators: Sequence[Callable[..., Any]]) -> Formula:
    first, *others = sides
    for operator, other in zip(operators, others, strict=True):
        first = _applied(operator, [first, other])
    return first


def _folded_right(sides: Sequence[Formula], operators: Sequence[Callable[..., Any]]) -> Formula:
    *others, last = sides
    for operator, other in zip(reversed(operators), reversed(others), strict=True):
        last = _applied(operator, [other, last])
    return last
