"""Functions of Awkward Arrays under ``jax.jit``, alone and of ``jax.jvp``, and what may not be.

``both_ways`` compiles one program that does both, since compiling is what takes the time.
"""

from __future__ import annotations

from collections import defaultdict

import awkward as ak
import jax
import numpy as np

import bridge
import dualak
from tests.support.layouts import assert_close, tree

#: What a function may raise under ``jax.jit``: it looks at numbers, or takes them out of Awkward.
REFUSALS = (dualak.UnknownNumbersError, dualak.EscapeError, dualak.NotDifferentiableError)


def both_ways(function, x, t):
    """The value under jit, and value and tangent under jit of jvp, as Awkward Arrays."""
    x, t = ((one if isinstance(one, tuple) else (one,)) for one in (x, t))
    primals = tuple(map(crossed, x))
    tangents = tuple(map(tangent, primals, map(crossed, t)))
    wrapped = bridge.wrap(function)

    def program(x, t):
        return wrapped(*x), *jax.jvp(wrapped, x, t)

    return bridge.from_jax(jax.jit(program)(primals, tangents))


def with_traced_structure(function, x, t):
    """Value and tangent of a function that looks at numbers, under jit of jvp."""
    x, t = ((one if isinstance(one, tuple) else (one,)) for one in (x, t))
    primals = tuple(map(crossed, x))
    tangents = tuple(map(tangent, primals, map(crossed, t)))
    wrapped = bridge.wrap(function, structure="traced", capacity=64)
    y, dy = jax.jit(lambda x, t: jax.jvp(wrapped, x, t))(primals, tangents)

    def in_lists(value, slope):
        return slope.in_lists_of(value) if isinstance(value, bridge.Padded) else slope

    is_leaf = {"is_leaf": lambda one: isinstance(one, bridge.Padded)}
    return bridge.from_jax((y, jax.tree_util.tree_map(in_lists, y, dy, **is_leaf)))


def crossed(one):
    return bridge.to_jax(one) if isinstance(one, (ak.Array, ak.Record)) else one


def tangent(primal, given):
    """Tangents in the structure of the primal: what they have for integers is left out."""
    if not isinstance(primal, bridge.Array):
        return given
    assert [one.shape for one in given.leaves] == [one.shape for one in primal.leaves]
    return bridge.Array(given.leaves, primal.structure)


def require_place(error, function):
    """An error about numbers that are not known names the operation and the line.

    That is one of the function, or where it is called if its result cannot be taken apart.
    """
    assert error.operation in str(error)
    *_, line, _, file = error.line.split()
    assert file in (function.__code__.co_filename, __file__)
    lines = {number for _, _, number in function.__code__.co_lines()}
    assert file == __file__ or int(line) in lines, f"{line} is not in {lines}"


class Outcomes:
    """What came of the rows of a table, for a test that counts."""

    def __init__(self):
        self._known = defaultdict(list)

    def add(self, name, error=None):
        self._known[type(error).__name__ if error else "right"].append((name, str(error)))

    def count(self, kind):
        return len(self._known[kind])

    @property
    def total(self):
        return sum(map(len, self._known.values()))

    def __str__(self):
        counts = ", ".join(f"{len(rows)} {kind}" for kind, rows in self._known.items())
        rest = [
            f"{kind}: {name}: {text.splitlines()[0][:160]}"
            for kind, rows in self._known.items()
            if kind != "right"
            for name, text in rows
        ]
        return "\n".join([counts, *rest])


def assert_same(one, other):
    """Two results are the same, number by number.

    But for units in the last place: a function and its slope, such as sinh and cosh, come out of
    one loop, where the function alone has a loop of its own.
    """
    assert_close(tree(one), tree(other), 8 * np.finfo(np.float64).eps)
