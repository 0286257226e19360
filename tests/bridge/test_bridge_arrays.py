"""Arrays that cross the bridge: the same memory, the same structure; nothing else gets through."""

from __future__ import annotations

import itertools
import subprocess
import sys

import awkward as ak
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bridge
import dualak
from dualak import extend
from tests.support.layouts import LAYOUTS, direction

LAYOUT = dict(LAYOUTS)


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def jagged():
    return ak.Array([[3.0, 4.0], [], [5.0]])


def ones_like(tree):
    return jax.tree_util.tree_map(jnp.ones_like, tree)


# -- there and back -------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUT)
def test_an_array_of_any_layout_comes_back(layout):
    array = LAYOUT[layout]()
    crossed = bridge.to_jax(array)
    back = bridge.from_jax(crossed)
    assert back.type == array.type
    assert ak.array_equal(back, array, same_content_types=False)
    assert all(one.dtype.kind == "f" and one.ndim == 1 for one in crossed.leaves)
    assert len(crossed) == len(array)


def with_everything():
    behavior = {("*", "Hit"): type("Hits", (ak.Array,), {"twice": lambda self: self.x * 2})}
    array = ak.Array(
        [{"x": 1.5, "n": 1, "s": "hi", "o": None}, {"x": 2.5, "n": 2, "s": "you", "o": 2.5}],
        with_name="Hit",
        behavior=behavior,
        attrs={"unit": "GeV"},
    )
    return array, behavior


def test_behaviors_attributes_and_strings_come_along():
    array, behavior = with_everything()
    back = bridge.from_jax(bridge.to_jax(array))
    assert back.to_list() == array.to_list()
    assert dict(back.attrs) == {"unit": "GeV"}
    assert type(back) is behavior["*", "Hit"]
    assert back.twice().to_list() == [3.0, 5.0]


def test_behaviors_hold_inside_of_wrapped_functions():
    array, _ = with_everything()
    twice = jax.jit(bridge.wrap(lambda hits: hits.twice() + ak.fill_none(hits.o, 1.0)))
    np.testing.assert_array_equal(twice(bridge.to_jax(array)), [4.0, 7.5])


def test_a_record_comes_back():
    array, _ = with_everything()
    crossed = bridge.to_jax(array[1])
    assert bridge.from_jax(crossed).to_list() == array[1].to_list()
    assert repr(crossed) == "<bridge.Array of Hit[x: float64, n: int64, s: string, o: ?float64]>"


@pytest.mark.parametrize("data", [[], [[], []], ["a", "bc"], [[1, 2], [3]], [True, None]])
def test_an_array_without_floats_is_structure_alone(data):
    crossed = bridge.to_jax(ak.Array(data))
    assert crossed.leaves == ()
    assert bridge.from_jax(crossed).to_list() == data


def test_other_trees_become_arrays_and_numbers():
    tree = {"a": [bridge.to_jax(jagged()), 1.5, None], "b": jnp.ones((2, 3)), "c": jnp.asarray(3)}
    back = bridge.from_jax(tree)
    assert ak.array_equal(back["a"][0], jagged())
    assert back["a"][1:] == [1.5, None]
    assert str(back["b"].type) == "2 * 3 * float64"
    assert back["c"] == 3
    assert isinstance(back["c"], np.int64)


def test_tangents_of_integers_come_back_as_zeros():
    counts = bridge.wrap(lambda x: {"n": ak.num(x), "x": x})
    x = bridge.to_jax(jagged())
    y, dy = bridge.from_jax(jax.jvp(counts, (x,), (ones_like(x),)))
    assert y["n"].to_list() == [2, 0, 1]
    assert dy["n"].to_list() == [0, 0, 0]
    assert dy["x"].to_list() == [[1.0, 1.0], [], [1.0]]


# -- memory: what goes in is copied, what comes out is shared and read-only ------------------------


def aligned(count, offset=0):
    """Numbers at an address that is a multiple of 64 plus an offset."""
    raw = np.zeros(count * 8 + 128, np.uint8)
    start = -raw.ctypes.data % 64 + offset
    return raw[start : start + count * 8].view(np.float64)


def over(buffer):
    offsets = ak.index.Index64(np.array([0, 400, len(buffer)]))
    return ak.Array(ak.contents.ListOffsetArray(offsets, ak.contents.NumpyArray(buffer)))


def address(array):
    return array.layout.content.data.ctypes.data


@pytest.mark.parametrize("offset", [0, 8])
@pytest.mark.parametrize("start", [0, 400])
def test_what_is_written_afterwards_is_not_seen(offset, start):
    buffer = aligned(1000, offset)
    buffer[:] = np.arange(1000.0)
    (leaf,) = bridge.to_jax(over(buffer)[start // 400 :]).leaves
    buffer[:] = 0.0
    np.testing.assert_array_equal(leaf, np.arange(start, 1000.0))
    assert not leaf.committed


@pytest.mark.parametrize("offset", [0, 8])
def test_a_linearized_function_is_that_of_the_point_it_was_given(offset):
    buffer = aligned(1000, offset)
    buffer[:] = 1.0
    _, slope = jax.linearize(bridge.wrap(lambda x: ak.sum(x**2)), bridge.to_jax(over(buffer)))
    buffer[:] = 3.0
    assert float(slope(bridge.to_jax(over(np.ones(1000))))) == 2000.0


def test_what_comes_back_is_shared_and_read_only():
    crossed = bridge.to_jax(over(aligned(1000)))
    back = bridge.from_jax(crossed)
    assert crossed.leaves[0].unsafe_buffer_pointer() == address(back)
    assert not back.layout.content.data.flags.writeable


@pytest.mark.parametrize("way", [lambda f: f, jax.jit], ids=["eager", "jit"])
def test_results_share_their_memory_with_jax(way):
    result = way(bridge.wrap(lambda x: x * 2))(bridge.to_jax(over(aligned(1000))))
    assert address(bridge.from_jax(result)) == result.leaves[0].unsafe_buffer_pointer()


def test_single_precision_has_memory_of_its_own():
    buffer = aligned(1000)
    with jax.enable_x64(False):
        crossed = bridge.to_jax(over(buffer))
    assert crossed.leaves[0].dtype == np.float32


# -- structures -----------------------------------------------------------------------------------


def events(count=1, numbers=1.0):
    return ak.Array([{"x": [numbers, 2.0], "n": count}, {"x": [], "n": 2}])


#: What differs in structure from events(), and by what.
OTHERS = {
    "an integer": lambda: events(count=7),
    "lists": lambda: ak.Array([{"x": [1.0], "n": 1}, {"x": [2.0], "n": 2}]),
    "a name of a field": lambda: ak.Array([{"y": [1.0, 2.0], "n": 1}, {"y": [], "n": 2}]),
    "a name of a record": lambda: ak.with_name(events(), "Event"),
    "the type of integers": lambda: ak.with_field(events(), np.array([1, 2], np.int32), "n"),
    "options": lambda: ak.Array([{"x": [1.0, 2.0], "n": 1}, {"x": None, "n": 2}]),
    "attributes": lambda: ak.Array(events(), attrs={"unit": "GeV"}),
    "the length": lambda: events()[:1],
    "being a record": lambda: events()[0],
}


def structure(array):
    return bridge.to_jax(array).structure


def test_equal_layouts_in_different_memory_are_equal():
    one, other = structure(events()), structure(events(numbers=9.0))
    assert one == other
    assert hash(one) == hash(other)
    assert one.digest == other.digest
    reversed_twice = structure(events()[::-1][::-1])
    assert one == reversed_twice


@pytest.mark.parametrize("what", OTHERS)
def test_whatever_else_differs_is_another_structure(what):
    one, other = structure(events()), structure(OTHERS[what]())
    assert one != other
    assert other == structure(OTHERS[what]())


def test_a_structure_is_not_equal_to_anything_else():
    one = structure(events())
    assert one != 1
    assert one != "structure"
    assert one != bridge.to_jax(events())
    assert repr(one) == "<structure of 2 * {x: var * float64, n: int64}>"


def test_a_structure_with_numbers_shows_itself():
    _, found = extend.flatten((jagged(), 0.5, np.ones((2, 3)), {"n": 3}))
    shown = "(3 * var * float64, float64, 2 * 3 * float64, {'n': 3})"
    assert repr(found) == f"<structure of {shown}>"


def test_code_is_compiled_once_for_a_structure():
    traced = []
    function = jax.jit(lambda x: traced.append(x) or bridge.wrap(lambda x: x.x * 2)(x))
    for array in (events(), events(numbers=9.0), events(count=7), events()):
        function(bridge.to_jax(array))
    assert len(traced) == 2


def test_what_a_mask_hides_is_no_leaf():
    largest = bridge.wrap(lambda x: ak.max(x, axis=1))
    result = jax.jit(largest)(bridge.to_jax(jagged()))
    np.testing.assert_array_equal(result.leaves[0], [4.0, 5.0])
    assert bridge.from_jax(result).to_list() == [4.0, None, 5.0]
    slope = jax.grad(lambda x: largest(x).leaves[0].sum())(bridge.to_jax(jagged()))
    np.testing.assert_array_equal(slope.leaves[0], [0.0, 1.0, 1.0])


# -- pytrees --------------------------------------------------------------------------------------


@pytest.mark.parametrize("leaf", [object(), None, 3, "text"])
def test_leaves_may_be_anything(leaf):
    crossed = bridge.to_jax(events())
    leaves, tree = jax.tree_util.tree_flatten(crossed)
    other = jax.tree_util.tree_unflatten(tree, [leaf] * len(leaves))
    assert other.leaves == (leaf,)
    assert other.structure == crossed.structure
    assert repr(other) == repr(crossed)


def test_tree_map_keeps_the_structure():
    one, other = bridge.to_jax(events()), bridge.to_jax(events(numbers=5.0))
    total = jax.tree_util.tree_map(jnp.add, one, other)
    assert bridge.from_jax(total).x.to_list() == [[6.0, 4.0], []]
    assert bridge.from_jax(total).n.to_list() == [1, 2]


def test_tree_map_over_two_structures_raises():
    with pytest.raises(ValueError, match="structure"):
        jax.tree_util.tree_map(jnp.add, bridge.to_jax(jagged()), bridge.to_jax(jagged()[::-1]))


# -- bad input ------------------------------------------------------------------------------------

ERRORS = {
    "float16": (lambda: bridge.to_jax(ak.Array(np.ones(2, np.float16))), TypeError, "float16"),
    "complex": (lambda: bridge.to_jax(ak.Array([1 + 2j])), TypeError, "complex128"),
    "a list": (lambda: bridge.to_jax([1.0]), TypeError, "ak.Array or an ak.Record, got list"),
    "NumPy": (lambda: bridge.to_jax(np.ones(2)), TypeError, "got ndarray; JAX takes"),
    "a tracer": (lambda: jax.jit(bridge.from_jax)(jnp.ones(3)), TypeError, "in memory"),
    "tracers in an array": (
        lambda: jax.jit(bridge.from_jax)(bridge.to_jax(jagged())), TypeError, "bridge.wrap"),
    "no function": (lambda: bridge.wrap(3), TypeError, "expected a function, got int"),
    "a transport": (
        lambda: bridge.wrap(np.sin, transport="pigeon")(1.0), ValueError, "buffer.*got 'pigeon'"),
    "traced integers": (
        lambda: jax.jit(bridge.wrap(lambda n: n * 2))(np.arange(3)), TypeError, "traced int64"),
}  # fmt: skip


@pytest.mark.parametrize("what", ERRORS)
def test_bad_input_is_refused(what):
    call, error, text = ERRORS[what]
    with pytest.raises(error, match=text):
        call()


#: Functions that cannot be recorded: what they do, the error, and its text.
REFUSED = {
    "text": (lambda x: "text", TypeError, "the result of the function.*got str"),
    "a set": (lambda x: {1, 2}, TypeError, "got set"),
    "an object": (lambda x: [object()], TypeError, "got object"),
    "a mask": (
        lambda x: x[x > 3], dualak.UnknownNumbersError, "'greater' in line {line} of {file}"),
    "a branch": (
        lambda x: x if x[0, 0] > 3 else 2 * x,
        dualak.UnknownNumbersError, "'greater' in line {line} of {file}"),
    "truth": (
        lambda x: bool(np.sum(x)), dualak.UnknownNumbersError, "'sum' in line {line} of {file}"),
    "an argument's truth": (
        lambda x: x[0, 1] and x, dualak.UnknownNumbersError, "'an argument' in line {line} of"),
    "float": (lambda x: float(x[0, 0]) * x, dualak.EscapeError, r"float\(\)"),
    "int": (lambda x: int(x[0, 0]) * x, dualak.EscapeError, r"int\(\)"),
    "NumPy": (lambda x: np.asarray(x[0]), dualak.EscapeError, "np.asarray"),
    "lists": (lambda x: ak.Array(x.to_list()), dualak.EscapeError, "to_list"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_a_function_that_cannot_be_recorded_is_refused(what):
    function, error, text = REFUSED[what]
    code = function.__code__
    with pytest.raises(error, match=text.format(line=r"\d+", file=code.co_filename)) as caught:
        jax.jit(bridge.wrap(function))(bridge.to_jax(jagged()))
    if error is dualak.UnknownNumbersError:
        (shown,) = [int(word) for word in caught.value.line.split() if word.isdecimal()]
        assert shown in {line for _, _, line in code.co_lines()}
        assert caught.value.operation in str(caught.value)


def test_arrays_show_themselves_without_numbers(capsys):
    def printed(x):
        print(x, f"{x[0, 0]}")  # noqa: T201
        x.show()
        return x * 2

    jax.jit(bridge.wrap(printed))(bridge.to_jax(jagged()))
    shown = "<DualArray without numbers, type='3 * var * dual'>"
    scalar = "<DualNumber without numbers, type='dual'>"
    assert set(capsys.readouterr().out.splitlines()) == {f"{shown} {scalar}", shown}


def test_an_array_that_was_kept_is_refused():
    kept = []
    jax.jit(bridge.wrap(lambda x: kept.append(x) or x * 2))(bridge.to_jax(jagged()))
    with pytest.raises(ValueError, match="kept for a later call"):
        jax.jit(bridge.wrap(lambda x: x + kept[0]))(bridge.to_jax(jagged()))


@pytest.mark.parametrize(
    "numbers", [itertools.count(1.0), iter(np.random.default_rng(1).random, 2)]
)
def test_a_function_that_keeps_state_is_refused(numbers):
    with pytest.raises(ValueError, match="the same for the same arguments"):
        jax.jit(bridge.wrap(lambda x: x * next(numbers)))(bridge.to_jax(jagged()))


def test_a_transport_that_could_hang_is_refused():
    if not jax.config.read("jax_cpu_enable_async_dispatch"):
        pytest.skip("JAX runs what it is given at once")
    with pytest.raises(RuntimeError, match="jax_cpu_enable_async_dispatch"):
        bridge.wrap(np.sin, transport="pure")(1.0)


def other_direction():
    return bridge.to_jax(direction(ak.Array([[3.0], [4.0], [5.0]])))


def test_a_tangent_of_another_structure_is_refused():
    x = bridge.to_jax(jagged())
    norms = bridge.wrap(lambda x: x**2)
    with pytest.raises(TypeError, match="structure"):
        jax.jvp(norms, (x,), (other_direction(),))
    _, pullback = jax.vjp(norms, x)
    with pytest.raises(ValueError, match="structure"):
        pullback(other_direction())


LARGE = np.array([2**40, 1])


@pytest.mark.parametrize("way", [lambda f: f, jax.jit], ids=["eager", "jit"])
def test_integers_that_jax_would_narrow_are_refused(way):
    with jax.enable_x64(False):
        x = bridge.to_jax(jagged())
        lists = way(bridge.wrap(lambda x: {"x": x, "n": ak.unflatten(LARGE, [2, 0])}))(x)
        assert bridge.from_jax(lists)["n"].to_list() == [[2**40, 1], []]
        for made in (lambda x: (x, LARGE), lambda x: (x, LARGE[0]), lambda x: (x, ak.Array(LARGE))):
            with pytest.raises(OverflowError, match="int32"):
                way(bridge.wrap(made))(x)
        assert way(bridge.wrap(lambda x: LARGE[1:]))(x).tolist() == [1]


# -- what an import pulls in ----------------------------------------------------------------------


def run(script):
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert child.returncode == 0, child.stderr
    return child.stdout


BLOCKED = """
import sys
sys.modules["jax"] = None
import dualak
try:
    import bridge
except ImportError as error:
    print(error)
"""


def test_without_jax_the_error_names_the_extra():
    assert "pip install 'dualak[jax]'" in run(BLOCKED)


@pytest.mark.in_full
def test_dualak_imports_neither_bridge_nor_jax():
    script = "import sys, dualak; print('jax' in sys.modules, 'bridge' in sys.modules)"
    assert run(script).split() == ["False", "False"]
