"""When a service that does not serve is left alone, and when it is tried again. Pure: the time is an argument.

Invariant: from the moment it opens until a success, at most one call is under way, and none before a pause is over.
Written here because breakers of libraries read the clock, count for everybody at once, and know neither what a service
asked for (`Retry-After`) nor by when a caller needs it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

FAILURES = 5
"""So many outages in a row open it; one that says how long to wait does so at once."""

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(seconds=30)
"""Pauses double up to this: one call in half a minute costs a service nothing, and its return is noticed in time for
credentials that live a few minutes only."""

LIFE_FRACTION = 4
"""Who renews what is still alive waits for no more than such a part of its life, and for no less than the first pause:
what expires soon must not sleep through the end of an outage."""

LONGEST_ASKED = timedelta(minutes=15)
"""What a service may ask for: an absurd `Retry-After` must not let everything expire."""


class Permit:
    """One call that was let through."""

    __slots__ = ()


class Breaker:
    """Lets all calls through while it is closed. Open, it lets none through until its pause is over, and then one: its
    success closes it, and its failure makes the next pause longer.

    What is neither, such as the refusal of a user's mistake, says nothing about the service, and changes nothing.
    """

    def __init__(self) -> None:
        self._failures = 0
        self._pause = timedelta(0)
        self._opened_at = self._until = self._asked_until = datetime.max.replace(tzinfo=UTC)
        self._probe: Permit | None = None
        self.is_open = False

    def paused_until(self, now: datetime, needed_by: datetime | None = None) -> datetime | None:
        """The end of the present pause for whoever renews what expires at `needed_by`; None where there is none."""
        until = self._hurried(needed_by)
        # A clock that was set back must not make a pause longer.
        return until if self.is_open and self._opened_at <= now < until else None

    def _hurried(self, needed_by: datetime | None) -> datetime:
        return max(hurried(self._opened_at, self._until, needed_by), self._asked_until) if self.is_open else self._until

    def blocks(self, now: datetime, needed_by: datetime | None = None) -> bool:
        """Whether a call would not be let through now."""
        return self.is_open and (self._probe is not None or self.paused_until(now, needed_by) is not None)

    def admit(self, now: datetime, needed_by: datetime | None = None) -> Permit | None:
        """Let a call through, if one may be made now. It has to be told of its end, whatever that is."""
        if self.blocks(now, needed_by):
            return None
        permit = Permit()
        if self.is_open:
            self._probe = permit
        return permit

    def succeeded(self) -> bool:
        """A call succeeded; answers whether that is the end of an outage. It need not be the one that was let through
        alone: what was under way before may have got through just as well."""
        was_open, self.is_open = self.is_open, False
        self._failures, self._pause, self._probe = 0, timedelta(0), None
        return was_open

    def failed(self, permit: Permit, now: datetime, asked: timedelta = timedelta(0)) -> None:
        """A call met an outage; `asked` is how long the service wants to be left alone."""
        self._failures += 1
        pause = min(asked, LONGEST_ASKED)
        if permit is self._probe or (not self.is_open and self._failures >= FAILURES):
            self._probe = None
            self._pause = min(max(self._pause * 2, FIRST_PAUSE), LONGEST_PAUSE)
            self._open(now, max(self._pause, pause), pause)
        elif pause and not (self.is_open and now + pause <= self._asked_until):
            self._open(now, max(pause, self._until - now) if self.is_open else pause, pause)

    def gave_up(self, permit: Permit) -> None:
        """A call ended in a way that says nothing about the service; the next one may find out."""
        if permit is self._probe:
            self._probe = None

    def _open(self, now: datetime, pause: timedelta, asked: timedelta) -> None:
        self.is_open, self._opened_at, self._until, self._asked_until = True, now, now + pause, now + asked


def hurried(since: datetime, until: datetime, needed_by: datetime | None) -> datetime:
    """The end of a pause for whoever renews what expires at `needed_by`."""
    if needed_by is None or needed_by <= since:
        return until
    return min(until, since + max((needed_by - since) / LIFE_FRACTION, FIRST_PAUSE))
