"""Requests to hosts that inputs name: only to allowed addresses, limited in size and time.

The name is resolved once, each address is checked, and the connection goes to a checked address; the name is used for
TLS and the Host header only, so it does not matter if the name resolves differently a moment later. Redirects are not
followed, answers not decompressed, and cookies not kept. A connection is kept for one call of a provider at most, and
only to the same address of the same origin, since another namespace may come next.

At a terminal there is no fence, so the connection goes to the name: a proxy may know names that this machine does not.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from functools import lru_cache
from typing import TYPE_CHECKING, Self

from esc_operator.driver.networks import parse_origin
from esc_operator.errors import ProviderError
from esc_operator.kube.no_answer import CERTIFICATES, explain
from esc_operator.providers import reasons
from esc_operator.providers.port import HttpAnswer
from esc_operator.providers.token_endpoints import host_of, proxy_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from ssl import SSLContext
    from types import TracebackType

    from aiohttp import AddrInfoType, ClientSession, StreamReader

    from esc_operator.driver.networks import Address, Fence, Origin
    from esc_operator.providers.port import HttpRequest

    Resolve = Callable[[str, int], Awaitable[list[str]]]
    """The addresses of a host, as texts. Raises OSError."""

LONGEST_ANSWER = 1 << 20
"""Bytes: more than a Secret can hold."""

REQUEST_SECONDS = 20.0
"""The time limit of a whole request, including the look-up of the name."""


class Outbound:
    """Sends requests; within its `async with` block, those to one origin over one connection. `fence` is None at a
    terminal, where the network is the user's own. `settings` may name a proxy (HTTPS_PROXY, NO_PROXY) and certificates
    (SSL_CERT_FILE). Without `verifies` any certificate is accepted."""

    def __init__(
        self,
        fence: Fence | None,
        settings: Mapping[str, str],
        resolve: Resolve | None = None,
        *,
        seconds: float = REQUEST_SECONDS,
        verifies: bool = True,
    ) -> None:
        self._seconds = seconds
        self._verifies = verifies
        self._fence = fence
        self._settings = settings
        self._resolve = resolve or _look_up
        self._keeps = False
        self._kept: dict[tuple[Origin, str], _Connection] = {}

    async def __aenter__(self) -> Self:
        self._keeps = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        kept, self._kept, self._keeps = self._kept, {}, False
        for connection in kept.values():
            # A request that others wait for goes on, and closes it afterwards.
            if not connection.busy:
                await connection.close()

    async def send(self, request: HttpRequest) -> HttpAnswer:
        """Raises ProviderError if the host is not allowed or does not answer."""
        origin = parse_origin(request.url)
        if self._fence is not None:
            self._fence.check_origin(origin)
        try:
            async with asyncio.timeout(self._seconds):
                host = origin.host if self._fence is None else str(await self._address(origin))
                return await self._ask(request, origin, host)
        except TimeoutError:
            why = f"there was no whole answer within {self._seconds:g} s"
            raise self._unreachable(origin, why, reasons.ANSWER_TIMEOUT) from None
        except OSError as error:
            raise self._unreachable(origin, f"there is no connection ({type(error).__name__})") from None

    async def _address(self, origin: Origin) -> Address:
        """The first address of the name, once all were checked."""
        try:
            texts = await self._resolve(origin.host, origin.port)
        except OSError:
            texts = []
        if not texts:
            raise self._unreachable(origin, "its name has no address")
        addresses = [ipaddress.ip_address(text.partition("%")[0]) for text in texts]
        if self._fence is not None:
            for address in addresses:
                self._fence.check_address(origin, address)
        return addresses[0]

    async def _ask(self, request: HttpRequest, origin: Origin, host: str) -> HttpAnswer:
        import aiohttp
        from yarl import URL

        host = f"[{host}]" if ":" in host else host
        target = URL(f"{origin.scheme}://{host}:{origin.port}{_path(request.url)}", encoded=True)
        headers = {**request.headers, "Host": str(origin).partition("://")[2], "Accept-Encoding": "identity"}
        context = self._tls(origin)
        # Without a fence the proxy gets the name; else the address, so that it connects to the checked one.
        proxy = self._proxy(origin)
        try:
            async with (
                self._session(origin, host, context) as session,
                session.request(
                    request.method,
                    target,
                    data=request.body,
                    headers=headers,
                    allow_redirects=False,
                    server_hostname=origin.host if origin.scheme == "https" else None,
                    proxy=proxy,
                ) as answer,
            ):
                return HttpAnswer(answer.status, _lower(answer.headers), await _read(answer.content, origin))
        except aiohttp.ClientHttpProxyError as error:
            why = f"the proxy {host_of(proxy or '')} does not connect to it: it answered {error.status}"
            raise self._unreachable(origin, why) from None
        except aiohttp.ClientProxyConnectionError as error:
            why = f"there is no connection to the proxy {host_of(proxy or '')} ({_why(error)})"
            raise self._unreachable(origin, why) from None
        except aiohttp.ClientError as error:
            is_cut_off = isinstance(error, aiohttp.ClientPayloadError | aiohttp.ServerDisconnectedError)
            reason = reasons.ANSWER_CUT_OFF if is_cut_off else reasons.UNREACHABLE
            raise self._unreachable(origin, f"there is no whole answer ({_why(error)})", reason) from None

    @contextlib.asynccontextmanager
    async def _session(self, origin: Origin, host: str, context: SSLContext) -> AsyncIterator[ClientSession]:
        """The session for a request. It ends with that, or with the `async with` block if the request succeeds."""
        place = origin, host
        connection = self._kept.get(place) or _Connection(context)
        if self._keeps:
            self._kept[place] = connection
        connection.busy += 1
        try:
            yield connection.session
        except BaseException:
            if self._kept.get(place) is connection:
                del self._kept[place]
            raise
        finally:
            connection.busy -= 1
            if not connection.busy and self._kept.get(place) is not connection:
                await connection.close()

    def _proxy(self, origin: Origin) -> str | None:
        proxy = proxy_for(origin.host, self._settings, origin.scheme)
        if proxy and not proxy.lower().startswith(("http://", "https://")):
            raise self._unreachable(origin, "the proxy of the settings is not an HTTP proxy (http://HOST:PORT)")
        return proxy

    def _tls(self, origin: Origin) -> ssl.SSLContext:
        if not self._verifies:
            return _unverified()
        path = self._settings.get("SSL_CERT_FILE") or None
        try:
            return tls(path)
        except OSError as error:
            why = f"the file {path} of SSL_CERT_FILE cannot be used ({type(error).__name__})"
            raise self._unreachable(origin, why) from None

    def _unreachable(self, origin: Origin, why: str, reason: str = reasons.UNREACHABLE) -> ProviderError:
        # Only the operator tries again.
        return unreachable(origin, why, reason, is_retried=self._fence is not None)


def unreachable(
    origin: Origin, why: str, reason: str = reasons.UNREACHABLE, *, is_retried: bool = True
) -> ProviderError:
    again = "; this is tried again" if is_retried else ""
    return ProviderError(
        f"{origin} cannot be reached: {why}; check the URL and the network{again}", reason=reason, outage=True
    )


def too_large(origin: Origin) -> ProviderError:
    return ProviderError(
        f"{origin} answered with more than {LONGEST_ANSWER} bytes: request less from it",
        reason=reasons.ANSWER_TOO_LARGE,
    )


class _Connection:
    """A session for requests to one address, with its connection. `busy`: how many of them are under way."""

    def __init__(self, context: SSLContext) -> None:
        import aiohttp

        self._sockets = _Sockets()
        self.busy = 0
        self.session = aiohttp.ClientSession(
            # It is closed with the session, and its connection with it: `force_close` would wait for the peer's end of
            # TLS, beyond the request and maybe beyond the event loop.
            connector=aiohttp.TCPConnector(ssl=context, socket_factory=self._sockets.open),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(),
        )

    async def close(self) -> None:
        try:
            await self.session.close()
        finally:
            self._sockets.shut_down()


class _Sockets:
    """The sockets of one session. Shutting them down ends connections on which an answer is still to come, which are
    otherwise kept until the peer, who may be slow on purpose, has ended its TLS as well."""

    def __init__(self) -> None:
        self._opened: list[socket.socket] = []

    def open(self, address: AddrInfoType) -> socket.socket:
        family, kind, protocol, *_ = address
        self._opened.append(socket.socket(family, kind, protocol))
        return self._opened[-1]

    def shut_down(self) -> None:
        for opened in self._opened:
            with contextlib.suppress(OSError):  # it was closed
                opened.shutdown(socket.SHUT_RDWR)


def _why(error: BaseException) -> str:
    """What happened, in our own words: the text of the library may hold the URL, and a URL a secret."""
    found = explain(error)
    if found.word in CERTIFICATES:
        return f"{found.word}: it {found.text}; SSL_CERT_FILE names the file with the authorities that are trusted"
    return f"{found.word}: it {found.text}"


async def _read(content: StreamReader, origin: Origin) -> bytes:
    read = bytearray()
    async for piece in content.iter_chunked(1 << 16):
        read += piece
        if len(read) > LONGEST_ANSWER:
            raise too_large(origin)
    return bytes(read)


async def _look_up(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


@lru_cache(maxsize=4)
def tls(certificates: str | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificates)


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _path(url: str) -> str:
    """Path and query, as they were written."""
    rest = url.partition("://")[2].partition("#")[0]
    start = min((place for sign in "/?" if (place := rest.find(sign)) >= 0), default=len(rest))
    path = rest[start:]
    return path if path.startswith("/") else f"/{path}"


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): text for name, text in headers.items()}
