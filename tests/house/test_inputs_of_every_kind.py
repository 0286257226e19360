"""Every kind of input to every public call: the right numbers, or a refusal that says why.

What is right is told by what the call gives for the same numbers as an ordinary array of float64.
"""

from __future__ import annotations

import datetime as dt
import decimal
import fractions
import re
import warnings
from collections import OrderedDict, namedtuple
from dataclasses import dataclass

import awkward as ak
import numpy as np
import pytest

import dualak
from tests.support import depth

VALUES = [1.5, 2.5, 3.5, 0.5]
PAIR = namedtuple("PAIR", "a b")


@dataclass
class Point:
    x: object
    y: object = 1.0


def _numpy(dtype=np.float64):
    return np.array(VALUES, dtype)


def _read_only():
    made = _numpy()
    made.flags.writeable = False
    return made


def _content(*layout):
    return ak.Array(ak.contents.NumpyArray(*layout))


class _Arraylike:
    def __array__(self, dtype=None, copy=None):
        return _numpy()


#: Numbers, by how they lie and what they are.
INPUTS = {
    **{name: lambda name=name: _numpy(name) for name in ("float32", "float64", ">f8", ">f4")},
    **{
        f"numpy {name}": lambda name=name: _numpy(name)
        for name in ("float16", "longdouble", "complex64", "complex128", "int64", "uint8", "bool")
    },
    "numpy objects": lambda: np.array(VALUES, object),
    "numpy text": lambda: np.array(["a", "b", "c", "d"]),
    "numpy bytes": lambda: np.array([b"a", b"b", b"c", b"d"]),
    "numpy dates": lambda: np.arange(4).astype("datetime64[s]"),
    "numpy durations": lambda: np.arange(4).astype("timedelta64[s]"),
    "numpy records": lambda: np.array([(1.5, 2)] * 4, [("a", "f8"), ("n", "i8")]),
    "numpy masked": lambda: np.ma.MaskedArray(VALUES, [False, True, False, False]),
    "numpy masked nowhere": lambda: np.ma.MaskedArray(VALUES, False),
    "numpy matrix": lambda: np.ones((2, 2)).view(np.matrix),
    "numpy recarray": lambda: np.rec.array([(1.5, 2)] * 4, dtype=[("a", "f8"), ("n", "i8")]),
    "numpy memmap": lambda: _numpy().view(np.memmap),
    "not contiguous": lambda: np.repeat(_numpy(), 2)[::2],
    "negative strides": lambda: _numpy()[::-1].copy()[::-1],
    "column of a matrix": lambda: np.array([VALUES, VALUES]).T.copy()[:, 0],
    "fortran order": lambda: np.asfortranarray([[1.5, 2.5], [3.5, 0.5]]),
    "broadcast": lambda: np.broadcast_to(1.5, (4,)),
    "read-only": _read_only,
    "misaligned": lambda: np.frombuffer(b"x" + _numpy().tobytes(), np.uint8)[1:].view(np.float64),
    "no element": lambda: np.empty(0),
    "no column": lambda: np.empty((4, 0)),
    "0-d": lambda: np.array(1.5),
    "0-d integer": lambda: np.array(2),
    "np.float64": lambda: np.float64(1.5),
    "np.float32": lambda: np.float32(1.5),
    "np.float16": lambda: np.float16(1.5),
    "np.longdouble": lambda: np.longdouble(1.5),
    "np.int64": lambda: np.int64(2),
    "np.bool": lambda: np.True_,
    "np.complex128": lambda: np.complex128(1 + 2j),
    "np.str": lambda: np.str_("a"),
    "np.datetime64": lambda: np.datetime64("2020-01-01"),
    "float": lambda: 1.5,
    "int": lambda: 2,
    "huge int": lambda: 10**400,
    "bool": lambda: True,
    "complex": lambda: 1 + 2j,
    "text": lambda: "a",
    "bytes": lambda: b"a",
    "None": lambda: None,
    "decimal": lambda: decimal.Decimal("1.5"),
    "fraction": lambda: fractions.Fraction(3, 2),
    "date": lambda: dt.date(2020, 1, 1),
    "ellipsis": lambda: ...,
    "function": lambda: len,
    "object": object,
    "generator": lambda: (one for one in VALUES),
    "iterator": lambda: iter(VALUES),
    "range": lambda: range(4),
    "set": lambda: set(VALUES),
    "frozenset": lambda: frozenset(VALUES),
    "bytearray": lambda: bytearray(8),
    "memoryview": lambda: memoryview(_numpy()),
    "array-like": _Arraylike,
    "dataclass": lambda: Point(_numpy()),
    "dataclass in a dict": lambda: {"p": Point(1.5)},
    "list of numbers": lambda: list(VALUES),
    "list of arrays": lambda: [_numpy(), _numpy()],
    "nested lists": lambda: [[1.5], [2.5, [3.5]]],
    "empty list": list,
    "dict": lambda: {"a": 1.5, "b": _numpy()},
    "dict of nothing": dict,
    "dict of text": lambda: {"a": "b"},
    "dict with a number for a key": lambda: {1: 1.5, 2: 2.5},
    "ordered dict": lambda: OrderedDict(b=1.5, a=2.5),
    "named tuple": lambda: {"a": PAIR(1.5, 2.5)},
    "tuple in a list": lambda: [(1.5, 2.5)],
    "not a number": lambda: np.array([1.5, np.nan, 3.5, 0.5]),
    "infinite": lambda: np.array([np.inf, -np.inf, 1.5, 0.5]),
    "negative zero": lambda: np.array([-0.0, 0.0, 1.5, 0.5]),
    "denormal": lambda: np.array([5e-324, 1e-310, 1.5, 0.5]),
    "huge": lambda: np.array([1e308, -1e308, 1.5, 0.5]),
    "lists": lambda: ak.Array([[1.5, 2.5], [], [3.5]]),
    "lists of float32": lambda: ak.values_astype(ak.Array([[1.5, 2.5], [], [3.5]]), np.float32),
    "lists of float16": lambda: ak.values_astype(ak.Array([[1.5, 2.5], [], [3.5]]), np.float16),
    "lists of integers": lambda: ak.Array([[1, 2], [], [3]]),
    "lists of booleans": lambda: ak.Array([[True], [], [False]]),
    "lists of complex": lambda: ak.Array([[1.5 + 1j], []]),
    "lists of text": lambda: ak.Array([["a"], []]),
    "lists of dates": lambda: ak.Array([[np.datetime64("2020-01-01")], []]),
    "no list": lambda: ak.Array([[1.5]])[:0],
    "nothing known": lambda: ak.Array([]),
    "lists of nothing known": lambda: ak.Array([[], []]),
    "missing": lambda: ak.Array([1.5, None, 3.5]),
    "all missing": lambda: ak.Array([None, None]),
    "missing lists": lambda: ak.Array([[1.5], None, []]),
    "regular": lambda: ak.to_regular(ak.Array([[1.5, 2.5], [3.5, 0.5]])),
    "records": lambda: ak.Array([{"a": 1.5, "b": [2.5]}, {"a": 3.5, "b": []}]),
    "records of integers": lambda: ak.Array([{"n": 1}, {"n": 2}]),
    "records of nothing": lambda: ak.Array([{}, {}]),
    "tuples": lambda: ak.Array([(1.5, 2), (3.5, 4)]),
    "a record": lambda: ak.Record({"a": 1.5, "b": [2.5]}),
    "union": lambda: ak.Array([1.5, [2.5, 3.5]]),
    "union of text": lambda: ak.Array([1.5, "a"]),
    "categories": lambda: (
        ak.str.to_categorical(ak.Array(["a", "b", "a"])) if _has_pyarrow() else ak.Array(["a"])
    ),
    "indexed": lambda: ak.Array(
        ak.contents.IndexedArray(
            ak.index.Index64(np.array([2, 0])), ak.contents.NumpyArray(_numpy())
        )
    ),
    "big-endian content": lambda: _content(_numpy(">f8")),
    "two dimensions in a content": lambda: _content(np.array([[1.5, 2.5], [3.5, 0.5]])),
    "typetracer": lambda: ak.to_backend(ak.Array([[1.5]]), "typetracer"),
    "a builder": ak.ArrayBuilder,
    "a layout": lambda: ak.contents.NumpyArray(_numpy()),
    "a type": lambda: ak.type(ak.Array([1.5])),
    "with attrs": lambda: ak.Array([1.5], attrs={"a": 1}),
}


def _has_pyarrow():
    try:
        import pyarrow as pa  # noqa: F401
    except ImportError:
        return False
    return True


def program(x):
    """Twice the numbers of anything, squared: what every kind of input knows to do."""
    if isinstance(x, (list, tuple, dict)):
        return [program(one) for one in (x.values() if isinstance(x, dict) else x)]
    if isinstance(x, (ak.Array, ak.Record)) and ak.fields(x):
        return [program(x[name]) for name in ak.fields(x)]
    if isinstance(x, Point):
        return program(x.x)
    return x * x


def total(x):
    found = program(x)
    found = found if isinstance(found, list) else [found]
    return sum((ak.sum(one, axis=None) if np.ndim(one) else one) for one in _flat(found))


def _flat(tree):
    for one in tree:
        if isinstance(one, list):
            yield from _flat(one)
        else:
            yield one


#: Calls of the public names, each with an input in the place of its array.
CALLS = {
    "jvp": lambda x: dualak.jvp(program, (x,), (x,)),
    "jvp without a tangent": lambda x: dualak.jvp(program, (x,), (None,)),
    "jvp, input as a tangent": lambda x: dualak.jvp(program, (_numpy(),), (x,)),
    "jvp, input as a constant": lambda x: dualak.jvp(lambda s: s * x, (1.5,), (1.0,)),
    "jvp, input as a result": lambda x: dualak.jvp(lambda s: (s, x), (1.5,), (1.0,)),
    "directions": lambda x: dualak.jvp(program, (x,), dualak.Directions([(x,), (x,)])),
    "vjp": lambda x: dualak.vjp(program, x)[0],
    "vjp, input as a cotangent": lambda x: dualak.vjp(lambda y: y * y, _numpy())[1](x),
    "linearize": lambda x: dualak.linearize(program, x)[1](x),
    "grad": lambda x: dualak.grad(total)(x),
    "value_and_grad": lambda x: dualak.value_and_grad(total)(x),
    "jacfwd": lambda x: dualak.jacfwd(program)(x),
    "value_and_jacfwd": lambda x: dualak.value_and_jacfwd(program)(x),
    "derivative": lambda x: dualak.derivative(program)(x),
    "hessian": lambda x: dualak.hessian(total)(x),
    "hvp": lambda x: dualak.hvp(total, (x,), (x,)),
    "value_jacobian_hessian": lambda x: dualak.value_jacobian_hessian(program)(x),
    "check_jvp": lambda x: dualak.check_jvp(program, x),
    "compile": lambda x: dualak.compile(program)(x),
    "compile jvp": lambda x: dualak.compile(program).jvp((x,), (x,)),
    "primal": dualak.primal,
    "custom_jvp": lambda x: dualak.custom_jvp(lambda y: y * y)(x),
    "array": dualak.array,
    "empty": lambda x: dualak.empty(2, x),
    "zeros": lambda x: dualak.zeros(2, x),
    "full": lambda x: dualak.full(2, x),
    "kernel_buffer": dualak.kernel_buffer,
    "partials": lambda x: dualak.partials(lambda y: y * y, x),
    "flatten": dualak.extend.flatten,
}

try:
    import jax

    import bridge
except ImportError:  # the calls of bridge are then left out
    pass
else:

    def _in_jax(call):
        def called(x):
            with jax.enable_x64(True):
                return call(x)

        return called

    CALLS |= {
        "to_jax": _in_jax(bridge.to_jax),
        "from_jax": _in_jax(bridge.from_jax),
        "to_jax and back": _in_jax(lambda x: bridge.from_jax(bridge.to_jax(x))),
        "pad": _in_jax(bridge.pad),
        "pad and back": _in_jax(lambda x: bridge.from_jax(bridge.pad(x))),
        "wrap": _in_jax(lambda x: _back(bridge.wrap(program)(x))),
        "wrap of to_jax": _in_jax(lambda x: _back(bridge.wrap(program)(bridge.to_jax(x)))),
        "wrap under jit": _in_jax(lambda x: _back(jax.jit(bridge.wrap(program))(bridge.to_jax(x)))),
        "traced": _in_jax(lambda x: _back(bridge.wrap(program, structure="traced")(x))),
        "grad of wrap": _in_jax(lambda x: jax.grad(bridge.wrap(total))(bridge.to_jax(x))),
    }


def _back(tree):
    """Results of JAX as those of the function."""
    if isinstance(tree, (list, tuple)):
        return [_back(one) for one in tree]
    if isinstance(tree, (bridge.Array, bridge.Padded)):
        return bridge.from_jax(tree)
    return np.asarray(tree) if isinstance(tree, jax.Array) else tree


#: What is said by Python, NumPy, Awkward or Numba inside, and no sentence of ours.
FROM_INSIDE = re.compile(
    r"has no attribute|object is not (iterable|subscriptable|callable)|NoneType|KeyError|"
    r"unhashable|not supported between|unpack|unexpected keyword|Traceback|nopython|"
    r"positional argument|cannot be interpreted|index out of range"
)


def outcome(call, make):
    """``done``, ``refused``, or what went wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = CALLS[call](make())
        except DOCUMENTED as error:
            plain = _plainly(call, make)
            inside = plain is None and FROM_INSIDE.search(str(error))
            return f"{type(error).__name__}: {error}" if inside else "refused"
        except Exception as error:
            same = type(_plainly(call, make)) is type(error)
            return "refused" if same else f"{type(error).__name__}: {error}"
        if call in FACTORS:
            expected = tuple(_scaled(program(make()), factor) for factor in FACTORS[call])
            if not _equal([found] if len(expected) == 1 else list(found), list(expected)):
                return f"expected {expected}, got {found}"
    return "done"


#: What calls raise for what they do not take.
DOCUMENTED = (
    TypeError,
    ValueError,
    OverflowError,
    dualak.NotDifferentiableError,
    dualak.DerivativeError,
)

#: What calls give, as multiples of the squares: the tangent is the number itself.
WHOLE = ("compile", "wrap", "wrap of to_jax", "wrap under jit", "traced")
FACTORS = {"jvp": (1, 2), "compile jvp": (1, 2), **dict.fromkeys(WHOLE, (1,))}


def _scaled(tree, factor):
    if isinstance(tree, list):
        return [_scaled(one, factor) for one in tree]
    return tree if factor == 1 else tree * (factor if _is_float(tree) else 0)


def _is_float(one):
    if isinstance(one, ak.Array):
        return "float" in str(one.type) or "unknown" in str(one.type)
    return np.asarray(one).dtype.kind == "f"


def _equal(one, other):
    return repr(_plain(one)) == repr(_plain(other))


def _plain(tree):
    if isinstance(tree, (list, tuple)):
        return [_plain(one) for one in tree]
    if isinstance(tree, ak.Array) and ak.backend(tree) == "typetracer":
        return str(tree.type)  # which is all there is
    if isinstance(tree, (ak.Array, np.ndarray)):
        return ak.to_list(tree)
    return tree.item() if isinstance(tree, np.generic) else tree


def _plainly(call, make):
    """The error of the plain program with this input, which is not ours to word."""
    try:
        if call == "jvp, input as a constant":
            1.5 * make()
        else:
            program(make())
    except Exception as error:
        return error
    return None


@pytest.mark.parametrize("call", CALLS)
def test_inputs_are_taken_or_refused_with_a_reason(call):
    few = depth.share(depth.turned(INPUTS, call), one_in=12)
    found = {name: outcome(call, INPUTS[name]) for name in few}
    assert {name: said for name, said in found.items() if said not in ("done", "refused")} == {}


def test_most_numbers_are_taken():
    few = depth.share(INPUTS, one_in=4)
    known = [outcome(call, INPUTS[name]) for call in FACTORS if call in CALLS for name in few]
    assert known.count("done") > len(known) / 4
