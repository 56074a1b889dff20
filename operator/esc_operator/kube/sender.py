"""Sends requests with the newest credentials, and once more where others are found after a refusal.

Owns what is done about credentials that were renewed: a request with a token that has expired, or to a server whose
certificate an older bundle does not know, is refused before it has any effect, so it may be sent again.
"""

from __future__ import annotations

import ssl
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import aiohttp
from yarl import URL

from esc_operator.kube.no_answer import Failure, ProxyRefusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from esc_operator.kube.client_config import ClientConfig
    from esc_operator.kube.connection import Connection, Present


class Sender:
    """`permit` is called just before each request that changes something, and keeps it from being sent by not
    returning."""

    def __init__(
        self, connection: Connection, session: aiohttp.ClientSession, permit: Callable[[], None] = lambda: None
    ) -> None:
        self._connection = connection
        self._session = session
        self._permit = permit

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        changes: bool = True,
        **more: Any,
    ) -> aiohttp.ClientResponse:
        """`path` is encoded already, with its query; `changes` is False for a POST that only asks. Raises what aiohttp
        does."""
        permit = self._permit if changes and method != "GET" else _nothing
        present = await self._connection.present()
        try:
            answer = await self._send(present, permit, method, path, headers, more)
        except aiohttp.ClientOSError as failure:
            if not is_about_certificates(failure) or not await self._connection.is_renewed(present):
                raise
        else:
            if answer.status != HTTPStatus.UNAUTHORIZED or not await self._connection.is_renewed(present):
                return answer
            answer.release()
        return await self._send(self._connection.snapshot(), permit, method, path, headers, more)

    async def _send(  # noqa: PLR0913, PLR0917 - the parts of one request
        self,
        present: Present,
        permit: Callable[[], None],
        method: str,
        path: str,
        headers: Mapping[str, str] | None,
        more: Mapping[str, Any],
    ) -> aiohttp.ClientResponse:
        own = {"Authorization": present.authorization} if present.authorization else {}
        permit()
        return await self._session.request(
            method,
            URL(f"{self._connection.server}{path}", encoded=True),
            headers={**(headers or {}), **own},
            ssl=present.tls,
            server_hostname=self._connection.config.server_name,
            **more,
        )


def failure_of(error: BaseException, config: ClientConfig) -> Failure:
    """An error of aiohttp taken apart."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return Failure(error, at_proxy=True, proxy_answer=str(error.status))
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        refusal = error.os_error
        return Failure(error, at_proxy=True, proxy_answer=refusal.answer if isinstance(refusal, ProxyRefusal) else "")
    if isinstance(error, aiohttp.ClientConnectorError) and config.proxy:
        proxy = URL(config.proxy)
        return Failure(error, at_proxy=(error.host, error.port) == (proxy.host, proxy.port))
    return Failure(error)


def _nothing() -> None:
    """What changes nothing needs no permit."""


def is_about_certificates(failure: BaseException) -> bool:
    """Whether one side does not take the other's certificate; a client's is refused only after the handshake."""
    return isinstance(failure, ssl.SSLError) or isinstance(failure.__cause__, ssl.SSLError)
