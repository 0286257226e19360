"""``wrap``: a function of Awkward Arrays as a function for JAX code."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bridge import transports
from bridge.arguments import differentiable, is_whole, taken_apart
from bridge.arrays import Array
from bridge.cache import Recent
from bridge.dtypes import constant, known_to_jax
from bridge.register import holder, stands_in
from bridge.tasks import Once
from dualak import extend


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
        if extend.transforming() and extend.contains_duals((args, kwargs)):
            return self._func(*args, **kwargs)
        parts, outside = jax.tree_util.tree_flatten((args, kwargs), is_leaf=is_whole)
        operands: list[Any] = []
        tree = [taken_apart(part, operands) for part in parts]
        structure = extend.Structure(tree)
        recorded = self._recorded(
            structure, outside, tuple(np.dtype(operand.dtype) for operand in operands)
        )
        return recorded(operands, any(map(stands_in, parts)))

    def _recorded(self, structure: Any, outside: Any, dtypes: tuple[Any, ...]) -> StaticFunction:
        def record() -> StaticFunction:
            transport = transports.chosen(self._transport)
            return StaticFunction(self._func, structure, outside, dtypes, transport)

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

    def __call__(self, operands: Sequence[Any], registered: bool) -> Any:
        """The result; lists are of a class of Awkward's if arguments that JAX traces are."""
        rest = iter(self._call(*operands))
        parts = [_for_jax(part, rest, holder if registered else Array) for part in self._parts]
        return jax.tree_util.tree_unflatten(self._outside, parts)


# -- results --------------------------------------------------------------------------------------


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
