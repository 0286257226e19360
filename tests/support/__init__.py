"""What tests of several packages share; nothing here is itself a test."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: Warnings are errors in processes that tests start, too; NumPy 2.5 warns of a line in Numba-CUDA.
WARNINGS = (
    *("-W", "error"),
    *("-W", "ignore:The 'generic' unit:DeprecationWarning:numba.cuda.np.npdatetime_helpers"),
)


def require_compiler() -> None:
    """Skips a module of tests where Numba-CUDA is not there, or does not work with this NumPy."""
    from dualak import device

    try:
        device.require_numba_cuda()
    except ImportError as error:
        pytest.skip(str(error), allow_module_level=True)


def require_pointers_without_types() -> None:
    """Skips a module of tests of what NVVM writes where llvmlite reads an older language."""
    from llvmlite import binding

    if binding.llvm_version_info < (16,):
        pytest.skip("LLVM 15 (Numba before 0.62) does not read it", allow_module_level=True)
