"""Context variables that have another value for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

Value = TypeVar("Value")


@contextmanager
def scoped(variable: ContextVar[Value], value: Value) -> Iterator[None]:
    """Gives a context variable another value; at the end it has again the one that it had.

    It is set inside of the block that puts it back: an interrupt finds no moment in between.

    >>> number = ContextVar("number", default=1)
    >>> with scoped(number, 2):
    ...     print(number.get())
    2
    >>> number.get()
    1
    """
    before = variable.get()
    try:
        variable.set(value)
        yield
    finally:
        variable.set(before)
