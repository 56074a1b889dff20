"""Rolls the workloads that need a Secret's new values, and follows them until their pods are ready.

Owns the turns among all rollouts of the cluster. Everything else it needs to know stands on the workloads and in the
statuses, so it goes on after a restart where it was; what it remembers beside is only for telling more.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from esc_operator.errors import ConflictError, ForbiddenError, InvalidError, KubeError, NotFoundError
from esc_operator.kube.paths import WORKLOADS
from esc_operator.reconciliation.holds import LONGEST_ASKED
from esc_operator.reconciliation.rollout_events import rollout_event
from esc_operator.reconciliation.rollout_plan import (
    Behind,
    RolloutPlan,
    concerned_by,
    deadline_of,
    end_of_rollout,
    for_its_turn,
    held_back,
    judge_stalled,
    lifetime_warning,
    look_again_at,
    plan_rollout,
    rolled_out,
    stamps_for,
    time_rollout,
)
from esc_operator.reconciliation.turns import Turns
from esc_operator.renewal.schedule import retry_at
from esc_operator.resources import reasons
from esc_operator.resources.conditions import (
    LIFETIME_TOO_SHORT,
    ROLLED_OUT,
    Condition,
    carry_transition_times,
    find_condition,
)
from esc_operator.resources.workloads import REVISIONS, Progress, Workload, format_stamps, parse_workload
from esc_operator.telemetry import SILENT, Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from esc_operator.kube.api import KubeApi
    from esc_operator.reconciliation.event import Event
    from esc_operator.resources.environment import EscEnvironment
    from esc_operator.resources.status import Status
    from esc_operator.resources.sync_record import SyncRecord

logger = logging.getLogger(__name__)

ASK_AGAIN = timedelta(minutes=5)
"""After so long a kind that the API server did not have is asked for again: Argo Rollouts may have been installed."""
SOON = timedelta(seconds=1)


@dataclass(slots=True)
class _Memory:
    """What is remembered of one environment while its workloads are rolled for one revision.

    `kinds` are those of which it has any: a workload that begins to take the Secret meanwhile holds its present values.
    `stamped`: when which UIDs were. `moved`: where the pods of each were last seen, and since when. `queued` are those
    that wait for their turn, where nothing but that is awaited. `troubles` counts failures in a row; `told` are those
    that events have told; `held_until`: the
    API server has asked to be left alone until then.
    """

    revision: str
    generation: int
    kinds: frozenset[str] = frozenset()
    stamped: dict[str, datetime] = field(default_factory=dict)
    moved: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    queued: tuple[Workload, ...] = ()
    troubles: int = 0
    told: set[str] = field(default_factory=set)
    held_until: datetime | None = None


class Rollouts:
    """`at_once`: so many workloads of the cluster are rolled at a time."""

    def __init__(self, api: KubeApi, now: Callable[[], datetime], at_once: int, telemetry: Telemetry = SILENT) -> None:
        self._api = api
        self._now = now
        self._turns = Turns(at_once)
        self._telemetry = telemetry
        self._absent: dict[str, datetime] = {}
        self._memories: dict[str, _Memory] = {}

    @property
    def under_way(self) -> int:
        """How many workloads have their turn."""
        return self._turns.held

    async def advance(
        self, environment: EscEnvironment, old: Status, status: Status, record: SyncRecord | None
    ) -> tuple[Status, datetime | None]:
        """The status with what is to be told of rollouts, and when to look again; rolls what has to be rolled now.

        `old` is the last status, `status` the next one as far as the Secret is concerned. Workloads are read only where
        the Secret's data is another one than was rolled out. Trouble with them is told and tried again: never raised.
        """
        if environment.rollout.policy == "Never" or environment.suspend:
            self.forget(environment.uid)
            return _without(status), None
        if record is None or record.leaves_pods:
            self.forget(environment.uid)
            # Without a record, what was rolled out is still what pods hold.
            return self._left(environment, old, status) if record else status, None
        if old.rolled_out_revision == record.revision and find_condition(old.conditions, ROLLED_OUT):
            return self.unchanged(old, status), None
        memory = self._remember(environment, record)
        if until := self._waits_until(memory, record):
            return self.unchanged(old, status), until
        try:
            with self._telemetry.tracer.span("rollout", environment=str(environment.key)):
                answer = await self._follow(environment, old, status, record)
        except KubeError as error:
            return self._troubled(environment, old, status, record, error)
        memory.troubles, memory.held_until = 0, None
        return answer

    def unchanged(self, old: Status, status: Status) -> Status:
        """The status where nothing new is known of rollouts."""
        kept = [find_condition(old.conditions, kind) for kind in (ROLLED_OUT, LIFETIME_TOO_SHORT)]
        present = [replace(one, observed_generation=status.observed_generation) for one in kept if one]
        return replace(
            status,
            conditions=(*status.conditions, *carry_transition_times(present, old.conditions, self._now())),
        )

    def tell(self, environment: EscEnvironment, old: Status, status: Status) -> Event | None:
        """The event for what is new between two statuses, if any."""
        memory = self._memories.get(environment.uid)
        return rollout_event(old, status, memory.told if memory else set())

    def forget(self, uid: str) -> None:
        """An environment is gone, or has nothing to roll any more."""
        memory = self._memories.pop(uid, None)
        for workload in memory.queued if memory else ():
            self._turns.release(workload.uid)

    def _remember(self, environment: EscEnvironment, record: SyncRecord) -> _Memory:
        memory = self._memories.get(environment.uid)
        if memory is None or memory.revision != record.revision:
            held_until = memory.held_until if memory else None
            memory = _Memory(record.revision, environment.generation, held_until=held_until)
            self._memories[environment.uid] = memory
        if memory.generation != environment.generation:
            # Others may be meant now.
            memory.generation, memory.kinds, memory.queued = environment.generation, frozenset(), ()
        return memory

    def _waits_until(self, memory: _Memory, record: SyncRecord) -> datetime | None:
        """When to ask again, where nothing but that can be done now."""
        now = self._now()
        if memory.held_until and now < memory.held_until:
            return memory.held_until
        if not memory.queued or self._comes_up(memory.queued, record):
            return None
        waiting = [self._waiting(workload, now) for workload in memory.queued]
        return min(one.until for one in waiting if one.until)

    def _comes_up(self, queued: tuple[Workload, ...], record: SyncRecord) -> bool:
        """Whether it is the turn of any."""
        now = self._now()
        # All of them ask: who does not is forgotten.
        answers = [self._turns.ask(workload.uid, deadline_of(record, now), now) for workload in queued]
        return any(answers)

    def _waiting(self, workload: Workload, now: datetime) -> Behind:
        return for_its_turn(workload, self._turns.ahead_of(workload.uid), self._turns.at_once, now)

    async def _follow(
        self, environment: EscEnvironment, old: Status, status: Status, record: SyncRecord
    ) -> tuple[Status, datetime | None]:
        memory = self._memories[environment.uid]
        found = await self._read(environment, memory.kinds or {target.kind for target in environment.rollout.targets})
        memory.kinds = frozenset(one.kind for one in found)
        now = self._now()
        found = _judge(memory, found, now)
        plan = plan_rollout(environment, record, found, memory.stamped, now)
        plan = self._take_turns(memory, plan, found, record, now)
        plan = await self._roll(environment, plan, record, now)
        if plan.is_done:
            self.forget(environment.uid)
        told = self._told(environment, old, status, plan, record)
        # A longer rollout calls for an earlier renewal than was just planned.
        soon = now + SOON if told.rollout_seconds > old.rollout_seconds else None
        return told, look_again_at(plan, now) or soon

    async def _read(self, environment: EscEnvironment, kinds: Collection[str]) -> tuple[Workload, ...]:
        """The workloads concerned, of those kinds or of all where there are none, from the API server's cache; kinds
        that it does not have are left out."""
        found: list[Workload] = []
        for resource in WORKLOADS:
            now = self._now()
            if (kinds and resource.kind not in kinds) or self._absent.get(resource.kind, now) > now:
                continue
            try:
                page = await self._api.list_page(resource, environment.key.namespace, resourceVersion="0")
            except NotFoundError:
                self._absent[resource.kind] = now + ASK_AGAIN
                continue
            found += [parse_workload(resource.kind, body) for body in page["items"] or ()]
        return concerned_by(environment.rollout, environment.target.name, found)

    def _take_turns(
        self, memory: _Memory, plan: RolloutPlan, found: tuple[Workload, ...], record: SyncRecord, now: datetime
    ) -> RolloutPlan:
        busy = {one.workload.uid for one in plan.behind if one.reason == reasons.ROLLING_OUT}
        wanted = {one.uid for one in plan.roll}
        gone = {one.uid for one in memory.queued} - {one.uid for one in found}
        for uid in busy:
            self._turns.hold(uid, now)
        # One that is on its way for another's sake keeps its turn.
        idle = {one.uid for one in found if one.progress is not Progress.RUNNING}
        for uid in (idle | gone) - busy - wanted:
            self._turns.release(uid)
        deadline = deadline_of(record, now)
        waiting = [one for one in plan.roll if not self._turns.ask(one.uid, deadline, now)]
        only_waiting = len(waiting) == len(plan.roll) and not plan.behind
        memory.queued = tuple(waiting) if only_waiting else ()
        return held_back(plan, [self._waiting(one, now) for one in waiting])

    async def _roll(
        self, environment: EscEnvironment, plan: RolloutPlan, record: SyncRecord, now: datetime
    ) -> RolloutPlan:
        """What stands in the way of one workload is told of it, and keeps no other waiting."""
        refused: list[Behind] = []
        for workload in plan.roll:
            try:
                await self._stamp(environment, workload, record, now)
            except (ForbiddenError, InvalidError) as error:
                self._turns.release(workload.uid)
                refused.append(Behind(workload, reasons.ROLLOUT_REFUSED, error.message))
            except (ConflictError, NotFoundError):
                why = "it was changed at the same time, and is looked at again"
                refused.append(Behind(workload, reasons.ROLLOUT_WAITING, why, now + SOON))
        return held_back(plan, refused)

    async def _stamp(self, environment: EscEnvironment, workload: Workload, record: SyncRecord, now: datetime) -> None:
        logger.info(
            "%s: rolling %s",
            environment.key,
            workload,
            extra={"environment": str(environment.key), "reason": "Rollout"},
        )
        text = format_stamps(stamps_for(workload, environment.target.name, record, now))
        resource = next(one for one in WORKLOADS if one.kind == workload.kind)
        await self._api.patch(
            resource,
            environment.key.namespace,
            workload.name,
            {
                # Onto that very version: the annotation also holds what belongs to other Secrets.
                "metadata": {"uid": workload.uid, "resourceVersion": workload.version},
                "spec": {"template": {"metadata": {"annotations": {REVISIONS: text}}}},
            },
        )
        self._memories[environment.uid].stamped[workload.uid] = now
        self._telemetry.meter.stamped()

    def _told(
        self, environment: EscEnvironment, old: Status, status: Status, plan: RolloutPlan, record: SyncRecord
    ) -> Status:
        now = self._now()
        started, seconds = time_rollout(old, plan, record, now)
        status = replace(
            status,
            rolled_out_revision=record.revision if plan.is_done else "",
            rollout_started_at=started,
            rollout_seconds=seconds,
        )
        condition = rolled_out(environment, plan, record, environment.target.name)
        if end := end_of_rollout(old, condition):
            self._telemetry.meter.rolled_out(end, seconds if end == "completed" and old.rollout_started_at else None)
        warning = lifetime_warning(environment, record.lifetime, status.rollout_time)
        told = [condition, *([warning] if warning else [])]
        return replace(status, conditions=(*status.conditions, *carry_transition_times(told, old.conditions, now)))

    def _left(self, environment: EscEnvironment, old: Status, status: Status) -> Status:
        """The pods keep what they have, because whoever asked for new values wants it so."""
        why = "a rotation without rollout has filled the Secret: pods take its values when they are next replaced"
        told = Condition(ROLLED_OUT, "False", reasons.PODS_LEFT, why, environment.generation)
        conditions = carry_transition_times((told,), old.conditions, self._now())
        return replace(status, conditions=(*status.conditions, *conditions), rollout_started_at=None)

    def _troubled(
        self, environment: EscEnvironment, old: Status, status: Status, record: SyncRecord, error: KubeError
    ) -> tuple[Status, datetime]:
        """What was rolled out before is no more what has to be, so that must not be told again."""
        log = {"environment": str(environment.key), "reason": error.reason}
        logger.warning("%s: rolling its workloads: %s", environment.key, error.message, extra=log)
        now, memory = self._now(), self._memories[environment.uid]
        memory.troubles += 1
        due = retry_at(now, memory.troubles, record.replaced_expires_at, environment.uid)
        if error.retry_after:
            memory.held_until = now + min(timedelta(seconds=error.retry_after), LONGEST_ASKED)
            due = max(due, memory.held_until)
        why = f"its workloads could not be rolled: {error.message}"
        told = Condition(ROLLED_OUT, "False", error.reason, why, environment.generation)
        status = self.unchanged(old, status)
        others = tuple(one for one in status.conditions if one.type != ROLLED_OUT)
        return replace(status, conditions=(*others, *carry_transition_times((told,), old.conditions, now))), due


def _without(status: Status) -> Status:
    return replace(status, rolled_out_revision="", rollout_started_at=None)


def _judge(memory: _Memory, found: tuple[Workload, ...], now: datetime) -> tuple[Workload, ...]:
    """The workloads, those told to be stuck whose pods have been where they are for too long."""
    moved = {}
    for workload in found:
        where, since = memory.moved.get(workload.uid, (workload.message, now))
        moved[workload.uid] = workload.message, since if where == workload.message and since <= now else now
    memory.moved = moved
    return tuple(judge_stalled(workload, moved[workload.uid][1], now) for workload in found)
