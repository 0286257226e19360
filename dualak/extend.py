"""For frameworks that build on dualak, as ``bridge`` does; analyses need nothing of it.

* **Arrays without their numbers.**  ``flatten`` takes a tree of arrays apart into flat buffers and
  a ``Structure``, which puts others together again; an ``ArrayForm`` is what structures of one
  type have in common.
* **Functions of flat buffers.**  ``trace`` records a function for a structure and gives a
  ``TracedFunction``: its ``FlatFunction`` runs, differentiates and transposes what was recorded.
  A ``LeafFunction`` is one of an array's leaves.
* **Numbers of others.**  ``stand_in`` gives arrays that stand for numbers which a framework will
  have later, and ``take_recording`` what was done with them; ``connect`` lets dualak take values of
  the framework.
* **Where one is.**  ``contains_duals`` tells whether something is differentiated, ``is_number``
  whether as a number or an array of NumPy; ``dual_classes`` which classes such arrays have,
  ``plain_class`` what they stand for, ``wrap`` gives an array that Awkward made its class;
  ``transforming`` whether a transformation is running, ``recording`` whether on arrays without
  numbers.
* **Trees.**  ``tree_map`` and ``tree_leaves`` of dicts, lists and tuples, in their own order.
* **Memory.**  ``viewed`` gives a foreign buffer as one of ours without a copy, ``stream`` makes
  kernels run on a stream of somebody else's.
* **Compiled code.**  ``compiled`` gives a function for C, kept on disk as our kernels are.

>>> import awkward as ak
>>> leaves, structure = flatten({"x": ak.Array([[1.5, 2.5], [], [3.5]]), "n": 3})
>>> leaves
[array([1.5, 2.5, 3.5])]
>>> structure.unflatten([leaves[0] * 2])["x"].to_list()
[[3.0, 5.0], [], [7.0]]
"""

from __future__ import annotations

from dualak.ad.recording import UnknownNumbersError
from dualak.arrays.foreign import connect
from dualak.arrays.highlevel import contains_duals, plain_class, wrap
from dualak.arrays.ndarrays import dual_classes, is_number
from dualak.device import stream, viewed
from dualak.executors.compiled import compiled
from dualak.pytree import tree_leaves, tree_map
from dualak.tracing.flat_function import FlatFunction
from dualak.tracing.leaf_function import LeafFunction
from dualak.tracing.structure import ArrayForm, Structure, flatten
from dualak.tracing.trace import (
    TracedFunction,
    recording,
    stand_in,
    take_recording,
    trace,
    transforming,
)

__all__ = [
    "ArrayForm",
    "FlatFunction",
    "LeafFunction",
    "Structure",
    "TracedFunction",
    "UnknownNumbersError",
    "compiled",
    "connect",
    "contains_duals",
    "dual_classes",
    "flatten",
    "is_number",
    "plain_class",
    "recording",
    "stand_in",
    "stream",
    "take_recording",
    "trace",
    "transforming",
    "tree_leaves",
    "tree_map",
    "viewed",
    "wrap",
]


def __dir__() -> list[str]:
    """What frameworks call."""
    return sorted(__all__)
