"""The text of kernels: a program's instructions as one function of Python that Numba compiles.

Every temporary is a variable, which the device keeps in a register.  The text depends on the
structure of a program alone, neither on lengths nor on numbers, so it is compiled once.

>>> from dualak.executors import Instruction, Operand
>>> buffers = np.ones(3), None, np.ones(3)
>>> x, y, z = (Operand(np.dtype(np.float64), 0, data=one) for one in buffers)
>>> steps = Instruction("sin", 1, (0,), 0), Instruction("multiply", 2, (1, 0), 0)
>>> print(elements(Program(3, None, (x, y, z), steps), frozenset(), [2]).text)
def kernel(begin, end, p0, p2):
    for p in range(begin + cuda.grid(1), end, cuda.gridsize(1)):
        v0 = p0[p]
        v1 = float64(sin_f8(v0))
        v2 = float64(v1 * v0)
        p2[p] = v2
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from textwrap import indent
from typing import Any

import numpy as np

from dualak.executors import Instruction, Program
from dualak.executors.cuda.reductions import Fold, folds
from dualak.executors.cuda.spelling import spelled

INDEX = np.dtype(np.int64)
SUM = np.dtype(np.float64)

#: Operations on elements that need to know which list an element is in.
OF_LISTS = ("repeat", "tile")


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


class _Body:
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
            lines.append(f"{known} = {_element(self.pointer(number), at, operand.dtype)}")
        return known

    def _scalar(self, number: int) -> str:
        name = f"c{number}"
        if number in self._by_value:
            self.parameters.setdefault(name, Parameter(name, self.dtype(number), False, number))
            return _truth(name, self.dtype(number))
        line = f"{name} = {_element(self.pointer(number), '0', self.dtype(number))}"
        if line not in self.scalars:
            self.scalars.append(line)
        return name

    def text(self, given: Sequence[Parameter], head: str, body: str) -> tuple[str, Any]:
        """The text of the kernel, and all its parameters."""
        parameters = (*given, *self.parameters.values())
        names = ", ".join(one.name for one in parameters)
        top = "\n".join([head, *self.scalars]) if head else "\n".join(self.scalars)
        parts = [indent(part, "    ") for part in (top, body) if part]
        return "\n".join([f"def kernel({names}):", *parts]), parameters


def _element(pointer: str, at: str, dtype: np.dtype[Any]) -> str:
    return _truth(f"{pointer}[{at}]", dtype)


def _truth(expression: str, dtype: np.dtype[Any]) -> str:
    """A boolean is a byte in memory."""
    return f"({expression} != 0)" if dtype.kind == "b" else expression


def _converted(expression: str, dtype: np.dtype[Any]) -> str:
    return f"({expression}) != 0" if dtype.kind == "b" else f"{dtype.name}({expression})"


# -- elements -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Places:
    """How a kernel spells where it is: an element, its list, and its place in the list."""

    element: str = "p"
    list: str = "i"
    column: str = "p - start"


def _element_lines(
    body: _Body, steps: Iterable[Instruction], stored: Collection[int], before: list[str]
) -> list[str]:
    """The lines for one element; what is the same for all of a list goes to ``before``."""
    lines: list[str] = []
    at = _Places()
    for step in steps:
        if step.level != 0:
            continue
        lines.append(body.made(step.result, _expression(body, step, at, lines, before)))
        if step.result in stored:
            lines.append(f"{body.pointer(step.result)}[{at.element}] = v{step.result}")
    return lines


def _expression(
    body: _Body, step: Instruction, at: _Places, lines: list[str], before: list[str]
) -> str:
    if step.op == "take":
        return _taken(body, step, body.read(step.arguments[1], at.element, lines))
    if step.op == "repeat":
        return body.read(step.arguments[0], at.list, before)
    if step.op == "tile":
        return _element(body.pointer(step.arguments[0]), at.column, body.dtype(step.result))
    return _applied(body, step, [body.read(one, at.element, lines) for one in step.arguments])


def _taken(body: _Body, step: Instruction, index: str) -> str:
    return _element(body.pointer(step.arguments[0]), index, body.dtype(step.arguments[0]))


def _applied(body: _Body, step: Instruction, arguments: Sequence[str]) -> str:
    dtypes = [body.dtype(one) for one in step.arguments]
    single = all(dtype.itemsize <= 4 for dtype in dtypes if dtype.kind == "f")
    floats = single and any(dtype.kind == "f" for dtype in dtypes)
    return spelled(step.op, arguments, np.dtype(np.float32 if floats else np.float64))


def elements(program: Program, by_value: Collection[int], roots: Collection[int]) -> Text:
    """A kernel that stores operands on elements, from ``begin`` to ``end``, a thread for each."""
    body = _Body(program, by_value)
    lines = _element_lines(body, needed(program, roots), roots, [])
    loop = "for p in range(begin + cuda.grid(1), end, cuda.gridsize(1)):"
    given = [Parameter(name, INDEX, False) for name in ("begin", "end")]
    return Text(*body.text(given, "", "\n".join([loop, indent("\n".join(lines), "    ")])))


def needed(program: Program, roots: Collection[int]) -> list[Instruction]:
    """The instructions that the roots need, in order."""
    wanted = set(roots)
    found = []
    for step in reversed(program.instructions):
        if step.result in wanted:
            wanted.update(step.arguments)
            found.append(step)
    return found[::-1]


# -- lists ----------------------------------------------------------------------------------------

# A block owns the lists from tiles[b] to tiles[b + 1].  Threads share a list as there are more of
# them than lists, so that neighbours read neighbours; what is long waits for a second turn, in
# which all threads share one list.  The sums of the threads of a list are added up in a tree.

_LISTS_HEAD = """\
t = cuda.threadIdx.x
first = tiles[cuda.blockIdx.x]
last = tiles[cuda.blockIdx.x + 1]
later = cuda.shared.array(1, int32)
if t == 0:
    later[0] = 0
size = int64(offsets[last]) - int64(offsets[first])
width = 1
while width < {warp} and width * (last - first) < size:
    width *= 2
cuda.syncthreads()"""

_LISTS = """\
for turn in range(2):
    if turn == 1:
        width = {threads}
    lane = t % width
    lists = {threads} // width
    for base in range(first, last, lists):
        i = min(base + t // width, last - 1)
        start = int64(offsets[i])
        stop = int64(offsets[i + 1])
        if turn == 1 and stop - start <= {long}:
            continue
        if base + t // width >= last:
            stop = start
        if turn == 0 and stop - start > {long}:
            later[0] = 1
            stop = start
{before}
        for p in range(start + lane, stop, width):
{elements}
{after}
    cuda.syncthreads()
    if later[0] == 0:
        break"""

_TREE = """\
        count = min(stop - start, width)
        cuda.syncthreads()
        half = width // 2
        while half > 0:
            if lane < half and lane + half < count:
                u = t + half
{join}
            cuda.syncthreads()
            half //= 2
        if t < lists and base + t < last:
            i = base + t
            start = int64(offsets[i])
            stop = int64(offsets[i + 1])
            if (stop - start > {long}) == (turn == 1):
                u = t * width
{finish}
        cuda.syncthreads()"""


def lists(
    program: Program, by_value: Collection[int], roots: Collection[int], sizes: dict[str, int]
) -> Text:
    """A kernel that stores operands on elements and on lists, for all lists."""
    assert program.offsets is not None
    body = _Body(program, by_value)
    steps = needed(program, roots)
    sums = folds([step for step in steps if step.op.startswith("segment:")])
    before: list[str] = []
    inside = _element_lines(body, steps, roots, before)
    inside += [line for fold in sums for line in fold.add(_reader(body, inside))]
    accumulators = sum(len(fold.names) for fold in sums)
    after = _after(body, steps, roots, sums, sizes) if sums or _on_lists(steps) else ""
    start = [line for fold in sums for line in fold.start()]
    loop = _LISTS.format(
        before=_lines([*start, *before], 8), elements=_lines(inside, 12), after=after, **sizes
    )
    head = "\n".join([_LISTS_HEAD.format(**sizes), *_shared(sums, sizes["threads"])])
    given = [Parameter("tiles", INDEX, True), Parameter("offsets", program.offsets.dtype, True)]
    return Text(*body.text(given, head, _without_blanks(loop)), accumulators)


def _on_lists(steps: Iterable[Instruction]) -> bool:
    return any(step.level == 1 for step in steps)


def _reader(body: _Body, lines: list[str]) -> Any:
    return lambda number: body.read(number, _Places.element, lines)


def _shared(sums: Iterable[Fold], threads: int) -> list[str]:
    names = [name for fold in sums for name in fold.names]
    return [f"s{name} = cuda.shared.array({threads}, float64)" for name in names]


def _after(
    body: _Body,
    steps: Sequence[Instruction],
    roots: Collection[int],
    sums: Sequence[Fold],
    sizes: dict[str, int],
) -> str:
    """What is done when the elements of a list are through: its sums, and what is made of them."""
    kept = [f"s{name}[t] = {name}" for fold in sums for name in fold.names]
    join = [line for fold in sums for line in fold.join()]
    finish: list[str] = []
    body.forget()
    for fold in sums:
        for number, expression in fold.results().items():
            finish.append(body.made(number, expression))
            if number in roots:
                finish.append(f"{body.pointer(number)}[i] = v{number}")
    for step in steps:
        if step.level == 1 and not step.op.startswith("segment:"):
            finish += _of_list(body, step, roots)
    tree = _TREE.format(
        join=_lines(join or ["pass"], 16), finish=_lines(finish or ["pass"], 16), **sizes
    )
    return "\n".join([_lines(kept, 8), tree])


def _of_list(body: _Body, step: Instruction, roots: Collection[int]) -> list[str]:
    lines: list[str] = []
    if step.op == "take":
        expression = _taken(body, step, body.read(step.arguments[1], "i", lines))
    else:
        expression = _applied(body, step, [body.read(one, "i", lines) for one in step.arguments])
    lines.append(body.made(step.result, expression))
    if step.result in roots:
        lines.append(f"{body.pointer(step.result)}[i] = v{step.result}")
    return lines


def _lines(lines: Sequence[str], depth: int) -> str:
    return indent("\n".join(lines), " " * depth)


def _without_blanks(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if line.strip())


# -- columns --------------------------------------------------------------------------------------

# A block owns some columns in a band of rows: threads stand side by side in a row, as many rows at
# a time as fit.  Each band gives a sum for each column, and a second kernel adds those up.

_COLUMNS = """\
t = cuda.threadIdx.x
band = cuda.blockIdx.x // across
column = cuda.blockIdx.x % across * columns + t % columns
lane = t // columns
lanes = {threads} // columns
{start}
if lane < lanes and column < width:
    for i in range(band * height + lane, min((band + 1) * height, rows), lanes):
        start = i * width
        p = start + column
{elements}
{kept}
cuda.syncthreads()
if lane == 0 and column < width:
{finish}"""

_COLUMN_SIZES = ("rows", "width", "columns", "across", "height")


def columns(
    program: Program, by_value: Collection[int], roots: Sequence[int], sizes: dict[str, int]
) -> Text:
    """A kernel that adds up rows, for operands of columns: a sum for each band and column."""
    body = _Body(program, by_value)
    steps = needed(program, roots)
    before: list[str] = []
    inside = _element_lines(body, steps, (), before)
    start, kept, finish, partials = [], [], [], []
    for step in steps:
        if step.op == "columns":
            name = f"a{step.result}"
            inside.append(f"{name} += {body.read(step.arguments[0], 'p', inside)}")
            start.append(f"{name} = 0.0")
            kept.append(f"s{name}[t] = {name}")
            finish += [
                f"{name} = 0.0",
                "for k in range(lanes):",
                f"    {name} += s{name}[k * columns + t]",
                f"q{step.result}[band * width + column] = {name}",
            ]
            partials.append(Parameter(f"q{step.result}", SUM, True))
    text = _COLUMNS.format(
        start="\n".join(start),
        elements=_lines([*before, *inside], 8),
        kept="\n".join(kept),
        finish=_lines(finish, 4),
        **sizes,
    )
    shared = [
        f"s{line.split()[0]} = cuda.shared.array({sizes['threads']}, float64)" for line in start
    ]
    given = [*(Parameter(name, INDEX, False) for name in _COLUMN_SIZES), *partials]
    results = tuple(step.result for step in steps if step.op == "columns")
    return Text(*body.text(given, "\n".join(shared), text), len(partials), results)


_BANDS = """\
def kernel(bands, width, lanes, q, o):
    s = cuda.shared.array({threads}, float64)
    t = cuda.threadIdx.x
    lane = t % lanes
    column = cuda.blockIdx.x * ({threads} // lanes) + t // lanes
    a = 0.0
    if column < width:
        for b in range(lane, bands, lanes):
            a += q[b * width + column]
    s[t] = a
    cuda.syncthreads()
    half = lanes // 2
    while half > 0:
        if lane < half:
            s[t] += s[t + half]
        cuda.syncthreads()
        half //= 2
    if lane == 0 and column < width:
        o[column] = {dtype}(s[t])"""


def bands(dtype: np.dtype[Any], threads: int) -> Text:
    """A kernel that adds up the sums of bands."""
    numbers = [Parameter(name, INDEX, False) for name in ("bands", "width", "lanes")]
    buffers = [Parameter("q", SUM, True), Parameter("o", dtype, True)]
    return Text(_BANDS.format(threads=threads, dtype=dtype.name), (*numbers, *buffers), 1)
