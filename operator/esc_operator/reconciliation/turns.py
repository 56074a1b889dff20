"""Turns: so many at a time, and of those that wait the earliest deadline first. Pure; the time is an argument."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

K = TypeVar("K")

FORGOTTEN_AFTER = timedelta(seconds=60)
"""Who has not asked again for so long does not want its turn any more, or is gone with its environment."""


@dataclass(slots=True)
class Turns(Generic[K]):
    """`at_once` may have a turn at a time. Who asks in vain asks again within a few seconds."""

    at_once: int
    _held: dict[K, datetime] = field(default_factory=dict)
    _waiting: dict[K, tuple[datetime, datetime]] = field(default_factory=dict)

    def hold(self, key: K, now: datetime) -> None:
        """The turn is being used, whether or not it was asked for: after a restart, rollouts are found under way."""
        self._waiting.pop(key, None)
        self._held[key] = now

    def ask(self, key: K, deadline: datetime, now: datetime) -> bool:
        """Whether it is this one's turn."""
        self._forget(now)
        if key not in self._held:
            self._waiting[key] = deadline, now
            ahead = sum(other[0] < deadline for waiting, other in self._waiting.items() if waiting != key)
            if len(self._held) + ahead >= self.at_once:
                return False
        self.hold(key, now)
        return True

    def release(self, key: K) -> None:
        """The turn is over, or not wanted any more."""
        self._held.pop(key, None)
        self._waiting.pop(key, None)

    def _forget(self, now: datetime) -> None:
        oldest = now - FORGOTTEN_AFTER
        self._held = {key: since for key, since in self._held.items() if since > oldest}
        self._waiting = {key: entry for key, entry in self._waiting.items() if entry[1] > oldest}
