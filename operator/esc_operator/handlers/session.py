"""The HTTP session of kopf's watches: it uses the credentials of all other requests, records when each watch was tried
and answered, and tolerates a namespace that may not be watched, a list that takes long, a kind that is not served, and
a refused token."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import aiohttp
import kopf

from esc_operator.handlers.kinds import DISCOVERY, GONE, Substitute
from esc_operator.handlers.kopf_middleware import Refusals, watched_kind
from esc_operator.kube.no_answer import error_from_failure
from esc_operator.kube.sender import Sender, failure_of
from esc_operator.kube.socks_connector import open_client

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import SimpleNamespace

    from esc_operator.handlers.kinds import Answer, Kinds
    from esc_operator.handlers.kopf_middleware import Lists
    from esc_operator.kube.connection import Connection
    from esc_operator.kube.pulses import Pulse, Pulses

logger = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
SETTLED_SECONDS = 60.0
"""A login that worked for this long was valid."""


class Logins:
    """Pauses between logins. kopf logs in again as soon as a token is refused, and tries it at once: if that one is
    refused too, it would repeat this as fast as the API server answers."""

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
            logger.warning("The API server refuses the operator's token: retrying in %.0f s.", self._next)
            await self._pause(self._next)
            self._next = min(self._next * 2, LONGEST_PAUSE)
        self._last = self._clock()


class Session:
    """The part of an aiohttp session that kopf uses: each request has the newest credentials, and each answer is one
    that does not make kopf exit."""

    def __init__(self, connection: Connection, client: aiohttp.ClientSession, lists: Lists, kinds: Kinds) -> None:
        self._server, self._config = connection.server, connection.config
        self._reported = ""
        self._client = client
        self._sender = Sender(connection, client)
        self._lists = lists
        self._kinds = kinds
        self.headers = client.headers

    @property
    def closed(self) -> bool:
        return self._client.closed

    async def close(self) -> None:
        await self._client.close()

    async def request(self, method: str, url: str, **more: Any) -> aiohttp.ClientResponse | Answer:
        """`url` is that of the server and a path."""
        target = url.removeprefix(self._server)
        path, _, query = target.partition("?")
        if path in DISCOVERY:
            return Substitute(json.dumps(DISCOVERY[path]).encode())
        watch = "watch=true" in query
        try:
            answer = await self._sender.request(method.upper(), target, **more)
            self._reported = ""
            note = partial(self._lists.note, begins="continue=" not in query)
            return await self._kinds.meet(answer, path, note, watch=watch)
        except aiohttp.ClientPayloadError:
            if not watch:
                raise
            return Substitute(GONE)  # kopf would resume from its resource version, which may be what is refused
        except (aiohttp.ClientError, OSError) as failure:  # also TimeoutError
            self._report(failure)
            raise

    def _report(self, failure: BaseException) -> None:
        """Once for each reason: kopf tries again without end, and each time in the words of aiohttp (`logs`)."""
        told = error_from_failure(failure_of(failure, self._config), "watch environments", self._config).message
        if told != self._reported:
            self._reported = told
            logger.warning("%s. Trying again until it answers.", told)


def open_session(connection: Connection, pulses: Pulses, lists: Lists, kinds: Kinds) -> kopf.AiohttpSession:
    """kopf closes it, and asks for another one if the API server still refuses its credentials."""
    client = open_client(
        connection.config,
        0,
        trace_configs=[_watched(pulses)],
        middlewares=(Refusals(), lists),
    )
    session = cast("aiohttp.ClientSession", Session(connection, client, lists, kinds))
    return kopf.AiohttpSession(server=connection.server, aiohttp_session=session)


def _watched(pulses: Pulses) -> aiohttp.TraceConfig:
    """kopf reports neither bookmarks nor failures, but opens each watch again every few minutes: when it was silent for
    a minute, when its time is over, when it has failed."""
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
