"""What makes many small programs in one process fast, and keeps its memory."""

from __future__ import annotations

import gc
import sys
import typing
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def collected_at_the_end() -> Iterator[None]:
    """Looks for garbage once, behind many programs, not again and again within each."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()
        gc.collect()


def prepare() -> None:
    """For a process that does nothing else: what is imported by now is never garbage."""
    gc.collect()
    gc.freeze()
    if sys.version_info < (3, 12):
        _remember_protocols()


def _remember_protocols() -> None:
    """Asks once whether a class follows a protocol; Awkward asks thousands of times."""
    meta: Any = typing._ProtocolMeta  # type: ignore[attr-defined]
    asked, known = meta.__instancecheck__, {}

    def follows(protocol: Any, value: Any) -> bool:
        key = protocol, type(value)
        if key not in known:
            known[key] = asked(protocol, value)
        return known[key]

    meta.__instancecheck__ = follows
