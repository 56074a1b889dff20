"""Which tenants have little to do and were served lately. Pure; it counts picks and reads no clock."""

from __future__ import annotations

from collections import OrderedDict

LATELY = 64
"""How many picks count as lately."""


class LightTenants:
    """True while there are any."""

    def __init__(self) -> None:
        self._picks = 0
        self._served: OrderedDict[str, int] = OrderedDict()  # at which pick, the oldest first

    def __bool__(self) -> bool:
        return bool(self._served)

    def picked(self, tenant: str, *, is_light: bool) -> None:
        """A key of a tenant was picked."""
        self._picks += 1
        self._served.pop(tenant, None)
        if is_light:
            self._served[tenant] = self._picks
        while self._served and next(iter(self._served.values())) <= self._picks - LATELY:
            self._served.popitem(last=False)

    def drop(self, tenant: str) -> None:
        """It has much to do now."""
        self._served.pop(tenant, None)
