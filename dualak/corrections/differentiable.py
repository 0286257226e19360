"""Corrections of correctionlib that take differentiated arrays."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

import dualak
from dualak.corrections.evaluate import evaluated
from dualak.corrections.schema import data_of
from dualak.extend import contains_duals
from dualak.functions.elementwise import flattened

#: How far the value may be from correctionlib's, relative to it.
TOLERANCE = 1e-9


def evaluate(correction: Any, *args: Any) -> Any:
    """A correction's value, with derivatives, where its arguments are differentiated.

    Formulas are differentiated exactly, to any order, by dualak's own rules; bins and categories
    choose by the values, so a number in a bin has the derivative zero and the steps at edges have
    none.  Each value is compared with correctionlib's own.

    Args:
        correction: a ``correctionlib.Correction`` or a ``CompoundCorrection``.
        args: its inputs: arrays, which are broadcast against each other, numbers, or strings.

    Raises:
        NotDifferentiableError: for a differentiated input of a pseudorandom number or of a neural
            network, and for a correction that was read otherwise than correctionlib does.

    >>> import awkward as ak, correctionlib, dualak
    >>> from correctionlib import schemav2
    >>> formula = schemav2.Formula(
    ...     nodetype="formula", expression="1+0.1*log(x)", parser="TFormula", variables=["pt"]
    ... )
    >>> real = {"type": "real"}
    >>> model = schemav2.Correction(
    ...     name="scale", version=1, inputs=[{"name": "pt", **real}],
    ...     output={"name": "factor", **real}, data=formula,
    ... )
    >>> corrections = schemav2.CorrectionSet(schema_version=2, corrections=[model])
    >>> scale = corrections.to_evaluator()["scale"]
    >>> pt = ak.Array([[20.0, 50.0], [], [10.0]])
    >>> dualak.jvp(lambda pt: evaluate(scale, pt), pt, ak.ones_like(pt))[1]
    <Array [[0.005, 0.002], [], [0.01]] type='3 * var * float64'>
    """
    if not contains_duals(args):
        return correction.evaluate(*args)
    data, own = data_of(correction), _own(type(correction))

    def of_flat(*flat: Any) -> Any:
        expected = own(correction, *(_constant(each) for each in flat))
        result = evaluated(data, correction.name, flat)
        _require_the_same(correction.name, dualak.primal(result), expected)
        return result

    return flattened(of_flat, args, f"the correction {correction.name}")


def _constant(flat: Any) -> Any:
    return flat if isinstance(flat, str) else np.asarray(dualak.primal(flat))


def _require_the_same(name: str, value: Any, expected: Any) -> None:
    value = np.asarray(value)
    with np.errstate(invalid="ignore"):
        same = np.isclose(value, expected, rtol=TOLERANCE, atol=0.0, equal_nan=True)
    if not np.all(same):
        at = int(np.argmin(same))
        raise dualak.NotDifferentiableError(
            f"the correction {name}: expected correctionlib's value {expected[at]!r}, got "
            f"{value[at]!r}; its derivative is not known; give it dualak.primal of its inputs, or "
            "a rule with dualak.custom_jvp(elementwise=True)"
        )


# -- plain code -----------------------------------------------------------------------------------

_PLAIN: dict[type, Callable[..., Any]] = {}


def _own(kind: type) -> Callable[..., Any]:
    """The method of correctionlib."""
    return _PLAIN.get(kind) or kind.evaluate  # type: ignore[attr-defined]


def register() -> None:
    """Lets ``Correction.evaluate`` and ``CompoundCorrection.evaluate`` take differentiated arrays.

    Analyses, and libraries such as coffea, call them as they stand; plain arguments go to
    correctionlib as before.  Calling it twice does nothing more.
    """
    from correctionlib import highlevel

    for kind in (highlevel.Correction, highlevel.CompoundCorrection):
        if kind not in _PLAIN:
            _PLAIN[kind] = kind.evaluate
            setattr(kind, "evaluate", _taking_duals(kind.evaluate))  # noqa: B010 - not to mypy


def _taking_duals(own: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(own)
    def method(self: Any, *args: Any) -> Any:
        return evaluate(self, *args) if contains_duals(args) else own(self, *args)

    return method
