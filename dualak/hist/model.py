"""Statistical models from histograms with derivatives: workspaces of pyhf."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dualak.hist.histogram import Histogram
from dualak.hist.summands import ParameterError

Samples = Mapping[str, Mapping[str, Histogram]]

#: What the statistical uncertainty is called among the kinds.
STATISTICS = "statistics"


def to_pyhf(
    samples: Samples,
    observations: Mapping[str, Any],
    *,
    sizes: Mapping[str, float],
    factors: Mapping[str, str] | None = None,
    poi: str | None = None,
    staterror: bool = True,
    kinds: Mapping[str, str] | None = None,
    exponential: bool = False,
) -> dict[str, Any]:
    """A workspace of pyhf, as cabinetry takes it too, from histograms with derivatives.

    A parameter that scales a sample as a whole becomes a ``normsys``, any other that moves it a
    ``histosys``, whose templates are the expansions up and down by its size, to the order of the
    histograms.  Variances become a ``staterror`` of each channel, or ``shapesys`` of each sample.

    Args:
        samples: histograms by the names of channels and of samples, of one axis or flattened.
        observations: the counts in the bins of each channel.
        sizes: how large one standard deviation of each parameter is, in its units.  Parameters of
            the histograms that are not named are left out.
        factors: samples whose yield floats, with the name of the factor of each.
        poi: the parameter of interest; the first factor if there is one.
        staterror: whether the statistical uncertainty of the templates takes part.
        kinds: modifiers chosen by hand: ``"normsys"`` or ``"histosys"`` for a parameter,
            ``"shapesys"`` or ``"staterror"`` for ``"statistics"``.
        exponential: whether the expansions are those of the logarithms, so that templates stay
            positive, as for ``Histogram.at``.

    Returns:
        The specification, a dict for ``pyhf.Workspace`` and ``cabinetry``, ready for JSON.

    Raises:
        ValueError: for counts of another number of bins, channels without observations, factors of
            samples that there are not, unknown kinds, and templates that are not positive when they
            are moved.
        ParameterError: for a size of a parameter that no histogram has, or a kind of one without a
            size.

    >>> import dualak, hist
    >>> def analysis(p, pt):
    ...     h = dualak.hist.Histogram(hist.axis.Regular(2, 20, 60))
    ...     return h.fill(pt, weight=1.0 + p["slope"] * (pt - 30.0))
    >>> pt = np.array([22.0, 31.0, 35.0, 48.0])
    >>> h = dualak.hist.differentiate(analysis, {"slope": 0.0}, pt)
    >>> spec = to_pyhf({"all": {"signal": h}}, {"all": [3, 2]}, sizes={"slope": 0.01})
    >>> spec["channels"][0]["samples"][0]["modifiers"][0]["data"]["hi_data"]
    [2.98, 1.18]
    """
    factors, kinds = dict(factors or {}), dict(kinds or {})
    _require_known(samples, sizes, factors, kinds)
    statistics = kinds.get(STATISTICS, "staterror") if staterror else ""
    channels, counts = [], []
    for channel, of_channel in samples.items():
        if channel not in observations:
            raise ValueError(f"expected observations of the channel {channel!r}, got none")
        data = np.ravel(np.asarray(observations[channel], np.float64))
        each = []
        for name, histogram in of_channel.items():
            values = np.ravel(histogram.values())
            if len(values) != len(data):
                raise ValueError(
                    f"expected {len(data)} bins in {channel!r}, as observed, got {len(values)} of "
                    f"{name!r}"
                )
            modifiers = _moved(f"{channel}, {name}", histogram, sizes, kinds, exponential)
            if name in factors:
                modifiers.append({"name": factors[name], "type": "normfactor", "data": None})
            modifiers += _statistics(channel, name, histogram, statistics)
            each.append({"name": name, "data": values.tolist(), "modifiers": modifiers})
        channels.append({"name": channel, "samples": each})
        counts.append({"name": channel, "data": data.tolist()})
    config = {"poi": poi or next(iter(factors.values()), ""), "parameters": []}
    return {
        "channels": channels,
        "observations": counts,
        "measurements": [{"name": "measurement", "config": config}],
        "version": "1.0.0",
    }


def _require_known(
    samples: Samples,
    sizes: Mapping[str, float],
    factors: Mapping[str, str],
    kinds: Mapping[str, str],
) -> None:
    """Refuses names that stand for nothing, which would be left out without a word."""
    names = {name for of_channel in samples.values() for name in of_channel}
    histograms = [h for of_channel in samples.values() for h in of_channel.values()]
    known = {name for h in histograms for name in h.parameters}
    if unknown := sorted(set(sizes) - known):
        raise ParameterError(f"expected sizes of the parameters {sorted(known)}, got {unknown}")
    if unknown := sorted(set(kinds) - set(sizes) - {STATISTICS}):
        raise ParameterError(f"expected kinds of the parameters {sorted(sizes)}, got {unknown}")
    if unknown := sorted(set(factors) - names):
        raise ValueError(f"expected factors of the samples {sorted(names)}, got {unknown}")
    for name, kind in kinds.items():
        allowed = ("staterror", "shapesys") if name == STATISTICS else ("normsys", "histosys")
        if kind not in allowed:
            raise ValueError(f"expected one of {allowed} for {name}, got {kind!r}")


def _moved(
    where: str,
    histogram: Histogram,
    sizes: Mapping[str, float],
    kinds: Mapping[str, str],
    exponential: bool,
) -> list[dict[str, Any]]:
    """What the parameters do to a sample, for those that do something."""
    values, found = np.ravel(histogram.values()), []
    moving = {name: size for name, size in sizes.items() if name in histogram.parameters}
    for name, templates in histogram.up_down(moving, exponential=exponential).items():
        up, down = map(np.ravel, templates)
        if not (np.any(up != values) or np.any(down != values)):
            continue
        scale = _scale(values, up, down)
        kind = kinds.get(name, "histosys" if scale is None else "normsys")
        if kind == "normsys":
            high, low = scale or (up.sum() / values.sum(), down.sum() / values.sum())
            if not min(high, low) > 0:
                raise ValueError(
                    f"{where}: expected {name} to move it by less than itself, got factors of "
                    f"{high:.3g} and {low:.3g}"
                )
            data: dict[str, Any] = {"hi": float(high), "lo": float(low)}
        else:
            _require_positive(where, name, values, up, down)
            data = {"hi_data": up.tolist(), "lo_data": down.tolist()}
        found.append({"name": name, "type": kind, "data": data})
    return found


def _scale(values: Any, up: Any, down: Any) -> tuple[float, float] | None:
    """The factors up and down that all bins have in common; None if they have none."""
    used = values != 0
    if not np.any(used) or np.any(up[~used]) or np.any(down[~used]):
        return None
    ratios = [moved[used] / values[used] for moved in (up, down)]
    if any(np.ptp(ratio) > 1e-9 * np.abs(ratio - 1.0).max() for ratio in ratios):
        return None
    return ratios[0].mean(), ratios[1].mean()


def _require_positive(where: str, name: str, values: Any, up: Any, down: Any) -> None:
    least = np.minimum(up, down)
    if least.min() < 0:
        worst = int(np.argmin(least))
        raise ValueError(
            f"{where}: expected bins that stay positive when {name} moves by its size, got "
            f"{values[worst]:.3g} that becomes {least[worst]:.3g} in bin {worst}; use "
            "exponential=True, merge bins, or give a smaller size"
        )


def _statistics(channel: str, name: str, histogram: Histogram, kind: str) -> list[dict[str, Any]]:
    """The statistical uncertainty of a sample, if it takes part."""
    if not kind or not histogram.has_variances:
        return []
    label = f"staterror_{channel}" if kind == "staterror" else f"shapesys_{channel}_{name}"
    errors = np.sqrt(np.ravel(histogram.variances())).tolist()
    return [{"name": label, "type": kind, "data": errors}]
