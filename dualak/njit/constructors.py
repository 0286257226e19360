"""Arrays that loops write: ``empty``, ``zeros`` and ``full``, of numbers or of duals.

In compiled code their element type is that of an example, or of what is assigned first.  So the
same line makes an array of plain numbers where nothing is differentiated.  An array of duals that
a function returns is an array of duals again.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import awkward as ak
import numpy as np
from numba.core import errors, types, typing
from numba.core.typing.templates import (
    AbstractTemplate,
    AttributeTemplate,
    infer_getattr,
    infer_global,
)
from numba.extending import (
    box,
    lower_builtin,
    models,
    overload,
    overload_classmethod,
    register_model,
)
from numba.np.arrayobj import intrin_alloc, populate_array
from numba.np.numpy_support import as_dtype

from dualak.njit import kernel_buffer, rows
from dualak.njit.interpreted import Dual
from dualak.njit.types import DualType
from dualak.njit.views import element_of, numbers_of

Shape = int | tuple[int, ...]

# -- what one calls -------------------------------------------------------------------------------


def empty(shape: Shape, like: Any = None) -> Any:
    """An array for a loop to fill, uninitialised, of plain numbers or of differentiated ones.

    Made for functions that Numba compiles, in place of ``np.empty``, whose elements are plain
    numbers always.  Such a function returns a NumPy array if nothing is differentiated, else an
    array that goes on into ufuncs and ``ak.*`` functions.

    Args:
        shape: the length, or a tuple of lengths.
        like: a number, an array, or a tuple of such: the elements fit all of these.  Without it
            they are of the type of what is assigned to an element first.

    Returns:
        The array; float64 unless it was told otherwise.

    Raises:
        numba.TypingError: when compiled, for a differentiated number that is assigned to an array
            of plain ones.

    >>> import awkward as ak, numba, dualak
    >>> @numba.njit
    ... def sums(x):
    ...     out = dualak.empty(len(x))
    ...     for i in range(len(x)):
    ...         total = 0.0
    ...         for number in x[i]:
    ...             total += number**2
    ...         out[i] = total
    ...     return out
    >>> x = ak.Array([[1.0, 2.0], [], [3.0]])
    >>> sums(x)
    array([5., 0., 9.])
    >>> dualak.jvp(sums, x, ak.ones_like(x))
    (array([5., 0., 9.]), array([6., 0., 6.]))
    """
    typ = kernel_buffer.joined_type(like)
    return np.empty(shape, _dtype(like)) if typ is None else kernel_buffer.made(shape, typ, np.nan)


def zeros(shape: Shape, like: Any) -> Any:
    """An array of zeros for a loop to add to; its arguments are those of ``dualak.empty``.

    >>> zeros((2, 3), 1.5)
    array([[0., 0., 0.],
           [0., 0., 0.]])
    """
    typ = kernel_buffer.joined_type(like)
    return np.zeros(shape, _dtype(like)) if typ is None else kernel_buffer.made(shape, typ, 0.0)


def full(shape: Shape, value: Any) -> Any:
    """An array that is a number everywhere, which is the example of its elements as well.

    >>> full(3, 0.5)
    array([0.5, 0.5, 0.5])
    """
    if not isinstance(value, (int, float, np.number, np.bool_, np.ndarray, Dual)):
        raise TypeError(f"dualak.full expects a number, got {type(value).__name__}")
    out = zeros(shape, value)
    out[...] = value
    return out


def array(numbers: Any) -> Any:
    """The numbers of a list as an array, for results of which nobody knows how many there will be.

    Made for functions that Numba compiles, in place of ``np.array``.  With counts beside it,
    ``ak.unflatten`` makes lists of it.

    Args:
        numbers: a list of numbers, plain or differentiated; or what a kernel has written, of
            ``dualak.empty(n, like)`` with an example of ``dualak.kernel_buffer``.

    Returns:
        The array, as of ``dualak.empty``; integers and booleans stay what they are.

    >>> import awkward as ak, numba, numpy as np, dualak
    >>> @numba.njit
    ... def differences(x):
    ...     found, counts = [], np.zeros(len(x), np.int64)
    ...     for i in range(len(x)):
    ...         for j in range(1, len(x[i])):
    ...             found.append(x[i][j] ** 2 - x[i][0] ** 2)
    ...             counts[i] += 1
    ...     return dualak.array(found), counts
    >>> x = ak.Array([[1.0, 2.0, 3.0], [], [4.0, 5.0]])
    >>> y, dy = dualak.jvp(lambda x: ak.unflatten(*differences(x)), x, ak.ones_like(x))
    >>> y.to_list(), dy.to_list()
    ([[3.0, 8.0], [], [9.0]], [[2.0, 4.0], [], [2.0]])
    """
    if isinstance(numbers, kernel_buffer.DualBuffer):
        return numbers.array()
    if isinstance(numbers, np.ndarray):
        return numbers
    if not isinstance(numbers, Sequence) or isinstance(numbers, (str, bytes)):
        raise TypeError(f"dualak.array expects a list of numbers, got {type(numbers).__name__}")
    found = np.array(numbers)
    if found.dtype.kind not in "iubf":
        raise TypeError(f"dualak.array expects a list of numbers, got one of {found.dtype}")
    whole = found.dtype.kind in "iub" and found.size > 0
    return found if whole else found.astype(_dtype(tuple(numbers)) if numbers else np.float64)


def _dtype(like: Any) -> Any:
    """The type of elements that fit an example, outside of compiled code."""
    if isinstance(like, tuple):
        return np.result_type(*map(_dtype, like)) if like else np.float64
    if isinstance(like, (ak.Array, ak.Record)):
        leaves = {name for name in ("float64", "float32") if name in str(like.type)}
        return np.float32 if leaves == {"float32"} else np.float64
    dtype = getattr(like, "dtype", None)
    return dtype if dtype == np.float32 else np.float64


# -- types ----------------------------------------------------------------------------------------


class BufferType(types.Array):
    """An array of duals: each element a row of plain numbers."""

    def copy(
        self, dtype: Any = None, ndim: Any = None, layout: Any = None, readonly: Any = None
    ) -> Any:
        """The type of a part of it, or of another array like it."""
        found = super().copy(dtype, ndim, layout, readonly)
        return array_type(found.dtype, found.ndim, found.layout, not found.mutable)

    def unify(self, typingctx: Any, other: Any) -> Any:
        """The type of a variable that is this at one place and the other at another."""
        found = super().unify(typingctx, other)
        if found is None:
            return None
        return array_type(found.dtype, found.ndim, found.layout, not found.mutable)


register_model(BufferType)(models.ArrayModel)


@overload_classmethod(BufferType, "_allocate")
def _allocate(cls: Any, allocsize: Any, align: Any) -> Any:
    """Memory for a copy, as NumPy's arrays have it."""

    def allocate(cls: Any, allocsize: Any, align: Any) -> Any:
        return intrin_alloc(allocsize, align)

    return allocate


@infer_getattr
class _Memory(AttributeTemplate):
    """Refuses what would look at the memory of duals as if it were plain numbers."""

    key = BufferType

    def generic_resolve(self, array: Any, attr: str) -> None:
        if attr in ("ctypes", "view"):
            raise errors.NumbaTypeError(
                f"array.{attr} is refused on an array of {array.dtype}, whose memory holds values "
                "and tangents; use its elements"
            )


#: So many plain numbers are assigned to an array, while Numba infers types again and again, before
#: they are taken for what it holds: a sum in a loop is a plain zero at first.
_PATIENCE = 8


class _OpenType(types.Type):
    """The type of elements that are not known yet; ``count`` plain numbers were assigned."""

    def __init__(self, count: int) -> None:
        self.count = count
        super().__init__(name=f"open({count})")

    def is_precise(self) -> bool:
        """No: Numba has to go on."""
        return False


class _OpenBuffer(types.Array):
    """An array of such elements."""

    def copy(
        self, dtype: Any = None, ndim: Any = None, layout: Any = None, readonly: Any = None
    ) -> Any:
        """The type of the array after something was assigned to an element."""
        found = super().copy(dtype, ndim, layout, readonly)
        if isinstance(found.dtype, _OpenType):
            return _OpenBuffer(found.dtype, found.ndim, found.layout)
        dtype, count = _floating(found.dtype), self.dtype.count
        if isinstance(dtype, DualType) or count == _PATIENCE:
            return array_type(dtype, found.ndim, found.layout)
        return _OpenBuffer(_OpenType(count + 1), found.ndim, found.layout)

    def unify(self, typingctx: Any, other: Any) -> Any:
        """The type that is known better."""
        if not isinstance(other, types.Array) or other.ndim != self.ndim:
            return None
        if isinstance(other, _OpenBuffer) and other.dtype.count < self.dtype.count:
            return self
        return other


def array_type(dtype: Any, ndim: int, layout: str = "C", readonly: bool = False) -> Any:
    """The type of an array of numbers."""
    make = BufferType if isinstance(dtype, DualType) else types.Array
    return make(dtype, ndim, layout, readonly=readonly)


def _floating(dtype: Any) -> Any:
    """The type of elements of which one is of a type: integers are floating-point numbers here."""
    dtype = types.unliteral(dtype)
    if isinstance(dtype, types.Optional):
        dtype = dtype.type
    if isinstance(dtype, (types.Integer, types.Boolean)):
        return types.float64
    if not isinstance(dtype, (DualType, types.Float)):
        raise errors.NumbaTypeError(
            f"expected numbers as elements of dualak.empty, zeros and full, got {dtype}"
        )
    return dtype


_NUMBERS = (DualType, types.Float, types.Integer, types.Boolean)


def _example(context: Any, like: Any) -> Any:
    """The type of elements that fit an example."""
    if isinstance(like, types.BaseTuple):
        return reduce(context.unify_pairs, [_example(context, part) for part in like])
    numbers = [number for number in numbers_of(context, like) if isinstance(number, _NUMBERS)]
    floats = [number for number in numbers if isinstance(number, (DualType, types.Float))]
    if not numbers:
        return _floating(element_of(context, like))
    return reduce(context.unify_pairs, map(_floating, floats or numbers))


def _dimensions(shape: Any) -> int | None:
    if isinstance(shape, types.Integer):
        return 1
    whole = isinstance(shape, types.BaseTuple) and all(isinstance(n, types.Integer) for n in shape)
    return len(shape) if whole else None


class _ArrayTemplate(AbstractTemplate):
    """The type of ``empty`` and ``zeros``."""

    def generic(self, args: Any, kws: Any) -> Any:
        given = [*args, *(kws[name] for name in ("shape", "like") if name in kws)]
        ndim = _dimensions(given[0]) if given else None
        if ndim is None or len(given) > 2:
            return None
        like = given[1] if len(given) == 2 else types.none
        if isinstance(like, (types.NoneType, types.Omitted)):
            found = self.open(ndim)
        else:
            found = array_type(_example(self.context, like), ndim)
        return typing.signature(found, *given)

    def open(self, ndim: int) -> Any:
        raise errors.NumbaTypeError(
            "dualak.zeros expects an example of its elements: dualak.zeros(n, like)"
        )


@infer_global(zeros)
class _ZerosTemplate(_ArrayTemplate):
    pass


@infer_global(empty)
class _EmptyTemplate(_ArrayTemplate):
    def open(self, ndim: int) -> Any:
        return _OpenBuffer(_OpenType(0), ndim, "C")


@infer_global(operator.setitem)
class _SetItem(AbstractTemplate):
    """Refuses duals as elements of plain arrays, with the way out."""

    def generic(self, args: Any, kws: Any) -> Any:
        array, _, value = args
        value = value.dtype if isinstance(value, types.Array) else value
        value = value.type if isinstance(value, types.Optional) else value
        if isinstance(array, types.Array) and isinstance(value, DualType):
            plain = not isinstance(array.dtype, (DualType, _OpenType))
            if plain or not self.context.can_convert(value, array.dtype):
                raise errors.NumbaTypeError(
                    f"a differentiated number, {value}, does not fit into an array of "
                    f"{array.dtype}, which would drop its tangent; make the array with "
                    "dualak.empty(n, like) or dualak.zeros(n, like), where like is a number or an "
                    "array that is differentiated"
                )


# -- making them ----------------------------------------------------------------------------------


def _makes(function: Callable[..., Any], flat: Callable[..., Any]) -> None:
    """Compiles ``function`` as a flat array of plain numbers, looked at as one of the type."""

    def make(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        result, shape = sig.return_type, sig.args[0]
        lengths = _lengths(context, builder, shape, args[0])
        dtype, count = result.dtype, 1
        if isinstance(dtype, DualType):
            dtype, count = dtype.primal, dtype.components
        kind, number = np.dtype(dtype.name), context.get_constant(types.intp, count)
        total = reduce(builder.mul, lengths, number)

        def allocate(n: int) -> Any:
            return flat(n, kind)

        whole = types.Array(dtype, 1, "C")
        data = context.compile_internal(builder, allocate, whole(types.intp), (total,))
        return _viewed(context, builder, result, whole, data, lengths)

    for given in ((types.Any,), (types.Any, types.Any)):
        lower_builtin(function, *given)(make)


def _lengths(context: Any, builder: Any, shape: Any, value: Any) -> list[Any]:
    if isinstance(shape, types.Integer):
        return [context.cast(builder, value, shape, types.intp)]
    return [
        context.cast(builder, builder.extract_value(value, i), typ, types.intp)
        for i, typ in enumerate(shape)
    ]


def _viewed(context: Any, builder: Any, typ: Any, whole: Any, data: Any, lengths: list[Any]) -> Any:
    """A flat array of plain numbers as an array of the type."""
    flat = context.make_array(whole)(context, builder, data)
    view = context.make_array(typ)(context, builder)
    itemsize = context.get_constant(
        types.intp, context.get_abi_sizeof(context.get_data_type(typ.dtype))
    )
    strides = [itemsize]
    for length in reversed(lengths[1:]):
        strides.insert(0, builder.mul(strides[0], length))
    populate_array(
        view,
        data=builder.bitcast(flat.data, view.data.type),
        shape=lengths,
        strides=strides,
        itemsize=itemsize,
        meminfo=flat.meminfo,
    )
    return view._getvalue()  # noqa: SLF001 - so Numba ends such a structure


_makes(empty, np.empty)
_makes(zeros, np.zeros)


@overload(full)
def _full(shape: Any, value: Any) -> Any:
    def make(shape: Any, value: Any) -> Any:
        out = empty(shape, value)
        out[...] = value
        return out

    return make


@overload(array)
def _array(numbers: Any) -> Any:
    if not isinstance(numbers, (types.List, types.ListType)):
        raise errors.NumbaTypeError(f"dualak.array expects a list of numbers, got {numbers}")

    kind = types.unliteral(numbers.dtype)
    if isinstance(kind, (types.Integer, types.Boolean)):
        return _array_of_whole(np.dtype(str(as_dtype(kind))))

    def make(numbers: Any) -> Any:
        out = empty(len(numbers), numbers)
        for i in range(len(numbers)):
            out[i] = numbers[i]
        return out

    return make


def _array_of_whole(dtype: Any) -> Any:
    """An array of integers or booleans, which are no floating-point numbers here either."""

    def make(numbers: Any) -> Any:
        out = np.empty(len(numbers), dtype)
        for i in range(len(numbers)):
            out[i] = numbers[i]
        return out

    return make


# -- handing them back ----------------------------------------------------------------------------


@box(BufferType)
def _box(typ: Any, val: Any, c: Any) -> Any:
    """As NumPy's own arrays are, elements being so many bytes; then as an array of duals."""
    size = c.context.get_abi_sizeof(c.context.get_data_type(typ.dtype))
    dtype = c.env_manager.read_const(c.env_manager.add_const(np.dtype((np.void, size))))
    data = c.pyapi.nrt_adapt_ndarray_to_python(typ, val, dtype)
    c.context.nrt.decref(c.builder, typ, val)
    convert = c.pyapi.unserialize(c.pyapi.serialize_object(rows.boxed_array))
    of = c.pyapi.unserialize(c.pyapi.serialize_object(typ.dtype))
    result = c.pyapi.call_function_objargs(convert, (data, of))
    for reference in (convert, of, data):
        c.pyapi.decref(reference)
    return result
