"""Functions of NumPy that Awkward leaves to it, of rectangular arrays of every layout.

The rows name a function of the registry; each is tried on all arrays that plain Awkward accepts.
"""

from __future__ import annotations

import itertools
import math
import warnings
from contextlib import nullcontext, suppress

import awkward as ak
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dualak
from dualak.functions import functions
from tests.support import depth
from tests.support.layouts import (
    LAYOUTS,
    REJECTIONS,
    accepts,
    assert_close,
    check,
    check_some,
    direction,
    tree,
)
from tests.transforms.test_reverse import check_transpose

LAYOUT = dict(LAYOUTS)
INF, NAN = math.inf, math.nan

MATRIX = np.array([[1.1, -2.2, 3.3, 0.4], [4.4, 5.5, -6.6, 1.7], [0.3, 2.9, 1.2, -0.8]])
CUBE = np.arange(0.5, 12.0).reshape(2, 3, 2) ** 1.2
SQUARE = np.array([[3.1, 1.2, 0.3], [0.4, 2.6, 0.7], [1.1, -2.3, 4.6]])
LARGER = np.vstack([MATRIX, [0.9, -0.6, 0.2, 2.6]]) + 5.1 * np.eye(4)

SHAPES = {
    "vector": ak.Array([1.1, -2.2, 3.3, 0.4, 5.5, 2.7]),
    "matrix": ak.Array(MATRIX),
    "regular": ak.to_regular(ak.Array(MATRIX.tolist()), axis=1),
    "lists": ak.Array(MATRIX.tolist()),
    "lists in rows": ak.Array(ak.contents.RegularArray(ak.Array(CUBE[0].tolist()).layout, 3)),
    "cube": ak.Array(CUBE),
    "lists of lists": ak.Array(CUBE.tolist()),
    "square": ak.Array(SQUARE),
    "squares": ak.Array(np.stack([SQUARE, SQUARE.T + 1.3 * np.eye(3)])),
    "larger square": ak.Array(LARGER),
    "one": ak.Array([[2.5]]),
    "single": ak.Array(MATRIX.astype(np.float32)),
    "nothing": ak.Array(np.zeros((0,))),
    "rows of nothing": ak.Array(np.zeros((2, 0))),
}

INDEX = np.array([[0, 1, 0, 1], [1, 0, 1, 0], [1, 1, 0, 0]])
PLACES = np.linspace(-3.0, 7.0, 6)
POINTS = np.arange(-7.0, 8.0, 1.03)


def first(x):
    """The first number of an array."""
    return ak.flatten(x, axis=None)[0]


def row(x):
    """The numbers of an array in a row."""
    return ak.flatten(x, axis=None)


def threes(x, axis=-1):
    """The array, if it has vectors of three components: of two, NumPy has deprecated."""
    if np.shape(x)[axis] != 3:
        raise ValueError(f"{np.shape(x)} has no three components")
    return x


def fixed(x):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # in NumPy 2.5
        return np.fix(x)


def vector(x):
    """The array, if it is a vector: NumPy's polynomials of more dimensions make no sense."""
    if np.ndim(x) != 1:
        raise ValueError(f"{np.shape(x)} is no vector")
    return x


def own_diagonal(x):
    """A product that reverse mode does not go through."""
    return np.einsum("ii->i", x)


def transposed(x):
    return np.moveaxis(x, -1, -2)


# fmt: off
MOVING = (
    ("np.array_split", lambda x: np.array_split(x, 2, axis=-1)),
    ("np.array_split", lambda x: np.array_split(x, [1, 1, 3])),
    ("np.atleast_1d", lambda x: np.atleast_1d(x)),
    ("np.atleast_1d", lambda x: np.atleast_1d(x, np.arange(3), 2.5, x)),
    ("np.atleast_2d", lambda x: np.atleast_2d(x)),
    ("np.atleast_3d", lambda x: np.atleast_3d(x)),
    ("np.broadcast_to", lambda x: np.broadcast_to(x, (2, *np.shape(x)))),
    ("np.compress", lambda x: np.compress([True, False, True], x)),
    ("np.compress", lambda x: np.compress([False, True], x, axis=-1)),
    ("np.delete", lambda x: np.delete(x, 1)),
    ("np.delete", lambda x: np.delete(x, [0, 1], axis=-1)),
    ("np.delete", lambda x: np.delete(x, slice(0, 1), axis=0)),
    ("np.diag", lambda x: np.diag(x)),
    ("np.diag", lambda x: np.diag(x, 1)),
    ("np.diag", lambda x: np.diag(v=x, k=-1)),
    ("np.diagflat", lambda x: np.diagflat(x, 1)),
    ("np.diagonal", lambda x: np.diagonal(x)),
    ("np.diagonal", lambda x: np.diagonal(x, 1, -1, 0)),
    ("np.dsplit", lambda x: np.dsplit(x, 2)),
    ("np.expand_dims", lambda x: np.expand_dims(x, 0)),
    ("np.expand_dims", lambda x: np.expand_dims(x, (0, -1))),
    ("np.extract", lambda x: np.extract(x > 1, x)),
    ("np.extract", lambda x: np.extract(np.arange(6) % 2, x)),
    ("np.fft.fftshift", lambda x: np.fft.fftshift(x)),
    ("np.fft.ifftshift", lambda x: np.fft.ifftshift(x, axes=0)),
    ("np.flip", lambda x: np.flip(x)),
    ("np.flip", lambda x: np.flip(x, axis=(0, -1))),
    ("np.fliplr", lambda x: np.fliplr(x)),
    ("np.flipud", lambda x: np.flipud(x)),
    ("np.hsplit", lambda x: np.hsplit(x, 2)),
    ("np.linalg.diagonal", lambda x: np.linalg.diagonal(x, offset=1)),
    ("np.linalg.matrix_transpose", lambda x: np.linalg.matrix_transpose(x)),
    ("np.matrix_transpose", lambda x: np.matrix_transpose(x)),
    ("np.meshgrid", lambda x: np.meshgrid(x, np.arange(3))),
    ("np.meshgrid", lambda x: np.meshgrid(np.arange(2), x, x[:2], indexing="ij", sparse=True)),
    ("np.moveaxis", lambda x: np.moveaxis(x, 0, -1)),
    ("np.repeat", lambda x: np.repeat(x, 2)),
    ("np.repeat", lambda x: np.repeat(x, [1, 0, 2], axis=0)),
    ("np.reshape", lambda x: np.reshape(x, -1)),
    ("np.reshape", lambda x: np.reshape(x, (2, -1)) ** 2),
    ("np.reshape", lambda x: np.reshape(x, (2, -1, 1), order="F")),
    ("np.resize", lambda x: np.resize(x, (3, 5))),
    ("np.roll", lambda x: np.roll(x, 2)),
    ("np.roll", lambda x: np.roll(x, (1, -1), axis=(0, -1))),
    ("np.rollaxis", lambda x: np.rollaxis(x, -1)),
    ("np.rot90", lambda x: np.rot90(x, 3)),
    ("np.split", lambda x: np.split(x, 2)),
    ("np.split", lambda x: np.split(x, [1, 2], axis=-1)),
    ("np.squeeze", lambda x: np.squeeze(x)),
    ("np.squeeze", lambda x: np.squeeze(np.expand_dims(x, 0), axis=0)),
    ("np.swapaxes", lambda x: np.swapaxes(x, 0, -1)),
    ("np.take", lambda x: np.take(x, [0, 2, -1])),
    ("np.take", lambda x: np.take(x, 1)),
    ("np.take", lambda x: np.take(x, ak.Array([1, 1, 0]), axis=-1)),
    ("np.take", lambda x: np.take(x, [[0, 9], [1, 2]], mode="clip")),
    ("np.take_along_axis", lambda x: np.take_along_axis(x, INDEX, axis=0)),
    ("np.take_along_axis", lambda x: np.take_along_axis(x, np.argsort(x, axis=-1), axis=-1)),
    ("np.take_along_axis", lambda x: np.take_along_axis(x, np.array([2, 2, 0]), axis=None)),
    ("np.tile", lambda x: np.tile(x, 2)),
    ("np.tile", lambda x: np.tile(x, (2, 1, 2))),
    ("np.transpose", lambda x: np.transpose(x)),
    ("np.transpose", lambda x: np.transpose(x, (1, 0))),
    ("np.tril", lambda x: np.tril(x)),
    ("np.triu", lambda x: np.triu(x, 1)),
    ("np.vsplit", lambda x: np.vsplit(x, [1])),
    ("np.real_if_close", lambda x: np.real_if_close(x)),
    ("ak.materialize", lambda x: ak.materialize(x) * x),
)
if hasattr(np, "unstack"):
    MOVING += (("np.unstack", lambda x: np.unstack(x, axis=-1)),)

JOINING = (
    ("np.append", lambda x: np.append(x, x * x)),
    ("np.append", lambda x: np.append(x, 1.0)),
    ("np.append", lambda x: np.append(x, [[1, 2, 3, 4]], axis=0)),
    ("np.append", lambda x: np.append(MATRIX, x, axis=1)),
    ("np.block", lambda x: np.block([[x, x * 2], [np.zeros(np.shape(x)), x]])),
    ("np.block", lambda x: np.block([x, 1.0])),
    ("np.choose", lambda x: np.choose(INDEX, [x, x * x])),
    ("np.choose", lambda x: np.choose(INDEX + 1, [x, 2.5], mode="wrap")),
    ("np.column_stack", lambda x: np.column_stack([x, x * x])),
    ("np.column_stack", lambda x: np.column_stack((np.arange(6), x))),
    ("np.dstack", lambda x: np.dstack([x, x * x])),
    ("np.hstack", lambda x: np.hstack([x, x * x])),
    ("np.insert", lambda x: np.insert(x, 1, 7.5)),
    ("np.insert", lambda x: np.insert(x, [0, 2], first(x) ** 2)),
    ("np.insert", lambda x: np.insert(x, 1, x[0] * 2, axis=0)),
    ("np.insert", lambda x: np.insert(x, 1, np.arange(3), axis=1)),
    ("np.pad", lambda x: np.pad(x, 1)),
    ("np.pad", lambda x: np.pad(x, ((1, 2),), constant_values=first(x))),
    ("np.pad", lambda x: np.pad(x, ((1, 0), (0, 2)), "constant", constant_values=((1, 2), (3, 4)))),
    ("np.pad", lambda x: np.pad(x, 1, mode="edge")),
    ("np.pad", lambda x: np.pad(x, 2, "wrap")),
    ("np.pad", lambda x: np.pad(x, 1, mode="reflect", reflect_type="even")),
    ("np.pad", lambda x: np.pad(x, 1, mode="symmetric")),
    ("np.select", lambda x: np.select([x > 3, x > 1], [x * x, -x])),
    ("np.select", lambda x: np.select([x > 3, x > 1], [x * x, 2.0], first(x))),
    ("np.select", lambda x: np.select([INDEX > 0], [x], MATRIX)),
    ("np.stack", lambda x: np.stack([x, x * x])),
    ("np.stack", lambda x: np.stack((x, np.ones(np.shape(x), np.int64)), axis=-1)),
    ("np.stack", lambda x: np.stack([x > 1, x], axis=1)),
    ("np.stack", lambda x: np.stack(x, axis=-1)),
    ("np.stack", lambda x: np.stack([first(x), first(x) ** 2, 1.5])),
    ("np.vstack", lambda x: np.vstack([x, x * x])),
    ("np.vstack", lambda x: np.vstack([x, [1, 2, 3, 4]])),
)

PRODUCTS = (
    ("np.convolve", lambda x: np.convolve(x, x[:2])),
    ("np.convolve", lambda x: np.convolve([1, 2, 3], x, mode="same")),
    ("np.convolve", lambda x: np.convolve(x, [0.5, 0.25], "valid")),
    ("np.correlate", lambda x: np.correlate(x, x[1:4])),
    ("np.correlate", lambda x: np.correlate(x, [1.0, 2.0], mode="full")),
    ("np.cross", lambda x: np.cross(threes(x), x[::-1] * x)),
    ("np.cross", lambda x: np.cross([1.0, 2.0, 3.0], threes(x), axis=-1)),
    ("np.cross", lambda x: np.cross(threes(x, 0), x * x, axisa=0, axisb=0, axisc=-1)),
    ("np.cross", lambda x: np.cross(threes(x[:3]), threes(x[3:]))),
    ("np.dot", lambda x: np.dot(x, x)),
    ("np.dot", lambda x: np.dot(x, transposed(x))),
    ("np.dot", lambda x: np.dot(x, [1, 2, 3, 4])),
    ("np.dot", lambda x: np.dot(2.0, x)),
    ("np.dot", lambda x: np.dot(first(x), x)),
    ("np.dot", lambda x: np.dot(CUBE, x[..., :2, :])),
    ("np.einsum", lambda x: np.einsum("ij,ij->i", x, x)),
    ("np.einsum", lambda x: np.einsum("ij,kj->ki", x, x * x)),
    ("np.einsum", lambda x: np.einsum("ij,j", x, np.arange(4))),
    ("np.einsum", lambda x: np.einsum("...j, ...j -> ...", x, x)),
    ("np.einsum", own_diagonal),
    ("np.einsum", lambda x: np.einsum("...ij->...ji", x)),
    ("np.einsum", lambda x: np.einsum("i,i,i", x, x, x)),
    ("np.einsum", lambda x: np.einsum("ab,cb,ad->cd", x, x, x, optimize=True)),
    ("np.einsum", lambda x: np.einsum(x, [0, 1], x, [2, 1], [2, 0])),
    ("np.einsum", lambda x: np.einsum(x, [Ellipsis, 1], [Ellipsis])),
    ("np.einsum", lambda x: np.einsum("ij,ik->jk", x, np.expand_dims(x[:, 0], 1))),
    ("np.inner", lambda x: np.inner(x, x)),
    ("np.inner", lambda x: np.inner(x, [1.0, 2.0, 0.5, 3.0])),
    ("np.inner", lambda x: np.inner(x, 3)),
    ("np.kron", lambda x: np.kron(x, x)),
    ("np.kron", lambda x: np.kron([[1, 2], [3, 4]], x)),
    ("np.kron", lambda x: np.kron(x, 2.0)),
    ("np.linalg.cross", lambda x: np.linalg.cross(x, x * x)),
    ("np.linalg.matmul", lambda x: np.linalg.matmul(x, transposed(x))),
    ("np.linalg.matrix_power", lambda x: np.linalg.matrix_power(x, 3)),
    ("np.linalg.matrix_power", lambda x: np.linalg.matrix_power(x, 6)),
    ("np.linalg.matrix_power", lambda x: np.linalg.matrix_power(x, -2)),
    ("np.linalg.matrix_power", lambda x: np.linalg.matrix_power(x, 0)),
    ("np.linalg.multi_dot", lambda x: np.linalg.multi_dot([x, transposed(x), x])),
    ("np.linalg.outer", lambda x: np.linalg.outer(x, x * x)),
    ("np.linalg.tensordot", lambda x: np.linalg.tensordot(x, x, axes=([0], [0]))),
    ("np.linalg.trace", lambda x: np.linalg.trace(x, offset=1)),
    ("np.linalg.vecdot", lambda x: np.linalg.vecdot(x, x * x)),
    ("np.linalg.vecdot", lambda x: np.linalg.vecdot(x, x, axis=0)),
    ("np.outer", lambda x: np.outer(x, x)),
    ("np.outer", lambda x: np.outer([1, 2], x)),
    ("np.tensordot", lambda x: np.tensordot(x, x)),
    ("np.tensordot", lambda x: np.tensordot(x, x, axes=([1], [-1]))),
    ("np.tensordot", lambda x: np.tensordot(x, np.ones((4, 2)), 1)),
    ("np.tensordot", lambda x: np.tensordot(x, [1, 2], 0)),
    ("np.trace", lambda x: np.trace(x)),
    ("np.trace", lambda x: np.trace(x, 1, axis1=-1, axis2=-2)),
    ("np.vdot", lambda x: np.vdot(x, x * x)),
)

ALONG = (
    ("np.cumprod", lambda x: np.cumprod(x)),
    ("np.cumprod", lambda x: np.cumprod(x, axis=0)),
    ("np.cumprod", lambda x: np.cumprod(x, axis=-1, dtype=np.float64)),
    ("np.cumsum", lambda x: np.cumsum(x)),
    ("np.cumsum", lambda x: np.cumsum(x * x, axis=0)),
    ("np.cumsum", lambda x: np.cumsum(x, -1, np.float64)),
    ("np.nancumprod", lambda x: np.nancumprod(x, axis=-1)),
    ("np.nancumsum", lambda x: np.nancumsum(x)),
    ("np.diff", lambda x: np.diff(x)),
    ("np.diff", lambda x: np.diff(x, 2, axis=0)),
    ("np.diff", lambda x: np.diff(x, n=0)),
    ("np.diff", lambda x: np.diff(x, prepend=first(x), append=1.0)),
    ("np.diff", lambda x: np.diff(x, axis=0, prepend=x[1:])),
    ("np.ediff1d", lambda x: np.ediff1d(x)),
    ("np.ediff1d", lambda x: np.ediff1d(x, to_end=[1.0, 2.0], to_begin=first(x))),
    ("np.gradient", lambda x: np.gradient(x)),
    ("np.gradient", lambda x: np.gradient(x, axis=-1, edge_order=2)),
    ("np.gradient", lambda x: np.gradient(x, 2.0, axis=0)),
    ("np.gradient", lambda x: np.gradient(x, [1.0, 2.0, 4.0], axis=0, edge_order=2)),
    ("np.gradient", lambda x: np.gradient(x, [1.0, 2.0, 4.0], 0.5)),
    ("np.gradient", lambda x: np.gradient(x, np.arange(3) * first(x), first(x), edge_order=2)),
    ("np.gradient", lambda x: np.gradient(np.arange(6) ** 2, x)),
    ("np.trapezoid", lambda x: np.trapezoid(x)),
    ("np.trapezoid", lambda x: np.trapezoid(x, dx=first(x), axis=0)),
    ("np.trapezoid", lambda x: np.trapezoid(x, [1.0, 2.0, 4.0], axis=0)),
    ("np.trapezoid", lambda x: np.trapezoid(x * x, x)),
    ("np.trapezoid", lambda x: np.trapezoid(np.arange(6) ** 2, x)),
    ("np.unwrap", lambda x: np.unwrap(x * 2.9)),
    ("np.unwrap", lambda x: np.unwrap(x, axis=0, period=4.0, discont=2.4)),
)
if hasattr(np, "cumulative_sum"):
    ALONG += (
        ("np.cumulative_prod", lambda x: np.cumulative_prod(x, axis=-1)),
        ("np.cumulative_prod", lambda x: np.cumulative_prod(x, axis=0, include_initial=True)),
        ("np.cumulative_sum", lambda x: np.cumulative_sum(x)),
        ("np.cumulative_sum", lambda x: np.cumulative_sum(x, axis=-1, include_initial=True)),
    )

MATRICES = (
    ("np.linalg.det", lambda x: np.linalg.det(x)),
    ("np.linalg.inv", lambda x: np.linalg.inv(x)),
    ("np.linalg.slogdet", lambda x: tuple(np.linalg.slogdet(x))),
    ("np.linalg.solve", lambda x: np.linalg.solve(x, transposed(x))),
    ("np.linalg.solve", lambda x: np.linalg.solve(x, x[0])),
    ("np.linalg.solve", lambda x: np.linalg.solve(x, [1, 2, 3])),
    ("np.linalg.solve", lambda x: np.linalg.solve(SQUARE, x)),
    ("np.linalg.matrix_norm", lambda x: np.linalg.matrix_norm(x)),
    ("np.linalg.matrix_norm", lambda x: np.linalg.matrix_norm(x, ord=1, keepdims=True)),
    ("np.linalg.vector_norm", lambda x: np.linalg.vector_norm(x)),
    ("np.linalg.vector_norm", lambda x: np.linalg.vector_norm(x, axis=(1, 0), ord=3)),
    ("np.linalg.vector_norm", lambda x: np.linalg.vector_norm(x, keepdims=True, ord=-INF)),
)

BETWEEN = (
    ("np.astype", lambda x: np.astype(x, np.float64) ** 2),
    ("np.astype", lambda x: np.astype(x * 3, np.int64)),
    ("np.fix", lambda x: fixed(x) * x),
    ("np.sinc", lambda x: np.sinc(x)),
    ("np.sinc", lambda x: np.sinc(x * 1e-3)),
    ("np.interp", lambda x: np.interp(x, [-1.0, 2.0, 4.0], [1.0, 5.0, 2.0])),
    ("np.interp", lambda x: np.interp(x, [-1, 2, 4], [1, 5, 2], left=first(x), right=7)),
    ("np.interp", lambda x: np.interp(x, [4, 1, 3, 8], [1.0, 5.0, 2.0, 0.0], period=5)),
    ("np.interp", lambda x: np.interp(PLACES, POINTS[: len(x)], x)),
    ("np.interp", lambda x: np.interp(x, POINTS[: len(x)], x * x)),
    ("np.interp", lambda x: np.interp(PLACES, np.cumsum(x * x), x)),
    ("np.interp", lambda x: np.interp(first(x), [0.0, 3.0], [1.0, 5.0])),
    ("np.interp", lambda x: np.interp(x, [2.0], [7.0], left=first(x))),
    ("np.linspace", lambda x: np.linspace(first(x), 4.0, 5)),
    ("np.linspace", lambda x: np.linspace(x, x * x, 4, endpoint=False, axis=-1)),
    ("np.linspace", lambda x: np.linspace(0.0, x, 3, retstep=True)),
    ("np.linspace", lambda x: np.linspace(x, 5, 1)),
    ("np.linspace", lambda x: np.linspace(x, 5, 0)),
    ("np.logspace", lambda x: np.logspace(0, first(x), 4)),
    ("np.logspace", lambda x: np.logspace(x, 1.0, 3, base=2.5)),
    ("np.polyadd", lambda x: np.polyadd(vector(x), [1, 2])),
    ("np.polyder", lambda x: np.polyder(vector(x))),
    ("np.polyder", lambda x: np.polyder(vector(x), 2)),
    ("np.polyint", lambda x: np.polyint(vector(x))),
    ("np.polyint", lambda x: np.polyint(vector(x), 2, k=[1.0, 2.0])),
    ("np.polyint", lambda x: np.polyint(vector(x), m=2, k=3)),
    ("np.polymul", lambda x: np.polymul([0, 0, 1, 2], vector(x))),
    ("np.polysub", lambda x: np.polysub([1, 2], vector(x))),
    ("np.polyval", lambda x: np.polyval([1, 2, 3], x)),
    ("np.polyval", lambda x: np.polyval(x, x)),
    ("np.polyval", lambda x: np.polyval(x, INDEX)),
    ("np.polyval", lambda x: np.polyval(x, 0.5)),
    ("np.vander", lambda x: np.vander(x)),
    ("np.vander", lambda x: np.vander(x, 3, increasing=True)),
    ("np.vander", lambda x: np.vander(x, N=0)),
    ("np.bincount", lambda x: np.bincount(INDEX.ravel()[: len(x)], x)),
    ("np.bincount", lambda x: np.bincount([0, 7, 7, 1, 1, 7], weights=x * x, minlength=9)),
    ("np.histogram", lambda x: np.histogram(POINTS[: len(x)], weights=x)),
    ("np.histogram", lambda x: np.histogram(MATRIX, 4, (-1.0, 3.0), weights=x * x)),
    ("np.histogram", lambda x: np.histogram(MATRIX, [-3, 0, 1, 5], weights=x, density=True)),
    ("np.histogram", lambda x: np.histogram(MATRIX.tolist(), 3, density=True, weights=x)),
    ("np.histogram2d", lambda x: np.histogram2d(POINTS[:6], POINTS[6:12], 3, weights=x)),
    ("np.histogram2d", lambda x: np.histogram2d(PLACES, PLACES + 1, [-9, 0, 1, 9], weights=x)),
    ("np.histogramdd", lambda x: np.histogramdd(MATRIX[:, :2], 3, weights=x[:, 0])),
    ("np.histogramdd", lambda x: np.histogramdd(
        (PLACES, PLACES), (2, [-3, 0, 8]), [(-3, 7), None], True, x * x)),
)

DISCRETE = (
    ("np.allclose", lambda x: x * np.allclose(x, x + 1e-12)),
    ("np.argwhere", lambda x: np.argwhere(x > 1)),
    ("np.array_equiv", lambda x: x * np.array_equiv(x, x)),
    ("np.array2string", lambda x: x * (len(np.array2string(x)) > 1)),
    ("np.array_repr", lambda x: x * (len(np.array_repr(x)) > 1)),
    ("np.array_str", lambda x: x * (len(np.array_str(x)) > 1)),
    ("np.can_cast", lambda x: x * np.can_cast(np.float32, np.float64)),
    ("np.common_type", lambda x: x * np.common_type(x).__name__.startswith("float")),
    ("np.min_scalar_type", lambda x: x * (np.min_scalar_type(first(x)).itemsize > 1)),
    ("np.result_type", lambda x: x * (np.result_type(x, np.int8).kind == "f")),
    ("np.diag_indices_from", lambda x: np.diag_indices_from(x)),
    ("np.digitize", lambda x: np.digitize(x, [0.0, 2.0])),
    ("np.einsum_path", lambda x: x * len(np.einsum_path("ij,ij", x, x))),
    ("np.empty_like", lambda x: x * (np.shape(np.empty_like(x)) == np.shape(x))),
    ("np.flatnonzero", lambda x: np.flatnonzero(x > 1)),
    ("np.iscomplex", lambda x: np.iscomplex(x)),
    ("np.iscomplexobj", lambda x: x * np.iscomplexobj(x)),
    ("np.isin", lambda x: np.isin(x, [0.4, 5.5])),
    ("np.isneginf", lambda x: np.isneginf(x)),
    ("np.isposinf", lambda x: np.isposinf(x)),
    ("np.isreal", lambda x: np.isreal(x)),
    ("np.isrealobj", lambda x: x * np.isrealobj(x)),
    ("np.lexsort", lambda x: np.lexsort((x, np.zeros(np.shape(x))))),
    ("np.linalg.matrix_rank", lambda x: x * np.linalg.matrix_rank(x)),
    ("np.ndim", lambda x: x * np.ndim(x)),
    ("np.nonzero", lambda x: np.nonzero(x > 1)),
    ("np.searchsorted", lambda x: np.searchsorted([0.0, 2.0, 4.0], x)),
    ("np.searchsorted", lambda x: np.searchsorted(np.cumsum(x * x), 3.0)),
    ("np.shape", lambda x: x * int(np.shape(x)[0])),
    ("np.size", lambda x: x * np.size(x, 0)),
    ("np.tril_indices_from", lambda x: np.tril_indices_from(x)),
    ("np.triu_indices_from", lambda x: np.triu_indices_from(x, 1)),
)
# fmt: on

ROWS = MOVING + JOINING + PRODUCTS + ALONG + MATRICES + BETWEEN + DISCRETE


#: Awkward 2.8 makes one array of a list of results; newer ones and dualak leave the list.
IN_ONE_ARRAY = isinstance(np.split(ak.Array([1.5]), 1), ak.Array)


def canonical(function):
    """The function with numbers in place of arrays that have no dimensions."""

    def called(*args):
        result = function(*args)
        if isinstance(result, (tuple, list)):
            return tuple(map(number, result))
        return number(result)

    return called


def number(one):
    return one[()] if isinstance(one, np.ndarray) and one.ndim == 0 else one


def comparable(function, x):
    """Whether plain Awkward accepts the array, and gives results as NumPy does."""
    if not accepts(function, x):
        return False
    with suppress(*REJECTIONS):
        return not (IN_ONE_ARRAY and isinstance(function(np.asarray(x)), tuple))
    return True


def shapes_for(function, name):
    for shape, x in depth.turned(SHAPES.items(), name):
        if comparable(function, x):
            yield shape


def tries():
    for i, (name, function) in enumerate(ROWS):
        found = shapes_for(canonical(function), f"{name} {i}")
        shapes = list(itertools.islice(found, depth.everyday(1, None)))
        if IN_ONE_ARRAY and not shapes:
            continue
        yield pytest.param(canonical(function), shapes, id=f"{name} {i}")


@pytest.mark.one_in(4)
@pytest.mark.parametrize(("function", "shapes"), list(tries()))
def test_a_function_gives_value_and_tangent_on_every_layout(function, shapes):
    assert shapes, "plain Awkward accepts none of the arrays"
    for shape in shapes:
        check(function, SHAPES[shape])


# -- other directions ------------------------------------------------------------------------------


#: Rows whose results hold integers, which have no cotangents.
WITH_INTEGERS = ("np.atleast_1d", "np.meshgrid")


@pytest.mark.one_in(10)
@pytest.mark.parametrize(("name", "function"), [row for row in ROWS if row[0] not in WITH_INTEGERS])
def test_reverse_mode_is_the_transpose(name, function):
    accepted = [x for x in SHAPES.values() if accepts(canonical(function), x) and len(x) > 0]
    for x in accepted[: depth.everyday(1, 3)]:
        with pytest.raises(NotImplementedError) if function is own_diagonal else nullcontext():
            check_transpose(canonical(function), x)


SECOND = (
    (np.linalg.inv, LARGER),
    (np.linalg.det, LARGER),
    (np.linalg.det, SQUARE),
    (lambda x: np.linalg.slogdet(x)[1], LARGER),
    (lambda x: np.linalg.solve(x, x[0]), LARGER),
    (lambda x: np.linalg.norm(x, 3, axis=1), MATRIX),
    (lambda x: x @ x, SQUARE),
    (lambda x: np.einsum("ij,jk,kl->il", x, x, x), SQUARE),
    (np.cumprod, MATRIX),
    (lambda x: np.cumprod(x * (MATRIX > 0)), MATRIX),
    (lambda x: np.cumsum(x**3), MATRIX),
    (lambda x: np.gradient(x[0] ** 2, np.cumsum(x[0] ** 2)), MATRIX),
    (lambda x: np.interp(PLACES, np.cumsum(x[0] ** 2), x[0]), MATRIX),
    (lambda x: np.sinc(x * 0.1), MATRIX),
    (lambda x: np.histogram(MATRIX, 3, weights=x**2, density=True)[0], MATRIX),
    (lambda x: np.stack([x**2, x]), MATRIX),
    (lambda x: np.polyval(x[0], x[1]), MATRIX),
    (lambda x: np.unwrap(x**2), MATRIX),
)


@pytest.mark.one_in(4)
@pytest.mark.parametrize(("function", "x"), SECOND)
def test_the_derivative_of_a_derivative(function, x):
    t = np.cos(x)

    def slope(x):
        return dualak.jvp(function, x, t)[1]

    agrees(slope, x)
    agrees(lambda x: dualak.jvp(slope, x, t)[1], x)


def agrees(function, x, step=1e-3):
    """The derivative is that of central differences of fourth order."""
    t = np.sin(x)
    _, dy = dualak.jvp(function, x, t)
    around = [np.asarray(function(x + k * step * t)) for k in (-2, -1, 1, 2)]
    wanted = (around[0] - 8 * around[1] + 8 * around[2] - around[3]) / (12 * step)
    np.testing.assert_allclose(dy, wanted, rtol=1e-6, atol=1e-6 * (1 + np.abs(wanted).max()))


# -- norms ----------------------------------------------------------------------------------------

ORDERS = (None, 2, 1, INF, -INF, 0, 3, 2.5, 0.5, -1, "fro")
OF_MATRICES = (None, 1, -1, INF, -INF, "fro")
NORMS = [
    (ord, axis, keepdims)
    for ord, axis, keepdims in itertools.product(
        ORDERS, (None, 0, -1, (0, 1), (-1, 0)), (False, True)
    )
    if (ord in OF_MATRICES if isinstance(axis, tuple) else ord != "fro" or axis is None)
]


@pytest.mark.one_in(6)
@pytest.mark.parametrize(("ord", "axis", "keepdims"), NORMS)
def test_norms_of_every_order_along_every_axis(ord, axis, keepdims):
    function = canonical(lambda x: np.linalg.norm(x, ord, axis, keepdims))
    among = ("vector", "matrix", "lists", "cube", "squares", "single")
    if ord == 2 and axis is None:  # that of a matrix is refused
        among = among[:1]
    layouts = [(shape, lambda shape=shape: SHAPES[shape]) for shape in among]
    check_some(function, layouts, f"{ord} {axis}", everyday=2)


@pytest.mark.parametrize("ord", [2, -2, "nuc"])
def test_a_norm_by_singular_values_is_refused(ord):
    error = refusal(lambda x: np.linalg.norm(x, ord, axis=(0, 1)), SHAPES["matrix"])
    assert isinstance(error, dualak.NotDifferentiableError)
    assert "singular values" in str(error)


@pytest.mark.parametrize("ord", [None, 1, 2, 3, INF])
def test_a_tangent_that_is_zero_stays_zero_where_a_norm_is(ord):
    y, dy = dualak.jvp(lambda x: np.linalg.norm(x, ord), np.zeros(3), np.zeros(3))
    assert (y, dy) == (0.0, 0.0)


# -- points without a derivative, and numbers that are none ----------------------------------------


def test_at_a_point_of_an_interpolation_the_slope_is_that_of_the_next_piece():
    x = np.array([0.0, 1.0, 3.0, 4.0, NAN])
    function = lambda x: np.interp(x, [0.0, 1.0, 3.0], [5.0, 7.0, 6.0])  # noqa: E731
    y, dy = dualak.jvp(function, x, np.ones(5))
    np.testing.assert_array_equal(y, function(x))
    np.testing.assert_array_equal(dy[:4], [2.0, -0.5, -0.5, 0.0])


def test_an_interpolation_reaches_infinite_values():
    x = np.array([0.5, 1.0, 1.5, 2.0, 2.5, 3.5])
    function = lambda x: np.interp(x, [0.0, 1.0, 2.0, 3.0], [1.0, INF, 2.0, 4.0])  # noqa: E731
    y, dy = dualak.jvp(function, x, np.ones(6))
    np.testing.assert_array_equal(y, function(x))
    np.testing.assert_array_equal(dy[[3, 4, 5]], [2.0, 2.0, 0.0])


ROWS_OF_PRODUCTS = (
    [2.0, 0.0, 3.0, 4.0],
    [0.0, 0.0, 2.0, 5.0],
    [0.0, 2.0, 0.0, 1.0],
    [-1.5, 0.5, -0.0, 7.0],
    [3.0],
    [1.5] * 40,
)


@pytest.mark.parametrize("x", ROWS_OF_PRODUCTS)
def test_running_products_with_zeros(x):
    check(np.cumprod, ak.Array(x))


@pytest.mark.parametrize(
    "x", [[1e-200, 1e200, 1e200, 2.0], [1e-200, 1e-200, 1e200, 1e200], [INF, 2.0, 0.0, NAN, 1.0]]
)
def test_running_products_that_leave_the_range_of_numbers(x):
    x = np.array(x)
    with np.errstate(all="ignore"):
        wanted = np.cumprod(x)
    y, dy = dualak.jvp(np.cumprod, x, np.array([1.0, 0.0, 0.0, 0.0, 0.0])[: len(x)])
    np.testing.assert_array_equal(y, wanted)
    np.testing.assert_allclose(dy[0], 1.0)
    if np.isfinite(x).all():
        with np.errstate(over="ignore"):
            np.testing.assert_allclose(dy, [1.0, *np.cumprod(x[1:])])


def test_what_is_no_number_is_left_out_of_running_sums_and_products():
    x, t = np.array([1.5, NAN, 2.0]), np.array([1.0, 5.0, 3.0])
    assert [one.tolist() for one in dualak.jvp(np.nancumsum, x, t)] == [[1.5, 1.5, 3.5], [1, 1, 4]]
    y, dy = dualak.jvp(np.nancumprod, x, t)
    assert (y.tolist(), dy.tolist()) == ([1.5, 1.5, 3.0], [1.0, 1.0, 6.5])


@pytest.mark.parametrize("scale", [0.0, 1e-9, 1e-4, 0.1, 0.31, 0.33, 2.0])
def test_sinc_is_exact_near_zero(scale):
    y, dy = dualak.jvp(np.sinc, np.array([scale]), np.array([1.0]))
    np.testing.assert_allclose(y, np.sinc(scale), rtol=1e-15)
    angle = np.pi * np.longdouble(scale)
    wanted = np.pi * (np.cos(angle) - np.sin(angle) / angle) / angle if scale > 0.2 else None
    series = np.pi * (-angle / 3 + angle**3 / 30 - angle**5 / 840 + angle**7 / 45360)
    np.testing.assert_allclose(dy, float(series if wanted is None else wanted), rtol=1e-8)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_determinant_of_a_small_singular_matrix(size):
    check(np.linalg.det, ak.Array(np.outer(np.arange(1.0, size + 1), [1.5, 2.5, 0.5][:size])))


# -- several directions of mixing ------------------------------------------------------------------

OPERATORS = (
    lambda x, y: x @ y,
    lambda x, y: x @ np.array([1.0, 2.0, 0.5]),
    lambda x, y: np.array([1.0, 2.0, 0.5]) @ y,
    lambda x, y: np.matmul(x[0], y),
    lambda x, y: x[1:] @ y[:, 0],
    lambda x, y: np.matmul(np.stack([x, 2 * x]), y),
    lambda x, y: np.vecdot(x, y[1:]),
    lambda x, y: np.einsum("ij,jk,lk->il", x, y, x),
    lambda x, y: np.linalg.multi_dot([x, y, np.transpose(x)]),
    lambda x, y: np.arange(3.0) * x[0, 0] + x[0, 1] * np.ones((2, 1)),
)


@pytest.mark.parametrize("function", OPERATORS)
def test_operators_of_numpy_arrays(function):
    x, y = SQUARE[:2], SQUARE + 0.5
    t = (np.cos(x), np.sin(y))
    value, tangent = dualak.jvp(function, (x, y), t)
    assert type(value) is type(tangent) is np.ndarray
    np.testing.assert_allclose(value, function(x, y), rtol=1e-14, strict=True)
    step = 1e-6
    ahead, behind = (
        function(*(one + sign * step * d for one, d in zip((x, y), t, strict=True)))
        for sign in (1, -1)
    )
    np.testing.assert_allclose(tangent, (ahead - behind) / (2 * step), rtol=1e-7, atol=1e-8)


def test_vectors_and_matrices_in_the_last_axes():
    if not hasattr(np, "matvec"):
        pytest.skip("NumPy has these since 2.2")
    for function in (lambda x: np.matvec(x, x[0]), lambda x: np.vecmat(x[:, 0], x)):
        y, dy = dualak.jvp(function, SQUARE, SQUARE)
        np.testing.assert_allclose(y, function(SQUARE), rtol=1e-14)
        np.testing.assert_allclose(dy, 2 * y, rtol=1e-14)


TYPED = (
    lambda x: np.cumsum(x, dtype=np.float64),
    lambda x: np.cumprod(x, axis=0, dtype=np.float64),
    lambda x: np.trace(x, dtype=np.float64),
    lambda x: np.stack([x, x], dtype=np.float64),
    lambda x: np.hstack([x, x], dtype=np.float32),
    lambda x: np.stack([x, np.ones((3, 4))]),
    lambda x: np.dot(x, np.arange(4)),
    lambda x: np.dot(x, np.float32([1, 2, 3, 4])),
    lambda x: np.linspace(x, 2, 3, dtype=np.float64),
    lambda x: np.bincount(np.arange(4), x[0]),
)


@pytest.mark.parametrize("function", TYPED)
def test_types_are_those_of_numpy(function):
    check(function, SHAPES["single"])


def test_a_histogram_has_the_type_of_its_weights():
    x = MATRIX[0].astype(np.float32)
    (y, edges), (dy, _) = dualak.jvp(lambda x: np.histogram(POINTS[:4], weights=x), x, x)
    assert y.dtype == dy.dtype == np.float32
    assert edges.dtype == np.float64


def test_numpy_arrays_come_back_for_numpy_arrays():
    for function in (np.cumsum, np.transpose, lambda x: np.stack([x, x]), np.linalg.inv):
        y, dy = dualak.jvp(function, SQUARE, SQUARE)
        assert type(y) is type(dy) is np.ndarray
        np.testing.assert_allclose(y, function(SQUARE), rtol=1e-14, strict=True)


def test_scalars_are_arrays_without_dimensions():
    functions = (
        lambda a: np.reshape(a, (1, 1)),
        lambda a: np.broadcast_to(a, (2, 3)),
        lambda a: np.stack([a, 2.0, a * a]),
        lambda a: np.atleast_2d(a),
        lambda a: np.full(3, 2.0) * np.tile(a, 3),
        lambda a: np.dot(a, a),
        lambda a: np.dot(np.arange(3), np.stack([a, a * a, 1.0])),
        lambda a: np.outer(a, np.arange(3)),
        lambda a: np.interp(a, [0.0, 5.0], [1.0, 2.0]),
        lambda a: np.linalg.norm(np.stack([a, a])),
        lambda a: np.linspace(a, 2 * a, 3),
        lambda a: np.select([np.arange(3) > 1], [a * np.arange(3)], a),
        lambda a: np.sinc(a),
        lambda a: np.polyval(np.stack([a, a * a]), 3.0),
    )
    for function in functions:
        check(canonical(function), 0.7, 1.3)


# -- what is refused ------------------------------------------------------------------------------


def refusal(function, x):
    """The exception that the function raises on duals; None if it returns."""
    raised = []

    def watched(*args):
        try:
            function(*args)
        except Exception as error:
            raised.append(error)
        return args

    dualak.jvp(watched, x, direction(x))
    return raised[0] if raised else None


FOR_NUMPY = (
    np.cumsum,
    np.transpose,
    np.diff,
    np.linalg.norm,
    lambda x: np.stack([x, x]),
    lambda x: np.dot(x, x),
    lambda x: np.pad(x, 1),
    lambda x: np.interp(x, [0.0, 1.0], [0.0, 1.0]),
    lambda x: np.histogram(np.arange(3), weights=x),
)


@pytest.mark.parametrize("layout", ["jagged", "options in lists", "option lists", "indexed option"])
@pytest.mark.parametrize("function", FOR_NUMPY)
def test_lists_of_several_lengths_and_missing_numbers_are_refused(function, layout):
    error = refusal(function, LAYOUT[layout]())
    if layout == "jagged":
        assert isinstance(error, ValueError)
    else:
        assert isinstance(error, (TypeError, ValueError))


@pytest.mark.parametrize("function", FOR_NUMPY)
@pytest.mark.parametrize("layout", ["jets", "records", "tuples"])
def test_records_are_refused(function, layout):
    assert isinstance(refusal(function, LAYOUT[layout]()), (TypeError, ValueError))


REFUSED = (
    ("out", lambda x: np.cumsum(x, out=np.zeros(4))),
    ("out", lambda x: np.take(x, [0], out=np.zeros(1))),
    ("out", lambda x: np.stack([x, x], out=np.zeros((2, 4)))),
    ("out", lambda x: np.dot(x, x, out=np.zeros(()))),
    ("out", lambda x: np.compress([True], x, 0, np.zeros(1))),
    ("dtype", lambda x: np.cumsum(x, dtype=np.int64)),
    ("dtype", lambda x: np.stack([x, x], dtype=np.int64)),
    ("order", lambda x: np.einsum("i,i", x, x, order="C")),
    ("mode", lambda x: np.pad(x, 1, mode="linear_ramp")),
    ("mode", lambda x: np.pad(x, 1, mode="mean")),
    ("reflect_type", lambda x: np.pad(x, 1, mode="reflect", reflect_type="odd")),
    ("indices", lambda x: np.take(x, x)),
    ("repeats", lambda x: np.repeat(x, x)),
    ("primal", lambda x: np.histogram(x)),
    ("primal", lambda x: np.histogram(x, weights=x)),
    ("smooth", lambda x: np.histogram([1.0, 2.0, 3.0, 4.0], x, weights=x)),
    ("primal", lambda x: np.bincount(x)),
    ("primal", lambda x: np.histogram2d(x, x)),
    ("primal", lambda x: np.histogramdd([x, x], weights=x)),
    ("singular", lambda x: np.linalg.det(np.outer(x, x))),
)


@pytest.mark.parametrize(("word", "function"), REFUSED)
def test_a_refusal_names_what_is_refused(word, function):
    error = refusal(function, ak.Array([1.0, 2.5, 3.0, 4.5]))
    assert isinstance(error, dualak.NotDifferentiableError)
    assert word in str(error)


WRONG = (
    (ValueError, lambda x: np.dot(x, [1.0, 2.0])),
    (ValueError, lambda x: np.einsum("ij,jk", x, x)),
    (ValueError, lambda x: np.einsum("i,j->k", x, x)),
    (ValueError, lambda x: np.tensordot(x, x, axes=([0, 0], [0]))),
    (ValueError, lambda x: np.convolve(x, [])),
    (ValueError, lambda x: np.convolve(x, [1.0], mode="most")),
    (ValueError, lambda x: np.interp(x, [0.0, 1.0], [0.0])),
    (ValueError, lambda x: np.interp(x, [0.0, 1.0], [0.0, 1.0], period=0)),
    (ValueError, lambda x: np.gradient(x, edge_order=3)),
    (ValueError, lambda x: np.gradient(x[:1])),
    (ValueError, lambda x: np.gradient(x, [1.0, 2.0])),
    (TypeError, lambda x: np.gradient(x, 1.0, 2.0)),
    (ValueError, lambda x: np.diff(x, -1)),
    (ValueError, lambda x: np.linspace(x, 2.0, -1)),
    (ValueError, lambda x: np.bincount([0, 1], x)),
    (ValueError, lambda x: np.histogram([0.0, 1.0], weights=x)),
    (ValueError, lambda x: np.cross(x[:2], x[2:])),
    (ValueError, lambda x: np.linalg.norm(x, "fro")),
    (ValueError, lambda x: np.linalg.norm(np.reshape(x, (2, 2, 1)), axis=(0, 1, 2))),
    (ValueError, lambda x: np.linalg.norm(np.reshape(x, (2, 2)), axis=(0, 0))),
    (ValueError, lambda x: np.linalg.norm(np.reshape(x, (2, 2)), ord=5)),
    (ValueError, lambda x: np.polyder(x, -1)),
    (np.exceptions.AxisError, lambda x: np.cumsum(x, axis=1)),
    (np.exceptions.AxisError, lambda x: np.diff(x, axis=-2)),
    (np.linalg.LinAlgError, lambda x: np.linalg.inv(x)),
    (np.linalg.LinAlgError, lambda x: np.linalg.inv(np.outer(x, x))),
    (IndexError, lambda x: np.take(x, 9)),
    (ValueError, lambda x: np.reshape(x, (3, 2))),
    (ValueError, lambda x: np.stack([x, x[:2]])),
    (TypeError, lambda x: np.stack([x, ["a", "b", "c", "d"]])),
)


@pytest.mark.parametrize(("error", "function"), WRONG)
def test_what_numpy_does_not_accept_raises(error, function):
    assert isinstance(refusal(function, ak.Array([1.0, 2.5, 3.0, 4.5])), error)


# -- laws -----------------------------------------------------------------------------------------

NUMBERS = st.floats(-9.0, 9.0).map(lambda one: round(one, 3))
VECTORS = st.lists(NUMBERS, min_size=1, max_size=12)


@given(VECTORS, st.data())
@settings(max_examples=depth.everyday(5, 60), deadline=None)
def test_linear_functions_are_their_own_derivative(x, data):
    n = len(x)
    t = data.draw(st.lists(NUMBERS, min_size=n, max_size=n))
    matrix = np.random.default_rng(n).normal(size=(n, 3))
    places = np.random.default_rng(n).integers(0, n, 2 * n)
    for function in (
        np.cumsum,
        np.diff,
        lambda x: np.dot(x, matrix),
        lambda x: np.einsum("i,ij->j", x, matrix),
        lambda x: np.convolve(x, [1.0, -2.0, 0.5]),
        lambda x: np.take(x, places),
        lambda x: np.bincount(places[:n], x),
        lambda x: np.histogram(matrix[:, 0], 3, weights=x)[0],
        lambda x: np.interp(matrix[:, 0], np.arange(n), x),
        lambda x: np.pad(x, 2, "symmetric"),
    ):
        y, dy = dualak.jvp(function, np.array(x), np.array(t))
        assert_close(tree(y), tree(function(np.array(x))), 0.0)
        assert_close(tree(dy), tree(function(np.array(t))), 1e-13)


@given(VECTORS)
@settings(max_examples=depth.everyday(5, 60), deadline=None)
def test_products_of_a_vector_with_itself_obey_euler(x):
    """A form of degree d has the tangent d times its value in the direction of its argument."""
    x = np.array(x)
    for degree, function in (
        (2, lambda x: np.dot(x, x)),
        (2, lambda x: np.outer(x, x)),
        (3, lambda x: np.einsum("i,i,j->j", x, x, x)),
        (1, np.linalg.norm),
        (len(x), lambda x: np.cumprod(x)[-1]),
    ):
        y, dy = dualak.jvp(function, x, x)
        assert_close(tree(dy), tree(np.asarray(degree * y)), 1e-12)


# -- all of them ----------------------------------------------------------------------------------


def test_every_row_is_of_a_registered_function():
    assert sorted({name for name, _ in ROWS} - set(functions())) == []


@pytest.mark.parametrize("axes", [((0,), (1,)), ((1,), (2,)), ((0, 1), (1, 2)), ((1, 0), (2, 1))])
def test_other_axes_of_one_array_than_of_the_other_are_summed_over(axes):
    a, b = np.arange(6.0).reshape(2, 3) + 0.5, np.arange(24.0).reshape(4, 2, 3) / 7
    value, tangent = dualak.jvp(lambda a, b: np.tensordot(a, b, axes), (a, b), (a * a, b + 1))
    np.testing.assert_allclose(value, np.tensordot(a, b, axes))
    slope = np.tensordot(a * a, b, axes) + np.tensordot(a, b + 1, axes)
    np.testing.assert_allclose(tangent, slope)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_what_is_linear_in_the_numbers_has_itself_for_a_tangent(axis):
    """Spacings of their own along each axis, where no two are alike."""
    rng = np.random.default_rng(5)
    y, x, dy, dx = rng.uniform(0.5, 2.0, (4, 4, 5))
    places = np.cumsum(rng.uniform(0.5, 2.0, y.shape[axis]))
    cases = [
        (lambda y: np.gradient(y, places, axis=axis), 1),
        (lambda y: np.gradient(y, places, axis=axis, edge_order=2), 1),
        (lambda y: np.gradient(y, 0.5, axis=axis, edge_order=2), 1),
        (lambda y: np.diff(y, 2, axis), 1),
        (lambda y, x: np.trapezoid(y, x, axis=axis), 2),
    ]
    for function, count in cases:
        value, tangent = dualak.jvp(function, (y, x)[:count], (dy, dx)[:count])
        np.testing.assert_allclose(value, function(*(y, x)[:count]), rtol=1e-12)
        terms = [(dy, x), (y, dx)][:count]
        slope = sum(function(*each[:count]) for each in terms)
        np.testing.assert_allclose(tangent, slope, rtol=1e-12, atol=1e-12)
