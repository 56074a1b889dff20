"""How much work one validation may be: schemas can refer to themselves, and a few lines can ask for more than a
lifetime.
"""

from typing import Final

_MOST_CHECKS: Final = 50_000
_DEEPEST: Final = 150


class Budget:
    """Counts the checks of one validation. A check that is not allowed any more is taken to have failed."""

    __slots__ = ("_checks_left", "_depth")

    def __init__(self) -> None:
        self._checks_left = _MOST_CHECKS
        self._depth = 0

    @property
    def is_exhausted(self) -> bool:
        return self._checks_left <= 0

    def enter(self) -> bool:
        """Whether another check, inside those that are being made, is allowed; each that is has to be left again."""
        if self._depth >= _DEEPEST:
            self._checks_left = 0
        if self._checks_left <= 0:
            return False
        self._checks_left -= 1
        self._depth += 1
        return True

    def leave(self) -> None:
        self._depth -= 1
