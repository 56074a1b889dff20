"""What a reader of a definition finds wrong with it, paid for from the budget: a definition may hold as many mistakes
as values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from esc_operator.formats.spelling import Speller
from esc_operator.lang.budget import FINDING, text_units

if TYPE_CHECKING:
    from collections.abc import Iterable

    from esc_operator.lang.budget import Budget
    from esc_operator.lang.diagnostics import Diagnostic

READING: Final = "reading the definition"


class Findings:
    """A list of diagnostics. `append` and `extend` raise what the budget raises. `speller` suggests names."""

    __slots__ = ("_budget", "found", "speller")

    def __init__(self, budget: Budget) -> None:
        self.found: Final[list[Diagnostic]] = []
        self.speller: Final = Speller()
        self._budget: Final = budget

    def append(self, diagnostic: Diagnostic) -> None:
        self.charge(FINDING + text_units(len(diagnostic.path) + len(diagnostic.text)))
        self.found.append(diagnostic)

    def extend(self, diagnostics: Iterable[Diagnostic]) -> None:
        for diagnostic in diagnostics:
            self.append(diagnostic)

    def charge(self, units: int) -> None:
        """Pay for reading that is about to be done."""
        self._budget.charge(units, READING)
