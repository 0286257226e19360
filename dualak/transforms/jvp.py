"""Transformations of functions of Awkward Arrays: ``jvp``, the directional derivative."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar, overload

import awkward as ak

from dualak.arrays.foreign import crossing
from dualak.arrays.highlevel import is_abstract
from dualak.pytree import tree_leaves
from dualak.seeding.extract import extract
from dualak.seeding.seed import seed
from dualak.transforms.arguments import (
    arguments_of,
    constants,
    pair_of,
    require_floats,
    require_function,
    tangents_of,
)
from dualak.transforms.running import running

Y = TypeVar("Y")
Aux = TypeVar("Aux")


@overload
def jvp(
    func: Callable[..., tuple[Y, Aux]],
    x: Any,
    t: Directions,
    *,
    has_aux: Literal[True],
    device: str | None = None,
) -> tuple[Y, list[Y], Aux]: ...


@overload
def jvp(
    func: Callable[..., tuple[Y, Aux]],
    x: Any,
    t: Any,
    *,
    has_aux: Literal[True],
    device: str | None = None,
) -> tuple[Y, Y, Aux]: ...


@overload
def jvp(
    func: Callable[..., Y],
    x: Any,
    t: Directions,
    *,
    has_aux: Literal[False] = False,
    device: str | None = None,
) -> tuple[Y, list[Y]]: ...


@overload
def jvp(
    func: Callable[..., Y],
    x: Any,
    t: Any,
    *,
    has_aux: Literal[False] = False,
    device: str | None = None,
) -> tuple[Y, Y]: ...


@overload
def jvp(
    func: Callable[..., Any], x: Any, t: Any, *, has_aux: bool, device: str | None = None
) -> tuple[Any, ...]: ...


@crossing
def jvp(
    func: Callable[..., Any],
    x: Any,
    t: Any,
    *,
    has_aux: bool = False,
    device: str | None = None,
) -> Any:
    """The value of ``func`` at ``x`` and its derivative in the direction ``t``, in one pass.

    Args:
        func: a function of Awkward Arrays, written with NumPy ufuncs, ``ak.*`` functions, slices,
            fields and operators.  It may use constant arrays from outside.
        x: the point: a tuple holds the positional arguments, anything else is the only one.  An
            argument is an ``ak.Array``, an ``ak.Record``, a NumPy array, a number, or a dict, list
            or tuple of these.  Its float32 and float64 leaves are differentiated; integers,
            booleans and strings are constants.
        t: the direction, of the structure and the units of ``x``.  None stands for zero, also for
            the tangent of a part of ``x``; a dict or a record may name only some of the fields, the
            others are constant.  Lists may lie in memory otherwise than in ``x``.
            ``dualak.Directions`` holds several directions.
        has_aux: whether ``func`` returns a pair of its result and something else, which comes back
            as a third item, without derivatives.
        device: where to compute: ``"cpu"``, ``"cuda"`` or, with None, where the arrays of ``x``
            are.  Arrays on Awkward's backend ``cuda`` give results there, whose buffers are CuPy's;
            with ``device="cuda"`` arrays of the host are brought over, and results brought back.

    Returns:
        The pair ``(y, dy)``: the result, and the tangent of each of its floating-point leaves;
        other leaves have zeros.  Arrays keep their dtype, and are of the class that ``func`` gives:
        NumPy's functions of NumPy arrays give NumPy arrays.  With several directions, ``dy`` is the
        list of their tangents.

        In every product of the chain rule, in every mode, a factor that is exactly zero makes the
        product zero, also beside an infinite or undefined one.

    Raises:
        TypeError: for an ``x`` without a floating-point leaf, for float16 or complex numbers that
            are to be differentiated, for a function that has no rule, and for a result that is not
            made of arrays and numbers.
        ValueError: for a tangent of another structure than its primal, and for arrays on several
            backends.
        ImportError: for a device, without the packages that it needs.
        RuntimeError: for a device, where there is none (``dualak.DeviceError``).
        MemoryError: naming the bytes, where a device has not enough of them.

    >>> import awkward as ak, numpy as np, dualak
    >>> x = ak.Array([[1.0, 2.0, 3.0], [], [4.0, 5.0]])
    >>> t = ak.Array([[0.0, 1.0, 0.0], [], [0.0, 0.0]])
    >>> y, dy = dualak.jvp(lambda x: np.power(x[[2, 2, 0], ::-1], 3), x, t)
    >>> y.to_list()
    [[125.0, 64.0], [125.0, 64.0], [27.0, 8.0, 1.0]]
    >>> dy.to_list()
    [[0.0, 0.0], [0.0, 0.0], [0.0, 12.0, 0.0]]
    """
    require_function(func, "jvp(func, x, t)", x, t)
    points = arguments_of(x)
    if isinstance(t, Directions):
        along = [tangents_of(direction, x) for direction in t]
        y, dys, *aux = pushforward(func, points, along, has_aux, device)
        return y, dys, *aux
    y, (dy,), *aux = pushforward(func, points, [tangents_of(t, x)], has_aux, device)
    return y, dy, *aux


class Directions(tuple[Any, ...]):
    """Several directions for one pass of ``jvp``, which then gives a list of as many tangents.

    Values and slopes are computed once for all of them.

    >>> import awkward as ak, dualak
    >>> x = ak.Array([[1.0, 2.0], [3.0]])
    >>> along = dualak.Directions([ak.Array([[1.0, 0.0], [0.0]]), ak.Array([[0.0, 0.0], [1.0]])])
    >>> y, dys = dualak.jvp(lambda x: ak.sum(x * x, axis=1), x, along)
    >>> y.to_list(), [dy.to_list() for dy in dys]
    ([5.0, 9.0], [[2.0, 0.0], [0.0, 6.0]])
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Directions({super().__repr__()})"


def pushforward(
    func: Callable[..., Any],
    points: tuple[Any, ...],
    directions: Sequence[Sequence[Any] | None],
    has_aux: bool = False,
    device: str | None = None,
    beside: Any = None,
) -> tuple[Any, ...]:
    """The value of ``func`` at ``points``, and the list of its tangents in some directions.

    What ``func`` gives beside its result, if it does, comes third.  ``beside`` are constants that
    ``func`` uses: they may say as well which device to compute on.
    """
    try:
        return _pushed(func, points, directions, has_aux, device, beside)
    except Exception as error:
        given = tree_leaves((points, directions, beside))
        if not any(map(is_abstract, given)) and "typetracer" not in str(error).lower():
            raise
        found = _abstract(func, points, directions, has_aux)
        if found is None:
            raise
        return found


def _abstract(
    func: Callable[..., Any],
    points: tuple[Any, ...],
    directions: Sequence[Sequence[Any] | None],
    has_aux: bool,
) -> tuple[Any, ...] | None:
    """Of typetracers: the result, whose type tangents have; None if it is something else.

    What plans work ahead, such as dask-awkward, sees by this which columns are read.
    """
    result = func(*points)
    result, aux = pair_of(result) if has_aux else (result, None)
    if not any(map(is_abstract, tree_leaves(result))):
        return None
    for leaf in filter(is_abstract, tree_leaves(directions)):
        ak.typetracer.touch_data(leaf)
    halves = result, [result] * len(directions)
    return (*halves, aux) if has_aux else halves


def _pushed(
    func: Callable[..., Any],
    points: tuple[Any, ...],
    directions: Sequence[Sequence[Any] | None],
    has_aux: bool,
    device: str | None,
    beside: Any,
) -> tuple[Any, ...]:
    with running(len(directions), (points, directions, beside), device) as level:
        empty = (None,) * len(points)
        arguments = seed(
            points, [empty if direction is None else direction for direction in directions], level
        )
        require_floats(arguments)
        result = func(*arguments)
        result, aux = pair_of(result) if has_aux else (result, None)
        halves = extract(result, level, beside=aux)
        if not has_aux:
            return halves
        return *halves, constants(aux, level)


def require_count(value: Any, name: str, of: str) -> None:
    """Refuses what is not a number of things, one or more.

    Raises:
        TypeError: for what is no integer.
        ValueError: for one below one.
    """
    try:
        count = operator.index(value)
    except TypeError:
        raise TypeError(
            f"expected an integer for {name}, got {type(value).__name__} {value!r}"
        ) from None
    if count < 1:
        raise ValueError(f"expected a {name} of one {of} or more, got {value!r}")
