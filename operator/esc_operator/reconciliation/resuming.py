"""What was there before the process was: it is found in no order, and is worked on by its deadlines.

Owns the environments that were found since the start and have yet to be looked at. They are kept back until no more of
them are found for a moment: whichever was found first would otherwise be the first to be renewed.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

K = TypeVar("K")

QUIET_SECONDS = 0.5
MOST_ROUNDS = 20
"""So often is waited for more, at most: a list of very many comes in pages."""


class Resuming(Generic[K]):
    """`resume` is called with each key and its deadline, a timestamp: the earliest first."""

    def __init__(
        self, resume: Callable[[K, float], None], *, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._resume = resume
        self._pause = pause
        self._found: dict[K, float] = {}
        self._any = asyncio.Event()

    def add(self, key: K, deadline: float) -> None:
        self._found[key] = deadline
        self._any.set()

    def discard(self, key: K) -> None:
        """It is looked at for another reason."""
        self._found.pop(key, None)

    async def run(self) -> None:
        """Hand out what is found, until cancelled."""
        while True:
            await self._any.wait()
            self._any.clear()
            for _ in range(MOST_ROUNDS):
                await self._pause(QUIET_SECONDS)
                if not self._any.is_set():
                    break
                self._any.clear()
            found, self._found = self._found, {}
            for key, deadline in sorted(found.items(), key=lambda one: one[1]):
                self._resume(key, deadline)
