"""Rules: the tables that say what every differentiable function is and how it changes."""

from __future__ import annotations

from dualak.rules.elementwise import (
    CHOICES,
    LIBRARIES,
    OUTPUTS,
    PREDICATES,
    RULES,
    SINC_SERIES,
    find,
)
from dualak.rules.reductions import REDUCTIONS, Reduction
from dualak.rules.rule import (
    ARGUMENTS,
    CONSTANTS,
    UNKNOWN,
    Interval,
    Rule,
    UnknownPartialError,
    evaluate,
    require_partials,
)

__all__ = [
    "ARGUMENTS",
    "CHOICES",
    "CONSTANTS",
    "LIBRARIES",
    "OUTPUTS",
    "PREDICATES",
    "REDUCTIONS",
    "RULES",
    "SINC_SERIES",
    "UNKNOWN",
    "Interval",
    "Reduction",
    "Rule",
    "UnknownPartialError",
    "evaluate",
    "find",
    "require_partials",
]
