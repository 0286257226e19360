"""The doors of other libraries that dualak leans on, with what is expected behind each.

A release that closes one is seen here, with its name, and not in a user's program: importing this
module raises if any door is closed.  ``DOORS`` is the table.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata, util

import awkward as ak
import numpy as np


@dataclass(frozen=True)
class Door:
    """What is expected of a library, and a check that is false or raises if it is not so."""

    library: str
    expected: str
    check: Callable[[], object]


def _names(function, *names):
    """Whether a function has parameters of these names."""
    return set(names) <= set(inspect.signature(function).parameters)


# -- Awkward --------------------------------------------------------------------------------------


def _virtual(caching):
    asked = []
    form = ak.forms.NumpyForm("float64", form_key="x")

    def generate():
        asked.append(1)
        return np.array([1.0, 2.0])

    layout = ak.from_buffers(
        *(form, 2, {"x-data": generate}), highlevel=False, enable_virtualarray_caching=caching
    )
    return layout.data, asked


def _a_virtual_buffer_waits():
    data, asked = _virtual(caching=True)
    waits = data.is_materialized is False and not asked
    return waits and data.materialize().tolist() == [1.0, 2.0] and data.is_materialized


def _a_virtual_buffer_is_asked_each_time():
    data, asked = _virtual(caching=False)
    data.materialize()
    data.materialize()
    return len(asked) == 2


def _an_overload_of_a_name_is_found():
    behavior = {(np.sin, "door"): lambda x: x["x"] * 3.0}
    records = ak.Array([{"x": 1.0}], with_name="door", behavior=behavior)
    return np.sin(records).to_list() == [3.0]


def _an_array_says_what_becomes_of_functions():
    class Told:
        def __awkward_function__(self, function, array_likes, args, kwargs):
            return function.__name__

    return ak.sum(Told()) == "sum"


def _an_index_over_records_is_delayed():
    records = ak.contents.RecordArray([ak.contents.NumpyArray(np.arange(3.0))], ["x"])
    return records[np.array([2, 0])].is_indexed


def _unions_simplify():
    tags, index = ak.index.Index8(np.array([0, 1], np.int8)), ak.index.Index64(np.array([0, 0]))
    numbers = ak.contents.NumpyArray(np.array([1.0]))
    return ak.contents.UnionArray.simplified(tags, index, [numbers, numbers]).is_numpy


def _layouts_keep_their_buffers():
    data = np.arange(3.0)
    layout = ak.contents.NumpyArray(data)
    return layout.data is data and layout.copy(parameters={"a": 1}).data is data


# -- Numba ----------------------------------------------------------------------------------------


def _numba_cache():
    from numba.core.caching import FunctionCache

    return (
        _names(FunctionCache.load_overload, "sig", "target_context")
        and _names(FunctionCache.save_overload, "sig", "data")
        and callable(FunctionCache.flush)
        and isinstance(FunctionCache.cache_path, property)
    )


def _numba_callback():
    from numba.core import sigutils, types
    from numba.core.ccallback import CFunc

    signature = sigutils.normalize_signature(types.int64(types.int64))
    made = CFunc(lambda x: x, signature, locals={}, options={})
    return hasattr(made, "_cache") and callable(made.compile) and _names(CFunc, "locals", "options")


def _numba_dispatcher():
    import numba
    from numba.core.dispatcher import Dispatcher

    made = numba.njit(lambda x: x)
    return hasattr(made, "_cache") and callable(Dispatcher._compile_for_args)


def _numba_switch():
    import numba

    return hasattr(numba.config, "DISABLE_JIT") and hasattr(numba.config, "CACHE_DIR")


# -- NumPy ----------------------------------------------------------------------------------------


def _numpy_asks():
    class Told:
        def __array_function__(self, function, types, args, kwargs):
            return function.__name__

        def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
            return ufunc.__name__

    return np.sum(Told()) == "sum" and np.add(1.0, Told()) == "add"


def _numpy_resolves():
    weak = np.add.resolve_dtypes((np.dtype(np.float32), float, None))
    return weak[-1] == np.float32


# -- JAX ------------------------------------------------------------------------------------------


def _jax(check):
    """A door of JAX, which is open where JAX is not installed."""
    return lambda: util.find_spec("jax") is None or check()


def _jax_callback():
    import jax

    return _names(jax.pure_callback, "callback", "result_shape_dtypes", "vmap_method")


def _jax_primitive():
    from jax.extend.core import Primitive

    return callable(Primitive("door").bind)


def _jax_ffi():
    import jax

    return callable(jax.ffi.register_ffi_target) and callable(jax.ffi.ffi_lowering)


def _jax_operators():
    """Whether the operators of JAX's arrays ask, by a function that is named for them."""
    import jax.numpy as jnp

    class Told:
        @property
        def __jax_array__(self):
            names.append(inspect.currentframe().f_back.f_code.co_name)
            return lambda: self

        def __rmul__(self, other):
            return "ours"

    names = []
    return jnp.ones(2) * Told() == "ours" and set(names) == {"_operator_mul"}


def _jax_nodes():
    import jax

    return callable(jax.tree_util.register_pytree_node)


DOORS = (
    Door("awkward", "a virtual buffer is read when it is needed", _a_virtual_buffer_waits),
    Door(
        "awkward",
        "a virtual buffer without caching is asked each time",
        _a_virtual_buffer_is_asked_each_time,
    ),
    Door("awkward", "a ufunc looks up a name in the behaviour", _an_overload_of_a_name_is_found),
    Door("awkward", "__awkward_function__ is asked", _an_array_says_what_becomes_of_functions),
    Door("awkward", "an index over records is delayed", _an_index_over_records_is_delayed),
    Door("awkward", "UnionArray.simplified merges what is one", _unions_simplify),
    Door("awkward", "NumpyArray keeps the very buffer it gets", _layouts_keep_their_buffers),
    Door("awkward", "validity_error tells what is wrong", lambda: ak.validity_error([1.0]) == ""),
    Door("numpy", "__array_function__ and __array_ufunc__ are asked", _numpy_asks),
    Door("numpy", "ufunc.resolve_dtypes knows weak numbers of Python", _numpy_resolves),
    Door("numba", "FunctionCache loads, saves and flushes", _numba_cache),
    Door("numba", "CFunc has a cache and is compiled when asked", _numba_callback),
    Door("numba", "Dispatcher has a cache and _compile_for_args", _numba_dispatcher),
    Door("numba", "config says DISABLE_JIT and CACHE_DIR", _numba_switch),
    Door("jax", "pure_callback takes vmap_method", _jax(_jax_callback)),
    Door("jax", "jax.extend.core.Primitive is there", _jax(_jax_primitive)),
    Door("jax", "jax.ffi registers targets and lowers calls", _jax(_jax_ffi)),
    Door("jax", "tree_util registers nodes", _jax(_jax_nodes)),
    Door("jax", "operators ask for __jax_array__ in _operator_mul", _jax(_jax_operators)),
)


def closed(doors=DOORS) -> Iterator[str]:
    """For each door that is closed a line that says which."""
    for door in doors:
        try:
            found = door.check()
        except Exception as error:
            found, why = False, f" ({type(error).__name__}: {error})"
        else:
            why = ""
        if not found:
            version = metadata.version(door.library)
            yield f"{door.library} {version}: expected that {door.expected}{why}"


def require_open(doors=DOORS) -> None:
    """Refuses versions that do not do what is expected of them, all in one message."""
    lines = list(closed(doors))
    if lines:
        raise ImportError("\n".join(["dualak leans on what is no longer so:", *lines]))


require_open()
