"""Functions written in JAX, such as neural networks, inside of functions of Awkward Arrays."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import awkward as ak
import jax
import jax.numpy as jnp
import numpy as np

import dualak
from bridge import transports
from bridge.padded import padded_size
from bridge.register import leaves_of, stands_in
from bridge.stand_ins import JaxInsideError, in_lists, rectangle
from dualak import extend

_NO_RECTANGLE = (
    "expected arrays that are rectangles of numbers, got {}; use elementwise=True for a function "
    "that works number by number, or give it ak.flatten of the arrays"
)


def from_jax_function(func: Callable[..., Any], *, elementwise: bool = False) -> Any:
    """A function of JAX arrays as one of Awkward Arrays, which dualak differentiates forwards.

    Args:
        func: a function of JAX arrays, or of pytrees of such, that returns an array or a pytree of
            arrays.  It is compiled, for each shape anew.
        elementwise: whether it works number by number.  Then arrays of any lists may be given; they
            are broadcast against each other, and ``func`` gets flat arrays of one length, which is
            rounded up so that few lengths are compiled, and returns such.

    Returns:
        A function for use in ``dualak.jvp`` and the like, and in functions that JAX transforms,
        plain or wrapped, where JAX differentiates it itself, in each direction.  It computes with
        the precision of JAX: float32 as long as x64 is switched off.

    Raises:
        TypeError: when called, for arrays that are no rectangles, unless it works elementwise.
        RuntimeError: when called in a wrapped function of traced structure, which JAX itself runs:
            JAX may not be called from there.
        dualak.UnknownNumbersError: when called in a transformation of dualak inside of one of JAX.

    >>> bent = from_jax_function(lambda x: jnp.where(x > 0.0, 2.0 * x, 0.5 * x), elementwise=True)
    >>> x = ak.Array([[1.0, -1.0], [], [2.0]])
    >>> y, dy = dualak.jvp(lambda x: ak.sum(bent(x), axis=1), x, ak.ones_like(x))
    >>> y.to_list(), dy.to_list()
    ([1.5, 0.0, 4.0], [2.5, 0.0, 2.0])
    """
    if not callable(func):
        raise TypeError(f"from_jax_function expected a function, got {type(func).__name__}")
    compiled = jax.jit(func)
    pushed = jax.jit(lambda primals, tangents: jax.jvp(func, primals, tangents))

    @dualak.custom_jvp(elementwise=elementwise)
    @functools.wraps(func)
    def called(*args: Any) -> Any:
        return _call(compiled, args, elementwise)

    @called.defjvp
    def rule(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> Any:
        if extend.contains_duals((primals, tangents)):
            return called(*primals), derived()(*primals, *tangents)
        return _call(pushed, (primals, tangents), elementwise)

    @functools.cache
    def derived() -> Any:
        """The tangent as a function of its own, whose derivative is of second order."""

        def tangent(*both: Any) -> Any:
            count = len(both) // 2
            return jax.jvp(func, both[:count], both[count:])[1]

        return from_jax_function(tangent, elementwise=elementwise)

    @functools.wraps(func)
    def function(*args: Any) -> Any:
        leaves = jax.tree_util.tree_leaves(args, is_leaf=_is_array)
        if extend.recording() and extend.contains_duals(leaves):
            raise JaxInsideError(getattr(func, "__name__", "a function of JAX"))
        if extend.transforming() or not any(map(_is_traced, leaves)):
            return called(*args)
        return _of_lists(func, args) if elementwise else func(*_of_rectangles(args))

    return function


# -- in functions that JAX transforms: it sees the function itself ---------------------------------


def _is_traced(argument: Any) -> bool:
    return isinstance(argument, jax.core.Tracer) or stands_in(argument)


def _of_rectangles(args: Any) -> Any:
    def leaf(argument: Any) -> Any:
        if not _is_array(argument):
            return argument
        found = rectangle(argument)
        if found is None:
            raise TypeError(_NO_RECTANGLE.format(argument.typestr))
        return found

    return jax.tree_util.tree_map(leaf, args, is_leaf=_is_array)


def _of_lists(func: Callable[..., Any], args: Any) -> Any:
    """The function of flat numbers, in the lists of the arguments."""
    arrays = [at for at, argument in enumerate(args) if _is_array(argument) or np.ndim(argument)]
    together = ak.broadcast_arrays(*(args[at] for at in arrays)) if arrays else []
    given, structure = list(args), None
    for at, array in zip(arrays, together, strict=True):
        leaves, lists = leaves_of(_of_floats(array))
        if len(leaves) != 1 or (structure is not None and lists != structure):
            raise TypeError(
                f"expected arrays of numbers in lists that are alike, got {array.typestr}"
            )
        given[at], structure = leaves[0], lists
    found = func(*given)
    if structure is None:
        return found
    return jax.tree_util.tree_map(lambda flat: in_lists([flat], structure), found)


def _of_floats(array: Any) -> Any:
    """Integers as floating-point numbers, which have leaves."""
    return array if stands_in(array) or leaves_of(array)[0] else ak.values_astype(array, float)


def _call(compiled: Callable[..., Any], args: Any, elementwise: bool) -> Any:
    if transports.inside():
        raise RuntimeError(
            "expected to be called by dualak.jvp, got a call from a function that JAX runs, from "
            "where JAX may not be called; call the function in the JAX code around it"
        )
    given = jax.tree_util.tree_map(_for_jax, args, is_leaf=_is_array)
    if not elementwise:
        return jax.tree_util.tree_map(np.asarray, compiled(*given))
    length = max(map(len, filter(np.ndim, jax.tree_util.tree_leaves(given))))
    longer = jax.tree_util.tree_map(lambda leaf: _padded(leaf, length), given)
    return jax.tree_util.tree_map(lambda leaf: np.asarray(leaf)[:length], compiled(*longer))


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, (ak.Array, ak.Record))


def _for_jax(leaf: Any) -> Any:
    if not _is_array(leaf):
        return leaf
    try:
        return ak.to_numpy(leaf)
    except ValueError as error:
        raise TypeError(_NO_RECTANGLE.format(leaf.type)) from error


def _padded(leaf: Any, length: int) -> Any:
    if not np.ndim(leaf):
        return leaf
    return jnp.pad(leaf, (0, padded_size(length) - length), mode="edge" if length else "constant")
