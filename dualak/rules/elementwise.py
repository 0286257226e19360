"""The table of derivative rules: what every differentiable function is and how it changes.

A rule is data.  ``partials`` are expressions, in argument order, over the arguments ``x`` (and
``y``, ``u``, ``v``), the result ``z``, and the functions of this table; ``0`` means that no tangent
comes from that argument, ``?`` that its partial is not known: there a tangent is refused.
The graph evaluates them on nodes, the tests on NumPy arrays, the documentation prints them.
``value`` is an expression too, for functions that are made of others.

Conventions at kinks and ties are those of JAX, so that both agree in one program.  A rule marked
``singular`` has partials that can be infinite or undefined where the function itself is defined.
In every product of partials and tangents or cotangents a factor that is exactly zero makes it zero.

>>> RULES["sin"].partials
('cos(x)',)
>>> RULES["square"].partials
('2.0 * x',)
>>> RULES["scipy.special.jv"].partials
('?', '0.5 * (jv(x - 1.0, y) - jv(x + 1.0, y))')
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from dualak.rules import special
from dualak.rules.rule import Interval, Rule

#: The series of sin(y) / y in y * y, the highest term first.
SINC_SERIES = tuple((-1.0) ** k / math.factorial(2 * k + 1) for k in range(9, -1, -1))


def _rule(name: str, *partials: str, on: Any, **more: Any) -> Rule:
    domain: tuple[Interval, ...] = on if isinstance(on[0], tuple) else (on,) * len(partials)
    return Rule(name, partials, domain, **more)


_ANY = (-4.0, 4.0)
_POSITIVE = (0.1, 4.0)
_UNIT = (-0.9, 0.9)
_STEPS = "zero everywhere, also at the steps"
_TIES = "ties share the tangent: one half each"
_GREATER = "select(equal(x, y), 0.5, select(greater(x, y), 1.0, 0.0))"
_LESS = "select(equal(x, y), 0.5, select(less(x, y), 1.0, 0.0))"


def _skip_nan(weight: str, other: str, own: str) -> str:
    return f"select(isnan({other}), 1.0, select(isnan({own}), 0.0, {weight}))"


# fmt: off
_TABLE = (
    # -- arithmetic -----------------------------------------------------------------------------
    _rule("add",         "1", "1",              on=_ANY),
    _rule("subtract",    "1", "-1",             on=_ANY),
    _rule("multiply",    "y", "x",              on=_ANY),
    _rule("divide",      "1 / y", "-z * (1 / y)", on=(_ANY, _POSITIVE), singular=True),
    _rule("power",       "select(equal(y, 0.0), 0.0, y * x ** (y - 1))",
                         "select(equal(x, 0.0), 0.0, log(x)) * z", on=(_POSITIVE, _ANY),
                         singular=True,
                         kink="at x = 0 the partial in the exponent is 0"),
    _rule("float_power", "select(equal(y, 0.0), 0.0, y * x ** (y - 1))",
                         "select(equal(x, 0.0), 0.0, log(x)) * z", on=(_POSITIVE, _ANY),
                         singular=True,
                         value="x ** y", kink="as power"),
    _rule("negative",    "-1",                  on=_ANY),
    _rule("positive",    "1",                   on=_ANY, value="x"),
    _rule("conjugate",   "1",                   on=_ANY, value="x"),
    _rule("square",      "2.0 * x",             on=_ANY, value="x * x"),
    _rule("reciprocal",  "-z * z",              on=_POSITIVE, value="1.0 / x", singular=True),
    _rule("sqrt",        "0.5 / z",             on=_POSITIVE, singular=True),
    _rule("cbrt",        "1.0 / (3.0 * (z * z))", on=_POSITIVE, singular=True),
    _rule("hypot",       "select(equal(z, 0.0), 0.5, x / z)",
                         "select(equal(z, 0.0), 0.5, y / z)", on=_ANY, singular=True,
                         kink="one half each at the origin"),
    # -- exponentials and logarithms ------------------------------------------------------------
    _rule("exp",         "z",                   on=_ANY),
    _rule("exp2",        "ln2 * z",             on=_ANY),
    _rule("expm1",       "exp(x)",              on=_ANY),
    _rule("log",         "1.0 / x",             on=_POSITIVE, singular=True),
    _rule("log2",        "1.0 / (ln2 * x)",     on=_POSITIVE, singular=True),
    _rule("log10",       "1.0 / (ln10 * x)",    on=_POSITIVE, singular=True),
    _rule("log1p",       "1.0 / (1.0 + x)",     on=_UNIT, singular=True),
    _rule("logaddexp",   "exp(x - z)", "exp(y - z)", on=_ANY, singular=True),
    _rule("logaddexp2",  "exp2(x - z)", "exp2(y - z)", on=_ANY, singular=True),
    # -- circular and hyperbolic ----------------------------------------------------------------
    _rule("sin",         "cos(x)",              on=_ANY),
    _rule("cos",         "-sin(x)",             on=_ANY),
    _rule("tan",         "1.0 + z * z",         on=_UNIT),
    _rule("arcsin",      "1.0 / sqrt((1.0 - x) * (1.0 + x))", on=_UNIT, singular=True),
    _rule("arccos",      "-1.0 / sqrt((1.0 - x) * (1.0 + x))", on=_UNIT, singular=True),
    _rule("arctan",      "1.0 / (1.0 + x * x)", on=_ANY),
    _rule("arctan2",     "y / (x * x + y * y)", "-x / (x * x + y * y)", on=_POSITIVE,
                         singular=True),
    _rule("sinh",        "cosh(x)",             on=_ANY),
    _rule("cosh",        "sinh(x)",             on=_ANY),
    _rule("tanh",        "(1.0 - z) * (1.0 + z)", on=_ANY),
    _rule("arcsinh",     "1.0 / sqrt(1.0 + x * x)", on=_ANY),
    _rule("arccosh",     "1.0 / sqrt((x - 1.0) * (x + 1.0))", on=(1.1, 4.0), singular=True),
    _rule("arctanh",     "1.0 / ((1.0 - x) * (1.0 + x))", on=_UNIT, singular=True),
    _rule("deg2rad",     "degree",              on=_ANY, value="degree * x"),
    _rule("radians",     "degree",              on=_ANY, value="degree * x"),
    _rule("rad2deg",     "1.0 / degree",        on=_ANY, value="(1.0 / degree) * x"),
    _rule("degrees",     "1.0 / degree",        on=_ANY, value="(1.0 / degree) * x"),
    # -- kinks ----------------------------------------------------------------------------------
    _rule("absolute",    "select(less(x, 0.0), -1.0, 1.0)", on=_ANY, kink="1 at 0"),
    _rule("fabs",        "select(less(x, 0.0), -1.0, 1.0)", on=_ANY, value="absolute(x)",
                         kink="1 at 0"),
    _rule("maximum",     _GREATER, _LESS,       on=_ANY, kink=_TIES),
    _rule("minimum",     _LESS, _GREATER,       on=_ANY, kink=_TIES),
    _rule("fmax",        _skip_nan(_GREATER, "y", "x"), _skip_nan(_LESS, "x", "y"),
                         on=_ANY, kink=_TIES),
    _rule("fmin",        _skip_nan(_LESS, "y", "x"), _skip_nan(_GREATER, "x", "y"),
                         on=_ANY, kink=_TIES),
    _rule("copysign",    "copysign(1.0, x) * copysign(1.0, y)", "0", on=_ANY,
                         kink="at 0 the sign bits decide"),
    _rule("remainder",   "1", "-floor_divide(x, y)", on=(_ANY, _POSITIVE), kink=_STEPS),
    _rule("fmod",        "1", "-rint((x - z) / y)", on=(_ANY, _POSITIVE), kink=_STEPS),
    _rule("ldexp",       "ldexp(1.0, y)", "0",  on=_ANY, kink="the exponent is an integer"),
    _rule("nextafter",   "1", "0",              on=_ANY),
    # -- steps ----------------------------------------------------------------------------------
    _rule("sign",        "0",                   on=_ANY, kink=_STEPS),
    _rule("floor",       "0",                   on=_ANY, kink=_STEPS),
    _rule("ceil",        "0",                   on=_ANY, kink=_STEPS),
    _rule("trunc",       "0",                   on=_ANY, kink=_STEPS),
    _rule("rint",        "0",                   on=_ANY, kink=_STEPS),
    _rule("floor_divide", "0", "0",             on=(_ANY, _POSITIVE), kink=_STEPS),
    _rule("heaviside",   "0", "select(equal(x, 0.0), 1.0, 0.0)", on=_ANY, kink=_STEPS),
    _rule("spacing",     "0",                   on=_ANY, kink=_STEPS),
    _rule("exponent",    "0",                   on=_ANY, kink="the exponent of frexp"),
)
# fmt: on

_SPECIAL = tuple(
    _rule(name, *partials, library="scipy.special", **more) for name, partials, more in special.ROWS
)

RULES: dict[str, Rule] = {rule.key: rule for rule in (*_TABLE, *_SPECIAL)}

#: What expressions call the functions of libraries; a function that NumPy has is NumPy's.
_SHORT = {key.rpartition(".")[2]: rule for key, rule in reversed(RULES.items())}

#: The modules of the functions that are not NumPy's.
LIBRARIES = tuple({rule.library: None for rule in RULES.values() if rule.library})


def find(name: str) -> Rule | None:
    """The rule of a function, by its key in the table or by what expressions call it.

    >>> find("erf") is find("scipy.special.erf")
    True
    >>> find("cbrt").library
    ''
    """
    return RULES.get(name) or _SHORT.get(name)


def _several_outputs(rules: Iterable[Rule]) -> dict[str, tuple[Rule, ...]]:
    outputs: dict[str, tuple[Rule, ...]] = {}
    for rule in rules:
        if rule.output is not None:
            name = f"{rule.library}.{rule.name}"
            outputs[name] = (*outputs.get(name, ()), rule)
    return outputs


#: Ufuncs with several outputs, each of them a rule of its own.
OUTPUTS: dict[str, tuple[Rule, ...]] = {
    "modf": (
        _rule("modf", "1", on=_ANY, value="copysign(select(isinf(x), 0.0, x - trunc(x)), x)"),
        _rule("modf", "0", on=_ANY, value="trunc(x)"),
    ),
    "divmod": (
        _rule("divmod", "0", "0", on=(_ANY, _POSITIVE), value="floor_divide(x, y)"),
        _rule("divmod", "1", "-floor_divide(x, y)", on=(_ANY, _POSITIVE), value="remainder(x, y)"),
    ),
    "frexp": (
        _rule("frexp", "ldexp(1.0, -exponent(x))", on=_ANY, value="ldexp(x, -exponent(x))"),
        _rule("frexp", "0", on=_ANY, value="exponent(x)"),
    ),
    **_several_outputs(_SPECIAL),
}

_CHOSEN = "select(equal(x, y), 0.5, select({other}, 0.0, 1.0))"
_OTHER = "select(equal(x, y), 0.5, select({other}, 1.0, 0.0))"


def _choice(name: str, other: str) -> Rule:
    partials = [template.format(other=other) for template in (_CHOSEN, _OTHER)]
    return _rule(name, *partials, on=_ANY, value=f"select({other}, y, x)", kink=_TIES)


#: Python's own functions that choose one of two numbers, which pass over NaN in a way of their own.
CHOICES: dict[str, Rule] = {
    "max": _choice("max", "greater(y, x)"),
    "min": _choice("min", "less(y, x)"),
}

#: Ufuncs whose result is computed from the values alone and is not a floating-point number.
PREDICATES = (
    "greater",
    "greater_equal",
    "less",
    "less_equal",
    "equal",
    "not_equal",
    "isnan",
    "isinf",
    "isfinite",
    "signbit",
)
