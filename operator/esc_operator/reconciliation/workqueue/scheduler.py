"""When to look at each key again: one heap of wall-clock times for all of them.

Owns the next time of every key. Wall clock, never a long monotonic sleep: a machine that was suspended or whose clock
jumped finds out within a minute. A time that comes due is only an occasion to reconcile.
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
"""A clock that is set back by more has gone wrong before: what was scheduled by it is not waited for."""


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
        """How long ago it last looked; it does at least each minute. A time for which the machine was suspended is none
        that it has missed."""
        return timedelta(seconds=self._clock() - self._beat_at)

    def set(self, key: K, when: datetime | None) -> None:
        """Look at a key at that time, instead of any other set before; None: not by time."""
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
        self._times.pop(key, None)  # its place in the heap is skipped when it comes up

    def take_due(self, on_due: Callable[[K, datetime], None]) -> datetime | None:
        """Hand out every key whose time has come, with the time it was due at; answers when the next one comes."""
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
        """Hand out keys as they come due, until cancelled. `on_due` gets each, and the time it was due at."""
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
