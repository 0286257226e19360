"""Compiled code that calls back from several threads, on one core: it ends, and is right.

Each transport runs in a process of its own, since one that hangs cannot be interrupted.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from bridge.transports import TRANSPORTS

SECONDS = 60

#: 1e6 numbers in lists of four; one program with value, tangent and gradient, in six threads.
PROGRAM = """
import os, sys, threading
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
import awkward as ak, jax, numpy as np
jax.config.update("jax_enable_x64", True)
transport = sys.argv[1]
if transport == "pure":
    jax.config.update("jax_cpu_enable_async_dispatch", False)
import bridge
from bridge.transports import TRANSPORTS
reason = TRANSPORTS[transport].missing()
if reason is not None:
    print(f"missing: {reason}")
    sys.exit()
numbers = np.random.default_rng(1).normal(size=1_000_000)
x = bridge.to_jax(ak.unflatten(ak.Array(numbers), 4 * np.ones(250_000, np.int64)))
norms = bridge.wrap(lambda x: np.sqrt(ak.sum(x**2, axis=1)), transport=transport)

@jax.jit
def program(x, scale):
    moved = jax.tree_util.tree_map(lambda one: one * scale, x)
    value, tangent = jax.jvp(norms, (moved,), (x,))
    return value, tangent, jax.grad(lambda x: norms(x).sum())(moved)

wanted = np.sqrt((numbers.reshape(-1, 4) ** 2).sum(1))
slopes = numbers / np.repeat(wanted, 4)
right = []

def work(number):
    for k in range(2):
        scale = 1.0 + number + 10.0 * k
        value, tangent, slope = program(x, scale)
        np.testing.assert_allclose(value, scale * wanted, rtol=1e-12)
        np.testing.assert_allclose(tangent, wanted, rtol=1e-12)
        np.testing.assert_allclose(slope.leaves[0], slopes, rtol=1e-12, atol=1e-12)
        right.append(number)

threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
for one in threads:
    one.start()
for one in threads:
    one.join()
print(len(right))
"""


@pytest.mark.in_full
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_threads_on_one_core_end_and_are_right(transport):
    try:
        child = subprocess.run(
            [sys.executable, "-c", PROGRAM, transport],
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise AssertionError(f"{transport} did not end within {SECONDS} s") from error
    assert child.returncode == 0, child.stderr
    if child.stdout.startswith("missing: "):
        pytest.skip(child.stdout)
    assert child.stdout == "12\n"
