"""The breakers of one provider: those of each namespace, and those of all namespaces together.

Throttling counts against the account that met it, an outage against the endpoint, and both only for the namespace of
the call; only what several namespaces meet counts for all. Their number is limited for each namespace: none can evict
another one's breakers.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from esc_operator.driver.breaker import Breaker
from esc_operator.driver.endpoint_breaker import EndpointBreaker

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_SERVICES = 64
"""How many endpoints and accounts of a provider are remembered for a namespace."""

MOST_NAMESPACES = 4096
"""How many namespaces are remembered: those with the latest calls. Tenants cannot choose their number."""


class Place(NamedTuple):
    """What a namespace calls: an endpoint, for an account, which is "" if not known."""

    tenant: str
    endpoint: str
    account: str


class Service:
    """A namespace's breaker of an endpoint: for all accounts (`account` is None) or for one. `trouble` is the reason of
    its last pause."""

    __slots__ = ("account", "breaker", "endpoint", "trouble")

    def __init__(self, endpoint: str, account: str | None) -> None:
        self.endpoint = endpoint
        self.account = account
        self.breaker = Breaker()
        self.trouble = ""


class Services:
    """The breakers of one provider."""

    def __init__(self) -> None:
        self._tenants: OrderedDict[str, OrderedDict[tuple[str, str | None], Service]] = OrderedDict()
        self._endpoints: dict[str, EndpointBreaker] = {}

    def __len__(self) -> int:
        """How many breakers there are."""
        return sum(map(len, self._tenants.values())) + len(self._endpoints)

    def of(self, place: Place) -> tuple[Service, Service]:
        """The namespace's breakers of the endpoint, and of the account there."""
        own = self._tenants.setdefault(place.tenant, OrderedDict())
        self._tenants.move_to_end(place.tenant)
        found = tuple(self._find(own, place.endpoint, account) for account in (None, place.account))
        while len(own) > MOST_SERVICES:
            self._forget(place.tenant, own.popitem(last=False)[1])
        if len(self._tenants) > MOST_NAMESPACES:
            tenant, services = self._tenants.popitem(last=False)
            for service in services.values():
                self._forget(tenant, service)
        return found[0], found[1]

    def at(self, endpoint: str) -> EndpointBreaker | None:
        """The breaker for all namespaces, or None if there was no failure."""
        return self._endpoints.get(endpoint)

    def complain(self, endpoint: str) -> EndpointBreaker:
        """The breaker for all namespaces, to record a failure."""
        return self._endpoints.setdefault(endpoint, EndpointBreaker())

    def served(self, endpoint: str) -> bool:
        """Record a success; returns whether that ends an outage for all namespaces."""
        everybodys = self._endpoints.pop(endpoint, None)
        if everybodys is None or not everybodys.is_open:
            return False
        for own in self._tenants.values():
            own.pop((endpoint, None), None)  # it needs no probe of its own
        return True

    def out_of_order(self) -> set[str]:
        """The endpoints that are paused for at least one namespace because of an outage."""
        return {name for name, one in self._endpoints.items() if one.is_open} | {
            service.endpoint for service in self._all() if service.account is None and service.breaker.is_open
        }

    def _all(self) -> Iterator[Service]:
        return (service for own in self._tenants.values() for service in own.values())

    def _find(self, own: OrderedDict[tuple[str, str | None], Service], endpoint: str, account: str | None) -> Service:
        key = endpoint, account
        if key not in own:
            own[key] = Service(endpoint, account)
        own.move_to_end(key)
        return own[key]

    def _forget(self, tenant: str, service: Service) -> None:
        everybodys = self._endpoints.get(service.endpoint)
        if everybodys is not None:
            everybodys.forget(tenant)
            if everybodys.is_quiet:
                del self._endpoints[service.endpoint]
