"""Every transformation of JAX on every kind of function and array: one table, for tests and docs.

``python -m tests.support.jax_matrix > docs/jax.md`` writes what is said to users; the tests run the
cells and hold the table to it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import awkward as ak
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec

import bridge

LISTS = np.array([0, 0, 2])
NUMBERS, TANGENT, WEIGHTS = np.array([1.0, 2.0, -3.0]), np.array([0.5, -1.0, 2.0]), [1.0, -2.0, 0.5]


def lists(numbers):
    """Two numbers, none, one."""
    return ak.unflatten(numbers, [2, 0, 1])


# -- functions: of an array to one alike, to a number for each list, to one number ----------------


def cubes(x):
    return x**3 + ak.sum(x, axis=1)


def sums(x):
    return ak.sum(x**3, axis=1)


def total(x):
    return ak.sum(np.sin(x) * x)


def cubes_of_numbers(v):
    return v**3 + jax.ops.segment_sum(v, LISTS, 3)[LISTS]


def sums_of_numbers(v):
    return jax.ops.segment_sum(v**3, LISTS, 3)


def total_of_numbers(v):
    return jnp.sum(jnp.sin(v) * v)


PLAIN = (cubes, sums, total)
PURE = (cubes_of_numbers, sums_of_numbers, total_of_numbers)


class Form(NamedTuple):
    """How a user writes it: what makes functions of plain ones, and arrays of Awkward's."""

    function: Callable[..., Any]
    array: Callable[..., Any]


def _same(one):
    return one


traced = partial(bridge.wrap, structure="traced")
FORMS = {
    "plain, `register()`": Form(_same, _same),
    "wrapped, registered array": Form(bridge.wrap, _same),
    "wrapped, `to_jax`": Form(bridge.wrap, bridge.to_jax),
    "traced, registered array": Form(traced, _same),
    "traced, `pad`": Form(traced, bridge.pad),
}


# -- transformations ------------------------------------------------------------------------------


def tree_map(function, *trees):
    return jax.tree_util.tree_map(function, *trees)


def leaves(tree):
    """The arrays in a tree; of padded arrays those of numbers."""
    whole = jax.tree_util.tree_leaves(tree, is_leaf=lambda leaf: isinstance(leaf, bridge.Padded))
    if any(isinstance(leaf, bridge.Padded) for leaf in whole):
        return [one for leaf in whole for one in leaves(getattr(leaf, "leaves", leaf))]
    return [jnp.asarray(one) for one in jax.tree_util.tree_leaves(tree)]


def weighted(g):
    """A loss of what a function gives, number by number."""

    def loss(x):
        (numbers,) = [one for one in leaves(g(x)) if one.dtype.kind == "f"][:1]
        return jnp.sum(numbers[:3] * jnp.asarray(WEIGHTS, numbers.dtype))

    return loss


def stacked(*each):
    return tree_map(lambda *rows: jnp.stack(rows), *each)


def with_own_jvp(f):
    own = jax.custom_jvp(f)
    own.defjvp(lambda primals, tangents: jax.jvp(f, primals, tangents))
    return own


def with_own_vjp(h):
    own = jax.custom_vjp(h)
    own.defvjp(lambda x: (h(x), x), lambda x, c: (tree_map(lambda one: c * one, jax.grad(h)(x)),))
    return own


def over_devices(h):
    """The sum of losses over a batch whose rows lie on all devices there are."""
    devices = np.array(jax.devices())
    mesh, rows, whole = Mesh(devices, ("row",)), PartitionSpec("row"), PartitionSpec()
    sharded = jax.shard_map(
        lambda x: jax.lax.psum(jnp.sum(jax.vmap(h)(x)), "row"),
        mesh=mesh,
        in_specs=rows,
        out_specs=whole,
    )
    return lambda x: sharded(stacked(*[x] * len(devices))) / len(devices)


def exported(f, x):
    return jax.export.export(jax.jit(f))(x).call(x)


def descended(h):
    def step(x, _):
        slope = jax.grad(h)(x)
        return tree_map(lambda one, by: one - 0.01 * by, x, slope), h(x)

    return lambda x: jax.lax.scan(step, x, None, length=3)


def checked_for_nan(f, x):
    with jax.debug_nans(True):
        return f(x), jax.jit(f)(x)


def not_compiled(f, x):
    with jax.disable_jit():
        return jax.jit(f)(x)


# fmt: off
CELLS: dict[str, Callable[..., Any]] = {
    "eager": lambda f, g, h, x, t: (f(x), g(x), h(x)),
    "`jit`": lambda f, g, h, x, t: (jax.jit(f)(x), jax.jit(h)(x)),
    "`jvp`": lambda f, g, h, x, t: (jax.jvp(f, (x,), (t,)), jax.jvp(h, (x,), (t,))),
    "`jit` of `jvp`": lambda f, g, h, x, t: jax.jit(lambda x, t: jax.jvp(f, (x,), (t,)))(x, t),
    "`jvp` of `jvp`": lambda f, g, h, x, t: jax.jvp(
        lambda x, t: jax.jvp(f, (x,), (t,))[1], (x, t), (t, x)),
    "`linearize`": lambda f, g, h, x, t: jax.linearize(f, x)[1](t),
    "`vjp`": lambda f, g, h, x, t: (lambda y, back: back(y))(*jax.vjp(f, x)),
    "`vjp` along a given array": lambda f, g, h, x, t: jax.vjp(f, x)[1](t),
    "`grad`": lambda f, g, h, x, t: (jax.grad(h)(x), jax.jit(jax.grad(weighted(f)))(x)),
    "`value_and_grad`": lambda f, g, h, x, t: jax.value_and_grad(h)(x),
    "Hessian-vector product": lambda f, g, h, x, t: jax.jvp(jax.grad(h), (x,), (t,)),
    "`jacfwd`": lambda f, g, h, x, t: (jax.jacfwd(g)(x), jax.jacfwd(f)(x)),
    "`jacrev`": lambda f, g, h, x, t: (jax.jacrev(g)(x), jax.jacrev(f)(x)),
    "`hessian`": lambda f, g, h, x, t: (jax.hessian(h)(x), jax.jit(jax.hessian(h))(x)),
    "`vmap`": lambda f, g, h, x, t: (
        jax.vmap(f)(stacked(x, t)), jax.vmap(jax.grad(h))(stacked(x, t))),
    "`vmap` over tangents": lambda f, g, h, x, t: jax.vmap(
        lambda t: jax.jvp(f, (x,), (t,))[1])(stacked(t, t)),
    "`checkpoint`": lambda f, g, h, x, t: jax.grad(jax.checkpoint(h))(x),
    "`scan`": lambda f, g, h, x, t: jax.lax.scan(lambda c, _: (f(c), h(c)), x, None, length=2),
    "descent in a `scan`": lambda f, g, h, x, t: descended(h)(x),
    "`fori_loop`": lambda f, g, h, x, t: jax.lax.fori_loop(0, 2, lambda i, c: f(c), x),
    "`while_loop`": lambda f, g, h, x, t: jax.lax.while_loop(lambda c: h(c) < 0.0, f, x),
    "`cond`": lambda f, g, h, x, t: jax.lax.cond(h(x) > -9.0, f, lambda x: x, x),
    "`switch`": lambda f, g, h, x, t: jax.lax.switch(1, [lambda x: x, f], x),
    "`custom_jvp`": lambda f, g, h, x, t: jax.jvp(with_own_jvp(f), (x,), (t,)),
    "`custom_vjp`": lambda f, g, h, x, t: jax.grad(with_own_vjp(h))(x),
    "`eval_shape`": lambda f, g, h, x, t: tree_map(
        lambda one: jnp.zeros(one.shape, one.dtype), jax.eval_shape(g, x)),
    "`make_jaxpr`": lambda f, g, h, x, t: jax.core.eval_jaxpr(
        (made := jax.make_jaxpr(h)(x)).jaxpr, made.consts, *jax.tree_util.tree_leaves(x)),
    "`lower().compile()`": lambda f, g, h, x, t: jax.jit(f).lower(x).compile()(x),
    "donated": lambda f, g, h, x, t: jax.jit(f, donate_argnums=0)(tree_map(jnp.array, x)),
    "`debug_nans`": lambda f, g, h, x, t: checked_for_nan(f, x),
    "`disable_jit`": lambda f, g, h, x, t: not_compiled(f, x),
    "`shard_map`": lambda f, g, h, x, t: jax.value_and_grad(over_devices(h))(x),
    "`jax.export`": lambda f, g, h, x, t: exported(f, x),
    "function in function": lambda f, g, h, x, t: jax.grad(lambda x: h(f(x)))(x),
}
# fmt: on


class Refusal(NamedTuple):
    """Why a cell is refused: the error, what its message says, and what is said to users."""

    error: type[Exception] | tuple[type[Exception], ...]
    message: str
    reason: str


EXPORTED = Refusal(
    NotImplementedError,
    "kernels lie in this process",
    "exported code is run by other processes, where the kernels are not",
)

OF_OTHER_LISTS = Refusal(
    (TypeError, ValueError),
    "structure",
    "with a traced structure results are `bridge.Padded`, since their lists are not known; give "
    "`bridge.pad(array)` where a result takes the place of an argument, or is a tangent",
)
IN_PLACE = (
    "`vjp` along a given array",
    "`scan`",
    "`fori_loop`",
    "`while_loop`",
    "`cond`",
    "`switch`",
)

REFUSED: dict[tuple[str, str], Refusal] = {
    **{(form, "`jax.export`"): EXPORTED for form in FORMS},
    **{("traced, registered array", name): OF_OTHER_LISTS for name in IN_PLACE},
}


# -- cells ----------------------------------------------------------------------------------------


def found(form: str, name: str, dtype: Any) -> Any:
    """What a cell gives, as one vector."""
    function, array = FORMS[form]
    x, t = (array(lists(one.astype(dtype))) for one in (NUMBERS, TANGENT))
    return vector(CELLS[name](*map(function, PLAIN), x, t))


def wanted(name: str) -> Any:
    """The same in pure JAX, in double precision."""
    with jax.enable_x64(True):
        return vector(CELLS[name](*PURE, *map(jnp.asarray, (NUMBERS, TANGENT))))


def vector(tree: Any) -> Any:
    """The floating-point numbers of a result, of three; what is longer is padded."""
    numbers = [np.asarray(one) for one in leaves(tree) if one.dtype.kind == "f"]
    cut = [one[tuple(slice(3) for _ in one.shape)].ravel() for one in numbers]
    return np.concatenate([one for one in cut if one.size])


TOLERANCE = {np.float64: 1e-10, np.float32: 2e-4}


def outcome(form: str, name: str, dtype: Any) -> str:
    """``right`` or ``refused``, or what went wrong."""
    want = wanted(name)
    try:
        with jax.enable_x64(dtype is np.float64):
            got = found(form, name, dtype)
    except Exception as error:
        known = REFUSED.get((form, name))
        if known and isinstance(error, known.error) and re.search(known.message, str(error)):
            return "refused"
        return f"{type(error).__name__}: {str(error)[:300]}"
    if got.shape != want.shape:
        return f"expected {len(want)} numbers, got {len(got)}"
    scale = TOLERANCE[dtype] * max(1.0, np.abs(want).max())
    if got.dtype != dtype or not np.allclose(got, want, rtol=0, atol=scale):
        return f"expected {want}, got {got}"
    return "right"


# -- the table ------------------------------------------------------------------------------------

INTRODUCTION = """\
# Transformations of JAX

Each row is what is done with functions of an Awkward Array of lists: one that gives such an array,
one that gives a number for each list, one that gives a number. *Right* cells agree with the same in
pure JAX, in float64 and in float32. Tests run every cell; this file is made from their table by
`python -m tests.support.jax_matrix`.

"""


def document() -> str:
    """The table for users."""
    reasons = list(dict.fromkeys(one.reason for one in REFUSED.values()))
    lines = ["| " + " | ".join(["", *FORMS]) + " |", "|" + "---|" * (1 + len(FORMS))]
    for name in CELLS:
        cells = [_shown(REFUSED.get((form, name)), reasons) for form in FORMS]
        lines.append("| " + " | ".join([name, *cells]) + " |")
    notes = [f"{number}. Refused: {reason}." for number, reason in enumerate(reasons, 1)]
    return INTRODUCTION + "\n".join([*lines, "", *notes]) + "\n"


def _shown(refusal: Refusal | None, reasons: list[str]) -> str:
    return "right" if refusal is None else f"refused ({1 + reasons.index(refusal.reason)})"


if __name__ == "__main__":
    sys.stdout.write(document())
