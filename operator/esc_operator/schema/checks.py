"""Limits the work of one validation: schemas can refer to themselves, and a few lines can require work without end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

Charge = Callable[[int], None]
"""Pays for so many units of work that is about to be done; raises where there is not so much left."""

CHECK: Final = 6
"""Units of one check of one value against one schema."""

_MOST_CHECKS: Final = 50_000
_DEEPEST: Final = 150


def free(_: int) -> None:
    """Work without a budget."""


class Checks:
    """Counts the checks of one validation. A check beyond the limit counts as failed. `charge` is called before
    all work."""

    __slots__ = ("_checks_left", "_depth", "charge")

    def __init__(self, charge: Charge) -> None:
        self._checks_left = _MOST_CHECKS
        self._depth = 0
        self.charge: Final = charge

    @property
    def is_exhausted(self) -> bool:
        return self._checks_left <= 0

    def enter(self) -> bool:
        """Whether another check, inside the current ones, is allowed; if so, call `leave` after it."""
        if self._depth >= _DEEPEST:
            self._checks_left = 0
        if self._checks_left <= 0:
            return False
        self.charge(CHECK)
        self._checks_left -= 1
        self._depth += 1
        return True

    def leave(self) -> None:
        self._depth -= 1
