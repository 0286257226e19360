"""Elementary functions without branches, so that LLVM turns loops over them into vector code.

Calls into libm keep a loop scalar; these are plain arithmetic on ``float64`` and 64-bit integers.
``FAST`` is the table of what is offered: on the intervals in ``safe`` a result is within ``ulp``
times 2**-52 of the true value, relatively (``floor`` says where only absolutely).  There the
functions also keep the sign of zero.  Outside, infinities and NaN included unless the interval
holds them, results mean nothing and the caller takes the exact function.

Methods are textbook ones: an argument is reduced by subtracting a multiple of a constant stored in
parts (Cody and Waite), or by splitting exponent and mantissa; then comes a polynomial, interpolated
at Chebyshev nodes in 60 digits for this module.  Odd and even functions are exactly that.  The
largest errors seen, with and without fused multiply-add, in units of 2**-52 of the value, are

    exp        0.66  sin        1.22  tanh       1.43  arctanh    1.27
    exp2       0.77  cos        1.30  arctan     1.03  cbrt       0.82
    expm1      1.08  sincos     1.30  arctan2    1.13  logaddexp  0.97
    log        0.64  tan        1.85  arcsin     1.95  logaddexp2 1.13
    log2       1.03  sinh       1.44  arccos     1.06  power      0.74
    log10      1.02  cosh       0.97  arcsinh    1.04
    log1p      0.90  sinhcosh   1.35  arccosh    1.31

Compile callers with ``error_model="numpy"``: the check for division by zero is a branch.

>>> exp(0.0), sincos(0.0), power(2.0, 10.0)
(1.0, (0.0, 1.0), 1024.0)
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic, overload, register_jitable

__all__ = ["FAST", "Fast"]

Interval = tuple[float, float]

_INLINE: Any = {"forceinline": True, "error_model": "numpy"}
_inline = register_jitable(**_INLINE)

# Adding it rounds to an integer, which then stands in the lowest bits of the sum.
_ROUNDER = 1.5 * 2.0**52
_TWO52 = 2.0**52
_TWO64 = 2.0**64
_TWO52_BITS = 0x4330000000000000
_MANTISSA = 0x000FFFFFFFFFFFFF
_ROOT_HALF_BITS = 0x3FE6A09E667F3BCD
_ONE_LESS_ROOT_HALF = 0x3FF0000000000000 - _ROOT_HALF_BITS
_UPPER_HALF = ~0x7FFFFFF

# The first parts have so few bits that their multiples, as needed here, are exact.
_LN2 = 0.693147180559663
_LN2_REST = 2.8235290563031577e-13
_LOG10_2 = 0.30102999566383914
_LOG10_2_REST = 1.42050232272661e-13
_PER_LN2 = 1.4426950408889634
_PER_LN10 = 0.4342944819032518
_HALF_PI_1 = 1.5707963267341256
_HALF_PI_2 = 6.077100506303966e-11
_HALF_PI_3 = 2.0222662487959506e-21
_PER_HALF_PI = 2.0 / math.pi

# What the nearest double leaves of pi.
_PI_REST = 1.2246467991473532e-16
_TAN_PI_8 = 0.41421356237309503
_CBRT_2 = 1.2599210498948732
_TWO_THIRDS = 0.6666666666666666
_TWO_THIRDS_REST = 3.700743415417188e-17


# ---- bits and fused multiply-add --------------------------------------------------------------


@intrinsic
def _reinterpret_int(typingctx: Any, x: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), codegen


@intrinsic
def _reinterpret_float(typingctx: Any, i: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), codegen


@intrinsic
def _fmuladd(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        double = ir.DoubleType()
        kind = ir.FunctionType(double, [double] * 3)
        return builder.call(builder.module.declare_intrinsic("llvm.fmuladd", [double], kind), args)

    return types.float64(types.float64, types.float64, types.float64), codegen


def bits(x: float) -> int:
    """The 64 bits of ``x`` as an integer."""
    return int(struct.unpack("<q", struct.pack("<d", x))[0])


def from_bits(i: int) -> float:
    """The number that has the 64 bits of ``i``."""
    return float(struct.unpack("<d", struct.pack("<Q", i & 0xFFFFFFFFFFFFFFFF))[0])


def madd(a: float, b: float, c: float) -> float:
    """``a * b + c``, compiled to one rounding where that is an instruction, else to two."""
    return a * b + c


@overload(bits, jit_options=_INLINE)
def _overload_bits(x):
    return lambda x: _reinterpret_int(x)


@overload(from_bits, jit_options=_INLINE)
def _overload_from_bits(i):
    return lambda i: _reinterpret_float(i)


@overload(madd, jit_options=_INLINE)
def _overload_madd(a, b, c):
    return lambda a, b, c: _fmuladd(a, b, c)


@_inline
def _two_to(rounded: float) -> float:
    """2**n for ``rounded = n + _ROUNDER``."""
    return from_bits((bits(rounded) + 1023) << 52)


# ---- exponentials -----------------------------------------------------------------------------


@_inline
def _exp_remainder(x: float, rounded: float) -> float:
    """x - n ln 2."""
    n = rounded - _ROUNDER
    return madd(-n, _LN2_REST, madd(-n, _LN2, x))


@_inline
def _exp_series(r: float) -> float:
    """(exp(r) - 1 - r) / r**2 for |r| up to ln(2) / 2."""
    p = 2.0911658057494303e-09
    p = madd(p, r, 2.5105268597065866e-08)
    p = madd(p, r, 2.7557281849796715e-07)
    p = madd(p, r, 2.7557255276121347e-06)
    p = madd(p, r, 2.480158731785877e-05)
    p = madd(p, r, 0.0001984126987491855)
    p = madd(p, r, 0.0013888888888886645)
    p = madd(p, r, 0.008333333333326106)
    p = madd(p, r, 0.041666666666666664)
    p = madd(p, r, 0.1666666666666667)
    return madd(p, r, 0.5)


@_inline
def _expm1_reduced(r: float) -> float:
    return madd(r * r, _exp_series(r), r)


@_inline
def exp(x: float) -> float:
    rounded = madd(x, _PER_LN2, _ROUNDER)
    return (1.0 + _expm1_reduced(_exp_remainder(x, rounded))) * _two_to(rounded)


@_inline
def expm1(x: float) -> float:
    rounded = madd(x, _PER_LN2, _ROUNDER)
    scale = _two_to(rounded)
    p = _expm1_reduced(_exp_remainder(x, rounded))
    return math.copysign(madd(scale, p, scale - 1.0), x)


@_inline
def exp2(x: float) -> float:
    rounded = x + _ROUNDER
    r = x - (rounded - _ROUNDER)
    p = 4.454262414249823e-10
    p = madd(p, r, 7.072603087987564e-09)
    p = madd(p, r, 1.0178066382779421e-07)
    p = madd(p, r, 1.3215442502144139e-06)
    p = madd(p, r, 1.5252733822159388e-05)
    p = madd(p, r, 0.00015403530441876915)
    p = madd(p, r, 0.0013333558146422953)
    p = madd(p, r, 0.009618129107606805)
    p = madd(p, r, 0.055504108664821576)
    p = madd(p, r, 0.24022650695910097)
    p = madd(p, r, 0.6931471805599453)
    return madd(p, r, 1.0) * _two_to(rounded)


# ---- hyperbolic functions ---------------------------------------------------------------------


@_inline
def sinh(x: float) -> float:
    e = expm1(abs(x))
    return math.copysign(0.5 * (e + e / (e + 1.0)), x)


@_inline
def cosh(x: float) -> float:
    e = exp(abs(x))
    return 0.5 * (e + 1.0 / e)


@_inline
def sinhcosh(x: float) -> tuple[float, float]:
    e = expm1(abs(x))
    inverse = 1.0 / (e + 1.0)
    return math.copysign(0.5 * madd(e, inverse, e), x), 0.5 * ((e + 1.0) + inverse)


@_inline
def tanh(x: float) -> float:
    a = abs(x)
    e = expm1(-2.0 * (a if a < 20.0 else 20.0))
    return math.copysign(e / (e + 2.0), x)


# ---- logarithms -------------------------------------------------------------------------------


@_inline
def _exponent_and_fraction(x: float) -> tuple[float, float]:
    """k and f with x = 2**k (1 + f), where 1 + f lies between sqrt(1/2) and sqrt(2)."""
    moved = bits(x) + _ONE_LESS_ROOT_HALF
    k = from_bits(((moved >> 52) & 0x7FF) | _TWO52_BITS) - (_TWO52 + 1023.0)
    return k, from_bits((moved & _MANTISSA) + _ROOT_HALF_BITS) - 1.0


@_inline
def _log_tail(f: float) -> float:
    """f - log(1 + f), from log(1 + f) = 2 artanh(s), s = f / (2 + f)."""
    s = f / (2.0 + f)
    z = s * s
    p = 0.13086767009995384
    p = madd(p, z, 0.13268759668555402)
    p = madd(p, z, 0.1538624020581371)
    p = madd(p, z, 0.18181795630884748)
    p = madd(p, z, 0.2222222239180047)
    p = madd(p, z, 0.2857142857080323)
    p = madd(p, z, 0.4000000000000088)
    p = madd(p, z, 0.6666666666666666)
    return s * (f - z * p)


@_inline
def log(x: float) -> float:
    k, f = _exponent_and_fraction(x)
    return madd(k, _LN2, f - madd(-k, _LN2_REST, _log_tail(f)))


@_inline
def log2(x: float) -> float:
    k, f = _exponent_and_fraction(x)
    return madd(f - _log_tail(f), _PER_LN2, k)


@_inline
def log10(x: float) -> float:
    k, f = _exponent_and_fraction(x)
    return madd(k, _LOG10_2, madd(f - _log_tail(f), _PER_LN10, k * _LOG10_2_REST))


@_inline
def log1p(x: float) -> float:
    u = 1.0 + x
    lost = (1.0 - (u - (u - 1.0))) + (x - (u - 1.0))
    k, f = _exponent_and_fraction(u)
    # What 1 + x lost to rounding belongs to the fraction; for k = 0 that makes it x itself.
    f = madd(lost, _two_to(_ROUNDER - k), f)
    return math.copysign(madd(k, _LN2, f - madd(-k, _LN2_REST, _log_tail(f))), x)


@_inline
def logaddexp(x: float, y: float) -> float:
    gap = abs(x - y)
    return (x if x > y else y) + log1p(exp(-(gap if gap < 700.0 else 700.0)))


@_inline
def logaddexp2(x: float, y: float) -> float:
    gap = abs(x - y)
    tail = log1p(exp2(-(gap if gap < 1000.0 else 1000.0)))
    return madd(tail, _PER_LN2, x if x > y else y)


# ---- circular functions -----------------------------------------------------------------------


@_inline
def _quadrant(x: float) -> tuple[int, float, float]:
    """q, sin(r), cos(r) with x = q pi/2 + r, |r| up to pi/4."""
    rounded = madd(x, _PER_HALF_PI, _ROUNDER)
    n = rounded - _ROUNDER
    r = madd(-n, _HALF_PI_3, madd(-n, _HALF_PI_2, madd(-n, _HALF_PI_1, x)))
    z = r * r
    p = -7.58669109419786e-13
    p = madd(p, z, 1.6058531516797758e-10)
    p = madd(p, z, -2.5052106231802837e-08)
    p = madd(p, z, 2.7557319219337312e-06)
    p = madd(p, z, -0.00019841269841265063)
    p = madd(p, z, 0.008333333333333331)
    p = madd(p, z, -0.16666666666666666)
    s = math.copysign(madd(r * z, p, r), r)
    p = -1.1382623647474462e-11
    p = madd(p, z, 2.087614614655861e-09)
    p = madd(p, z, -2.7557317271145144e-07)
    p = madd(p, z, 2.480158729876456e-05)
    p = madd(p, z, -0.0013888888888887398)
    p = madd(p, z, 0.041666666666666664)
    return bits(rounded), s, madd(z * z, p, madd(-0.5, z, 1.0))


@_inline
def _negated_if_bit_1(x: float, q: int) -> float:
    return from_bits(bits(x) ^ ((q & 2) << 62))


@_inline
def sincos(x: float) -> tuple[float, float]:
    q, s, c = _quadrant(x)
    odd = (q & 1) != 0
    return _negated_if_bit_1(c if odd else s, q), _negated_if_bit_1(s if odd else c, q + 1)


@_inline
def sin(x: float) -> float:
    return sincos(x)[0]


@_inline
def cos(x: float) -> float:
    return sincos(x)[1]


@_inline
def tan(x: float) -> float:
    q, s, c = _quadrant(x)
    odd = (q & 1) != 0
    return (-c if odd else s) / (s if odd else c)


# ---- their inverses ---------------------------------------------------------------------------


@_inline
def _arctan_of_quotient(y: float, x: float) -> tuple[float, float]:
    """arctan(y / x) for y, x >= 0 as a multiple of pi/4 and a rest."""
    low = y <= _TAN_PI_8 * x
    high = y > (2.0 + _TAN_PI_8) * x
    w = (y if low else (-x if high else y - x)) / (x if low else (y if high else y + x))
    quarters = 0.0 if low else (2.0 if high else 1.0)
    z = w * w
    p = 0.016284375049956695
    p = madd(p, z, -0.034569315063240416)
    p = madd(p, z, 0.0455154473401848)
    p = madd(p, z, -0.05230443640686046)
    p = madd(p, z, 0.05878927554473668)
    p = madd(p, z, -0.06666424760200507)
    p = madd(p, z, 0.07692296368042296)
    p = madd(p, z, -0.09090908753259112)
    p = madd(p, z, 0.11111111105150588)
    p = madd(p, z, -0.14285714285659779)
    p = madd(p, z, 0.19999999999999804)
    p = madd(p, z, -0.3333333333333333)
    rest = w + madd(w * z, p, quarters * (0.25 * _PI_REST))
    return quarters * (0.25 * math.pi), rest


@_inline
def arctan(x: float) -> float:
    main, rest = _arctan_of_quotient(abs(x), 1.0)
    return math.copysign(main + rest, x)


@_inline
def arctan2(y: float, x: float) -> float:
    # Subnormal numbers have too few bits to be compared with multiples of one another.
    a = abs(x) * _TWO64
    b = abs(y) * _TWO64
    main, rest = _arctan_of_quotient(b, a if a + b > 0.0 else 1.0)
    left = math.copysign(1.0, x) < 0.0
    angle = (math.pi - main) - (rest - _PI_REST) if left else main + rest
    return math.copysign(angle, y)


@_inline
def _arcsin_polynomial(s: float, z: float) -> float:
    """arcsin(s) for s up to 1/2, z = s**2."""
    p = 0.02961203427015116
    p = madd(p, z, -0.01924170759852801)
    p = madd(p, z, 0.019554538004100407)
    p = madd(p, z, 0.003044870046793935)
    p = madd(p, z, 0.009319563332378775)
    p = madd(p, z, 0.009621842530500644)
    p = madd(p, z, 0.01156645966424726)
    p = madd(p, z, 0.013963780007986853)
    p = madd(p, z, 0.01735281654055326)
    p = madd(p, z, 0.022372157443499355)
    p = madd(p, z, 0.0303819444755325)
    p = madd(p, z, 0.04464285714255189)
    p = madd(p, z, 0.07500000000000118)
    p = madd(p, z, 0.16666666666666666)
    return madd(s * z, p, s)


@_inline
def arcsin(x: float) -> float:
    a = abs(x)
    large = a > 0.5
    z = 0.5 * (1.0 - a) if large else a * a
    p = _arcsin_polynomial(math.sqrt(z) if large else a, z)
    angle = 0.5 * math.pi - (2.0 * p - 0.5 * _PI_REST) if large else p
    return math.copysign(angle, x)


@_inline
def arccos(x: float) -> float:
    a = abs(x)
    large = a > 0.5
    z = 0.5 * (1.0 - a) if large else a * a
    p = math.copysign(_arcsin_polynomial(math.sqrt(z) if large else a, z), x)
    # Beyond 1/2 the angle is counted from 0 or pi, else from pi/2.
    turned = 2.0 * p if large else -p
    quarters = (2.0 if x < 0.0 else 0.0) if large else 1.0
    return quarters * (0.5 * math.pi) + (turned + quarters * (0.5 * _PI_REST))


@_inline
def arcsinh(x: float) -> float:
    a = abs(x)
    square = a * a
    return math.copysign(log1p(a + square / (1.0 + math.sqrt(1.0 + square))), x)


@_inline
def arccosh(x: float) -> float:
    t = x - 1.0
    return log1p(t + math.sqrt(t * (t + 2.0)))


@_inline
def arctanh(x: float) -> float:
    a = abs(x)
    return math.copysign(0.5 * log1p(2.0 * a / (1.0 - a)), x)


# ---- powers -----------------------------------------------------------------------------------


@_inline
def cbrt(x: float) -> float:
    a = abs(x)
    tiny = a < 1e-300
    k, f = _exponent_and_fraction(a * 2.0**60 if tiny else a)
    m = 1.0 + f
    third = madd(k, 1.0 / 3.0, _ROUNDER)
    left = k - 3.0 * (third - _ROUNDER)
    v = m * (2.0 if left > 0.5 else (0.5 if left < -0.5 else 1.0))
    y = 0.02556608271860522
    y = madd(y, m, -0.172186919831943)
    y = madd(y, m, 0.4955390366404781)
    y = madd(y, m, -0.8201573094839348)
    y = madd(y, m, 1.0479306955437162)
    y = madd(y, m, 0.4233077964235478)
    y *= _CBRT_2 if left > 0.5 else (1.0 / _CBRT_2 if left < -0.5 else 1.0)
    # Halley's step takes 19 bits to 57.
    cube = y * y * y
    y = madd(y, (v - cube) / (2.0 * cube + v), y)
    y = y * _two_to(third) * (2.0**-20 if tiny else 1.0)
    return math.copysign(0.0 if a == 0.0 else y, x)


@_inline
def _product_error(a: float, b: float, product: float) -> float:
    """a b - product; written out since a fused multiply-add is not everywhere."""
    a1 = from_bits(bits(a) & _UPPER_HALF)
    b1 = from_bits(bits(b) & _UPPER_HALF)
    a2 = a - a1
    b2 = b - b1
    return ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2


@_inline
def _log_in_two_parts(x: float) -> tuple[float, float]:
    """log(x) with some 12 bits more than a double has."""
    k, f = _exponent_and_fraction(x)
    d = 2.0 + f
    inverse = 1.0 / d
    s = f * inverse
    sd = s * d
    s_rest = ((f - sd) - _product_error(s, d, sd) - s * (f - (d - 2.0))) * inverse
    z = s * s
    z_rest = _product_error(s, s, z) + 2.0 * s * s_rest
    p = 0.11723178628152331
    p = madd(p, z, 0.11706236339019369)
    p = madd(p, z, 0.13334804693868135)
    p = madd(p, z, 0.15384594962517964)
    p = madd(p, z, 0.18181818335392808)
    p = madd(p, z, 0.22222222221655885)
    p = madd(p, z, 0.28571428571429364)
    p = madd(p, z, 0.4) * z
    c = _TWO_THIRDS + p
    c_rest = (_TWO_THIRDS - c) + p + _TWO_THIRDS_REST
    q = z * c
    q_rest = _product_error(z, c, q) + z * c_rest + z_rest * c
    w = s * q
    w_rest = _product_error(s, q, w) + s * q_rest + s_rest * q
    start = k * _LN2
    partial = start + 2.0 * s
    total = partial + w
    rest = ((start - partial) + 2.0 * s) + ((partial - total) + w)
    return total, rest + (2.0 * s_rest + w_rest + k * _LN2_REST)


@_inline
def power(x: float, y: float) -> float:
    main, rest = _log_in_two_parts(x)
    e = main * y
    e_rest = _product_error(main, y, e) + rest * y
    e_rest = e_rest if abs(e) < 800.0 else 0.0
    e = 800.0 if e > 800.0 else (-800.0 if e < -800.0 else e)
    rounded = madd(e, _PER_LN2, _ROUNDER)
    n = rounded - _ROUNDER
    # Two steps, as 2**n alone may overflow or underflow where the result does not.
    half = madd(n, 0.5, _ROUNDER)
    other = _ROUNDER + (n - (half - _ROUNDER))
    # The remainder stays in two parts, so that powers of integers come out exactly.
    start = madd(-n, _LN2, e)
    e_rest = madd(-n, _LN2_REST, e_rest)
    r = start + e_rest
    r_rest = (start - r) + e_rest
    p = r + madd(r * r, _exp_series(r), madd(r, r_rest, r_rest))
    return (1.0 + p) * _two_to(half) * _two_to(other)


# ---- the table --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fast:
    """One fast function and where it may be used.

    Attributes:
        function: of scalars.  Compiled code calls it as it is: it is always inlined then, which
            it would not be behind an ``njit`` of its own, and a call keeps the loop scalar.
        safe: one closed interval per argument.  NaN lies in none.
        ulp: the bound of the error, in units of 2**-52 of the result.
        floor: results below it in magnitude are as exact, absolutely, as if they were that large.
    """

    function: Callable[..., Any]
    safe: tuple[Interval, ...]
    ulp: float
    floor: float = 0.0


_INF = math.inf
_MAX = 1.7e308
_BELOW_1 = 1.0 - 2.0**-53
_NORMAL = (2.3e-308, _MAX)
_EXP = (-708.0, 709.0)
_EXP_BOTH = (-709.0, 709.0)
_TURNS = (-1e6, 1e6)
_FINITE = (-_MAX, _MAX)
# arctan2 multiplies its arguments by 2**64.
_SCALABLE = (-1e288, 1e288)

FAST: dict[str, Fast] = {
    "exp": Fast(exp, (_EXP,), 1.0),
    "exp2": Fast(exp2, ((-1022.0, 1023.0),), 1.0),
    "expm1": Fast(expm1, (_EXP,), 1.5),
    "log": Fast(log, (_NORMAL,), 1.0),
    "log2": Fast(log2, (_NORMAL,), 1.5),
    "log10": Fast(log10, (_NORMAL,), 1.5),
    "log1p": Fast(log1p, ((-_BELOW_1, 1e300),), 1.5),
    "sin": Fast(sin, (_TURNS,), 2.0),
    "cos": Fast(cos, (_TURNS,), 2.0),
    "sincos": Fast(sincos, (_TURNS,), 2.0),
    "tan": Fast(tan, (_TURNS,), 2.5),
    "sinh": Fast(sinh, (_EXP_BOTH,), 2.0),
    "cosh": Fast(cosh, (_EXP_BOTH,), 1.5),
    "sinhcosh": Fast(sinhcosh, (_EXP_BOTH,), 2.0),
    "tanh": Fast(tanh, ((-_INF, _INF),), 2.0),
    "arctan": Fast(arctan, ((-_INF, _INF),), 1.5),
    "arctan2": Fast(arctan2, (_SCALABLE, _SCALABLE), 1.5),
    "arcsin": Fast(arcsin, ((-1.0, 1.0),), 2.5),
    "arccos": Fast(arccos, ((-1.0, 1.0),), 1.5),
    "arcsinh": Fast(arcsinh, ((-1e150, 1e150),), 1.5),
    "arccosh": Fast(arccosh, ((1.0, 1e150),), 2.0),
    "arctanh": Fast(arctanh, ((-_BELOW_1, _BELOW_1),), 2.0),
    "cbrt": Fast(cbrt, (_FINITE,), 1.0),
    "logaddexp": Fast(logaddexp, (_FINITE, _FINITE), 1.5, floor=0.7),
    "logaddexp2": Fast(logaddexp2, (_FINITE, _FINITE), 1.5, floor=1.0),
    "power": Fast(power, (_NORMAL, (-1e300, 1e300)), 1.0),
}
