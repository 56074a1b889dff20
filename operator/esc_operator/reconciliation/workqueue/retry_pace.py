"""When failed writes are retried: each soon, and all of them together no faster than a rate.

A write that has failed for a while is retried after a twentieth of that time, so the end of the cause is noticed within
seconds. If many fail, tenants share the rate equally, and so do the keys of a tenant: an API server that is out of
order for all gets few requests, and one of them finds out that it is back. The others with the same cause are then
retried as well. Pure: the time is an argument.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Generic, TypeVar

from esc_operator.renewal.schedule import fraction

if TYPE_CHECKING:
    from collections.abc import Callable

K = TypeVar("K")

PART = 20
"""The pause is the time for which a key has failed, divided by this."""
SHORTEST = timedelta(seconds=1)
LONGEST = timedelta(seconds=15)
RATE = 10.0
"""Failing writes a second, of all tenants together."""
WAKE_GAP = timedelta(milliseconds=10)
"""The gap between two that are retried because another one has succeeded."""


@dataclass(frozen=True, slots=True)
class _Failing:
    since: datetime
    count: int
    cause: str


class RetryPace(Generic[K]):
    """The keys whose last write failed."""

    def __init__(self, tenant_of: Callable[[K], str]) -> None:
        self._tenant_of = tenant_of
        self._failing: dict[K, _Failing] = {}
        self._of_tenant: defaultdict[str, set[K]] = defaultdict(set)
        self._of_cause: defaultdict[str, dict[K, None]] = defaultdict(dict)

    def __len__(self) -> int:
        return len(self._failing)

    def __contains__(self, key: K) -> bool:
        return key in self._failing

    def fail(self, key: K, now: datetime, cause: str = "", took: timedelta = timedelta(0)) -> datetime:
        """Record a failure, and how long it `took`; returns when to retry. `cause`: what has to work again first, if
        others wait for it as well."""
        before = self._failing.get(key)
        # After a clock was set back, the count starts again.
        since, count = (before.since, before.count + 1) if before and before.since <= now else (now, 1)
        self.forget(key)
        self._failing[key] = _Failing(since, count, cause)
        self._of_tenant[self._tenant_of(key)].add(key)
        if cause:
            self._of_cause[cause][key] = None
        own = min(max((now - since) / PART, SHORTEST), LONGEST)
        alike = len(self._of_tenant) * len(self._of_tenant[self._tenant_of(key)])
        pause = max(own, timedelta(seconds=alike / RATE), took)
        return now + pause * (1 - fraction(f"{key}/{count}") / 4)

    def succeed(self, key: K) -> tuple[K, ...]:
        """Record that a key no longer fails; returns the others that failed by the same cause, the earliest first."""
        if key not in self._failing:
            return ()
        cause = self._failing[key].cause
        self.forget(key)
        return tuple(self._of_cause.get(cause, ()))

    def forget(self, key: K) -> None:
        """There is nothing to write any more, or it fails for another reason."""
        failing = self._failing.pop(key, None)
        if failing is None:
            return
        tenant = self._tenant_of(key)
        self._of_tenant[tenant].discard(key)
        if not self._of_tenant[tenant]:
            del self._of_tenant[tenant]
        if failing.cause:
            self._of_cause[failing.cause].pop(key)
            if not self._of_cause[failing.cause]:
                del self._of_cause[failing.cause]
