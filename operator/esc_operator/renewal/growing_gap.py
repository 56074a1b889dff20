"""The gap before the next of several in a row: none for the first few, then one that doubles up to a limit. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class GrowingGap:
    """`at_once`: how many come without a gap. After `calm` without one, a row is over."""

    at_once: int
    first: timedelta
    longest: timedelta
    calm: timedelta

    def after(self, count: int) -> timedelta:
        """The gap after this many."""
        if count < self.at_once:
            return timedelta(0)
        return min(self.first * (1 << min(count - self.at_once, 10)), self.longest)

    def continues(self, last: datetime, now: datetime) -> bool:
        """Whether one now is in a row with the last one. A clock that was set back delays nothing."""
        return last <= now < last + self.calm
