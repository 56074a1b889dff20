"""Connections for protocols that are not HTTP, to hosts that inputs name: to allowed addresses only, limited in size
and time.

As in `outbound`, the name is resolved once, each address is checked, and the connection goes to a checked address; the
name is used for TLS alone. A blocking client gets the connected socket, and so never connects by itself. It runs on a
thread, which cannot be stopped: each read and write of the socket ends at one deadline, and reads end at a number of
bytes, whatever a server sends. There is no proxy: those of the settings are for HTTP.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from esc_operator.driver.networks import parse_stream
from esc_operator.driver.outbound import (
    LONGEST_ANSWER,
    REQUEST_SECONDS,
    hosts_of,
    look_up,
    too_large,
    unreachable,
)
from esc_operator.errors import ProviderError
from esc_operator.providers import reasons

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from esc_operator.driver.networks import Fence, Origin
    from esc_operator.driver.outbound import Resolve
    from esc_operator.providers.port import Stream

T = TypeVar("T")


class Run(Protocol):
    """Runs a blocking call on a pool."""

    def __call__(self, call: Callable[[], T]) -> Awaitable[T]: ...


CONNECT_SECONDS = 10.0
"""The time limit for the connection alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """Opens connections, for calls on the pool (`run`). `fence` is None at a terminal; `settings` may name certificates
    (SSL_CERT_FILE). `seconds` is the time limit of a connection with all that is done over it."""

    fence: Fence | None
    settings: Mapping[str, str]
    run: Run
    resolve: Resolve = look_up
    seconds: float = REQUEST_SECONDS

    async def call(self, url: str, call: Callable[[Stream], T]) -> T:
        """See `providers.port.OpenContext.run_stream`."""
        origin = parse_stream(url)
        try:
            async with asyncio.timeout(self.seconds):
                hosts = await hosts_of(origin, self.fence, self.resolve)
        except TimeoutError:
            raise self._unreachable(origin, "its name is not found in time", reasons.ANSWER_TIMEOUT) from None
        return await self.run(lambda: self._carry_out(origin, hosts, call))

    def _carry_out(self, origin: Origin, hosts: Sequence[str], call: Callable[[Stream], T]) -> T:
        allowance = _Allowance(origin, time.monotonic() + self.seconds)
        with self._connect(origin, hosts, allowance) as connected:
            return call(_Stream(connected, self.settings, allowance))

    def _connect(self, origin: Origin, hosts: Sequence[str], allowance: _Allowance) -> socket.socket:
        """To the first of the hosts that answers."""
        seconds = min(CONNECT_SECONDS, self.seconds) / len(hosts)
        why, reason = "", reasons.UNREACHABLE
        for host in hosts:
            try:
                plain = socket.create_connection((host, origin.port), timeout=seconds)
            except TimeoutError:
                why, reason = f"there is no connection within {seconds:g} s", reasons.ANSWER_TIMEOUT
            except socket.gaierror:
                why, reason = "its name has no address", reasons.HOST_NOT_FOUND
            except OSError as error:
                why, reason = f"there is no connection ({type(error).__name__})", reasons.UNREACHABLE
            else:
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                limited: socket.socket = _limited(_Socket, allowance)(
                    plain.family, plain.type, plain.proto, fileno=plain.detach()
                )
                return limited
        raise self._unreachable(origin, why, reason)

    def _unreachable(self, origin: Origin, why: str, reason: str) -> ProviderError:
        return unreachable(origin, why, reason, is_retried=self.fence is not None)


@dataclass(slots=True)
class _Allowance:
    """What is left of one connection: time, and bytes to read."""

    origin: Origin
    deadline: float
    octets: int = LONGEST_ANSWER

    def seconds(self) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time for this connection is over")
        return left

    def take(self, octets: int) -> None:
        self.octets -= octets
        if self.octets < 0:
            raise too_large(self.origin)


class _Limited:
    """The calls of a socket by which clients read and write, within an allowance."""

    allowance: _Allowance

    def recv_into(self, *arguments: Any, **options: Any) -> int:
        self.settimeout(self.allowance.seconds())  # type: ignore[attr-defined]  # a socket's
        taken: int = super().recv_into(*arguments, **options)  # type: ignore[misc]
        self.allowance.take(taken)
        return taken

    def recv(self, *arguments: Any, **options: Any) -> bytes:
        self.settimeout(self.allowance.seconds())  # type: ignore[attr-defined]
        taken: bytes = super().recv(*arguments, **options)  # type: ignore[misc]
        self.allowance.take(len(taken))
        return taken

    def send(self, *arguments: Any, **options: Any) -> int:
        self.settimeout(self.allowance.seconds())  # type: ignore[attr-defined]
        return super().send(*arguments, **options)  # type: ignore[misc,no-any-return]

    def sendall(self, *arguments: Any, **options: Any) -> None:
        self.settimeout(self.allowance.seconds())  # type: ignore[attr-defined]
        super().sendall(*arguments, **options)  # type: ignore[misc]


class _Socket(_Limited, socket.socket):
    pass


class _TlsSocket(_Limited, ssl.SSLSocket):
    pass


def _limited(kind: type[Any], allowance: _Allowance) -> type[Any]:
    """A class for one connection: `ssl` makes the sockets of its class by itself."""
    return type(kind.__name__, (kind,), {"allowance": allowance})


@dataclass(frozen=True, slots=True, repr=False)
class _Stream:
    """See `providers.port.Stream`."""

    socket: socket.socket
    settings: Mapping[str, str]
    allowance: _Allowance = field(repr=False)

    def tls(self, authorities: str = "", *, verifies: bool = True) -> ssl.SSLContext:
        context = self._verifying(authorities) if verifies else _unverified()
        context.sslsocket_class = _limited(_TlsSocket, self.allowance)
        return context

    def _verifying(self, authorities: str) -> ssl.SSLContext:
        if authorities:
            try:
                return ssl.create_default_context(cadata=authorities)
            except (ssl.SSLError, ValueError):
                message = "the certificates in the inputs cannot be read: write those of the authorities, in PEM"
            raise ProviderError(message, reason=reasons.INVALID_INPUTS)
        path = self.settings.get("SSL_CERT_FILE") or None
        try:
            return ssl.create_default_context(cafile=path)
        except OSError as error:
            why = f"the file {path} of SSL_CERT_FILE cannot be used ({type(error).__name__})"
            raise unreachable(self.allowance.origin, why) from None


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
