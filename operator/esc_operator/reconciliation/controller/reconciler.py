"""The one level-triggered `reconcile(key)`, in which every event, timer and retry ends.

Owns the cache, the queue and the schedule, which its parts share. It never trusts what woke it: it looks at the
environment and its Secret as they are now, asks `renewal` whether and why to sync, and leaves everything as it is where
nothing is due.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Protocol

from esc_operator.driver.sharing import Demand
from esc_operator.errors import ConflictError, ForbiddenError, KubeError, NotFoundError, UnavailableError
from esc_operator.lang.reasons import LIMIT_EXCEEDED
from esc_operator.reconciliation.controller.event_handlers import EventHandlers
from esc_operator.reconciliation.controller.expiry_notices import ExpiryNotices
from esc_operator.reconciliation.controller.workers import WorkerPool, Workers
from esc_operator.reconciliation.fan_out.controller import FanOut
from esc_operator.reconciliation.fan_out.rollouts import FanOutRollouts
from esc_operator.reconciliation.sync import decide
from esc_operator.reconciliation.sync.cache import Cache, CachedEnvironment
from esc_operator.reconciliation.sync.gather import TargetSecret
from esc_operator.reconciliation.sync.observation import failed_attempt, hold_back, observe, refused_imports, wanted_by
from esc_operator.reconciliation.sync.outcome import Imports, Opened, Refused, Sighting
from esc_operator.reconciliation.sync.situation import NO_SECRET, Situation, end_to_tell
from esc_operator.reconciliation.sync.status_writer import StatusWriter
from esc_operator.reconciliation.sync.targets import refuse_target, was_refused_target
from esc_operator.reconciliation.workqueue.memory_slots import MemorySlots
from esc_operator.reconciliation.workqueue.scheduler import Scheduler
from esc_operator.reconciliation.workqueue.work_queue import Lane, WorkQueue
from esc_operator.renewal.why import Observation, Sync, Wait, Wanted, are_outdated, next_refresh, why_sync
from esc_operator.resources import reasons
from esc_operator.resources.environment import EscEnvironment, Key, parse_environment
from esc_operator.resources.imported import BEHIND
from esc_operator.resources.sharing import parse_sharing
from esc_operator.resources.status import parse_status
from esc_operator.telemetry import SILENT, Telemetry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping
    from datetime import datetime

    from esc_operator.driver.worker import Worker
    from esc_operator.kube.namespaces import Namespaces
    from esc_operator.reconciliation.rollouts.status import Rollouts
    from esc_operator.reconciliation.sync.act import Actor
    from esc_operator.reconciliation.sync.gather import Gatherer
    from esc_operator.resources.status import Status

logger = logging.getLogger(__name__)

SOON = timedelta(seconds=1)


class Opening(Protocol):
    """Opens an environment as its own ServiceAccount: all values, or why there are none. Lets the worker go while it
    waits. Never raises."""

    def __call__(
        self, environment: EscEnvironment, demand: Demand, worker: Worker
    ) -> Coroutine[Any, Any, Opened | Refused]: ...

    def look(self, environment: EscEnvironment) -> Coroutine[Any, Any, Imports]:
        """What it imports, found out without opening anything. Raises KubeError."""


class Reconciler:
    def __init__(  # noqa: PLR0913 - what it puts together
        self,
        gatherer: Gatherer,
        actor: Actor,
        opening: Opening,
        now: Callable[[], datetime],
        rollouts: Rollouts | None = None,
        *,
        namespaces: Namespaces | None = None,
        telemetry: Telemetry = SILENT,
        forbids: Callable[[str, Status], bool] = lambda _namespace, _status: False,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`namespaces` are known where the whole cluster is worked on; elsewhere no ClusterEscEnvironment is filled."""
        self._gatherer = gatherer
        self._actor = actor
        self._opening = opening
        self._now = now
        self._rollouts = rollouts
        self._telemetry = telemetry
        self._forbids = forbids
        self._bells: dict[Key, asyncio.Future[None]] = {}
        self.mended = 0
        """How often something outside, for which environments may wait, has been seen to be well again."""
        self.cache = Cache()
        self.queue: WorkQueue[Key] = WorkQueue(lambda key: key.namespace)
        self.scheduler: Scheduler[Key] = Scheduler(now, self._on_due)
        self._expiry_notices = ExpiryNotices(self, now)
        self.event_handlers = EventHandlers(self, gatherer, self._expiry_notices.expect, now, pause)
        self.status_writer = StatusWriter(self, gatherer, actor, rollouts, now)
        self._memory_slots = MemorySlots(self._call)
        self._worker_pool = WorkerPool(self, now, telemetry)
        wide = FanOutRollouts(rollouts.roller, now, telemetry) if rollouts else None
        self._fan_out = FanOut(self, gatherer, actor, namespaces, now, wide) if namespaces else None

    async def run(self, workers: Workers) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.scheduler.run(), name="scheduler")
            group.create_task(self.event_handlers.run(), name="event-handlers")
            group.create_task(self._expiry_notices.run(), name="expiry-notices")
            group.create_task(self._worker_pool.run(workers), name="workers")

    def _on_due(self, key: Key, when: datetime) -> None:
        if bell := self._bells.get(key):
            if not bell.done():
                bell.set_result(None)
            return
        if self.event_handlers.is_coming_in(key):
            self.scheduler.set(key, self._now() + SOON)  # what expires first goes first
            return
        waited = self.queue.is_waiting(key)
        if not waited:  # the place that it has is the right one
            entry = self.cache.find(key)
            expires_at = entry.status.expires_at if entry else None
            self.queue.add(key, Lane.REFRESH, (expires_at or when).timestamp())
        self._expiry_notices.on_due(key, waited=waited)

    def has_room(self, key: Key) -> bool:
        """Whether there is room to work on an environment now; where there is not, it is added to the queue once there
        is. Where there is, `reconcile` follows."""
        return self._memory_slots.enter(key, self._size(key))

    async def reconcile(self, key: Key) -> None:
        """Bring one environment's Secret and status to what they have to be. Raises KubeError."""
        try:
            await self._reconcile(key, self._size(key))
        finally:
            self._memory_slots.leave(key)

    def _size(self, key: Key) -> int:
        """Of an environment's text, as it was last seen."""
        if seen := self.event_handlers.look(key):
            return seen.size
        entry = self.cache.find(key)
        return entry.size if entry else 0

    def _call(self, key: Key) -> None:
        """There is room for an environment that has waited for that."""
        self.queue.add(key, Lane.CHANGE)

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
        if environment.cluster_scoped:
            await self._fill_namespaces(environment, entry)
            return
        trusted, wanted_at = self._trusted(environment, entry), seen.at if seen else None
        target = await self._gatherer.read_target(environment.target_key, trusted, wanted_at)
        if environment.suspend:
            plan = decide.plan_suspended(Situation(environment, entry.status, target, self._now()))
            await self.status_writer.carry_out(environment, entry, plan)
            return
        await self._sync_if_due(environment, entry, target)

    async def _fill_namespaces(self, environment: EscEnvironment, entry: CachedEnvironment) -> None:
        mended = self.mended
        if self._fan_out is not None and (outcome := await self._fan_out.reconcile(environment, entry)):
            self._follow_up(environment.key, entry, outcome, mended)

    async def _read(self, key: Key) -> Mapping[str, Any] | None:
        """The environment as it is now; None where it is gone, and so is the right to read it, if it was a Role that
        went with the namespace."""
        try:
            body = await self._gatherer.read_environment(key)
        except ForbiddenError:
            if not self.event_handlers.is_deleted(key):
                raise
            body = None
        self.event_handlers.settle(key)
        return body

    def _trusted(self, environment: EscEnvironment, entry: CachedEnvironment) -> str:
        """The version at which the target Secret was in order, if that is known for sure."""
        same = entry.status.secret_name == environment.target.name
        return (
            entry.status.secret_resource_version
            if same and not self._worker_pool.is_in_trouble(environment.key)
            else ""
        )

    def _enter(self, environment: EscEnvironment, body: Mapping[str, Any]) -> CachedEnvironment:
        known = self.cache.find(environment.key)
        fresh = known is None or known.uid != environment.uid
        status = parse_status(body.get("status"))
        entry = self.cache.enter(environment, status, body["metadata"]["resourceVersion"], self._now())
        self.event_handlers.note(
            Sighting(environment.key, environment.generation, environment.uid, parse_sharing(body))
        )
        if fresh:
            entry.failed, entry.refused = failed_attempt(status), refused_imports(environment.key, status)
            self.cache.note_imports(environment.key, tuple(status.imports or ()))
        return entry

    async def _sync_if_due(self, environment: EscEnvironment, entry: CachedEnvironment, target: TargetSecret) -> None:
        refused = refuse_target(environment, target.secret)
        if refused:
            target = NO_SECRET  # what is somebody else's is not there, as far as this environment is concerned
        elif was_refused_target(entry.status):
            entry.failed = None  # the Secret has become free
        entry.record = self._gatherer.own_record(environment) or entry.record
        await self._learn_behind(environment, entry)
        now = self._now()
        seen = observe(self._wanted(environment, entry, target), target, entry)
        verdict = why_sync(seen, now)
        if isinstance(verdict, Wait):
            situation = Situation(environment, entry.status, target, now)
            plan = decide.plan_waiting(situation, verdict.until, failing=bool(seen.failed))
            await self.status_writer.carry_out(environment, entry, plan)
        elif refused:
            await self._refuse(environment, entry, target, refused)  # nothing is opened, so nothing is minted for it
        else:
            await self._sync(environment, entry, target, verdict)
            self.tell_sync(verdict, seen, now, well=entry.failed is None)

    async def _learn_behind(self, environment: EscEnvironment, entry: CachedEnvironment) -> None:
        """After a start: find out what only its imports import, which stands nowhere. Raises KubeError."""
        known = {*(entry.status.imports or ()), *(entry.record.imports if entry.record else ())}
        if entry.behind is not None or BEHIND not in known:
            return
        imports = await self._opening.look(environment)
        entry.behind = imports.behind
        self.cache.note_imports(environment.key, tuple(entry.status.imports or ()))
        for seen in imports.seen:
            self.event_handlers.note(seen)

    def tell_sync(self, sync: Sync, seen: Observation, began: datetime, *, well: bool) -> None:
        """Tell the meter what came of an attempt, and how late it was."""
        due = next_refresh(seen.wanted, seen.held, began) if seen.held else None
        late = (self._now() - due).total_seconds() if well and due and due <= began else None
        self._telemetry.meter.synced(str(sync.cause), "filled" if well else "refused", late)

    def _wanted(self, environment: EscEnvironment, entry: CachedEnvironment, target: TargetSecret) -> Wanted:
        record = target.secret.record if target.secret else None
        references = {*(entry.status.imports or ()), *(record.imports if record else ())}
        wanted = wanted_by(environment, entry.status, self.cache.imported(environment.key, references))
        return replace(wanted, forbidden=self._forbids(environment.key.namespace, entry.status))

    async def _sync(
        self, environment: EscEnvironment, entry: CachedEnvironment, target: TargetSecret, sync: Sync
    ) -> None:
        mended = self.mended
        outcome = await self.evaluate(environment, entry, target, sync)
        if isinstance(outcome, Refused):
            await self._refuse(environment, entry, target, outcome)
        else:
            await self._fill(environment, entry, target, outcome)
        self._follow_up(environment.key, entry, outcome, mended)

    def _follow_up(self, key: Key, entry: CachedEnvironment, outcome: Opened | Refused, mended: int) -> None:
        """What has changed while it was opened."""
        if entry.failed and self.mended != mended:
            # Before it was known that this one waits for it as well.
            entry.failed = replace(entry.failed, mended=True)
            self.scheduler.set(key, self._now() + SOON)
        if self._has_moved(key, outcome):
            self.scheduler.set(key, self._now() + SOON)

    async def evaluate(
        self, environment: EscEnvironment, entry: CachedEnvironment, target: TargetSecret, sync: Sync
    ) -> Opened | Refused:
        """Open it, and note what was seen of its imports."""
        if environment.too_large:
            return Refused(LIMIT_EXCEEDED, environment.too_large, retryable=False)
        log = {"environment": str(environment.key), "reason": str(sync.cause)}
        logger.info("%s: syncing (%s)", environment.key, sync.cause, extra=log)
        fresh_after = entry.rotation_seen_at if sync.fresh else None
        outcome = await self._open(environment, entry, target, Demand(fresh_after, sync.outlive))
        entry.refused, entry.behind = outcome.imports.own.refused, outcome.imports.behind
        for seen in outcome.imports.seen:
            self.event_handlers.note(seen)
        return outcome

    async def _open(
        self, environment: EscEnvironment, entry: CachedEnvironment, target: TargetSecret, demand: Demand
    ) -> Opened | Refused:
        """Open it. Where that takes longer than what is held can be used, that is told meanwhile."""
        key, now = environment.key, self._now()
        worker = self._worker_pool.attempts[key]
        end = end_to_tell(Situation(environment, entry.status, target, now))
        if end is None:
            return await self._opening(environment, demand, worker)
        # What has ended before, while no operator ran, is told only if it is not renewed in a moment.
        self.scheduler.set(key, max(end, now + SOON))
        bell = self._bells[key] = asyncio.get_running_loop().create_future()
        opening = asyncio.create_task(self._opening(environment, demand, worker), name=f"opening-{key}")
        try:
            await asyncio.wait((opening, bell), return_when=asyncio.FIRST_COMPLETED)
            if not opening.done():
                await self._tell_overdue(environment, entry, target)
            return await opening
        finally:
            del self._bells[key]
            opening.cancel()

    async def _tell_overdue(self, environment: EscEnvironment, entry: CachedEnvironment, target: TargetSecret) -> None:
        plan = decide.plan_overdue(Situation(environment, entry.status, target, self._now()))
        try:
            if environment.cluster_scoped:
                await self.status_writer.tell(environment, entry, plan, decide.with_others(plan.status, entry.status))
            else:
                await self.status_writer.carry_out(environment, entry, plan)
        except KubeError as error:  # it is told in the end, with what has come of the attempt
            log = {"environment": str(environment.key), "reason": error.reason}
            logger.warning("%s: %s", environment.key, error.message, extra=log)

    async def tell_waiting(self, key: Key) -> datetime | None:
        """Tell of an environment that waits for a worker that what it holds has come to its end, if it has."""
        if until := self._worker_pool.retry_after.until(key, self._now()):
            return until
        seen = self.event_handlers.look(key)
        body = (seen.body() if seen else None) or await self._gatherer.read_environment(key)
        if body is None or body["metadata"].get("deletionTimestamp"):
            return None  # whose turn comes will see to it
        environment = parse_environment(body)
        entry = self._enter(environment, body)
        target = TargetSecret(self._gatherer.known(environment.target_key))
        if environment.cluster_scoped and self._fan_out is not None:
            target = self._fan_out.standing(environment, entry)
        now = self._now()
        situation = Situation(environment, entry.status, target, now)
        if entry.is_written and ((end := end_to_tell(situation)) is None or end > now):
            return end
        plan = decide.plan_suspended(situation) if environment.suspend else decide.plan_overdue(situation, begun=False)
        await self.status_writer.tell(environment, entry, plan, decide.with_others(plan.status, entry.status))
        return None

    async def _fill(
        self, environment: EscEnvironment, entry: CachedEnvironment, target: TargetSecret, opened: Opened
    ) -> None:
        now = self._now()
        # A Secret that somebody deleted is made anew as the same one: what pods hold of it has not changed with that.
        lost = entry.record
        situation = Situation(environment, entry.status, target, now)
        plan = decide.plan_opened(situation, opened, token_hex(8), lost)
        try:
            status = await self._actor.write_secret(plan)
        except (UnavailableError, ConflictError, NotFoundError):
            raise
        except KubeError as error:
            refused = Refused(reasons.SECRET_REFUSED, error.message, imports=opened.imports)
            await self._refuse(environment, entry, target, refused)
            return
        # Only now: what has not reached the Secret has to be read again.
        entry.failed, entry.read_at, entry.opened_at = None, now, now
        entry.record = self._gatherer.own_record(environment)
        await self.status_writer.tell_all(environment, entry, plan, status)

    def _has_moved(self, key: Key, outcome: Opened | Refused) -> bool:
        """Whether an import has changed while it was used: before it was known whom that concerns, nobody was told."""
        if isinstance(outcome, Refused) and outcome.retryable:
            return False  # it is tried again anyhow
        used = outcome.imports.used
        return are_outdated(used, self.cache.imported(key, used))

    async def _refuse(
        self, environment: EscEnvironment, entry: CachedEnvironment, target: TargetSecret, refused: Refused
    ) -> None:
        now = self._now()
        log = {"environment": str(environment.key), "reason": refused.reason}
        logger.warning("%s: %s: %s", environment.key, refused.reason, refused.message, extra=log)
        if refused.retry_after and refused.reason == UnavailableError.default_reason:
            self._worker_pool.retry_after.ask(environment.key, refused.retry_after, now)
        plan = decide.plan_refused(Situation(environment, entry.status, target, now), refused)
        failed = failed_attempt(plan.status)
        if failed is not None:
            after = now + timedelta(seconds=refused.retry_after) if refused.retry_after else None
            entry.failed = replace(failed, retryable=refused.retryable, retry_after=after, outage=refused.outage)
        await self.status_writer.carry_out(environment, entry, plan)

    def _remove(self, key: Key) -> None:
        entry = self.cache.find(key)
        self.cache.remove(key)
        self.scheduler.discard(key)
        self._worker_pool.retry_after.forget(key)
        self.event_handlers.wake(self.cache.outdated_importers(key))
        if entry:
            self.event_handlers.wake(self.cache.claimants(entry.target))
            if self._rollouts is not None:
                self._rollouts.forget(key, entry.uid)
            if self._fan_out is not None:
                self._fan_out.forget(entry.uid)
