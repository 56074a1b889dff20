"""Opens providers and rotators: with a context, within a time, a few at once, and with every failure made an answer.

One opener serves all evaluations of a process. Nothing that a provider raises leaves it: an EscError becomes a
`Failed` with its words, anything else a `Failed` that names only the type, since its text may hold a secret.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from esc_operator.driver.catalogue import Catalogue
from esc_operator.driver.loading import failed
from esc_operator.driver.sharing import Demand, SharedLogins, login_key
from esc_operator.errors import EscError
from esc_operator.evaluation import Failed, Opened, Rotated
from esc_operator.providers import reasons
from esc_operator.providers.port import Warmable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from datetime import datetime

    from esc_operator.driver.pool import BlockingPool
    from esc_operator.providers.port import Identity, OpenContext

T = TypeVar("T")

OPEN_TIMEOUT = timedelta(seconds=60)
"""The most that one open may take, waiting for its turn included. An SDK's own timeouts are shorter."""

OPEN_AT_ONCE = 8
"""How many opens of one provider are under way at a time."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, repr=False)
class Context:
    """What a provider is given; see `providers.port.OpenContext`."""

    identity: Identity
    settings: Mapping[str, str]
    _now: Callable[[], datetime]
    _pool: BlockingPool
    _lane: str

    def now(self) -> datetime:
        return self._now()

    def run_blocking(self, call: Callable[[], T]) -> Awaitable[T]:
        return self._pool.run(call, lane=self._lane)


@dataclass(kw_only=True, repr=False)
class Opener:
    """`timeout` bounds each open, `at_once` how many of one provider are under way. Belongs to one event loop.

    `settings` is a snapshot of the environment variables.
    """

    pool: BlockingPool
    logins: SharedLogins
    settings: Mapping[str, str]
    now: Callable[[], datetime]
    catalogue: Catalogue = field(default_factory=Catalogue)
    timeout: timedelta = OPEN_TIMEOUT
    at_once: int = OPEN_AT_ONCE
    _turns: dict[str, asyncio.Semaphore] = field(default_factory=dict, init=False)

    async def open(self, name: str, inputs: Mapping[str, Any], identity: Identity, demand: Demand) -> Opened | Failed:
        """Open a provider, or share what another environment opened as the same identity."""

        async def open_provider(context: OpenContext) -> Opened:
            return _checked(Opened, await self.catalogue.providers.find(name).open(inputs, context))

        key = login_key(name, identity.subject, inputs)
        return await self.logins.open(key, demand, lambda: self._guard(name, identity, open_provider))

    async def open_rotator(
        self, name: str, inputs: Mapping[str, Any], state: Mapping[str, Any] | None, identity: Identity
    ) -> Opened | Failed:
        """The outputs of a rotator's state; never shared, since the state is the environment's own."""

        async def open_state(context: OpenContext) -> Opened:
            return _checked(Opened, await self.catalogue.rotators.find(name).open(inputs, state, context))

        return await self._guard(name, identity, open_state)

    async def rotate(
        self, name: str, inputs: Mapping[str, Any], state: Mapping[str, Any] | None, identity: Identity
    ) -> Rotated | Failed:
        async def rotate_state(context: OpenContext) -> Rotated:
            return _checked(Rotated, await self.catalogue.rotators.find(name).rotate(inputs, state, context))

        return await self._guard(name, identity, rotate_state)

    async def warm(self, names: Iterable[str]) -> None:
        """Let providers load what is slow to load. What fails is told when it is needed, not here."""
        await asyncio.gather(*(self._warm(name) for name in names), return_exceptions=True)

    async def _warm(self, name: str) -> None:
        provider = self.catalogue.providers.find(name)
        if isinstance(provider, Warmable):
            await self.pool.run(lambda: provider.warm(self.settings), lane=name)

    async def _guard(self, name: str, identity: Identity, call: Callable[[OpenContext], Awaitable[T]]) -> T | Failed:
        context = Context(identity, self.settings, self.now, self.pool, name)
        turn = self._turns.setdefault(name, asyncio.Semaphore(self.at_once))
        deadline = asyncio.timeout(self.timeout.total_seconds())
        try:
            async with deadline, turn:
                return await call(context)
        except EscError as error:
            return failed(error)
        except TimeoutError:
            return _timed_out(name, f"within {self.timeout.total_seconds():g} s" if deadline.expired() else "in time")
        except Exception as error:  # noqa: BLE001 - a provider's bug must not become the operator's
            return _crashed(name, error)


def _checked(kind: type[T], answer: Any) -> T:
    # A plug-in may be anybody's, and nothing has checked its types.
    if not isinstance(answer, kind):
        raise TypeError(f"the answer has to be {kind.__name__}")
    return answer


def _timed_out(name: str, limit: str) -> Failed:
    return Failed(
        f'the provider "{name}" did not finish {limit}: what it calls is slow or does not answer; this is tried again'
        " later",
        reasons.PROVIDER_TIMEOUT,
    )


def _crashed(name: str, error: Exception) -> Failed:
    kind = type(error).__name__
    # Neither the text nor the traceback: both may hold what the provider was given.
    _log.error('The provider "%s" failed unexpectedly with %s.', name, kind)
    return Failed(
        f'the provider "{name}" failed unexpectedly ({kind}); this is a bug in the provider', reasons.PROVIDER_CRASHED
    )
