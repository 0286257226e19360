"""``python -m bench.contact``: what a GPU says within seconds, a line as soon as it is known.

Versions, the driver, one kernel that is compiled, started and compared, then the first function of
the documentation on the device. Exit code 1: something is missing or wrong, and the line says what.
"""

from __future__ import annotations

import sys
import time

import awkward as ak
import numpy as np

import dualak
from bench import gpu, report
from dualak import device

PACKAGES = ("awkward", "numpy", "numba", "jax", "cuda-bindings", "nvidia-nvjitlink", "nvidia-nvvm")


def versions():
    """Of all packages that matter; a dash where one is not there."""
    names = (*PACKAGES, *report.GPU_PACKAGES)
    return ", ".join(f"{name} {report.package_version(name)}" for name in names)


def the_device():
    """Its name, its architecture, what its driver is made for."""
    device.require_device()
    device.require_numba_cuda()
    import cupy

    driver = cupy.cuda.runtime.driverGetVersion()
    return f"{gpu.name_of_device()}, capability {device.capability()}, driver for CUDA {driver}"


def one_kernel():
    """Compiled, started, compared."""
    x = np.linspace(0.5, 2.0, 1000)
    y, dy = dualak.jvp(lambda x: np.sin(x) * x, x, np.ones_like(x), device="cuda")
    np.testing.assert_allclose(y, np.sin(x) * x, rtol=1e-13)
    np.testing.assert_allclose(dy, np.cos(x) * x + np.sin(x), rtol=1e-13)
    return "value and tangent of 1000 numbers are right"


def lists():
    """Jagged arrays that are there and stay there; beside Awkward alone, which compiles nothing."""
    x = ak.Array([[1.0, 2.0, 3.0], [], [5.0, 10.0]])
    turned = x[[2, 2, 0], ::-1]
    there = ak.to_backend(x, "cuda"), ak.to_backend(ak.ones_like(x), "cuda")
    cases = (
        (lambda x: np.power(x[[2, 2, 0], ::-1], 3), (turned**3, 3 * turned**2)),
        (lambda x: ak.sum(x**2, axis=1), (ak.sum(x**2, axis=1), ak.sum(2 * x, axis=1))),
    )
    for func, want in cases:
        for got, known in zip(dualak.jvp(func, *there), want, strict=True):
            assert ak.backend(got) == "cuda"
            assert ak.to_list(ak.to_backend(got, "cpu")) == ak.to_list(known)
    return "slices and sums of lists are right"


def main():
    """One step after the other; the exit code."""
    for step in (versions, the_device, one_kernel, lists):
        start = time.perf_counter()
        try:
            said = step()
        except Exception as error:  # whatever it is, the line says it and the run goes on
            print(f"{step.__name__}: FAILED: {type(error).__name__}: {error}", flush=True)
            return 1
        print(f"{step.__name__}: {said} ({time.perf_counter() - start:.1f} s)", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
