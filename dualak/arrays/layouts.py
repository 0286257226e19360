"""Layouts: walking them, and building them again around other leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import awkward as ak
from awkward.contents import Content

#: The name of the record that stands for a number, and of a nameless record (or a union of several
#: kinds) that holds such.
DUAL = "dual"
HOLDER = "record[dual]"


# -- layouts --------------------------------------------------------------------------------------


def is_dual(layout: Content) -> bool:
    """Whether the layout is the record of a dual itself."""
    return layout.is_record and layout.parameter("__record__") == DUAL


def children(layout: Content) -> Sequence[Content]:
    """The layouts right below this one."""
    if layout.is_record or layout.is_union:
        return layout.contents
    return () if layout.is_numpy or layout.is_unknown else (layout.content,)


def is_text(layout: Content) -> bool:
    """Whether the layout is of strings or categories, which stay whole."""
    return layout.parameter("__array__") in ("string", "bytestring", "categorical")


def holds_duals(layout: Content) -> bool:
    """Whether there is a dual anywhere in the layout."""
    below = [layout]
    while below:
        layout = below.pop()
        if layout.is_record:
            if layout.parameter("__record__") == DUAL:
                return True
            below += layout.contents
        elif layout.is_union:
            below += layout.contents
        elif not (layout.is_numpy or layout.is_unknown):
            below.append(layout.content)
    return False


def holds_records(layout: Content) -> bool:
    """Whether there is a record in the layout that is not a dual itself."""
    return not is_dual(layout) and (layout.is_record or any(map(holds_records, children(layout))))


def duals_in(layout: Content) -> Iterator[Content]:
    """All duals of a layout."""
    if is_dual(layout):
        yield layout
    else:
        for child in children(layout):
            yield from duals_in(child)


def rebuilt(layout: Content, leaf: Callable[[Content], Content]) -> Content:
    """The layout with ``leaf`` applied to duals, numbers and strings; nameless where we named.

    What ``leaf`` returns must have the length of what it got.  A union merges what has become of
    one kind, as Awkward does.
    """
    return rebuilt_together(leaf, layout)


def rebuilt_together(leaf: Callable[..., Content], *layouts: Content) -> Content:
    """As ``rebuilt`` for several layouts of one structure: ``leaf`` gets the leaves of all."""
    return _rebuilt(leaf, _merged_union, *layouts)


def simplified_like(layout: Content, content: Content) -> Content:
    """The option or indexed layout over another content, which may be of such a kind itself."""
    if layout.is_option:
        layout = layout.to_IndexedOptionArray64()
    # Awkward hands what is in a record's name on to options that it puts around it.
    ours = layout.parameters.get("__record__") in (DUAL, HOLDER)
    parameters = None if ours else layout.parameters
    return type(layout).simplified(layout.index, content, parameters=parameters)


def record_like(
    layout: Content, contents: Sequence[Content], length: int, named: bool = True
) -> Content:
    parameters = dict(layout.parameters)
    if named and "__record__" not in parameters and any(map(holds_duals, contents)):
        parameters["__record__"] = HOLDER
    if not named and parameters.get("__record__") == HOLDER:
        del parameters["__record__"]
    fields = None if layout.is_tuple else layout.fields
    return ak.contents.RecordArray(list(contents), fields, length, parameters=parameters)


#: What says, beside the contents, how the elements of a layout lie.
INDEX_BUFFERS = {
    ak.contents.ListOffsetArray: ("offsets",),
    ak.contents.ListArray: ("starts", "stops"),
    ak.contents.IndexedArray: ("index",),
    ak.contents.IndexedOptionArray: ("index",),
    ak.contents.ByteMaskedArray: ("mask", "valid_when"),
    ak.contents.BitMaskedArray: ("mask", "valid_when", "lsb_order"),
    ak.contents.UnionArray: ("tags", "index"),
    ak.contents.RegularArray: ("size",),
}


def holds_unions(layout: Content) -> bool:
    """Whether numbers of several kinds meet anywhere in the layout."""
    return not is_dual(layout) and (layout.is_union or any(map(holds_unions, children(layout))))


def refilled(layout: Content, leaf: Callable[[Content], Content]) -> Content:
    """The same, but no union merges anything: all leaves stay, in their order."""
    return _rebuilt(leaf, _same_union, layout)


def _rebuilt(leaf: Callable[..., Content], union: Callable[..., Content], *layouts: Content) -> Any:
    layout = layouts[0]
    if is_dual(layout) or layout.is_numpy or layout.is_unknown or is_text(layout):
        return leaf(*layouts)
    if layout.is_record or layout.is_union:
        each = zip(*(layout.contents for layout in layouts), strict=True)
        contents = [_rebuilt(leaf, union, *of_one) for of_one in each]
        if "dtype" in layout.parameters and layout.fields == ["position"]:
            raise TypeError(
                "expected differentiated numbers as they are, got some that were named "
                f"{layout.parameter('__record__')!r}, as ak.Array(x, with_name=...) does; name "
                "records that hold them, such as ak.zip({'x': x})"
            )
        if layout.is_record:
            return record_like(layout, contents, layout.length, named=False)
        return union(layout, contents)
    content = _rebuilt(leaf, union, *(layout.content for layout in layouts))
    if layout.is_indexed or layout.is_option:
        return simplified_like(layout, content)
    return layout.copy(content=content)


def _merged_union(layout: Content, contents: list[Content]) -> Content:
    return ak.contents.UnionArray.simplified(
        layout.tags, layout.index, contents, parameters=own_parameters(layout)
    )


def _same_union(layout: Content, contents: list[Content]) -> Content:
    return layout.copy(contents=contents, parameters=own_parameters(layout))


def own_parameters(layout: Content) -> dict[str, Any]:
    """The parameters of a layout without the name that we give a union of several kinds."""
    parameters = dict(layout.parameters)
    if parameters.get("__list__") == HOLDER:
        del parameters["__list__"]
    return parameters


def without_names_of_unions(layout: Content) -> Content:
    """The layout as Awkward may have it: it looks for ufuncs of whatever has a name."""
    return refilled(layout, lambda leaf: leaf) if _names_unions(layout) else layout


def _names_unions(layout: Content) -> bool:
    if is_dual(layout):
        return False
    return layout.parameter("__list__") == HOLDER or any(map(_names_unions, children(layout)))


def is_named_by_us(layout: Content) -> bool:
    """Whether a layout that has no duals still says that it holds some."""
    named = layout.parameter("__list__") == HOLDER or layout.parameter("__record__") == HOLDER
    return named or any(map(is_named_by_us, children(layout)))
