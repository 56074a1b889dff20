"""The way to a provider: a few at once, so many a second, by turns among namespaces, and nobody while what it asks is
out of order.

Concurrency and rate are the provider's, so that no choice of inputs gets around them. What a call meets is held against
whom it asked, in the name of the namespace that asked (`Services`): whoever writes an environment chooses roles,
regions and tenants, and so which service is in trouble, which is nobody else's.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from esc_operator.driver.breaker import FIRST_PAUSE, LONGEST_ASKED, Permit
from esc_operator.driver.places import Pace, Places
from esc_operator.driver.rate import TokenBucket
from esc_operator.driver.services import Place, Services
from esc_operator.errors import ProviderError
from esc_operator.evaluation import Failed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from esc_operator.driver.services import Service

T = TypeVar("T")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one provider: calls under way, calls a second in the long run, calls at once after a rest."""

    at_once: int
    rate: float
    burst: int


class Gate:
    """The gate of one provider. `on_recovery` is called when a service answers again: with the namespace that had left
    it alone, or None where all had."""

    def __init__(
        self,
        provider: str,
        limits: Limits,
        *,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[object]],
        on_recovery: Callable[[str | None], None],
    ) -> None:
        self.now = now
        self.on_recovery = on_recovery
        self.provider = provider
        self.services = Services()
        self.places = Places(limits.at_once, Pace(TokenBucket(limits.rate, limits.burst), now, sleep))

    @property
    def out_of_order(self) -> int:
        """How many endpoints are left alone, or asked once in a while, by whomever."""
        return len(self.services.out_of_order())

    def call(self, place: Place, deadline: datetime | None = None) -> Call:
        """`deadline`: when what is to be renewed expires; None for what is new."""
        return Call(self, place, deadline)


class Call:
    """One call on its way through a gate: a context around it, which is then told what came of it."""

    def __init__(self, gate: Gate, place: Place, deadline: datetime | None) -> None:
        self._gate = gate
        self._place = place
        self._deadline = deadline
        self._of_endpoint, self._of_account = gate.services.of(place)
        self._permits: tuple[tuple[Service, Permit], ...] = ()
        self._finds_out = False

    async def __aenter__(self) -> None:
        """Wait for a turn. Raises ProviderError at once where the service is left alone."""
        self._refuse_paused()
        places, tenant = self._gate.places, self._place.tenant
        await places.enter(tenant, self._deadline)
        try:
            self._admit()
        except BaseException:
            places.leave(tenant, unused=True)
            raise

    async def __aexit__(self, *_: object) -> None:
        self._gate.places.leave(self._place.tenant)

    def end(self, outcome: T | Failed) -> T | Failed:
        """Take note of what came of it; a failure is told how long the service is now left alone."""
        if not self._permits:
            return outcome  # it never got as far as a call
        if not isinstance(outcome, Failed):
            self._succeed()
            return outcome
        if not outcome.outage:
            self.abandon()
            return outcome
        return self._fail(outcome)

    def abandon(self) -> None:
        """Nobody waits for it any more, or it says nothing about the service."""
        for service, permit in self._permits:
            service.breaker.gave_up(permit)

    @property
    def _name(self) -> str:
        endpoint = self._place.endpoint
        return f'the provider "{self._gate.provider}"' + (f" ({endpoint})" if endpoint else "")

    def _refuse_paused(self) -> None:
        now = self._gate.now()
        for service in (self._of_endpoint, self._of_account):
            if service.breaker.blocks(now, self._deadline):
                until = service.breaker.paused_until(now, self._deadline)
                raise self._paused(service.trouble, until, now, service.account)
        everybodys = self._gate.services.at(self._place.endpoint)
        if everybodys and (until := everybodys.paused_until(self._place.tenant, now, self._deadline)):
            everybodys.defer(self._place.tenant)
            raise self._paused(everybodys.trouble, until, now, None)

    def _admit(self) -> None:
        self._refuse_paused()
        now = self._gate.now()
        permits = [(one, one.breaker.admit(now, self._deadline)) for one in (self._of_endpoint, self._of_account)]
        self._permits = tuple((service, permit) for service, permit in permits if permit is not None)
        if everybodys := self._gate.services.at(self._place.endpoint):
            self._finds_out = everybodys.admit(self._place.tenant, now)

    def _succeed(self) -> None:
        recovered = [service.breaker.succeeded() for service, _ in self._permits]
        if self._gate.services.served(self._place.endpoint):
            _log.info("%s answers again.", self._name)
            self._gate.on_recovery(None)
        elif any(recovered):
            _log.info("%s answers again%s.", self._name, self._whom)
            self._gate.on_recovery(self._place.tenant)

    def _fail(self, outcome: Failed) -> Failed:
        now, tenant = self._gate.now(), self._place.tenant
        throttled = outcome.throttled
        # A plug-in may be anybody's: in this order, even what is no number is none.
        asked = timedelta(seconds=min(max(0.0, outcome.retry_after or 0.0), LONGEST_ASKED.total_seconds()))
        for service, permit in self._permits:
            if throttled != (service.account is not None):
                service.breaker.gave_up(permit)
                continue
            was_open, service.trouble = service.breaker.is_open, outcome.reason
            service.breaker.failed(permit, now, asked)
            if service.breaker.is_open and not was_open:
                _log.info("%s is left alone for a while%s (%s).", self._name, self._whom, outcome.reason)
        everybodys = self._gate.services.complain(self._place.endpoint)
        account = self._place.account if throttled else ""
        if everybodys.failed(tenant, now, outcome.reason, account=account, probe=self._finds_out):
            _log.warning("%s is out of order (%s) and left alone by all for a while.", self._name, outcome.reason)
        pauses = [one.breaker.paused_until(now, self._deadline) for one in (self._of_endpoint, self._of_account)]
        pauses.append(everybodys.paused_until(tenant, now, self._deadline))
        until = max((pause for pause in pauses if pause is not None), default=None)
        return outcome._replace(retry_after=(until - now).total_seconds() if until else None)

    @property
    def _whom(self) -> str:
        """Logs do not name the account, which may come from a secret; an endpoint never does."""
        return f", for namespace {self._place.tenant}" if self._place.tenant else ""

    def _paused(self, trouble: str, until: datetime | None, now: datetime, account: str | None) -> ProviderError:
        """The error for whoever asks while a service is left alone. It tells nothing of who met the outage."""
        if until is None:
            when, wait = "until one call has found out whether it is back", FIRST_PAUSE
        else:
            when, wait = f"until {_clock(until)}", until - now
        whom = f"{self._name}, asked for {account}," if account else self._name
        why = "its last calls were not served" if account is None else "it limits the rate of calls"
        return ProviderError(
            f"{whom} is left alone {when}, because {why}; this is tried again as soon as it answers",
            reason=trouble,  # of what was met last: the reason of a condition stays the same through an outage
            retry_after=wait.total_seconds(),
            outage=True,
        )


def _clock(time: datetime) -> str:
    """To the second, up: before then nothing is asked."""
    up = time if time.microsecond == 0 else time.replace(microsecond=0) + timedelta(seconds=1)
    return up.strftime("%Y-%m-%dT%H:%M:%SZ")
