"""What to use where a library of an analysis takes no differentiated arrays: said in its errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from dualak.arrays.highlevel import EscapeError
from dualak.functions.registry import NotDifferentiableError

#: Modules, the class in them if it is one, and what to use instead.
WAYS_OUT = {
    ("coffea.analysis_tools", "Weights"): (
        "coffea's Weights keep arrays of NumPy: use dualak.hist.Weights in their place"
    ),
    ("coffea.ml_tools", ""): (
        "networks want numbers: bridge.from_jax_function takes those of JAX, dualak.custom_jvp "
        "others with a derivative of your own"
    ),
    ("correctionlib", ""): (
        "call dualak.corrections.register() first, inside of the function that workers run, or "
        "use dualak.corrections.evaluate(correction, ...)"
    ),
    ("hist", ""): (
        "histograms of hist keep no derivatives: fill a dualak.hist.Histogram on the same axes"
    ),
    ("boost_histogram", ""): (
        "its histograms keep no derivatives: fill a dualak.hist.Histogram on the same axes"
    ),
}


@contextmanager
def ways_out() -> Iterator[None]:
    """Errors of differentiated arrays that another library was given say what to use instead."""
    try:
        yield
    except (NotDifferentiableError, EscapeError) as error:
        way = _way_out(error.__traceback__)
        if way is None:
            raise
        raise type(error)(f"{way} ({error})") from error


def _way_out(traceback: TracebackType | None) -> str | None:
    """That of the first library on the way to an error that has one."""
    while traceback is not None:
        frame = traceback.tb_frame
        module = str(frame.f_globals.get("__name__", ""))
        for (package, place), way in WAYS_OUT.items():
            inside = module == package or module.startswith(f"{package}.")
            if inside and frame.f_code.co_qualname.startswith(place):
                return way
        traceback = traceback.tb_next
    return None
