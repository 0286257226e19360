"""Flat arrays for kernels: ``kernel_buffer``, whose elements are duals where it is differentiated.

A kernel of Numba-CUDA reads and writes memory that it is given.  In Numba's CUDA simulator, where
kernels are interpreted, a ``DualBuffer`` is such memory; compiled kernels refuse it.
"""

from __future__ import annotations

import sys
from typing import Any, NoReturn

import awkward as ak
import numpy as np

from dualak.arrays.columns import dual, number_of
from dualak.arrays.highlevel import DualArray, wrap
from dualak.arrays.layouts import is_dual
from dualak.arrays.ndarrays import as_ndarray
from dualak.device import Buffer
from dualak.njit import rows
from dualak.njit.interpreted import Dual, filled, flattened
from dualak.njit.types import DualType


class DualBuffer:
    """One-dimensional memory whose elements are duals.

    Attributes:
        rows: its plain numbers, shape (length, numbers of a dual).
        typ: the type of its elements.
    """

    def __init__(self, rows: Buffer, typ: DualType) -> None:
        self.rows = rows
        self.typ = typ
        _let_compilers_refuse()

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int]:
        """The length, as of NumPy's arrays."""
        return (len(self.rows),)

    @property
    def size(self) -> int:
        """The length."""
        return len(self.rows)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return DualBuffer(self.rows[index], self.typ)
        return filled(self.rows[index].tolist(), self.typ.levels)

    def __setitem__(self, index: Any, number: Any) -> None:
        _require_levels(number, self.typ)
        self.rows[index] = list(flattened(number, self.typ.levels))

    def array(self) -> Any:
        """The elements as an array of duals, of NumPy's class as without tangents."""
        return as_ndarray(wrap(ak.Array(dual(rows.number_from(self.rows, self.typ)))))


def _let_compilers_refuse() -> None:
    """Tells Numba, and Numba-CUDA where it is in use, that a buffer has no type of theirs."""
    for name in ("numba.extending", "numba.cuda.extending"):
        registry = getattr(sys.modules.get(name), "typeof_impl", None)
        if registry is not None and registry.dispatch(DualBuffer) is not _refused:
            registry.register(DualBuffer)(_refused)


def _refused(buffer: DualBuffer, _: Any) -> NoReturn:
    raise TypeError(
        "kernels that are compiled do not take differentiated numbers, only interpreted ones "
        "do (NUMBA_ENABLE_CUDASIM=1); compile the loop for the processor with numba.njit"
    )


def _require_levels(number: Any, typ: DualType) -> None:
    """Refuses a dual that has tangents which the elements have not."""
    known, pending = {depth for depth, _ in typ.levels}, [number]
    while pending:
        part = pending.pop()
        if isinstance(part, Dual):
            if part.depth not in known:
                raise TypeError(
                    f"expected an element of {typ}, got a number that is differentiated further; "
                    "make the array with dualak.empty(n, like) of arrays that are"
                )
            pending += [part.value, *part.tangents]


def kernel_buffer(array: Any) -> Any:
    """The numbers of a flat array in memory, for a kernel of Numba-CUDA to read.

    Args:
        array: an array of numbers without lists; flatten others with ``ak.flatten``.

    Returns:
        A NumPy array; where the array is differentiated, a buffer whose elements are
        differentiated numbers, for kernels that are interpreted.

    Raises:
        TypeError: for an array of lists or records.

    >>> import awkward as ak, dualak
    >>> kernel_buffer(ak.Array([1.0, 2.0]))
    array([1., 2.])
    >>> def squares(x):
    ...     x = dualak.kernel_buffer(x)
    ...     out = dualak.empty(len(x), x)
    ...     for i in range(len(x)):  # what a kernel does for each thread
    ...         out[i] = x[i] * x[i]
    ...     return dualak.array(out)
    >>> dualak.jvp(squares, ak.Array([3.0, 4.0]), ak.Array([1.0, 0.5]))
    (array([ 9., 16.]), array([6., 4.]))
    """
    if not isinstance(array, (ak.Array, np.ndarray, list)) or isinstance(array, np.matrix):
        raise TypeError(f"expected an array of numbers, got {type(array).__name__}")
    if not isinstance(array, DualArray):
        return ak.to_numpy(array, allow_missing=False)
    if not is_dual(array.layout):
        raise TypeError(f"expected an array of numbers, got {array.type}; take ak.flatten of it")
    number = number_of(array.layout)
    rows.compute([number])
    typ, numbers = rows.type_of(number), rows.rows_of(number, len(array))
    return DualBuffer(numbers, typ) if isinstance(typ, DualType) else numbers[:, 0].copy()


def joined_type(like: Any) -> DualType | None:
    """The type of elements that fit all buffers among the examples; None where there is none."""
    found: Any = None
    for buffer in like if isinstance(like, tuple) else (like,):
        if isinstance(buffer, DualBuffer):
            found = buffer.typ if found is None else found.joined(buffer.typ)
    return found


def made(shape: Any, typ: DualType, number: float) -> DualBuffer:
    """A buffer that is a number everywhere."""
    if isinstance(shape, tuple):
        (shape,) = shape
    buffer = DualBuffer(np.zeros((shape, typ.components), typ.primal.name), typ)
    buffer.rows[:, 0] = number
    return buffer
