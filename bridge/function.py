"""What wrapped functions have in common: they are methods, and are copied and pickled."""

from __future__ import annotations

import functools
import hashlib
import operator
import pickle
import sys
from collections.abc import Callable
from typing import Any

from bridge.cache import Recent


class Function:
    """A function, and how it is wrapped."""

    def __init__(self, func: Callable[..., Any], *options: Any) -> None:
        functools.update_wrapper(self, func)  # type: ignore[arg-type]
        self._func, self._options = func, options
        self._known, self._methods = Recent(), Recent()

    def __repr__(self) -> str:
        return f"<bridge.wrap of {getattr(self._func, '__name__', self._func)!r}>"

    def __reduce__(self) -> Any:
        """By its name, where it has taken the place of the function, or else with the function."""
        name = getattr(self, "__qualname__", "")
        module = sys.modules.get(getattr(self, "__module__", ""))
        try:
            found = operator.attrgetter(name)(module)
        except AttributeError:
            found = None
        return name if found is self else (type(self), (self._func, *self._options))

    def __get__(self, owner: Any, cls: Any = None) -> Any:
        return self if owner is None else Method(self, owner)

    def of(self, owner: Any) -> Any:
        """The method of an object as a function, whose attributes are as they are now."""
        key = id(owner), self.state(owner)
        func = functools.partial(self._func, owner)
        functools.update_wrapper(func, self._func)
        return self._methods.get(key, lambda: type(self)(func, *self._options))

    def state(self, owner: Any) -> Any:
        """What the function may read in an object beside its arguments, as something to compare."""


class Method:
    """A wrapped function as a method of an object."""

    def __init__(self, function: Function, owner: Any) -> None:
        functools.update_wrapper(self, function)  # type: ignore[arg-type]
        self.__func__, self.__self__ = function, owner

    def __repr__(self) -> str:
        return f"{self.__func__!r} of {self.__self__!r}"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__func__.of(self.__self__)(*args, **kwargs)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Method):
            return NotImplemented
        return self.__func__ is other.__func__ and self.__self__ is other.__self__

    def __hash__(self) -> int:
        return hash((id(self.__func__), id(self.__self__)))


def state_of(owner: Any) -> bytes:
    """A digest of the attributes of an object.

    Raises:
        TypeError: for attributes that cannot be pickled, such as numbers that JAX traces.
    """
    try:
        known = pickle.dumps(vars(owner))
    except Exception as error:
        raise TypeError(
            f"expected attributes of {type(owner).__name__} that can be pickled, by which a "
            "recorded method is known to be the same; give what is traced, or cannot be pickled, "
            f"as arguments of the method ({error})"
        ) from error
    return hashlib.blake2b(known, digest_size=16).digest()
