"""The registry as a page of documentation: ``python -m dualak.functions`` prints it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dualak.functions.registry import Function, functions
from dualak.rules import OUTPUTS, RULES, Rule

INTRODUCTION = """\
# What is done with each function

This page is made by `python -m dualak.functions`. Each function of Awkward Array and NumPy, and
each ufunc of SciPy that has a rule, stands in one class; what stands nowhere is refused.
"""

CLASSES = {
    "structural": "Awkward or NumPy moves the numbers once, and the tangents ride along.",
    "differentiable": "A rule says how it changes, or it is composed of functions that have one.",
    "discrete": "It is computed from the values, and what it gives has no tangent.",
    "refused": "It raises an error, `dualak.NotDifferentiableError` or another `TypeError`.",
}


def page() -> str:
    """The catalogue in Markdown."""
    entries = sorted(functions().values(), key=lambda entry: (entry.name.lower(), entry.name))
    parts = [INTRODUCTION]
    for kind, what in CLASSES.items():
        of_kind = [entry for entry in entries if entry.kind == kind]
        parts.append(f"\n## {kind.capitalize()}\n\n{what}\n")
        parts.extend(_TABLES.get(kind, _by_module)(of_kind))
    return "".join(parts)


def _by_module(entries: Iterable[Function]) -> Iterator[str]:
    """One paragraph for each module."""
    modules: dict[str, list[str]] = {}
    for entry in entries:
        module, _, name = entry.name.rpartition(".")
        modules.setdefault(module, []).append(f"`{name}`")
    for module, names in sorted(modules.items()):
        yield f"\n`{module}`: {', '.join(names)}\n"


def _differentiable(entries: list[Function]) -> Iterator[str]:
    known = {entry.name: _rules_of(entry.name) for entry in entries}
    yield from _by_module(entry for entry in entries if not known[entry.name])
    yield "\n### Rules\n\nArguments are x, y, u, v, the result is z; `?` is not known.\n\n"
    yield "| function | derivatives in its arguments | where there is none |\n|---|---|---|\n"
    for name, rules in known.items():
        for rule in rules:
            partials = "; ".join(f"`{partial}`" for partial in rule.partials)
            yield f"| `{name}` | {partials} | {rule.kink} |\n"


def _rules_of(name: str) -> tuple[Rule, ...]:
    key = name.removeprefix("np.")
    return OUTPUTS.get(key) or ((RULES[key],) if key in RULES else ())


def _refused(entries: list[Function]) -> Iterator[str]:
    reasons: dict[str, list[str]] = {}
    for entry in entries:
        reasons.setdefault(entry.why, []).append(f"`{entry.name}`")
    yield "\n| why, and what to use instead | functions |\n|---|---|\n"
    for why, names in reasons.items():
        yield f"| {why} | {', '.join(names)} |\n"


_TABLES = {"differentiable": _differentiable, "refused": _refused}
