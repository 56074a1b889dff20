"""Shared logins: environments that ask the same of a provider, as the same identity, get one answer.

Kept in memory only, and only as long as it is alive. An answer is reused while it is good enough for who asks
(`Demand`); whoever asks while the same login is under way waits for it. Failures are never kept. Identities never
share: the key holds the subject, so one `SharedLogins` serves the identities of one issuer.
"""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import itertools
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from esc_operator.evaluation import Opened

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from datetime import datetime

    from esc_operator.evaluation import Failed, Lease

MOST_LOGINS = 1024
_DIGEST_KEY = os.urandom(16)


@dataclass(frozen=True, slots=True)
class Demand:
    """What a caller expects of credentials.

    `fresh_after`: issued then or later (a rotation was asked for); a time to come counts as now. `valid_until`: alive
    longer than that, so that a renewal ahead of expiry never gets what it is about to replace.
    """

    fresh_after: datetime | None = None
    valid_until: datetime | None = None


ANY_AGE = Demand()
"""No demand: whatever is not due for renewal will do."""


class LoginKey(NamedTuple):
    provider: str
    subject: str
    digest: str


def login_key(provider: str, subject: str, inputs: Mapping[str, Any]) -> LoginKey:
    # Inputs may hold secrets: the digest is keyed, so that it tells nothing outside of this process.
    canonical = json.dumps(inputs, sort_keys=True, separators=(",", ":"), default=str)
    return LoginKey(provider, subject, hashlib.blake2b(canonical.encode(), key=_DIGEST_KEY, digest_size=20).hexdigest())


class _Flight:
    """A login under way, and how many wait for it."""

    def __init__(self, task: asyncio.Task[Opened | Failed], started_at: datetime) -> None:
        self.task = task
        self.started_at = started_at
        self.waiters = 0


class SharedLogins:
    """The logins of a process; `capacity` bounds how many are kept."""

    def __init__(self, now: Callable[[], datetime], *, capacity: int = MOST_LOGINS) -> None:
        self._now = now
        self._capacity = capacity
        self._kept: dict[LoginKey, tuple[Opened, Lease]] = {}
        self._ends: list[tuple[datetime, int, LoginKey]] = []
        self._count = itertools.count()
        self._flights: dict[LoginKey, _Flight] = {}

    def __repr__(self) -> str:
        return f"SharedLogins({len(self._kept)} kept, {len(self._flights)} under way)"

    async def open(
        self, key: LoginKey, demand: Demand, log_in: Callable[[], Coroutine[Any, Any, Opened | Failed]]
    ) -> Opened | Failed:
        """An answer that is kept or under way if it meets the demand, else what `log_in` answers."""
        now = self._now()
        self._drop_expired(now)
        fresh_after = min(demand.fresh_after, now) if demand.fresh_after else None
        if kept := self._kept.get(key):
            opened, lease = kept
            if _meets(lease, fresh_after, demand.valid_until, now):
                return opened
        flight = self._flights.get(key)
        if flight is None or (fresh_after is not None and flight.started_at < fresh_after):
            flight = self._start(key, log_in, now)
        return await self._join(key, flight)

    def _start(
        self, key: LoginKey, log_in: Callable[[], Coroutine[Any, Any, Opened | Failed]], now: datetime
    ) -> _Flight:
        flight = _Flight(asyncio.create_task(log_in(), name=f"login-{key.provider}"), now)
        flight.task.add_done_callback(lambda _: self._land(key, flight))
        self._flights[key] = flight
        return flight

    async def _join(self, key: LoginKey, flight: _Flight) -> Opened | Failed:
        flight.waiters += 1
        try:
            # Shielded: one caller that gives up does not take the login from the others.
            return await asyncio.shield(flight.task)
        finally:
            flight.waiters -= 1
            if not flight.waiters and not flight.task.done():
                self._forget(key, flight)
                flight.task.cancel()

    def _land(self, key: LoginKey, flight: _Flight) -> None:
        self._forget(key, flight)
        if flight.task.cancelled() or flight.task.exception() is not None:
            return
        answer = flight.task.result()
        if isinstance(answer, Opened) and answer.lease is not None:
            self._keep(key, answer, answer.lease)

    def _forget(self, key: LoginKey, flight: _Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]

    def _keep(self, key: LoginKey, opened: Opened, lease: Lease) -> None:
        earlier = self._kept.get(key)
        if earlier and earlier[1].issued_at > lease.issued_at:
            return  # a login that was overtaken by a fresher one
        self._kept[key] = opened, lease
        heapq.heappush(self._ends, (lease.expires_at, next(self._count), key))
        while len(self._kept) > self._capacity:
            self._drop_next()
        if len(self._ends) > 2 * self._capacity:
            # Logins that were replaced long before they expire; nothing but a storm of rotations makes so many.
            self._ends = [(kept.expires_at, next(self._count), key) for key, (_, kept) in self._kept.items()]
            heapq.heapify(self._ends)

    def _drop_expired(self, now: datetime) -> None:
        while self._ends and self._ends[0][0] <= now:
            self._drop_next()

    def _drop_next(self) -> None:
        """Drop what expires first; a login that was replaced meanwhile is passed over."""
        expires_at, _, key = heapq.heappop(self._ends)
        if key in self._kept and self._kept[key][1].expires_at == expires_at:
            del self._kept[key]


def _meets(lease: Lease, fresh_after: datetime | None, valid_until: datetime | None, now: datetime) -> bool:
    if fresh_after is not None and lease.issued_at < fresh_after:
        return False
    # In whole seconds, as an expiry is kept: what is to be replaced must not seem to outlive itself by a fraction.
    if valid_until is not None and lease.expires_at.replace(microsecond=0) <= valid_until:
        return False
    # Nobody is given credentials that are due for renewal: a third of their life has to be left.
    return lease.expires_at - now > (lease.expires_at - lease.issued_at) / 3
