"""The proxy that a terminal's settings name for an API server: HTTPS_PROXY, HTTP_PROXY and NO_PROXY as Go reads them.

Go's reading is kubectl's, and differs from curl's: a domain with a dot in front does not stand for itself, an entry may
have a port, and this machine is never asked through a proxy. The names in capitals count before the others.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    Address = IPv4Address | IPv6Address

PORTS = {"http": 80, "https": 443}


def proxy_of(settings: Mapping[str, str], server: str) -> str | None:
    """The URL of the proxy for a server's URL; None: it is asked directly. One without a scheme is an HTTP proxy."""
    parts = urlsplit(server)
    host, port = (parts.hostname or "").lower(), parts.port or PORTS[parts.scheme]
    proxy = _setting(settings, f"{parts.scheme.upper()}_PROXY").strip()
    if not proxy or host == "localhost":
        return None
    address = _address(host)
    if address and address.is_loopback:
        return None
    spared = (entry.strip().lower() for entry in _setting(settings, "NO_PROXY").split(","))
    if any(entry and _spares(entry, host, address, port) for entry in spared):
        return None
    named = urlsplit(proxy)
    return proxy if named.scheme and named.netloc else f"http://{proxy}"


def _setting(settings: Mapping[str, str], name: str) -> str:
    return settings.get(name) or settings.get(name.lower()) or ""


def _spares(entry: str, host: str, address: Address | None, port: int) -> bool:
    if entry == "*":
        return True
    if "/" in entry:
        return address is not None and _is_in(address, entry)
    named, wanted = _split_port(entry)
    if wanted and wanted != str(port):
        return False
    if literal := _address(named):
        return address == literal
    if address or not named:
        return False  # a domain is no address
    domain = named[1:] if named.startswith("*.") else named
    return host.endswith(domain) if domain.startswith(".") else f".{host}".endswith(f".{domain}")


def _split_port(entry: str) -> tuple[str, str]:
    """Host and port of an entry; an IPv6 address with a port is in brackets."""
    if entry.startswith("[") and "]:" in entry:
        host, _, port = entry[1:].partition("]:")
        return host, port
    host, colon, port = entry.partition(":")
    return (host, port) if colon and ":" not in port else (entry, "")


def _address(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    # One is the other: the API server is the same.
    return getattr(address, "ipv4_mapped", None) or address


def _is_in(address: Address, network: str) -> bool:
    try:
        return address in ip_network(network, strict=False)
    except ValueError:
        return False
