"""Corrections of correctionlib: every kind of node, against its own values and differences."""

import importlib
import json
import pickle

import awkward as ak
import numpy as np
import pytest

import dualak
from tests.support import ROOT

correctionlib = pytest.importorskip("correctionlib", reason="evaluates the corrections")

from dualak.corrections import evaluate, register  # noqa: E402
from dualak.corrections.formula import FUNCTIONS, LEVELS, parse  # noqa: E402

STEP = 1e-5
X, Y = 0.62, 1.37


def formula(expression, parameters=(0.7, 1.9)):
    return {
        "nodetype": "formula",
        "expression": expression,
        "parser": "TFormula",
        "variables": ["x", "y"],
        "parameters": list(parameters),
    }


def variable(name, kind="real"):
    return {"name": name, "type": kind}


INPUTS = [variable("x"), variable("y"), variable("n", "int"), variable("name", "string")]


def correction(data, name="test", **others):
    return {
        "name": name,
        "version": 1,
        "inputs": INPUTS,
        "output": variable("out"),
        "data": data,
        **others,
    }


def evaluator(data, **others):
    text = json.dumps({"schema_version": 2, "corrections": [correction(data, **others)]})
    return correctionlib.CorrectionSet.from_string(text)["test"]


def called(made, x, y=Y, n=1, name="a"):
    return evaluate(made, x, y, n, name)


def assert_differences(made, x, **others):
    """Value, first and second derivatives of a number in each place of an array."""
    x = np.asarray(x)
    y, dy = dualak.jvp(lambda x: called(made, x, **others), x, np.ones_like(x))
    np.testing.assert_allclose(y, called(made, x, **others), rtol=1e-14, strict=True)
    up, down = called(made, x + STEP, **others), called(made, x - STEP, **others)
    np.testing.assert_allclose(dy, (up - down) / (2 * STEP), rtol=1e-6, atol=1e-8)


# -- formulas -------------------------------------------------------------------------------------

EXPRESSIONS = [
    "[0]*x+[1]*y^2",
    "-x^2",
    "x^2^1.5",
    "2-x+4-y",
    "12/x*2/y",
    "x-2*-y",
    "2 - -3*x",
    "1e-3*x+2.5e2*x",
    "x>0.5&&y<1||0",
    "3>2==1",
    "(x<0.5)*x+(x>=0.5)*x*x",
    "x!=y",
    "max(0.0001,x*[0])",
    "-sqrt(x)^2",
    "max(min(x,[1]),[0])",
    "1",
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_grammar_is_that_of_correctionlib(expression):
    assert_differences(evaluator(formula(expression)), [X, X + 0.2])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    inside = "x+1" if name == "acosh" else "x"
    arguments = inside if FUNCTIONS[name][0] == 1 else f"{inside},y"
    assert_differences(evaluator(formula(f"{name}({arguments})*[1]")), [X, X + 0.1])


@pytest.mark.parametrize("first", [name for level in LEVELS for name in level])
@pytest.mark.parametrize("second", ["||", "==", "<", "-", "/", "^"])
def test_precedence_of_operators(first, second):
    for expression in (f"x{first}y{second}[1]", f"[0]{second}-x{first}y"):
        expected = called(evaluator(formula(expression)), np.array([X]))
        with np.errstate(all="ignore"):
            found = parse(expression)([np.array([X]), np.array([Y])], [0.7, 1.9])
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_operators_of_a_level_are_read_from_one_side():
    """Powers from the right, all others from the left."""
    numbers = {"2^3^2": 512.0, "7-2-3": 2.0, "16/4/2": 2.0, "2*3-4/2": 4.0, "2>1>0": 1.0}
    for text, number in numbers.items():
        assert float(parse(text)([], [])) == number, text
        assert evaluator(formula(text)).evaluate(X, Y, 1, "a") == number, text


@pytest.mark.parametrize("text", ["x+", "sin(x", "foo(x)", "x y", "u", "!x", "max(x)"])
def test_what_is_no_formula_is_an_error(text):
    with pytest.raises(ValueError, match="expected a formula"):
        parse(text)


def test_second_derivative():
    made = evaluator(formula("x^3*y"))
    _, second = dualak.jvp(lambda x: dualak.jvp(lambda x: called(made, x), x, 1.0)[1], 2.0, 1.0)
    np.testing.assert_allclose(second, 12 * Y, rtol=1e-12)


def test_reverse():
    made = evaluator(formula("x^3*y"))
    x = ak.Array([[1.0, 2.0], [], [3.0]])
    assert ak.almost_equal(dualak.grad(lambda x: ak.sum(called(made, x)))(x), 3 * x**2 * Y)


# -- bins and categories --------------------------------------------------------------------------

PARTS = [formula("x*x"), 2.5, formula("sin(x)*y")]
EDGES = {
    "list": [0.0, 1.0, 2.5, 4.0],
    "infinite": ["-inf", 1.0, 2.5, "inf"],
    "uniform": {"n": 3, "low": 0.0, "high": 4.0},
}
PLACES = [-3.3, -0.2, 0.4, 1.6, 2.2, 3.7, 4.4, 9.1]


@pytest.mark.parametrize("edges", EDGES)
@pytest.mark.parametrize("flow", ["clamp", "wrap", 7.0, formula("x+y")], ids=str)
def test_bins(edges, flow):
    if edges == "infinite" and flow == "wrap":
        pytest.skip("correctionlib wraps between finite edges")
    data = {"nodetype": "binning", "input": "x", "edges": EDGES[edges], "content": PARTS}
    assert_differences(evaluator({**data, "flow": flow}), PLACES)


@pytest.mark.parametrize("edges", EDGES)
def test_edges_belong_to_the_bin_above(edges):
    data = {"nodetype": "binning", "input": "x", "edges": EDGES[edges], "content": PARTS}
    made = evaluator({**data, "flow": "clamp"})
    x = np.array([0.0, 1.0, 4 / 3, 2.5, 8 / 3, 4.0])
    y, _ = dualak.jvp(lambda x: called(made, x), x, np.ones_like(x))
    np.testing.assert_allclose(y, called(made, x), rtol=1e-12)


def test_a_flow_that_is_an_error_is_correctionlibs_error():
    data = {"nodetype": "binning", "input": "x", "edges": [0.0, 1.0], "content": [1.0]}
    data["flow"] = "error"
    with pytest.raises(Exception, match="Index above bounds"):
        dualak.jvp(lambda x: called(evaluator(data), x), np.array([2.0]), np.array([1.0]))


@pytest.mark.parametrize("flow", ["clamp", 7.0])
def test_bins_of_several_inputs(flow):
    edges = [[0.0, 1.0, 3.0], {"n": 2, "low": 0.0, "high": 2.0}]
    content = [*PARTS, formula("x*y+[0]")]
    data = {"nodetype": "multibinning", "inputs": ["x", "y"], "edges": edges, "content": content}
    made = evaluator({**data, "flow": flow})
    assert_differences(made, PLACES)
    assert_differences(made, PLACES, y=np.array([0.4, 1.6] * 4))


@pytest.mark.parametrize("others", [{"n": np.array([1, 5, 2, 2])}, {"name": "b"}, {"name": "c"}])
def test_categories(others):
    by_name = [{"key": "a", "value": formula("x")}, {"key": "b", "value": formula("x^3")}]
    by_number = [{"key": 1, "value": formula("x*y")}, {"key": 2, "value": 4.0}]
    name = {"nodetype": "category", "input": "name", "content": by_name, "default": 1.5}
    number = {"nodetype": "category", "input": "n", "content": by_number, "default": name}
    assert_differences(evaluator(number), [0.3, 0.6, 1.1, 2.0], **others)


def test_formulas_that_are_referred_to():
    refs = [{"nodetype": "formularef", "index": 0, "parameters": [p, 1.0]} for p in (0.5, 1.5, 3.0)]
    data = {"nodetype": "binning", "input": "x", "edges": [0.0, 1.0, 2.0, 4.0], "content": refs}
    generic = [formula("[0]*x^2+[1]", ())]
    del generic[0]["parameters"]
    assert_differences(
        evaluator({**data, "flow": "clamp"}, generic_formulas=generic), [0.2, 3.1, 1.4, 0.9, 1.1]
    )


@pytest.mark.parametrize("rewritten", ["x", "n"])
def test_transforms(rewritten):
    by_number = [{"key": 1, "value": formula("x*y")}, {"key": 2, "value": formula("x")}]
    content = {"nodetype": "category", "input": "n", "content": by_number}
    data = {
        "nodetype": "transform",
        "input": rewritten,
        "rule": formula("x*x+1"),
        "content": content,
    }
    assert_differences(evaluator(data), [0.3, 0.9])


# -- what is not looked into ----------------------------------------------------------------------


def test_pseudorandom_numbers():
    noise = {"nodetype": "hashprng", "inputs": ["y"], "distribution": "normal"}
    data = {"nodetype": "transform", "input": "y", "rule": noise, "content": formula("x*y")}
    assert_differences(evaluator(data), [0.3, 0.9])
    with pytest.raises(dualak.NotDifferentiableError, match=r"derivative by y.*dualak\.primal"):
        dualak.jvp(lambda y: called(evaluator(data), X, y=y), np.array([Y]), np.array([1.0]))


def test_a_value_that_differs_is_refused(monkeypatch):
    module = importlib.import_module("dualak.corrections.evaluate")
    monkeypatch.setattr(module, "parse", lambda text: parse(text + "*1.0001"))
    with pytest.raises(dualak.NotDifferentiableError, match="expected correctionlib's value"):
        dualak.jvp(lambda x: called(evaluator(formula("x")), x), np.array([1.0]), np.array([1.0]))


# -- arguments ------------------------------------------------------------------------------------

SCALE = formula("1+[0]*log(x)+y*x")


def _array(x):
    return x if isinstance(x, ak.Array) else ak.Array(np.atleast_1d(x))


ARGUMENTS = {
    "number": 2.0,
    "float32": np.float32([1.0, 3.0]),
    "matrix": np.array([[1.0, 2.0], [3.0, 4.0]]),
    "lists": ak.Array([[1.0, 2.0], [], [3.0]]),
    "missing": ak.Array([1.0, None, 3.0]),
    "empty": ak.Array([[1.0], []])[1:],
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_arguments_of_every_kind(name):
    x, made = ARGUMENTS[name], evaluator(SCALE)
    y, dy = dualak.jvp(lambda x: called(made, x), x, x * 0 + 1)
    for found, expected in ((y, 1 + 0.7 * np.log(x) + Y * x), (dy, 0.7 / x + Y)):
        found, expected = _array(found), _array(expected)
        assert str(found.type) == str(expected.type).replace("float32", "float64")
        assert ak.all(np.abs(found - expected) < 1e-6, axis=None)


def test_lists_are_broadcast():
    made = evaluator(SCALE)
    x, y = ak.Array([[1.0, 2.0], [], [3.0]]), ak.Array([0.5, 1.0, 2.0])
    _, dy = dualak.jvp(lambda y: called(made, x, y=y), y, ak.ones_like(y))
    assert dy.to_list() == x.to_list()


def compound():
    names = ["first", "second"]
    several = [correction(formula("1+0.1*x"), "first"), correction(formula("1+0.2/x"), "second")]
    stack = {
        "name": "both",
        "inputs": INPUTS,
        "output": variable("out"),
        "inputs_update": ["x"],
        "input_op": "*",
        "output_op": "*",
        "stack": names,
    }
    return several, stack


@pytest.mark.parametrize("input_op", ["*", "+", "/"])
@pytest.mark.parametrize("output_op", ["*", "+", "/", "last"])
def test_compound_corrections(input_op, output_op):
    several, stack = compound()
    stack |= {"input_op": input_op, "output_op": output_op}
    data = {"schema_version": 2, "corrections": several, "compound_corrections": [stack]}
    made = correctionlib.CorrectionSet.from_string(json.dumps(data)).compound["both"]
    assert_differences(made, [0.7, 2.0])


# -- plain code -----------------------------------------------------------------------------------


def test_plain_code_once_registered():
    register()
    register()
    made = evaluator(SCALE)
    x = np.array([1.0, 2.0])
    y, dy = dualak.jvp(lambda x: pickle.loads(pickle.dumps(made)).evaluate(x, Y, 1, "a"), x, x)
    np.testing.assert_array_equal(y, made.evaluate(x, Y, 1, "a"), strict=True)
    np.testing.assert_allclose(dy, 0.7 + Y * x, rtol=1e-12)


REAL = ROOT.parent / "shared" / "data" / "jet_jerc_Summer22_V3.json.gz"


@pytest.mark.one_in(20)
@pytest.mark.parametrize("place", range(76))
def test_real_energy_corrections(place):
    if not REAL.exists():
        pytest.skip(f"{REAL.name} lies beside the project, and is not there")
    whole = correctionlib.CorrectionSet.from_file(str(REAL))
    made = [*whole.values(), *whole.compound.values()][place]
    rng = np.random.default_rng(place)
    ranges = {"JetPt": (20, 900), "JetEta": (-4.7, 4.7), "JetA": (0.3, 0.7), "Rho": (5, 50)}
    given = [
        "nom" if each.type == "string" else rng.uniform(*ranges[each.name], 300)
        for each in made.inputs
    ]
    moved = next(i for i, value in enumerate(given) if not isinstance(value, str))

    def value(theta):
        return evaluate(made, *given[:moved], given[moved] * (1 + theta), *given[moved + 1 :])

    _, slope = dualak.jvp(value, 0.0, 1.0)
    quotients = [(value(h) - value(-h)) / (2 * h) for h in (1e-5, 2e-5)]
    smooth = np.isclose(*quotients, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(slope[smooth], quotients[0][smooth], rtol=1e-4, atol=1e-6)
