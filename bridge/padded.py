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

from bridge.cache import Recent
from bridge.coded import coded, decoded, in_reach
from bridge.dtypes import constant
from bridge.memory import empty, handed_over
from dualak import extend

#: Sizes are this many to an octave, so that at most an eighth of a buffer is padding ...
STEPS = 8

#: ... but for small ones, which share one size.
LEAST = 16


def padded_size(length: int) -> int:
    """The size of a buffer that has room for a length: the next of eight sizes to an octave.

    >>> [padded_size(length) for length in (0, 5, 17, 100, 129)]
    [16, 16, 18, 104, 144]
    """
    step = 1
    while length > 2 * STEPS * step:
        step *= 2
    return max(LEAST, -(-length // step) * step)


@dataclass(frozen=True)
class Kind:
    """What compiled code knows of a padded array: its type, and the types of its buffers."""

    array_form: extend.ArrayForm
    dtypes: tuple[np.dtype[Any], ...]
    behavior: Behavior | None = None


class Behavior:
    """The behavior of an array as a part of a key: the same dict, or one of the same entries."""

    __slots__ = ("entries",)

    def __init__(self, entries: Any) -> None:
        self.entries = entries

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Behavior) and (
            self.entries is other.entries or self.entries == other.entries
        )

    def __hash__(self) -> int:
        return hash(Behavior)  # entries may still be added


@jax.tree_util.register_pytree_node_class
class Padded:
    """An Awkward Array all of whose buffers are JAX arrays, longer than they need to be.

    To JAX all of it is floating-point numbers, of which those that stand for integers have no
    derivative: ``jax.grad`` and the others take it as it is, any array of the same kind and sizes
    is a tangent, and so is any ``Padded`` in loops, where sizes do not change.

    Attributes:
        leaves: the floating-point numbers, as flat arrays; behind the end are zeros, and everything
            is NaN if there was no room.
        kind: the type, which compiled code knows.
    """

    __slots__ = ("_coded", "_integers", "kind", "leaves")

    def __init__(
        self, leaves: Sequence[Any], integers: Sequence[Any] | None, kind: Kind, digits: Any = ()
    ) -> None:
        self.leaves, self.kind = tuple(leaves), kind
        self._integers = None if integers is None else tuple(integers)
        self._coded = tuple(digits)
        if integers is not None and any(isinstance(one, jax.core.Tracer) for one in integers):
            self._encode()  # where JAX takes a tree apart its trace may be over

    @property
    def buffers(self) -> tuple[Any, ...]:
        """Integers: first lengths, then offsets, masks and columns, as ``ak.to_buffers`` has them.

        The lengths are those of the array, of its leaves, and of the buffers, as they are or would
        be if there was room.
        """
        if self._integers is None:
            each = map(decoded, self._coded, map(integer_type, self.kind.dtypes))
            lengths, *others = each
            self._integers = (lengths - 1, *others)
        return self._integers

    def tree_flatten(self) -> tuple[tuple[Any, ...], Any]:
        """Leaves and buffers, and the kind, as JAX asks for them."""
        if not self._coded:
            self._encode()
        return (*self.leaves, *self._coded), (len(self.leaves), self.kind)

    def _encode(self) -> None:
        lengths, *others = self.buffers
        # More by one, so that zeros, as a derivative has them, are the lengths of no array.
        self._coded = tuple(map(coded, (in_reach(lengths) + 1, *others)))

    @classmethod
    def tree_unflatten(cls, known: Any, children: Sequence[Any]) -> Padded:
        """The inverse."""
        count, kind = known
        children = tuple(children)
        return cls(children[:count], None, kind, children[count:])

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many integers each buffer has room for."""
        if self._integers is not None:
            return tuple(buffer.shape[-1] for buffer in self._integers)
        return tuple(digits.shape[-1] for digits in self._coded)

    @property
    def counts(self) -> Any:
        """How many numbers each leaf has; more than it has room for if that was not enough."""
        return jnp.asarray(self.buffers[0][..., 1 : 1 + len(self.leaves)])

    def valid(self, leaf: int = 0) -> Any:
        """Which elements of a leaf are numbers of the array, as booleans."""
        return jnp.arange(self.leaves[leaf].shape[0]) < self.counts[leaf]

    def in_lists_of(self, value: Padded) -> Padded:
        """The numbers of this one, which is a derivative, in the lists of its value."""
        return Padded(self.leaves, value.buffers, value.kind)

    def __repr__(self) -> str:
        sizes = ", ".join(str(np.shape(leaf)) for leaf in self.leaves)
        return f"<bridge.Padded with leaves of shapes {sizes}>"


def integer_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type that JAX has for integers of a type."""
    return np.dtype(jax.dtypes.canonicalize_dtype(dtype))


def pad(array: Any, capacity: int | None = None) -> Padded:
    """An Awkward Array as a pytree of padded JAX arrays.

    Args:
        array: an ``ak.Array``.
        capacity: how many numbers, and lists, there is room for, as in ``bridge.wrap``; None takes
            one of few sizes that is enough.

    Returns:
        A ``bridge.Padded``, for functions made by ``bridge.wrap(func, structure="traced")``.

    Raises:
        TypeError: for anything else, and for float16 or complex numbers.
        OverflowError: for offsets that do not fit into 32 bits where x64 is switched off.
        ValueError: for a capacity that is not enough.

    >>> padded = pad(ak.Array([[1.5, 2.5], [], [3.5]]))
    >>> padded
    <bridge.Padded with leaves of shapes (16,)>
    >>> padded.counts
    Array([3], dtype=int32)
    """
    if not isinstance(array, ak.Array):
        raise TypeError(f"expected an ak.Array, got {type(array).__name__}")
    leaves, structure = extend.flatten(array)
    array_form, buffers = structure.array_form()
    kind = kind_of(array_form, buffers, array.behavior)
    _examples.keep(kind, structure)
    lengths, *others = with_lengths(buffers)
    for needed, room in zip(lengths[1:], _room(len(leaves), len(others), capacity), strict=True):
        if room is not None and needed > room:
            raise ValueError(f"expected a capacity of {needed} or more, got {capacity}")
    return Padded(
        [handed_over(_longer(leaf, capacity)) for leaf in leaves],
        [
            np.asarray(constant(lengths)),
            *(np.asarray(constant(_longer(each, capacity, 1))) for each in others),
        ],
        kind,
    )


def _room(leaves: int, others: int, capacity: int | None) -> Sequence[int | None]:
    """How much room leaves and buffers have with a capacity."""
    if capacity is None:
        return [None] * (leaves + others)
    return [capacity] * leaves + [capacity + 1] * others


def with_lengths(buffers: Sequence[Any]) -> list[Any]:
    """The buffers of an array form, the first of which tells the lengths of the others, too."""
    lengths, *others = buffers
    return [np.array([*lengths, *map(len, others)], np.int64), *others]


#: The last structure of each kind that was padded, which is the likeliest to be meant.
_examples = Recent()


def kind_of(array_form: extend.ArrayForm, buffers: Sequence[Any], behavior: Any) -> Kind:
    """The kind of a padded array, from its form, its buffers and its behavior."""
    named = None if behavior is None else Behavior(behavior)
    return Kind(array_form, tuple(buffer.dtype for buffer in buffers), named)


def example_of(kind: Kind) -> extend.Structure:
    """A structure of a kind: the last that was padded, or else one that has one of each."""
    return _examples.get(kind, lambda: kind.array_form.shortest(behavior_of(kind)))


def behavior_of(kind: Kind) -> Any:
    return None if kind.behavior is None else kind.behavior.entries


def _longer(buffer: Any, capacity: int | None, more: int = 0) -> Any:
    size = padded_size(len(buffer)) if capacity is None else capacity + more
    made = empty((size,), buffer.dtype)
    made[: len(buffer)] = buffer
    made[len(buffer) :] = 0
    return made


def structure_of(kind: Kind, buffers: Sequence[Any]) -> extend.Structure:
    """The structure of a padded array whose buffers are in memory."""
    known = [np.asarray(b).astype(d) for b, d in zip(buffers, kind.dtypes, strict=True)]
    known[0] = known[0][: 1 + len(kind.array_form.marked)]
    return kind.array_form.structure(known, behavior_of(kind))


def unpadded(padded: Padded) -> Any:
    """The Awkward Array.

    Raises:
        ValueError: if there was no room for its numbers, and for a tangent.
    """
    length, *needed = np.asarray(padded.buffers[0]).tolist()
    if length < 0:
        raise ValueError(
            "expected an array with lists, got a derivative, whose integers are zeros; give "
            "bridge.from_jax tangent.in_lists_of(value)"
        )
    rooms = [*map(len, padded.leaves), *padded.sizes[1:]]
    for count, room, is_leaf in zip(needed, rooms, _are_leaves(padded), strict=True):
        if count > room:
            what, capacity = ("numbers", count) if is_leaf else ("offsets or integers", count - 1)
            raise ValueError(
                f"expected a result that fits, got {count} {what} where there is room for {room}; "
                f"give bridge.wrap a capacity of {capacity} or more"
            )
    pairs = list(zip(padded.leaves, needed[: len(padded.leaves)], strict=True))
    structure = structure_of(padded.kind, padded.buffers)
    return structure.unflatten([np.asarray(leaf)[:count] for leaf, count in pairs])


def _are_leaves(padded: Padded) -> list[bool]:
    return [True] * len(padded.leaves) + [False] * (len(padded.sizes) - 1)
