"""Arrays that stand for numbers of JAX, of the very classes that plain ones have.

JAX compares trees by the classes in them, so what stands for the numbers of an ``ak.Array`` is an
``ak.Array``.  It keeps a differentiated array of dualak beside itself, which does what is asked of
it; ``bridge.patches`` lets the classes look for that.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import awkward as ak
import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import set_current_trace, take_current_trace

from bridge import primitive, transports
from bridge.dtypes import known_to_jax
from bridge.numbers import of_jax_array
from bridge.tasks import Once
from dualak import extend

#: Where an array keeps what it holds for JAX: its content then, the leaves, and their structure.
HELD = "_held_for_jax"

#: Where an array that stands for numbers keeps the differentiated one.
DUAL = "_dual_for_jax"


class _Tag(NamedTuple):
    """Whose numbers an array stands for: a leaf of JAX, and the trace it came in, with its age."""

    leaf: Any
    trace: Any
    age: int


_ages = itertools.count()


# -- between dualak and JAX -----------------------------------------------------------------------


def stand_in(structure: Any, leaves: Sequence[Any]) -> Any:
    """What stands for traced leaves, as dualak's differentiated arrays and numbers."""
    with take_current_trace() as trace:
        tags = [_Tag(leaf, trace, next(_ages)) for leaf in leaves]
    return extend.stand_in(structure, [np.dtype(leaf.dtype) for leaf in leaves], tags)


class JaxInsideError(extend.UnknownNumbersError):
    """A function that is recorded without JAX hands its arrays to JAX."""

    def __init__(self, name: str) -> None:
        super().__init__(
            name,
            "; a function of JAX inside of a transformation of dualak, where JAX transforms too: "
            "take jax.jvp or jax.grad in place of dualak's",
        )


def recorded(dual: Any) -> tuple[Sequence[Any], Any]:
    """The leaves that JAX has for what was done with stand-ins, and their structure.

    Raises:
        JaxInsideError: for arrays of a recording that is no stand-in's.
    """
    if extend.recording():
        raise JaxInsideError("an array given to JAX")
    found, tags = extend.take_recording(dual)
    traced = found.traced.cast([known_to_jax(output.dtype) for output in found.traced.outputs])
    if not tags:
        return [jnp.asarray(buffer) for buffer in traced.run([])], found.structure
    newest = max(tags, key=lambda tag: tag.age)
    with set_current_trace(newest.trace):
        call = partial(primitive.apply, Once(traced), transport=transports.chosen(None))
        return call([tag.leaf for tag in tags]), found.structure


def holding(array: Any, leaves: Sequence[Any], structure: Any) -> Any:
    """The array, which is taken apart into these leaves as long as its content is what it is."""
    array.__dict__[HELD] = _content(array), tuple(leaves), structure
    return array


def held(array: Any) -> tuple[Sequence[Any], Any] | None:
    """The leaves that an array holds, and their structure; None if it holds none any more."""
    known = array.__dict__.get(HELD)
    return None if known is None or known[0] is not _content(array) else known[1:]


def _content(array: Any) -> Any:
    return array.layout.array if isinstance(array, ak.Record) else array.layout


def rectangle(array: Any) -> Any:
    """A rectangle of numbers as a JAX array; None for other arrays."""
    dual = array.__dict__.get(DUAL, array)
    if is_dual(dual):
        leaves, structure = recorded(dual)
        (template,) = structure.templates
        return None if template.shape is None else jnp.reshape(leaves[0], template.shape)
    try:
        return jnp.asarray(ak.to_numpy(array, allow_missing=False))
    except (TypeError, ValueError):
        return None


# -- between dualak and functions of plain arrays -------------------------------------------------


def outside(result: Any) -> Any:
    """What dualak gives, as functions of plain arrays see it: numbers of NumPy's kind are JAX's.

    Inside of transformations of dualak arrays are its own.
    """
    return result if extend.transforming() else extend.tree_map(_outside, result)


def _outside(argument: Any) -> Any:
    if not is_dual(argument):
        return argument
    if not extend.is_number(argument):
        return shown(argument)
    leaves, structure = recorded(argument)
    return jnp.reshape(leaves[0], structure.templates[0].shape)


def shown(dual: Any) -> Any:
    """The array of the plain class that a differentiated one stands behind."""
    made: Any = object.__new__(extend.plain_class(type(dual)))
    made.__dict__.update(dual.__dict__)
    made.__dict__[DUAL] = dual
    made.__dict__["__awkward_function__"] = of_awkward
    return made


def show(made: Any) -> None:
    """Puts an array that Awkward made of one that is shown behind its plain class as well."""
    dual = object.__new__(type(made))
    dual.__dict__.update(made.__dict__)
    dual = extend.wrap(dual)
    made.__class__ = extend.plain_class(type(dual))
    made.__dict__.update(dual.__dict__)
    made.__dict__[DUAL] = dual
    made.__dict__["__awkward_function__"] = of_awkward


def inside(value: Any) -> Any:
    """What functions of plain arrays give, as dualak sees it."""
    return extend.tree_map(_inside, value)


def _inside(argument: Any) -> Any:
    if isinstance(argument, (ak.Array, ak.Record)):
        return argument.__dict__.get(DUAL, argument)
    if not isinstance(argument, jax.Array):
        return argument
    if not isinstance(argument, jax.core.Tracer):
        return np.asarray(argument)
    leaves: list[Any] = []
    return stand_in(extend.Structure(of_jax_array(argument, leaves)), leaves)


def _leaving(result: Any) -> Any:
    return shown_if_registered(result)


def is_shown() -> bool:
    """Whether plain classes look for what arrays have beside them."""
    return hasattr(ak.Array, "__jax_array__")


def shown_if_registered(dual: Any) -> Any:
    """An array of dualak as functions of plain arrays see it, if those are registered."""
    return _outside(dual) if is_shown() else dual


def in_lists(leaves: Sequence[Any], structure: Any) -> Any:
    """An array that stands for leaves of JAX, in the lists of a structure."""
    return shown_if_registered(stand_in(structure, leaves))


extend.connect(_inside, _leaving)


def is_dual(value: Any) -> bool:
    """Whether something is a differentiated array of dualak, of a class of its own."""
    return isinstance(value, (ak.Array, ak.Record)) and extend.plain_class(type(value)) is not type(
        value
    )


def first_dual(values: Any) -> Any:
    """The first differentiated array in a tree, which says what a function does with it."""
    return next(filter(is_dual, extend.tree_leaves(values)), None)


def of_awkward(function: Any, array_likes: Any, args: Any, kwargs: Any) -> Any:
    """A function of Awkward with arguments that stand for numbers of JAX, or are JAX's own."""
    args, kwargs = inside(args), inside(kwargs)
    dual = first_dual((args, kwargs))
    if dual is None:
        return function(*args, **kwargs)
    return outside(dual.__awkward_function__(function, array_likes, args, kwargs))
