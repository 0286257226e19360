"""Functions of duals: the registry, and the modules that say what each function does.

Every function stands in one class: *structural* functions are run once by Awkward and the duals
ride along; *differentiable* ones have a rule or are composed of such; *discrete* ones are computed
from the values and have no tangent; everything else is refused by name.
"""

from __future__ import annotations

from dualak.arrays.highlevel import hooks
from dualak.functions import abstract, behaviors, compositions, numbers, refusals, ufuncs, vectors
from dualak.functions.awkward import nans, ordering, pairs, reducers, statistics, structure
from dualak.functions.numpy import (
    differences,
    discrete,
    elementary,
    histograms,
    interpolation,
    matrices,
    norms,
    of_ndarrays,
    polynomials,
    products,
    rectangular,
    scans,
)
from dualak.functions.numpy import statistics as numpy_statistics
from dualak.functions.registry import call_awkward, functions

__all__ = ["functions"]

hooks.awkward = call_awkward
hooks.numpy = of_ndarrays.call_function
hooks.ufunc = of_ndarrays.call_ufunc
hooks.at = of_ndarrays.at
hooks.collected = of_ndarrays.stacked
hooks.members = vectors.members
hooks.at_order = abstract.at_order
for module in (
    *(refusals, discrete),  # other modules may enter the same names after them
    *(structure, pairs, reducers, compositions, nans, ordering, statistics, numpy_statistics),
    *(rectangular, elementary, products, scans, differences, norms, matrices),
    *(interpolation, polynomials, histograms),
    *(ufuncs, numbers, behaviors, vectors, abstract),
):
    module.register_all()
