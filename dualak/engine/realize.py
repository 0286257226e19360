"""Realization: the bytes of nodes, computed pass by pass by the executor of their memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dualak import device
from dualak.device import Buffer
from dualak.engine.schedule import passes_of, program_of, stored
from dualak.executors import Program
from dualak.executors.cpu import executor as cpu
from dualak.graph.nodes import Node, ancestors


@dataclass
class Counts:
    """What executors have done so far: sweeps, and bytes of results that they wrote."""

    passes: int = 0
    bytes: int = 0


counts = Counts()


def compute(nodes: Iterable[Node], run: Callable[[Program], None] | None = None) -> None:
    """Computes nodes, together, in as few passes as there are barriers between them.

    ``run`` is the executor; None is that of the memory which the graph computes in.
    """
    roots = [node for node in nodes if node.data is None]
    run = run or (executor_of(roots[0].graph.memory).run if roots else cpu.run)
    order = passes_of(_loaded(ancestors(roots)), roots)
    wanted = stored(order, roots)
    for sweep in order:
        if sweep.call is not None:
            _call(sweep.call)
            continue
        results = {step.node: result_of(step.node) for step in sweep.steps if step.node in wanted}
        run(program_of(sweep, results, complete=True)[0])
        counts.passes += 1
        counts.bytes += sum(buffer.nbytes for buffer in results.values())
        for node, buffer in results.items():
            node.finish(buffer)


def executor_of(memory: device.Memory) -> Any:
    """The executor of a memory; an executor that nobody uses is not imported."""
    if memory is device.HOST:
        return cpu
    from dualak.executors.cuda import executor as cuda

    return cuda


def prepared(program: Program, memory: device.Memory) -> Any:
    """A program made ready to run many times on buffers of a memory."""
    executor = executor_of(memory)
    return (
        executor.Prepared(program) if memory is device.HOST else executor.Prepared(program, memory)
    )


def _call(node: Node) -> None:
    node.finish(called(node, [arg.data for arg in node.args]))


def called(node: Node, buffers: Sequence[Any]) -> Buffer:
    """What an external call gives: its function gets whole buffers and gives one.

    Functions that have a method ``in_memory`` compute where the graph does; any other gets buffers
    of the host.
    """
    function = node.key[1]
    length = 1 if node.length is None else node.length
    inside = getattr(function, "in_memory", None)
    if inside is not None:
        data = device.contiguous(inside(node.graph.memory, buffers), node.dtype)
    else:
        if any(map(device.on_device, buffers)):
            device.warn_of_host(_name_of(function))
        given = [device.to_host(buffer) for buffer in buffers]
        data = device.contiguous(np.asarray(function(*given)).astype(node.dtype, copy=False))
    if data.shape != (length,):
        raise ValueError(f"expected a function that gives {length} numbers, got {data.shape}")
    return data


def _name_of(function: Any) -> str:
    named = (getattr(function, key, None) for key in ("name", "__qualname__", "__name__"))
    return next(filter(None, named), type(function).__name__)


def _loaded(pending: Iterable[Node]) -> list[Node]:
    """The nodes that are to be computed; buffers that are still to be read are read."""
    left = []
    for node in pending:
        if node.op == "input":
            raise RuntimeError(
                "expected tangents that are carried along, got a function that looks at their "
                "numbers; linearize, vjp and grad need functions whose derivatives dualak knows"
            )
        if node.op == "load":
            node.finish(device.contiguous(node.key[1](), node.dtype))
        else:
            left.append(node)
    return left


def result_of(node: Node) -> Buffer:
    """An uninitialised buffer for the numbers of a node."""
    return node.graph.memory.empty(1 if node.length is None else node.length, node.dtype)
