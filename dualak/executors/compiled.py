"""Compiled code, and what is kept of it on disk.

Numba keeps compiled functions in a folder beside the sources, or in one of the user's, as pickles.
A file that cannot be read is thrown away and the function compiled again, with one warning.  To
read a pickle is to run what is in it: a folder that somebody can write to who could not change the
sources either is not used, unless ``DUALAK_TRUST_CACHE=1`` says that it may be.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numba
from numba.core import sigutils
from numba.core.caching import FunctionCache
from numba.core.ccallback import CFunc

if numba.config.DISABLE_JIT:
    raise ImportError(
        "dualak computes with compiled kernels, got NUMBA_DISABLE_JIT=1; unset it, and call "
        "loop.py_func to run a loop of your own as Python"
    )

#: Whose rights are compared with those of a folder of compiled code.
_SOURCES = Path(__file__).parent

_warned: set[str] = set()


class CacheWarning(UserWarning):
    """Compiled code on disk could not be used, so that something compiles again."""


def jit(function: Callable[..., Any]) -> Any:
    """The function compiled, without the GIL, and kept on disk where there is a place for it."""
    dispatcher = numba.njit(nogil=True)(function)
    kept = _kept(function)
    if kept is not None:
        dispatcher._cache = kept  # noqa: SLF001
    return dispatcher


def compiled(signature: Any, function: Callable[..., Any], **options: Any) -> Any:
    """The function compiled for C, with an ``address``, and kept on disk likewise."""
    made = CFunc(function, sigutils.normalize_signature(signature), locals={}, options=options)
    kept = _kept(function)
    if kept is not None:
        made._cache = kept  # noqa: SLF001
    made.compile()
    return made


def _kept(function: Callable[..., Any]) -> _Cache | None:
    """What is kept of a function; None where there is no folder, or one that others can write."""
    try:
        cache = _Cache(function)
    except RuntimeError:  # no folder can be written: it compiles again in each process
        return None
    folder = Path(cache.cache_path)
    with suppress(OSError):
        if not any(folder.iterdir()):  # it was made just now
            folder.chmod(0o700)
    if _others_can_write(folder) and os.environ.get("DUALAK_TRUST_CACHE") != "1":
        _warn(
            f"expected a folder for compiled code that nobody else can write to, got {folder}: "
            "kernels compile again in each process; chmod go-w it, or set NUMBA_CACHE_DIR to "
            "another, or DUALAK_TRUST_CACHE=1 if whoever can write to it may run code as you"
        )
        return None
    return cache


def _others_can_write(folder: Path) -> bool:
    """Whether somebody can who could not change our sources."""
    if os.name != "posix":
        return False
    try:
        found, own = folder.stat(), _SOURCES.stat()
    except OSError:
        return False
    trusted = {os.getuid(), 0, own.st_uid}
    return found.st_uid not in trusted or bool(found.st_mode & ~own.st_mode & 0o022)


class _Cache(FunctionCache):
    """Numba's cache of one function, of which nothing broken and no full disk is seen."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:  # a pickle can raise anything
            self._broken("read", error)
            with suppress(Exception):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except Exception as error:
            self._broken("written", error)

    def _broken(self, what: str, error: Exception) -> None:
        _warn(
            f"compiled code in {self.cache_path} could not be {what} "
            f"({type(error).__name__}: {error}); what is missing there is compiled again"
        )


def _warn(message: str) -> None:
    """Says it once in a process, not for each function: what is wrong with one is with all."""
    if not _warned:
        _warned.add(message)
        warnings.warn(message, CacheWarning, stacklevel=2)
