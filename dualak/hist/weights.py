"""Weights of events as products of factors with names, which may be differentiated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import awkward as ak
import numpy as np


class Weights:
    """The product of weights that have names, as ``coffea.analysis_tools.Weights`` keeps it.

    That class keeps arrays of NumPy, which have no derivatives; here factors may be differentiated.
    Variations up and down are kept as usual, beside the derivatives; one of a factor that is zero
    stands in its place, and missing weights are one.

    Args:
        size: how many events there are; None takes it from the first weight.

    >>> import dualak
    >>> def total(p, events):
    ...     weights = Weights(len(events))
    ...     weights.add("pileup", 1.0 + p * events, 1.2 + 0 * events)
    ...     weights.add("trigger", 0.5 * events)
    ...     return weights.weight(), weights.weight("pileupUp")
    >>> dualak.jvp(lambda p: total(p, np.array([1.0, 2.0])), 0.0, 1.0)[1]
    (array([0.5, 2. ]), array([0., 0.]))
    """

    def __init__(self, size: int | None = None) -> None:
        self.size = size
        self._factors: dict[str, Any] = {}
        self._variations: dict[str, tuple[str, Any]] = {}

    def add(
        self,
        name: str,
        weight: Any,
        weightUp: Any = None,
        weightDown: Any = None,
        shift: bool = False,
    ) -> None:
        """Adds a factor.

        Args:
            name: of the factor; its variations are ``nameUp`` and ``nameDown``.
            weight: of each event, or one for all.
            weightUp: the factor varied up, in its place.
            weightDown: the factor varied down; without one it is ``weight ** 2 / weightUp``.
            shift: whether variations are differences from the factor, which are added to it (up)
                and taken from it (down).

        Raises:
            ValueError: for a name that is there, or ends in ``Up`` or ``Down``, and for weights of
                another number of events.
        """
        if name.endswith(("Up", "Down")):
            raise ValueError(f"expected a name that ends neither in Up nor in Down, got {name!r}")
        if name in self._factors:
            raise ValueError(f"expected weights of different names, got {name!r} twice")
        self._factors[name] = self._of_events(name, weight)
        self._vary(name, name, weightUp, weightDown, shift)

    def add_multivariation(
        self,
        name: str,
        weight: Any,
        modifierNames: Sequence[str],
        weightsUp: Sequence[Any],
        weightsDown: Sequence[Any],
        shift: bool = False,
    ) -> None:
        """Adds a factor with several variations, called ``name_modifierUp`` and so on.

        Args:
            name: of the factor.
            weight: of each event, or one for all.
            modifierNames: of the variations.
            weightsUp: the factor varied up, by each of them.
            weightsDown: the factor varied down, by each of them; None for one without it.
            shift: as for ``add``.

        Raises:
            ValueError: as for ``add``, and for another number of variations than of names.
        """
        if not len(modifierNames) == len(weightsUp) == len(weightsDown):
            raise ValueError(
                f"{name}: expected as many weights up and down as names of variations, got "
                f"{len(weightsUp)} and {len(weightsDown)} for {len(modifierNames)}"
            )
        self.add(name, weight)
        for modifier, up, down in zip(modifierNames, weightsUp, weightsDown, strict=True):
            self._vary(name, f"{name}_{modifier}", up, down, shift)

    def _vary(self, name: str, variation: str, up: Any, down: Any, shift: bool) -> None:
        factor = self._factors[name]
        for kind, given, sign in (("Up", up, 1.0), ("Down", down, -1.0)):
            if given is not None:
                varied = self._of_events(name, given)
                varied = factor + sign * varied if shift else varied
                self._variations[variation + kind] = (name, varied)
        if up is not None and down is None:
            varied = self._variations[variation + "Up"][1]
            self._variations[variation + "Down"] = (name, factor * factor / varied)

    def _of_events(self, name: str, weight: Any) -> Any:
        shape = np.shape(weight)
        if not shape:
            return weight
        if self.size is None:
            self.size = len(weight)
        if len(weight) != self.size:
            raise ValueError(f"{name}: expected weights of {self.size} events, got {len(weight)}")
        missing = isinstance(weight, ak.Array) and weight.layout.is_option
        return ak.fill_none(weight, 1.0) if missing else weight

    @property
    def variations(self) -> set[str]:
        """The names that ``weight`` takes."""
        return set(self._variations)

    def weight(self, modifier: str | None = None) -> Any:
        """The product of all factors, with one of them varied if ``modifier`` names a variation.

        Raises:
            KeyError: for a variation that there is not.
        """
        return self._product(self._factors, modifier)

    def partial_weight(
        self,
        include: Iterable[str] = (),
        exclude: Iterable[str] = (),
        modifier: str | None = None,
    ) -> Any:
        """The product of the factors that are named in ``include``, or of all but ``exclude``.

        Raises:
            ValueError: for both, or neither, and for a variation of a factor that is left out.
            KeyError: for a name that there is not.
        """
        include, exclude = list(include), list(exclude)
        if bool(include) == bool(exclude):
            raise ValueError("expected one of include and exclude")
        if unknown := sorted({*include, *exclude} - self._factors.keys()):
            raise KeyError(f"expected names among {sorted(self._factors)}, got {unknown}")
        chosen = include or [name for name in self._factors if name not in exclude]
        return self._product(chosen, modifier)

    def _product(self, names: Iterable[str], modifier: str | None) -> Any:
        if modifier is not None and modifier not in self._variations:
            raise KeyError(
                f"expected one of the variations {sorted(self._variations)}, got {modifier!r}"
            )
        varied = None if modifier is None else self._variations[modifier]
        if varied and varied[0] not in names:
            raise ValueError(f"expected a variation of {sorted(names)}, got {modifier!r}")
        found: Any = np.ones(self.size or 0)
        for name in names:
            found = found * (varied[1] if varied and varied[0] == name else self._factors[name])
        return found
