"""``python -m dualak.demo``."""

from __future__ import annotations

import sys

from dualak.demo.command import main

if __name__ == "__main__":
    sys.exit(main())
