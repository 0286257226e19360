"""``register``: Awkward Arrays themselves as pytrees, so that plain functions of them run in JAX.

Where JAX puts tracers into an array, it becomes one that stands for their numbers; what a function
does with it is recorded, and bound as one call of the primitive when JAX takes the result apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import awkward as ak
import jax
import numpy as np

from bridge.arrays import Array, from_jax
from bridge.patches import is_patched, patch, patch_members, unpatch
from bridge.stand_ins import DUAL, HELD, held, holding, is_dual, outside, recorded, stand_in
from dualak import extend

_registered: set[type] = set()


def register(*classes: type) -> None:
    """Makes ``ak.Array`` and ``ak.Record`` pytrees, whose leaves are their floating-point numbers.

    Then every transformation of JAX takes plain functions of Awkward Arrays, and their arrays where
    it takes pytrees: ``jax.jit``, ``jvp``, ``vjp``, ``grad``, ``vmap``, ``scan`` and the others, as
    ``docs/jax.md`` says.  Inside of them, arrays stand for numbers that JAX will have later, and a
    number such as ``ak.sum(x)`` is one of JAX.  Numbers and arrays of JAX meet Awkward's as those
    of NumPy do; ``jax.numpy`` takes Awkward Arrays that are rectangles.

    Methods of ``ak.Array`` and ``ak.Record`` are replaced by such as know of these arrays, NumPy's
    ufuncs take numbers that JAX traces, and ``ak.jax`` is told that there is nothing to register;
    ``unregister`` puts that back.  What is done with other arrays stays what it is.

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
    named = (cls for cls in ak.behavior.values() if isinstance(cls, type))
    plain = [cls for cls in (*own, *named) if issubclass(cls, (ak.Array, ak.Record))]
    for cls in (*plain, *extend.dual_classes(*classes)):
        _register(cls)
    patch()
    for cls in extend.dual_classes(*classes):
        patch_members(cls)


def unregister() -> None:
    """Puts back what ``register`` changed in classes of Awkward and JAX.

    That Awkward's classes are pytrees stays: JAX does not forget it.  Functions of theirs under
    ``jit``, ``grad`` and the others raise then, and ``register`` makes them work again.
    """
    unpatch()


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


def _flatten(array: Any) -> tuple[Sequence[Any], Any]:
    return held(array) or _taken_apart(array.__dict__.get(DUAL, array))


def _taken_apart(array: Any) -> tuple[Sequence[Any], Any]:
    return recorded(array) if is_dual(array) else extend.flatten(_of_numpy(array))


def _of_numpy(array: Any) -> Any:
    """An array on Awkward's own backend for JAX as one of NumPy's memory."""
    layout = array.layout.array if isinstance(array, ak.Record) else array.layout
    return ak.to_backend(array, "cpu") if layout.backend.name == "jax" else array


def _unflatten(structure: Any, leaves: Iterable[Any]) -> Any:
    leaves = list(leaves)
    if not all(map(_fits, leaves, structure.leaves)):
        return holder(leaves, structure)
    if not any(isinstance(leaf, jax.core.Tracer) for leaf in leaves):
        return from_jax(Array(leaves, structure))
    return standing_for(leaves, structure)


def standing_for(leaves: Sequence[Any], structure: Any) -> Any:
    """An array of the plain class that stands for leaves which JAX traces.

    Raises:
        RuntimeError: after ``unregister``.
    """
    if not is_patched():
        raise RuntimeError(
            "expected Awkward Arrays to be registered, got ones for JAX after bridge.unregister(); "
            "call bridge.register()"
        )
    return holding(outside(stand_in(structure, leaves)), leaves, structure)


def stands_in(array: Any) -> bool:
    """Whether an array stands for leaves that JAX knows, outside of transformations of dualak."""
    if not isinstance(array, (ak.Array, ak.Record)):
        return False
    return HELD in array.__dict__ or (extend.contains_duals(array) and not extend.transforming())


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
        holding(made, leaves, structure) if type(made) in _registered else Array(leaves, structure)
    )


def in_class(leaves: Sequence[Any], structure: Any) -> Any:
    """Leaves as an array of the class that Awkward has for the structure, if JAX knows that."""
    (template,) = structure.templates
    if not is_patched() or template.origin not in ("array", "record"):
        return Array(leaves, structure)
    made = _unflatten(structure, leaves)
    return made if type(made) in _registered else Array(leaves, structure)


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
