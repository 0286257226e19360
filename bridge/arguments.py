"""Arguments and calls: what functions for JAX code take, apart into structure and operands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import awkward as ak
import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero
from jax.interpreters import ad

from bridge import primitive
from bridge.arrays import Array
from bridge.memory import shared
from bridge.register import leaves_of, stands_in
from dualak import extend


def differentiable(task: Any, transport: str) -> Callable[..., list[Any]]:
    """A task as a function with a derivative, through ``jax.custom_jvp``."""

    @jax.custom_jvp
    def call(*operands: Any) -> list[Any]:
        return primitive.apply(task, operands, transport)

    def rule(primals: Any, tangents: Any) -> Any:
        moving = [_symbolic(one) for one in tangents]
        results, found = primitive.both(task, primals, moving, transport)
        return results, [ad.instantiate_zeros(one) for one in found]

    call.defjvp(rule, symbolic_zeros=True)
    return call


def _symbolic(tangent: Any) -> Any:
    return ad.Zero(tangent.aval) if isinstance(tangent, SymbolicZero) else tangent


def is_whole(one: Any) -> bool:
    return isinstance(one, (Array, ak.Array, ak.Record))


def taken_apart(one: Any, operands: list[Any]) -> Any:
    """An argument without its numbers, which become operands."""
    if isinstance(one, Array):
        operands.extend(one.leaves)
        return one.structure.tree
    if isinstance(one, jax.Array) and one.dtype.kind == "f":
        operands.append(jnp.reshape(one, -1))
        if one.ndim == 0 and getattr(one, "weak_type", False):
            return _template(0.0)  # a number of Python, as JAX knows it
        return _template(np.broadcast_to(np.zeros((), one.dtype), one.shape))
    if isinstance(one, jax.Array):
        _require_known(one)
        return np.asarray(one)
    if stands_in(one):
        leaves, structure = leaves_of(one)
        operands.extend(leaves)
        return structure.tree
    leaves, structure = extend.flatten(one)
    operands.extend(map(shared, leaves))
    return structure.tree


def _require_known(one: Any) -> None:
    """Integers and booleans are structure, and may not be traced.

    Raises:
        TypeError: for such that a transformation of JAX stands for.
    """
    if isinstance(one, jax.core.Tracer):
        raise TypeError(
            f"expected floating-point numbers, or others that are known, got traced {one.dtype}; "
            "give them as a NumPy array from outside of the transformed function (in jax.jit as a "
            "closure or a static argument), or as floating-point numbers"
        )


def _template(array: Any) -> Any:
    return extend.flatten(array)[1].tree
