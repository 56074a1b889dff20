"""`/metrics` on a port of its own, served by the event loop that does the work, without holding it up."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from aiohttp import web

from esc_operator.errors import ConfigurationError
from esc_operator.handlers.census import take_census
from esc_operator.handlers.metrics import CONTENT_TYPE

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from datetime import datetime

    from esc_operator.handlers.metrics import Metrics
    from esc_operator.handlers.picture import Picture
    from esc_operator.reconciliation.ledger import Entry
    from esc_operator.resources.environment import Key


class Exposition:
    """`limit`: up to so many environments have series of their own."""

    def __init__(
        self,
        metrics: Metrics,
        look: Callable[[], Picture],
        entries: Callable[[], Sequence[tuple[Key, Entry]]],
        now: Callable[[], datetime],
        limit: int,
    ) -> None:
        self._metrics = metrics
        self._look = look
        self._entries = entries
        self._now = now
        self._limit = limit
        self._turn = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def served(self, address: str) -> AsyncGenerator[None]:
        """Serve on `HOST:PORT` within the context; nowhere if it is "". Raises ConfigurationError."""
        if not address:
            yield
            return
        host, _, port = address.rpartition(":")
        if not port.isdecimal():
            raise ConfigurationError(f"--metrics-address has to be HOST:PORT, not {address!r}")
        runner = web.ServerRunner(web.Server(self._answer), shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, host.strip("[]") or None, int(port)).start()
        except OSError as error:
            await runner.cleanup()
            raise ConfigurationError(f"cannot serve metrics on {address}: {error.strerror}") from error
        try:
            yield
        finally:
            await runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        answer = web.Response(status=404, text="/metrics is what is served here\n")
        if request.path == "/metrics":
            answer = web.Response(body=await self.text(), headers={"Content-Type": CONTENT_TYPE})
        answer.force_close()  # kopf's end would wait for a connection that is kept, and so would the next leader
        return answer

    async def text(self) -> bytes:
        """What a scrape gets. One at a time: whoever may reach the port must not make the work slow."""
        async with self._turn:
            census = await take_census(self._entries(), self._now(), self._limit)
            return self._metrics.text(self._look(), census)
