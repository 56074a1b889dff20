"""Watches for connections that a plug-in makes by itself, past `OpenContext.send`.

It sees what Python's own sockets do, whatever library uses them, on the thread of the caller and on those that begin
meanwhile: an older one may still be ending a call that was cancelled. A library in C with sockets of its own is not
seen.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Watch(NamedTuple):
    allowed: frozenset[tuple[str, int]]
    others: frozenset[int | None]
    """The threads that are not watched."""
    found: list[str]


_watching: list[_Watch] = []
_hooked = False


@contextlib.contextmanager
def connections(*allowed: tuple[str, int]) -> Iterator[list[str]]:
    """The names that are looked up and the addresses that are connected to within the block, except for `allowed`
    (host, port). Each is refused with an OSError."""
    global _hooked  # noqa: PLW0603 - an audit hook cannot be taken back, so there is one for the process
    if not _hooked:
        sys.addaudithook(_see)
        _hooked = True
    others = {thread.ident for thread in threading.enumerate()} - {threading.get_ident()}
    watch = _Watch(frozenset(allowed), frozenset(others), [])
    _watching.append(watch)
    try:
        yield watch.found
    finally:
        _watching.remove(watch)


def _see(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching or event not in {"socket.connect", "socket.getaddrinfo"}:
        return
    place = arguments[1] if event == "socket.connect" else arguments[:2]
    if not isinstance(place, tuple):
        return  # a socket of this machine, which has a path
    host, port, thread = str(place[0]), int(place[1] or 0), threading.get_ident()
    for watch in _watching:
        if (host, port) not in watch.allowed and thread not in watch.others:
            watch.found.append(f"{host}:{port}")
            raise ConnectionRefusedError(f"a trial allows no connection to {host}:{port}")
