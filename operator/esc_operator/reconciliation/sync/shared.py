"""What all parts of the reconciler share: it is created first and knows none of them; each takes what it needs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from esc_operator.reconciliation.sync.cache import Cache
from esc_operator.reconciliation.sync.unwritten import Unwritten
from esc_operator.reconciliation.workqueue.attempts import Attempts
from esc_operator.reconciliation.workqueue.retry_after import RetryAfter
from esc_operator.reconciliation.workqueue.retry_pace import WAKE_GAP, RetryPace
from esc_operator.reconciliation.workqueue.scheduler import Scheduler
from esc_operator.reconciliation.workqueue.work_queue import WorkQueue
from esc_operator.telemetry import SILENT, Telemetry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from esc_operator.reconciliation.sync.act import Actor
    from esc_operator.reconciliation.sync.gather import Gatherer
    from esc_operator.resources.environment import Key


@dataclass(slots=True)
class Recoveries:
    """`count`: how often something outside, for which environments may wait, was observed to have recovered."""

    count: int = 0

    def note(self) -> None:
        self.count += 1


@dataclass(frozen=True, slots=True)
class Shared:
    """`pause` waits for a number of seconds. `attempts` are the running ones; `retry_after` has the environments for
    which the API server has asked for a pause. `retry_pace` says when failed writes are retried; `unwritten` keeps
    their values until then."""

    gatherer: Gatherer
    actor: Actor
    now: Callable[[], datetime]
    pause: Callable[[float], Awaitable[None]]
    telemetry: Telemetry
    cache: Cache
    queue: WorkQueue[Key]
    scheduler: Scheduler[Key]
    attempts: Attempts[Key]
    retry_after: RetryAfter[Key]
    recoveries: Recoveries
    retry_pace: RetryPace[Key]
    unwritten: Unwritten = field(default_factory=Unwritten)

    def note_written(self, key: Key) -> None:
        """Record that writes for an environment no longer fail. Those that failed by the same cause are retried."""
        now = self.now()
        for place, other in enumerate(self.retry_pace.succeed(key)):
            entry, when = self.cache.find(other), now + place * WAKE_GAP
            if entry and entry.failed and entry.failed.due:
                entry.failed = replace(entry.failed, due=when)
            self.scheduler.set(other, when)

    def forget(self, key: Key) -> None:
        """An environment is gone."""
        self.cache.remove(key)
        self.scheduler.discard(key)
        self.retry_after.forget(key)
        self.retry_pace.forget(key)
        self.unwritten.forget(key)


def make_shared(
    gatherer: Gatherer,
    actor: Actor,
    now: Callable[[], datetime],
    telemetry: Telemetry = SILENT,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Shared:
    """The shared parts of one process, in their initial state."""
    queue: WorkQueue[Key] = WorkQueue(lambda key: key.namespace)
    return Shared(
        gatherer=gatherer,
        actor=actor,
        now=now,
        pause=pause,
        telemetry=telemetry,
        cache=Cache(),
        queue=queue,
        scheduler=Scheduler(now),
        attempts=Attempts(queue),
        retry_after=RetryAfter(),
        recoveries=Recoveries(),
        retry_pace=RetryPace(lambda key: key.namespace),
    )
