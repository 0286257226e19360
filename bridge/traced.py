"""``wrap`` with traced structure: the function runs when compiled code does, on what comes then."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import awkward as ak
import jax
import jax.numpy as jnp
import numpy as np

from bridge import transports
from bridge.arguments import differentiable, is_whole, taken_apart
from bridge.callback import Part, Program, eager
from bridge.dtypes import known_to_jax
from bridge.function import Function
from bridge.padded import Kind, Padded, example_of, integer_type, kind_of, with_lengths
from bridge.static import is_plain_call
from dualak import extend


class Dynamic(Function):
    """What ``wrap`` gives for ``structure="traced"``."""

    def __init__(
        self, func: Callable[..., Any], transport: str | None, capacity: int | None, out: Any
    ) -> None:
        super().__init__(func, transport, capacity, out)
        self._transport, self._capacity, self._out = transport, capacity, out

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if is_plain_call(args, kwargs):
            return self._func(*args, **kwargs)
        parts, outside = jax.tree_util.tree_flatten((args, kwargs), is_leaf=_is_whole)
        integers: list[Any] = []
        numbers: list[Any] = []
        arguments = [_argument(part, integers, numbers) for part in parts]
        key = (tuple(map(_key, arguments)), outside, jax.config.read("jax_enable_x64"))
        known = self._known.get(key, lambda: _Compiled(self, arguments, outside))
        return known(*integers, *numbers)

    def of_parts(self, outside: Any, parts: Sequence[Any]) -> tuple[list[Any], Any]:
        """The parts of the result, and what they stand in."""
        args, kwargs = jax.tree_util.tree_unflatten(outside, parts)
        results, tree = jax.tree_util.tree_flatten(self._func(*args, **kwargs), is_leaf=is_whole)
        return list(map(_awkward, results)), tree

    def results(self, parts: Sequence[Any], tree: Any, arguments: Sequence[Part]) -> list[Part]:
        """What compiled code is told of results like those of an example."""
        shapes = [None] * len(parts)
        if self._out is not None:
            shapes = jax.tree_util.tree_leaves(self._out)
            if jax.tree_util.tree_structure(self._out) != tree:
                raise ValueError(
                    f"expected a result with the structure of out, {self._out}, got {tree}"
                )
        room = Room(self._capacity, arguments)
        return [_result(*both, room) for both in zip(parts, shapes, strict=True)]

    @property
    def transport(self) -> str:
        return transports.chosen(self._transport)


class _Compiled:
    """A function of arguments of certain types and sizes."""

    def __init__(self, wrapped: Dynamic, arguments: Sequence[Part], outside: Any) -> None:
        with transports.running():
            example, self._tree = wrapped.of_parts(outside, _example(arguments))
        self._results = wrapped.results(example, self._tree, arguments)

        def func(*parts: Any) -> list[Any]:
            results, tree = wrapped.of_parts(outside, parts)
            if tree != self._tree:
                raise TypeError(
                    "expected a result whose parts do not depend on the numbers, as those of the "
                    f"example, {self._tree}, got {tree}"
                )
            return results

        program = Program(func, tuple(arguments), tuple(self._results))
        self._call = differentiable(eager(program), wrapped.transport)

    def __call__(self, *operands: Any) -> Any:
        found = self._call(*operands)
        count = sum(len(result.buffers) for result in self._results)
        integers, leaves = iter(found[:count]), iter(found[count:])
        parts = [_part(result, integers, leaves) for result in self._results]
        return jax.tree_util.tree_unflatten(self._tree, parts)


# -- arguments ------------------------------------------------------------------------------------


def _is_whole(part: Any) -> bool:
    return is_whole(part) or isinstance(part, Padded)


def _argument(part: Any, integers: list[Any], numbers: list[Any]) -> Part:
    if isinstance(part, Padded):
        buffers = part.buffers
        integers.extend(buffers)
        numbers.extend(part.leaves)
        return Part(
            sizes=tuple(leaf.shape[0] for leaf in part.leaves),
            dtypes=tuple(np.dtype(leaf.dtype) for leaf in part.leaves),
            kind=part.kind,
            buffers=tuple(buffer.shape[0] for buffer in buffers),
            integers=tuple(np.dtype(buffer.dtype) for buffer in buffers),
        )
    own: list[Any] = []
    tree = taken_apart(part, own)
    numbers.extend(own)
    return Part(
        tuple(leaf.shape[0] for leaf in own), tuple(np.dtype(leaf.dtype) for leaf in own), tree=tree
    )


def _key(part: Part) -> Any:
    tree = None if part.kind is not None else extend.Structure(part.tree)
    return (part.sizes, part.dtypes, part.kind, part.buffers, part.integers, tree)


def _example(arguments: Sequence[Part]) -> Any:
    """Arguments like those that come, to see what type the result is of."""
    trees: list[Any] = []
    dtypes: list[Any] = []
    for argument in arguments:
        trees.append(argument.tree if argument.kind is None else example_of(argument.kind).tree)
        dtypes.extend(argument.dtypes)
    structure = extend.Structure(trees)
    lengths = [length for length, _ in structure.leaves]
    return structure.unflatten(
        [np.ones(length, dtype) for length, dtype in zip(lengths, dtypes, strict=True)]
    )


# -- results --------------------------------------------------------------------------------------


def _awkward(part: Any) -> Any:
    """Arrays of NumPy that hold no floating-point numbers as Awkward Arrays."""
    whole = isinstance(part, np.ndarray) and part.ndim > 0 and part.dtype.kind != "f"
    return ak.from_numpy(part, regulararray=True) if whole else part


class Room:
    """How much room results have: a capacity, or as much as arguments.

    A result of the kind of an argument has its sizes, if that is the largest: it can take the
    argument's place in a loop.
    """

    def __init__(self, capacity: int | None, arguments: Sequence[Part]) -> None:
        self._capacity, self._arguments = capacity, arguments

    def of(self, kind: Kind, leaves: int, others: int) -> tuple[Any, Any]:
        """The sizes of leaves, and of buffers but the first."""
        if self._capacity is not None:
            return (self._capacity,) * leaves, (self._capacity + 1,) * others
        every = [_largest(argument) for argument in self._arguments]
        room = max(every, default=1)
        alike = [argument for argument in self._arguments if argument.kind == kind]
        if alike and max(map(_largest, alike)) == room:
            sizes = [argument.sizes for argument in alike]
            buffers = [argument.buffers[1:] for argument in alike]
            return tuple(map(max, *sizes, sizes[0])), tuple(map(max, *buffers, buffers[0]))
        return (room,) * leaves, (room + 1,) * others


def _largest(argument: Part) -> int:
    return max((*argument.sizes, *argument.buffers[1:]), default=1)


def _result(result: Any, out: Any, room: Room) -> Part:
    leaves, structure = extend.flatten([result])
    dtypes = tuple(known_to_jax(leaf.dtype) for leaf in leaves)
    if not structure.templates:
        return _integer(result)
    (template,) = structure.templates
    shape = () if template.origin == "number" else getattr(out, "shape", None)
    if shape is not None:
        if len(leaves) != 1:
            raise TypeError(
                f"expected a number or a rectangle of floating-point numbers, as out says, got "
                f"{structure!r}"
            )
        return Part((math.prod(shape),), dtypes, shape=tuple(shape))
    array_form, buffers = structure.array_form()
    kind = kind_of(array_form, buffers, template.behavior)
    lengths, *others = with_lengths(buffers)
    sizes, more = room.of(kind, len(leaves), len(others))
    return Part(
        sizes=sizes,
        dtypes=dtypes,
        kind=kind,
        buffers=(len(lengths), *more),
        integers=tuple(map(integer_type, kind.dtypes)),
    )


def _integer(number: Any) -> Part:
    if not isinstance(number, (bool, int, np.generic)):
        raise TypeError(
            f"the result of the function: expected arrays and numbers, got {type(number).__name__}"
        )
    dtype = integer_type(np.asarray(number).dtype)
    return Part((), (), buffers=(1,), integers=(dtype,), integer=True)


def _part(part: Part, integers: Iterator[Any], leaves: Iterator[Any]) -> Any:
    if part.integer:
        return jnp.reshape(next(integers), ())
    if part.kind is None:
        return jnp.reshape(next(leaves), part.shape)
    buffers = [next(integers) for _ in part.buffers]
    return Padded([next(leaves) for _ in part.sizes], buffers, part.kind)
