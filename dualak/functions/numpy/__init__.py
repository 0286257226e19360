"""NumPy's functions of duals."""
