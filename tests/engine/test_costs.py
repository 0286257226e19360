"""What eager derivatives cost beside the kernels: counts, which no noise changes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import dualak
from bench.cases import CASES
from dualak.executors.cpu import executor as cpu

PACKAGE = str(Path(dualak.__file__).parent)

#: How often functions of ours call each other in one ``jvp``, rounded up.
CALLS = {"W1": 2700, "W2": 1600, "W3": 1900, "W4": 5100}


def calls_of_ours(function: Callable[[], Any]) -> int:
    count = 0

    def seen(frame: Any, event: str, _: Any) -> None:
        nonlocal count
        count += event == "call" and frame.f_code.co_filename.startswith(PACKAGE)

    before = sys.getprofile()
    sys.setprofile(seen)
    try:
        function()
    finally:
        sys.setprofile(before)
    return count


def of_case(name: str) -> Callable[[], Any]:
    case = CASES[name]
    point, direction = case.build(50)
    return lambda: dualak.jvp(case.func, point, direction)


@pytest.mark.parametrize("name", CALLS)
def test_few_calls_in_python(name: str) -> None:
    run = of_case(name)
    run()
    count = calls_of_ours(run)
    assert 0.5 * CALLS[name] < count <= CALLS[name]


@pytest.mark.parametrize("name", CALLS)
def test_equal_passes_are_assembled_once(name: str) -> None:
    run = of_case(name)
    run()
    before = cpu._assembled.cache_info()
    run()
    after = cpu._assembled.cache_info()
    assert after.misses == before.misses
    assert after.hits > before.hits
