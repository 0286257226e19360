"""The picture of the README, from the blocks of the page ``start``: ``python docs/pictures.py``."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib.pyplot as plt

DOCS = Path(__file__).resolve().parent
CELLS = re.compile(r"^```\{code-cell\} python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def main() -> None:
    plt.switch_backend("Agg")
    exec("\n".join(CELLS.findall((DOCS / "start.md").read_text())), {})
    plt.savefig(DOCS / "pictures" / "dimuon.png", dpi=100)


if __name__ == "__main__":
    main()
