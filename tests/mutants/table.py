"""The table of all faults, in the order of the packages."""

from __future__ import annotations

from tests.mutants.above import ABOVE
from tests.mutants.below import BELOW
from tests.mutants.bridge import BRIDGE
from tests.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (*BELOW, *ABOVE, *BRIDGE)
