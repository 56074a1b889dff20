"""A circuit breaker: when to stop calling a service that is out of order, and when to retry. Pure; time is an argument.

Invariant: from the moment it opens until a success, at most one call is running, and none before a pause is over.
Written here because library breakers read the clock, count for all callers together, and know neither a service's
`Retry-After` nor a caller's deadline.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

FAILURES = 5
"""This many outages in a row open it; one with a `Retry-After` opens it at once."""

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(seconds=30)
"""Pauses double up to this: one call in half a minute costs a service nothing, and its recovery is noticed in time for
credentials that live only a few minutes."""

LIFE_FRACTION = 4
"""A renewal waits for at most this part of the remaining life of its credentials, and at least for the first pause:
credentials that expire soon must not miss the end of an outage."""

LONGEST_ASKED = timedelta(minutes=15)
"""The longest `Retry-After` that is honoured: an absurd one must not let everything expire."""


class Permit:
    """One admitted call."""

    __slots__ = ()


class Breaker:
    """Admits all calls while it is closed. When open, it admits none until its pause is over, and then one: its success
    closes it, and its failure makes the next pause longer.

    A result that is neither, such as the refusal of a user's mistake, does not change it.
    """

    def __init__(self) -> None:
        self._failures = 0
        self._pause = timedelta(0)
        self._opened_at = self._until = self._asked_until = datetime.max.replace(tzinfo=UTC)
        self._probe: Permit | None = None
        self.is_open = False

    def paused_until(self, now: datetime, needed_by: datetime | None = None) -> datetime | None:
        """The end of the pause for a renewal of credentials that expire at `needed_by`; None without a pause."""
        until = self._hurried(needed_by)
        # A clock that was set back must not make a pause longer.
        return until if self.is_open and self._opened_at <= now < until else None

    def _hurried(self, needed_by: datetime | None) -> datetime:
        return max(hurried(self._opened_at, self._until, needed_by), self._asked_until) if self.is_open else self._until

    def blocks(self, now: datetime, needed_by: datetime | None = None) -> bool:
        """Whether a call would not be admitted now."""
        return self.is_open and (self._probe is not None or self.paused_until(now, needed_by) is not None)

    def admit(self, now: datetime, needed_by: datetime | None = None) -> Permit | None:
        """Admit a call, if one may be made now. Its result must be reported, whatever it is."""
        if self.blocks(now, needed_by):
            return None
        permit = Permit()
        if self.is_open:
            self._probe = permit
        return permit

    def succeeded(self) -> bool:
        """A call succeeded; returns whether that ends an outage. The call may also be an earlier one that was running
        when the breaker opened."""
        was_open, self.is_open = self.is_open, False
        self._failures, self._pause, self._probe = 0, timedelta(0), None
        return was_open

    def failed(self, permit: Permit, now: datetime, asked: timedelta = timedelta(0)) -> None:
        """A call met an outage; `asked` is the service's `Retry-After`."""
        self._failures += 1
        pause = min(asked, LONGEST_ASKED)
        if permit is self._probe or (not self.is_open and self._failures >= FAILURES):
            self._probe = None
            self._pause = min(max(self._pause * 2, FIRST_PAUSE), LONGEST_PAUSE)
            self._open(now, max(self._pause, pause), pause)
        elif pause and not (self.is_open and now + pause <= self._asked_until):
            self._open(now, max(pause, self._until - now) if self.is_open else pause, pause)

    def gave_up(self, permit: Permit) -> None:
        """A call's result says nothing about the service; the next call may find out."""
        if permit is self._probe:
            self._probe = None

    def _open(self, now: datetime, pause: timedelta, asked: timedelta) -> None:
        self.is_open, self._opened_at, self._until, self._asked_until = True, now, now + pause, now + asked


def hurried(since: datetime, until: datetime, needed_by: datetime | None) -> datetime:
    """The end of a pause for a renewal of credentials that expire at `needed_by`."""
    if needed_by is None or needed_by <= since:
        return until
    return min(until, since + max((needed_by - since) / LIFE_FRACTION, FIRST_PAUSE))
