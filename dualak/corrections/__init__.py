"""Corrections of correctionlib with derivatives; needs ``pip install "dualak[hep]"``."""

from dualak.corrections.differentiable import evaluate, register

__all__ = ["evaluate", "register"]
