"""Awkward Arrays for JAX: their numbers as leaves of a pytree, everything else as its structure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import awkward as ak
import jax
import numpy as np

from bridge.memory import copied
from bridge.padded import Padded, unpadded
from dualak import extend


@jax.tree_util.register_pytree_node_class
class Array:
    """An Awkward Array or record whose numbers are JAX arrays; made by ``to_jax``.

    JAX sees ``leaves``, the floating-point numbers as one-dimensional arrays.  Lists, missing
    values, integers and strings are ``structure``, which compiled code knows beforehand.

    Attributes:
        leaves: a tuple of JAX arrays (or of whatever a transformation of JAX puts in their places).
        structure: what they stand in, which can be compared and hashed.
    """

    __slots__ = ("leaves", "structure")

    def __init__(self, leaves: Sequence[Any], structure: extend.Structure) -> None:
        self.leaves = tuple(leaves)
        self.structure = structure

    def tree_flatten(self) -> tuple[tuple[Any, ...], extend.Structure]:
        """The leaves and the structure, as JAX asks for them."""
        return self.leaves, self.structure

    @classmethod
    def tree_unflatten(cls, structure: extend.Structure, leaves: Sequence[Any]) -> Array:
        """The inverse; leaves may be anything, such as the tracers of a transformation."""
        return cls(leaves, structure)

    @property
    def template(self) -> Any:
        """The only array of the structure."""
        return self.structure.templates[0]

    def __repr__(self) -> str:
        dtypes = [getattr(leaf, "dtype", None) for leaf in self.leaves]
        known = all(getattr(dtype, "kind", "") == "f" for dtype in dtypes)
        return f"<bridge.Array of {self.structure.describe(dtypes if known else None)}>"

    def __len__(self) -> int:
        return int(self.template.layout.length)


def to_jax(array: Any) -> Array:
    """An Awkward Array as a pytree of JAX arrays.

    Args:
        array: an ``ak.Array`` or ``ak.Record``.  Its float32 and float64 leaves become JAX arrays
            with memory of their own: what is written into the array afterwards is not seen.  With
            x64 switched off JAX makes float32 of float64.

    Returns:
        A ``bridge.Array``, a pytree.

    Raises:
        TypeError: for anything else, and for float16 or complex numbers.

    >>> array = to_jax(ak.Array([[1.5, 2.5], [], [3.5]]))
    >>> array
    <bridge.Array of 3 * var * float32>
    >>> jax.tree_util.tree_map(jax.numpy.shape, array).leaves
    ((3,),)
    """
    if not isinstance(array, (ak.Array, ak.Record)):
        raise TypeError(
            f"expected an ak.Array or an ak.Record, got {type(array).__name__}; JAX takes numbers "
            "and NumPy arrays as they are"
        )
    leaves, structure = extend.flatten(array)
    return Array([copied(leaf) for leaf in leaves], structure)


def from_jax(tree: Any) -> Any:
    """Awkward Arrays of a pytree of JAX arrays.

    Args:
        tree: a ``bridge.Array`` or ``bridge.Padded``, a JAX or NumPy array, a number, or a dict,
            list or tuple of these.

    Returns:
        The same tree with an ``ak.Array`` (or ``ak.Record``) for each of ours and each array of one
        dimension or more, a NumPy number for each array without dimensions.  Memory is shared with
        JAX and read-only.

    Raises:
        TypeError: under a transformation of JAX, where arrays have no memory.
        ValueError: for a ``bridge.Padded`` that had no room for its numbers.

    >>> from_jax(jax.numpy.array([1, 2, 3]))
    <Array [1, 2, 3] type='3 * int32'>
    >>> from_jax(to_jax(ak.Array([[1.5], []])))
    <Array [[1.5], []] type='2 * var * float32'>
    """
    whole = (Array, Padded, ak.Array, ak.Record, type(None))
    return jax.tree_util.tree_map(_from_jax, tree, is_leaf=lambda leaf: isinstance(leaf, whole))


def _from_jax(part: Any) -> Any:
    if isinstance(part, Array):
        return part.structure.unflatten([_buffer(leaf) for leaf in part.leaves])
    if isinstance(part, Padded):
        leaves, integers = map(_memory, part.leaves), map(_memory, part.buffers)
        return unpadded(Padded(list(leaves), list(integers), part.kind))
    if isinstance(part, (jax.Array, np.ndarray)):
        buffer = _buffer(part)
        return ak.from_numpy(buffer, regulararray=True) if buffer.ndim else buffer[()]
    return part


def _memory(leaf: Any) -> Any:
    if isinstance(leaf, jax.core.Tracer):
        raise TypeError(
            "expected arrays in memory, got one that a transformation of JAX stands for; give the "
            "function that needs an Awkward Array to bridge.wrap"
        )
    return np.asarray(leaf)


def _buffer(leaf: Any) -> Any:
    """A leaf in memory; JAX's tangents of integers, which have no numbers, as zeros."""
    found = _memory(leaf)
    return np.zeros(found.shape, np.int8) if found.dtype == jax.dtypes.float0 else found
