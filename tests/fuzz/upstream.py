"""What plain Awkward itself gets wrong, so that it is no oracle; a line goes when it is mended."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import awkward as ak
import numpy as np

_NAME = re.compile(r"\b[a-z]\d+\b")
_INTEGER_AND_MASK = re.compile(r"^(\w+)\[-?\d+, (?:~?(c\d+|\(\w+ > .*\))|np\.array\(\[True)")


def _integer_beside_mask(text: str, values: Mapping[str, Any]) -> bool:
    """``array[1, mask]`` reads memory that is not the list's own (awkward 2.14)."""
    found = _INTEGER_AND_MASK.match(text)
    if found is None or not isinstance(values.get(found[1]), ak.Array):
        return False
    mask = values.get(found[2] or "")
    return mask is None or np.asarray(mask).dtype.kind == "b"


def _fit_of_lists_of_one(text: str, values: Mapping[str, Any]) -> bool:
    """``ak.linear_fit`` broadcasts one array in some of its sums, and not in others.

    Of one point it is a rounding error over another.
    """
    if not text.startswith(("ak.linear_fit(", "ak.covar(", "ak.corr(")):
        return False
    given = [values.get(name) for name in _NAME.findall(text)]
    counts = [_numbers_in_lists(one) for one in given if isinstance(one, (ak.Array, np.ndarray))]
    return len({count.sum() for count in counts}) > 1 or any((count == 1).any() for count in counts)


def _numbers_in_lists(array: Any) -> np.ndarray:
    count = ak.count(array, axis=-1)
    return (
        ak.to_numpy(ak.flatten(count, axis=None))
        if isinstance(count, ak.Array)
        else np.ravel(count)
    )


def _options_that_miss_nothing(text: str, values: Mapping[str, Any]) -> bool:
    """Reducers drop an option type from UnmaskedArrays, and from no others."""
    return re.search(r"\b(ak|np)\.", text) is not None and any(
        isinstance(one, ak.Array) and "Unmasked" in repr(one.layout)
        for one in map(values.get, _NAME.findall(text))
    )


def _records_behind_an_index(text: str, values: Mapping[str, Any]) -> bool:
    """Of records below an index or a mask these are about whole records, else about each field.

    Tuples below an index become records with names.
    """
    found = re.match(
        r"ak\.(?:is_none|singletons|pad_none|merge_option_of_records)\((\w+)[,)]", text
    )
    array = values.get(found[1]) if found else None
    shown = repr(array.layout) if isinstance(array, ak.Array) else ""
    return "RecordArray" in shown and ("Indexed" in shown or "Masked" in shown)


def _rows_in_lists(text: str, values: Mapping[str, Any]) -> bool:
    """A NumPyArray of several dimensions in lists is broadcast as if its rows were longer."""
    arrays = [one for one in map(values.get, set(_NAME.findall(text))) if not np.isscalar(one)]
    return len(arrays) > 1 and any(
        isinstance(one, ak.Array) and not one.layout.is_numpy and _has_rows(one.layout)
        for one in arrays
    )


def _has_rows(layout: Any) -> bool:
    if layout.is_numpy:
        return len(layout.inner_shape) > 0
    below = layout.contents if hasattr(layout, "contents") else [getattr(layout, "content", None)]
    return any(map(_has_rows, filter(None, below)))


def _clip_of_lists(text: str, values: Mapping[str, Any]) -> bool:
    """``np.clip`` makes lists regular, and missing ones lists of what is missing; not ours."""
    return text.startswith("np.clip(") and any(
        isinstance(one, ak.Array) and ("var" in str(one.type) or "option[" in str(one.type))
        for one in map(values.get, _NAME.findall(text))
    )


def _objects(text: str, values: Mapping[str, Any]) -> bool:
    """NumPy makes objects of differentiated numbers in a list, which have types of their own."""
    return text.startswith(("np.mean([", "np.sum([")) and any(
        type(values.get(one)) in (np.float32, float) for one in _NAME.findall(text)
    )


def _half_precision(text: str, values: Mapping[str, Any]) -> bool:
    """SciPy computes half beside single precision in double, where ours is in single."""
    return text.startswith("special.") and any(
        "float16" in str(ak.type(one)) for one in map(values.get, _NAME.findall(text))
    )


def _booleans_in_unions(text: str, values: Mapping[str, Any]) -> bool:
    """Whether booleans of a union merge with numbers depends on what else is in it."""
    merging = ("ak.where(", "ak.concatenate(", "np.where(", "ak.flatten(", "ak.ravel(", "np.ravel(")
    return text.startswith(merging) and any(
        isinstance(one, ak.Array) and "union[" in str(one.type) and "bool" in str(one.type)
        for one in map(values.get, _NAME.findall(text))
    )


_OF_NUMPY = re.compile(r"np\.(append|dot|outer|inner|vdot|kron|select|\w*stack|tensordot)\(")


def _options_of_numpy(text: str, values: Mapping[str, Any]) -> bool:
    """NumPy makes masked arrays of options that miss nothing, where ours are numbers again."""
    return _OF_NUMPY.match(text) is not None and any(
        "?" in str(ak.type(one)) for one in map(values.get, _NAME.findall(text))
    )


def _several_rectangles(text: str, values: Mapping[str, Any]) -> bool:
    """Of several arrays at once Awkward 2.8 makes jagged lists, where 2.14 has regular ones."""
    return re.match(
        r"np\.(meshgrid|atleast_\dd|array_split|gradient)\(", text
    ) is not None and "var" in str(ak.type(np.meshgrid(*[ak.Array([1.0])] * 2)[0]))


WRONG: tuple[Callable[[str, Mapping[str, Any]], bool], ...] = (
    _integer_beside_mask,
    _fit_of_lists_of_one,
    _options_that_miss_nothing,
    _records_behind_an_index,
    _clip_of_lists,
    _rows_in_lists,
    _options_of_numpy,
    _half_precision,
    _booleans_in_unions,
    _objects,
    _several_rectangles,
)


def wrong(text: str, values: Mapping[str, Any]) -> bool:
    """Whether plain Awkward is known to get a step wrong."""
    return any(one(text, values) for one in WRONG)
