"""Forward-mode derivatives of functions of Awkward Arrays.

>>> import awkward as ak, numpy as np, dualak
>>> x = ak.Array([[1.0, 4.0], [], [9.0]])
>>> y, dy = dualak.jvp(np.sqrt, x, ak.Array([[1.0, 1.0], [], [3.0]]))
>>> dy.to_list()
[[0.5, 0.25], [], [0.5]]
"""

from __future__ import annotations

from dualak.arrays import EscapeError, primal
from dualak.checks import Agreement, DerivativeError, check_jvp
from dualak.compilation import compile
from dualak.custom import custom_jvp
from dualak.functions.registry import NotDifferentiableError, functions
from dualak.jacobians import (
    derivative,
    hessian,
    hvp,
    jacfwd,
    value_and_jacfwd,
    value_jacobian_hessian,
)
from dualak.matching import StructureError
from dualak.reverse import grad, linearize, value_and_grad, vjp
from dualak.scalars import array, empty, full, kernel_buffer, partials, zeros
from dualak.transforms import Directions, jvp

__version__ = "0.1.0"

__all__ = [
    "Agreement",
    "DerivativeError",
    "Directions",
    "EscapeError",
    "NotDifferentiableError",
    "StructureError",
    "array",
    "check_jvp",
    "compile",
    "custom_jvp",
    "derivative",
    "empty",
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
    "value_and_grad",
    "value_and_jacfwd",
    "value_jacobian_hessian",
    "vjp",
    "zeros",
]
