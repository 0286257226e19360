"""Results and arguments: what is written to one changes no other, and no derivative."""

import awkward as ak
import numpy as np
import pytest

import dualak

FUNCTIONS = {
    "itself": lambda x: x,
    "a slice": lambda x: x[1:],
    "twice the same": lambda x: (x + 1, x + 1),
    "twice the argument": lambda x: (x, x),
    "its tangent passes through": lambda x: x + 1,
    "a product by one": lambda x: x * 1.0,
    "an exponential, which is its own slope": np.exp,
    "a product with itself": lambda x: x * x,
}
ARRAYS = {
    "NumPy": lambda: np.arange(1.0, 7.0).reshape(3, 2),
    "lists": lambda: ak.Array([[1.0, 2.0], [3.0], [4.0, 5.0]]),
}
RECORDS = ak.Array([{"a": 1.0, "n": 1}, {"a": 2.0, "n": 2}, {"a": 3.0, "n": 5}])


def jvp(f, x, t):
    return dualak.jvp(f, (x,), (t,))


def linearize(f, x, t):
    y, pushforward = dualak.linearize(f, x)
    return y, pushforward(t)


def vjp(f, x, t):
    y, pullback = dualak.vjp(f, x)
    return y, pullback(dualak.primal(y))


def compiled(f, x, t):
    call = dualak.compile(f)
    call(x)
    return call.jvp(x, t)


CALLS = {"jvp": jvp, "linearize": linearize, "vjp": vjp, "compile": compiled}


def buffers(tree):
    """The numbers of a tree of arrays, as they lie in memory."""
    if isinstance(tree, (tuple, list)):
        return [one for item in tree for one in buffers(item)]
    if isinstance(tree, np.ndarray):
        return [tree]
    found = map(np.asarray, ak.to_buffers(tree)[2].values())
    return [one for one in found if one.dtype == np.float64]


def write_to(tree):
    """Writes to whatever of a tree may be written to."""
    for buffer in buffers(tree):
        if buffer.flags.writeable:
            buffer[...] = 77.0


@pytest.mark.one_in(2)
@pytest.mark.parametrize("array", ARRAYS)
@pytest.mark.parametrize("call", ["jvp", "linearize", "compile"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_may_be_written_to_is_shared_with_nothing(name, call, array):
    x, t = ARRAYS[array](), ARRAYS[array]()
    results = buffers(CALLS[call](FUNCTIONS[name], x, t))
    others = buffers((x, t))
    assert results
    for i, one in enumerate(results):
        if one.flags.writeable:
            rest = [*others, *results[:i], *results[i + 1 :]]
            assert not any(np.shares_memory(one, other) for other in rest)


@pytest.mark.parametrize("call", ["jvp", "linearize", "vjp", "compile"])
def test_other_fields_of_an_argument_cannot_be_written_to(call):
    value, _ = CALLS[call](lambda x: x, RECORDS, ak.Array([{"a": 1.0}, {"a": 1.0}, {"a": 1.0}]))
    whole = np.asarray(value["n"])
    assert whole.tolist() == [1, 2, 5]
    assert not (whole.flags.writeable and np.shares_memory(whole, np.asarray(RECORDS["n"])))


@pytest.mark.one_in(2)
@pytest.mark.parametrize("array", ARRAYS)
@pytest.mark.parametrize("transform", [dualak.linearize, dualak.vjp])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_point_stays_what_it_was(name, transform, array):
    factor = np.array([[2.0], [3.0], [4.0]])
    constant = ak.Array(factor[:, 0]) if array == "lists" else factor

    def func(x):
        result = FUNCTIONS[name](x)
        return result if isinstance(result, tuple) or name == "a slice" else result * constant

    x = ARRAYS[array]()
    y, derivative = transform(func, x)
    given = ARRAYS[array]() if transform is dualak.linearize else dualak.vjp(func, x)[0]
    given = ak.copy(given) if isinstance(given, ak.Array) else given
    before = ak.to_list(derivative(given))
    write_to((x, y))
    if transform is dualak.linearize:
        factor[...] = 99.0
        assert ak.to_list(derivative(given)) == before
        write_to(derivative(given))
        assert ak.to_list(derivative(given)) == before
    else:
        fresh = dualak.vjp(func, ARRAYS[array]())[0]
        assert ak.to_list(derivative(fresh)) == before


@pytest.mark.parametrize("call", ["jvp", "linearize", "vjp"])
def test_a_virtual_argument_is_shared_no_more_than_another(call):
    data = np.array([1.0, 2.0, 3.0])
    form = ak.forms.NumpyForm("float64", form_key="x")
    x = ak.from_buffers(form, 3, {"x-data": lambda: data})
    value, _ = CALLS[call](lambda x: x, x, ak.Array([1.0, 1.0, 1.0]))
    found = np.asarray(value)
    assert not (found.flags.writeable and np.shares_memory(found, data))


def test_a_compiled_function_keeps_what_it_found():
    numbers = np.array([1, 2, 3])
    call = dualak.compile(lambda x: (x["a"] * 2, x["n"]))

    def given(n):
        return ak.zip({"a": np.array([1.5, 2.5, 3.5]), "n": n})

    assert call(given(numbers))[1].to_list() == [1, 2, 3]
    numbers[0] = 9
    assert call(given(np.array([1, 2, 3])))[1].to_list() == [1, 2, 3]
    assert call(given(numbers))[1].to_list() == [9, 2, 3]
