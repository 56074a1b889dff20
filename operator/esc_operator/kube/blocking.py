"""Requests to an API server from a thread that may wait: the synchronous transport, beside `connection` and `sender`.

It handles refused credentials as `sender` does: it reads them again, and if they differ it repeats the request.
"""

from __future__ import annotations

import re
import threading
from http import HTTPStatus
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit

import urllib3
from urllib3.util import parse_url

from esc_operator import __version__
from esc_operator.kube.no_answer import PATIENCE, Failure, Patience, ProxyRefusal
from esc_operator.kube.tls import make_tls

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    from esc_operator.kube.client_config import ClientConfig

T = TypeVar("T")

_TUNNEL = re.compile(r"Tunnel connection failed: ([0-9]{3})\b")


class BlockingSender:
    """Keeps its connections for the next request. Raises ConfigurationError if the credentials are invalid."""

    def __init__(
        self,
        config: ClientConfig,
        reread: Callable[[], ClientConfig] | None = None,
        patience: Patience = PATIENCE,
    ) -> None:
        self._config = config
        self._reread = reread
        self._patience = patience
        self._pool = open_pool(config, make_tls(config.credentials, insecure=config.insecure))

    @property
    def config(self) -> ClientConfig:
        return self._config

    def request(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> urllib3.BaseHTTPResponse:
        """Raises urllib3's HTTPError, TimeoutError, and ConfigurationError if credentials cannot be read again."""
        try:
            answer = self._send(method, path, headers, body)
        except urllib3.exceptions.SSLError:
            if not self._is_renewed():
                raise
        else:
            if answer.status != HTTPStatus.UNAUTHORIZED or not self._is_renewed():
                return answer
        return self._send(method, path, headers, body)

    def _send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> urllib3.BaseHTTPResponse:
        pool, config, patience = self._pool, self._config, self._patience
        return within(
            patience.answer, lambda: send(pool, config, method, path, headers=headers, body=body, patience=patience)
        )

    def _is_renewed(self) -> bool:
        if self._reread is None:
            return False
        fresh = self._reread()
        if fresh.credentials == self._config.credentials or fresh.server != self._config.server:
            return False
        tls = make_tls(fresh.credentials, insecure=fresh.insecure)
        self._pool.clear()
        self._config, self._pool = fresh, open_pool(fresh, tls)
        return True


def open_pool(config: ClientConfig, tls: ssl.SSLContext) -> urllib3.PoolManager:
    """Connections to a server, by its proxy if there is one."""
    if config.insecure:
        # The kubeconfig's author has decided that; urllib3 would warn at every request.
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    more: dict[str, Any] = {"ssl_context": tls, "server_hostname": config.server_name}
    if not config.proxy:
        return urllib3.PoolManager(num_pools=1, **more)
    if urlsplit(config.proxy).scheme in {"socks5", "socks5h"}:
        from esc_operator.kube.socks import open_socks_pool  # few need it, and its library takes a while to import

        return open_socks_pool(config.proxy, num_pools=1, **more)
    # The user and password are in the proxy's URL, where urllib3 does not look for them.
    auth = parse_url(config.proxy).auth
    headers = urllib3.make_headers(proxy_basic_auth=auth) if auth else None
    return urllib3.ProxyManager(config.proxy, proxy_headers=headers, num_pools=1, **more)


def send(  # noqa: PLR0913 - the parts of one request
    pool: urllib3.PoolManager,
    config: ClientConfig,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str],
    body: bytes | None,
    patience: Patience,
) -> urllib3.BaseHTTPResponse:
    """One request, with the credentials of `config`. Raises urllib3's HTTPError."""
    own = {"Authorization": config.credentials.authorization} if config.credentials.authorization else {}
    return pool.request(
        method,
        f"{config.server}{path}",
        body=body,
        headers={"User-Agent": f"esc-operator/{__version__}", **headers, **own},
        timeout=urllib3.Timeout(total=patience.answer, connect=patience.connect),
        retries=False,
        redirect=False,
    )


def within(seconds: float, call: Callable[[], T]) -> T:
    """The result of a call. Raises what it raises, or TimeoutError.

    urllib3 limits each step: every address of a host, every read. A lookup of a name has no limit at all. So the call
    gets a thread, which is left to itself when the time is over.
    """
    done: SimpleQueue[tuple[T | None, BaseException | None]] = SimpleQueue()

    def run() -> None:
        try:
            done.put((call(), None))
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            done.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        result, error = done.get(timeout=seconds)
    except Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return cast("T", result)


def failure_of(error: BaseException) -> Failure:
    """An error of urllib3 taken apart. What a proxy answered to CONNECT is only in the text of an error."""
    if not isinstance(error, urllib3.exceptions.ProxyError):
        return Failure(error)
    if isinstance(error.original_error, ProxyRefusal):
        return Failure(error, at_proxy=True, proxy_answer=error.original_error.answer)
    found = _TUNNEL.match(str(error.original_error))
    return Failure(error, at_proxy=True, proxy_answer=found[1] if found else "")
