"""Layouts that hold duals: put in order, gathered, masked, merged with plain numbers.

``canonicalize`` hands the index that Awkward leaves behind to the graph, so that what follows finds
duals without gaps, in lists that start at zero.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from typing import Any

import awkward as ak
import numpy as np

from dualak import device
from dualak.ad.linear import cast, part, take
from dualak.arrays.columns import dual, is_column, node_of, number_of
from dualak.arrays.context import graph_in_use
from dualak.arrays.layouts import (
    HOLDER,
    Content,
    children,
    holds_duals,
    holds_unions,
    is_dual,
    is_text,
    own_parameters,
    rebuilt,
    record_like,
    simplified_like,
)
from dualak.arrays.lists import in_lists, lists_and_content, offsets_of, same_lists
from dualak.executors.cpu.lists import NONE, cut_lists, kept_in_lists

#: Why numbers of some types are refused, and what to do instead.
NO_COMPLEX = (
    "complex numbers are not differentiated by dualak; compute with their real and imaginary "
    "parts, such as np.cos(phi) and np.sin(phi) for np.exp(1j * phi)"
)
NO_LONG_DOUBLES = (
    "dualak differentiates float32 and float64, got long doubles; convert them with "
    "ak.values_astype(x, np.float64)"
)

# -- settling -------------------------------------------------------------------------------------


def canonicalize(layout: Content) -> Content:
    """An equal layout whose duals lie in order and without gaps: indexes became gathers.

    Lists become ``ListOffsetArray`` from zero, option types ``IndexedOptionArray``, an index over
    records is handed to their fields, and nameless records that hold duals get a name of ours.
    """
    if not holds_duals(layout):
        return layout
    if layout.parameter("__list__") == HOLDER:
        # Awkward hands the name of a union on to what it merges.
        layout = layout.copy(parameters=own_parameters(layout))
    if is_dual(layout):
        outside = _options_outside(layout)
        return part_of(layout, 0, layout.length) if outside is None else outside
    return _CANONICAL[_kind(layout)](layout)


def _options_outside(layout: Content) -> Content | None:
    """A dual whose column has missing values, as Awkward leaves it, as an option of a dual."""
    leaf = layout.contents[0]
    if not leaf.is_option:
        return None
    leaf = leaf.to_IndexedOptionArray64()
    content = layout.copy(contents=[leaf.content], length=leaf.content.length)
    return ak.contents.IndexedOptionArray.simplified(leaf.index, canonicalize(content))


def _kind(layout: Content) -> str:
    kinds = ("record", "union", "option", "indexed", "regular", "list")
    return next(kind for kind in kinds if getattr(layout, f"is_{kind}"))


def _canonical_record(layout: Content) -> Content:
    contents = [canonicalize(part_of(content, 0, layout.length)) for content in layout.contents]
    return record_like(layout, contents, layout.length)


def _canonical_union(layout: Content, mergebool: bool = False) -> Content:
    below = merged_with_booleans if mergebool else canonicalize
    contents = [canonicalize(below(content)) for content in layout.contents]
    merged = _merged(layout, contents, mergebool)
    if not merged.is_union:
        return canonicalize(merged)
    known = {id(content) for content in contents}
    canonical = [
        content if id(content) in known else canonicalize(content) for content in merged.contents
    ]
    return _named(_dense(merged.copy(contents=canonical)))


def _canonical_option(layout: Content) -> Content:
    layout = layout.to_IndexedOptionArray64()
    return simplified_like(layout, canonicalize(layout.content))


def _canonical_indexed(layout: Content) -> Content:
    content = canonicalize(layout.content)
    return taken(content, device.contiguous(layout.index.data, np.int64))


def _canonical_regular(layout: Content) -> Content:
    content = canonicalize(part_of(layout.content, 0, layout.length * layout.size))
    return layout.copy(content=content)


def _canonical_list(layout: Content) -> Content:
    if not hasattr(layout, "offsets") and is_canonical(layout.content):
        starts = device.contiguous(layout.starts.data)
        stops = device.contiguous(layout.stops.data)[: len(starts)]
        found = gathered(starts, stops, canonicalize(layout.content))
        return found.copy(parameters=layout.parameters)
    if not hasattr(layout, "offsets") or device.in_memory(layout.offsets.data)[0] != 0:
        layout = layout.to_ListOffsetArray64(True)
    content = canonicalize(
        part_of(layout.content, 0, int(device.in_memory(layout.offsets.data)[-1]))
    )
    if content is layout.content:
        return layout
    return ak.contents.ListOffsetArray(layout.offsets, content, parameters=layout.parameters)


_CANONICAL: dict[str, Callable[[Content], Content]] = {
    "record": _canonical_record,
    "union": _canonical_union,
    "option": _canonical_option,
    "indexed": _canonical_indexed,
    "regular": _canonical_regular,
    "list": _canonical_list,
}


def part_of(layout: Content, start: int, stop: int) -> Content:
    """The elements from start to stop; the nodes of duals are cut, not their bytes."""
    if is_dual(layout):
        (leaf,) = layout.contents
        if start == 0 and is_column(leaf) and leaf.length == stop:
            return layout
        return dual(part(number_of(layout), start, stop))
    if start == 0 and stop == layout.length:
        return layout
    if layout.is_record:
        contents = [part_of(content, start, stop) for content in layout.contents]
        return record_like(layout, contents, stop - start)
    if layout.is_regular:
        content = part_of(layout.content, start * layout.size, stop * layout.size)
        return ak.contents.RegularArray(
            content, layout.size, stop - start, parameters=layout.parameters
        )
    if layout.is_option:
        layout = layout.to_IndexedOptionArray64()
    return layout[start:stop]


def taken(layout: Content, index: device.Buffer) -> Content:
    """The elements at an index that has no missing: gathers where there are duals."""
    if is_dual(layout):
        return dual(take(number_of(layout), graph_in_use().buffer(index)))
    if layout.is_record and holds_duals(layout):
        contents = [taken(content, index) for content in layout.contents]
        return record_like(layout, contents, len(index))
    indexed = ak.contents.IndexedArray.simplified(ak.index.Index64(index), layout)
    if not holds_duals(layout):
        return indexed
    carried = indexed.is_indexed and not indexed.is_option
    return canonicalize(indexed.project() if carried else indexed)


def gathered(
    starts: device.Buffer, stops: device.Buffer, content: Content, columns: slice = slice(None)
) -> Content:
    """Lists that lie anywhere in a content, or what a slice leaves of each."""
    bounds = [NONE if bound is None else bound for bound in (columns.start, columns.stop)]
    offsets, index = cut_lists(starts, stops, *bounds, columns.step or 1)
    return ak.contents.ListOffsetArray(ak.index.Index64(offsets), taken(content, index))


def masked(layout: Content, mask: Content) -> Content | None:
    """The elements where a mask in the very same lists is true; None if the mask is another.

    The elements that stay are found once, and duals are gathered by their index.
    """
    lists, content = lists_and_content(layout)
    of_mask, flags = lists_and_content(mask)
    if any(level.is_regular for level in lists):
        return None  # a mask of a rectangle makes one list of what it lets through
    if not (flags.is_numpy and flags.inner_shape == () and flags.data.dtype.kind == "b"):
        return None
    if (
        not same_lists(lists, of_mask)
        or content.length != flags.length
        or not is_canonical(content)
    ):
        return None
    true = device.in_memory(flags.data)
    if not lists:
        return taken(content, np.flatnonzero(true))
    bounds = device.contiguous(offsets_of(lists[-1]), np.int64)
    offsets, index = kept_in_lists(device.contiguous(true), bounds)
    kept = ak.contents.ListOffsetArray(ak.index.Index64(offsets), taken(content, index))
    return in_lists(lists[:-1], kept)


def is_canonical(content: Content) -> bool:
    """Whether what is masked is a number or a record, which no mask goes into."""
    return is_dual(content) or (content.is_record and holds_duals(content))


# -- unions ---------------------------------------------------------------------------------------


def merged_with_booleans(layout: Content) -> Content:
    """The layout with canonical unions, where booleans merge with numbers, as ``where`` does."""
    if not holds_duals(layout) or is_dual(layout):
        return layout
    if layout.is_union:
        return _canonical_union(layout, mergebool=True)
    if layout.is_record:
        contents = list(map(merged_with_booleans, layout.contents))
        return record_like(layout, contents, layout.length)
    content = merged_with_booleans(layout.content)
    if content is layout.content:
        return layout
    if layout.is_option or layout.is_indexed:
        return simplified_like(layout, content)
    return layout.copy(content=content)


def _merged(layout: Content, contents: list[Content], mergebool: bool) -> Content:
    """The union of other contents, merged as Awkward merges it when duals are numbers."""
    contents = made_alike(contents, mergebool)
    return ak.contents.UnionArray.simplified(
        layout.tags, layout.index, contents, parameters=own_parameters(layout), mergebool=mergebool
    )


def made_alike(contents: Sequence[Content], mergebool: bool) -> list[Content]:
    """Layouts that Awkward merges as if duals were numbers: numbers beside duals became duals."""
    made = list(contents)
    for group in _groups(contents, mergebool):
        for i, j in itertools.combinations(group, 2):
            made[i], made[j] = _alike(made[i], made[j])
    return made


def _groups(contents: Sequence[Content], mergebool: bool) -> list[list[int]]:
    """Which contents of a union are one for Awkward, when duals are numbers."""
    groups: list[list[int]] = []
    samples: list[Content] = []
    for i, sample in enumerate(map(_sample, contents)):
        for k, known in enumerate(samples):
            both = ak.contents.UnionArray.simplified(
                ak.index.Index8(np.empty(0, np.int8)),
                ak.index.Index64(np.empty(0, np.int64)),
                [known, sample],
                mergebool=mergebool,
            )
            if not both.is_union:
                groups[k].append(i)
                samples[k] = both
                break
        else:
            groups.append([i])
            samples.append(sample)
    return groups


def _sample(layout: Content) -> Content:
    """A layout of this type, without elements, with numbers for duals."""
    return rebuilt(layout.form.length_zero_array(highlevel=False), _numbers)


def _numbers(leaf: Content) -> Content:
    return ak.contents.NumpyArray(np.empty(0, _dtype(leaf))) if is_dual(leaf) else leaf


def _dtype(leaf: Content) -> np.dtype[Any]:
    return np.dtype(leaf.parameter("dtype")) if is_dual(leaf) else leaf.data.dtype


def _alike(first: Content, other: Content) -> tuple[Content, Content]:
    """Two layouts that merge, both with duals of one type wherever one of them has duals."""
    if any(part.is_unknown or part.is_union or is_text(part) for part in (first, other)):
        return first, other
    if not holds_duals(first) and not holds_duals(other):
        return first, other
    if first.is_option or first.is_indexed:
        content, other = _alike(first.content, other)
        return simplified_like(first, content), other
    if other.is_option or other.is_indexed:
        other, first = _alike(other, first)
        return first, other
    first, other = _as_lists(first), _as_lists(other)
    if first.is_list:
        contents = _alike(first.content, other.content)
        return first.copy(content=contents[0]), other.copy(content=contents[1])
    if is_dual(first) or is_dual(other):
        dtype = _common_type(first, other)
        return _dual_of(first, dtype), _dual_of(other, dtype)
    return _alike_records(first, other)


def _alike_records(record: Content, other: Content) -> tuple[Content, Content]:
    pairs = {name: _alike(record.content(name), other.content(name)) for name in record.fields}
    first = record_like(record, [pairs[name][0] for name in record.fields], record.length)
    second = record_like(other, [pairs[name][1] for name in other.fields], other.length)
    # Names have to agree, even if all numbers of one are in a union.
    name = first.parameter("__record__") or second.parameter("__record__")
    return _called(first, name), _called(second, name)


def _called(record: Content, name: Any) -> Content:
    return record.copy(parameters={**record.parameters, "__record__": name})


def _as_lists(layout: Content) -> Content:
    return layout.to_RegularArray() if layout.is_numpy and layout.inner_shape else layout


def _common_type(content: Content, other: Content) -> np.dtype[Any]:
    dtype = np.result_type(_dtype(content), _dtype(other))
    _require_real(dtype)
    return dtype


def _require_real(dtype: np.dtype[Any]) -> None:
    if dtype.kind == "c":
        raise TypeError(f"expected real numbers beside differentiated ones: {NO_COMPLEX}")


def _dual_of(leaf: Content, dtype: np.dtype[Any]) -> Content:
    """A leaf as duals of a type; numbers have no tangents."""
    if is_dual(leaf):
        return leaf if _dtype(leaf) == dtype else dual(cast(number_of(leaf), dtype))
    if leaf.data.dtype == np.float16:
        leaf = ak.values_astype(leaf, np.float32, highlevel=False)
    return dual(cast(node_of(leaf), dtype))


def of_one_type(layout: Content) -> Content:
    """The layout with all its numbers as duals of one type, where unions hold numbers of several.

    Raises:
        TypeError: for complex numbers.
    """
    if not holds_duals(layout) or not holds_unions(layout):
        return layout
    dtype = reduce(np.promote_types, map(_dtype, filter(_is_number, _leaves(layout))))
    _require_real(dtype)
    return rebuilt(layout, lambda leaf: _dual_of(leaf, dtype) if _is_number(leaf) else leaf)


def _leaves(layout: Content) -> Iterator[Content]:
    below = () if is_dual(layout) or is_text(layout) else children(layout)
    if not below:
        yield layout
    for child in below:
        yield from _leaves(child)


def _is_number(leaf: Content) -> bool:
    return is_dual(leaf) or bool(leaf.is_numpy and leaf.data.dtype.kind in "fiubc")


def _dense(union: Content) -> Content:
    """The union with contents that are its elements of each kind, in their order."""
    tags = device.in_memory(union.tags.data)
    index = device.contiguous(device.in_memory(union.index.data)[: len(tags)], np.int64).copy()
    contents = []
    for tag, content in enumerate(union.contents):
        of_tag = tags == tag
        wanted, order = index[of_tag], np.arange(np.count_nonzero(of_tag))
        if content.length != len(order) or not np.array_equal(wanted, order):
            content = _elements(content, wanted)
            index[of_tag] = order
        contents.append(content)
    return union.copy(index=ak.index.Index64(index), contents=contents)


def _elements(content: Content, index: device.Buffer) -> Content:
    return taken(content, index) if holds_duals(content) else carried(content, index)


def carried(content: Content, index: device.Buffer) -> Content:
    """Some elements, in no index of the kind that a union may not hold: Awkward delays records."""
    found = content[index]
    delayed = found.is_indexed and not found.is_option
    return found.project() if delayed and not found.parameter("__array__") else found


def _named(union: Content) -> Content:
    """The union with the name that makes it an array of our class, unless its kinds share one."""
    if union.purelist_parameter("__record__") is not None:
        return union
    return union.copy(parameters={**union.parameters, "__list__": HOLDER})


def constant_dual(leaf: Content) -> Content:
    """A NumpyArray of numbers as a dual without a tangent; any other leaf as it is."""
    if leaf.data.dtype.kind == "c":
        raise TypeError(f"expected real numbers beside differentiated ones: {NO_COMPLEX}")
    if leaf.data.dtype.kind not in "fiu":
        return leaf
    if len(leaf.inner_shape) > 0:
        regular = leaf.to_RegularArray()
        return rebuilt(regular, constant_dual)
    return dual(cast(node_of(leaf), np.result_type(leaf.data.dtype, np.float32)))
