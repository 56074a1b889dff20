"""The loop of one candidate: waits until it may lead, renews while it does, and gives the lease back.

It does not control the work: it says whether the lease is held, and the process has to exit if it is not.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Protocol

from esc_operator.election import record as records
from esc_operator.election.decision import LOOK_EVERY, Terms, may_take, observe, wait
from esc_operator.election.record import LeaseRecord, parse_lease
from esc_operator.errors import ConflictError, KubeError, NotFoundError
from esc_operator.kube.paths import LEASES, Resource

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from esc_operator.election.decision import LeaseView
    from esc_operator.resources.environment import Key

logger = logging.getLogger(__name__)


class LeaseApi(Protocol):
    """The requests that it makes; every one may raise KubeError."""

    async def read(self, resource: Resource, namespace: str | None, name: str) -> dict[str, Any]: ...

    async def create(self, resource: Resource, namespace: str, body: Mapping[str, Any]) -> dict[str, Any]: ...

    async def patch(self, resource: Resource, namespace: str, name: str, body: Mapping[str, Any]) -> dict[str, Any]: ...


class Elector:
    """`identity` is unique; it differs even from that of this process's predecessor in the same pod.

    `clock` is monotonic, in seconds; `now` is the wall clock, for people who read the lease. `on_held` is called after
    each successful write with the seconds left until the last resort, and with None when the lease was released.
    """

    def __init__(  # noqa: PLR0913 - identity, place, clocks
        self,
        api: LeaseApi,
        place: Key,
        identity: str,
        terms: Terms,
        *,
        clock: Callable[[], float],
        now: Callable[[], datetime],
        on_held: Callable[[float | None], None] = lambda _: None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._api = api
        self.place = place
        """The namespace and name of the Lease."""
        self._identity = identity
        self.terms = terms
        self._clock = clock
        self._now = now
        self._on_held = on_held
        self._pause = pause
        self._seen: LeaseView | None = None
        self._mine: LeaseRecord | None = None
        self._sent_at = -float("inf")
        self._claimed = False
        self._looked_at = self._seen_at = clock()
        self._told_last = ""
        self.trouble = ""
        """Why the last read or renewal failed; "" if it succeeded."""

    @property
    def holds(self) -> bool:
        """Whether this process may work now."""
        return self._mine is not None and self._clock() < self._sent_at + self.terms.deadline

    @property
    def leader(self) -> str:
        """The holder of the lease, as far as is known; "" if it is free."""
        record = self._mine or (self._seen.record if self._seen else None)
        return record.holder if record else ""

    @property
    def note(self) -> str:
        """The note of the previous leaders, as far as is known."""
        record = self._mine or (self._seen.record if self._seen else None)
        return record.note if record else ""

    async def leave_note(self, text: str) -> None:
        """Replace the note for the next leader. Best effort: a failure is only logged."""
        try:
            async with asyncio.timeout(self.terms.patience):
                await self._patch(records.note(text))
        except (KubeError, TimeoutError) as error:
            logger.warning("The note on the lease %s was not written: %s", self.place, _told(error))

    @property
    def can_look(self) -> bool:
        """Whether the lease was read, or found missing, within its duration: otherwise this process would not notice
        that it is free."""
        return self._seen is not None and self.blind_for <= self.terms.duration

    @property
    def blind_for(self) -> float:
        """Seconds since it last saw the lease, or since its start."""
        return self._clock() - self._seen_at

    @property
    def age(self) -> float:
        """Seconds since it last tried to read or renew, successfully or not."""
        return self._clock() - self._looked_at

    async def acquire(self) -> None:
        """Wait until the lease is held."""
        while not self.holds:
            self._looked_at = self._clock()
            try:
                async with asyncio.timeout(self.terms.patience):
                    seen = await self._look()
                if may_take(seen, self._clock()):
                    await self._claim(seen.record)
                    continue
                self._log_leader(seen)
            except (KubeError, TimeoutError) as error:
                self._log_trouble(error)
                await self._pause(LOOK_EVERY)
            else:
                await self._pause(wait(seen, self._clock()))
        logger.info("%s leads: it holds the lease %s", self._identity, self.place)

    async def keep(self) -> str:
        """Renew the lease until it is lost; returns why. The process has to exit then."""
        while True:
            await self._pause(max(self._sent_at + self.terms.renew_every - self._clock(), 0.0))
            while not await self._is_renewed():
                if self.leader != self._identity:
                    return f"{self.leader or 'another process'} has taken or deleted it"
                if not self.holds:
                    return f"it could not be renewed for {self.terms.deadline:.0f} s"
                await self._pause(self.terms.retry_after)

    async def release(self) -> None:
        """Release it, so that the next leader need not wait until it expires. Only after the last write of the work."""
        self._mine = None
        if not self._claimed:
            return
        try:
            async with asyncio.timeout(self.terms.patience):
                # Read first: a renewal or a claim may have succeeded whose answer was not awaited.
                record = await self._read()
                if record is not None and record.holder == self._identity:
                    await self._patch(records.release(record, self._now()))
        except (KubeError, TimeoutError) as error:
            logger.warning("The lease %s was not released: %s", self.place, _told(error))
        else:
            self._on_held(None)

    async def _look(self) -> LeaseView:
        record = await self._read()
        self._seen_at, self.trouble = self._clock(), ""
        self._seen = observe(self._seen, record, self._seen_at, self._identity)
        return self._seen

    async def _claim(self, record: LeaseRecord | None) -> None:
        self._claimed = True
        sent_at, namespace, name = self._clock(), *self.place
        duration = self.terms.duration
        try:
            async with asyncio.timeout(self.terms.patience):
                if record is None:
                    body = records.first_claim(namespace, name, self._identity, self._now(), duration)
                    answer = await self._api.create(LEASES, namespace, body)
                else:
                    answer = await self._patch(records.claim(record, self._identity, self._now(), duration))
        except ConflictError:
            return  # another candidate was faster
        self._hold(parse_lease(answer, duration), sent_at)

    async def _is_renewed(self) -> bool:
        if self._mine is None:
            return False
        self._looked_at = sent_at = self._clock()
        left = self._sent_at + self.terms.deadline - sent_at
        try:
            async with asyncio.timeout(min(self.terms.patience, left)):
                answer = await self._patch(records.renewal(self._mine, self._now()))
        except (ConflictError, NotFoundError):
            await self._look_again()
            return False
        except (KubeError, TimeoutError) as error:
            self._log_trouble(error)
            return False
        self._hold(parse_lease(answer, self.terms.duration), sent_at)
        return self.holds

    async def _look_again(self) -> None:
        """Another process changed the lease, or a renewal succeeded whose answer was lost. Reading it here does not
        renew it: the time at which it was sent is not known."""
        try:
            async with asyncio.timeout(self.terms.patience):
                record = (await self._look()).record
        except (KubeError, TimeoutError) as error:
            self._log_trouble(error)
            return
        self._mine = record if record is not None and record.holder == self._identity else None

    def _hold(self, record: LeaseRecord, sent_at: float) -> None:
        self._told_last = self.trouble = ""
        self._mine, self._sent_at = record, sent_at
        self._on_held(sent_at + self.terms.last_resort - self._clock())

    async def _read(self) -> LeaseRecord | None:
        try:
            return parse_lease(await self._api.read(LEASES, *self.place), self.terms.duration)
        except NotFoundError:
            return None

    async def _patch(self, change: Mapping[str, Any]) -> dict[str, Any]:
        return await self._api.patch(LEASES, *self.place, change)

    def _log_leader(self, seen: LeaseView) -> None:
        holder = seen.record.holder if seen.record else ""
        self._log(logging.INFO, f"{self._identity} stands by: {holder or 'no replica'} holds the lease {self.place}")

    def _log_trouble(self, error: KubeError | TimeoutError) -> None:
        self.trouble = _told(error)
        self._log(logging.WARNING, f"The lease {self.place}: {self.trouble}")

    def _log(self, level: int, news: str) -> None:
        """Log it once, not at each read."""
        if news != self._told_last:
            self._told_last = news
            logger.log(level, news)


def _told(error: KubeError | TimeoutError) -> str:
    return error.message if isinstance(error, KubeError) else "the API server did not answer in time"
