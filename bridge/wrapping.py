"""``wrap``: a function of Awkward Arrays as a function for JAX code."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import dualak
from bridge import transports
from bridge.arguments import Recent, differentiable, is_whole, taken_apart
from bridge.arrays import Array
from bridge.dtypes import constant, known_to_jax
from bridge.dynamic import Dynamic
from bridge.tasks import Once


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
            takes the size of the largest argument, which is enough for whatever does not grow.
            Where there is no room the numbers are NaN, and ``counts`` tell how many there are.
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
        ValueError: for a structure that is neither; when called, for an unknown transport.
        RuntimeError: when called, for a transport that cannot be used here.

    >>> import awkward as ak
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
    if structure == "traced":
        return Dynamic(func, transport, capacity, out)
    if capacity is not None or out is not None:
        raise ValueError("capacity and out are for structure='traced', got structure='static'")
    return Wrapped(func, transport)


class Wrapped:
    """What ``wrap`` gives."""

    def __init__(self, func: Callable[..., Any], transport: str | None) -> None:
        functools.update_wrapper(self, func)
        self._func = func
        self._transport = transport
        self._known = Recent()

    def __repr__(self) -> str:
        return f"<bridge.wrap of {getattr(self._func, '__name__', self._func)!r}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        parts, outside = jax.tree_util.tree_flatten((args, kwargs), is_leaf=is_whole)
        operands: list[Any] = []
        tree = [taken_apart(one, operands) for one in parts]
        structure = dualak.Structure(tree)
        recorded = self._recorded(
            structure, outside, tuple(np.dtype(one.dtype) for one in operands)
        )
        return recorded(*operands)

    def _recorded(self, structure: Any, outside: Any, dtypes: tuple[Any, ...]) -> Recorded:
        def record() -> Recorded:
            transport = transports.chosen(self._transport)
            return Recorded(self._func, structure, outside, dtypes, transport)

        key = (structure, outside, dtypes, jax.config.read("jax_enable_x64"))
        return self._known.get(key, record)


class Recorded:
    """A function recorded for one structure of its arguments."""

    def __init__(
        self,
        func: Callable[..., Any],
        structure: Any,
        outside: Any,
        dtypes: Sequence[Any],
        transport: str,
    ) -> None:
        returned: list[Any] = []

        @functools.wraps(func)
        def of_parts(*parts: Any) -> Any:
            args, kwargs = jax.tree_util.tree_unflatten(outside, parts)
            results, tree = jax.tree_util.tree_flatten(func(*args, **kwargs), is_leaf=is_whole)
            returned[:] = [tree]
            return results

        found = dualak.trace(of_parts, structure, dtypes)
        (self._outside,) = returned
        kinds = [known_to_jax(one.dtype) for one in found.traced.outputs]
        self._parts = found.structure.tree
        self._call = differentiable(Once(found.traced.cast(kinds)), transport)

    def __call__(self, *operands: Any) -> Any:
        rest = iter(self._call(*operands))
        parts = [_for_jax(one, rest) for one in self._parts]
        return jax.tree_util.tree_unflatten(self._outside, parts)


# -- results --------------------------------------------------------------------------------------


def _for_jax(part: Any, leaves: Any) -> Any:
    """A part of the result: JAX arrays for rectangles and numbers, else a ``bridge.Array``."""
    if isinstance(part, (np.ndarray, np.integer, np.bool_)):
        return constant(part)
    if not hasattr(part, "leaves"):
        return part
    own = [next(leaves) for _ in part.leaves]
    if part.shape is None:
        return Array(own, dualak.Structure(part))
    if own:
        return jnp.reshape(own[0], part.shape)
    return constant(dualak.Structure(part).unflatten([]))
