"""``wrap``: a function of Awkward Arrays as a function for JAX code."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import awkward as ak
import jax
import jax.numpy as jnp
import numpy as np

from bridge import transports
from bridge.arguments import differentiable, is_whole, taken_apart
from bridge.arrays import Array
from bridge.dtypes import constant, known_to_jax
from bridge.function import Function, state_of
from bridge.register import in_class, leaves_of
from bridge.stand_ins import JaxInsideError, shown_if_registered, stand_in
from bridge.tasks import Once
from dualak import extend


class Wrapped(Function):
    """What ``wrap`` gives."""

    def __init__(self, func: Callable[..., Any], transport: str | None) -> None:
        super().__init__(func, transport)
        self._transport = transport

    def state(self, owner: Any) -> bytes:
        """What is recorded of a method holds as long as attributes are what they were."""
        return state_of(owner)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if is_plain_call(args, kwargs):
            return self._func(*args, **kwargs)
        parts, outside = jax.tree_util.tree_flatten((args, kwargs), is_leaf=is_whole)
        operands: list[Any] = []
        tree = [taken_apart(part, operands) for part in parts]
        structure = extend.Structure(tree)
        arrays = any(isinstance(part, (ak.Array, ak.Record)) for part in parts)
        lists = in_class if arrays else Array
        recorded = self._recorded(
            structure, outside, tuple(np.dtype(operand.dtype) for operand in operands)
        )
        if recorded is None:
            return self._step_by_step(structure, operands, outside, lists)
        return recorded(operands, lists)

    def _step_by_step(
        self, structure: Any, operands: Sequence[Any], outside: Any, lists: Callable[..., Any]
    ) -> Any:
        """The function of arrays that stand for the operands: parts of it are functions of JAX."""
        parts = extend.tree_map(shown_if_registered, stand_in(structure, operands))
        args, kwargs = jax.tree_util.tree_unflatten(outside, parts)
        results, tree = jax.tree_util.tree_flatten(self._func(*args, **kwargs), is_leaf=is_whole)
        return jax.tree_util.tree_unflatten(tree, [_of_step(one, lists) for one in results])

    def _recorded(
        self, structure: Any, outside: Any, dtypes: tuple[Any, ...]
    ) -> StaticFunction | None:
        def record() -> StaticFunction | None:
            transport = transports.chosen(self._transport)
            try:
                return StaticFunction(self._func, structure, outside, dtypes, transport)
            except JaxInsideError:
                return None

        key = (structure, outside, dtypes, jax.config.read("jax_enable_x64"))
        return self._known.get(key, record)


class StaticFunction:
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

        found = extend.trace(of_parts, structure, dtypes)
        (self._outside,) = returned
        kinds = [known_to_jax(output.dtype) for output in found.traced.outputs]
        self._parts = found.structure.tree
        self._call = differentiable(Once(found.traced.cast(kinds)), transport)

    def __call__(self, operands: Sequence[Any], lists: Callable[..., Any]) -> Any:
        """The result; ``lists`` makes arrays of lists of their leaves and structure."""
        rest = iter(self._call(*operands))
        parts = [_for_jax(part, rest, lists) for part in self._parts]
        return jax.tree_util.tree_unflatten(self._outside, parts)


def is_plain_call(args: Any, kwargs: Any) -> bool:
    """Whether a wrapped function is called by dualak, or by code that JAX runs."""
    if transports.inside():
        return True
    return extend.transforming() and extend.contains_duals((args, kwargs))


# -- results --------------------------------------------------------------------------------------


def _of_step(result: Any, lists: Callable[..., Any]) -> Any:
    if isinstance(result, (jax.Array, Array)):
        return result
    whole = isinstance(result, (ak.Array, ak.Record))
    leaves, structure = leaves_of(result) if whole else extend.flatten(result)
    return _for_jax(structure.tree, iter(leaves), lists)


def _for_jax(part: Any, leaves: Any, lists: Callable[..., Any]) -> Any:
    """A part of the result: JAX arrays for rectangles and numbers, else what ``lists`` makes."""
    if isinstance(part, (np.ndarray, np.integer, np.bool_)):
        return constant(part)
    if not hasattr(part, "leaves"):
        return part
    own = [next(leaves) for _ in part.leaves]
    if part.shape is None:
        return lists(own, extend.Structure(part))
    if own:
        return jnp.reshape(own[0], part.shape)
    return constant(extend.Structure(part).unflatten([]))
