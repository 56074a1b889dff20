"""The way to a provider: a few at once, so many a second, and nobody while what it asks is out of order.

Concurrency and rate are the provider's, so that no choice of inputs gets around them. Outages are told apart by the
service that answers (its endpoint): whoever writes an environment chooses the region, and a region that does not exist
looks like one that is down, which must not be held against the others.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from esc_operator.driver.breaker import FIRST_PAUSE, LONGEST_ASKED, Breaker, Passage
from esc_operator.driver.line import Line
from esc_operator.driver.outages import OUTAGES
from esc_operator.driver.rate import TokenBucket
from esc_operator.errors import ProviderError
from esc_operator.evaluation import Failed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

T = TypeVar("T")

MOST_SERVICES = 256
"""So many endpoints of a provider are remembered. Their number is not for writers of environments to choose."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one provider: calls under way, calls a second in the long run, calls at once after a rest."""

    at_once: int
    rate: float
    burst: int


@dataclass(slots=True)
class Service:
    """What answers at one endpoint of a provider. `trouble` is the reason of its last outage."""

    name: str
    breaker: Breaker
    trouble: str = ""


class Gate:
    """The gate of one provider. `on_recovery` is called when a service answers again after an outage."""

    def __init__(
        self,
        provider: str,
        limits: Limits,
        *,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[object]],
        on_recovery: Callable[[], None],
    ) -> None:
        self.now = now
        self.on_recovery = on_recovery
        self._provider = provider
        self._sleep = sleep
        self._turns = Line(limits.at_once)
        self._bucket = TokenBucket(limits.rate, limits.burst)
        self._services: dict[str, Service] = {}

    @property
    def out_of_order(self) -> int:
        """How many services are left alone, or asked once in a while."""
        return sum(service.breaker.is_open for service in self._services.values())

    def visit(self, endpoint: str, deadline: datetime | None = None) -> Visit:
        """`deadline`: when what is to be renewed expires; None for what is new."""
        service = self._services.pop(endpoint, None)
        if service is None:
            name = f'the provider "{self._provider}"' + (f" ({endpoint})" if endpoint else "")
            service = Service(name, Breaker())
        self._services[endpoint] = service
        if len(self._services) > MOST_SERVICES:
            del self._services[next(iter(self._services))]  # the one that was not asked for the longest time
        return Visit(self, service, deadline)

    async def enter(self, service: Service, deadline: datetime | None) -> Passage:
        """Wait for a turn and a token. Raises ProviderError at once where the service is left alone."""
        self._refuse_paused(service, deadline)
        await self._turns.enter(deadline)
        try:
            return await self._admit(service, deadline)
        except BaseException:
            self._turns.leave()
            raise

    def leave(self) -> None:
        self._turns.leave()

    async def _admit(self, service: Service, deadline: datetime | None) -> Passage:
        self._refuse_paused(service, deadline)
        if wait := self._bucket.reserve(self.now()):
            await self._sleep(wait.total_seconds())
        passage = service.breaker.admit(self.now(), deadline)
        if passage is None:
            raise paused(service, self.now(), deadline)
        return passage

    def _refuse_paused(self, service: Service, deadline: datetime | None) -> None:
        if service.breaker.blocks(self.now(), deadline):
            raise paused(service, self.now(), deadline)


class Visit:
    """One call on its way through a gate: a context around it, which is then told what came of it."""

    def __init__(self, gate: Gate, service: Service, deadline: datetime | None) -> None:
        self._gate = gate
        self._service = service
        self._deadline = deadline
        self._passage: Passage | None = None

    async def __aenter__(self) -> None:
        self._passage = await self._gate.enter(self._service, self._deadline)

    async def __aexit__(self, *_: object) -> None:
        self._gate.leave()

    def end(self, outcome: T | Failed) -> T | Failed:
        """Take note of what came of it; a failure is told how long the service is now left alone."""
        if self._passage is None:
            return outcome  # it never got as far as a call
        if not isinstance(outcome, Failed):
            self._succeed()
            return outcome
        if outcome.reason not in OUTAGES:
            self._service.breaker.gave_up(self._passage)
            return outcome
        return self._fail(self._passage, outcome)

    def abandon(self) -> None:
        """Nobody waits for it any more."""
        if self._passage is not None:
            self._service.breaker.gave_up(self._passage)

    def _succeed(self) -> None:
        if self._service.breaker.succeeded():
            _log.info("%s answers again.", self._service.name)
            self._gate.on_recovery()

    def _fail(self, passage: Passage, outcome: Failed) -> Failed:
        service, now = self._service, self._gate.now()
        # A plug-in may be anybody's: in this order, even what is no number is none.
        asked = timedelta(seconds=min(max(0.0, outcome.retry_after or 0.0), LONGEST_ASKED.total_seconds()))
        was_open, service.trouble = service.breaker.is_open, outcome.reason
        service.breaker.failed(passage, now, asked)
        if service.breaker.is_open and not was_open:
            _log.warning("%s is out of order (%s) and left alone for a while.", service.name, outcome.reason)
        until = service.breaker.paused_until(now, self._deadline)
        return outcome._replace(retry_after=(until - now).total_seconds() if until else None)


def paused(service: Service, now: datetime, deadline: datetime | None) -> ProviderError:
    """The error for whoever asks while a service is left alone. It tells nothing of who met the outage."""
    until = service.breaker.paused_until(now, deadline)
    if until is None:
        when, wait = "until one call has found out whether it is back", FIRST_PAUSE
    else:
        when, wait = f"until {_clock(until)}", until - now
    return ProviderError(
        f"{service.name} is left alone {when}, because its last calls were not served; this is tried again as soon as"
        " it answers",
        reason=service.trouble,
        retry_after=wait.total_seconds(),
    )


def _clock(time: datetime) -> str:
    """To the second, up: before then nothing is asked."""
    up = time if time.microsecond == 0 else time.replace(microsecond=0) + timedelta(seconds=1)
    return up.strftime("%Y-%m-%dT%H:%M:%SZ")
