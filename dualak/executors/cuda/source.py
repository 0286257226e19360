"""The text of a kernel: its lines, and the parameters that these turn out to need.

Every temporary is a variable, which the device keeps in a register.  The text depends on the
structure of a program alone, neither on lengths nor on numbers, so it is compiled once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from textwrap import indent
from typing import Any

import numpy as np

from dualak.executors import Program
from dualak.executors.cuda.operations import source_of

INDEX = np.dtype(np.int64)


@dataclass(frozen=True)
class Parameter:
    """What a kernel is given: a pointer or a number; ``operand`` is the program's, if it is one."""

    name: str
    dtype: np.dtype[Any]
    pointer: bool
    operand: int | None = None


@dataclass(frozen=True)
class Text:
    """A kernel: its text, its parameters in order, and the sums of its blocks.

    Attributes:
        text: a function called ``kernel``.
        parameters: in order.
        accumulators: sums that each thread of a block has in shared memory.
        results: operands of columns, for which the kernel gives sums of each band of rows.
    """

    text: str
    parameters: tuple[Parameter, ...]
    accumulators: int = 0
    results: tuple[int, ...] = ()


class Body:
    """Lines of a kernel, and the parameters that they need."""

    def __init__(self, program: Program, by_value: Collection[int]) -> None:
        self._operands = program.operands
        self._by_value = by_value
        self._loaded: dict[tuple[int, str], str] = {}
        self.parameters: dict[str, Parameter] = {}
        self.scalars: list[str] = []

    def dtype(self, number: int) -> np.dtype[Any]:
        return self._operands[number].dtype

    def forget(self) -> None:
        """Starts a scope of its own: what another one loaded is not known there."""
        self._loaded.clear()

    def pointer(self, number: int) -> str:
        """The parameter that is an operand's buffer."""
        name = f"p{number}"
        self.parameters.setdefault(name, Parameter(name, self.dtype(number), True, number))
        return name

    def made(self, number: int, expression: str) -> str:
        """The line that makes a value, in the operand's type."""
        name = f"v{number}"
        self._loaded[number, ""] = name
        return f"{name} = {_converted(expression, self.dtype(number))}"

    def read(self, number: int, at: str, lines: list[str]) -> str:
        """The name of an operand's value where the index says; adds the line that loads it."""
        operand = self._operands[number]
        if operand.kind == "scalar":
            return self._scalar(number)
        known = self._loaded.get((number, "")) or self._loaded.get((number, at))
        if known is None:
            known = f"v{number}"
            self._loaded[number, at] = known
            lines.append(f"{known} = {element(self.pointer(number), at, operand.dtype)}")
        return known

    def of_angle(self, op: str, number: int, x: str, lines: list[str]) -> str:
        """The name of a sine or a cosine; adds the line that makes both."""
        line = f"sin{number}, cos{number} = {source_of('sincos', [x], self.dtype(number))}"
        if line not in lines:
            lines.append(line)
        return f"{op}{number}"

    def _scalar(self, number: int) -> str:
        name = f"c{number}"
        if number in self._by_value:
            self.parameters.setdefault(name, Parameter(name, self.dtype(number), False, number))
            return _truth(name, self.dtype(number))
        line = f"{name} = {element(self.pointer(number), '0', self.dtype(number))}"
        if line not in self.scalars:
            self.scalars.append(line)
        return name

    def text(self, given: Sequence[Parameter], head: str, body: str) -> tuple[str, Any]:
        """The text of the kernel, and all its parameters."""
        parameters = (*given, *self.parameters.values())
        names = ", ".join(parameter.name for parameter in parameters)
        top = "\n".join([head, *self.scalars]) if head else "\n".join(self.scalars)
        parts = [indent(part, "    ") for part in (top, body) if part]
        return "\n".join([f"def kernel({names}):", *parts]), parameters


def element(pointer: str, at: str, dtype: np.dtype[Any]) -> str:
    return _truth(f"{pointer}[{at}]", dtype)


def _truth(expression: str, dtype: np.dtype[Any]) -> str:
    """A boolean is a byte in memory."""
    return f"({expression} != 0)" if dtype.kind == "b" else expression


def _converted(expression: str, dtype: np.dtype[Any]) -> str:
    return f"({expression}) != 0" if dtype.kind == "b" else f"{dtype.name}({expression})"


def lines_at(lines: Sequence[str], depth: int) -> str:
    return indent("\n".join(lines), " " * depth)


def without_blanks(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if line.strip())
