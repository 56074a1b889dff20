"""Rolls the workloads of one namespace that need a Secret's new values, and follows them until their pods are ready.

Owns the turns among all rollouts of the cluster. Everything else that it needs is on the workloads, so it continues
after a restart; its own memory serves only for better reports. It writes no status and no events.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from esc_operator.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    KubeError,
    NotFoundError,
    UnavailableError,
)
from esc_operator.kube.api import METADATA
from esc_operator.kube.paths import WORKLOADS
from esc_operator.reconciliation.rollouts.missing import missing_targets
from esc_operator.reconciliation.rollouts.plan import (
    Behind,
    RolloutPlan,
    concerned_by,
    deadline_of,
    for_its_turn,
    held_back,
    judge_stalled,
    plan_rollout,
    stamps_for,
)
from esc_operator.reconciliation.workqueue.retry_after import end_of_wait
from esc_operator.reconciliation.workqueue.retry_pace import RetryPace
from esc_operator.reconciliation.workqueue.slots import Slots
from esc_operator.renewal.schedule import retry_at
from esc_operator.resources import reasons
from esc_operator.resources.workloads import REVISIONS, Progress, Workload, format_stamps, parse_workload
from esc_operator.telemetry import SILENT, Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import datetime
    from typing import Any

    from esc_operator.kube.api import KubeApi
    from esc_operator.resources.environment import EscEnvironment, RolloutTarget
    from esc_operator.resources.sync_record import SyncRecord

logger = logging.getLogger(__name__)

Place = tuple[str, str]
"""The UID of an environment, and one of the namespaces whose Secret it fills."""

ASK_AGAIN = timedelta(minutes=5)
"""After this long, a kind that the API server did not have is requested again: Argo Rollouts may have been
installed."""
SOON = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Survey:
    """The current workloads that an environment rolls in one namespace, and the plan for them. `missing`: the targets
    that match none of them."""

    found: tuple[Workload, ...]
    plan: RolloutPlan
    missing: tuple[RolloutTarget, ...] = ()


@dataclass(slots=True)
class _PlaceMemory:
    """The memory of one place while its workloads are rolled for one revision.

    `kinds` are those of which it has any: a workload that starts to take the Secret after that has the current values.
    `stamped`: when each UID was stamped. `moved`: the last progress of the pods of each, and since when. `queued` are
    those that wait for their turn, if there is nothing else to wait for. `troubles` counts failures in a row; `told`
    are the problems that have their events; `held_until`: the API server has asked for a pause until then.
    """

    revision: str
    generation: int
    kinds: frozenset[str] = frozenset()
    stamped: dict[str, datetime] = field(default_factory=dict)
    moved: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    queued: tuple[Workload, ...] = ()
    slots: set[str] = field(default_factory=set)
    troubles: int = 0
    told: set[str] = field(default_factory=set)
    held_until: datetime | None = None


class Roller:
    """`at_once`: how many workloads of the cluster are rolled at a time. An environment's place is its namespace; a
    ClusterEscEnvironment has many."""

    def __init__(self, api: KubeApi, now: Callable[[], datetime], at_once: int, telemetry: Telemetry = SILENT) -> None:
        self._api = api
        self._now = now
        self._slots = Slots(at_once)
        self._telemetry = telemetry
        self._absent: dict[str, datetime] = {}
        self._memories: dict[Place, _PlaceMemory] = {}
        # By namespace, and the UID of a workload or of the environment.
        self._retry_pace: RetryPace[tuple[str, str]] = RetryPace(lambda key: key[0])

    @property
    def under_way(self) -> int:
        """How many workloads have their turn."""
        return self._slots.held

    def told(self, place: Place) -> set[str]:
        """The problems of a rollout that have their events; a caller that reports another one adds it."""
        memory = self._memories.get(place)
        return memory.told if memory else set()

    def forget(self, place: Place) -> None:
        """There is nothing to roll any more."""
        memory = self._memories.pop(place, None)
        self._retry_pace.forget((place[1], place[0]))
        # If another environment follows it as well, its next look holds it again.
        for uid in memory.slots if memory else ():
            self._slots.release(uid)

    def waits_until(self, environment: EscEnvironment, record: SyncRecord) -> datetime | None:
        """When to ask again, if there is nothing else to do now; None if there is."""
        now, memory = self._now(), self._remember(environment, record)
        if memory.held_until and now < memory.held_until:
            return memory.held_until
        if not memory.queued or self._comes_up(memory.queued, environment.key.namespace, record):
            return None
        waiting = [self._waiting(workload, now) for workload in memory.queued]
        return min(one.until for one in waiting if one.until)

    async def survey(self, environment: EscEnvironment, record: SyncRecord) -> Survey:
        """Read the workloads; those that are rolling use their turns. Raises KubeError."""
        memory = self._remember(environment, record)
        found = await self._read(environment, memory.kinds or {target.kind for target in environment.rollout.targets})
        memory.kinds = frozenset(one.kind for one in found)
        now = self._now()
        found = _judge(memory, found, now)
        plan = plan_rollout(environment, record, found, memory.stamped, now)
        self._keep_slots(memory, plan, found, environment.key.namespace, now)
        return Survey(found, plan, missing_targets(environment.rollout, found))

    async def roll(self, environment: EscEnvironment, record: SyncRecord, survey: Survey) -> RolloutPlan:
        """Roll those that have their turn; returns what is left to do. Raises KubeError."""
        memory, now = self._remember(environment, record), self._now()
        plan = self._take_slots(memory, survey.plan, environment.key.namespace, record, now)
        plan = await self._stamp_all(environment, memory, plan, record, now)
        memory.troubles, memory.held_until = 0, None
        self._retry_pace.forget((environment.key.namespace, environment.uid))
        if plan.is_done:
            self.forget(_place(environment))
        return plan

    def record_failure(self, environment: EscEnvironment, record: SyncRecord, error: KubeError) -> datetime:
        """When to try again."""
        log = {"environment": str(environment.key), "reason": error.reason}
        logger.warning("%s: rolling its workloads: %s", environment.key, error.message, extra=log)
        self._telemetry.meter.write_failed("workloads", error.reason)
        now, memory = self._now(), self._remember(environment, record)
        memory.troubles += 1
        if isinstance(error, UnavailableError):
            due = self._retry_pace.fail((environment.key.namespace, environment.uid), now)
        else:
            due = retry_at(now, memory.troubles, record.replaced_expires_at, environment.uid)
        if error.retry_after:
            memory.held_until = end_of_wait(error.retry_after, now)
            due = max(due, memory.held_until)
        return due

    def _remember(self, environment: EscEnvironment, record: SyncRecord) -> _PlaceMemory:
        place = _place(environment)
        memory = self._memories.get(place)
        if memory is None or memory.revision != record.revision:
            held_until, slots = (memory.held_until, memory.slots) if memory else (None, set[str]())
            memory = _PlaceMemory(record.revision, environment.generation, slots=slots, held_until=held_until)
            self._memories[place] = memory
        if memory.generation != environment.generation:
            # Others may be meant now.
            memory.generation, memory.kinds, memory.queued = environment.generation, frozenset(), ()
        return memory

    def _comes_up(self, queued: tuple[Workload, ...], namespace: str, record: SyncRecord) -> bool:
        """Whether any of them has its turn."""
        now = self._now()
        # All of them ask: one that does not is forgotten.
        deadline = deadline_of(record, now)
        answers = [self._slots.ask(workload.uid, namespace, deadline, now) for workload in queued]
        return any(answers)

    def _waiting(self, workload: Workload, now: datetime) -> Behind:
        return for_its_turn(workload, self._slots.ahead_of(workload.uid), self._slots.at_once, now)

    async def _read(self, environment: EscEnvironment, kinds: Collection[str]) -> tuple[Workload, ...]:
        """The workloads concerned, of these kinds, or of all if there are none, from the API server's cache; kinds that
        it does not have are left out."""
        found: list[Workload] = []
        for resource in WORKLOADS:
            now = self._now()
            if (kinds and resource.kind not in kinds) or self._absent.get(resource.kind, now) > now:
                continue
            take = partial(_concerned, environment, resource.kind)
            try:
                page = await self._api.list_page(resource, environment.key.namespace, take, resourceVersion="0")
            except NotFoundError:
                self._absent[resource.kind] = now + ASK_AGAIN
                continue
            found += filter(None, page.items)
        return concerned_by(environment.rollout, environment.target.name, found)

    def _keep_slots(
        self, memory: _PlaceMemory, plan: RolloutPlan, found: tuple[Workload, ...], namespace: str, now: datetime
    ) -> None:
        """Those that are rolling use their turns; those that are not, or no longer exist, give theirs back."""
        busy = {one.workload.uid for one in plan.behind if one.reason == reasons.ROLLING_OUT}
        wanted = {one.uid for one in plan.roll}
        gone = memory.slots - {one.uid for one in found}
        for uid in gone:
            self._retry_pace.forget((namespace, uid))
        for uid in busy:
            self._slots.hold(uid, namespace, now)
        # One that is rolling for another environment keeps its turn.
        idle = {one.uid for one in found if one.progress is not Progress.RUNNING}
        over = (idle | gone) - busy - wanted
        for uid in over:
            self._slots.release(uid)
        memory.slots = (memory.slots | busy) - over

    def _take_slots(
        self, memory: _PlaceMemory, plan: RolloutPlan, namespace: str, record: SyncRecord, now: datetime
    ) -> RolloutPlan:
        deadline = deadline_of(record, now)
        memory.slots |= {one.uid for one in plan.roll}
        waiting = [one for one in plan.roll if not self._slots.ask(one.uid, namespace, deadline, now)]
        only_waiting = len(waiting) == len(plan.roll) and not plan.behind
        memory.queued = tuple(waiting) if only_waiting else ()
        return held_back(plan, [self._waiting(one, now) for one in waiting])

    async def _stamp_all(
        self, environment: EscEnvironment, memory: _PlaceMemory, plan: RolloutPlan, record: SyncRecord, now: datetime
    ) -> RolloutPlan:
        """A problem of one workload is reported for it, and delays no other."""
        refused: list[Behind] = []
        for workload in plan.roll:
            key = environment.key.namespace, workload.uid
            try:
                await self._stamp(environment, workload, record, now)
            except (ForbiddenError, InvalidError, UnavailableError) as error:
                if isinstance(error, UnavailableError) and error.reason != reasons.WEBHOOK_UNAVAILABLE:
                    raise
                self._slots.release(workload.uid)
                self._telemetry.meter.write_failed("workloads", error.reason)
                due = self._retry_pace.fail(key, now)
                refused.append(Behind(workload, reasons.ROLLOUT_REFUSED, error.message, due))
            except (ConflictError, NotFoundError):
                why = "it was changed at the same time, and is looked at again"
                refused.append(Behind(workload, reasons.ROLLOUT_WAITING, why, now + SOON))
            else:
                memory.stamped[workload.uid] = now
                self._retry_pace.forget(key)
                self._telemetry.meter.stamped()
        return held_back(plan, refused)

    async def _stamp(self, environment: EscEnvironment, workload: Workload, record: SyncRecord, now: datetime) -> None:
        log = {"environment": str(environment.key), "reason": "Rollout"}
        logger.info("%s: rolling %s", environment.key, workload, extra=log)
        text = format_stamps(stamps_for(workload, environment.target.name, record, now))
        resource = next(one for one in WORKLOADS if one.kind == workload.kind)
        await self._api.patch(
            resource,
            environment.key.namespace,
            workload.name,
            {
                # Only onto that version: the annotation also holds the stamps of other Secrets.
                "metadata": {"uid": workload.uid, "resourceVersion": workload.version},
                "spec": {"template": {"metadata": {"annotations": {REVISIONS: text}}}},
            },
            METADATA,
        )


def _concerned(environment: EscEnvironment, kind: str, body: Mapping[str, Any]) -> Workload | None:
    """A listed workload; None if it is not concerned."""
    found = concerned_by(environment.rollout, environment.target.name, [parse_workload(kind, body)])
    return next(iter(found), None)


def _place(environment: EscEnvironment) -> Place:
    return environment.uid, environment.key.namespace


def _judge(memory: _PlaceMemory, found: tuple[Workload, ...], now: datetime) -> tuple[Workload, ...]:
    """The workloads; those whose pods have not progressed for too long are judged stuck."""
    moved = {}
    for workload in found:
        where, since = memory.moved.get(workload.uid, (workload.message, now))
        moved[workload.uid] = workload.message, since if where == workload.message and since <= now else now
    memory.moved = moved
    return tuple(judge_stalled(workload, moved[workload.uid][1], now) for workload in found)
