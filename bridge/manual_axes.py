"""Axes of a mesh that values vary over inside of ``jax.shard_map``, which their types tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
from jax.sharding import PartitionSpec


def varying(kind: Any) -> frozenset[Any]:
    """The axes that values of a type of JAX vary over."""
    axes = getattr(kind, "manual_axis_type", None)
    return getattr(kind, "vma", frozenset()) if axes is None else axes.varying


def aligned(operands: Sequence[Any]) -> list[Any]:
    """Operands that all vary over the same axes, as a call has to have them."""
    each = [varying(jax.typeof(operand)) for operand in operands]
    every = frozenset().union(*each)
    if not every:
        return list(operands)
    return [
        jax.lax.pcast(operand, tuple(every - axes), to="varying") if every - axes else operand
        for operand, axes in zip(operands, each, strict=True)
    ]


def result_type(shape: tuple[int, ...], dtype: Any, operands: Sequence[Any]) -> Any:
    """The type of a result, which varies over the axes that the types of the operands do."""
    pattern = next((operand for operand in operands if varying(operand)), None)
    if pattern is None:
        return jax.core.ShapedArray(shape, dtype)
    sharding = pattern.sharding.update(spec=PartitionSpec(*[None] * len(shape)))
    return pattern.update(shape=shape, dtype=dtype, weak_type=False, sharding=sharding)
