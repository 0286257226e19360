"""Structures: what a tree of arrays is without its numbers, and the numbers that fill it.

Numbers are the floating-point leaves, as flat buffers; everything else (lists, missing values,
integers, strings, the containers) is structure.  Two structures are equal if their bytes are, which
is known from a digest that is worked out once.

>>> leaves, structure = flatten({"x": ak.Array([[1.5, 2.5], [], [3.5]]), "n": 3})
>>> leaves
[array([1.5, 2.5, 3.5])]
>>> structure.unflatten([np.array([10.0, 20.0, 30.0])])["x"]
<Array [[10, 20], [], [30]] type='3 * var * float64'>
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import awkward as ak
import numpy as np

from dualak.ad.dual import Number
from dualak.ad.linear import spread
from dualak.arrays.columns import dual
from dualak.arrays.highlevel import (
    weak,
    wrap,
)
from dualak.arrays.layouts import Content, is_dual, rebuilt
from dualak.arrays.ndarrays import as_ndarray
from dualak.arrays.soundness import require_sound
from dualak.device import Buffer
from dualak.pytree import branch, tree_leaves, tree_map
from dualak.tracing.digest import LEAF, digest_buffer, is_marked
from dualak.tracing.template import (
    NUMBER,
    NUMBERS,
    NUMPY,
    RECORD,
    WEAK,
    Template,
    own_parameters,
    template_of,
    unmarked,
)


def _unchanged(leaf: Content) -> Content:
    return leaf


@dataclass(frozen=True)
class ArrayForm:
    """The type of an array: what structures have in common that differ in their buffers only."""

    form: str
    origin: str
    keys: tuple[str, ...]
    marked: tuple[str, ...]

    @property
    def type(self) -> str:
        """The type of the array's elements."""
        return str(_plain_form(ak.forms.from_json(self.form)).type)

    def structure(self, buffers: Sequence[Buffer], behavior: Any = None) -> Structure:
        """The structure that has these buffers, which are those of ``Structure.array_form``."""
        lengths, *others = buffers
        container = dict(zip(self.keys, others, strict=True))
        for key, length in zip(self.marked, lengths[1:], strict=True):
            container[key] = np.zeros(int(length))
        form = ak.forms.from_json(self.form)
        layout = ak.from_buffers(form, int(lengths[0]), container, highlevel=False)
        require_sound(layout, "x")
        return Structure(Template(layout, self.origin, behavior, {}))

    def shortest(self, behavior: Any = None) -> Structure:
        """A structure of this type, of one element that has one of each."""
        form = ak.forms.from_json(self.form)
        length = int(_has_elements(form))
        buffers = dict(_one_of_each(form, length))
        layout = ak.from_buffers(form, length, buffers, highlevel=False)
        return Structure(Template(layout, self.origin, behavior, {}))


class Structure:
    """A tree of arrays and other values without its numbers; made by ``flatten``."""

    def __init__(self, tree: Any) -> None:
        self.tree = tree
        self.templates = [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Template)]

    @property
    def leaves(self) -> list[tuple[int, str]]:
        """The length and the kind of each leaf of numbers, in order."""
        return [leaf for template in self.templates for leaf in template.leaves]

    @cached_property
    def digest(self) -> bytes:
        """What equal structures have in common, and others have not."""
        known = hashlib.blake2b(digest_size=16)
        _digest_tree(self.tree, known)
        return known.digest()

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Structure) or self.digest != other.digest:
            return False
        pairs = zip(self.templates, other.templates, strict=True)
        return all(a.behavior == b.behavior and a.attrs == b.attrs for a, b in pairs)

    def __repr__(self) -> str:
        return f"<structure of {self.describe()}>"

    def describe(self, dtypes: Sequence[Any] | None = None) -> str:
        """The types in the tree, as text, with numbers of some types; of double precision if None.

        >>> flatten(ak.Array([[1.5], []]))[1].describe(["float32"])
        '2 * var * float32'
        """
        numbers = iter(dtypes or [np.float64] * len(self.leaves))
        return str(tree_map(lambda leaf: _type_of(leaf, numbers), self.tree))

    def unflatten(
        self, leaves: Sequence[Any], other: Callable[[Content], Content] = _unchanged
    ) -> Any:
        """The tree with buffers for its numbers: plain arrays, NumPy arrays and numbers.

        Leaves may be flat differentiated arrays; then the tree's arrays are differentiated.
        ``other`` says what becomes of the leaves of arrays that are no numbers.
        """
        rest = iter(leaves)

        def leaf(content: Content) -> Content:
            given = next(rest)
            if isinstance(given, ak.Array):
                return given.layout
            return ak.contents.NumpyArray(given, parameters=own_parameters(content))

        return tree_map(lambda template: _filled(template, leaf, other), self.tree)

    def array_form(self) -> tuple[ArrayForm, list[Buffer]]:
        """The only array of the structure: its type, and what else makes it up, as buffers.

        The first buffer tells the lengths of the array and of its leaves, the others are those of
        ``ak.to_buffers``.
        """
        (template,) = self.templates
        form, length, container = ak.to_buffers(template.layout)
        marked = [f"{key}-data" for key in _marked_keys(form)]
        keys = [key for key in container if key not in marked]
        lengths = np.array([length, *(size for size, _ in template.leaves)])
        made = ArrayForm(form.to_json(), template.origin, tuple(keys), tuple(marked))
        return made, [lengths, *(np.asarray(container[key]) for key in keys)]

    def of_numbers(self, numbers: Sequence[Number]) -> Any:
        """The tree with numbers of a graph: arrays that a function sees as differentiated."""
        rest = iter(numbers)

        def leaf(content: Content) -> Content:
            number = next(rest)
            return dual(spread(number, content.length))

        return tree_map(lambda template: _as_duals(template, leaf), self.tree)


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """Takes a tree of arrays apart.

    Args:
        tree: Awkward or NumPy arrays, records, numbers, in dicts, lists and tuples; other values
            are structure.

    Returns:
        The pair ``(leaves, structure)``: the floating-point leaves, packed, as one-dimensional
        buffers (the array's own where it is packed already), and what they stand in.
        Of differentiated arrays, the leaves are numbers of their graph.

    Raises:
        TypeError: for leaves of float16 or complex numbers.

    >>> leaves, structure = flatten(ak.Array([{"x": 1.5, "n": 1}, {"x": 2.5, "n": 2}]))
    >>> leaves
    [array([1.5, 2.5])]
    >>> structure
    <structure of 2 * {x: float64, n: int64}>
    """
    leaves: list[Any] = []
    return leaves, Structure(tree_map(lambda leaf: template_of(leaf, leaves), tree))


def _plain_form(form: Any) -> Any:
    """The form with numbers that are not marked, as a reader knows them."""
    layout = rebuilt(form.length_zero_array(highlevel=False), _plain_leaf)
    return layout.form


def _plain_leaf(leaf: Content) -> Content:
    return unmarked(leaf) if is_marked(leaf) else leaf


def _one_of_each(form: Any, length: int) -> Iterator[tuple[str, Buffer]]:
    """Buffers of an array of a length, with one element in each list and nothing that is missing.

    Lists of an unknown type have no elements.
    ``Form.length_one_array`` of Awkward 2.8 fails for options and unions of lists.
    """
    contents = _contents(form)
    has = [_has_elements(content) for content in contents]
    each = np.arange(length + 1) * any(has)
    known = {"offsets": each, "starts": each[:-1], "stops": each[1:], "index": each[:-1]}
    if form.is_option and not any(has):
        known["index"] = np.full(length, -1)
    known["tags"] = np.full(length, has.index(True) if any(has) else 0)
    for key, dtype in form.expected_from_buffers(recursive=False).items():
        attribute = key.rpartition("-")[2]
        if attribute == "mask":
            yield key, np.full(length, -1 if form.valid_when else 0).astype(dtype)
        elif attribute == "data":
            yield key, np.zeros((length, *form.inner_shape), dtype)
        else:
            yield key, known[attribute].astype(dtype)
    below = length * form.size if form.is_regular else length
    for content, filled in zip(contents, has, strict=True):
        yield from _one_of_each(content, below if filled else 0)


def _has_elements(form: Any) -> bool:
    """Whether there are arrays of the form that are not empty."""
    if form.is_unknown:
        return False
    missing = form.is_option and form.is_indexed
    empty = form.is_list and not (form.is_regular and form.size)
    found = map(_has_elements, _contents(form))
    return missing or empty or (any(found) if form.is_union else all(found))


def _contents(form: Any) -> list[Any]:
    if form.is_union or form.is_record:
        return list(form.contents)
    return [] if form.is_unknown or form.is_numpy else [form.content]


def _marked_keys(form: Any) -> Iterator[str]:
    if form.parameter(LEAF) is not None:
        yield form.form_key
    if form.is_record or form.is_union:
        below = form.contents
    else:
        below = [] if form.is_numpy or form.is_unknown else [form.content]
    for child in below:
        yield from _marked_keys(child)


# -- together -------------------------------------------------------------------------------------


def _filled(
    template: Any, leaf: Callable[[Content], Content], other: Callable[[Content], Content]
) -> Any:
    if not isinstance(template, Template):
        return template
    differentiated = False

    def filled(part: Content) -> Content:
        nonlocal differentiated
        made = leaf(part) if is_marked(part) else other(part)
        differentiated = differentiated or is_dual(made)
        return made

    layout = rebuilt(template.layout, filled)
    array = ak.Array(layout, behavior=template.behavior, attrs=template.attrs)
    if differentiated:
        return _as_it_came(template, wrap(array))
    if template.origin not in (*NUMBERS, NUMPY):
        return array[0] if template.origin == RECORD else array
    plain = ak.to_numpy(array)
    if template.origin == WEAK:
        return float(plain[0])
    return plain if template.origin == NUMPY else plain[0]


def _as_duals(template: Any, leaf: Callable[[Content], Content]) -> Any:
    if not isinstance(template, Template):
        return template
    layout = rebuilt(template.layout, lambda part: leaf(part) if is_marked(part) else part)
    array = wrap(ak.Array(layout, behavior=template.behavior, attrs=template.attrs))
    return _as_it_came(template, array)


def _as_it_came(template: Template, array: Any) -> Any:
    if template.origin == NUMPY:
        return as_ndarray(array)
    if template.origin == WEAK:
        return weak(array[0])
    return array[0] if template.origin in (RECORD, NUMBER) else array


def _type_of(template: Any, dtypes: Iterator[Any]) -> Any:
    if not isinstance(template, Template):
        return template

    def leaf(part: Content) -> Content:
        if not is_marked(part):
            return part
        return unmarked(part, next(dtypes) if part.parameter(LEAF) == "f" else None)

    array = ak.Array(rebuilt(template.layout, leaf), behavior=template.behavior)
    return _Shown(array.type if template.origin in (RECORD, *NUMBERS) else array.typestr)


class _Shown(str):
    """A text that shows itself without quotes."""

    def __new__(cls, value: Any) -> _Shown:
        return super().__new__(cls, str(getattr(value, "content", value)))

    __repr__ = str.__str__  # type: ignore[assignment]


# -- equality -------------------------------------------------------------------------------------


def _digest_tree(tree: Any, known: Any) -> None:
    if isinstance(tree, Template):
        known.update(tree.digest)
    elif (below := branch(tree)) is not None:
        known.update(f"{type(tree).__name__}{len(tree)}".encode())
        for key, item in zip(*below, strict=True):
            known.update(f"{key!r}:".encode())
            _digest_tree(item, known)
    elif isinstance(tree, np.ndarray):
        digest_buffer(tree, known)
    else:
        known.update(f"{type(tree).__name__}{_identity(tree)}".encode())


def _identity(value: Any) -> str:
    """A text for a constant: plain values by what they are, others by which object they are."""
    plain = value is None or isinstance(value, (bool, int, str, bytes, complex, np.generic))
    return repr(value) if plain else f"{value!r}{id(value)}"
