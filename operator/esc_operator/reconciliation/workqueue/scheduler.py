"""When to look at each key again: one heap of wall-clock times for all of them.

Owns the next time of every key. Wall clock, never a long monotonic sleep: a machine that was suspended or whose clock
jumped finds out within a minute. A due time is only a trigger to reconcile.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

K = TypeVar("K")

LONGEST_SLEEP = 60.0
"""Seconds; also how late a jump of the clock may be noticed."""

JUMP = timedelta(seconds=60)
"""A clock that is set back by more was wrong before: its scheduled times are not waited for."""


class Scheduler(Generic[K]):
    """`clock`, in seconds, stands still while the machine does."""

    def __init__(self, now: Callable[[], datetime], clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._now = now
        self._heap: list[tuple[datetime, int, K]] = []
        self._times: dict[K, datetime] = {}
        self._count = 0
        self._changed = asyncio.Event()
        self._last_beat = now()
        self._beat_at = clock()

    def __len__(self) -> int:
        return len(self._times)

    @property
    def age(self) -> timedelta:
        """How long ago it last looked, which it does at least once a minute. The time for which the machine was
        suspended does not count."""
        return timedelta(seconds=self._clock() - self._beat_at)

    def set(self, key: K, when: datetime | None) -> None:
        """Look at a key at that time, which replaces the earlier one; None: not by time."""
        if when is None:
            self.discard(key)
            return
        if self._times.get(key) == when:
            return
        self._times[key] = when
        self._count += 1
        heapq.heappush(self._heap, (when, self._count, key))
        if self._heap[0][2] == key:
            self._changed.set()

    def discard(self, key: K) -> None:
        self._times.pop(key, None)  # its entry in the heap is skipped later

    def take_due(self, on_due: Callable[[K, datetime], None]) -> datetime | None:
        """Hand out every due key, with its due time; returns when the next one is due."""
        now = self._now()
        if now < self._last_beat - JUMP:
            for key in list(self._times):
                self.set(key, now)
        self._last_beat, self._beat_at = now, self._clock()
        while self._heap:
            when, _, key = self._heap[0]
            if self._times.get(key) != when:
                heapq.heappop(self._heap)
                continue
            if when > now:
                return when
            heapq.heappop(self._heap)
            del self._times[key]
            on_due(key, when)
        return None

    async def run(self, on_due: Callable[[K, datetime], None]) -> None:
        """Hand out keys when they are due, until cancelled. `on_due` gets each, with its due time."""
        while True:
            self._changed.clear()
            upcoming = self.take_due(on_due)
            wait = LONGEST_SLEEP
            if upcoming is not None:
                wait = min(max((upcoming - self._now()).total_seconds(), 0.0), LONGEST_SLEEP)
            # Not wait_for: before Python 3.12 it swallows a cancellation that comes together with the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._changed.wait()
