"""Numbers and arrays of JAX as arguments of functions of Awkward Arrays."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dualak import extend


def of_jax_array(number: Any, leaves: list[Any]) -> Any:
    """A JAX array without its numbers, which become a leaf; integers stay what they are."""
    if number.dtype.kind != "f":
        _require_known(number)
        return np.asarray(number)
    leaves.append(jnp.reshape(number, -1))
    if number.ndim == 0 and getattr(number, "weak_type", False):
        return _template(0.0)  # a number of Python, as JAX knows it
    return _template(np.broadcast_to(np.zeros((), number.dtype), number.shape))


def _require_known(number: Any) -> None:
    """Integers and booleans are structure, and may not be traced.

    Raises:
        TypeError: for such that a transformation of JAX stands for.
    """
    if isinstance(number, jax.core.Tracer):
        raise TypeError(
            "expected floating-point numbers, or others that are known, got traced "
            f"{number.dtype}; give them as a NumPy array from outside of the transformed "
            "function (in jax.jit as a closure or a static argument), or as floating-point numbers"
        )


def _template(array: Any) -> Any:
    return extend.flatten(array)[1].tree
