"""A token bucket with reservations. Pure: the time is an argument.

Written here because library limiters sleep by a clock of their own, while turns among namespaces and tests need the
time at which a token becomes available.
"""

from __future__ import annotations

from datetime import datetime, timedelta


class TokenBucket:
    """At most `burst` calls at once and `rate` a second sustained; first come, first served."""

    def __init__(self, rate: float, burst: int) -> None:
        self._gap = timedelta(seconds=1 / rate)
        self._burst = burst * self._gap
        self._seen: datetime | None = None
        self._full_at: datetime | None = None

    def reserve(self, now: datetime) -> timedelta:
        """Take a token; returns how long to wait for it. A token that is not used is lost."""
        full_at = self._full_at or now
        if self._seen is not None and now < self._seen:
            full_at -= self._seen - now  # the clock was set back, and calls must not wait for that as well
        self._seen = now
        self._full_at = max(full_at, now) + self._gap
        return max(self._full_at - now - self._burst, timedelta(0))
