"""What derivatives are for: a histogram at other parameters, its uncertainty, its information."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dualak.hist.summands import ParameterError

if TYPE_CHECKING:
    from dualak.hist.histogram import Histogram


class Expansion:
    """The methods of a histogram that use its derivatives."""

    def at(
        self: Any,
        parameters: Mapping[str, float],
        *,
        order: int | None = None,
        exponential: bool = False,
    ) -> Histogram:
        """The histogram at other parameters, by its Taylor series.

        Args:
            parameters: their numbers by name; those that are not named stay where they are.
            order: up to which the series is taken, 1 or 2; None takes all derivatives there are.
            exponential: whether the series is taken of the logarithm of each bin, so that bins stay
                positive; a bin that is not positive is expanded itself.

        Raises:
            ParameterError: for a name that is none of the parameters, or of which the histogram
                does not know where its derivatives are taken; and for an order that it has not.
        """
        order = self._order_of(order)
        shift = self._shift(parameters)
        made = copy.copy(self)
        made.parameters = self.parameters | {name: float(at) for name, at in parameters.items()}
        for part in ("value", "variance"):
            levels = [self.level(part, k) for k in range(order + 1)]
            expand = _exponential if exponential else _polynomial
            made.sums[part] = expand(levels, shift)
        return made

    def up_down(
        self: Any,
        sigma: float | Mapping[str, float] = 1.0,
        *,
        flow: bool = False,
        exponential: bool = False,
    ) -> dict[str, tuple[Any, Any]]:
        """The values with each parameter moved up and down by its uncertainty, one at a time.

        Args:
            sigma: by how much, of all parameters or by their names.
            flow: whether flow bins are given too.
            exponential: as for ``at``.

        Returns:
            By the names, pairs of arrays: up and down.
        """
        widths = _by_name(sigma, self.parameters)
        zero = self._with_known_point()
        found = {}
        for name, width in widths.items():
            moved = [
                zero.at({name: zero.parameters[name] + sign * width}, exponential=exponential)
                for sign in (1.0, -1.0)
            ]
            found[name] = tuple(one.values(flow=flow) for one in moved)
        return found  # type: ignore[return-value]

    def covariance(
        self: Any, prior: Any = 1.0, *, statistical: bool = False, flow: bool = False
    ) -> Any:
        """The covariance of all bins that comes from that of the parameters, to first order.

        Args:
            prior: the standard deviations of the parameters, one for all or by their names (those
                that are not named are known), or their covariance as a matrix.
            statistical: whether the variances of the bins are added.
            flow: whether flow bins take part.

        Returns:
            An array with the axes of the histogram twice.
        """
        matrix = _matrix(prior, self.parameters)
        slopes = self.gradient(flow=flow)
        shape = slopes.shape[1:]
        rows = slopes.reshape(len(slopes), -1)
        found = rows.T @ matrix @ rows
        if statistical:
            found = found + np.diag(self.variances(flow=flow).ravel())
        return found.reshape(shape + shape)

    def fisher(self: Any, prior: Any = None, *, flow: bool = False) -> Any:
        """The Fisher information on the parameters, for Poisson counts with these expected values.

        Args:
            prior: what is known of them otherwise, as for ``covariance``; its inverse is added.
            flow: whether flow bins take part.

        Returns:
            A matrix, with parameters in the order of ``parameters``.

        Raises:
            ValueError: where a bin without entries has a derivative: it would be infinite.
        """
        values, slopes = self.values(flow=flow).ravel(), self.gradient(flow=flow)
        slopes = slopes.reshape(len(slopes), -1)
        used = np.any(slopes != 0, axis=0)
        if np.any(values[used] <= 0):
            bins = np.flatnonzero(used & (values <= 0))[:5].tolist()
            raise ValueError(
                "expected positive bins wherever derivatives are not zero, got others, such as "
                f"number {bins}; merge bins, or fill with smooth='both'"
            )
        found = slopes[:, used] / values[used] @ slopes[:, used].T
        return found if prior is None else found + np.linalg.inv(_matrix(prior, self.parameters))

    # -- parts ------------------------------------------------------------------------------------

    def _order_of(self: Any, order: int | None) -> int:
        most = self.order if order is None else order
        if most not in range(1, self.order + 1):
            raise ParameterError(f"expected an order of at most {self.order}, got {order!r}")
        return most

    def _shift(self: Any, parameters: Mapping[str, float]) -> Any:
        """How far parameters are from where derivatives are taken, shape (parameters,)."""
        shift = np.zeros(len(self.parameters))
        for name, value in parameters.items():
            known = self.parameters[list(self.parameters)[self._number(name)]]
            if np.isnan(known):
                raise ParameterError(
                    f"expected to know where the derivatives by {name} are taken, got only its name"
                )
            shift[self._number(name)] = value - known
        return shift

    def _with_known_point(self: Any) -> Any:
        """The histogram with zeros for parameters of which nobody said where they are."""
        made = copy.copy(self)
        made.parameters = {
            name: 0.0 if np.isnan(at) else at for name, at in self.parameters.items()
        }
        return made


def _polynomial(levels: Sequence[Any], shift: Any) -> list[Any]:
    """Bins and their derivatives, moved by their Taylor series."""
    value, slope, *more = levels
    if not more:
        return [value + shift @ slope, slope]
    moved = np.tensordot(shift, more[0], 1)
    return [value + shift @ slope + 0.5 * shift @ moved, slope + moved, more[0]]


def _exponential(levels: Sequence[Any], shift: Any) -> list[Any]:
    """The same by the series of their logarithms, where they are positive."""
    value, slope, *more = levels
    positive = value > 0
    safe = np.where(positive, value, 1.0)
    first = slope / safe
    logs = [np.zeros_like(value), first]
    if more:
        logs.append(more[0] / safe - first[:, np.newaxis] * first)
    exponent, *rates = _polynomial(logs, shift)
    found = [safe * np.exp(exponent)]
    found.append(found[0] * rates[0])
    if more:
        found.append(found[0] * (rates[1] + rates[0][:, np.newaxis] * rates[0]))
    straight = _polynomial(levels, shift)
    return [np.where(positive, one, other) for one, other in zip(found, straight, strict=True)]


def _by_name(sigma: Any, parameters: Mapping[str, float]) -> dict[str, float]:
    if not isinstance(sigma, Mapping):
        return dict.fromkeys(parameters, float(sigma))
    if unknown := set(sigma) - set(parameters):
        raise ParameterError(
            f"expected some of the parameters {list(parameters)}, got {sorted(unknown)}"
        )
    return {name: float(sigma[name]) for name in parameters if name in sigma}


def _matrix(prior: Any, parameters: Mapping[str, float]) -> Any:
    """The covariance of the parameters."""
    if isinstance(prior, Mapping) or np.ndim(prior) == 0:
        widths = _by_name(prior, parameters)
        return np.diag([widths.get(name, 0.0) ** 2 for name in parameters])
    matrix = np.asarray(prior, np.float64)
    if matrix.shape != (len(parameters),) * 2:
        raise ValueError(
            f"expected a covariance of {len(parameters)} parameters, got shape {matrix.shape}"
        )
    return matrix
