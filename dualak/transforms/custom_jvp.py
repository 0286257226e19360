"""Derivatives by rules of the user's own, for functions that dualak cannot look into.

Rules see plain arrays; ``dualak.seeding.parts`` takes duals apart for them, and puts results
together.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, Generic, ParamSpec, TypeVar, overload

import awkward as ak

from dualak.ad.recording import UnknownNumbersError
from dualak.arrays.context import is_tracing
from dualak.arrays.highlevel import contains_duals
from dualak.functions.elementwise import flattened
from dualak.functions.registry import NotDifferentiableError
from dualak.pytree import tree_map
from dualak.seeding.parts import apart, has_tangents, plain, require_alike
from dualak.transforms import external
from dualak.transforms.external import awaits_tangents

P = ParamSpec("P")
R = TypeVar("R")
Rule = Callable[..., Any]
AnyRule = TypeVar("AnyRule", bound=Rule)


@overload
def custom_jvp(func: Callable[P, R], *, elementwise: bool = False) -> CustomJvp[P, R]: ...


@overload
def custom_jvp(
    func: None = None, *, elementwise: bool = False
) -> Callable[[Callable[P, R]], CustomJvp[P, R]]: ...


def custom_jvp(func: Any = None, *, elementwise: bool = False) -> Any:
    """A function with a derivative rule of its own, in the spirit of ``jax.custom_jvp``.

    Give it a rule with ``defjvp`` or ``defjvps``.  The function may do what it likes: call compiled
    code, look into a table, run a neural network.  Where an argument is differentiated, the rule
    is called with plain arrays, and its tangents go on through the chain; otherwise only the
    function is called.

    Args:
        func: the function.  Its positional arguments are arrays, numbers, or dicts, lists and
            tuples of these; other objects, and keyword arguments, are constants that it and its
            rule get as they are.  It returns an array, a number, or a dict, list or tuple of these.
        elementwise: whether the function works number by number.  Then its arguments are broadcast
            against each other as those of a ufunc, and it and its rule get flat NumPy arrays of
            one length, without missing values, and return such: the result has the arguments'
            lists.  Numbers become arrays too; records and strings are refused.

    Returns:
        The function, as an object with the methods ``defjvp`` and ``defjvps``; without ``func``, a
        decorator.

    >>> import awkward as ak, numpy as np, dualak
    >>> @dualak.custom_jvp(elementwise=True)
    ... def scale(pt):
    ...     return np.interp(pt, [20.0, 40.0, 80.0], [1.2, 1.1, 1.0])
    >>> @scale.defjvp
    ... def slope(primals, tangents):
    ...     (pt,), (t,) = primals, tangents
    ...     return scale(pt), np.where(pt < 40.0, -0.005, -0.0025) * t
    >>> pt = ak.Array([[30.0, 60.0], [], [24.0]])
    >>> y, dy = dualak.jvp(lambda pt: scale(pt) * pt, pt, ak.ones_like(pt))
    >>> y
    <Array [[34.5, 63], [], [28.3]] type='3 * var * float64'>
    >>> dy
    <Array [[1, 0.9], [], [1.06]] type='3 * var * float64'>
    """
    if func is None:
        return functools.partial(custom_jvp, elementwise=elementwise)
    return CustomJvp(func, elementwise)


class CustomJvp(Generic[P, R]):
    """A function with a derivative rule of its own, made by ``dualak.custom_jvp``."""

    def __init__(self, func: Callable[P, R], elementwise: bool = False) -> None:
        if not callable(func):
            raise TypeError(f"custom_jvp expected a function, got {type(func).__name__}")
        self.func = func
        self.elementwise = elementwise
        self.rule: Rule | None = None
        self.partials: tuple[Rule | None, ...] | None = None
        functools.update_wrapper(self, func)
        self.name = getattr(func, "__name__", type(func).__name__)

    def __repr__(self) -> str:
        return f"<custom_jvp {self.name}>"

    def defjvp(self, rule: AnyRule) -> AnyRule:
        """Defines the derivative; may be used as a decorator.

        Args:
            rule: a function of two tuples, the arguments and their tangents, and the keyword
                arguments of the call.  It returns the pair of the result and its tangent, which has
                the structure of the result.  The tangent of a constant is zero, that of an object
                that is neither array nor number is None.
        """
        _require_callable(rule, self.name)
        self.rule, self.partials = rule, None
        return rule

    def defjvps(self, *rules: Rule | None) -> None:
        """Defines the derivative as a sum of terms, one for each positional argument.

        Args:
            rules: functions of the argument's tangent, the result, and all arguments, which return
                a part of the result's tangent.  Only those of arguments that are differentiated
                are called.  None says that the derivative is not known: a tangent is refused there.

        >>> import numpy as np, dualak
        >>> @dualak.custom_jvp
        ... def area(width, height):
        ...     return width * height
        >>> area.defjvps(lambda t, y, width, height: t * height, None)
        >>> dualak.jvp(lambda width: area(width, 5.0), np.array([2.0, 3.0]), np.array([1.0, 0.5]))
        (array([10., 15.]), array([5. , 2.5]))
        """
        for rule in rules:
            if rule is not None:
                _require_callable(rule, self.name)
        self.rule, self.partials = None, rules

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if contains_duals(kwargs):
            names = [name for name, value in kwargs.items() if contains_duals(value)]
            raise TypeError(
                f"{self.name}: expected constants for keyword arguments, got differentiated ones "
                f"for {names}; give them by position, or dualak.primal of them"
            )
        if is_tracing() and contains_duals(args):
            raise UnknownNumbersError(self.name, "; it is a function that dualak cannot look into")
        if self.elementwise:
            return flattened(lambda *flat: self._called(flat, kwargs), args, self.name)
        return self._called(args, kwargs)

    def _called(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        if not contains_duals(args):
            return self.func(*args, **kwargs)
        if awaits_tangents(args):
            return external.called(
                lambda *given: self._called(given, kwargs), args, self.name, self.elementwise
            )
        active = [has_tangents(argument) for argument in args]
        if not any(active):
            return self.func(*plain(args, to_numpy=self.elementwise), **kwargs)
        parts = apart(args, to_numpy=self.elementwise)
        results = [
            self._differentiated(parts.values, tangents, active, kwargs)
            for tangents in parts.directions
        ]
        return parts.together(
            results[0][0], [dy for _, dy in results], f"the result of {self.name}"
        )

    def _differentiated(
        self, primals: Any, tangents: Any, active: list[bool], kwargs: Mapping[str, Any]
    ) -> tuple[Any, Any]:
        if self.rule is not None:
            y, dy = _pair(self.rule(primals, tangents, **kwargs), self.name)
        elif self.partials is not None:
            y, dy = self._summed(primals, tangents, active, kwargs)
        else:
            raise NotDifferentiableError(
                f"{self.name} has no derivative, got a differentiated argument; define one with "
                f"{self.name}.defjvp or {self.name}.defjvps"
            )
        require_alike(y, dy, f"the result of {self.name}")
        return y, dy

    def _summed(
        self, primals: Any, tangents: Any, active: list[bool], kwargs: Mapping[str, Any]
    ) -> tuple[Any, Any]:
        assert self.partials is not None
        if len(self.partials) != len(primals):
            raise TypeError(
                f"{self.name}: expected as many arguments as defjvps has rules, "
                f"{len(self.partials)}, got {len(primals)}"
            )
        for i, (partial, moves) in enumerate(zip(self.partials, active, strict=True)):
            if moves and partial is None:
                raise NotDifferentiableError(
                    f"{self.name}: its derivative in argument {i} is not known (None in defjvps), "
                    "got a differentiated one; give it dualak.primal of the argument if it is "
                    "meant to be constant"
                )
        y = self.func(*primals, **kwargs)
        terms = (
            partial(tangent, y, *primals, **kwargs)
            for partial, tangent, moves in zip(self.partials, tangents, active, strict=True)
            if moves and partial is not None
        )
        return y, functools.reduce(_added, terms)


def _require_callable(rule: Any, name: str) -> None:
    if not callable(rule):
        raise TypeError(f"{name}: expected a function for a rule, got {type(rule).__name__}")


def _pair(result: Any, name: str) -> tuple[Any, Any]:
    if not isinstance(result, tuple) or len(result) != 2:
        shown = f"a tuple of {len(result)}" if isinstance(result, tuple) else type(result).__name__
        raise TypeError(
            f"{name}: expected a rule that returns the pair (result, tangent), got {shown}"
        )
    return result


def _added(tangent: Any, other: Any) -> Any:
    """The sum of two tangents of one structure."""
    return tree_map(_sum, tangent, other)


def _sum(tangent: Any, other: Any) -> Any:
    if isinstance(tangent, (ak.Array, ak.Record)):
        for name in tangent.fields:
            tangent = ak.with_field(tangent, _sum(tangent[name], other[name]), name)
        if tangent.fields:
            return tangent
    return None if tangent is None else tangent + other
