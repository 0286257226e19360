"""The mutants: a place in the code, what stands there, and what a tired engineer might write."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """A fault.

    Attributes:
        name: what is wrong.
        file: where, from the top of the project.
        old: the text there, which the file has once.
        new: what takes its place.
        near: the tests that run first.
    """

    name: str
    file: str
    old: str
    new: str
    near: str


MUTANTS = (
    # -- rules ------------------------------------------------------------------------------------
    Mutant(
        "sign of arccos",
        "dualak/rules/elementwise.py",
        '"-1.0 / sqrt((1.0 - x) * (1.0 + x))"',
        '"1.0 / sqrt((1.0 - x) * (1.0 + x))"',
        "tests/rules",
    ),
    Mutant(
        "factor of log2",
        "dualak/rules/elementwise.py",
        '"1.0 / (ln2 * x)"',
        '"1.0 / x"',
        "tests/rules",
    ),
    Mutant(
        "second partial of hypot",
        "dualak/rules/elementwise.py",
        '"select(equal(z, 0.0), 0.5, y / z)"',
        '"select(equal(z, 0.0), 0.5, x / z)"',
        "tests/rules",
    ),
    Mutant(
        "partials of arctan2 swapped",
        "dualak/rules/elementwise.py",
        '"y / (x * x + y * y)", "-x / (x * x + y * y)"',
        '"-x / (x * x + y * y)", "y / (x * x + y * y)"',
        "tests/rules",
    ),
    Mutant(
        "kink of absolute",
        "dualak/rules/elementwise.py",
        '_rule("absolute",    "select(less(x, 0.0), -1.0, 1.0)"',
        '_rule("absolute",    "select(less(x, 0.0), -1.0, select(equal(x, 0.0), 0.0, 1.0))"',
        "tests/rules",
    ),
    Mutant(
        "remainder without its second partial",
        "dualak/rules/elementwise.py",
        '_rule("remainder",   "1", "-floor_divide(x, y)"',
        '_rule("remainder",   "1", "0"',
        "tests/rules",
    ),
    # -- linear algebra of tangents ---------------------------------------------------------------
    Mutant(
        "tangents of integers stay",
        "dualak/ad/linear.py",
        'if np.dtype(dtype).kind != "f":',
        "if False:",
        "tests/ad",
    ),
    Mutant(
        "only the first argument's tangent",
        "dualak/ad/linear.py",
        "            for i, tangent in enumerate(given)\n            if tangent is not None",
        "            for i, tangent in enumerate(given)\n            if tangent is not None and i == 0",
        "tests/ad",
    ),
    Mutant(
        "a part without its end",
        "dualak/ad/linear.py",
        "node.data[start:stop]",
        "node.data[start:]",
        "tests/ad",
    ),
    # -- graph ------------------------------------------------------------------------------------
    Mutant(
        "a cotangent replaces another",
        "dualak/graph/transpose.py",
        "sums[node] = sums[node] + term if node in sums else term",
        "sums[node] = term",
        "tests/graph",
    ),
    Mutant(
        "transpose of a difference",
        "dualak/graph/transpose.py",
        "[(i, -cotangent if i else cotangent) for",
        "[(i, cotangent) for",
        "tests/graph",
    ),
    Mutant(
        "transpose of a choice swapped",
        "dualak/graph/transpose.py",
        "((cotangent, zero), (zero, cotangent))",
        "((zero, cotangent), (cotangent, zero))",
        "tests/graph",
    ),
    Mutant(
        "cotangent of a scalar is not summed",
        "dualak/graph/transpose.py",
        "if arg.length is not None or term.length is None:",
        "if True:",
        "tests/graph",
    ),
    Mutant(
        "cotangent outside of lists",
        "dualak/graph/transpose.py",
        "(lists < 0) | (lists >= len(bounds) - 1)",
        "(lists < 0) | (lists > len(bounds) - 1)",
        "tests/graph",
    ),
    Mutant(
        "ties get all of the cotangent",
        "dualak/graph/transpose.py",
        "share = cotangent / graph.apply(",
        "share = cotangent * graph.apply(",
        "tests/graph",
    ),
    Mutant(
        "power of minus one",
        "dualak/graph/simplify.py",
        '-1.0: lambda graph, x: graph.apply("divide", graph.constant(1.0, x.dtype), x)',
        '-1.0: lambda graph, x: graph.apply("divide", x, graph.constant(1.0, x.dtype))',
        "tests/graph",
    ),
    Mutant(
        "one over x is x",
        "dualak/graph/simplify.py",
        'if op in ("divide", "power") and constants[1] == 1.0:',
        'if op in ("divide", "power") and 1.0 in constants:',
        "tests/graph",
    ),
    Mutant(
        "zeros of both signs are one constant",
        "dualak/graph/simplify.py",
        "(np.array([number]).astype(dtype) for",
        "(np.array([number + 0.0]).astype(dtype) for",
        "tests/graph",
    ),
    # -- kernels ----------------------------------------------------------------------------------
    Mutant(
        "a sum takes one element more",
        "dualak/executors/cpu/loops.py",
        "            total += x if j < length else low\n        if length > LONG:\n            total = long_sum(a,",
        "            total += x if j <= length else low\n        if length > LONG:\n            total = long_sum(a,",
        "tests/executors",
    ),
    Mutant(
        "the last element of long sums",
        "dualak/executors/cpu/loops.py",
        "total = long_sum(a, p + WIDE, p + length, total)",
        "total = long_sum(a, p + WIDE, p + length - 1, total)",
        "tests/executors",
    ),
    Mutant(
        "tangents of ties are added",
        "dualak/executors/cpu/loops.py",
        "        o[i] = best\n        a[i] = total / max(count, 1.0)",
        "        o[i] = best\n        a[i] = total",
        "tests/executors",
    ),
    Mutant(
        "infinity times zero",
        "dualak/executors/cpu/loops.py",
        "        undefined |= x != x\n",
        "",
        "tests/rules",
    ),
    Mutant(
        "a guarded interval that is open above",
        "dualak/executors/cpu/loops.py",
        "safe &= (a[i] >= low) & (a[i] <= high)\n    if safe:\n        for i in range(n):\n            o[i] = fast(a[i] * 1.0)\n",
        "safe &= a[i] >= low\n    if safe:\n        for i in range(n):\n            o[i] = fast(a[i] * 1.0)\n",
        "tests/executors",
    ),
    # -- arrays -----------------------------------------------------------------------------------
    Mutant(
        "what is read is not told",
        "dualak/arrays/columns.py",
        "        elif not self.readable:\n",
        "        elif False:\n",
        "tests/arrays",
    ),
    Mutant(
        "two columns of one name",
        "dualak/arrays/columns.py",
        "if name != _NOTHING and name not in _named)",
        "if name != _NOTHING)",
        "tests/arrays",
    ),
    Mutant(
        "an index of an option is no option",
        "dualak/arrays/canonical.py",
        "    carried = indexed.is_indexed and not indexed.is_option\n",
        "    carried = indexed.is_indexed\n",
        "tests/arrays",
    ),
    Mutant(
        "options of a leaf keep their index",
        "dualak/arrays/packing.py",
        "        layout = layout.to_IndexedOptionArray64()\n",
        "        pass\n",
        "tests/arrays",
    ),
    # -- seeding ----------------------------------------------------------------------------------
    Mutant(
        "tangents in other lists",
        "dualak/seeding/match.py",
        "value.data is other.data or np.array_equal(",
        "True or np.array_equal(",
        "tests/seeding",
    ),
    Mutant(
        "integers as tangents",
        "dualak/seeding/match.py",
        'if tangent.data.dtype.kind != "f" or tangent.data.dtype.itemsize not in (4, 8):',
        "if False:",
        "tests/seeding",
    ),
    # -- functions --------------------------------------------------------------------------------
    Mutant(
        "complex numbers come in",
        "dualak/functions/ufuncs.py",
        "if isinstance(argument, (complex, np.complexfloating)):",
        "if False:",
        "tests/functions",
    ),
    Mutant(
        "further arguments of ufuncs are dropped",
        "dualak/functions/ufuncs.py",
        'if method != "__call__" or kwargs:',
        'if method != "__call__":',
        "tests/functions",
    ),
    Mutant(
        "behaviour of a result",
        "dualak/functions/ufuncs.py",
        "[ak.Array(layout, behavior=first.behavior, attrs=first.attrs) for layout in layouts]",
        "[ak.Array(layout) for layout in layouts]",
        "tests/functions",
    ),
    Mutant(
        "empty lists are no missing values",
        "dualak/functions/awkward/reducers.py",
        "valid_when=False)",
        "valid_when=True)",
        "tests/functions",
    ),
    # -- transformations --------------------------------------------------------------------------
    Mutant(
        "linearize reads the point late",
        "dualak/transforms/linearize.py",
        "    linear = Linear(func, x).hold()\n",
        "    linear = Linear(func, x)\n",
        "tests/transforms",
    ),
    Mutant(
        "arguments as they were changed",
        "dualak/transforms/linearize.py",
        "self._points, self._x = tree_map(_viewed, points), tree_map(_viewed, arguments)",
        "self._points, self._x = points, arguments",
        "tests/transforms",
    ),
    Mutant(
        "maps of another transformation",
        "dualak/transforms/linearize.py",
        "if outside is not None and outside is not self._graph:",
        "if False:",
        "tests/transforms",
    ),
    # -- what is compiled, and its keys -----------------------------------------------------------
    Mutant(
        "structures without their shapes",
        "dualak/tracing/digest.py",
        'f"{buffer.dtype}{buffer.shape}".encode()',
        'f"{buffer.dtype}".encode()',
        "tests/tracing",
    ),
    Mutant(
        "recordings that differ are equal",
        "dualak/engine/signature.py",
        "return value.dtype == other.dtype and np.array_equal(",
        "return True or np.array_equal(",
        "tests/tracing",
    ),
    Mutant(
        "kernels of an old rule file",
        "dualak/executors/cpu/kernels.py",
        '    "executors/cpu/vector_math.py",\n',
        "",
        "tests/executors",
    ),
    # -- compiled loops ---------------------------------------------------------------------------
    Mutant(
        "radians in degrees",
        "dualak/njit/overloads.py",
        '    "radians": "radians",\n',
        '    "radians": "degrees",\n',
        "tests/njit",
    ),
    Mutant(
        "the least of some is the greatest",
        "dualak/njit/overloads.py",
        'max: CHOICES["max"], min: CHOICES["min"]',
        'max: CHOICES["max"], min: CHOICES["max"]',
        "tests/njit",
    ),
    # -- histograms and cuts ----------------------------------------------------------------------
    Mutant(
        "slope of the Gaussian kernel",
        "dualak/rules/smoothing.py",
        "        series[k] = -term / k\n        before",
        "        series[k] = term / k\n        before",
        "tests/hist",
    ),
    Mutant(
        "reach of the logistic kernel",
        "dualak/rules/smoothing.py",
        "Smoothing(logistic, 37.0,",
        "Smoothing(logistic, 3.7,",
        "tests/hist",
    ),
    # -- bridge -----------------------------------------------------------------------------------
    Mutant(
        "batch axis",
        "bridge/primitive.py",
        "    return jnp.moveaxis(operand, dim, 0)\n",
        "    return operand\n",
        "tests/bridge",
    ),
    Mutant(
        "cotangent of an operand that all rows share",
        "bridge/primitive.py",
        "return cotangent.sum(tuple(range(more))) if more else cotangent",
        "return cotangent[0] if more else cotangent",
        "tests/bridge",
    ),
    Mutant(
        "tangents of integer results",
        "bridge/primitive.py",
        'np.dtype(dtype).kind == "f" for _, dtype',
        "True for _, dtype",
        "tests/bridge",
    ),
    Mutant(
        "lengths of no array",
        "bridge/padded.py",
        "(in_reach(lengths) + 1, *others)",
        "(in_reach(lengths), *others)",
        "tests/bridge",
    ),
    Mutant(
        "digits of negative integers",
        "bridge/coded.py",
        "digits = [*low, wide >> BITS * (count - 1)]",
        "digits = [*low, (wide >> BITS * (count - 1)) & (BASE - 1)]",
        "tests/bridge",
    ),
    Mutant(
        "room for an octave",
        "bridge/padded.py",
        "-(-length // step) * step",
        "length // step * step",
        "tests/bridge",
    ),
    Mutant(
        "code is exported",
        "bridge/primitive.py",
        'if getattr(parameters, "for_export", False):',
        "if False:",
        "tests/bridge",
    ),
)
