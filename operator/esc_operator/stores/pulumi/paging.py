"""Lists that the service hands out in pages, until it has no more. Pure.

Invariant: a service that never ends, or begins again, is found out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, TypeVar

from esc_operator.stores.pulumi.answers import DamagedError

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

T = TypeVar("T")

PAGE: Final = 500
"""How many things a page may have, where the client says so."""

MOST: Final = 50_000
"""Things of one list."""


class Pages(Generic[T]):
    """The pages had so far. `following`: where the next one begins, None after the last."""

    def __init__(self, first: str = "") -> None:
        self.found: list[T] = []
        self.following: str | None = first
        self._seen: set[Hashable] = {first}

    def take(self, items: Sequence[T], following: str | None) -> None:
        """One more page. Raises DamagedError if the list cannot end like this."""
        self.found += items
        self.following = following
        if following is None:
            return
        if following in self._seen:
            raise DamagedError("the next page is one that was read already")
        if len(self.found) > MOST or len(self._seen) > MOST:
            raise DamagedError(f"the list has more than {MOST} entries or pages")
        self._seen.add(following)
