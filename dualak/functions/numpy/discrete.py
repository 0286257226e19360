"""Functions of NumPy that are computed from the values: what they give has no tangent.

They say which numbers are where, whether they have a property, of what type they are, or show them.
"""

from __future__ import annotations

from dualak.functions.registry import register

PLACES = """
np.argwhere np.diag_indices_from np.digitize np.flatnonzero np.lexsort np.linalg.matrix_rank
np.nonzero np.searchsorted np.tril_indices_from np.triu_indices_from
"""

PROPERTIES = """
np.allclose np.array_equiv np.iscomplex np.iscomplexobj np.isin np.isneginf np.isposinf np.isreal
np.isrealobj
"""

TYPES = "np.can_cast np.common_type np.einsum_path np.empty_like np.min_scalar_type np.result_type"

TEXTS = "np.array2string np.array_repr np.array_str"

#: Older than the oldest NumPy of this list: np.in1d went in NumPy 2.4.
FORMER = "np.in1d"


def register_all() -> None:
    """Enters the functions of values into the registry."""
    for names in (PLACES, PROPERTIES, TYPES, TEXTS, FORMER):
        register("discrete", names.split())
