"""Awkward's functions of duals."""
