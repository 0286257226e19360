"""``python -m dualak.functions`` prints what is done with each function, in Markdown."""

from __future__ import annotations

import sys

from dualak.functions.catalogue import page

sys.stdout.write(page())
