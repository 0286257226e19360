"""The CPU executor: an interpreter of blocks over kernels that Numba compiled."""
