"""Histograms with derivatives, for analyses of high-energy physics: ``pip install 'dualak[hep]'``.

A function that fills histograms is written once; ``differentiate`` calls it, and each bin of each
histogram comes back with its derivatives by named parameters.  Such histograms add up.
"""

from __future__ import annotations

from dualak.hist.differentiate import differentiate
from dualak.hist.histogram import Histogram
from dualak.hist.kernels import Gaussian, Kernel, Logistic, Uniform, silverman
from dualak.hist.model import to_pyhf
from dualak.hist.stream import StreamError, over_chunks
from dualak.hist.summands import ParameterError
from dualak.hist.systematics import systematics
from dualak.hist.weights import Weights

__all__ = [
    "Gaussian",
    "Histogram",
    "Kernel",
    "Logistic",
    "ParameterError",
    "StreamError",
    "Uniform",
    "Weights",
    "differentiate",
    "over_chunks",
    "silverman",
    "systematics",
    "to_pyhf",
]


def __dir__() -> list[str]:
    return sorted(__all__)
