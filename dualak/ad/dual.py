"""Numbers, which are nodes or duals over them, and what operations do to values and tangents.

A dual has a value and, for each direction of one level, a tangent; all of these are numbers of
lower levels.  A level is one running transformation, and newer ones are higher: an operation is
differentiated at the highest level first and sees duals of lower levels as ordinary numbers.  So
any order comes from the one table of rules, and no level is taken for another.

>>> import numpy as np
>>> from dualak.graph.graph import Graph
>>> from dualak.engine.realize import compute
>>> graph, level = Graph(), Level(depth=1, directions=1)
>>> x, t = graph.buffer(np.array([2.0, 3.0])), graph.buffer(np.array([1.0, 10.0]))
>>> z = apply("multiply", Dual(level, x, (t,)), x)
>>> compute(components(z))
>>> z.value.data, z.tangents[0].data
(array([4., 9.]), array([ 2., 30.]))
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Union

import numpy as np

from dualak import rules
from dualak.device import HOST
from dualak.graph.graph import Graph
from dualak.graph.nodes import Node, common_length
from dualak.rules import PREDICATES, Rule
from dualak.rules.libraries import function_of


class Level:
    """A running transformation: how many others it stands in, and how many directions it has.

    ``running`` ends with the transformation; what is kept for later is refused.  ``outer`` is the
    one it stands in.  ``inputs`` are what its tangents depend on, if they have no numbers yet.
    """

    __slots__ = ("__weakref__", "depth", "directions", "inputs", "outer", "running")

    def __init__(self, depth: int, directions: int, outer: Level | None = None) -> None:
        self.depth = depth
        self.directions = directions
        self.outer = outer
        self.inputs: Sequence[Node] = ()
        self.running = True


def _operators(name: str) -> tuple[Callable[..., Number], Callable[..., Number]]:
    """The methods of a dual that stand for ``dual + other`` and ``other + dual``, say."""

    def operator(number: Dual, other: Any) -> Number:
        return apply(name, number, _as_number(other, number))

    def swapped(number: Dual, other: Any) -> Number:
        return apply(name, _as_number(other, number), number)

    return operator, swapped


def _as_number(value: Any, pattern: Number) -> Number:
    if isinstance(value, (Node, Dual)):
        return value
    return pattern.graph.constant(value, pattern.dtype)


class Dual:
    """A value and its tangents at a level, one for each direction; None stands for zero.

    Where there are several directions, what all tangents have in common is kept once: they are a
    ``slope`` times a ``base`` for each direction, and are multiplied out when somebody adds them to
    others.
    """

    __slots__ = ("__weakref__", "_tangents", "base", "level", "slope", "value")

    def __init__(
        self,
        level: Level,
        value: Number,
        base: Sequence[Number | None],
        slope: Number | None = None,
    ) -> None:
        self.level = level
        self.value = value
        self.base = tuple(base)
        self.slope = slope
        self._tangents = self.base if slope is None else None

    @property
    def tangents(self) -> tuple[Number | None, ...]:
        """The tangent in each direction."""
        if self._tangents is None:
            self._tangents = tuple(
                None if tangent is None else _scaled(self.slope, tangent)  # type: ignore[arg-type]
                for tangent in self.base
            )
        return self._tangents

    @property
    def graph(self) -> Graph:
        """The graph that all nodes of the number belong to."""
        return self.value.graph

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the value and of all tangents."""
        return self.value.dtype

    @property
    def length(self) -> int | None:
        """The number of elements, or None for a scalar."""
        return self.value.length

    def __repr__(self) -> str:
        return f"<dual of level {self.level.depth} over {self.value}>"

    __add__, __radd__ = _operators("add")
    __sub__, __rsub__ = _operators("subtract")
    __mul__, __rmul__ = _operators("multiply")
    __truediv__, __rtruediv__ = _operators("divide")
    __pow__, __rpow__ = _operators("power")

    def __neg__(self) -> Number:
        return apply("negative", self)


Number = Union[Node, Dual]  # noqa: UP007 - a string in it would not be evaluated by |


# -- taking numbers apart -------------------------------------------------------------------------


def primal(number: Number) -> Node:
    """The value without any tangents."""
    while isinstance(number, Dual):
        number = number.value
    return number


def components(number: Number) -> Iterator[Node]:
    """All nodes of a number: values first, then tangents, direction by direction."""
    if isinstance(number, Node):
        yield number
        return
    yield from components(number.value)
    for tangent in number.tangents:
        if tangent is not None:
            yield from components(tangent)


def highest(numbers: Sequence[Number]) -> Level | None:
    """The newest level that any of the numbers has a tangent at."""
    found = None
    for number in numbers:
        if type(number) is Dual and (found is None or number.level.depth > found.depth):
            found = number.level
    return found


def value_at(number: Number, level: Level) -> Number:
    """The number without its tangents at a level, which is the highest one."""
    return number.value if isinstance(number, Dual) and number.level is level else number


def tangents_at(number: Number, level: Level) -> tuple[Number | None, ...]:
    """The tangents of a number at a level, which is the highest one; None is zero."""
    if isinstance(number, Dual) and number.level is level:
        return number.tangents
    return (None,) * level.directions


def dual_or_value(level: Level, value: Number, tangents: Sequence[Number | None]) -> Number:
    """A dual, or the value alone if no direction has a tangent."""
    if all(tangent is None for tangent in tangents):
        return value
    return Dual(level, value, tangents)


# -- elementwise operations -----------------------------------------------------------------------


def apply(op: str, *args: Number) -> Number:
    """An elementwise operation on numbers of one length."""
    level = highest(args)
    if level is None:
        return _of_nodes(op, args)  # type: ignore[arg-type]
    if op in _COMBINED:
        return _COMBINED[op](*args)
    if op in PREDICATES:
        return _of_nodes(op, tuple(map(primal, args)))
    rule = rules.find(op)
    assert rule is not None, op
    return differentiated(rule, functools.partial(apply, op), args)


def _of_nodes(op: str, args: tuple[Node, ...]) -> Node:
    rule, graph = rules.find(op), args[0].graph
    if graph.records and rule is not None and (rule.value is not None or rule.library):
        return graph.written(rule, args)
    if rule is not None and rule.value is not None:
        return evaluate(rule.value, args)  # type: ignore[return-value]
    if rule is not None and rule.library and not _in_kernels(graph, rule, args):
        return graph.call(function_of(rule), args, args[-1].dtype, common_length(args))
    return graph.apply(op if rule is None else rule.key, *args)


def _in_kernels(graph: Graph, rule: Rule, args: Sequence[Node]) -> bool:
    """Whether kernels of a device have a library's function, which is no call then."""
    if graph.memory is HOST or all(arg.op == "constant" for arg in args):
        return False
    from dualak.executors.cuda.operations import SPECIAL

    return rule.key in SPECIAL


def evaluate(expression: str, args: Sequence[Number], result: Number | None = None) -> Number:
    """An expression of the rules over numbers: arguments are x, y, u, v, the result is z."""
    names: dict[str, Any] = dict(zip(rules.ARGUMENTS, args, strict=False))
    if result is not None:
        names["z"] = result
    graph, dtype = args[0].graph, args[0].dtype
    found = rules.evaluate(expression, _functions(dtype), **names)
    return found if isinstance(found, (Node, Dual)) else graph.constant(found, dtype)


class _Functions(dict[str, Callable[..., Number]]):
    """The functions that expressions of the rules may name, for numbers of one dtype."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        super().__init__()
        self._dtype = dtype

    def __missing__(self, name: str) -> Callable[..., Number]:
        def function(*args: Any) -> Number:
            graph = next(arg for arg in args if isinstance(arg, (Node, Dual))).graph
            return apply(name, *(self._number(arg, graph) for arg in args))

        self[name] = function
        return function

    def _number(self, arg: Any, graph: Graph) -> Number:
        return arg if isinstance(arg, (Node, Dual)) else graph.constant(arg, self._dtype)


_functions = functools.cache(_Functions)


def called(rule: Rule, *args: Number) -> Number:
    """A rule's function of numbers, also where the rule is one output of several."""
    if highest(args) is not None:
        return differentiated(rule, functools.partial(called, rule), args)
    if args[0].graph.records:
        return args[0].graph.written(rule, args)  # type: ignore[arg-type]
    return evaluate(rule.value, args) if rule.value else apply(rule.key, *args)


def differentiated(rule: Rule, value: Callable[..., Number], args: Sequence[Number]) -> Number:
    """A rule's function of numbers: ``value`` gives its value for values of lower levels."""
    level = highest(args)
    if level is None:
        return value(*args)
    active = [arg if isinstance(arg, Dual) and arg.level is level else None for arg in args]
    rules.require_partials(rule, active)
    values = [value_at(arg, level) for arg in args]
    result = value(*values)
    duals = [
        (partial, arg)
        for partial, arg in zip(rule.partials, active, strict=True)
        if partial != "0" and arg is not None
    ]
    slopes = [(evaluate(partial, values, result), arg) for partial, arg in duals]
    if not slopes:
        return result
    if level.directions > 1 and all(_same_base(arg, slopes[0][1]) for _, arg in slopes):
        return _with_common_base(level, result, slopes)
    terms: list[list[Number]] = [[] for _ in range(level.directions)]
    for slope, arg in slopes:
        for direction, tangent in enumerate(arg.tangents):
            if tangent is not None:
                terms[direction].append(_scaled(slope, tangent))
    return dual_or_value(level, result, [summed(term) for term in terms])


def _scaled(slope: Number, tangent: Number) -> Number:
    """A term of the chain rule: a product in which zero wins against whatever it meets.

    A slope that is known needs no look, as long as it is finite and not zero.
    """
    known = slope.value if isinstance(slope, Node) and slope.op == "constant" else 0.0
    return apply("multiply" if known != 0 and np.isfinite(known) else "scale", slope, tangent)


def _same_base(number: Dual, other: Dual) -> bool:
    return all(a is b for a, b in zip(number.base, other.base, strict=True))


def _with_common_base(
    level: Level, result: Number, slopes: Sequence[tuple[Number, Dual]]
) -> Number:
    """A dual whose arguments have the same base: their slopes, multiplied and added up."""
    terms = [slope if arg.slope is None else _scaled(slope, arg.slope) for slope, arg in slopes]
    return Dual(level, result, slopes[0][1].base, summed(terms))


def summed(terms: Sequence[Number]) -> Number | None:
    return functools.reduce(functools.partial(apply, "add"), terms) if terms else None


def _scale(slope: Number, tangent: Number) -> Number:
    """A product in which zero wins; its own derivative is that of any product."""
    level = highest((slope, tangent))
    assert level is not None
    inner, outer = value_at(slope, level), value_at(tangent, level)
    terms = [
        [
            None if first is None else apply("scale", first, outer),
            None if second is None else apply("scale", inner, second),
        ]
        for first, second in zip(
            tangents_at(slope, level), tangents_at(tangent, level), strict=True
        )
    ]
    sums = [summed([term for term in pair if term is not None]) for pair in terms]
    return dual_or_value(level, apply("scale", inner, outer), sums)


def select(condition: Number, x: Number, y: Number) -> Number:
    """``x`` where the condition holds, else ``y``, with the tangents of what was chosen."""
    condition = primal(condition)
    level = highest((x, y))
    if level is None:
        return condition.graph.apply("select", condition, x, y)  # type: ignore[arg-type]
    zero = condition.graph.constant(0.0, x.dtype)
    tangents = [
        None if dx is None and dy is None else select(condition, dx or zero, dy or zero)
        for dx, dy in zip(tangents_at(x, level), tangents_at(y, level), strict=True)
    ]
    return dual_or_value(level, select(condition, value_at(x, level), value_at(y, level)), tangents)


#: Operations that are no functions of the rules but combine their arguments.
_COMBINED: dict[str, Callable[..., Number]] = {"select": select, "scale": _scale}
