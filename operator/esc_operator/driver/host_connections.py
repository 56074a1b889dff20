"""Connections to hosts that inputs name, kept for a few seconds after a request, for the next one of a namespace.

Owns which request may use which connection: one at a time, of the same namespace, origin, proxy and authorities, to an
address that was checked for this request too. A connection on which anything failed is closed. Those that nobody uses
are limited in number and time, and end with the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections import Counter
from contextvars import Context
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from ssl import SSLContext

    from aiohttp import AddrInfoType, ClientSession

    from esc_operator.driver.networks import Origin

KEPT_SECONDS: Final = 3.0
"""How long a connection is kept unused. Servers close theirs after five or more: a request that meets its end on the
way fails, and is not sent twice, since nothing tells what the server did with it."""

MOST_OF_A_NAMESPACE: Final = 32
"""As many connections as opens of one provider run at a time."""

MOST: Final = 128
"""For all namespaces together."""


class Route(NamedTuple):
    """For whom and to where a connection was made. A request of another route never uses it."""

    tenant: str
    origin: Origin
    proxy: str | None

    def __repr__(self) -> str:
        return f"<Route to {self.origin}>"  # a proxy's URL may hold a password


class HostConnection:
    """A session for requests to one address, one after the other, over one socket."""

    def __init__(self, route: Route, address: str, context: SSLContext) -> None:
        import aiohttp

        self.route = route
        self.address = address
        self.context = context
        self.unused_since = 0.0
        self._sockets: list[socket.socket] = []
        self.session: ClientSession = aiohttp.ClientSession(
            # `HostConnections` alone ends it, and its socket with it: `force_close` would wait for the peer's end of
            # TLS, beyond the request and maybe beyond the event loop.
            connector=aiohttp.TCPConnector(ssl=context, socket_factory=self._open, keepalive_timeout=None),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(),
        )

    async def close(self) -> None:
        try:
            await self.session.close()
        finally:
            # An answer may still be to come, for which the peer, who may be slow on purpose, would keep it.
            for one in self._sockets:
                with contextlib.suppress(OSError):  # it was closed
                    one.shutdown(socket.SHUT_RDWR)

    def _open(self, address: AddrInfoType) -> socket.socket:
        family, kind, protocol, *_ = address
        self._sockets = [one for one in self._sockets if one.fileno() >= 0]
        self._sockets.append(socket.socket(family, kind, protocol))
        return self._sockets[-1]


class HostConnections:
    """`seconds`: how long one is kept unused; `most_of_one` and `most`: how many, of a namespace and of all. `now` is
    monotonic. Belongs to one event loop at a time."""

    def __init__(
        self,
        *,
        seconds: float = KEPT_SECONDS,
        most_of_one: int = MOST_OF_A_NAMESPACE,
        most: int = MOST,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._seconds = seconds
        self._most_of_one = most_of_one
        self._most = most
        self._now = now
        self._sleep = sleep
        self._unused: list[HostConnection] = []  # the longest unused one first
        self._ending: asyncio.Task[None] | None = None

    @property
    def unused(self) -> int:
        """How many are kept that nobody uses."""
        return len(self._unused)

    @contextlib.asynccontextmanager
    async def connection(
        self, route: Route, addresses: Sequence[str], context: SSLContext
    ) -> AsyncIterator[HostConnection]:
        """A connection for one request, to one of these addresses: a kept one, or a new one to the first."""

        def is_usable(kept: HostConnection) -> bool:
            # Another context has other authorities: the file was replaced. If the server has ended it, the session
            # connects anew to the same address.
            was_checked = kept.address in addresses and kept.context is context
            return was_checked and self._left(kept) > 0

        await self._close([one for one in self._unused if one.route == route and not is_usable(one)])
        # Others may have kept some meanwhile, for which other addresses were checked.
        usable = (one for one in reversed(self._unused) if one.route == route and is_usable(one))
        connection = next(usable, None)
        if connection is None:
            connection = HostConnection(route, addresses[0], context)
        else:
            self._unused.remove(connection)
        try:
            yield connection
        except BaseException:
            await connection.close()
            raise
        await self._keep(connection)

    def _left(self, connection: HostConnection) -> float:
        return connection.unused_since + self._seconds - self._now()

    async def _keep(self, connection: HostConnection) -> None:
        connection.unused_since = self._now()
        self._unused.append(connection)
        if self._ending is None or self._ending.done():
            # In a context of its own: it does not count for the evaluation whose request was the first.
            ending = self._end_unused()
            self._ending = asyncio.create_task(ending, name="unused-connections", context=Context())
        await self._close(self._excess(connection.route.tenant))

    def _excess(self, tenant: str) -> list[HostConnection]:
        """What `tenant` has to give up for the connection that was just added; or, if there are too many of all,
        whoever has the most of them."""
        held = Counter(one.route.tenant for one in self._unused)
        if held[tenant] <= self._most_of_one:
            if held.total() <= self._most:
                return []
            ((tenant, _),) = held.most_common(1)
        return [next(one for one in self._unused if one.route.tenant == tenant)]

    async def _end_unused(self) -> None:
        try:
            while self._unused:
                if (left := self._left(self._unused[0])) > 0:
                    await self._sleep(left)
                await self._close([one for one in self._unused if self._left(one) <= 0])
        finally:
            # The event loop ends.
            await self._close([*self._unused])

    async def _close(self, connections: Sequence[HostConnection]) -> None:
        """What is not closed yet when this is cancelled stays among the unused ones."""
        for one in connections:
            if one in self._unused:
                self._unused.remove(one)
                await one.close()
