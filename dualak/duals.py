"""Duals in Awkward Arrays: a leaf that is differentiated is a record of a value and a tangent.

The columns of such a record are lazy buffers over nodes of the graph, so Awkward may slice, zip,
mask and combine duals as it does any record, without a number being computed.  ``rebuilt`` walks a
layout and replaces its leaves.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import awkward as ak
import numpy as np

from dualak import device, schedule
from dualak.graph import Graph, Node

#: The name of the record that stands for a number, and of a nameless record that holds such.
DUAL = "dual"
HOLDER = "record[dual]"

Content = Any

current_graph: ContextVar[Graph | None] = ContextVar("current_graph", default=None)


def graph_in_use() -> Graph:
    """The graph of the transformation that is running.

    Raises:
        RuntimeError: outside of one: a dual was kept after its function had returned.
    """
    graph = current_graph.get()
    if graph is None:
        raise RuntimeError(
            "expected to be inside a function given to dualak.jvp, got a dual that was kept after "
            "it returned; return it from the function instead"
        )
    return graph


class EscapeError(TypeError):
    """Something asked a dual for a plain number, which would lose its tangent."""


_reading: ContextVar[bool] = ContextVar("reading", default=False)


@contextmanager
def reading() -> Iterator[None]:
    """Lets Awkward read the columns of duals, for a function that keeps them together.

    Anywhere else a column that is asked for its numbers raises: whatever asks, knows nothing of
    tangents.
    """
    token = _reading.set(True)
    try:
        yield
    finally:
        _reading.reset(token)


_FOREIGN = (
    "expected duals of the jvp call that is running, got one of another call: a dual may not be "
    "kept for a later call, and jvp inside jvp is not supported yet; take dualak.primal(array) "
    "outside if it is meant to be constant"
)


# -- columns --------------------------------------------------------------------------------------


class _Column:
    """One lazy buffer of a dual: computes its node, and its partner with it, when asked."""

    def __init__(
        self,
        graph: Graph,
        node: Node | None,
        dtype: np.dtype[Any],
        length: int,
        guarded: bool = False,
    ) -> None:
        self.graph = graph
        self.node = node
        self.guarded = guarded
        self.dtype = dtype
        self.length = length
        self.partners: tuple[Node, ...] = ()
        self.zeros: device.Buffer | None = None
        self.array: Callable[[], Any] = lambda: None

    def __call__(self) -> device.Buffer:
        if self.guarded and current_graph.get() is not self.graph:
            raise ValueError(_FOREIGN)
        if self.guarded and not _reading.get():
            raise EscapeError(
                "expected a function of the registry (dualak.functions()), got one that reads "
                "differentiated numbers past it and would lose their tangents; give it "
                "dualak.primal(array) if its result is meant to be constant"
            )
        if self.node is None:
            # Awkward keeps an address, not the array: the column has to hold what it hands out.
            if self.zeros is None:
                self.zeros = np.zeros(self.length, self.dtype)
            return self.zeros
        schedule.compute(self.partners)
        assert self.node.data is not None
        return self.node.data


#: The columns by the identity of the virtual buffers that Awkward made for them.
_columns: weakref.WeakValueDictionary[int, _Column] = weakref.WeakValueDictionary()


def _form(*fields: str, dtype: np.dtype[Any], parameters: dict[str, Any]) -> ak.forms.Form:
    leaves = [ak.forms.NumpyForm(dtype.name, form_key=field) for field in fields]
    return ak.forms.RecordForm(leaves, fields, parameters=parameters)


_FORMS = {
    dtype: _form("value", "tangent", dtype=dtype, parameters={"__record__": DUAL})
    for dtype in map(np.dtype, ("float32", "float64"))
}


class _Container:
    """Hands each column to ``ak.from_buffers`` under the key of its form."""

    def __init__(self, columns: Mapping[str, _Column]) -> None:
        self.columns = columns

    def __getitem__(self, key: str) -> _Column:
        return self.columns[key.removesuffix("-data")]


def _from_columns(form: ak.forms.Form, length: int, columns: dict[str, _Column]) -> Content:
    nodes = tuple(column.node for column in columns.values() if column.node is not None)
    guarded = any(column.guarded for column in columns.values())
    layout = ak.from_buffers(
        form,
        length,
        _Container(columns),
        highlevel=False,
        # A guarded column is asked each time; what is derived from another one keeps its bytes.
        enable_virtualarray_caching=not guarded,
    )
    leaves = layout.contents if layout.is_record else [layout]
    for column, leaf in zip(columns.values(), leaves, strict=True):
        column.partners = nodes
        column.array = weakref.ref(leaf.data)
        _columns[id(leaf.data)] = column
    return layout


def _column(data: Any) -> _Column | None:
    """The column that is this very buffer, not a slice of it or another of the same address."""
    column = _columns.get(id(data))
    return column if column is not None and column.array() is data else None


def dual(value: Node, tangent: Node | None) -> Content:
    """The layout of a dual: ``value`` and ``tangent`` are nodes of one length and dtype."""
    length = 1 if value.length is None else value.length
    value = value.graph.spread(value, length)
    tangent = None if tangent is None else value.graph.spread(tangent, length)
    pair = {
        name: _Column(value.graph, node, value.dtype, length, guarded=True)
        for name, node in zip(("value", "tangent"), (value, tangent), strict=True)
    }
    return _from_columns(_FORMS[value.dtype], length, pair)


def plain(node: Node, length: int) -> Content:
    """The layout of a lazy buffer that has no tangent, such as the result of a comparison."""
    column = _Column(node.graph, node.graph.spread(node, length), node.dtype, length)
    form = ak.forms.NumpyForm(node.dtype.name, form_key="value")
    return _from_columns(form, length, {"value": column})


def node_of(leaf: Content) -> Node | None:
    """The node of a one-dimensional NumpyArray, or of an index into one; None for a zero tangent.

    A lazy buffer is known by its identity; a slice of it, or another one, is read as it is.
    """
    if leaf.is_indexed:
        source = node_of(leaf.content)
        index = graph_in_use().buffer(leaf.index.data, np.int64)
        return None if source is None else graph_in_use().take(source, index)
    data = leaf.data
    column = _column(data)
    graph = graph_in_use()
    if column is not None and column.graph is graph:
        return column.node
    with reading():
        return graph.buffer(data)


def is_column(leaf: Content) -> bool:
    """Whether a leaf is one of our lazy buffers, whole, and not one that Awkward has merged."""
    return leaf.is_numpy and _column(leaf.data) is not None


def nodes_of(layout: Content) -> tuple[Node, Node | None]:
    """The nodes of the value and the tangent of a dual's layout."""
    graph = graph_in_use()
    value, tangent = (node_of(leaf) for leaf in layout.contents)
    assert value is not None
    return part_of_node(graph, value, 0, layout.length), part_of_node(
        graph, tangent, 0, layout.length
    )


def part_of_node(graph: Graph, node: Node | None, start: int, stop: int) -> Any:
    if node is None or (start == 0 and stop == node.length):
        return node
    if node.data is not None:
        return graph.buffer(node.data[start:stop])
    return graph.take(node, graph.buffer(np.arange(start, stop)))


# -- layouts --------------------------------------------------------------------------------------


def is_dual(layout: Content) -> bool:
    """Whether the layout is the record of a dual itself."""
    return layout.is_record and layout.parameter("__record__") == DUAL


def children(layout: Content) -> Sequence[Content]:
    """The layouts right below this one."""
    if layout.is_record or layout.is_union:
        return layout.contents
    return () if layout.is_numpy or layout.is_unknown else (layout.content,)


def is_text(layout: Content) -> bool:
    """Whether the layout is of strings or categories, which stay whole."""
    return layout.parameter("__array__") in ("string", "bytestring", "categorical")


def holds_duals(layout: Content) -> bool:
    """Whether there is a dual anywhere in the layout."""
    return is_dual(layout) or any(map(holds_duals, children(layout)))


def holds_records(layout: Content) -> bool:
    """Whether there is a record in the layout that is not a dual itself."""
    return not is_dual(layout) and (layout.is_record or any(map(holds_records, children(layout))))


def duals_in(layout: Content) -> Iterator[Content]:
    """All duals of a layout."""
    if is_dual(layout):
        yield layout
    else:
        for child in children(layout):
            yield from duals_in(child)


def rebuilt(layout: Content, leaf: Callable[[Content], Content]) -> Content:
    """The layout with ``leaf`` applied to duals, numbers and strings; nameless where we named.

    What ``leaf`` returns must have the length of what it got.
    """
    if is_dual(layout) or layout.is_numpy or layout.is_unknown or is_text(layout):
        return leaf(layout)
    if layout.is_record:
        contents = [rebuilt(content, leaf) for content in layout.contents]
        return record_like(layout, contents, layout.length, named=False)
    if layout.is_union:
        contents = [rebuilt(content, leaf) for content in layout.contents]
        return ak.contents.UnionArray.simplified(
            layout.tags, layout.index, contents, parameters=layout.parameters
        )
    if layout.is_indexed or layout.is_option:
        content = rebuilt(layout.content, leaf)
        return simplified_like(layout, content)
    return layout.copy(content=rebuilt(layout.content, leaf))


def simplified_like(layout: Content, content: Content) -> Content:
    """The option or indexed layout over another content, which may be of such a kind itself."""
    if layout.is_option:
        layout = layout.to_IndexedOptionArray64()
    return type(layout).simplified(layout.index, content, parameters=layout.parameters)


def record_like(
    layout: Content, contents: Sequence[Content], length: int, named: bool = True
) -> Content:
    parameters = dict(layout.parameters)
    if named and "__record__" not in parameters and any(map(holds_duals, contents)):
        parameters["__record__"] = HOLDER
    if not named and parameters.get("__record__") == HOLDER:
        del parameters["__record__"]
    fields = None if layout.is_tuple else layout.fields
    return ak.contents.RecordArray(list(contents), fields, length, parameters=parameters)


def values(layout: Content) -> Content:
    """The layout of the values alone: a plain array, lazy as far as the duals were."""
    return rebuilt(layout, lambda leaf: plain_value(leaf) if is_dual(leaf) else leaf)


def computed_values(layout: Content) -> Content:
    """The layout of the values alone, with buffers in memory."""

    def leaf(one: Content) -> Content:
        if not is_dual(one):
            return one
        node, _ = nodes_of(one)
        schedule.compute([node])
        return ak.contents.NumpyArray(node.data)

    return rebuilt(layout, leaf)


def plain_value(layout: Content) -> Content:
    """The value of a dual as a lazy NumpyArray."""
    return plain(nodes_of(layout)[0], layout.length)
