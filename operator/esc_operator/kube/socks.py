"""SOCKS5 proxies, which a kubeconfig may name as HTTP proxies: the command line's way through them.

python-socks makes the connection; urllib3 has a place of its own for it, as its `contrib.socks`, which needs a library
that is no longer maintained. The proxy looks the host up, as with kubectl.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import urllib3
from python_socks import ProxyError, ProxyTimeoutError, ProxyType
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from esc_operator.kube.no_answer import LOGIN, ProxyRefusal

if TYPE_CHECKING:
    import socket

SCHEMES = frozenset({"socks5", "socks5h"})
PORT = 1080


def is_socks(proxy: str | None) -> bool:
    return urlsplit(proxy or "").scheme in SCHEMES


def socks_options(proxy: str) -> dict[str, Any]:
    """What python-socks wants to know of a proxy."""
    parts = urlsplit(proxy)
    return {
        "proxy_type": ProxyType.SOCKS5,
        "host": parts.hostname or "",
        "port": parts.port or PORT,
        "username": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password else None,
        "rdns": True,
    }


_ANSWERS = {
    2: "that its rules do not allow it",
    3: "that the network does not lead there",
    4: "that the host cannot be reached",
    5: "that nothing listens there",
    6: "that it takes too long",
}
"""By RFC 1928."""


def refusal_of(error: ProxyError) -> ProxyRefusal:
    """What a proxy answered that does not connect. The library reports a failed login in the text of its error only."""
    if error.error_code is None and "auth" in str(error).lower():
        return ProxyRefusal(LOGIN)
    return ProxyRefusal(_ANSWERS.get(error.error_code or 0, "that it failed"))


def open_socks_pool(proxy: str, **more: Any) -> urllib3.PoolManager:
    """Connections through a SOCKS5 proxy; `more` as for a PoolManager."""
    options = socks_options(proxy)

    class Plain(_ThroughSocks, HTTPConnection):  # type: ignore[misc]  # urllib3 publishes no types
        socks = options

    class Secure(_ThroughSocks, HTTPSConnection):  # type: ignore[misc]
        socks = options

    class PlainPool(HTTPConnectionPool):  # type: ignore[misc]
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):  # type: ignore[misc]
        ConnectionCls = Secure

    manager = urllib3.PoolManager(**more)
    manager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
    return manager


class _ThroughSocks:
    """A connection of urllib3 whose socket is the proxy's."""

    socks: dict[str, Any]
    host: str
    port: int
    timeout: float | None

    def _new_conn(self) -> socket.socket:
        from python_socks.sync import Proxy

        connect = partial(Proxy(**self.socks).connect, self.host, self.port)
        try:
            return connect(timeout=self.timeout)
        except ProxyTimeoutError as error:
            raise urllib3.exceptions.ConnectTimeoutError(self, "the SOCKS proxy is silent") from error
        except ProxyError as error:
            raise urllib3.exceptions.ProxyError("the SOCKS proxy does not connect", refusal_of(error)) from error
        except OSError as error:
            raise urllib3.exceptions.ProxyError("the SOCKS proxy cannot be reached", error) from error
