"""The two classes a function sees its differentiated arguments as: arrays and records of duals.

They look like the values they stand for, and they hand whatever is done to them to the registry of
functions.  What would take the numbers out of Awkward, and the tangents with them, raises.
"""

from __future__ import annotations

import inspect
import numbers
import sys
from collections.abc import Callable, Mapping
from functools import cache, reduce
from typing import Any, NoReturn

import awkward as ak
import numpy as np

from dualak.ad.linear import part
from dualak.arrays.backends import entered
from dualak.arrays.canonical import canonicalize, masked
from dualak.arrays.columns import EscapeError, dual, number_of, reading
from dualak.arrays.context import current_graph, is_tracing, outer_graph
from dualak.arrays.cuts import cut, picked
from dualak.arrays.layouts import (
    DUAL,
    HOLDER,
    Content,
    children,
    holds_duals,
    is_dual,
    is_named_by_us,
    rebuilt,
    without_names_of_unions,
)
from dualak.arrays.values import (
    SHOWN,
    computed_values,
    shown_values,
    stop_gradients,
    values,
)
from dualak.graph.nodes import Node
from dualak.known_issues import known_issue
from dualak.pytree import tree_leaves, tree_like, tree_map


class Hooks:
    """What the packages above do for the classes of duals; they set it when they are imported.

    Attributes:
        awkward: calls a function of Awkward.
        numpy: calls a function of NumPy that is no ufunc.
        ufunc: calls a ufunc.
        at: takes elements of an array of NumPy.
        collected: makes one array of an array of objects that are numbers.
        at_order: takes elements in an order that a recording does not know.
        members: what the class of a library's records has beside its own.
        numba_type: the type of an array or record in compiled loops.
        compiled_view: what compiled loops see of an array.
        compiled_row: what compiled loops see of a record.
    """

    awkward: Callable[..., Any]
    numpy: Callable[..., Any]
    ufunc: Callable[..., Any]
    at: Callable[..., Any]
    at_order: Callable[..., Any]
    collected: Callable[..., Any]
    members: Callable[..., dict[str, Any]]
    numba_type: Callable[..., Any]
    compiled_view: Callable[..., Any]
    compiled_row: Callable[..., Any]


hooks = Hooks()

#: The behavior of differentiated scalars: what Awkward does with arrays beside them.
beside_scalars: dict[Any, Any] = {}

#: What our classes stand under in behaviors, beside that of ``ak.behavior``.
_overlaid: dict[Any, None] = {}


def _escape(what: str) -> Callable[..., NoReturn]:
    def method(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
        raise EscapeError(
            f"{what} would take the numbers out of the differentiated array and lose their "
            "tangents; use ufuncs (np.sin, not math.sin) and ak.* functions on the array itself, "
            "give a function of another library (a correction, a look-up table, an interpolation) "
            "a rule with dualak.custom_jvp(elementwise=True), or take dualak.primal(array) for "
            "values that are meant to be constants"
        )

    method.__doc__ = f"Refused: {what} would lose the tangents."
    return method


class _Dual:
    """What arrays and records of duals have in common."""

    layout: Content
    behavior: Mapping[Any, Any] | None
    attrs: Mapping[str, Any]

    def __awkward_function__(
        self, function: Any, array_likes: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        return hooks.awkward(function, tree_map(entered, args), tree_map(entered, kwargs))

    def __array_function__(
        self, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        return hooks.numpy(function, tree_map(entered, args), tree_map(entered, kwargs))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return hooks.ufunc(ufunc, method, tuple(map(entered, inputs)), kwargs)

    def __getitem__(self, where: Any) -> Any:
        where = tree_map(entered, where)
        if is_tracing() and isinstance(where, DualArray) and isinstance(self, ak.Array):
            result = hooks.at_order(self, where)
            if result is not None:
                return result
        _require_plain_index(where)
        issue = known_issue(where)
        if issue is not None:
            return reduce(_at, issue.instead(where), self)
        require_fields_of_records(self.layout, where)
        with reading():
            result = _selected(self, where) if isinstance(self, ak.Array) else None
            if result is not None:
                return ak.Array(result, behavior=self.behavior, attrs=self.attrs)
            return wrap(super().__getitem__(where))  # type: ignore[misc]

    def __setitem__(self, where: Any, what: Any) -> None:
        if _is_leaf(self.layout):
            raise TypeError(
                "a differentiated number has no fields to assign, and elements cannot be assigned; "
                "use ak.where(condition, new, array)"
            )
        require_fields_of_records(self.layout, where)
        with reading():
            super().__setitem__(where, entered(what))  # type: ignore[misc]
            _canonicalize_in_place(self)

    def __delitem__(self, where: Any) -> None:
        require_fields_of_records(self.layout, where)
        super().__delitem__(where)  # type: ignore[misc]
        _canonicalize_in_place(self)

    @property
    def fields(self) -> list[str]:
        """The names of the record's fields; a differentiated number has none."""
        return [] if _is_leaf(self.layout) else super().fields  # type: ignore[misc]

    @property
    def type(self) -> Any:
        """The type, in which a differentiated number is a ``dual``."""
        layout = layout_of(self)
        form = rebuilt(layout, _typed).form
        if isinstance(self, ak.Record):
            return ak.types.ScalarType(form.type)
        return ak.types.ArrayType(form.type, layout.length)

    @property
    def typestr(self) -> str:
        """The type as text."""
        return str(self.type)

    def __repr__(self) -> str:
        if current_graph.get() is None and outer_graph() is None:
            return f"<{type(self).__name__} of a jvp call that has returned>"
        if is_tracing():
            return f"<{type(self).__name__} without numbers, type={self.typestr!r}>"
        shown = primal_of(self, shown_values)
        if isinstance(shown, (ak.Array, ak.Record)):
            return repr(shown).replace("<", "<Dual", 1)
        return f"<DualNumber {shown} type={DUAL!r}>"

    def __str__(self) -> str:
        return repr(self) if is_tracing() else str(primal(self))

    def show(self, *args: Any, **kwargs: Any) -> Any:
        """Prints the values, with the arguments of ``ak.Array.show``."""
        shown = repr(self) if is_tracing() else primal_of(self, shown_values)
        if isinstance(shown, (ak.Array, ak.Record)):
            return shown.show(*args, **{"stream": sys.stdout} | kwargs)
        return (kwargs.get("stream") or sys.stdout).write(f"{shown}\n")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        """What a notebook shows: as of the plain array, with a type that says ``dual``."""
        text = {"text/plain": repr(self)}
        if is_tracing() or (current_graph.get() is None and outer_graph() is None):
            return text
        shown = primal_of(self, shown_values)
        shows = getattr(shown, "_repr_mimebundle_", None)
        return text if shows is None else {**shows(include, exclude), **text}

    to_list = _escape("to_list")
    tolist = _escape("tolist")
    to_numpy = _escape("to_numpy")
    __array__ = _escape("np.asarray")
    __arrow_array__ = _escape("a conversion to Arrow")
    __float__ = _escape("float() or a math.* function")
    __int__ = _escape("int()")
    __complex__ = _escape("complex()")
    __index__ = _escape("use as an index")
    __round__ = _escape("round()")
    __reduce_ex__ = _escape("pickling")

    @property
    def __jax_array__(self) -> Callable[[], Any]:
        """Refused, as soon as a function of JAX asks for it: JAX sees no tangents of ours.

        A TypeError would be replaced by one of JAX's own.  The operators of its arrays ask as well,
        in functions such as ``_operator_mul``; they get it as it is, and leave it to ours.
        """
        asking = inspect.currentframe().f_back  # type: ignore[union-attr]
        if asking is not None and asking.f_code.co_name.startswith("_operator_"):
            return lambda: self
        raise ValueError(
            "JAX's functions do not take differentiated arrays of dualak; use NumPy's (np.sin, not "
            "jnp.sin), or make a function of arrays of one with bridge.from_jax_function"
        )

    def __format__(self, spec: str) -> str:
        return repr(self) if is_tracing() else format(primal(self), spec)

    @property
    def numba_type(self) -> Any:
        """The type in a compiled function, where the numbers are duals."""
        return hooks.numba_type(self)

    @property
    def compiled_view(self) -> Any:
        """What a compiled function reads: a plain array whose leaves are rows of numbers."""
        known = self.__dict__.get("_compiled_view")
        if known is None or known[0] is not super().layout:  # type: ignore[misc]
            known = (super().layout, hooks.compiled_view(self))  # type: ignore[misc]
            self._compiled_view = known
        return known[1]


def _selected(array: ak.Array, where: Any) -> Content | None:
    """What a mask, places or slices leave of an array; None if Awkward has to select it."""
    if type(where) is ak.Array:
        found = masked(array.layout, where.layout)
        if found is not None or array.named_axis or where.named_axis:
            return found
        return picked(array.layout, where.layout)
    return None if array.named_axis else cut(array.layout, where)


class DualArray(_Dual, ak.Array):
    """An array of differentiated numbers, or of records that hold some.

    Printing, ``type``, indexing and all functions of the registry work as on the plain array.
    """

    def __awkward_validation__(self) -> None:
        """Called by Awkward for each new one: takes off what a scalar beside it left behind."""
        if self.behavior and any(key in self.behavior for key in beside_scalars):
            self.behavior = {
                key: value for key, value in self.behavior.items() if key not in beside_scalars
            } or None

    def __bool__(self) -> bool:
        raise ValueError("the truth value of an array is ambiguous; use ak.any or ak.all")


class _Scalar(ak.record.Record):
    """The layout of a scalar, which libraries may ask whether it is a list, as they do others."""

    is_list = False


class DualRecord(_Dual, ak.Record):
    """A differentiated scalar, or a record that holds differentiated numbers."""

    @property
    def layout(self) -> Any:
        """The layout that the record is an element of, and which element."""
        own = super().layout
        return _Scalar(own.array, own.at)

    @layout.setter
    def layout(self, layout: Any) -> None:
        ak.Record.layout.fset(self, layout)

    def __bool__(self) -> bool:
        return bool(primal_of(self, computed_values)) if _is_leaf(self.layout) else True


class DualScalar(DualRecord):
    """A differentiated scalar: it stands for a number, wherever Awkward takes one.

    One that came in as a number of Python is *weak*, as in NumPy: its dtype gives way to that of an
    array, and so does what operators make of it and other numbers of Python.
    """

    def __awkward_validation__(self) -> None:
        """Called by Awkward for each new one: gives it the behavior of scalars."""
        behavior = self.behavior or {}
        if not beside_scalars.keys() <= behavior.keys():
            self.behavior = {**behavior, **beside_scalars} if behavior else beside_scalars

    def __float__(self) -> float:  # type: ignore[override]
        """The number, of a scalar that has no tangents to lose."""
        if isinstance(number_of(layout_of(self)), Node) and not is_tracing():
            return float(primal(self))
        return super().__float__()

    @property
    def compiled_row(self) -> Any:
        """What a compiled function reads of a differentiated scalar: its value and tangents."""
        return hooks.compiled_row(self)


def _weakly(name: str) -> Callable[..., Any]:
    """An operator: of numbers of Python it gives a number of Python, where a ufunc does not."""
    strongly = getattr(ak.Record, name)

    def operator(self: Any, *others: Any) -> Any:
        result = strongly(self, *others)
        if not is_weak(self) or not all(map(is_weak, others)):
            return result
        if isinstance(result, np.bool_):
            return bool(result)
        return tuple(map(weak, result)) if isinstance(result, tuple) else weak(result)

    return operator


_OPERATORS = "add sub mul truediv floordiv mod pow divmod"
for _name in (
    *(f"__{side}{name}__" for name in _OPERATORS.split() for side in ("", "r")),
    *("__neg__", "__pos__", "__abs__", "__lt__", "__le__", "__gt__", "__ge__", "__eq__", "__ne__"),
):
    setattr(DualScalar, _name, _weakly(_name))

# Behaviors look overloads up by the class of a number.
numbers.Real.register(DualScalar)


@cache
def dual_class(cls: type) -> type:
    """A user's class of arrays or records with the hooks of duals in front of its own methods."""
    own = {"__module__": cls.__module__, "_plain": cls}
    return type(cls.__name__, (_Dual, cls), own | hooks.members(cls))


def dual_classes(*classes: type) -> list[type]:
    """The classes that arrays and records of duals have, with the behaviors that are known now.

    ``classes`` are further ones, of behaviors that are not in ``ak.behavior``.
    """
    known = (cls for cls in (*ak.behavior.values(), *classes) if isinstance(cls, type))
    named: list[Any] = [cls for cls in known if issubclass(cls, (ak.Array, ak.Record))]
    return list(dict.fromkeys(cls if issubclass(cls, _Dual) else dual_class(cls) for cls in named))


def plain_class(cls: Any) -> Any:
    """The class of plain arrays or records that a class of duals stands for; others themselves."""
    return _plain_class(cls)


@cache
def _plain_class(cls: Any) -> Any:
    arrays = (base for base in cls.__mro__ if issubclass(base, (ak.Array, ak.Record)))
    return next(base for base in arrays if not issubclass(base, _Dual))


ak.behavior["*", DUAL] = ak.behavior["*", HOLDER] = DualArray
ak.behavior[DUAL], ak.behavior[HOLDER] = DualScalar, DualRecord
ak.behavior["__typestr__", DUAL] = ak.behavior["__typestr__", SHOWN] = DUAL


# -- in and out of the classes --------------------------------------------------------------------


def wrap(result: Any) -> Any:
    """An array or record with its duals canonical and of the class that carries the hooks."""
    if isinstance(result, (tuple, list)):
        return tree_like(result, list(map(wrap, result)))
    if isinstance(result, ak.contents.Content):
        return canonicalize(result)
    if isinstance(result, ak.Record):
        array = wrap(ak.Array(result.layout.array, behavior=result.behavior, attrs=result.attrs))
        changed = isinstance(array, _Dual) or _is_bare(result)
        return ak.Array.__getitem__(array, result.layout.at) if changed else result
    if not isinstance(result, ak.Array):
        return result
    if not holds_duals(result.layout):
        named = is_named_by_us(result.layout) or _is_bare(result)
        return _nameless(result) if named else result
    return wrapped(result.layout, result.behavior, result.attrs)


def wrapped(layout: Content, behavior: Mapping[Any, Any] | None, attrs: Any) -> Any:
    """An array of a layout; one that holds duals is canonical and carries the hooks."""
    if holds_duals(layout):
        layout = canonicalize(layout)
        behavior = hooked(layout, own_behavior(behavior))
    return ak.Array(layout, behavior=behavior, attrs=attrs)


def _is_bare(array: Any) -> bool:
    """Whether what comes of an array without hooks would keep duals beside it from theirs."""
    return bool(array.behavior) and DUAL in array.behavior and array.behavior[DUAL] is ak.Record


def with_layout(array: Any, layout: Content) -> Any:
    """The array with another layout, canonical; itself if the layout is its own."""
    if layout is array.layout:
        return array
    return wrap(ak.Array(layout, behavior=array.behavior, attrs=array.attrs))


def _nameless(array: Any) -> Any:
    """An array without duals, without the names that say it had some."""
    layout = rebuilt(array.layout, lambda leaf: leaf)
    return ak.Array(layout, behavior=own_behavior(array.behavior), attrs=array.attrs)


def hooked(layout: Content, behavior: Mapping[Any, Any] | None) -> Mapping[Any, Any] | None:
    """The behavior with the classes of the layout's named records overlaid by ours."""
    names = names_of_records(layout) - {DUAL, HOLDER}
    if not names:
        return behavior
    behavior = behavior or {}
    made = dict(behavior)
    classes: dict[Any, type] = {("*", name): ak.Array for name in names}
    classes |= dict.fromkeys(names, ak.Record)
    for key, plain in classes.items():
        cls = behavior.get(key, ak.behavior.get(key, plain))
        made[key] = cls if issubclass(cls, _Dual) else dual_class(cls)
    _overlaid.update(dict.fromkeys(classes))
    return made


def names_of_records(layout: Content) -> set[Any]:
    """The names of the records in lists; several where kinds meet in a union."""
    while not (layout.is_record or layout.is_union):
        if not children(layout):
            return set()
        (layout,) = children(layout)
    if layout.is_union:
        return set().union(*map(names_of_records, layout.contents))
    name = layout.parameter("__record__")
    return set() if name is None else {name}


def bare(array: Any) -> Any:
    """The same layout without hooks, for Awkward's own implementation of a function."""
    if isinstance(array, _Dual):
        make = ak.Array if isinstance(array, ak.Array) else ak.Record
        behavior = {**(own_behavior(array.behavior) or {}), **_BARE}
        return make(_for_awkward(array.layout), behavior=behavior, attrs=array.attrs)
    return array


def for_awkward(array: Any) -> Any:
    """An array or record with its hooks, as ufuncs of Awkward may have it."""
    if not isinstance(array, _Dual):
        return array
    layout = _for_awkward(array.layout)
    if layout is array.layout:
        return array
    make = ak.Array if isinstance(array, ak.Array) else ak.Record
    return make(layout, behavior=array.behavior, attrs=array.attrs)


def _for_awkward(layout: Any) -> Any:
    if isinstance(layout, ak.record.Record):
        whole = without_names_of_unions(layout.array)
        return layout if whole is layout.array else ak.record.Record(whole, layout.at)
    return without_names_of_unions(layout)


_BARE = {("*", DUAL): ak.Array, DUAL: ak.Record, ("*", HOLDER): ak.Array, HOLDER: ak.Record}


def primal_of(array: Any, values: Callable[[Content], Content] = values) -> Any:
    """The values of duals as a plain array whose buffers are computed when somebody reads them."""
    if isinstance(array, ak.Record) and holds_duals(array.layout.array):
        whole = ak.Array(array.layout.array, behavior=array.behavior)
        value = primal_of(whole, values)[array.layout.at]
        return float(value) if is_weak(array) and isinstance(value, np.floating) else value
    if not isinstance(array, ak.Array) or not holds_duals(array.layout):
        return _unhooked(array)
    return ak.Array(values(array.layout), behavior=own_behavior(array.behavior), attrs=array.attrs)


def _unhooked(array: Any) -> Any:
    """An array or record of a name that carries the hooks, of constants only, without them."""
    if not isinstance(array, _Dual):
        return array
    make = ak.Array if isinstance(array, ak.Array) else ak.Record
    return make(array.layout, behavior=own_behavior(array.behavior), attrs=array.attrs)


def primal(array: Any) -> Any:
    """The values of an array or record of duals, as a plain array without tangents.

    What is computed from them is constant: its derivative is zero.  Anything else comes back as
    it is.

    >>> import awkward as ak
    >>> primal(ak.Array([1.5, 2.5]))
    <Array [1.5, 2.5] type='2 * float64'>
    """
    if is_tracing() and contains_duals(array):
        return wrap(primal_of(array, stop_gradients))
    return primal_of(array, computed_values)


def own_behavior(behavior: Mapping[Any, Any] | None) -> Mapping[Any, Any] | None:
    """The behavior without our overlays; itself if it has none, as those of schemas are large."""
    if behavior is None:
        return None
    ours = [key for key in (*_BARE, *beside_scalars, *_overlaid) if key in behavior]
    if not ours:
        return behavior or None
    kept = dict(behavior)
    for key in ours:
        cls = kept.pop(key)
        if key in _overlaid and key not in _BARE and not _overlays_global(key, cls):
            kept[key] = getattr(cls, "_plain", cls)
    return kept or None


def _overlays_global(key: Any, cls: Any) -> bool:
    """Whether a class in a behavior is ours, over one that Awkward finds without it.

    Over Awkward's own class it may have been made before the name got a class.
    """
    plain = getattr(cls, "_plain", None)
    return plain is not None and plain in (ak.Array, ak.Record, ak.behavior.get(key))


def viewed(array: Any) -> Any:
    """Another view of an array or record, which knows nothing of fields that are assigned later."""
    if not isinstance(array, (ak.Array, ak.Record)):
        return array
    make = ak.Array if isinstance(array, ak.Array) else ak.Record
    return make(array.layout, behavior=array.behavior, attrs=array.attrs)


def contains_duals(value: Any) -> bool:
    """Whether an argument of a function is, or holds, a dual."""
    return any(
        isinstance(leaf, (ak.Array, ak.Record)) and holds_duals(layout_of(leaf))
        for leaf in tree_leaves(value)
    )


def layout_of(array: Any) -> Content:
    """The layout of an array, or that which a record is an element of."""
    layout = getattr(array, "layout", array)
    return layout.array if isinstance(layout, ak.record.Record) else layout


def is_abstract(value: Any) -> bool:
    """Whether an array is a typetracer of Awkward, which has a type and no numbers."""
    return (
        isinstance(value, (ak.Array, ak.Record)) and layout_of(value).backend.name == "typetracer"
    )


def _canonicalize_in_place(array: Any) -> None:
    canonical = wrap(array)
    array.behavior = canonical.behavior
    array.layout = canonical.layout


def _typed(leaf: Content) -> Content:
    """For a dual, numbers of its dtype, as which libraries know it, whose type says ``dual``."""
    if not is_dual(leaf):
        return leaf
    dtype = leaf.parameter("dtype") or np.float64
    numbers = np.broadcast_to(np.zeros((), dtype), (leaf.length,))
    return ak.contents.NumpyArray(numbers, parameters={"__list__": DUAL})


def _is_leaf(layout: Any) -> bool:
    """Whether the array is of differentiated numbers, in lists of any depth."""
    layout = layout.array if isinstance(layout, ak.record.Record) else layout
    return layout.purelist_parameter("__record__") == DUAL


def require_fields_of_records(layout: Any, where: Any) -> None:
    """Field names may lead to a dual, but not into it."""
    layouts = [layout.array if isinstance(layout, ak.record.Record) else layout]
    for item in where if isinstance(where, tuple) else (where,):
        names = item if isinstance(item, list) else [item]
        if not names or not all(isinstance(name, str) for name in names):
            continue
        if any(map(_is_leaf, layouts)):
            raise ak.errors.FieldNotFoundError(f"a differentiated number has no field {item!r}")
        layouts = [layout[name] for layout in layouts for name in names if name in layout.fields]


def _look(array: Any) -> None:
    """Looks at the numbers, which in a recording raises, saying where."""
    if contains_duals(array):
        computed_values(layout_of(array))


def _at(array: Any, where: Any) -> Any:
    return array[where]


def _require_plain_index(where: Any) -> None:
    if contains_duals(where):
        if is_tracing():
            for leaf in tree_leaves(where):
                _look(leaf)
        raise TypeError(
            "expected an index of integers or booleans, got a differentiated array; compare it "
            "(x > 0) or round it with ak.values_astype(x, np.int64) first"
        )


def is_scalar(value: Any) -> bool:
    """Whether a value is a differentiated scalar."""
    return isinstance(value, ak.Record) and is_dual(value.layout.array)


def holds_scalars(value: Any) -> bool:
    """Whether an argument of a function is, or holds, a differentiated scalar."""
    return any(map(is_scalar, tree_leaves(value)))


def is_weak(value: Any) -> bool:
    """Whether a value is a number of Python, or a differentiated scalar that stands for one."""
    if type(value) in (float, int, bool):
        return True
    return is_scalar(value) and value.layout.array.parameter("weak") is not None


def weak(value: Any) -> Any:
    """A scalar as one that stands for a number of Python; anything else as it is."""
    if not is_scalar(value):
        return value
    array, at = value.layout.array, value.layout.at
    number = part(number_of(array), at, at + 1)
    return wrap(ak.Array(dual(number, weak=True)))[0]
