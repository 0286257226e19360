"""Eight derivatives of a soft histogram at once, beside the value alone and beside pure JAX.

The peer in JAX is what an expert writes by hand: flat buffers, the event of each jet as a segment
number, the cut as a select, ``jax.jacfwd`` under ``jax.jit``.  Its structure is traced, as batches
that differ need it.  Everything is double precision.
"""

from __future__ import annotations

import awkward as ak
import numpy as np

import dualak
from bench.cases import ETA_REGIONS, HT_BINS, HT_WIDTH, PT_CUT, nuisance_point, soft_histogram

CASE = "W5, eight derivatives"
TOLERANCE = 1e-9  # relative to the largest derivative


def peers(events):
    """The calls to time, by name; each gives the value, or value and Jacobian (50, 8)."""
    (theta, jets), _ = nuisance_point(events)
    theta = tuple(map(float, theta))
    replayed = dualak.compile(lambda theta: soft_histogram(theta, jets))
    eight = dualak.value_and_jacfwd(lambda theta: soft_histogram(theta, jets))

    def func(theta):
        return soft_histogram(theta, jets)

    replayed, eight = dualak.compile(func), dualak.value_and_jacfwd(func)
    calls = {
        "awkward value": lambda: func(theta),
        "dualak value": lambda: dualak.jvp(func, list(theta), None)[0],
        "dualak value, replayed": lambda: replayed(theta),
        "dualak jacfwd": lambda: _stacked(*eight(theta)),
        "awkward central differences": lambda: _differences(theta, jets),
    }
    if _has_jax():
        calls["jax jacfwd, jitted by hand"] = _by_hand(theta, jets)
    return calls


def _stacked(value, columns):
    return np.asarray(value), np.stack([np.asarray(one) for one in columns], axis=-1)


def _differences(theta, jets, step=1e-5):
    columns = []
    for k in range(len(theta)):
        up, down = (
            tuple(v + sign * step * (i == k) for i, v in enumerate(theta)) for sign in (1, -1)
        )
        columns.append((soft_histogram(up, jets) - soft_histogram(down, jets)) / (2 * step))
    return np.asarray(soft_histogram(theta, jets)), np.stack(list(map(np.asarray, columns)), -1)


def _has_jax():
    try:
        import jax
    except ImportError:
        return False
    jax.config.update("jax_enable_x64", True)
    return True


def _by_hand(theta, jets):
    import jax
    import jax.numpy as jnp

    events = len(jets)
    segments = jnp.asarray(np.repeat(np.arange(events), ak.to_numpy(ak.num(jets))))
    pt, eta = (jnp.asarray(ak.to_numpy(ak.flatten(one))) for one in (jets.pt, jets.eta))

    def histogram(theta, pt, eta, segments):
        weights = jnp.exp(-((eta[:, None] - ETA_REGIONS) ** 2))
        moved = pt * (1 + weights @ theta)
        kept = jnp.where(moved > PT_CUT, moved, 0.0)
        ht = jax.ops.segment_sum(kept, segments, events, indices_are_sorted=True)
        distance = (ht[:, None] - HT_BINS) / HT_WIDTH
        return jnp.sum(jnp.exp(-0.5 * distance**2), axis=0)

    @jax.jit
    def both(theta, pt, eta, segments):
        def twice(theta):
            value = histogram(theta, pt, eta, segments)
            return value, value

        jacobian, value = jax.jacfwd(twice, has_aux=True)(theta)
        return value, jacobian

    at = jnp.asarray(theta)
    return lambda: tuple(map(np.asarray, both(at, pt, eta, segments)))


def check(calls):
    """The error of each peer whose answer is not that of central differences or of another."""
    value, jacobian = calls["awkward central differences"]()
    exact = calls["dualak jacfwd"]()[1]
    largest = np.abs(exact).max()
    errors = {}
    for name, call in calls.items():
        answer = call()
        got, slopes = answer if isinstance(answer, tuple) else (answer, None)
        if not np.allclose(got, value, rtol=1e-11):
            errors[name] = "Disagreement: another value"
        elif slopes is not None:
            want, bound = (jacobian, 1e-5) if name == "dualak jacfwd" else (exact, TOLERANCE)
            bound = 1e-5 if "differences" in name else bound
            if np.abs(slopes - want).max() > bound * largest:
                errors[name] = "Disagreement: other derivatives"
    return errors
