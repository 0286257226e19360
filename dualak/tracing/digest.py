"""Digests: the bytes of layouts but for their numbers, in a few, so that comparing is quick."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np

from dualak import device
from dualak.arrays.layouts import Content, children
from dualak.device import Buffer
from dualak.seeding.match import INDEX_BUFFERS

#: The parameter of a leaf that stands for numbers, and says of which kind they are.
LEAF = "__numbers__"


def is_marked(leaf: Content) -> bool:
    return leaf.parameter(LEAF) is not None


def digest_layout(layout: Content, known: Any) -> None:
    fields = layout.fields if layout.is_record else ()
    about = (type(layout).__name__, sorted(layout.parameters.items(), key=repr), layout.length)
    known.update(repr((*about, *fields)).encode())
    for name in INDEX_BUFFERS.get(type(layout), ()):
        value = getattr(layout, name)
        if isinstance(value, ak.index.Index):
            digest_buffer(device.in_memory(value.data), known)
        else:
            known.update(repr(value).encode())
    if layout.is_numpy and not is_marked(layout):
        digest_buffer(device.in_memory(layout.data), known)
    for child in children(layout):
        digest_layout(child, known)


def digest_buffer(buffer: Buffer, known: Any) -> None:
    known.update(f"{buffer.dtype}{buffer.shape}".encode())
    known.update(np.ascontiguousarray(buffer).view(np.uint8).data if buffer.size else b"")
