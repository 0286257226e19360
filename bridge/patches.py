"""What ``register`` changes in classes of Awkward and JAX, and ``unregister`` puts back.

A method looks whether the array keeps a differentiated one beside itself, and asks that; plain
arrays have none, and go where they went.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any

import awkward as ak
import jax
import jax.numpy as jnp
import numpy as np
from jaxlib.xla_client import ArrayImpl

from bridge.stand_ins import DUAL, first_dual, inside, of_awkward, outside, rectangle, show
from dualak import extend

#: Methods and properties of ``ak.Array`` and ``ak.Record`` that look for the array beside them.
METHODS = """
__array__ __arrow_array__ __bool__ __copy__ __deepcopy__ __reduce_ex__ __repr__ __str__
_repr_mimebundle_ show to_list to_numpy tolist
"""
CHANGING = "__setitem__ __delitem__"
PROPERTIES = "fields numba_type type typestr"

_AWKWARD = (ak.Array, ak.Record)
_JAX = (ArrayImpl, jax.core.Tracer)

#: What Awkward itself makes arrays of, again and again.
_LAYOUTS = frozenset(kind for kind in vars(ak.contents).values() if isinstance(kind, type))

#: What stood there before: the owner, the name, and the attribute, or this list if there was none.
_before: list[tuple[Any, str, Any]] = []


def is_patched() -> bool:
    """Whether classes are changed."""
    return bool(_before)


def patch() -> None:
    """Changes classes; what is changed already stays as it is."""
    if is_patched():
        return
    for cls in _AWKWARD:
        _replace(cls, "__init__", _init)
        for name in METHODS.split():
            _replace(cls, name, _method)
        for name in CHANGING.split():
            _replace(cls, name, _changing)
        for name in PROPERTIES.split():
            _replace(cls, name, _property)
        _replace(cls, "__getitem__", _getitem)
        _replace(cls, "__iter__", _iterator)
        _replace(cls, "__array_ufunc__", _array_ufunc)
        _replace(cls, "__array_function__", _array_function)
    _set(ak.Array, "__jax_array__", _jax_array)
    for cls in _JAX:
        _set(cls, "__awkward_function__", _of_jax_arrays)
    _set(jax.core.Tracer, "__array_ufunc__", _ufunc_of_tracers)
    _set(ak.jax, "assert_registered", _nothing)
    _let_awkward_warn()
    _set(ak.jax, "register_and_check", _refuse_to_register)


def patch_members(dual: type) -> None:
    """Lets a class of arrays of its own look for what differentiated ones have beside it."""
    cls = extend.plain_class(dual)
    if cls in _AWKWARD:
        return
    for name, member in vars(dual).items():
        if callable(member) and name not in ("__doc__", "_plain") and not _is_set(cls, name):
            _set(cls, name, _method(name, getattr(cls, name)))


def _is_set(owner: Any, name: str) -> bool:
    return any(known[:2] == (owner, name) for known in _before)


def unpatch() -> None:
    """Puts everything back."""
    while _before:
        owner, name, known = _before.pop()
        if known is _before:
            delattr(owner, name)
        else:
            setattr(owner, name, known)


def _set(owner: Any, name: str, made: Any) -> None:
    _before.append((owner, name, vars(owner).get(name, _before)))
    setattr(owner, name, made)


def _replace(cls: type, name: str, make: Callable[[str, Any], Any]) -> None:
    if vars(cls).get(name) is not None:
        _set(cls, name, make(name, vars(cls)[name]))


def _concerns_jax(argument: Any) -> bool:
    return (
        DUAL in argument.__dict__ if isinstance(argument, _AWKWARD) else isinstance(argument, _JAX)
    )


def _one_concerns_jax(values: Any) -> bool:
    for value in values:
        if _one_concerns_jax(value) if isinstance(value, (list, tuple)) else _concerns_jax(value):
            return True
    return False


# -- methods of arrays ----------------------------------------------------------------------------


def _method(name: str, own: Any) -> Any:
    @wraps(own)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        dual = self.__dict__.get(DUAL)
        if dual is None:
            return own(self, *args, **kwargs)
        return outside(getattr(dual, name)(*inside(args), **inside(kwargs)))

    return method


def _init(name: str, own: Any) -> Any:
    """An array made of one that stands for numbers, or of several by their names, does so too."""

    @wraps(own)
    def method(self: Any, data: Any, *args: Any, **kwargs: Any) -> None:
        own(self, data, *args, **kwargs)
        if type(data) not in _LAYOUTS and any(
            map(_stands_for_numbers, data.values() if isinstance(data, dict) else (data,))
        ):
            show(self)

    return method


def _stands_for_numbers(value: Any) -> bool:
    return isinstance(value, _AWKWARD) and DUAL in value.__dict__


def _changing(name: str, own: Any) -> Any:
    @wraps(own)
    def method(self: Any, *args: Any) -> None:
        dual = self.__dict__.get(DUAL)
        if dual is None:
            return own(self, *args)
        getattr(dual, name)(*inside(args))
        self.__dict__.update(dual.__dict__)

    return method


def _property(name: str, own: Any) -> Any:
    def getter(self: Any) -> Any:
        dual = self.__dict__.get(DUAL)
        return own.__get__(self) if dual is None else getattr(dual, name)

    return property(getter, doc=own.__doc__)


def _getitem(name: str, own: Any) -> Any:
    @wraps(own)
    def method(self: Any, where: Any) -> Any:
        if DUAL in self.__dict__:
            return outside(self.__dict__[DUAL][inside(where)])
        if type(where) is ArrayImpl:
            where = np.asarray(where)
        return own(self, where)

    return method


def _iterator(name: str, own: Any) -> Any:
    @wraps(own)
    def method(self: Any) -> Any:
        dual = self.__dict__.get(DUAL)
        return own(self) if dual is None else map(outside, dual)

    return method


def _array_ufunc(name: str, own: Any) -> Any:
    @wraps(own)
    def method(self: Any, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        for argument in inputs:
            if _concerns_jax(argument):
                return _ufunc(own, self, ufunc, method, inputs, kwargs)
        return own(self, ufunc, method, *inputs, **kwargs)

    return method


def _ufunc(own: Any, self: Any, ufunc: Any, method: str, inputs: Any, kwargs: Any) -> Any:
    given, named = inside(inputs), inside(kwargs)
    dual = first_dual(given)
    if dual is None:
        return own(self, ufunc, method, *given, **named)
    return outside(dual.__array_ufunc__(ufunc, method, *given, **named))


def _array_function(name: str, own: Any) -> Any:
    @wraps(own)
    def method(self: Any, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if not (_one_concerns_jax(args) or _one_concerns_jax(kwargs.values())):
            return own(self, function, types, args, kwargs)
        given, named = inside(args), inside(kwargs)
        dual = first_dual((given, named))
        if dual is None:
            return own(self, function, types, given, named)
        return outside(dual.__array_function__(function, types, given, named))

    return method


# -- beside JAX -----------------------------------------------------------------------------------


class _NoRectangle:
    """What JAX gets instead of an array that it has none like; its errors show it."""

    def __init__(self, array: Any) -> None:
        self._array = array

    def __repr__(self) -> str:
        return (
            f"an Awkward Array of type {self._array.typestr}: jax.numpy has no arrays of lists, "
            "options or records, so use NumPy's functions and ak.*, or give it ak.flatten of the "
            "array"
        )


def _jax_array(self: Any) -> Any:
    """A rectangle of numbers as a JAX array, for ``jax.numpy``.

    JAX's operators leave what is no JAX array to the operators of Awkward.
    """
    found = rectangle(self)
    return _NoRectangle(self) if found is None else found


def _let_awkward_warn() -> None:
    """Awkward warns of its backend for JAX where it first sees a JAX array, and asks for x64."""
    ensure = getattr(ak.jax, "ensure_jax_config", None)  # releases before 2.9 ask for nothing
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if ensure is not None:
            ak.jax.ensure_jax_config = _nothing
        try:
            ak.to_backend(ak.Array(ak.contents.EmptyArray()), "jax")
        finally:
            if ensure is not None:
                ak.jax.ensure_jax_config = ensure


def _of_jax_arrays(self: Any, function: Any, array_likes: Any, args: Any, kwargs: Any) -> Any:
    """Functions of Awkward take arrays of JAX, as they take NumPy's."""
    return of_awkward(function, array_likes, args, kwargs)


def _ufunc_of_tracers(self: Any, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """NumPy's ufuncs of numbers that JAX traces: as of arrays beside those, else JAX's own."""
    arrays = [argument for argument in inputs if isinstance(argument, _AWKWARD)]
    if arrays:
        return arrays[0].__array_ufunc__(ufunc, method, *inputs, **kwargs)
    own = getattr(jnp, ufunc.__name__, None)
    if own is None or method != "__call__" or kwargs:
        return self.__array__()  # raises, saying what JAX cannot do
    return own(*inputs)


def _nothing() -> None:
    """Arrays on Awkward's backend for JAX need no registration beside this one."""


def _refuse_to_register() -> None:
    raise RuntimeError(
        "bridge.register() has made Awkward Arrays pytrees of JAX; ak.jax.register_and_check() "
        "would do it again, and is not needed beside it: leave it out"
    )
