"""The JAX primitive that runs a task: how it is differentiated, transposed, batched, compiled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from bridge import transports
from bridge.tasks import Mask, Task

apply_p = Primitive("dualak")
apply_p.multiple_results = True


def apply(task: Task, operands: Sequence[Any], transport: str) -> list[Any]:
    """The results of a task, under any transformation of JAX."""
    return apply_p.bind(*operands, task=task, transport=transport)


@apply_p.def_abstract_eval
def _abstract(*avals: Any, task: Task, transport: str) -> list[Any]:
    return [jax.core.ShapedArray(shape, dtype) for shape, dtype in task.outputs]


@apply_p.def_impl
def _eager(*operands: Any, task: Task, transport: str) -> list[Any]:
    """On the spot, on the memory of the operands, into memory that JAX takes over."""
    out = [_aligned(shape, dtype) for shape, dtype in task.outputs]
    task.run([np.asarray(one) for one in operands], out)
    return [jnp.asarray(one) for one in out]


def _aligned(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    """Memory that JAX takes as it is: it does so where an address is a multiple of 64."""
    size = int(np.prod(shape)) * dtype.itemsize
    raw = np.empty(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size].view(dtype).reshape(shape)


def _compiled(*operands: Any, task: Task, transport: str) -> list[Any]:
    return transports.call(transport, task, operands)


mlir.register_lowering(apply_p, mlir.lower_fun(_compiled, multiple_results=True))


# -- derivatives ----------------------------------------------------------------------------------


def _jvp(
    primals: Sequence[Any], tangents: Sequence[Any], *, task: Task, transport: str
) -> tuple[list[Any], list[Any]]:
    results = apply(task, primals, transport)
    return results, tangents_of(task, primals, tangents, results, transport)


ad.primitive_jvps[apply_p] = _jvp


def tangents_of(
    task: Task,
    primals: Sequence[Any],
    tangents: Sequence[Any],
    results: Sequence[Any],
    transport: str,
) -> list[Any]:
    """The tangents of the results; zeros are symbolic."""
    active = tuple(not isinstance(one, ad.Zero) for one in tangents)
    fixed = len(primals) - task.linear
    if not any(active):
        found: list[Any] = []
    elif any(active[:fixed]):
        derived = task.jvp(active)
        moving = [one for one in tangents if not isinstance(one, ad.Zero)]
        found = _with_zeros(derived, apply(derived, [*primals, *moving], transport))
    else:
        moving = [ad.instantiate_zeros(one) for one in tangents[fixed:]]
        found = _with_zeros(task, apply(task, [*primals[:fixed], *moving], transport))
    rest = iter(found)
    floats = [np.dtype(dtype).kind == "f" for _, dtype in task.outputs]
    each = [next(rest, None) if is_float else None for is_float in floats]
    return [
        ad.Zero(jax.typeof(result).to_tangent_aval()) if one is None else one
        for one, result in zip(each, results, strict=True)
    ]


def _with_zeros(task: Task, results: Sequence[Any]) -> list[Any]:
    """Results of which those that are always zero are None."""
    return [None if zero else one for one, zero in zip(results, task.zeros, strict=True)]


def _transpose(cotangents: Sequence[Any], *operands: Any, task: Task, transport: str) -> list[Any]:
    fixed = len(operands) - task.linear
    given = tuple(not isinstance(one, ad.Zero) for one in cotangents)
    wanted = tuple(ad.is_undefined_primal(one) for one in operands[fixed:])
    if not any(given):
        return [ad.Zero(one.aval) if ad.is_undefined_primal(one) else None for one in operands]
    derived = task.transpose(wanted, given)
    known = [one for one in cotangents if not isinstance(one, ad.Zero)]
    rest = iter(apply(derived, [*operands[:fixed], *known], transport))
    linear = [next(rest) if is_wanted else None for is_wanted in wanted]
    return [None] * fixed + [
        None if one is None else _summed(one, operand.aval.shape)
        for one, operand in zip(linear, operands[fixed:], strict=True)
    ]


ad.primitive_transposes[apply_p] = _transpose


def _summed(cotangent: Any, shape: tuple[int, ...]) -> Any:
    """The cotangent of an operand that is the same for all rows of a batch."""
    more = cotangent.ndim - len(shape)
    return cotangent.sum(tuple(range(more))) if more else cotangent


# -- batches --------------------------------------------------------------------------------------


def _batch(
    operands: Sequence[Any], dims: Sequence[Any], *, task: Task, transport: str
) -> tuple[list[Any], list[int]]:
    fixed = len(operands) - task.linear
    size = next(one.shape[dim] for one, dim in zip(operands, dims, strict=True) if dim is not None)
    mask = tuple(dim is not None for dim in dims)
    if any(mask[fixed:]) and not any(mask[:fixed]):
        mask = (False,) * fixed + (True,) * task.linear  # all directions in one pass
    moved = [
        _rows(one, dim, size) if is_batched else one
        for one, dim, is_batched in zip(operands, dims, mask, strict=True)
    ]
    results = apply(task.batch(mask, size), moved, transport)
    return results, [0] * len(results)


batching.primitive_batchers[apply_p] = _batch


def _rows(operand: Any, dim: Any, size: int) -> Any:
    if dim is None:
        return jnp.broadcast_to(operand, (size, *operand.shape))
    return jnp.moveaxis(operand, dim, 0)


__all__ = ["Mask", "apply", "apply_p", "tangents_of"]
