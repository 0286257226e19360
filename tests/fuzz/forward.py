"""The first oracle: plain Awkward's value and type, and its difference quotients."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np

import dualak

from .cases import STEP, Case, Verdict, listed, shown
from .comparing import Flat, differ, flattened, kind_of, same_kind

_TINY = 2.0**-24


def forward(case: Case) -> Verdict:
    """The value and its type are plain Awkward's, and the tangent is the difference quotient."""
    points = case.points()
    y, dy = dualak.jvp(case.function, points, case.tangents)
    for one, other in zip(points, case.values, strict=True):
        if isinstance(one, (ak.Array, ak.Record)) and one.fields != other.fields:
            return Verdict("wrong", "jvp", "the argument was changed", f"{one.fields}")
    want, got, slopes = flattened(case.expected), flattened(y), flattened(dy)
    case.y, case.dy = y, slopes
    if got.array_form != want.array_form:
        return Verdict("wrong", "value", "structure", f"{shown(y)} expected {shown(case.expected)}")
    if not same_kind(kind_of(y), kind_of(case.expected), case.numpy):
        return Verdict("wrong", "type", "type", f"{kind_of(y)} expected {kind_of(case.expected)}")
    off = differ(got.numbers, want.numbers, 1e-4 if case.single else 1e-9)
    if off.any() and not _sensitive(case, want, off):
        return Verdict("wrong", "value", "value", f"{shown(y)} expected {shown(case.expected)}")
    if slopes.array_form != got.array_form:
        return Verdict("wrong", "tangent", "structure", f"{shown(dy)} for {shown(y)}")
    return _differences(case, want, slopes, dy)


def _sensitive(case: Case, want: Flat, off: np.ndarray) -> bool:
    """Whether the value depends on the last digits of its arguments."""
    for step in (1e-7, -1e-7) if case.single else (1e-14, -1e-14):
        try:
            near = flattened(case.plain(case.moved(step)))
        except Exception:
            return True
        if (
            near.array_form != want.array_form
            or differ(near.numbers, want.numbers, 1e-10)[off].all()
        ):
            return True
    return False


def _differences(case: Case, at: Flat, slopes: Flat, dy: Any) -> Verdict:
    if not at.floating.any():
        return Verdict("skipped", "jvp", "no number")
    if (slopes.numbers[~at.floating] != 0).any():
        return Verdict("wrong", "tangent", "of integers", shown(dy))
    if not case.single and _at_once(case, at, slopes):
        return Verdict("right", "jvp")
    step = STEP * (8 if case.single else 1)
    first = _quotient(case, at, step)
    if first is None:
        return Verdict("skipped", "jvp", "the structure changes")
    central, smooth = first
    loose = 5e-3 if case.single else 2e-5
    off = differ(slopes.numbers, central, loose) & smooth & at.floating
    if not off.any():
        return Verdict("right" if (smooth & at.floating).any() else "skipped", "jvp", "kinks")
    again = _quotient(case, at, step / 4)
    if again is None:
        return Verdict("skipped", "jvp", "the structure changes")
    nearer, smooth = again
    spread = np.abs(nearer - central)
    agree = spread <= 1e-2 * np.maximum(1.0, np.abs(nearer))
    error = np.abs(slopes.numbers - nearer) > loose * np.maximum(1.0, np.abs(nearer)) + spread
    error |= ~np.isfinite(slopes.numbers)
    wrong = off & smooth & agree & error
    if wrong.any() and _alone(case, slopes, wrong):
        return Verdict("skipped", "jvp", "infinite at this point alone")
    if wrong.any() and not _oscillates(case, at, slopes, wrong):
        wanted = np.where(at.floating, nearer, 0.0)
        return Verdict(
            "wrong",
            "tangent",
            "tangent",
            f"{shown(dy)}; differences: {listed(wanted)} at {np.flatnonzero(wrong)[:8].tolist()}",
        )
    return Verdict("skipped", "jvp", "differences disagree")


def _at_once(case: Case, at: Flat, slopes: Flat) -> bool:
    """Whether the difference to one side, of a tiny step, agrees already; most do."""
    try:
        near = flattened(case.plain(case.moved(_TINY)))
    except Exception:
        return False
    if near.array_form != at.array_form:
        return False
    quotient = (near.numbers - at.numbers) / _TINY
    finite = np.isfinite(quotient) & np.isfinite(slopes.numbers)
    close = np.abs(slopes.numbers - quotient) <= 1e-5 * np.maximum(1.0, np.abs(quotient))
    return bool((~at.floating | (finite & close)).all())


def _alone(case: Case, slopes: Flat, where: np.ndarray) -> bool:
    """Whether a tangent is infinite here and, of the same structure, finite on both sides.

    So it is at a zero below a root, which differences of any step that sees numbers leap over.
    """
    if not np.isinf(slopes.numbers[where]).all():
        return False
    for step in (STEP, -STEP):
        try:
            near = flattened(dualak.jvp(case.function, case.moved(step), case.tangents)[1])
        except Exception:
            return False
        if near.array_form != slopes.array_form or not np.isfinite(near.numbers[where]).all():
            return False
    return True


def _oscillates(case: Case, at: Flat, slopes: Flat, where: np.ndarray) -> bool:
    """Whether a much smaller step says otherwise: the result turns many times within the others."""
    for step in (2.0**-29, 2.0**-34):
        try:
            near = flattened(case.plain(case.moved(step)))
        except Exception:
            return False
        if near.array_form == at.array_form:
            quotient = (near.numbers - at.numbers) / step
            if not differ(slopes.numbers, quotient, 1e-3)[where].any():
                return True
    return False


def _quotient(case: Case, at: Flat, step: float) -> tuple[np.ndarray, np.ndarray] | None:
    """The central difference, and where those to both sides agree with it."""
    try:
        plus, minus = (flattened(case.plain(case.moved(one))) for one in (step, -step))
    except Exception:
        return None
    if plus.array_form != at.array_form or minus.array_form != at.array_form:
        return None
    with np.errstate(all="ignore"):
        central = (plus.numbers - minus.numbers) / (2 * step)
        bend = (plus.numbers - 2 * at.numbers + minus.numbers) / step
        smooth = np.isfinite(central) & np.isfinite(at.numbers)
        smooth &= np.abs(bend) <= 0.05 * np.maximum(1.0, np.abs(central))
        if case.single:
            smooth &= np.abs(at.numbers) < 50
        smooth &= np.abs(at.numbers) < 1e5
    return central, smooth
