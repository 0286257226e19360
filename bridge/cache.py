"""What is kept of what was made last: a bounded cache that threads share."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

#: How many it keeps; what was used longest ago is dropped.
CACHE_SIZE = 64


class Recent:
    """What was made for the keys that were asked for last; any thread may ask."""

    def __init__(self) -> None:
        self._known: OrderedDict[Any, Any] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Any, make: Callable[[], Any]) -> Any:
        """What was made for a key, or else what ``make`` makes now."""
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        made = make()
        self.keep(key, made)
        return made

    def keep(self, key: Any, made: Any) -> None:
        """Keeps what is to be given for a key from now on."""
        with self._lock:
            self._known[key] = made
            self._known.move_to_end(key)
            while len(self._known) > CACHE_SIZE:
                self._known.popitem(last=False)

    def __len__(self) -> int:
        return len(self._known)
