"""XLA's FFI as a transport: a compiled JAX program calls a plan's entry point, without Python.

The program holds two integers: the addresses of the plan's function and of its table.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jax
import numpy as np

from bridge import frames

#: The name of the target carries a number of this process: a program that was stored and loaded
#: by another one finds no target there, instead of addresses that mean nothing.
TARGET = f"dualak_{uuid.uuid4().hex}"

#: Entries by the address of their table.  JAX says nobody when a compiled program goes, and its
#: caches may hold one that no Python object knows of, so what a program may call stays for good.
#: An entry takes the bytes that it says in ``nbytes``: its plan's index buffers and constants, and
#: about 64 bytes for each block of 512 elements.
_entries: dict[int, Any] = {}
_lock = threading.Lock()


@cache
def available() -> str | None:
    """None if programs can call entry points, else the reason why not, in words."""
    if not hasattr(jax, "ffi") or not hasattr(jax.ffi, "ffi_call"):
        return f"expected jax.ffi.ffi_call, which jax {jax.__version__} does not have"
    header = Path(jax.ffi.include_dir(), "xla", "ffi", "api", "c_api.h")
    if not header.is_file():
        return f"expected the header of XLA's FFI at {header}"
    return frames.unlike_header(header.read_text(encoding="utf-8")) or _registered()


def _registered() -> str | None:
    try:
        capsule = jax.ffi.pycapsule(frames.handler())
        jax.ffi.register_ffi_target(TARGET, capsule, platform="cpu", api_version=1)
    except Exception as error:
        return f"XLA refused the handler: {error}"
    return None


def call(
    entry: Any, outputs: Sequence[jax.ShapeDtypeStruct], operands: Sequence[Any]
) -> list[jax.Array]:
    """The results of a plan, in a program that JAX traces.

    Args:
        entry: the plan's entry point, which is kept for good.
        outputs: shape and dtype of each result; a scalar may have the shape ``()`` or ``(1,)``.
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
    with _lock:
        _entries[entry.context] = entry
    target = jax.ffi.ffi_call(TARGET, list(outputs))
    addresses = {"function": np.int64(entry.function), "context": np.int64(entry.context)}
    return list(target(*operands, **addresses))


def _require_alike(what: str, given: Sequence[Any], slots: Sequence[Any]) -> None:
    got = [(str(np.dtype(one.dtype)), int(np.prod(one.shape))) for one in given]
    want = [(str(one.dtype), one.length) for one in slots]
    if got != want:
        raise ValueError(f"expected {what} of {want}, got {got}")
