"""Tells in time that what a Secret holds has expired, of environments for which no worker has time.

Owns when that may have to be told and who tells it: a few of its own, who open nothing, so that whatever the workers
wait for does not keep them. An environment that is worked on tells for itself (`SyncAttempt.open`). It is borrowed from
the queue for that moment, so there are never two who write its status.
"""

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

TELLERS = 4
SOON = timedelta(seconds=1)
"""What has ended before, while no operator ran, is told only if its turn does not come in a moment."""
LATER = timedelta(seconds=5)


TellWaiting = Callable[[Key], Awaitable[datetime | None]]
"""Tells of an environment that waits, if it has to be told; answers when to look again. Raises KubeError."""


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
        """The time of an environment has come; `waited`: it has waited for a worker since an earlier one."""
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

    async def run(self, tell_waiting: TellWaiting) -> None:
        """Tell, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in range(TELLERS):
                group.create_task(self._work(tell_waiting), name=f"teller-{number}")

    async def _work(self, tell_waiting: TellWaiting) -> None:
        while True:
            key = await self._due.get()
            if not self._queue.borrow(key):
                continue  # its turn has come
            ASKER.set(key.namespace)
            try:
                await self._tell(key, tell_waiting)
            finally:
                self._queue.done(key)

    async def _tell(self, key: Key, tell_waiting: TellWaiting) -> None:
        try:
            again = await tell_waiting(key)
        except EscError as error:
            log = {"environment": str(key), "reason": error.reason}
            logger.warning("%s: %s", key, error.message, extra=log)
            again = self._now() + max(LATER, timedelta(seconds=error.retry_after or 0))
        if again:
            self._scheduler.set(key, again)
