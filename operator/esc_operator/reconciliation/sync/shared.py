"""What all parts of the reconciler work on: it is made first and knows none of them; each takes of it what it needs."""

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
    """`count`: how often something outside, for which environments may wait, has been seen to be well again."""

    count: int = 0

    def note(self) -> None:
        self.count += 1


@dataclass(frozen=True, slots=True)
class Shared:
    """`pause` waits for so many seconds. `attempts` are those under way; `retry_after` says which environments the API
    server has asked to be left alone for. `retry_pace` says when writes that fail are tried again; `unwritten` keeps
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
        """Note that writes about an environment fail no more. Those that failed by the same cause are tried again."""
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
    """What one process shares, of which nothing has been done yet."""
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
