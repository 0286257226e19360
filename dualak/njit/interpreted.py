"""Duals as Python's numbers, for code that is interpreted: kernels in Numba's CUDA simulator.

They follow the same table of rules as those of compiled code, and go through the same rows.

>>> x = Dual(3.0, (1.0,))
>>> x * x + np.sin(x - 3.0)
Dual(9.0, (7.0,))
>>> Dual(Dual(2.0, (1.0,)), (1.0,), 2) ** 3
Dual(Dual(8.0, (12.0,)), (Dual(12.0, (12.0,)),), 2)
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterator, Sequence
from functools import partial, reduce
from typing import Any, NoReturn

import numpy as np

from dualak import rules
from dualak.njit.types import Levels
from dualak.rules import PREDICATES, Rule

#: Depths of levels inside of interpreted functions, above those of all transformations.
_depths = itertools.count(1_000_000)


class Dual:
    """A number with tangents, as Python's own numbers behave.

    NumPy's functions take it, one number at a time; those of ``math`` cannot, and refuse it.

    Attributes:
        value: a number, or a dual of a lower level.
        tangents: as many numbers or duals as there are directions.
        depth: of the level; that of a newer one is higher.
    """

    __slots__ = ("depth", "tangents", "value")

    def __init__(self, value: Any, tangents: Sequence[Any], depth: int = 1) -> None:
        self.value = value
        self.tangents = tuple(tangents)
        self.depth = depth

    def __repr__(self) -> str:
        depth = "" if self.depth == 1 else f", {self.depth}"
        shown = ", ".join(map(_shown, self.tangents)) + ("," if len(self.tangents) == 1 else "")
        return f"Dual({_shown(self.value)}, ({shown}){depth})"

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        known = ufunc.__name__ in PREDICATES or rules.find(ufunc.__name__) is not None
        plain = all(np.ndim(argument) == 0 for argument in inputs if not isinstance(argument, Dual))
        if method != "__call__" or kwargs or not known or not plain:
            return NotImplemented
        return apply(ufunc.__name__, *inputs)

    def __float__(self) -> NoReturn:
        raise TypeError(
            "a differentiated number is not made a plain one, which would drop its tangents; use "
            "NumPy's functions (np.sin, not math.sin)"
        )

    def __bool__(self) -> bool:
        return bool(primal(self))

    def __int__(self) -> int:
        return int(primal(self))

    def __round__(self) -> int:
        return round(primal(self))

    #: Equal numbers may have other tangents.
    __hash__ = None  # type: ignore[assignment]


def _shown(number: Any) -> str:
    return repr(number) if isinstance(number, Dual) else repr(float(number))


def _operators(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    def method(number: Dual, other: Any) -> Any:
        return apply(name, number, other) if _is_number(other) else NotImplemented

    def swapped(number: Dual, other: Any) -> Any:
        return apply(name, other, number) if _is_number(other) else NotImplemented

    return method, swapped


def _is_number(value: Any) -> bool:
    return isinstance(value, (Dual, int, float, np.number, np.bool_))


def _comparison(compare: Callable[[Any, Any], bool]) -> Callable[[Dual, Any], bool]:
    return lambda number, other: compare(primal(number), primal(other))


def _unary(name: str) -> Callable[[Dual], Any]:
    return lambda number: apply(name, number)


#: The methods of Python's operators by their rules.
_BINARY = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "divide",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "pow": "power",
}

for _name, _rule in _BINARY.items():
    _method, _swapped = _operators(_rule)
    setattr(Dual, f"__{_name}__", _method)
    setattr(Dual, f"__r{_name}__", _swapped)
for _name, _rule in {"neg": "negative", "pos": "positive", "abs": "absolute"}.items():
    setattr(Dual, f"__{_name}__", _unary(_rule))
for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    setattr(Dual, f"__{_name}__", _comparison(getattr(operator, _name)))


def primal(number: Any) -> Any:
    """The value without any tangents."""
    while isinstance(number, Dual):
        number = number.value
    return number


# -- the rules ------------------------------------------------------------------------------------


def apply(name: str, *args: Any) -> Any:
    """A function of the rules, of numbers and duals."""
    depth = _highest(args)
    if depth is None:
        return _plain(name, args)
    if name == "select":
        return args[1] if primal(args[0]) else args[2]
    if name == "scale":
        return _scale(args[0], args[1], depth)
    if name in PREDICATES:
        return _plain(name, tuple(map(primal, args)))
    rule = rules.find(name)
    assert rule is not None, name
    return _differentiated(rule, depth, args)


def _highest(args: Sequence[Any]) -> int | None:
    return max((argument.depth for argument in args if isinstance(argument, Dual)), default=None)


def _value_at(number: Any, depth: int) -> Any:
    return number.value if isinstance(number, Dual) and number.depth == depth else number


def _tangents_at(number: Any, depth: int) -> tuple[Any, ...] | None:
    return number.tangents if isinstance(number, Dual) and number.depth == depth else None


def _differentiated(rule: Rule, depth: int, args: Sequence[Any]) -> Any:
    tangents = [_tangents_at(argument, depth) for argument in args]
    rules.require_partials(rule, tangents)
    values = [_value_at(argument, depth) for argument in args]
    result = apply(rule.name, *values)
    terms = []
    for expression, each in zip(rule.partials, tangents, strict=True):
        if expression != "0" and each is not None:
            slope = _evaluate(expression, values, result)
            terms.append([apply("scale", slope, t) for t in each])
    if not terms:
        return result
    sums = [reduce(partial(apply, "add"), each) for each in zip(*terms, strict=True)]
    return Dual(result, sums, depth)


def _scale(slope: Any, moved: Any, depth: int) -> Any:
    """A product in which zero wins; its own derivative is that of any product."""
    inner, outer = _value_at(slope, depth), _value_at(moved, depth)
    terms = []
    if (firsts := _tangents_at(slope, depth)) is not None:
        terms.append([apply("scale", first, outer) for first in firsts])
    if (seconds := _tangents_at(moved, depth)) is not None:
        terms.append([apply("scale", inner, second) for second in seconds])
    sums = [reduce(partial(apply, "add"), each) for each in zip(*terms, strict=True)]
    return Dual(apply("scale", inner, outer), sums, depth)


def _evaluate(expression: str, args: Sequence[Any], result: Any) -> Any:
    names = dict(zip(rules.ARGUMENTS, args, strict=False))
    with np.errstate(all="ignore"):
        return rules.evaluate(expression, _FUNCTIONS, **names, z=result)


class _Functions(dict[str, Callable[..., Any]]):
    def __missing__(self, name: str) -> Callable[..., Any]:
        return partial(apply, name)


_FUNCTIONS = _Functions()


def _plain(name: str, args: Sequence[Any]) -> Any:
    if name == "select":
        return args[1] if args[0] else args[2]
    if name == "scale":
        return 0.0 if 0 in args else np.float64(args[0]) * args[1]
    if name == "exponent":
        return np.frexp(args[0])[1]
    rule = rules.find(name)
    with np.errstate(all="ignore"):
        if rule is not None and rule.value is not None:
            return _evaluate(rule.value, args, args[0])
        numbers = [
            np.float64(argument) if isinstance(argument, float) else argument for argument in args
        ]
        return getattr(np, name)(*numbers)


# -- rows -----------------------------------------------------------------------------------------


def flattened(number: Any, levels: Levels) -> Iterator[float]:
    """The plain numbers of a dual, in the order of memory, zero where it has no tangents."""
    if not levels:
        yield number
        return
    depth, directions = levels[-1]
    yield from flattened(_value_at(number, depth), levels[:-1])
    for tangent in _tangents_at(number, depth) or (0.0,) * directions:
        yield from flattened(tangent, levels[:-1])


def filled(numbers: Sequence[float], levels: Levels) -> Any:
    """A dual made of plain numbers in the order of memory."""
    if not levels:
        return numbers[0]
    depth, directions = levels[-1]
    size = len(numbers) // (1 + directions)
    parts = [numbers[i * size : (i + 1) * size] for i in range(1 + directions)]
    value, *tangents = (filled(part, levels[:-1]) for part in parts)
    return Dual(value, tangents, depth)


def partials(func: Any, x: Any, *args: Any) -> Any:
    """What ``dualak.partials`` does where it is interpreted."""
    several = isinstance(x, tuple)
    numbers, depth = x if several else (x,), next(_depths)
    if not callable(func) or not all(map(_is_number, numbers)):
        given = func if not callable(func) else x
        raise TypeError(
            f"dualak.partials expects a function and numbers to differentiate by, got {given!r}"
        )
    unit = np.eye(len(numbers)).tolist()
    seeds = [Dual(number, along, depth) for number, along in zip(numbers, unit, strict=True)]
    result = func(tuple(seeds) if several else seeds[0], *args)

    def halves(number: Any) -> tuple[Any, Any]:
        tangents = _tangents_at(number, depth) or (0.0,) * len(numbers)
        return _value_at(number, depth), tangents if several else tangents[0]

    if not isinstance(result, tuple):
        return halves(result)
    values, slopes = zip(*map(halves, result), strict=True)
    return values, slopes
