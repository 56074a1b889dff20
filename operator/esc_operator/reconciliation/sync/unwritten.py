"""Values that were opened and could not be written yet: a retry of the write uses them, and opens nothing.

Owns how long they are kept, and how many: they are secrets, and as large as Secrets. Without them a retry opens the
environment once more, which costs calls of its providers and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from esc_operator.renewal.schedule import renew_at

if TYPE_CHECKING:
    from esc_operator.driver.sharing import Demand
    from esc_operator.reconciliation.sync.outcome import OpenedValues
    from esc_operator.resources.environment import EscEnvironment, Key
    from esc_operator.resources.rotate_request import RotateRequest

KEPT_FOR = timedelta(minutes=2)
"""After this long they are opened again: values without an expiry may have changed at their source."""
MOST_BYTES = 8 * 1024 * 1024
"""The limit for all of them, as base64."""


class Wish(NamedTuple):
    """What values were opened for: they serve no other purpose. `recoveries` counts changes outside of the definitions,
    such as of what a namespace allows."""

    uid: str
    generation: int
    request: RotateRequest
    recoveries: int


def wish_of(environment: EscEnvironment, recoveries: int) -> Wish:
    return Wish(environment.uid, environment.generation, environment.rotate_request, recoveries)


@dataclass(frozen=True, slots=True)
class Kept:
    """`began`: the time of the values."""

    wish: Wish
    opened: OpenedValues
    began: datetime
    size: int

    def meets(self, wish: Wish, demand: Demand, environment: EscEnvironment, now: datetime) -> bool:
        """Whether these values are good enough for an opening at this time."""
        if self.wish != wish or not self.began <= now < self.began + KEPT_FOR:
            return False
        window = self.opened.window
        if window is None:
            return True
        if demand.valid_until and window.expires_at <= demand.valid_until:
            return False
        return now < renew_at(window, environment.refresh.before, environment.uid)


class Unwritten:
    """Those of one process, by environment. `size`: the bytes of all of them."""

    def __init__(self) -> None:
        self._kept: dict[Key, Kept] = {}
        self.size = 0

    def keep(self, key: Key, wish: Wish, opened: OpenedValues, began: datetime) -> None:
        """Keep the values if there is room. Those that were kept before for the same wish stay unchanged: there are no
        newer ones."""
        known = self._kept.get(key)
        if known and known.opened is opened:
            return
        self.forget(key)
        size = sum(len(name) + len(value) for name, value in opened.data.items())
        if self.size + size <= MOST_BYTES:
            self._kept[key] = Kept(wish, opened, began, size)
            self.size += size

    def find(self, key: Key, wish: Wish, demand: Demand, environment: EscEnvironment, now: datetime) -> Kept | None:
        """The kept values, if they are good; others are forgotten."""
        kept = self._kept.get(key)
        if kept is None or kept.meets(wish, demand, environment, now):
            return kept
        self.forget(key)
        return None

    def forget(self, key: Key) -> None:
        if kept := self._kept.pop(key, None):
            self.size -= kept.size
