"""When an endpoint is left alone by everybody: several namespaces have met the same, and nobody anything else.

Pure: the time is an argument. What one namespace meets proves nothing to others, since it chooses its inputs: its role,
its region, its tenant, and so whom it troubles. Invariant: whatever a single namespace does, this stays closed; and
while it is open, whose call fails again and again does not take the next one's turn to find out.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from esc_operator.driver.breaker import FAILURES, FIRST_PAUSE, LONGEST_PAUSE, hurried

WITNESSES = 3
"""So many namespaces have to have met it. Of those that were throttled, each with another account."""

MEMORY = timedelta(minutes=2)
"""What a namespace has met counts for so long."""


class _Complaint(NamedTuple):
    """What a namespace has met last. `account` is empty unless it was that account's fault."""

    when: datetime
    account: str


class EndpointBreaker:
    """Of one endpoint, for all namespaces, until a call is served. Open, it lets one call begin in each pause.

    No wish to be left alone counts here: how long is the namespace's own that was asked to. `trouble` is the reason of
    what was met last.
    """

    def __init__(self) -> None:
        self.is_open = False
        self.trouble = ""
        self._complaints: dict[str, _Complaint] = {}
        self._failures = 0
        self._pause = timedelta(0)
        self._since = self._until = datetime.min.replace(tzinfo=UTC)
        self._probes: dict[str, int] = {}
        self._deferred: set[str] = set()

    @property
    def is_quiet(self) -> bool:
        """Whether there is nothing to remember."""
        return not self.is_open and not self._complaints

    def paused_until(self, tenant: str, now: datetime, needed_by: datetime | None = None) -> datetime | None:
        """Until when this namespace has to leave it alone, or None."""
        if not self.is_open:
            return None
        until = hurried(self._since, self._until, needed_by)
        others = [self._probes.get(other, 0) for other in self._deferred if other != tenant]
        if others and min(others) < self._probes.get(tenant, 0):
            until = self._until + self._pause  # first it is another one's turn to find out
        # A clock that was set back must not make a pause longer.
        return until if self._since <= now < until else None

    def defer(self, tenant: str) -> None:
        """This namespace was told to wait: it has a turn before those that had more."""
        self._deferred.add(tenant)

    def admit(self, tenant: str, now: datetime) -> bool:
        """A call of this namespace begins, which has not to wait; answers whether it is the one of this pause. If it
        hangs, the next pause ends all the same."""
        if self.is_open:
            self._deferred.discard(tenant)
            self._probes[tenant] = self._probes.get(tenant, 0) + 1
            self._since, self._until = now, now + self._pause
        return self.is_open

    def failed(self, tenant: str, now: datetime, trouble: str, *, account: str = "", probe: bool = False) -> bool:
        """A call of this namespace met an outage, or was throttled for its account; answers whether that opens it."""
        self.trouble = trouble
        self._complaints = {one: it for one, it in self._complaints.items() if now - MEMORY < it.when <= now}
        self._failures = self._failures + 1 if self._complaints else 1
        self._complaints[tenant] = _Complaint(now, account)
        if self.is_open:
            if probe:
                self._pause = min(self._pause * 2, LONGEST_PAUSE)
                self._until = max(self._until, now + self._pause)
            return False
        # Each namespace counts once, and so does each account, however many a namespace may invent.
        met = {("account", it.account) if it.account else ("namespace", one) for one, it in self._complaints.items()}
        self.is_open = self._failures >= FAILURES and len(met) >= WITNESSES
        if self.is_open:
            self._pause, self._since, self._until = FIRST_PAUSE, now, now + FIRST_PAUSE
        return self.is_open

    def forget(self, tenant: str) -> None:
        """What this namespace has met counts no more."""
        self._complaints.pop(tenant, None)
