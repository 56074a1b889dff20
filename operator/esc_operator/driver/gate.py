"""Admits calls to a provider: limited in number and rate, by turns among namespaces, and none while the service is out
of order.

Concurrency and rate are limited for the whole provider, so that no choice of inputs evades the limits. A failure counts
against the called service, for the calling namespace only (`Services`): the author of an environment chooses roles,
regions and tenants, and so the service that fails, and must not affect other namespaces.
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
    """The limits of one provider: concurrent calls, sustained calls a second, calls in a burst after idle time."""

    at_once: int
    rate: float
    burst: int


class Gate:
    """The gate of one provider. `on_recovery` is called when a service answers again: with the namespace whose calls
    were paused, or None if all were."""

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
        """How many endpoints are paused for at least one namespace."""
        return len(self.services.out_of_order())

    def call(self, place: Place, deadline: datetime | None = None) -> Call:
        """`deadline`: when the credentials to renew expire; None for new ones."""
        return Call(self, place, deadline)


class Call:
    """One call through a gate: a context around it; `end` reports its result."""

    def __init__(self, gate: Gate, place: Place, deadline: datetime | None) -> None:
        self._gate = gate
        self._place = place
        self._deadline = deadline
        self._of_endpoint, self._of_account = gate.services.of(place)
        self._permits: tuple[tuple[Service, Permit], ...] = ()
        self._finds_out = False

    async def __aenter__(self) -> None:
        """Wait for a turn. Raises ProviderError at once while the service is paused."""
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
        """Record the result; a failure gets the time at which the pause ends."""
        if not self._permits:
            return outcome  # the call was not made
        if not isinstance(outcome, Failed):
            self._succeed()
            return outcome
        if not outcome.outage:
            self.abandon()
            return outcome
        return self._fail(outcome)

    def abandon(self) -> None:
        """Its caller has given up, or its result says nothing about the service."""
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
            _log.info("%s answers again%s.", self._name, self._for_tenant)
            self._gate.on_recovery(self._place.tenant)

    def _fail(self, outcome: Failed) -> Failed:
        now, tenant = self._gate.now(), self._place.tenant
        throttled = outcome.throttled
        # A plug-in may come from anyone: in this order, a NaN counts as zero.
        asked = timedelta(seconds=min(max(0.0, outcome.retry_after or 0.0), LONGEST_ASKED.total_seconds()))
        for service, permit in self._permits:
            if throttled != (service.account is not None):
                service.breaker.gave_up(permit)
                continue
            was_open, service.trouble = service.breaker.is_open, outcome.reason
            service.breaker.failed(permit, now, asked)
            if service.breaker.is_open and not was_open:
                _log.info("%s is out of order%s (%s): pausing its calls.", self._name, self._for_tenant, outcome.reason)
        everybodys = self._gate.services.complain(self._place.endpoint)
        account = self._place.account if throttled else ""
        if everybodys.failed(tenant, now, outcome.reason, account=account, probe=self._finds_out):
            _log.warning("%s is out of order (%s): pausing the calls of all namespaces.", self._name, outcome.reason)
        pauses = [one.breaker.paused_until(now, self._deadline) for one in (self._of_endpoint, self._of_account)]
        pauses.append(everybodys.paused_until(tenant, now, self._deadline))
        until = max((pause for pause in pauses if pause is not None), default=None)
        return outcome._replace(retry_after=(until - now).total_seconds() if until else None)

    @property
    def _for_tenant(self) -> str:
        """The log does not name the account, which may come from a secret; an endpoint never does."""
        return f", for namespace {self._place.tenant}" if self._place.tenant else ""

    def _paused(self, trouble: str, until: datetime | None, now: datetime, account: str | None) -> ProviderError:
        """The error for a call while the service is paused. It does not show which namespace met the outage."""
        if until is None:
            when, wait = "until one call has found out whether it is back", FIRST_PAUSE
        else:
            when, wait = f"until {_clock(until)}", until - now
        target = f"{self._name}, for {account}," if account else self._name
        why = "its last calls failed" if account is None else "it limits the rate of calls"
        return ProviderError(
            f"{target} is paused {when}, because {why}; this is tried again as soon as it answers",
            reason=trouble,  # of the last failure: the reason of a condition stays the same through an outage
            retry_after=wait.total_seconds(),
            outage=True,
        )


def _clock(time: datetime) -> str:
    """To the second, rounded up: no call is made before then."""
    up = time if time.microsecond == 0 else time.replace(microsecond=0) + timedelta(seconds=1)
    return up.strftime("%Y-%m-%dT%H:%M:%SZ")
