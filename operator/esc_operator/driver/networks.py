"""Which hosts an environment may have the operator connect to: public addresses over HTTPS or by the protocol of a
database, and those that an administrator names. Pure.

The author of an environment names hosts (a vault, a site, an API), and the operator connects to them from inside the
cluster's network, where many services have no other protection. Invariant: the check covers the address that is
connected to, never the name alone, which may resolve differently the next time.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from esc_operator.errors import ProviderError
from esc_operator.formats.hosts import is_host
from esc_operator.providers import reasons
from esc_operator.resources.allowances import ALLOWED_URLS, matches

if TYPE_CHECKING:
    from collections.abc import Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_PORTS: Final = {"https": 443, "http": 80}

# The special-purpose registries of IANA, and an address by which a cloud serves its machines. `is_global` of the
# standard library differs from one patch of Python to the next.
_NOT_PUBLIC: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "168.63.129.16/32",  # the services of Azure for its virtual machines
        *("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"),
    )
)
_GLOBAL_UNICAST: Final = ipaddress.ip_network("2000::/3")
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
"""Its last 32 bits are the IPv4 address that is reached: so a cluster without IPv4 reaches the rest of the world."""

_OF_THE_MACHINE: Final = tuple(
    ipaddress.ip_network(text)
    for text in ("169.254.0.0/16", "fe80::/10", "fd00:ec2::/32", "100.100.100.200/32", "168.63.129.16/32")
)
"""Where clouds serve a machine its own credentials: no name may resolve to them, whatever a pattern allows."""


class Origin(NamedTuple):
    """The origin of a URL, or the place of a database: `postgres://HOST:PORT`. `host` is in lower case, an IPv6 address
    without its brackets."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _PORTS.get(self.scheme) else f":{self.port}")


@dataclass(frozen=True, slots=True)
class Fence:
    """`urls` are patterns of allowed origins that are not public, such as `https://vault.vault.svc:8200` (see
    `allowances.matches`); `private` are networks whose addresses look public but belong to the cluster."""

    urls: tuple[str, ...] = ()
    private: tuple[Network, ...] = ()

    def allowing(self, urls: Iterable[str]) -> Fence:
        """The same with more patterns."""
        return replace(self, urls=(*self.urls, *urls))

    def check_origin(self, origin: Origin) -> None:
        """Raises ProviderError if the origin is not allowed, whatever its address."""
        if origin.scheme != "https" and not self._names(origin):
            raise _refusal(origin, "it is not https://")

    def check_address(self, origin: Origin, address: Address) -> None:
        """Raises ProviderError if this address is not allowed."""
        reached = _reached(address)
        if any(reached in network for network in _OF_THE_MACHINE) and origin.host != str(address):
            raise _refusal(origin, "its name resolves to an address of the machine itself", can_be_allowed=False)
        if not self._names(origin) and not self._is_public(reached):
            raise _refusal(origin, "it is not at a public address")

    def _names(self, origin: Origin) -> bool:
        return any(matches(_normal(pattern), str(origin)) for pattern in self.urls)

    def _is_public(self, address: Address) -> bool:
        if any(address in network for network in (*_NOT_PUBLIC, *self.private)):
            return False
        return address.version == 4 or address in _GLOBAL_UNICAST


def parse_origin(url: str) -> Origin:
    """The origin of a URL. Raises ProviderError for an invalid one."""
    try:
        parts = urlsplit(url)
        scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
        origin = Origin(scheme, host, parts.port or _PORTS.get(scheme, 0))
    except ValueError:
        origin, parts = Origin("", "", 0), urlsplit("")
    plain = url.isascii() and url.isprintable() and not any(sign in url for sign in " \\")
    if not plain or not origin.host or origin.scheme not in _PORTS or "@" in parts.netloc or "%" in origin.host:
        raise ProviderError(
            "this is not a URL that can be used: write https://HOST or https://HOST:PORT, without a user, in ASCII",
            reason=reasons.INVALID_INPUTS,
        )
    return origin


def parse_stream(url: str) -> Origin:
    """The origin of a connection that is not HTTP, such as `postgres://db.example.com:5432`. Raises ProviderError for
    an invalid one."""
    scheme, _, rest = url.partition("://")
    host, _, port = rest.rpartition(":")
    host = host.removeprefix("[").removesuffix("]").lower()
    if not is_host(host) or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise ProviderError(
            "this is not a host and a port that can be used: write the host's name or its address alone, in ASCII, and "
            "a port from 1 to 65535",
            reason=reasons.INVALID_INPUTS,
        )
    return Origin(scheme, host, int(port))


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Networks such as 10.0.0.0/8. Raises ValueError."""
    return tuple(ipaddress.ip_network(text) for text in texts)


def _reached(address: Address) -> Address:
    """The IPv4 address that an IPv6 address embeds, or the address itself."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _normal(pattern: str) -> str:
    """The pattern as an origin is written: without the default port."""
    pattern = pattern.rstrip("/")
    for scheme, port in _PORTS.items():
        if pattern.startswith(f"{scheme}://"):
            return pattern.removesuffix(f":{port}")
    return pattern


def _refusal(origin: Origin, why: str, *, can_be_allowed: bool = True) -> ProviderError:
    how = (
        f"an administrator may allow it, by the namespace's annotation {ALLOWED_URLS} or the operator's option"
        f" --allowed-url, with the pattern {origin}"
        if can_be_allowed
        else "write the address itself, if you mean it, and ask an administrator to allow it"
    )
    return ProviderError(f"{origin} is not allowed: {why}; {how}", reason=reasons.URL_NOT_ALLOWED)
