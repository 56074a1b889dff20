"""A keyed, coalescing work queue with two lanes.

Owns which key is worked on next. A key is in the queue at most once and is never worked on twice at a time: what is
added meanwhile is worked on once more afterwards. Changes go ahead of refreshes, so a new environment does not wait
behind a storm of renewals; refreshes go by their deadline, and every fourth pick of an ordinary worker is theirs, so
that a storm of changes cannot let credentials expire.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from enum import Enum
from typing import Generic, TypeVar

K = TypeVar("K")

REFRESH_SHARE = 4
"""One pick in so many takes a refresh first."""


class Lane(Enum):
    CHANGE = "change"
    REFRESH = "refresh"


class WorkQueue(Generic[K]):
    """Used from one event loop. `add` never blocks; each `take` is followed by one `done`."""

    def __init__(self) -> None:
        self._changes: dict[K, None] = {}
        self._refreshes: list[tuple[float, int, K]] = []
        self._deadlines: dict[K, float] = {}
        self._working: set[K] = set()
        self._again: dict[K, tuple[Lane, float]] = {}
        self._waiters: deque[tuple[asyncio.Future[None], bool]] = deque()
        self._order = itertools.count()
        self._picks = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._changes) + len(self._deadlines)

    @property
    def working(self) -> int:
        """How many keys are worked on."""
        return len(self._working)

    def depth(self, lane: Lane) -> int:
        return len(self._changes) if lane is Lane.CHANGE else len(self._deadlines)

    def is_waiting(self, key: K) -> bool:
        """Whether a key has been asked for and nobody works on it."""
        return key not in self._working and (key in self._changes or key in self._deadlines)

    def add(self, key: K, lane: Lane, deadline: float = 0.0) -> None:
        """Ask for work on a key. `deadline`, a timestamp, orders refreshes: the earliest goes first."""
        if key in self._working:
            waiting = self._again.get(key)
            if waiting is None or (waiting[0] is Lane.REFRESH and lane is Lane.CHANGE):
                self._again[key] = (lane, deadline)
            return
        if key in self._changes:
            return
        if lane is Lane.CHANGE:
            self._deadlines.pop(key, None)  # its place in the heap is skipped when it comes up
            self._changes[key] = None
        elif key not in self._deadlines or deadline < self._deadlines[key]:
            self._deadlines[key] = deadline
            heapq.heappush(self._refreshes, (deadline, next(self._order), key))
        self._wake(lane)

    async def take(self, *, changes_only: bool = False) -> K:
        """The next key. A worker that takes changes only is never held up by slow refreshes."""
        while True:
            if (key := self._pick(changes_only)) is not None:
                self._working.add(key)
                self._idle.clear()
                self._pass_on()
                return key
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append((waiter, changes_only))
            await waiter

    def borrow(self, key: K) -> bool:
        """Keep the workers from a key that waits, for a moment in which it keeps its place; answers whether that could
        be. Followed by one `done`."""
        if self._closed or not self.is_waiting(key):
            return False
        self._working.add(key)
        self._idle.clear()
        return True

    def done(self, key: K) -> None:
        """Work on a key has ended; what was asked for meanwhile goes back into the queue."""
        self._working.discard(key)
        if not self._working:
            self._idle.set()
        if again := self._again.pop(key, None):
            self.add(key, *again)
        if self.is_waiting(key):
            self._pass_on()  # whoever was woken for it while it was borrowed has not got it

    async def close(self) -> None:
        """Hand out no more keys, and wait until those that are worked on are done."""
        self._closed = True
        await self._idle.wait()

    def _pick(self, changes_only: bool) -> K | None:
        if self._closed:
            return None
        if changes_only:
            return self._pick_change()
        self._picks += 1
        refresh_first = self._picks % REFRESH_SHARE == 0
        lanes = (self._pick_refresh, self._pick_change) if refresh_first else (self._pick_change, self._pick_refresh)
        return next((key for pick in lanes if (key := pick()) is not None), None)

    def _pick_change(self) -> K | None:
        key = next((key for key in self._changes if key not in self._working), None)
        if key is not None:
            del self._changes[key]
        return key

    def _pick_refresh(self) -> K | None:
        borrowed, found = [], None
        while self._refreshes and found is None:
            place = heapq.heappop(self._refreshes)
            deadline, _, key = place
            if self._deadlines.get(key) != deadline:
                continue
            if key in self._working:
                borrowed.append(place)
            else:
                found = key
                del self._deadlines[key]
        for place in borrowed:
            heapq.heappush(self._refreshes, place)
        return found

    def _pass_on(self) -> None:
        """Wake others for what is left. Whoever was woken for it may not take it: its own pick came out otherwise, or
        another worker was faster and left a refresh to one that takes changes only."""
        for lane in Lane:
            if self.depth(lane):
                self._wake(lane)

    def _wake(self, lane: Lane) -> None:
        """Wake one waiter that may take from that lane, one for changes only first where it may."""
        fitting = [entry for entry in self._waiters if not entry[0].done() and (lane is Lane.CHANGE or not entry[1])]
        if fitting:
            chosen = next((entry for entry in fitting if entry[1]), fitting[0])
            self._waiters.remove(chosen)
            chosen[0].set_result(None)
