"""The registry is closed: each function of Awkward and NumPy stands in exactly one class.

A name of a later release that stands in none fails here, as does one that no release has.
"""

from __future__ import annotations

import inspect

import awkward as ak
import numpy as np
import pytest

import dualak
from dualak.functions import catalogue, refusals
from dualak.functions.registry import functions
from dualak.functions.ufuncs import ONLY_IN_RULES
from dualak.rules import OUTPUTS, PREDICATES, RULES
from tests.functions.test_functions import REFUSED as REFUSED_CALLS
from tests.functions.test_functions import ROWS as ROWS_OF_AWKWARD
from tests.functions.test_numpy_functions import ROWS as ROWS_OF_NUMPY
from tests.support import ROOT
from tests.support.layouts import direction

#: Names that only some of the supported releases have: Awkward 2.8.11 to 2.14, NumPy 2.0 to 2.5.
IN_SOME_RELEASES = {
    "ak.from_cudf": "since Awkward 2.9",
    "np.cumulative_prod": "since NumPy 2.1",
    "np.cumulative_sum": "since NumPy 2.1",
    "np.in1d": "until NumPy 2.3",
    "np.matvec": "since NumPy 2.2",
    "np.unstack": "since NumPy 2.1",
    "np.vecmat": "since NumPy 2.2",
}

ROOMS = {"np": np, "np.linalg": np.linalg, "np.fft": np.fft}

#: What NumPy calls on other arrays' behalf: ``np.sum`` and the like.
Dispatched = type(np.sum)


def public(module):
    return [getattr(module, name) for name in dir(module) if not name.startswith("_")]


def name_in_numpy(function):
    """What the registry calls a function of NumPy, by whichever name it was found."""
    return f"{getattr(function, '__module__', 'numpy')}.{function.__name__}".replace("numpy", "np")


AWKWARD = sorted(
    f"{room}.{function.__name__}"
    for room, module in (("ak", ak), ("ak.str", ak.str))
    for function in public(module)
    if inspect.isfunction(function)
)
NUMPY = sorted(
    {
        name_in_numpy(function)
        for module in ROOMS.values()
        for function in public(module)
        if isinstance(function, Dispatched)
    }
)
UFUNCS = sorted(
    {f"np.{function.__name__}" for function in public(np) if isinstance(function, np.ufunc)}
)


def found(name):
    """The function of a name, if this release has it."""
    room, _, name = name.rpartition(".")
    module = {"ak": ak, "ak.str": ak.str, **ROOMS}.get(room)
    return getattr(module, name, None)


@pytest.mark.parametrize("names", [AWKWARD, NUMPY, UFUNCS], ids=["ak", "np", "ufuncs"])
def test_every_function_stands_in_a_class(names):
    assert len(names) > 80
    assert [name for name in names if name not in functions()] == []


def test_there_are_four_classes():
    kinds = {entry.kind for entry in functions().values()}
    assert kinds == {"structural", "differentiable", "discrete", "refused"} == {*catalogue.CLASSES}
    for name, entry in functions().items():
        assert entry.name == name
        assert (entry.handler is None) == (entry.kind == "refused") == bool(entry.why)


def test_every_name_is_one_of_a_release():
    unknown = {
        name
        for name in functions()
        if found(name) is None and not name.startswith("scipy.") and name not in IN_SOME_RELEASES
    }
    assert unknown == set()
    assert set(functions()) >= set(IN_SOME_RELEASES)


def test_every_name_of_scipy_is_one_of_its_ufuncs():
    special = pytest.importorskip("scipy.special")
    for name in functions():
        if name.startswith("scipy.special."):
            assert isinstance(getattr(special, name.removeprefix("scipy.special.")), np.ufunc), name


def test_a_refusal_is_no_longer_stated_where_there_is_a_rule():
    stated = [name for names in refusals.GROUPS.values() for name in names.split()]
    assert len(stated) == len(set(stated))
    assert [name for name in stated if functions()[name].kind != "refused"] == []


def test_what_rules_alone_call_is_no_ufunc():
    assert set(ONLY_IN_RULES) <= set(RULES)
    assert not set(ONLY_IN_RULES) & {name.removeprefix("np.") for name in functions()}


# -- rows of tests --------------------------------------------------------------------------------

#: The tests of rules go through the tables of rules.
BY_RULES = {f"np.{name}" for name in (*RULES, *OUTPUTS, *PREDICATES)} | {
    *(name for name in (*RULES, *OUTPUTS) if name.startswith("scipy.")),
    *(f"np.logical_{name}" for name in ("and", "or", "xor", "not")),
}

#: These have tables of tests of their own.
ELSEWHERE = {"np.matmul", "np.vecdot", "np.matvec", "np.vecmat", "np.linalg.norm", "ak.transform"}


def test_every_function_has_a_row():
    rows = {row[0] for row in (*ROWS_OF_AWKWARD, *REFUSED_CALLS, *ROWS_OF_NUMPY)}
    tested = rows | BY_RULES | ELSEWHERE | set(IN_SOME_RELEASES)
    untested = [n for n, one in functions().items() if one.kind != "refused" and n not in tested]
    assert untested == []
    assert sorted(rows - set(functions())) == []


# -- refusals -------------------------------------------------------------------------------------

REFUSED = {name: entry.why for name, entry in functions().items() if entry.kind == "refused"}


def raised_by(name, x):
    """What a function raises for one to five differentiated arguments, or returns."""
    for count in range(1, 6):
        try:
            yield found(name)(*[x] * count)
        except Exception as error:
            yield error


@pytest.mark.parametrize("name", [name for name in REFUSED if name.startswith("np.")])
def test_a_refused_function_of_numpy_gives_its_reason(name):
    if found(name) is None:
        pytest.skip("this release of NumPy does not have it")

    def function(x):
        results = list(raised_by(name, x))
        assert all(isinstance(one, Exception) for one in results), results
        refusals = [one for one in results if isinstance(one, dualak.NotDifferentiableError)]
        assert refusals, results
        assert name in str(refusals[0])
        assert REFUSED[name] in str(refusals[0])
        return x

    x = ak.Array([0.5, 0.25])
    dualak.jvp(function, x, x)


#: Awkward asks nobody about these: they raise errors of their own, or read files.
NOT_ASKED = {name for name in REFUSED if name.startswith(("ak.from_", "ak.metadata_", "ak.mixin_"))}
NOT_ASKED |= {"ak.to_parquet_dataset", "ak.to_rdataframe", "ak.to_safetensors"}


@pytest.mark.one_in(4)
@pytest.mark.parametrize(
    "name", [one for one in REFUSED if one[:3] == "ak." if one not in NOT_ASKED]
)
def test_a_refused_function_of_awkward_gives_its_reason(name):
    if found(name) is None:
        pytest.skip("this release of Awkward does not have it")

    def function(x):
        results = list(raised_by(name, x))
        assert all(isinstance(one, Exception) for one in results), results
        reason = REFUSED[name].split(";")[0]
        assert any(reason in str(one) or isinstance(one, ImportError) for one in results), results
        return x

    x = ak.Array([[0.5, 0.25], [], [1.5]])
    dualak.jvp(function, x, direction(x))


@pytest.mark.parametrize("name", sorted(NOT_ASKED))
def test_a_function_that_awkward_asks_nobody_about_takes_no_duals(name):
    if found(name) is None:
        pytest.skip("this release of Awkward does not have it")

    def function(x):
        results = list(raised_by(name, x))
        harmless = (Exception, type(None), type)
        for one in results:
            kept = isinstance(one, (ak.Array, ak.Record)) and "dual" in str(one.type)
            assert kept or callable(one) or isinstance(one, harmless), f"{name} gave {one!r}"
        return x

    x = ak.Array([0.5, 0.25])
    dualak.jvp(function, x, x)


def test_an_unknown_function_is_refused():
    def later(array):
        raise AssertionError("a function that is not registered was called")

    later.__module__ = "awkward"
    with pytest.raises(dualak.NotDifferentiableError, match=r"ak\.later is refused"):
        dualak.jvp(lambda x: x.__awkward_function__(later, (x,), (x,), {}), ak.Array([1.0]), [1.0])


# -- documentation --------------------------------------------------------------------------------

PAGE = ROOT / "docs" / "functions.md"


def test_the_page_of_functions_is_up_to_date():
    assert PAGE.read_text() == catalogue.page(), (
        "run python -m dualak.functions > docs/functions.md"
    )
