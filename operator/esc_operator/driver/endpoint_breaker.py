"""The breaker of an endpoint for all namespaces: it opens when several of them met the same, and none a success.

Pure: the time is an argument. The failures of one namespace prove nothing to others, since it chooses its inputs: its
role, its region, its tenant, and so the service that it calls. Invariant: whatever a single namespace does, this stays
closed; and while it is open, a namespace whose probe fails repeatedly does not take the next one's turn.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from esc_operator.driver.breaker import FAILURES, FIRST_PAUSE, LONGEST_PAUSE, hurried

WITNESSES = 3
"""How many namespaces must have met it. Throttled ones count only with different accounts."""

MEMORY = timedelta(minutes=2)
"""How long a namespace's failure counts."""


class _Complaint(NamedTuple):
    """The last failure of a namespace. `account` is empty unless that account was throttled."""

    when: datetime
    account: str


class EndpointBreaker:
    """The breaker of one endpoint, for all namespaces, until a call succeeds. When open, it admits one call in each
    pause.

    `Retry-After` does not count here: it holds for the namespace that received it. `trouble` is the reason of the last
    failure.
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
        """Until when this namespace must not call it, or None."""
        if not self.is_open:
            return None
        until = hurried(self._since, self._until, needed_by)
        others = [self._probes.get(other, 0) for other in self._deferred if other != tenant]
        if others and min(others) < self._probes.get(tenant, 0):
            until = self._until + self._pause  # another namespace's probe goes first
        # A clock that was set back must not make a pause longer.
        return until if self._since <= now < until else None

    def defer(self, tenant: str) -> None:
        """This namespace was refused: it gets its turn before those that had more."""
        self._deferred.add(tenant)

    def admit(self, tenant: str, now: datetime) -> bool:
        """A call of this namespace starts, which need not wait; returns whether it is this pause's probe. Even if the
        probe hangs, the next pause ends."""
        if self.is_open:
            self._deferred.discard(tenant)
            self._probes[tenant] = self._probes.get(tenant, 0) + 1
            self._since, self._until = now, now + self._pause
        return self.is_open

    def failed(self, tenant: str, now: datetime, trouble: str, *, account: str = "", probe: bool = False) -> bool:
        """A call of this namespace met an outage, or was throttled for its account; returns whether that opens it."""
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
        """Forget the failures of this namespace."""
        self._complaints.pop(tenant, None)
