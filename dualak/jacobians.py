"""Derivatives in all directions: Jacobians, Hessians, and functions that give them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import index
from typing import Any

import awkward as ak
import numpy as np

from dualak import device
from dualak.arrays.backends import entered
from dualak.arrays.highlevel import deep
from dualak.parameters import Parameter, direction, jacobian, mapped, parameters, picked
from dualak.transforms import jvp, pushforward

Argnums = int | Sequence[int]

#: Directions that one pass takes unless told otherwise: more share more work, and more memory.
CHUNK = 16


def derivative(func: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
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
        (leaf, *others) = parameters(args[only], f"argument {only}")
        if others or leaf.shape != ():
            raise TypeError(f"argument {only}: expected one number, got {args[only]!r}; use jacfwd")
        return forward(*args, **kwargs)

    return derived


def jacfwd(
    func: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    progress: bool = False,
    device: str | None = None,
) -> Callable[..., Any]:
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
    func: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    progress: bool = False,
    device: str | None = None,
) -> Callable[..., Any]:
    """As ``jacfwd``, but the function returns the pair of the value and the Jacobian.

    With ``has_aux`` the value is the pair that ``func`` returns.

    >>> value_and_jacfwd(lambda x: x**3)(2.0)
    (np.float64(8.0), np.float64(12.0))
    """
    if chunk_size is not None and index(chunk_size) < 1:
        raise ValueError(f"expected a chunk_size of one direction or more, got {chunk_size!r}")

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
            constants = deep(entered, kwargs)
            return func(
                *(given.get(i, deep(entered, arg)) for i, arg in enumerate(args)), **constants
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


def numbers_of(argnums: Argnums, args: Sequence[Any]) -> list[int]:
    """The positions of the parameters, counted from the front.

    Raises:
        TypeError: for argnums that are no integers.
        ValueError: for one that is out of range, or named twice.
    """
    try:
        given = [index(one) for one in (argnums if isinstance(argnums, Iterable) else [argnums])]
    except TypeError:
        raise TypeError(f"expected argnums of one or more integers, got {argnums!r}") from None
    numbers = [one + len(args) if one < 0 else one for one in given]
    if not numbers or len(set(numbers)) < len(numbers):
        raise ValueError(f"expected argnums that name different arguments, got {argnums!r}")
    if any(not 0 <= one < len(args) for one in numbers):
        raise ValueError(
            f"expected argnums among the {len(args)} positional arguments, got {argnums!r}"
        )
    return numbers


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


# -- second order ---------------------------------------------------------------------------------


def hessian(
    func: Callable[..., Any], argnums: Argnums = 0, *, chunk_size: int | None = None
) -> Callable[..., Any]:
    """The second derivatives of a function, by forward mode over forward mode, in one pass.

    Args:
        func: as for ``jacfwd``.
        argnums: as for ``jacfwd``.
        chunk_size: as for ``jacfwd``, for each of the two orders.

    Returns:
        A function of the same arguments.  It gives, in the structure of the parameters, the
        Jacobian's own derivatives in the structure of the parameters: ``found["a"]["b"]``.

    Raises:
        MemoryError: before anything is computed, if the result would not fit into memory.
        Exception: as ``jacfwd``.

    >>> hessian(lambda p: p["a"] ** 2 * p["b"])({"a": 3.0, "b": 5.0})["a"]["b"]
    np.float64(6.0)
    """
    both = value_jacobian_hessian(func, argnums, chunk_size=chunk_size)

    @functools.wraps(func)
    def second(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[2]

    return second


def value_jacobian_hessian(
    func: Callable[..., Any], argnums: Argnums = 0, *, chunk_size: int | None = None
) -> Callable[..., Any]:
    """As ``hessian``, but the function returns value, Jacobian and Hessian, all from one sweep.

    >>> value_jacobian_hessian(lambda x: x**3)(2.0)
    (np.float64(8.0), np.float64(12.0), np.float64(12.0))
    """
    inner = value_and_jacfwd(func, argnums, chunk_size=chunk_size)

    def swapped(*args: Any, **kwargs: Any) -> Any:
        value, found = inner(*args, **kwargs)
        return found, value

    outer = value_and_jacfwd(swapped, argnums, has_aux=True, chunk_size=chunk_size)

    @functools.wraps(func)
    def all_orders(*args: Any, **kwargs: Any) -> Any:
        _require_room(func, argnums, args, kwargs)
        (found, value), second = outer(*args, **kwargs)
        points = args[argnums] if isinstance(argnums, int) else tuple(args[i] for i in argnums)
        return value, found, _exchanged(points, second)

    return all_orders


def _exchanged(points: Any, second: Any) -> Any:
    """The second derivatives with the inner parameters first, whose axes come first."""
    each = zip(*(picked(points, one) for one in picked(points, second)), strict=True)

    def row(_: Any) -> Any:
        columns = iter(next(each))
        return mapped(lambda _: next(columns), points)

    return mapped(row, points)


def hvp(func: Callable[..., Any], x: Any, v: Any) -> Any:
    """The Hessian of ``func`` at ``x``, times a vector: how the Jacobian changes along ``v``.

    Args:
        func: as for ``dualak.jvp``.
        x: the point: a tuple of arguments or the only one, of parameters as for ``jacfwd``.
        v: the direction, as for ``dualak.jvp``.

    Returns:
        The structure of ``jacfwd``'s result.

    >>> hvp(lambda p: p["a"] ** 2 * p["b"], {"a": 3.0, "b": 5.0}, {"a": 1.0})
    {'a': np.float64(10.0), 'b': np.float64(6.0)}
    """
    argnums = tuple(range(len(x))) if isinstance(x, tuple) else 0
    return jvp(jacfwd(func, argnums), x, v)[1]


#: Bytes of a Hessian of one output below which nobody asks how many outputs there are.
SMALL = 2**22


def _require_room(func: Callable[..., Any], argnums: Argnums, args: Any, kwargs: Any) -> None:
    """Refuses a Hessian that memory cannot hold.

    Raises:
        MemoryError: saying how large it would be.
    """
    leaves = [
        leaf
        for one in numbers_of(argnums, args)
        for leaf in parameters(args[one], f"argument {one}")
    ]
    directions = sum(leaf.size for leaf in leaves)
    if directions**2 * 8 < SMALL:
        return
    outputs, room = _count(func(*args, **kwargs)), device.memory_size()
    size = outputs * directions**2 * 8
    if size > room:
        raise MemoryError(
            f"expected a Hessian that fits into {room / 2**30:.1f} GiB of memory, got one of "
            f"{outputs} outputs by {directions} x {directions} parameters: {size / 2**30:.1f} GiB; "
            "take dualak.hvp in the directions that matter, or fewer parameters"
        )


def _count(result: Any) -> int:
    """How many numbers a result has, about."""
    if isinstance(result, Mapping):
        result = list(result.values())
    if isinstance(result, (list, tuple)):
        return sum(map(_count, result))
    if isinstance(result, ak.Array):
        return max(1, ak.to_packed(result).nbytes // 8)
    return int(np.size(result)) if isinstance(result, np.ndarray) else 1
