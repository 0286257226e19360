"""Forward-mode derivatives of functions of Awkward Arrays.

>>> import awkward as ak, numpy as np, dualak
>>> x = ak.Array([[1.0, 4.0], [], [9.0]])
>>> y, dy = dualak.jvp(np.sqrt, x, ak.Array([[1.0, 1.0], [], [3.0]]))
>>> dy.to_list()
[[0.5, 0.25], [], [0.5]]
"""

from __future__ import annotations

import importlib

from dualak.ad.recording import UnknownNumbersError
from dualak.arrays.highlevel import EscapeError, contains_duals, dual_classes, primal
from dualak.checking.check_jvp import Agreement, DerivativeError, check_jvp
from dualak.device import DeviceError, HostWarning, stream, viewed
from dualak.functions.registry import NotDifferentiableError, functions
from dualak.njit import array, empty, full, kernel_buffer, partials, zeros
from dualak.seeding.match import StructureError
from dualak.tracing.compile import compile
from dualak.tracing.flat_function import FlatFunction
from dualak.tracing.leaf_function import LeafFunction
from dualak.tracing.structure import ArrayForm, Structure, flatten
from dualak.tracing.trace import TracedFunction, stand_in, take_recording, trace
from dualak.transforms.custom_jvp import custom_jvp
from dualak.transforms.hessian import hessian, hvp, value_jacobian_hessian
from dualak.transforms.jacobian import derivative, jacfwd, value_and_jacfwd
from dualak.transforms.jvp import Directions, jvp
from dualak.transforms.linearize import linearize
from dualak.transforms.reverse import grad, value_and_grad, vjp

__version__ = "0.1.0"

__all__ = [
    "Agreement",
    "ArrayForm",
    "DerivativeError",
    "DeviceError",
    "Directions",
    "EscapeError",
    "FlatFunction",
    "HostWarning",
    "LeafFunction",
    "NotDifferentiableError",
    "Structure",
    "StructureError",
    "TracedFunction",
    "UnknownNumbersError",
    "array",
    "check_jvp",
    "compile",
    "contains_duals",
    "custom_jvp",
    "derivative",
    "dual_classes",
    "empty",
    "flatten",
    "full",
    "functions",
    "grad",
    "hessian",
    "hvp",
    "jacfwd",
    "jvp",
    "kernel_buffer",
    "linearize",
    "partials",
    "primal",
    "stand_in",
    "stream",
    "take_recording",
    "trace",
    "value_and_grad",
    "value_and_jacfwd",
    "value_jacobian_hessian",
    "viewed",
    "vjp",
    "zeros",
]


def __getattr__(name: str) -> object:
    """``dualak.bridge``, imported when it is first asked for: it needs JAX."""
    if name != "bridge":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module("bridge")
