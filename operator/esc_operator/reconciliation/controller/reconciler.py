"""The one level-triggered `reconcile(key)`, in which every event, timer and retry ends.

Owns the reads of an environment, and which room works on it. It never trusts what triggered it: it reads the current
environment and Secret, `renewal` decides whether and why to sync, and nothing changes if nothing is due.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from esc_operator.errors import ForbiddenError
from esc_operator.reconciliation.controller.event_handlers import EventHandlers
from esc_operator.reconciliation.controller.expiry_notices import ExpiryNotices
from esc_operator.reconciliation.controller.source_changes import SourceChanges
from esc_operator.reconciliation.controller.workers import WorkerPool, Workers
from esc_operator.reconciliation.fan_out.controller import FanOut
from esc_operator.reconciliation.fan_out.rollouts import FanOutRollouts
from esc_operator.reconciliation.sync import decide
from esc_operator.reconciliation.sync.attempt import AttemptParts, Opening
from esc_operator.reconciliation.sync.observation import failed_attempt, hold_back, refused_imports
from esc_operator.reconciliation.sync.outcome import Sighting
from esc_operator.reconciliation.sync.secret_sync import SecretSync
from esc_operator.reconciliation.sync.situation import Situation, end_to_report
from esc_operator.reconciliation.sync.status_writer import StatusWriter
from esc_operator.reconciliation.sync.target_secret import TargetSecret
from esc_operator.reconciliation.workqueue.memory_slots import MemorySlots
from esc_operator.reconciliation.workqueue.work_queue import Lane
from esc_operator.resources.environment import EscEnvironment, Key, parse_environment
from esc_operator.resources.sharing import parse_sharing
from esc_operator.resources.status import parse_status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from esc_operator.kube.namespaces import Namespaces
    from esc_operator.reconciliation.opening.definitions import Definitions
    from esc_operator.reconciliation.rollouts.status import Rollouts
    from esc_operator.reconciliation.sync.cache import CachedEnvironment
    from esc_operator.reconciliation.sync.shared import Shared
    from esc_operator.resources.status import Status

SOON = timedelta(seconds=1)


class Reconciler:
    def __init__(  # noqa: PLR0913 - what all of its rooms stand on
        self,
        shared: Shared,
        opening: Opening,
        rollouts: Rollouts | None = None,
        *,
        definitions: Definitions,
        namespaces: Namespaces | None = None,
        forbids: Callable[[str, Status], bool] = lambda _namespace, _status: False,
        on_removed: Callable[[Key], None] = lambda _: None,
    ) -> None:
        """`namespaces` are known if the operator works on the whole cluster; else it fills no ClusterEscEnvironment.
        `on_removed` is called for each environment that is gone."""
        self.shared = shared
        self.cache, self.queue, self.scheduler = shared.cache, shared.queue, shared.scheduler
        self._gatherer = shared.gatherer
        self._now = shared.now
        self._retry_after = shared.retry_after
        self._rollouts = rollouts
        self._on_removed = on_removed
        self._expiry_notices = ExpiryNotices(shared)
        self.event_handlers = EventHandlers(shared, self._expiry_notices.expect)
        self._status_writer = StatusWriter(shared, rollouts)
        self._attempts = AttemptParts(
            shared, opening, self._status_writer, self.event_handlers.note, self.event_handlers.note_source, forbids
        )
        self._source_changes = SourceChanges(definitions, shared.cache, self.event_handlers)
        self._secret_sync = SecretSync(self._attempts)
        wide = FanOutRollouts(rollouts.roller, shared.now, shared.telemetry) if rollouts else None
        self._fan_out = FanOut(self._attempts, namespaces, wide) if namespaces else None
        self._memory_slots = MemorySlots(partial(shared.queue.add, lane=Lane.CHANGE))
        self._worker_pool = WorkerPool(shared)

    async def run(self, workers: Workers) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.scheduler.run(self._on_due), name="scheduler")
            group.create_task(self.event_handlers.run(), name="event-handlers")
            group.create_task(self._expiry_notices.run(self._report_waiting), name="expiry-notices")
            group.create_task(self._worker_pool.run(workers, self), name="workers")

    # Turns.

    def wake_due(self) -> None:
        """Queue the environments that are due; `run` does so by itself."""
        self.scheduler.take_due(self._on_due)

    def _on_due(self, key: Key, when: datetime) -> None:
        if self._attempts.bells.ring(key):
            return
        if self.event_handlers.is_coming_in(key):
            self.scheduler.set(key, self._now() + SOON)  # the earliest expiry goes first
            return
        waited = self.queue.is_waiting(key)
        if not waited:  # its place in the queue is right
            entry = self.cache.find(key)
            expires_at = entry.status.expires_at if entry else None
            self.queue.add(key, Lane.REFRESH, (expires_at or when).timestamp())
        self._expiry_notices.on_due(key, waited=waited)

    async def let_in(self) -> None:
        """Wait while a list arrives."""
        await self.event_handlers.let_in()

    def has_room(self, key: Key) -> bool:
        """Whether there is room to work on an environment now; if not, it is queued again once there is. If so,
        `reconcile` follows."""
        return self._memory_slots.enter(key, self._size(key))

    def _size(self, key: Key) -> int:
        """The size of an environment's text, as last seen."""
        if seen := self.event_handlers.look(key):
            return seen.size
        entry = self.cache.find(key)
        return entry.size if entry else 0

    # The work.

    async def reconcile(self, key: Key) -> None:
        """Bring one environment's Secret and status to the desired state. Raises KubeError."""
        try:
            await self._reconcile(key, self._size(key))
        finally:
            self._memory_slots.leave(key)

    async def _reconcile(self, key: Key, size: int) -> None:
        seen = self.event_handlers.take(key)
        body: Mapping[str, Any] | None = seen.body() if seen else None
        if body is None or self.cache.is_overtaken(key, body["metadata"]["resourceVersion"]):
            body, seen = await self._read(key), None
        if body is None or body["metadata"].get("deletionTimestamp"):
            self._remove(key)
            return
        environment = parse_environment(body)
        entry = self._enter(environment, body)
        environment, entry.rotation_due_at = hold_back(environment, entry.status, self._now())
        entry.size = size
        await self._source_changes.learn(environment, entry)
        if not environment.cluster_scoped:
            trusted, wanted_at = self._trusted(environment, entry), seen.at if seen else None
            reading = self._gatherer.read_target(environment, trusted, remembered=entry.record, wanted_at=wanted_at)
            await self._secret_sync.reconcile(environment, entry, reading)
        elif self._fan_out is not None:
            await self._fan_out.reconcile(environment, entry)
        self._source_changes.follow_read(environment, entry)

    async def _read(self, key: Key) -> Mapping[str, Any] | None:
        """The current environment; None if it is gone, or the right to read it is, because its Role was deleted with
        the namespace."""
        try:
            body = await self._gatherer.read_environment(key)
        except ForbiddenError:
            if not self.event_handlers.is_deleted(key):
                raise
            body = None
        self.event_handlers.settle(key)
        return body

    def _trusted(self, environment: EscEnvironment, entry: CachedEnvironment) -> str:
        """The version at which the target Secret was intact, if that is certain."""
        same = entry.status.secret_name == environment.target.name
        is_sure = same and not self._worker_pool.has_failed(environment.key)
        return entry.status.secret_resource_version if is_sure else ""

    def _enter(self, environment: EscEnvironment, body: Mapping[str, Any]) -> CachedEnvironment:
        known = self.cache.find(environment.key)
        fresh = known is None or known.uid != environment.uid
        status = parse_status(body.get("status"))
        entry = self.cache.enter(environment, status, body["metadata"]["resourceVersion"], self._now())
        self.event_handlers.note(
            Sighting(environment.key, environment.generation, environment.uid, parse_sharing(body))
        )
        self._source_changes.follow(environment, entry)
        if fresh:
            entry.failed, entry.refused = failed_attempt(status), refused_imports(environment.key, status)
            self.cache.note_imports(environment.key, tuple(status.imports or ()))
        return entry

    async def _report_waiting(self, key: Key) -> datetime | None:
        """Report that a waiting environment's Secret has expired, if it has."""
        if until := self._retry_after.until(key, self._now()):
            return until
        seen = self.event_handlers.look(key)
        body = (seen.body() if seen else None) or await self._gatherer.read_environment(key)
        if body is None or body["metadata"].get("deletionTimestamp"):
            return None  # its next attempt handles it
        environment = parse_environment(body)
        entry = self._enter(environment, body)
        target = TargetSecret(self._gatherer.known(environment.target_key))
        if environment.cluster_scoped and self._fan_out is not None:
            target = self._fan_out.standing(environment, entry)
        now = self._now()
        situation = Situation(environment, entry.status, target, now)
        if entry.is_written and ((end := end_to_report(situation)) is None or end > now):
            return end
        plan = decide.plan_suspended(situation) if environment.suspend else decide.plan_overdue(situation, begun=False)
        await self._status_writer.write(environment, entry, plan, decide.with_others(plan.status, entry.status))
        return None

    def _remove(self, key: Key) -> None:
        entry = self.cache.find(key)
        self.shared.forget(key)
        self._on_removed(key)
        self._source_changes.forget(key)
        self.event_handlers.wake(self.cache.outdated_importers(key))
        if entry:
            self.event_handlers.wake(self.cache.claimants(entry.target))
            if self._rollouts is not None:
                self._rollouts.forget(key, entry.uid)
            if self._fan_out is not None:
                self._fan_out.forget(entry.uid)
