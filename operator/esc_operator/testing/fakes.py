"""Fakes of what a provider is given: an identity, a context with a clock, and answers of a service."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from esc_operator.driver.pool import BlockingPool
from esc_operator.providers.port import HttpAnswer, HttpRequest, IdentityToken

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Awaitable, Callable, Mapping

    from esc_operator.providers.port import Stream

T = TypeVar("T")

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
"""The time at which every fake context starts."""

SUBJECT = "system:serviceaccount:apps:web"
SIGNATURE = "Y2FuYXJ5LXNpZ25hdHVyZS10aGF0LW5vLW1lc3NhZ2UtbWF5LXNob3c"
"""The signature of every fake token: a canary, which no message may show."""


def identity_token(audience: str, subject: str = SUBJECT, **claims: Any) -> str:
    """The text of an OIDC token as a cluster issues it, with a signature that no one can verify."""

    def part(data: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")

    payload = {
        "iss": "https://oidc.example.com/clusters/1",
        "sub": subject,
        "aud": [audience],
        "exp": int((NOON + timedelta(hours=1)).timestamp()),
    }
    return f"{part({'alg': 'RS256'})}.{part(payload | claims)}.{SIGNATURE}"


@dataclass
class FakeIdentity:
    """An identity that gives a token for every audience, and records the audiences it was asked for."""

    subject: str = SUBJECT
    tenant: str = "apps"
    audiences: list[str] = field(default_factory=list)

    async def token(self, audience: str) -> IdentityToken:
        self.audiences.append(audience)
        return IdentityToken(identity_token(audience, self.subject), NOON + timedelta(hours=1))


class FakeStream:
    """A connection to nothing, for a plug-in whose client is a fake as well."""

    @property
    def socket(self) -> socket.socket:
        raise AssertionError("a trial has no server for this protocol: give the plug-in a client that is a fake")

    def tls(self, authorities: str = "", *, verifies: bool = True) -> ssl.SSLContext:
        raise AssertionError("a trial has no server for this protocol: give the plug-in a client that is a fake")


class FakeContext:
    """An `OpenContext`: `send` answers requests, `connect` connects to what is not HTTP, and each takes `seconds` of
    its clock.

    Without them, a request or a connection to a host that inputs name is an error of the test. Blocking calls run on
    threads, as in the operator.
    """

    def __init__(
        self,
        send: Callable[[HttpRequest], Awaitable[HttpAnswer]] | None = None,
        *,
        identity: FakeIdentity | None = None,
        settings: Mapping[str, str] = MappingProxyType({}),
        seconds: float = 1.0,
        connect: Callable[[str], Awaitable[Stream]] | None = None,
    ) -> None:
        self.identity = identity or FakeIdentity()
        self.settings = settings
        self.time = NOON
        self._send = send
        self._connect = connect
        self._took = timedelta(seconds=seconds)
        self._pool: BlockingPool | None = None

    def now(self) -> datetime:
        return self.time

    async def send(self, request: HttpRequest) -> HttpAnswer:
        if self._send is None:
            raise AssertionError(
                f"the trial says that nothing is sent to a host that inputs name, but {request.url} is"
            )
        self.time += self._took
        return await self._send(request)

    async def run_blocking(self, call: Callable[[], T]) -> T:
        if self._pool is None:
            self._pool = BlockingPool()
        try:
            return await self._pool.run(call, lane="trial", tenant=self.identity.tenant)
        finally:
            self.time += self._took

    async def run_stream(self, url: str, call: Callable[[Stream], T]) -> T:
        if self._connect is None:
            raise AssertionError(f"the trial says that nothing is connected to that inputs name, but {url} is")
        stream = await self._connect(url)
        return await self.run_blocking(lambda: call(stream))

    def close(self) -> None:
        """End the threads that have nothing to do."""
        if self._pool is not None:
            self._pool.close()


def json_answer(content: Any, status: int = 200, **headers: str) -> HttpAnswer:
    """An answer in JSON; `retry_after="7"` is the header `retry-after`."""
    return text_answer(json.dumps(content), status, **{"content_type": "application/json", **headers})


def text_answer(body: str, status: int = 200, **headers: str) -> HttpAnswer:
    named = {name.lower().replace("_", "-"): text for name, text in headers.items()}
    return HttpAnswer(status, named, body.encode())
