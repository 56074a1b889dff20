"""The context of one call of a provider: its identity, its settings, the time, threads, and requests and connections to
other hosts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from esc_operator.driver.host_connections import HostConnections
    from esc_operator.driver.networks import Fence
    from esc_operator.driver.outbound import Outbound
    from esc_operator.driver.pool import BlockingPool
    from esc_operator.providers.port import HttpAnswer, HttpRequest, Identity, Stream

T = TypeVar("T")


@dataclass(slots=True, repr=False)
class Context:
    """See `providers.port.OpenContext`."""

    identity: Identity
    settings: Mapping[str, str]
    _now: Callable[[], datetime]
    _pool: BlockingPool
    _lane: str
    _fence: Fence | None
    _connections: HostConnections
    _outbound: Outbound | None = None

    def now(self) -> datetime:
        return self._now()

    def run_blocking(self, call: Callable[[], T]) -> Awaitable[T]:
        return self._pool.run(call, lane=self._lane, tenant=self.identity.tenant)

    async def send(self, request: HttpRequest) -> HttpAnswer:
        if self._outbound is None:
            # Imported by the first request to a host that an environment chooses: the clouds' providers make none.
            from esc_operator.driver.outbound import Outbound

            tenant, connections = self.identity.tenant, self._connections
            self._outbound = Outbound(self._fence, self.settings, tenant=tenant, connections=connections)
        return await self._outbound.send(request)

    async def run_stream(self, url: str, call: Callable[[Stream], T]) -> T:
        # Imported by the first connection that is not HTTP: few environments need one.
        from esc_operator.driver.streams import Streams

        return await Streams(fence=self._fence, settings=self.settings, run=self.run_blocking).call(url, call)
