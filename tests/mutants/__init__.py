"""Mutants of the product: whether the everyday suite sees a fault that is put into it."""
