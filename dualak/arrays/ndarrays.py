"""Differentiated arrays that came from NumPy's, and behave as those do.

Such an array is one of Awkward underneath, of lists of one length.  Functions of NumPy give such
arrays again, whose results are ``np.ndarray``; beside arrays of Awkward, and in functions of
Awkward, it is one of Awkward.  It may hold constants too, which nobody has computed yet: those are
looked at as soon as somebody asks for them.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Any, NoReturn

import awkward as ak
import numpy as np

from dualak.ad.scoped import scoped
from dualak.arrays import highlevel
from dualak.arrays.columns import number_of
from dualak.arrays.highlevel import (
    DualArray,
    DualScalar,
    contains_duals,
    hooks,
    is_scalar,
    layout_of,
    primal_of,
)
from dualak.arrays.layouts import DUAL, duals_in, is_dual
from dualak.pytree import tree_map
from dualak.rules import OUTPUTS, PREDICATES, RULES

#: Methods that are functions of NumPy of the same name and arguments.
METHODS = """
all any argmax argmin argpartition argsort choose clip cumprod cumsum diagonal dot max mean min
nonzero prod repeat round searchsorted squeeze std sum swapaxes take trace var
"""

#: Methods that write into the array, and what to use instead.
IN_PLACE = {
    "fill": "np.full_like",
    "itemset": "np.where(condition, new, x)",
    "partition": "x = np.partition(x, kth)",
    "put": "np.where(condition, new, x)",
    "resize": "np.resize(x, shape)",
    "setfield": "np.where(condition, new, x)",
    "setflags": "a copy",
    "sort": "x = np.sort(x)",
}

#: Methods that hand out bytes.
OF_BYTES = "byteswap dump dumps getfield tobytes tofile"


def _method(name: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(np, name)(self, *args, **kwargs)

    method.__name__, method.__doc__ = name, f"As ``np.{name}``."
    return method


def _in_place(name: str) -> Callable[..., NoReturn]:
    def method(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(
            f"{name}() writes into the array, which a differentiated one refuses; use "
            f"{IN_PLACE[name]}"
        )

    method.__name__, method.__doc__ = name, "Refused: it writes into the array."
    return method


def _of_bytes(name: str) -> Callable[..., NoReturn]:
    def method(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(
            f"{name}() would take the numbers out of the differentiated array and lose their "
            "tangents; use dualak.primal(array) for values that are meant to be constants"
        )

    method.__name__, method.__doc__ = name, "Refused: it would lose the tangents."
    return method


class _Numbers:
    """What arrays and numbers of NumPy have in common."""

    @property
    def shape(self: Any) -> tuple[int, ...]:
        """How many elements there are along each axis."""
        return shape_of(self)

    @property
    def ndim(self: Any) -> int:
        """How many axes there are."""
        return len(self.shape)

    @property
    def size(self: Any) -> int:
        """How many numbers there are."""
        return math.prod(self.shape)

    @property
    def T(self: Any) -> Any:
        """The array with its axes in reverse."""
        return np.transpose(self)

    @property
    def real(self: Any) -> Any:
        """The numbers themselves, which are real."""
        return self

    @property
    def imag(self: Any) -> Any:
        """Zeros."""
        return np.zeros_like(self)

    @property
    def flat(self: Any) -> Any:
        """The numbers one after the other."""
        return np.ravel(self)

    def reshape(self: Any, *shape: Any, order: Any = "C", copy: bool | None = None) -> Any:
        """As ``np.reshape``; the shape may be several arguments."""
        return np.reshape(self, _one_or_all(shape), order=order)

    def transpose(self: Any, *axes: Any) -> Any:
        """As ``np.transpose``; the axes may be several arguments."""
        return np.transpose(self, _one_or_all(axes) if axes else None)

    def ravel(self: Any, order: Any = "C") -> Any:
        """As ``np.ravel``."""
        return np.ravel(self, order=order)

    def flatten(self: Any, order: Any = "C") -> Any:
        """The numbers one after the other."""
        return np.ravel(self, order=order)

    def compress(self: Any, condition: Any, axis: int | None = None) -> Any:
        """As ``np.compress``."""
        return np.compress(condition, self, axis=axis)

    def astype(self: Any, dtype: Any, *unused: Any, **how: Any) -> Any:
        """As ``np.astype``."""
        return np.astype(self, dtype)

    def copy(self: Any, order: Any = "C") -> Any:
        """The same numbers."""
        return np.copy(self)

    def view(self: Any, *args: Any) -> Any:
        """The same numbers; as those of another type it is refused."""
        if args:
            raise TypeError("a differentiated array has no view as another type; use astype")
        return self

    def conj(self: Any) -> Any:
        """The numbers themselves, which are real."""
        return np.conjugate(self)

    conjugate = conj


def _one_or_all(given: tuple[Any, ...]) -> Any:
    return given[0] if len(given) == 1 else given


for _name in METHODS.split():
    setattr(_Numbers, _name, _method(_name))
for _name in IN_PLACE:
    setattr(_Numbers, _name, _in_place(_name))
for _name in OF_BYTES.split():
    setattr(_Numbers, _name, _of_bytes(_name))


#: What differentiated numbers are in a buffer, while Awkward makes layouts of them.
_reader: ContextVar[Callable[[Any], Any] | None] = ContextVar("reader", default=None)


def read_as(read: Callable[[Any], Any]) -> AbstractContextManager[None]:
    """Lets Awkward make buffers of differentiated numbers, as ``read`` does it."""
    return scoped(_reader, read)


def _asked_by_awkward() -> bool:
    """Whether it is Awkward that calls the method which calls this, through NumPy."""
    caller = inspect.stack(0)[2].frame
    return caller.f_globals.get("__name__", "").partition(".")[0] == "awkward"


class DualNdarray(_Numbers, DualArray):
    """A differentiated NumPy array, with the attributes, methods and indexing of one."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the numbers."""
        return dtype_of(self)

    @property
    def itemsize(self) -> int:
        """The bytes of each number."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """The bytes of all numbers."""
        return self.size * self.itemsize

    @property
    def mT(self) -> Any:
        """The array with its last two axes swapped."""
        return np.matrix_transpose(self)

    def __getitem__(self, where: Any) -> Any:
        return hooks.at(self, where)

    def __setitem__(self, where: Any, what: Any) -> NoReturn:
        raise TypeError(
            "elements of a differentiated array cannot be assigned; use np.where(condition, new, "
            "array) or np.concatenate"
        )

    def __delitem__(self, where: Any) -> NoReturn:
        raise TypeError("elements of an array cannot be deleted; use np.delete")

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __contains__(self, number: Any) -> bool:
        return bool(np.any(self == number))

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(
                "The truth value of an array with more than one element is ambiguous. Use "
                "np.any(a) or np.all(a)"
            )
        return bool(values_of(self).reshape(-1)[0])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if contains_duals(self):
            read = _reader.get()
            return read(self) if read is not None and _asked_by_awkward() else super().__array__()
        return np.asarray(values_of(self), dtype)

    def __float__(self) -> float:  # type: ignore[override]
        return super().__float__() if contains_duals(self) else float(values_of(self))

    def __int__(self) -> int:  # type: ignore[override]
        return super().__int__() if contains_duals(self) else int(values_of(self))

    def __index__(self) -> int:  # type: ignore[override]
        return super().__index__() if contains_duals(self) else values_of(self).__index__()

    def tolist(self) -> Any:
        """The numbers as lists, if they are constants."""
        return super().tolist() if contains_duals(self) else values_of(self).tolist()

    to_list = tolist

    def item(self, *where: Any) -> Any:
        """One number, which is differentiated as the array is."""
        return np.reshape(self, -1)[0] if not where and self.size == 1 else _item(self, where)

    def __copy__(self) -> Any:
        return np.copy(self)

    def __deepcopy__(self, memo: Any) -> Any:
        return np.copy(self)

    def __awkward_function__(
        self, function: Any, array_likes: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if function.__name__ == "copy":  # alone it gives what is no array of Awkward in its class
            return np.copy(self)
        args, kwargs = tree_map(as_awkward, args), tree_map(as_awkward, kwargs)
        if contains_duals(args) or contains_duals(kwargs):
            return super().__awkward_function__(function, array_likes, args, kwargs)
        return function(*args, **kwargs)


def _item(array: Any, where: tuple[Any, ...]) -> Any:
    if not where:
        raise ValueError("can only convert an array of size 1 to a Python scalar")
    at = _one_or_all(where)
    return array[at] if isinstance(at, tuple) else np.reshape(array, -1)[at]


class DualNumber(_Numbers, DualScalar):
    """A differentiated number, with the attributes and methods of one of NumPy.

    It has no ``dtype``: by that NumPy would take it for a number to convert.
    """

    def item(self) -> Any:
        """The number itself."""
        return self

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        """As an object, so that ``np.array`` of numbers keeps them."""
        if dtype is not None and np.dtype(dtype) != object:
            return super().__array__()
        made = np.empty((), object)
        made[()] = self
        return made


def _ufunc_method(ufunc: np.ufunc) -> Callable[..., Any]:
    def method(self: Any, *others: Any) -> Any:
        return ufunc(self, *others)

    method.__name__, method.__doc__ = ufunc.__name__, f"As ``np.{ufunc.__name__}``."
    return method


# NumPy calls these for the elements of an array of objects.
for _name in (*RULES, *OUTPUTS, *PREDICATES):
    if isinstance(getattr(np, _name, None), np.ufunc) and not hasattr(DualNumber, _name):
        setattr(DualNumber, _name, _ufunc_method(getattr(np, _name)))

ak.behavior[DUAL] = DualNumber


def is_number(value: Any) -> bool:
    """Whether a value is a differentiated number, or an array of NumPy of such."""
    return isinstance(value, _Numbers) or is_scalar(value)


# -- in and out of the class ----------------------------------------------------------------------


def as_ndarray(array: Any) -> Any:
    """A rectangular array of Awkward, of duals or lazy constants, as one of NumPy."""
    if isinstance(array, DualNdarray) or not isinstance(array, ak.Array):
        return array
    made = ak.Array(array.layout, behavior=array.behavior, attrs=array.attrs)
    made.__class__ = DualNdarray
    return made


def as_awkward(array: Any) -> Any:
    """A differentiated array of NumPy as one of Awkward; anything else as it is."""
    if not isinstance(array, DualNdarray):
        return array
    return ak.Array(array.layout, behavior=array.behavior, attrs=array.attrs)


def like(pattern: Any, array: Any) -> Any:
    """An array as one of NumPy if another is such: of duals, or in memory if it holds none."""
    if not isinstance(pattern, (DualNdarray, np.ndarray)) or not isinstance(array, ak.Array):
        return array
    return as_ndarray(array) if contains_duals(array) else ak.to_numpy(array)


def primal(array: Any) -> Any:
    """The values of an array or record of duals, as a plain array without tangents.

    What is computed from them is constant: its derivative is zero.  Anything else comes back as
    it is.

    >>> import awkward as ak
    >>> primal(ak.Array([1.5, 2.5]))
    <Array [1.5, 2.5] type='2 * float64'>
    """
    return like(array, highlevel.primal(as_awkward(array)))


def dual_classes(*classes: type) -> list[type]:
    """The classes that differentiated arrays, records and numbers have, NumPy's among them.

    They follow the behaviors that are known now; ``classes`` are further ones, of behaviors that
    are not in ``ak.behavior``.
    """
    return highlevel.dual_classes(*classes, DualNdarray)


def values_of(array: Any) -> Any:
    """The values of an array or a number as those of NumPy, to decide by."""
    known = primal_of(as_awkward(array))
    return np.asarray(ak.to_numpy(known) if isinstance(known, ak.Array) else known)


def collected(value: Any) -> Any:
    """Differentiated numbers in an array of objects, as NumPy makes them of lists, as duals."""
    if isinstance(value, np.ndarray) and value.dtype == object and any(map(is_scalar, value.flat)):
        return hooks.collected(value)
    return value


def shape_of(array: Any) -> tuple[int, ...]:
    """The shape of a rectangular array, or of a number."""
    if isinstance(array, ak.Record):
        return ()
    layout, sizes = array.layout, [array.layout.length]
    while layout.is_regular:
        sizes.append(layout.size)
        layout = layout.content
    return tuple(sizes) + (layout.inner_shape if layout.is_numpy else ())


def dtype_of(array: Any) -> np.dtype[Any]:
    """The type of the numbers of a rectangular array."""
    for content in duals_in(layout_of(array)):
        return number_of(content).dtype
    layout = layout_of(array)
    while layout.is_regular:
        layout = layout.content
    assert not is_dual(layout)
    return np.dtype(layout.dtype)
