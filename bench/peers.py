"""The ways to run a case, and the check that they all give the same answer.

Every peer returns (value, tangent), None for what it does not compute. Difference quotients are no
exact reference: a tangent may deviate from the central quotient by a small relative tolerance plus
the gap between the two one-sided quotients. The gap is tiny where the program is smooth; where a
maximum changes hands within the step it is exactly what the quotient cannot tell. Cuts are kept out
of the way by the cases themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import awkward as ak

STEP = 1e-5
VALUE_TOLERANCE = 1e-12  # relative to the largest value: fused arithmetic rounds differently
TANGENT_TOLERANCE = 1e-7  # relative to the largest tangent

BASELINE = "awkward value"


class Disagreement(AssertionError):
    """A peer's answer differs from the reference; its time would mean nothing."""


class Reference(NamedTuple):
    """Plain Awkward's value, central quotient and gap between one-sided quotients: same shapes."""

    value: Any
    tangent: Any
    gap: Any


# ---- peers ----
def moved(x, t, h):
    """``x + h * t`` for tuples, records, arrays; what ``t`` does not name, or is None, stays."""
    if t is None:
        return x
    if isinstance(x, tuple):
        return tuple(moved(a, b, h) for a, b in zip(x, t, strict=True))
    names = ak.fields(t) if isinstance(t, ak.Array) else []
    if not names:
        return x + h * t
    for name in names:
        x = ak.with_field(x, moved(x[name], t[name], h), name)
    return x


def awkward_value(func, x, t):
    return func(*x), None


def awkward_differences(func, x, t):
    """The central quotient: two evaluations."""
    up, down = func(*moved(x, t, STEP)), func(*moved(x, t, -STEP))
    return None, (up - down) / (2 * STEP)


def dualak_jvp(func, x, t):
    import dualak

    return tuple(map(ak.materialize, dualak.jvp(func, x, t)))


def dualak_replayed(func, x, t):
    """The same, recorded before: what a fit or a stream of equal batches pays."""
    return tuple(map(ak.materialize, compiled(func).jvp(x, t)))


@cache
def compiled(func):
    import dualak

    return dualak.compile(func)


PEERS: dict[str, Callable[[Callable[..., Any], Any, Any], tuple[Any, Any]]] = {
    BASELINE: awkward_value,
    "awkward central differences": awkward_differences,
    "dualak jvp": dualak_jvp,
    "dualak jvp, replayed": dualak_replayed,
}


# ---- check ----
def reference(func, x, t):
    """Value and quotients of ``func`` at ``x`` along ``t``: three evaluations by plain Awkward."""
    value, up, down = func(*x), func(*moved(x, t, STEP)), func(*moved(x, t, -STEP))
    gap = abs((up - value) - (value - down)) / STEP
    return Reference(value, (up - down) / (2 * STEP), gap)


def same_lists(a, b):
    """Whether two arrays have the same type, lists and Nones, whatever numbers and layouts."""
    return ak.array_equal(ak.zeros_like(a), ak.zeros_like(b), same_content_types=False)


def largest(array):
    """The largest magnitude in ``array``, 0.0 if it is empty."""
    return float(ak.max(abs(array), axis=None, initial=0.0, mask_identity=False))


def check(peer, answer, ref):
    """Raise Disagreement, naming ``peer``, unless its (value, tangent) matches the Reference."""
    value, tangent = answer
    compare(f"{peer}: value", value, ref.value, VALUE_TOLERANCE * largest(ref.value))
    compare(
        f"{peer}: tangent", tangent, ref.tangent, TANGENT_TOLERANCE * largest(ref.tangent) + ref.gap
    )


def compare(what, found, expected, bound):
    """Raise Disagreement unless ``found`` is None, or like ``expected`` to within ``bound``."""
    if found is None:
        return
    if not same_lists(found, expected):
        raise Disagreement(
            f"{what}: expected {ak.type(expected)} with the same lists, got {ak.type(found)}"
        )
    bad = ~(abs(found - expected) <= bound)  # a NaN is bad
    if ak.any(bad, axis=None):
        worst = largest(found - expected)
        raise Disagreement(
            f"{what}: {ak.sum(bad, axis=None)} elements beyond tolerance, by up to {worst:.3g}"
        )
