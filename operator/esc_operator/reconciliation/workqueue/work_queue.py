"""A keyed, coalescing work queue with two lanes, each served by turns among tenants.

Owns which key is worked on next. A key is in the queue at most once and is never worked on twice at a time: if it is
added during the work, it is worked on once more afterwards. Changes go ahead of refreshes, so a new environment does
not wait behind a storm of renewals; every fourth pick of an ordinary worker is a refresh's, so that a storm of changes
cannot let credentials expire. Tenants take turns, so that the storm of one does not delay the others; within one,
changes go in the order of arrival and refreshes by their deadline. Every second pick of a refresh is the earliest
deadline of all, so that the turns of many others cannot let it pass.

An attempt waits without a worker, and comes `back` for one when it can continue.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Generic, TypeVar

from esc_operator.reconciliation.workqueue.fair_queue import FairQueue, Kind
from esc_operator.reconciliation.workqueue.light_tenants import LightTenants

if TYPE_CHECKING:
    from collections.abc import Callable

    from esc_operator.reconciliation.workqueue.fair_queue import Place

K = TypeVar("K")

REFRESH_SHARE = 4
"""One pick in this many takes a refresh first."""
DEADLINE_SHARE = 2
"""One pick of a refresh in this many takes the earliest deadline of all tenants."""


ALONE = 256
"""After this many picks in a row a tenant is alone."""


class Lane(Enum):
    CHANGE = "change"
    REFRESH = "refresh"


@dataclass(frozen=True, slots=True)
class Shares:
    """How many attempts may be started and not ended, including those that wait. Each keeps an evaluation in memory;
    before its start it is only a key. `each` is for one tenant, `all` for all together: beyond that, a tenant without a
    running one may still start one.

    A tenant with up to `little` keys that wait or are worked on has little to do. Of one with more, workers run
    `at_work` at a time, unless it has been alone for a while: all share one event loop and one API server, and each
    step of another tenant's attempt waits for a step of every one of them. The limit is `beside` while a tenant with
    little to do is served, too, which then finds both nearly as if it were alone. A tenant with little to do has no
    such limit: with a slow API server, it would wait for itself."""

    each: int = 32
    all: int = 128
    at_work: int = 8
    beside: int = 1
    little: int = 32


class WorkQueue(Generic[K]):
    """Used from one event loop. `add` never blocks; a key that was taken is worked on until `done`."""

    def __init__(self, tenant_of: Callable[[K], str], shares: Shares | None = None) -> None:
        self._tenant_of = tenant_of
        self._shares = shares or Shares()
        self._under_way: dict[K, tuple[Lane, float]] = {}
        self._of_tenant: Counter[str] = Counter()
        self._asked_of: Counter[str] = Counter()
        self._light = LightTenants()
        self._at_work: set[K] = set()
        self._working_of: Counter[str] = Counter()
        self._last_tenant: str | None = None
        self._in_a_row = ALONE
        self._borrowed: dict[K, tuple[Lane, Place]] = {}
        self._again: dict[K, tuple[Lane, float]] = {}
        self._waiters: deque[tuple[asyncio.Future[None], bool]] = deque()
        self._picks = self._refreshes = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False
        self._lanes: dict[Lane, FairQueue[K]] = {
            lane: FairQueue(tenant_of, self._may_begin, self._may_work) for lane in Lane
        }

    def __len__(self) -> int:
        return sum(self.depth(lane) for lane in Lane)

    @property
    def working(self) -> int:
        """How many keys are worked on, including those whose attempt waits."""
        return len(self._under_way) + len(self._borrowed)

    def depth(self, lane: Lane) -> int:
        """How many keys wait for a worker."""
        return len(self._lanes[lane]) + sum(place[0] is lane for place in self._borrowed.values())

    def __contains__(self, key: K) -> bool:
        """Whether a key waits or is worked on."""
        return self._is_worked_on(key) or self._lane_of(key) is not None

    def is_waiting(self, key: K) -> bool:
        """Whether a key is queued and not worked on."""
        return not self._is_worked_on(key) and self._lane_of(key) is not None

    def _is_worked_on(self, key: K) -> bool:
        return key in self._under_way or key in self._borrowed

    def _lane_of(self, key: K) -> Lane | None:
        return next((lane for lane, queue in self._lanes.items() if key in queue), None)

    def add(self, key: K, lane: Lane, deadline: float = 0.0) -> None:
        """Queue a key. `deadline`, a timestamp, orders refreshes: the earliest goes first."""
        if self._is_worked_on(key):
            waiting = self._again.get(key)
            if waiting is None or (waiting[0] is Lane.REFRESH and lane is Lane.CHANGE):
                self._again[key] = (lane, deadline)
            return
        rank = 0.0 if lane is Lane.CHANGE else deadline
        known = self._lane_of(key)
        if known is not None:
            if known is Lane.CHANGE or (lane is known and rank >= self._lanes[known].rank(key)):
                return
            self._lanes[known].remove(key)
        else:
            self._note_asked(key)
        self._lanes[lane].put(key, rank)
        self._wake(lane)

    async def take(self, *, changes_only: bool = False) -> K:
        """The next key, or one whose attempt can continue. Slow refreshes never delay a worker that takes changes
        only."""
        while True:
            if (key := self._pick(changes_only)) is not None:
                self._pass_on()
                return key
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append((waiter, changes_only))
            await waiter

    def away(self, key: K) -> None:
        """The attempt on a key that is worked on releases its worker."""
        self._count_worker(key, -1)
        self._pass_on()

    def back(self, key: K) -> None:
        """The attempt that went `away` can continue: it will be taken by its rank, ahead of those that its tenant has
        not started."""
        lane, rank = self._under_way[key]
        self._lanes[lane].put(key, rank, begun=True)
        self._wake(lane)

    def borrow(self, key: K) -> bool:
        """Keep the workers from a waiting key for a moment; it keeps its position. Returns whether that was possible;
        then one `done` follows."""
        lane = self._lane_of(key)
        if self._closed or lane is None or self._is_worked_on(key):
            return False
        self._borrowed[key] = lane, self._lanes[lane].remove(key)
        self._idle.clear()
        return True

    def done(self, key: K) -> None:
        """Work on a key has ended; if it was queued during the work, it goes back into the queue."""
        if key in self._borrowed:
            lane, place = self._borrowed.pop(key)
            if not self._closed:
                self._lanes[lane].put_back(key, place)
        else:
            if (waits_in := self._lane_of(key)) is not None:
                self._lanes[waits_in].remove(key)  # it has ended while it waited to continue
            del self._under_way[key]
            self._change(self._asked_of, key, -1)
            self._count_worker(key, -1)
            self._count(key, -1)
        if not self.working:
            self._idle.set()
        if again := self._again.pop(key, None):
            self.add(key, *again)
        self._pass_on()

    async def close(self) -> None:
        """Start nothing more, and wait until running work is done."""
        self._closed = True
        await self._idle.wait()

    def _may_begin(self, tenant: str) -> Kind | None:
        under_way = self._of_tenant[tenant]
        if under_way == 0:
            return Kind.FIRST
        return Kind.FURTHER if under_way < self._shares.each else None

    def _may_work(self, tenant: str) -> bool:
        if self._has_little(tenant) or self._is_alone(tenant):
            return True
        most = self._shares.beside if self._light else self._shares.at_work
        return self._working_of[tenant] < most

    def _has_little(self, tenant: str) -> bool:
        return self._asked_of[tenant] <= self._shares.little

    def _is_alone(self, tenant: str) -> bool:
        return self._last_tenant in {None, tenant} and self._in_a_row >= ALONE

    def _note_pick(self, tenant: str) -> None:
        before, self._last_tenant = self._last_tenant, tenant
        self._in_a_row += 1
        if before not in {None, tenant}:
            self._in_a_row = 0
            self._review(str(before))  # it is no longer alone
        had_any = bool(self._light)
        self._light.picked(tenant, is_light=self._has_little(tenant))
        self._review_if_others_may(had_any)

    def _note_asked(self, key: K) -> None:
        self._change(self._asked_of, key, 1)
        had_any, tenant = bool(self._light), self._tenant_of(key)
        if not self._has_little(tenant):
            self._light.drop(tenant)
        self._review_if_others_may(had_any)

    def _review_if_others_may(self, had_any: bool) -> None:
        """If there are tenants with little to do now and were none before, or the other way round."""
        if had_any is not bool(self._light):
            for queue in self._lanes.values():
                queue.review_all()

    def _count_worker(self, key: K, change: int) -> None:
        """Record that a key has got a worker, or no longer has one. Recording it twice is harmless."""
        if (key in self._at_work) is (change > 0):
            return
        if change > 0:
            self._at_work.add(key)
        else:
            self._at_work.remove(key)
        self._change(self._working_of, key, change)

    def _count(self, key: K, change: int) -> None:
        self._change(self._of_tenant, key, change)

    def _change(self, counter: Counter[str], key: K, change: int) -> None:
        tenant = self._tenant_of(key)
        counter[tenant] += change
        if not counter[tenant]:
            del counter[tenant]
        self._review(tenant)

    def _review(self, tenant: str) -> None:
        for queue in self._lanes.values():
            queue.review(tenant)

    def _kinds(self) -> tuple[Kind, ...]:
        """The kinds that may be handed out."""
        if self._closed:
            return (Kind.BEGUN,)
        if len(self._under_way) >= self._shares.all:
            return (Kind.BEGUN, Kind.FIRST)
        return tuple(Kind)

    def _pick(self, changes_only: bool) -> K | None:
        if changes_only:
            return self._pick_from(Lane.CHANGE)
        self._picks += 1
        lanes = (Lane.REFRESH, Lane.CHANGE) if self._picks % REFRESH_SHARE == 0 else (Lane.CHANGE, Lane.REFRESH)
        return next((key for lane in lanes if (key := self._pick_from(lane)) is not None), None)

    def _pick_from(self, lane: Lane) -> K | None:
        queue = self._lanes[lane]
        by_rank = lane is Lane.REFRESH and self._refreshes % DEADLINE_SHARE == 0
        found = queue.pop(self._kinds(), by_rank=by_rank)
        if found is None:
            return None
        key, place = found
        self._refreshes += lane is Lane.REFRESH
        self._note_pick(self._tenant_of(key))
        if not place.begun:
            self._under_way[key] = lane, place.rank
            self._count(key, 1)
            self._idle.clear()
        self._count_worker(key, 1)
        return key

    def _pass_on(self) -> None:
        """Wake other workers for the rest. The one that was woken for it may not take it: its own pick was another one,
        or another worker was faster and left a refresh to one that takes changes only."""
        for lane, queue in self._lanes.items():
            if queue.has_any(self._kinds()):
                self._wake(lane)

    def _wake(self, lane: Lane) -> None:
        """Wake one waiter that may take from that lane, preferably one for changes only."""
        fitting = [entry for entry in self._waiters if not entry[0].done() and (lane is Lane.CHANGE or not entry[1])]
        if fitting:
            chosen = next((entry for entry in fitting if entry[1]), fitting[0])
            self._waiters.remove(chosen)
            chosen[0].set_result(None)
