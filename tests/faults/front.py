"""Reverse proxies before the API server and before AWS, which stop at named places of named requests.

HTTP on loopback, by TLS where one is opened so; the operator's own token goes through, so its rights stay its own. All
fronts of a stage share one event loop in a thread: what a rule does inline, such as a kill, happens before anything
else is forwarded.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import ssl
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
    from pathlib import Path

_HOP_BY_HOP = {"connection", "content-length", "host", "keep-alive", "transfer-encoding", "upgrade"}


class Phase(StrEnum):
    """Where in the life of a request something happens to it."""

    BEFORE = "before it is forwarded"
    UNANSWERED = "after it took effect, before its answer"
    ANSWERED = "after its answer"


@dataclass(frozen=True)
class Seen:
    """A request by its name, such as `apply-secret`, and the namespace it is about."""

    name: str
    namespace: str = ""
    is_watch: bool = False


@dataclass(frozen=True)
class Passed:
    """A request that was answered by who it was meant for: when, and how. `at` is the wall clock."""

    seen: Seen
    at: datetime
    status: int


@dataclass(frozen=True)
class Reply:
    """An answer in place of the real one."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class Drop:
    """No answer: the connection breaks."""


Reaction = Reply | Drop | None


def drop() -> Reaction:
    return Drop()


@dataclass
class Rule:
    """What happens to requests of a name, of one namespace or of all. `count` None: until the rule is taken away.

    `hit` is set with the first; `hits` counts them.
    """

    name: str
    phase: Phase
    action: Callable[[], Reaction | Awaitable[Reaction]]
    namespace: str = ""
    count: int | None = 1
    hits: int = 0
    hit: threading.Event = field(default_factory=threading.Event)

    def takes(self, seen: Seen, phase: Phase) -> bool:
        left = self.count is None or self.hits < self.count
        return left and (self.name, self.phase) == (seen.name, phase) and self.namespace in {"", seen.namespace}


class Fronts:
    """The fronts of one stage: their thread, their rules, and what has passed."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fronts", daemon=True)
        self._thread.start()
        self._servers: list[web.Server] = []
        self._sessions: list[aiohttp.ClientSession] = []
        self._listening: list[asyncio.Server] = []
        self._watches: list[tuple[web.BaseRequest, Seen]] = []
        self._lock = threading.Lock()
        self._rules: list[Rule] = []
        self._under_way = 0
        self._last_seen = time.monotonic()
        self.passed: list[Passed] = []
        self.unauthorized = 0
        """How often a token was refused that was to be."""
        self.refused_tokens: set[str] = set()
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.expired_watches = 0
        """How often a watch was told that its history is gone (410)."""

    # Setting up. All of these are called from other threads.

    def open(
        self,
        upstream: str,
        authority: bytes | None,
        describe: Callable[[str, str, Mapping[str, str], bytes], Seen],
        *,
        tls: bool = False,
    ) -> str:
        """A new front before a server; answers its URL. With `tls` it needs a certificate before it is asked."""
        url: str = self._wait(self._open(upstream, authority, describe, tls=tls))
        return url

    def show_certificate(self, certificate: Path, key: Path) -> None:
        """From now on; connections that are open break."""

        async def show() -> None:
            self._tls.load_cert_chain(certificate, key)
            self.forget_connections()

        self._wait(show())

    def refuse_token(self, token: str) -> None:
        """Answer 401 to requests with it, and break what is open."""

        async def refuse() -> None:
            self.refused_tokens.add(token)
            self.forget_connections()

        self._wait(refuse())

    def close(self) -> None:
        self._wait(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def add(self, rule: Rule) -> Rule:
        with self._lock:
            self._rules.append(rule)
        return rule

    def remove(self, rules: Iterable[Rule]) -> None:
        gone = list(rules)
        with self._lock:
            self._rules = [rule for rule in self._rules if rule not in gone]

    def clear(self) -> None:
        with self._lock:
            self._rules = []

    @contextlib.contextmanager
    def rules(self, *rules: Rule) -> Any:
        for rule in rules:
            self.add(rule)
        try:
            yield rules[0]
        finally:
            self.remove(rules)

    def cut_watches(self, names: Iterable[str]) -> None:
        """Break the watches of those names that are open."""
        wanted = set(names)

        async def cut() -> None:
            for request, seen in list(self._watches):
                if seen.name in wanted and request.transport is not None:
                    request.transport.abort()

        self._wait(cut())

    @property
    def watched(self) -> set[str]:
        """The names of the watches that are open."""
        return {seen.name for _, seen in list(self._watches)}

    def is_quiet(self, seconds: float) -> bool:
        """Whether no request but a watch or one for a Lease has been under way for so long."""
        return not self._under_way and time.monotonic() - self._last_seen > seconds

    def forget_connections(self) -> None:
        """Only from within an action: what a process that was just killed may still have sent is not read."""
        for server in self._servers:
            for connection in server.connections:
                if connection.transport is not None:
                    connection.transport.abort()

    # Within the loop.

    def _wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _open(
        self,
        upstream: str,
        authority: bytes | None,
        describe: Callable[[str, str, Mapping[str, str], bytes], Seen],
        *,
        tls: bool,
    ) -> str:
        trusted = ssl.create_default_context(cadata=authority.decode()) if authority else False
        session = aiohttp.ClientSession(
            # A kept connection would be a broken one once the server was restarted, and the operator not to blame.
            connector=aiohttp.TCPConnector(limit=0, ssl=trusted, force_close=True),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
            auto_decompress=False,
        )

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            body = await request.read()
            if request.headers.get("Authorization", "").removeprefix("Bearer ") in self.refused_tokens:
                self.unauthorized += 1
                return web.json_response({"kind": "Status", "code": 401, "message": "Unauthorized"}, status=401)
            seen = describe(request.method, request.path, request.query, body)
            if seen.is_watch:
                return await self._watch(request, seen, session, upstream)
            if seen.name.endswith("-leases"):  # one that stands by looks at the Lease all the time
                return await self._pass(request, seen, body, session, upstream)
            self._under_way += 1
            try:
                return await self._pass(request, seen, body, session, upstream)
            finally:
                self._under_way -= 1
                self._last_seen = time.monotonic()

        server = web.Server(handle, handler_cancellation=True, access_log=None)
        listening = await asyncio.get_running_loop().create_server(
            server, "127.0.0.1", 0, ssl=self._tls if tls else None
        )
        self._servers.append(server)
        self._listening.append(listening)
        self._sessions.append(session)
        scheme = "https" if tls else "http"
        return f"{scheme}://127.0.0.1:{listening.sockets[0].getsockname()[1]}"

    async def _close(self) -> None:
        for listening in self._listening:
            listening.close()
        for server in self._servers:
            await server.shutdown(0.1)
        for session in self._sessions:
            await session.close()
        await asyncio.sleep(0.25)  # TLS connections end some turns of the loop after that, and must not outlive it

    async def _pass(
        self, request: web.BaseRequest, seen: Seen, body: bytes, session: aiohttp.ClientSession, upstream: str
    ) -> web.StreamResponse:
        if reaction := await self._meet(seen, Phase.BEFORE):
            return self._react(request, reaction)
        try:
            async with session.request(
                request.method, upstream + request.path_qs, headers=_headers(request.headers), data=body or None
            ) as answer:
                data = await answer.read()
        except (aiohttp.ClientError, OSError):
            return self._react(request, Drop())
        self.passed.append(Passed(seen, datetime.now(UTC), answer.status))
        if reaction := await self._meet(seen, Phase.UNANSWERED):
            return self._react(request, reaction)
        response = web.Response(status=answer.status, headers=_headers(answer.headers), body=data)
        with contextlib.suppress(ConnectionError):  # whoever asked is gone
            await response.prepare(request)
            await response.write_eof()
        if reaction := await self._meet(seen, Phase.ANSWERED):
            return self._react(request, reaction)
        return response

    async def _watch(
        self, request: web.BaseRequest, seen: Seen, session: aiohttp.ClientSession, upstream: str
    ) -> web.StreamResponse:
        if reaction := await self._meet(seen, Phase.BEFORE):
            return self._react(request, reaction)
        open_watch = (request, seen)
        self._watches.append(open_watch)
        try:
            async with session.request("GET", upstream + request.path_qs, headers=_headers(request.headers)) as answer:
                self.expired_watches += answer.status == 410
                response = web.StreamResponse(status=answer.status, headers=_headers(answer.headers))
                await response.prepare(request)
                async for chunk in answer.content.iter_any():
                    self.expired_watches += b'"code":410' in chunk
                    await response.write(chunk)
                await response.write_eof()
                return response
        except (aiohttp.ClientError, OSError):
            return self._react(request, Drop())
        finally:
            self._watches.remove(open_watch)

    async def _meet(self, seen: Seen, phase: Phase) -> Reaction:
        with self._lock:
            rule = next((rule for rule in self._rules if rule.takes(seen, phase)), None)
            if rule is None:
                return None
            rule.hits += 1
        reaction = rule.action()
        if inspect.isawaitable(reaction):
            reaction = await reaction
        rule.hit.set()
        return reaction

    def _react(self, request: web.BaseRequest, reaction: Reply | Drop) -> web.StreamResponse:
        if isinstance(reaction, Reply):
            return web.Response(status=reaction.status, text=reaction.body, headers=dict(reaction.headers))
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=502)  # never seen by anybody


def _headers(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _HOP_BY_HOP}
