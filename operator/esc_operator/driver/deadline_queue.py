"""The waiting calls of one namespace, in the order of their deadlines.

A call without a deadline requests something new, and goes ahead of renewals; but one in every few places goes to a
renewal, so that a storm of new calls cannot let credentials expire. First come, first served would undo the order of
the work queue.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from datetime import datetime

DEADLINE_SHARE = 4
"""One place in this many goes to the earliest deadline first."""


class DeadlineQueue:
    """The futures of waiting calls; one that is done has given up, and is skipped."""

    def __init__(self) -> None:
        self._new: deque[asyncio.Future[None]] = deque()
        self._due: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._picks = 0

    def push(self, waiter: asyncio.Future[None], deadline: datetime | None) -> None:
        if deadline is None:
            self._new.append(waiter)
        else:
            heapq.heappush(self._due, (deadline, next(self._order), waiter))

    def __bool__(self) -> bool:
        """Whether any call waits."""
        while self._new and self._new[0].done():
            self._new.popleft()
        while self._due and self._due[0][2].done():
            heapq.heappop(self._due)
        return bool(self._new or self._due)

    def pop(self) -> asyncio.Future[None]:
        """The next call. Raises IndexError if none waits."""
        if not self:
            raise IndexError("no call waits")
        if self._new and self._due:
            self._picks += 1
            is_due = self._picks % DEADLINE_SHARE == 0
        else:
            is_due = not self._new
        return heapq.heappop(self._due)[2] if is_due else self._new.popleft()
