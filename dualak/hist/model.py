"""Statistical models from histograms with derivatives: workspaces of pyhf."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dualak.hist.histogram import Histogram
from dualak.hist.summands import ParameterError

Samples = Mapping[str, Mapping[str, Histogram]]


def to_pyhf(
    samples: Samples,
    observations: Mapping[str, Any],
    *,
    sizes: Mapping[str, float],
    factors: Mapping[str, str] | None = None,
    poi: str | None = None,
    staterror: bool = True,
    kinds: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """A workspace of pyhf, as cabinetry takes it too, from histograms with derivatives.

    A parameter that scales a sample as a whole becomes a ``normsys``, any other that moves it a
    ``histosys``, whose templates are the first-order expansions up and down by its size.  Variances
    become a ``staterror`` of each channel, or ``shapesys`` of each sample.

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

    Returns:
        The specification, a dict for ``pyhf.Workspace`` and ``cabinetry``, ready for JSON.

    Raises:
        ValueError: for counts of another number of bins, channels without observations, and
            templates that are not positive when they are moved.
        ParameterError: for a size of a parameter that no histogram has.

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
    known = {
        name
        for of_channel in samples.values()
        for h in of_channel.values()
        for name in h.parameters
    }
    if unknown := sorted(set(sizes) - known):
        raise ParameterError(f"expected sizes of the parameters {sorted(known)}, got {unknown}")
    channels, counts = [], []
    for channel, of_channel in samples.items():
        if channel not in observations:
            raise ValueError(f"expected observations of the channel {channel!r}, got none")
        data = np.ravel(np.asarray(observations[channel], np.float64))
        statistics = kinds.get("statistics", "staterror") if staterror else ""
        each = [
            _sample(channel, name, histogram, sizes, factors.get(name), kinds, statistics)
            for name, histogram in of_channel.items()
        ]
        for sample in each:
            if len(sample["data"]) != len(data):
                raise ValueError(
                    f"expected {len(data)} bins in {channel!r}, as observed, got "
                    f"{len(sample['data'])} of {sample['name']!r}"
                )
        channels.append({"name": channel, "samples": each})
        counts.append({"name": channel, "data": data.tolist()})
    config = {"poi": poi or next(iter(factors.values()), ""), "parameters": []}
    return {
        "channels": channels,
        "observations": counts,
        "measurements": [{"name": "measurement", "config": config}],
        "version": "1.0.0",
    }


def _sample(
    channel: str,
    name: str,
    histogram: Histogram,
    sizes: Mapping[str, float],
    factor: str | None,
    kinds: Mapping[str, str],
    statistics: str,
) -> dict[str, Any]:
    values = np.ravel(histogram.values())
    modifiers: list[dict[str, Any]] = []
    for parameter, size in sizes.items():
        if parameter in histogram.parameters:
            slope = np.ravel(histogram.gradient(parameter)) * size
            modifier = _modifier(
                f"{channel}, {name}", parameter, values, slope, kinds.get(parameter)
            )
            modifiers += [modifier] if modifier else []
    if factor is not None:
        modifiers.append({"name": factor, "type": "normfactor", "data": None})
    if statistics and histogram.has_variances:
        errors = np.sqrt(np.ravel(histogram.variances())).tolist()
        label = (
            f"staterror_{channel}" if statistics == "staterror" else f"shapesys_{channel}_{name}"
        )
        modifiers.append({"name": label, "type": statistics, "data": errors})
    return {"name": name, "data": values.tolist(), "modifiers": modifiers}


def _modifier(
    where: str, parameter: str, values: Any, slope: Any, kind: str | None
) -> dict[str, Any] | None:
    """What a parameter does to a sample, or None if it does nothing."""
    if not np.any(slope):
        return None
    used = values != 0
    ratio = slope[used] / values[used]
    scales = not np.any(slope[~used]) and np.ptp(ratio) <= 1e-9 * np.abs(ratio).max()
    if kind == "normsys" or (kind is None and scales):
        share = slope.sum() / values.sum()
        if not abs(share) < 1.0:
            raise ValueError(
                f"{where}: expected {parameter} to move it by less than itself, got {share:+.3g}"
            )
        data: dict[str, Any] = {"hi": 1.0 + share, "lo": 1.0 - share}
        return {"name": parameter, "type": "normsys", "data": data}
    up, down = values + slope, values - slope
    if min(up.min(), down.min()) < 0:
        worst = int(np.argmin(np.minimum(up, down)))
        raise ValueError(
            f"{where}: expected bins that stay positive when {parameter} moves by its size, got "
            f"{values[worst]:.3g} {slope[worst]:+.3g} in bin {worst}; merge bins, or give "
            "a smaller size"
        )
    data = {"hi_data": up.tolist(), "lo_data": down.tolist()}
    return {"name": parameter, "type": "histosys", "data": data}
