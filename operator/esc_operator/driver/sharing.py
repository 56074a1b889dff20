"""Shared logins: environments with the same inputs of a provider, and the same identity, get one answer.

Answers are cached in memory only, and only until they expire. An answer is reused while it meets the caller's `Demand`;
one that ends too early is renewed, if its provider can, before there is a new login. A caller that comes while the same
login is running waits for it. Failures are never cached. Identities never share: the key holds the subject, so one
`SharedLogins` serves the identities of one issuer.

When the cache is full, the namespace with the most answers loses one: no namespace can make another one log in again.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from esc_operator.driver.shelf import LoginKey, Shelf
from esc_operator.evaluation import Failed, Opened
from esc_operator.providers import reasons

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from esc_operator.evaluation import Lease

MOST_LOGINS = 1024
"""How many answers are cached, for all namespaces together."""

MOST_UNDER_WAY = 1024
"""How many logins of one namespace may run, or wait for their turn."""

_DIGEST_KEY = os.urandom(16)


@dataclass(frozen=True, slots=True)
class Demand:
    """A caller's requirements for credentials.

    `fresh_after`: issued then or later, after the request of a rotation; a time in the future counts as now.
    `valid_until`: valid for longer than that, so that a renewal never gets the credentials that it should replace.
    """

    fresh_after: datetime | None = None
    valid_until: datetime | None = None


ANY_AGE = Demand()
"""No demand: any credentials that are not due for renewal."""


def login_key(provider: str, subject: str, inputs: Mapping[str, Any], *, tenant: str = "") -> LoginKey:
    # Inputs may hold secrets: the digest is keyed, so that it reveals nothing outside of this process.
    canonical = json.dumps(inputs, sort_keys=True, separators=(",", ":"), default=str)
    digest = hashlib.blake2b(canonical.encode(), key=_DIGEST_KEY, digest_size=20).hexdigest()
    return LoginKey(provider, subject, digest, tenant)


LogIn = Callable[[], Coroutine[Any, Any, Opened | Failed]]
"""Opens anew."""

Renew = Callable[[Opened], Coroutine[Any, Any, Opened | Failed | None]]
"""The same values with a later lease; None if only new ones help."""


class _Flight:
    """A running login, and how many callers wait for it. `renews`: its values may be older than it is."""

    def __init__(self, task: asyncio.Task[Opened | Failed], started_at: datetime, *, renews: bool) -> None:
        self.task = task
        self.started_at = started_at
        self.renews = renews
        self.waiters = 0


class SharedLogins:
    """The logins of a process; `capacity` limits how many are cached, of which a large one counts as several,
    `under_way` how many of a namespace wait."""

    def __init__(
        self, now: Callable[[], datetime], *, capacity: int = MOST_LOGINS, under_way: int = MOST_UNDER_WAY
    ) -> None:
        self._now = now
        self._capacity = capacity
        self._under_way = under_way
        self._shelves: dict[str, Shelf] = {}
        self._weight_kept = 0
        self._flights: dict[LoginKey, _Flight] = {}
        self._flying: Counter[str] = Counter()
        self._renounced_at: datetime | None = None

    def __repr__(self) -> str:
        kept = sum(len(shelf.kept) for shelf in self._shelves.values())
        return f"SharedLogins({kept} kept, {self._flying.total()} under way)"

    def renounce(self) -> None:
        """From now on no caller gets a login that started earlier: a rotation has started, and an environment that is
        evaluated a moment later must not get the old credentials."""
        self._renounced_at = self._now()
        self._shelves.clear()
        self._weight_kept = 0
        self._flights.clear()  # callers that wait for one start again

    def _is_renounced(self, flight: _Flight) -> bool:
        return self._renounced_at is not None and flight.started_at < self._renounced_at

    def forget(self, key: LoginKey, inputs: Mapping[str, Any]) -> None:
        """No caller gets the login again that these inputs have the outputs of: its service no longer knows it."""
        shelf = self._shelves.get(key.tenant)
        if shelf is not None:
            with self._counting(key.tenant, shelf):
                shelf.drop_logins_in(inputs, key.subject)

    def discard(self, key: LoginKey) -> bool:
        """No caller gets the cached answer any more; whether there was one."""
        shelf = self._shelves.get(key.tenant)
        if shelf is None:
            return False
        with self._counting(key.tenant, shelf):
            return shelf.drop(key)

    async def open(self, key: LoginKey, demand: Demand, log_in: LogIn, renew: Renew | None = None) -> Opened | Failed:
        """A cached or running answer if it meets the demand, else a cached one that `renew` makes meet it, else the
        answer of `log_in`."""
        while True:
            flight = self._kept_or_under_way(key, demand, log_in, renew)
            if isinstance(flight, Opened | Failed):
                return flight
            answer = await self._join(key, flight)
            if isinstance(answer, Failed) or not (self._is_renounced(flight) or _is_older(answer, flight, demand)):
                return answer

    def _kept_or_under_way(
        self, key: LoginKey, demand: Demand, log_in: LogIn, renew: Renew | None
    ) -> Opened | Failed | _Flight:
        now = self._now()
        fresh_after = min(demand.fresh_after, now) if demand.fresh_after else None
        kept = self._find(key, now)
        if kept and _meets(kept[1], fresh_after, demand.valid_until, now):
            return kept[0]
        flight = self._flights.get(key)
        if flight is None or (fresh_after is not None and flight.started_at < fresh_after):
            if self._flying[key.tenant] >= self._under_way:
                return _too_many(key, self._under_way)
            if kept and renew is not None and fresh_after is None and kept[0].renewal is not None:
                renewed = self._renewed_or_new(renew(kept[0]), demand, log_in)
                flight = self._start(key, renewed, now, renews=True)
            else:
                flight = self._start(key, log_in(), now, renews=False)
        return flight

    async def _renewed_or_new(
        self, renewing: Coroutine[Any, Any, Opened | Failed | None], demand: Demand, log_in: LogIn
    ) -> Opened | Failed:
        answer = await renewing
        if isinstance(answer, Failed):
            return answer  # an outage: a new login would meet it as well, and the values can still be renewed
        if answer is not None and (answer.lease is None or _meets(answer.lease, None, demand.valid_until, self._now())):
            return answer
        return await log_in()

    def _find(self, key: LoginKey, now: datetime) -> tuple[Opened, Lease] | None:
        shelf = self._shelves.get(key.tenant)
        if shelf is None:
            return None
        with self._counting(key.tenant, shelf):
            shelf.drop_expired(now)
        return shelf.kept.get(key)

    def _start(
        self, key: LoginKey, login: Coroutine[Any, Any, Opened | Failed], now: datetime, *, renews: bool
    ) -> _Flight:
        flight = _Flight(asyncio.create_task(login, name=f"login-{key.provider}"), now, renews=renews)
        flight.task.add_done_callback(lambda _: self._land(key, flight))
        self._flights[key] = flight
        self._flying[key.tenant] += 1
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
        self._flying[key.tenant] -= 1
        if not self._flying[key.tenant]:
            del self._flying[key.tenant]
        self._forget(key, flight)
        if flight.task.cancelled() or flight.task.exception() is not None:
            return
        answer = flight.task.result()
        if isinstance(answer, Opened) and answer.lease is not None and not self._is_renounced(flight):
            self._keep(key, answer, answer.lease)

    def _forget(self, key: LoginKey, flight: _Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]

    def _keep(self, key: LoginKey, opened: Opened, lease: Lease) -> None:
        shelf = self._shelves.setdefault(key.tenant, Shelf())
        with self._counting(key.tenant, shelf):
            shelf.keep(key, opened, lease)
        if self._weight_kept > self._capacity:
            self._make_room()

    def _make_room(self) -> None:
        now = self._now()
        for tenant, shelf in list(self._shelves.items()):
            with self._counting(tenant, shelf):
                shelf.drop_expired(now)
        while self._weight_kept > self._capacity:
            tenant, fullest = max(self._shelves.items(), key=lambda one: one[1].weight)
            with self._counting(tenant, fullest):
                fullest.drop_first()

    @contextlib.contextmanager
    def _counting(self, tenant: str, shelf: Shelf) -> Iterator[None]:
        before = shelf.weight
        yield
        self._weight_kept += shelf.weight - before
        if not shelf.kept:
            del self._shelves[tenant]


def _too_many(key: LoginKey, most: int) -> Failed:
    whose = f"namespace {key.tenant}" if key.tenant else "this process"
    return Failed(
        f'the provider "{key.provider}" was not called: {whose} already waits for {most} logins, the maximum;'
        " open fewer, or share them (calls with equal inputs are made once); this is tried again later",
        reasons.NO_TURN,
    )


def _is_older(answer: Opened, flight: _Flight, demand: Demand) -> bool:
    """Whether a login that was joined has renewed values that are older than the caller wants."""
    if not flight.renews or demand.fresh_after is None or answer.lease is None:
        return False
    return _made_at(answer.lease) < demand.fresh_after


def _made_at(lease: Lease) -> datetime:
    return lease.made_at or lease.issued_at


def _meets(lease: Lease, fresh_after: datetime | None, valid_until: datetime | None, now: datetime) -> bool:
    if fresh_after is not None and _made_at(lease) < fresh_after:
        return False
    # In whole seconds, as expiries are stored: credentials must not seem to outlive themselves by a fraction.
    if valid_until is not None and lease.expires_at.replace(microsecond=0) <= valid_until:
        return False
    # No caller gets credentials that are due for renewal: a third of their life has to be left.
    return lease.expires_at - now > (lease.expires_at - lease.issued_at) / 3
