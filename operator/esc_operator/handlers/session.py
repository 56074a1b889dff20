"""The HTTP session that kopf's watches use: kopf's own, but for telling when each watch was tried and answered, for its
patience with a namespace that may not be watched and with a list that takes long, and for that with a token that is
refused."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

import aiohttp
import kopf

from esc_operator.handlers.forbidden import Refusals
from esc_operator.handlers.lists import watched_kind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import SimpleNamespace

    from esc_operator.handlers.lists import Lists
    from esc_operator.kube.pulses import Pulse, Pulses

logger = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
SETTLED_SECONDS = 60.0
"""A login that was good for so long was good."""


class Logins:
    """Keeps logins apart. kopf asks for another one as soon as a token is refused and tries it at once: where that one
    is refused too, it would go on so as fast as the API server answers."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._clock = clock
        self._pause = pause
        self._last = float("-inf")
        self._next = FIRST_PAUSE

    async def turn(self) -> None:
        """Wait until kopf may log in. At once, unless it did so a moment ago."""
        if self._clock() - self._last >= SETTLED_SECONDS:
            self._next = FIRST_PAUSE
        else:
            logger.warning("The API server refuses the operator's token. It is tried again in %.0f s.", self._next)
            await self._pause(self._next)
            self._next = min(self._next * 2, LONGEST_PAUSE)
        self._last = self._clock()


def open_session(info: kopf.ConnectionInfo, pulses: Pulses, lists: Lists) -> kopf.AiohttpSession:
    """kopf closes it, and asks for another one where the API server refuses its credentials."""
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=info.as_ssl_context()),
        headers=info.as_http_headers(),
        proxy=info.proxy_url,
        trust_env=info.trust_env,
        trace_configs=[_watched(pulses)],
        middlewares=(Refusals(), lists),
    )
    return kopf.AiohttpSession(server=info.server, aiohttp_session=session)


def _watched(pulses: Pulses) -> aiohttp.TraceConfig:
    """kopf hands out neither bookmarks nor failures, but each watch is opened again every few minutes: when it was
    silent for a minute, when its time is over, when it has failed."""
    tracing = aiohttp.TraceConfig()

    async def on_start(_: aiohttp.ClientSession, __: SimpleNamespace, started: aiohttp.TraceRequestStartParams) -> None:
        if pulse := _pulse(pulses, started.url.path):
            pulse.tried()

    async def on_end(_: aiohttp.ClientSession, __: SimpleNamespace, ended: aiohttp.TraceRequestEndParams) -> None:
        if ended.response.status < 400 and (pulse := _pulse(pulses, ended.url.path)):
            pulse.heard()

    tracing.on_request_start.append(on_start)
    tracing.on_request_end.append(on_end)
    return tracing


def _pulse(pulses: Pulses, path: str) -> Pulse | None:
    """The pulse of the watch of a kind of ours."""
    kind = watched_kind(path)
    return pulses.of(*kind) if kind else None
