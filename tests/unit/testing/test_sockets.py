"""Connections that are made past the context are seen, and refused."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest

from esc_operator.testing.sockets import connections


def test_a_connection_and_a_look_up_are_seen_and_refused() -> None:
    with connections() as made:
        with pytest.raises(ConnectionRefusedError, match="a trial allows no connection"):
            socket.create_connection(("127.0.0.1", 9), timeout=1)
        with pytest.raises(ConnectionRefusedError):
            socket.getaddrinfo("example.com", 443)
    assert made == ["127.0.0.1:9", "example.com:443"]


def test_what_is_allowed_is_not_seen_and_nothing_is_outside_the_block() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        place: tuple[str, int] = server.getsockname()
        with connections(place) as made, socket.create_connection(place, timeout=1):
            assert made == []
        with socket.create_connection(place, timeout=1):
            assert made == []


def test_a_thread_that_began_before_may_end_its_call() -> None:
    asked, done = threading.Event(), []

    def call() -> None:
        asked.wait(10)
        try:
            socket.create_connection(("127.0.0.1", 9), timeout=1)
        except OSError as error:
            done.append(str(error))

    thread = threading.Thread(target=call)
    thread.start()
    with connections() as made:
        asked.set()
        thread.join(10)
    assert made == []
    assert "a trial allows" not in done[0]


def test_a_thread_that_begins_meanwhile_is_watched() -> None:
    def call() -> None:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", 9), timeout=1)

    with connections() as made:
        thread = threading.Thread(target=call)
        thread.start()
        thread.join(10)
    assert made == ["127.0.0.1:9"]
