"""Functions that are recorded once and then run as kernels alone: ``compile``.

A recording runs the function on examples.  What is computed from them makes a plan; whatever the
function looked at, such as a mask, is computed again in each replay and has to be what it was.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import awkward as ak
import numpy as np

from dualak.ad.dual import Level, Number, dual_or_value, primal, tangents_at, value_at
from dualak.arrays.backends import entered, placed
from dualak.arrays.columns import lazy_node, number_of, plain, reading, refilled
from dualak.arrays.context import current_graph, graph_in_use
from dualak.arrays.highlevel import contains_duals, deep, is_scalar, layout_of, own_behavior
from dualak.arrays.layouts import Content, is_dual, rebuilt
from dualak.device import Buffer, equal, on_device, to_host
from dualak.engine.plan import Plan
from dualak.engine.signature import require_equal, signature
from dualak.graph.graph import Graph
from dualak.graph.nodes import Node
from dualak.graph.substitute import substituted
from dualak.seeding.extract import extract_values, is_rectangular
from dualak.seeding.fill import filled
from dualak.seeding.split import constant_tangent
from dualak.tracing.arguments import Flat, NotAlike, flat
from dualak.transforms.arguments import arguments_of
from dualak.transforms.jvp import jvp, require_count
from dualak.transforms.running import only_numpy, running


@dataclass(frozen=True)
class Statistics:
    """How often a compiled function did what.

    Attributes:
        recorded: times the function itself ran to be recorded.
        replayed: calls that ran kernels alone.
        refused: recordings that did not fit because the function looked at other values.
        plain: calls that ran the function without recording it.
    """

    recorded: int = 0
    replayed: int = 0
    refused: int = 0
    plain: int = 0


def compile(
    func: Callable[..., Any],
    *,
    cache_size: int = 8,
    check: bool = True,
    device: str | None = None,
) -> Compiled:
    """A function that is recorded when it is first called, and afterwards only its kernels run.

    A call whose arguments have the structure of a recorded one (equal lists, missing values and
    integers; other floating-point numbers) runs neither ``func`` nor Awkward.  What ``func`` looked
    at to shape its result, such as a mask, is computed again and compared; if it has changed, the
    function is recorded anew.  So a result is never stale, unless ``func`` depends on something
    that is neither an argument nor constant.  A function whose structure depends on floating-point
    numbers themselves, as with a sort, runs as if it were not compiled.

    Args:
        func: a function as for ``dualak.jvp``, whose result depends on its arguments alone.
        cache_size: how many recordings to keep; the ones used longest ago are dropped.
        check: whether to record twice at first, and to compare, so that a function that is not
            deterministic is found.
        device: where to compute, as for ``dualak.jvp``.

    Returns:
        A function of the same arguments, with a method ``jvp(x, t)`` that gives what
        ``dualak.jvp(func, x, t)`` gives, and with ``statistics`` of what it did.

    Raises:
        ValueError: when called, if two recordings of ``func`` differ; for a cache_size below one.

    >>> import awkward as ak, numpy as np
    >>> norm = compile(lambda x: np.sqrt(ak.sum(x**2, axis=1)))
    >>> norm(ak.Array([[3.0, 4.0], [], [5.0]])).to_list()
    [5.0, 0.0, 5.0]
    >>> norm(ak.Array([[6.0, 8.0], [], [1.0]])).to_list()
    [10.0, 0.0, 1.0]
    >>> norm.statistics.replayed
    1
    """
    require_count(cache_size, "cache_size", "recording")
    return Compiled(func, cache_size, check, device)


class Compiled:
    """What ``compile`` gives."""

    def __init__(
        self, func: Callable[..., Any], cache_size: int, check: bool, device: str | None = None
    ) -> None:
        functools.update_wrapper(self, func)
        self._func, self._size, self._check = func, cache_size, check
        self._device = device
        self._recordings: list[_CompiledCall] = []
        self._lock = threading.Lock()
        self._statistics = Statistics()

    @property
    def statistics(self) -> Statistics:
        """How often the function was recorded and replayed so far."""
        return self._statistics

    def clear(self) -> None:
        """Forgets all recordings."""
        with self._lock:
            self._recordings.clear()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The value of the function."""
        inside = current_graph.get() is not None or contains_duals(args)
        if inside or kwargs:
            return self._func(*args, **kwargs)
        found = self._run(args, None)
        return self._func(*args) if found is None else found[0]

    def jvp(self, x: Any, t: Any) -> Any:
        """The value and its tangent: what ``dualak.jvp`` gives."""
        inside = current_graph.get() is not None or contains_duals(x) or contains_duals(t)
        if not inside and (t is None or isinstance(x, tuple) == isinstance(t, tuple)):
            alone = not isinstance(x, tuple)
            found = self._run(arguments_of(x), (t,) if alone and t is not None else t, True)
            if found is not None:
                return found
        return jvp(self._func, x, t, device=self._device)

    def _run(self, points: tuple[Any, ...], t: Any, tangents: bool = False) -> Any:
        """Value and tangent, or None if the function has to run without being recorded."""
        try:
            given = flat(points, t)
        except NotAlike:
            return self._count(plain=1)
        if not given.numbers:
            return self._count(plain=1)
        numpy = only_numpy(points)
        for recording in self._fitting(given, numpy):
            found = recording.replay(given, tangents)
            if found is not None:
                self._use(recording)
                self._count(replayed=1)
                return found
            self._count(refused=1)
        recording = _record(self._func, points, given, self._device)
        self._count(recorded=1)
        if self._check:
            recording.require_equal(_record(self._func, points, given, self._device))
        if recording.looks_at_floats:
            return self._count(plain=1)
        self._use(recording)
        return recording.replay(given, tangents)

    def _fitting(self, given: Flat, numpy: bool) -> list[_CompiledCall]:
        with self._lock:
            known = list(self._recordings)
        return [one for one in known if one.numpy == numpy and one.given.fits(given)]

    def _use(self, recording: _CompiledCall) -> None:
        """Puts a recording first."""
        with self._lock:
            others = [one for one in self._recordings if one is not recording]
            self._recordings = [recording, *others][: self._size]

    def _count(self, **more: int) -> None:
        with self._lock:
            known = self._statistics
            self._statistics = replace(
                known, **{name: getattr(known, name) + one for name, one in more.items()}
            )


# -- recordings -----------------------------------------------------------------------------------


@dataclass
class _CompiledCall:
    """A function recorded: the plan of its numbers, and the tree that they fill.

    ``given`` are arguments without their numbers, ``seen`` is what the function looked at.
    """

    given: Flat
    numpy: bool
    plan: Plan
    result: Any
    seen: list[Buffer]
    signature: list[Any]
    looks_at_floats: bool
    name: str
    graph: Graph

    def replay(self, given: Flat, tangents: bool) -> Any:
        """The result for other numbers; None if the function would have seen other values."""
        buffers = [*given.numbers, *(one for one in given.tangents if one is not None)]
        found = self.plan.run(buffers)
        count = len(found) - len(self.seen)
        if not all(map(equal, found[count:], self.seen)):
            return None
        value = self._filled(found, 0)
        return value, self._filled(found, 1) if tangents else None

    def _filled(self, found: Sequence[Buffer], half: int) -> Any:
        """The tree of the result with numbers: the values (half 0) or the tangents (half 1)."""
        if self.graph.home == "cuda":
            there = partial(_filled_on_device, found=found, half=half, graph=self.graph)
            return deep(there, self.result)
        found = list(map(to_host, found))
        return deep(lambda one: _filled(one, found, half, self.numpy), self.result)

    def require_equal(self, other: _CompiledCall) -> None:
        """Refuses a function that is not deterministic.

        Raises:
            ValueError: if another recording of it with the same arguments is not the same.
        """
        require_equal(self.signature, other.signature, self.name)


def _record(
    func: Callable[..., Any], points: tuple[Any, ...], given: Flat, device: str | None
) -> _CompiledCall:
    with running(1, points, device) as level, reading():
        graph = graph_in_use()
        values = [graph.variable(one.copy()) for one in given.numbers]
        tangents = [None if one is None else graph.variable(one.copy()) for one in given.tangents]
        numbers = [
            dual_or_value(level, value, [tangent])
            for value, tangent in zip(values, tangents, strict=True)
        ]
        arguments = filled(points, iter(numbers), lambda leaf: leaf)
        result = deep(entered, func(*arguments))
        seen = list(dict.fromkeys(graph.observed))
        extract_values(result, level)  # refuses what is no result
        roots: list[Node] = []
        template = deep(lambda one: _template(one, level, roots), result)
        variables = [*values, *(one for one in tangents if one is not None)]
        inputs = [graph.input(one.dtype, one.length) for one in variables]
        made = substituted([*roots, *seen], dict(zip(variables, inputs, strict=True)))
        return _CompiledCall(
            given=_without_numbers(given),
            numpy=only_numpy(points),
            plan=Plan(made, inputs),
            result=template,
            seen=[node.data for node in seen],  # type: ignore[misc]
            signature=signature(made, inputs),
            looks_at_floats=any(node.dtype.kind == "f" for node in seen),
            name=getattr(func, "__name__", "the function"),
            graph=graph,
        )


def _without_numbers(given: Flat) -> Flat:
    """The structure, with no bytes of the numbers."""

    def nothing(one: Any) -> Any:
        return None if one is None else np.broadcast_to(np.zeros((), one.dtype), one.shape)

    return Flat(
        given.structure, list(map(nothing, given.numbers)), list(map(nothing, given.tangents))
    )


# -- results --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Leaf:
    """Where the numbers of a leaf are among the roots: values and tangents; None is zero."""

    value: int
    tangent: int | None
    lazy: bool = False


@dataclass(frozen=True)
class _Template:
    """An array or a scalar without its numbers."""

    layout: Content
    leaves: list[_Leaf | None]
    behavior: Any
    attrs: Any
    at: int | None = None
    scalar: bool = False


def _template(one: Any, level: Level, roots: list[Node]) -> Any:
    if not isinstance(one, (ak.Array, ak.Record)):
        return one
    leaves: list[_Leaf | None] = []

    def root(number: Number) -> int:
        roots.append(primal(number))
        return len(roots) - 1

    def leaf(layout: Content) -> Content:
        node = lazy_node(layout)
        if is_dual(layout):
            number = number_of(layout)
            tangent = tangents_at(number, level)[0]
            place = None if tangent is None else root(tangent)
            leaves.append(_Leaf(root(value_at(number, level)), place))
            return _placeholder(number.dtype, layout.length)
        if node is not None and node.varies:
            leaves.append(_Leaf(root(node), None, lazy=True))
            return _placeholder(node.dtype, layout.length)
        leaves.append(None)
        return layout

    layout = refilled(layout_of(one), leaf)
    at = one.layout.at if isinstance(one, ak.Record) else None
    return _Template(layout, leaves, own_behavior(one.behavior), one.attrs, at, is_scalar(one))


def _placeholder(dtype: Any, length: int) -> Content:
    return ak.contents.NumpyArray(np.broadcast_to(np.zeros((), dtype), (length,)))


def _filled_on_device(one: Any, found: Sequence[Buffer], half: int, graph: Graph) -> Any:
    """A template with numbers of a device, in place."""
    if isinstance(one, _Template) and one.scalar:
        found = list(map(to_host, found))
    nodes = {id(buffer): graph.buffer(buffer) for buffer in found if on_device(buffer)}

    def leaf(buffer: Buffer, length: int) -> Content:
        node = nodes.get(id(buffer))
        return ak.contents.NumpyArray(buffer) if node is None else plain(node, length)

    return placed(_filled(one, found, half, False, leaf), graph.memory)


def _filled(
    one: Any,
    found: Sequence[Buffer],
    half: int,
    to_numpy: bool,
    leaf_of: Callable[[Buffer, int], Content] | None = None,
) -> Any:
    """A template with numbers: the values (half 0) or the tangents (half 1)."""
    if not isinstance(one, _Template):
        if half == 0 or one is None:
            return one
        return np.zeros_like(one) if isinstance(one, np.ndarray) else type(one)(0)
    leaves = iter(one.leaves)

    def leaf(layout: Content) -> Content:
        place = next(leaves)
        if place is None:
            return layout if half == 0 else constant_tangent(layout)
        at = place.value if half == 0 else place.tangent
        if at is None:
            return ak.contents.NumpyArray(np.zeros(layout.length, layout.data.dtype))
        if leaf_of is not None:
            return leaf_of(found[at], layout.length)
        return ak.contents.NumpyArray(found[at])

    layout = rebuilt(one.layout, leaf)
    if one.scalar:
        return np.asarray(layout.data)[one.at]
    array = ak.Array(layout, behavior=one.behavior, attrs=one.attrs)
    if one.at is not None:
        return array[one.at]
    return ak.to_numpy(array) if to_numpy and is_rectangular(layout) else array
