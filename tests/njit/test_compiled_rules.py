"""Every function of the rules inside a compiled loop: values, first and second derivatives."""

from __future__ import annotations

import math
import operator

import numba
import numpy as np
import pytest
from numba.core.registry import cpu_target

import dualak
from dualak.njit.overloads import RULED
from dualak.rules import RULES

SAMPLES = 12

#: Rules of functions that Numba does not compile, or that no loop can call for a number alone.
NOT_COMPILED = {"heaviside", "exponent"}

SYMBOLS = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "truediv": "/",
    "floordiv": "//",
    "mod": "%",
    "pow": "**",
}
BUILTINS = {abs: "abs({0})", float: "float({0})", pow: "pow({0}, {1})"}
MODULES = {"math": math, "np": np}


def call_of(function):
    """The expression that calls a function of the table, with places for its arguments."""
    if function in BUILTINS:
        return BUILTINS[function]
    if function in (operator.neg, operator.pos):
        return "-{0}" if function is operator.neg else "+{0}"
    name = getattr(function, "__name__", "")
    if getattr(operator, name, None) is function:
        return f"{{0}} {SYMBOLS[name]} {{1}}" if name in SYMBOLS else None
    module = next(key for key, one in MODULES.items() if getattr(one, name, None) is function)
    arguments = ", ".join(f"{{{i}}}" for i in range(len(RULES[rule_of(function)].partials)))
    return f"{module}.{name}({arguments})"


def rule_of(function):
    name = RULED[function]
    return name if name in RULES else f"scipy.special.{name}"


def group_of(function):
    call = call_of(function)
    if call is None or call.startswith(("np.", "math.")):
        return call and (call.split(".")[0] + (" of one" if "{1}" not in call else " of two"))
    return "operators"


def is_compiled(function):
    """Whether this version of Numba has the function at all."""
    context = cpu_target.typing_context
    context.refresh()
    kinds = [numba.float64] * len(RULES[rule_of(function)].partials)
    if RULED[function] == "ldexp":
        kinds[1] = numba.int64
    try:
        return context.resolve_function_type(function, tuple(kinds), {}) is not None
    except numba.TypingError:
        return False


def expressions():
    found = {}
    for function in RULED:
        if call_of(function) is not None and is_compiled(function):
            found.setdefault(group_of(function), {})[call_of(function)] = rule_of(function)
    found["operators"] |= {"max({0}, {1})": "maximum", "min({0}, {1}, 0.7)": "minimum"}
    found["operators"] |= {f"{{0}} ** {n}": "power" for n in (0, 1, 2, 3, -1, -2)}
    found["operators"] |= {"{0} ** k": "power", "{0} * 2 + 1": "add", "2 ** {1}": "power"}
    return found


EXPRESSIONS = expressions()


def compiled(group):
    """One loop that calls all functions of a group at each sample."""
    lines = ["def loop(x, k):", f"    out = dualak.empty((len(x), {len(EXPRESSIONS[group])}))"]
    lines += ["    for i in range(len(x)):"]
    for j, call in enumerate(EXPRESSIONS[group]):
        args = [f"x[i][{2 * j}]", f"x[i][{2 * j + 1}]"]
        if "ldexp" in call:
            args[1] = f"int({args[1]})"
        lines.append(f"        out[i, {j}] = {call.format(*args)}")
    lines += ["    return out"]
    names = {"np": np, "math": math, "dualak": dualak}
    exec("\n".join(lines), names)
    return numba.njit(names["loop"])


def point(group, dtype=np.float64):
    """Samples of the rules' domains, two columns for each function; and a direction."""
    rng = np.random.default_rng(len(group))
    columns = []
    for rule in EXPRESSIONS[group].values():
        domain = (*RULES[rule].domain, (0.5, 1.0))[:2]
        columns += [rng.uniform(low, high, SAMPLES) for low, high in domain]
    x = np.stack(columns, axis=1)
    return x.astype(dtype), rng.normal(size=x.shape).astype(dtype)


def slope(function, x, t, step=1e-4):
    """Differences of fourth order; and where two step widths agree, which is where it is smooth."""

    def at(h):
        near, far = (function(x + s * t) - function(x - s * t) for s in (h, 2 * h))
        return (8 * near - far) / (12 * h)

    wide, narrow = at(step), at(step / 2)
    return narrow, np.isclose(wide, narrow, 1e-4, 1e-6)


@pytest.fixture(scope="module", params=EXPRESSIONS)
def case(request):
    loop = compiled(request.param)
    return request.param, lambda x: loop(x, 3), *point(request.param)


def close(got, want, smooth, tolerance):
    assert smooth.mean() > 0.97
    scale = np.maximum(1.0, np.abs(want))
    bad = np.argwhere(smooth & ~(np.abs(got - want) <= tolerance * scale))
    return [] if len(bad) == 0 else bad.tolist()


@pytest.mark.one_in(8)
def test_values_and_first_derivatives(case):
    group, loop, x, t = case
    y, dy = dualak.jvp(loop, x, t)
    plain = loop(x)
    np.testing.assert_allclose(y, plain, rtol=1e-13)
    want, smooth = slope(loop, x, t)
    names = list(EXPRESSIONS[group])
    assert [(names[j], dy[i, j], want[i, j]) for i, j in close(dy, want, smooth, 1e-7)] == []


@pytest.mark.in_full
def test_second_derivatives(case):
    group, loop, x, t = case

    def first(x):
        return dualak.jvp(loop, x, t)[1]

    dy, second = (np.asarray(one) for one in dualak.jvp(first, x, t))
    np.testing.assert_allclose(dy, first(x), rtol=1e-12, atol=1e-12)
    want, smooth = slope(lambda x: np.asarray(first(x)), x, t)
    names = list(EXPRESSIONS[group])
    assert [
        (names[j], second[i, j], want[i, j]) for i, j in close(second, want, smooth, 1e-6)
    ] == []


def test_every_rule_of_numpy_is_here():
    rules = {rule for group in EXPRESSIONS.values() for rule in group.values()}
    assert {name for name in RULES if "." not in name} - rules == NOT_COMPILED
