"""Rolls the workloads that need a Secret's new values, and follows them until their pods are ready.

Owns the turns among all rollouts of the cluster. Everything else it needs to know stands on the workloads and in the
statuses, so it goes on after a restart where it was.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from esc_operator.errors import ForbiddenError, InvalidError, NotFoundError
from esc_operator.kube.paths import WORKLOADS
from esc_operator.reconciliation.rollout_plan import (
    Behind,
    RolloutPlan,
    as_waiting,
    concerned_by,
    lifetime_warning,
    look_again_at,
    plan_rollout,
    rolled_out,
    stamps_for,
)
from esc_operator.reconciliation.turns import Turns
from esc_operator.resources import reasons
from esc_operator.resources.conditions import LIFETIME_TOO_SHORT, ROLLED_OUT, carry_transition_times, find_condition
from esc_operator.resources.workloads import REVISIONS, format_stamps, parse_workload

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from esc_operator.kube.api import KubeApi
    from esc_operator.resources.environment import EscEnvironment
    from esc_operator.resources.status import Status
    from esc_operator.resources.sync_record import SyncRecord
    from esc_operator.resources.workloads import Workload

logger = logging.getLogger(__name__)

ASK_AGAIN = timedelta(minutes=5)
"""After so long a kind that the API server did not have is asked for again: Argo Rollouts may have been installed."""


class Rollouts:
    """`at_once`: so many workloads of the cluster are rolled at a time."""

    def __init__(self, api: KubeApi, now: Callable[[], datetime], at_once: int) -> None:
        self._api = api
        self._now = now
        self._turns: Turns[str] = Turns(at_once)
        self._absent: dict[str, datetime] = {}
        self._stamped: dict[str, tuple[str, frozenset[str]]] = {}

    async def advance(
        self, environment: EscEnvironment, old: Status, status: Status, record: SyncRecord | None
    ) -> tuple[Status, datetime | None]:
        """The status with what is to be told of rollouts, and when to look again; rolls what has to be rolled now.

        `old` is the last status, `status` the next one as far as the Secret is concerned. Raises KubeError.
        """
        if environment.rollout.policy == "Never" or record is None or environment.suspend:
            return _without(status), None
        if old.rolled_out_revision == record.revision:
            return _carried(old, status, self._now()), None
        found = await self._read(environment)
        now = self._now()
        mark, stamped = self._stamped.get(environment.uid, ("", frozenset[str]()))
        plan = plan_rollout(environment, record, found, stamped if mark == record.revision else (), now)
        plan = self._take_turns(environment, plan, found, record, now)
        plan = await self._roll(environment, plan, record, now)
        return self._told(environment, old, status, plan, record), look_again_at(plan, now)

    def unchanged(self, old: Status, status: Status) -> Status:
        """The status where nothing new is known of rollouts."""
        return _carried(old, status, self._now())

    def forget(self, uid: str) -> None:
        """An environment is gone."""
        self._stamped.pop(uid, None)

    async def _read(self, environment: EscEnvironment) -> tuple[Workload, ...]:
        """The workloads concerned, from the API server's cache; kinds that it does not have are left out."""
        named = {target.kind for target in environment.rollout.targets}
        found: list[Workload] = []
        for resource in WORKLOADS:
            if (named and resource.kind not in named) or self._absent.get(resource.kind, self._now()) > self._now():
                continue
            try:
                page = await self._api.list_page(resource, environment.key.namespace, resourceVersion="0")
            except NotFoundError:
                self._absent[resource.kind] = self._now() + ASK_AGAIN
                continue
            found += [parse_workload(resource.kind, body) for body in page["items"] or ()]
        return concerned_by(environment.rollout, environment.target.name, found)

    def _take_turns(
        self,
        environment: EscEnvironment,
        plan: RolloutPlan,
        found: tuple[Workload, ...],
        record: SyncRecord,
        now: datetime,
    ) -> RolloutPlan:
        busy = {one.workload.uid for one in plan.behind if one.reason == reasons.ROLLING_OUT}
        for workload in found:
            if workload.uid in busy:
                self._turns.hold(workload.uid, now)
            elif workload.uid not in {one.uid for one in plan.roll}:
                self._turns.release(workload.uid)
        deadline = record.replaced_expires_at or record.changed_at or now
        admitted = [one for one in plan.roll if self._turns.ask(one.uid, deadline, now)]
        return as_waiting(plan, admitted, now)

    async def _roll(
        self, environment: EscEnvironment, plan: RolloutPlan, record: SyncRecord, now: datetime
    ) -> RolloutPlan:
        refused: list[Behind] = []
        for workload in plan.roll:
            try:
                await self._stamp(environment, workload, record, now)
            except (ForbiddenError, InvalidError) as error:
                self._turns.release(workload.uid)
                refused.append(Behind(workload, reasons.ROLLOUT_REFUSED, error.message))
        if not refused:
            return plan
        not_rolled = {one.workload.uid for one in refused}
        return replace(
            plan,
            roll=tuple(one for one in plan.roll if one.uid not in not_rolled),
            behind=(*refused, *plan.behind),
        )

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
        mark, stamped = self._stamped.get(environment.uid, ("", frozenset[str]()))
        known = stamped if mark == record.revision else frozenset[str]()
        self._stamped[environment.uid] = record.revision, known | {workload.uid}

    def _told(
        self, environment: EscEnvironment, old: Status, status: Status, plan: RolloutPlan, record: SyncRecord
    ) -> Status:
        now = self._now()
        started = old.rollout_started_at or (now.replace(microsecond=0) if plan.roll else None)
        seconds = old.rollout_seconds
        if plan.is_done:
            self.forget(environment.uid)
            if started:
                seconds = max(1, round((now - started).total_seconds()))
        status = replace(
            status,
            rolled_out_revision=record.revision if plan.is_done else "",
            rollout_started_at=None if plan.is_done else started,
            rollout_seconds=seconds,
        )
        condition = rolled_out(environment, plan, record, environment.target.name)
        warning = lifetime_warning(environment, record.lifetime, status.rollout_time)
        told = [condition, *([warning] if warning else [])]
        return replace(status, conditions=(*status.conditions, *carry_transition_times(told, old.conditions, now)))


def _without(status: Status) -> Status:
    return replace(status, rolled_out_revision="", rollout_started_at=None)


def _carried(old: Status, status: Status, now: datetime) -> Status:
    """The status where nothing has changed since the last rollout."""
    kept = [find_condition(old.conditions, kind) for kind in (ROLLED_OUT, LIFETIME_TOO_SHORT)]
    present = [condition for condition in kept if condition]
    return replace(status, conditions=(*status.conditions, *carry_transition_times(present, old.conditions, now)))
