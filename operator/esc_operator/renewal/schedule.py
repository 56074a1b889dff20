"""When to renew a lease, and when to retry a failed attempt."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

DEFAULT_BEFORE = timedelta(minutes=15)
FRACTION = 4
"""A lease is renewed when a quarter of its lifetime is left, or earlier if `before` says so."""
FALLBACK_FRACTION = 3
"""If `before` is too long for the lifetime, a lease is renewed after two thirds of it."""
JITTER_FRACTION = 20
"""Renewals are spread over a twentieth of the lifetime, earlier only."""

LONGEST_MARGIN = timedelta(seconds=60)
MARGIN_FRACTION = 20
"""Because clocks differ, this part of the lifetime, at most a minute, is not used."""

FIRST_RETRY = timedelta(seconds=5)
LAST_RETRY = timedelta(minutes=5)

SHORTEST_GAP = timedelta(seconds=30)
LEAST_DELAY = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Window:
    """The validity of a Secret's credentials: from their issue to their expiry."""

    issued_at: datetime
    expires_at: datetime

    @property
    def lifetime(self) -> timedelta:
        return max(self.expires_at - self.issued_at, timedelta(0))

    @property
    def usable_until(self) -> datetime:
        """Until when to use it: clocks differ, and that of the service may be ahead of ours."""
        return self.expires_at - min(LONGEST_MARGIN, self.lifetime / MARGIN_FRACTION)


def lead_time(lifetime: timedelta, before: timedelta | None, rollout: timedelta = timedelta(0)) -> timedelta:
    """How far ahead of expiry a lease is renewed, before jitter.

    If pods are rolled, and a rollout last took `rollout`, the default leaves time for two, but at most half of the
    lifetime.

    A `before` that leaves almost nothing of the lifetime falls back to a third of it: an issuer that grants shorter
    leases than expected must not be called in a loop.
    """
    if before is None:
        usual = max(lifetime / FRACTION, min(DEFAULT_BEFORE, lifetime / FALLBACK_FRACTION))
        return max(usual, min(rollout * 2, lifetime / 2))
    if before > lifetime - lifetime / 10:
        return lifetime / FALLBACK_FRACTION
    return max(before, lifetime / FRACTION)


def renew_at(window: Window, before: timedelta | None, uid: str, rollout: timedelta = timedelta(0)) -> datetime:
    """When to renew: at least `lead_time` ahead of the end of use, never before the lease was issued.

    Whole seconds, rounded down: statuses store seconds, and a time that is stored earlier is only due earlier.
    """
    lifetime = window.lifetime
    due = window.usable_until - lead_time(lifetime, before, rollout) - (lifetime / JITTER_FRACTION) * fraction(uid)
    return max(due.replace(microsecond=0), window.issued_at.replace(microsecond=0))


def shortest_gap(remaining: timedelta) -> timedelta:
    """The minimum time until the next renewal of credentials that had this much life left when they were obtained."""
    return max(min(SHORTEST_GAP, remaining / 2), LEAST_DELAY) if remaining > timedelta(0) else SHORTEST_GAP


def retry_at(
    failed_at: datetime, failures: int, expires_at: datetime | None, uid: str, lifetime: timedelta | None = None
) -> datetime:
    """When to try again after `failures` failures in a row (at least 1), the last one at `failed_at`.

    Exponential with jitter; while credentials are valid at most a quarter of their remaining life, so that several
    attempts fit in; at least a second. Short-lived credentials (`lifetime`) keep short pauses even after they expired:
    then they are needed most.
    """
    longest = LAST_RETRY if lifetime is None else min(LAST_RETRY, max(lifetime / 12, FIRST_RETRY))
    ceiling = min(FIRST_RETRY * (1 << min(failures - 1, 16)), longest)
    # Half to whole of the ceiling: "full" jitter may be almost zero, which calls a failing provider in a burst.
    delay = ceiling / 2 + (ceiling / 2) * fraction(f"{uid}/{failures}")
    if expires_at is not None and expires_at > failed_at:
        delay = min(delay, (expires_at - failed_at) / 4)
    return failed_at + max(delay, LEAST_DELAY)


def reread_at(last: datetime, interval: timedelta, uid: str) -> datetime:
    """When to read inputs without an expiry again: each interval, up to a twentieth of it earlier."""
    return last + interval - (interval / JITTER_FRACTION) * fraction(uid)


def fraction(seed: str) -> float:
    """A number in [0, 1), always the same for a seed: jitter that survives restarts."""
    return int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=6).digest()) / 2**48
