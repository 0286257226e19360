"""Random programs that plain Awkward accepts: each step is run as soon as it is drawn."""

from __future__ import annotations

import functools
import re
from typing import Any

import awkward as ak
import numpy as np

from . import arrays
from .operations import Operation, operations
from .programs import Input, Program, Step, changed, environment, fresh, needed
from .upstream import wrong

_PLACE = re.compile(r"\{([a-z])\}")
#: Numbers that no input and no result of whole numbers is equal to.
_LITERALS = (0.333, -0.417, 1.234, 0.618, 2.0, -1.5, 0.25)
_TRIALS = 40
#: How many operations a program has; most faults need few.
_LENGTHS = np.arange(2, 11)
_LENGTH_WEIGHTS = np.array([14, 16, 16, 14, 12, 10, 8, 6, 4]) / 100


class Impossible(Exception):
    """No program came of a seed."""


class Draft:
    """A program in the making: its values so far, and which depend on differentiated numbers."""

    def __init__(
        self, random: np.random.Generator, loops: bool = True, often: tuple[str, ...] = ()
    ) -> None:
        self.random, self.loops, self.often = random, loops, often
        self.inputs: list[Input] = []
        self.steps: list[Step] = []
        self.values: dict[str, Any] = {}
        self.letters: dict[str, str] = {}
        self.active: list[str] = []
        self.read: set[str] = set()
        self.half = False

    def add_input(self, value: Any, role: str) -> str:
        name = f"{'x' if role == 'moving' else 'c'}{len(self.inputs)}"
        self.inputs.append(Input(name, value, role))
        self._bind(name, fresh(value), role == "moving")
        return name

    def _bind(self, name: str, value: Any, active: bool) -> None:
        self.values[name] = value
        self.letters[name] = letters_of(value)
        if active and name not in self.active:
            self.active.append(name)

    def having(self, letter: str) -> list[str]:
        return [name for name in self.active if letter in self.letters[name]]

    def chosen(self, letter: str) -> str | None:
        """A differentiated operand of a kind, mostly a late one that nothing has read yet."""
        names = self.having(letter)
        if letter == "s" and not names and len(self.inputs) < 4 and self.random.random() < 0.5:
            return self.add_input(arrays.number(self.random), "moving")
        if not names:
            return None
        weights = np.arange(1, len(names) + 1) ** 1.5
        weights *= [1.0 if name in self.read else 4.0 for name in names]
        return names[self.random.choice(len(names), p=weights / weights.sum())]

    def partner(self, base: str) -> str:
        """Whatever may stand beside an operand."""
        kind, value = self.random.random(), self.values[base]
        if kind < 0.2:
            return base
        if kind < 0.5:
            others = [name for name in self.values if set(self.letters[name]) & set("xsi")]
            if others:
                return others[int(self.random.integers(len(others)))]
        if kind < 0.62 and "x" in self.letters[base]:
            return self._discrete(base)
        made = arrays.constant(self.random, value)
        if isinstance(made, (int, float)) and not isinstance(made, np.generic):
            return f"({made!r})" if made < 0 else repr(made)
        return self.add_input(made, "constant" if self.random.random() < 0.8 else "still")

    def _discrete(self, base: str) -> str:
        """What a discrete function makes of an operand, in a step of its own."""
        text = _DISCRETE[int(self.random.integers(len(_DISCRETE)))].replace("{x}", base)
        name = self._tried(Operation(text, text.partition("(")[0]), text, {base})
        return name or base

    def step(self) -> bool:
        """Adds a step, if one was found."""
        found, weights = operations(self.loops, self.often)
        for index in self.random.choice(len(found), size=_TRIALS, p=weights):
            text = self._filled(found[index])
            if text is not None and self._tried(found[index], text):
                return True
        return False

    def _filled(self, operation: Operation) -> str | None:
        text = operation.text
        places = list(dict.fromkeys(_PLACE.findall(text)))
        chosen: dict[str, str] = {}
        for letter in places:
            if letter in _OPERANDS:
                name = self.chosen(letter)
                if name is None:
                    return None
                chosen[letter] = name
        if not chosen:
            return None
        base = next((chosen[one] for one in _BASES if one in chosen), next(iter(chosen.values())))
        for letter in places:
            if letter not in chosen:
                chosen[letter] = self._beside(letter, base)
        return _PLACE.sub(lambda match: chosen[match[1]], text)

    def _beside(self, letter: str, base: str) -> str:
        value = self.values[base]
        if letter == "y":
            return self.partner(base)
        if letter == "k":
            return repr(_LITERALS[int(self.random.integers(len(_LITERALS)))])
        if letter == "c":
            return str(int(self.random.integers(1, 4)))
        if letter == "d":
            depth = max(1, getattr(value, "ndim", 1))
            return str(int(self.random.integers(-depth, depth)))
        if letter == "m":
            return self._mask(base)
        return self._alike(base)

    def _mask(self, base: str) -> str:
        if self.random.random() < 0.4:
            return f"({base} > 0.333)"
        value = self.values[base]
        if isinstance(value, (ak.Array, np.ndarray)) and self.random.random() < 0.5:
            try:
                return self.add_input(value > 0.1, "constant")
            except Exception:
                return f"({base} > 0.333)"
        drawn = self.random.random(arrays.length_of(value, 3)) < 0.6
        return self.add_input(drawn, "constant")

    def _alike(self, base: str) -> str:
        kind = self.random.random()
        if kind < 0.3:
            return f"{base}[::-1]"
        if kind < 0.6:
            made = arrays.renumbered(
                self.values[base],
                lambda one: arrays.numbers(self.random, one.size).reshape(one.shape),
            )
            return self.add_input(made, "constant")
        names = self.having("x")
        return names[int(self.random.integers(len(names)))] if names else base

    def _tried(self, operation: Operation, text: str, _names: Any = None) -> str | None:
        """Runs a step on the values; the name of what it made, None if it cannot be."""
        name = f"v{len(self.steps)}" if operation.binds else None
        step = Step(name, text, operation.function)
        if wrong(text, self.values):
            return None
        try:
            if name is None:
                exec(_code(step.line, "exec"), self._room())
                made, name = self.values[changed(step)], changed(step)
            else:
                made = eval(_code(text, "eval"), self._room())
        except Exception:
            return None
        if step.made is not None and not self._welcome(made):
            return None
        self.half = self.half or _is_half(made)
        self.steps.append(step)
        self.read |= step.names - ({name} if step.made is None else set())
        if isinstance(made, _RETURNED):
            active = any(one in self.active for one in step.names)
            self._bind(name, made, active and "i" not in letters_of(made))
        return name

    def _room(self) -> dict[str, Any]:
        return dict(environment()) | self.values

    def _welcome(self, made: Any) -> bool:
        """Small, finite in most cases, and seldom empty."""
        if not isinstance(made, _RETURNED):
            return self.random.random() < 0.3
        data = [one for one in buffers(made) if one.dtype.kind in "fiub"]
        size = sum(one.size for one in data)
        if size > 300 or any(one.dtype.kind == "c" for one in buffers(made)):
            return False
        if size == 0 and self.random.random() > 0.1:
            return False
        with np.errstate(all="ignore"):
            tame = all(
                one.size == 0 or bool(np.all(np.abs(one) < 2e3))
                for one in data
                if one.dtype.kind == "f"
            )
        return tame or bool(self.random.random() < 0.02)

    def finished(self, seed: int) -> tuple[Program, tuple[Any, ...]]:
        """The program without steps that no result needs, and what plain Awkward gives for it."""
        made = dict.fromkeys(step.made or changed(step) for step in self.steps)
        last = [name for name in made if name in self.values and name not in self.read]
        sinks = [name for name in last if name in self.active]
        ints = [name for name in last if name not in self.active]
        if not sinks:
            raise Impossible
        results = tuple(sinks[-3:]) + tuple(ints[-1:] if self.random.random() < 0.3 else ())
        program = needed(Program(tuple(self.inputs), tuple(self.steps), results, seed, self.half))
        if not any(one.role == "moving" for one in program.inputs):
            raise Impossible
        return program, tuple(self.values[name] for name in results)


_RETURNED = (ak.Array, ak.Record, np.ndarray, float, int, bool, np.generic)
_OPERANDS = "xnqvrupejls"
_BASES = "xnqvrupejl"
_DISCRETE = (
    "ak.num({x})",
    "ak.num({x}, axis=-1)",
    "ak.local_index({x})",
    "ak.local_index({x}, axis=0)",
    "ak.argmax({x}, axis=-1, keepdims=True)",
    "ak.count({x}, axis=-1)",
    "ak.count({x}, axis=-1, keepdims=True)",
    "ak.ones_like({x})",
    "ak.zeros_like({x})",
    "{x} > 0.333",
    "ak.argsort({x}, axis=-1)",
    "ak.is_none({x})",
    "ak.full_like({x}, 2.0)",
    "ak.any({x} > 0.333, axis=-1, keepdims=True)",
    "np.isfinite({x})",
    "ak.argmin({x}, axis=0)",
    "np.sign({x})",
)


@functools.lru_cache(4096)
def _code(text: str, mode: str) -> Any:
    return compile(text, "<step>", mode)


def generated(
    seed: int, index: int, loops: bool = True, often: tuple[str, ...] = ()
) -> tuple[Program, tuple[Any, ...]]:
    """The program of a seed and an index, with what plain Awkward gives for it."""
    for trial in range(20):
        random = np.random.default_rng([seed, index, trial])
        draft = Draft(random, loops, often)
        for _ in range(int(random.choice([1, 1, 2]))):
            draft.add_input(arrays.drawn(random), "moving")
        for _ in range(int(random.choice(_LENGTHS, p=_LENGTH_WEIGHTS))):
            if not draft.step():
                break
        try:
            return draft.finished(index)
        except Impossible:
            continue
    raise Impossible(f"no program for seed {seed}, index {index}")


def _is_half(made: Any) -> bool:
    """Whether a result is in half precision, which NumPy makes of booleans."""
    return isinstance(made, _RETURNED) and any(part.dtype == np.float16 for part in buffers(made))


# -- what a value is ------------------------------------------------------------------------------


def buffers(value: Any) -> list[np.ndarray]:
    """The numbers of a value, without its indexes."""
    if isinstance(value, ak.Record):
        value = value.layout.array
    elif isinstance(value, ak.Array):
        value = value.layout
    else:
        return [np.asarray(value)]
    return list(_leaves(value))


def _leaves(layout: Any) -> Any:
    if layout.is_numpy:
        yield np.asarray(layout.data)
    elif layout.is_record or layout.is_union:
        for one in layout.contents:
            yield from _leaves(one)
    elif not layout.is_unknown:
        yield from _leaves(layout.content)


def letters_of(value: Any) -> str:
    """The places of a template that a value can stand at; ``i`` for what is not differentiable."""
    if isinstance(value, (bool, int, np.integer, np.bool_)):
        return "i"
    if isinstance(value, (float, np.floating)):
        return "s"
    if isinstance(value, np.ndarray):
        return _rectangle(value.shape) if value.dtype.kind == "f" else "i"
    if isinstance(value, ak.Record):
        return "e"
    if not isinstance(value, ak.Array):
        return ""
    return _letters_of_layout(value)


def _rectangle(shape: tuple[int, ...]) -> str:
    if not shape:
        return ""
    square = "q" if len(shape) == 2 and shape[0] == shape[1] else ""
    return "xn" + square + ("v" if len(shape) == 1 else "l")


def _letters_of_layout(value: ak.Array) -> str:
    seen, layout = set(), value.layout
    kinds = {one.dtype.kind for one in _leaves(layout)}
    _kinds(layout, seen)
    if "string" in seen:
        return ""
    if "f" not in kinds:
        return "i" if "record" not in seen and "union" not in seen else ""
    if "union" in seen:
        return "u"
    if "record" in seen:
        return "p" if str(layout.purelist_parameter("__record__")).startswith("Momentum") else "r"
    if seen <= {"numpy", "regular", "indexed"}:
        try:
            return _rectangle(np.asarray(value).shape)
        except ValueError:
            return "x"
    plain = layout.is_list and not layout.is_regular and layout.content.is_numpy
    usual = (
        plain and type(layout).__name__ == "ListOffsetArray" and layout.content.dtype == np.float64
    )
    return "x" + ("l" if value.ndim > 1 else "") + ("j" if usual else "")


def _kinds(layout: Any, seen: set[str]) -> None:
    if layout.parameter("__array__") is not None:
        seen.add("string")
    elif layout.is_numpy:
        seen.add("numpy")
    elif layout.is_record or layout.is_union:
        seen.add("record" if layout.is_record else "union")
        for one in layout.contents:
            _kinds(one, seen)
    elif not layout.is_unknown:
        own = (
            "option"
            if layout.is_option
            else "regular"
            if layout.is_regular
            else "list"
            if layout.is_list
            else "indexed"
        )
        seen.add(own)
        _kinds(layout.content, seen)
