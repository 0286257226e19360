"""Kernels for CUDA on the host, at a device's geometry: the very code that Numba gives NVVM.

``assemble`` makes a shared library of a kernel's LLVM code, in which barriers, shuffles, shared
memory and every access to memory are calls of ``threads.c``; ``run`` starts it.  A launch computes
what a device would, and says where threads race, leave a buffer, read what nobody wrote or part at
a barrier, in three orders of threads and blocks.
"""

from tests.support.on_host.assembler import assemble, missing
from tests.support.on_host.launch import ORDERS, Fault, run

__all__ = ["ORDERS", "Fault", "assemble", "missing", "run"]
