"""A bounded number of places, and who waits for one goes by its deadline.

Who has none asks for something new, and goes ahead of those that only renew; but every so often one of these goes
first, so that a storm of new ones cannot let credentials expire. First come first served would undo the order in which
the work queue hands out what is due.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

DEADLINE_SHARE = 4
"""One place in so many goes to the earliest deadline first."""


class Line:
    """Belongs to one event loop. Each `enter` that returns is followed by one `leave`."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._new: deque[asyncio.Future[None]] = deque()
        self._due: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._calls = 0

    async def enter(self, deadline: datetime | None) -> None:
        """Wait for a place."""
        if self._free:
            self._free -= 1
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if deadline is None:
            self._new.append(waiter)
        else:
            heapq.heappush(self._due, (deadline, next(self._order), waiter))
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self.leave()  # the place was given to it at that very moment
            raise

    def leave(self) -> None:
        """Give the place to whoever is next."""
        waiter = self._pick()
        if waiter is None:
            self._free += 1
        else:
            waiter.set_result(None)

    def _pick(self) -> asyncio.Future[None] | None:
        self._calls += 1
        picks = (self._pick_new, self._pick_due)
        if self._calls % DEADLINE_SHARE == 0:
            picks = (self._pick_due, self._pick_new)
        return next((waiter for pick in picks if (waiter := pick()) is not None), None)

    def _pick_new(self) -> asyncio.Future[None] | None:
        while self._new:
            waiter = self._new.popleft()
            if not waiter.done():  # one that is done has given up
                return waiter
        return None

    def _pick_due(self) -> asyncio.Future[None] | None:
        while self._due:
            _, _, waiter = heapq.heappop(self._due)
            if not waiter.done():
                return waiter
        return None
