"""When a lease is renewed, and when a failed attempt is repeated."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

DEFAULT_BEFORE = timedelta(minutes=15)
FRACTION = 4
"""A lease is renewed when a quarter of its lifetime is left, or earlier if `before` says so."""
FALLBACK_FRACTION = 3
"""Where `before` cannot be kept, a lease is renewed after two thirds of its lifetime."""
JITTER_FRACTION = 20
"""Renewals are spread over a twentieth of the lifetime, earlier only."""

LONGEST_MARGIN = timedelta(seconds=60)
MARGIN_FRACTION = 20
"""For clocks that differ, so much of the lifetime is not relied on, a minute at most."""

FIRST_RETRY = timedelta(seconds=5)
LAST_RETRY = timedelta(minutes=5)

SHORTEST_GAP = timedelta(seconds=30)
LEAST_DELAY = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Window:
    """The life of what a Secret holds: issued, and past expiry of no more use."""

    issued_at: datetime
    expires_at: datetime

    @property
    def lifetime(self) -> timedelta:
        return max(self.expires_at - self.issued_at, timedelta(0))

    @property
    def usable_until(self) -> datetime:
        """Until when it is relied on: clocks differ, and whoever checks an expiry may be ahead of us."""
        return self.expires_at - min(LONGEST_MARGIN, self.lifetime / MARGIN_FRACTION)


def lead_time(lifetime: timedelta, before: timedelta | None, rollout: timedelta = timedelta(0)) -> timedelta:
    """How far ahead of expiry a lease is renewed, before jitter.

    Where pods are rolled, and a rollout last took `rollout`, the default leaves time for two, but is never more than
    half of the lifetime.

    An impossible `before`, one that leaves next to nothing of the lifetime, falls back to a third of it: an issuer
    that grants shorter leases than expected must not be called in a loop.
    """
    if before is None:
        usual = max(lifetime / FRACTION, min(DEFAULT_BEFORE, lifetime / FALLBACK_FRACTION))
        return max(usual, min(rollout * 2, lifetime / 2))
    if before > lifetime - lifetime / 10:
        return lifetime / FALLBACK_FRACTION
    return max(before, lifetime / FRACTION)


def renew_at(window: Window, before: timedelta | None, uid: str, rollout: timedelta = timedelta(0)) -> datetime:
    """When to renew: at least `lead_time` ahead of the end of use, never before the lease was issued.

    Whole seconds, cut down: statuses store seconds, and a time that is stored earlier than computed only comes due
    earlier.
    """
    lifetime = window.lifetime
    due = window.usable_until - lead_time(lifetime, before, rollout) - (lifetime / JITTER_FRACTION) * fraction(uid)
    return max(due.replace(microsecond=0), window.issued_at.replace(microsecond=0))


def shortest_gap(remaining: timedelta) -> timedelta:
    """The least time until the next renewal, of credentials with so much life left when they were taken over."""
    return max(min(SHORTEST_GAP, remaining / 2), LEAST_DELAY) if remaining > timedelta(0) else SHORTEST_GAP


def retry_at(
    failed_at: datetime, failures: int, expires_at: datetime | None, uid: str, lifetime: timedelta | None = None
) -> datetime:
    """When to try again after `failures` failures in a row (at least 1), the last one at `failed_at`.

    Exponential with jitter; while credentials are still alive never later than a quarter of their remaining life, so
    that several attempts fit in; never sooner than a second. What lives short (`lifetime`) is never waited for long
    either, not even once it has expired: then it is missed most.
    """
    longest = LAST_RETRY if lifetime is None else min(LAST_RETRY, max(lifetime / 12, FIRST_RETRY))
    ceiling = min(FIRST_RETRY * (1 << min(failures - 1, 16)), longest)
    # Half to whole of the ceiling: "full" jitter may draw nearly nothing, which calls a failing provider in a burst.
    delay = ceiling / 2 + (ceiling / 2) * fraction(f"{uid}/{failures}")
    if expires_at is not None and expires_at > failed_at:
        delay = min(delay, (expires_at - failed_at) / 4)
    return failed_at + max(delay, LEAST_DELAY)


def reread_at(last: datetime, interval: timedelta, uid: str) -> datetime:
    """When inputs without an expiry are read again: each interval, up to a twentieth of it earlier."""
    return last + interval - (interval / JITTER_FRACTION) * fraction(uid)


def fraction(seed: str) -> float:
    """A number in [0, 1) that is always the same for a seed: jitter that is drawn once, and survives restarts."""
    return int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=6).digest()) / 2**48
