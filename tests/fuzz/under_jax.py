"""Wrapped functions under ``jax.jit``, compared with forward mode."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np

from .cases import Case, Verdict
from .modes import disagree, first_bad, of_floats


def _jax() -> Any:
    """JAX in double precision, whatever was asked of it since."""
    import jax

    if not jax.config.jax_enable_x64:
        jax.config.update("jax_enable_x64", True)
    return jax


def under_jit(case: Case, structure: str = "static") -> Verdict:
    """``jax.jvp`` of the wrapped function, compiled."""
    jax = _jax()
    import bridge

    mode = f"jit {structure}"
    more = {"capacity": 600} if structure == "traced" else {}
    function = bridge.wrap(case.function, structure=structure, **more)
    moving = [i for i, moves in enumerate(case.moving) if moves]
    values = [_for_jax(one) for one in case.values]

    def both(points: Any, along: Any) -> Any:
        def of_moving(*given: Any) -> Any:
            full = list(values)
            for i, one in zip(moving, given, strict=True):
                full[i] = one
            return function(*full)

        return jax.jvp(of_moving, points, along)

    points = tuple(_for_jax(case.values[i]) for i in moving)
    along = tuple(_for_jax(case.tangents[i]) for i in moving)
    y, dy = jax.jit(both)(points, along)
    loose = 0.05 if case.program.half else max(case.tolerance, 1e-6)
    return first_bad(
        disagree(case, f"{mode} value", bridge.from_jax(y), case.y, loose),
        of_floats(case, mode, bridge.from_jax(_in_lists(dy, y)), case.dy, loose),
    )


def _in_lists(dy: Any, y: Any) -> Any:
    """Tangents in the lists of their values, where those are padded."""
    if isinstance(y, (tuple, list)):
        return type(y)(map(_in_lists, dy, y))
    return dy.in_lists_of(y) if hasattr(dy, "in_lists_of") else dy


def _for_jax(value: Any) -> Any:
    import bridge

    if isinstance(value, (ak.Array, ak.Record)):
        return bridge.to_jax(value)
    return _jax().numpy.asarray(value) if isinstance(value, (np.ndarray, np.generic)) else value


def traced(case: Case) -> Verdict:
    return under_jit(case, "traced")
