"""Arrays of duals as plain arrays of rows, which Awkward's compiled views read, and back again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import awkward as ak
import numpy as np
from numba.extending import intrinsic

from dualak.arrays.columns import dual, number_of, reading
from dualak.arrays.highlevel import hooks, layout_of, own_behavior, wrap
from dualak.arrays.layouts import Content, children, duals_in, is_dual, rebuilt
from dualak.njit import rows, vectors
from dualak.njit.types import DualType, filled

#: How the names of records begin that are rows of numbers.
ROW = "dual("

#: The field that holds them.
_NUMBERS = "numbers"

#: The fields of a value with one tangent: buffers that need not be copied into rows.
_PAIR = ["value", "tangent"]

#: The parameter that keeps the name of a record whose name is hidden from libraries.
_RENAMED = "renamed"

_known: dict[str, DualType] = {}


# -- arrays of rows -------------------------------------------------------------------------------


def readable(array: Any) -> Any:
    """The array or record as a plain one, in memory, in which each dual is a row of numbers."""
    layout = layout_of(array)
    with reading():
        rows.compute(number_of(content) for content in duals_in(layout))
        behavior = own_behavior(array.behavior)
        read = _unread(rebuilt(layout, _leaf), {**ak.behavior, **(behavior or {})})
        plain = ak.Array(read, behavior=behavior)
        if not getattr(read, "is_all_materialized", False):
            plain = ak.materialize(plain)
    return plain[array.layout.at] if isinstance(array, ak.Record) else plain


def _leaf(leaf: Content) -> Content:
    if not is_dual(leaf):
        return leaf
    number = number_of(leaf)
    typ = rows.type_of(number)
    if not isinstance(typ, DualType):
        (column,) = rows.columns_of(number, leaf.length)
        return ak.contents.NumpyArray(column)
    _introduce(typ)
    parameters = {"__record__": typ.name}
    if typ.components == len(_PAIR):
        columns = map(ak.contents.NumpyArray, rows.columns_of(number, leaf.length))
        return ak.contents.RecordArray(list(columns), _PAIR, leaf.length, parameters=parameters)
    content = ak.contents.NumpyArray(rows.rows_of(number, leaf.length).reshape(-1))
    regular = ak.contents.RegularArray(content, typ.components, leaf.length)
    return ak.contents.RecordArray([regular], [_NUMBERS], leaf.length, parameters=parameters)


def _unread(layout: Content, known: Mapping[Any, Any]) -> Content:
    """The layout with records that hold duals renamed, if libraries read that name their own way.

    Such ways are made for plain numbers.  Vectors have one of ours; of others, the fields are read.
    """
    below = children(layout)
    read = [_unread(child, known) for child in below]
    if any(part is not other for part, other in zip(read, below, strict=True)):
        several = layout.is_union or layout.is_record
        layout = layout.copy(**({"contents": read} if several else {"content": read[0]}))
    name = layout.parameter("__record__") if layout.is_record else None
    if name is None or name in _known or ("__numba_typer__", name) not in known:
        return layout
    if not _holds_rows(layout):
        return layout
    parameters = {**layout.parameters, _RENAMED: name}
    parameters["__record__"] = vectors.introduce(name, tuple(layout.fields))
    if parameters["__record__"] is None:
        del parameters["__record__"]
    return layout.copy(parameters=parameters)


def _holds_rows(layout: Content) -> bool:
    named = layout.is_record and layout.parameter("__record__") in _known
    return named or any(map(_holds_rows, children(layout)))


def _introduce(typ: DualType) -> None:
    """Tells Awkward how compiled code reads rows of a type."""
    if typ.name not in _known:
        _known[typ.name] = typ
        ak.behavior["__numba_typer__", typ.name] = lambda view: typ
        ak.behavior["__numba_lower__", typ.name] = _reader(typ)


def _reader(typ: DualType) -> Callable[..., Any]:
    @intrinsic
    def load(typingctx: Any, row: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            data = context.make_array(row)(context, builder, args[0]).data
            model = context.data_model_manager[typ]
            pointer = builder.bitcast(data, model.get_data_type().as_pointer())
            align = context.get_abi_alignment(context.get_data_type(typ.primal))
            return model.load_from_data_pointer(builder, pointer, align)

        return typ(row), codegen

    @intrinsic
    def pair(typingctx: Any, value: Any, tangent: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return filled(builder, typ, list(args))

        return typ(value, tangent), codegen

    def read_row(record: Any) -> Any:
        return load(np.asarray(record.numbers))

    def read_pair(record: Any) -> Any:
        return pair(record.value, record.tangent)

    read = read_pair if typ.components == len(_PAIR) else read_row

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return context.compile_internal(builder, read, sig, args)

    return lower


def returned(array: Any) -> Any:
    """An array or record that a compiled function hands back, with duals for rows of numbers."""
    if isinstance(array, ak.Record):
        whole = ak.Array(array.layout.array, behavior=array.behavior, attrs=array.attrs)
        return returned(whole)[array.layout.at]
    layout = _restored(array.layout)
    return wrap(ak.Array(layout, behavior=array.behavior, attrs=array.attrs))


def _restored(layout: Content) -> Content:
    name = layout.parameter("__record__")
    if layout.is_record and name in _known:
        typ, contents = _known[name], layout.to_packed().contents
        if len(contents) == len(_PAIR):
            return dual(rows.number_of_columns([content.data for content in contents], typ))
        numbers = np.asarray(contents[0].content.data).reshape(-1, typ.components)
        return dual(rows.number_from(numbers, typ))
    if layout.is_record or layout.is_union:
        parameters = dict(layout.parameters)
        if _RENAMED in parameters:
            parameters["__record__"] = parameters.pop(_RENAMED)
        contents = [_restored(content) for content in layout.contents]
        return layout.copy(contents=contents, parameters=parameters)
    return layout.copy(content=_restored(layout.content)) if children(layout) else layout


hooks.compiled_view = readable
