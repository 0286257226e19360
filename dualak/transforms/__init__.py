"""Transformations: jvp and what is made of it."""
