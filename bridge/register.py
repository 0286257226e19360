"""``register``: Awkward Arrays themselves as pytrees, so that plain functions of them run in JAX.

Where JAX puts tracers into an array, it becomes one that stands for their numbers; what a function
does with it is recorded, and bound as one call of the primitive when JAX takes the result apart.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

import awkward as ak
import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import set_current_trace, take_current_trace

from bridge import primitive, transports
from bridge.arrays import Array, from_jax
from bridge.dtypes import known_to_jax
from bridge.tasks import Once
from dualak import extend

_registered: set[type] = set()

#: Those of arrays inside of functions.
_of_duals: set[type] = set()


def register(*classes: type) -> None:
    """Makes ``ak.Array`` and ``ak.Record`` pytrees, whose leaves are their floating-point numbers.

    Then ``jax.jvp(func, (array,), (tangent,))``, ``jax.jit(func)(array)`` and ``jax.linearize``
    take plain functions of Awkward Arrays.  Inside of them, ``jax.numpy`` takes numbers and
    rectangles, so that ``jax.grad`` works for ``jnp.asarray(ak.sum(...))``.  For ``jax.vjp``,
    ``jax.vmap`` and Jacobians, where JAX puts other things into arrays than their numbers, give the
    function to ``bridge.wrap`` and the array to ``bridge.to_jax``.

    It may be called any number of times; call it again after further behaviors were registered.

    Args:
        classes: further classes of arrays or records, such as those of an array's own behavior.

    Raises:
        RuntimeError: if Awkward's own JAX backend has registered its arrays before.

    >>> register()
    >>> array = ak.Array([[1.0, 2.0, 3.0], [], [4.0, 5.0]])
    >>> tangent = ak.Array([[0.0, 1.0, 0.0], [], [0.0, 0.0]])
    >>> jax.jvp(lambda x: np.square(x[:-1]), (array,), (tangent,))
    (<Array [[1, 4, 9], []] type='2 * var * float32'>,
     <Array [[0, 4, 0], []] type='2 * var * float32'>)
    """
    own = (ak.Array, ak.Record, *classes)
    named = (one for one in ak.behavior.values() if isinstance(one, type))
    plain = [one for one in (*own, *named) if issubclass(one, (ak.Array, ak.Record))]
    for one in (*plain, *extend.dual_classes(*classes)):
        _register(one)
    for one in extend.dual_classes(*classes):
        _of_duals.add(one)
        one.__jax_array__ = _jax_array  # type: ignore[attr-defined]


def _register(cls: type) -> None:
    if cls in _registered:
        return
    try:
        jax.tree_util.register_pytree_node(cls, _flatten, _unflatten)
    except ValueError as error:
        raise RuntimeError(
            f"expected {cls.__name__} to be no pytree yet, got one that was registered already, as "
            "ak.jax.register_and_check() does; call bridge.register() instead of it, or give "
            "functions to bridge.wrap and arrays to bridge.to_jax, which need no registration"
        ) from error
    _registered.add(cls)


def _jax_array(array: Any) -> Any:
    """What ``jax.numpy`` makes of a number or a rectangle of numbers inside of a function."""
    leaves, structure = _flatten(array)
    (template,) = structure.templates
    if template.shape is None or not leaves:
        raise TypeError(
            f"expected a number or a rectangle of floating-point numbers, got {array.typestr}; "
            "jax.numpy has no arrays of lists, options or records: use NumPy's functions and ak.*"
        )
    return jnp.reshape(leaves[0], template.shape)


class _Tag(NamedTuple):
    """Whose numbers an array stands for: a leaf of JAX, and the trace it came in, with its age."""

    leaf: Any
    trace: Any
    age: int


_ages = itertools.count()


def _flatten(array: Any) -> tuple[Sequence[Any], Any]:
    if not isinstance(array, tuple(_of_duals)):
        return extend.flatten(array)
    found, tags = extend.take_recording(array)
    traced = found.traced.cast([known_to_jax(one.dtype) for one in found.traced.outputs])
    operands = [tag.leaf for tag in tags]
    if not tags:
        return [jnp.asarray(one) for one in traced.run([])], found.structure
    newest = max(tags, key=lambda tag: tag.age)
    with set_current_trace(newest.trace):
        call = partial(primitive.apply, Once(traced), transport=transports.chosen(None))
        return call(operands), found.structure


def _unflatten(structure: Any, leaves: Iterable[Any]) -> Any:
    leaves = list(leaves)
    if not all(map(_fits, leaves, structure.leaves)):
        return Array(leaves, structure)
    if not any(isinstance(leaf, jax.core.Tracer) for leaf in leaves):
        return from_jax(Array(leaves, structure))
    with take_current_trace() as trace:
        tags = [_Tag(leaf, trace, next(_ages)) for leaf in leaves]
    return extend.stand_in(structure, [np.dtype(leaf.dtype) for leaf in leaves], tags)


def _fits(leaf: Any, kind: tuple[int, str]) -> bool:
    """Whether a leaf is an array as the structure has it; JAX puts other things there, too."""
    length, _ = kind
    return isinstance(leaf, (jax.Array, np.ndarray)) and leaf.shape == (length,)
