"""Arrays and records of duals in compiled code: Awkward's own views, whose leaves are duals.

A compiled function gets an array of duals as a plain array in which each dual is a row of numbers.
Awkward's compiled views read it, and by their public behaviors such a row is a ``DualType``.  The
types here pass everything on to those views; they are there so that what a function hands back is
an array of duals again.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from functools import cache
from typing import Any

import awkward as ak
from numba.core import cgutils, types, typing
from numba.core.imputils import RefType, call_iternext, iternext_impl
from numba.core.typing.templates import (
    AbstractTemplate,
    AttributeTemplate,
    infer,
    infer_getattr,
    infer_global,
)
from numba.extending import (
    NativeValue,
    box,
    lower_builtin,
    lower_cast,
    lower_getattr_generic,
    models,
    register_model,
    unbox,
)

from dualak.arrays.columns import number_of
from dualak.arrays.highlevel import hooks, is_scalar, layout_of
from dualak.arrays.layouts import duals_in
from dualak.njit import rows
from dualak.njit.readable import ROW, returned
from dualak.njit.types import DualType, digest, filled, flattened

# -- types ----------------------------------------------------------------------------------------


class ViewType(types.IterableType, types.Sized):
    """An array of duals: a view of Awkward's over rows of numbers, which is ``inner``."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        super().__init__(name=f"differentiated({inner.name})")

    @property
    def key(self) -> Any:
        """What tells types apart, also those of another version in a cache on disk."""
        return self.name, digest()

    @property
    def iterator_type(self) -> Any:
        """What a ``for`` loop goes through."""
        return IteratorType(self.inner.iterator_type)


class RecordType(types.Type):
    """A record that holds duals: a view of Awkward's, which is ``inner``."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        super().__init__(name=f"differentiated({inner.name})")

    @property
    def key(self) -> Any:
        """What tells types apart, also those of another version in a cache on disk."""
        return self.name, digest()


class IteratorType(types.SimpleIteratorType):
    """What goes through an array of duals."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        super().__init__(f"differentiated({inner.name})", wrapped(inner.yield_type))


@register_model(ViewType)
@register_model(RecordType)
@register_model(IteratorType)
class _InnerModel(models.ProxyModel):
    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type)
        self._proxied_model = dmm.lookup(fe_type.inner)


@cache
def _view_types() -> tuple[Any, Any]:
    """The classes of Awkward's views of arrays and of records, as its public property tells."""
    array = ak.Array([{"x": 1}])
    return type(array.numba_type), type(array[0].numba_type)


def wrapped(typ: Any) -> Any:
    """Our type for a view that leads to duals; any other type as it is."""
    if isinstance(typ, types.Optional):
        return types.Optional(wrapped(typ.type))
    array, record = _view_types()
    if not isinstance(typ, (array, record)) or f'"__record__": "{ROW}' not in typ.name:
        return typ
    return ViewType(typ) if isinstance(typ, array) else RecordType(typ)


def element_of(context: Any, typ: Any) -> Any:
    """The type of the numbers in an array, of whatever kind, or that of a number itself."""
    array, _ = _view_types()
    while isinstance(
        typ, (types.Array, types.Optional, types.ListType, types.List, ViewType, array)
    ):
        if isinstance(typ, types.Optional):
            typ = typ.type
        elif isinstance(typ, (ViewType, array)):
            found = context.resolve_function_type(operator.getitem, (typ, types.intp), {})
            typ = found.return_type
        else:
            typ = typ.dtype
    return typ


def numbers_of(context: Any, typ: Any) -> Iterator[Any]:
    """The types of all numbers in an array or a record, of whatever kind."""
    element = element_of(context, typ)
    inner = element.inner if isinstance(element, RecordType) else element
    if not isinstance(inner, _view_types()[1]):
        yield element
        return
    for name in inner.arrayviewtype.type.fields or ():
        yield from numbers_of(context, context.resolve_getattr(element, name))


# -- in and out -----------------------------------------------------------------------------------


def require_processor(backend: str) -> None:
    """Refuses arrays whose memory a compiled loop cannot reach.

    Raises:
        TypeError: for a backend that is not the processor's.
    """
    if backend != "cpu":
        raise TypeError(
            f"loops run on the processor, got an array on {backend!r}; move it with ak.to_backend("
            'array, "cpu"), or call a kernel'
        )


#: The type of what has tangents without numbers: nothing is ever compiled for it.
DEFERRED = types.Opaque("differentiated without numbers")


def numba_type(array: Any) -> Any:
    """The type of an array or record of duals that is passed to a compiled function."""
    require_processor(layout_of(array).backend.name)
    if any(rows.is_unknown(number_of(content)) for content in duals_in(layout_of(array))):
        return DEFERRED
    if is_scalar(array):
        rows.compute([number_of(layout_of(array))])
        return rows.type_of(number_of(layout_of(array)))
    for content in duals_in(layout_of(array)):
        number_of(content)  # refuses what was kept from another call, of which a view may be known
    inner = array.compiled_view.numba_type
    return ViewType(inner) if isinstance(array, ak.Array) else RecordType(inner)


hooks.numba_type = numba_type


@unbox(ViewType)
@unbox(RecordType)
def _unbox_view(typ: Any, obj: Any, c: Any) -> Any:
    return _native(c, obj, "compiled_view", typ.inner)


def _native(c: Any, obj: Any, attribute: str, inner: Any) -> Any:
    """An attribute of an object, which holds it, as a value of the type."""
    result = cgutils.alloca_once(c.builder, c.context.get_value_type(inner))
    found = c.pyapi.object_getattr_string(obj, attribute)
    with cgutils.if_likely(c.builder, cgutils.is_not_null(c.builder, found)):
        c.builder.store(c.pyapi.to_native_value(inner, found).value, result)
        c.pyapi.decref(found)
    failed = cgutils.is_not_null(c.builder, c.pyapi.err_occurred())
    return NativeValue(c.builder.load(result), is_error=failed)


@box(ViewType)
@box(RecordType)
def _box_view(typ: Any, val: Any, c: Any) -> Any:
    plain = c.box(typ.inner, val)
    convert = c.pyapi.unserialize(c.pyapi.serialize_object(returned))
    result = c.pyapi.call_function_objargs(convert, (plain,))
    c.pyapi.decref(convert)
    c.pyapi.decref(plain)
    return result


# -- what one does with them ----------------------------------------------------------------------


def _is_view(typ: Any) -> bool:
    return isinstance(typ, (ViewType, RecordType))


@infer_global(operator.getitem)
class _GetItem(AbstractTemplate):
    prefer_literal = True

    def generic(self, args: Any, kws: Any) -> Any:
        if len(args) == 2 and not kws and _is_view(args[0]):
            inner = self.context.resolve_function_type(self.key, (args[0].inner, args[1]), {})
            return typing.signature(wrapped(inner.return_type), args[0], inner.args[1])


@lower_builtin(operator.getitem, ViewType, types.Any)
@lower_builtin(operator.getitem, RecordType, types.Any)
def _lower_getitem(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    view, where = sig.args
    function = context.typing_context.resolve_value_type(operator.getitem)
    inner = function.get_call_type(context.typing_context, (view.inner, where), {})
    return context.get_function(function, inner)(builder, args)


@infer_global(len)
class _Len(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        if len(args) == 1 and not kws and isinstance(args[0], ViewType):
            return typing.signature(types.intp, args[0])


@lower_builtin(len, ViewType)
def _lower_len(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    inner = typing.signature(types.intp, sig.args[0].inner)
    return context.get_function(len, inner)(builder, args)


class _Attribute(AttributeTemplate):
    def generic_resolve(self, view: Any, attr: str) -> Any:
        return wrapped(self.context.resolve_getattr(view.inner, attr))


@infer_getattr
class _ArrayAttribute(_Attribute):
    key = ViewType


@infer_getattr
class _RecordAttribute(_Attribute):
    key = RecordType


@lower_getattr_generic(ViewType)
@lower_getattr_generic(RecordType)
def _lower_getattr(context: Any, builder: Any, typ: Any, val: Any, attr: str) -> Any:
    return context.get_getattr(typ.inner, attr)(context, builder, typ.inner, val, attr)


@lower_cast(ViewType, types.Any)
@lower_cast(RecordType, types.Any)
def _cast_view(context: Any, builder: Any, fromty: Any, toty: Any, val: Any) -> Any:
    """For methods of records, which belong to Awkward's own view."""
    if fromty.inner != toty:
        raise NotImplementedError(f"Cannot cast {fromty} to {toty}")
    return val


@infer
class _GetIter(AbstractTemplate):
    key = "getiter"

    def generic(self, args: Any, kws: Any) -> Any:
        if len(args) == 1 and not kws and isinstance(args[0], ViewType):
            return typing.signature(args[0].iterator_type, args[0])


@lower_builtin("getiter", ViewType)
def _lower_getiter(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    inner = typing.signature(sig.return_type.inner, sig.args[0].inner)
    return context.get_function("getiter", inner)(builder, args)


@lower_builtin("iternext", IteratorType)
@iternext_impl(RefType.BORROWED)
def _lower_iternext(context: Any, builder: Any, sig: Any, args: Any, result: Any) -> None:
    found = call_iternext(context, builder, sig.args[0].inner, args[0])
    valid = found.is_valid()
    result.set_valid(valid)
    with builder.if_then(valid, likely=True):
        result.yield_(found.yielded_value())


# -- scalars --------------------------------------------------------------------------------------


@unbox(DualType)
def _unbox_dual(typ: Any, obj: Any, c: Any) -> Any:
    count = typ.components
    native = _native(c, obj, "compiled_row", types.UniTuple(typ.primal, count))
    numbers = [c.builder.extract_value(native.value, i) for i in range(count)]
    return NativeValue(filled(c.builder, typ, numbers), is_error=native.is_error)


@box(DualType)
def _box_dual(typ: Any, val: Any, c: Any) -> Any:
    numbers = list(flattened(c.builder, typ, val))
    kind = types.UniTuple(typ.primal, typ.components)
    row = c.box(kind, c.context.make_tuple(c.builder, kind, numbers))
    convert = c.pyapi.unserialize(c.pyapi.serialize_object(rows.boxed_scalar))
    name = c.pyapi.unserialize(c.pyapi.serialize_object(typ))
    result = c.pyapi.call_function_objargs(convert, (row, name))
    for reference in (convert, name, row):
        c.pyapi.decref(reference)
    return result


def row_of(scalar: Any) -> tuple[float, ...]:
    """The numbers of a differentiated scalar, for a compiled function."""
    number = number_of(layout_of(scalar))
    rows.compute([number])
    at = scalar.layout.at
    numbers = rows.rows_of(number, layout_of(scalar).length)
    return tuple(numbers[at].tolist())


hooks.compiled_row = row_of
