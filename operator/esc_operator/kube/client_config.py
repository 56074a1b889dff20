"""An API server's address and credentials: all readers return them and both transports take them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """The credentials for an API server, and how to verify it, as read at one moment.

    `authority`, `certificate` and `key` are PEM; without an authority the system's are trusted. `authorization` is the
    value of that header, "" if a certificate suffices. `files` are all files that were read for it.
    """

    authority: str | None = None
    certificate: str | None = None
    key: str | None = None
    authorization: str = ""
    files: tuple[Path, ...] = ()


NOBODY = Credentials()


@dataclass(frozen=True, slots=True, repr=False)
class ClientConfig:
    """`server` is a URL without a trailing slash. `insecure`: the server's certificate is not verified. `server_name`:
    the name in the certificate, if it is not the server's host. `proxy`: the URL of the proxy, HTTP or SOCKS5."""

    server: str
    credentials: Credentials = NOBODY
    insecure: bool = False
    server_name: str | None = None
    proxy: str | None = None


def bearer(token: str | None) -> str:
    """The value of the header for a token; "" for none."""
    return f"Bearer {token.strip()}" if token and token.strip() else ""
