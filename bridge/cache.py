"""TODO docstring of bridge.cache."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

#: What one wrapped function made of its arguments and keeps; what was used longest ago is dropped.
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
        with self._lock:
            self._known[key] = made
            while len(self._known) > CACHE_SIZE:
                self._known.popitem(last=False)
        return made
