"""Opens providers and rotators: with a context, within a time limit, through their gate; every failure is an answer.

One opener serves all evaluations of a process. It lets no exception of a provider through: an EscError becomes a
`Failed` with its message, anything else a `Failed` that names only the type, since its text may hold a secret.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from esc_operator.driver.call_report import CallReport
from esc_operator.driver.catalogue import Catalogue
from esc_operator.driver.context import Context
from esc_operator.driver.gate import Gate, Limits
from esc_operator.driver.grants import granted
from esc_operator.driver.host_connections import HostConnections
from esc_operator.driver.loading import failed
from esc_operator.driver.no_answer import crashed, no_turn, timed_out
from esc_operator.driver.services import Place
from esc_operator.driver.sharing import Demand, SharedLogins, login_key
from esc_operator.driver.slices import LargeWork
from esc_operator.errors import EscError, ProviderError
from esc_operator.evaluation import UNKNOWN_LOGIN, Failed, Opened, Rotated
from esc_operator.providers.port import (
    Attributed,
    Intends,
    Located,
    LogsIn,
    Paced,
    Renews,
    RotatedInService,
    Timed,
    Warmable,
)
from esc_operator.telemetry import SILENT, Telemetry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from esc_operator.driver.gate import Call
    from esc_operator.driver.grants import Grant
    from esc_operator.driver.networks import Fence
    from esc_operator.driver.pool import BlockingPool
    from esc_operator.evaluation import Login
    from esc_operator.providers.port import Identity, OpenContext, Provider, Rotator, Service, SharedExchange
    from esc_operator.providers.registry import Registry

T = TypeVar("T")
P = TypeVar("P", "Provider", "Rotator", "Service")

OPEN_TIMEOUT = timedelta(seconds=60)
"""How long one open may take, including the wait for its turn. An SDK's own timeouts are shorter."""

OPEN_AT_ONCE = 32
"""How many opens of one provider run at a time: a hundred a second of a service that takes 300 ms."""

MODEST_RATE = 20.0
"""Opens a second of a provider that does not declare the rate of its service."""

PROMPT_REPEATS = (0.5, 1.5)
"""Seconds after which a process that opens one environment repeats a call that met an outage: it has no later attempt.
"""

LONGEST_REPEAT = 5.0
"""Seconds. A user at a terminal gets the error rather than a longer wait."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, repr=False)
class _Asked:
    """A call: the plug-in, its inputs, the identity, and by when the result is needed."""

    name: str
    inputs: Mapping[str, Any]
    identity: Identity
    needed_by: datetime | None = None


@dataclass(kw_only=True, repr=False)
class Opener:
    """`timeout` limits each open, `at_once` how many of one provider run. Belongs to one event loop.

    `rate` limits how many of one provider start a second, with bursts of twice as many after idle time; None: each
    provider's own rate. `repeats`: pauses, in seconds, after which an open that met an outage is repeated; empty if
    the caller retries. `settings` is a snapshot of the environment variables. `fence` limits the hosts that a
    namespace's environments may connect to; None: no limit, as at a terminal, where the network is the user's own.
    """

    pool: BlockingPool
    logins: SharedLogins
    settings: Mapping[str, str]
    now: Callable[[], datetime]
    catalogue: Catalogue = field(default_factory=Catalogue)
    timeout: timedelta = OPEN_TIMEOUT
    at_once: int = OPEN_AT_ONCE
    rate: float | None = math.inf
    repeats: Sequence[float] = ()
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    telemetry: Telemetry = SILENT
    fence: Callable[[str], Fence | None] = lambda _: None
    large_work: LargeWork = field(default_factory=LargeWork)
    connections: HostConnections = field(default_factory=HostConnections)
    _gates: dict[str, Gate] = field(default_factory=dict, init=False)
    # A plain default would become a method of the class, and be called with the opener.
    _on_recovery: Callable[[float, str | None], None] = field(default_factory=lambda: _nobody_listens, init=False)

    def listen(self, on_recovery: Callable[[float, str | None], None]) -> None:
        """Call back when a paused service answers again: with its limit of calls a second, and the namespace that was
        paused, None if all were."""
        self._on_recovery = on_recovery

    async def open(self, name: str, inputs: Mapping[str, Any], identity: Identity, demand: Demand) -> Opened | Failed:
        """Open a provider, or share what another environment opened as the same identity, renewed if need be."""
        key = login_key(name, identity.subject, inputs, tenant=identity.tenant)
        asked = _Asked(name, inputs, identity, demand.valid_until)

        async def open_provider(provider: Provider, context: OpenContext) -> Opened:
            try:
                opened = _checked(Opened, await provider.open(inputs, context))
            except ProviderError as error:
                if error.login_refused:
                    self.logins.forget(key, inputs)
                raise
            if isinstance(provider, Timed) and (skew := provider.clock_skew) is not None:
                self.telemetry.meter.skewed(name, skew.total_seconds())
            return granted(opened._replace(login=_login_of(provider, inputs)), provider, key, inputs, identity)

        async def open_once() -> Opened | Failed:
            return await self._guard(asked, self.catalogue.providers, open_provider)

        async def renew(earlier: Opened) -> Opened | Failed | None:
            async def renew_provider(provider: Provider, context: OpenContext) -> Opened | None:
                renewed = await provider.renew(inputs, earlier, context) if isinstance(provider, Renews) else None
                return granted(_checked(Opened, renewed), provider, key, inputs, identity) if renewed else None

            return await self._guard(asked, self.catalogue.providers, renew_provider, mints=False)

        return await self.logins.open(key, demand, lambda: self._repeated(open_once), renew)

    async def revoke(self, grant: Grant) -> Failed | None:
        """End what was opened, as far as its service allows it; None if that was done."""

        async def revoke_provider(provider: Provider, context: OpenContext) -> None:
            if isinstance(provider, Renews):
                await provider.revoke(grant.inputs, grant.opened, context)

        asked = _Asked(grant.key.provider, grant.inputs, grant.identity)
        return await self._guard(asked, self.catalogue.providers, revoke_provider, mints=False)

    async def open_service(
        self,
        name: str,
        inputs: Mapping[str, Any],
        identity: Identity,
        demand: Demand,
        tokens_after: datetime | None = None,
    ) -> Opened | Failed:
        """Open an environment that a service holds, or share what was opened for another one as the same identity.
        Access tokens that were issued before `tokens_after` are not used."""
        shared = self._sharing(name, identity, tokens_after)

        async def open_environment(service: Service, context: OpenContext) -> Opened:
            opened = _checked(Opened, await service.open(inputs, context, shared))
            return opened._replace(login=_login_of(service, inputs))

        async def open_once() -> Opened | Failed:
            asked = _Asked(name, inputs, identity, demand.valid_until)
            return await self._guard(asked, self.catalogue.services, open_environment)

        key = login_key(name, identity.subject, inputs, tenant=identity.tenant)
        return await self.logins.open(key, demand, lambda: self._repeated(open_once))

    async def rotate_service(
        self, name: str, inputs: Mapping[str, Any], identity: Identity, tokens_after: datetime | None
    ) -> RotatedInService | Failed:
        """Rotate all rotators of an environment that a service holds; `tokens_after` as in `open_service`."""
        shared = self._sharing(name, identity, tokens_after)

        async def rotate(service: Service, context: OpenContext) -> RotatedInService:
            return _checked(RotatedInService, await service.rotate(inputs, context, shared))

        return await self._guard(_Asked(name, inputs, identity), self.catalogue.services, rotate)

    async def rotations_of_service(
        self, name: str, inputs: Mapping[str, Any], identity: Identity, tokens_after: datetime | None
    ) -> Sequence[RotatedInService] | Failed:
        """The rotations of such an environment so far, the newest first; `tokens_after` as in `open_service`."""
        shared = self._sharing(name, identity, tokens_after)

        async def read(service: Service, context: OpenContext) -> Sequence[RotatedInService]:
            return await service.rotations(inputs, context, shared)

        return await self._guard(_Asked(name, inputs, identity), self.catalogue.services, read)

    def _sharing(self, name: str, identity: Identity, tokens_after: datetime | None) -> SharedExchange:
        """Shares the access tokens of a service among all calls as that identity."""

        async def shared(
            target: Mapping[str, Any], exchange: Callable[[], Awaitable[Opened]], issued_after: datetime | None = None
        ) -> Any:
            async def make() -> Opened | Failed:
                return await exchange()

            key = login_key(f"{name} token", identity.subject, target, tenant=identity.tenant)
            fresh_after = max(filter(None, (issued_after, tokens_after)), default=None)
            answer = await self.logins.open(key, Demand(fresh_after=fresh_after), make)
            if isinstance(answer, Failed):
                raise ProviderError(answer.message, reason=answer.reason, retry_after=answer.retry_after)
            return answer.value

        return shared

    async def open_rotator(
        self, name: str, inputs: Mapping[str, Any], state: Mapping[str, Any] | None, identity: Identity
    ) -> Opened | Failed:
        """The outputs of a rotator's state; never shared, since the state is the environment's own."""

        async def open_state(rotator: Rotator, context: OpenContext) -> Opened:
            opened = _checked(Opened, await rotator.open(inputs, state, context))
            return opened._replace(login=_login_of(rotator, inputs))

        return await self._guard(_Asked(name, inputs, identity), self.catalogue.rotators, open_state)

    async def rotate(
        self, name: str, inputs: Mapping[str, Any], state: Mapping[str, Any] | None, identity: Identity
    ) -> Rotated | Failed:
        async def rotate_state(rotator: Rotator, context: OpenContext) -> Rotated:
            return _checked(Rotated, await rotator.rotate(inputs, state, context))

        return await self._guard(_Asked(name, inputs, identity), self.catalogue.rotators, rotate_state)

    def intend(self, name: str, inputs: Mapping[str, Any], state: Mapping[str, Any] | None) -> Any | Failed:
        """The state to store before `rotate`, which gets it; `state` itself if there is nothing to store."""
        try:
            rotator = self.catalogue.rotators.find(name)
            return rotator.intend(inputs, state) if isinstance(rotator, Intends) else state
        except EscError as error:
            return failed(error)
        except Exception as error:  # noqa: BLE001 - a rotator's bug must not become the operator's
            return crashed(name, error)

    def login(self, name: str, plugins: Registry[Any], inputs: Mapping[str, Any]) -> Login | Failed | None:
        """The login of a plug-in; None if it presents no identity, UNKNOWN_LOGIN if it does not report it."""
        try:
            plugin = plugins.find(name)
            return _login_of(plugin, inputs)
        except EscError as error:
            return failed(error)
        except Exception as error:  # noqa: BLE001 - a provider's bug must not become the operator's
            return crashed(name, error)

    async def _repeated(self, open_once: Callable[[], Awaitable[Opened | Failed]]) -> Opened | Failed:
        for pause in self.repeats:
            outcome = await open_once()
            if not isinstance(outcome, Failed) or not outcome.outage:
                return outcome
            wait = max(pause, outcome.retry_after or 0.0)
            if wait > LONGEST_REPEAT:
                return outcome
            await self.sleep(wait)
        return await open_once()

    async def warm(self, names: Iterable[str]) -> None:
        """Let providers do slow preparations. A failure is reported by the first use, not here."""
        await asyncio.gather(*(self._warm(name) for name in names), return_exceptions=True)

    async def _warm(self, name: str) -> None:
        provider = self.catalogue.providers.find(name)
        if isinstance(provider, Warmable):
            await self.pool.run(lambda: provider.warm(self.settings), lane=name, tenant="")

    async def _guard(
        self,
        asked: _Asked,
        plugins: Registry[P],
        call: Callable[[P, OpenContext], Awaitable[T]],
        *,
        mints: bool = True,
    ) -> T | Failed:
        """`mints`: whether an answer of a provider has new credentials."""
        name, identity = asked.name, asked.identity
        fence = self.fence(identity.tenant)
        context = Context(identity, self.settings, self.now, self.pool, name, fence, self.connections)
        deadline = asyncio.timeout(self.timeout.total_seconds())
        way: Call | None = None
        outcome: T | Failed
        with CallReport(self.telemetry, name, kept=not mints or plugins is self.catalogue.rotators) as report:
            try:
                plugin = plugins.find(name)
                way = self._way_to(asked, plugin)
                async with deadline, way or contextlib.nullcontext():
                    outcome = await report.call(call(plugin, context))
            except asyncio.CancelledError:
                if way:
                    way.abandon()
                raise
            except EscError as error:
                outcome = failed(error)
            except TimeoutError:
                within = f"within {self.timeout.total_seconds():g} s" if deadline.expired() else "in time"
                outcome = timed_out(name, within) if report.has_begun else no_turn(name, within, identity.tenant)
            except Exception as error:  # noqa: BLE001 - a provider's bug must not become the operator's
                outcome = crashed(name, error)
            if way is None:
                return outcome  # no request was made
            report.settle(outcome)
            return way.end(outcome)

    def out_of_order(self) -> dict[str, int]:
        """How many services of each provider are paused, of those that were called before."""
        return {name: gate.out_of_order for name, gate in self._gates.items()}

    def _way_to(self, asked: _Asked, plugin: Provider | Rotator | Service) -> Call | None:
        """A call through the provider's gate; None if it makes no request with these inputs."""
        name, inputs = asked.name, asked.inputs
        endpoint = plugin.endpoint(inputs, self.settings) if isinstance(plugin, Located) else ""
        if endpoint is None:
            return None
        account = plugin.account(inputs) if isinstance(plugin, Attributed) else ""
        gate = self._gates.get(name)
        if gate is None:
            limits = self._limits(plugin)
            recovered = partial(self._recovered, limits.rate)
            gate = Gate(name, limits, now=self.now, sleep=self.sleep, on_recovery=recovered)
            self._gates[name] = gate
        return gate.call(Place(asked.identity.tenant, endpoint, account), asked.needed_by)

    def _limits(self, plugin: Provider | Rotator | Service) -> Limits:
        rate = self.rate
        if rate is None:
            rate = plugin.rate if isinstance(plugin, Paced) else MODEST_RATE
        return Limits(self.at_once, rate, 1 if rate == math.inf else math.ceil(2 * rate))

    def _recovered(self, rate: float, tenant: str | None) -> None:
        self._on_recovery(rate, tenant)


def _login_of(plugin: Any, inputs: Mapping[str, Any]) -> Login | None:
    return plugin.login(inputs) if isinstance(plugin, LogsIn) else UNKNOWN_LOGIN


def _nobody_listens(_: float, __: str | None) -> None:
    """In a process that opens once, no other environment waits for a service's recovery."""


def _checked(kind: type[T], answer: Any) -> T:
    # A plug-in may come from anyone, and its types are unchecked.
    if not isinstance(answer, kind):
        raise TypeError(f"the answer has to be {kind.__name__}")
    return answer
