"""What tests of several packages share; nothing here is itself a test."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
