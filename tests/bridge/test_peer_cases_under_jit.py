"""The acceptance cases under ``jax.jit``: each is right, or says why it cannot be compiled.

What looks at numbers is right where compiled code is given the structure.
"""

from __future__ import annotations

import jax
import numpy as np
import pytest

import dualak
from tests.functions.test_peer_cases import MAY_RAISE, PATH, assert_right, is_complex, read_cases
from tests.support.jitted import (
    REFUSALS,
    Outcomes,
    assert_same,
    both_ways,
    require_place,
    with_traced_structure,
)

CASES = read_cases()

#: How many are right; the others look at numbers, are complex, or leave Awkward.
RIGHT = 323

outcomes = Outcomes()


@pytest.mark.one_in(20)
@pytest.mark.parametrize(("name", "x", "t", "function", "value", "tangent", "family"), CASES)
def test_a_case_under_jit_is_right_or_raises(name, x, t, function, value, tangent, family):
    try:
        with jax.enable_x64(True), np.errstate(all="ignore"):
            alone, y, dy = both_ways(function, x(), t())
    except (*REFUSALS, TypeError) as error:
        require_reason(error, name, function, family)
        if isinstance(error, dualak.UnknownNumbersError) and family != MAY_RAISE:
            with jax.enable_x64(True), np.errstate(all="ignore"):
                assert_right(with_traced_structure(function, x(), t()), value, tangent)
        outcomes.add(name, error)
        return
    assert not is_complex(name)
    assert_right((y, dy), value, tangent)
    assert_same(alone, y)
    outcomes.add(name)


def require_reason(error, name, function, family):
    """The error is one that a function that cannot be compiled has to give."""
    if isinstance(error, dualak.UnknownNumbersError):
        require_place(error, function)
    elif is_complex(name):
        assert "complex128" in str(error)
    elif family != MAY_RAISE:
        raise error


def test_as_many_cases_as_before_are_right():
    """Printed with ``pytest -s``: what the others say."""
    if not PATH.exists() or outcomes.total < len(CASES):
        pytest.skip("not all cases were run")
    print(f"\n{outcomes}")  # noqa: T201
    assert outcomes.count("right") >= RIGHT
