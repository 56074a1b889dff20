"""The breakers of one provider: what each namespace has met for itself, and what all of them have met.

Throttling is held against the account that met it, an outage against the endpoint, and both against nobody but the
namespace whose call it was; only what several namespaces meet is everybody's. Bounded for each namespace: none can make
another one's be forgotten, and none pays for its own forgetting but itself.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from esc_operator.driver.breaker import Breaker
from esc_operator.driver.endpoint_breaker import EndpointBreaker

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_SERVICES = 64
"""So many endpoints and accounts of a provider are remembered of a namespace."""

MOST_NAMESPACES = 4096
"""So many namespaces are remembered: those that asked last. Their number is not for tenants to choose."""


class Place(NamedTuple):
    """Whom a namespace asks: an endpoint, for an account, which is empty where nobody knows it."""

    tenant: str
    endpoint: str
    account: str


class Service:
    """What answers a namespace at an endpoint: to all (`account` is None) or for one account. `trouble` is the reason
    for which it was left alone last."""

    __slots__ = ("account", "breaker", "endpoint", "trouble")

    def __init__(self, endpoint: str, account: str | None) -> None:
        self.endpoint = endpoint
        self.account = account
        self.breaker = Breaker()
        self.trouble = ""


class Services:
    """Of one provider."""

    def __init__(self) -> None:
        self._tenants: OrderedDict[str, OrderedDict[tuple[str, str | None], Service]] = OrderedDict()
        self._endpoints: dict[str, EndpointBreaker] = {}

    def __len__(self) -> int:
        """How many breakers there are."""
        return sum(map(len, self._tenants.values())) + len(self._endpoints)

    def of(self, place: Place) -> tuple[Service, Service]:
        """What the namespace has met at the endpoint, and for the account there."""
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
        """What all have met there, or None where nobody has met anything."""
        return self._endpoints.get(endpoint)

    def complain(self, endpoint: str) -> EndpointBreaker:
        """The same, to take note of what somebody has met."""
        return self._endpoints.setdefault(endpoint, EndpointBreaker())

    def served(self, endpoint: str) -> bool:
        """Somebody was served there; answers whether that is the end of an outage for everybody."""
        everybodys = self._endpoints.pop(endpoint, None)
        if everybodys is None or not everybodys.is_open:
            return False
        for own in self._tenants.values():
            own.pop((endpoint, None), None)  # it need not find out for itself
        return True

    def out_of_order(self) -> set[str]:
        """The endpoints that somebody leaves alone for an outage."""
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
