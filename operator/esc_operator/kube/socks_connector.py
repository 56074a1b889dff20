"""SOCKS5 proxies for the asynchronous transport; see `socks`."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from python_socks import ProxyError
from python_socks.async_.asyncio import Proxy

from esc_operator.kube.socks import is_socks, refusal_of, socks_options

if TYPE_CHECKING:
    from esc_operator.kube.client_config import ClientConfig


def open_client(config: ClientConfig, limit: int, **more: Any) -> aiohttp.ClientSession:
    """A session that goes by the proxy of `config`, if there is one; `limit`: connections at a time, 0: any number."""
    keepalive = more.pop("keepalive_timeout", None)
    options = {"limit": limit, **({"keepalive_timeout": keepalive} if keepalive else {})}
    if config.proxy and is_socks(config.proxy):
        return aiohttp.ClientSession(connector=SocksConnector(config.proxy, **options), **more)
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(**options), proxy=config.proxy, **more)


class SocksConnector(aiohttp.TCPConnector):
    """Connects through a SOCKS5 proxy. aiohttp-socks does the same, but forgets the name that the server's certificate
    is for."""

    def __init__(self, proxy: str, **more: Any) -> None:
        super().__init__(resolver=_Unresolved(), **more)
        self._socks = socks_options(proxy)

    async def _wrap_create_connection(self, *args: Any, req: Any, **kwargs: Any) -> Any:
        """The one place of aiohttp where a connection comes from."""
        key, seconds = req.connection_key, kwargs.pop("timeout").sock_connect
        for unused in ("addr_infos", "client_error"):
            kwargs.pop(unused, None)
        async with asyncio.timeout(seconds):
            try:
                connected = await Proxy(**self._socks).connect(key.host, key.port, timeout=seconds)
            except ProxyError as error:
                raise aiohttp.ClientProxyConnectionError(key, refusal_of(error)) from error
            except OSError as error:
                raise aiohttp.ClientProxyConnectionError(key, error) from error
            try:
                return await self._loop.create_connection(*args, **kwargs, sock=connected)
            except OSError as error:
                raise aiohttp.ClientConnectorError(key, error) from error


class _Unresolved(AbstractResolver):
    """The proxy looks the host up."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [{"hostname": host, "host": host, "port": port, "family": family, "proto": 0, "flags": 0}]

    async def close(self) -> None:
        """It holds nothing."""
