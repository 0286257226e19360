"""Histograms of a stream of chunks: each differentiated by itself, and all added up."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from typing import Any

import numpy as np

from dualak.hist.differentiate import differentiate
from dualak.hist.histogram import Histogram
from dualak.pytree import branch, tree_like


class StreamError(RuntimeError):
    """A chunk could not be worked on.

    Attributes:
        partial: the sum of the chunks before it, None if it was the first.
        chunks: how many these were.
    """

    def __init__(self, partial: Any, chunks: int, error: BaseException) -> None:
        self.partial, self.chunks = partial, chunks
        super().__init__(
            f"chunk {chunks + 1} of the stream failed ({type(error).__name__}: {error}); the sum "
            f"of the {chunks} before it is the error's partial"
        )


def over_chunks(
    func: Callable[..., Any],
    at: Mapping[str, Any],
    chunks: Iterable[Any],
    *,
    order: int = 1,
    progress: bool = False,
    total: int | None = None,
) -> Any:
    """The sum, over chunks of events, of what ``differentiate`` gives for each.

    Derivatives add up as the histograms do, so that only one chunk is in memory at a time.

    Args:
        func: a function of parameters and of a chunk, as for ``differentiate``.
        at: the parameters.
        chunks: of events, such as ``tree.iterate(...)`` of uproot or a list of files' arrays.
        order: of the derivatives.
        progress: whether to show a bar with the time that is left, which needs
            ``pip install 'dualak[progress]'``.
        total: how many chunks there are, for the bar; known of a list.

    Returns:
        The structure that the function gives, with histograms and numbers added up; of other things
        those of the first chunk.

    Raises:
        StreamError: for a chunk that fails, with the sum of those before it.
        ValueError: without chunks.

    >>> import hist
    >>> def analysis(p, pt):
    ...     return Histogram(hist.axis.Regular(2, 20, 60)).fill(pt, weight=p["norm"])
    >>> found = over_chunks(analysis, {"norm": 1.0}, [[22.0, 31.0], [], [48.0]])
    >>> found.gradient("norm")
    array([2., 1.])
    """
    summed, count = None, 0
    stream = iter(chunks)
    with _bar(progress, len(chunks) if isinstance(chunks, Sized) else total) as advance:
        while True:
            try:
                chunk = next(stream)
                part = differentiate(func, at, chunk, order=order)
            except StopIteration:
                break
            except Exception as error:
                raise StreamError(summed, count, error) from error
            summed = part if count == 0 else added([summed, part])
            count += 1
            advance()
    if count == 0:
        raise ValueError("expected one chunk or more, got none")
    return summed


def added(trees: Sequence[Any]) -> Any:
    """Trees added up, leaf by leaf; what has no sum stays as it was in the first."""
    return functools.reduce(_plus, trees)


def _plus(first: Any, second: Any) -> Any:
    below = branch(first)
    if below is None:
        return first + second if _adds_up(first) else first
    return tree_like(first, [_plus(item, second[key]) for key, item in zip(*below, strict=True)])


def _adds_up(leaf: Any) -> bool:
    """Whether it is a histogram or a number, also as an array without dimensions."""
    if isinstance(leaf, Histogram):
        return True
    kind = np.asarray(leaf).dtype.kind if np.ndim(leaf) == 0 else ""
    return kind in tuple("iufc")


@contextlib.contextmanager
def _bar(progress: bool, total: int | None) -> Iterator[Callable[[], None]]:
    """What to call for each chunk that is done."""
    if not progress:
        yield lambda: None
        return
    try:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
    except ImportError:
        raise ImportError(
            "a progress bar needs rich: pip install 'dualak[progress]', or leave progress=True out"
        ) from None
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task("chunks", total=total)
        yield lambda: bar.advance(task)
