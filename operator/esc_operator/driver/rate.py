"""A token bucket that hands out places in a line. Pure: the time is an argument.

Written here because limiters of libraries sleep by a clock of their own, where places, turns among namespaces and a
test need the time at which a place comes up.
"""

from __future__ import annotations

from datetime import datetime, timedelta


class TokenBucket:
    """At most `burst` calls at once and `rate` a second in the long run; who comes first goes first."""

    def __init__(self, rate: float, burst: int) -> None:
        self._gap = timedelta(seconds=1 / rate)
        self._burst = burst * self._gap
        self._seen: datetime | None = None
        self._full_at: datetime | None = None

    def reserve(self, now: datetime) -> timedelta:
        """Take a token; answers how long to wait for it. A place that is not used is lost."""
        full_at = self._full_at or now
        if self._seen is not None and now < self._seen:
            full_at -= self._seen - now  # the clock was set back, and whoever waits must not wait for that as well
        self._seen = now
        self._full_at = max(full_at, now) + self._gap
        return max(self._full_at - now - self._burst, timedelta(0))
