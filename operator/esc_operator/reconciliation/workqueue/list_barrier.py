"""Lets a list of environments arrive before work starts.

kopf processes one object in each turn of the event loop, and turns are long while all workers are busy: so a list of
10,000 took ten minutes to arrive on a busy machine, and after a few minutes an API server drops the continuation of a
list in pages.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

QUIET_SECONDS = 0.1
"""The pause between two pages may be longer: then some work is done in it."""
LONGEST_SECONDS = 30.0
"""No list keeps all work waiting for longer."""


class ListBarrier:
    """`clock` counts seconds, by default those of the event loop."""

    def __init__(
        self, clock: Callable[[], float] | None = None, *, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._clock = clock or _loop_time
        self._pause = pause
        self._began = self._last = float("-inf")

    def note(self) -> None:
        """One more object of a list has arrived."""
        now = self._clock()
        if now - self._last >= QUIET_SECONDS:
            self._began = now
        self._last = now

    async def wait(self) -> None:
        """Wait until no more has arrived for a moment."""
        while self._is_under_way():
            await self._pause(QUIET_SECONDS)

    def _is_under_way(self) -> bool:
        now = self._clock()
        return now - self._last < QUIET_SECONDS and now - self._began < LONGEST_SECONDS


def _loop_time() -> float:
    return asyncio.get_running_loop().time()
