"""Tracing: functions of arrays of which only the structure is known, recorded as traces.

``trace`` runs a function on arrays without numbers.  ``stand_in`` gives such arrays to whoever runs
a function, and ``take_recording`` takes out what was done with them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import awkward as ak
import numpy as np

from dualak.ad.dual import Number, primal
from dualak.ad.recording import AbstractGraph
from dualak.ad.replay import replayed
from dualak.arrays.columns import reading
from dualak.arrays.context import (
    current_graph,
    graph_in_use,
    is_tracing,
    outer_graph,
    set_outer_graph,
)
from dualak.engine.signature import require_equal, signature
from dualak.graph.graph import Graph
from dualak.graph.nodes import Node, ancestors
from dualak.pytree import tree_leaves
from dualak.tracing.draw import Drawing
from dualak.tracing.flat_function import FlatFunction, Spec, using
from dualak.tracing.structure import Structure, flatten
from dualak.transforms.running import running


@dataclass(frozen=True)
class TracedFunction:
    """What ``trace`` gives: a function of flat buffers, and the structure that its outputs fill.

    Attributes:
        traced: the function.
        structure: of the result: ``structure.unflatten(outputs)`` is what the function returns.
    """

    traced: FlatFunction
    structure: Structure

    def _repr_svg_(self) -> str:
        """What a notebook shows: the operations, by passes, as ``dualak.draw`` does."""
        return Drawing(self.traced.plan(), len(self.traced.inputs))._repr_svg_()


def trace(func: Callable[..., Any], structure: Structure, dtypes: Sequence[Any]) -> TracedFunction:
    """Records a function of arrays of which only the structure is known.

    Args:
        func: as for ``dualak.jvp``.
        structure: of the tuple of its positional arguments, by ``dualak.extend.flatten``.
        dtypes: of the numbers of each leaf.

    Returns:
        The function of flat buffers that was recorded, and the structure of its result.

    Raises:
        UnknownNumbersError: if ``func`` looks at numbers, as a mask made from them does.
        TypeError: for a result that is not made of arrays and numbers.
        ValueError: if ``func`` does something else when it is recorded again.

    >>> import awkward as ak
    >>> leaves, structure = flatten((ak.Array([[1.0, 2.0], [], [3.0]]),))
    >>> found = trace(lambda x: ak.sum(x**2, axis=1), structure, ["float64"])
    >>> found.structure.unflatten(found.traced.run(leaves))
    <Array [5, 0, 9] type='3 * float64'>
    >>> slope = found.traced.jvp([True])
    >>> slope.run([*leaves, np.array([1.0, 1.0, 1.0])])
    [array([6., 0., 6.])]
    """
    inputs, roots, made = _recording(func, structure, dtypes)
    again, others, other = _recording(func, structure, dtypes)
    name = getattr(func, "__name__", "the function")
    require_equal([made, *signature(roots, inputs)], [other, *signature(others, again)], name)
    return TracedFunction(_traced(inputs, roots), made)


def _recording(
    func: Callable[..., Any], structure: Structure, dtypes: Sequence[Any]
) -> tuple[list[Node], list[Node], Structure]:
    """The inputs and the roots of a function, and the structure of its result."""
    graph = AbstractGraph()
    with using(graph), running(directions=1), reading():
        inputs = inputs_of(graph, structure, dtypes)
        result = func(*structure.of_numbers(inputs))
        for leaf in tree_leaves(result):
            _require_result(leaf)
        leaves, made = flatten(result)
    return inputs, _roots(leaves, graph), made


def _roots(leaves: Sequence[Any], graph: Graph) -> list[Node]:
    """The nodes of leaves, which are numbers or buffers."""
    return [graph.buffer(leaf) if isinstance(leaf, np.ndarray) else primal(leaf) for leaf in leaves]


def stand_in(structure: Structure, dtypes: Sequence[Any], tags: Sequence[Any]) -> Any:
    """Arrays that stand for numbers which somebody else knows, outside of all transformations.

    Functions of dualak take them as differentiated arrays, and nothing is computed:
    ``take_recording`` takes out what was done with them.

    Args:
        structure: by ``flatten``.
        dtypes: of the numbers of each leaf.
        tags: for each leaf whatever tells its owner which numbers are meant.

    Returns:
        The tree of the structure.

    >>> import awkward as ak
    >>> _, structure = flatten(ak.Array([[1.0, 2.0], [], [3.0]]))
    >>> x = stand_in(structure, ["float64"], ["the numbers"])
    >>> found, tags = take_recording(ak.sum(x**2, axis=1))
    >>> tags
    ['the numbers']
    >>> found.structure.unflatten(found.traced.run([np.array([1.0, 2.0, 3.0])]))
    <Array [5, 0, 9] type='3 * float64'>
    """
    graph = outer_graph()
    if graph is None:
        graph = AbstractGraph()
        set_outer_graph(graph)
    inputs = inputs_of(graph, structure, dtypes)
    for node, tag in zip(inputs, tags, strict=True):
        _tags[node] = tag
    with reading():
        return structure.of_numbers(inputs)


#: Whose numbers an input stands for.
_tags: WeakKeyDictionary[Node, Any] = WeakKeyDictionary()


def take_recording(tree: Any) -> tuple[TracedFunction, list[Any]]:
    """What was done with arrays that stand for numbers: as a trace, and the tags of its inputs.

    Raises:
        ValueError: for differentiated arrays of other origin.
    """
    with reading():
        leaves, structure = flatten(tree)
    graph = graph_in_use()
    nodes = [leaf for leaf in leaves if not isinstance(leaf, np.ndarray)]
    if any(not isinstance(node, Node) for node in nodes):
        raise ValueError(
            "expected arrays that stand for numbers of others, got ones that dualak is "
            "differentiating; return them from the function given to dualak.jvp instead, and make "
            "functions of arrays of those of JAX with bridge.from_jax_function"
        )
    inputs = [ancestor for ancestor in ancestors(nodes) if ancestor.op == "input"]
    # In a graph of its own, so that the one outside can go with its arrays.
    own = AbstractGraph()
    copies: list[Any] = [own.input(node.dtype, node.length) for node in inputs]
    given: dict[Node, Number] = dict(zip(inputs, copies, strict=True))
    roots: list[Any] = replayed(_roots(leaves, graph), given, own)
    return TracedFunction(_traced(copies, roots), structure), [_tags[node] for node in inputs]


def transforming() -> bool:
    """Whether a transformation of dualak is running, whose arrays are its own."""
    return current_graph.get() is not None


def recording() -> bool:
    """Whether a transformation of dualak is running on arrays without numbers."""
    return transforming() and is_tracing()


def _require_result(result: Any) -> None:
    known = (ak.Array, ak.Record, np.ndarray, bool, int, float, complex, np.generic, type(None))
    if not isinstance(result, known):
        raise TypeError(
            "the result of the function: expected Awkward or NumPy arrays, numbers, or dicts, "
            f"lists and tuples of them, got {type(result).__name__}"
        )


def inputs_of(graph: Graph, structure: Structure, dtypes: Sequence[Any]) -> list[Node]:
    """Inputs without numbers for the leaves of a structure."""
    if not isinstance(structure, Structure):
        raise TypeError(
            "expected a structure, as dualak.extend.flatten gives it, got "
            f"{type(structure).__name__}"
        )
    lengths = [length for length, _ in structure.leaves]
    if not isinstance(dtypes, (list, tuple)) or len(dtypes) != len(lengths):
        raise TypeError(
            f"expected a list of {len(lengths)} dtypes, one for each leaf, got {dtypes!r}"
        )
    return [graph.input(dtype, length) for length, dtype in zip(lengths, dtypes, strict=True)]


def _traced(inputs: Sequence[Node], roots: Sequence[Node]) -> FlatFunction:
    """The function that was recorded from inputs to roots."""
    inputs = tuple(inputs)

    def function(numbers: Sequence[Number], depth: int, directions: int) -> Any:
        known = dict(zip(inputs, numbers, strict=True))
        graph = numbers[0].graph if numbers else Graph()
        return replayed(roots, known, graph)

    specs = [
        Spec(1 if node.length is None else node.length, node.dtype) for node in (*inputs, *roots)
    ]
    return FlatFunction(function, specs[: len(inputs)], specs[len(inputs) :])
