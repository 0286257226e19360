"""Numbers and arrays of JAX as arguments of functions of Awkward Arrays."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dualak import extend


def of_jax_array(one: Any, leaves: list[Any]) -> Any:
    """A JAX array without its numbers, which become a leaf; integers stay what they are."""
    if one.dtype.kind != "f":
        _require_known(one)
        return np.asarray(one)
    leaves.append(jnp.reshape(one, -1))
    if one.ndim == 0 and getattr(one, "weak_type", False):
        return _template(0.0)  # a number of Python, as JAX knows it
    return _template(np.broadcast_to(np.zeros((), one.dtype), one.shape))


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
