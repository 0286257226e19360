"""Products of vectors, matrices and tensors.

All are linear in each of their arrays; those that are ufuncs are entered among the ufuncs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from string import ascii_letters
from typing import Any

import numpy as np

from dualak.arrays.highlevel import contains_duals
from dualak.functions import ufuncs
from dualak.functions.numpy.multilinear import multilinear, shape_by_labels
from dualak.functions.numpy.regular import Shape, axis_of, flat_of, regular, shape_of
from dualak.functions.numpy.signatures import register_compositions
from dualak.functions.numpy.transposes import ByLabels, of_convolve

#: The ufuncs of vectors and matrices in the last axes; a lone vector lacks the labels in brackets.
OF_LAST_AXES = {
    "matmul": "...(i)j,...j(k)->...(i)(k)",
    "vecdot": "...i,...i->...",
    "matvec": "...ij,...j->...i",
    "vecmat": "...i,...ij->...j",
}


def register_all() -> None:
    """Enters the products into the registry, and those that are ufuncs among the ufuncs."""
    register_compositions(PRODUCTS)
    for name in OF_LAST_AXES:
        ufuncs.of_arrays[name] = functools.partial(_of_last_axes, name)


def _product(function: Any, labels: str, arrays: Sequence[Any], name: str, **given: Any) -> Any:
    if not contains_duals(list(arrays)):
        return function(*arrays, **given)
    shape = shape_by_labels(labels, arrays, name)
    return multilinear(function, ByLabels(labels), shape, arrays, **given)


def dot(a: Any, b: Any, out: None = None) -> Any:
    """As ``np.dot``."""
    a, b = regular(a), regular(b)
    m, n = len(shape_of(a)), len(shape_of(b))
    if m == 0 or n == 0:
        return np.multiply(a, b)
    rows, (k, column), others = ascii_letters[: m - 1], "YZ", ascii_letters[m : m + n - 2]
    second = k if n == 1 else others + k + column
    labels = f"{rows}{k},{second}->{rows}{others}{second[-1] if n > 1 else ''}"
    return _product(np.dot, labels, (a, b), "np.dot")


def vdot(a: Any, b: Any) -> Any:
    """As ``np.vdot``."""
    return dot(flat_of(regular(a)), flat_of(regular(b)))


def inner(a: Any, b: Any) -> Any:
    """As ``np.inner``."""
    a, b = regular(a), regular(b)
    m, n = len(shape_of(a)), len(shape_of(b))
    if m == 0 or n == 0:
        return np.multiply(a, b)
    rows, others = ascii_letters[: m - 1], ascii_letters[m : m + n - 1]
    return _product(np.inner, f"{rows}Z,{others}Z->{rows}{others}", (a, b), "np.inner")


def outer(a: Any, b: Any, out: None = None) -> Any:
    """As ``np.outer``."""
    a, b = flat_of(regular(a)), flat_of(regular(b))
    return np.multiply(np.reshape(a, (-1, 1)), np.reshape(b, (1, -1)))


def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """As ``np.tensordot``."""
    a, b = regular(a), regular(b)
    m, n = len(shape_of(a)), len(shape_of(b))
    if np.ndim(axes) == 0:
        count = int(axes)
        of_a, of_b = tuple(range(m - count, m)), tuple(range(count))
    else:
        of_a, of_b = (tuple(map(int, np.atleast_1d(axis))) for axis in axes)
    if len(of_a) != len(of_b):
        raise ValueError(
            f"np.tensordot: expected as many axes of one array as of the other, got {axes}"
        )
    of_a, of_b = tuple(axis_of(i, m) for i in of_a), tuple(axis_of(i, n) for i in of_b)
    first, second = list(ascii_letters[:m]), list(ascii_letters[m : m + n])
    for i, j in zip(of_a, of_b, strict=True):
        second[j] = first[i]
    kept = [label for i, label in enumerate(first) if i not in of_a]
    kept += [label for j, label in enumerate(second) if j not in of_b]
    labels = f"{''.join(first)},{''.join(second)}->{''.join(kept)}"
    return _product(np.tensordot, labels, (a, b), "np.tensordot", axes=(of_a, of_b))


def einsum(*operands: Any, out: None = None, optimize: Any = False) -> Any:
    """As ``np.einsum``, with subscripts in a string or in lists."""
    subscripts, arrays = _subscripts(operands)
    arrays = [regular(array) for array in arrays]
    if "->" not in subscripts:
        letters = sorted(set(subscripts) - set(",."))
        dots = "..." if "..." in subscripts else ""
        once = [letter for letter in letters if subscripts.count(letter) == 1]
        subscripts = f"{subscripts}->{dots}{''.join(once)}"
    plan = tuple(optimize) if isinstance(optimize, list) else optimize
    return _product(_einsum, subscripts, arrays, "np.einsum", subscripts=subscripts, optimize=plan)


def _einsum(*arrays: Any, subscripts: str, optimize: Any) -> Any:
    return np.einsum(subscripts, *arrays, optimize=optimize)


def _subscripts(operands: Sequence[Any]) -> tuple[str, list[Any]]:
    """The subscripts of ``np.einsum`` as a string, and its arrays."""
    if isinstance(operands[0], str):
        return operands[0].replace(" ", ""), list(operands[1:])
    names = [_named(operand) for operand in operands[1::2]]
    output = f"->{_named(operands[-1])}" if len(operands) % 2 else ""
    return ",".join(names) + output, list(operands[: len(names) * 2 : 2])


def _named(labels: Sequence[Any]) -> str:
    return "".join("..." if label is Ellipsis else ascii_letters[label] for label in labels)


def convolve(a: Any, v: Any, mode: Any = "full") -> Any:
    """As ``np.convolve``."""
    a, v = flat_of(_vector(a, "np.convolve")), flat_of(_vector(v, "np.convolve"))
    return multilinear(np.convolve, of_convolve, _slid(len(a), len(v), mode), (a, v), mode=mode)


def correlate(a: Any, v: Any, mode: Any = "valid") -> Any:
    """As ``np.correlate``."""
    a, v = _vector(a, "np.correlate"), _vector(v, "np.correlate")
    turned = len(v) > len(a)  # NumPy lets the shorter one slide, and turns the result
    result = convolve(a[::-1], v, mode) if turned else convolve(a, v[::-1], mode)
    return result[::-1] if turned else result


def _vector(array: Any, name: str) -> Any:
    array = regular(array)
    shape = shape_of(array)
    if len(shape) > 1 or 0 in shape or (shape == () and name != "np.convolve"):
        raise ValueError(f"{name}: expected vectors with at least one element, got shape {shape}")
    return array


def _slid(m: int, n: int, mode: Any) -> Shape:
    """How many sums of products there are as one vector slides along the other."""
    lengths = {"full": m + n - 1, "same": max(m, n), "valid": abs(m - n) + 1}
    if mode not in lengths:
        raise ValueError(f"expected one of the modes {', '.join(lengths)}, got {mode!r}")
    return (lengths[mode],)


def matmul(x1: Any, x2: Any) -> Any:
    """As ``np.matmul``."""
    return _of_last_axes("matmul", x1, x2)


def _linalg_vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    return _of_last_axes("vecdot", *(np.moveaxis(regular(factor), axis, -1) for factor in (x1, x2)))


def multi_dot(arrays: Sequence[Any], out: None = None) -> Any:
    """As ``np.linalg.multi_dot``, from left to right."""
    return functools.reduce(dot, arrays)


def _of_last_axes(name: str, x1: Any, x2: Any) -> Any:
    x1, x2 = regular(x1), regular(x2)
    first, second, result = OF_LAST_AXES[name].replace("->", ",").split(",")
    if len(shape_of(x1)) == 1:
        first, result = first.replace("(i)", ""), result.replace("(i)", "")
    if len(shape_of(x2)) == 1:
        second, result = second.replace("(k)", ""), result.replace("(k)", "")
    labels = f"{first},{second}->{result}".translate(BRACKETS)
    return _product(getattr(np, name), labels, (x1, x2), f"np.{name}")


BRACKETS = str.maketrans("", "", "()")

PRODUCTS: dict[str, Callable[..., Any]] = {
    "np.convolve": convolve,
    "np.correlate": correlate,
    "np.dot": dot,
    "np.einsum": einsum,
    "np.inner": inner,
    "np.linalg.matmul": matmul,
    "np.linalg.multi_dot": multi_dot,
    "np.linalg.outer": outer,
    "np.linalg.tensordot": tensordot,
    "np.linalg.vecdot": _linalg_vecdot,
    "np.outer": outer,
    "np.tensordot": tensordot,
    "np.vdot": vdot,
}
