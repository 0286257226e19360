"""Functions that are recorded once and then run as kernels alone: ``compile``.

A recording runs the function on examples.  What is computed from them makes a plan; whatever the
function looked at, such as a mask, is computed again in each replay and has to be what it was.
"""

from __future__ import annotations

import functools
import html
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Generic, ParamSpec, TypeVar

import awkward as ak

from dualak.ad.dual import Level, Number
from dualak.ad.recording import line_of
from dualak.arrays.backends import entered
from dualak.arrays.columns import reading
from dualak.arrays.context import current_graph, graph_in_use
from dualak.arrays.highlevel import contains_duals
from dualak.arrays.ndarrays import collected
from dualak.device import Buffer, equal, read_only
from dualak.engine.plan import Plan
from dualak.engine.signature import require_equal, signature
from dualak.graph.graph import Graph
from dualak.graph.nodes import Node
from dualak.graph.substitute import substituted
from dualak.pytree import tree_map
from dualak.seeding.extract import extract_values
from dualak.seeding.match import Inputs
from dualak.seeding.seed import seed
from dualak.tracing.arguments import Flat, NotAlike, flat
from dualak.tracing.results import Result, looked_up, result_of
from dualak.transforms.arguments import arguments_of, require_function
from dualak.transforms.jvp import Directions, jvp, require_count
from dualak.transforms.running import running

P = ParamSpec("P")
R = TypeVar("R")


class ReplayWarning(UserWarning):
    """A function given to ``compile`` cannot be replayed, and runs as if it were not compiled."""


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
    func: Callable[P, R],
    *,
    cache_size: int = 8,
    check: bool = True,
    device: str | None = None,
) -> Compiled[P, R]:
    """A function that is recorded when it is first called, and afterwards only its kernels run.

    A call whose arguments have the structure of a recorded one (equal lists, missing values and
    integers; other floating-point numbers) runs neither ``func`` nor Awkward.  What ``func`` looked
    at to shape its result, such as a mask, is computed again and compared; if it has changed, the
    function is recorded anew.  So a result is never stale, unless ``func`` depends on something
    that is neither an argument nor constant.  Derivatives are functions like any others:
    ``compile(grad(loss))`` is recorded once, too.

    A function that cannot be replayed, as one whose structure depends on floating-point numbers
    themselves, runs as if it were not compiled; a ``ReplayWarning`` says once in which line, and
    why.

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
    require_function(func, "compile(func)")
    require_count(cache_size, "cache_size", "recording")
    return Compiled(func, cache_size, check, device)


class Compiled(Generic[P, R]):
    """What ``compile`` gives."""

    def __init__(
        self, func: Callable[P, R], cache_size: int, check: bool, device: str | None = None
    ) -> None:
        functools.update_wrapper(self, func)
        self._func, self._size, self._check = func, cache_size, check
        self._device = device
        self._recordings: list[_CompiledCall | _Plain] = []
        self._lock = threading.Lock()
        self._counts = asdict(Statistics())
        self._warned = False

    def __repr__(self) -> str:
        did = ", ".join(
            f"{name} {times}" for name, times in asdict(self.statistics).items() if times
        )
        return f"<dualak.compile of {_name(self._func)!r}: {did or 'not called yet'}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: how often the function did what."""
        counts = asdict(self.statistics)
        heads = "".join(f"<th>{name}</th>" for name in counts)
        cells = "".join(f"<td>{times}</td>" for times in counts.values())
        name = html.escape(_name(self._func))
        return (
            f"<table><caption>dualak.compile of <code>{name}</code></caption>"
            f"<tr>{heads}</tr><tr>{cells}</tr></table>"
        )

    @property
    def statistics(self) -> Statistics:
        """How often the function was recorded and replayed so far."""
        return Statistics(**self._counts)

    def clear(self) -> None:
        """Forgets all recordings."""
        with self._lock:
            self._recordings.clear()

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The value of the function."""
        if current_graph.get() is not None or contains_duals((args, kwargs)):
            return self._func(*args, **kwargs)
        found = self._run((args, kwargs) if kwargs else args, None, False, bool(kwargs))
        if not isinstance(found, _Plain):
            return found[0]
        value = self._func(*args, **kwargs)
        self._ran(found)
        return value

    def jvp(self, x: Any, t: Any) -> Any:
        """The value and its tangent: what ``dualak.jvp`` gives."""
        if isinstance(t, Directions) and len(t):
            pairs = [self.jvp(x, tangent) for tangent in t]
            return pairs[0][0], [dy for _, dy in pairs]
        inside = current_graph.get() is not None or contains_duals((x, t))
        found: Any = _Plain()
        if not inside and (t is None or isinstance(x, tuple) == isinstance(t, tuple)):
            alone = not isinstance(x, tuple)
            found = self._run(arguments_of(x), (t,) if alone and t is not None else t, True)
            if not isinstance(found, _Plain):
                return found
        pair = jvp(self._func, x, t, device=self._device)
        self._ran(found)
        return pair

    def _run(
        self, points: tuple[Any, ...], t: Any, tangents: bool, keywords: bool = False
    ) -> tuple[Any, Any] | _Plain:
        """Value and tangent; a ``_Plain`` if the function has to run without being recorded."""
        try:
            points, given = taken_apart(points, t)
        except NotAlike as reason:
            self._count(plain=1)
            return _Plain(f"it got {reason}")
        if not given.numbers:
            self._count(plain=1)
            return _Plain()
        for known in self._fitting(given, keywords):
            found = known.replay(given, tangents)
            if found is not None:
                self._use(known)
                self._count(**{"plain" if isinstance(known, _Plain) else "replayed": 1})
                return found
            self._count(refused=1)
        made = self._recorded(points, given, keywords)
        self._count(recorded=1, plain=int(isinstance(made, _Plain)))
        if not isinstance(made, _Plain):
            self._use(made)
        return made.replay(given, tangents) or _Plain()

    def _recorded(
        self, points: tuple[Any, ...], given: Flat, keywords: bool
    ) -> _CompiledCall | _Plain:
        func = _of_keywords(self._func) if keywords else self._func
        try:
            recording = record(func, points, given, keywords, self._device)
            if self._check:
                recording.require_equal(record(func, points, given, keywords, self._device))
        except Unrecordable as reason:
            return _Plain(str(reason), given.without_numbers(), keywords)
        return recording

    def _ran(self, plainly: _Plain) -> None:
        """Remembers that the function had to run as if it were not compiled, and says so once."""
        if plainly.given.numbers:
            self._use(plainly)
        if plainly.why and not self._warned:
            self._warned = True
            message = f"{_name(self._func)} runs as if it were not compiled, since {plainly.why}"
            warnings.warn(message, ReplayWarning, stacklevel=3)

    def _fitting(self, given: Flat, keywords: bool) -> list[_CompiledCall | _Plain]:
        with self._lock:
            known = list(self._recordings)
        return [each for each in known if each.keywords == keywords and each.given.fits(given)]

    def _use(self, recording: _CompiledCall | _Plain) -> None:
        """Puts a recording first."""
        with self._lock:
            others = [each for each in self._recordings if each is not recording]
            self._recordings = [recording, *others][: self._size]

    def _count(self, **more: int) -> None:
        with self._lock:
            for name, times in more.items():
                self._counts[name] += times


def taken_apart(points: tuple[Any, ...], t: Any) -> tuple[tuple[Any, ...], Flat]:
    """The arguments and what they are made of; packed where a tangent lies otherwise in memory.

    Raises:
        NotAlike: if that does not help.
    """
    try:
        return points, flat(points, t)
    except NotAlike:
        if t is None:
            raise
    points = tree_map(_packed, points)
    return points, flat(points, tree_map(_packed, t))


def _packed(result: Any) -> Any:
    return ak.to_packed(result) if isinstance(result, ak.Array) else result


def _name(func: Callable[..., Any]) -> str:
    return getattr(func, "__name__", "the function")


def _of_keywords(func: Callable[..., Any]) -> Callable[..., Any]:
    """The function, of a tuple and a dict of arguments."""

    @functools.wraps(func)
    def called(args: Any, kwargs: Any) -> Any:
        return func(*args, **kwargs)

    return called


# -- recordings -----------------------------------------------------------------------------------


class Unrecordable(Exception):
    """A function cannot be replayed; says why."""


@dataclass(eq=False)
class _Plain:
    """Stands for a recording where there is none: why, and for which arguments."""

    why: str = ""
    given: Flat = field(default_factory=Flat)
    keywords: bool = False

    def replay(self, given: Flat, tangents: bool) -> _Plain:
        return self


@dataclass(eq=False)
class _CompiledCall:
    """A function recorded: the plan of its numbers, and the tree that they fill.

    ``given`` are arguments without their numbers, ``seen`` is what the function looked at.
    """

    given: Flat
    keywords: bool
    plan: Plan
    result: Result
    seen: list[Buffer]
    signature: list[Any]
    name: str

    def replay(self, given: Flat, tangents: bool) -> tuple[Any, Any] | None:
        """The result for other numbers; None if the function would have seen other values."""
        buffers = [*given.numbers, *(tangent for tangent in given.tangents if tangent is not None)]
        found = _apart(self.plan.run(buffers), buffers)
        count = len(found) - len(self.seen)
        if not all(map(equal, found[count:], self.seen)):
            return None
        return self.result.value(found), self.result.tangent(found) if tangents else None

    def require_equal(self, other: _CompiledCall) -> None:
        """Refuses a function that is not deterministic.

        Raises:
            ValueError: if another recording of it with the same arguments is not the same.
        """
        require_equal(self.signature, other.signature, self.name)


def _apart(found: Sequence[Buffer], given: Sequence[Buffer]) -> list[Buffer]:
    """Buffers of which none changes when another is written to: those given are read-only."""
    inputs, known, apart = {id(buffer) for buffer in given}, set(), []
    for buffer in found:
        own = buffer.copy() if id(buffer) in known else buffer
        known.add(id(buffer))
        apart.append(read_only(buffer) if id(buffer) in inputs else own)
    return apart


def record(
    func: Callable[..., Any],
    points: tuple[Any, ...],
    given: Flat,
    keywords: bool,
    device: str | None,
) -> _CompiledCall:
    """Runs a function on examples.

    Raises:
        Unrecordable: if it looks at floating-point numbers, or fails.
        TypeError: for a result that is not made of arrays and numbers.
    """
    with running(1, points, device) as level, reading():
        graph = graph_in_use()
        examples = _Examples(graph, given)
        arguments = examples.seeded(points, level)
        with _recordable(graph):
            result = tree_map(lambda leaf: looked_up(collected(entered(leaf))), func(*arguments))
        seen = list(dict.fromkeys(graph.observed))
        extracted = extract_values(result, level)
        with _recordable(graph):
            made = result_of(result, extracted, level, graph)
        inputs = [graph.input(variable.dtype, variable.length) for variable in examples.variables]
        replaced = dict(zip(examples.variables, inputs, strict=True))
        roots = substituted([*made.roots, *seen], replaced)
        made.roots.clear()
        return _CompiledCall(
            given=given.without_numbers(),
            keywords=keywords,
            plan=Plan(roots, inputs),
            result=made,
            seen=[node.data for node in seen],  # type: ignore[misc]
            signature=[*made.described(), *signature(roots, inputs)],
            name=_name(func),
        )


@contextmanager
def _recordable(graph: Graph) -> Iterator[None]:
    """Makes whatever fails, and a look at floating-point numbers, a reason not to record."""
    looks = len(graph.looks)
    try:
        yield
    except Exception as error:
        raise Unrecordable(
            f"it cannot be recorded{line_of(error)}: {type(error).__name__}: {error}"
        ) from error
    if len(graph.looks) > looks:
        raise Unrecordable(f"what it does depends on {graph.looks[looks]}")


class _Examples(Inputs):
    """The numbers of arguments, and their tangents, as nodes that inputs take the places of."""

    packs = False

    def __init__(self, graph: Graph, given: Flat) -> None:
        super().__init__()
        self._graph, self._values, self._tangents = graph, list(given.numbers), given.tangents
        self._numbers: list[Node] = []

    @property
    def variables(self) -> list[Node]:
        """Those of the numbers, and behind them those of the tangents."""
        return [*self._numbers, *self.nodes]

    def seeded(self, points: tuple[Any, ...], level: Level) -> Any:
        """The arguments, as the function sees them.

        Raises:
            Unrecordable: if their numbers are others than those that ``flat`` found.
        """
        before, self._graph.leaf = self._graph.leaf, self._leaf
        try:
            arguments = seed(points, [self], level)
        finally:
            self._graph.leaf = before
        self._require(len(self._numbers) == len(self._values))
        return arguments

    def _leaf(self, node: Node) -> Node:
        self._require(len(self._numbers) < len(self._values))
        value = self._values[len(self._numbers)]
        self._require(value.dtype == node.dtype and len(value) == node.length)
        self._numbers.append(self._graph.variable(value.copy()))
        return self._numbers[-1]

    def input(self, value: Number) -> Node | None:  # type: ignore[override]
        """The tangent of the last number; None for none."""
        tangent = self._tangents[len(self._numbers) - 1]
        if tangent is None:
            return None
        self.nodes.append(self._graph.variable(tangent.copy()))
        return self.nodes[-1]

    def _require(self, condition: bool) -> None:
        if not condition:
            raise Unrecordable("its arguments lie in memory in a way that is not known")
