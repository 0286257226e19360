"""Random inputs: arrays of every kind of node, records, vectors, numbers.

Numbers have two decimals and differ from each other, so that no tie and no kink is met by chance.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import awkward as ak
import numpy as np

Random = np.random.Generator
Content = Any


def numbers(random: Random, length: int, dtype: Any = np.float64) -> np.ndarray:
    """Numbers between -2 and 3, all of them different."""
    drawn = random.choice(np.arange(-199, 300, 2), size=length, replace=length > 240)
    return (drawn / 100.0).astype(dtype)


def _leaf(random: Random, length: int, dtype: Any) -> Content:
    return ak.contents.NumpyArray(numbers(random, length, dtype))


def _index(*values: Any) -> Any:
    return ak.index.Index64(np.array(values, np.int64).reshape(-1))


def _lengths(random: Random, length: int) -> np.ndarray:
    return random.integers(0, 4, size=length)


def _lists(random: Random, length: int, below: Callable[[int], Content]) -> Content:
    offsets = np.concatenate([[0], np.cumsum(_lengths(random, length))])
    return ak.contents.ListOffsetArray(_index(offsets), below(int(offsets[-1])))


def _scattered(random: Random, length: int, below: Callable[[int], Content]) -> Content:
    """Lists out of order, with gaps and overlaps."""
    content = below(6)
    starts = random.integers(0, 5, size=length)
    stops = np.minimum(starts + _lengths(random, length), 6)
    return ak.contents.ListArray(_index(starts), _index(stops), content)


def _long(random: Random, length: int, below: Callable[[int], Content]) -> Content:
    offsets = 1 + np.concatenate([[0], np.cumsum(_lengths(random, length))])
    return ak.contents.ListOffsetArray(_index(offsets), below(int(offsets[-1]) + 2))


def _regular(random: Random, length: int, below: Callable[[int], Content]) -> Content:
    size = int(random.choice([0, 1, 2, 2, 3, 3]))
    return ak.contents.RegularArray(below(size * length), size, zeros_length=length)


def _indexed(random: Random, length: int, below: Callable[[int], Content]) -> Content:
    return ak.contents.IndexedArray(_index(random.integers(0, 4, size=length)), below(4))


def _option(random: Random, length: int, below: Callable[[int], Content]) -> Content:
    index = np.where(random.random(length) < 0.3, -1, random.integers(0, 4, size=length))
    return ak.contents.IndexedOptionArray(_index(index), below(4))


def _bytes(random: Random, length: int, below: Callable[[int], Content]) -> Content:
    mask = ak.index.Index8((random.random(length) < 0.7).astype(np.int8))
    return ak.contents.ByteMaskedArray(mask, below(length), bool(random.random() < 0.7))


def _bits(random: Random, length: int, below: Callable[[int], Content]) -> Content:
    mask = ak.index.IndexU8(random.integers(0, 256, size=max(1, -(-length // 8))).astype(np.uint8))
    return ak.contents.BitMaskedArray(
        mask, below(length), True, length, bool(random.random() < 0.5)
    )


def _unmasked(random: Random, length: int, below: Callable[[int], Content]) -> Content:
    return ak.contents.UnmaskedArray(below(length))


#: What may stand around other nodes, and how often.
WRAPPERS = (
    (_lists, 10),
    (_scattered, 2),
    (_long, 2),
    (_regular, 5),
    (_indexed, 2),
    (_option, 2),
    (_bytes, 1),
    (_bits, 1),
    (_unmasked, 1),
)
_WEIGHTS = np.array([weight for _, weight in WRAPPERS], float) / sum(w for _, w in WRAPPERS)
_OPTIONS = (_option, _bytes, _bits, _unmasked)


def _nested(random: Random, length: int, depth: int, dtype: Any, outer: Any = None) -> Content:
    """Lists, options and indexes around numbers; options and indexes not around each other."""
    if depth == 0:
        return _leaf(random, length, dtype)
    wrapper = WRAPPERS[random.choice(len(WRAPPERS), p=_WEIGHTS)][0]
    if outer in (*_OPTIONS, _indexed) and wrapper in (*_OPTIONS, _indexed):
        wrapper = _lists
    return wrapper(random, length, lambda n: _nested(random, n, depth - 1, dtype, wrapper))


def jagged(random: Random, dtype: Any = np.float64) -> ak.Array:
    """Usual lists of numbers."""
    return ak.Array(_lists(random, _length(random), lambda n: _leaf(random, n, dtype)))


def nested(random: Random, dtype: Any = np.float64) -> ak.Array:
    depth = int(random.choice([1, 2, 2, 3]))
    return ak.Array(_nested(random, _length(random), depth, dtype))


def _length(random: Random) -> int:
    return int(
        random.choice([0, 1, 2, 3, 3, 3, 4, 5], p=[0.03, 0.07, 0.2, 0.2, 0.2, 0.1, 0.1, 0.1])
    )


def flat(random: Random, dtype: Any = np.float64) -> ak.Array:
    return ak.Array(_leaf(random, _length(random), dtype))


def _shape(random: Random) -> tuple[int, ...]:
    shapes = [
        (3,),
        (2,),
        (4,),
        (1,),
        (2, 3),
        (3, 3),
        (2, 2),
        (3, 1),
        (1, 3),
        (2, 2, 3),
        (2, 0),
        (0,),
    ]
    weights = np.array([4, 2, 2, 1, 4, 3, 3, 1, 1, 2, 0.3, 0.3])
    return shapes[random.choice(len(shapes), p=weights / weights.sum())]


def numpy(random: Random, dtype: Any = np.float64) -> np.ndarray:
    shape = _shape(random)
    data = numbers(random, int(np.prod(shape)), dtype).reshape(shape)
    if data.ndim == 2 and random.random() < 0.15:
        return np.asfortranarray(data)
    return data


def rectangular(random: Random, dtype: Any = np.float64) -> ak.Array:
    """An n-d NumPy array inside of Awkward's, or the same of regular lists."""
    found = ak.Array(numpy(random, dtype))
    return ak.to_regular(found, axis=None) if random.random() < 0.5 and found.ndim > 1 else found


def union(random: Random, dtype: Any = np.float64) -> ak.Array:
    """Numbers beside lists, or two kinds of records, perhaps inside of lists."""
    length = int(random.integers(2, 6))
    tags = random.integers(0, 2, size=length).astype(np.int8)
    index = np.array([np.sum(tags[:i] == tag) for i, tag in enumerate(tags)], np.int64)
    if random.random() < 0.25:
        index = random.integers(0, 3, size=length)
    size = max(6, length)
    kind = random.random()
    if kind < 0.6:
        contents = [
            _leaf(random, size, dtype),
            _lists(random, size, lambda n: _leaf(random, n, dtype)),
        ]
    elif kind < 0.8:
        one = ak.contents.RecordArray([_leaf(random, size, dtype)], ["a"])
        contents = [one, ak.contents.RecordArray([_leaf(random, size, dtype)], ["b"])]
    else:
        contents = [
            _leaf(random, size, dtype),
            ak.contents.NumpyArray(np.array([True, False] * size)),
        ]
    made = ak.contents.UnionArray(ak.index.Index8(tags), ak.index.Index64(index), contents)
    if kind < 0.6 and random.random() < 0.3:
        half = length // 2
        return ak.Array(ak.contents.ListOffsetArray(_index(0, half, length), made))
    return ak.Array(made)


def records(random: Random, dtype: Any = np.float64) -> ak.Array:
    """Records of numbers and lists, also inside of lists and options."""

    def record(n: int) -> Content:
        other = _lists(random, n, lambda m: _leaf(random, m, dtype))
        if random.random() < 0.4:
            other = ak.contents.NumpyArray(np.arange(n) % 3)
        fields = None if random.random() < 0.15 else ["a", "b"]
        return ak.contents.RecordArray([_leaf(random, n, dtype), other], fields, n)

    kind = random.random()
    length = _length(random)
    if kind < 0.4:
        return ak.Array(record(length))
    if kind < 0.7:
        return ak.Array(_lists(random, length, record))
    around = [_option, _indexed, _scattered, _regular][int(random.integers(4))]
    return ak.Array(around(random, length, record))


def vectors(random: Random, dtype: Any = np.float64) -> ak.Array:
    """Four-vectors with vector's behaviour, in lists or flat."""
    cartesian = random.random() < 0.4
    names = ["px", "py", "pz", "E"] if cartesian else ["pt", "eta", "phi", "mass"]

    def momenta(n: int) -> Content:
        leaves = [numbers(random, n, dtype) for _ in names]
        leaves[0 if not cartesian else 3] = np.abs(leaves[0 if not cartesian else 3]) + 5.0
        leaves[3] = np.abs(leaves[3]) + 0.5
        contents = [ak.contents.NumpyArray(one.astype(dtype)) for one in leaves]
        return ak.contents.RecordArray(contents, names, n, parameters={"__record__": "Momentum4D"})

    length = _length(random)
    return ak.Array(momenta(length) if random.random() < 0.4 else _lists(random, length, momenta))


def record(random: Random, dtype: Any = np.float64) -> ak.Record:
    found = records(random, dtype)
    while not (len(found) and isinstance(found[0], ak.Record)):
        found = ak.Array([{"a": 1.25, "b": [0.5, 2.25]}, {"a": 0.75, "b": []}])
    return found[0]


def number(random: Random, dtype: Any = np.float64) -> Any:
    drawn = float(numbers(random, 1)[0])
    return drawn if random.random() < 0.5 else np.dtype(dtype).type(drawn)


def integers(random: Random) -> Any:
    kind = [_lists, _regular][int(random.integers(2))]
    length = _length(random)
    drawn = lambda n: ak.contents.NumpyArray(random.integers(0, 3, size=n))  # noqa: E731
    if random.random() < 0.5:
        return np.asarray(random.integers(0, 3, size=length))
    return ak.Array(kind(random, length, drawn))


#: Kinds of inputs, how often each is drawn.
KINDS: tuple[tuple[Callable[..., Any], float], ...] = (
    (jagged, 4),
    (nested, 6),
    (flat, 2),
    (numpy, 4),
    (rectangular, 4),
    (union, 1.5),
    (records, 3),
    (vectors, 1.2),
    (record, 0.5),
    (number, 3),
)
_KIND_WEIGHTS = np.array([weight for _, weight in KINDS]) / sum(weight for _, weight in KINDS)


def drawn(random: Random) -> Any:
    """An input of any kind, of double precision three times out of four."""
    dtype = np.float32 if random.random() < 0.15 else np.float64
    return KINDS[random.choice(len(KINDS), p=_KIND_WEIGHTS)][0](random, dtype)


def length_of(value: Any, otherwise: int) -> int:
    """The length of an array; numbers and records have none."""
    listed = isinstance(value, ak.Array) or (isinstance(value, np.ndarray) and value.ndim > 0)
    return len(value) if listed else otherwise


def constant(random: Random, like: Any) -> Any:
    """A constant that may stand beside a value: numbers, NumPy arrays, Awkward arrays, columns."""
    length = length_of(like, 3)
    kind = random.random()
    if kind < 0.25:
        scalar = round(float(numbers(random, 1)[0]), 2)
        types: tuple[Any, ...] = (float, float, np.float64, np.float32, int, np.int64, bool)
        return types[int(random.integers(len(types)))](scalar)
    if kind < 0.45:
        return numbers(
            random, length, [np.float64, np.float64, np.float32][int(random.integers(3))]
        )
    if kind < 0.55:
        return random.integers(0, 4, size=length)
    if kind < 0.6:
        return random.random(length) < 0.5
    if kind < 0.7:
        return numbers(random, length).reshape(length, 1)
    if kind < 0.75:
        return ak.to_regular(ak.Array(numbers(random, length).reshape(length, 1)))
    if kind < 0.85:
        return ak.Array(_leaf(random, length, np.float64))
    if kind < 0.93 and isinstance(like, ak.Array):
        return _alike(random, like)
    return ak.Array(_nested(random, length, 2, np.float64))


def _alike(random: Random, like: ak.Array) -> Any:
    """Numbers in the lists of another array."""
    return renumbered(like, lambda data: numbers(random, data.size).reshape(data.shape))


def renumbered(array: Any, numbers_for: Callable[[np.ndarray], np.ndarray]) -> Any:
    """The same layout with other numbers in its floating-point leaves."""
    if isinstance(array, (float, np.floating)):
        return numbers_for(np.asarray(array)).astype(np.asarray(array).dtype).reshape(())[()]
    if isinstance(array, np.ndarray):
        return numbers_for(array).astype(array.dtype) if array.dtype.kind == "f" else array
    if isinstance(array, ak.Record):
        made = _renumbered(array.layout.array, numbers_for)
        return ak.Record(ak.record.Record(made, array.layout.at), behavior=array.behavior)
    if isinstance(array, ak.Array):
        return ak.Array(_renumbered(array.layout, numbers_for), behavior=array.behavior)
    return array


def _renumbered(layout: Content, numbers_for: Callable[[np.ndarray], np.ndarray]) -> Content:
    if layout.is_numpy:
        data = np.asarray(layout.data)
        if data.dtype.kind != "f":
            return layout
        return ak.contents.NumpyArray(
            numbers_for(data).astype(data.dtype), parameters=layout.parameters
        )
    if layout.is_record or layout.is_union:
        return layout.copy(contents=[_renumbered(one, numbers_for) for one in layout.contents])
    if layout.is_unknown:
        return layout
    return layout.copy(content=_renumbered(layout.content, numbers_for))
