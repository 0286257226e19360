"""The table of reductions over lists."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Reduction:
    """A reduction of lists: ``tangent`` names the kernel that reduces (value, tangent) pairs.

    ``identity`` is the value over an empty list; ``tangent`` is None for a linear reduction, whose
    tangent is the same reduction of the tangents.
    """

    name: str
    identity: float
    tangent: str | None
    kink: str = ""


REDUCTIONS: dict[str, Reduction] = {
    "sum": Reduction("sum", 0.0, None),
    "prod": Reduction("prod", 1.0, "prod_jvp"),
    "min": Reduction("min", math.inf, "min_jvp", kink="ties share the mean of their tangents"),
    "max": Reduction("max", -math.inf, "max_jvp", kink="ties share the mean of their tangents"),
}
