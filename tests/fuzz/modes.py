"""The other modes, each compared with forward mode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import awkward as ak
import numpy as np

import dualak

from . import arrays
from .cases import STEP, Case, Verdict, listed, moved, shown
from .comparing import Flat, differ, flattened
from .generator import letters_of
from .programs import fresh


def disagree(
    case: Case, mode: str, found: Any, want: Any, tolerance: float | None = None
) -> Verdict:
    """Compares a result of a mode with the one of forward mode."""
    got, known = flattened(found), want if isinstance(want, Flat) else flattened(want)
    if got.array_form != known.array_form:
        return Verdict(
            "wrong", mode, "structure", f"{shown(found)} expected numbers {listed(known.numbers)}"
        )
    if differ(got.numbers, known.numbers, tolerance or case.tolerance).any():
        return Verdict(
            "wrong", mode, "numbers", f"{shown(found)} expected numbers {listed(known.numbers)}"
        )
    return Verdict("right", mode)


def of_floats(case: Case, mode: str, found: Any, want: Flat, tolerance: float) -> Verdict:
    """The same for tangents of JAX, whose integers have none."""
    got, floating = flattened(found), flattened(case.y).floating
    if got.numbers.shape == floating.shape:
        got = replace(got, numbers=np.where(floating, got.numbers, 0.0))
    if got.array_form != want.array_form:
        return Verdict(
            "wrong", mode, "structure", f"{shown(found)} expected numbers {listed(want.numbers)}"
        )
    if differ(got.numbers, want.numbers, tolerance).any():
        return Verdict(
            "wrong", mode, "numbers", f"{shown(found)} expected numbers {listed(want.numbers)}"
        )
    return Verdict("right", mode)


def first_bad(*verdicts: Verdict) -> Verdict:
    return next((one for one in verdicts if one.bad), verdicts[-1])


def linearize(case: Case) -> Verdict:
    y, push = dualak.linearize(case.function, case.points())
    return first_bad(
        disagree(case, "linearize value", y, case.y),
        disagree(case, "linearize", push(case.tangents), case.dy),
    )


def directions(case: Case) -> Verdict:
    other = case.direction()
    y, dys = dualak.jvp(case.function, case.points(), dualak.Directions([case.tangents, other]))
    alone = dualak.jvp(case.function, case.points(), other)[1]
    return first_bad(
        disagree(case, "directions value", y, case.y),
        disagree(case, "directions", dys[0], case.dy),
        disagree(case, "directions", dys[1], alone),
    )


def transposed(case: Case) -> Verdict:
    """A cotangent times the tangent is the pullback times the direction."""
    y, pullback = dualak.vjp(case.function, case.points())
    same = disagree(case, "vjp value", y, case.y)
    if same.bad or not np.isfinite(case.dy.numbers).all():
        return same
    normal = lambda data: case.random.normal(size=data.shape)  # noqa: E731
    cotangent = _over(lambda one: arrays.renumbered(one, normal), y)
    pulled = pullback(cotangent)
    return _dot_product(case, "vjp", cotangent, pulled)


def _over(function: Callable[[Any], Any], result: Any) -> Any:
    return tuple(map(function, result)) if isinstance(result, tuple) else function(result)


def _dot_product(case: Case, mode: str, cotangent: Any, pulled: Any) -> Verdict:
    at = flattened(case.y)
    weights = flattened(cotangent).numbers[at.floating]
    left = weights * case.dy.numbers[at.floating]
    right = []
    for one, t in zip(pulled, case.tangents, strict=True):
        if t is None:
            continue
        got, along = flattened(one), flattened(t)
        if got.array_form != along.array_form:
            return Verdict("wrong", mode, "structure", f"{shown(one)} for an argument {shown(t)}")
        right.append(got.numbers[along.floating] * along.numbers[along.floating])
    both = np.concatenate(right) if right else np.zeros(0)
    scale = max(1.0, np.abs(left).sum(), np.abs(both).sum())
    if not abs(left.sum() - both.sum()) <= 10 * case.tolerance * scale:
        return Verdict(
            "wrong",
            mode,
            "numbers",
            f"u.dy = {left.sum():.8g}, vjp(u).t = {both.sum():.8g}; pullback {shown(pulled)}",
        )
    return Verdict("right", mode)


def jacobian(case: Case) -> Verdict:
    """By a number along the direction, and by another that nothing depends on, one at a time."""

    def along(p: Any) -> Any:
        points = [
            one if t is None else _along(one, t, p["a"])
            for one, t in zip(case.points(), case.tangents, strict=True)
        ]
        return case.function(*points)

    if not all(
        isinstance(one, (float, np.floating, np.ndarray)) or _numeric(one) for one in case.values
    ):
        return Verdict("skipped", "jacfwd", "records")
    at = {"a": 0.0, "b": 1.0}
    value, found = dualak.value_and_jacfwd(along, chunk_size=1)(at)
    same = first_bad(
        disagree(case, "jacfwd value", value, case.y),
        disagree(case, "jacfwd", found["a"], case.dy),
    )
    if same.bad:
        return same
    zero = flattened(found["b"])
    still = not zero.numbers.any()
    return same if still else Verdict("wrong", "jacfwd", "by nothing", shown(found["b"]))


def _along(value: Any, tangent: Any, step: Any) -> Any:
    return value + step * tangent


def _numeric(value: Any) -> bool:
    return isinstance(value, ak.Array) and bool({"x"} & set(letters_of(value)))


def compiled(case: Case) -> Verdict:
    """Recorded, replayed with other numbers, and run on another structure."""
    function = dualak.compile(case.function)
    first = function.jvp(case.points(), case.tangents)
    found = [
        disagree(case, "compile value", first[0], case.y),
        disagree(case, "compile", first[1], case.dy),
    ]
    nudged = lambda data: data + 0.01 * case.random.normal(size=data.shape)  # noqa: E731
    for mode, points in (
        (
            "compile replayed",
            tuple(
                arrays.renumbered(one, nudged) if moves else one
                for one, moves in zip(case.values, case.moving, strict=True)
            ),
        ),
        ("compile, another structure", tuple(map(_shorter, case.values))),
    ):
        found.append(_replayed(case, function, mode, points))
    return first_bad(*found)


def _shorter(value: Any) -> Any:
    return value[:-1] if arrays.length_of(value, 0) > 1 else value


def _replayed(case: Case, function: Any, mode: str, points: Any) -> Verdict:
    normal = lambda data: case.random.normal(size=data.shape)  # noqa: E731
    along = tuple(
        arrays.renumbered(one, normal) if moves else None
        for one, moves in zip(points, case.moving, strict=True)
    )
    try:
        case.plain(points)
        y, dy = dualak.jvp(case.function, tuple(map(fresh, points)), along)
    except Exception:
        return Verdict("skipped", mode, "not for plain Awkward")
    got = function.jvp(tuple(map(fresh, points)), along)
    return first_bad(disagree(case, f"{mode} value", got[0], y), disagree(case, mode, got[1], dy))


def second(case: Case) -> Verdict:
    """A tangent of a tangent is the difference of tangents."""
    other, moving = case.direction(), [i for i, moves in enumerate(case.moving) if moves]
    slope = lambda step: dualak.jvp(case.function, _from(case, other, step), case.tangents)[1]  # noqa: E731
    twice = dualak.jvp(
        lambda *x: dualak.jvp(case.function, x, case.tangents)[1], case.points(), other
    )[1]
    got, smooth = flattened(twice), np.isfinite(case.dy.numbers)
    case.twice, case.other, case.where = got, other, moving
    try:
        plus, minus, near, far = (
            flattened(slope(one)) for one in (STEP, -STEP, STEP / 4, -STEP / 4)
        )
    except Exception:
        return Verdict("skipped", "second order", "differences")
    if (
        not plus.array_form
        == minus.array_form
        == near.array_form
        == far.array_form
        == case.dy.array_form
    ):
        return Verdict("skipped", "second order", "the structure changes")
    if got.array_form != case.dy.array_form:
        return Verdict("wrong", "second order", "structure", shown(twice))
    with np.errstate(all="ignore"):
        wide, close = (
            (plus.numbers - minus.numbers) / (2 * STEP),
            (near.numbers - far.numbers) / (STEP / 2),
        )
        bend = np.abs(plus.numbers - 2 * case.dy.numbers + minus.numbers) / STEP
        smooth &= np.isfinite(close) & (
            np.abs(wide - close) <= 1e-2 * np.maximum(1.0, np.abs(close))
        )
        smooth &= (bend <= 0.05 * np.maximum(1.0, np.abs(close))) & (np.abs(case.dy.numbers) < 1e5)
        off = np.abs(got.numbers - close) > 1e-4 * np.maximum(1.0, np.abs(close)) + 2 * np.abs(
            wide - close
        )
    off |= ~np.isfinite(got.numbers)
    if (off & smooth).any() and not case.single:
        return Verdict(
            "wrong",
            "second order",
            "numbers",
            f"{shown(twice)}; differences of first order: {listed(close)}",
        )
    return Verdict("right", "second order")


def reverse_twice(case: Case) -> Verdict:
    """Forward over reverse of a weighted sum agrees with forward over forward."""
    at, pick = flattened(case.y), np.random.default_rng(case.program.seed)
    if not hasattr(case, "twice"):
        second(case)
    if not np.isfinite(case.twice.numbers).all():
        return Verdict("skipped", "jvp of vjp", "no second order")
    normal = lambda data: pick.normal(size=data.shape)  # noqa: E731
    cotangent = _over(lambda one: arrays.renumbered(one, normal), case.y)
    weights = flattened(cotangent).numbers[at.floating]

    def pulled(*x: Any) -> Any:
        return dualak.vjp(case.function, x)[1](cotangent)

    slopes = dualak.jvp(pulled, case.points(), case.other)[1]
    left, right = weights * case.twice.numbers[at.floating], [np.zeros(0)]
    for one, t in zip(slopes, case.tangents, strict=True):
        if t is not None:
            got, along = flattened(one), flattened(t)
            if got.array_form != along.array_form:
                return Verdict("wrong", "jvp of vjp", "structure", shown(one))
            right.append(got.numbers[along.floating] * along.numbers[along.floating])
    both = np.concatenate(right)
    scale = max(1.0, np.abs(left).sum(), np.abs(both).sum())
    if not abs(left.sum() - both.sum()) <= 10 * case.tolerance * scale:
        return Verdict(
            "wrong",
            "jvp of vjp",
            "numbers",
            f"jvp of vjp {both.sum():.8g}, jvp of jvp {left.sum():.8g}",
        )
    return Verdict("right", "jvp of vjp")


def _from(case: Case, tangents: Any, step: float) -> tuple[Any, ...]:
    return tuple(
        one if t is None else moved(one, t, step)
        for one, t in zip(case.points(), tangents, strict=True)
    )
