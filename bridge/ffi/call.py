"""XLA's FFI as a transport: a compiled JAX program calls a plan's entry point, without Python.

The program holds integers: the addresses of the plan's function and of its table.  The table stays
as long as a program can call it: while JAX keeps something that can be compiled, and, as XLA tells
it through a state that it deletes with the program, while one is compiled.
"""

from __future__ import annotations

import ctypes
import threading
import uuid
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import mlir

from bridge.ffi import frames
from bridge.ffi.header import unlike_header

#: The name of the target carries a number of this process: a program that was stored and loaded
#: by another one finds no target there, instead of addresses that mean nothing.
TARGET = f"dualak_{uuid.uuid4().hex}"


def available() -> str | None:
    """None if programs can call entry points, else the reason why not, in words.

    The first call compiles the handlers and tries them in a small program.
    """
    with _trial:
        return _tried()


_trial = threading.Lock()


@cache
def _tried() -> str | None:
    if not hasattr(jax, "ffi") or not hasattr(jax.ffi, "register_ffi_type"):
        return f"expected jax.ffi.register_ffi_type, which jax {jax.__version__} does not have"
    header = Path(jax.ffi.include_dir(), "xla", "ffi", "api", "c_api.h")
    if not header.is_file():
        return f"expected the header of XLA's FFI at {header}"
    unlike = unlike_header(header.read_text(encoding="utf-8"))
    try:
        return unlike or _registered() or _failed()
    except Exception as error:
        return f"XLA refused the handlers: {error}"


#: The number that XLA gives to the type of the state, and what deletes one.
_type_id = ctypes.c_int64(0)
_type_info = frames.TypeInfo()


def _registered() -> str | None:
    instantiate, execute, delete, _ = frames.handlers()
    _type_info.struct_size, _type_info.deleter = ctypes.sizeof(_type_info), delete.address
    for kept in (_type_id, _type_info, _probe_table, _entries, frames.handlers()):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(kept))  # XLA may outlive Python's last module
    capsule = jax.ffi.pycapsule
    kind: Any = {"type_id": _capsule(_type_id), "type_info": _capsule(_type_info)}
    stages = {"instantiate": capsule(instantiate.address), "execute": capsule(execute.address)}
    jax.ffi.register_ffi_type(TARGET, kind, platform="cpu")
    jax.ffi.register_ffi_target(TARGET, stages, platform="cpu", api_version=1)
    jax.devices("cpu")  # JAX registers nothing before there is a device
    return None if _type_id.value else "XLA did not register the type of a program's state"


def _capsule(memory: Any) -> Any:
    return jax.ffi.pycapsule(ctypes.addressof(memory))


def _failed() -> str | None:
    """Tries a program that gives the number after the one it gets."""
    table = _probe_table
    held = Held(Probe(frames.handlers()[3].address, table.ctypes.data))
    number = jax.ShapeDtypeStruct((1,), np.int32)
    with jax.default_device(jax.devices("cpu")[0]):
        program = jax.jit(lambda x: _call_p.bind(x, held=held, outputs=(number,)))
        compiled = program.lower(number).compile()
    got, counted = compiled(np.array([41], np.int32))[0].tolist(), int(table[1])
    if got != [42] or counted != 1:
        return f"a program that should give 42 gave {got}; {counted} programs were counted, not 1"
    return None


class Probe(NamedTuple):
    """What stands for an entry where the handlers are tried."""

    function: int
    context: int


#: Of two buffers, and nobody holds it.
_probe_table = np.array([2, 0], np.int64)


# -- who keeps a table ----------------------------------------------------------------------------


class Held:
    """An entry that something of JAX's can still be compiled to call."""

    def __init__(self, entry: Any) -> None:
        self.entry = entry


_lock = threading.RLock()
_entries: dict[int, Any] = {}
_held: WeakValueDictionary[int, Held] = WeakValueDictionary()


def _holding(entry: Any) -> Held:
    with _lock:
        held = _held.get(entry.context)
        if held is None:
            held = _held[entry.context] = Held(entry)
        _entries[entry.context] = entry
        return held


def sweep() -> int:
    """Lets go of the entries that no program can call any more; the bytes of those that stay.

    It is called whenever an entry comes.
    """
    with _lock:
        for context in [entry for entry in _entries if entry not in _held and not _programs(entry)]:
            del _entries[context]
        return sum(entry.nbytes for entry in _entries.values())


def _programs(context: int) -> int:
    """How many compiled programs call an entry: the second word of its table."""
    return ctypes.c_int64.from_address(context + 8).value


# -- a call ---------------------------------------------------------------------------------------

_call_p = Primitive("dualak_entry")
_call_p.multiple_results = True


@_call_p.def_abstract_eval
def _abstract(*operands: Any, held: Held, outputs: Sequence[Any]) -> list[Any]:
    return [jax.core.ShapedArray(output.shape, output.dtype) for output in outputs]


@_call_p.def_impl
def _eager(*operands: Any, held: Held, outputs: Sequence[Any]) -> list[Any]:
    made = held.entry.run([np.asarray(operand).reshape(-1) for operand in operands])
    return [
        jnp.asarray(buffer).reshape(out.shape) for buffer, out in zip(made, outputs, strict=True)
    ]


def _lowered(ctx: Any, *operands: Any, held: Held, outputs: Sequence[Any]) -> Any:
    ctx.module_context.add_keepalive(held)
    return jax.ffi.ffi_lowering(TARGET)(
        ctx,
        *operands,
        function=np.int64(held.entry.function),
        context=np.int64(held.entry.context),
        state=np.int64(ctypes.addressof(_type_id)),
    )


mlir.register_lowering(_call_p, _lowered, platform="cpu")


def call(
    entry: Any, outputs: Sequence[jax.ShapeDtypeStruct], operands: Sequence[Any]
) -> list[jax.Array]:
    """The results of a plan, in a program that JAX traces.

    Args:
        entry: the plan's entry point.
        outputs: shape and dtype of each result; the same bytes may have any shape.
        operands: one array for each input.

    Raises:
        ValueError: for operands or outputs of other types or sizes than the plan's.
        RuntimeError: where this transport is not available.
    """
    reason = available()
    if reason is not None:
        raise RuntimeError(f"expected XLA's FFI; {reason}; choose another transport")
    _require_alike("operands", operands, entry.inputs)
    _require_alike("outputs", outputs, entry.results)
    held = _holding(entry)
    sweep()
    return list(_call_p.bind(*operands, held=held, outputs=tuple(outputs)))


def _require_alike(what: str, given: Sequence[Any], slots: Sequence[Any]) -> None:
    got = [(str(np.dtype(buffer.dtype)), int(np.prod(buffer.shape))) for buffer in given]
    want = [(str(slot.dtype), slot.length) for slot in slots]
    if got != want:
        raise ValueError(f"expected {what} of {want}, got {got}")
