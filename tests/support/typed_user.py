"""What a user writes, for type checkers: signatures are the user's own, mistakes are found.

``tests/house/test_types.py`` gives it to mypy and pyright; a line that ends in ``# wrong`` has to
be one that they complain about.
"""

from __future__ import annotations

from typing import Any, assert_type

import awkward as ak
import numpy as np

import bridge
import dualak


def norms(x: ak.Array, scale: float, *, power: int = 2) -> ak.Array:
    return scale * ak.sum(x**power, axis=1)


def total(p: dict[str, float]) -> float:
    return p["a"] ** 2 + p["b"]


def with_names(p: dict[str, float]) -> tuple[float, list[str]]:
    return p["a"] ** 2, list(p)


def transformations(x: ak.Array) -> None:
    assert_type(dualak.jvp(total, {"a": 1.0}, {"a": 1.0}), tuple[float, float])
    along = dualak.Directions([{"a": 1.0}, {"b": 1.0}])
    assert_type(dualak.jvp(total, {"a": 1.0}, along), tuple[float, list[float]])
    _, dy, names = dualak.jvp(with_names, {"a": 1.0}, {"a": 1.0}, has_aux=True)
    assert_type(dy, float)
    assert_type(names, list[str])
    dualak.jvp(total, {"a": 1.0})  # wrong
    dualak.jacfwd(total)({"a": 1.0, "b": 2.0})
    dualak.jacfwd(total)("a")  # wrong
    dualak.grad(total)({"a": 1.0}, 2.0)  # wrong
    dualak.hessian(total)({"a": "b"})  # wrong
    dualak.value_and_jacfwd(norms)(x, 1.0, power=3)
    dualak.value_and_jacfwd(norms)(x, 1.0, powers=3)  # wrong


def compiled(x: ak.Array) -> None:
    fast = dualak.compile(norms)
    fast(x, 2.0, power=3)
    fast(x, "2")  # wrong
    fast(x)  # wrong
    assert_type(dualak.compile(total)({"a": 1.0}), float)
    assert_type(fast.statistics.replayed, int)


@dualak.custom_jvp
def area(width: float, height: float) -> float:
    return width * height


@area.defjvp
def area_jvp(primals: Any, tangents: Any) -> Any:
    return area(*primals), primals[0] * tangents[1] + tangents[0] * primals[1]


@dualak.custom_jvp(elementwise=True)
def sine(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.sin(x)


def with_rules() -> None:
    assert_type(area(1.0, 2.0), float)
    area(1.0)  # wrong
    sine(np.ones(3))
    sine("x")  # wrong
    area.defjvps(lambda t, y, width, height: t * height, None)


@bridge.wrap
def wrapped(x: Any, scale: float) -> Any:
    return x * scale


@bridge.wrap(structure="traced")
def traced(x: Any, scale: float) -> Any:
    return x * scale


def in_jax(x: ak.Array) -> None:
    wrapped(bridge.to_jax(x), 1.0)
    wrapped(bridge.to_jax(x), "1")  # wrong
    traced(bridge.pad(x), scale=1.0)
    traced(bridge.pad(x), scales=1.0)  # wrong
