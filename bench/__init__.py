"""Benchmarks: ``python -m bench cpu`` times dualak against plain Awkward on a table of cases."""
