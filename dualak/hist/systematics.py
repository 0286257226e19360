"""Analyses that are written once: a decorator that gives their histograms derivatives."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from dualak.hist.differentiate import differentiate


def systematics(
    at: Mapping[str, Any], *, order: int = 1
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Makes a function of parameters and events one of events, whose histograms have derivatives.

    The function is a plain one, or a method such as ``process`` of a processor of coffea: it gets
    the parameters as a dict before its events (of a method: behind ``self``).  What comes out of
    chunks of events adds up, by ``+`` and by coffea's accumulators.

    Args:
        at: the parameters with their numbers, as for ``differentiate``.
        order: of the derivatives, 1 or 2.

    Returns:
        A decorator.  The function itself stays at hand as ``plain`` of what it gives, for
        ``dualak.dask.differentiate`` or for toys at other parameters.

    Raises:
        TypeError: for a function that takes no parameters and events.

    >>> import dualak, hist
    >>> @dualak.hist.systematics({"norm": 1.0})
    ... def analysis(p, pt):
    ...     h = dualak.hist.Histogram(hist.axis.Regular(2, 20, 60))
    ...     return {"pt": h.fill(pt, weight=p["norm"]), "events": len(pt)}
    >>> found = analysis([22.0, 31.0, 48.0])
    >>> found["pt"].gradient("norm"), found["events"]
    (array([2., 1.]), 3)
    """

    def decorate(func: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(func)
        names = list(signature.parameters)
        is_method = names[:1] == ["self"]
        if len(names) < 2 + is_method:
            raise TypeError(
                f"expected a function of parameters and events, got {func.__name__}{signature}"
            )

        @functools.wraps(func)
        def differentiated(*args: Any, **kwargs: Any) -> Any:
            bound = functools.partial(func, args[0]) if is_method else func
            return differentiate(bound, at, *args[is_method:], order=order, **kwargs)

        left = [one for name, one in signature.parameters.items() if name != names[is_method]]
        differentiated.__signature__ = signature.replace(parameters=left)  # type: ignore[attr-defined]
        del differentiated.__wrapped__
        differentiated.plain = func  # type: ignore[attr-defined]
        return differentiated

    return decorate
