"""The other modes, each compared with forward mode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import awkward as ak
import numpy as np

import dualak

from . import arrays
from .cases import STEP, Case, Verdict, listed, shown
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
    case.push = push
    return first_bad(
        disagree(case, "linearize value", y, case.y),
        disagree(case, "linearize", push(case.tangents), case.dy),
    )


def directions(case: Case) -> Verdict:
    both = dualak.Directions([case.tangents, case.other])
    y, dys = dualak.jvp(case.function, case.points(), both)
    alone = _alone(case)
    return first_bad(
        disagree(case, "directions value", y, case.y),
        disagree(case, "directions", dys[0], case.dy),
        disagree(case, "directions", dys[1], alone),
    )


def _alone(case: Case) -> Any:
    """The tangent in the other direction alone, of what is linearized if it is."""
    if hasattr(case, "push"):
        return case.push(case.other)
    return dualak.jvp(case.function, case.points(), case.other)[1]


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
    found.append(_replayed(case, function, "compile replayed", *_nudged(case)))
    shorter = tuple(map(_shorter, case.values))
    normal = lambda data: case.random.normal(size=data.shape)  # noqa: E731
    along = _in_moving(case, shorter, normal)
    found.append(_replayed(case, function, "compile, another structure", shorter, along))
    return first_bad(*found)


def _nudged(case: Case) -> tuple[Any, ...]:
    """Other numbers in the same lists, with directions, and what comes out if that is known."""
    if not case.single:
        return case.moved(STEP, case.other), case.tangents, lambda: case.slopes(STEP)
    nudged = lambda data: data + 0.01 * case.random.normal(size=data.shape)  # noqa: E731
    return _in_moving(case, case.values, nudged, still=True), case.tangents


def _in_moving(case: Case, values: Any, numbers_for: Any, still: bool = False) -> tuple[Any, ...]:
    pairs = zip(values, case.moving, strict=True)
    return tuple(
        arrays.renumbered(one, numbers_for) if moves else one if still else None
        for one, moves in pairs
    )


def _shorter(value: Any) -> Any:
    return value[:-1] if arrays.length_of(value, 0) > 1 else value


def _replayed(
    case: Case, function: Any, mode: str, points: Any, along: Any, known: Any = None
) -> Verdict:
    try:
        y, dy = known() if known else dualak.jvp(case.function, tuple(map(fresh, points)), along)
    except Exception:
        return Verdict("skipped", mode, "not for forward mode")
    got = function.jvp(tuple(map(fresh, points)), along)
    return first_bad(disagree(case, f"{mode} value", got[0], y), disagree(case, mode, got[1], dy))


def second(case: Case) -> Verdict:
    """A tangent of a tangent is the difference of tangents."""
    twice = dualak.jvp(
        lambda *x: dualak.jvp(case.function, x, case.tangents)[1], case.points(), case.other
    )[1]
    got = case.twice = flattened(twice)
    if case.single:
        return Verdict("skipped", "second order", "single precision")
    try:
        wide = _difference(case, STEP)
        if wide is not None and _follows(case, got, wide[0]):
            return Verdict("right", "second order")
        close = wide and _difference(case, STEP / 4)
    except Exception:
        return Verdict("skipped", "second order", "differences")
    if wide is None or close is None:
        return Verdict("skipped", "second order", "the structure changes")
    if got.array_form != case.dy.array_form:
        return Verdict("wrong", "second order", "structure", shown(twice))
    if _off(case, got, wide, close[0]).any():
        detail = f"{shown(twice)}; differences of first order: {listed(close[0])}"
        return Verdict("wrong", "second order", "numbers", detail)
    return Verdict("right", "second order")


def _difference(case: Case, step: float) -> tuple[np.ndarray, np.ndarray] | None:
    """The central difference of tangents, and how much those to both sides differ."""
    plus, minus = (flattened(case.slopes(one)[1]) for one in (step, -step))
    if not plus.array_form == minus.array_form == case.dy.array_form:
        return None
    with np.errstate(all="ignore"):
        bend = np.abs(plus.numbers - 2 * case.dy.numbers + minus.numbers) / step
        return (plus.numbers - minus.numbers) / (2 * step), bend


def _follows(case: Case, got: Flat, wide: np.ndarray) -> bool:
    """Whether the difference of the larger step agrees already."""
    return (
        got.array_form == case.dy.array_form
        and bool(np.isfinite(wide).all() and np.isfinite(got.numbers).all())
        and not differ(got.numbers, wide, 1e-4).any()
    )


def _off(case: Case, got: Flat, wide: Any, close: np.ndarray) -> np.ndarray:
    """Where a number is wrong, though differences of both steps agree there."""
    wider, bend = wide
    with np.errstate(all="ignore"):
        scale, spread = np.maximum(1.0, np.abs(close)), np.abs(wider - close)
        smooth = np.isfinite(case.dy.numbers) & np.isfinite(close) & (spread <= 1e-2 * scale)
        smooth &= (bend <= 0.05 * scale) & (np.abs(case.dy.numbers) < 1e5)
        off = np.abs(got.numbers - close) > 1e-4 * scale + 2 * spread
    return (off | ~np.isfinite(got.numbers)) & smooth


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
