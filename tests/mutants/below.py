"""Faults in the lower rows of the house: rules, tangents, graph, kernels, devices."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

BELOW = (
    # -- rules -------------------------------------------------------------------------------------
    Mutant(
        "sign of arccos",
        "dualak/rules/elementwise.py",
        '"-1.0 / sqrt((1.0 - x) * (1.0 + x))"',
        '"1.0 / sqrt((1.0 - x) * (1.0 + x))"',
        "tests/rules/test_rules.py",
    ),
    Mutant(
        "factor of log2",
        "dualak/rules/elementwise.py",
        '"1.0 / (ln2 * x)"',
        '"1.0 / x"',
        "tests/rules/test_rules.py",
    ),
    Mutant(
        "second partial of hypot",
        "dualak/rules/elementwise.py",
        '"select(equal(z, 0.0), 0.5, y / z)"',
        '"select(equal(z, 0.0), 0.5, x / z)"',
        "tests/rules/test_rules.py",
    ),
    Mutant(
        "partials of arctan2 swapped",
        "dualak/rules/elementwise.py",
        '"y / (x * x + y * y)", "-x / (x * x + y * y)"',
        '"-x / (x * x + y * y)", "y / (x * x + y * y)"',
        "tests/rules/test_rules.py",
    ),
    Mutant(
        "kink of absolute",
        "dualak/rules/elementwise.py",
        '_rule("absolute",    "select(less(x, 0.0), -1.0, 1.0)"',
        '_rule("absolute",    "select(less(x, 0.0), -1.0, select(equal(x, 0.0), 0.0, 1.0))"',
        "tests/rules/test_rules.py",
    ),
    Mutant(
        "remainder without its second partial",
        "dualak/rules/elementwise.py",
        '_rule("remainder",   "1", "-floor_divide(x, y)"',
        '_rule("remainder",   "1", "0"',
        "tests/rules/test_rules.py",
    ),
    # -- linear algebra of tangents ----------------------------------------------------------------
    Mutant(
        "tangents of integers stay",
        "dualak/ad/linear.py",
        'if np.dtype(dtype).kind != "f":',
        "if False:",
        "tests/tracing/test_tracing.py",
    ),
    Mutant(
        "only the first argument's tangent",
        "dualak/ad/linear.py",
        "            for i, tangent in enumerate(given)\n            if tangent is not None",
        "            for i, tangent in enumerate(given)\n            if tangent is not None and i == 0",
        "tests/functions/test_numpy_functions.py",
    ),
    Mutant(
        "a part without its end",
        "dualak/ad/linear.py",
        "node.data[start:stop]",
        "node.data[start:]",
        "tests/ad/test_perturbation_confusion.py",
    ),
    Mutant(
        "second derivative of a product with zero",
        "dualak/ad/dual.py",
        '            None if first is None else apply("scale", first, outer),\n',
        "            None,\n",
        "tests/transforms/test_second_order.py",
    ),
    Mutant(
        "directions of other bases",
        "dualak/ad/dual.py",
        "return all(a is b for a, b in zip(number.base, other.base, strict=True))",
        "return any(a is b for a, b in zip(number.base, other.base, strict=True))",
        "tests/ad",
    ),
    Mutant(
        "constants of a replay move",
        "dualak/ad/replay.py",
        '"stop_gradient": lambda node, number: stop_gradient(dual.primal(number)),',
        '"stop_gradient": lambda node, number: number,',
        "tests/tracing/test_tracing.py",
    ),
    # -- graph -------------------------------------------------------------------------------------
    Mutant(
        "a cotangent replaces another",
        "dualak/graph/transpose.py",
        "sums[node] = sums[node] + term if node in sums else term",
        "sums[node] = term",
        "tests/functions/test_numpy_functions.py",
    ),
    Mutant(
        "transpose of a difference",
        "dualak/graph/transpose.py",
        "[(i, -cotangent if i else cotangent) for",
        "[(i, cotangent) for",
        "tests/graph/test_graph.py",
    ),
    Mutant(
        "transpose of a choice swapped",
        "dualak/graph/transpose.py",
        "((cotangent, zero), (zero, cotangent))",
        "((zero, cotangent), (cotangent, zero))",
        "tests/tracing/test_tracing.py",
    ),
    Mutant(
        "cotangent of a scalar is not summed",
        "dualak/graph/transpose.py",
        "if arg.length is not None or term.length is None:",
        "if True:",
        "tests/functions/test_numpy_functions.py",
    ),
    Mutant(
        "cotangent outside of lists",
        "dualak/graph/transpose.py",
        "(lists < 0) | (lists >= len(bounds) - 1)",
        "(lists < 0) | (lists > len(bounds) - 1)",
        "tests/graph/test_graph.py",
    ),
    Mutant(
        "ties get all of the cotangent",
        "dualak/graph/transpose.py",
        "share = cotangent / graph.apply(",
        "share = cotangent * graph.apply(",
        "tests/tracing/test_tracing.py",
    ),
    Mutant(
        "power of minus one",
        "dualak/graph/simplify.py",
        '-1.0: lambda graph, x: graph.apply("divide", graph.constant(1.0, x.dtype), x)',
        '-1.0: lambda graph, x: graph.apply("divide", x, graph.constant(1.0, x.dtype))',
        "tests/graph/test_graph.py",
    ),
    Mutant(
        "one over x is x",
        "dualak/graph/simplify.py",
        'if op in ("divide", "power") and constants[1] == 1.0:',
        'if op in ("divide", "power") and 1.0 in constants:',
        "tests/graph/test_graph.py",
    ),
    Mutant(
        "zeros of both signs are one constant",
        "dualak/graph/simplify.py",
        "(np.array([number]).astype(dtype) for",
        "(np.array([number + 0.0]).astype(dtype) for",
        "tests/graph/test_graph.py",
    ),
    Mutant(
        "extremes of long lists",
        "dualak/graph/segments.py",
        'side="right") - 1',
        'side="left") - 1',
        "tests/graph",
    ),
    # -- engine ------------------------------------------------------------------------------------
    Mutant(
        "elements that wait for lists",
        "dualak/engine/schedule.py",
        "return where is sweep and its_extent == extent and fits and not _barrier(node)",
        "return where is sweep and fits and not _barrier(node)",
        "tests/engine",
    ),
    # -- kernels of the CPU ------------------------------------------------------------------------
    Mutant(
        "a sum takes one element more",
        "dualak/executors/cpu/loops.py",
        "            total += x if j < length else low\n        if length > LONG:\n            total = long_sum(a,",
        "            total += x if j <= length else low\n        if length > LONG:\n            total = long_sum(a,",
        "tests/executors/test_cuda_simulator.py",
    ),
    Mutant(
        "the last element of long sums",
        "dualak/executors/cpu/loops.py",
        "total = long_sum(a, p + WIDE, p + length, total)",
        "total = long_sum(a, p + WIDE, p + length - 1, total)",
        "tests/tracing/test_compilation.py",
    ),
    Mutant(
        "tangents of ties are added",
        "dualak/executors/cpu/loops.py",
        "        o[i] = best\n        a[i] = total / max(count, 1.0)",
        "        o[i] = best\n        a[i] = total",
        "tests/executors/test_cuda_simulator.py",
    ),
    Mutant(
        "infinity times zero",
        "dualak/executors/cpu/loops.py",
        "        undefined |= x != x\n",
        "",
        "tests/rules/test_special_functions.py",
    ),
    Mutant(
        "a guarded interval that is open above",
        "dualak/executors/cpu/loops.py",
        "safe &= (a[i] >= low) & (a[i] <= high)\n    if safe:\n        for i in range(n):\n            o[i] = fast(a[i] * 1.0)\n",
        "safe &= a[i] >= low\n    if safe:\n        for i in range(n):\n            o[i] = fast(a[i] * 1.0)\n",
        "tests/rules/test_rules.py",
    ),
    # -- kernels of CUDA ---------------------------------------------------------------------------
    Mutant(
        "products joined on a device",
        "dualak/executors/cuda/reductions.py",
        "{_scaled(name, other)} + {_scaled(mine, two)}",
        "{_scaled(name, other)} + {_scaled(other, two)}",
        "tests/executors/test_cuda_folds.py",
    ),
    Mutant(
        "rows behind the last band",
        "dualak/executors/cuda/columns.py",
        "end = min((band + 1) * height, rows)",
        "end = (band + 1) * height",
        "tests/executors/test_cuda_on_host.py",
    ),
    Mutant(
        "the first lists of blocks",
        "dualak/executors/cuda/geometry.py",
        "before = offsets[np.minimum(middle, count)].astype(np.int64) - start + middle < targets",
        "before = offsets[np.minimum(middle, count)].astype(np.int64) + middle < targets",
        "tests/executors/test_cuda_folds.py",
    ),
    # -- devices -----------------------------------------------------------------------------------
    Mutant(
        "shared memory is written to",
        "dualak/device/buffers.py",
        "    view.flags.writeable = False\n",
        "",
        "tests/transforms/test_shared_memory.py",
    ),
)
