"""The table of functions under ``jax.jit`` and ``jax.jit`` of ``jax.jvp``, against dualak alone."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import dualak
from tests.functions.test_functions import ROWS, fresh
from tests.support import depth
from tests.support.jitted import REFUSALS, Outcomes, assert_same, both_ways, require_place
from tests.support.layouts import assert_close, direction, tree, types


def rows():
    """Those of one array."""
    for row in ROWS:
        name, arguments, _ = row
        if not isinstance(arguments(), tuple):
            yield pytest.param(*row, id=f"{name} {ROWS.index(row)}")


TABLE = depth.share(rows(), 4)

#: How many of these give the same; the others look at numbers.
RIGHT = depth.everyday(57, 232)

outcomes = Outcomes()

#: They are counted.
pytestmark = pytest.mark.xdist_group("functions under jit")


@pytest.mark.one_in(4)
@pytest.mark.parametrize(("name", "arguments", "function"), TABLE)
def test_a_function_under_jit_gives_what_dualak_gives(name, arguments, function):
    x = arguments()
    with np.errstate(all="ignore"):
        value, slope = dualak.jvp(lambda x: function(fresh(x)), x, direction(x))
    try:
        with jax.enable_x64(True), np.errstate(all="ignore"):
            alone, y, dy = both_ways(lambda x: function(fresh(x)), x, direction(x))
    except REFUSALS as error:
        if not isinstance(error, dualak.UnknownNumbersError):
            raise
        require_place(error, function)
        outcomes.add(name, error)
        return
    assert_same(alone, y)
    assert types(y) == types(value)
    assert_close(tree(y), tree(value), 1e-14, "value")
    want = slopes(tree(value), tree(slope))
    assert_close(slopes(tree(y), tree(dy)), want, 1e-12, "tangent")
    outcomes.add(name)


def slopes(value, tangent):
    """The tangents of floating-point numbers alone: JAX has all else as structure of the value."""
    if isinstance(value, list):
        return [slopes(*both) for both in zip(value, tangent, strict=True)]
    if isinstance(value, dict):
        return {key: slopes(one, tangent[key]) for key, one in value.items()}
    return tangent if isinstance(value, float) else None


def test_as_many_functions_as_before_are_right():
    """Printed with ``pytest -s``: what the others say."""
    if outcomes.total < len(TABLE):
        pytest.skip("not all functions were run")
    print(f"\n{outcomes}")  # noqa: T201
    assert outcomes.count("right") >= RIGHT
