"""A picture of what runs: ``draw`` shows operations of a function and its derivative by passes."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dualak.engine.plan import Plan
from dualak.engine.schedule import Pass, passes, stored
from dualak.executors import Extent
from dualak.graph.nodes import Node
from dualak.graph.substitute import dependents
from dualak.tracing.arguments import NotAlike
from dualak.tracing.compile import Unrecordable, record, taken_apart

LETTER, HEIGHT, GAP, LINE, MARGIN = 7.2, 24.0, 14.0, 44.0, 16.0
#: Fill and border of inputs, of values, and of what depends on tangents.
INPUT, VALUE, TANGENT = ("#f2f2f2", "#8c8c8c"), ("#dbe9f9", "#3b78b8"), ("#fbe3d6", "#c4622d")


def draw(func: Callable[..., Any], *args: Any) -> Drawing:
    """A picture of the operations that ``dualak.jvp(func, args, t)`` runs, and of its passes.

    Operations of one frame are *fused*: one sweep over the buffers computes them all, block by
    block, and only what another frame reads, or the result, is written to memory.

    Args:
        func: a function as for ``dualak.compile``.
        args: its arguments.  All their floating-point numbers are differentiated.

    Returns:
        A ``Drawing``: a notebook shows it, ``print`` lists it, ``save(path)`` writes it as SVG.

    Raises:
        ValueError: for a function or arguments that cannot be recorded.

    >>> import awkward as ak, numpy as np
    >>> x = ak.Array([[3.0, 4.0], [], [5.0]])
    >>> print(draw(lambda x: np.sqrt(ak.sum(x**2, axis=1)), x))
    pass 1, over 3 numbers and their lists
      a = multiply(x1, x1)
      b = segment:sum(a)                   for each list
      c = sqrt(b)                          for each list, value of the result
      d = divide(0.5, c)                   for each list
      e = multiply(2.0, x1)
      f = scale(e, t1)
      g = segment:sum(f)                   for each list
      h = scale(d, g)                      for each list, tangent of the result
    """
    try:
        points, given = taken_apart(args, None)
        given.tangents[:] = [np.ones_like(buffer) for buffer in given.numbers]
        recorded = record(func, points, given, False, None)
    except (NotAlike, Unrecordable) as reason:
        raise ValueError(f"expected a function that can be recorded, but {reason}") from None
    return Drawing(recorded.plan, len(given.numbers), len(recorded.seen))


class Drawing:
    """Operations by passes, as ``dualak.draw`` gives them.

    Attributes:
        passes: how many sweeps over the buffers there are.
        operations: how many operations there are in them.
    """

    def __init__(self, plan: Plan, numbers: int, looks: int = 0) -> None:
        self._order = passes(plan.roots)
        self._looks = set(plan.roots[len(plan.roots) - looks :])
        self._results = set(plan.roots) - self._looks
        self._stored = stored(self._order, plan.roots)
        self._moving = {*plan.inputs[numbers:], *dependents(plan.roots, plan.inputs[numbers:])}
        self._inputs = _named(plan.inputs, numbers)
        self.passes = len(self._order)
        self.operations = sum(len(sweep.steps) for sweep in self._order)

    def __repr__(self) -> str:
        return (
            f"<Drawing of {_count(self.operations, 'operation')} in {_count(self.passes, 'pass')}>"
        )

    def __str__(self) -> str:
        names = dict(self._inputs) | dict(zip(self._nodes(), _letters(), strict=False))
        lines = []
        for number, sweep in enumerate(self._order, 1):
            lines.append(f"pass {number}, {_extent_of(sweep)}")
            lines += [self._line(step.node, step.extent, names) for step in sweep.steps]
        return "\n".join(lines)

    def _repr_svg_(self) -> str:
        return "\n".join(_svg(self._frames()))

    def save(self, path: str | Path) -> None:
        """Writes the picture as SVG."""
        Path(path).write_text(self._repr_svg_(), encoding="utf-8")

    def _nodes(self) -> Iterator[Node]:
        return (step.node for sweep in self._order for step in sweep.steps)

    def _line(self, node: Node, extent: Extent, names: dict[Node, str]) -> str:
        shown = [names.get(arg) or _constant(arg) for arg in node.args]
        call = f"  {names[node]} = {node.op}({', '.join(filter(None, shown))})"
        said = ["for each list"] if extent != Extent.ELEMENTS else []
        if node in self._results:
            said.append("tangent of the result" if node in self._moving else "value of the result")
        elif node in self._looks:
            said.append("the function looks at it")
        elif node in self._stored:
            said.append("written")
        return f"{call:38} {', '.join(said)}".rstrip()

    # -- the picture --

    def _frames(self) -> list[_Frame]:
        drawn: dict[Node, _Box] = {}
        used = {arg for node in self._nodes() for arg in node.args} | self._results
        inputs = [node for node in self._inputs if node in used]
        frames = [_Frame("", [[self._box(node, self._inputs[node], drawn) for node in inputs]])]
        for number, sweep in enumerate(self._order, 1):
            rows: dict[int, list[_Box]] = {}
            depth: dict[Node, int] = {}
            for step in sweep.steps:
                depth[step.node] = 1 + max(
                    (depth.get(arg, -1) for arg in step.node.args), default=-1
                )
                box = self._box(step.node, _label(step.node), drawn, step.extent != Extent.ELEMENTS)
                rows.setdefault(depth[step.node], []).append(box)
            frames.append(_Frame(f"pass {number}, {_extent_of(sweep)}", list(rows.values())))
        return frames

    def _box(self, node: Node, label: str, drawn: dict[Node, _Box], of_lists: bool = False) -> _Box:
        fill, border = TANGENT if node in self._moving else VALUE
        if node in self._inputs:
            fill = INPUT[0]
        box = _Box(label, fill, border, of_lists, node in self._results)
        box.args = [drawn[arg] for arg in node.args if arg in drawn]
        drawn[node] = box
        return box


def _named(inputs: Sequence[Node], numbers: int) -> dict[Node, str]:
    """The inputs as x1, x2 and their tangents as t1, t2."""
    return {
        node: f"x{at + 1}" if at < numbers else f"t{at - numbers + 1}"
        for at, node in enumerate(inputs)
    }


def _letters() -> Iterator[str]:
    """a to z, aa, ab and so on."""
    for first in ("", *map(chr, range(97, 123))):
        yield from (first + chr(letter) for letter in range(97, 123))


def _extent_of(sweep: Pass) -> str:
    if sweep.call is not None:
        return "a call of a function outside"
    lists = " and their lists" if sweep.offsets else ""
    return f"over {_count(sweep.length, 'number')}{lists}"


def _count(number: int, of: str) -> str:
    return f"{number:,} {of}{'' if number == 1 else 'es' if of.endswith('s') else 's'}"


def _constant(node: Node) -> str:
    return f"{node.value!r}" if node.op == "constant" else ""


def _label(node: Node) -> str:
    return " ".join([node.op.replace("segment:", ""), *filter(None, map(_constant, node.args))])


# -- boxes and lines ------------------------------------------------------------------------------


@dataclass(eq=False)
class _Box:
    """An operation: where it stands, and the boxes that it reads."""

    label: str
    fill: str
    border: str
    of_lists: bool
    is_result: bool
    args: list[_Box] = field(default_factory=list)
    x: float = 0.0
    y: float = 0.0

    @property
    def width(self) -> float:
        return LETTER * len(self.label) + 18

    def centre(self) -> float:
        """Where it would stand best: between what it reads."""
        return sum(box.x for box in self.args) / len(self.args) if self.args else 0.0


@dataclass(eq=False)
class _Frame:
    """A pass: rows of boxes, of which each reads rows above."""

    title: str
    rows: list[list[_Box]]

    @property
    def width(self) -> float:
        rows = (sum(box.width + GAP for box in row) for row in self.rows)
        return max(max(rows, default=0.0), LETTER * len(self.title))

    @property
    def height(self) -> float:
        return len(self.rows) * LINE + (26 if self.title else 0)

    def place(self, top: float, middle: float) -> None:
        """Gives each box its place."""
        y = top + (42 if self.title else 16)
        for row in self.rows:
            row.sort(key=_Box.centre)
            x = middle - sum(box.width + GAP for box in row) / 2
            for box in row:
                box.x, box.y = x + (box.width + GAP) / 2, y
                x += box.width + GAP
            y += LINE


def _svg(frames: Sequence[_Frame]) -> Iterator[str]:
    width = max(frame.width for frame in frames) + 4 * MARGIN
    height = sum(frame.height + MARGIN for frame in frames) + MARGIN
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img" '
        'font-family="ui-monospace, monospace" font-size="12">'
    )
    yield f'<rect width="{width:.0f}" height="{height:.0f}" fill="white" rx="8"/>'
    top = MARGIN
    for frame in frames:
        frame.place(top, width / 2)
        if frame.title:
            yield from _frame(frame, top, width)
        top += frame.height + MARGIN
    boxes = [box for frame in frames for row in frame.rows for box in row]
    yield from (line for box in boxes for line in _lines(box))
    yield from (line for box in boxes for line in _shape(box))
    yield "</svg>"


def _frame(frame: _Frame, top: float, width: float) -> Iterator[str]:
    yield (
        f'<rect x="{MARGIN}" y="{top:.0f}" width="{width - 2 * MARGIN:.0f}" '
        f'height="{frame.height:.0f}" rx="6" fill="none" stroke="#bbbbbb"/>'
    )
    yield f'<text x="{MARGIN + 10}" y="{top + 16:.0f}" fill="#666666">{frame.title}</text>'


def _lines(box: _Box) -> Iterable[str]:
    for arg in box.args:
        start, end = arg.y + HEIGHT / 2, box.y - HEIGHT / 2
        bend = (start + end) / 2
        yield (
            f'<path d="M{arg.x:.0f},{start:.0f} C{arg.x:.0f},{bend:.0f} {box.x:.0f},{bend:.0f} '
            f'{box.x:.0f},{end:.0f}" fill="none" stroke="{arg.border}" opacity="0.6"/>'
        )


def _shape(box: _Box) -> Iterator[str]:
    x, y = box.x - box.width / 2, box.y - HEIGHT / 2
    dashes = ' stroke-dasharray="4 2"' if box.of_lists else ""
    thick = 3 if box.is_result else 1
    yield (
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{box.width:.0f}" height="{HEIGHT:.0f}" rx="5" '
        f'fill="{box.fill}" stroke="{box.border}" stroke-width="{thick}"{dashes}/>'
    )
    yield (
        f'<text x="{box.x:.0f}" y="{box.y + 4:.0f}" text-anchor="middle" fill="#222222">'
        f"{html.escape(box.label)}</text>"
    )
