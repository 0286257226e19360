"""Arguments and calls: what functions for JAX code take, apart into structure and operands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import awkward as ak
import jax
from jax.custom_derivatives import SymbolicZero
from jax.interpreters import ad

from bridge import primitive
from bridge.arrays import Array
from bridge.memory import copied
from bridge.numbers import of_jax_array
from bridge.register import leaves_of, stands_in
from dualak import extend


def differentiable(task: Any, transport: str) -> Callable[..., list[Any]]:
    """A task as a function with a derivative, through ``jax.custom_jvp``."""

    @jax.custom_jvp
    def call(*operands: Any) -> list[Any]:
        return primitive.apply(task, operands, transport)

    def rule(primals: Any, tangents: Any) -> Any:
        moving = [_symbolic(tangent) for tangent in tangents]
        results, found = primitive.both(task, primals, moving, transport)
        return results, [ad.instantiate_zeros(tangent) for tangent in found]

    call.defjvp(rule, symbolic_zeros=True)
    return call


def _symbolic(tangent: Any) -> Any:
    return ad.Zero(tangent.aval) if isinstance(tangent, SymbolicZero) else tangent


def is_whole(argument: Any) -> bool:
    return isinstance(argument, (Array, ak.Array, ak.Record))


def taken_apart(argument: Any, operands: list[Any]) -> Any:
    """An argument without its numbers, which become operands."""
    if isinstance(argument, Array):
        operands.extend(argument.leaves)
        return argument.structure.tree
    if isinstance(argument, jax.Array):
        return of_jax_array(argument, operands)
    if stands_in(argument):
        leaves, structure = leaves_of(argument)
        operands.extend(leaves)
        return structure.tree
    leaves, structure = extend.flatten(argument)
    operands.extend(map(copied, leaves))
    return structure.tree
