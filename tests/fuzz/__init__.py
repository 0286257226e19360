"""A fuzzer: random programs on random arrays, every mode of differentiation against each other.

``python -m tests.fuzz`` runs it.  A program is data, so that it prints as plain Python, comes again
from its seed and its number, and can be made smaller until only the cause of a failure is left.
"""

from __future__ import annotations

from .cases import Verdict
from .generator import Impossible, generated
from .oracles import OTHERS, examined
from .report import Tally, written
from .running import batch, hunt

__all__ = [
    "OTHERS",
    "Impossible",
    "Tally",
    "Verdict",
    "batch",
    "examined",
    "generated",
    "hunt",
    "written",
]
