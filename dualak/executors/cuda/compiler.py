"""From the text of a kernel to what a device runs; Numba is asked once for each text.

The text is compiled to PTX, and that assembled to the code of one architecture, which any driver of
the same major version takes, also one that is older than the compiler.  Both need no device.  The
code is kept in memory and in a folder on disk, under a digest of all that it was made from.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import metadata, resources
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np

from dualak import device
from dualak.executors.cuda import operations
from dualak.executors.cuda.source import Parameter, Text

#: An architecture: major and minor number of the compute capability.
Capability = tuple[int, int]

_TYPES = ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")

#: Files whose code is in that of a kernel beside its own text.
SOURCES = ("scalar_functions.py", "cuda/operations.py", "cuda/compiler.py")


@dataclass(frozen=True)
class Code:
    """The code of a kernel for one architecture, and the name of its entry."""

    entry: str
    cubin: bytes


# -- functions of Python --------------------------------------------------------------------------


def function(text: str, simulate: bool) -> FunctionType:
    """The text as a function of Python, with the functions that it calls."""
    from numba import cuda

    names: dict[str, Any] = {"cuda": cuda, "inf": np.inf, "float64": np.float64}
    names |= {name: getattr(np, name) for name in ("float32", "int32", "int64")}
    names |= {name: getattr(np, name) for name in _TYPES if name != "bool"}
    given = operations.simulated if simulate else _device_function
    names |= {name: given(name) for name in operations.used(text)}
    exec(compile(text, "<kernel>", "exec"), names)
    return names["kernel"]


@cache
def _device_function(name: str) -> Any:
    return operations.function(name)


@cache
def simulated(text: str) -> Any:
    """The kernel for Numba's simulator."""
    from numba import cuda

    return cuda.jit(function(text, simulate=True))


# -- code for a device ----------------------------------------------------------------------------


def ptx(text: Text, capability: Capability) -> str:
    """The kernel in the assembly language of all devices.

    Raises:
        ImportError: without Numba-CUDA.
    """
    device.require_numba_cuda()
    from numba import cuda

    made, _ = cuda.compile_ptx(
        function(text.text, simulate=False), _signature(text.parameters), cc=capability
    )
    return made if isinstance(made, str) else made.decode()


def _signature(parameters: Sequence[Parameter]) -> Any:
    from numba import types

    return types.void(*(_type(parameter, types) for parameter in parameters))


def _type(parameter: Parameter, types: Any) -> Any:
    number = types.uint8 if parameter.dtype.kind == "b" else getattr(types, parameter.dtype.name)
    return types.CPointer(number) if parameter.pointer else number


def entry(text: str) -> str:
    """The name of the only kernel in a text of PTX."""
    found = re.search(r"\.visible\s+\.entry\s+(\w+)", text)
    assert found is not None, "expected a kernel in the text of PTX"
    return found[1]


def assembled(text: str, capability: Capability) -> bytes:
    """PTX as the code of one architecture."""
    from cuda.bindings import nvjitlink

    data = text.encode()
    handle = nvjitlink.create(1, [f"-arch=sm_{capability[0]}{capability[1]}"])
    try:
        nvjitlink.add_data(handle, nvjitlink.InputType.PTX, data, len(data), "kernel")
        nvjitlink.complete(handle)
        code = bytearray(nvjitlink.get_linked_cubin_size(handle))
        nvjitlink.get_linked_cubin(handle, code)
        return bytes(code)
    finally:
        nvjitlink.destroy(handle)


# -- kept on disk ---------------------------------------------------------------------------------


def code(text: Text, capability: Capability) -> Code:
    """The kernel's code, from the folder of the cache if it is there."""
    path = _folder() / f"{_digest(text, capability)}.cubin"
    known = _read(path)
    if known is not None:
        return known
    made = ptx(text, capability)
    result = Code(entry(made), assembled(made, capability))
    with suppress(OSError):  # no folder can be written: it compiles again in each process
        _write(path, result)
    return result


def _folder() -> Path:
    """Where code is kept: DUALAK_CACHE_DIR, or the place for caches of this user."""
    wanted = os.environ.get("DUALAK_CACHE_DIR")
    if wanted:
        return Path(wanted)
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "dualak")


def _digest(text: Text, capability: Capability) -> str:
    parts = (text.text, repr(text.parameters), repr(capability), *_versions(), _rooms())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


@cache
def _versions() -> tuple[str, ...]:
    found = []
    for name in ("numba-cuda", "numba", "nvidia-nvvm", "nvidia-cuda-nvcc-cu12"):
        with suppress(metadata.PackageNotFoundError):
            found.append(f"{name} {metadata.version(name)}")
    return tuple(found)


@cache
def _rooms() -> str:
    package = resources.files("dualak.executors")
    return "\n".join(package.joinpath(name).read_text(encoding="utf-8") for name in SOURCES)


def _read(path: Path) -> Code | None:
    """What was kept; None if there is nothing, or something that was cut off."""
    try:
        digest, name, cubin = path.read_bytes().split(b"\n", 2)
    except (OSError, ValueError):
        return None
    whole = hashlib.sha256(name + cubin).hexdigest().encode() == digest
    return Code(name.decode(), cubin) if whole else None


def _write(path: Path, made: Code) -> None:
    """Writes a file at once, so that another process finds all of it or nothing."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = made.entry.encode()
    digest = hashlib.sha256(name + made.cubin).hexdigest().encode()
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(b"\n".join([digest, name, made.cubin]))
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
    temporary.replace(path)
