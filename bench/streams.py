"""A stream of batches whose lists differ, through jitted code: what structure is better known when.

Each peer gets the same batches, one after the other, with nothing compiled before: with a static
structure each batch is recorded and compiled anew, with a traced one all share what was compiled
for the first.  The answer is the sum over all batches of value and slope by one parameter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import awkward as ak
import jax
import numpy as np

import bridge
import dualak
from bench.cases import lists

CASE = "stream of batches"
BASELINE = "dualak jvp"
BATCHES = 30


def batches(events: int) -> list[Any]:
    """Arrays of as many lists, of other lengths in each."""
    return [_batch(seed, events) for seed in range(BATCHES)]


def _batch(seed: int, events: int) -> Any:
    rng, counts, total = lists(100 + seed, events)
    return ak.unflatten(rng.uniform(0.5, 2.0, total), counts)


def total(x: Any, scale: Any) -> Any:
    """The sum of the norms of all lists, of scaled numbers."""
    return ak.sum(np.sqrt(ak.sum((x * scale) ** 2, axis=1)))


def peers(events: int) -> dict[str, Callable[[], Any]]:
    """Calls that give value and slope, by peer."""
    arrays = batches(events)
    return {
        BASELINE: lambda: _summed(dualak.jvp(total, (x, 1.0), (None, 1.0)) for x in arrays),
        "bridge, static structure": lambda: _jitted("static", bridge.to_jax, arrays),
        "bridge, traced structure": lambda: _jitted("traced", bridge.pad, arrays),
    }


def _jitted(structure: str, cross: Callable[[Any], Any], arrays: list[Any]) -> Any:
    """Compiled anew, as in a new process."""
    wrapped = bridge.wrap(lambda x, scale: total(x, scale), structure=structure)
    both = jax.jit(lambda x, s: jax.jvp(lambda s: wrapped(x, s), (s,), (1.0,)))
    return _summed(both(cross(x), 1.0) for x in arrays)


def _summed(pairs: Any) -> Any:
    return np.sum([tuple(map(float, pair)) for pair in pairs], axis=0)


def check(calls: dict[str, Callable[[], Any]]) -> dict[str, str]:
    """The error of each peer that gives another answer than plain Awkward and its quotient."""
    errors = {}
    wanted = calls[BASELINE]()
    for peer, call in calls.items():
        if not np.allclose(call(), wanted, rtol=1e-12):
            errors[peer] = "Disagreement: another answer than dualak.jvp's"
    value, slope = wanted
    if not np.isclose(value, slope, rtol=1e-12):  # the total is linear in the scale, at one
        errors[BASELINE] = "Disagreement: a total that is not linear in the scale"
    return errors
