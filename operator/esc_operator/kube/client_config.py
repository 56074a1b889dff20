"""Where an API server is, how it is known, and as whom it is asked: what all readers give and both transports take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """As whom an API server is asked, and how it is known, as read at one moment.

    `authority`, `certificate` and `key` are PEM; without an authority the system's are trusted. `authorization` is the
    value of that header, "" where the certificate says it all. `files` are all that it was read from.
    """

    authority: str | None = None
    certificate: str | None = None
    key: str | None = None
    authorization: str = ""
    files: tuple[Path, ...] = ()


NOBODY = Credentials()


@dataclass(frozen=True, slots=True, repr=False)
class ClientConfig:
    """`server` is an URL without a slash at its end. `insecure`: the server's certificate is not verified.
    `server_name`: the name that it has to be for, where that is not the server's host. `proxy`: the URL of the HTTP
    proxy on the way."""

    server: str
    credentials: Credentials = NOBODY
    insecure: bool = False
    server_name: str | None = None
    proxy: str | None = None


def bearer(token: str | None) -> str:
    """The value of the header for a token; "" for none."""
    return f"Bearer {token.strip()}" if token and token.strip() else ""
