"""Reports expiries in time, for environments that wait for a worker.

Owns when a report may be due and a few tasks that write it; they open nothing, so they never wait as workers do. An
environment at work reports its expiry itself (`SyncAttempt.open`). While a report is written, the environment is
borrowed from the queue, so two tasks never write its status."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from esc_operator.errors import EscError
from esc_operator.kube.asker import ASKER
from esc_operator.reconciliation.sync.situation import may_end_at
from esc_operator.resources.environment import Key

if TYPE_CHECKING:
    from esc_operator.reconciliation.sync.shared import Shared
    from esc_operator.resources.status import Status

logger = logging.getLogger(__name__)

REPORTERS = 4
SOON = timedelta(seconds=1)
"""An expiry while no operator ran is reported only if the environment's turn does not come within a moment."""
LATER = timedelta(seconds=5)


ReportWaiting = Callable[[Key], Awaitable[datetime | None]]
"""Reports the expiry of a waiting environment, if due; returns when to check again. Raises KubeError."""


class ExpiryNotices:
    def __init__(self, shared: Shared) -> None:
        self._cache = shared.cache
        self._queue = shared.queue
        self._scheduler = shared.scheduler
        self._now = shared.now
        self._due: asyncio.Queue[Key] = asyncio.Queue()

    def expect(self, key: Key, status: Status) -> None:
        """An environment is about to wait for its first turn in this process."""
        if end := may_end_at(status):
            self._scheduler.set(key, max(end, self._now() + SOON))

    def on_due(self, key: Key, *, waited: bool) -> None:
        """An environment is due; `waited`: it already waits for a worker since an earlier time."""
        end, now = self._end(key), self._now()
        if end is None:
            return
        if waited and end <= now:
            self._due.put_nowait(key)
        else:
            self._scheduler.set(key, max(end, now + SOON))

    def _end(self, key: Key) -> datetime | None:
        entry = self._cache.find(key)
        if entry is None or not entry.is_written:
            return self._now()
        return may_end_at(entry.status)

    async def run(self, report_waiting: ReportWaiting) -> None:
        """Report until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in range(REPORTERS):
                group.create_task(self._work(report_waiting), name=f"reporter-{number}")

    async def _work(self, report_waiting: ReportWaiting) -> None:
        while True:
            key = await self._due.get()
            if not self._queue.borrow(key):
                continue  # its turn has come
            ASKER.set(key.namespace)
            try:
                await self._report(key, report_waiting)
            finally:
                self._queue.done(key)

    async def _report(self, key: Key, report_waiting: ReportWaiting) -> None:
        try:
            again = await report_waiting(key)
        except EscError as error:
            log = {"environment": str(key), "reason": error.reason}
            logger.warning("%s: %s", key, error.message, extra=log)
            again = self._now() + max(LATER, timedelta(seconds=error.retry_after or 0))
        if again:
            self._scheduler.set(key, again)
