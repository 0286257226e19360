"""Values and derivatives of corrections: formulas on differentiated arrays, leaf by leaf."""

from __future__ import annotations

import functools
import json
import operator
from collections.abc import Mapping, Sequence
from typing import Any

import awkward as ak
import numpy as np

import dualak
from dualak.corrections.formula import parse
from dualak.corrections.schema import Leaf, corrections_of, leaves
from dualak.extend import contains_duals

Inputs = Mapping[str, Any]  # flat arrays of one length, or a string

UPDATES = {
    "*": operator.mul,
    "+": operator.add,
    "/": operator.truediv,
    "last": lambda old, new: new,
}


def evaluated(data: str, name: str, inputs: Sequence[Any]) -> Any:
    """The correction of that name of flat arrays in the order of its inputs, and strings."""
    correction = corrections_of(data)[name]
    given = {each["name"]: value for each, value in zip(correction["inputs"], inputs, strict=True)}
    if "stack" in correction:
        return _compound(data, correction, given)
    return _of_node(correction["data"], correction, given)


def _compound(data: str, correction: Mapping[str, Any], given: Inputs) -> Any:
    given, corrections = dict(given), corrections_of(data)
    result = None
    for name in correction["stack"]:
        names = [each["name"] for each in corrections[name]["inputs"]]
        factor = evaluated(data, name, [given[each] for each in names])
        for each in correction["inputs_update"]:
            given[each] = UPDATES[correction["input_op"]](given[each], factor)
        update = UPDATES[correction["output_op"]]
        result = factor if result is None else update(result, factor)
    return result


def _of_node(node: Any, correction: Mapping[str, Any], given: Inputs) -> Any:
    """What a node gives for all entries."""
    values = {name: _values(value) for name, value in given.items()}
    length = next(len(value) for value in values.values() if not isinstance(value, str))
    kinds: dict[Any, list[Leaf]] = {}
    for leaf in leaves(node, values, np.arange(length)):
        kinds.setdefault(_kind(leaf.node, correction), []).append(leaf)
    parts = [_of_kind(each, correction, given) for each in kinds.values()]
    entries = np.concatenate([leaf.entries for each in kinds.values() for leaf in each])
    joined = parts[0] if len(parts) == 1 else ak.concatenate(parts)
    return joined[np.argsort(entries)] if len(parts) else np.zeros(0)


def _values(value: Any) -> Any:
    return value if isinstance(value, str) else np.asarray(dualak.primal(value))


def _kind(node: Any, correction: Mapping[str, Any]) -> Any:
    """What leaves that are computed together have in common."""
    if not isinstance(node, dict):
        return "number"
    if node["nodetype"] == "formula" or node["nodetype"] == "formularef":
        expression, variables, _ = _formula(node, correction)
        return expression, tuple(variables)
    return id(node)


def _formula(node: Any, correction: Mapping[str, Any]) -> tuple[str, list[str], list[float]]:
    generic = node
    if node["nodetype"] == "formularef":
        generic = correction["generic_formulas"][node["index"]]
    return generic["expression"], generic["variables"], node.get("parameters") or []


def _of_kind(group: Sequence[Leaf], correction: Mapping[str, Any], given: Inputs) -> Any:
    """What leaves of one kind give for their entries, one leaf after the other."""
    node = group[0].node
    counts = [len(leaf.entries) for leaf in group]
    if not isinstance(node, dict):
        return np.repeat(np.array([float(leaf.node) for leaf in group]), counts)
    entries = np.concatenate([leaf.entries for leaf in group])
    chosen = {
        name: value if isinstance(value, str) else value[entries] for name, value in given.items()
    }
    if node["nodetype"] in ("formula", "formularef"):
        return _of_formula(group, counts, correction, chosen)
    return OTHERS[node["nodetype"]](node, correction, chosen)


def _of_formula(
    group: Sequence[Leaf], counts: Sequence[int], correction: Mapping[str, Any], given: Inputs
) -> Any:
    formulas = [_formula(leaf.node, correction) for leaf in group]
    expression, variables, first = formulas[0]
    length = max(len(parameters) for *_, parameters in formulas)
    rows = [parameters + [np.nan] * (length - len(parameters)) for *_, parameters in formulas]
    alone = len(group) == 1
    columns: Any = (
        first if alone else np.repeat(np.array(rows).T.reshape(length, -1), counts, axis=1)
    )
    with np.errstate(all="ignore"):
        result = parse(expression)([_real(given[name]) for name in variables], columns)
    return result if np.ndim(dualak.primal(result)) else np.full(sum(counts), result)


def _real(array: Any) -> Any:
    return ak.values_astype(array, np.float64) if contains_duals(array) else array.astype(float)


def _transform(node: Any, correction: Mapping[str, Any], given: Inputs) -> Any:
    value = _of_node(node["rule"], correction, given)
    types = {each["name"]: each["type"] for each in correction["inputs"]}
    if types[node["input"]] == "int":
        value = np.rint(_values(value)).astype(np.int64)
    return _of_node(node["content"], correction, {**given, node["input"]: value})


def _opaque(names: Sequence[str], node: Any, correction: Mapping[str, Any], given: Inputs) -> Any:
    """A node that is not looked into, of constants."""
    if moved := [name for name in names if contains_duals(given[name])]:
        raise dualak.NotDifferentiableError(
            f"the correction {correction['name']} has no derivative by {', '.join(moved)}, which "
            f"goes into a node {node['nodetype']}; give it dualak.primal of that input"
        )
    values = [_values(given[each["name"]]) for each in correction["inputs"]]
    return _alone(json.dumps({**correction, "data": node})).evaluate(*values)


def _hashed(node: Any, correction: Mapping[str, Any], given: Inputs) -> Any:
    return _opaque(node["inputs"], node, correction, given)


def _network(node: Any, correction: Mapping[str, Any], given: Inputs) -> Any:
    names = [each["name"] for each in node["opaque"]["inputs"]]
    return _opaque(names, node, correction, given)


#: Leaves that are neither numbers nor formulas.
OTHERS = {"transform": _transform, "hashprng": _hashed, "lwtnn": _network}


@functools.lru_cache(maxsize=64)
def _alone(correction: str) -> Any:
    """A set's only correction."""
    import correctionlib

    read = json.loads(correction)
    data = json.dumps({"schema_version": 2, "corrections": [read]})
    return correctionlib.CorrectionSet.from_string(data)[read["name"]]
