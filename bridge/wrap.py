"""``wrap``: the door to wrapped functions, with static or traced structure."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any, ParamSpec, overload

from bridge.static import Wrapped
from bridge.traced import Dynamic

P = ParamSpec("P")


@overload
def wrap(
    func: Callable[P, Any],
    *,
    structure: str = "static",
    capacity: int | None = None,
    out: Any = None,
    transport: str | None = None,
) -> Callable[P, Any]: ...


@overload
def wrap(
    func: None = None,
    *,
    structure: str = "static",
    capacity: int | None = None,
    out: Any = None,
    transport: str | None = None,
) -> Callable[[Callable[P, Any]], Callable[P, Any]]: ...


def wrap(
    func: Callable[..., Any] | None = None,
    *,
    structure: str = "static",
    capacity: int | None = None,
    out: Any = None,
    transport: str | None = None,
) -> Any:
    """A function of Awkward Arrays as a function for JAX code.

    Under ``jit``, ``jvp``, ``grad``, ``vmap`` and the others, the function is run once for each
    structure of its arguments, without their numbers, and recorded; what JAX runs is the recording.
    That is right where one structure is used many times, as in a fit.

    With ``structure="traced"``, compiled code calls the function itself, on the arrays that it is
    given.  That is right for streams of batches that differ in their lists, as ``bridge.pad`` makes
    them, and for functions whose structure depends on numbers, such as cuts.

    Args:
        func: a function of Awkward Arrays and numbers, as for ``dualak.jvp``, whose result depends
            on its arguments alone, and whose structure not on their floating-point numbers unless
            structure is traced.
        structure: ``static`` or ``traced``.
        capacity: with traced structure, how many numbers (and lists) a result has room for.  None
            takes the size of the largest argument, which is enough for whatever does not grow; a
            result of that argument's type can take its place, in ``scan`` for instance.
            Where there is no room the numbers are NaN, ``counts`` tell how many there are, and
            ``bridge.from_jax`` raises.
        out: with traced structure, results that are rectangles of known shape, as a tree of
            ``jax.ShapeDtypeStruct``; they come back as JAX arrays.
        transport: how compiled code hands buffers over: ``ffi``, ``buffer`` or ``pure``; None
            takes the fastest that is there.

    Returns:
        A function of pytrees.  ``bridge.Array`` and ``ak.Array`` come to ``func`` as Awkward
        Arrays, JAX and NumPy arrays of floats as arrays or numbers, other values as they are.
        Of the result, rectangular arrays and numbers come back as JAX arrays, others as
        ``bridge.Array``.  Without ``func``, a decorator.

        With traced structure, ``bridge.Padded`` may come, too, and results that are no numbers, nor
        of a shape in ``out``, come back as such.

    Raises:
        dualak.UnknownNumbersError: when called, if ``func`` looks at numbers.
        TypeError: when called, for a result that is not made of arrays and numbers.
        ValueError: for a structure that is neither, and a capacity below one; when called, for an
            unknown transport.
        RuntimeError: when called, for a transport that cannot be used here.

    >>> import awkward as ak, jax, numpy as np
    >>> from bridge import to_jax
    >>> @wrap
    ... def norms(x):
    ...     return np.sqrt(ak.sum(x**2, axis=1))
    >>> x = to_jax(ak.Array([[3.0, 4.0], [], [5.0]]))
    >>> jax.jit(norms)(x)
    Array([5., 0., 5.], dtype=float32)
    >>> jax.grad(lambda x: norms(x).sum())(x).leaves
    (Array([0.6, 0.8, 1. ], dtype=float32),)
    """
    if func is None:
        return functools.partial(
            wrap, structure=structure, capacity=capacity, out=out, transport=transport
        )
    if not callable(func):
        raise TypeError(f"wrap expected a function, got {type(func).__name__}")
    if structure not in ("static", "traced"):
        raise ValueError(f"expected a structure that is static or traced, got {structure!r}")
    if capacity is not None and (isinstance(capacity, bool) or operator.index(capacity) < 1):
        raise ValueError(f"expected a capacity of one or more, got {capacity!r}")
    if structure == "traced":
        return Dynamic(func, transport, capacity, out)
    if capacity is not None or out is not None:
        raise ValueError("capacity and out are for structure='traced', got structure='static'")
    return Wrapped(func, transport)
