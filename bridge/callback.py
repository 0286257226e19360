"""Tasks that run a function of Awkward Arrays when they are run: its structure may be anything.

Compiled code gives padded buffers; the function sees the arrays that they hold.  Derivatives of any
order are dualak's own, of the function of the flat leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import dualak
from bridge.padded import Kind, structure_of, with_lengths
from bridge.tasks import Kind as Shape
from bridge.tasks import Mask, Rows, Task
from dualak import extend

#: A function of flat floating-point leaves.
Flat = Callable[..., tuple[Any, ...]]

#: Which leaf a buffer of numbers belongs to: one of the arguments ("in") or of the result ("out").
Leaf = tuple[str, int]


@dataclass(frozen=True)
class Part:
    """One array of the arguments or of the result.

    Attributes:
        sizes: of its leaves, as compiled code has them.
        dtypes: of its leaves.
        kind: of a padded array; None for others.
        buffers: the sizes of its buffers of integers.
        integers: their types.
        tree: the structure of an array whose structure is known; None for others.
        shape: of a result that is a rectangle or a number; None for others.
        integer: whether a result is a number that has no tangent.
    """

    sizes: tuple[int, ...]
    dtypes: tuple[np.dtype[Any], ...]
    kind: Kind | None = None
    buffers: tuple[int, ...] = ()
    integers: tuple[np.dtype[Any], ...] = ()
    tree: Any = None
    shape: tuple[int, ...] | None = None
    integer: bool = False


@dataclass(frozen=True, eq=False)
class Program:
    """A function of arrays, what it takes and what it gives."""

    func: Callable[..., Sequence[Any]]
    arguments: tuple[Part, ...]
    results: tuple[Part, ...]

    @property
    def given(self) -> list[Shape]:
        """The integers that it takes."""
        return _integers(self.arguments)

    def leaves(self, side: str) -> list[tuple[int, np.dtype[Any]]]:
        """The sizes and types of the leaves of one side, ``in`` or ``out``."""
        parts = self.arguments if side == "in" else self.results
        return [leaf for part in parts for leaf in zip(part.sizes, part.dtypes, strict=True)]

    def shape(self, leaf: Leaf) -> Shape:
        """The shape and the type of the buffer of a leaf."""
        side, number = leaf
        size, dtype = self.leaves(side)[number]
        return (size,), dtype

    def structure(self, integers: Sequence[Any]) -> extend.Structure:
        """The structure of the arguments."""
        rest = iter(integers)
        trees = []
        for argument in self.arguments:
            if argument.kind is None:
                trees.append(argument.tree)
            else:
                buffers = [next(rest) for _ in argument.buffers]
                trees.append(structure_of(argument.kind, buffers).tree)
        return extend.Structure(trees)


def _integers(parts: Sequence[Part]) -> list[Shape]:
    return [
        ((size,), dtype)
        for part in parts
        for size, dtype in zip(part.buffers, part.integers, strict=True)
    ]


@dataclass(frozen=True, eq=False)
class Eager:
    """A program, or what ``derive`` makes of it: inputs are its integers, then ``takes``.

    The first leaves that it takes are those of the arguments.  Outputs are the result's integers,
    where it is ``whole``, then ``gives``.
    """

    program: Program
    takes: tuple[Leaf, ...]
    gives: tuple[Leaf, ...]
    derive: Callable[[Run], Flat]
    linear: int = 0
    whole: bool = False

    @property
    def on_host(self) -> bool:
        return True

    @property
    def inputs(self) -> Sequence[Shape]:
        return [*self.program.given, *map(self.program.shape, self.takes)]

    @property
    def outputs(self) -> Sequence[Shape]:
        made = _integers(self.program.results) if self.whole else []
        return [*made, *map(self.program.shape, self.gives)]

    @property
    def zeros(self) -> Mask:
        return (False,) * len(self.outputs)

    def prepare(self) -> None:
        """Nothing can be done before there are buffers."""

    def native(self) -> None:
        """The function is the user's, and Python's."""

    def run(self, buffers: Sequence[Any], out: Sequence[Any]) -> None:
        count = len(self.program.given)
        run = Run(self.program, buffers[:count])
        with np.errstate(all="ignore"):
            if any(side == "out" for side, _ in self.takes):
                run.evaluate(buffers[count:])
            numbers = [run.cut(*both) for both in zip(buffers[count:], self.takes, strict=True)]
            found = self.derive(run)(*numbers)
        made = len(out) - len(self.gives)
        if self.whole:
            run.write_integers(out[:made])
        for buffer, leaf, result in zip(out[made:], self.gives, found, strict=True):
            run.write(buffer, leaf, result)

    def jvp(self, active: Mask) -> Task:
        moving = self._moving(active)

        def derive(run: Run) -> Flat:
            function = self._pushed(run, active)
            return lambda *numbers: tuple(function(*numbers)[1])

        return Eager(self.program, self.takes + moving, self.gives, derive, len(moving))

    def both(self, active: Mask) -> Task:
        moving = self._moving(active)

        def derive(run: Run) -> Flat:
            function = self._pushed(run, active)

            def values_and_tangents(*numbers: Any) -> tuple[Any, ...]:
                values, tangents = function(*numbers)
                return (*values, *tangents)

            return values_and_tangents

        return Eager(
            self.program, self.takes + moving, self.gives * 2, derive, len(moving), self.whole
        )

    def _moving(self, active: Mask) -> tuple[Leaf, ...]:
        known = active[len(self.program.given) :]
        return tuple(leaf for leaf, moves in zip(self.takes, known, strict=True) if moves)

    def _pushed(self, run: Run, active: Mask) -> Callable[..., Any]:
        """Values and tangents, of numbers and of tangents of the active ones."""
        function = self.derive(run)
        known, count = active[len(self.program.given) :], len(self.takes)

        def pushed(*numbers: Any) -> Any:
            given = iter(numbers[count:])
            tangents = tuple(next(given) if moves else None for moves in known)
            return dualak.jvp(function, tuple(numbers[:count]), tangents)

        return pushed

    def transpose(self, wanted: Mask, given: Mask) -> Task:
        fixed = len(self.takes) - self.linear
        linear = self.takes[fixed:]
        gives = tuple(leaf for leaf, is_wanted in zip(linear, wanted, strict=True) if is_wanted)
        cotangents = tuple(
            leaf for leaf, is_given in zip(self.gives, given, strict=True) if is_given
        )

        def derive(run: Run) -> Flat:
            function = self.derive(run)

            def pulled(*numbers: Any) -> tuple[Any, ...]:
                def of_linear(*moving: Any) -> Any:
                    rest = iter(moving)
                    zeros = map(run.zeros, linear)
                    each = [next(rest) if w else z for w, z in zip(wanted, zeros, strict=True)]
                    return function(*numbers[:fixed], *each)

                _, pullback = dualak.vjp(of_linear, tuple(map(run.zeros, gives)))
                known = iter(numbers[fixed:])
                return tuple(pullback(tuple(next(known) if moves else None for moves in given)))

            return pulled

        return Eager(self.program, self.takes[:fixed] + cotangents, gives, derive, len(cotangents))

    def batch(self, mask: Mask, size: int) -> Task:
        return Rows(self, mask, size)


def eager(program: Program) -> Eager:
    """The task of a program."""
    takes, gives = (
        tuple((side, number) for number in range(len(program.leaves(side))))
        for side in ("in", "out")
    )
    return Eager(program, takes, gives, lambda run: run.function, whole=True)


# -- one run --------------------------------------------------------------------------------------


class Run:
    """A program with the integers of its arguments in memory."""

    def __init__(self, program: Program, integers: Sequence[Any]) -> None:
        self._program = program
        arguments = program.structure(integers)
        self._lengths = {("in", i): length for i, (length, _) in enumerate(arguments.leaves)}
        self._of_leaves = extend.LeafFunction(program.func, arguments)

    def function(self, *numbers: Any) -> tuple[Any, ...]:
        """The floating-point leaves of the result, of those of the arguments."""
        found = self._of_leaves(*numbers)
        return tuple(
            number
            for number, (_, kind) in zip(found, self._result.leaves, strict=True)
            if kind == "f"
        )

    @property
    def _result(self) -> extend.Structure:
        assert self._of_leaves.structure is not None
        return self._of_leaves.structure

    def evaluate(self, buffers: Sequence[Any]) -> None:
        """Finds out how long the leaves of the result are."""
        leaves = [leaf for leaf in self._lengths if leaf[0] == "in"]
        self.function(*map(self.cut, buffers[: len(leaves)], leaves))

    def length(self, leaf: Leaf) -> int:
        """How many numbers a leaf has."""
        side, number = leaf
        if side == "out":
            return [length for length, kind in self._result.leaves if kind == "f"][number]
        return self._lengths[leaf]

    def cut(self, buffer: Any, leaf: Leaf) -> Any:
        """The numbers in a padded buffer; those that it had no room for are NaN."""
        length = self.length(leaf)
        if length <= len(buffer):
            return buffer[:length]
        return np.full(length, np.nan, buffer.dtype)

    def zeros(self, leaf: Leaf) -> Any:
        _, dtype = self._program.shape(leaf)
        return np.zeros(self.length(leaf), dtype)

    # -- results ------------------------------------------------------------------------------

    def write(self, out: Any, leaf: Leaf, numbers: Any) -> None:
        """Fills a padded buffer; all of it with NaN if there is no room."""
        numbers = np.asarray(numbers)
        fits = len(numbers) <= len(out) and not (leaf[0] == "out" and self._overflows(leaf[1]))
        out[:] = 0.0 if fits else np.nan
        if fits:
            out[: len(numbers)] = numbers

    def _overflows(self, number: int) -> bool:
        """Whether the integers beside a leaf of the result have no room."""
        for part, tree in zip(self._program.results, self._result.tree, strict=True):
            if number < len(part.sizes):
                if part.kind is None:
                    return False
                buffers = with_lengths(extend.Structure(tree).array_form()[1])
                return any(len(b) > size for b, size in zip(buffers, part.buffers, strict=True))
            number -= len(part.sizes)
        raise AssertionError(number)

    def write_integers(self, out: Sequence[Any]) -> None:
        """Fills the buffers of the result that hold no floating-point numbers.

        Raises:
            TypeError: for a result of another type than that of the example.
            ValueError: for a result of another shape than was asked for.
            OverflowError: for integers that do not fit into the buffers' type.
        """
        rest = iter(out)
        trees = self._result.tree
        for part, tree in zip(self._program.results, trees, strict=True):
            if part.integer:
                _write(next(rest), np.asarray(tree).reshape(1))
            elif part.kind is not None:
                array_form, buffers = extend.Structure(tree).array_form()
                _require_type(part.kind.array_form, array_form)
                for buffer in with_lengths(buffers):
                    _write(next(rest), buffer)
            elif getattr(tree, "shape", None) != part.shape:
                raise ValueError(
                    f"expected a result of shape {part.shape}, got {getattr(tree, 'shape', None)}"
                )


def _require_type(expected: extend.ArrayForm, got: extend.ArrayForm) -> None:
    if expected != got:
        raise TypeError(
            "expected a result whose type does not depend on the numbers, as that of the example, "
            f"{expected.type}, got {got.type}"
        )


def _write(out: Any, values: Any) -> None:
    limits = np.iinfo(out.dtype) if out.dtype.kind in "iu" else None
    if limits and len(values) and (values.min() < limits.min or values.max() > limits.max):
        raise OverflowError(
            f"expected integers that fit into {out.dtype}, got {values.min()} to {values.max()}; "
            "switch x64 on with jax.config.update('jax_enable_x64', True)"
        )
    out[:] = 0
    if len(values) <= len(out):
        out[: len(values)] = values
