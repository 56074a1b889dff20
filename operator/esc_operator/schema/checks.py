"""How much work one validation may be: schemas can refer to themselves, and a few lines can ask for more than a
lifetime.
"""

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
    """Work that nobody pays for."""


class Checks:
    """Counts the checks of one validation. A check that is not allowed any more is taken to have failed. `charge` is
    told of all work before it is done."""

    __slots__ = ("_checks_left", "_depth", "charge")

    def __init__(self, charge: Charge) -> None:
        self._checks_left = _MOST_CHECKS
        self._depth = 0
        self.charge: Final = charge

    @property
    def is_exhausted(self) -> bool:
        return self._checks_left <= 0

    def enter(self) -> bool:
        """Whether another check, inside those that are being made, is allowed; each that is has to be left again."""
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
