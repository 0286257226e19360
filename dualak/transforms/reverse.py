"""Reverse mode: vjp and grad, by transposing what is linear in the tangents."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec

import numpy as np

from dualak.arrays.foreign import crossing
from dualak.arrays.highlevel import is_scalar
from dualak.transforms.arguments import Argnums, numbers_of, require_function
from dualak.transforms.linearize import Linear

P = ParamSpec("P")


@crossing
def vjp(func: Callable[..., Any], x: Any, *, has_aux: bool = False) -> tuple[Any, ...]:
    """The value of ``func`` at ``x``, and what pulls cotangents of it back to ``x``.

    Made for functions with many inputs and few outputs, such as losses; for few inputs and many
    outputs ``jvp`` and ``jacfwd`` are better.

    Args:
        func: as for ``dualak.jvp``.
        x: as for ``dualak.jvp``.
        has_aux: whether ``func`` returns a pair of its result and something else.

    Returns:
        The pair ``(y, pullback)``, or ``(y, pullback, aux)``.  ``pullback(u)``, for a cotangent of
        the structure of ``y``, has the structure of ``x`` (a tuple for several arguments): for each
        number of ``x`` the sum, over the numbers of ``y``, of cotangent times derivative.  Leaves
        that are not differentiated have zeros.

    Raises:
        NotImplementedError: in ``pullback``, for a function of the user's that says nothing of its
            transpose.
        Exception: as ``jvp``.

    >>> import awkward as ak
    >>> y, pullback = vjp(lambda x: ak.sum(x**2, axis=1), ak.Array([[1.0, 2.0], [], [3.0]]))
    >>> pullback(ak.Array([1.0, 5.0, 10.0])).to_list()
    [[2.0, 4.0], [], [60.0]]
    """
    require_function(func, "vjp(func, x)", x)
    linear = Linear(func, x, has_aux).hold()

    @crossing
    def pullback(u: Any) -> Any:
        return linear.backwards(u)

    return (linear.y, pullback, linear.aux) if has_aux else (linear.y, pullback)


def grad(
    func: Callable[P, Any], argnums: Argnums = 0, *, has_aux: bool = False
) -> Callable[P, Any]:
    """The gradient of a function whose result is one number, by reverse mode.

    Args:
        func: as for ``dualak.jvp``.
        argnums: which positional arguments to differentiate by: a number, or several.
        has_aux: whether ``func`` returns a pair of its result and something else.

    Returns:
        A function of the same arguments, whose result has the structure of the argument (a tuple
        for several); with ``has_aux``, a pair of that and the rest.

    Raises:
        TypeError: if the result is not one floating-point number.
        Exception: as ``vjp``.

    >>> import awkward as ak
    >>> grad(lambda x: ak.sum(x**3))(ak.Array([[1.0, 2.0], [], [3.0]])).to_list()
    [[3.0, 12.0], [], [27.0]]
    """
    both = value_and_grad(func, argnums, has_aux=has_aux)

    @functools.wraps(func)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, found = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return gradient


def value_and_grad(
    func: Callable[P, Any], argnums: Argnums = 0, *, has_aux: bool = False
) -> Callable[P, Any]:
    """As ``grad``, but the function returns the pair of the value and the gradient.

    With ``has_aux`` the value is the pair that ``func`` returns.

    >>> value_and_grad(lambda x, y: x * y, (0, 1))(2.0, 3.0)
    (np.float64(6.0), (np.float64(3.0), np.float64(2.0)))
    """
    require_function(func, "grad(func)(x)")

    @crossing
    @functools.wraps(func)
    def both(*args: Any, **kwargs: Any) -> Any:
        numbers = numbers_of(argnums, args)

        def of_some(*values: Any) -> Any:
            given = dict(zip(numbers, values, strict=True))
            return func(*(given.get(i, arg) for i, arg in enumerate(args)), **kwargs)

        linear = Linear(of_some, tuple(args[number] for number in numbers), has_aux)
        if not is_scalar(linear.y) and not isinstance(linear.y, (float, np.floating)):
            raise TypeError(
                "expected a function whose result is one floating-point number, got "
                f"{getattr(linear.y, 'typestr', type(linear.y).__name__)}; use vjp or jacfwd"
            )
        found = linear.backwards(1.0)
        value = (linear.y, linear.aux) if has_aux else linear.y
        return value, found[0] if isinstance(argnums, int) else found

    return both
