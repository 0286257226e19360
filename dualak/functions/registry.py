"""The registry: what is done with each function of Awkward and NumPy that meets a dual.

A function that stands nowhere is refused, so one that a later Awkward adds is never guessed.

>>> functions()["ak.flatten"].kind
'structural'
>>> functions()["ak.argmax"].kind
'discrete'
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dualak.ad.recording import calling
from dualak.arrays.columns import reading
from dualak.arrays.highlevel import bare, holds_scalars, primal_of, wrap
from dualak.functions.positions import by_positions
from dualak.pytree import tree_map

Handler = Callable[..., Any]


@dataclass(frozen=True)
class Function:
    """How one function treats duals: its class, what is called for it, and why."""

    name: str
    kind: str
    handler: Handler | None
    why: str = ""


class NotDifferentiableError(TypeError):
    """A function was given a dual that it has no rule for."""


_table: dict[str, Function] = {}


def functions() -> Mapping[str, Function]:
    """All registered functions by name, such as ``ak.flatten`` or ``np.clip``."""
    return dict(_table)


def register(kind: str, names: Iterable[str], handler: Handler | None = None) -> None:
    """Puts functions into a class; without a handler the class's own way is taken."""
    for name in names:
        _table[name] = Function(name, kind, handler or _WAYS[kind])


def refuse(reasons: Mapping[str, str]) -> None:
    """Refuses functions, saying why and what to use instead."""
    for name, why in reasons.items():
        _table[name] = Function(name, "refused", None, why)


def call_awkward(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Calls a function of Awkward whose arguments hold duals."""
    module = "ak.str" if "str" in function.__module__.split(".") else "ak"
    return _call(f"{module}.{function.__name__}", function, args, kwargs)


def call_numpy(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Calls a function of NumPy, other than a ufunc, whose arguments hold duals."""
    module = getattr(function, "__module__", None) or "numpy"
    return _call(f"{module}.{function.__name__}".replace("numpy", "np", 1), function, args, kwargs)


def _call(name: str, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    entry = _table.get(name)
    if entry is None or entry.handler is None:
        raise NotDifferentiableError(_refusal(name, entry))
    with reading() as columns, calling(name):
        result = entry.handler(function, args, kwargs)
        # Positions name columns, which go when nobody reads them any more.
        return tree_map(wrap, result) if columns else result


def _refusal(name: str, entry: Function | None) -> str:
    why = entry.why if entry else "it has no rule for derivatives"
    return (
        f"{name} is refused on a differentiated array: {why}; if its result may be treated as a "
        f"constant, call it on dualak.primal(array)"
    )


def instead(way: Callable[..., Any], other: Handler) -> Handler:
    """The handler that calls a function of ours, and the other one where that gives None."""

    def handler(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        found = way(*args, **kwargs)
        return other(function, args, kwargs) if found is None else found

    return handler


def structural(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Awkward does it, on layouts without hooks; the duals ride along.

    Scalars, which are records to Awkward, are positions meanwhile, and those are numbers.
    """
    if any(map(holds_scalars, (args, kwargs))):
        return by_positions(function, args, kwargs)
    return wrap(function(*tree_map(bare, args), **tree_map(bare, kwargs)))


def discrete(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Awkward or NumPy does it, on the values."""
    return function(*tree_map(primal_of, args), **tree_map(primal_of, kwargs))


_WAYS: dict[str, Handler] = {
    "structural": structural,
    "discrete": discrete,
}
