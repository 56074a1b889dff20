"""A limited number of slots, which namespaces take by turns; no namespace waits for another one longer than a turn.

Pure; the time is an argument.

The waiting namespace with the fewest running ones goes first, and in a namespace the earliest deadline. One that takes
longer than a turn, while a namespace with fewer turns waits, gives it back and is watched without one: it still counts
against its own namespace, and against no other.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

FORGOTTEN_AFTER = timedelta(seconds=60)
"""One that has not asked again for this long no longer needs its turn, or is gone with its environment."""

SWEEP = timedelta(seconds=5)
"""How often these are searched for: thousands may wait, and each of them asks again and again."""

TURN = timedelta(seconds=60)
"""How long a turn is kept while a namespace without one waits."""

SHORT_TURN = timedelta(seconds=10)
"""The same if its namespace has at least two more than the waiting one."""


@dataclass(frozen=True, slots=True)
class _Holder:
    """A workload that has a turn or is watched: since when, and when it last said so."""

    namespace: str
    since: datetime
    seen: datetime


@dataclass(frozen=True, slots=True)
class _Asker:
    """A workload that waits for a turn, and when it last asked."""

    namespace: str
    deadline: datetime
    seen: datetime


@dataclass(slots=True)
class Slots:
    """`at_once` workloads, by UID, may have a turn at a time. One that gets none asks again within half a minute."""

    at_once: int
    _held: dict[str, _Holder] = field(default_factory=dict)
    _watched: dict[str, _Holder] = field(default_factory=dict)
    _waiting: dict[str, _Asker] = field(default_factory=dict)
    _orders: defaultdict[str, list[tuple[datetime, str]]] = field(default_factory=lambda: defaultdict(list))
    _swept_at: datetime | None = None

    def __len__(self) -> int:
        """How many are known, including those that wait."""
        return len(self._held) + len(self._watched) + len(self._waiting)

    @property
    def held(self) -> int:
        """How many have their turn."""
        return len(self._held)

    def hold(self, uid: str, namespace: str, now: datetime) -> None:
        """It is being rolled, whether or not it has asked for a turn: after a restart, running rollouts are found."""
        self._stop_waiting(uid)
        known = self._watched if uid in self._watched else self._held
        holder = known.get(uid)
        # A time in the future comes from a clock that was set back.
        since = holder.since if holder and holder.since <= now else now
        known[uid] = _Holder(namespace, since, now)

    def ask(self, uid: str, namespace: str, deadline: datetime, now: datetime) -> bool:
        """Whether it has its turn. If it asks with several deadlines, such as those of two Secrets that it takes or of
        two renewals during its wait, the earliest counts."""
        self._forget(now)
        if uid not in self._held:
            self._wait(uid, namespace, deadline, now)
            if not self._comes_up(uid, namespace, now):
                return False
            self._watched.pop(uid, None)
        self.hold(uid, namespace, now)
        return True

    def ahead_of(self, uid: str) -> int:
        """About how many waiting ones have their turn before this one: as many of each namespace as of its own."""
        asker = self._waiting.get(uid)
        if asker is None:
            return 0
        own = bisect_left(self._orders[asker.namespace], (asker.deadline, uid))
        return own + sum(min(len(order), own) for name, order in self._orders.items() if name != asker.namespace)

    def release(self, uid: str) -> None:
        """The turn is over, or no longer needed."""
        self._held.pop(uid, None)
        self._watched.pop(uid, None)
        self._stop_waiting(uid)

    def _comes_up(self, uid: str, namespace: str, now: datetime) -> bool:
        """Whether there is a turn for it after all those that go first."""
        if len(self._held) >= self.at_once and all(one.since > now - SHORT_TURN for one in self._held.values()):
            return False  # in any case: thousands may ask
        ahead = self._place(uid)
        if ahead is None:
            return False
        missing = len(self._held) + ahead + 1 - self.at_once
        if missing > 0:
            self._give_back(missing, namespace, now)
        return len(self._held) + ahead < self.at_once

    def _place(self, uid: str) -> int | None:
        """How many go before it; None if they are as many as there are turns, or its namespace has its share."""
        under_way = Counter(one.namespace for one in (*self._held.values(), *self._watched.values()))
        # One that is watched and asks again is running already.
        under_way -= Counter(self._watched[one].namespace for one in self._waiting if one in self._watched)
        heads = [(under_way[name], order[0], name, 0) for name, order in self._orders.items()]
        heapq.heapify(heads)
        for place in range(self.at_once):
            while heads and heads[0][0] >= self.at_once:
                heapq.heappop(heads)
            if not heads:
                return None
            busy, (_, first), name, index = heads[0]
            if first == uid:
                return place
            order = self._orders[name]
            if index + 1 < len(order):
                heapq.heapreplace(heads, (busy + 1, order[index + 1], name, index + 1))
            else:
                heapq.heappop(heads)
        return None

    def _give_back(self, missing: int, namespace: str, now: datetime) -> None:
        """Namespaces with more turns than this one give back those that they have had long enough."""
        held = Counter(one.namespace for one in self._held.values())
        for uid, holder in sorted(self._held.items(), key=lambda one: (one[1].since, one[0])):
            more = held[holder.namespace] - held[namespace]
            if more > 0 and holder.since <= now - (SHORT_TURN if more > 1 else TURN):
                held[holder.namespace] -= 1
                self._watched[uid] = self._held.pop(uid)
                missing -= 1
            if not missing:
                return

    def _wait(self, uid: str, namespace: str, deadline: datetime, now: datetime) -> None:
        known = self._waiting.get(uid)
        if known is not None and known.namespace == namespace and known.deadline <= deadline:
            self._waiting[uid] = replace(known, seen=now)
            return
        self._stop_waiting(uid)
        insort(self._orders[namespace], (deadline, uid))
        self._waiting[uid] = _Asker(namespace, deadline, now)

    def _stop_waiting(self, uid: str) -> None:
        if asker := self._waiting.pop(uid, None):
            order = self._orders[asker.namespace]
            del order[bisect_left(order, (asker.deadline, uid))]
            if not order:
                del self._orders[asker.namespace]

    def _forget(self, now: datetime) -> None:
        if self._swept_at and self._swept_at <= now < self._swept_at + SWEEP:
            return
        self._swept_at = now
        # A time in the future comes from a clock that was set back; one that still needs its turn renews it in a
        # moment.
        last_seen = {uid: one.seen for known in (self._held, self._watched) for uid, one in known.items()}
        # A watched one may wait as well.
        last_seen |= {uid: one.seen for uid, one in self._waiting.items()}
        for uid in [uid for uid, seen in last_seen.items() if not now - FORGOTTEN_AFTER < seen <= now]:
            self.release(uid)
