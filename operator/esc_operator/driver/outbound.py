"""Requests to hosts that inputs name: only to allowed addresses, limited in size and time.

The name is resolved once, each address is checked, and the connection goes to a checked address; the name is used for
TLS and the Host header only, so it does not matter if the name resolves differently a moment later. Redirects are not
followed, answers not decompressed, and cookies not kept. A connection is kept for a few seconds, for the same namespace
and origin, and used again only if its address was checked for that request too (`host_connections`).

At a terminal there is no fence, so the connection goes to the name: a proxy may know names that this machine does not.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from esc_operator.driver.host_connections import HostConnections, Route
from esc_operator.driver.networks import parse_origin
from esc_operator.errors import ProviderError
from esc_operator.kube.no_answer import CERTIFICATES, explain
from esc_operator.providers import reasons
from esc_operator.providers.port import HttpAnswer
from esc_operator.providers.token_endpoints import host_of, proxy_for

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from aiohttp import StreamReader
    from yarl import URL

    from esc_operator.driver.networks import Fence, Origin
    from esc_operator.providers.port import HttpRequest

    Resolve = Callable[[str, int], Awaitable[list[str]]]
    """The addresses of a host, as texts. Raises OSError."""

LONGEST_ANSWER = 1 << 20
"""Bytes: more than a Secret can hold."""

REQUEST_SECONDS = 20.0
"""The time limit of a whole request, including the look-up of the name."""


class Outbound:
    """Sends requests. `fence` is None at a terminal, where the network is the user's own. `settings` may name a proxy
    (HTTPS_PROXY, NO_PROXY) and certificates (SSL_CERT_FILE). `connections` are those that it shares with others of the
    same `tenant`; by default its own. Without `verifies` any certificate is accepted."""

    def __init__(  # noqa: PLR0913 - each has its default
        self,
        fence: Fence | None,
        settings: Mapping[str, str],
        resolve: Resolve | None = None,
        *,
        tenant: str = "",
        connections: HostConnections | None = None,
        seconds: float = REQUEST_SECONDS,
        verifies: bool = True,
    ) -> None:
        self._seconds = seconds
        self._verifies = verifies
        self._fence = fence
        self._settings = settings
        self._resolve = resolve or look_up
        self._tenant = tenant
        self._connections = connections or HostConnections()

    async def send(self, request: HttpRequest) -> HttpAnswer:
        """Raises ProviderError if the host is not allowed or does not answer."""
        origin = parse_origin(request.url)
        if self._fence is not None:
            self._fence.check_origin(origin)
        try:
            async with asyncio.timeout(self._seconds):
                hosts = await hosts_of(origin, self._fence, self._resolve)
                return await self._ask(request, origin, hosts)
        except TimeoutError:
            why = f"there was no whole answer within {self._seconds:g} s"
            raise self._unreachable(origin, why, reasons.ANSWER_TIMEOUT) from None
        except OSError as error:
            raise self._unreachable(origin, f"there is no connection ({type(error).__name__})") from None

    async def _ask(self, request: HttpRequest, origin: Origin, hosts: Sequence[str]) -> HttpAnswer:
        """Ask one of these hosts as the origin."""
        import aiohttp

        headers = {**request.headers, "Host": str(origin).partition("://")[2], "Accept-Encoding": "identity"}
        # Without a fence the proxy gets the name; else the address, so that it connects to the checked one.
        proxy = self._proxy(origin)
        route = Route(self._tenant, origin, proxy)
        try:
            async with (
                self._connections.connection(route, hosts, self._tls(origin)) as connection,
                connection.session.request(
                    request.method,
                    _target(request.url, origin, connection.address),
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
        except aiohttp.ClientConnectorDNSError:
            raise self._unreachable(origin, "its name has no address", reasons.HOST_NOT_FOUND) from None
        except aiohttp.ClientError as error:
            is_cut_off = isinstance(error, aiohttp.ClientPayloadError | aiohttp.ServerDisconnectedError)
            reason = reasons.ANSWER_CUT_OFF if is_cut_off else reasons.UNREACHABLE
            raise self._unreachable(origin, f"there is no whole answer ({_why(error)})", reason) from None

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
            return _verified(path)
        except OSError as error:
            why = f"the file {path} of SSL_CERT_FILE cannot be used ({type(error).__name__})"
            raise self._unreachable(origin, why) from None

    def _unreachable(self, origin: Origin, why: str, reason: str = reasons.UNREACHABLE) -> ProviderError:
        # Only the operator tries again.
        return unreachable(origin, why, reason, is_retried=self._fence is not None)


async def hosts_of(origin: Origin, fence: Fence | None, resolve: Resolve) -> list[str]:
    """What to connect to: behind a fence the addresses of the name, all of them checked. Raises ProviderError."""
    if fence is None:
        return [origin.host]
    try:
        texts = await resolve(origin.host, origin.port)
    except OSError:
        texts = []
    if not texts:
        raise unreachable(origin, "its name has no address", reasons.HOST_NOT_FOUND)
    addresses = [ipaddress.ip_address(text.partition("%")[0]) for text in texts]
    for address in addresses:
        fence.check_address(origin, address)
    return [str(address) for address in addresses]


def unreachable(
    origin: Origin, why: str, reason: str = reasons.UNREACHABLE, *, is_retried: bool = True
) -> ProviderError:
    again = "; this is tried again" if is_retried else ""
    what = "URL" if origin.scheme in {"https", "http"} else "host, the port"
    return ProviderError(
        f"{origin} cannot be reached: {why}; check the {what} and the network{again}", reason=reason, outage=True
    )


def too_large(origin: Origin) -> ProviderError:
    return ProviderError(
        f"{origin} answered with more than {LONGEST_ANSWER} bytes: request less from it",
        reason=reasons.ANSWER_TOO_LARGE,
    )


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


async def look_up(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


def _verified(certificates: str | None) -> ssl.SSLContext:
    """Raises OSError if the file cannot be used."""
    if certificates is None:
        return _read_authorities(None, None)
    status = Path(certificates).stat()  # one that was replaced is read again
    return _read_authorities(certificates, (status.st_mtime_ns, status.st_size, status.st_ino))


@lru_cache(maxsize=4)
def _read_authorities(certificates: str | None, _state: tuple[int, int, int] | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificates)


@lru_cache(maxsize=1)
def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _target(url: str, origin: Origin, host: str) -> URL:
    from yarl import URL

    host = f"[{host}]" if ":" in host else host
    return URL(f"{origin.scheme}://{host}:{origin.port}{_path(url)}", encoded=True)


def _path(url: str) -> str:
    """Path and query, as they were written."""
    rest = url.partition("://")[2].partition("#")[0]
    start = min((place for sign in "/?" if (place := rest.find(sign)) >= 0), default=len(rest))
    path = rest[start:]
    return path if path.startswith("/") else f"/{path}"


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): text for name, text in headers.items()}
