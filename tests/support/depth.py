"""The two sizes of the test suite, and how the everyday one chooses among many cases.

``DUALAK_TESTS=all`` asks for the large suite (``make test-all``).  There every case runs; in the
everyday suite (``make test``) the functions below leave some out, always the same ones.
"""

from __future__ import annotations

import itertools
import os
from zlib import crc32

#: Tests of which each case counts, and from how many cases on others are a sample.
LISTS = ("tests/house/", "tests/executors/test_broken_caches.py", "tests/soak/", "tests/fuzz/")
MANY = 6

EVERYTHING = os.environ.get("DUALAK_TESTS", "") == "all"


def everyday(few, many):
    """One of two numbers or tables: that of the everyday suite, or that of the large one."""
    return many if EVERYTHING else few


def product(*axes):
    """All combinations; every day, so many that any two values of two axes meet once."""
    every = itertools.product(*axes)
    return list(every) if EVERYTHING else all_pairs(every)


def all_pairs(rows):
    """So many of the rows, which are tuples, that no two values met only in rows left out.

    Rows that bring many pairs are taken first: exact is not needed, small and quick is.
    """
    rows = list(rows)
    kept, seen = [], set()
    width = len(rows[0]) * (len(rows[0]) - 1) // 2 if rows else 0
    for least in range(width, 0, -1):
        for at, row in enumerate(rows):
            pairs = set(itertools.combinations(enumerate(map(repr, row)), 2)) - seen
            if len(pairs) >= least:
                kept.append(at)
                seen |= pairs
    return [rows[at] for at in sorted(kept)]


def share(rows, one_in):
    """All rows; every day one in so many."""
    return list(rows) if EVERYTHING else list(rows)[::one_in]


def left_out(items, named=()):
    """The tests that are left out every day, by their marks.

    ``in_full`` leaves a test out, ``one_in(n)`` all but one in n cases of a test function, and at
    least one stays.  Of a function without a mark that has ``MANY`` cases every second one runs;
    those of ``LISTS`` name what has to be looked at, each of it.  Which ones follows from their
    names alone, not from their order, so that no value of an axis is left out because of its
    place.  What the command line names runs anyway.
    """
    if EVERYTHING:
        return set()
    out = {item for item in items if item.get_closest_marker("in_full")}
    cases = {}
    for item in items:
        if item not in out:
            cases.setdefault(item.nodeid.partition("[")[0], []).append(item)
    for of_one in cases.values():
        of_one.sort(key=lambda item: (crc32(item.nodeid.encode()), item.nodeid))
        out.update(of_one[-(-len(of_one) // one_in(of_one)) :])
    return {item for item in out if not is_named(item.nodeid, named)}


def one_in(cases):
    """One in how many cases of a function runs every day."""
    mark = cases[0].get_closest_marker("one_in")
    if mark:
        return mark.args[0]
    return 2 if len(cases) >= MANY and not cases[0].nodeid.startswith(LISTS) else 1


def is_named(nodeid, named):
    """Whether the command line names a case or its test, not only the file."""
    return nodeid in named or nodeid.partition("[")[0] in named


def turned(rows, name):
    """The rows from one on that depends on the name, and round."""
    rows = list(rows)
    start = crc32(name.encode()) % len(rows) if rows else 0
    return rows[start:] + rows[:start]


def in_part(name, part):
    """Whether a test is in a part, such as ``2/3``, of the suite: together the parts are all."""
    number, parts = map(int, part.split("/"))
    assert 1 <= number <= parts, f"{part} is no part"
    return crc32(name.encode()) % parts == number - 1
