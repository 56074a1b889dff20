"""The URLs that may be Pulumi Cloud's. Pure."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from esc_operator.errors import ConfigurationError

CLOUD: Final = "https://api.pulumi.com"
"""Pulumi's own."""

_NOT_THE_API: Final = frozenset({"pulumi.com", "www.pulumi.com", "app.pulumi.com"})


def cloud_url(url: str) -> str:
    """The URL as it is stored, without a slash at its end. Raises ConfigurationError for one that gets no token."""
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme.lower(), (parts.hostname or "").lower(), parts.port
    except ValueError:
        scheme, host, port, parts = "", "", None, urlsplit("")
    if scheme not in {"https", "http"} or not host or port == 0 or not url.isprintable() or not url.isascii():
        raise ConfigurationError(f"this is no URL of Pulumi Cloud: write it like {CLOUD}")
    if "@" in parts.netloc or parts.query or parts.fragment:
        # It is not shown: it may hold a password.
        raise ConfigurationError(f"the URL has a user, a query or a fragment: write it without them, like {CLOUD}")
    if host in _NOT_THE_API:
        raise ConfigurationError(f"{scheme}://{host} is a website of Pulumi's: the API is {CLOUD}")
    if scheme == "http" and not _is_loopback(host):
        raise ConfigurationError(
            f"{scheme}://{host} would get the access token unencrypted: use https://; only a server on this machine "
            "(localhost, 127.0.0.1) may be http://"
        )
    path = parts.path.rstrip("/")
    if path.endswith(("/api", "/api/esc")):
        raise ConfigurationError(
            f"the URL ends in {path}, which esc adds itself: write {scheme}://{parts.netloc.lower()}"
        )
    return f"{scheme}://{parts.netloc.lower()}{path}"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
