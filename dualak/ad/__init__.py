"""Automatic differentiation: duals, levels, linear operations, recordings and their replay."""
