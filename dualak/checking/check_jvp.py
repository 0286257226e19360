"""Whether derivatives are right: ``check_jvp`` compares ``jvp`` with differences."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np

from dualak.arrays.backends import backend_of
from dualak.checking.differences import HALVINGS, Differences, derivative
from dualak.checking.perturb import in_double, moved, natural_step, random_direction
from dualak.checking.results import (
    first_difference,
    floats,
    floats_beside,
    path_of,
    skeleton,
    tree_of,
)
from dualak.device import Buffer
from dualak.pytree import tree_leaves, tree_map
from dualak.transforms.arguments import require_function
from dualak.transforms.jvp import jvp

#: So many of the smallest steps are needed for a slope.
NEEDED = 3

_HINTS = {
    "a step": "jvp differentiates between the edges of a hard cut or a step, which say nothing to "
    "it; smooth the cut (a sigmoid for x > c), or check another x",
    "a kink": "there is no derivative at a kink, and jvp follows a convention; check another x",
    "an edge": "check another x, inside the function's domain",
    "rough": "the function is not smooth, or not exact enough; try another step, or an atol",
}


class DerivativeError(AssertionError):
    """A derivative, or a value, is not what the function itself gives.

    Attributes:
        path: where in the result, such as ``result['mass'][3][1]``.
        expected: the number by differences (or by the plain function); NaN if there is none.
        got: the number that ``jvp`` gave; NaN if there is none.
        reason: ``a step``, ``a kink``, ``an edge`` or ``rough`` with details, where the function
            does not look smooth; else empty.
    """

    def __init__(
        self,
        message: str,
        path: str,
        expected: float = np.nan,
        got: float = np.nan,
        reason: str = "",
    ) -> None:
        super().__init__(message)
        self.path, self.expected, self.got, self.reason = path, expected, got, reason


@dataclass(frozen=True)
class Agreement:
    """What ``check_jvp`` gives back if all is well.

    Attributes:
        numbers: how many derivatives were compared.
        error: the largest deviation, as a part of the largest derivative.
        path: where it is in the result.
    """

    numbers: int
    error: float
    path: str


def check_jvp(
    func: Callable[..., Any],
    x: Any,
    t: Any = None,
    *,
    has_aux: bool = False,
    rtol: float = 1e-6,
    atol: float = 0.0,
    step: float | None = None,
    halvings: int = HALVINGS,
    double: bool = True,
    seed: int = 0,
) -> Agreement:
    """Compares ``jvp(func, x, t)`` with central differences of ``func``, number by number.

    The function is called ``2 * halvings + 3`` times on plain arrays, around ``x``: give it a small
    sample of the data.  Integers and strings among the results are not compared.  A hard cut or a
    step is found if an element lies closer to it than the smallest steps.

    Args:
        func: the function, as for ``jvp``.
        x: the point, as for ``jvp``.
        t: the direction, as for ``jvp``; without it a random one, scaled to the numbers of ``x``.
        has_aux: whether ``func`` returns a pair, of which only the first item is compared.
        rtol: the relative deviation that is allowed (no unit), besides the estimated error of the
            differences themselves.
        atol: the absolute deviation that is allowed, in units of the result per unit of ``t``; for
            derivatives that are zero because large terms cancel.
        step: the largest step, in units of ``t``; by default one that moves no number by more than
            a hundredth of what is typical of its array.
        halvings: how often the step is halved.
        double: whether float32 numbers of ``x`` are checked as float64, in which differences have
            digits to lose.  Where ``func`` insists on float32, ``rtol`` should be about 1e-2.
        seed: of the random direction.

    Returns:
        How many numbers were compared, and the largest deviation.

    Raises:
        DerivativeError: an AssertionError that names the first number that disagrees, and says
            whether it looks like a hard cut, a step, or a kink.
        TypeError: for arrays of a device.
        ValueError: for a direction in which nothing moves.

    >>> import awkward as ak, numpy as np, dualak
    >>> x = ak.Array([[0.5, 1.5], [], [2.5]])
    >>> dualak.check_jvp(lambda x: ak.sum(np.sin(x), axis=1), x).numbers
    3
    >>> dualak.check_jvp(lambda x: ak.sum(x[x > 1.5 - 1e-9]), x, ak.ones_like(x))
    Traceback (most recent call last):
      ...
    dualak.checking.check_jvp.DerivativeError: result: expected ... changes by 1.5 between ...
    """
    require_function(func, "check_jvp(func, x, t)", x, t)
    points, given, directions = _point_and_direction(x, t, double, seed)
    step = natural_step(points, directions) if step is None else step

    def result_of(result: Any) -> Any:
        return result[0] if has_aux else result

    y, dy = jvp(func, points, given, has_aux=has_aux)[:2]
    sampler = _Sampler(lambda h: result_of(func(*moved(points, directions, h))))
    _require_same_values(tree_of(y), sampler.at, rtol)
    found = derivative(sampler, step, halvings, sampler.eps)
    sampler.require_one_structure(found.steps)
    got = np.array([*floats_beside(sampler.at, tree_of(dy))], np.float64)
    return _compared(found, got, found.agrees(got, rtol, atol), sampler.at)


def _require_host(leaf: Any) -> None:
    if backend_of(leaf) not in (None, "cpu"):
        raise TypeError(
            "check_jvp takes differences on the host, got an array on another backend; move a "
            'small sample there with ak.to_backend(array, "cpu")'
        )


def _point_and_direction(x: Any, t: Any, double: bool, seed: int) -> tuple[Any, Any, Any]:
    """All arguments, their tangents as given, and with zeros where none are given."""
    points = tuple(x) if isinstance(x, tuple) else (x,)
    for leaf in tree_leaves(points):
        _require_host(leaf)
    points = tree_map(in_double, points) if double else points
    given = t if isinstance(x, tuple) or t is None else (t,)
    points, directions = jvp(lambda *args: args, points, given)
    if t is None:
        given = directions = random_direction(points, directions, seed)
    return points, given, directions


def _compared(found: Differences, got: Buffer, agrees: Buffer, tree: Any) -> Agreement:
    known = np.isfinite(found.at)
    wrong = np.flatnonzero(known & ~agrees)
    if len(wrong) > 0:
        raise _disagreement(found, got, tree, wrong)
    with np.errstate(invalid="ignore"):
        deviation = np.where(known, np.abs(got - found.slope), 0.0)
    if len(deviation) == 0:
        return Agreement(0, 0.0, "result")
    worst = int(np.argmax(deviation))
    largest = np.abs(got[known]).max(initial=0.0)
    error = float(deviation[worst] / largest) if largest > 0 else 0.0
    return Agreement(int(known.sum()), error, path_of(tree, worst))


def _disagreement(found: Differences, got: Buffer, tree: Any, wrong: Buffer) -> DerivativeError:
    i = int(wrong[0])
    path, expected = path_of(tree, i), float(found.slope[i])
    reason = found.looks_like(i, got[i])
    message = (
        f"{path}: expected the derivative {expected:.8g} (differences, +- {found.error[i]:.1g}), "
        f"got {got[i]:.8g} from jvp"
    )
    if reason:
        hint = next(hint for kind, hint in _HINTS.items() if reason.startswith(kind))
        message += f"; there the result looks like {reason}: {hint}"
    if len(wrong) > 1:
        message += f" (and {len(wrong) - 1} more)"
    return DerivativeError(message, path, expected, float(got[i]), reason)


def _require_same_values(tree: Any, plain: Any, rtol: float) -> None:
    """Compares the values that ``jvp`` gives with those of the plain function."""
    if skeleton(tree) != skeleton(plain):
        path = first_difference(plain, tree)
        raise DerivativeError(
            f"{path}: expected a value of the structure that the function gives, got another one "
            "from jvp",
            path,
        )
    want, got = (np.array([*floats(result)], np.float64) for result in (plain, tree))
    wrong = np.flatnonzero(~np.isclose(got, want, rtol, 0.0, equal_nan=True))
    if len(wrong) > 0:
        i = int(wrong[0])
        path = path_of(plain, i)
        raise DerivativeError(
            f"{path}: expected the value {want[i]:.8g}, got {got[i]:.8g} from jvp",
            path,
            float(want[i]),
            float(got[i]),
        )


# -- the function along the direction -------------------------------------------------------------


class _Sampler:
    """The floating-point numbers of a result at a step, NaN where its structure is another."""

    def __init__(self, function: Callable[[float], Any]) -> None:
        self.function = function
        self.others: dict[float, Any] = {}
        result = self._result(0.0)
        self.at = tree_of(result)
        self.numbers = np.array([*floats(self.at)], np.float64)
        self.skeleton = skeleton(self.at)
        self.eps = np.array([*_precisions(result)])

    def _result(self, h: float) -> Any:
        with np.errstate(all="ignore"):
            return self.function(h)

    def __call__(self, h: float) -> Buffer:
        if h == 0.0:
            return self.numbers
        try:
            tree = tree_of(self._result(h))
        except Exception as error:  # too far away: smaller steps have to do
            self.others[h] = error
            return np.full(len(self.eps), np.nan)
        if skeleton(tree) != self.skeleton:
            self.others[h] = tree
            return np.full(len(self.eps), np.nan)
        return np.array([*floats(tree)], np.float64)

    def require_one_structure(self, steps: Buffer) -> None:
        """Refuses a result that is another one right beside the point."""
        for h in (sign * step for step in steps[-NEEDED:] for sign in (1.0, -1.0)):
            if isinstance(self.others.get(h), Exception):
                raise self.others[h]
            if h in self.others:
                path = first_difference(self.at, self.others[h])
                raise DerivativeError(
                    f"{path}: the structure of the result changes within {abs(h):.2g} times the "
                    f"direction, which looks like a step: {_HINTS['a step']}",
                    path,
                    reason="a step: the structure of the result changes",
                )


def _precisions(result: Any) -> Iterator[float]:
    """The relative rounding error of each floating-point number of a result."""
    for leaf in tree_leaves(result):
        if isinstance(leaf, (ak.Array, ak.Record, np.ndarray, np.generic)):
            single = "float32" in str(ak.type(leaf))
            eps = float(np.finfo(np.float32 if single else np.float64).eps)
            yield from (eps for _ in floats(tree_of(leaf)))
        elif isinstance(leaf, float):
            yield float(np.finfo(np.float64).eps)
