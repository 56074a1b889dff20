"""Connections that are not HTTP: to checked addresses, within limits of time and size."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.driver.networks import Fence
from esc_operator.driver.outbound import LONGEST_ANSWER
from esc_operator.driver.streams import Streams
from esc_operator.errors import ProviderError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from esc_operator.providers.port import Stream


@contextmanager
def serving(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server on loopback for one connection; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            try:
                connection, _ = listening.accept()
                with connection:
                    serve(connection)
            except OSError:
                return  # the client has left

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
    thread.join(5)


async def on_a_thread(call: Callable[[], Any]) -> Any:
    return await asyncio.to_thread(call)


def talk(url: str, call: Callable[[Stream], Any], **options: Any) -> Any:
    streams = Streams(**{"fence": None, "settings": {}, "run": on_a_thread, "seconds": 5.0, **options})
    return asyncio.run(streams.call(url, call))


def read_all(stream: Stream) -> int:
    read = 0
    with stream.socket.makefile("rb") as file:
        while piece := file.read(65536):
            read += len(piece)
    return read


def test_a_call_gets_a_connection_that_is_closed_after_it() -> None:
    sockets: list[socket.socket] = []

    def ask(stream: Stream) -> bytes:
        sockets.append(stream.socket)
        stream.socket.sendall(b"ping")
        return stream.socket.recv(100)

    with serving(lambda connection: connection.sendall(connection.recv(100) + b"-pong")) as port:
        assert talk(f"any://127.0.0.1:{port}", ask) == b"ping-pong"
    assert sockets[0].fileno() == -1


def test_what_a_server_sends_is_read_up_to_a_size() -> None:
    def flood(connection: socket.socket) -> None:
        while True:
            connection.sendall(bytes(65536))

    with serving(flood) as port, pytest.raises(ProviderError, match=f"more than {LONGEST_ANSWER} bytes") as caught:
        talk(f"any://127.0.0.1:{port}", read_all)
    assert caught.value.reason == "AnswerTooLarge"


def test_a_server_that_sends_a_byte_at_a_time_does_not_hold_a_thread() -> None:
    over = threading.Event()

    def drip(connection: socket.socket) -> None:
        while not over.wait(0.01):
            connection.sendall(b"x")

    with serving(drip) as port:
        with pytest.raises(TimeoutError):
            talk(f"any://127.0.0.1:{port}", read_all, seconds=0.2)
        over.set()


def test_a_private_address_is_not_connected_to() -> None:
    def never(_: Stream) -> None:
        raise AssertionError("it is connected")

    async def resolve(host: str, port: int) -> list[str]:
        return ["1.1.1.1", "127.0.0.1"]

    with pytest.raises(ProviderError) as caught:
        talk("postgres://db.example.com:1", never, fence=Fence(), resolve=resolve)
    assert caught.value.reason == "URLNotAllowed"
    with pytest.raises(ProviderError) as caught:
        talk("postgres://127.0.0.1:1", never, fence=Fence())
    assert caught.value.reason == "URLNotAllowed"


def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    asked: list[str] = []

    async def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    with serving(lambda connection: connection.sendall(b"here")) as port:
        place = f"postgres://db.data.svc:{port}"
        assert talk(place, lambda one: one.socket.recv(9), fence=Fence((place,)), resolve=resolve) == b"here"
    assert asked == ["db.data.svc"]


def test_a_name_without_an_address_and_a_closed_port_are_outages() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        raise OSError

    for url, options, reason in (
        ("any://db:1", {"fence": Fence(), "resolve": resolve}, "HostNotFound"),
        ("any://127.0.0.1:1", {}, "Unreachable"),
    ):
        with pytest.raises(ProviderError, match="check the host, the port and the network") as caught:
            talk(url, read_all, **options)
        assert (caught.value.reason, caught.value.outage) == (reason, True)


def test_a_name_that_is_looked_up_for_ever_is_given_up() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        await asyncio.sleep(60)
        return []

    with pytest.raises(ProviderError, match="its name is not found in time"):
        talk("any://db:1", read_all, fence=Fence(), resolve=resolve, seconds=0.05)


def test_tls_verifies_unless_it_is_told_not_to_and_is_limited_as_well() -> None:
    def look(stream: Stream) -> tuple[ssl.SSLContext, ssl.SSLContext]:
        with pytest.raises(ProviderError, match="write those of the authorities, in PEM"):
            stream.tls("these are no certificates")
        return stream.tls(), stream.tls(verifies=False)

    with serving(lambda _: None) as port:
        verifying, trusting = talk(f"any://127.0.0.1:{port}", look)
    assert verifying.check_hostname
    assert verifying.verify_mode == ssl.CERT_REQUIRED
    assert trusting.verify_mode == ssl.CERT_NONE
    for context in (verifying, trusting):
        assert issubclass(context.sslsocket_class, ssl.SSLSocket)
        assert context.sslsocket_class is not ssl.SSLSocket


def test_certificates_of_the_settings_that_cannot_be_read_are_told() -> None:
    settings = {"SSL_CERT_FILE": "/no/such/file"}
    with serving(lambda _: None) as port, pytest.raises(ProviderError, match="the file /no/such/file of SSL_CERT_FILE"):
        talk(f"any://127.0.0.1:{port}", lambda stream: stream.tls(), settings=settings)
