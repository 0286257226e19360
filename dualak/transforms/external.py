"""Functions that dualak cannot look into, under ``linearize``, ``vjp`` and ``grad``.

Such a function, a compiled loop or one with a rule of the user's, computes with numbers, and there
tangents have none yet.  It is called with unit tangents in their place, in as many directions as
there are numbers that its arguments depend on.  Its own tangent is then the sum of what it gave in
each direction, times the tangents that come later: a linear map of nodes, as any other.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import awkward as ak
import numpy as np
from numba.core.dispatcher import Dispatcher, OmittedArg

from dualak.ad.dual import Dual, Level, Number, apply, components, dual_or_value, summed
from dualak.ad.linear import cast, scalar, spread, take, zeros_like
from dualak.ad.linear_map import linear_jvp
from dualak.ad.scoped import scoped
from dualak.arrays.columns import EscapeError, dual, number_of, reading
from dualak.arrays.context import current_level
from dualak.arrays.highlevel import contains_duals, layout_of, own_behavior, wrap
from dualak.arrays.layouts import duals_in, is_dual, rebuilt
from dualak.graph.nodes import Node, ancestors
from dualak.njit.rows import is_unknown
from dualak.njit.types import MOST_COMPONENTS
from dualak.pytree import tree_leaves, tree_map

#: Directions that a function is called with at once, and those that it is called with at all.
CHUNK = 16
MOST_DIRECTIONS = 1024


def awaits_tangents(value: Any) -> bool:
    """Whether an argument has tangents that have no numbers yet."""
    return any(map(is_unknown, numbers_of(value)))


def numbers_of(tree: Any) -> list[Number]:
    """The differentiated numbers of a tree of arrays, in order."""
    arrays = (leaf for leaf in tree_leaves(tree) if isinstance(leaf, (ak.Array, ak.Record)))
    return [number_of(each) for array in arrays for each in duals_in(layout_of(array))]


def called(
    function: Callable[..., Any], args: tuple[Any, ...], name: str, elementwise: bool = False
) -> Any:
    """The function of arguments with tangents that have no numbers yet.

    One that is ``elementwise`` gets flat arrays and gives flat arrays of the same length.

    Raises:
        EscapeError: where these depend on too many numbers.
    """
    with reading():
        numbers = numbers_of(args)
        chain = _running()
        seeds = _seeds_of(chain, numbers, elementwise)
        if not seeds:
            raise EscapeError(f"{name} computes with numbers, got tangents that have none")
        results, originals = [], {}
        for chosen in _chunks(seeds, _room(chain, seeds), name):
            copies = _copied(chain, chosen)
            originals.update({copies[level]: level for level in chain})
            wide = [_widened(number, seeds, chosen, copies) for number in numbers]
            with scoped(current_level, copies[chain[-1]]):
                results.append(function(*_replaced(args, iter(wide))))
        each = zip(*map(numbers_of, results), strict=True)
        narrow = (_narrowed(copied, seeds, originals) for copied in each)
        return _replaced(results[0], narrow)


# -- compiled loops -------------------------------------------------------------------------------


def _defer() -> None:
    """Lets Numba hand us calls of loops with such arguments.

    Their type is one that nothing is compiled for, so that Numba asks for a function to call.
    Calls of which it has a compiled function never come here.
    """
    compile_for = Dispatcher._compile_for_args  # noqa: SLF001 - Numba has no other door

    @functools.wraps(compile_for)
    def compile_or_defer(loop: Any, *args: Any, **kwargs: Any) -> Any:
        if _are_deferred(args):
            return functools.partial(_looped, loop)
        return compile_for(loop, *args, **kwargs)

    Dispatcher._compile_for_args = compile_or_defer  # noqa: SLF001


def _are_deferred(args: tuple[Any, ...]) -> bool:
    """Whether some arguments await tangents; of duals that were kept Numba says what is wrong."""
    try:
        return awaits_tangents(args)
    except (RuntimeError, ValueError):
        return False


def _looped(loop: Any, *args: Any) -> Any:
    given = tuple(
        argument.value if isinstance(argument, OmittedArg) else argument for argument in args
    )
    return called(loop, given, f"the loop {loop.__name__}")


_defer()

# -- levels ---------------------------------------------------------------------------------------


def _running() -> list[Level]:
    """The levels that run now, outermost first."""
    found, level = [], current_level.get()
    while level is not None:
        found.append(level)
        level = level.outer
    return found[::-1]


def _copied(chain: Sequence[Level], chosen: Mapping[Level, range]) -> dict[Level, Level]:
    """Levels like those that run, some of them with as many directions as were chosen."""
    copies: dict[Level, Level] = {}
    outer = None
    for level in chain:
        count = len(chosen[level]) if level in chosen else level.directions
        outer = copies[level] = Level(level.depth, count, outer)
    return copies


# -- unit directions ------------------------------------------------------------------------------


class _Inputs:
    """Unit directions in the inputs of a level: right wherever its tangents stand in a number."""

    def __init__(self, inputs: Sequence[Node]) -> None:
        self.inputs = list(inputs)
        self.places = _places(inputs)

    def tangent(self, given: Number, direction: int) -> Number:
        """The tangent for a direction."""
        which, at = self.places[direction]
        if at is None:
            return zeros_like(given)
        units: list[Number | None] = [None] * len(self.inputs)
        units[which] = _unit(self.inputs[which], at)
        (found,) = linear_jvp([given], units, self.inputs)
        return zeros_like(given) if found is None else found

    def number(self, direction: int) -> Number | None:
        """The tangent that is to come, in place of the unit."""
        which, at = self.places[direction]
        return None if at is None else _element(self.inputs[which], at)


class _Tangents:
    """Unit directions in the tangents of the arguments themselves."""

    def __init__(self, tangents: Sequence[Number]) -> None:
        self.tangents = list(tangents)
        self.places = _places(tangents)

    def tangent(self, given: Number, direction: int) -> Number:
        """The tangent for a direction."""
        _require_known(given, self.tangents)
        which, at = self.places[direction]
        here = at is not None and given is self.tangents[which]
        return _unit(given, at or 0) if here else zeros_like(given)

    def number(self, direction: int) -> Number | None:
        """The tangent that is to come, in place of the unit."""
        which, at = self.places[direction]
        return None if at is None else _element(self.tangents[which], at)


class _Elements:
    """The same for a function that works number by number: all numbers of an argument at once."""

    def __init__(self, tangents: Sequence[Number]) -> None:
        self.places = list(tangents)

    def tangent(self, given: Number, direction: int) -> Number:
        """The tangent for a direction: one for each number of an argument."""
        _require_known(given, self.places)
        if given is not self.places[direction]:
            return zeros_like(given)
        unit = given.graph.constant(1.0, given.dtype)
        return unit if given.length is None else given.graph.spread(unit, given.length)

    def number(self, direction: int) -> Number:
        """The tangents that are to come, in place of the ones."""
        return self.places[direction]


_Seeds = _Inputs | _Tangents | _Elements


def _places(numbers: Sequence[Number]) -> list[tuple[int, int | None]]:
    """Which number, and which of its elements; without any, one place that is nowhere."""
    sizes = [1 if number.length is None else number.length for number in numbers]
    return [(i, at) for i, size in enumerate(sizes) for at in range(size)] or [(0, None)]


def _require_known(given: Number, tangents: Sequence[Number]) -> None:
    if not any(given is tangent for tangent in tangents):
        raise EscapeError("expected a tangent of the arguments, got another; use dualak.jvp")


def _unit(number: Number, at: int) -> Node:
    """One at a place, zero elsewhere."""
    if number.length is None:
        return number.graph.constant(1.0, number.dtype)
    unit = np.zeros(number.length, number.dtype)
    unit[at] = 1.0
    return number.graph.buffer(unit)


def _element(number: Number, at: int) -> Number:
    if number.length is None:
        return number
    return scalar(take(number, number.graph.buffer(np.array([at]))))


def _seeds_of(
    chain: Sequence[Level], numbers: Sequence[Number], elementwise: bool
) -> dict[Level, _Seeds]:
    """The unit directions of each level: the fewer of those of its inputs and of the arguments.

    Newer levels are first, and where one takes its inputs all below do: their tangents then stand
    in what came of that.
    """
    found: dict[Level, _Seeds] = {}
    for level in reversed([level for level in chain if level.inputs]):
        at = dict.fromkeys(tangent for number in numbers for tangent in _at(level, number))
        if not at:
            continue
        inputs, own = _Inputs(_reached(level, numbers)), _Tangents(list(at))
        if elementwise:
            found[level] = _Elements(list(at))
        elif any(isinstance(each, _Inputs) for each in found.values()):
            found[level] = inputs
        else:
            found[level] = own if len(own.places) < len(inputs.places) else inputs
    return found


def _at(level: Level, number: Number | None) -> Iterator[Number]:
    """The tangents at a level, also of numbers that have tangents at levels above.

    Those in tangents without numbers come back with these.
    """
    if isinstance(number, Dual) and number.level is level:
        yield from (tangent for tangent in number.tangents if tangent is not None)
    elif isinstance(number, Dual):
        for part in (number.value, *(() if number.level.inputs else number.tangents)):
            yield from _at(level, part)


def _reached(level: Level, numbers: Sequence[Number]) -> list[Node]:
    """The inputs of a level that numbers depend on."""
    nodes = [node for number in numbers for node in components(number) if node.unknown]
    below = {node for node in ancestors(nodes) if node.op == "input"}
    return [node for node in level.inputs if node in below]


def _room(chain: Sequence[Level], seeds: Mapping[Level, _Seeds]) -> int:
    """How many directions of one level a number of a compiled loop has room for."""
    known = 1
    for level in chain:
        if level not in seeds:
            known *= 1 + level.directions
    return max(1, min(CHUNK, MOST_COMPONENTS // known - 1))


def _chunks(seeds: Mapping[Level, _Seeds], room: int, name: str) -> Iterator[dict[Level, range]]:
    """Directions of each level for one call after another; those of several levels at once."""
    counts = {level: len(given.places) for level, given in seeds.items()}
    several = len(counts) > 1
    most = MOST_DIRECTIONS if not several else room
    if max(counts.values()) > most:
        raise EscapeError(
            f"{name} is called for each of the numbers that its tangents depend on where they are "
            f"carried along without numbers, got {max(counts.values())} of them, more than {most}; "
            "use dualak.jvp or dualak.jacfwd, which give it all of them at once"
        )
    if several:
        yield {level: range(count) for level, count in counts.items()}
        return
    ((level, count),) = counts.items()
    for start in range(0, max(count, 1), room):
        yield {level: range(start, min(start + room, count))}


# -- numbers with unit tangents, and back ---------------------------------------------------------


def _widened(
    number: Number,
    seeds: Mapping[Level, _Seeds],
    chosen: Mapping[Level, range],
    copies: Mapping[Level, Level],
) -> Number:
    """A number of the copied levels, with unit tangents where it has none yet."""
    if isinstance(number, Node):
        return number

    def widened(number: Number | None) -> Number | None:
        return None if number is None else _widened(number, seeds, chosen, copies)

    level, tangents = number.level, list(number.tangents)
    if level in seeds and tangents[0] is not None:
        given = tangents[0]
        tangents = [seeds[level].tangent(given, place) for place in chosen[level]]
    value = _widened(number.value, seeds, chosen, copies)
    return dual_or_value(copies[level], value, list(map(widened, tangents)))


def _narrowed(
    numbers: Sequence[Number], seeds: Mapping[Level, _Seeds], originals: Mapping[Level, Level]
) -> Number:
    """A number of the levels that run, given what came of it in the directions of each call."""
    first = numbers[0]
    if isinstance(first, Node):
        return first
    duals = [number for number in numbers if isinstance(number, Dual)]
    level = originals[first.level]
    value = _narrowed([dual.value for dual in duals], seeds, originals)
    if level not in seeds:
        columns = zip(*(dual.tangents for dual in duals), strict=True)
        tangents = [
            None if column[0] is None else _narrowed(column, seeds, originals) for column in columns
        ]
        return dual_or_value(level, value, tangents)
    slopes = [slope for dual in duals for slope in dual.tangents]
    tangents = [seeds[level].number(direction) for direction in range(len(slopes))]
    terms = [
        _times(_narrowed([slope], seeds, originals), tangent)
        for slope, tangent in zip(slopes, tangents, strict=True)
        if slope is not None and tangent is not None
    ]
    return dual_or_value(level, value, [summed(terms)])


def _times(slope: Number, tangent: Number) -> Number:
    """A tangent that is zero stays zero, whatever the slope is."""
    return apply("scale", slope, cast(tangent, slope.dtype))


def _replaced(tree: Any, numbers: Iterator[Number]) -> Any:
    """The tree with other numbers for its differentiated ones, in order."""

    def leaf(content: Any) -> Any:
        return dual(spread(next(numbers), content.length)) if is_dual(content) else content

    def replace(argument: Any) -> Any:
        if not isinstance(argument, (ak.Array, ak.Record)) or not contains_duals(argument):
            return argument
        layout = rebuilt(layout_of(argument), leaf)
        array = ak.Array(layout, behavior=own_behavior(argument.behavior), attrs=argument.attrs)
        return wrap(array)[argument.layout.at] if isinstance(argument, ak.Record) else wrap(array)

    return tree_map(replace, tree)
