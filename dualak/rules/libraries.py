"""Functions of other libraries that rules name: imported when they are used, never before.

>>> from dualak.rules import Rule
>>> function_of(Rule("negative", ("-1",), ((0.0, 1.0),), library="numpy"))(np.array([1.0, 2.0]))
array([-1., -2.])
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from dualak.device import Buffer
from dualak.rules import LIBRARIES, Rule


def library_of(ufunc: Any) -> str | None:
    """The library whose attribute of this name a ufunc is, which is imported if it is in use."""
    for library in LIBRARIES:
        if getattr(sys.modules.get(library), ufunc.__name__, None) is ufunc:
            return library
    return None


@cache
def function_of(rule: Rule) -> Callable[..., Any]:
    """The library's function that a rule is about, for buffers: one output, and no warnings.

    Raises:
        ImportError: if the library is absent, or has no such function.
    """
    function = getattr(importlib.import_module(rule.library), rule.name, None)
    if function is None:
        raise ImportError(
            f"expected a {rule.library} that has {rule.name}, got an older one; upgrade it"
        )

    def call(*buffers: Buffer) -> Buffer:
        arguments = _whole_order(buffers) if rule.order else buffers
        with np.errstate(all="ignore"):
            result = function(*arguments)
        return result if rule.output is None else result[rule.output]

    call.__qualname__ = rule.key
    return call


def _whole_order(buffers: tuple[Buffer, ...]) -> tuple[Buffer, ...]:
    """Orders that are whole numbers as integers, for which libraries have loops of their own."""
    order, *others = buffers
    whole = np.array_equal(order, np.rint(order)) and bool(np.all(np.abs(order) < 2.0**31))
    return (order.astype(np.int64) if whole else order, *others)
