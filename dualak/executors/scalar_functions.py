"""Scalar functions as NumPy defines them, which no library of a target has: one text for all.

An executor compiles a copy of its own, in which the names below stand for what its target has.

>>> import math
>>> rest = bound(remainder, {"fmod": math.fmod, "copysign": math.copysign})
>>> rest(-5.0, 3.0), rest(6.0, -3.0)
(1.0, -0.0)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

# The names that a copy gets from its target; here only so that this file reads as Python.
copysign = exp = exp2 = floor = fmod = frexp = ldexp_of = log1p = nextafter = spacing_of = None

_INF = float("inf")
_LN2 = 0.6931471805599453
_PER_LN2 = 1.4426950408889634


def bound(function: Callable[..., Any], names: Mapping[str, Any]) -> FunctionType:
    """A copy of a function of this module, with a target's functions for the names."""
    own = {"_INF": _INF, "_LN2": _LN2, "_PER_LN2": _PER_LN2, **names}
    return FunctionType(function.__code__, own, function.__name__)


# -- arithmetic -----------------------------------------------------------------------------------


def larger(x, y):
    return x if (x >= y) | (x != x) else y


def smaller(x, y):
    return x if (x <= y) | (x != x) else y


def lower_of(best, x):
    return x if x < best else best


def upper_of(best, x):
    return x if x > best else best


def select(condition, x, y):
    return x if condition else y


def scale(x, y):
    """The product in the chain rule: zero where one of both is, whatever the other."""
    product = x * y
    return product if product == product else (x if x == 0 else (y if y == 0 else product))


def same(x):
    return x


# -- steps ----------------------------------------------------------------------------------------


def heaviside(x, at_zero):
    return x if x != x else (0.0 if x < 0 else (1.0 if x > 0 else at_zero))


def remainder(x, y):
    """As NumPy does it: of the sign of ``y``, exact up to one rounding."""
    rest = fmod(x, y)
    if y == 0 or rest != rest:
        return rest
    if rest == 0:
        return copysign(rest, y)
    return rest + y if (y < 0) != (rest < 0) else rest


def floor_divide(x, y):
    """As NumPy does it: the quotient that goes with the remainder, rounded to a whole number."""
    rest = fmod(x, y)
    if y == 0:
        return x / y
    quotient = (x - rest) / y
    if rest != 0 and (y < 0) != (rest < 0):
        quotient -= 1.0
    if quotient == 0:
        return copysign(0.0, x / y)
    whole = floor(quotient)
    return whole + 1.0 if quotient - whole > 0.5 else whole


def sign(x):
    return x if x != x else (1.0 if x > 0 else (-1.0 if x < 0 else 0.0))


# -- parts of a number ----------------------------------------------------------------------------


def ldexp(x, exponent):
    return ldexp_of(x, int(exponent))


def exponent(x):
    return frexp(x)[1]


def spacing(x):
    return spacing_of(abs(x)) if x == 0 else spacing_of(x)


# -- the same, where a target lacks NumPy's function ----------------------------------------------


def ldexp_in_32_bits(x, exponent):
    """Exponents beyond what any float has are cut off before they are made 32 bits short."""
    return ldexp_of(x, int(min(max(exponent, -5000), 5000)))


def exponent_of_finite(x):
    """The exponent of ``frexp``, which leaves it open for infinities and NaN: 0, as in glibc."""
    return frexp(x)[1] if abs(x) < _INF else 0


def spacing_by_neighbours(x):
    a = abs(x)
    if not a < _INF:
        return a - a
    after = nextafter(a, _INF)
    gap = after - a if after < _INF else a - nextafter(a, 0.0)
    return gap if x == 0 else copysign(gap, x)


def logaddexp(x, y):
    if x == y:
        return x + _LN2
    gap = x - y
    return x + log1p(exp(-gap)) if gap > 0 else (y + log1p(exp(gap)) if gap <= 0 else gap)


def logaddexp2(x, y):
    if x == y:
        return x + 1.0
    gap = x - y
    if gap > 0:
        return x + _PER_LN2 * log1p(exp2(-gap))
    return y + _PER_LN2 * log1p(exp2(gap)) if gap <= 0 else gap


def larger_number(x, y):
    """The larger of two, without those that are NaN."""
    return x if (x >= y) | (y != y) else y


def smaller_number(x, y):
    return x if (x <= y) | (y != y) else y
