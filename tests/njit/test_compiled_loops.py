"""Compiled loops in a differentiated program: what goes in, what comes out, what is refused."""

from __future__ import annotations

import math
import subprocess
import sys
import textwrap
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor

import awkward as ak
import numba
import numpy as np
import pytest
from numba import typed

import dualak
from dualak import extend
from dualak.njit.views import require_processor

X = ak.Array([[1.0, 2.0], [], [3.0]])
ONES = ak.ones_like(X)


@numba.njit
def squares(x):
    """The sum of squares of each list."""
    out = dualak.empty(len(x))
    for i in range(len(x)):
        total = 0.0
        for number in x[i]:
            total += number**2
        out[i] = total
    return out


@numba.njit
def total(x):
    found = 0.0
    for numbers in x:
        for number in numbers:
            found += number**2
    return found


def along_ones(loop, x=X):
    return dualak.jvp(loop, x, ak.ones_like(x))


def both(result):
    y, dy = result
    return ak.to_list(y), ak.to_list(dy)


# -- what goes in ---------------------------------------------------------------------------------

READERS = {
    "index of index": lambda x: x[0][1] * x[2][0],
    "negative index": lambda x: x[-1][-1] * x[0][-1],
    "slice": lambda x: x[0][1:][0] * x[1:][1][0],
    "length": lambda x: len(x) * x[0][1] * (len(x[0]) + 1) * x[2][0] / 9,
}


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", READERS)
def test_numbers_are_read_by(name):
    assert both(along_ones(numba.njit(READERS[name]))) == (6.0, 5.0)


def test_records_are_read_by_attributes_and_names():
    jets = ak.zip({"pt": X, "charge": ak.values_astype(X, np.int64), "name": [["a", "b"], [], "c"]})

    @numba.njit
    def read(events):
        found = 0.0
        for event in events:
            for jet in event:
                if jet.name != "b":
                    found += jet["pt"] * jet.charge
        return found + events[0].pt[1] * events.pt[2][0]

    assert both(dualak.jvp(read, jets, ak.zip({"pt": ONES}))) == (1.0 + 9.0 + 6.0, 1 + 3 + 5)


def test_missing_numbers_are_none():
    x = ak.Array([[1.0, None], None, [3.0]])

    @numba.njit
    def read(x):
        found = 0.0
        for numbers in x:
            if numbers is not None:
                for number in numbers:
                    if number is not None:
                        found += number * number
        return found

    assert both(along_ones(read, x)) == (10.0, 8.0)


def test_records_scalars_and_constants_are_arguments():
    @numba.njit
    def read(event, scale, weights, offset):
        return (event.pt[0] * scale + weights[1]) * offset

    event = ak.Record({"pt": [2.0, 3.0], "n": 1})
    args = (event, 5.0, np.array([1.0, 4.0]), 2.0)
    assert both(dualak.jvp(read, args, ({"pt": [1.0, 0.0]}, None, None, None))) == (28.0, 10.0)
    assert both(dualak.jvp(read, args, (None, 1.0, None, None))) == (28.0, 4.0)
    assert both(dualak.jvp(read, args, (None, None, np.array([0.0, 1.0]), 1.0))) == (28.0, 16.0)


@pytest.fixture
def vector():
    found = pytest.importorskip("vector")
    found.register_awkward()
    return found


@pytest.mark.in_full
def test_vectors_have_their_compiled_methods(vector):
    columns = {"pt": X * 10, "eta": X / 2, "phi": X**2, "mass": X}
    jets = ak.zip(columns, with_name="Momentum4D")

    @numba.njit
    def loop(jets):
        a, b = jets[0]
        c = jets[2][0]
        boosted = a.boost_p4(c)
        return (a + b).mass, a.deltaR(c), b.pz * c.E, boosted.pt, (a + b + c).rapidity, a.dot(b)

    def arrays(jets):
        a, b, c = jets[0, 0], jets[0, 1], jets[2, 0]
        return (
            (a + b).mass,
            a.deltaR(c),
            b.pz * c.E,
            a.boost_p4(c).pt,
            (a + b + c).rapidity,
            a.dot(b),
        )

    try:
        loop(jets)
    except numba.TypingError:
        pytest.skip("this Numba does not compile vector's sums of plain numbers either")
    along = ak.zip({"pt": X, "eta": ONES, "phi": X, "mass": X})
    for got, want in zip(
        dualak.jvp(loop, jets, along), dualak.jvp(arrays, jets, along), strict=True
    ):
        np.testing.assert_allclose(got, want, rtol=1e-10)


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("Vector2D", ("x", "y")),
        ("Momentum3D", ("pt", "phi", "theta")),
        ("Momentum4D", ("px", "py", "pz", "energy")),
    ],
)
def test_vectors_are_read_in_their_own_coordinates(vector, name, columns):
    x = ak.zip({one: X / 3 + i for i, one in enumerate(columns)}, with_name=name)

    @numba.njit
    def loop(x):
        return x[0][1].rho * x[2][0].phi, x, x[0]

    def arrays(x):
        return x[0, 1].rho * x[2, 0].phi, x, x[0]

    along = ak.zip(dict.fromkeys(columns, X))
    got, want = (dualak.jvp(func, x, along) for func in (loop, arrays))
    np.testing.assert_allclose(got[1][0], want[1][0], rtol=1e-12)
    assert [type(one) for one in got[0][1:]] == [type(one) for one in want[0][1:]]
    assert both((got[1][1], got[1][2])) == both((want[1][1], want[1][2]))


def test_an_empty_array_has_no_elements():
    y, dy = along_ones(squares, X[:0])
    assert ak.to_list(y) == ak.to_list(dy) == []


def test_single_precision_stays_single():
    x = ak.values_astype(X, np.float32)

    @numba.njit
    def product(x):
        out = dualak.empty(1)
        out[0] = x[0][1] * x[2][0]
        return out, x[0][1] * x[2][0]

    y, dy = along_ones(product, x)
    assert [ak.to_numpy(one).dtype for one in (*y, *dy)] == [np.float32] * 4
    assert (y[1], dy[1]) == (6.0, 5.0)
    assert along_ones(squares, x)[1].dtype == np.float64  # as the plain loop's zero


# -- what comes out -------------------------------------------------------------------------------

Pair = namedtuple("Pair", "first second")


def test_tuples_come_out():
    @numba.njit
    def build(x):
        a, b, c = (x[0][0], 2.0, 3)
        return Pair(a * b, c), (a, (b, a * a))

    y, dy = along_ones(build)
    assert y == (Pair(2.0, 3), (1.0, (2.0, 1.0)))
    assert dy == (Pair(2.0, 0), (1.0, (0.0, 2.0)))
    assert type(y[0]) is Pair


def test_lists_and_dicts_are_containers():
    @numba.njit
    def build(x):
        reflected, grown, by_number = [x[0][1], x[0][0] * 3], typed.List(), {}
        for numbers in x:
            for number in numbers:
                reflected.append(number * number)
                grown.append(number * number)
                by_number[int(number)] = number**3
        found = 0.0
        for one in reflected:
            found += one
        return found, sum(grown), by_number[2], len(reflected)

    assert along_ones(build) == ((19.0, 14.0, 8.0, 5), (16.0, 12.0, 12.0, 0))


def test_arrays_of_several_axes_and_their_parts_come_out():
    @numba.njit
    def build(x):
        out = dualak.zeros((len(x), 2), x)
        for i in range(len(x)):
            for number in x[i]:
                out[i, 0] += number**2
                out[i, 1] += 1
        return out, out[1:], out[:, 0], out.T, dualak.full(2, out[0, 0])

    for got, plain in zip(along_ones(build)[0], build(X), strict=True):
        assert type(got) is type(plain)
        assert got.tolist() == plain.tolist()
    dy = along_ones(build)[1]
    assert [one.tolist() for one in dy[:3]] == [
        [[6.0, 0.0], [0.0, 0.0], [6.0, 0.0]],
        [[0.0, 0.0], [6.0, 0.0]],
        [6.0, 0.0, 6.0],
    ]
    assert dy[3].tolist() == [[6.0, 0.0, 6.0], [0.0, 0.0, 0.0]]
    assert dy[4].tolist() == [6.0, 6.0]


@pytest.mark.in_full
def test_functions_of_arrays_of_duals():
    @numba.njit
    def loop(x):
        a = dualak.zeros(3, x)
        for i in range(3):
            a[i] = x[0][1] ** (3 - i) * (i + 2)
        found = [np.sum(a), a.max(), np.min(a), a[np.argmax(a)]]
        found.append(np.full_like(a, 2.0)[0] * a[1] + np.zeros_like(a)[2])
        turned, column, ordered = a.copy()[::-1], a.reshape(3, 1)[:, 0], np.sort(a)
        for i in range(3):
            found.append(turned[i] * column[i])
            found.append(ordered[i] * i)
        return dualak.array(found)

    assert dualak.check_jvp(loop, X).numbers == 11


def test_views_come_out_as_what_they_are_of():
    jets = ak.zip({"pt": X, "n": ak.values_astype(X, np.int64)})

    @numba.njit
    def parts(jets):
        return jets, jets.pt, jets[0], jets[0].pt, jets[2][0], jets.n

    y, dy = dualak.jvp(lambda jets: parts(jets), jets, ak.zip({"pt": 2 * X}))
    wanted = (jets, jets.pt, jets[0], jets[0].pt, jets[2][0], jets.n)
    assert list(map(ak.to_list, y)) == list(map(ak.to_list, wanted))
    assert dy[1].to_list() == (2 * X).to_list()
    assert dy[4].to_list() == {"pt": 6.0, "n": 0}


@numba.njit
def _numbers(x):
    a, b = x[0][0] * 1.3, x[0][1] * 0.2
    return (
        *(np.float64(a) * a, np.float32(a), a.real * a.conjugate(), a.imag, a.item(), np.real(a)),
        *(min((a, b)), max((b, 1, a)), max((a,)), min((a, b, 2.0, a * b)), min([a, b])),
        *(np.sinc(a), np.sinc(b), np.sinc(b - b), np.sinc(b * b - b) ** 2),
        *(np.round(a, 1) * a, np.around(a * 7.0), np.round(b, decimals=2), round(a, 1)),
        *(np.int64(a * 3.0) * a, np.bool_(a) * a, np.int32(b)),
    )


def test_constructors_attributes_and_functions_of_single_numbers():
    """Each is a number of the plain function's value, with its derivative."""
    found, slopes = along_ones(_numbers)
    plain = _numbers(X)
    above, below = (_numbers(X + h) for h in (1e-6, -1e-6))
    assert len(found) == len(slopes) == len(plain) == 22
    for got, slope, value, one, other in zip(found, slopes, plain, above, below, strict=True):
        single = np.asarray(got).dtype == np.float32
        assert got == pytest.approx(value, rel=1e-6 if single else 1e-13, abs=1e-15)
        wanted = 1.3 if single else (float(one) - float(other)) / 2e-6
        assert slope == pytest.approx(wanted, rel=1e-7, abs=1e-8)
    assert found[1].dtype == slopes[1].dtype == np.float32


def test_sinc_has_a_second_derivative_at_zero():
    sinc = numba.njit(lambda x: np.sinc(x))
    assert dualak.hessian(sinc)(0.0) == pytest.approx(-(np.pi**2) / 3, rel=1e-14)


def test_arrays_of_integers_keep_them():
    @numba.njit
    def whole(x):
        found, flags = [1, 2], [True, False]
        found.append(len(x))
        typed_found = typed.List([7, 8])
        return dualak.array(found), dualak.array(flags), dualak.array(typed_found)

    y, dy = along_ones(whole)
    for given in (y, whole(X), (dualak.array([1, 2, 3]), dualak.array([True, False]))):
        assert [one.dtype.kind for one in given] == ["i", "b", "i"][: len(given)]
        assert list(given[0]) == [1, 2, 3]
    assert [one.tolist() for one in dy] == [[0, 0, 0], [False, False], [0, 0]]
    assert dualak.array([1, 2.5]).dtype == dualak.array([]).dtype == np.float64


@pytest.mark.parametrize("like", ["jets", "jets[0]", "jets[0][0]", "(jets, 1.0)"])
def test_records_are_examples_of_what_they_hold(like):
    jets = ak.zip({"pt": X, "n": ak.values_astype(X, np.int64)})
    scope = {"dualak": dualak}
    exec(
        f"def loop(jets):\n"
        f"    out = dualak.zeros(len(jets), {like})\n"
        f"    for i in range(len(jets)):\n"
        f"        for jet in jets[i]:\n"
        f"            out[i] += jet.pt * jet.n\n"
        f"    return out\n",
        scope,
    )
    loop = numba.njit(scope["loop"])
    assert loop(jets).tolist() == [5.0, 0.0, 9.0]
    assert both(dualak.jvp(loop, jets, ak.zip({"pt": ONES}))) == ([5.0, 0.0, 9.0], [3.0, 0.0, 3.0])


def test_integers_and_masks_are_discrete():
    @numba.njit
    def count(x):
        counts, large = np.zeros(len(x), np.int64), np.zeros(len(x), np.bool_)
        for i in range(len(x)):
            for number in x[i]:
                counts[i] += int(number > 1.5) + int(number)
                large[i] = number > 2.5
        return counts, large, round(x[0][1] * 1.3), math.floor(x[0][1])

    y, dy = along_ones(count)
    assert [ak.to_list(one) for one in y] == [[4, 0, 4], [False, False, True], 3, 2]
    assert [ak.to_list(one) for one in dy] == [[0, 0, 0], [False] * 3, 0, 0]


def test_results_go_on_into_ufuncs_reducers_and_loops():
    def program(x):
        return ak.sum(np.sqrt(squares(x) + 1) * ak.sum(x, axis=1)) + total(
            squares(x)[:, np.newaxis]
        )

    assert dualak.check_jvp(program, X).numbers == 1


def test_plain_calls_are_plain():
    loop = numba.njit(squares.py_func)
    before = loop(X)
    along_ones(loop)
    assert isinstance(before, np.ndarray)
    assert before.tolist() == loop(X).tolist() == [5.0, 0.0, 9.0]
    assert [sig[0].__class__.__module__.split(".")[0] for sig in loop.signatures] == [
        "awkward",
        "dualak",
    ]


def test_constants_stay_plain():
    """Where no argument moves, the loop is the plain one, and its result has no derivative."""
    y, dy = dualak.jvp(lambda x, s: squares(x) * s, (X, 2.0), (None, 1.0))
    assert both((y, dy)) == ([10.0, 0.0, 18.0], [5.0, 0.0, 9.0])
    y, dy = dualak.jvp(lambda x: squares(dualak.primal(x)) + ak.sum(x, axis=1), X, ONES)
    assert dy.to_list() == [2.0, 0.0, 1.0]


# -- transformations ------------------------------------------------------------------------------


def parametrised(p):
    return squares(X * p["scale"] + p["shift"])


def test_jacobians_take_all_directions_at_once():
    at = {"scale": 2.0, "shift": 0.5}
    found = dualak.jacfwd(parametrised)(at)
    moved = X * 2.0 + 0.5
    assert found["scale"].tolist() == ak.sum(2 * moved * X, axis=1).to_list()
    assert found["shift"].tolist() == ak.sum(2 * moved, axis=1).to_list()


@pytest.mark.in_full
def test_chunks_of_directions_are_the_same():
    point, weights = np.array([1.0, 0.5, 2.0]), np.array([[1.0, 2.0, 3.0], [2.0, 0.0, 1.0]])

    def program(p):
        return squares(ak.Array(weights) * p)

    whole = dualak.jacfwd(program)(point)
    for size in (1, 2):
        chunked = dualak.jacfwd(program, chunk_size=size)(point)
        assert np.array_equal(ak.to_numpy(whole), ak.to_numpy(chunked))
    np.testing.assert_allclose(ak.to_numpy(whole), 2 * weights**2 * point, rtol=1e-14)


def test_hessians_go_through_loops():
    found = dualak.hessian(lambda p: ak.sum(parametrised(p)))({"scale": 2.0, "shift": 0.5})
    assert found["scale"]["scale"] == 2 * ak.sum(X**2)
    assert found["scale"]["shift"] == found["shift"]["scale"] == 2 * ak.sum(X)
    assert found["shift"]["shift"] == 6.0


def test_levels_are_not_taken_for_one_another():
    @numba.njit
    def product(x, y):
        return x * y

    @numba.njit
    def added(x, y):
        return x + y

    def outer(x):
        return product(x, dualak.derivative(lambda y: added(x, y))(1.0))

    assert dualak.derivative(outer)(1.0) == 1.0
    mixed = dualak.derivative(lambda x: dualak.derivative(lambda y: product(x * x, y**3))(2.0))
    assert mixed(3.0) == 6.0 * 12.0


def test_three_levels():
    @numba.njit
    def power(x):
        return x**5

    third = dualak.derivative(dualak.derivative(dualak.derivative(power)))
    assert third(2.0) == 60 * 4.0


def test_many_directions_are_refused_beyond_what_registers_bear():
    def program(p):
        return squares(p[np.newaxis])

    p = np.arange(1.0, 401.0)
    assert dualak.jacfwd(program)(p[:40]).tolist() == [(2 * p[:40]).tolist()]
    with pytest.raises(TypeError, match="chunk_size"):
        dualak.jacfwd(program, chunk_size=400)(p)


def test_a_recorded_function_runs_the_loop_anew():
    compiled = dualak.compile(lambda x: squares(x) * 2)
    with pytest.warns(dualak.ReplayWarning, match="depends on the numbers"):
        compiled(X)
    for factor in (1.0, 3.0):
        assert compiled(X * factor).tolist() == (2 * squares(X * factor)).tolist()
        y, dy = compiled.jvp(X * factor, ONES)
        assert both((y, dy)) == both(dualak.jvp(lambda x: squares(x) * 2, X * factor, ONES))
    assert compiled.statistics.replayed == 0


@pytest.mark.parametrize("kept", ["array", "scalar"])
def test_a_dual_of_another_call_is_refused(kept):
    duals = []

    @numba.njit
    def identity(x):
        return x

    def keeping(x):
        duals.append(x if kept == "array" else x[0, 0])
        return identity(duals[0])

    dualak.jvp(keeping, X, ONES)
    with pytest.raises((RuntimeError, numba.TypingError), match="kept"):
        identity(duals[0])
    with pytest.raises((RuntimeError, numba.TypingError), match="kept"):
        dualak.jvp(lambda x: identity(duals[0]), X, ONES)


# -- the compiler's options -----------------------------------------------------------------------


def test_parallel_loops():
    @numba.njit(parallel=True)
    def parallel(x):
        out, found = dualak.empty(len(x), x), 0.0
        for i in numba.prange(len(x)):
            inner = 0.0
            for number in x[i]:
                inner += number**2
            out[i] = inner
            found += inner
        return out, found

    x = ak.unflatten(np.linspace(0.0, 1.0, 3000), np.tile([2, 0, 4], 500))
    (y, found), (dy, moved) = along_ones(parallel, x)
    assert both((y, dy)) == both(along_ones(squares, x))
    np.testing.assert_allclose([found, moved], along_ones(total, x), rtol=1e-12)


def test_options_that_change_arithmetic():
    @numba.njit(error_model="numpy", fastmath={"contract"}, nogil=True)
    def quotient(x):
        return x[0][0] / (x[0][1] - 2.0)

    y, dy = dualak.jvp(quotient, X, ak.Array([[1.0, 0.0], [], [0.0]]))
    assert (y, dy) == (np.inf, np.inf)
    with pytest.raises(ZeroDivisionError):
        along_ones(numba.njit(quotient.py_func))


def test_threads_share_a_loop():
    @numba.njit(nogil=True)
    def loop(x):
        return total(x) + x[0][0]

    want = along_ones(loop)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: along_ones(loop), range(16))) == [want] * 16


CACHED = """
    import awkward as ak, numba, dualak

    @numba.njit(cache=True)
    def loop(x):
        out = dualak.empty(len(x))
        for i in range(len(x)):
            out[i] = x[i] ** 3
        return out

    x = ak.Array([1.0, 2.0])
    loop(x)
    found = dualak.jvp(loop, x, ak.Array([1.0, 10.0]))
    print([one.tolist() for one in found], sum(loop.stats.cache_hits.values()))
"""


@pytest.mark.in_full
def test_the_cache_on_disk_serves_another_process(tmp_path):
    script = tmp_path / "cached.py"
    script.write_text(textwrap.dedent(CACHED))
    said = [
        subprocess.run([sys.executable, script], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert said == [f"[[1.0, 8.0], [3.0, 120.0]] {hits}\n" for hits in (0, 2)]


# -- kinks and cuts -------------------------------------------------------------------------------


def test_ties_share_the_tangent():
    @numba.njit
    def extremes(x, y):
        return max(x, y), min(x, y), max(x, y, 0.0), np.maximum(x, y), abs(x - y)

    assert dualak.jvp(extremes, (1.0, 1.0), (1.0, 0.0))[1] == (0.5, 0.5, 0.5, 0.5, 1.0)
    assert dualak.jvp(extremes, (1.0, 2.0), (1.0, 0.0))[1] == (0.0, 1.0, 0.0, 0.0, -1.0)


def test_a_choice_passes_over_nan_as_python_does():
    @numba.njit
    def extremes(x, y):
        return max(x, y), min(x, y)

    assert dualak.jvp(extremes, (1.0, np.nan), (1.0, 5.0)) == ((1.0, 1.0), (1.0, 1.0))


def test_a_zero_tangent_stays_zero_against_an_infinite_slope():
    @numba.njit
    def root(x, y):
        return math.sqrt(x) + y

    assert dualak.jvp(root, (0.0, 1.0), (0.0, 1.0))[1] == 1.0
    assert dualak.jvp(root, (0.0, 1.0), (1.0, 1.0))[1] == np.inf
    assert dualak.jvp(lambda x: root(x * 0.0, x), 1.0, 1.0)[1] == 1.0


@numba.njit
def above(x, cut):
    found = 0.0
    for numbers in x:
        for number in numbers:
            if number > cut:
                found += number
    return found


def test_a_branch_is_right_on_its_side():
    assert dualak.check_jvp(lambda x: above(x, 1.5), X).numbers == 1


def test_check_jvp_flags_a_cut():
    with pytest.raises(dualak.DerivativeError, match="a step"):
        dualak.check_jvp(lambda x: above(x, 2.0), X, ONES)


def test_a_choice_by_where_and_numbers_in_place_of_nan():
    @numba.njit
    def choose(x, y):
        return np.where(x > 1.5, x * y, y), np.nan_to_num(y / x, nan=7.0), np.nan_to_num(np.log(y))

    with np.errstate(all="ignore"):
        assert dualak.jvp(choose, (2.0, 3.0), (1.0, 0.0))[1] == (3.0, -0.75, 0.0)
        y, dy = dualak.jvp(choose, (1.0, np.nan), (1.0, 1.0))
    assert (y[1:], dy[1:]) == ((7.0, 0.0), (0.0, 0.0))
    assert dualak.jvp(choose, (1.0, 0.0), (1.0, 0.0))[0][2] == -np.finfo(np.float64).max


# -- derivatives inside of loops ------------------------------------------------------------------


@numba.njit
def several(x, c):
    return x**3 * c, 2 * x, c, 1


@numba.njit
def slopes(x, c):
    return dualak.partials(several, x, c)


def test_partials_of_a_number():
    assert slopes(2.0, 3.0) == ((24.0, 4.0, 3.0, 1), (36.0, 2.0, 0.0, 0.0))


def test_partials_are_differentiated_in_turn():
    assert dualak.derivative(lambda x: slopes(x, 3.0)[1][0])(2.0) == 36.0
    assert dualak.derivative(lambda c: slopes(2.0, c)[1][0])(3.0) == 12.0
    (mixed,) = dualak.jacfwd(lambda p: (slopes(p[0], p[1])[1][0],))([2.0, 3.0])[0]
    assert mixed == 36.0


@numba.njit
def added(y, x):
    return x + y


@numba.njit
def times_a_slope(x):
    return x * dualak.partials(added, 1.0, x)[1]


@numba.njit
def slope_of_that(x):
    return dualak.partials(times_a_slope, x)


@pytest.mark.in_full
def test_partials_of_partials_are_not_confused():
    assert slope_of_that(1.0) == (1.0, 1.0)
    assert dualak.derivative(times_a_slope)(1.0) == 1.0
    assert dualak.derivative(lambda x: slope_of_that(x)[1])(1.0) == 0.0


def test_partials_are_interpreted_outside_of_compiled_functions():
    assert dualak.partials(several, 2.0, 3.0) == slopes(2.0, 3.0)


# -- what is refused ------------------------------------------------------------------------------


def assert_refused(function, *says, x=X):
    loop = numba.njit(function)
    with pytest.raises(numba.TypingError) as raised:
        along_ones(loop, x)
    for words in (*says, "test_compiled_loops.py"):
        assert words in str(raised.value)


def test_a_plain_array_takes_no_duals():
    def loop(x):
        out = np.empty(len(x))
        for i in range(len(x)):
            out[i] = x[i][0] * 2.0
        return out

    assert_refused(loop, "dualak.empty", "drop its tangent", "out[i] = x[i][0] * 2.0")


def test_an_array_that_held_plain_numbers_first_takes_no_duals():
    def loop(x):
        out = dualak.full(len(x), 0.0)
        out[0] = x[0][0]
        return out

    assert_refused(loop, "dualak.empty(n, like)", "out[0] = x[0][0]")


def test_a_plain_list_takes_no_duals():
    def loop(x):
        numbers = typed.List.empty_list(numba.float64)
        numbers.append(x[0][0])
        return numbers[0]

    assert_refused(loop, "numbers.append(x[0][0])")


def test_a_builder_of_plain_numbers_takes_no_duals():
    @numba.njit
    def loop(builder, x):
        builder.real(x[0][0])
        return builder

    with pytest.raises(numba.TypingError, match=r"builder\.real\(x\[0\]\[0\]\)"):
        along_ones(lambda x: loop(ak.ArrayBuilder(), x))


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (lambda x: math.lgamma(x[0][0]), "digamma"),
        (lambda x: divmod(x[0][0], 2.0), "x // y"),
        (lambda x: complex(x[0][0]), "complex"),
        (lambda x: np.linalg.norm(x[0]), "norm"),
        (lambda x: dualak.zeros(2, x).view(np.float64), "use its elements"),
        (lambda x: dualak.zeros(2, x).astype(np.float64), "astype"),
        (lambda x: np.sqrt(dualak.zeros(2, x)), "write a loop over its elements"),
        (lambda x: dualak.zeros(2, x) + x[0][0], "write a loop over its elements"),
        (lambda x: 1j * x[0][0], "complex numbers are not differentiated"),
        (lambda x: np.float16(x[0][0]), "float16"),
        (lambda x: np.complex128(x[0][0]), "complex numbers are not differentiated"),
        (lambda x: np.array([x[0][0], 2.0]), "use dualak.array(numbers)"),
        (lambda x: np.asarray([[x[0][0]], [x[0][1]]]), "use dualak.array(numbers)"),
    ],
)
def test_unsupported_operations_name_the_line_and_the_reason(function, why):
    assert_refused(function, why)


def test_memory_of_other_devices_is_refused():
    with pytest.raises(TypeError, match=r"ak\.to_backend"):
        require_processor("cuda")


def test_unions_are_refused():
    x = ak.Array([1.0, [2.0], 3.0])
    with pytest.raises(numba.TypingError, match="union"):
        along_ones(numba.njit(lambda x: x[0]), x)


def test_traces_without_numbers_are_refused():
    _, structure = extend.flatten((X,))
    with pytest.raises(dualak.UnknownNumbersError):
        extend.trace(total, structure, ["float64"])


def test_single_beside_double_precision_is_double():
    @numba.njit
    def products(x, y):
        out = dualak.empty(len(y), y)
        for i in range(len(x)):
            out[i] = x[i] * y[i] + (x[i] - y[i])
        return out

    x, y = np.array([1.0, 3.0], np.float32), np.array([0.1, 1 / 3])
    value, tangent = dualak.jvp(products, (x, y), (x, y))
    np.testing.assert_allclose(value, x * y + (x - y), rtol=1e-15)
    np.testing.assert_allclose(tangent, 2 * x * y + (x - y), rtol=1e-15)


def test_the_greater_of_single_and_double_precision_is_double():
    @numba.njit
    def greater(x, y):
        out = dualak.empty(len(y), y)
        for i in range(len(x)):
            out[i] = np.maximum(x[i], y[i])
        return out

    x, y = np.array([0.25, 3.0], np.float32), np.array([1 / 3, 0.1])
    value, tangent = dualak.jvp(greater, (x, y), (x, y))
    np.testing.assert_allclose(value, [1 / 3, 3.0], rtol=1e-15)
    np.testing.assert_allclose(tangent, [1 / 3, 3.0], rtol=1e-15)
