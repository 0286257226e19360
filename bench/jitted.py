"""The bridge under ``jax.jit`` beside pure JAX: what a call costs, and jagged programs.

The peers in JAX are what an expert writes by hand: flat buffers, gathers and segment sums, made
from the offsets, which are arguments as batches that differ need it; or with those indexes given
beforehand, as a structure that stays allows.  The bridge knows the structure beforehand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import awkward as ak
import jax
import jax.numpy as jnp
import numpy as np

import bridge
import dualak
from bench.cases import CASES, chain_point, dijet_point, sums_point
from bench.peers import check, compiled, reference
from bridge.transports import TRANSPORTS

#: The peer that times are compared with.
BASELINE = {"call": "jax", "jagged": "jax jvp, offsets traced"}


def transports() -> list[str]:
    """Those that can be used in this process."""
    return [name for name, one in TRANSPORTS.items() if one.missing() is None]


def missing() -> dict[str, str]:
    """Why the others cannot."""
    reasons = {name: one.missing() for name, one in TRANSPORTS.items()}
    return {name: reason for name, reason in reasons.items() if reason is not None}


def together(answer: Any) -> Any:
    """An answer when it is there."""
    return jax.block_until_ready(answer)


# ---- what a call costs ----


def call_peers(elements: int) -> dict[str, dict[str, Callable[[], Any]]]:
    """Calls of ``sin(x**2)``, by case and by peer; each gives a tuple of JAX arrays."""
    rng = np.random.default_rng(1)
    x, t = (jnp.asarray(rng.normal(size=elements)) for _ in range(2))
    functions = {"jax": lambda x: jnp.sin(x**2)}
    for name in transports():
        functions[f"bridge, {name}"] = bridge.wrap(lambda x: np.sin(x**2), transport=name)
    return {
        "call": {peer: _value(func, x) for peer, func in functions.items()},
        "call of jvp": {peer: _pushed(func, x, t) for peer, func in functions.items()},
    }


def _value(func: Any, x: Any) -> Callable[[], Any]:
    jitted = jax.jit(func)
    return lambda: (together(jitted(x)),)


def _pushed(func: Any, x: Any, t: Any) -> Callable[[], Any]:
    jitted = jax.jit(lambda x, t: jax.jvp(func, (x,), (t,)))
    return lambda: together(jitted(x, t))


def call_errors(calls: dict[str, Callable[[], Any]]) -> dict[str, str]:
    """The error of each peer whose answer is not that of JAX."""
    wanted = calls["jax"]()
    errors = {}
    for peer, call in calls.items():
        found = call()
        close = map(lambda a, b: np.allclose(a, b, rtol=1e-12, atol=1e-13), found, wanted)
        if len(found) != len(wanted) or not all(close):
            errors[peer] = "Disagreement: another answer than JAX's"
    return errors


# ---- jagged programs by hand ----


class ByHand(NamedTuple):
    """A program on flat buffers: what it makes of offsets, and what it does with numbers."""

    indexes: Callable[..., Any]
    func: Callable[..., Any]


def owners(offsets: Any, total: int) -> Any:
    """The list of each element."""
    events = offsets.shape[0] - 1
    return jnp.repeat(jnp.arange(events), jnp.diff(offsets), total_repeat_length=total)


def reversed_index(offsets: Any, total: int) -> Any:
    """Where each element of the lists in reversed order stands."""
    counts = jnp.diff(offsets)[::-1]
    starts = jnp.concatenate([jnp.zeros(1, counts.dtype), jnp.cumsum(counts)])
    shift = offsets[:-1][::-1] - starts[:-1]
    return jnp.arange(total) + jnp.repeat(shift, counts, total_repeat_length=total)


def pairs(offsets: Any, total: int, count: int) -> Any:
    """The first and the second of all pairs, and the event of each."""
    event = owners(offsets, total)
    partners = offsets[event + 1] - 1 - jnp.arange(total)
    first = jnp.repeat(jnp.arange(total), partners, total_repeat_length=count)
    starts = jnp.cumsum(partners) - partners
    second = first + 1 + jnp.arange(count) - starts[first]
    return first, second, event[first]


def chain(x: Any, index: Any, events: int) -> Any:
    z = x[index]
    return jnp.sin(z**2) * jnp.exp(-z)


def norms(x: Any, owner: Any, events: int) -> Any:
    """The root of an empty sum is kept away from its infinite derivative."""
    total = jax.ops.segment_sum(x**2, owner, events, indices_are_sorted=True)
    some = total > 0
    return jnp.where(some, jnp.sqrt(jnp.where(some, total, 1.0)), 0.0)


def largest_mass(pt: Any, index: Any, events: int, eta: Any, phi: Any) -> Any:
    """Masses that are their event's largest, on average: JAX has no derivative of segment_max."""
    a, b, event = index
    mass = jnp.sqrt(2 * pt[a] * pt[b] * (jnp.cosh(eta[a] - eta[b]) - jnp.cos(phi[a] - phi[b])))
    largest = jax.ops.segment_max(
        jax.lax.stop_gradient(mass), event, events, indices_are_sorted=True
    )
    is_largest = mass == largest[event]
    chosen = jnp.stack([jnp.where(is_largest, mass, 0.0), is_largest.astype(mass.dtype)], 1)
    total = jax.ops.segment_sum(chosen, event, events, indices_are_sorted=True)
    return total[:, 0] / total[:, 1]


# ---- jagged cases ----


class Jagged(NamedTuple):
    """One case: the flat numbers that move, their tangents, others, and the program by hand."""

    x: Any
    t: Any
    others: tuple[Any, ...]
    offsets: Any
    hand: ByHand
    arguments: Any
    direction: Any


def jagged(name: str, events: int) -> Jagged:
    """The case at a number of events."""
    ((x,), (t,)) = {"W1": chain_point, "W2": sums_point, "W4": dijet_point}[name](events)
    counts = ak.to_numpy(ak.num(x))
    offsets = np.concatenate([[0], np.cumsum(counts)])
    total, count = int(offsets[-1]), int((counts * (counts - 1) // 2).sum())
    moving = x.pt if name == "W4" else x
    tangent = t.pt if name == "W4" else t
    others = (x.eta, x.phi) if name == "W4" else ()
    hand = {
        "W1": ByHand(lambda offsets: reversed_index(offsets, total), chain),
        "W2": ByHand(lambda offsets: owners(offsets, total), norms),
        "W4": ByHand(lambda offsets: pairs(offsets, total, count), largest_mass),
    }[name]
    flat = [jnp.asarray(ak.to_numpy(ak.flatten(one))) for one in (moving, tangent, *others)]
    return Jagged(flat[0], flat[1], tuple(flat[2:]), jnp.asarray(offsets), hand, (x,), (t,))


def jagged_peers(name: str, events: int) -> dict[str, Callable[[], Any]]:
    """Calls that give value and tangent, by peer."""
    case = jagged(name, events)
    func, given = CASES[name].func, (case.arguments, case.direction)
    calls = {
        "jax jvp, offsets traced": _by_hand(case, events),
        "jax jvp, indexes given": _with_indexes(case, events),
        **{f"bridge jvp, {one}": _bridged(func, case, one) for one in transports()},
        "dualak jvp": lambda: tuple(map(ak.materialize, dualak.jvp(func, *given))),
        "dualak jvp, replayed": lambda: tuple(map(ak.materialize, compiled(func).jvp(*given))),
    }
    return calls


def _by_hand(case: Jagged, events: int) -> Callable[[], Any]:
    @jax.jit
    def both(x: Any, t: Any, offsets: Any, others: Any) -> Any:
        index = case.hand.indexes(offsets)
        return jax.jvp(lambda x: case.hand.func(x, index, events, *others), (x,), (t,))

    return lambda: together(both(case.x, case.t, case.offsets, case.others))


def _with_indexes(case: Jagged, events: int) -> Callable[[], Any]:
    index = together(jax.jit(case.hand.indexes)(case.offsets))

    @jax.jit
    def both(x: Any, t: Any, index: Any, others: Any) -> Any:
        return jax.jvp(lambda x: case.hand.func(x, index, events, *others), (x,), (t,))

    return lambda: together(both(case.x, case.t, index, case.others))


def _bridged(func: Any, case: Jagged, transport: str) -> Callable[[], Any]:
    wrapped = bridge.wrap(func, transport=transport)
    point = bridge.to_jax(case.arguments[0])
    (x, *others), structure = point.leaves, point.structure

    @jax.jit
    def both(x: Any, t: Any, others: Any) -> Any:
        return jax.jvp(lambda x: wrapped(bridge.Array((x, *others), structure)), (x,), (t,))

    return lambda: together(both(x, case.t, others))


def jagged_errors(name: str, events: int, calls: dict[str, Callable[[], Any]]) -> dict[str, str]:
    """The error of each peer whose value or tangent is not that of plain Awkward's quotients."""
    case = jagged(name, events)
    right = reference(CASES[name].func, case.arguments, case.direction)
    errors = {}
    for peer, call in calls.items():
        try:
            check(peer, tuple(_awkward(one, right.value) for one in call()), right)
        except Exception as error:  # a peer may fail in any way; the report shows which
            errors[peer] = f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
    return errors


def _awkward(answer: Any, value: Any) -> Any:
    """An answer in lists as those of the value, missing where that is."""
    if isinstance(answer, (ak.Array, bridge.Array)):
        return bridge.from_jax(answer)
    if value.ndim == 2:
        return ak.unflatten(np.asarray(answer), ak.num(value))
    flat = ak.Array(np.asarray(answer))
    return ak.mask(flat, ~ak.is_none(value)) if "?" in value.typestr else flat
