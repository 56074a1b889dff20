"""Debounces: keeps what arrives one by one until no more comes for a moment, and hands it over as a whole.

A list of environments arrives so, in no order, and nothing says where it ends. What has to do with all of it, such as
which expires first or which are not in it any more, has to wait for that.
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
"""So often is waited for more, at most: a list of very many comes in pages."""


class Debounce(Generic[K, V]):
    """All that was added since the last time is handed over once no more has come for `quiet` seconds."""

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
        """It does not belong to the whole any more."""
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
