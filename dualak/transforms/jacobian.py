"""Derivatives in all directions: Jacobians, Hessians, and functions that give them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ParamSpec

from dualak.arrays.backends import entered
from dualak.arrays.foreign import crossing
from dualak.pytree import tree_map
from dualak.transforms.arguments import Argnums, numbers_of, require_function
from dualak.transforms.jvp import pushforward, require_count
from dualak.transforms.parameters import (
    CHUNK,
    Parameter,
    direction,
    jacobian,
    mapped,
    parameters,
)

P = ParamSpec("P")


def derivative(func: Callable[P, Any], argnums: int = 0) -> Callable[P, Any]:
    """The derivative of a function of a number: how each of its outputs changes with it.

    Args:
        func: a function of a number, and of any other arguments.
        argnums: which positional argument is the number.

    Returns:
        A function of the same arguments; its result has the structure of ``func``'s.

    Raises:
        TypeError: if the argument is not one floating-point number.

    >>> import numpy as np
    >>> derivative(derivative(np.sin))(0.0)
    np.float64(-0.0)
    """
    forward = jacfwd(func, argnums)

    @functools.wraps(func)
    def derived(*args: Any, **kwargs: Any) -> Any:
        (only,) = numbers_of(argnums, args)
        leaves = parameters(args[only], f"argument {only}")
        if len(leaves) != 1 or leaves[0].shape != ():
            raise TypeError(f"argument {only}: expected one number, got {args[only]!r}; use jacfwd")
        return forward(*args, **kwargs)

    return derived


def jacfwd(
    func: Callable[P, Any],
    argnums: Argnums = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    progress: bool = False,
    device: str | None = None,
) -> Callable[P, Any]:
    """The Jacobian of a function, by forward mode: made for few parameters and many outputs.

    Args:
        func: a function of parameters, and of any other arguments, as for ``dualak.jvp``.
        argnums: which positional arguments hold parameters: a number, or several.  Each is a
            float, a rectangular array, or a dict, list, tuple or record of such.
        has_aux: whether ``func`` returns a pair of its result and something else.
        chunk_size: how many directions one pass takes; more are faster and need more memory.
            None leaves the choice to dualak.
        progress: whether to show a progress bar where there are several passes.  It needs
            ``pip install 'dualak[progress]'``.
        device: where to compute, as for ``dualak.jvp``; arrays among all arguments may say it.

    Returns:
        A function of the same arguments.  It gives the Jacobian in the structure of the parameters
        (a tuple of such for several ``argnums``; records as dicts), each leaf in the structure of
        ``func``'s result: for a number its derivative by it, for an array with the axes of the
        array appended to each number of the result.  With ``has_aux``, a pair of that and the rest.

    Raises:
        TypeError: for parameters that are no floating-point numbers, or argnums that are none.
        ValueError: for ragged parameters, and for argnums or a chunk_size out of range.

    >>> import awkward as ak, numpy as np
    >>> pt = ak.Array([[10.0, 20.0], [], [30.0]])
    >>> def scaled(p):
    ...     return pt * (1.0 + p["scale"]) + ak.sum(p["shift"])
    >>> found = jacfwd(scaled)({"scale": 0.1, "shift": np.array([0.5, 0.25])})
    >>> found["scale"].to_list(), found["shift"].to_list()
    ([[10.0, 20.0], [], [30.0]], [[[1.0, 1.0], [1.0, 1.0]], [], [[1.0, 1.0]]])
    """
    both = value_and_jacfwd(
        func, argnums, has_aux=has_aux, chunk_size=chunk_size, progress=progress, device=device
    )

    @functools.wraps(func)
    def forward(*args: Any, **kwargs: Any) -> Any:
        value, found = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return forward


def value_and_jacfwd(
    func: Callable[P, Any],
    argnums: Argnums = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    progress: bool = False,
    device: str | None = None,
) -> Callable[P, Any]:
    """As ``jacfwd``, but the function returns the pair of the value and the Jacobian.

    With ``has_aux`` the value is the pair that ``func`` returns.

    >>> value_and_jacfwd(lambda x: x**3)(2.0)
    (np.float64(8.0), np.float64(12.0))
    """
    require_function(func, "jacfwd(func)(x)")
    if chunk_size is not None:
        require_count(chunk_size, "chunk_size", "direction")

    @crossing
    @functools.wraps(func)
    def both(*args: Any, **kwargs: Any) -> Any:
        numbers = numbers_of(argnums, args)
        points = tuple(args[number] for number in numbers)
        leaves = [
            leaf
            for number, point in zip(numbers, points, strict=True)
            for leaf in parameters(point, f"argument {number}")
        ]

        def of_parameters(*values: Any) -> Any:
            given = dict(zip(numbers, values, strict=True))
            constants = tree_map(entered, kwargs)
            return func(
                *(given.get(i, tree_map(entered, arg)) for i, arg in enumerate(args)), **constants
            )

        push = functools.partial(
            pushforward,
            of_parameters,
            points,
            has_aux=has_aux,
            device=device,
            beside=(args, kwargs),
        )
        y, tangents, *aux = _in_chunks(push, points, leaves, chunk_size, progress)
        columns = iter(_columns(y, tangents, leaves))
        found = mapped(lambda _: next(columns), points)
        return (y, *aux) if has_aux else y, found[0] if isinstance(argnums, int) else found

    return both


def _in_chunks(
    push: Callable[..., tuple[Any, ...]],
    points: tuple[Any, ...],
    leaves: Sequence[Parameter],
    chunk_size: int | None,
    progress: bool,
) -> tuple[Any, ...]:
    """The value, the tangents in all directions, and what else the function gives."""
    total = sum(leaf.size for leaf in leaves)
    chunk = CHUNK if chunk_size is None else chunk_size
    results: tuple[Any, ...] = ()
    tangents: list[Any] = []
    for start in _shown(range(0, max(total, 1), chunk), progress):
        within = range(start, min(start + chunk, total))
        directions = [direction(points, iter(leaves), number) for number in within]
        results = push(directions)
        tangents.extend(results[1])
    return results[0], tangents, *results[2:]


def _shown(starts: range, progress: bool) -> Iterable[int]:
    if not progress or len(starts) < 2:
        return starts
    try:
        from rich.progress import track
    except ImportError:
        raise ImportError(
            "a progress bar needs rich: pip install 'dualak[progress]', or leave progress=True out"
        ) from None
    return track(starts, description="directions")


def _columns(y: Any, tangents: list[Any], leaves: Sequence[Parameter]) -> Iterator[Any]:
    start = 0
    for leaf in leaves:
        yield jacobian(y, tangents[start : start + leaf.size], leaf.shape)
        start += leaf.size
