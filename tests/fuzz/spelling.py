"""Values as Python text that makes them again, layout for layout."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np


def source_of(value: Any) -> str:
    """An expression that gives the value; the shortest that keeps every node of its layout.

    >>> source_of(ak.Array([[1.0], []]))
    'ak.Array([[1.0], []])'
    >>> source_of(np.float64(2.5))
    'np.float64(2.5)'
    """
    if isinstance(value, ak.Array):
        return _array(value)
    if isinstance(value, ak.Record):
        return f"{_array(ak.Array(value.layout.array, behavior=value.behavior))}[{value.layout.at}]"
    if isinstance(value, np.ndarray):
        return _buffer(value)
    if isinstance(value, np.generic):
        return f"np.{value.dtype.name.replace('bool', 'bool_')}({_number(value.item())})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name!r}: {source_of(one)}" for name, one in value.items()) + "}"
    return _number(value)


def _number(value: Any) -> str:
    if isinstance(value, float) and (value != value or value in (np.inf, -np.inf)):
        return f"float('{value}')"
    return repr(value)


def _array(value: ak.Array) -> str:
    short = _short(value)
    return short or f"ak.Array({_layout(value.layout)})"


def _short(value: ak.Array) -> str:
    """``ak.Array([...])``, if that has the same layout."""
    listed = value.to_list()
    text = repr(listed)
    if "nan" in text or "inf" in text or not listed:
        return ""
    try:
        again = ak.Array(listed)
    except Exception:
        return ""
    if again.layout.form == value.layout.form and _plain(value.layout):
        return f"ak.Array({text})"
    return ""


def _plain(layout: Any) -> bool:
    """Whether nothing lies in the buffers that does not belong to the array."""
    if layout.is_numpy or layout.is_unknown:
        return True
    if layout.is_record or layout.is_union:
        return all(map(_plain, layout.contents))
    if layout.is_list and not layout.is_regular:
        starts, stops = layout.starts.data, layout.stops.data
        whole = not len(starts) or starts[0] == 0
        return (
            whole
            and (not len(stops) or stops[-1] == layout.content.length)
            and _plain(layout.content)
        )
    return _plain(layout.content)


def _buffer(data: Any) -> str:
    data = np.asarray(data)
    text = repr(data.tolist()).replace("nan", "np.nan").replace("inf", "np.inf")
    usual = data.size and np.array(data.tolist()).dtype == data.dtype
    flat = data.size == 0 and data.ndim > 1
    text = f"np.array({text})" if usual else f"np.array({text}, np.{data.dtype.name})"
    return f"{text}.reshape({data.shape})" if flat else text.replace("np.bool)", "np.bool_)")


def _index(index: Any) -> str:
    return (
        f"ak.index.{type(index).__name__}(np.array({index.data.tolist()}, np.{index.data.dtype}))"
    )


def _layout(layout: Any) -> str:
    kind = type(layout).__name__
    leaf = layout.is_numpy or layout.is_unknown or layout.is_record or layout.is_union
    below = [] if leaf else [_layout(layout.content)]
    parameters = f", parameters={layout.parameters!r}" if layout.parameters else ""
    return f"ak.contents.{kind}({', '.join(_PARTS[kind](layout, below))}{parameters})"


def _contents(layout: Any) -> str:
    return f"[{', '.join(map(_layout, layout.contents))}]"


_PARTS: dict[str, Any] = {
    "EmptyArray": lambda one, below: [],
    "NumpyArray": lambda one, below: [_buffer(one.data)],
    "ListOffsetArray": lambda one, below: [_index(one.offsets), *below],
    "ListArray": lambda one, below: [_index(one.starts), _index(one.stops), *below],
    "RegularArray": lambda one, below: [*below, str(one.size), f"zeros_length={one.length}"],
    "IndexedArray": lambda one, below: [_index(one.index), *below],
    "IndexedOptionArray": lambda one, below: [_index(one.index), *below],
    "ByteMaskedArray": lambda one, below: [_index(one.mask), *below, str(one.valid_when)],
    "BitMaskedArray": lambda one, below: [
        _index(one.mask),
        *below,
        str(one.valid_when),
        str(one.length),
        str(one.lsb_order),
    ],
    "UnmaskedArray": lambda one, below: below,
    "UnionArray": lambda one, below: [_index(one.tags), _index(one.index), _contents(one)],
    "RecordArray": lambda one, below: [
        _contents(one),
        "None" if one.is_tuple else repr(one.fields),
        str(one.length),
    ],
}
