"""Histograms with derivatives, for analyses of high-energy physics: ``pip install 'dualak[hep]'``.

A function that fills histograms is written once; ``differentiate`` calls it, and each bin of each
histogram comes back with its derivatives by named parameters.  Such histograms add up.
"""

from __future__ import annotations

from dualak.hist.differentiate import differentiate
from dualak.hist.histogram import Histogram
from dualak.hist.kernels import Gaussian, Kernel, Logistic, Uniform, silverman
from dualak.hist.stream import StreamError, over_chunks
from dualak.hist.summands import ParameterError

__all__ = [
    "Gaussian",
    "Histogram",
    "Kernel",
    "Logistic",
    "ParameterError",
    "StreamError",
    "Uniform",
    "differentiate",
    "over_chunks",
    "silverman",
]


def __dir__() -> list[str]:
    return sorted(__all__)
