"""The header of XLA's FFI that is installed, against the structures that handlers are compiled for.

A later version may add fields at the end of a structure, but what is used has to stay in its place.
"""

from __future__ import annotations

import re

from bridge.ffi import frames

_CONSTANTS = {
    "XLA_FFI_ExecutionStage_INSTANTIATE": frames.INSTANTIATE,
    "XLA_FFI_ExecutionStage_EXECUTE": frames.EXECUTE,
    "XLA_FFI_Extension_Metadata": frames.METADATA,
    "XLA_FFI_DataType_S64": frames.INT64,
    "XLA_FFI_Error_Code_INVALID_ARGUMENT": frames.INVALID_ARGUMENT,
    "XLA_FFI_Error_Code_RESOURCE_EXHAUSTED": frames.RESOURCE_EXHAUSTED,
}


def unlike_header(header: str) -> str | None:
    """What the text of ``c_api.h`` declares otherwise than ``frames``; None if nothing.

    >>> unlike_header("#define XLA_FFI_API_MAJOR 1")
    "expected version 0 of XLA's FFI, got 1"
    """
    text = _plain(header)
    version = _first(r"#define XLA_FFI_API_MAJOR (\d+)", text)
    if version != str(frames.MAJOR):
        return f"expected version {frames.MAJOR} of XLA's FFI, got {version}"
    for name, value in _CONSTANTS.items():
        got = _first(rf"\b{name} = (\d+)", text)
        if got != str(value):
            return f"expected {name} = {value}, got {got}"
    for name, structure in frames.STRUCTURES.items():
        fields = _fields(name, text)
        want = [field[0] for field in structure._fields_]
        for i, field in enumerate(want):
            if not field.startswith("_") and fields[i : i + 1] != [field]:
                return f"expected {field} as field {i} of {name}, got {fields}"
    return None


def _plain(header: str) -> str:
    """The header without comments, and with pointers to functions as plain ones."""
    return re.sub(r"\(\*(\w+)\)\([^)]*\)", r"* \1", re.sub(r"//[^\n]*", "", header))


def _first(pattern: str, text: str) -> str | None:
    found = re.search(pattern, text, re.DOTALL)
    return found and found[1]


def _fields(name: str, text: str) -> list[str]:
    """The declarations of a structure's fields, in their order, without their types."""
    return [words[-1] for words in _declarations(name, text)]


def _declarations(name: str, text: str) -> list[list[str]]:
    body = _first(rf"struct {name} \{{(.*?)\}}", text) or ""
    return [
        words for declaration in body.split(";") if (words := re.findall(r"\w+|\*", declaration))
    ]


def type_of(name: str, field: str, header: str) -> str | None:
    """The type that the header gives to a field of a structure."""
    found = (words for words in _declarations(name, _plain(header)) if words[-1] == field)
    return next((" ".join(words[:-1]) for words in found), None)
