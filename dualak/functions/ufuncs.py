"""Ufuncs of duals: one node for the value and, from the table of rules, one for the tangent.

Awkward broadcasts, and calls ``overload`` when it has come down to the leaves.  Arrays whose lists
match need no broadcasting: ``alignment`` takes them apart and puts results together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import awkward as ak
import numpy as np

from dualak import device
from dualak.ad import dual as calculus
from dualak.ad import linear
from dualak.ad.dual import Dual, Number
from dualak.arrays.canonical import NO_COMPLEX, NO_LONG_DOUBLES, constant_dual
from dualak.arrays.columns import dual, node_of, number_of, plain, reading
from dualak.arrays.context import graph_in_use, is_tracing
from dualak.arrays.highlevel import (
    for_awkward,
    is_scalar,
    is_weak,
    layout_of,
    names_of_records,
    primal_of,
    wrap,
)
from dualak.arrays.layouts import DUAL, HOLDER, Content, is_dual, rebuilt
from dualak.arrays.values import stands_for_others
from dualak.functions.broadcasting import aligned
from dualak.functions.registry import NotDifferentiableError, functions, register
from dualak.graph.nodes import Node
from dualak.pytree import tree_map
from dualak.rules import OUTPUTS, PREDICATES, RULES, Rule, UnknownPartialError
from dualak.rules.libraries import library_of

#: ``where`` as an elementwise operation, so that Awkward broadcasts it like any other.
select = np.frompyfunc(lambda condition, x, y: x if condition else y, 3, 1)

#: Ufuncs that are computed by NumPy on the values, because they have no tangent.
DISCRETE = ("logical_and", "logical_or", "logical_xor", "logical_not")

#: What expressions of the rules call, but is no ufunc of a library.
ONLY_IN_RULES = (
    "exponent",
    "scipy.special.beta_density",
    "scipy.special.gamma_density",
    "scipy.special.student_density",
    "scipy.special.zeta",
)

#: What stands for a ufunc of integers where its arguments are booleans.
OF_BOOLEANS = {
    "bitwise_and": "logical_and",
    "bitwise_or": "logical_or",
    "bitwise_xor": "logical_xor",
    "invert": "logical_not",
}

#: Ufuncs of integers that are computed as they are for floating-point numbers.
OF_INTEGERS = ("add", "subtract", "multiply", "negative", "absolute", "maximum", "minimum")

#: Ufuncs of vectors and matrices take whole arrays; ``dualak.functions.products`` enters them.
of_arrays: dict[str, Callable[..., Any]] = {}


def register_all() -> None:
    """Enters the ufuncs that the rules know into the registry, for whoever looks them up."""
    numbers = (key for key in RULES if key not in ONLY_IN_RULES and RULES[key].output is None)
    for kind, names in (
        ("differentiable", (*numbers, *OUTPUTS, *of_arrays)),
        ("discrete", (*PREDICATES, *DISCRETE)),
    ):
        register(kind, map(_shown, names), _called)


def _called(ufunc: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return call(ufunc, "__call__", args, kwargs)


#: What a ufunc takes beside arrays of Awkward.
_OPERANDS = (ak.Record, np.ndarray, np.number, np.bool_, bool, int, float, list, tuple)


def call(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``__array_ufunc__`` of arrays and records of duals."""
    name = name_of(ufunc)
    _require_known(ufunc, name, method, kwargs)
    for argument in inputs:
        if isinstance(argument, (complex, np.complexfloating)):
            raise _no_complex(name)
        if isinstance(argument, ak.Array):
            device.require_backend(argument.layout.backend.name)
        elif not isinstance(argument, _OPERANDS):
            raise TypeError(
                f"{_shown(name)}: expected arrays and numbers beside differentiated ones, got "
                f"{type(argument).__name__}"
            )
    if name in DISCRETE and not is_tracing():
        return ufunc(*tree_map(primal_of, inputs))
    if name in of_arrays:
        return of_arrays[name](*inputs)
    inputs = tuple(
        _of_awkward(argument) if isinstance(argument, np.ndarray) else argument
        for argument in inputs
    )
    result = direct(ufunc, name, inputs)
    if result is not None:
        return result
    inputs = tuple(map(for_awkward, inputs))
    cls = ak.Array if any(isinstance(argument, ak.Array) for argument in inputs) else ak.Record
    owner = next(argument for argument in inputs if isinstance(argument, cls))
    behavior = together(inputs)
    if behavior and not any(map(_holds_named, inputs)):
        # Awkward goes through a behavior from end to end, and those of schemas are large.
        inputs = tuple(map(_without_behavior, inputs))
    with reading():
        return tree_map(
            lambda result: _with_behavior(result, behavior),
            wrap(cls.__array_ufunc__(owner, ufunc, method, *inputs)),
        )


def together(inputs: Sequence[Any]) -> Mapping[Any, Any] | None:
    """The behavior of what is made of several arrays: that of the first wins, as in Awkward."""
    found: Mapping[Any, Any] | None = None
    for argument in inputs:
        other = argument.behavior if isinstance(argument, (ak.Array, ak.Record)) else None
        if other is not None and other is not found:
            found = other if found is None else {**other, **found}
    return found


def _holds_named(argument: Any) -> bool:
    """Whether there are records in an argument that have a behavior of their own."""
    if not isinstance(argument, (ak.Array, ak.Record)):
        return False
    return not {DUAL, HOLDER}.issuperset(names_of_records(layout_of(argument)))


def _without_behavior(argument: Any) -> Any:
    if isinstance(argument, ak.Array) and argument.behavior is not None:
        return ak.Array(argument.layout, attrs=argument.attrs)
    return argument


def _with_behavior(result: Any, behavior: Mapping[Any, Any] | None) -> Any:
    if isinstance(result, ak.Array) and result.behavior is not behavior:
        return ak.Array(result.layout, behavior=behavior, attrs=result.attrs)
    return result


def _of_awkward(array: Any) -> Any:
    """An array of NumPy as one of Awkward, or as a number if it has no dimensions."""
    return ak.Array(array) if array.ndim else array[()]


def as_duals(array: ak.Array) -> Any:
    """The numbers of an array as duals without a tangent."""

    def leaf(content: Content) -> Content:
        if content.is_numpy and content.data.dtype.kind == "b":
            content = ak.values_astype(content, np.int8, highlevel=False)
        return constant_dual(content) if content.is_numpy else content

    return ak.Array(rebuilt(array.layout, leaf), behavior=array.behavior, attrs=array.attrs)


def name_of(ufunc: Any) -> str:
    """The name by which the rules know a ufunc; another's ufunc of the same name has no such."""
    if ufunc is select:
        return "select"
    name = ufunc.__name__
    if name in OF_BOOLEANS and is_tracing():
        return OF_BOOLEANS[name]
    return name if getattr(np, name, None) is ufunc else f"{library_of(ufunc) or 'unknown'}.{name}"


def known(name: str) -> bool:
    """Whether duals may be given to the ufunc of this name."""
    return any(name in table for table in (RULES, OUTPUTS, PREDICATES, DISCRETE, of_arrays))


def _require_known(ufunc: Any, name: str, method: str, kwargs: dict[str, Any]) -> None:
    if method != "__call__" or kwargs:
        how = f".{method}" if method != "__call__" else f" with {', '.join(sorted(kwargs))}"
        raise NotDifferentiableError(
            f"{_shown(name)}{how} is refused on a differentiated array; use x = {_shown(name)}"
            "(...) without further arguments (x + 1, not x += 1), or a reducer such as ak.sum"
        )
    if not (ufunc is select or known(name)):
        raise NotDifferentiableError(
            f"the ufunc {_shown(name)} is refused on a differentiated array: {_why_not(name)} or, "
            "if its result may be treated as a constant, call it on dualak.primal(array)"
        )


def _why_not(name: str) -> str:
    entry = functions().get(_shown(name))
    if entry is not None:
        return entry.why
    return "it has no rule for derivatives; give it one with dualak.custom_jvp"


def _shown(name: str) -> str:
    """What a user calls the ufunc."""
    return name.removeprefix("unknown.") if "." in name else f"np.{name}"


def number_of_scalar(record: Any) -> Number:
    """The number of a differentiated scalar, which fits any length."""
    array, at = record.layout.array, record.layout.at
    return linear.scalar(linear.part(number_of(array), at, at + 1))


def direct(ufunc: Any, name: str, inputs: Sequence[Any]) -> Any:
    """The result where the lists of all arrays match; None if Awkward has to broadcast."""
    found = aligned(
        [number_of_scalar(argument) if is_scalar(argument) else argument for argument in inputs]
    )
    if found is None:
        return None
    numbers = operate(ufunc, name, found.leaves, list(map(_is_weak_scalar, inputs)))
    if found.lists is None:
        results = [ak.Array(_layout_of(number, 1))[0] for number in numbers]
        return results[0] if len(results) == 1 else tuple(results)
    first = next(argument for argument in inputs if isinstance(argument, ak.Array))
    layouts = [found.in_lists(_layout_of(number, found.length)) for number in numbers]
    behavior = together(inputs)
    arrays = [ak.Array(layout, behavior=behavior, attrs=first.attrs) for layout in layouts]
    return arrays[0] if len(arrays) == 1 else tuple(arrays)


# -- at the leaves --------------------------------------------------------------------------------


def overload(ufunc: Any, method: str, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """What Awkward calls for a ufunc as soon as one input is a dual."""
    name = name_of(ufunc)
    leaves = [_leaf(argument) for argument in inputs]
    if any(leaf is None for leaf in leaves):
        return NotImplemented
    _require_known(ufunc, name, method, kwargs)
    if name in DISCRETE and not is_tracing():
        return ufunc(*(primal_of(argument) for argument in inputs))
    length = next(len(argument) for argument in inputs if isinstance(argument, ak.Array))
    numbers = operate(ufunc, name, leaves, list(map(_is_weak_scalar, inputs)))
    results = [ak.Array(_layout_of(number, length)) for number in numbers]
    return results[0] if len(results) == 1 else tuple(results)


def _is_weak_scalar(argument: Any) -> bool:
    return isinstance(argument, ak.Record) and is_weak(argument)


def _leaf(argument: Any) -> Any:
    """A dual's number, a plain layout, or a scalar; None if there are lists to go."""
    if is_scalar(argument):
        return number_of_scalar(argument)
    if not isinstance(argument, ak.Array):
        return argument
    layout = argument.layout
    if is_dual(layout):
        return number_of(layout)
    if layout.is_unknown:
        return ak.contents.NumpyArray(np.empty(0))
    if layout.is_numpy and layout.inner_shape == ():
        return layout
    if layout.is_indexed and not layout.is_option and not layout.content.is_list:
        return _indexed_leaf(layout)
    return None


def _indexed_leaf(layout: Content) -> Any:
    if not is_dual(layout.content):
        return layout.project() if layout.content.is_numpy else None
    index = graph_in_use().buffer(layout.index.data, np.int64)
    return linear.take(number_of(layout.content), index)


ak.behavior[np.ufunc, DUAL] = overload


# -- values and tangents --------------------------------------------------------------------------


def operate(ufunc: Any, name: str, leaves: Sequence[Any], weak: Sequence[bool]) -> list[Number]:
    """The numbers that a ufunc gives: leaves are numbers, layouts, or scalars.

    ``weak`` says which of them stand for a number of Python.
    """
    leaves = [
        number_of(leaf) if isinstance(leaf, ak.contents.RecordArray) else leaf for leaf in leaves
    ]
    types = [float if light else _type(leaf) for leaf, light in zip(leaves, weak, strict=True)]
    if name == "select":
        if any(np.dtype(dtype).kind == "c" for dtype in types):
            raise _no_complex("where")
        into = (np.dtype(np.bool_), *[np.result_type(*types[1:])] * 2)
        return [calculus.select(*map(_cast, leaves, into))]
    if name in DISCRETE:
        return [_logical(ufunc, name, leaves, types)]
    dtypes = _resolved(ufunc, tuple(types))
    if name not in PREDICATES and not any(dtype.kind == "f" for dtype in dtypes):
        return [_of_integers(name, leaves, dtypes)]
    into = tuple(_computed_in(dtype, dtypes) for dtype in dtypes[: len(leaves)])
    args = list(map(_cast, leaves, into))
    if name in OUTPUTS:
        rules_and_types = zip(OUTPUTS[name], dtypes[len(leaves) :], strict=True)
        return [_output(rule, args, dtype) for rule, dtype in rules_and_types]
    try:
        return [calculus.apply(name, *args)]
    except UnknownPartialError as error:
        raise NotDifferentiableError(str(error)) from None


def _logical(ufunc: Any, name: str, leaves: Sequence[Any], types: Sequence[Any]) -> Number:
    """A logical operation on numbers that a recording does not know."""
    if ufunc.__name__ in OF_BOOLEANS and any(dtype not in (bool, np.bool_) for dtype in types):
        raise NotDifferentiableError(
            f"np.{ufunc.__name__} is refused on a differentiated array: it is defined for integers "
            f"and booleans, got {[str(np.dtype(dtype)) for dtype in types]}"
        )
    return calculus.apply(name, *map(_truth, leaves, types))


def _truth(leaf: Any, dtype: Any) -> Number:
    """Whether numbers are not zero."""
    if np.dtype(dtype).kind == "b":
        return _cast(leaf, np.dtype(np.bool_))
    number = calculus.primal(_cast(leaf, np.dtype(dtype)))
    return calculus.apply("not_equal", number, number.graph.constant(0, number.dtype))


def _of_integers(name: str, leaves: Sequence[Any], dtypes: Sequence[np.dtype[Any]]) -> Number:
    """A ufunc of integers that a recording does not know."""
    if name not in OF_INTEGERS or any(dtype.kind == "b" for dtype in dtypes):
        raise NotDifferentiableError(
            f"{_shown(name)} is refused on {dtypes[0]} whose numbers are not known here; make "
            "floating-point numbers of them first, with ak.values_astype(x, np.float64)"
        )
    return calculus.apply(name, *map(_cast, leaves, dtypes))


def _computed_in(dtype: np.dtype[Any], into: Sequence[np.dtype[Any]]) -> np.dtype[Any]:
    """Integers that an operation takes beside numbers, as in ldexp, become numbers too."""
    return (
        dtype
        if dtype.kind == "f"
        else next((candidate for candidate in into if candidate.kind == "f"), dtype)
    )


def _no_complex(name: str) -> TypeError:
    return TypeError(f"{_shown(name)}: {NO_COMPLEX}")


@cache
def _resolved(ufunc: Any, types: tuple[Any, ...]) -> tuple[np.dtype[Any], ...]:
    dtypes = ufunc.resolve_dtypes((*types, *(None,) * ufunc.nout))
    name = name_of(ufunc)
    if any(dtype.kind == "c" for dtype in dtypes):
        raise _no_complex(name)
    if any(dtype.kind in "mM" for dtype in dtypes):
        raise TypeError(
            f"{_shown(name)}: dates and times are not differentiated, got {dtypes[0]} beside "
            f"{dtypes[1]}; divide them by a unit first, as in t / np.timedelta64(1, 's')"
        )
    if any(dtype.kind == "f" and dtype.itemsize > 8 for dtype in dtypes):
        raise TypeError(f"{_shown(name)}: {NO_LONG_DOUBLES}")
    return tuple(np.dtype(np.float32) if dtype == np.float16 else dtype for dtype in dtypes)


def _type(leaf: Any) -> Any:
    if isinstance(leaf, (Dual, Node)):
        return leaf.dtype
    if isinstance(leaf, (bool, int, float)) and not isinstance(leaf, np.generic):
        return np.dtype(bool) if isinstance(leaf, bool) else type(leaf)
    return leaf.data.dtype if isinstance(leaf, ak.contents.NumpyArray) else np.asarray(leaf).dtype


def _cast(leaf: Any, dtype: np.dtype[Any]) -> Number:
    """The leaf as a number of a dtype."""
    if isinstance(leaf, (Dual, Node)):
        return linear.cast(leaf, dtype)
    graph = graph_in_use()
    if isinstance(leaf, ak.contents.NumpyArray):
        return graph.cast(node_of(leaf), dtype)
    return graph.constant(leaf, dtype)


def _output(rule: Rule, args: Sequence[Number], dtype: np.dtype[Any]) -> Number:
    """One output of a ufunc that has several; one of integers has no tangent."""
    return linear.cast(calculus.called(rule, *args), dtype)


def _layout_of(number: Number, length: int) -> Content:
    if number.dtype.kind == "f" or stands_for_others(calculus.primal(number)):
        return dual(linear.spread(number, length))
    return plain(calculus.primal(number), length)
