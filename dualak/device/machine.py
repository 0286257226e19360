"""The machine: its cores and its memory."""

from __future__ import annotations

import os

# -- the machine ----------------------------------------------------------------------------------


def cores() -> int:
    """Cores that this process may use; the variable DUALAK_NUM_THREADS lowers the number."""
    affinity = getattr(os, "sched_getaffinity", None)
    available = len(affinity(0)) if affinity else (os.cpu_count() or 1)
    wanted = os.environ.get("DUALAK_NUM_THREADS")
    return max(1, min(int(wanted), available)) if wanted else available


def memory_size() -> float:
    """Bytes of memory that this machine has; infinite where it does not say."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, OSError, ValueError):
        return float("inf")
