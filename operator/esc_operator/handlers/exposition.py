"""`/metrics` on a port of its own, served by the event loop that does the work, without blocking it."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from typing import TYPE_CHECKING

from aiohttp import web

from esc_operator.errors import ConfigurationError
from esc_operator.handlers.environment_metrics import count_environments
from esc_operator.handlers.metrics import CONTENT_TYPE
from esc_operator.handlers.metrics_access import PATH, Verdict

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from datetime import datetime

    from esc_operator.handlers.metrics import Metrics
    from esc_operator.handlers.metrics_access import MetricsAccess
    from esc_operator.handlers.snapshot import Snapshot
    from esc_operator.reconciliation.sync.cache import CachedEnvironment
    from esc_operator.resources.environment import Key


class Exposition:
    """`limit`: how many environments may have series of their own. `access` authorizes requests; without it all are
    served."""

    def __init__(  # noqa: PLR0913 - what it shows, and to whom
        self,
        metrics: Metrics,
        look: Callable[[], Snapshot],
        entries: Callable[[], Sequence[tuple[Key, CachedEnvironment]]],
        now: Callable[[], datetime],
        limit: int,
        *,
        access: MetricsAccess | None,
    ) -> None:
        self._access = access
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
        answer = await self._serve(request)
        answer.force_close()  # an open connection would delay kopf's shutdown, and the next leader
        return answer

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path != PATH:
            return web.Response(status=404, text=f"only {PATH} is served here\n")
        verdict = await self._judge(request)
        if verdict is not Verdict.ALLOWED:
            headers = {"WWW-Authenticate": "Bearer"} if verdict is Verdict.ANONYMOUS else {}
            return web.Response(status=verdict.status, text=verdict.text, headers=headers)
        return web.Response(body=await self.text(), headers={"Content-Type": CONTENT_TYPE})

    async def _judge(self, request: web.BaseRequest) -> Verdict:
        if self._access is None:
            return Verdict.ALLOWED
        return await self._access.judge(request.headers.get("Authorization"))

    async def text(self) -> bytes:
        """The answer to a scrape. One at a time: clients of the port must not slow the work down."""
        async with self._turn:
            counted = await count_environments(self._entries(), self._now(), self._limit)
            return self._metrics.text(self._look(), counted)


def is_reachable(address: str) -> bool:
    """Whether clients outside the pod can reach `HOST:PORT`."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        return bool(address) and not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"
