"""The acceptance cases: functions of Awkward Arrays with values and tangents computed elsewhere.

They lie beside the project, not in it; ``shared/cases/peer_cases.py`` says how they were made.
"""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

import dualak
from tests.support import ROOT
from tests.support.layouts import assert_close, assert_slope, tree

PATH = ROOT.parent / "shared" / "cases" / "peer_cases.py"
TOLERANCE = 1e-6

#: Here numbers leave Awkward, which may raise, but may not be silently wrong.
MAY_RAISE = "escape"


def read_cases():
    if not PATH.exists():
        reason = f"the acceptance cases are not at {PATH}"
        return [pytest.param(*[None] * 7, marks=pytest.mark.skip(reason=reason), id="absent")]
    vector = pytest.importorskip("vector")
    vector.register_awkward()
    spec = importlib.util.spec_from_file_location("peer_cases", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [pytest.param(*case, id=f"{case[-1]}: {case[0]}") for case in module.CASES]


def is_complex(name):
    return "complex" in name


def must_be_right(name, family):
    return family != MAY_RAISE and not is_complex(name)


def assert_right(result, value, tangent):
    y, dy = result
    assert_close(tree(y), value, TOLERANCE, "value")
    if tangent is not None:
        assert_slope(tree(dy), numberless(tree(dy), tangent), TOLERANCE)


def numberless(got, want):
    """What is wanted, with the tangents of strings, which are no numbers, as they came."""
    if isinstance(want, list):
        return [numberless(*both) for both in zip(got, want, strict=True)]
    if isinstance(want, dict):
        return {key: numberless(got[key], want[key]) for key in want}
    return got if isinstance(got, str) and want == 0 else want


@pytest.mark.one_in(3)
@pytest.mark.parametrize(("name", "x", "t", "function", "value", "tangent", "family"), read_cases())
def test_a_case_is_right_or_raises(name, x, t, function, value, tangent, family):
    try:
        with np.errstate(all="ignore"):
            result = dualak.jvp(function, x(), t())
    except (TypeError, ValueError):
        if must_be_right(name, family):
            raise
        return
    assert not is_complex(name)
    assert_right(result, value, tangent)
