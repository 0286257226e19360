"""Forward-mode derivatives of functions of Awkward Arrays.

>>> import awkward as ak, numpy as np, dualak
>>> x = ak.Array([[1.0, 4.0], [], [9.0]])
>>> y, dy = dualak.jvp(np.sqrt, x, ak.Array([[1.0, 1.0], [], [3.0]]))
>>> dy.to_list()
[[0.5, 0.25], [], [0.5]]
"""

from __future__ import annotations

import importlib
import importlib.metadata
from typing import Any

from dualak import extend
from dualak.ad.recording import UnknownNumbersError
from dualak.arrays.highlevel import EscapeError
from dualak.arrays.ndarrays import primal
from dualak.checking.check_jvp import Agreement, DerivativeError, check_jvp
from dualak.device import DeviceError, HostWarning
from dualak.executors.compiled import CacheWarning
from dualak.functions.registry import NotDifferentiableError, functions
from dualak.functions.soft import soft_argmax, soft_argsort, soft_cut
from dualak.njit import array, empty, full, kernel_buffer, partials, zeros
from dualak.seeding.match import StructureError
from dualak.tracing.compile import ReplayWarning, compile
from dualak.tracing.draw import draw
from dualak.transforms.custom_jvp import custom_jvp
from dualak.transforms.hessian import hessian, hvp, value_jacobian_hessian
from dualak.transforms.jacobian import derivative, jacfwd, value_and_jacfwd
from dualak.transforms.jvp import Directions, jvp
from dualak.transforms.linearize import linearize
from dualak.transforms.reverse import grad, value_and_grad, vjp

try:
    __version__ = importlib.metadata.version("dualak")
except importlib.metadata.PackageNotFoundError:  # a checkout that is not installed
    __version__ = "0+unknown"

__all__ = [
    "Agreement",
    "CacheWarning",
    "DerivativeError",
    "DeviceError",
    "Directions",
    "EscapeError",
    "HostWarning",
    "NotDifferentiableError",
    "ReplayWarning",
    "StructureError",
    "UnknownNumbersError",
    "array",
    "check_jvp",
    "compile",
    "corrections",
    "custom_jvp",
    "derivative",
    "draw",
    "empty",
    "extend",
    "full",
    "functions",
    "grad",
    "hessian",
    "hist",
    "hvp",
    "jacfwd",
    "jvp",
    "kernel_buffer",
    "linearize",
    "partials",
    "primal",
    "soft_argmax",
    "soft_argsort",
    "soft_cut",
    "value_and_grad",
    "value_and_jacfwd",
    "value_jacobian_hessian",
    "vjp",
    "zeros",
]


def __getattr__(name: str) -> Any:
    """Packages of which only those who use them pay for the import."""
    if name in ("corrections", "dask", "hist"):
        return importlib.import_module(f"dualak.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """What a user calls; the packages that it is made of are left out."""
    return sorted(__all__)
