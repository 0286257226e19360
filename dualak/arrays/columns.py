"""Duals in Awkward Arrays: a leaf that is differentiated is a record of its position.

The only column of such a record is a lazy buffer that stands for a number of the calculus.  Awkward
may slice, zip, mask and combine duals as it does any record, without a number being computed; where
it has to look into the column it finds positions, and what it makes of them says which numbers to
gather.  ``rebuilt`` walks a layout and replaces its leaves.
"""

from __future__ import annotations

import copy
import functools
import itertools
import weakref
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

import awkward as ak
import numpy as np

from dualak import device
from dualak.ad.dual import Dual, Number
from dualak.ad.linear import cast, concatenated, part, spread, take
from dualak.ad.recording import known_numbers, look_at
from dualak.arrays.context import graph_in_use
from dualak.arrays.layouts import (
    DUAL,
    Content,
)
from dualak.engine import realize
from dualak.executors.cpu.places import is_run, names_at, places_at
from dualak.graph.nodes import Node


class EscapeError(TypeError):
    """Something asked a dual for a plain number, which would lose its tangent."""


#: The columns whose positions were read, as long as somebody may want to look them up.
_reading: ContextVar[list[_Positions] | None] = ContextVar("reading", default=None)


class reading:
    """Lets Awkward read the columns of duals, for a function that puts back what it finds.

    Anywhere else a column that is asked for its positions raises: whatever asks, takes them for
    numbers, and knows nothing of tangents.  Gives the columns that were read, which live as long as
    this; what leaves it has to be canonical if there are any.
    """

    __slots__ = ("_token",)

    def __enter__(self) -> list[_Positions]:
        scope = _reading.get()
        scope = [] if scope is None else scope
        self._token = _reading.set(scope)
        return scope

    def __exit__(self, *_: object) -> None:
        _reading.reset(self._token)


def read_nothing() -> None:
    """Where nothing is running: an interrupt may have left something that was about to read."""
    _reading.set(None)


_FOREIGN = (
    "expected duals of the jvp call that is running, got one of another call: a dual may not be "
    "kept for a later call; take dualak.primal(array) if it is meant to be constant"
)


# -- columns --------------------------------------------------------------------------------------

#: A position names a column in its upper bits and an element in its lower ones.
_BITS = 38
_POSITION = np.dtype(np.int64)
_ELEMENT = (1 << _BITS) - 1
_NAME = (1 << 63 - _BITS) - 1

_named: weakref.WeakValueDictionary[int, _Positions] = weakref.WeakValueDictionary()
_names = itertools.count(1)
#: What Awkward writes where nothing is: no column has it, and it stands for the number zero.
_NOTHING = 0


def _free_name() -> int:
    """A name that no living column has; after 33 million columns they begin anew."""
    names = (free & _NAME for free in _names)
    return next(name for name in names if name != _NOTHING and name not in _named)


class _Positions:
    """The column of a dual: a number, and the positions of its elements for whoever looks."""

    def __init__(self, number: Number, length: int, readable: bool) -> None:
        self.number = number
        self.length = length
        self.readable = readable
        self.array: Callable[[], Any] = lambda: None
        self.positions: device.Buffer | None = None
        self.name = _free_name()
        _named[self.name] = self

    def __call__(self) -> device.Buffer:
        require_running(self.number)
        scope = _reading.get()
        if scope is not None:
            scope.append(self)
        elif not self.readable:
            raise EscapeError(
                "expected a function of the registry (dualak.functions()), got one that reads "
                "differentiated numbers past it and would lose their tangents; give it "
                "dualak.primal(array) if its result is meant to be constant"
            )
        if self.positions is None:
            # Awkward keeps an address, not the array: the column has to hold what it hands out.
            start = self.name << _BITS
            self.positions = np.arange(start, start + self.length)
        return self.positions


class _Numbers:
    """A column of plain numbers that are computed when somebody looks."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.array: Callable[[], Any] = lambda: None

    def __call__(self) -> device.Buffer:
        return observed(self.node)


#: The columns by the identity of the virtual buffers that Awkward made for them.
_columns: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()


def _column(data: Any) -> Any:
    """The column that is this very buffer, not a slice of it or another of the same address."""
    column = _columns.get(id(data))
    return column if column is not None and column.array() is data else None


_KEY = "position"


def _leaf(column: Any, dtype: np.dtype[Any], length: int, caching: bool) -> Content:
    """A leaf whose buffer is read from a column, or not at all."""
    leaf = _made(column, dtype, length, caching)
    column.array = weakref.ref(leaf.data)
    _columns[id(leaf.data)] = column
    return leaf


def _made(column: Any, dtype: np.dtype[Any], length: int, caching: bool) -> Content:
    if not _copies_are_unread():
        return _from_buffers(column, dtype, length, caching)
    return ak.contents.NumpyArray(_copied(_pattern(dtype, length, caching), column))


def _from_buffers(column: Any, dtype: np.dtype[Any], length: int, caching: bool) -> Content:
    return ak.from_buffers(
        ak.forms.NumpyForm(dtype.name, form_key=_KEY),
        length,
        {f"{_KEY}-data": column},
        highlevel=False,
        enable_virtualarray_caching=caching,
    )


# A virtual buffer that Awkward makes costs as much as an operation of its own.  A deep copy of one
# costs little: it is virtual too, and when it is read it copies what the first one reads.


@functools.lru_cache(1024)
def _pattern(dtype: np.dtype[Any], length: int, caching: bool) -> Content:
    """A leaf of which others of its type and length are copies; its zeros take no memory."""
    zeros = np.broadcast_to(np.zeros((), dtype), (length,))
    return _from_buffers(lambda: zeros, dtype, length, caching)


def _copied(pattern: Content, column: Callable[[], device.Buffer]) -> Any:
    """A copy of the pattern's virtual buffer that reads the column."""
    return copy.deepcopy(pattern.data, _Instead(pattern, column))  # type: ignore[arg-type]


class _Instead:
    """The memo of a deep copy that takes what a column gives for whatever it should copy."""

    __slots__ = ("_column", "_whole")

    def __init__(self, pattern: Content, column: Callable[[], device.Buffer]) -> None:
        self._whole = id(pattern.data)
        self._column = column

    def get(self, key: int, default: Any = None) -> Any:
        return default if key == self._whole else self._column()

    def __getitem__(self, key: int) -> Any:
        raise KeyError(key)

    def __setitem__(self, key: int, value: Any) -> None:
        """Forgets it: a copy that its own memo holds would not go when nobody needs it."""


@functools.cache
def _copies_are_unread() -> bool:
    """Whether this Awkward copies virtual buffers as it does now: unread, and read each time."""
    reads: list[int] = []

    def column() -> device.Buffer:
        reads.append(len(reads))
        return np.array([7])

    made = _copied(_pattern(_POSITION, 1, False), column)
    unread = not reads
    found = [device.in_memory(made).tolist() for _ in range(2)]
    return unread and found == [[7], [7]] and len(reads) == 2


@functools.cache
def _parameters(dtype: np.dtype[Any], weak: bool) -> dict[str, Any]:
    """The parameters of duals: one tells the dtype where no element is left to ask.

    Numbers that are not floating-point are found in recordings, which cannot look at them, and
    beside a scalar while Awkward broadcasts.
    """
    return {"__record__": DUAL, "dtype": dtype.name, **({"weak": True} if weak else {})}


def dual(number: Number, weak: bool = False, readable: bool = False) -> Content:
    """The layout of a number; a scalar has one element.

    ``weak`` says that the scalar stands for a number of Python, whose dtype gives way to others;
    ``readable`` that Awkward may read its positions at any time, as long as the layout lives.
    """
    length = 1 if number.length is None else number.length
    column = _Positions(spread(number, length), length, readable)
    # A column is asked each time, so that it can refuse.
    leaf = _leaf(column, _POSITION, length, caching=False)
    parameters = _parameters(number.dtype, weak)
    return ak.contents.RecordArray([leaf], [_KEY], length, parameters=parameters)


def plain(node: Node, length: int) -> Content:
    """The layout of a lazy buffer that has no tangent, such as the result of a comparison."""
    return _leaf(_Numbers(node.graph.spread(node, length)), node.dtype, length, caching=True)


def is_column(leaf: Content) -> bool:
    """Whether a leaf is the column of a dual, whole, and not one that Awkward has cut or merged."""
    return leaf.is_numpy and _column(leaf.data) is not None


# -- from columns to numbers ----------------------------------------------------------------------


def node_of(leaf: Content) -> Node:
    """The node of a NumpyArray of plain numbers; a lazy buffer is known by its identity."""
    column = _column(leaf.data)
    graph = graph_in_use()
    if column is not None and column.node.graph is graph:
        return column.node
    return graph.buffer(leaf.data)


def number_of(layout: Content) -> Number:
    """The number that the layout of a dual stands for."""
    dtype = np.dtype(layout.parameter("dtype") or np.float64)
    return part(number_in(layout.contents[0], dtype), 0, layout.length)


def number_in(leaf: Content, dtype: np.dtype[Any]) -> Number:
    """The number of a dual's column, whatever Awkward made of it: cut, indexed, merged."""
    if leaf.is_indexed:
        index = graph_in_use().buffer(leaf.index.data, np.int64)
        return take(number_in(leaf.content, dtype), index)
    column = _column(leaf.data)
    if column is not None:
        require_running(column.number)
        return column.number
    with reading():
        return at_positions(device.in_memory(leaf.data), dtype)


def require_running(number: Number) -> None:
    """Refuses a number of a transformation that has ended.

    Raises:
        ValueError: if it has.
    """
    if number.graph is not graph_in_use():
        raise ValueError(_FOREIGN)
    while isinstance(number, Dual):
        if not number.level.running:
            raise ValueError(_FOREIGN)
        number = number.value


def positions(layout: Content) -> device.Buffer:
    """The positions of a dual's elements."""
    leaf = layout.contents[0]
    if leaf.is_indexed:
        leaf = leaf.project()
    return device.contiguous(device.in_memory(leaf.data))[: layout.length]


def at_positions(found: device.Buffer, dtype: np.dtype[Any]) -> Number:
    """The number whose elements stand at the positions; ``dtype`` is that of no element at all.

    Positions in several columns give what their numbers have in common: one dtype.
    """
    graph = graph_in_use()
    if len(found) == 0:
        return graph.buffer(np.empty(0, dtype))
    found = device.contiguous(found, np.int64)
    names = names_at(found, _BITS, len(_named))
    numbers = [_number_named(int(name), dtype) for name in names]
    if len(numbers) == 1 and is_run(found):
        start = int(found[0]) & _ELEMENT
        return part(numbers[0], start, start + len(found))
    starts = np.cumsum([0] + [number.length or 0 for number in numbers])
    places, least, most = places_at(found, _BITS, names, starts)
    number = numbers[0] if len(numbers) == 1 else merged(numbers)
    return take(number, graph.index(places, int(least), int(most)))


def _number_named(name: int, dtype: np.dtype[Any]) -> Number:
    if name == _NOTHING:
        return graph_in_use().buffer(np.zeros(1, dtype))
    if name not in _named:
        raise ValueError(
            "expected duals that were canonical, got positions of a column that is gone"
        )
    number = _named[name].number
    require_running(number)
    return number


def merged(numbers: Sequence[Number]) -> Number:
    """Numbers one after the other, in the dtype that holds them all."""
    dtype = np.result_type(*(number.dtype for number in numbers))
    return concatenated([cast(number, dtype) for number in numbers])


def observed(node: Node) -> device.Buffer:
    """The numbers of a node for somebody who looks at them: what follows may depend on them.

    Raises:
        UnknownNumbersError: in a recording, whose inputs have no numbers.
    """
    if node.graph.records:
        return known_numbers(node)
    realize.compute([node])
    assert node.data is not None
    if node.varies:
        node.graph.observed.append(node)
        if node.dtype.kind == "f":
            node.graph.looks.append("the numbers of {!r}{}".format(*look_at(node)))
    return device.to_host(node.data)


def lazy_node(leaf: Content) -> Node | None:
    """The node of a lazy buffer of plain numbers, or None for any other leaf."""
    column = _column(leaf.data) if leaf.is_numpy else None
    return column.node if isinstance(column, _Numbers) else None


def lazy_node_in(layout: Content) -> Node | None:
    """The same for the leaf of a rectangle."""
    while layout.is_regular:
        layout = layout.content
    return lazy_node(layout)
