"""The one level-triggered `reconcile(key)`, in which every event, timer and retry ends.

Owns the workers, the ledger and the schedule. It never trusts what woke it: it looks at the environment and its Secret
as they are now, asks `renewal` whether and why to sync, and leaves everything as it is where nothing is due.
"""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from secrets import token_hex
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from esc_operator.driver.sharing import Demand
from esc_operator.errors import ConflictError, EscError, ForbiddenError, KubeError, NotFoundError, UnavailableError
from esc_operator.kube.paths import CLUSTER_ENVIRONMENTS, ENVIRONMENTS
from esc_operator.reconciliation import decide
from esc_operator.reconciliation.fan_out import FanOut
from esc_operator.reconciliation.fan_out_rollouts import FanOutRollouts
from esc_operator.reconciliation.gather import TargetSecret
from esc_operator.reconciliation.gathering import Gathering
from esc_operator.reconciliation.holds import Holds
from esc_operator.reconciliation.intake import Intake
from esc_operator.reconciliation.ledger import Entry, Ledger
from esc_operator.reconciliation.observation import failed_attempt, observe, refused_imports, wanted_by
from esc_operator.reconciliation.outcome import Opened, Refused, Sighting
from esc_operator.reconciliation.overdue import Overdue
from esc_operator.reconciliation.scheduler import Scheduler
from esc_operator.reconciliation.work_queue import Lane, WorkQueue
from esc_operator.renewal.schedule import retry_at
from esc_operator.renewal.why import Observation, Sync, Wait, Wanted, are_outdated, next_refresh, why_sync
from esc_operator.resources import reasons
from esc_operator.resources.environment import EscEnvironment, Key, parse_environment
from esc_operator.resources.sharing import parse_sharing
from esc_operator.resources.status import parse_status
from esc_operator.telemetry import SILENT, Telemetry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
    from datetime import datetime

    from esc_operator.kube.namespaces import Namespaces
    from esc_operator.reconciliation.act import Actor
    from esc_operator.reconciliation.gather import Gatherer
    from esc_operator.reconciliation.rollouts import Rollouts
    from esc_operator.resources.status import Status
    from esc_operator.resources.sync_record import SyncRecord

logger = logging.getLogger(__name__)

SOON = timedelta(seconds=1)
LATER = timedelta(seconds=5)
RELISTED_SECONDS = 5.0
"""A list that is taken for whole too early costs a request for each environment that has yet to come."""
ANY = "*"
"""Stands for all namespaces."""
UNHURRIED = timedelta(hours=1)
"""After a start, what does not expire is looked at as if it did so late: nothing about it is pressing."""


class Opening(Protocol):
    """Opens an environment as its own ServiceAccount: all values, or why there are none. Never raises."""

    def __call__(self, environment: EscEnvironment, demand: Demand) -> Coroutine[Any, Any, Opened | Refused]: ...


@dataclass(frozen=True, slots=True)
class Workers:
    """How many keys are worked on at once. `reserved` workers take changes only, so that refreshes which hang in a slow
    provider never hold up a new environment."""

    general: int = 32
    reserved: int = 8


class _Seen(NamedTuple):
    """An environment that waits to be looked at: as text, because thousands may wait and a parsed body takes ten times
    the memory. `at` is by the gatherer's clock."""

    text: str
    at: float


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
        forbids: Callable[[str, Iterable[str]], bool] = lambda _namespace, _roles: False,
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
        self._intake = Intake()
        self._pending: dict[Key, _Seen] = {}
        self._deleted: set[Key] = set()
        self._troubles: dict[Key, int] = {}
        self._holds: Holds[Key] = Holds()
        self._bells: dict[Key, asyncio.Future[None]] = {}
        self.mended = 0
        """How often something outside, for which environments may wait, has been seen to be well again."""
        self.ledger = Ledger()
        self.queue: WorkQueue[Key] = WorkQueue()
        self.scheduler: Scheduler[Key] = Scheduler(now, self._on_due)
        wide = FanOutRollouts(rollouts.rolling, now, telemetry) if rollouts else None
        self._fan_out = FanOut(self, gatherer, actor, namespaces, now, wide) if namespaces else None
        self._overdue = Overdue(self, now)
        self._resuming: Gathering[Key, float] = Gathering(self._resume, pause=pause)
        self._relisted: Gathering[Key, None] = Gathering(self._look_for_missing, quiet=RELISTED_SECONDS, pause=pause)

    # What wakes it.

    def on_environment(self, body: Mapping[str, Any], *, deleted: bool, listed: bool = False) -> None:
        """An environment was listed, created, changed or deleted. Cheap, and idempotent."""
        key = Key(body["metadata"].get("namespace") or "", body["metadata"]["name"])
        if deleted:
            self._pending.pop(key, None)
            self._deleted.add(key)
            self._wake((key,))
            return
        self._deleted.discard(key)
        if listed:
            self._intake.note()
        if self.ledger.is_overtaken(key, body["metadata"]["resourceVersion"]):
            return
        self._note(Sighting(key, body["metadata"].get("generation", 0), body["metadata"]["uid"], parse_sharing(body)))
        entry, environment = self.ledger.find(key), parse_environment(body)
        if entry is not None and listed:
            self._relisted.add(key, None)
        if entry is not None and entry.is_unchanged(environment):
            return
        self._pending[key] = _Seen(json.dumps(body), self._gatherer.clock())
        deadline = None
        if entry is None:
            status = parse_status(body.get("status"))
            deadline = self._resumed_by(environment, status)
            self._overdue.expect(key, status)
        if deadline is None:
            self._wake((key,))
        else:
            self._resuming.add(key, deadline)

    def on_empty_list(self, plural: str, namespace: str) -> None:
        """All of a kind were listed, in a namespace or, where that is "", everywhere, and there were none."""
        if plural == ENVIRONMENTS.plural:
            self._relisted.add(Key(namespace or ANY, ""), None)
        elif plural == CLUSTER_ENVIRONMENTS.plural:
            self._relisted.add(Key("", ""), None)

    def _resumed_by(self, environment: EscEnvironment, status: Status) -> float | None:
        """By when an environment that another process has left in order has to be looked at; None for at once: it is
        new, something was asked of it meanwhile, or its Secret is gone."""
        observed = status.observed_generation, status.observed_request, status.secret_name
        wanted = environment.generation, environment.rotate_request, environment.target.name
        if environment.cluster_scoped:
            return None
        if observed != wanted or self._gatherer.known(environment.target_key) is None:
            return None
        return (status.expires_at or self._now() + UNHURRIED).timestamp()

    def _resume(self, deadlines: Mapping[Key, float]) -> None:
        for key, deadline in sorted(deadlines.items(), key=lambda one: one[1]):
            self.queue.add(key, Lane.REFRESH, deadline)

    def _look_for_missing(self, listed: Mapping[Key, None]) -> None:
        """All were listed anew, because the watch had lost its place: nobody tells of those deleted meanwhile."""
        kinds = {bool(key.namespace) for key in listed if key.name}  # each kind has a watch of its own
        empty = {key.namespace for key in listed if not key.name}
        known = (key for key, _ in self.ledger.entries() if key not in listed)
        self._wake(tuple(key for key in known if bool(key.namespace) in kinds or _lists_of(key) & empty))

    def on_secret(self, key: Key) -> None:
        """A Secret with our label was changed or deleted, perhaps by ourselves."""
        self._wake(self.ledger.claimants(key))

    def on_namespaces(self) -> None:
        """A namespace has come, gone or changed its labels."""
        self._wake(tuple(key for key, _ in self.ledger.entries() if not key.namespace))

    def _on_due(self, key: Key, when: datetime) -> None:
        if bell := self._bells.get(key):
            if not bell.done():
                bell.set_result(None)
            return
        entry = self.ledger.find(key)
        expires_at = entry.status.expires_at if entry else None
        waited = self.queue.is_waiting(key)
        self.queue.add(key, Lane.REFRESH, (expires_at or when).timestamp())
        self._overdue.on_due(key, waited=waited)

    def _note(self, seen: Sighting) -> None:
        if self.ledger.note_sighting(seen):
            self._wake(self.ledger.outdated_importers(seen.key))

    def _wake(self, keys: tuple[Key, ...]) -> None:
        for key in keys:
            self._resuming.discard(key)
            self.queue.add(key, Lane.CHANGE)

    # Work.

    async def run(self, workers: Workers) -> None:
        """Work until cancelled. A worker ends only with the process: an error in it is a bug and ends all of it."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.scheduler.run(), name="scheduler")
            group.create_task(self._resuming.run(), name="resuming")
            group.create_task(self._relisted.run(), name="relisted")
            group.create_task(self._overdue.run(), name="overdue")
            for number in range(workers.general + workers.reserved):
                changes_only = number >= workers.general
                group.create_task(self._work(changes_only=changes_only), name=f"worker-{number}")

    async def _work(self, *, changes_only: bool) -> None:
        while True:
            await self._intake.over()
            key = await self.queue.take(changes_only=changes_only)
            try:
                await self._attempt(key)
            finally:
                self.queue.done(key)

    async def _attempt(self, key: Key) -> None:
        """Reconcile; where the API server is in the way, look again soon. One environment's trouble stays its own."""
        if until := self._holds.until(key, self._now()):
            self.scheduler.set(key, until)  # whatever has woken it will be looked at then
            return
        clock, result = self._telemetry.clock, "done"
        began = clock()
        try:
            with self._telemetry.tracer.span("reconcile", environment=str(key)):
                await self.reconcile(key)
        except EscError as error:
            result = "refused"
            self._look_again(key, error)
        except Exception as error:  # noqa: BLE001 - a bug in one environment's handling must not stop the others
            result = "crashed"
            # Told by its type alone, because its text may quote a value.
            log = {"environment": str(key), "reason": "InternalError"}
            what = type(error).__name__
            logger.error("%s: internal error (%s at %s)", key, what, _where(error), extra=log)  # noqa: TRY400
            self._look_again(key, None)
        else:
            self._troubles.pop(key, None)
        self._telemetry.meter.worked(clock() - began, result)

    def _look_again(self, key: Key, error: EscError | None) -> None:
        count = self._troubles[key] = self._troubles.get(key, 0) + 1
        if isinstance(error, ConflictError | NotFoundError) and count == 1:
            self.queue.add(key, Lane.CHANGE)  # somebody else was faster: look at what they did
            return
        if error is not None:
            logger.warning("%s: %s", key, error.message, extra={"environment": str(key), "reason": error.reason})
        now, entry = self._now(), self.ledger.find(key)
        due = retry_at(now, count, entry.status.expires_at if entry else None, str(key))
        if error is not None and error.retry_after:
            due = max(due, self._holds.ask(key, error.retry_after, now))
        self.scheduler.set(key, due)

    async def reconcile(self, key: Key) -> None:
        """Bring one environment's Secret and status to what they have to be. Raises KubeError."""
        seen = self._pending.pop(key, None)
        body: Mapping[str, Any] | None = json.loads(seen.text) if seen else None
        if body is None or self.ledger.is_overtaken(key, body["metadata"]["resourceVersion"]):
            body, seen = await self._read(key), None
        if body is None or body["metadata"].get("deletionTimestamp"):
            self._remove(key)
            return
        environment = parse_environment(body)
        entry = self._enter(environment, body)
        if environment.cluster_scoped:
            await self._fill_namespaces(environment, entry)
            return
        trusted, wanted_at = self._trusted(environment, entry), seen.at if seen else None
        target = await self._gatherer.read_target(environment.target_key, trusted, wanted_at)
        if environment.suspend:
            plan = decide.plan_suspended(decide.Situation(environment, entry.status, target, self._now()))
            await self._carry_out(environment, entry, plan)
            return
        await self._sync_if_due(environment, entry, target)

    async def _fill_namespaces(self, environment: EscEnvironment, entry: Entry) -> None:
        mended = self.mended
        if self._fan_out is not None and (outcome := await self._fan_out.reconcile(environment, entry)):
            self._follow_up(environment.key, entry, outcome, mended)

    async def _read(self, key: Key) -> Mapping[str, Any] | None:
        """The environment as it is now; None where it is gone, and so is the right to read it, if it was a Role that
        went with the namespace."""
        try:
            body = await self._gatherer.read_environment(key)
        except ForbiddenError:
            if key not in self._deleted:
                raise
            body = None
        self._deleted.discard(key)
        return body

    def _trusted(self, environment: EscEnvironment, entry: Entry) -> str:
        """The version at which the target Secret was in order, if that is known for sure."""
        same = entry.status.secret_name == environment.target.name
        return entry.status.secret_resource_version if same and environment.key not in self._troubles else ""

    def _enter(self, environment: EscEnvironment, body: Mapping[str, Any]) -> Entry:
        known = self.ledger.find(environment.key)
        fresh = known is None or known.uid != environment.uid
        status = parse_status(body.get("status"))
        entry = self.ledger.enter(environment, status, body["metadata"]["resourceVersion"], self._now())
        self._note(Sighting(environment.key, environment.generation, environment.uid, parse_sharing(body)))
        if fresh:
            entry.failed, entry.refused = failed_attempt(status), refused_imports(environment.key, status)
            self.ledger.note_imports(environment.key, tuple(status.imports or ()))
        return entry

    async def _sync_if_due(self, environment: EscEnvironment, entry: Entry, target: TargetSecret) -> None:
        refused = decide.refuse_target(environment, target.secret)
        if refused:
            target = decide.NO_SECRET  # what is somebody else's is not there, as far as this environment is concerned
        elif decide.was_refused_target(entry.status):
            entry.failed = None  # the Secret has become free
        entry.record = self._own_record(environment) or entry.record
        now = self._now()
        seen = observe(self._wanted(environment, entry, target), target, entry)
        verdict = why_sync(seen, now)
        if isinstance(verdict, Wait):
            situation = decide.Situation(environment, entry.status, target, now)
            plan = decide.plan_waiting(situation, verdict.until, failing=bool(seen.failed))
            await self._carry_out(environment, entry, plan)
        elif refused:
            await self._refuse(environment, entry, target, refused)  # nothing is opened, so nothing is minted for it
        else:
            await self._sync(environment, entry, target, verdict)
            self.tell_sync(verdict, seen, now, well=entry.failed is None)

    def tell_sync(self, sync: Sync, seen: Observation, began: datetime, *, well: bool) -> None:
        """Tell the meter what came of an attempt, and how late it was."""
        due = next_refresh(seen.wanted, seen.held, began) if seen.held else None
        late = (self._now() - due).total_seconds() if well and due and due <= began else None
        self._telemetry.meter.synced(str(sync.cause), "filled" if well else "refused", late)

    def _wanted(self, environment: EscEnvironment, entry: Entry, target: TargetSecret) -> Wanted:
        record = target.secret.record if target.secret else None
        references = {*(entry.status.imports or ()), *(record.imports if record else ())}
        wanted = wanted_by(environment, entry.status, self.ledger.imported(environment.key, references))
        roles = (login.role for login in entry.status.logins)
        return replace(wanted, forbidden=self._forbids(environment.key.namespace, roles))

    async def _sync(self, environment: EscEnvironment, entry: Entry, target: TargetSecret, sync: Sync) -> None:
        mended = self.mended
        outcome = await self.evaluate(environment, entry, target, sync)
        if isinstance(outcome, Refused):
            await self._refuse(environment, entry, target, outcome)
        else:
            await self._fill(environment, entry, target, outcome)
        self._follow_up(environment.key, entry, outcome, mended)

    def _follow_up(self, key: Key, entry: Entry, outcome: Opened | Refused, mended: int) -> None:
        """What has changed while it was opened."""
        if entry.failed and self.mended != mended:
            # Before it was known that this one waits for it as well.
            entry.failed = replace(entry.failed, mended=True)
            self.scheduler.set(key, self._now() + SOON)
        if self._has_moved(key, outcome):
            self.scheduler.set(key, self._now() + SOON)

    async def evaluate(
        self, environment: EscEnvironment, entry: Entry, target: TargetSecret, sync: Sync
    ) -> Opened | Refused:
        """Open it, and note what was seen of its imports."""
        log = {"environment": str(environment.key), "reason": str(sync.cause)}
        logger.info("%s: syncing (%s)", environment.key, sync.cause, extra=log)
        fresh_after = entry.rotation_seen_at if sync.fresh else None
        outcome = await self._open(environment, entry, target, Demand(fresh_after, sync.outlive))
        entry.refused = outcome.imports.refused
        for seen in outcome.imports.seen:
            self._note(seen)
        return outcome

    async def _open(
        self, environment: EscEnvironment, entry: Entry, target: TargetSecret, demand: Demand
    ) -> Opened | Refused:
        """Open it. Where that takes longer than what is held can be used, that is told meanwhile."""
        key, now = environment.key, self._now()
        end = decide.end_to_tell(decide.Situation(environment, entry.status, target, now))
        if end is None:
            return await self._opening(environment, demand)
        # What has ended before, while no operator ran, is told only if it is not renewed in a moment.
        self.scheduler.set(key, max(end, now + SOON))
        bell = self._bells[key] = asyncio.get_running_loop().create_future()
        opening = asyncio.create_task(self._opening(environment, demand), name=f"opening-{key}")
        try:
            await asyncio.wait((opening, bell), return_when=asyncio.FIRST_COMPLETED)
            if not opening.done():
                await self._tell_overdue(environment, entry, target)
            return await opening
        finally:
            del self._bells[key]
            opening.cancel()

    async def _tell_overdue(self, environment: EscEnvironment, entry: Entry, target: TargetSecret) -> None:
        plan = decide.plan_overdue(decide.Situation(environment, entry.status, target, self._now()))
        try:
            if environment.cluster_scoped:
                await self.tell(environment, entry, plan, decide.with_others(plan.status, entry.status))
            else:
                await self._carry_out(environment, entry, plan)
        except KubeError as error:  # it is told in the end, with what has come of the attempt
            log = {"environment": str(environment.key), "reason": error.reason}
            logger.warning("%s: %s", environment.key, error.message, extra=log)

    async def tell_waiting(self, key: Key) -> datetime | None:
        """Tell of an environment that waits for a worker that what it holds has come to its end, if it has."""
        if until := self._holds.until(key, self._now()):
            return until
        seen = self._pending.get(key)
        body = json.loads(seen.text) if seen else await self._gatherer.read_environment(key)
        if body is None or body["metadata"].get("deletionTimestamp"):
            return None  # whose turn comes will see to it
        environment = parse_environment(body)
        entry = self._enter(environment, body)
        target = TargetSecret(self._gatherer.known(environment.target_key))
        if environment.cluster_scoped and self._fan_out is not None:
            target = self._fan_out.standing(environment, entry)
        now = self._now()
        situation = decide.Situation(environment, entry.status, target, now)
        if entry.is_written and ((end := decide.end_to_tell(situation)) is None or end > now):
            return end
        plan = decide.plan_suspended(situation) if environment.suspend else decide.plan_overdue(situation, begun=False)
        await self.tell(environment, entry, plan, decide.with_others(plan.status, entry.status))
        return None

    async def _fill(self, environment: EscEnvironment, entry: Entry, target: TargetSecret, opened: Opened) -> None:
        now = self._now()
        # A Secret that somebody deleted is made anew as the same one: what pods hold of it has not changed with that.
        lost = entry.record
        situation = decide.Situation(environment, entry.status, target, now)
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
        entry.record = self._own_record(environment)
        await self._tell(environment, entry, plan, status)

    def _has_moved(self, key: Key, outcome: Opened | Refused) -> bool:
        """Whether an import has changed while it was used: before it was known whom that concerns, nobody was told."""
        if isinstance(outcome, Refused) and outcome.retryable:
            return False  # it is tried again anyhow
        used = outcome.imports.used
        return are_outdated(used, self.ledger.imported(key, used))

    async def _refuse(self, environment: EscEnvironment, entry: Entry, target: TargetSecret, refused: Refused) -> None:
        now = self._now()
        log = {"environment": str(environment.key), "reason": refused.reason}
        logger.warning("%s: %s: %s", environment.key, refused.reason, refused.message, extra=log)
        if refused.retry_after and refused.reason == UnavailableError.default_reason:
            self._holds.ask(environment.key, refused.retry_after, now)
        plan = decide.plan_refused(decide.Situation(environment, entry.status, target, now), refused)
        failed = failed_attempt(plan.status)
        if failed is not None:
            after = now + timedelta(seconds=refused.retry_after) if refused.retry_after else None
            entry.failed = replace(failed, retryable=refused.retryable, retry_after=after)
        await self._carry_out(environment, entry, plan)

    async def _carry_out(self, environment: EscEnvironment, entry: Entry, plan: decide.Plan) -> None:
        await self._tell(environment, entry, plan, await self._actor.write_secret(plan))

    async def _tell(self, environment: EscEnvironment, entry: Entry, plan: decide.Plan, status: Status) -> None:
        """As `tell`, with what became of a former Secret and of rollouts."""
        self.ledger.note_imports(environment.key, tuple(status.imports or ()))
        previous = entry.status.secret_name
        if previous and status.secret_name and previous != status.secret_name:
            await self._abandon(environment, Key(environment.key.namespace, previous))  # while its name is remembered
        old = entry.status
        status, look_at = await self._advance_rollout(environment, entry, status)
        wake_at = min(filter(None, (plan.wake_at, look_at)), default=None)
        await self.tell(environment, entry, replace(plan, wake_at=wake_at), status)
        if self._rollouts is not None:
            await self._actor.post(environment, self._rollouts.tell(environment, old, status))

    async def tell(self, environment: EscEnvironment, entry: Entry, plan: decide.Plan, status: Status) -> None:
        """Make the status tell what has happened. It is remembered first, so that it is told in the end though writing
        it fails, and though nothing else has to be done then."""
        self.ledger.note_imports(environment.key, tuple(status.imports or ()))
        written = entry.status if entry.is_written else None
        if status != written:
            entry.status, entry.is_written = status, False
            await self._actor.write_status(environment, written, status)
            entry.is_written = True
        self.scheduler.set(environment.key, plan.wake_at)
        await self._actor.post(environment, plan.event)

    def _own_record(self, environment: EscEnvironment) -> SyncRecord | None:
        secret = self._gatherer.known(environment.target_key)
        return secret.record if secret and secret.record and secret.record.uid == environment.uid else None

    async def _advance_rollout(
        self, environment: EscEnvironment, entry: Entry, status: Status
    ) -> tuple[Status, datetime | None]:
        """The status with what there is to tell of rollouts. Trouble with workloads is none with the Secret."""
        if self._rollouts is None:
            return status, None
        record = self._own_record(environment)
        try:
            return await self._rollouts.advance(environment, entry.status, status, record)
        except KubeError as error:
            log = {"environment": str(environment.key), "reason": error.reason}
            logger.warning("%s: rolling its workloads: %s", environment.key, error.message, extra=log)
            return self._rollouts.unchanged(entry.status, status), self._now() + LATER

    async def _abandon(self, environment: EscEnvironment, former: Key) -> None:
        """Delete the Secret of a former target name, unless it is kept on purpose or not this environment's."""
        found = (await self._gatherer.read_target(former, "")).secret
        if found is None or environment.uid not in found.owners or found.environment != environment.key.name:
            return
        try:
            await self._actor.delete_secret(found)
        except (UnavailableError, ConflictError):
            raise
        except KubeError as error:
            log = {"environment": str(environment.key), "reason": error.reason}
            logger.warning("%s: the former Secret is left over: %s", environment.key, error.message, extra=log)

    def _remove(self, key: Key) -> None:
        entry = self.ledger.find(key)
        self.ledger.remove(key)
        self.scheduler.discard(key)
        self._holds.forget(key)
        self._wake(self.ledger.outdated_importers(key))
        if entry:
            self._wake(self.ledger.claimants(entry.target))
            if self._rollouts is not None:
                self._rollouts.forget(key, entry.uid)
            if self._fan_out is not None:
                self._fan_out.forget(entry.uid)


def _lists_of(key: Key) -> set[str]:
    """The namespaces by which the empty lists that an environment would be in are known."""
    return {key.namespace, ANY} if key.namespace else {""}


def _where(error: BaseException) -> str:
    """File and line of each frame, without the source and the values that a traceback would show."""
    frames = []
    trace = error.__traceback__
    while trace is not None:
        frames.append(f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}")
        trace = trace.tb_next
    return " > ".join(frames)
