"""Padded arrays: lists and missing values as arrays of JAX, too, in buffers of few different sizes.

Compiled code is made anew for each shape of its arguments.  Where batches differ in their lists,
``pad`` gives all of them a few sizes, and code that was compiled for one batch serves the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import awkward as ak
import jax
import jax.numpy as jnp
import numpy as np

from bridge.dtypes import constant
from bridge.memory import empty, handed_over
from dualak import extend

#: Sizes are this many to an octave, so that at most an eighth of a buffer is padding.
STEPS = 8


def padded_size(length: int) -> int:
    """The size of a buffer that has room for a length: the next of eight sizes to an octave.

    >>> [padded_size(length) for length in (0, 5, 8, 9, 100, 129)]
    [8, 8, 8, 9, 104, 144]
    """
    step = 1
    while length > 2 * STEPS * step:
        step *= 2
    return max(STEPS, -(-length // step) * step)


@dataclass(frozen=True)
class Kind:
    """What compiled code knows of a padded array: its type, and the types of its buffers."""

    array_form: extend.ArrayForm
    dtypes: tuple[np.dtype[Any], ...]
    behavior: int | None = None


@jax.tree_util.register_pytree_node_class
class Padded:
    """An Awkward Array all of whose buffers are JAX arrays, longer than they need to be.

    Attributes:
        leaves: the floating-point numbers, as flat arrays; behind the end are zeros, and everything
            is NaN if there was no room.
        buffers: first the lengths of the array and of its leaves, as they are or would be if there
            was room, then offsets, masks and integers, as ``ak.to_buffers`` gives them.
        kind: the type, which compiled code knows.
    """

    __slots__ = ("buffers", "kind", "leaves")

    def __init__(self, leaves: Sequence[Any], buffers: Sequence[Any], kind: Kind) -> None:
        self.leaves, self.buffers, self.kind = tuple(leaves), tuple(buffers), kind

    def tree_flatten(self) -> tuple[tuple[Any, ...], Any]:
        """Leaves and buffers, and the kind, as JAX asks for them."""
        return (*self.leaves, *self.buffers), (len(self.leaves), self.kind)

    @classmethod
    def tree_unflatten(cls, known: Any, children: Sequence[Any]) -> Padded:
        """The inverse."""
        count, kind = known
        children = tuple(children)
        return cls(children[:count], children[count:], kind)

    @property
    def counts(self) -> Any:
        """How many numbers each leaf has; more than it has room for if that was not enough."""
        return self.buffers[0][1:]

    def valid(self, leaf: int = 0) -> Any:
        """Which elements of a leaf are numbers of the array, as booleans."""
        return jnp.arange(self.leaves[leaf].shape[0]) < self.counts[leaf]

    def in_lists_of(self, value: Padded) -> Padded:
        """The numbers of this one, which is a tangent, in the lists of its value.

        A tangent's own integers are of JAX's type ``float0``, which has no numbers.
        """
        return Padded(self.leaves, value.buffers, value.kind)

    def __repr__(self) -> str:
        sizes = ", ".join(str(np.shape(leaf)) for leaf in self.leaves)
        return f"<bridge.Padded with leaves of shapes {sizes}>"


_behaviors: dict[int, Any] = {}


def pad(array: Any) -> Padded:
    """An Awkward Array as a pytree of padded JAX arrays.

    Args:
        array: an ``ak.Array``.

    Returns:
        A ``bridge.Padded``, for functions made by ``bridge.wrap(func, structure="traced")``.

    Raises:
        TypeError: for anything else, and for float16 or complex numbers.
        OverflowError: for offsets that do not fit into 32 bits where x64 is switched off.

    >>> padded = pad(ak.Array([[1.5, 2.5], [], [3.5]]))
    >>> padded
    <bridge.Padded with leaves of shapes (8,)>
    >>> padded.counts
    Array([3], dtype=int32)
    """
    if not isinstance(array, ak.Array):
        raise TypeError(f"expected an ak.Array, got {type(array).__name__}")
    leaves, structure = extend.flatten(array)
    array_form, buffers = structure.array_form()
    kind = Kind(array_form, tuple(buffer.dtype for buffer in buffers), remembered(array.behavior))
    _examples[kind] = structure
    lengths, *others = buffers
    return Padded(
        [handed_over(_longer(leaf)) for leaf in leaves],
        [constant(lengths), *(constant(_longer(each)) for each in others)],
        kind,
    )


def remembered(behavior: Any) -> int | None:
    """A number for a behavior, which compiled code can compare."""
    if behavior is None:
        return None
    _behaviors[id(behavior)] = behavior
    return id(behavior)


#: The last structure of each kind that was padded, which is the likeliest to be meant.
_examples: dict[Kind, extend.Structure] = {}


def example_of(kind: Kind) -> extend.Structure:
    """A structure of a kind: the last that was padded, or else one that has one of each."""
    return _examples.get(kind) or kind.array_form.shortest(behavior_of(kind))


def behavior_of(kind: Kind) -> Any:
    return None if kind.behavior is None else _behaviors[kind.behavior]


def _longer(buffer: Any) -> Any:
    made = empty((padded_size(len(buffer)),), buffer.dtype)
    made[: len(buffer)] = buffer
    made[len(buffer) :] = 0
    return made


def structure_of(kind: Kind, buffers: Sequence[Any]) -> extend.Structure:
    """The structure of a padded array whose buffers are in memory."""
    known = [np.asarray(b).astype(d) for b, d in zip(buffers, kind.dtypes, strict=True)]
    return kind.array_form.structure(known, behavior_of(kind))


def unpadded(padded: Padded) -> Any:
    """The Awkward Array.

    Raises:
        ValueError: if there was no room for its numbers, and for a tangent.
    """
    if any(buffer.dtype == jax.dtypes.float0 for buffer in padded.buffers):
        raise ValueError(
            "expected an array with lists, got a tangent, whose integers have no numbers; give "
            "bridge.from_jax tangent.in_lists_of(value)"
        )
    _, *counts = np.asarray(padded.buffers[0]).tolist()
    pairs = list(zip(padded.leaves, counts, strict=True))
    for leaf, count in pairs:
        if count > len(leaf):
            raise ValueError(
                f"expected a result that fits, got {count} numbers where the capacity is "
                f"{len(leaf)}; give bridge.wrap a capacity of {count} or more"
            )
    structure = structure_of(padded.kind, padded.buffers)
    return structure.unflatten([np.asarray(leaf)[:count] for leaf, count in pairs])
