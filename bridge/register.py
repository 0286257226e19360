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
    rectangles, so that ``jax.grad`` works for ``jnp.asarray(ak.sum(...))``.  For ``jax.vjp`` and
    ``jax.vmap``, where JAX puts other things into arrays than their numbers, and in loops, give the
    function to ``bridge.wrap``; for Jacobians the array to ``bridge.to_jax``, too.

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
    known = array.__dict__.get(_HELD)
    if known is not None and known[0] is _content(array):
        return known[1], known[2]
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
        return holder(leaves, structure)
    if not any(isinstance(leaf, jax.core.Tracer) for leaf in leaves):
        return from_jax(Array(leaves, structure))
    with take_current_trace() as trace:
        tags = [_Tag(leaf, trace, next(_ages)) for leaf in leaves]
    dtypes = [np.dtype(leaf.dtype) for leaf in leaves]
    return _holding(extend.stand_in(structure, dtypes, tags), leaves, structure)


#: Where an array keeps what it holds for JAX: its content then, the leaves, and their structure.
_HELD = "_held_for_jax"


def _content(array: Any) -> Any:
    return array.layout.array if isinstance(array, ak.Record) else array.layout


def _holding(array: Any, leaves: Sequence[Any], structure: Any) -> Any:
    """The array, which is taken apart into these leaves as long as its content is what it is."""
    if isinstance(array, (ak.Array, ak.Record)):
        array.__dict__[_HELD] = _content(array), tuple(leaves), structure
    return array


def stands_in(array: Any) -> bool:
    """Whether an array stands for leaves that JAX knows, outside of transformations of dualak."""
    if not isinstance(array, (ak.Array, ak.Record)):
        return False
    return _HELD in array.__dict__ or (extend.contains_duals(array) and not extend.transforming())


def leaves_of(array: Any) -> tuple[Sequence[Any], Any]:
    """The leaves that an array stands for, and their structure."""
    return _flatten(array)


def holder(leaves: Sequence[Any], structure: Any) -> Any:
    """Leaves that are no numbers of an array: in one of its own class, which JAX compares.

    Its lists can be looked at, its numbers cannot.  A class that JAX does not know would be a leaf
    to it: then it is a ``bridge.Array``.
    """
    (template,) = structure.templates
    if template.origin not in ("array", "record"):
        return Array(leaves, structure)
    numbers = [_unknown(length) for length, _ in structure.leaves]
    made = structure.unflatten(numbers)
    return (
        _holding(made, leaves, structure) if type(made) in _registered else Array(leaves, structure)
    )


def _unknown(length: int) -> Any:
    """Numbers that nobody can look at."""
    form = ak.forms.NumpyForm("float64", form_key="unknown")
    return ak.from_buffers(form, length, {"unknown-data": _refuse})


def _refuse() -> Any:
    raise TypeError(
        "expected an array of numbers, got one that holds what a transformation of JAX puts in "
        "their places; give the function that computes with it to bridge.wrap"
    )


def _fits(leaf: Any, kind: tuple[int, str]) -> bool:
    """Whether a leaf is an array as the structure has it; JAX puts other things there, too."""
    length, _ = kind
    return isinstance(leaf, (jax.Array, np.ndarray)) and leaf.shape == (length,)
