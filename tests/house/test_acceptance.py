"""Acceptance: small programs of every family, with values and tangents worked out by hand.

Each row holds what goes in and what has to come out, as plain lists.  The numbers are such that
whoever reads a row can check it: squares, products, sums.
"""

from __future__ import annotations

import math
import warnings

import awkward as ak
import numpy as np
import pytest

import dualak
from tests.support.layouts import assert_close, tree

E = math.e
SQRT2 = math.sqrt(2.0)
X = [[1.0, 2.0], [], [3.0]]
T = [[0.5, -1.0], [], [2.0]]
FLAT, ALONG = [1.0, 2.0, 4.0], [1.0, 0.5, -1.0]
OPTION, OPTION_ALONG = [[1.0, None], None, [3.0]], [[0.5, None], None, [2.0]]
DEEP, DEEP_ALONG = [[[1.0, 2.0], []], [], [[3.0]]], [[[1.0, 1.0], []], [], [[2.0]]]
MATRIX, MATRIX_ALONG = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 0.0], [0.0, 2.0]])
JETS = [[{"pt": 3.0, "m": 4.0}, {"pt": 6.0, "m": 8.0}], [], [{"pt": 5.0, "m": 12.0}]]
JETS_ALONG = [[{"pt": 1.0, "m": 0.0}, {"pt": 0.0, "m": 1.0}], [], [{"pt": 2.0, "m": 1.0}]]
UNION, UNION_ALONG = [1.0, [2.0, 3.0], 4.0], [1.0, [0.5, 2.0], -1.0]


def of_jagged(name, function, value, tangent):
    return name, function, X, T, value, tangent


def of_flat(name, function, value, tangent):
    return name, function, FLAT, ALONG, value, tangent


def of_jets(name, function, value, tangent):
    return name, function, JETS, JETS_ALONG, value, tangent


def of_option(name, function, value, tangent):
    return name, function, OPTION, OPTION_ALONG, value, tangent


def of_deep(name, function, value, tangent):
    return name, function, DEEP, DEEP_ALONG, value, tangent


def of_matrix(name, function, value, tangent):
    return name, function, MATRIX, MATRIX_ALONG, value, tangent


# fmt: off
CASES = (
    # arithmetic
    of_jagged("square", lambda x: x * x, [[1, 4], [], [9]], [[1, -4], [], [12]]),
    of_jagged("power", lambda x: x**3, [[1, 8], [], [27]], [[1.5, -12], [], [54]]),
    of_jagged("number on the left", lambda x: 6 / x, [[6, 3], [], [2]],
              [[-3, 1.5], [], [-4 / 3]]),
    of_jagged("minus", lambda x: 1 - x, [[0, -1], [], [-2]], [[-0.5, 1], [], [-2]]),
    of_jagged("rest", lambda x: x % 2.0, [[1, 0], [], [1]], T),
    of_jagged("whole parts", lambda x: (x / 2.0) // 1.0, [[0, 1], [], [1]], [[0, 0], [], [0]]),
    of_jagged("list for each event", lambda x: x * ak.Array([10.0, 20.0, 30.0]),
              [[10, 20], [], [90]], [[5, -10], [], [60]]),
    of_jagged("integers", lambda x: x * ak.Array([[2, 3], [], [4]]), [[2, 6], [], [12]],
              [[1, -3], [], [8]]),
    of_jagged("constant array", lambda x: x + ak.Array([[1.0, 1.0], [], [1.0]]),
              [[2, 3], [], [4]], T),
    # functions
    of_jagged("exp of log", lambda x: np.exp(np.log(x)), X, T),
    of_jagged("sin squared plus cos squared", lambda x: np.sin(x)**2 + np.cos(x)**2,
              [[1, 1], [], [1]], [[0, 0], [], [0]]),
    of_flat("square root", np.sqrt, [1, SQRT2, 2], [0.5, 0.5 / (2 * SQRT2), -0.25]),
    of_flat("hypot", lambda x: np.hypot(3 * x, 4 * x), [5, 10, 20], [5, 2.5, -5]),
    of_flat("absolute", lambda x: abs(2 - x), [1, 0, 2], [-1, -0.5, -1]),
    of_flat("exp", lambda x: np.exp(x - x[0]), [1, E, E**3], [0, -0.5 * E, -2 * E**3]),
    of_flat("arctan2", lambda x: np.arctan2(x, x), [math.pi / 4] * 3, [0, 0, 0]),
    of_flat("clip", lambda x: np.clip(x, 1.5, 3.0), [1.5, 2, 3], [0, 0.5, 0]),
    of_flat("maximum", lambda x: np.maximum(x, 3 - x), [2, 2, 4], [-1, 0.5, -1]),
    # reductions
    of_jagged("sum of lists", lambda x: ak.sum(x, axis=1), [3, 0, 3], [-0.5, 0, 2]),
    of_jagged("sum of all", lambda x: ak.sum(x * x), 14, 9),
    of_jagged("sum across lists", lambda x: ak.sum(x, axis=0), [4, 2], [2.5, -1]),
    of_jagged("product", lambda x: ak.prod(x, axis=1), [2, 1, 3], [0, 0, 2]),
    of_jagged("largest", lambda x: ak.max(x, axis=1), [2, None, 3], [-1, None, 2]),
    of_jagged("smallest of all", ak.min, 1, 0.5),
    of_jagged("mean", lambda x: ak.mean(x, axis=None), 2, 0.5),
    of_jagged("norm", lambda x: np.sqrt(ak.sum((x * x)[:, :1], axis=1)), [1, 0, 3], [0.5, 0, 2]),
    of_jagged("count", lambda x: ak.count(x, axis=1), [2, 0, 1], [0, 0, 0]),
    of_flat("variance", ak.var, 14 / 9, (2 / 3) * (-4 / 3 * 1 - 1 / 3 * 0.5 - 5 / 3)),
    of_deep("sum inside", lambda x: ak.sum(x, axis=-1), [[3, 0], [], [3]], [[2, 0], [], [2]]),
    of_deep("sum in the middle", lambda x: ak.sum(x, axis=1), [[1, 2], [], [3]],
            [[1, 1], [], [2]]),
    # places
    of_jagged("first", lambda x: ak.firsts(x), [1, None, 3], [0.5, None, 2]),
    of_jagged("reversed", lambda x: x[:, ::-1], [[2, 1], [], [3]], [[-1, 0.5], [], [2]]),
    of_jagged("one number", lambda x: x[0, 1] * x[2, 0], 6, 1),
    of_jagged("number times array", lambda x: x[2, 0] * x, [[3, 6], [], [9]],
              [[3.5, 1], [], [12]]),
    of_jagged("cut", lambda x: x[x > 1.5], [[2], [], [3]], [[-1], [], [2]]),
    of_jagged("cut by count", lambda x: x[ak.num(x) > 0], [[1, 2], [3]], [[0.5, -1], [2]]),
    of_jagged("sort", lambda x: ak.sort(x, ascending=False), [[2, 1], [], [3]],
              [[-1, 0.5], [], [2]]),
    of_jagged("place of the largest", lambda x: x[ak.argmax(x, axis=1, keepdims=True)],
              [[2], [None], [3]], [[-1], [None], [2]]),
    of_jagged("flatten", ak.flatten, [1, 2, 3], [0.5, -1, 2]),
    of_jagged("unflatten", lambda x: ak.unflatten(ak.flatten(x), [1, 2]), [[1], [2, 3]],
              [[0.5], [-1, 2]]),
    of_jagged("concatenate", lambda x: ak.concatenate([x, x * x], axis=1),
              [[1, 2, 1, 4], [], [3, 9]], [[0.5, -1, 1, -4], [], [2, 12]]),
    of_jagged("pairs", lambda x: ak.combinations(x, 2)["0"] * ak.combinations(x, 2)["1"],
              [[2], [], []], [[0], [], []]),
    of_jagged("all with all", lambda x: ak.prod(ak.cartesian([x, x])["0"], axis=1), [4, 1, 3],
              [0, 0, 2]),
    of_jagged("padded", lambda x: ak.fill_none(ak.pad_none(x, 2, clip=True), 7.0),
              [[1, 2], [7, 7], [3, 7]], [[0.5, -1], [0, 0], [2, 0]]),
    of_jagged("where", lambda x: ak.where(x > 1.5, x * x, -x), [[-1, 4], [], [9]],
              [[-0.5, -4], [], [12]]),
    # missing values and unions
    of_option("square of missing", lambda x: x * x, [[1, None], None, [9]],
              [[1, None], None, [12]]),
    of_option("sum of missing", lambda x: ak.sum(x, axis=1), [1, None, 3], [0.5, None, 2]),
    of_option("filled", lambda x: ak.fill_none(x, 2.0, axis=1), [[1, 2], None, [3]],
              [[0.5, 0], None, [2]]),
    of_option("dropped", lambda x: ak.drop_none(x, axis=1), [[1], None, [3]],
              [[0.5], None, [2]]),
    of_jagged("masked", lambda x: ak.mask(x, x > 1.5), [[None, 2], [], [3]],
              [[None, -1], [], [2]]),
    ("square of a union", lambda x: x * x, UNION, UNION_ALONG, [1, [4, 9], 16], [2, [2, 12], -8]),
    # records
    of_jets("a field", lambda j: j.pt * 2, [[6, 12], [], [10]], [[2, 0], [], [4]]),
    of_jets("two fields", lambda j: np.sqrt(j.pt**2 + j.m**2), [[5, 10], [], [13]],
            [[0.6, 0.8], [], [22 / 13]]),
    of_jets("largest by field", lambda j: j[ak.argmax(j.pt, axis=1, keepdims=True)].m,
            [[8], [None], [12]], [[1], [None], [1]]),
    of_jets("with a field", lambda j: ak.with_field(j, j.pt * j.m, "e")["e"],
            [[12, 48], [], [60]], [[4, 6], [], [29]]),
    of_jagged("zip", lambda x: ak.zip({"a": x, "b": x * x}),
              [[{"a": 1, "b": 1}, {"a": 2, "b": 4}], [], [{"a": 3, "b": 9}]],
              [[{"a": 0.5, "b": 1}, {"a": -1, "b": -4}], [], [{"a": 2, "b": 12}]]),
    # rectangular arrays
    of_matrix("matrix product", lambda x: x @ x, [[7, 10], [15, 22]], [[2, 6], [9, 16]]),
    of_matrix("transposed", lambda x: np.transpose(x), [[1, 3], [2, 4]], [[1, 0], [0, 2]]),
    of_matrix("determinant", np.linalg.det, -2, 6),
    of_matrix("rows", lambda x: np.sum(x, axis=1), [3, 7], [1, 2]),
    of_matrix("running sum", lambda x: np.cumsum(x, axis=0), [[1, 2], [4, 6]], [[1, 0], [1, 2]]),
    of_matrix("differences", lambda x: np.diff(x), [[1], [1]], [[-1], [2]]),
    # derivatives inside
    of_jagged("slope", lambda x: dualak.jvp(lambda y: y**3, x, ak.ones_like(X))[1],
              [[3, 12], [], [27]], [[3, -12], [], [36]]),
    of_jagged("confusion", lambda x: x * dualak.jvp(lambda y: x * 0 + y, 1.0, 1.0)[1], X, T),
)
# fmt: on


def compiled(function, x, t):
    """Recorded where it can be; what looks at numbers runs as it is, and says so."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dualak.ReplayWarning)
        return dualak.compile(function).jvp(x, t)


WAYS = {
    "jvp": dualak.jvp,
    "compiled": compiled,
    "linearized": lambda function, x, t: applied(dualak.linearize(function, x), t),
}


def applied(linearized, t):
    value, linear = linearized
    return value, linear(t)


def given(lists):
    return lists if isinstance(lists, np.ndarray) else ak.Array(lists)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_the_result_is_what_was_worked_out(case, way):
    _, function, x, t, value, tangent = case
    y, dy = WAYS[way](function, given(x), given(t))
    assert_close(tree(y), value, 1e-14, "value")
    assert_close(tree(dy), tangent, 1e-13, "tangent")


def test_the_table_has_rows_enough_and_each_once():
    names = [name for name, *_ in CASES]
    assert len(set(names)) == len(names) >= 60
