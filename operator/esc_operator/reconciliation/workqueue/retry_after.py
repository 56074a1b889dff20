"""Which keys must not call the API server for a while, because it asked for that (`Retry-After`).

Pure: the time is an argument. Kept for each key and not for the process: see decisions/005.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Generic, TypeVar

K = TypeVar("K")

LONGEST_ASKED = timedelta(minutes=5)
"""An absurd `Retry-After` must not let everything expire."""


def end_of_wait(seconds: float, now: datetime) -> datetime:
    """Until when to wait, if the API server asks for this many seconds."""
    return now + min(timedelta(seconds=seconds), LONGEST_ASKED)


class RetryAfter(Generic[K]):
    """The waits of each key, kept until they are over."""

    def __init__(self) -> None:
        self._asked: dict[K, tuple[datetime, datetime]] = {}

    def __len__(self) -> int:
        return len(self._asked)

    def ask(self, key: K, seconds: float, now: datetime) -> datetime:
        """Record that a key has to wait for this many seconds; returns until when."""
        until = end_of_wait(seconds, now)
        self._asked[key] = now, until
        return until

    def until(self, key: K, now: datetime) -> datetime | None:
        """Until when a key has to wait; None if it need not, or no longer."""
        if key not in self._asked:
            return None
        asked_at, until = self._asked[key]
        # A clock that was set back must not make the wait longer.
        if asked_at <= now < until:
            return until
        del self._asked[key]
        return None

    def forget(self, key: K) -> None:
        self._asked.pop(key, None)
