"""Faults in the bridge to JAX."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

BRIDGE = (
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
        "tests/bridge/test_transformations.py",
    ),
    Mutant(
        "tangents of integer results",
        "bridge/primitive.py",
        'np.dtype(dtype).kind == "f" for _, dtype',
        "True for _, dtype",
        "tests/bridge/test_matrix.py",
    ),
    Mutant(
        "lengths of no array",
        "bridge/padded.py",
        "(in_reach(lengths) + 1, *others)",
        "(in_reach(lengths), *others)",
        "tests/bridge/test_matrix.py",
    ),
    Mutant(
        "digits that single precision does not hold",
        "bridge/coded.py",
        "BITS = 24",
        "BITS = 25",
        "tests/bridge",
    ),
    Mutant(
        "room for an octave",
        "bridge/padded.py",
        "-(-length // step) * step",
        "length // step * step",
        "tests/bridge/test_bridge_streams.py",
    ),
    Mutant(
        "code is exported",
        "bridge/primitive.py",
        'if getattr(parameters, "for_export", False):',
        "if False:",
        "tests/bridge/test_wrapped.py",
    ),
    Mutant(
        "integers that are too large",
        "bridge/dtypes.py",
        "if array.min() < limits.min or array.max() > limits.max:",
        "if False:",
        "tests/bridge",
    ),
    Mutant(
        "numbers of Python under jit",
        "bridge/numbers.py",
        'getattr(number, "weak_type", False)',
        "False",
        "tests/bridge",
    ),
    Mutant(
        "code for the other precision",
        "bridge/traced.py",
        'outside, jax.config.read("jax_enable_x64"))',
        "outside)",
        "tests/bridge",
    ),
    Mutant(
        "results that have no room",
        "bridge/callback.py",
        "return any(len(b) > size for b, size in zip(buffers, part.buffers, strict=True))",
        "return False",
        "tests/bridge/test_padded.py",
    ),
    Mutant(
        "second derivatives through JAX",
        "bridge/from_jax_function.py",
        "return jax.jvp(func, both[:count], both[count:])[1]",
        "return jax.jvp(func, both[count:], both[:count])[1]",
        "tests/bridge/test_bridge_arrays.py",
    ),
    Mutant(
        "cotangents of rows that share an input",
        "bridge/tasks.py",
        "mask = self.mask[:fixed] + (True,) * sum(given)",
        "mask = self.mask[:fixed] + (False,) * sum(given)",
        "tests/bridge/test_transformations.py",
    ),
    Mutant(
        "tables of programs that are gone",
        "bridge/ffi/frames.py",
        "_add(context + 8, -1)",
        "_add(context + 8, 0)",
        "tests/bridge/test_ffi.py",
    ),
    Mutant(
        "the slowest transport",
        "bridge/transports.py",
        "    return usable[0]\n",
        "    return usable[-1]\n",
        "tests/bridge/test_ffi.py",
    ),
)
