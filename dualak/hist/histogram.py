"""Histograms whose bins have derivatives: filling them, reading them, and adding them up."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import awkward as ak
import numpy as np

from dualak.arrays.highlevel import contains_duals, is_abstract
from dualak.arrays.ndarrays import primal
from dualak.functions.binning import is_one
from dualak.functions.registry import NotDifferentiableError
from dualak.hist.axes import axes_of, inner_bins, name_of
from dualak.hist.conversion import Conversion
from dualak.hist.display import Display
from dualak.hist.expansion import Expansion
from dualak.hist.filling import totals
from dualak.hist.kernels import Kernel
from dualak.hist.plotting import Plotting
from dualak.hist.summands import (
    ParameterError,
    joined_axes,
    joined_parameters,
    on,
    parameters_of,
    selected,
)

#: What is smoothed: counts and derivatives alike, or derivatives alone.
WAYS = ("derivative", "both")

#: What is kept of a histogram: sums of weights, of their squares, and entries that are no numbers.
PARTS = ("value", "variance", "not_finite")


class Histogram(Expansion, Conversion, Display, Plotting):
    """A histogram on axes of ``hist``, whose bins have derivatives by named parameters.

    It is filled inside of a function that ``dualak.hist.differentiate`` calls, which gives it its
    derivatives; without one it holds what ``hist.Hist`` holds.

    Args:
        axes: axes of ``hist`` or ``boost_histogram``, of any kind.
        kernel: how entries are smoothed whose position is differentiated: a kernel for all axes,
            or a dict of kernels by the names of axes.
        smooth: ``"derivative"`` counts entries in the bins they lie in, as usual, and estimates
            derivatives alone by the kernel, from the flow of entries through the edges;
            ``"both"`` smears the counts too, of which the derivatives are exact then.
        variances: whether sums of squared weights are kept, which takes as long as the values.
        parameters: names of parameters with the numbers they have where derivatives are taken, or
            names alone.  ``differentiate`` sets them.
        order: of the derivatives, 1 or 2.
        name: of the histogram.
        label: of what is counted, for plots.

    Raises:
        ImportError: without ``hist``, which ``pip install 'dualak[hep]'`` brings.
        ValueError: without axes, and for a kernel of an axis that there is not.

    >>> import dualak, hist
    >>> import numpy as np
    >>> mass = np.array([85.0, 90.5, 91.0, 93.5])
    >>> def spectrum(p):
    ...     axis = hist.axis.Regular(3, 80, 110, name="mass")
    ...     h = dualak.hist.Histogram(axis, kernel=dualak.hist.Gaussian(2.0))
    ...     return h.fill(mass=mass * (1 + p["scale"]), weight=2.0 * p["norm"])
    >>> h = dualak.hist.differentiate(spectrum, {"scale": 0.0, "norm": 1.0})
    >>> h.values(), h.gradient("norm")
    (array([2., 6., 0.]), array([2., 6., 0.]))
    >>> h.gradient("scale").round(1)
    array([-75.1,  76.4,   0.2])
    """

    def __init__(
        self,
        *axes: Any,
        kernel: Kernel | Mapping[str, Kernel] | None = None,
        smooth: str = "derivative",
        variances: bool = True,
        parameters: Mapping[str, float] | Sequence[str] = (),
        order: int = 1,
        name: str = "",
        label: str = "",
    ) -> None:
        if smooth not in WAYS:
            raise ValueError(f"expected smooth to be one of {WAYS}, got {smooth!r}")
        if order not in (1, 2):
            raise ValueError(f"expected derivatives of order 1 or 2, got {order!r}")
        self.axes = axes_of(axes)
        self.kernel, self.smooth, self.has_variances = kernel, smooth, variances
        self.name, self.label = name, label
        self.order = order
        self.parameters = parameters_of(parameters)
        self.kernels = self.kernels_of(kernel)
        self.sums = {part: [np.zeros(self.size_of(part))] for part in PARTS}

    def size_of(self, part: str) -> int:
        return 1 if part == "not_finite" else math.prod(self.axes.extent)

    def kernels_of(self, kernel: Any) -> list[Kernel | None]:
        names = [name_of(axis, number) for number, axis in enumerate(self.axes)]
        if isinstance(kernel, Mapping):
            if unknown := set(kernel) - set(names):
                raise ValueError(f"expected kernels of the axes {names}, got {sorted(unknown)}")
            found = [kernel.get(name) for name in names]
        else:
            able = [axis.traits.continuous and not axis.traits.circular for axis in self.axes]
            found = [kernel if is_able else None for is_able in able]
        if wrong := [one for one in found if not isinstance(one, (Kernel, type(None)))]:
            raise TypeError(
                "expected a kernel such as dualak.hist.Gaussian(width=1.0), got "
                f"{type(wrong[0]).__name__}"
            )
        return found

    # -- filling ----------------------------------------------------------------------------------

    def fill(self, *positions: Any, weight: Any = None, **named: Any) -> Histogram:
        """Fills in entries, and gives the histogram.

        Args:
            positions: of the entries along each axis, flat or jagged, or one for all of them.
            weight: of each entry, in the lists of the positions or one for each of their lists, or
                one for all.
            named: positions by the names of axes.

        What is missing is left out.  Positions that are NaN lie in the overflow bin, as in
        ``hist``; ``not_finite`` counts them and the infinite ones.

        Raises:
            NotDifferentiableError: for differentiated positions on an axis without a kernel.
            ValueError: for arrays of different lengths or lists.
            TypeError: for positions that are missing, or are given twice.
        """
        abstract = list(filter(is_abstract, (*positions, *named.values(), weight)))
        if abstract:  # a plan of what is read
            for array in abstract:
                ak.typetracer.touch_data(array)
            return self
        for part, sums in zip(PARTS, totals(self, positions, named, weight), strict=True):
            self._add(part, sums)
        return self

    def _add(self, part: str, sums: Any) -> None:
        levels = self.sums[part]
        if len(levels) > 1 and contains_duals(sums):
            raise ParameterError(
                "expected a histogram of its own for what is differentiated now, got one that has "
                "derivatives already; make it inside of the function, and add the results up"
            )
        levels[0] = levels[0] + sums

    # -- reading ----------------------------------------------------------------------------------

    def values(self, flow: bool = False) -> Any:
        """The sum of the weights in each bin, with ``flow`` in flow bins too.

        Inside of a function that is differentiated it is differentiated.
        """
        return self._shown("value", 0, (), flow)

    def variances(self, flow: bool = False) -> Any:
        """The sum of the squared weights in each bin; with ``smooth="both"`` of squared shares.

        Raises:
            ValueError: for a histogram that was made without them.
        """
        return self._shown("variance", 0, (), flow)

    def gradient(self, name: str | None = None, flow: bool = False, of: str = "value") -> Any:
        """The derivative of each bin by a parameter.

        Args:
            name: of the parameter; None gives all of them, on an axis that comes first.
            flow: whether flow bins are given too.
            of: ``"value"``, or ``"variance"`` for the derivatives of the variances.

        Raises:
            ParameterError: for a parameter that it has no derivative by.
        """
        self._require_complete()
        where: tuple[Any, ...] = () if name is None else (self._number(name),)
        return self._shown(of, 1, where, flow)

    def hessian(
        self,
        first: str | None = None,
        second: str | None = None,
        flow: bool = False,
        of: str = "value",
    ) -> Any:
        """The second derivative of each bin by two parameters; without names, by all of them.

        Raises:
            ParameterError: for a parameter that it has no derivative by, and where it has none of
                second order.
        """
        self._require_complete()
        if self.order < 2:
            raise ParameterError(
                "expected a histogram with second derivatives, got one of first order; make it by "
                "dualak.hist.differentiate(..., order=2)"
            )
        where = tuple(self._number(name) for name in (first, second) if name is not None)
        return self._shown(of, 2, where, flow)

    @property
    def not_finite(self) -> float:
        """How many entries had a position that is NaN or infinite; they lie in flow bins."""
        return float(np.asarray(primal(self.sums["not_finite"][0]))[0])

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of bins on each axis, without flow bins."""
        return tuple(self.axes.size)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.axes)

    def _require_complete(self) -> None:
        if contains_duals(self.sums["value"][0]):
            raise ParameterError(
                "expected a histogram that is complete, got one inside of the function that is "
                "being differentiated: it has its derivatives when dualak.hist.differentiate ends"
            )

    def _number(self, name: str) -> int:
        if name not in self.parameters:
            raise ParameterError(
                f"expected one of the parameters {list(self.parameters)}, got {name!r}"
            )
        return list(self.parameters).index(name)

    def level(self, part: str, order: int) -> Any:
        """Derivatives of an order of all bins in a row, by each parameter; zeros if it has none."""
        levels = self.sums[part]
        if order < len(levels):
            return levels[order]
        return np.zeros((len(self.parameters),) * order + (self.size_of(part),))

    def _shown(self, part: str, order: int, where: tuple[Any, ...], flow: bool) -> Any:
        if part not in PARTS[:2]:
            raise ValueError(f"expected of to be 'value' or 'variance', got {part!r}")
        if part == "variance" and not self.has_variances:
            raise ValueError("expected a histogram with variances, got one with variances=False")
        found = self.level(part, order)
        found = found[where] if where else found
        shape = tuple(found.shape[:-1]) + tuple(self.axes.extent)
        found = found.reshape(shape)
        return found if flow else found[(..., *inner_bins(self.axes))]

    def __getitem__(self, where: Any) -> Histogram:
        """A part of the histogram, as ``hist`` takes it: slices, sums, rebinning, categories.

        Raises:
            TypeError: for what picks out a single bin: read it from the arrays.
        """
        return selected(self, lambda one: one[where])

    def project(self, *names: str | int) -> Histogram:
        """The histogram on some of its axes, summed over the others."""
        return selected(self, lambda one: one.project(*names))

    # -- arithmetic -------------------------------------------------------------------------------

    def _mapped(self, function: Callable[[str, Any], Any]) -> Histogram:
        """A histogram with a linear function applied to all that is kept of each part."""
        made = copy.copy(self)
        made.sums = {
            part: [function(part, level) for level in levels] for part, levels in self.sums.items()
        }
        return made

    def copy(self) -> Histogram:
        """The same histogram, of its own."""
        return self._mapped(lambda part, level: level + 0.0)

    def __copy__(self) -> Histogram:
        made = Histogram.__new__(Histogram)
        made.__dict__.update(self.__dict__)
        made.sums = {part: list(levels) for part, levels in self.sums.items()}
        return made

    def __mul__(self, factor: Any) -> Histogram:
        if not is_one(factor) or isinstance(factor, (str, Histogram)):
            return NotImplemented
        if contains_duals(factor) and self.parameters:
            raise ParameterError(
                "expected a constant to scale a histogram with that has derivatives already, got a "
                "differentiated one; scale it inside of the function that fills it"
            )
        powers = {"value": 1, "variance": 2, "not_finite": 0}
        return self._mapped(lambda part, level: level * factor ** powers[part])

    __rmul__ = __mul__

    def __truediv__(self, divisor: Any) -> Histogram:
        return self * (1.0 / divisor)

    def __neg__(self) -> Histogram:
        return self * -1.0

    def __add__(self, other: Any) -> Histogram:
        return self.add(other)

    def __radd__(self, other: Any) -> Histogram:
        return self.add(other)

    def __sub__(self, other: Any) -> Histogram:
        return self.add(-other) if isinstance(other, Histogram) else NotImplemented

    def add(self, other: Any, join: bool = False) -> Histogram:
        """The sum of two histograms on the same axes, whose growing axes may differ.

        Args:
            other: a histogram; zero, with which ``sum`` begins, changes nothing.
            join: whether the parameters may differ: then one that a summand does not have has zero
                derivatives in it.

        Raises:
            ParameterError: for other parameters, naming them, or another order.
            ValueError: for other axes.
        """
        if not isinstance(other, Histogram):
            if isinstance(other, (int, float)) and other == 0:
                return self.copy()
            return NotImplemented
        parameters = joined_parameters(self, other, join)
        axes = joined_axes(self.axes, other.axes)
        both = [on(one, axes, parameters) for one in (self, other)]
        made = copy.copy(both[0])
        orders = range(max(len(one.sums["value"]) for one in both))
        made.sums = {
            part: [both[0].level(part, k) + both[1].level(part, k) for k in orders]
            for part in PARTS
        }
        return made

    def __eq__(self, other: Any) -> bool:
        if not isinstance(other, Histogram):
            return NotImplemented
        if self.parameters != other.parameters or self.order != other.order:
            return False
        return tuple(self.axes) == tuple(other.axes) and all(
            np.array_equal(self.level(part, k), other.level(part, k), equal_nan=True)
            for part in PARTS
            for k in range(1 + self.order)
        )

    __hash__ = None  # type: ignore[assignment]

    def __getstate__(self) -> dict[str, Any]:
        if contains_duals([levels[0] for levels in self.sums.values()]):
            raise NotDifferentiableError(
                "a histogram inside of the function that is being differentiated cannot be "
                "pickled; pickle what dualak.hist.differentiate gives"
            )
        return self.__dict__ | {"axes": tuple(self.axes)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.axes = axes_of(state["axes"])
