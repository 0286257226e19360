"""The JAX primitive that runs a task: how it is differentiated, transposed, batched, compiled."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive, Var, set_current_trace
from jax.interpreters import ad, batching, mlir
from jax.interpreters import partial_eval as pe

from bridge import transports
from bridge.manual_axes import aligned, result_type
from bridge.memory import empty, handed_over
from bridge.tasks import Mask, Task

apply_p = Primitive("dualak")
apply_p.multiple_results = True


def apply(task: Task, operands: Sequence[Any], transport: str) -> list[Any]:
    """The results of a task, under any transformation of JAX."""
    return apply_p.bind(*aligned(operands), task=task, transport=transport)


@apply_p.def_abstract_eval
def _abstract(*avals: Any, task: Task, transport: str) -> list[Any]:
    return [result_type(shape, dtype, avals) for shape, dtype in task.outputs]


@apply_p.def_impl
def _eager(*operands: Any, task: Task, transport: str) -> list[Any]:
    """On the spot, on the memory of the operands, into memory that JAX takes over."""
    if any(map(_is_elsewhere, operands)):
        return _program(task, transport)(*operands)  # type: ignore[arg-type]
    out = [empty(shape, dtype) for shape, dtype in task.outputs]
    task.run([np.asarray(operand) for operand in operands], out)
    return [handed_over(buffer) for buffer in out]


def _is_elsewhere(operand: Any) -> bool:
    """Whether an array lies on a device that is no processor."""
    return isinstance(operand, jax.Array) and any(
        device.platform != "cpu" for device in operand.devices()
    )


@functools.lru_cache(maxsize=64)
def _program(task: Any, transport: str) -> Any:
    return jax.jit(functools.partial(_compiled, task=task, transport=transport))


def _compiled(*operands: Any, task: Task, transport: str) -> list[Any]:
    return transports.call(transport, task, operands)


def lowered(function: Any) -> Any:
    """How a primitive becomes code that is compiled here.

    Raises:
        NotImplementedError: for code that is exported.
    """
    rule = mlir.lower_fun(function, multiple_results=True)

    def lowering(context: Any, *operands: Any, **params: Any) -> Any:
        parameters = getattr(context.module_context, "lowering_parameters", None)
        if getattr(parameters, "for_export", False):
            raise NotImplementedError(
                "jax.export: expected code that another process can run, got a function of Awkward "
                "Arrays, whose kernels lie in this process; export the JAX code around it, or send "
                "the function itself"
            )
        return rule(context, *operands, **params)

    return lowering


mlir.register_lowering(apply_p, lowered(_compiled))


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
    active = tuple(not isinstance(tangent, ad.Zero) for tangent in tangents)
    fixed = len(primals) - task.linear
    if not any(active):
        found: list[Any] = []
    elif any(active[:fixed]):
        derived = task.jvp(active)
        moving = [tangent for tangent in tangents if not isinstance(tangent, ad.Zero)]
        found = _with_zeros(derived, apply(derived, [*primals, *moving], transport))
    else:
        moving = [ad.instantiate_zeros(tangent) for tangent in tangents[fixed:]]
        found = _with_zeros(task, apply(task, [*primals[:fixed], *moving], transport))
    return _beside(task, results, found)


def _beside(task: Task, results: Sequence[Any], found: Sequence[Any]) -> list[Any]:
    """The tangents of all results, given those of floating-point ones, of which None is zero."""
    rest = iter(found)
    floats = [np.dtype(dtype).kind == "f" for _, dtype in task.outputs]
    each = [next(rest, None) if is_float else None for is_float in floats]
    return [
        ad.Zero(jax.typeof(result).to_tangent_aval()) if tangent is None else tangent
        for tangent, result in zip(each, results, strict=True)
    ]


def _with_zeros(task: Task, results: Sequence[Any]) -> list[Any]:
    """Results of which those that are always zero are None."""
    return [None if zero else result for result, zero in zip(results, task.zeros, strict=True)]


def _transpose(cotangents: Sequence[Any], *operands: Any, task: Task, transport: str) -> list[Any]:
    fixed = len(operands) - task.linear
    given = tuple(not isinstance(cotangent, ad.Zero) for cotangent in cotangents)
    wanted = tuple(ad.is_undefined_primal(operand) for operand in operands[fixed:])
    if any(map(ad.is_undefined_primal, operands[:fixed])):
        raise NotImplementedError(
            "jax.linear_transpose: expected a function whose operations are linear one by one, got "
            "one of Awkward Arrays, which JAX sees as a whole; take jax.vjp(func, x)[1], which is "
            "the same where the function is linear"
        )
    if not any(given):
        return [
            ad.Zero(operand.aval) if ad.is_undefined_primal(operand) else None
            for operand in operands
        ]
    derived = task.transpose(wanted, given)
    known = [cotangent for cotangent in cotangents if not isinstance(cotangent, ad.Zero)]
    rest = iter(apply(derived, [*operands[:fixed], *known], transport))
    linear = [next(rest) if is_wanted else None for is_wanted in wanted]
    return [None] * fixed + [
        None if cotangent is None else _summed(cotangent, operand.aval.shape)
        for cotangent, operand in zip(linear, operands[fixed:], strict=True)
    ]


ad.primitive_transposes[apply_p] = _transpose


def _summed(cotangent: Any, shape: tuple[int, ...]) -> Any:
    """The cotangent of an operand that is the same for all rows of a batch."""
    more = cotangent.ndim - len(shape)
    return cotangent.sum(tuple(range(more))) if more else cotangent


# -- batches --------------------------------------------------------------------------------------


def _batch(
    operands: Sequence[Any], dims: Sequence[Any], *, task: Task, transport: str
) -> tuple[list[Any], list[Any]]:
    fixed = len(operands) - task.linear
    size = next(
        operand.shape[dim] for operand, dim in zip(operands, dims, strict=True) if dim is not None
    )
    mask = tuple(dim is not None for dim in dims)
    if any(mask[fixed:]) and not any(mask[:fixed]):
        mask = (False,) * fixed + (True,) * task.linear  # all directions in one pass
    moved = [
        _rows(operand, dim, size) if is_batched else operand
        for operand, dim, is_batched in zip(operands, dims, mask, strict=True)
    ]
    results = apply(task.batch(mask, size), moved, transport)
    return results, [0] * len(results)


batching.primitive_batchers[apply_p] = _batch


def _rows(operand: Any, dim: Any, size: int) -> Any:
    if dim is None:
        return jnp.broadcast_to(operand, (size, *operand.shape))
    return jnp.moveaxis(operand, dim, 0)


# -- values and tangents in one pass --------------------------------------------------------------
#
# What differentiates further, runs backwards or goes over batches sees a call for the values and
# one for the tangents; only forward mode by itself, where all is known, runs them together.

both_p = Primitive("dualak_jvp")
both_p.multiple_results = True


def both(
    task: Task, primals: Sequence[Any], tangents: Sequence[Any], transport: str
) -> tuple[list[Any], list[Any]]:
    """The results of a task and their tangents, in one pass; zeros are symbolic."""
    active = tuple(not isinstance(tangent, ad.Zero) for tangent in tangents)
    if task.linear or not any(active):
        results = apply(task, primals, transport)
        return results, tangents_of(task, primals, tangents, results, transport)
    moving = [tangent for tangent in tangents if not isinstance(tangent, ad.Zero)]
    found = both_p.bind(
        *aligned([*primals, *moving]), task=task, active=active, transport=transport
    )
    results, rest = found[: len(task.outputs)], found[len(task.outputs) :]
    return results, _beside(task, results, _with_zeros(task.jvp(active), rest))


def _split(*operands: Any, task: Task, active: Mask, transport: str) -> list[Any]:
    """The same as two calls."""
    results = apply(task, operands[: len(active)], transport)
    return [*results, *apply(task.jvp(active), operands, transport)]


def _together(*operands: Any, task: Task, active: Mask, transport: str) -> list[Any]:
    return transports.call(transport, task.both(active), operands)


@both_p.def_impl
def _both_eager(*operands: Any, task: Task, active: Mask, transport: str) -> list[Any]:
    return _eager(*operands, task=task.both(active), transport=transport)


@both_p.def_abstract_eval
def _both_abstract(*avals: Any, task: Task, active: Mask, transport: str) -> list[Any]:
    return _abstract(*avals, task=task.both(active), transport=transport)


def _both_partial(trace: Any, *tracers: Any, **params: Any) -> list[Any]:
    """Where the tangents are not known yet, the values are."""
    if all(tracer.is_known() for tracer in tracers):
        return trace.default_process_primitive(both_p, tracers, params)
    with set_current_trace(trace):
        return _split(*tracers, **params)


def _both_recomputed(
    saveable: Any, unknown: Sequence[bool], instantiated: Sequence[bool], equation: Any
) -> Any:
    """The same in code whose known part runs now, and all of it again later: ``checkpoint``."""
    params = dict(equation.params)
    count = len(params.pop("active"))
    if any(unknown[:count]):
        known, values = None, [True] * len(equation.outvars)
    else:
        results = equation.outvars[: len(params["task"].outputs)]
        invars = equation.invars[:count]
        known = equation.replace(invars=invars, outvars=results, primitive=apply_p, params=params)
        moving = any(unknown)
        values = [i >= len(results) and moving for i in range(len(equation.outvars))]
        if not moving:
            known = equation
    pairs = zip(equation.invars, instantiated, strict=True)
    kept = [atom for atom, is_there in pairs if isinstance(atom, Var) and not is_there]
    return known, equation, values, [True] * len(values), kept


def _both_jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
    task, active, transport = params["task"], params["active"], params["transport"]
    count, derived = len(active), task.jvp(active)
    results, first = both(task, primals[:count], tangents[:count], transport)
    given = apply(derived, primals, transport)
    second = tangents_of(derived, primals, tangents, given, transport)
    return [*results, *given], [*first, *second]


def _both_batch(operands: Sequence[Any], dims: Sequence[Any], **params: Any) -> Any:
    task, active, transport = params["task"], params["active"], params["transport"]
    count = len(active)
    derived = {"task": task.jvp(active), "transport": transport}
    moving, rows = _batch(operands, dims, **derived)
    if any(dim is not None for dim in dims[:count]):
        results, above = _batch(operands[:count], dims[:count], task=task, transport=transport)
    else:
        results = apply(task, operands[:count], transport)
        above = [None] * len(results)
    return [*results, *moving], [*above, *rows]


mlir.register_lowering(both_p, lowered(_together))
pe.custom_partial_eval_rules[both_p] = _both_partial
pe.partial_eval_jaxpr_custom_rules[both_p] = _both_recomputed
ad.primitive_jvps[both_p] = _both_jvp
batching.primitive_batchers[both_p] = _both_batch
