"""Ufuncs of duals: one node for the value and, from the table of rules, one for the tangent.

Awkward broadcasts, and calls ``overload`` when it has come down to the leaves.  Arrays that lie in
the very same lists need no broadcasting: they are taken apart and put together here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import awkward as ak
import numpy as np

from dualak import device
from dualak.arrays import deep, is_scalar, undualled, wrap
from dualak.duals import (
    DUAL,
    Content,
    dual,
    graph_in_use,
    holds_duals,
    is_dual,
    node_of,
    nodes_of,
    plain,
    reading,
    rebuilt,
)
from dualak.functions.registry import NotDifferentiableError, functions, register
from dualak.graph import Graph, Node
from dualak.layouts import constant_dual, lists_and_content, same_lists
from dualak.libraries import library_of
from dualak.rules import OUTPUTS, PREDICATES, RULES, Rule, UnknownPartialError

#: ``where`` as an elementwise operation, so that Awkward broadcasts it like any other.
select = np.frompyfunc(lambda condition, x, y: x if condition else y, 3, 1)

#: Ufuncs that are computed by NumPy on the values, because they have no tangent.
DISCRETE = ("logical_and", "logical_or", "logical_xor", "logical_not")

#: What expressions of the rules call, but is no ufunc of a library.
ONLY_IN_RULES: tuple[str, ...] = ("exponent", "scipy.special.zeta", "scipy.special.gamma_density")
ONLY_IN_RULES += ("scipy.special.beta_density", "scipy.special.student_density")

#: Ufuncs of vectors and matrices take whole arrays; ``dualak.functions.products`` enters them.
of_arrays: dict[str, Callable[..., Any]] = {}

Pair = tuple[Node, Node | None]


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


def call(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``__array_ufunc__`` of arrays and records of duals."""
    name = name_of(ufunc)
    _require_known(ufunc, name, method, kwargs)
    for one in inputs:
        if isinstance(one, ak.Array):
            device.require_backend(one.layout.backend.name)
    if name in DISCRETE:
        return ufunc(*deep(undualled, inputs))
    if name in of_arrays:
        return of_arrays[name](*inputs)
    inputs = tuple(_of_awkward(one) if isinstance(one, np.ndarray) else one for one in inputs)
    result = direct(ufunc, name, inputs)
    if result is not None:
        return result
    cls = ak.Array if any(isinstance(one, ak.Array) for one in inputs) else ak.Record
    owner = next(one for one in inputs if isinstance(one, cls))
    with reading():
        return wrap(cls.__array_ufunc__(owner, ufunc, method, *_beside(inputs)))


def _of_awkward(array: Any) -> Any:
    """An array of NumPy as one of Awkward, or as a number if it has no dimensions."""
    return ak.Array(array) if array.ndim else array[()]


class _Number(float):
    """A dual scalar that Awkward broadcasts as it does a number, because it takes it for one."""

    pair: Pair


def _beside(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Dual scalars as numbers beside arrays of duals, at whose leaves Awkward calls us."""
    if not any(map(is_scalar, inputs)):
        return inputs
    if not any(isinstance(one, ak.Array) and holds_duals(one.layout) for one in inputs):
        inputs = tuple(_as_duals(one) if isinstance(one, ak.Array) else one for one in inputs)
    return tuple(_as_number(one) if is_scalar(one) else one for one in inputs)


def _as_duals(array: ak.Array) -> Any:
    """The numbers of an array as duals without a tangent."""

    def leaf(one: Content) -> Content:
        if one.is_numpy and one.data.dtype.kind == "b":
            one = ak.values_astype(one, np.int8, highlevel=False)
        return constant_dual(one) if one.is_numpy else one

    return ak.Array(rebuilt(array.layout, leaf), behavior=array.behavior, attrs=array.attrs)


def _as_number(scalar: Any) -> _Number:
    number = _Number("nan")
    number.pair = _scalar_pair(scalar)
    return number


def name_of(ufunc: Any) -> str:
    """The name by which the rules know a ufunc; another's ufunc of the same name has no such."""
    if ufunc is select:
        return "select"
    name = ufunc.__name__
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


# -- arrays in the same lists ---------------------------------------------------------------------


def direct(ufunc: Any, name: str, inputs: tuple[Any, ...]) -> Any:
    """The result where all arrays lie in the very same lists; None if Awkward has to broadcast."""
    lists: list[Content] | None = None
    leaves: list[Any] = []
    for one in inputs:
        if isinstance(one, ak.Array):
            found, leaf = _lists_and_leaf(one.layout)
            if leaf is None or not (lists is None or same_lists(found, lists)):
                return None
            if not found and leaf.length != _length(inputs):
                return None
            lists = found
            leaves.append(leaf)
        elif is_scalar(one):
            leaves.append(_scalar_pair(one))
        elif isinstance(one, (bool, int, float, np.generic)):
            leaves.append(one)
        else:
            return None
    if not any(isinstance(leaf, (tuple, ak.contents.RecordArray)) for leaf in leaves):
        return None
    results = operate(ufunc, name, leaves)
    if lists is None:
        arrays = [ak.Array(_layout_of(pair, 1, name))[0] for pair in results]
    else:
        arrays = [_in_lists(lists, pair, name, inputs) for pair in results]
    return arrays[0] if len(arrays) == 1 else tuple(arrays)


def _lists_and_leaf(layout: Content) -> tuple[list[Content], Any]:
    """The list layouts above a dual or a number, outermost first, and the leaf if it is one."""
    lists, content = lists_and_content(layout)
    if is_dual(content):
        return lists, content
    plain_numbers = content.is_numpy and content.inner_shape == () and not content.parameters
    return lists, content if plain_numbers else None


def _in_lists(lists: Sequence[Content], pair: Pair, name: str, inputs: Sequence[Any]) -> Any:
    length = int(lists[-1].offsets[-1]) if lists else _length(inputs)
    layout = _layout_of(pair, length, name)
    for one in reversed(lists):
        layout = ak.contents.ListOffsetArray(one.offsets, layout)
    first = next(one for one in inputs if isinstance(one, ak.Array))
    return ak.Array(layout, behavior=first.behavior, attrs=first.attrs)


def _length(inputs: Sequence[Any]) -> int:
    return next(len(one) for one in inputs if isinstance(one, ak.Array))


def _scalar_pair(record: Any) -> Pair:
    graph = graph_in_use()
    array, at = record.layout.array, record.layout.at
    value, tangent = nodes_of(array)
    if array.length != 1:
        index = graph.buffer(np.array([at]))
        value = graph.take(value, index)
        tangent = None if tangent is None else graph.take(tangent, index)
    return graph.scalar(value), None if tangent is None else graph.scalar(tangent)


# -- at the leaves --------------------------------------------------------------------------------


def overload(ufunc: Any, method: str, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """What Awkward calls for a ufunc as soon as one input is a dual."""
    name = name_of(ufunc)
    leaves = [_leaf(one) for one in inputs]
    if any(leaf is None for leaf in leaves):
        return NotImplemented
    _require_known(ufunc, name, method, kwargs)
    if name in DISCRETE:
        return ufunc(*(undualled(one) for one in inputs))
    length = _length(inputs)
    results = [ak.Array(_layout_of(pair, length, name)) for pair in operate(ufunc, name, leaves)]
    return results[0] if len(results) == 1 else tuple(results)


def _leaf(one: Any) -> Any:
    """A dual's pair of nodes, a plain layout, or a scalar; None if there are lists to go."""
    if isinstance(one, _Number):
        return one.pair
    if not isinstance(one, ak.Array):
        return one
    layout = one.layout
    if is_dual(layout):
        return nodes_of(layout)
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
    graph = graph_in_use()
    index = graph.buffer(layout.index.data, np.int64)
    value, tangent = nodes_of(layout.content)
    return graph.take(value, index), None if tangent is None else graph.take(tangent, index)


ak.behavior[np.ufunc, DUAL] = overload


# -- values and tangents --------------------------------------------------------------------------


def operate(ufunc: Any, name: str, leaves: Sequence[Any]) -> list[Pair]:
    """The pairs of nodes that a ufunc gives: leaves are pairs, layouts of numbers, or scalars."""
    graph = graph_in_use()
    leaves = [
        nodes_of(leaf) if isinstance(leaf, ak.contents.RecordArray) else leaf for leaf in leaves
    ]
    types = [_type(leaf) for leaf in leaves]
    if name == "select":
        return [_selected(graph, leaves, np.result_type(*types[1:]))]
    dtypes = _resolved(ufunc, tuple(types))
    into = [_computed_in(dtype, dtypes) for dtype in dtypes[: len(leaves)]]
    pairs = [_cast(graph, leaf, dtype) for leaf, dtype in zip(leaves, into, strict=True)]
    args = [value for value, _ in pairs]
    tangents = [tangent for _, tangent in pairs]
    if name in OUTPUTS:
        rules_and_types = zip(OUTPUTS[name], dtypes[len(leaves) :], strict=True)
        return [_output(graph, rule, args, tangents, dtype) for rule, dtype in rules_and_types]
    value = graph.apply(name, *args)
    if name in PREDICATES:
        return [(value, None)]
    try:
        return [(value, graph.tangent(RULES[name], args, tangents, value))]
    except UnknownPartialError as error:
        raise NotDifferentiableError(str(error)) from None


def _computed_in(dtype: np.dtype[Any], into: Sequence[np.dtype[Any]]) -> np.dtype[Any]:
    """Integers that an operation takes beside numbers, as in ldexp, become numbers too."""
    return dtype if dtype.kind == "f" else next(one for one in into if one.kind == "f")


@cache
def _resolved(ufunc: Any, types: tuple[Any, ...]) -> tuple[np.dtype[Any], ...]:
    dtypes = ufunc.resolve_dtypes((*types, *(None,) * ufunc.nout))
    if any(dtype.kind == "c" for dtype in dtypes):
        name = _shown(name_of(ufunc))
        raise TypeError(f"{name}: complex numbers are not differentiated by dualak")
    return tuple(np.dtype(np.float32) if dtype == np.float16 else dtype for dtype in dtypes)


def _type(leaf: Any) -> Any:
    if isinstance(leaf, tuple):
        return leaf[0].dtype
    if isinstance(leaf, (bool, int, float)) and not isinstance(leaf, np.generic):
        return np.dtype(bool) if isinstance(leaf, bool) else type(leaf)
    return leaf.data.dtype if isinstance(leaf, ak.contents.NumpyArray) else np.asarray(leaf).dtype


def _cast(graph: Graph, leaf: Any, dtype: np.dtype[Any]) -> Pair:
    """The leaf as nodes of a dtype."""
    if isinstance(leaf, tuple):
        value, tangent = leaf
        return graph.cast(value, dtype), None if tangent is None else graph.cast(tangent, dtype)
    if isinstance(leaf, ak.contents.NumpyArray):
        node = node_of(leaf)
        assert node is not None
        return graph.cast(node, dtype), None
    return graph.constant(leaf, dtype), None


def _selected(graph: Graph, leaves: Sequence[Any], dtype: np.dtype[Any]) -> Pair:
    condition, _ = _cast(graph, leaves[0], np.dtype(np.bool_))
    (x, dx), (y, dy) = (_cast(graph, leaf, dtype) for leaf in leaves[1:])
    value = graph.apply("select", condition, x, y)
    if dx is None and dy is None:
        return value, None
    zero = graph.constant(0.0, dtype)
    return value, graph.apply("select", condition, dx or zero, dy or zero)


def _output(
    graph: Graph,
    rule: Rule,
    args: Sequence[Node],
    tangents: Sequence[Node | None],
    dtype: np.dtype[Any],
) -> Pair:
    """One output of a ufunc that has several; one of integers has no tangent."""
    value = graph.evaluate(rule.value, args) if rule.value else graph.apply(rule.key, *args)
    if dtype.kind != "f":
        return graph.cast(value, dtype), None
    return value, graph.tangent(rule, args, tangents, value)


def _layout_of(pair: Pair, length: int, name: str) -> Content:
    value, tangent = pair
    if value.dtype.kind != "f":
        return plain(value, length)
    value = value.graph.spread(value, length)
    return dual(value, tangent)
