"""Histograms as those of ``hist``, in ROOT files and as JSON, and back."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from dualak.hist.axes import axes_of, require_hist

if TYPE_CHECKING:
    from dualak.hist.histogram import Histogram

#: The axis of a histogram of ``hist`` that says which derivative a bin holds.
DERIVATIVE = "derivative"

PARTS = ("value", "variance")


class Conversion:
    """The methods of a histogram that turn it into something else."""

    def to_hist(self: Any, derivatives: bool = True) -> Any:
        """A ``hist.Hist`` with weights' storage.

        With ``derivatives`` its first axis has the categories ``value``, ``d/dname`` for each
        parameter, and ``d2/dname dother`` for pairs of them where there are second derivatives.
        """
        hist = require_hist()
        if not derivatives:
            made = hist.Hist(*self.axes, storage=hist.storage.Weight())
            _write(made, self._level_shown("value", ()), self._level_shown("variance", ()))
            return made
        rows = dict(_rows(self))
        axis = hist.axis.StrCategory(list(rows), name=DERIVATIVE, overflow=False)
        axis.metadata = json.dumps(_described(self))
        made = hist.Hist(axis, *self.axes, storage=hist.storage.Weight())
        made.name, made.label = self.name or None, self.label or None
        values = (self._level_shown("value", where) for where in rows.values())
        variances = (self._level_shown("variance", where) for where in rows.values())
        _write(made, np.array(list(values)), np.array(list(variances)))
        return made

    @classmethod
    def from_hist(cls: Any, histogram: Any) -> Histogram:
        """The histogram that ``to_hist`` gave, or one without derivatives for any other.

        Raises:
            ValueError: for derivatives that are not those of ``to_hist``.
        """
        hist = require_hist()
        histogram = hist.Hist(histogram)
        first = histogram.axes[0]
        values, variances = histogram.values(flow=True), histogram.variances(flow=True)
        variances = np.zeros_like(values) if variances is None else variances
        if getattr(first, "name", "") != DERIVATIVE:
            made = cls(*histogram.axes)
            made.sums |= {"value": [values.ravel() + 0.0], "variance": [variances.ravel() + 0.0]}
            return made
        made = _made(cls, [*histogram.axes][1:], json.loads(first.metadata or "{}"))
        return _filled(made, list(first), {"value": values, "variance": variances})

    def to_json(self: Any) -> str:
        """As JSON: axes in the schema of ``uhi``, and all sums in rows."""
        sums = {part: [level.tolist() for level in levels] for part, levels in self.sums.items()}
        return json.dumps(_described(self) | {"axes": _axes_as_json(self.axes), "sums": sums})

    @classmethod
    def from_json(cls: Any, text: str) -> Histogram:
        """The histogram that ``to_json`` gave."""
        given = json.loads(text)
        made = _made(cls, _axes_from_json(given["axes"]), given)
        made.sums = {
            part: [np.array(level, np.float64) for level in levels]
            for part, levels in given["sums"].items()
        }
        return made

    def to_root(self: Any, file: Any, name: str = "") -> None:
        """Writes it into a ROOT file that uproot writes, as histograms that ROOT draws.

        The value stands under its name, derivatives under ``name_d_parameter`` and
        ``name_d2_parameter_other``, and what is known of the parameters under
        ``name_parameters``.  ROOT's histograms have one to three axes, none of categories.

        Raises:
            ValueError: without a name, and for axes that ROOT does not have.
        """
        hist, name = require_hist(), name or self.name
        if not name:
            raise ValueError("expected a name for the histogram in the file, got none")
        if len(self.axes) > 3 or not all(axis.traits.ordered for axis in self.axes):
            raise ValueError(
                f"expected one to three axes without categories for ROOT, got {list(self.axes)}; "
                "write a histogram for each category"
            )
        for row, where in _rows(self):
            one = hist.Hist(*self.axes, storage=hist.storage.Weight())
            value, variance = (
                self._level_shown("value", where),
                self._level_shown("variance", where),
            )
            # What stands for errors of a derivative has no meaning to ROOT if it is negative.
            _write(one, value, np.abs(variance) if where == () else np.zeros_like(variance))
            file[name + _suffix(row)] = one
        file[f"{name}_parameters"] = json.dumps(
            _described(self) | {"name": name, "axes": _axes_as_json(self.axes)}
        )

    @classmethod
    def from_root(cls: Any, file: Any, name: str) -> Histogram:
        """The histogram that ``to_root`` wrote, without the derivatives of its variances."""
        known = json.loads(str(file[f"{name}_parameters"]))
        made = _made(cls, _axes_from_json(known["axes"]), known)
        made.sums["variance"] = [file[name].variances(flow=True).ravel() + 0.0]
        rows = [row for row, _ in _rows(made)]
        values = [file[name + _suffix(row)].values(flow=True) for row in rows]
        return _filled(made, rows, {"value": np.array(values)})

    def _level_shown(self: Any, part: str, where: tuple[int, ...]) -> Any:
        """Derivatives by some parameters, in the shape of all bins."""
        return self.level(part, len(where))[where].reshape(self.axes.extent)


def _rows(histogram: Any) -> Iterator[tuple[str, tuple[int, ...]]]:
    """What is kept: names of derivatives, and the numbers of the parameters that they are by."""
    names = list(histogram.parameters)
    yield "value", ()
    for i, name in enumerate(names):
        yield f"d/d{name}", (i,)
    if histogram.order > 1:
        for i, name in enumerate(names):
            for j, other in enumerate(names[: i + 1]):
                yield f"d2/d{other} d{name}", (j, i)


def _suffix(row: str) -> str:
    """What a derivative is called in a ROOT file, behind the name of the histogram."""
    if row == "value":
        return ""
    order, _, names = row.partition("/")
    return f"_{order}_" + "_".join(name.removeprefix("d") for name in names.split(" "))


def _described(histogram: Any) -> dict[str, Any]:
    """What describes a histogram beside its bins."""
    return {
        "parameters": {
            name: None if math.isnan(at) else at for name, at in histogram.parameters.items()
        },
        "order": histogram.order,
        "name": histogram.name,
        "label": histogram.label,
        "smooth": histogram.smooth,
        "variances": histogram.has_variances,
        "not_finite": histogram.not_finite,
    }


def _made(cls: Any, axes: Any, known: dict[str, Any]) -> Any:
    """An empty histogram, as it was described."""
    parameters = {
        name: math.nan if at is None else at for name, at in known.get("parameters", {}).items()
    }
    made = cls(
        *axes,
        parameters=parameters,
        order=known.get("order", 1),
        smooth=known.get("smooth", "derivative"),
        variances=known.get("variances", True),
        name=known.get("name", ""),
        label=known.get("label", ""),
    )
    made.sums["not_finite"] = [np.array([known.get("not_finite", 0.0)])]
    return made


def _filled(made: Any, rows: list[str], given: dict[str, Any]) -> Any:
    """A histogram with rows of values and derivatives, or of variances and theirs."""
    count, expected = len(made.parameters), dict(_rows(made))
    if rows != list(expected):
        raise ValueError(f"expected the derivatives {list(expected)}, got {rows}")
    for part, array in given.items():
        size = made.size_of(part)
        levels = [np.zeros((count,) * k + (size,)) for k in range(1 + made.order)]
        for row, where in zip(array.reshape(len(rows), -1), expected.values(), strict=True):
            levels[len(where)][where] = row
            levels[len(where)][where[::-1]] = row
        made.sums[part] = levels
    return made


def _write(made: Any, values: Any, variances: Any) -> None:
    view = made.view(flow=True)
    view.value, view.variance = values, variances


# -- axes -----------------------------------------------------------------------------------------


def _axes_as_json(axes: Any) -> list[Any]:
    hist = require_hist()
    from boost_histogram.serialization import to_uhi

    given = to_uhi(hist.Hist(*axes, storage=hist.storage.Double()))["axes"]
    return json.loads(json.dumps(given, default=lambda array: np.asarray(array).tolist()))


def _axes_from_json(axes: list[Any]) -> Any:
    hist = require_hist()
    from boost_histogram.serialization import from_uhi

    def entries(axis: dict[str, Any]) -> int:
        if axis["type"] == "boolean":
            return 2
        count = axis.get("bins", len(axis.get("edges", "-")) - 1)
        count = len(axis["categories"]) + bool(axis.get("flow")) if "categories" in axis else count
        return count + bool(axis.get("underflow")) + bool(axis.get("overflow"))

    for axis in axes:
        if "edges" in axis:
            axis["edges"] = np.array(axis["edges"])
    values = np.zeros([entries(axis) for axis in axes])
    whole = from_uhi(
        {"uhi_schema": 1, "axes": axes, "storage": {"type": "double", "values": values}}
    )
    return axes_of(hist.Hist(whole).axes)
