"""Values of a framework that builds on dualak: how they come in, and how arrays go out to it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from dualak.arrays.context import current_graph, outer_graph
from dualak.pytree import tree_map

Function = TypeVar("Function", bound=Callable[..., Any])
Conversion = Callable[[Any], Any]


class _Foreign:
    """What ``connect`` was given."""

    enter: Conversion | None = None
    leave: Conversion | None = None


def connect(enter: Conversion, leave: Conversion) -> None:
    """Lets dualak take values of a framework.

    Args:
        enter: a value as dualak has it, a number or an array; others come back as they are.
        leave: what becomes of an array that stands for numbers of the framework, where a
            transformation hands it out to a function that is in none.
    """
    _Foreign.enter, _Foreign.leave = enter, leave


def entering(value: Any) -> Any:
    """A value as dualak has it."""
    return value if _Foreign.enter is None else _Foreign.enter(value)


def crossing(function: Function) -> Function:
    """A transformation that takes values of a framework, and hands out such."""

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        if _Foreign.enter is None or _Foreign.leave is None:
            return function(*args, **kwargs)
        args, kwargs = tree_map(_Foreign.enter, args), tree_map(_Foreign.enter, kwargs)
        result = function(*args, **kwargs)
        inside = current_graph.get() is not None or outer_graph() is None
        return result if inside else tree_map(_Foreign.leave, result)

    return called  # type: ignore[return-value]
