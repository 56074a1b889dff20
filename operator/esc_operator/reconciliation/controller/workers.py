"""The workers: each takes one key after the other, and a failure affects only its own environment.

Owns the failures: how often in a row an attempt has failed, and which keys the API server asked to wait.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from esc_operator.errors import ConflictError, EscError, KubeError, NotFoundError, UnavailableError
from esc_operator.kube.asker import ASKER
from esc_operator.reconciliation.workqueue.work_queue import Lane
from esc_operator.renewal.schedule import retry_at

if TYPE_CHECKING:
    from esc_operator.reconciliation.sync.shared import Shared
    from esc_operator.resources.environment import Key

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Workers:
    """How many keys are worked on at a time, not counting attempts that wait. `reserved` workers take changes only, so
    that a storm of refreshes never delays a new environment."""

    general: int = 32
    reserved: int = 8


class Work(Protocol):
    """The work on a key."""

    async def let_in(self) -> None:
        """Wait while no key may be taken, because a list arrives."""

    def has_room(self, key: Key) -> bool:
        """Whether it may be worked on now; if not, it is queued again later."""

    async def reconcile(self, key: Key) -> None:
        """Bring one environment's Secret and status to the desired state. Raises KubeError."""


class WorkerPool:
    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._cache = shared.cache
        self._queue = shared.queue
        self._scheduler = shared.scheduler
        self._attempts = shared.attempts
        self._retry_after = shared.retry_after
        self._now = shared.now
        self._telemetry = shared.telemetry
        self._troubles: dict[Key, int] = {}

    def has_failed(self, key: Key) -> bool:
        """Whether the last attempt has failed, perhaps after some writes."""
        return key in self._troubles

    async def run(self, workers: Workers, work: Work) -> None:
        """Work until cancelled. A worker ends only with the process: an error in it is a bug and ends all of it."""
        async with asyncio.TaskGroup() as group:
            for number in range(workers.general + workers.reserved):
                changes_only = number >= workers.general
                group.create_task(self._work(work, group, changes_only=changes_only), name=f"worker-{number}")

    async def _work(self, work: Work, group: asyncio.TaskGroup, *, changes_only: bool) -> None:
        while True:
            await work.let_in()
            key = await self._queue.take(changes_only=changes_only)
            await self._attempts.carry_on(key, group, partial(self._attempt, work))

    async def _attempt(self, work: Work, key: Key) -> None:
        """Reconcile; retry soon after a failure of the API server. A failure affects only its own environment."""
        ASKER.set(key.namespace)  # an attempt is a task of its own
        if until := self._retry_after.until(key, self._now()):
            self._scheduler.set(key, until)  # the trigger is handled then
            return
        if not work.has_room(key):
            return
        clock, result = self._telemetry.clock, "done"
        began = clock()
        try:
            with self._telemetry.tracer.span("reconcile", environment=str(key)):
                await work.reconcile(key)
        except EscError as error:
            result = "refused"
            self._look_again(key, error)
        except Exception as error:  # noqa: BLE001 - a bug in one environment's handling must not stop the others
            result = "crashed"
            # Only its type, because its text may quote a value.
            log = {"environment": str(key), "reason": "InternalError"}
            what = type(error).__name__
            logger.error("%s: internal error (%s at %s)", key, what, _where(error), extra=log)  # noqa: TRY400
            self._look_again(key, None)
        else:
            if self._troubles.pop(key, None) and (entry := self._cache.find(key)) and entry.failed is None:
                self._shared.note_written(key)
        self._telemetry.meter.worked(clock() - began, result)

    def _look_again(self, key: Key, error: EscError | None) -> None:
        count = self._troubles[key] = self._troubles.get(key, 0) + 1
        if isinstance(error, ConflictError | NotFoundError) and count == 1:
            self._queue.add(key, Lane.CHANGE)  # another writer was faster: read the result
            return
        if error is not None:
            logger.warning("%s: %s", key, error.message, extra={"environment": str(key), "reason": error.reason})
        now, entry = self._now(), self._cache.find(key)
        if isinstance(error, KubeError):
            due = self._shared.retry_pace.fail(key, now, error.cause if isinstance(error, UnavailableError) else "")
        else:
            due = retry_at(now, count, entry.status.expires_at if entry else None, str(key))
        if error is not None and error.retry_after:
            due = max(due, self._retry_after.ask(key, error.retry_after, now))
        self._scheduler.set(key, due)


def _where(error: BaseException) -> str:
    """File and line of each frame, without the source and the values that a traceback would show."""
    frames = []
    trace = error.__traceback__
    while trace is not None:
        frames.append(f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}")
        trace = trace.tb_next
    return " > ".join(frames)
