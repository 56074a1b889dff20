"""Debounces: collects what arrives one by one until no more comes for a moment, and hands it over as a whole.

A list of environments arrives in this way, in no order, and without an end mark. Decisions that need all of it, such as
which expires first or which are missing, have to wait for its end.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

K = TypeVar("K")
V = TypeVar("V")

QUIET_SECONDS = 1.0
MOST_ROUNDS = 20
"""How often it waits for more, at most: a long list comes in pages."""


class Debounce(Generic[K, V]):
    """Hands over all that was added since the last time, once no more has come for `quiet` seconds."""

    def __init__(
        self, *, quiet: float = QUIET_SECONDS, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._quiet = quiet
        self._pause = pause
        self._found: dict[K, V] = {}
        self._any = asyncio.Event()

    def add(self, key: K, value: V) -> None:
        self._found[key] = value
        self._any.set()

    def __contains__(self, key: K) -> bool:
        """Whether it has yet to be handed over."""
        return key in self._found

    def discard(self, key: K) -> None:
        """It no longer belongs to the whole."""
        self._found.pop(key, None)

    async def run(self, hand_over: Callable[[Mapping[K, V]], None]) -> None:
        """Hand over what is gathered, until cancelled."""
        while True:
            await self._any.wait()
            self._any.clear()
            for _ in range(MOST_ROUNDS):
                await self._pause(self._quiet)
                if not self._any.is_set():
                    break
                self._any.clear()
            found, self._found = self._found, {}
            hand_over(found)
