"""Second derivatives: Hessians, and their products with a vector."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec

import awkward as ak
import numpy as np

from dualak import device
from dualak.arrays.foreign import crossing
from dualak.pytree import tree_leaves
from dualak.transforms.arguments import Argnums, numbers_of, require_function
from dualak.transforms.jacobian import jacfwd, value_and_jacfwd
from dualak.transforms.jvp import jvp
from dualak.transforms.parameters import mapped, parameters, picked

# -- second order ---------------------------------------------------------------------------------

P = ParamSpec("P")


def hessian(
    func: Callable[P, Any], argnums: Argnums = 0, *, chunk_size: int | None = None
) -> Callable[P, Any]:
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
    func: Callable[P, Any], argnums: Argnums = 0, *, chunk_size: int | None = None
) -> Callable[P, Any]:
    """As ``hessian``, but the function returns value, Jacobian and Hessian, all from one sweep.

    >>> value_jacobian_hessian(lambda x: x**3)(2.0)
    (np.float64(8.0), np.float64(12.0), np.float64(12.0))
    """
    require_function(func, "hessian(func)(x)")
    inner = value_and_jacfwd(func, argnums, chunk_size=chunk_size)

    def swapped(*args: Any, **kwargs: Any) -> Any:
        value, found = inner(*args, **kwargs)
        return found, value

    outer = value_and_jacfwd(swapped, argnums, has_aux=True, chunk_size=chunk_size)

    @crossing
    @functools.wraps(func)
    def all_orders(*args: Any, **kwargs: Any) -> Any:
        _require_room(func, argnums, args, kwargs)
        (found, value), second = outer(*args, **kwargs)
        points = args[argnums] if isinstance(argnums, int) else tuple(args[i] for i in argnums)
        return value, found, _exchanged(points, second)

    return all_orders


def _exchanged(points: Any, second: Any) -> Any:
    """The second derivatives with the inner parameters first, whose axes come first."""
    each = zip(*(picked(points, row) for row in picked(points, second)), strict=True)

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
    require_function(func, "hvp(func, x, v)", x, v)
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
        for number in numbers_of(argnums, args)
        for leaf in parameters(args[number], f"argument {number}")
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
    return sum(map(_size, tree_leaves(result)))


def _size(leaf: Any) -> int:
    if isinstance(leaf, ak.Array):
        return max(1, ak.to_packed(leaf).nbytes // 8)
    return int(np.size(leaf)) if isinstance(leaf, np.ndarray) else 1
