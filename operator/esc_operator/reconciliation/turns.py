"""Turns: so many at a time, and of those that wait the earliest deadline first. Pure; the time is an argument."""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from datetime import datetime, timedelta

FORGOTTEN_AFTER = timedelta(seconds=60)
"""Who has not asked again for so long does not want its turn any more, or is gone with its environment."""

SWEEP = timedelta(seconds=5)
"""How often is looked for those: thousands may wait, and each of them asks again and again."""


@dataclass(slots=True)
class Turns:
    """`at_once` may have a turn at a time, by their UIDs. Who asks in vain asks again within half a minute."""

    at_once: int
    _held: dict[str, datetime] = field(default_factory=dict)
    _waiting: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)
    _order: list[tuple[datetime, str]] = field(default_factory=list)
    _swept_at: datetime | None = None

    def __len__(self) -> int:
        """How many are known, those that wait included."""
        return len(self._held) + len(self._waiting)

    @property
    def held(self) -> int:
        """How many have their turn."""
        return len(self._held)

    def hold(self, uid: str, now: datetime) -> None:
        """The turn is being used, whether or not it was asked for: after a restart, rollouts are found under way."""
        self._stop_waiting(uid)
        self._held[uid] = now

    def ask(self, uid: str, deadline: datetime, now: datetime) -> bool:
        """Whether it is this one's turn. Of several deadlines of one, such as those of two Secrets that it takes or of
        two renewals that it waits through, the earliest counts."""
        self._forget(now)
        if uid not in self._held:
            self._wait(uid, deadline, now)
            if len(self._held) + self.ahead_of(uid) >= self.at_once:
                return False
        self.hold(uid, now)
        return True

    def ahead_of(self, uid: str) -> int:
        """How many that wait have their turn before this one."""
        entry = self._waiting.get(uid)
        return bisect_left(self._order, (entry[0], uid)) if entry else 0

    def release(self, uid: str) -> None:
        """The turn is over, or not wanted any more."""
        self._held.pop(uid, None)
        self._stop_waiting(uid)

    def _wait(self, uid: str, deadline: datetime, now: datetime) -> None:
        known = self._waiting.get(uid)
        if known is None or deadline < known[0]:
            self._stop_waiting(uid)
            insort(self._order, (deadline, uid))
        else:
            deadline = known[0]
        self._waiting[uid] = deadline, now

    def _stop_waiting(self, uid: str) -> None:
        if entry := self._waiting.pop(uid, None):
            del self._order[bisect_left(self._order, (entry[0], uid))]

    def _forget(self, now: datetime) -> None:
        if self._swept_at and self._swept_at <= now < self._swept_at + SWEEP:
            return
        self._swept_at = now
        # A time to come is one of a clock that was set back; who still wants its turn renews it in a moment.
        lost = [uid for uid, since in self._held.items() if not now - FORGOTTEN_AFTER < since <= now]
        lost += [uid for uid, (_, asked) in self._waiting.items() if not now - FORGOTTEN_AFTER < asked <= now]
        for uid in lost:
            self.release(uid)
