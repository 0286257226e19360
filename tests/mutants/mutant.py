"""A place in the code, what stands there, and what a tired engineer might write."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """A fault.

    Attributes:
        name: what is wrong.
        file: where, from the top of the project.
        old: the text there, which the file has once.
        new: what takes its place.
        near: the tests that run first.
    """

    name: str
    file: str
    old: str
    new: str
    near: str
