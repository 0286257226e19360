"""Arrays on Awkward's backend ``cuda``, in and out: cases by name, as in ``cuda_cases``.

As a program this file runs with a stand-in for CuPy, in Numba's simulator.
"""

from __future__ import annotations

import re
import sys
import warnings

if __name__ == "__main__":
    from tests.support import cupy_stand_in

    cupy_stand_in.install()

import awkward as ak
import numpy as np
import pytest

import dualak
from dualak import device
from tests.functions.test_peer_cases import assert_right, is_complex, must_be_right, read_cases
from tests.support import ROOT, cuda_cases
from tests.support.cuda_cases import FUNCTIONS, alike, jagged, jets, masses

CASES = {}


def case(name, *cells):
    return cuda_cases.case(name, *cells, into=CASES)


def there(value):
    """A tree of arrays, on the device."""
    if isinstance(value, (list, tuple)):
        return type(value)(map(there, value))
    if isinstance(value, dict):
        return {key: there(one) for key, one in value.items()}
    if isinstance(value, ak.Array):
        return ak.to_backend(value, "cuda")
    return value


def here(value):
    """A tree of arrays of the device, on the host."""
    if isinstance(value, (list, tuple)):
        return type(value)(map(here, value))
    if isinstance(value, dict):
        return {key: here(one) for key, one in value.items()}
    if isinstance(value, (ak.Array, ak.Record)):
        assert ak.backend(value) == "cuda"
        return ak.to_backend(value, "cpu")
    assert not isinstance(value, np.ndarray), "expected arrays of the device, got one of NumPy"
    return value


def same_jvp(func, x, t):
    alike(here(dualak.jvp(func, there(x), there(t))), dualak.jvp(func, x, t))


def address(array):
    """Where the numbers of an array of lists of any depth are."""
    layout = array.layout
    while not layout.is_numpy:
        layout = layout.content
    return device.address(layout.data)


@case("jvp", FUNCTIONS)
def jvp(name):
    x = jagged()
    same_jvp(FUNCTIONS[name], x, ak.ones_like(x))


@case("dijet masses", ("all", "largest"))
def dijet_masses(which):
    func = masses if which == "all" else lambda jets: ak.max(masses(jets), axis=1)
    x = jets()
    same_jvp(func, x, {"pt": x.pt})
    same_jvp(func, x, ak.zip({"pt": x.pt}))


@case("numbers that nobody changes stay where they are")
def in_place():
    x, t = there(jagged()), there(jagged() * 2.0)
    y, dy = dualak.jvp(lambda x: x, x, t)
    assert address(y) == address(x)
    assert address(dy) == address(t)
    for one in (y, dy):
        assert device.address(one.layout.offsets.data) == device.address(x.layout.offsets.data)


@case("several directions")
def several_directions():
    x = jagged()
    y, dys = dualak.jvp(np.exp, there(x), dualak.Directions([there(x), there(ak.ones_like(x))]))
    want = dualak.jvp(np.exp, x, dualak.Directions([x, ak.ones_like(x)]))
    alike(here((y, dys)), want)


@case("layouts", ("option", "regular", "records", "strings", "union", "empty", "indexed"))
def layouts(which):
    x = {
        "option": ak.Array([[1.0, None], [], [2.0, 3.0]]),
        "regular": ak.to_regular(ak.Array([[1.0, 2.0], [3.0, 4.0]]), axis=1),
        "records": ak.Array([{"a": 1.0, "b": [2.0], "n": 3}, {"a": 4.0, "b": [], "n": 5}]),
        "strings": ak.Array([{"a": 1.0, "s": "one"}, {"a": 2.0, "s": "three"}]),
        "union": ak.Array([1.0, [2.0, 3.0], 4.0]),
        "empty": ak.Array([[1.0]])[:0],
        "indexed": ak.Array(
            ak.contents.IndexedArray(
                ak.index.Index64(np.array([2, 0, 1])), ak.Array([1.0, 2.0, 3.0]).layout
            )
        ),
    }[which]
    _, t = dualak.jvp(lambda x: x, x, None)
    same_jvp(lambda x: x, x, t)


@case("constants of the device beside differentiated arrays")
def constants():
    x, weights = jagged(), jagged(0) * 3.0
    far = there(weights)
    mask = there(weights > 3.0)
    got = dualak.jvp(lambda x: ak.sum(np.exp(x) * far, axis=1), there(x), there(x))
    want = dualak.jvp(lambda x: ak.sum(np.exp(x) * weights, axis=1), x, x)
    alike(here(got), want)
    got = dualak.jvp(lambda x: x[mask] ** 2, there(x), there(x))
    alike(here(got), dualak.jvp(lambda x: x[weights > 3.0] ** 2, x, x))


@case("CuPy's arrays")
def cupy_arrays():
    x = np.linspace(0.5, 2.0, 6)
    far = device.library().asarray(x)
    y, dy = dualak.jvp(lambda x: np.log(x) * x, far, far)
    alike(here((y, dy)), tuple(map(ak.Array, dualak.jvp(lambda x: np.log(x) * x, x, x))))


@case("numbers and records")
def numbers_and_records():
    x = ak.Array([{"a": 1.0, "b": [2.0, 3.0]}, {"a": 4.0, "b": []}])
    record = there(x)[0]
    y, dy = dualak.jvp(lambda one: one.a * ak.sum(one.b), record, {"a": 1.0})
    assert (y, dy) == (5.0, 5.0)
    y, dy = dualak.jvp(lambda x, a: ak.sum(x.a) * a, (there(x), 2.0), ({"a": there(x).a}, 1.0))
    assert (y, dy) == (10.0, 15.0)


@case("Jacobian by parameters")
def jacobian():
    x = jets()

    def total(theta, x):
        pt = x.pt * (1 + theta["scale"] + theta["tilt"][0] * x.eta) + theta["tilt"][1]
        return ak.sum(pt[pt > 30.0], axis=1)

    theta = {"scale": 0.1, "tilt": np.array([0.2, 0.3])}
    got = dualak.value_and_jacfwd(total)(theta, there(x))
    alike(here(got), dualak.value_and_jacfwd(total)(theta, x))


@case("compiled", ("norm of each list", "mask by value", "scalar", "record of results"))
def compiled(name):
    func = FUNCTIONS[name]
    far = dualak.compile(func)
    for factor in (1.0, 1.001):
        x = jagged() * factor
        got = far.jvp(there(x), there(ak.ones_like(x)))
        alike(here(got), dualak.jvp(func, x, ak.ones_like(x)))
    assert far.statistics.recorded == 1
    assert far.statistics.replayed == 1


@case("reverse mode")
def reverse():
    x = jagged()

    def loss(x):
        return ak.sum(np.sin(x[:, ::-1]) * x)

    alike(here(dualak.grad(loss)(there(x))), dualak.grad(loss)(x))
    y, pushforward = dualak.linearize(lambda x: ak.sum(x**2, axis=1), there(x))
    want, forwards = dualak.linearize(lambda x: ak.sum(x**2, axis=1), x)
    alike(here((y, pushforward(there(x)))), (want, forwards(x)))


@case("second order")
def second_order():
    x = jagged()

    def slope(x):
        return dualak.jvp(lambda x: ak.prod(x, axis=1) * ak.max(x, axis=1), x, x)[1]

    same_jvp(slope, x, ak.ones_like(x))


@case("a result without derivatives")
def without_derivatives():
    x = jagged()
    y, dy = dualak.jvp(lambda x: (x > 1.0, ak.num(x), 5), there(x), there(x))
    alike(here(y), (x > 1.0, ak.num(x), 5))
    assert not ak.any(here(dy)[0], axis=None)


def peer(name, x, t, function, value, tangent, family):
    """An acceptance case: right, or refused where the host may refuse as well."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", dualak.HostWarning)
            result = dualak.jvp(function, there(x()), there(t()))
    except (TypeError, ValueError):
        if must_be_right(name, family):
            raise
        return
    assert not is_complex(name)
    assert_right(here(result), value, tangent)


for _one in read_cases():
    if _one.id != "absent":
        CASES[f"peer {_one.id}"] = lambda values=_one.values: peer(*values)


def refused(function, *args, **kwargs):
    with pytest.raises(ValueError, match="one backend"):
        function(*args, **kwargs)


@case("arrays on several backends are refused")
def several_backends():
    x = jagged()
    refused(dualak.jvp, np.exp, there(x), x)
    refused(dualak.jvp, np.exp, x, there(x))
    refused(dualak.jvp, np.exp, there(x), there(x), device="cpu")
    far = there(x)
    refused(dualak.jvp, lambda x: x * far, x, x)


@case("the example of the page")
def readme():
    text = (ROOT / "docs" / "gpu.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (block,) = (one for one in blocks if '"cuda"' in one)
    x = jagged()
    names = {"ak": ak, "dualak": dualak, "func": np.exp, "events": x}
    names |= {"events_on_the_host": x, "t": ak.ones_like(x)}
    first, last = block.rstrip().rsplit("\n", 1)
    exec(first, names)
    want = dualak.jvp(np.exp, x, ak.ones_like(x))
    alike(here((names["y"], names["dy"])), want)
    exec(last, names)
    alike((names["y"], names["dy"]), want)


@case("differences are taken on the host")
def differences():
    with pytest.raises(TypeError, match="small sample"):
        dualak.check_jvp(np.exp, there(jagged()))


def main():
    cuda_cases.main(CASES)


if __name__ == "__main__":
    sys.exit(main())
