"""Errors: which are refusals that are documented, and which come from inside."""

from __future__ import annotations

import linecache
import re
import traceback
from pathlib import Path
from typing import Any

import dualak
from dualak.rules import UnknownPartialError

from .cases import Verdict
from .programs import Program

_PRODUCT = [Path(dualak.__file__).parent, Path(dualak.__file__).parent.parent / "bridge"]
#: Refusals.  ``StructureError`` is none: directions here always have the structure of the point.
_DOCUMENTED = {
    one.__name__
    for one in (
        dualak.NotDifferentiableError,
        dualak.EscapeError,
        dualak.UnknownNumbersError,
        dualak.DeviceError,
        UnknownPartialError,
    )
}
#: What an error says that is worded, and yet a fault of the product.
_INSIDE = "positions of a column that is gone"
#: Errors that a line of the product may raise in its own words, as docstrings say.
_WORDED = {"TypeError", "ValueError", "NotImplementedError", "OverflowError", "MemoryError"}
_FUNCTION = re.compile(r"\b(?:ak|np|scipy\.special)\.(?:linalg\.|fft\.|str\.)?[a-zA-Z_]\w*")


def judged(error: BaseException, mode: str, program: Program) -> Verdict:
    """Whether an error is a refusal that is documented, or a fault."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [one for one in frames if _of_product(one.filename)]
    name, message = _named(error)
    signature = f"{name}: {message_shape(message)}"
    step = _step_of(frames, program)
    worded = _raised_here(frames, own) or (name != type(error).__name__ and "expected" in message)
    if _INSIDE not in message and (name in _DOCUMENTED or (name in _WORDED and worded)):
        found = _FUNCTION.search(message)
        return Verdict("refused", mode, signature, message[:300], found[0] if found else step)
    place = f"{Path(own[-1].filename).name}:{own[-1].name}" if own else "outside"
    return Verdict("error", mode, f"{signature} [{place}]", message[:400], step)


def _named(error: BaseException) -> tuple[str, str]:
    """Type and message of an error, or of the one in a callback that JAX tells of in words."""
    name, message = type(error).__name__, str(error)
    if name == "JaxRuntimeError":
        inner = re.findall(
            r"^(?:[\w.]+\.)?(\w+(?:Error|Iteration|Exception)): ?(.*)", message, re.M
        )
        return inner[-1] if inner else (name, message)
    return name, message


def _of_product(filename: str) -> bool:
    return any(room in Path(filename).parents for room in _PRODUCT)


def _raised_here(frames: Any, own: Any) -> bool:
    """Whether the last frame is a ``raise`` of the product's own."""
    if not own or frames[-1] is not own[-1]:
        return False
    line = linecache.getline(own[-1].filename, own[-1].lineno or 0).strip()
    return line.startswith("raise ")


def _step_of(frames: Any, program: Program) -> str:
    for one in frames:
        if one.filename == f"<program {program.seed}>" and one.lineno and one.lineno >= 2:
            at = one.lineno - 2
            return program.steps[at].function if at < len(program.steps) else "return"
    return "(the transformation)"


def message_shape(message: str) -> str:
    """A message without what is particular to one program."""
    first = message.strip().partition("\n")[0]
    first = re.sub(r"<[^>]*>|'[^']*'|\"[^\"]*\"|\[[^\]]*\]|\([^)]*\)", "_", first)
    return re.sub(r"-?\d+(\.\d+)?", "#", first)[:110]
