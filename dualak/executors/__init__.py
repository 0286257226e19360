"""Executors: modules that run a program, which is one pass over flat buffers, given as data.

An executor is a module with a function ``run(program)`` that fills the program's results.
"""

from __future__ import annotations

from dualak.executors.program import Extent, Instruction, Operand, Program

__all__ = ["Extent", "Instruction", "Operand", "Program"]
