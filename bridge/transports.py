"""Transports: how compiled JAX code hands flat buffers to a task, which fills the results.

A transport is a function of a task and of traced operands.  ``TRANSPORTS`` is their table, the
fastest first; ``chosen`` takes the first that is there.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, NamedTuple

import jax
import numpy as np

from bridge.ffi import call as ffi
from bridge.tasks import Rows, Task
from dualak import extend

Operands = Sequence[Any]


class Transport(NamedTuple):
    """One way: why it cannot be used here (None if it can), and what it does."""

    missing: Callable[[], str | None]
    call: Callable[[Task, Operands], Sequence[Any]]


def chosen(name: str | None) -> str:
    """The name of a transport that can be used here; None asks for the fastest safe one.

    Raises:
        ValueError: for a name that is in no row of ``TRANSPORTS``.
        RuntimeError: for one that cannot be used here.
    """
    if name is None:
        return _fastest()
    if name not in TRANSPORTS:
        raise ValueError(f"expected a transport among {', '.join(TRANSPORTS)}, got {name!r}")
    reason = TRANSPORTS[name].missing()
    if reason is not None:
        raise RuntimeError(f"the transport {name!r} cannot be used here: {reason}")
    return name


@cache
def _fastest() -> str:
    reasons = {name: transport.missing() for name, transport in TRANSPORTS.items()}
    usable = [name for name, reason in reasons.items() if reason is None]
    if not usable:
        shown = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        raise RuntimeError(f"no transport between JAX and dualak can be used here: {shown}")
    first = next(iter(TRANSPORTS))
    if usable[0] != first and jax.default_backend() == "cpu":
        warnings.warn(
            f"dualak's bridge uses the transport {usable[0]!r}: {first}: {reasons[first]}",
            stacklevel=2,
        )
    return usable[0]


def call(name: str, task: Task, operands: Operands) -> list[Any]:
    """The results of a task, in code that JAX compiles."""
    task.prepare()
    return list(TRANSPORTS[name].call(task, operands))


_inside: ContextVar[bool] = ContextVar("inside", default=False)


def inside() -> bool:
    """Whether JAX is running a task on this thread; then nothing of JAX may be called."""
    return _inside.get()


@contextmanager
def running() -> Iterator[None]:
    """Says that JAX is running a function on this thread."""
    before = _inside.get()
    try:
        _inside.set(True)
        yield
    finally:
        _inside.set(before)


def results(task: Task) -> list[jax.ShapeDtypeStruct]:
    return [jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in task.outputs]


# -- buffers of XLA, in place ---------------------------------------------------------------------


def _buffer_missing() -> str | None:
    try:
        import jax.experimental.buffer_callback
    except ImportError:
        return f"JAX {jax.__version__} has no jax.experimental.buffer_callback"
    return None


def _buffer_call(task: Task, operands: Operands) -> Any:
    from jax.experimental.buffer_callback import buffer_callback

    if task.on_host and jax.default_backend() != "cpu":
        _say_that_it_goes_through_the_host()
        return _pure_call(task, operands)

    def callback(context: Any, out: Any, *given: Any) -> None:
        # Views of memory that is JAX's: nothing of them is kept.
        views, room = list(map(extend.viewed, given)), list(map(extend.viewed, out))
        on_host = all(isinstance(buffer, np.ndarray) for buffer in (*views, *room))
        with running(), extend.stream(None if on_host else context.stream):
            task.run(views, room)

    return buffer_callback(callback, results(task))(*operands)


@cache
def _say_that_it_goes_through_the_host() -> None:
    warnings.warn(
        "functions whose structure is traced run on the host, so that their numbers go there and "
        "back; with a static structure they stay on the device",
        stacklevel=2,
    )


# -- copies through Python ------------------------------------------------------------------------


def _pure_missing() -> str | None:
    on_cpu = jax.default_backend() == "cpu"
    if on_cpu and jax.config.read("jax_cpu_enable_async_dispatch"):
        return (
            "jax.pure_callback can wait for ever for its own arguments while JAX dispatches "
            "asynchronously; call jax.config.update('jax_cpu_enable_async_dispatch', False) before "
            "anything of JAX runs"
        )
    return None


def _pure_call(task: Task, operands: Operands) -> Any:
    def callback(*given: Any) -> list[Any]:
        out = [np.empty(shape, dtype) for shape, dtype in task.outputs]
        with running():
            task.run([np.asarray(operand) for operand in given], out)
        return out

    return jax.pure_callback(callback, results(task), *operands, vmap_method="sequential")


# -- entry points, without Python ------------------------------------------------------------------


def _ffi_missing() -> str | None:
    if jax.default_backend() != "cpu":
        return f"expected a processor, got {jax.default_backend()}"
    return ffi.available()


def _ffi_call(task: Task, operands: Operands) -> Any:
    """Rows are a loop of the program's; what has no entry point goes through a callback."""
    if isinstance(task, Rows):
        return _ffi_rows(task, operands)
    entry = task.native()
    if entry is None:
        return _buffer_call(task, operands)
    return ffi.call(entry, results(task), operands)


def _ffi_rows(task: Rows, operands: Operands) -> Any:
    def one_row(rows: Sequence[Any]) -> Any:
        left = iter(rows)
        given = [
            next(left) if m else operand for operand, m in zip(operands, task.mask, strict=True)
        ]
        return _ffi_call(task.task, given)

    rows = [operand for operand, m in zip(operands, task.mask, strict=True) if m]
    return jax.lax.map(one_row, rows)


#: The transports by their names, the fastest first.
TRANSPORTS: dict[str, Transport] = {
    "ffi": Transport(_ffi_missing, _ffi_call),
    "buffer": Transport(_buffer_missing, _buffer_call),
    "pure": Transport(_pure_missing, _pure_call),
}
