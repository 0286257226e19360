"""The bridge to JAX: functions of Awkward Arrays under jit, jvp, grad and vmap."""

from __future__ import annotations

try:
    import jax
except ImportError as error:
    raise ImportError(
        "the bridge to JAX needs JAX: pip install 'dualak[jax]'; dualak.jvp works without it"
    ) from error

from bridge.arrays import Array, from_jax, to_jax
from bridge.expected import expected
from bridge.from_jax_function import from_jax_function
from bridge.padded import Padded, pad
from bridge.register import register, unregister
from bridge.wrap import wrap

assert jax is not None

__all__ = [
    "Array",
    "Padded",
    "expected",
    "from_jax",
    "from_jax_function",
    "pad",
    "register",
    "to_jax",
    "unregister",
    "wrap",
]


def __dir__() -> list[str]:
    """What a user calls."""
    return sorted(__all__)
