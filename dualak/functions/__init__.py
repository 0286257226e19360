"""Functions of duals: the registry, and the rooms that say what each function does.

Every function stands in one class: *structural* functions are run once by Awkward and the duals
ride along; *differentiable* ones have a rule or are composed of such; *discrete* ones are computed
from the values and have no tangent; everything else is refused by name.
"""

from __future__ import annotations

from dualak.arrays import dispatch
from dualak.functions import composed, reducers, structure, ufuncs
from dualak.functions.registry import call_awkward, call_numpy, functions

__all__ = ["functions"]

dispatch["awkward"] = call_awkward
dispatch["numpy"] = call_numpy
dispatch["ufunc"] = ufuncs.call
for room in (structure, reducers, composed):
    room.register_all()
